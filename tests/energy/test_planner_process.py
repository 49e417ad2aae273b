"""The planner's process: who holds which site, and who wakes whom."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest

from forecourt.app import planner_process
from forecourt.energy.keeper import planner as planning
from forecourt.energy.keeper.apart import MAX_LOST, TooManyLost, apart
from forecourt.energy.keeper.planner import LEASE, Planner
from forecourt.energy.store import leases as holding
from forecourt.energy.store import nudges
from forecourt.platform.database import connect
from forecourt.platform.settings import Settings
from tests.care.yard import Yard
from tests.conftest import Database
from tests.energy.test_store import furnish
from tests.support import WAIT_S


class Keeper:
    """Stands in for what keeps a site: counts how often it is woken."""

    made: ClassVar[list[Any]] = []

    def __init__(self, tenant_id: int, site_id: int, **_: Any) -> None:
        self.site_id, self.woken, self.kept = site_id, asyncio.Queue[None](), True
        Keeper.made.append(self)

    def wake(self) -> None:
        self.woken.put_nowait(None)

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.kept = False


@pytest.fixture(autouse=True)
def keepers(monkeypatch: pytest.MonkeyPatch) -> list[Keeper]:
    """Looks are not waited for."""
    Keeper.made = []
    monkeypatch.setattr(planning, "SiteKeeper", Keeper)
    monkeypatch.setattr(planning, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(planning, "WATCH_EVERY_S", 0.02)
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
    async with asyncio.timeout(WAIT_S):
        while not happened():
            await asyncio.sleep(0.01)


def leases(yard: Yard) -> dict[Any, list[int]]:
    """Sites by who holds them."""
    found: dict[Any, list[int]] = {}
    for row in yard.rows("SELECT holder, site_id FROM planner_leases WHERE until >= clock_timestamp()"):
        found.setdefault(row["holder"], []).append(row["site_id"])
    return found


def sites(yard: Yard) -> int:
    return len(yard.rows("SELECT site_id FROM energy_sites WHERE enabled AND electrics_version > 0"))


async def test_planners_share_the_sites_and_each_site_is_held_by_one(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    for _ in range(4):
        await furnish(yard)
    number = sites(yard)
    async with planner(database.url, yard) as first:
        await until(lambda: [len(each) for each in leases(yard).values()] == [number])
        async with planner(database.url, yard):
            # The first gives back what is more than its half; what it keeps is not taken from it.
            halves = sorted((number // 2, number - number // 2))
            await until(lambda: sorted(len(each) for each in leases(yard).values()) == halves)
            await until(lambda: len([each for each in keepers if each.kept]) == number)
            kept = [each.site_id for each in keepers if each.kept]
            assert sorted(kept) == sorted(set(kept))
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await until(lambda: [len(each) for each in leases(yard).values()] == [number])
    assert yard.rows("SELECT 1 FROM planner_leases UNION ALL SELECT 1 FROM planner_holders") == []


async def test_where_solvers_hang_the_process_ends_and_others_hold_its_sites(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)
    goes_on = threading.Event()
    stations: Any = None
    made = Planner(database.url, worker=yard.worker, tenants=yard.tenants, stations=stations, clock=yard.clock)
    for _ in range(MAX_LOST):
        made._gates.lost.add(apart(goes_on.wait))
    try:
        with pytest.raises(TooManyLost):
            async with asyncio.timeout(WAIT_S):
                await made.run()
    finally:
        goes_on.set()
    assert site in [each.site_id for each in keepers], "it was held"
    assert leases(yard) == {}


@pytest.mark.parametrize("part", ["_hear", "_watch"])
async def test_a_planner_that_hears_or_watches_no_more_ends_and_holds_nothing(
    database: Database, yard: Yard, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    await furnish(yard)

    async def broken(_: Planner) -> None:
        raise KeyError(part)

    monkeypatch.setattr(Planner, part, broken)
    stations: Any = None
    made = Planner(database.url, worker=yard.worker, tenants=yard.tenants, stations=stations, clock=yard.clock)
    with pytest.raises(KeyError, match=part):
        async with asyncio.timeout(WAIT_S):
            await made.run()
    assert leases(yard) == {}


async def test_a_lease_of_a_process_that_was_killed_runs_out(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)

    def lasts(seconds: int) -> None:
        yard.rows(
            "INSERT INTO planner_leases (site_id, tenant_id, holder, until)"
            " VALUES (%s, %s, gen_random_uuid(), clock_timestamp() + make_interval(secs => %s))"
            " ON CONFLICT (site_id) DO UPDATE SET until = excluded.until",
            site, yard.tenant_id, seconds,
        )  # fmt: skip

    lasts(60)
    # How late it is by the clock of a host counts nothing.
    yard.clock.advance(3600)
    async with planner(database.url, yard):
        await until(lambda: len(keepers) >= sites(yard) - 1)
        assert site not in [each.site_id for each in keepers]
        lasts(-1)
        await until(lambda: site in [each.site_id for each in keepers])


HOLDS = """
import asyncio, sys, uuid
from datetime import timedelta
from forecourt.energy.store import leases
from forecourt.platform.database import connect

async def main(url, tenant_id, site_id, lock):
    holder, long = uuid.uuid4(), timedelta(hours=1)
    conn = await connect(url, "forecourt_worker", autocommit=True)
    assert await leases.take_lock(conn, lock)
    await leases.say_alive(conn, holder, long, lock)
    assert await leases.hold_sites(conn, holder, [(tenant_id, site_id)], long, 1) == [site_id]
    print("holds", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
"""


async def test_a_planner_that_was_killed_loses_its_sites_with_its_connection_and_not_before(
    database: Database, yard: Yard, keepers: list[Keeper]
) -> None:
    site, _, _ = await furnish(yard)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDS, database.url, str(yard.tenant_id), str(site), "4711",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"holds\n"
        # Others that nobody holds are enough for the half of another.
        await furnish(yard)
        async with planner(database.url, yard):
            await until(lambda: len({each.site_id for each in keepers}) >= sites(yard) // 2)
            await looked(database, yard)
            assert site not in {each.site_id for each in keepers}
            process.kill()
            await process.wait()
            await until(lambda: site in {each.site_id for each in keepers})
            [lease] = yard.rows("SELECT holder FROM planner_leases WHERE site_id = %s", site)
            assert yard.rows("SELECT 1 FROM planner_holders WHERE holder = %s AND lock <> 4711", lease["holder"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        yard.rows("DELETE FROM planner_holders")


async def test_a_planner_holds_sites_by_its_lock_from_the_first_look_on_and_says_at_once_when_it_is_gone(
    database: Database, yard: Yard, keepers: list[Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nobody could take over at once from one that was killed just then."""
    for name in ("LOOK_EVERY_S", "LOCK_WITHIN_S", "DEAF_REST_S"):
        monkeypatch.setattr(planning, name, 600.0)
    await furnish(yard)
    async with planner(database.url, yard):
        await until(lambda: keepers)
        [held] = yard.rows("SELECT lock FROM planner_holders")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::int::oid"
        assert len(yard.rows(cut, held["lock"])) == 1
        await until(lambda: yard.rows("SELECT 1 FROM planner_holders WHERE lock IS NULL"))


async def looked(database: Database, yard: Yard) -> None:
    """The planner that runs has looked once more, from begin to end, since now."""
    for _ in range(2):
        yard.rows("UPDATE planner_holders SET until = until + interval '1 day' WHERE lock IS DISTINCT FROM 4711")
        await until(
            lambda: yard.rows(
                "SELECT 1 FROM planner_holders WHERE lock IS DISTINCT FROM 4711"
                " AND until < clock_timestamp() + interval '1 hour'"
            )
        )


async def test_one_that_lost_its_connection_and_goes_on_records_nothing_once_another_holds_its_site(
    database: Database, yard: Yard
) -> None:
    site, _, _ = await furnish(yard)
    mine, other, long = uuid4(), uuid4(), timedelta(minutes=1)

    async def take(holder: UUID) -> list[int]:
        async with yard.worker.anyone() as conn:
            return await holding.hold_sites(conn, holder, [(yard.tenant_id, site)], long, 1)

    async def alive(holder: UUID, lock: int | None) -> int:
        async with yard.worker.anyone() as conn:
            return await holding.say_alive(conn, holder, long, lock)

    line = await connect(database.url, "forecourt_worker", autocommit=True)
    assert await holding.take_lock(line, 815)
    others = await alive(mine, 815) - 1
    assert await take(mine) == [site]
    assert (await alive(other, None), await take(other)) == (others + 2, [])
    # One without a lock, as of an older release, is known by its lease alone.
    await alive(mine, None)
    await line.close()
    assert await take(other) == []
    await alive(mine, 815)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await holding.keep_lease(conn, yard.tenant_id, site, mine)
        taking = asyncio.create_task(take(other))
        await asyncio.wait([taking], timeout=0.2)
        # What is being recorded is, and is seen by who comes after.
        assert not taking.done()
    assert await taking == [site]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert not await holding.keep_lease(conn, yard.tenant_id, site, mine)
        assert await holding.keep_lease(conn, yard.tenant_id, site, other)
    assert await take(mine) == []
    assert await alive(other, None) == others + 1
    yard.rows("DELETE FROM planner_leases")
    yard.rows("DELETE FROM planner_holders")


async def test_who_can_hold_its_sites_no_more_gives_them_up_though_the_database_says_nothing(
    database: Database, yard: Yard, keepers: list[Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(yard)

    async def hangs(*_: Any) -> None:
        await asyncio.Event().wait()

    async with planner(database.url, yard):
        await until(lambda: len([each for each in keepers if each.kept]) == sites(yard))
        monkeypatch.setattr(holding, "say_alive", hangs)
        yard.clock.advance(LEASE.total_seconds())
        await until(lambda: not any(each.kept for each in keepers))


async def test_a_lease_that_is_kept_for_an_order_is_taken_by_nobody_until_that_is_recorded(
    database: Database, yard: Yard
) -> None:
    site, _, _ = await furnish(yard)
    mine, other, long = uuid4(), uuid4(), timedelta(minutes=1)

    async def take(holder: UUID) -> list[int]:
        async with yard.worker.anyone() as conn:
            return await holding.hold_sites(conn, holder, [(yard.tenant_id, site)], long, 1)

    async def keep(holder: UUID) -> bool:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            return await holding.keep_lease(conn, yard.tenant_id, site, holder)

    assert await take(mine) == [site]
    assert [await keep(mine), await keep(other), await take(other)] == [True, False, []]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await holding.keep_lease(conn, yard.tenant_id, site, mine)
        taking = asyncio.create_task(take(mine))
        await asyncio.wait([taking], timeout=0.2)
        assert not taking.done()
    assert await taking == [site]
    yard.rows("UPDATE planner_leases SET until = clock_timestamp() - interval '1 second' WHERE site_id = %s", site)
    assert not await keep(mine)
    assert await take(other) == [site]
    assert not await keep(mine)
    yard.rows("DELETE FROM planner_leases")


async def test_a_planner_ends_though_what_it_waited_for_when_it_was_told_so_took_no_notice(
    database: Database, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def deaf(_: Planner) -> None:
        looking.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(Planner, "_look", deaf)
    async with planner(database.url, yard) as running:
        await looking.wait()
        running.cancel()
        _, left = await asyncio.wait([running], timeout=WAIT_S)
        assert not left


async def test_a_process_whose_planner_ends_by_a_fault_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *_: Any, **__: Any) -> None:
            return

        async def run(self) -> None:
            raise RuntimeError("broken")

    class Nothing:
        batch = None

        def __init__(self, *_: Any, **__: Any) -> None:
            return

        async def __aenter__(self) -> "Nothing":
            return self

        async def __aexit__(self, *_: object) -> None:
            return

        @staticmethod
        async def wait(*_: Any) -> "Nothing":
            return Nothing()

        async def close(self) -> None:
            return

    async def safe(*_: Any) -> None:
        return

    monkeypatch.setattr(planner_process, "Planner", Broken)
    for name in ("Bus", "Pool", "Commander"):
        monkeypatch.setattr(planner_process, name, Nothing)
    monkeypatch.setattr(planner_process, "wait_until_safe", safe)
    with pytest.raises(RuntimeError, match="broken"):
        await planner_process.serve(Settings(database_url="postgresql://", nats_url="nats://"))


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
        async with asyncio.timeout(WAIT_S):
            await theirs.woken.get()
        while not mine.woken.empty():
            mine.woken.get_nowait()
        with pytest.raises(RuntimeError):
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await nudges.nudge(conn, site)
                raise RuntimeError
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await nudges.nudge(conn, other)
        async with asyncio.timeout(WAIT_S):
            await theirs.woken.get()
        assert mine.woken.empty()
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await nudges.nudge(conn, site)
        async with asyncio.timeout(WAIT_S):
            await mine.woken.get()
