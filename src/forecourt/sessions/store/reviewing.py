"""The SQL by which sessions are reviewed, closed from evidence and told to programs outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from msgspec import Struct
from psycopg.rows import class_row, dict_row

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.platform import outbox
from forecourt.sessions.review import QUIET, Evidence, Finding, Silence
from forecourt.sessions.store.records import Connection
from forecourt.stations.model import UNKNOWN
from forecourt.stations.store.activities import Place as ConnectorPlace

#: Silent sessions read at once.
MAX_SILENT = 1_000
#: Sessions looked at again because they share an EVSE with a reviewed one.
MAX_SHARING = 100
#: Running sessions of one tenant that programs outside hear of in one minute.
MAX_TOLD = 2_000
#: Connectors whose session is over that are let go in one transaction.
MAX_LEFT = 1_000
#: Before the place of every session.
FIRST_PLACE = (-1, "")


_REGISTER_AT_OUTLET = Measurand.ENERGY_IMPORT_REGISTER | Phase.NONE << 8 | Location.OUTLET << 16

#: Session o was at the EVSE of session s while s was.
_SHARES: LiteralString = """o.tenant_id = s.tenant_id AND o.station_id = s.station_id AND o.evse = s.evse
    AND o.transaction_id <> s.transaction_id
    AND o.started_at < coalesce(s.over_at, s.last_at) AND s.started_at < coalesce(o.over_at, o.last_at)"""

#: At the EVSE of p runs no session.
_UNUSED: LiteralString = """NOT EXISTS (
    SELECT FROM sessions s WHERE s.tenant_id = %(tenant_id)s AND s.station_id = p.station_id AND s.evse = p.evse
        AND s.over_at IS NULL)"""


class Silent(Struct, frozen=True, kw_only=True):
    """An open session of which nothing was heard for QUIET; `place` is its station and transaction."""

    session_id: str
    place: tuple[int, str]
    silence: Silence


async def list_tenants_with_sharing(conn: Connection) -> list[int]:
    """Tenants with two open sessions at one EVSE of which it is not yet noted that they share it."""
    rows = await (await conn.execute("SELECT sessions_tenants_with_sharing()")).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def list_newly_sharing(conn: Connection, tenant_id: int) -> list[str]:
    """Open sessions that share their EVSE with another open one without its being noted, MAX_SHARING at the most."""
    cursor = await conn.execute(
        f"""
        SELECT s.session_id::text FROM sessions s
        WHERE s.tenant_id = %s AND s.over_at IS NULL AND NOT %s = ANY (s.notes)
          AND EXISTS (SELECT FROM sessions o WHERE o.over_at IS NULL AND {_SHARES})
        ORDER BY s.number LIMIT %s
        """,
        (tenant_id, Finding.EVSE_SHARED.value, MAX_SHARING),
    )
    return [session_id for (session_id,) in await cursor.fetchall()]


async def list_tenants_with_silence(conn: Connection) -> list[int]:
    """Tenants with an open session of which nothing was heard for QUIET."""
    rows = await (await conn.execute("SELECT sessions_tenants_with_silence(%s)", (QUIET,))).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def hold(conn: Connection, session_id: str) -> None:
    """Make others who review this session wait until the transaction ends: the one that looks last writes last."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"review {session_id}",))


async def find_evidence(conn: Connection, tenant_id: int, session_id: str) -> Evidence | None:
    """All that a review looks at."""
    cursor = conn.cursor(row_factory=class_row(Evidence))
    await cursor.execute(
        f"""
        SELECT s.over_at IS NOT NULL AS over, s.ended_at IS NOT NULL AS ended, s.meter_start_wh, s.meter_stop_wh,
            (SELECT max(value) FROM samples m WHERE m.station_id = s.station_id AND m.transaction_id = s.transaction_id
                AND (m.measurand | (m.phase << 8) | (m.location << 16)) = %s) AS highest_sample_wh,
            s.token_status, lower(s.seqs)::int AS first_seq,
            (SELECT coalesce(sum(lower(gap) - previous), 0)::int FROM (
                SELECT r AS gap, lag(upper(r)) OVER (ORDER BY r) AS previous FROM unnest(s.seqs) r) g
             WHERE previous IS NOT NULL) AS gaps,
            s.arrival_clock, s.started_at, coalesce(s.over_at, s.last_at) AS last_at, t.max_power_w,
            EXISTS (SELECT FROM sessions o WHERE {_SHARES}) AS shared, s.evse,
            s.meter_start_wh IS NOT NULL AND s.meter_start_key >> 60 = 1 AS start_late,
            (SELECT count(DISTINCT e.at) > 1 OR count(DISTINCT e.meter_wh) > 1
                OR (isempty(s.seqs) AND count(DISTINCT e.order_key) > 1)
             FROM session_ends e WHERE e.tenant_id = s.tenant_id AND e.station_id = s.station_id
                AND e.transaction_id = s.transaction_id) AS contradicted,
            (SELECT g.trust FROM session_signatures g WHERE g.tenant_id = s.tenant_id AND g.session_id = s.session_id)
                AS trust,
            EXISTS (SELECT FROM session_costs_said c WHERE c.tenant_id = s.tenant_id AND c.station_id = s.station_id
                AND c.transaction_id = s.transaction_id AND c.differs) AS cost_differs
        FROM sessions s LEFT JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id
        WHERE s.tenant_id = %s AND s.session_id = %s
        """,
        (_REGISTER_AT_OUTLET, tenant_id, session_id),
    )
    return await cursor.fetchone()


async def list_sharing(conn: Connection, tenant_id: int, session_id: str) -> list[str]:
    """Sessions that were at the EVSE of this one at the same time, the latest MAX_SHARING of them."""
    cursor = await conn.execute(
        f"""
        SELECT o.session_id::text FROM sessions s JOIN sessions o ON {_SHARES}
        WHERE s.tenant_id = %s AND s.session_id = %s
        ORDER BY o.number DESC LIMIT %s
        """,
        (tenant_id, session_id, MAX_SHARING),
    )
    return [other for (other,) in await cursor.fetchall()]


async def note(conn: Connection, tenant_id: int, session_id: str, notes: Sequence[str]) -> None:
    """Replace what is noted of a session."""
    await conn.execute(
        "UPDATE sessions SET notes = %(notes)s"
        " WHERE tenant_id = %(tenant)s AND session_id = %(id)s AND notes <> %(notes)s::text[]",
        {"tenant": tenant_id, "id": session_id, "notes": [str(note) for note in notes]},
    )


async def say_reviewed(conn: Connection, tenant_id: int, session_id: str) -> None:
    """Has others hear that a session at this station was looked at: `session.reviewed`, by the station's number."""
    await conn.execute(
        "INSERT INTO outbox (event, subject, tenant_id) SELECT 'session.reviewed', station_id::text, tenant_id"
        f" FROM sessions WHERE tenant_id = %s AND session_id = %s {outbox.COALESCE}",
        (tenant_id, session_id),
    )


async def list_silent(conn: Connection, tenant_id: int, now: datetime, after: tuple[int, str]) -> list[Silent]:
    """Open sessions of which nothing was heard for QUIET, in the order of their place behind `after`; a page holds
    MAX_SILENT."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        SELECT s.session_id::text, s.station_id, s.transaction_id, s.last_at, s.heard_at, l.connected_at,
            CASE WHEN g.lease_until > now() THEN %(now)s ELSE l.last_seen_at END AS heard_until,
            (SELECT array_agg(c.state) FROM connectors c
                WHERE c.station_id = s.station_id AND c.evse = s.evse AND c.state <> %(unknown)s) AS states,
            (SELECT array_agg(c.state_at) FROM connectors c
                WHERE c.station_id = s.station_id AND c.evse = s.evse AND c.state <> %(unknown)s) AS state_times,
            (SELECT min(n.started_at) FROM sessions n WHERE n.station_id = s.station_id AND n.evse = s.evse
                AND n.started_at > s.last_at) AS successor_at,
            t.retired_at IS NOT NULL AS retired
        FROM sessions s
        LEFT JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id
        LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
        LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
        WHERE s.tenant_id = %(tenant_id)s AND s.over_at IS NULL AND s.heard_at < %(silent_since)s
          AND (s.station_id, s.transaction_id) > (%(station_id)s, %(transaction_id)s)
        ORDER BY s.station_id, s.transaction_id LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "now": now,
            "silent_since": now - QUIET,
            "station_id": after[0],
            "transaction_id": after[1],
            "limit": MAX_SILENT,
            "unknown": UNKNOWN,
        },
    )
    return [
        Silent(
            session_id=row["session_id"],
            place=(row["station_id"], row["transaction_id"]),
            silence=Silence(
                last_at=row["last_at"],
                heard_at=row["heard_at"],
                linked_at=row["connected_at"],
                heard_until=row["heard_until"],
                states=tuple(zip(row["states"] or (), row["state_times"] or (), strict=True)),
                successor_at=row["successor_at"],
                retired=row["retired"],
            ),
        )
        for row in await cursor.fetchall()
    ]


async def close(conn: Connection, tenant_id: int, silent: Silent, at: datetime) -> int:
    """Close a session unless something was heard of it meanwhile, and have it reviewed."""
    cursor = await conn.execute(
        "UPDATE sessions SET closed_at = %s"
        " WHERE tenant_id = %s AND session_id = %s AND over_at IS NULL AND heard_at = %s",
        (at, tenant_id, silent.session_id, silent.silence.heard_at),
    )
    if cursor.rowcount:
        await outbox.write(conn, tenant_id, "session.ended", silent.session_id)
    return cursor.rowcount


async def list_left(conn: Connection, tenant_id: int) -> list[ConnectorPlace]:
    """Connectors of which a session tells though none runs at their EVSE, MAX_LEFT at the most."""
    cursor = await conn.execute(
        f"""
        SELECT p.station_id, p.evse, p.connector FROM connectors p
        WHERE p.tenant_id = %(tenant_id)s AND p.activity IS NOT NULL AND {_UNUSED}
        ORDER BY 1, 2, 3 LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "limit": MAX_LEFT},
    )
    return [(station_id, evse, connector) for station_id, evse, connector in await cursor.fetchall()]


async def list_still_left(conn: Connection, tenant_id: int, places: Sequence[ConnectorPlace]) -> list[ConnectorPlace]:
    """Those of the connectors at whose EVSE no session runs by now."""
    stations, evses, connectors = ([place[column] for place in places] for column in range(3))
    cursor = await conn.execute(
        f"""
        SELECT p.station_id, p.evse, p.connector
        FROM unnest(%(stations)s::bigint[], %(evses)s::int[], %(connectors)s::int[]) AS p (station_id, evse, connector)
        WHERE {_UNUSED}
        """,
        {"tenant_id": tenant_id, "stations": stations, "evses": evses, "connectors": connectors},
    )
    return [(station_id, evse, connector) for station_id, evse, connector in await cursor.fetchall()]


async def tell_updated(conn: Connection, tenant_id: int, since: datetime) -> int:
    """Puts running sessions heard since then into the outbox, those first that were silent longest, MAX_TOLD at the
    most; how many."""
    cursor = await conn.execute(
        "INSERT INTO outbox (event, subject, tenant_id) SELECT 'session.updated', s.session_id::text, s.tenant_id"
        " FROM sessions s WHERE s.tenant_id = %s AND s.over_at IS NULL AND s.heard_at >= %s"
        f" ORDER BY s.heard_at LIMIT %s {outbox.COALESCE}",
        (tenant_id, since, MAX_TOLD),
    )
    return cursor.rowcount
