"""SQL of imports."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from forecourt.insight.importing.model import Refusal, Report
from forecourt.insight.model import Session
from forecourt.insight.store import Connection

#: Characters of a reason that are kept.
MAX_WORDS: Final = 1_000


class Begun(Struct, frozen=True, kw_only=True):
    """An import and how far it is."""

    import_id: UUID
    source: str
    file: str
    form: str
    begun_at: datetime
    ended_at: datetime | None
    rows_done: int
    report: Any


class Kept(Struct, frozen=True, kw_only=True):
    """A session as it is to be kept. `apart`: its station's name is another one's at another site of the source."""

    line: int
    source_id: str
    digest: bytes
    own_station: bool
    apart: bool
    session: Session


class There(Struct, frozen=True, kw_only=True):
    """What is there already of a source under an id."""

    source_id: str
    digest: bytes
    import_id: UUID
    driver_group: str | None


_BEGUN: Final = "import_id, source, file, form, begun_at, ended_at, rows_done, report"


async def begin(
    conn: Connection, tenant_id: int, *, source: str, file: str, digest: bytes, form: str, found: Sequence[str],
    at: datetime, by: str, report: Report,
) -> tuple[Begun, bool]:  # fmt: skip
    """The import of this file that was begun and not ended, else a new one; whether it is new."""
    made = conn.cursor(row_factory=class_row(Begun))
    await made.execute(
        "INSERT INTO imports (tenant_id, source, file, digest, form, found, begun_at, begun_by, report)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        f" ON CONFLICT (tenant_id, digest) WHERE ended_at IS NULL DO NOTHING RETURNING {_BEGUN}",
        (tenant_id, source, file, digest, form, list(found), at, by, _json(report)),
    )
    row = await made.fetchone()
    if row is not None:
        return row, True
    await made.execute(
        f"SELECT {_BEGUN} FROM imports WHERE tenant_id = %s AND digest = %s AND ended_at IS NULL", (tenant_id, digest)
    )
    row = await made.fetchone()
    assert row is not None
    return row, False


async def hold(conn: Connection, tenant_id: int, import_id: UUID) -> int | None:
    """How many rows are done, held until the transaction ends; None: it has ended or is gone."""
    row = await (
        await conn.execute(
            "SELECT rows_done FROM imports WHERE tenant_id = %s AND import_id = %s AND ended_at IS NULL FOR UPDATE",
            (tenant_id, import_id),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def note(
    conn: Connection, tenant_id: int, import_id: UUID, report: Report, ended_at: datetime | None = None
) -> None:
    """Writes down how far an import is."""
    await conn.execute(
        "UPDATE imports SET rows_done = %s, report = %s, ended_at = %s WHERE tenant_id = %s AND import_id = %s",
        (report.read, _json(report), ended_at, tenant_id, import_id),
    )


def _json(report: Report) -> Jsonb:
    """Without the refusals, which have rows of their own."""
    told = {name: value for name, value in msgspec.to_builtins(report).items() if name not in ("refusals", "went_on")}
    return Jsonb(told)


async def own_stations(conn: Connection, tenant_id: int, names: Sequence[str]) -> set[str]:
    """Which of these are identities of stations in service."""
    rows = await conn.execute(
        "SELECT station FROM station_conditions WHERE tenant_id = %s AND station = ANY(%s)", (tenant_id, list(names))
    )
    return {name for (name,) in await rows.fetchall()}


async def homes(conn: Connection, tenant_id: int, source: str, names: Sequence[str]) -> dict[str, str]:
    """Which sites these stations of a source stand at, of those that are known; nobody else places stations of that
    source until the transaction ends."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('imported places ' || %s, %s))", (source, tenant_id)
    )
    rows = await conn.execute(
        "SELECT station, coalesce(site, source) FROM imported_places WHERE tenant_id = %s AND station = ANY(%s)",
        (tenant_id, list(names)),
    )
    return dict(await rows.fetchall())


class Holder(Struct, frozen=True, kw_only=True):
    """Whose a token is or was, and from when until when; None: it still is."""

    uid_key: str
    driver_id: int
    attached_at: datetime
    until_at: datetime | None

    def had(self, at: datetime) -> bool:
        """Whether it was theirs then."""
        return self.attached_at <= at and (self.until_at is None or at < self.until_at)


async def list_holders(conn: Connection, tenant_id: int, uid_keys: Sequence[str]) -> dict[str, list[Holder]]:
    """Drivers with an account whose these tokens are or were, by token, the first first: of several who
    hold one at a time it is whose it was first, as of recorded sessions."""
    rows = conn.cursor(row_factory=class_row(Holder))
    await rows.execute(
        "SELECT uid_key, driver_id, attached_at, until_at FROM token_drivers"
        " WHERE tenant_id = %s AND uid_key = ANY(%s) ORDER BY attached_at, driver_id",
        (tenant_id, list(uid_keys)),
    )
    found: dict[str, list[Holder]] = {}
    for row in await rows.fetchall():
        found.setdefault(row.uid_key, []).append(row)
    return found


_COLUMNS: Final = (
    ("source_id", "text"), ("line", "bigint"), ("digest", "bytea"), ("station", "text"), ("own_station", "bool"),
    ("site", "text"), ("evse", "text"), ("connector_type", "text"), ("zone", "text"), ("driver", "text"),
    ("started_at", "timestamptz"), ("ended_at", "timestamptz"), ("charging_ended_at", "timestamptz"),
    ("energy_wh", "bigint"), ("currency", "text"), ("excl_minor", "bigint"), ("incl_minor", "bigint"),
    ("tariff", "text"), ("outcome", "text"), ("stop_reason", "text"), ("driver_group", "text"), ("flags", "text"),
)  # fmt: skip


#: Where stations are by what was imported of them, of these sessions alone.
_PLACES: Final = """
    INSERT INTO imported_places AS p (tenant_id, station, source, site, zone, evses, first_at, begun_at, last_at)
    SELECT %(tenant)s, station, min(source), max(site), (array_agg(zone ORDER BY started_at DESC))[1],
        coalesce(array_agg(DISTINCT evse ORDER BY evse) FILTER (WHERE evse IS NOT NULL), '{{}}'), min(started_at),
        max(started_at), max(ended_at)
    FROM {sessions} GROUP BY station ORDER BY station
    ON CONFLICT (tenant_id, station) DO UPDATE SET
        source = least(p.source, excluded.source), site = greatest(p.site, excluded.site),
        zone = CASE WHEN excluded.begun_at >= p.begun_at THEN excluded.zone ELSE p.zone END,
        evses = (SELECT coalesce(array_agg(e ORDER BY e), '{{}}') FROM (
            SELECT unnest(p.evses) UNION SELECT unnest(excluded.evses)) AS n (e)),
        first_at = least(p.first_at, excluded.first_at), begun_at = greatest(p.begun_at, excluded.begun_at),
        last_at = greatest(p.last_at, excluded.last_at)
    """
_PUT: Final = f"""
    WITH put AS (
        INSERT INTO imported_sessions (tenant_id, source, import_id, {", ".join(name for name, _ in _COLUMNS)})
        SELECT %(tenant)s, %(source)s, %(import)s,
            {", ".join("string_to_array(flags, ' ')" if name == "flags" else name for name, _ in _COLUMNS)}
        FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS)})
            AS n ({", ".join(name for name, _ in _COLUMNS)})
        ON CONFLICT DO NOTHING RETURNING source, source_id, station, site, zone, evse, started_at, ended_at
    ), placed AS ({_PLACES.format(sessions="put")})
    SELECT source_id FROM put
    """


async def insert(conn: Connection, tenant_id: int, source: str, import_id: UUID, kept: Sequence[Kept]) -> set[str]:
    """Keeps those that are not there yet; their ids."""
    rows = [_row(each) for each in kept]
    arrays = {name: [row[place] for row in rows] for place, (name, _) in enumerate(_COLUMNS)}
    done = await conn.execute(_PUT, {"tenant": tenant_id, "source": source, "import": import_id, **arrays})
    return {source_id for (source_id,) in await done.fetchall()}


def _row(kept: Kept) -> tuple[Any, ...]:
    s = kept.session
    return (
        kept.source_id, kept.line, kept.digest, s.station, kept.own_station, s.site, s.evse, s.connector_type, s.zone,
        s.driver, s.started_at, s.ended_at, s.charging_ended_at, s.energy_wh, s.currency, s.excl_minor, s.incl_minor,
        s.tariff, s.outcome.value, s.stop_reason, s.driver_group, " ".join(s.flags),
    )  # fmt: skip


async def find(conn: Connection, tenant_id: int, source: str, ids: Sequence[str]) -> dict[str, There]:
    """What is there of a source under these ids."""
    rows = conn.cursor(row_factory=class_row(There))
    await rows.execute(
        "SELECT source_id, digest, import_id, driver_group FROM imported_sessions"
        " WHERE tenant_id = %s AND source = %s AND source_id = ANY(%s)",
        (tenant_id, source, list(ids)),
    )
    return {row.source_id: row for row in await rows.fetchall()}


async def refuse(conn: Connection, tenant_id: int, import_id: UUID, refusals: Sequence[Refusal], most: int) -> None:
    """Keeps refused rows, so many of an import at the most."""
    if not refusals:
        return
    await conn.execute(
        "INSERT INTO import_refusals (import_id, tenant_id, line, reason, words, energy_wh)"
        " SELECT %s, %s, n.* FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS n"
        " LIMIT greatest(%s - (SELECT count(*) FROM import_refusals WHERE import_id = %s), 0)"
        " ON CONFLICT DO NOTHING",
        (
            import_id, tenant_id, [each.line for each in refusals], [each.reason for each in refusals],
            [each.words[:MAX_WORDS] for each in refusals], [each.energy_wh for each in refusals], most, import_id,
        ),
    )  # fmt: skip


async def refusals(conn: Connection, tenant_id: int, import_id: UUID) -> list[Refusal]:
    """The refused rows of an import that are kept, by line."""
    rows = conn.cursor(row_factory=class_row(Refusal))
    await rows.execute(
        "SELECT line, reason, words, energy_wh FROM import_refusals WHERE tenant_id = %s AND import_id = %s"
        " ORDER BY line",
        (tenant_id, import_id),
    )
    return await rows.fetchall()


async def flag_overlaps(conn: Connection, tenant_id: int, source: str) -> list[date]:
    """Notes sessions that stood at an EVSE while another one did, where an EVSE is named; the days of their starts."""
    rows = await conn.execute(
        """
        UPDATE imported_sessions s SET flags = array_append(s.flags, 'overlap')
        WHERE s.tenant_id = %(tenant)s AND s.source = %(source)s AND NOT 'overlap' = ANY (s.flags)
          -- An array, not a join: a table that was just filled has no statistics, and would be joined row by row.
          AND s.source_id = ANY (ARRAY(
            SELECT source_id FROM (
                SELECT source_id, started_at, ended_at,
                    max(ended_at) OVER (before ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until,
                    lead(started_at) OVER before AS next
                FROM imported_sessions WHERE tenant_id = %(tenant)s AND source = %(source)s AND evse IS NOT NULL
                WINDOW before AS (PARTITION BY station, evse ORDER BY started_at, source_id)
            ) o WHERE o.until > o.started_at OR o.next < o.ended_at))
        RETURNING (s.started_at AT TIME ZONE 'UTC')::date
        """,
        {"tenant": tenant_id, "source": source},
    )
    return [day for (day,) in await rows.fetchall()]


async def count_overlaps(conn: Connection, tenant_id: int, import_id: UUID) -> int:
    """How many sessions of an import are noted as that."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM imported_sessions"
            " WHERE tenant_id = %s AND import_id = %s AND 'overlap' = ANY (flags)",
            (tenant_id, import_id),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_imports(conn: Connection, tenant_id: int, limit: int) -> list[Begun]:
    """Imports, newest first."""
    rows = conn.cursor(row_factory=class_row(Begun))
    await rows.execute(
        f"SELECT {_BEGUN} FROM imports WHERE tenant_id = %s ORDER BY number DESC LIMIT %s", (tenant_id, limit)
    )
    return await rows.fetchall()


async def forget(conn: Connection, tenant_id: int, import_id: UUID) -> list[date] | None:
    """Deletes an import and its sessions; the days of their starts, or None if there is none."""
    held = await conn.execute(
        "SELECT FROM imports WHERE tenant_id = %s AND import_id = %s FOR UPDATE", (tenant_id, import_id)
    )
    if await held.fetchone() is None:
        return None
    gone = await conn.execute(
        "DELETE FROM imported_sessions WHERE tenant_id = %s AND import_id = %s"
        " RETURNING (started_at AT TIME ZONE 'UTC')::date, station",
        (tenant_id, import_id),
    )
    found = await gone.fetchall()
    days, stations = [day for day, _ in found], sorted({station for _, station in found})
    await _place_again(conn, tenant_id, stations)
    await conn.execute("DELETE FROM imports WHERE tenant_id = %s AND import_id = %s", (tenant_id, import_id))
    return days


async def _place_again(conn: Connection, tenant_id: int, stations: Sequence[str]) -> None:
    """Where these stations are by what is left of them."""
    given = {"tenant": tenant_id, "stations": list(stations)}
    await conn.execute(
        "DELETE FROM imported_places WHERE tenant_id = %(tenant)s AND station = ANY(%(stations)s)", given
    )
    left = "imported_sessions WHERE tenant_id = %(tenant)s AND station = ANY(%(stations)s)"
    await conn.execute(_PLACES.format(sessions=left), given)
