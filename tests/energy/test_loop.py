"""The closed loop: a real gateway, stations of all versions on real sockets, and a keeper; the clock runs fast."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

import forecourt.app.gateway_process as gateway_process
from forecourt.energy import store
from forecourt.energy.keeper.keeper import SiteKeeper
from forecourt.energy.model import Node, Phases
from forecourt.energy.rows import rows_of
from forecourt.energy.site import HungEvse, Settings, SiteTree
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.clock import PacedClock
from forecourt.simulator.faults import PERFECT, Habits
from forecourt.simulator.fleet import DIALECTS
from forecourt.simulator.station import Make, Station
from forecourt.stations.commands import Commander
from tests.stations.gateway.conftest import PASSWORD, SECRET, Rig

SPEED = 30
LIMIT_A = 40.0
MAKE = Make(vendor="Birch", model="Post 22", power_w=22_000, measurands=("energy", "power", "current", "offered"),
            meter_interval_s=10)  # fmt: skip
CAR = next(model for model in MODELS if model.name == "hatch 52")


class Fast(PacedClock):
    """The same time for the gateway, the keeper and the stations."""

    def monotonic(self) -> float:
        """Real time: what is waited for by it isn't simulated."""
        return time.monotonic()


class Plant:
    """A site of stations, what they really draw, and the keeper that keeps it."""

    def __init__(self, rig: Rig, clock: PacedClock, stations: Sequence[Station], site_id: int, keeper: SiteKeeper) -> None:
        self.rig, self.clock, self.stations, self.site_id, self.keeper = rig, clock, stations, site_id, keeper
        self.rows = rows_of(tree_of(stations).electrics)
        self.worst: list[tuple[datetime, float]] = []

    async def go(self, sim_s: float) -> None:
        """Let so many simulated seconds pass, looking at what is drawn all the time."""
        until = self.clock.now().timestamp() + sim_s
        turn = asyncio.create_task(self._keep())
        while self.clock.now().timestamp() < until:
            self.advance()
            await asyncio.sleep(1 / SPEED)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await self.keeper.turn()
            await asyncio.sleep(2 / SPEED)

    def advance(self) -> None:
        for station in self.stations:
            station.advance()
        self.worst.append((self.clock.now(), self.drawn().max()))

    def drawn(self) -> Any:
        """The true load of each row, in A."""
        return self.rows.loads(np.array([bay(station).reading(self.clock.now()).current_a for station in self.stations]))


def bay(station: Station) -> Any:
    return station.bays[0]


def tree_of(stations: Sequence[Station]) -> SiteTree:
    return SiteTree(
        nodes=(Node(id="grid", limit_a=LIMIT_A),),
        evses=tuple(HungEvse(station=each.identity, evse=1, node="grid", phases=Phases.ALL) for each in stations),
    )


@pytest.fixture
def transport() -> str:
    return "picows"


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> PacedClock:
    clock = Fast(speed=SPEED)
    monkeypatch.setattr(gateway_process, "SystemClock", lambda: clock)
    return clock


@pytest_asyncio.fixture
async def rig(paced: PacedClock, servers: Any, transport: str) -> AsyncIterator[Rig]:
    with servers.database() as database:
        rig = Rig(database, servers.nats.url, transport)
        await rig.start()
        try:
            yield rig
        finally:
            await rig.stop()


@pytest_asyncio.fixture
async def plant(paced: PacedClock, rig: Rig) -> AsyncIterator[Plant]:
    habits = [PERFECT, PERFECT, PERFECT, Habits(obeys_after_s=60.0), Habits(ignores_limits=True), PERFECT]
    stations = []
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'Europe/Berlin', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id] WHERE site_id = %s", (site_id,))
    rig.token("CARD")
    for number, each in enumerate(habits):
        version = list(DIALECTS)[number % 3]
        identity = f"LOOP-{number}"
        await rig.register(identity)
        rig.admin.execute("UPDATE stations SET site_id = %s WHERE identity = %s", (site_id, identity))
        stations.append(
            Station(identity, MAKE, DIALECTS[version], paced, url=f"ws://127.0.0.1:{rig.port}/ocpp", password=PASSWORD,
                    habits=each)
        )  # fmt: skip
    tenant_id = rig.tenant()
    async with Pool(rig.database.url, "forecourt_app", size=4) as tenants:
        bus = await Bus.connect(rig.nats_url)
        commander = Commander(tenants, bus, paced, secret_key=SECRET.encode())
        async with tenants.tenant(tenant_id) as conn:
            now = paced.now()
            tree = tree_of(stations)
            await store.lock_site(conn, tenant_id, site_id, "test", now)
            await store.store_tree(conn, tenant_id, site_id, 1, tree, "test", now)
            await store.hang(conn, tenant_id, site_id, [(each.station, each.evse) for each in tree.evses])
            await store.store_settings(conn, tenant_id, site_id, Settings(enabled=True), "test", now)
        keeper = SiteKeeper(tenant_id, site_id, tenants=tenants, stations=commander.batch, clock=paced)
        made = Plant(rig, paced, stations, site_id, keeper)
        for station in stations:
            station.power_on()
        yield made
        for station in stations:
            station.power_off()
        await bus.close()


async def test_the_site_keeps_its_limit_whatever_stations_do(plant: Plant) -> None:
    await plant.go(30)
    for station in plant.stations:
        bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
        bay(station).present("CARD", plant.clock.now())
    await plant.go(300)
    for row in plant.rig.rows("SELECT evse, station_id, limit_ma, urgent, sent_at, answered_at - sent_at, accepted, status FROM charging_orders ORDER BY order_id"):
        print(row)
    for row in plant.rig.rows("SELECT * FROM evse_obedience"): print(row)
    print(plant.rig.rows("SELECT at, how, why, plan->'targets_ma' FROM energy_plans ORDER BY at")[-3:])
    t0 = plant.worst[0][0]
    print([(int((at-t0).total_seconds()), round(float(w),1)) for at, w in plant.worst[::20]])
    print(plant.drawn())
