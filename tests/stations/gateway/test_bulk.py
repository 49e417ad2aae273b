"""Many stations asked at once, by a job over real sockets: bounded, stoppable, and never twice after a crash."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import pytest_asyncio

from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.stations import bulk, store
from forecourt.stations.bulk import AT_ONCE, BulkJobs, RunBusy, RunRefused, TooManyRuns
from forecourt.stations.commands import Commander
from tests.http import an_actor
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.support import FakeClock


@pytest.fixture
def transport() -> str:
    """The carrier makes no difference here."""
    return "picows"


class Desk:
    """Asks for runs and does them, as the web and the worker do."""

    def __init__(self, rig: Rig, pool: Pool, bus: Bus) -> None:
        self.rig = rig
        self.pool = pool
        self.clock = FakeClock(datetime.now(UTC))
        self.tenant_id = rig.tenant()
        commander = Commander(pool, bus, self.clock, 5.0, secret_key=SECRET.encode())
        self.jobs = BulkJobs(pool, commander, self.clock, SECRET.encode())

    async def ask(self, action: bulk.Action, argument: str, stations: list[str]) -> UUID:
        async with self.pool.tenant(self.tenant_id) as conn:
            return await bulk.ask(conn, an_actor(self.tenant_id), action, argument, stations, self.clock.now())

    async def do(self, run_id: UUID) -> None:
        await self.jobs.run(tenant_id=self.tenant_id, subject=str(run_id))

    async def state(self, run_id: UUID) -> str:
        async with self.pool.tenant(self.tenant_id) as conn:
            return (await bulk.find(conn, self.tenant_id, run_id)).state

    async def outcomes(self, run_id: UUID) -> dict[str, tuple[str, str | None]]:
        async with self.pool.tenant(self.tenant_id) as conn:
            rows = await store.list_run_stations(conn, self.tenant_id, run_id, state=None, limit=1000)
        return {row.station: (row.state, row.said) for row in rows}


@pytest_asyncio.fixture
async def desk(rig: Rig) -> AsyncIterator[Desk]:
    bus = await Bus.connect(rig.nats_url)
    yield Desk(rig, await rig.ground.pool("forecourt_app", 3), bus)
    await bus.close()


async def connected(rig: Rig, stack: AsyncExitStack, identity: str) -> StationClient:
    await rig.register(identity)
    station = await stack.enter_async_context(rig.station(identity))
    assert "currentTime" in await station.call("Heartbeat", {})
    return station


async def obey(station: StationClient, status: str) -> Any:
    """Answer the next call; its payload."""
    _, message_id, action, payload = await station.next_ask()
    assert action == "Reset"
    await station.link.send(json.dumps([3, message_id, {"status": status}]))
    return payload


async def test_each_station_of_a_run_has_its_own_outcome_in_the_station_s_word(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        good = await connected(desk.rig, stack, "B1")
        bad = await connected(desk.rig, stack, "B2")
        await desk.rig.register("B3")
        run_id = await desk.ask("reset", "hard", ["B1", "B2", "B3", "B1", "never-heard-of"])
        said = await asyncio.gather(desk.do(run_id), obey(good, "Accepted"), obey(bad, "Rejected"))
    assert list(said[1:]) == [{"type": "Hard"}, {"type": "Hard"}]
    assert await desk.outcomes(run_id) == {
        "B1": ("done", "Accepted"),
        "B2": ("refused", "Rejected"),
        "B3": ("failed", "station-offline"),
    }
    assert await desk.state(run_id) == "done"
    audited = desk.rig.rows("SELECT action, object FROM audit WHERE action LIKE '%%reset%%' ORDER BY object")
    assert ("reset station", "station:B1") in audited


async def test_never_more_stations_are_asked_at_once_than_said(desk: Desk) -> None:
    names = [f"B{number}" for number in range(AT_ONCE + 3)]
    async with AsyncExitStack() as stack:
        stations = [await connected(desk.rig, stack, name) for name in names]
        run_id = await desk.ask("reset", "soft", names)
        doing = asyncio.create_task(desk.do(run_id))
        asks = await asyncio.gather(*(station.next_ask() for station in stations[:AT_ONCE]))
        assert [state for state, _ in (await desk.outcomes(run_id)).values()].count("working") == AT_ONCE
        for station, ask in zip(stations, asks, strict=False):
            await station.link.send(json.dumps([3, ask[1], {"status": "Accepted"}]))
        await asyncio.gather(doing, *(obey(station, "Accepted") for station in stations[AT_ONCE:]))
    assert {state for state, _ in (await desk.outcomes(run_id)).values()} == {"done"}


async def test_a_run_that_takes_long_gets_in_line_again_after_a_portion(desk: Desk) -> None:
    names = [f"B{number}" for number in range(AT_ONCE + 2)]
    async with AsyncExitStack() as stack:
        stations = [await connected(desk.rig, stack, name) for name in names]
        run_id = await desk.ask("reset", "soft", names)
        desk.rig.admin.execute("DELETE FROM outbox")
        doing = asyncio.create_task(desk.do(run_id))
        asks = await asyncio.gather(*(station.next_ask() for station in stations[:AT_ONCE]))
        # Another worker that does the same run asks nobody beyond so many at once.
        with pytest.raises(RunBusy):
            await desk.do(run_id)
        desk.clock.advance(bulk.PORTION.total_seconds())
        for station, ask in zip(stations, asks, strict=False):
            await station.link.send(json.dumps([3, ask[1], {"status": "Accepted"}]))
        await doing
        assert [state for state, _ in (await desk.outcomes(run_id)).values()] == ["done"] * AT_ONCE + ["waiting"] * 2
        assert await desk.state(run_id) == "running"
        assert desk.rig.rows("SELECT event, subject FROM outbox") == [(bulk.ASKED, str(run_id))]
        await asyncio.gather(desk.do(run_id), *(obey(station, "Accepted") for station in stations[AT_ONCE:]))
    assert await desk.state(run_id) == "done"
    assert desk.rig.rows("SELECT count(*)::int FROM outbox") == [(1,)]


async def test_a_run_that_is_stopped_finishes_what_is_in_work_and_begins_nothing_more(desk: Desk) -> None:
    names = [f"B{number}" for number in range(AT_ONCE + 2)]
    async with AsyncExitStack() as stack:
        stations = [await connected(desk.rig, stack, name) for name in names]
        run_id = await desk.ask("reset", "soft", names)
        doing = asyncio.create_task(desk.do(run_id))
        asks = await asyncio.gather(*(station.next_ask() for station in stations[:AT_ONCE]))
        async with desk.pool.tenant(desk.tenant_id) as conn:
            await bulk.stop(conn, an_actor(desk.tenant_id), run_id)
        for station, ask in zip(stations, asks, strict=False):
            await station.link.send(json.dumps([3, ask[1], {"status": "Accepted"}]))
        await doing
    states = [state for state, _ in (await desk.outcomes(run_id)).values()]
    assert states == ["done"] * AT_ONCE + ["waiting"] * 2
    assert await desk.state(run_id) == "stopped"
    await desk.do(run_id)
    assert [state for state, _ in (await desk.outcomes(run_id)).values()] == states


async def test_a_station_in_the_hands_of_a_worker_that_died_is_not_asked_again(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        first = await connected(desk.rig, stack, "B1")
        second = await connected(desk.rig, stack, "B2")
        run_id = await desk.ask("reset", "hard", ["B1", "B2"])
        async with desk.pool.tenant(desk.tenant_id) as conn:
            await store.begin_run(conn, desk.tenant_id, run_id, desk.clock.now())
            [claimed] = await store.claim_stations(conn, desk.tenant_id, run_id, 1, desk.clock.now())
        assert claimed.station == "B1"
        # Its worker may live: the others are done, and the run is looked at again later.
        with pytest.raises(RunBusy):
            await asyncio.gather(desk.do(run_id), obey(second, "Accepted"))
        desk.clock.advance((bulk.LOST_AFTER + timedelta(seconds=1)).total_seconds())
        await desk.do(run_id)
        assert first.asked == []
    assert await desk.outcomes(run_id) == {"B1": ("unknown", None), "B2": ("done", "Accepted")}
    assert await desk.state(run_id) == "done"


async def test_registrations_and_sites_are_changed_by_the_same_verbs_as_one_by_one(desk: Desk) -> None:
    for name in ("B1", "B2"):
        await desk.rig.register(name)
    desk.rig.admin.execute(
        "INSERT INTO sites (tenant_id, slug, name) VALUES (%s, 'yard', 'The yard')", (desk.tenant_id,)
    )
    for action, argument in (("registration", "pending"), ("site", "yard"), ("site", "nowhere")):
        run_id = await desk.ask(cast("bulk.Action", action), argument, ["B1", "B2"])
        await desk.do(run_id)
        wanted = ("failed", "site-refused") if argument == "nowhere" else ("done", None)
        assert set((await desk.outcomes(run_id)).values()) == {wanted}
    rows = desk.rig.rows("SELECT registration, slug FROM stations JOIN sites USING (site_id)")
    assert rows == [("pending", "yard")] * 2
    run_id = await desk.ask("site", "", ["B1"])
    await desk.do(run_id)
    assert desk.rig.rows("SELECT site_id FROM stations WHERE identity = 'B1'") == [(None,)]


async def test_a_run_of_no_station_is_refused(desk: Desk) -> None:
    with pytest.raises(RunRefused):
        await desk.ask("reset", "soft", [])


async def test_an_organisation_has_so_many_runs_that_have_not_ended_and_no_more(desk: Desk) -> None:
    await desk.rig.register("B1")
    runs = [await desk.ask("reset", "soft", ["B1"]) for _ in range(bulk.MAX_OPEN)]
    with pytest.raises(TooManyRuns):
        await desk.ask("reset", "soft", ["B1"])
    await desk.do(runs[0])
    await desk.ask("reset", "soft", ["B1"])


async def test_asking_for_a_run_leads_to_its_job(desk: Desk) -> None:
    await desk.rig.register("B1")
    run_id = await desk.ask("reset", "soft", ["B1"])
    assert desk.rig.rows("SELECT event, subject FROM outbox WHERE event = %s", bulk.ASKED) == [
        (bulk.ASKED, str(run_id))
    ]
