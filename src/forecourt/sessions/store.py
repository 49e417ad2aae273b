"""The SQL by which people and programs read sessions; what ingest writes is in `lanes`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: `seqs` holds the sequence numbers that arrived (2.x); those between the first and the last that did not are gaps.
_SESSION = """
SELECT n.number, n.session_id, t.identity AS station, n.evse, n.connector, n.transaction_id, n.token_uid,
    n.token_status, n.started_at, n.ended_at, n.meter_start_wh, n.meter_stop_wh, n.power_w, n.soc_pct,
    n.charging_state, n.stop_reason, n.notes, n.arrival_clock, n.offline, n.closed_by, n.station_id,
    CASE WHEN isempty(n.seqs) THEN 0 ELSE
        upper(n.seqs) - lower(n.seqs) - (SELECT sum(upper(part) - lower(part)) FROM unnest(n.seqs) AS part)
    END::int AS seq_gaps
FROM sessions n JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
WHERE n.tenant_id = %(tenant_id)s
"""


class SessionRow(Struct, frozen=True, kw_only=True):
    """One session as stored; `number` orders the list."""

    number: int
    session_id: UUID
    station_id: int
    station: str
    evse: int | None
    connector: int | None
    transaction_id: str
    token_uid: str | None
    token_status: str | None
    started_at: datetime
    ended_at: datetime | None
    meter_start_wh: int | None
    meter_stop_wh: int | None
    power_w: int | None
    soc_pct: int | None
    charging_state: str | None
    stop_reason: str | None
    notes: list[str]
    arrival_clock: bool
    offline: bool
    closed_by: str | None
    seq_gaps: int


class SampleRow(Struct, frozen=True, kw_only=True):
    """One measured value, in the numbers of `forecourt.ocpp.neutral`."""

    at: datetime
    evse: int | None
    measurand: int
    phase: int
    location: int
    context: int
    code: int
    value: int


async def find_session(conn: Connection, tenant_id: int, session_id: UUID) -> SessionRow | None:
    """The session of this id."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        f"{_SESSION} AND n.session_id = %(session_id)s", {"tenant_id": tenant_id, "session_id": session_id}
    )
    return await cursor.fetchone()


async def list_sessions(
    conn: Connection, tenant_id: int, *, station: str | None, active: bool | None, before: int, limit: int
) -> list[SessionRow]:
    """Sessions with a number below `before`, newest first; `active` None means running and ended ones alike."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    query = f"{_SESSION} AND n.number < %(before)s"
    if station is not None:
        query += (
            " AND n.station_id ="
            " (SELECT station_id FROM stations WHERE tenant_id = %(tenant_id)s AND identity = %(station)s)"
        )
    if active is not None:
        query += " AND n.ended_at IS NULL" if active else " AND n.ended_at IS NOT NULL"
    await cursor.execute(
        f"{query} ORDER BY n.number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "before": before, "station": station, "limit": limit},
    )
    return await cursor.fetchall()


async def list_samples(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    transaction_id: str,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[SampleRow]:
    """Samples of a transaction in the order of (time, code), beginning behind `after`."""
    cursor = conn.cursor(row_factory=class_row(SampleRow))
    await cursor.execute(
        "SELECT * FROM (SELECT at, evse, measurand, phase, location, context, value,"
        " measurand + phase * 256 + location * 65536 + context * 16777216 AS code FROM samples"
        " WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND transaction_id = %(transaction_id)s"
        " AND (%(at)s::timestamptz IS NULL OR at >= %(at)s)) AS sample"
        " WHERE %(at)s::timestamptz IS NULL OR (at, code) > (%(at)s, %(code)s::int) ORDER BY at, code LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "transaction_id": transaction_id,
            "at": None if after is None else after[0],
            "code": None if after is None else after[1],
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def next_remote_start_id(conn: Connection) -> int:
    """A number by which a started transaction names the remote start it came from (2.x remoteStartId)."""
    row = await (await conn.execute("SELECT nextval('remote_start_ids')")).fetchone()
    assert row is not None
    return int(row[0])
