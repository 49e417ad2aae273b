"""A year's sessions in a PostgreSQL of their own and the lake made of them: generated once, kept for later runs.

Ten million sessions take longer to generate than all that is measured of them. A run works on a copy of the lake, by
the clock of when it was made, and takes back what it added, so each begins with the same. What was made in another form
is made anew; so is what a run left that was killed while it made it.
"""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from forecourt.insight.lake.layout import FORMAT
from forecourt.platform.embedded import EmbeddedPostgres
from forecourt.platform.embedded.postgres import ADMIN, LOGIN
from forecourt.platform.migrate import migrate

#: Where they are kept; to be deleted by whoever wants the room, or all of it made again.
SHELF: Final = Path("bench/results/lakes")
#: Sessions of a station in its year.
SESSIONS: Final = 1_000
YEAR_S: Final = 365 * 86_400
#: Stations of one site, and sessions of one driver.
OF_A_SITE, OF_A_DRIVER = 10, 20
#: Groups that a tenth of drivers are in.
FLEETS: Final = 64
SLICE: Final = 500
#: The clock of every site.
ZONE: Final = "Europe/Berlin"

#: Sessions that begin about every 31,536 s and last from ten minutes to an hour and ten.
_SEED: Final = """
    INSERT INTO imported_sessions (tenant_id, source, source_id, import_id, line, digest, station, own_station, site,
        evse, connector_type, zone, driver, driver_group, started_at, ended_at, charging_ended_at, energy_wh,
        currency, excl_minor, incl_minor, outcome)
    SELECT %(tenant)s, 'bench', s || '-' || n, %(import)s, s * %(sessions)s + n, decode(md5(s || '-' || n), 'hex'),
        'bench/' || s, false, 'bench/site-' || s / %(site)s, '1', 'IEC_62196_T2', %(zone)s,
        md5('driver-' || r %% %(drivers)s),
        CASE WHEN r %% %(drivers)s %% 10 = 0 THEN 'fleet-' || r %% %(drivers)s / 10 %% %(fleets)s END,
        began, began + stay * interval '1 second',
        began + stay * (50 + r %% 51) / 100 * interval '1 second', stay * (r %% 7 + 1), 'EUR', stay * r %% 3000,
        stay * r %% 3000, CASE WHEN r %% 40 = 0 THEN 'nothing' ELSE 'charged' END
    FROM generate_series(%(first)s::int, %(last)s::int) s, generate_series(%(since)s::int, %(until)s::int) n,
        LATERAL (SELECT hashint8(s::bigint * 1000003 + n)::bigint & 2147483647 AS r) a,
        LATERAL (SELECT 600 + r %% 3600 AS stay,
            %(start)s::timestamptz + (n * %(step)s + r %% 5000) * interval '1 second' AS began) b
    """
_PLACES: Final = """
    INSERT INTO imported_places (tenant_id, station, source, site, zone, evses, first_at, begun_at, last_at)
    SELECT tenant_id, station, min(source), max(site), min(zone), '{1}', min(started_at), max(started_at), max(ended_at)
    FROM imported_sessions WHERE tenant_id = %(tenant)s GROUP BY tenant_id, station
    """
_FORM: Final = hashlib.sha256(
    f"{FORMAT}{_SEED}{_PLACES}{SESSIONS}{OF_A_SITE}{OF_A_DRIVER}{FLEETS}".encode()
).hexdigest()

#: Makes the lake below a folder, and says in how many seconds and with how much memory on top.
Making = Callable[["Year", Path], Awaitable[tuple[float, int]]]


class Note(Struct, frozen=True, kw_only=True):
    """What is on the shelf. `made_s`, `memory`: what making the lake took, in seconds and bytes."""

    form: str
    tenant_id: int
    import_id: UUID
    start: datetime
    snapshot: int = 0
    made_s: float = 0.0
    memory: int = 0


class Then(Struct, frozen=True):
    """The clock of when the lake was made, the morning after its year."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic()


class Year:
    """A year's sessions as an import leaves them, and one day more that can be brought."""

    def __init__(self, postgres: EmbeddedPostgres, note: Note, stations: int) -> None:
        self.note = note
        self.stations = stations
        self.postgres = postgres
        self.ends_at = note.start + timedelta(seconds=YEAR_S)
        self.clock = Then(self.ends_at + timedelta(days=1, hours=2))
        self._given: dict[str, Any] = {
            "tenant": note.tenant_id, "import": note.import_id, "sessions": SESSIONS, "site": OF_A_SITE,
            "start": note.start, "zone": ZONE, "step": YEAR_S // SESSIONS, "fleets": FLEETS,
            "drivers": max(1, stations * SESSIONS // OF_A_DRIVER),
        }  # fmt: skip

    def fill(self) -> None:
        """All sessions but the last day's."""
        with psycopg.connect(self.postgres.url(ADMIN, "forecourt"), autocommit=True) as conn:
            self._fill(conn, 0, SESSIONS - 1)
            conn.execute(_PLACES.encode(), self._given)
            conn.execute("VACUUM ANALYZE")
            conn.execute("CHECKPOINT")

    def day(self) -> list[Any]:
        """One session more of each station, after the year; the days on which they began."""
        with psycopg.connect(self.postgres.url(ADMIN, "forecourt"), autocommit=True) as conn:
            self._fill(conn, SESSIONS, SESSIONS)
            query = (
                "SELECT DISTINCT (started_at AT TIME ZONE 'UTC')::date FROM imported_sessions"
                " WHERE tenant_id = %s AND started_at >= %s"
            )
            return [day for (day,) in conn.execute(query, (self.note.tenant_id, self.ends_at)).fetchall()]

    def reset(self) -> None:
        """Takes back what was added to the year, and that the lake was written since."""
        with psycopg.connect(self.postgres.url(ADMIN, "forecourt"), autocommit=True) as conn:
            given = (self.note.tenant_id, self.ends_at)
            conn.execute("DELETE FROM imported_sessions WHERE tenant_id = %s AND started_at >= %s", given)
            conn.execute("DELETE FROM lake_marks WHERE tenant_id = %s", given[:1])
            conn.execute("UPDATE lakes SET snapshot = %s WHERE tenant_id = %s", (self.note.snapshot, given[0]))

    def _fill(self, conn: psycopg.Connection[Any], since: int, until: int) -> None:
        for first in range(0, self.stations, SLICE):
            last = min(first + SLICE, self.stations) - 1
            conn.execute(_SEED.encode(), {**self._given, "first": first, "last": last, "since": since, "until": until})


@asynccontextmanager
async def year(stations: int, make: Making) -> AsyncIterator[tuple[Year, Path]]:
    """A year of so many stations in its PostgreSQL, and a copy of the lake of it, which lasts as long as this."""
    folder = SHELF / f"{stations}-stations"
    noted, lake, copy = folder / "note.json", folder / "lake", folder / "copy"
    known = _known(noted)
    if known is None:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    async with EmbeddedPostgres(folder) as postgres:
        await asyncio.to_thread(migrate, postgres.admin_url, LOGIN)
        if known is None:
            begun = await asyncio.to_thread(_begun, postgres)
            made = Year(postgres, begun, stations)
            await asyncio.to_thread(made.fill)
            seconds, memory = await make(made, lake)
            known = msgspec.structs.replace(begun, snapshot=1, made_s=seconds, memory=memory)
            noted.write_bytes(msgspec.json.encode(known))
        kept = Year(postgres, known, stations)
        shutil.rmtree(copy, ignore_errors=True)
        # Files of a lake are never changed: a name more is a copy.
        shutil.copytree(lake, copy, copy_function=_linked)
        await asyncio.to_thread(kept.reset)
        try:
            yield kept, copy
        finally:
            await asyncio.to_thread(kept.reset)
            shutil.rmtree(copy)


def _known(noted: Path) -> Note | None:
    try:
        note = msgspec.json.decode(noted.read_bytes(), type=Note)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return note if note.form == _FORM else None


def _begun(postgres: EmbeddedPostgres) -> Note:
    """An organisation, and an import that sessions can be of."""
    with psycopg.connect(postgres.url(ADMIN, "forecourt"), autocommit=True) as conn:
        [tenant_id] = _row(conn, "INSERT INTO organisations (name) VALUES ('Bench') RETURNING tenant_id")
        [import_id] = _row(
            conn,
            "INSERT INTO imports (tenant_id, source, file, digest, form, found, begun_at, begun_by, ended_at, report)"
            " VALUES (%s, 'bench', 'bench', sha256('bench'), 'csv', '{}', now(), 'bench', now(), '{}')"
            " RETURNING import_id",
            tenant_id,
        )
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=366)
    return Note(form=_FORM, tenant_id=tenant_id, import_id=import_id, start=start)


def _row(conn: psycopg.Connection[Any], query: str, *given: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = conn.execute(query.encode(), given).fetchone()
    assert row is not None
    return row


def _linked(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copyfile(source, target)
