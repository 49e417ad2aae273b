"""What years of sessions cost to look at: the lake made of them, kept up by the day, and asked, beside PostgreSQL.

Ten thousand stations of one year, generated once in PostgreSQL as history that was brought in, and kept (`shelf`): how
long making the lake took is told of when it was made. Times are by the clock on the wall, on the one core that
PostgreSQL and this process share; what dashboards take is their CPU time, for others may wait on that core as well.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import psutil
from msgspec import Struct

from bench import shelf
from bench.figures import Figure
from bench.servers import Stage
from bench.shelf import SESSIONS, ZONE, Year
from forecourt.insight.dashboards.answering import FROM_THE_LAKE, Answers
from forecourt.insight.dashboards.model import Asked, Family, Span
from forecourt.insight.lake import asking, spans, store
from forecourt.insight.lake.export import Exporter
from forecourt.insight.usage import expressions, measures
from forecourt.platform.database import Pool
from forecourt.platform.days import month_of
from forecourt.platform.embedded.postgres import ADMIN

STATIONS, QUICK = 10_000, 500
ROUNDS: Final = 3
GOAL_ASK_MS: Final = 500.0
GOAL_RATIO: Final = 10.0
GOAL_DAY: Final = 0.01
GOAL_MEMORY_MIB: Final = 2_048.0
MIB: Final = 1 << 20
#: Spans that dashboards are asked for, in days; of drivers, in months.
SPANS: Final = (30, 365)
MONTHS: Final = (1, spans.HALF, spans.YEAR)


class Took(Struct, kw_only=True):
    """Seconds on the wall and of this process's CPU, and the most memory of it meanwhile, beyond what it had before, in
    bytes."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    memory: int = 0


async def measure(stage: Stage) -> list[Figure]:
    """The lake's making and keeping, what dashboards take, and one question beside PostgreSQL."""
    async with shelf.year(QUICK if stage.quick else STATIONS, _made) as (year, root):
        updated = await _updated(year, root)
        found = await _asked(year, root)
        ours, theirs = await asyncio.to_thread(_beside, year, root)
    what = f"Lake of {year.stations * SESSIONS / 1e6:g} M sessions"
    most = max(year.note.memory, updated.memory, *(took.memory for took in found.values()))
    return [
        Figure(what=f"{what}: made of PostgreSQL's rows", unit="s", ours=year.note.made_s),
        Figure(
            what=f"{what}: a day's update, of a making", unit="parts of 1", ours=updated.seconds / year.note.made_s,
            goal_most=GOAL_DAY,
        ),
        *(
            Figure(what=f"{what}: dashboard {name}, CPU", unit="ms", ours=took.cpu_s * 1e3, goal_most=GOAL_ASK_MS)
            for name, took in found.items()
        ),
        Figure(
            what=f"{what}: time in use by station, from sessions", unit="ms", ours=ours * 1e3, ordinary=theirs * 1e3,
            goal_ratio=GOAL_RATIO,
        ),
        Figure(what=f"{what}: most memory on top", unit="MiB", ours=most / MIB, goal_most=GOAL_MEMORY_MIB),
    ]  # fmt: skip


async def _made(year: Year, root: Path) -> tuple[float, int]:
    """The lake of a year, made in so many seconds."""
    async with Pool(year.postgres.app_url, "forecourt_app", size=2) as pool:
        with _timed() as took:
            made = await Exporter(pool, year.clock, root).export(year.note.tenant_id, anew=True)
    assert made.sessions == year.stations * SESSIONS, "the lake does not hold what PostgreSQL does"
    return took.seconds, took.memory


async def _updated(year: Year, root: Path) -> Took:
    """What one day more takes."""
    tenant_id = year.note.tenant_id
    async with Pool(year.postgres.app_url, "forecourt_app", size=2) as pool:
        days = await asyncio.to_thread(year.day)
        async with pool.tenant(tenant_id) as conn:
            await store.mark(conn, tenant_id, days)
        with _timed() as took:
            more = await Exporter(pool, year.clock, root).export(tenant_id)
    assert more.sessions == year.stations * (SESSIONS + 1)
    return took


async def _asked(year: Year, root: Path) -> dict[str, Took]:
    """The slowest of some rounds of each family and span, each asked anew."""
    found: dict[str, Took] = {}
    # Days of the clock that all of the sites go by, as the page offers them.
    until = year.clock.now().astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    first = until.date().replace(day=1)
    for family in FROM_THE_LAKE:
        if family == Family.DRIVERS:
            # They are told of by whole months.
            told = {f"{months} months": Span(since=_midnight(month_of(first, -months)), until=_midnight(first))
                    for months in MONTHS}  # fmt: skip
        else:
            told = {f"{days} days": Span(since=until - timedelta(days=days), until=until) for days in SPANS}
        for name, span in told.items():
            asked = Asked(span=span, zone=ZONE)
            rounds = [await _once(year, root, family, asked) for _ in range(ROUNDS)]
            found[f"{family.value}, {name}"] = max(rounds, key=lambda each: each.cpu_s)
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))


async def _once(year: Year, root: Path, family: Family, asked: Asked) -> Took:
    answers = Answers(root)
    lake = await answers.lake(year.note.tenant_id)
    with _timed() as took:
        await answers.answer(year.note.tenant_id, lake, family, asked)
    return took


def _beside(year: Year, root: Path) -> tuple[float, float]:
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
    backend = ibis.connect(year.postgres.url(ADMIN, "forecourt"))
    try:
        with asking.expressed(root, year.note.tenant_id) as lake:
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
    before, began, spent = process.memory_info().rss, time.perf_counter(), time.process_time()

    def watch() -> None:
        while not over.wait(0.02):
            took.memory = max(took.memory, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield took
    finally:
        took.seconds, took.cpu_s = time.perf_counter() - began, time.process_time() - spent
        over.set()
        watcher.join()
