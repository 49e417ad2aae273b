"""What the worker does for the lake, with the real job queue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forecourt.app.works import LONG, NIGHTLY
from forecourt.insight.actions.service import Finder
from forecourt.insight.forecast.making import Forecaster, Made
from forecourt.insight.health.contest import Contest
from forecourt.insight.health.examining import Examiner
from forecourt.insight.health.store import models
from forecourt.insight.jobs import WANTED
from forecourt.insight.lake import asking, erasing
from forecourt.insight.lake.export import Exporter
from forecourt.insight.lake.layout import Folder, LakeBusy
from forecourt.insight.lake.tables import schema
from forecourt.insight.nights import Nights
from forecourt.insight.tries import MAX_TRIES, troubles
from forecourt.platform import outbox
from forecourt.platform.database import Pool
from forecourt.sessions.costing.model import ASSESSED
from tests.insight.conftest import Desk
from tests.insight.test_health_nights import published
from tests.insight.test_lake import Shore
from tests.works import Jobs


async def test_a_session_that_settled_is_in_the_lake_the_morning_after(desk: Desk, tmp_path: Path) -> None:
    shore, idle = Shore(desk, tmp_path / "lake", "works"), desk.organisation("has nothing")
    station = shore.station("CP1")
    session_id = await shore.session(station, "t1", datetime(2026, 2, 20, 23, 30, tzinfo=UTC), token_uid="GOES")
    desk.rows("DELETE FROM lake_marks RETURNING 1")
    async with Pool(desk.database.url, "forecourt_worker", size=2) as pool:
        works = Jobs(desk.database.url, pool, desk.pool, desk.clock, lake=shore.root)
        async with desk.pool.tenant(shore.tenant_id) as conn:
            await outbox.write(conn, shore.tenant_id, ASSESSED, str(session_id))
        async with works as jobs:

            async def work(queue: str) -> None:
                await jobs.dispatch()
                await jobs.run(queues=[queue], keep=True)

            await work("default")
            marked = desk.rows("SELECT day::text FROM lake_marks WHERE tenant_id = %s ORDER BY day", shore.tenant_id)
            assert marked == [("2026-02-20",), ("2026-02-21",)]
            await jobs.insight.night(tenant_id=shore.tenant_id)
            assert shore.ask("SELECT sum(busy_s)::INT FROM hours") == [(3600,)]
            assert desk.rows("SELECT FROM lake_marks WHERE tenant_id = %s", shore.tenant_id) == []
            assert Folder(shore.root, idle).latest() is None
            # Somebody wants it now, and somebody is erased.
            await shore.session(station, "t2", datetime(2026, 2, 22, 8, tzinfo=UTC), token_uid="STAYS")
            async with desk.pool.tenant(shore.tenant_id) as conn:
                await outbox.write(conn, shore.tenant_id, WANTED, str(shore.tenant_id))
                await erasing.ask(conn, shore.tenant_id, 7, ["goes"], desk.clock.now() + timedelta(seconds=1))
            await work(LONG)
    assert shore.ask("SELECT count(*)::INT, count(driver)::INT FROM sessions") == [(2, 1)]
    assert desk.rows("SELECT FROM lake_erasures WHERE tenant_id = %s AND done_at IS NULL", shore.tenant_id) == []
    assert asking.files_of(*asking.snapshot_of(shore.root, shore.tenant_id), "sessions")


async def test_a_night_that_was_stopped_goes_on_in_the_next_hour_and_does_nothing_twice(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore, done = Shore(desk, tmp_path / "lake", "stopped"), []
    await shore.session(shore.station("CP1"), "t1", datetime(2026, 2, 20, 23, 30, tzinfo=UTC))
    fails = {"export"}
    honest = Exporter.export

    def step(name: str, result: Any) -> Any:
        async def do(self: Any, tenant_id: int, **how: Any) -> Any:
            if tenant_id != shore.tenant_id:
                return result
            done.append(name)
            if name == "look" and "midnight" in fails:
                shore.clock.advance(86_400)
            if name in fails:
                raise RuntimeError(name)
            return await honest(self, tenant_id) if name == "export" else result

        return do

    monkeypatch.setattr(Exporter, "export", step("export", None))
    monkeypatch.setattr(Forecaster, "make", step("make", Made(forecast=1, left=0, chosen=0, before=0)))
    monkeypatch.setattr(Finder, "find", step("find", 0))
    monkeypatch.setattr(Examiner, "look", step("look", None))
    mine = f"insight.night:{shore.tenant_id}"
    async with (
        Pool(desk.database.url, "forecourt_worker", size=2) as pool,
        Jobs(desk.database.url, pool, desk.pool, shore.clock, lake=shore.root) as jobs,
    ):
        begin = jobs.app.tasks["insight.begin_nights"]

        async def night() -> list[str]:
            """An hour's: begun twice, it is in line once, under a lock of its organisation alone."""
            done.clear()
            shore.clock.advance(3_600)
            for _ in range(2):
                await begin.defer_async(timestamp=0)
                await jobs.run(queues=["default"], keep=True)
            desk.rows("DELETE FROM procrastinate_jobs WHERE queue_name = %s AND lock <> %s RETURNING 1", NIGHTLY, mine)
            waiting = desk.rows(
                "SELECT lock, queueing_lock, (args ->> 'tenant_id')::int FROM procrastinate_jobs"
                " WHERE queue_name = %s AND status = 'todo'", NIGHTLY,
            )  # fmt: skip
            assert waiting in ([], [(mine, mine, shore.tenant_id)])
            await jobs.run(queues=[NIGHTLY], keep=True)
            assert bool(waiting) == bool(done)
            return [*done]

        assert await night() == ["export"]
        fails = {"make", "find"}
        # What two steps fail by keeps the third from nothing, and they alone are done again.
        assert await night() == ["export", "find", "look", "make"]
        fails = {"find"}
        assert await night() == ["find", "make"]
        fails = set()
        # After a second time in vain two hours pass.
        assert await night() == []
        assert await night() == ["find"]
        assert await night() == []
        # The next day there is nothing to do with the lake of the day before.
        shore.clock.advance(86_400)
        fails = {"export"}
        assert await night() == ["export"]
        # One that ends after midnight was of the day on which it began: the day that came has its own.
        fails = {"midnight"}
        assert await night() == ["export", "find", "look", "make"]
        fails = set()
        assert await night() == ["export", "find", "look", "make"]


async def test_what_always_fails_is_tried_a_few_times_a_day_and_its_page_says_why(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore, tried = Shore(desk, tmp_path / "lake", "in vain"), []
    shore.clock.set(datetime(2026, 3, 1, 2, 7, tzinfo=UTC))
    await shore.session(shore.station("CP1"), "t1", datetime(2026, 2, 20, 23, 30, tzinfo=UTC))

    async def fail(self: Any, tenant_id: int) -> None:
        tried.append(shore.clock.now().hour)
        raise LakeBusy

    monkeypatch.setattr(Finder, "find", fail)
    nights = Nights(desk.pool, shore.clock, shore.root, quick=True)
    async with desk.pool.tenant(shore.tenant_id) as conn:
        assert await troubles(conn, shore.tenant_id, shore.clock.now()) == {}
    for hour in range(2, 24):
        shore.clock.set(datetime(2026, 3, 1, hour, 7, tzinfo=UTC))
        if await nights.is_due(shore.tenant_id):
            await nights.do(shore.tenant_id)
        if hour == 3:
            async with desk.pool.tenant(shore.tenant_id) as conn:
                told = (await troubles(conn, shore.tenant_id, shore.clock.now()))["acted"]
            assert (told.tries, told.reason, told.again_at) == (
                2,
                LakeBusy().detail,
                datetime(2026, 3, 1, 4, 57, tzinfo=UTC),
            )
    assert tried == [2, 3, 5, 9, 17]
    async with desk.pool.tenant(shore.tenant_id) as conn:
        told = (await troubles(conn, shore.tenant_id, shore.clock.now()))["acted"]
    assert (told.tries, told.again_at) == (MAX_TRIES, None)
    # The next day has tries of its own, and what is done is told of no more.
    monkeypatch.undo()
    nights = Nights(desk.pool, shore.clock, shore.root, quick=True)
    shore.clock.set(datetime(2026, 3, 2, 2, 7, tzinfo=UTC))
    assert await nights.is_due(shore.tenant_id)
    await nights.do(shore.tenant_id)
    async with desk.pool.tenant(shore.tenant_id) as conn:
        assert await troubles(conn, shore.tenant_id, shore.clock.now()) == {}
    assert not await nights.is_due(shore.tenant_id)


async def test_a_contest_that_could_not_be_held_is_held_another_morning_and_once_a_month_whatever_others_do(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, fails = [], True
    one, two, _ = (desk.organisation(name) for name in ("first", "second", "without a lake"))
    for tenant_id in (one, two):
        empty = {name: schema(name).empty_table() for name in ("states", "gaps", "sessions", "stations")}
        published(Folder(tmp_path, tenant_id), empty, desk.clock.now())

    async def contest(_: Examiner, tenant_id: int) -> Contest:
        if fails and tenant_id == one:
            raise RuntimeError("killed")
        held.append(tenant_id)
        told = Contest(champion="a", why="short")
        async with desk.pool.tenant(tenant_id) as conn:
            await models.keep_contest(conn, tenant_id, desk.clock.now().date(), desk.clock.now(), told)
        return told

    monkeypatch.setattr(Examiner, "contest", contest)
    async with (
        Pool(desk.database.url, "forecourt_worker", size=2) as pool,
        Jobs(desk.database.url, pool, desk.pool, desk.clock, lake=tmp_path) as jobs,
    ):

        async def morning() -> list[int]:
            held.clear()
            await jobs.app.tasks["insight.begin_contests"].defer_async(timestamp=0)
            await jobs.run(queues=["default", NIGHTLY], keep=True)
            desk.clock.advance(86_400)
            return [each for each in held if each in (one, two)]

        assert await morning() == [two]
        fails = False
        assert await morning() == [one]
        assert await morning() == []
        desk.clock.advance(31 * 86_400)
        assert sorted(await morning()) == [one, two]
