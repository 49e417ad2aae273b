"""What the rules look at, read from the views that stations and sessions publish.

Each query is of one organisation, and of one of its stations where `station_id` is given.
"""

from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row, dict_row

from forecourt.care.model import (
    CALM,
    FAILED_STARTS,
    FAILED_WINDOW,
    FLAP_WINDOW,
    GHOST_SETTLE,
    HOLD_ENDS_AHEAD,
    LEAST_CHARGE,
    LEAST_CHARGE_WH,
    OVERLOAD_GRACE,
    REPLAY_AGE,
    REPLAY_SETTLE,
    Away,
    Faulted,
    Finding,
    IncidentKind,
    Losses,
    Place,
    Planning,
    Refused,
    Unsure,
    plain,
)
from forecourt.care.store import Connection
from forecourt.sessions.review import FREE
from forecourt.stations.refusals import LATELY

_OF_STATION: Final[LiteralString] = "(%(station_id)s::bigint IS NULL OR {}.station_id = %(station_id)s)"


class Named(Struct, frozen=True, kw_only=True):
    """What an incident keeps of its station; of one that is of a site alone, that site."""

    station_id: int | None
    station: str | None
    site_id: int | None


async def name_stations(conn: Connection, tenant_id: int, station_ids: list[int]) -> dict[int, Named]:
    """Identity and site of these stations; those that are no longer in service are left out."""
    cursor = conn.cursor(row_factory=class_row(Named))
    await cursor.execute(
        "SELECT station_id, station, site_id FROM station_conditions WHERE tenant_id = %s AND station_id = ANY(%s)",
        (tenant_id, station_ids),
    )
    return {row.station_id: row for row in await cursor.fetchall() if row.station_id is not None}


async def list_faulted(conn: Connection, tenant_id: int, station_id: int | None) -> list[Faulted]:
    """Connectors that say Faulted, of accepted stations."""
    cursor = conn.cursor(row_factory=class_row(Faulted))
    await cursor.execute(
        "SELECT c.station_id, c.evse, c.connector, c.state_at, c.arrived_at, c.error_code, c.vendor_error_code, c.info"
        " FROM connector_conditions c JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE c.tenant_id = %(tenant_id)s AND c.state = 'Faulted' AND s.registration = 'accepted' AND "
        + _OF_STATION.format("c"),
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return await cursor.fetchall()


async def list_away(conn: Connection, tenant_id: int, station_id: int | None, now: datetime) -> list[Away]:
    """Accepted stations that were connected once and are not now, with why they were refused lately."""
    cursor = conn.cursor(row_factory=class_row(Away))
    await cursor.execute(
        "SELECT s.station_id, s.last_seen_at, r.reason AS refused, r.last_at AS refused_at FROM station_conditions s"
        " LEFT JOIN refusal_conditions r ON r.tenant_id = s.tenant_id AND r.station_id = s.station_id"
        " AND r.last_at > %(lately)s"
        " WHERE s.tenant_id = %(tenant_id)s AND s.registration = 'accepted' AND NOT s.connected"
        " AND s.last_seen_at IS NOT NULL AND " + _OF_STATION.format("s"),
        {"tenant_id": tenant_id, "station_id": station_id, "lately": now - LATELY},
    )
    return await cursor.fetchall()


async def listening_since(conn: Connection) -> datetime | None:
    """Since when stations can connect; None while no gateway lives."""
    row = await (await conn.execute("SELECT listening_since FROM gateway_conditions")).fetchone()
    return None if row is None else row[0]


async def list_losses(
    conn: Connection, tenant_id: int, station_id: int | None, now: datetime, listening_since: datetime
) -> list[Losses]:
    """Accepted stations that lost their connection at least CALM times in FLAP_WINDOW, while gateways were there."""
    cursor = conn.cursor(row_factory=class_row(Losses))
    await cursor.execute(
        "SELECT l.station_id, count(*)::int AS losses, min(l.lost_at) AS first_at, max(l.lost_at) AS last_at"
        " FROM connection_losses l JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE l.tenant_id = %(tenant_id)s AND l.lost_at > %(after)s AND s.registration = 'accepted' AND "
        + _OF_STATION.format("l")
        + " GROUP BY l.station_id HAVING count(*) >= %(calm)s",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "after": max(now - FLAP_WINDOW, listening_since),
            "calm": CALM,
        },
    )
    return await cursor.fetchall()


async def list_refused(conn: Connection, tenant_id: int, station_id: int | None) -> list[Refused]:
    """Stations that are not accepted and have connected once."""
    cursor = conn.cursor(row_factory=class_row(Refused))
    await cursor.execute(
        "SELECT s.station_id, s.registration, s.created_at, s.last_seen_at FROM station_conditions s"
        " WHERE s.tenant_id = %(tenant_id)s AND s.registration <> 'accepted' AND s.last_seen_at IS NOT NULL AND "
        + _OF_STATION.format("s"),
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return await cursor.fetchall()


async def list_quarantined(conn: Connection, tenant_id: int, station_id: int | None) -> list[Finding]:
    """Stations with messages that could not be stored and that nobody has looked at."""
    rows = await _rows(
        conn,
        "SELECT q.* FROM quarantine_conditions q JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE q.tenant_id = %(tenant_id)s AND " + _OF_STATION.format("q"),
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return [
        plain(
            IncidentKind.QUARANTINED,
            Place(station_id=row["station_id"]),
            row["first_at"],
            row["last_at"],
            {"messages": row["messages"], "error": row["error"], "numbers": row["numbers"]},
        )
        for row in rows
    ]


async def list_failed_starts(conn: Connection, tenant_id: int, station_id: int | None, now: datetime) -> list[Finding]:
    """Connectors whose last FAILED_STARTS sessions were all no charge.

    Sessions that the station told of later, and those whose token was refused, say nothing of the connector.
    """
    rows = await _rows(
        conn,
        f"""
        SELECT station_id, evse, connector, min(started_at) AS since, max(over_at) AS latest_at,
            sum(coalesce(energy_wh, 0))::bigint AS energy_wh, array_agg(session_id::text ORDER BY number) AS sessions
        FROM (
            SELECT f.*, row_number() OVER (PARTITION BY f.station_id, f.evse, f.connector
                ORDER BY f.started_at DESC, f.number DESC) AS back
            FROM session_facts f JOIN station_conditions s USING (tenant_id, station_id)
            WHERE f.tenant_id = %(tenant_id)s AND f.started_at > %(after)s AND f.evse IS NOT NULL AND NOT f.offline
                AND coalesce(f.token_status, 'Accepted') = 'Accepted' AND {_OF_STATION.format("f")}
                AND (f.over_at IS NULL OR f.heard_at - f.over_at <= %(replay)s)
        ) latest
        WHERE back <= %(failed)s
        GROUP BY station_id, evse, connector
        HAVING count(*) = %(failed)s AND bool_and(over_at IS NOT NULL
            AND (coalesce(energy_wh, 0) < %(least_wh)s OR over_at - started_at < %(least)s))
        """,
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "after": now - FAILED_WINDOW,
            "failed": FAILED_STARTS,
            "least_wh": LEAST_CHARGE_WH,
            "least": LEAST_CHARGE,
            "replay": REPLAY_AGE,
        },
    )
    return [
        plain(
            IncidentKind.FAILED_STARTS,
            Place(station_id=row["station_id"], evse=row["evse"], connector=row["connector"]),
            row["since"],
            row["latest_at"],
            {"sessions": row["sessions"], "energy_wh": row["energy_wh"]},
        )
        for row in rows
    ]


async def list_wrong_clocks(
    conn: Connection, tenant_id: int, station_id: int | None, now: datetime
) -> list[Finding | Unsure]:
    """Stations whose latest session bears times that can't be believed, though it began while they were connected.

    A station that was without a clock while it was away is told the time when it boots: what it replays is no sign.
    One that is away can't be judged before it is back.
    """
    rows = await _rows(
        conn,
        f"""
        SELECT DISTINCT ON (f.station_id) f.station_id, f.started_at, f.heard_at, f.session_id, s.connected
        FROM session_facts f JOIN station_conditions s USING (tenant_id, station_id)
        WHERE f.tenant_id = %(tenant_id)s AND f.started_at > %(after)s AND f.arrival_clock AND NOT f.offline
            AND f.started_at > s.connected_at + %(settle)s AND {_OF_STATION.format("f")}
            AND NOT EXISTS (
                SELECT FROM session_facts b WHERE b.tenant_id = f.tenant_id AND b.station_id = f.station_id
                AND b.started_at > f.started_at AND b.started_at > %(after)s AND NOT b.arrival_clock)
        ORDER BY f.station_id, f.started_at DESC
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "after": now - FAILED_WINDOW, "settle": REPLAY_SETTLE},
    )
    return [
        plain(
            IncidentKind.CLOCK,
            Place(station_id=row["station_id"]),
            row["started_at"],
            row["started_at"],
            {"session": str(row["session_id"])},
        )
        if row["connected"]
        else Unsure(kind=IncidentKind.CLOCK, place=Place(station_id=row["station_id"]))
        for row in rows
    ]


async def list_ghosts(conn: Connection, tenant_id: int, station_id: int | None) -> list[Finding]:
    """Sessions that go on though another car is at their EVSE, or though it has been free for GHOST_SETTLE."""
    rows = await _rows(
        conn,
        f"""
        SELECT f.station_id, f.evse, f.connector, f.session_id, newer.started_at AS newer_at, newer.session_id AS newer,
            free.arrived_at AS free_at, f.started_at
        FROM session_facts f JOIN station_conditions s USING (tenant_id, station_id)
        LEFT JOIN LATERAL (
            SELECT n.started_at, n.session_id FROM session_facts n
            WHERE n.tenant_id = f.tenant_id AND n.station_id = f.station_id AND n.evse = f.evse
                AND n.started_at > f.started_at AND n.transaction_id <> f.transaction_id
            ORDER BY n.started_at LIMIT 1
        ) newer ON newer.started_at + %(settle)s < f.heard_at
        LEFT JOIN LATERAL (
            SELECT max(c.arrived_at) AS arrived_at FROM connector_conditions c
            WHERE c.tenant_id = f.tenant_id AND c.station_id = f.station_id AND c.evse = f.evse
            HAVING bool_and(c.state = ANY(%(free)s) AND c.state_at > f.started_at)
        ) free ON free.arrived_at + %(settle)s < f.heard_at
        WHERE f.tenant_id = %(tenant_id)s AND f.over_at IS NULL AND f.evse IS NOT NULL
            AND (newer.started_at IS NOT NULL OR free.arrived_at IS NOT NULL) AND {_OF_STATION.format("f")}
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "free": sorted(FREE), "settle": GHOST_SETTLE},
    )
    return [_ghost(row) for row in rows]


async def list_disobeying(conn: Connection, tenant_id: int, station_id: int | None) -> list[Finding]:
    """EVSEs that draw more than they were told, for longer than they take to obey."""
    rows = await _rows(
        conn,
        "SELECT d.station_id, d.evse, d.disobeys_since FROM disobedience_conditions d"
        " JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE d.tenant_id = %(tenant_id)s AND " + _OF_STATION.format("d"),
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return [
        plain(
            IncidentKind.DISOBEYS,
            Place(station_id=row["station_id"], evse=row["evse"]),
            row["disobeys_since"],
            row["disobeys_since"],
        )
        for row in rows
    ]


async def list_ending_holds(conn: Connection, tenant_id: int, station_id: int | None, now: datetime) -> list[Finding]:
    """Sessions that nobody released for their signed values, though what is held for them runs out within
    HOLD_ENDS_AHEAD, or did."""
    rows = await _rows(
        conn,
        "SELECT h.station_id, h.evse, h.session_id, h.capture_before, h.amount, h.currency, h.intent_id"
        " FROM held_back_conditions h JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE h.tenant_id = %(tenant_id)s AND h.capture_before <= %(until)s AND " + _OF_STATION.format("h"),
        {"tenant_id": tenant_id, "station_id": station_id, "until": now + HOLD_ENDS_AHEAD},
    )
    return [
        plain(
            IncidentKind.HOLD_ENDS,
            Place(station_id=row["station_id"], evse=row["evse"], session_id=row["session_id"]),
            row["capture_before"] - HOLD_ENDS_AHEAD,
            row["capture_before"] - HOLD_ENDS_AHEAD,
            {
                "until": row["capture_before"].isoformat(), "amount": row["amount"], "currency": row["currency"],
                "payment": str(row["intent_id"]), "session": str(row["session_id"]),
            },
        )
        for row in rows
    ]  # fmt: skip


async def list_overloaded(conn: Connection, tenant_id: int, now: datetime) -> list[Finding]:
    """Nodes of sites that are overloaded by what else hangs there, for longer than OVERLOAD_GRACE."""
    rows = await _rows(
        conn,
        "SELECT site_id, node, name, since, load_w, limit_w FROM overload_conditions"
        " WHERE tenant_id = %(tenant_id)s AND since <= %(until)s",
        {"tenant_id": tenant_id, "until": now - OVERLOAD_GRACE},
    )
    return [
        plain(
            IncidentKind.OVERLOADED,
            Place(site_id=row["site_id"], node=row["node"]),
            row["since"],
            row["since"],
            {name: row[name] for name in ("name", "load_w", "limit_w")},
        )
        for row in rows
    ]


async def list_excesses(conn: Connection, tenant_id: int, now: datetime) -> list[Finding]:
    """Nodes of sites where more may flow than their limits allow, for longer than the slowest station takes to obey;
    of one whose current and power both exceed theirs, its current."""
    rows = await _rows(
        conn,
        "SELECT DISTINCT ON (site_id, node) site_id, node, name, unit, since, allowed, counted,"
        " ARRAY(SELECT DISTINCT each->>'station' FROM jsonb_array_elements(late) each ORDER BY 1) AS stations"
        " FROM excess_conditions WHERE tenant_id = %(tenant_id)s AND due_at < %(now)s"
        " ORDER BY site_id, node, (unit = 'mA') DESC",
        {"tenant_id": tenant_id, "now": now},
    )
    return [
        plain(
            IncidentKind.EXCESS,
            Place(site_id=row["site_id"], node=row["node"]),
            row["since"],
            row["since"],
            {name: row[name] for name in ("name", "unit", "allowed", "counted", "stations")},
        )
        for row in rows
    ]


async def list_planning(conn: Connection, tenant_id: int) -> list[Planning]:
    """Sites that shall be planned."""
    cursor = conn.cursor(row_factory=class_row(Planning))
    await cursor.execute(
        "SELECT site_id, name, planned_at, held, failing_since, times, stage, fault FROM planning_conditions"
        " WHERE tenant_id = %s",
        (tenant_id,),
    )
    return await cursor.fetchall()


async def list_wearing(conn: Connection, tenant_id: int, station_id: int | None) -> list[Finding]:
    """EVSEs of which an alert stands that they wear."""
    rows = await _rows(
        conn,
        "SELECT w.* FROM wear_conditions w JOIN station_conditions s USING (tenant_id, station_id)"
        " WHERE w.tenant_id = %(tenant_id)s AND " + _OF_STATION.format("w"),
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return [
        plain(
            IncidentKind.WEARING,
            Place(station_id=row["station_id"], evse=row["evse"]),
            row["since"],
            row["since"],
            {name: row[name] for name in ("part", "risk", "lead_d", "reasons")},
        )
        for row in rows
    ]


def _ghost(row: dict[str, Any]) -> Finding:
    newer: UUID | None = row["newer"]
    since: datetime = row["newer_at"] or row["free_at"]
    return plain(
        IncidentKind.GHOST,
        Place(station_id=row["station_id"], evse=row["evse"], connector=row["connector"], session_id=row["session_id"]),
        since,
        since,
        {} if newer is None else {"newer_session": str(newer)},
    )


async def _rows(conn: Connection, query: LiteralString, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(query, wanted)
    return await cursor.fetchall()
