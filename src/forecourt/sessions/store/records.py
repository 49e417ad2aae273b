"""The SQL by which sessions are read, reviewed and closed; what ingest writes is in `lanes`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.platform import outbox
from forecourt.sessions.review import QUIET, Evidence, Finding, Silence

Connection = AsyncConnection[Any]

#: Silent sessions read at once.
MAX_SILENT = 1_000
#: Sessions looked at again because they share an EVSE with a reviewed one.
MAX_SHARING = 100
#: Running sessions of one tenant that programs outside hear of in one minute.
MAX_TOLD = 2_000
#: Before the place of every session.
FIRST_PLACE = (-1, "")

_REGISTER_AT_OUTLET = Measurand.ENERGY_IMPORT_REGISTER | Phase.NONE << 8 | Location.OUTLET << 16

#: `seqs` holds the sequence numbers that arrived (2.x); those between the first and the last that did not are gaps.
_SESSION = """
SELECT n.number, n.session_id, coalesce(t.identity, t.retired_identity) AS station, n.evse, n.connector,
    n.transaction_id, n.token_uid, n.token_status, n.started_at, n.over_at AS ended_at,
    n.meter_start_wh, n.meter_stop_wh, n.power_w, n.soc_pct,
    n.charging_state, n.stop_reason, n.notes, n.arrival_clock, n.offline, n.station_id,
    n.ended_at IS NULL AND n.closed_at IS NOT NULL AS closed_from_evidence,
    r.request_id AS remote_start, r.asked_by, r.asked_at,
    CASE WHEN isempty(n.seqs) THEN 0 ELSE
        upper(n.seqs) - lower(n.seqs) - (SELECT sum(upper(part) - lower(part)) FROM unnest(n.seqs) AS part)
    END::int AS seq_gaps
FROM sessions n JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
LEFT JOIN remote_starts r ON r.session_id = n.session_id AND r.tenant_id = n.tenant_id
WHERE n.tenant_id = %(tenant_id)s
"""
#: Session o was at the EVSE of session s while s was.
_SHARES: LiteralString = """o.tenant_id = s.tenant_id AND o.station_id = s.station_id AND o.evse = s.evse
    AND o.transaction_id <> s.transaction_id
    AND o.started_at < coalesce(s.over_at, s.last_at) AND s.started_at < coalesce(o.over_at, o.last_at)"""


class SessionRow(Struct, frozen=True, kw_only=True):
    """One session as stored; `number` orders the list. `remote_start` is the request it came from, if it came from one,
    with who asked for it and when."""

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
    closed_from_evidence: bool
    seq_gaps: int
    remote_start: UUID | None
    asked_by: str | None
    asked_at: datetime | None


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

    station: str
    transaction_id: str
    token_uid: str | None
    token_type: str | None


class Silent(Struct, frozen=True, kw_only=True):
    """An open session of which nothing was heard for QUIET; `place` is its station and transaction."""

    session_id: str
    place: tuple[int, str]
    silence: Silence


async def find_session(conn: Connection, tenant_id: int, session_id: UUID) -> SessionRow | None:
    """The session of this id."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        f"{_SESSION} AND n.session_id = %(session_id)s", {"tenant_id": tenant_id, "session_id": session_id}
    )
    return await cursor.fetchone()


async def list_sessions(
    conn: Connection, tenant_id: int, wanted: SessionFilter, *, oldest_first: bool, place: int | None, limit: int
) -> list[SessionRow]:
    """The wanted sessions behind the number `place`, newest or oldest first."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    behind = "" if place is None else f" AND n.number {'>' if oldest_first else '<'} %(place)s"
    await cursor.execute(
        f"{_SESSION}{conditions(wanted)}{behind} ORDER BY n.number {'ASC' if oldest_first else 'DESC'} LIMIT %(limit)s",
        {"tenant_id": tenant_id, "place": place, "limit": limit, **asked(wanted)},
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
    after: tuple[datetime, int, int] | None,
    limit: int,
) -> list[SampleRow]:
    """Samples of a transaction in the order of (time, code, copy), beginning behind `after`."""
    cursor = conn.cursor(row_factory=class_row(SampleRow))
    await cursor.execute(
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY at, code ORDER BY value, signed)::int AS copy"
        " FROM (SELECT at, evse, measurand, phase, location, context, value, signed,"
        " measurand + phase * 256 + location * 65536 + context * 16777216 AS code FROM samples"
        " WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND transaction_id = %(transaction_id)s"
        " AND (%(at)s::timestamptz IS NULL OR at >= %(at)s)) AS sample) AS counted"
        " WHERE %(at)s::timestamptz IS NULL OR (at, code, copy) > (%(at)s, %(code)s::int, %(copy)s::int)"
        " ORDER BY at, code, copy LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "transaction_id": transaction_id,
            "at": None if after is None else after[0],
            "code": None if after is None else after[1],
            "copy": None if after is None else after[2],
            "limit": limit,
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
    conn: Connection, tenant_id: int, *, reviewed: bool | None, before: int, limit: int
) -> list[OrphanRow]:
    """Orphan reports with a number below `before`, newest first."""
    cursor = conn.cursor(row_factory=class_row(OrphanRow))
    await cursor.execute(
        f"{_ORPHAN} AND o.number < %(before)s"
        " AND (%(reviewed)s::bool IS NULL OR (o.reviewed_at IS NOT NULL) = %(reviewed)s)"
        " ORDER BY o.number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "before": before, "reviewed": reviewed, "limit": limit},
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
        "SELECT t.identity AS station, s.transaction_id, s.token_uid, s.token_type FROM sessions s"
        " JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id"
        " WHERE s.tenant_id = %s AND s.session_id = %s AND s.over_at IS NULL",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


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
                AND e.transaction_id = s.transaction_id) AS contradicted
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
                WHERE c.station_id = s.station_id AND c.evse = s.evse) AS states,
            (SELECT array_agg(c.state_at) FROM connectors c
                WHERE c.station_id = s.station_id AND c.evse = s.evse) AS state_times,
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


async def list_running(conn: Connection, tenant_id: int, stations: Sequence[str]) -> list[RunningRow]:
    """What runs at these stations, the newest first."""
    cursor = conn.cursor(row_factory=class_row(RunningRow))
    await cursor.execute(
        """
        SELECT t.identity AS station, n.session_id::text, coalesce(n.power_w, 0) AS power_w,
            greatest(n.meter_stop_wh - n.meter_start_wh, 0) AS energy_wh, n.soc_pct, n.charging_state
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
