"""The SQL by which sessions, their samples and orphans are read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

#: By the start, as their filters: a session that is told late stands where it belongs. `sessions_by_time` serves it.
_SESSION_ORDERS: Final = by_age("n.started_at", "n.number")
_SAMPLE_ORDERS: Final = by_age("at", "code", "copy")
_ORPHAN_ORDERS: Final = by_age("o.number")

#: What the car of a session `n` does now: by its transaction, or where that says nothing (OCPP 1.6) by its connector.
STATE_NOW: Final = """coalesce(n.charging_state, (
    SELECT c.state FROM connectors c WHERE c.tenant_id = n.tenant_id AND c.station_id = n.station_id
        AND c.evse = n.evse AND c.connector = coalesce(n.connector, c.connector)
        AND c.state IN ('Charging', 'SuspendedEV', 'SuspendedEVSE')
    ORDER BY c.state_at DESC LIMIT 1))"""

#: The sets of values that were measured of a session `n` (`at`, `readings`), and by `apart` whether its EVSE told them
#: outside of any transaction while it lasted, by the clock that bills it (2.0.1 J01, 1.6 §4.7). In a LATERAL: each part
#: is looked up by an index. Nothing is billed by those that are apart.
MEASURED: Final = """(
    SELECT at, readings, false AS apart FROM meter_values
    WHERE tenant_id = n.tenant_id AND station_id = n.station_id AND transaction_id = n.transaction_id
    UNION ALL
    SELECT at, readings, true FROM meter_values
    WHERE NOT n.arrival_clock AND tenant_id = n.tenant_id AND station_id = n.station_id AND transaction_id = ''
        AND evse = n.evse AND at >= n.started_at AND at <= coalesce(n.over_at, 'infinity')
    UNION ALL
    SELECT arrived_at, readings, true FROM meter_values
    WHERE n.arrival_clock AND tenant_id = n.tenant_id AND station_id = n.station_id AND transaction_id = ''
        AND evse = n.evse AND arrived_at >= n.started_at AND arrived_at <= coalesce(n.over_at, 'infinity'))"""

#: `seqs` holds the sequence numbers that arrived (2.x); those between the first and the last that did not are gaps.
_SESSION = """
SELECT n.number, n.session_id, coalesce(t.identity, t.retired_identity) AS station, n.evse, n.connector,
    n.transaction_id, n.token_uid, n.token_status, n.started_at, n.over_at AS ended_at,
    n.meter_start_wh, n.meter_stop_wh, n.power_w, n.soc_pct,
    CASE WHEN n.given_stop_wh >= n.given_start_wh THEN n.given_stop_wh - n.given_start_wh END AS given_wh,
    n.charging_state, n.stop_reason, n.notes, n.arrival_clock, n.offline, n.station_id,
    n.ended_at IS NULL AND n.closed_at IS NOT NULL AS closed_from_evidence,
    r.request_id AS remote_start, r.asked_by, r.asked_at,
    CASE WHEN isempty(n.seqs) THEN 0 ELSE
        upper(n.seqs) - lower(n.seqs) - (SELECT sum(upper(part) - lower(part)) FROM unnest(n.seqs) AS part)
    END::int AS seq_gaps,
    coalesce(c.final, false) AS priced, c.currency, c.excl_minor, c.incl_minor
FROM sessions n JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
LEFT JOIN remote_starts r ON r.session_id = n.session_id AND r.tenant_id = n.tenant_id
LEFT JOIN session_costs c ON c.session_id = n.session_id AND c.tenant_id = n.tenant_id
WHERE n.tenant_id = %(tenant_id)s
"""


class SessionRow(Struct, frozen=True, kw_only=True):
    """One session as stored; `number` tells those apart that started at the same time. `remote_start` is the request it
    came from, if it came from one, with who asked for it and when. `given_wh`: what the car gave back. `priced`: its
    cost is final, which has no currency where no tariff counts."""

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
    given_wh: int | None
    charging_state: str | None
    stop_reason: str | None
    notes: list[str]
    arrival_clock: bool
    offline: bool
    closed_from_evidence: bool
    seq_gaps: int
    remote_start: UUID | None
    asked_by: str | None
    asked_at: datetime | None
    priced: bool = False
    currency: str | None = None
    excl_minor: int | None = None
    incl_minor: int | None = None


class SessionFilter(Struct, frozen=True, kw_only=True):
    """Which sessions a list shows; None: whatever it is. `retired`: those too of retired stations that had the id of
    `station`, which may have been given to another since. `site` is a slug, `token_key` a uid in the form by which uids
    are compared, `token_spelt` ways in which stations may spell it, so that an index finds them; `since` and `until`
    are about the start; `noted` True: those that the review noted something of."""

    station: str | None = None
    retired: bool = False
    site: str | None = None
    token_key: str | None = None
    token_spelt: tuple[str, ...] | None = None
    active: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    noted: bool | None = None


_WANTED = {
    "station": "n.station_id IN (SELECT station_id FROM stations WHERE tenant_id = %(tenant_id)s"
    " AND (identity = %(station)s OR (%(retired)s AND retired_identity = %(station)s)))",
    "site": "t.site_id = (SELECT site_id FROM sites WHERE tenant_id = %(tenant_id)s AND slug = %(site)s)",
    "token_spelt": "n.token_uid = ANY(%(token_spelt)s)",
    "token_key": 'lower(n.token_uid COLLATE "C") = %(token_key)s',
    "active": "(n.over_at IS NULL) = %(active)s",
    "since": "n.started_at >= %(since)s",
    "until": "n.started_at < %(until)s",
    "noted": "(n.notes <> '{}') = %(noted)s",
}


class RunningRow(Struct, frozen=True, kw_only=True):
    """A session that runs, as far as screens show it."""

    station: str
    session_id: str
    power_w: int
    energy_wh: int | None
    soc_pct: int | None
    charging_state: str | None


class SampleRow(Struct, frozen=True, kw_only=True):
    """One measured value, in the numbers of `forecourt.ocpp.neutral`; `copy` counts those of one moment and code."""

    at: datetime
    evse: int | None
    measurand: int
    phase: int
    location: int
    context: int
    code: int
    copy: int
    value: int | None
    signed: str | None


class OrphanRow(Struct, frozen=True, kw_only=True):
    """A 1.6 stop of a transaction that was never given out."""

    number: int
    station: str
    transaction_id: str
    at: datetime
    token_uid: str | None
    meter_wh: int | None
    stop_reason: str | None
    reviewed_at: datetime | None


class Started(Struct, frozen=True, kw_only=True):
    """What a running session was started with."""

    session_id: UUID
    station: str
    transaction_id: str
    token_uid: str | None
    token_type: str | None


async def find_session(conn: Connection, tenant_id: int, session_id: UUID) -> SessionRow | None:
    """The session of this id."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        f"{_SESSION} AND n.session_id = %(session_id)s", {"tenant_id": tenant_id, "session_id": session_id}
    )
    return await cursor.fetchone()


async def list_sessions(
    conn: Connection, tenant_id: int, wanted: SessionFilter, *, order: Age, place: Place = None, limit: int
) -> list[SessionRow]:
    """The wanted sessions behind a place: a start and a number."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        f"{_SESSION}{conditions(wanted)} {onward(_SESSION_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **asked(wanted), **bounds(place, limit)},
    )
    return await cursor.fetchall()


def conditions(wanted: SessionFilter) -> str:
    """What SQL asks of sessions n at stations t, behind the tenant's condition; its values are `asked`."""
    return "".join(f" AND {sql}" for name, sql in _WANTED.items() if getattr(wanted, name) is not None)


def asked(wanted: SessionFilter) -> dict[str, Any]:
    """The values of `conditions`."""
    values = structs.asdict(wanted)
    return values if wanted.token_spelt is None else {**values, "token_spelt": list(wanted.token_spelt)}


async def list_samples(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    transaction_id: str,
    *,
    order: Age,
    place: Place,
    limit: int,
) -> list[SampleRow]:
    """Samples of a transaction behind a place: a time, a code and a copy."""
    # Copies are counted over all samples of a moment, so the first ones behind a place are cut off afterwards.
    near = "" if place is None else f" AND at {'>=' if order == 'oldest' else '<='} %(place_0)s"
    cursor = conn.cursor(row_factory=class_row(SampleRow))
    await cursor.execute(
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY at, code ORDER BY value, signed)::int AS copy"
        " FROM (SELECT at, evse, measurand, phase, location, context, value, signed,"
        " measurand + phase * 256 + location * 65536 + context * 16777216 AS code FROM samples"
        " WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND transaction_id = %(transaction_id)s"
        f"{near}) AS sample) AS counted WHERE true{onward(_SAMPLE_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "transaction_id": transaction_id,
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


_ORPHAN = """
SELECT o.number, coalesce(s.identity, s.retired_identity) AS station, o.transaction_id, o.at, o.token_uid, o.meter_wh,
    o.stop_reason, o.reviewed_at
FROM orphan_reports o JOIN stations s ON s.station_id = o.station_id AND s.tenant_id = o.tenant_id
WHERE o.tenant_id = %(tenant_id)s
"""


async def list_orphans(
    conn: Connection, tenant_id: int, *, reviewed: bool | None, order: Age, place: Place, limit: int
) -> list[OrphanRow]:
    """Orphan reports behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(OrphanRow))
    await cursor.execute(
        f"{_ORPHAN} AND (%(reviewed)s::bool IS NULL OR (o.reviewed_at IS NOT NULL) = %(reviewed)s)"
        f" {onward(_ORPHAN_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "reviewed": reviewed, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_orphan(conn: Connection, tenant_id: int, number: int) -> OrphanRow | None:
    """The orphan report of this number."""
    cursor = conn.cursor(row_factory=class_row(OrphanRow))
    await cursor.execute(f"{_ORPHAN} AND o.number = %(number)s", {"tenant_id": tenant_id, "number": number})
    return await cursor.fetchone()


async def review_orphan(conn: Connection, tenant_id: int, number: int) -> bool:
    """Marks an orphan report as looked at; whether it was not yet."""
    cursor = await conn.execute(
        "UPDATE orphan_reports SET reviewed_at = now() WHERE tenant_id = %s AND number = %s AND reviewed_at IS NULL",
        (tenant_id, number),
    )
    return cursor.rowcount == 1


async def find_started(conn: Connection, tenant_id: int, session_id: str) -> Started | None:
    """What a running session was started with; None if it is over."""
    cursor = conn.cursor(row_factory=class_row(Started))
    await cursor.execute(
        "SELECT s.session_id, t.identity AS station, s.transaction_id, s.token_uid, s.token_type FROM sessions s"
        " JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id"
        " WHERE s.tenant_id = %s AND s.session_id = %s AND s.over_at IS NULL",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def find_state(conn: Connection, tenant_id: int, session_id: UUID) -> str | None:
    """What the car of a session does now; None where nobody said."""
    cursor = await conn.execute(
        f"SELECT {STATE_NOW} FROM sessions n WHERE n.tenant_id = %s AND n.session_id = %s", (tenant_id, session_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def list_running(conn: Connection, tenant_id: int, stations: Sequence[str]) -> list[RunningRow]:
    """What runs at these stations, the newest first."""
    cursor = conn.cursor(row_factory=class_row(RunningRow))
    await cursor.execute(
        f"""
        SELECT t.identity AS station, n.session_id::text, coalesce(n.power_w, 0) AS power_w,
            greatest(n.meter_stop_wh - n.meter_start_wh, 0) AS energy_wh, n.soc_pct, {STATE_NOW} AS charging_state
        FROM sessions n JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
        WHERE n.tenant_id = %s AND n.over_at IS NULL AND t.identity = ANY(%s)
        ORDER BY n.number DESC
        """,
        (tenant_id, list(stations)),
    )
    return await cursor.fetchall()


async def running_totals(conn: Connection, tenant_id: int) -> tuple[int, int]:
    """How many sessions run, and their power in W."""
    row = await (
        await conn.execute(
            "SELECT count(*), coalesce(sum(power_w), 0)::bigint FROM sessions WHERE tenant_id = %s AND over_at IS NULL",
            (tenant_id,),
        )
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
