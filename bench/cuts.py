"""What it takes to answer a cut at one site, all of it: from the limit that was committed, over reading the site and
sharing out what there is, to the first CALL on its way, and to the last.

First a site as large as they come, whose stations nobody holds: the CPU time of the planner alone. Then one whose
stations are there and charge: the time until the last of them was told.
"""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec import Struct

from bench import sites, words
from bench.figures import Figure
from bench.servers import ALL_CORES, SECRET, Stage, on_cores
from forecourt.energy.keeper.keeper import Gates, SiteKeeper
from forecourt.energy.planning.making import site_room
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.collector import THRESHOLDS
from forecourt.platform.database import Pool
from forecourt.stations.commands import Commander

#: Cars of one site, and the most CPU milliseconds until the first of them is told.
GOALS_CPU: dict[int, float | None] = {1_000: None, 5_000: 250.0}
#: Stations that are there, and the most milliseconds until the last of them was told.
THERE = 1_000
GOAL_LAST = 1_000.0
ROUNDS = 3
#: Of all cars, those whose meter has spoken since the last look.
SPOKE = 0.1
#: What a cut leaves of what all were told.
LEFT = 0.6
WAIT_S = 60.0


class Sent(Struct, kw_only=True):
    """When the first word left, by the clock of the processor and by the wall's."""

    cpu_s: float | None = None
    wall_s: float | None = None


class MarkedBus(Bus):
    """The bus, which notes when the first word of something is handed to it."""

    sent: Sent = Sent()

    async def converse(
        self, requests: Sequence[tuple[str, bytes]], deadline_s: float
    ) -> AsyncGenerator[list[tuple[int, bytes | None]], None]:
        if self.sent.cpu_s is None:
            self.sent.cpu_s, self.sent.wall_s = time.process_time(), time.perf_counter()
        async for some in super().converse(requests, deadline_s):
            yield some


async def measure(stage: Stage) -> list[Figure]:
    """The worst of some rounds each."""
    found = []
    with _collecting():
        for cars in (min(GOALS_CPU),) if stage.quick else GOALS_CPU:
            found += await _alone(stage, cars)
        found += await _there(stage)
    return found


@contextmanager
def _collecting() -> Iterator[None]:
    """As a planner collects garbage."""
    usual = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


async def _alone(stage: Stage, cars: int) -> list[Figure]:
    first = await stage.register(cars)
    bus = await MarkedBus.connect(stage.nats.url)
    assert isinstance(bus, MarkedBus)
    clock, gateway = SystemClock(), str(uuid4())
    async with Pool(stage.postgres.app_url, "forecourt_app", size=4) as pool:
        now = clock.now()
        site_id = await sites.furnish(stage, pool, first, cars, now, f"bench-{cars}")
        await sites.hold(stage, site_id, gateway, now)
        await sites.charge(stage, site_id, now)
        keeper = _keeper(stage, pool, bus, site_id)
        cpu, wall = list[float](), list[float]()
        for _ in range(1 + ROUNDS):
            await sites.tell(stage, site_id, clock.now())
            await stage.settle()
            await keeper.read()
            await sites.speak(stage, site_id, clock.now(), SPOKE)
            sent = await _cut(stage, pool, bus, keeper, site_id, cars)
            cpu.append(sent[0])
            wall.append(sent[1])
    await bus.close()
    what = f"Cut for {cars:,} cars, from the limit to the first CALL"
    return [
        Figure(what=f"{what}: planner", unit="CPU ms", ours=max(cpu[1:]) * 1e3, goal_most=GOALS_CPU[cars]),
        Figure(what=f"{what}: in all", unit="ms", ours=max(wall[1:]) * 1e3),
    ]


def _keeper(stage: Stage, pool: Pool, bus: Bus, site_id: int) -> SiteKeeper:
    batch = Commander(pool, bus, SystemClock(), secret_key=SECRET.encode()).batch
    return SiteKeeper(stage.tenant_id, site_id, tenants=pool, stations=batch, clock=SystemClock(), gates=Gates(4))


async def _cut(
    stage: Stage, pool: Pool, bus: MarkedBus, keeper: SiteKeeper, site_id: int, cars: int
) -> tuple[float, float]:
    """CPU and other seconds from the committed limit until the first word has left."""
    with on_cores(ALL_CORES[:1]):
        limit_id = await sites.limit(pool, stage.tenant_id, site_id, LEFT * sites.all_a(cars), SystemClock().now())
        bus.sent = Sent()
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        await _answer(keeper)
        await keeper.settled()
    await sites.unlimit(stage, limit_id)
    assert bus.sent.cpu_s is not None, "nobody was told anything"
    assert bus.sent.wall_s is not None
    return bus.sent.cpu_s - cpu_s, bus.sent.wall_s - wall_s


async def _answer(keeper: SiteKeeper) -> None:
    """What a keeper does first when it is woken."""
    reading = await keeper.read()
    assert reading is not None
    assert await keeper.cut(reading, site_room(reading.known))


async def _there(stage: Stage) -> list[Figure]:
    """A site of stations that are there, over their sockets: the last of them was told by the gateway's own log."""
    first = await stage.register(THERE)
    bus = await MarkedBus.connect(stage.nats.url)
    assert isinstance(bus, MarkedBus)
    clock, last = SystemClock(), list[float]()
    async with (
        Pool(stage.postgres.app_url, "forecourt_app", size=4) as pool,
        stage.gateway() as server,
        stage.crowd(server) as crowd,
    ):
        await crowd.order(words.Connect(first=first, count=THERE, at_once=50, start=True))
        await stage.settle()
        site_id = await sites.furnish(stage, pool, first, THERE, clock.now(), "bench-there")
        keeper = _keeper(stage, pool, bus, site_id)
        for _ in range(1 + ROUNDS):
            await sites.tell(stage, site_id, clock.now())
            await stage.settle()
            await keeper.read()
            last.append(await _told_all(stage, pool, keeper, site_id))
    await bus.close()
    what = f"Cut for {THERE:,} stations that charge, from the limit to the last CALL written"
    return [Figure(what=what, unit="ms", ours=max(last[1:]) * 1e3, goal_most=GOAL_LAST)]


async def _told_all(stage: Stage, pool: Pool, keeper: SiteKeeper, site_id: int) -> float:
    with on_cores(ALL_CORES[:1]):
        limit_id = await sites.limit(pool, stage.tenant_id, site_id, LEFT * sites.all_a(THERE), SystemClock().now())
        committed = SystemClock().now()
        await _answer(keeper)
        took_s = await _last_written(stage, committed)
        await keeper.settled()
    await sites.unlimit(stage, limit_id)
    return took_s


async def _last_written(stage: Stage, since: datetime) -> float:
    """Seconds until the last station of the site was told, by the gateway's message log, which comes a little later."""
    async with await stage.admin() as connection:
        until = SystemClock().now() + timedelta(seconds=WAIT_S)
        while SystemClock().now() < until:
            await asyncio.sleep(0.2)
            cursor = await connection.execute(
                "SELECT count(DISTINCT station_id), (extract(epoch FROM max(first)) * 1000000)::bigint FROM ("
                " SELECT station_id, min(at) AS first FROM messages WHERE action = 'SetChargingProfile'"
                " AND direction = 'o' AND at >= %s GROUP BY station_id) m",
                (since,),
            )
            [(count, last)] = await cursor.fetchall()
            if count == THERE:
                return (datetime.fromtimestamp(last / 1e6, UTC) - since).total_seconds()
    raise AssertionError("not every station was told")
