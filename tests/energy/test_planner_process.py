"""The planner's process: who holds which site, and who wakes whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from forecourt.energy.keeper import planner as planning
from forecourt.energy.keeper.planner import LEASE, Planner
from forecourt.energy.store import nudges
from tests.care.yard import Yard
from tests.conftest import Database
from tests.energy.test_store import furnish


class Keeper:
    """Stands in for what keeps a site: counts how often it is woken."""

    made: ClassVar[list[Any]] = []

    def __init__(self, tenant_id: int, site_id: int, **_: Any) -> None:
        self.site_id, self.woken = site_id, asyncio.Queue[None]()
        Keeper.made.append(self)

    def wake(self) -> None:
        self.woken.put_nowait(None)

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def keepers(monkeypatch: pytest.MonkeyPatch) -> list[Keeper]:
    """Looks are not waited for."""
    Keeper.made = []
    monkeypatch.setattr(planning, "SiteKeeper", Keeper)
    monkeypatch.setattr(planning, "LOOK_EVERY_S", 0.02)
    return Keeper.made


@asynccontextmanager
async def planner(url: str, yard: Yard) -> AsyncIterator[asyncio.Task[None]]:
    stations: Any = None
    made = Planner(url, worker=yard.worker, tenants=yard.tenants, stations=stations, clock=yard.clock)
    task = asyncio.create_task(made.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(happened: Any) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.01)


async def test_a_site_is_held_by_one_process_and_by_another_when_that_one_is_gone(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)

    def holders() -> list[Any]:
        return [row["holder"] for row in yard.rows("SELECT holder FROM planner_leases WHERE site_id = %s", site)]

    async with planner(database.url, yard) as first:
        await until(holders)
        [holder] = holders()
        async with planner(database.url, yard):
            # As long as the first lives the second gets nothing, however often it looks.
            await asyncio.sleep(0.2)
            assert [each.site_id for each in keepers].count(site) == 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await until(lambda: [each.site_id for each in keepers].count(site) == 2)
            assert holders() != [holder]
    assert holders() == []


async def test_a_lease_of_a_process_that_was_killed_runs_out(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)
    yard.rows(
        "INSERT INTO planner_leases (site_id, tenant_id, holder, until) VALUES (%s, %s, gen_random_uuid(), %s)",
        site,
        yard.tenant_id,
        yard.clock.now() + LEASE,
    )
    async with planner(database.url, yard):
        await asyncio.sleep(0.2)
        assert site not in [each.site_id for each in keepers]
        yard.clock.advance(LEASE.total_seconds() + 1)
        await until(lambda: site in [each.site_id for each in keepers])


async def test_what_is_committed_wakes_the_keeper_of_its_site_and_what_is_rolled_back_does_not(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)
    other, _, _ = await furnish(yard)
    async with planner(database.url, yard):
        await until(lambda: {site, other} <= {each.site_id for each in keepers})
        mine, theirs = ([each for each in keepers if each.site_id == id][-1] for id in (site, other))
        # Both are woken once when the planner begins to hear.
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await nudges.nudge(conn, other)
        async with asyncio.timeout(60):
            await theirs.woken.get()
        while not mine.woken.empty():
            mine.woken.get_nowait()
        with pytest.raises(RuntimeError):
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await nudges.nudge(conn, site)
                raise RuntimeError
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await nudges.nudge(conn, other)
        async with asyncio.timeout(60):
            await theirs.woken.get()
        assert mine.woken.empty()
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await nudges.nudge(conn, site)
        async with asyncio.timeout(60):
            await mine.woken.get()
