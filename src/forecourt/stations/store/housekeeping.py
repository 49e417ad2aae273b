"""What the worker puts in order for all organisations: what gateways and web processes that died left behind."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def unlink_from_the_dead(conn: Connection, gone_s: float, most: int) -> int:
    """Unlink stations from gateways whose lease ran out `gone_s` ago, or that gave it up; how many, `most` at once.

    They count as disconnected since the lease ended, or since they were last heard where that was later or is all that
    is known, and the loss is written down. Losses first, as who links a station writes them: neither waits for the
    other in turn.
    """
    await conn.execute(
        """
        INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at)
        SELECT l.station_id, l.epoch, l.tenant_id, greatest(l.last_seen_at, g.lease_until)
        FROM station_links l LEFT JOIN gateways g USING (gateway_id)
        WHERE l.gateway_id IS NOT NULL
            AND (g.gateway_id IS NULL OR g.lease_until < now() - make_interval(secs => %s))
        ORDER BY l.station_id LIMIT %s
        ON CONFLICT DO NOTHING
        """,
        (gone_s, most),
    )
    cursor = await conn.execute(
        """
        WITH dead AS (
            SELECT l.station_id, greatest(l.last_seen_at, g.lease_until) AS at
            FROM station_links l LEFT JOIN gateways g USING (gateway_id)
            WHERE l.gateway_id IS NOT NULL
                AND (g.gateway_id IS NULL OR g.lease_until < now() - make_interval(secs => %s))
            ORDER BY l.station_id LIMIT %s FOR UPDATE OF l SKIP LOCKED
        )
        UPDATE station_links l SET gateway_id = NULL, previous_gateway_id = NULL, disconnected_at = dead.at
        FROM dead WHERE l.station_id = dead.station_id
        """,
        (gone_s, most),
    )
    return cursor.rowcount


async def remove_dead_gateways(conn: Connection, gone_s: float, most: int) -> int:
    """Forget gateways whose lease ran out `gone_s` ago and that hold no station any more; how many, `most` at once."""
    cursor = await conn.execute(
        """
        DELETE FROM gateways WHERE gateway_id IN (
            SELECT gateway_id FROM gateways g
            WHERE lease_until < now() - make_interval(secs => %s)
                AND NOT EXISTS (SELECT FROM station_links l WHERE l.gateway_id = g.gateway_id)
            LIMIT %s)
        """,
        (gone_s, most),
    )
    return cursor.rowcount


async def end_abandoned_commands(conn: Connection, sent_before: datetime, now: datetime, most: int) -> int:
    """End commands that were sent long ago and whose asker never wrote what came of it; how many, `most` at once.

    A late answer still replaces the outcome.
    """
    cursor = await conn.execute(
        """
        UPDATE commands SET outcome = 'timeout', answered_at = %s WHERE command_id IN (
            SELECT command_id FROM commands WHERE outcome = 'sent' AND asked_at < %s
            ORDER BY asked_at LIMIT %s FOR UPDATE SKIP LOCKED)
        """,
        (now, sent_before, most),
    )
    return cursor.rowcount


async def forget_states(conn: Connection, before: datetime, most: int) -> int:
    """Delete what connectors said before a time, but the last word of each: it is what held then."""
    cursor = await conn.execute(
        """
        DELETE FROM connector_history WHERE (station_id, evse, connector, state_at, state) IN (
            SELECT h.station_id, h.evse, h.connector, h.state_at, h.state
            FROM connectors c
            CROSS JOIN LATERAL (
                SELECT max(state_at) AS at FROM connector_history
                WHERE station_id = c.station_id AND evse = c.evse AND connector = c.connector AND state_at < %(before)s
            ) last
            JOIN connector_history h ON h.station_id = c.station_id AND h.evse = c.evse AND h.connector = c.connector
                AND h.state_at < last.at
            LIMIT %(most)s)
        """,
        {"before": before, "most": most},
    )
    return cursor.rowcount


async def forget_gaps(conn: Connection, before: datetime, most: int) -> int:
    """Delete connection gaps that were over before a time."""
    cursor = await conn.execute(
        "DELETE FROM connection_gaps WHERE (station_id, epoch) IN"
        " (SELECT station_id, epoch FROM connection_gaps WHERE returned_at < %s LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def forget_commands(
    conn: Connection, before: datetime, most: int, after: tuple[datetime, UUID]
) -> tuple[int, tuple[datetime, UUID] | None]:
    """Delete commands asked before a time: of the `most` oldest behind `after`, how many, and where to go on.

    Those stay that gave a password of which nobody knows whether it was taken: a policy of the table keeps them.
    """
    row = await (
        await conn.execute(
            """
            WITH old AS MATERIALIZED (
                SELECT asked_at, command_id FROM commands
                WHERE (asked_at, command_id) > (%s, %s) AND asked_at < %s AND outcome <> 'sent'
                ORDER BY asked_at, command_id LIMIT %s
            ), gone AS (
                DELETE FROM commands WHERE command_id IN (SELECT command_id FROM old) RETURNING 1
            )
            SELECT (SELECT count(*) FROM gone)::int, asked_at, command_id FROM old
            ORDER BY asked_at DESC, command_id DESC LIMIT 1
            """,
            (*after, before, most),
        )
    ).fetchone()
    return (0, None) if row is None else (int(row[0]), (row[1], row[2]))


async def forget_routine(conn: Connection, before: datetime, most: int) -> int:
    """Delete commands of routine that were asked before a time; how many, `most` at the most."""
    cursor = await conn.execute(
        "DELETE FROM commands WHERE command_id IN (SELECT command_id FROM commands"
        " WHERE routine AND asked_at < %s AND outcome <> 'sent' LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def forget_runs(conn: Connection, before: datetime, most: int) -> int:
    """Delete bulk runs that ended before a time with what came of them; how many rows, of `most` stations first."""
    stations = await conn.execute(
        "DELETE FROM bulk_run_stations WHERE (run_id, position) IN (SELECT s.run_id, s.position"
        " FROM bulk_run_stations s JOIN bulk_runs r USING (run_id) WHERE r.ended_at < %s LIMIT %s)",
        (before, most),
    )
    if stations.rowcount == most:
        return most
    runs = await conn.execute(
        "DELETE FROM bulk_runs r WHERE r.ended_at < %s"
        " AND NOT EXISTS (SELECT FROM bulk_run_stations s WHERE s.run_id = r.run_id)",
        (before,),
    )
    return min(most - 1, stations.rowcount + runs.rowcount)
