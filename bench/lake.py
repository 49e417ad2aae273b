"""What years of sessions cost to look at: the lake made of them, kept up by the day, and asked, beside PostgreSQL.

Ten thousand stations of one year, generated once in PostgreSQL as history that was brought in. Times are by the clock
on the wall, on the one core that PostgreSQL and this process share.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import psutil
import psycopg
from msgspec import Struct

from bench.figures import Figure
from bench.servers import Stage
from forecourt.insight.dashboards.answering import FROM_THE_LAKE, Answers
from forecourt.insight.dashboards.model import Asked, Family, Span
from forecourt.insight.lake import asking, store, years
from forecourt.insight.lake.export import Exporter
from forecourt.insight.usage import expressions, measures
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.embedded.postgres import ADMIN

STATIONS, QUICK = 10_000, 500
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
ROUNDS: Final = 3
GOAL_ASK_MS: Final = 500.0
GOAL_RATIO: Final = 10.0
GOAL_DAY: Final = 0.01
GOAL_MEMORY_MIB: Final = 2_048.0
MIB: Final = 1 << 20
#: Spans that dashboards are asked for, in days.
MONTH: Final = 30
SPANS: Final = (MONTH, 365)

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


class Took(Struct, kw_only=True):
    """Seconds, and the most memory of this process meanwhile, beyond what it had before, in bytes."""

    seconds: float = 0.0
    memory: int = 0


async def measure(stage: Stage) -> list[Figure]:
    """The lake's making and keeping, what dashboards take, and one question beside PostgreSQL."""
    stations = QUICK if stage.quick else STATIONS
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=366)
    seed = Seed(stage, stations, start)
    await asyncio.to_thread(seed.year)
    await stage.settle()
    root = stage.folder / "bench-lake"
    async with Pool(stage.postgres.app_url, "forecourt_app", size=2) as pool:
        exporter = Exporter(pool, SystemClock(), root)
        with _timed() as rebuilt:
            made = await exporter.export(stage.tenant_id, anew=True)
        assert made.sessions == stations * SESSIONS, "the lake does not hold what PostgreSQL does"
        days = await asyncio.to_thread(seed.day)
        async with pool.tenant(stage.tenant_id) as conn:
            await store.mark(conn, stage.tenant_id, days)
        with _timed() as updated:
            more = await exporter.export(stage.tenant_id)
        assert more.sessions == stations * (SESSIONS + 1)
    found = await _asked(stage, root)
    ours, theirs = await asyncio.to_thread(_beside, stage, root)
    what = f"Lake of {stations * SESSIONS / 1e6:g} M sessions"
    most = max(rebuilt.memory, updated.memory, *(took.memory for took in found.values()))
    return [
        Figure(what=f"{what}: made of PostgreSQL's rows", unit="s", ours=rebuilt.seconds),
        Figure(
            what=f"{what}: a day's update, of a making", unit="parts of 1",
            ours=updated.seconds / rebuilt.seconds, goal_most=GOAL_DAY,
        ),
        *(
            Figure(what=f"{what}: dashboard {name}", unit="ms", ours=took.seconds * 1e3, goal_most=GOAL_ASK_MS)
            for name, took in found.items()
        ),
        Figure(
            what=f"{what}: time in use by station, from sessions", unit="ms", ours=ours * 1e3, ordinary=theirs * 1e3,
            goal_ratio=GOAL_RATIO,
        ),
        Figure(what=f"{what}: most memory on top", unit="MiB", ours=most / MIB, goal_most=GOAL_MEMORY_MIB),
    ]  # fmt: skip


class Seed:
    """A year's sessions, and one day more, as an import leaves them."""

    def __init__(self, stage: Stage, stations: int, start: datetime) -> None:
        self._url = stage.postgres.url(ADMIN, "forecourt")
        self._stations = stations
        self._given: dict[str, Any] = {
            "tenant": stage.tenant_id, "sessions": SESSIONS, "site": OF_A_SITE, "start": start, "zone": ZONE,
            "step": YEAR_S // SESSIONS, "drivers": max(1, stations * SESSIONS // OF_A_DRIVER),
            "fleets": FLEETS,
        }  # fmt: skip

    def year(self) -> None:
        """All of them but the last day's."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            row = conn.execute(
                "INSERT INTO imports (tenant_id, source, file, digest, form, found, begun_at, begun_by, ended_at,"
                " report) VALUES (%s, 'bench', 'bench', sha256('bench'), 'csv', '{}', now(), 'bench', now(), '{}')"
                " RETURNING import_id",
                (self._given["tenant"],),
            ).fetchone()
            assert row is not None
            self._given["import"] = row[0]
            self._fill(conn, 0, SESSIONS - 1)
            conn.execute(_PLACES.encode(), self._given)

    def day(self) -> list[Any]:
        """One session more of each station, after the year; the days on which they began."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            self._fill(conn, SESSIONS, SESSIONS)
            query = "SELECT DISTINCT (started_at AT TIME ZONE 'UTC')::date FROM imported_sessions WHERE line % %s = 0"
            since = " AND tenant_id = %s AND started_at >= %s"
            begins = self._given["start"] + timedelta(seconds=YEAR_S)
            rows = conn.execute((query.replace("% %s", "%% %s") + since).encode(), (1, self._given["tenant"], begins))
            return [day for (day,) in rows.fetchall()]

    def _fill(self, conn: psycopg.Connection[Any], since: int, until: int) -> None:
        for first in range(0, self._stations, SLICE):
            last = min(first + SLICE, self._stations) - 1
            conn.execute(_SEED.encode(), {**self._given, "first": first, "last": last, "since": since, "until": until})


async def _asked(stage: Stage, root: Path) -> dict[str, Took]:
    """The slowest of some rounds of each family and span, each asked anew."""
    found: dict[str, Took] = {}
    # Days of the clock that all of the sites go by, as the page offers them.
    until = datetime.now(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    for family in FROM_THE_LAKE:
        for days in SPANS:
            span = Span(since=until - timedelta(days=days), until=until)
            if family == Family.DRIVERS:
                # They are told of by whole months.
                first = until.date().replace(day=1)
                begins = years.back(first, years.MONTHS if days > MONTH else 1)
                span = Span(since=_midnight(begins), until=_midnight(first))
            asked = Asked(span=span, zone=ZONE)
            found[f"{family.value}, {days} days"] = max(
                [await _once(stage, root, family, asked) for _ in range(ROUNDS)], key=lambda each: each.seconds
            )
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))


async def _once(stage: Stage, root: Path, family: Family, asked: Asked) -> Took:
    answers = Answers(root)
    lake = await answers.lake(stage.tenant_id)
    with _timed() as took:
        await answers.answer(stage.tenant_id, lake, family, asked)
    return took


def _beside(stage: Stage, root: Path) -> tuple[float, float]:
    """Seconds of one question of all sessions, to the lake and to PostgreSQL by turns: the best of some rounds each.
    The lake knows how long sessions lasted; PostgreSQL, when they began and ended."""

    def of(sessions: Any) -> str:
        if "stay_s" not in sessions.columns:
            sessions = sessions.mutate(
                stay_s=sessions.ended_at.delta(sessions.started_at, unit="second"),
                idle_s=sessions.ended_at.delta(sessions.charging_ended_at, unit="second"),
            )
        rows = expressions.stays(expressions.counted(sessions), ("station",)).to_pyarrow().to_pylist()
        return measures.checksum(row.values() for row in rows)

    ours, theirs, said = list[float](), list[float](), set[str]()
    backend = ibis.connect(stage.postgres.url(ADMIN, "forecourt"))
    try:
        with asking.expressed(root, stage.tenant_id) as lake:
            for _ in range(ROUNDS):
                for times, sessions in ((ours, lake["sessions"]), (theirs, backend.table("imported_sessions"))):
                    seconds, sum_of_it = _clocked(partial(of, sessions))
                    times.append(seconds)
                    said.add(sum_of_it)
    finally:
        backend.disconnect()
    assert len(said) == 1, "the two disagree"
    return min(ours), min(theirs)


def _clocked(make: Callable[[], str]) -> tuple[float, str]:
    before = time.perf_counter()
    made = make()
    return time.perf_counter() - before, made


@contextmanager
def _timed() -> Iterator[Took]:
    took, process, over = Took(), psutil.Process(), threading.Event()
    before, began = process.memory_info().rss, time.perf_counter()

    def watch() -> None:
        while not over.wait(0.02):
            took.memory = max(took.memory, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield took
    finally:
        took.seconds = time.perf_counter() - began
        over.set()
        watcher.join()
