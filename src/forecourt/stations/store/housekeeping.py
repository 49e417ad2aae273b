"""What the worker puts in order for all organisations: what gateways and web processes that died left behind."""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def unlink_from_the_dead(conn: Connection, gone_s: float, most: int) -> int:
    """Unlink stations from gateways whose lease ran out `gone_s` ago, or that gave it up; how many, `most` at once.

    They count as disconnected since the lease ended, or since they were last heard where that is not known any more.
    """
    cursor = await conn.execute(
        """
        WITH dead AS (
            SELECT l.station_id, coalesce(g.lease_until, l.last_seen_at) AS at
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
