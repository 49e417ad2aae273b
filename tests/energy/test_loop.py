"""The closed loop: a real gateway, stations of all versions on real sockets that obey, obey late, never obey or fall
silent, and a keeper. Time goes on step by step, each once all that was said has been answered and kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import pytest_asyncio
from msgspec.structs import replace

import forecourt.app.gateway_process as gateway_process
from forecourt.energy import store
from forecourt.energy.dispatch.times import LOW_LEAST, LOW_VALID_FOR, PAUSE
from forecourt.energy.faults import site_faults
from forecourt.energy.keeper.keeper import Gates, SiteKeeper
from forecourt.energy.model import Node, Phases
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.rows import rows_of
from forecourt.energy.signals.model import NodeLimit
from forecourt.energy.site import DC_EFFICIENCY, Current, HungEvse, Settings, SiteTree, with_dc
from forecourt.energy.store import keeping, leases, plans
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.simulator import outside, profiles
from forecourt.simulator.bay import Bay
from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.faults import PERFECT, Cut, Habits
from forecourt.simulator.fleet import DIALECTS
from forecourt.simulator.station import Make, Station
from forecourt.stations.commands import Commander
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.reconciler import Reconciler
from tests.ground import Ground
from tests.stations.gateway.conftest import PASSWORD, SECRET, Rig, a_rig
from tests.support import WAIT_S

STEP = timedelta(seconds=5)
#: Where nothing is told that must be followed at once.
CALM = timedelta(seconds=15)
LIMIT_A = 60.0
LATE_A = 54.0
CUT_A = 45.0
SLOW_S = 60.0
DEFAULT_A = 6.0
#: Measured currents are rounded by stations.
NEARLY = 1.01
MAKE = Make(vendor="Birch", model="Post 22", power_w=22_000, measurands=("energy", "power", "current", "offered"),
            meter_interval_s=10)  # fmt: skip
CAR = next(model for model in MODELS if model.name == "hatch 52")
#: One that takes no more by itself than its share of the limit.
MODEST = next(model for model in MODELS if model.name == "hatch 58")
HABITS = (PERFECT, PERFECT, PERFECT, Habits(obeys_after_s=SLOW_S), Habits(ignores_limits=True), PERFECT)
SLOW, DEAF, SILENT = 3, 4, 5
#: One refuses every limit, one no more than the default, and the clocks of two are off.
REFUSALS = (
    Habits(refuses_purposes=frozenset({"TxProfile", "TxDefaultProfile"})),
    Habits(refuses_purposes=frozenset({"TxDefaultProfile"})),
    Habits(clock_offset=timedelta(seconds=-50), clock_stays_wrong=True),
    Habits(clock_offset=timedelta(seconds=15), clock_stays_wrong=True),
    PERFECT,
    PERFECT,
)
REFUSER = 0


class StepClock:
    """The same time for the gateway, the keeper and the stations: it stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        """Real time: what is waited for by it isn't simulated."""
        return time.monotonic()

    def real_s(self, simulated_s: float) -> float:
        return simulated_s

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("nobody sleeps here")


class Plant:
    """A site of stations, what they really draw, and the keeper that keeps it."""

    def __init__(
        self, rig: Rig, clock: StepClock, stations: Sequence[Station], site_id: int, keep: partial[SiteKeeper],
        reconciler: Reconciler, tenants: Pool,
    ) -> None:  # fmt: skip
        self.rig, self.clock, self.stations, self.site_id = rig, clock, stations, site_id
        self.keep, self.keeper, self.tenants = keep, keep(), tenants
        self.reconciler, self.batch = reconciler, keep.keywords["stations"]
        self._rows = rows_of(tree_of(stations).electrics)

    async def go(self, during: timedelta, step: timedelta = STEP) -> list[float]:
        """Let time pass; the highest true current of any conductor after each step."""
        worst = []
        for _ in range(during // step):
            self.clock.at += step
            await self.stations_live()
            await self.keeper.turn()
            await self.keeper.settled()
            await self.reconciler.settle()
            await self._settle()
            worst.append(self.drawn_a())
        return worst

    async def stations_live(self) -> None:
        """What stations do by themselves, and say, at this time."""
        for station in self.stations:
            station.advance()
        await self._settle()

    async def _settle(self) -> None:
        """Wait until all that stations said is answered, and so committed."""
        for station in self.stations:
            if station.link.wanted:
                await station.link.drained()

    def drawn_a(self) -> float:
        currents = [bay(station).reading(self.clock.now()).current_a for station in self.stations]
        return float(self._rows.loads(np.array(currents)).max())

    def limits_a(self) -> list[float]:
        """What each station really offers."""
        return [bay(each).reading(self.clock.now()).offered_w / 690 for each in self.stations]


def bay(station: Station) -> Bay:
    return station.bays[0]


def tree_of(stations: Sequence[Station]) -> SiteTree:
    return SiteTree(
        nodes=(Node(id="grid", limit_a=LIMIT_A),),
        evses=tuple(HungEvse(station=each.identity, evse=1, node="grid") for each in stations),
    )


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> StepClock:
    clock = StepClock()
    monkeypatch.setattr(gateway_process, "SystemClock", lambda: clock)
    return clock


@pytest_asyncio.fixture
async def rig(stepped: StepClock, ground: Ground) -> AsyncIterator[Rig]:
    async with a_rig(ground) as rig:
        yield rig


@pytest_asyncio.fixture
async def plant(
    stepped: StepClock, rig: Rig, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Plant]:
    # What a site takes is kept at each look, by which it is known that there was one.
    monkeypatch.setattr(keeping, "POWER_EVERY", timedelta(0))
    site_id = site_of(rig)
    stations = [
        await _station(rig, stepped, site_id, number, habits)
        for number, habits in enumerate(getattr(request, "param", HABITS))
    ]
    async with planted(rig, stepped, site_id, stations, tree_of(stations)) as made:
        yield made


@asynccontextmanager
async def planted(
    rig: Rig, stepped: StepClock, site_id: int, stations: Sequence[Station], tree: SiteTree
) -> AsyncIterator[Plant]:
    tenant_id = rig.tenant()
    rig.token("CARD")
    tenants, worker = await rig.ground.pool("forecourt_app", 6), await rig.ground.pool("forecourt_worker", 1)
    bus = await Bus.connect(rig.nats_url)
    batch = Commander(tenants, bus, stepped, secret_key=SECRET.encode()).batch
    async with tenants.tenant(tenant_id) as conn:
        now = stepped.now()
        await store.lock_site(conn, tenant_id, site_id, "test", now)
        await store.store_tree(conn, tenant_id, site_id, 1, tree, "test", now)
        await store.hang(conn, tenant_id, site_id, [(each.station, each.evse) for each in tree.evses])
        await store.store_settings(conn, tenant_id, site_id, Settings(enabled=True), "test", now)

    keep = partial(SiteKeeper, tenant_id, site_id, tenants=tenants, stations=batch, clock=stepped, gates=Gates(1))
    reconciler = Reconciler(worker, Bringer(tenants, batch), batch)
    for station in stations:
        station.power_on()
    yield Plant(rig, stepped, stations, site_id, keep, reconciler, tenants)
    for station in stations:
        station.power_off()
    await bus.close()


def site_of(rig: Rig) -> int:
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'Europe/Berlin', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id] WHERE site_id = %s", (site_id,))
    return int(site_id)


async def _station(rig: Rig, clock: StepClock, site_id: int, number: int, habits: Habits, make: Make = MAKE) -> Station:
    identity, dialect = f"LOOP-{number}", list(DIALECTS.values())[number % len(DIALECTS)]
    await rig.register(identity)
    rig.admin.execute("UPDATE stations SET site_id = %s WHERE identity = %s", (site_id, identity))
    url = f"ws://127.0.0.1:{rig.port}/ocpp"
    return Station(identity, make, dialect, clock, url=url, password=PASSWORD, habits=habits)


async def test_the_true_power_stays_within_the_limit_whatever_stations_do(plant: Plant) -> None:
    await all_connected(plant)
    await plant.go(timedelta(seconds=30))
    for station in plant.stations:
        bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
        bay(station).present("CARD", plant.clock.now())
    # Who never obeys is found out by what it draws; until then nobody can know.
    await plant.go(timedelta(minutes=2))
    steady = await plant.go(timedelta(minutes=2), CALM)
    assert max(steady) <= LIMIT_A * NEARLY
    assert min(steady) >= LIMIT_A * 0.95
    limits_a = plant.limits_a()
    assert sorted(round(each) for number, each in enumerate(limits_a) if number != DEAF) == [0, 7, 7, 7, 7]

    slow_a, deaf_a = (bay(plant.stations[each]).reading(plant.clock.now()).current_a for each in (SLOW, DEAF))
    cut_at = plant.clock.now()
    await limit_site(plant, CUT_A)
    meanwhile = await plant.go(3 * STEP)
    prompt_a = [each for number, each in enumerate(plant.limits_a()) if number not in (SLOW, DEAF)]
    assert sum(prompt_a) <= (CUT_A - deaf_a) * NEARLY
    meanwhile += await plant.go(timedelta(seconds=SLOW_S) + timedelta(minutes=1) - 3 * STEP)
    # Who is slow has its time, and that is all that is too much until then.
    assert max(meanwhile[2:]) <= (CUT_A + slow_a) * NEARLY
    assert max(meanwhile[-8:]) <= CUT_A * NEARLY
    assert plant.rig.rows("SELECT count(*) > 0 FROM charging_orders WHERE urgent") == [(True,)]
    # It is kept how much that was and who was late, and no longer than until the slowest had to obey.
    [(node, unit, allowed, counted, measured, ended, in_time, late)] = plant.rig.rows(
        "SELECT node, unit, allowed, counted, measured, over_at IS NOT NULL, over_at <= due_at,"
        " ARRAY(SELECT each->>'station' FROM jsonb_array_elements(late) each) FROM node_excesses WHERE since >= %s",
        cut_at,
    )
    assert (node, unit, allowed, ended, in_time) == ("grid", "mA", CUT_A * 1_000, True, True)
    assert CUT_A * 1_000 < measured <= counted * NEARLY <= (LIMIT_A + 1) * 1_000 * NEARLY
    assert max(meanwhile) * 1_000 <= counted * NEARLY
    assert plant.stations[SLOW].identity in late

    # One that falls silent goes on with what it was told, and then by its default; the others make room for it.
    silent = plant.stations[SILENT]
    silent.link.stop(Cut.ABORT)
    away = await plant.go(LOW_VALID_FOR + PAUSE, CALM)
    assert max(away) <= CUT_A * NEARLY
    # Its site is looked at when it is lost, not when it is time to.
    assert plant.rig.rows("SELECT count(*) FROM outbox WHERE event = 'desired.unlinked'") == [(1,)]
    assert plant.limits_a()[SILENT] == pytest.approx(DEFAULT_A, abs=0.1)
    silent.link.start()
    await all_connected(plant)
    back = await plant.go(timedelta(minutes=1))
    assert max(back) <= CUT_A * NEARLY


class Dying:
    """The way to stations of a planner that is killed between recording what it tells them and sending it."""

    def __init__(self, batch: Any) -> None:
        self.enter = batch.enter

    async def carry(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        return
        yield


@pytest.mark.parametrize("plant", [REFUSALS], indirect=True)
async def test_what_can_not_be_told_is_made_room_for_and_a_killed_planner_or_a_common_silence_changes_nothing(
    plant: Plant,
) -> None:
    await all_connected(plant)
    await plant.go(timedelta(minutes=2))
    for station in plant.stations:
        bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
        bay(station).present("CARD", plant.clock.now())
    await plant.go(timedelta(minutes=2))
    steady = await plant.go(timedelta(minutes=2), CALM)
    assert max(steady) <= LIMIT_A * NEARLY
    assert min(steady) >= LIMIT_A * 0.95
    assert round(plant.limits_a()[REFUSER]) == 32
    assert plant.rig.rows("SELECT DISTINCT station_id FROM charging_orders WHERE accepted = false") != []
    assert plant.rig.rows("SELECT station_id FROM evse_obedience WHERE disobeys_since IS NOT NULL") == []

    # A cut is told while others are planned for.
    gates = Gates(1)
    waiting = plant.keep(gates=gates)
    plant.clock.at += STEP
    async with gates.planning, asyncio.timeout(WAIT_S):
        turn = asyncio.create_task(waiting.turn())
        while not plant.rig.rows("SELECT FROM site_power WHERE at = %s", plant.clock.now()):
            await asyncio.sleep(0.02)
        await limit_site(plant, LATE_A)
        waiting.wake()
        while not plant.rig.rows("SELECT FROM charging_orders WHERE urgent AND sent_at = %s", plant.clock.now()):
            await asyncio.sleep(0.02)
        assert not turn.done()
    await turn
    await waiting.settled()
    plant.keeper = waiting
    assert (await plant.go(timedelta(seconds=30)))[-1] <= LATE_A * NEARLY

    await limit_site(plant, CUT_A)
    dying = plant.keep(stations=Dying(plant.batch))
    plant.clock.at += STEP
    await dying.turn()
    assert plant.rig.rows("SELECT count(*) > 0 FROM charging_orders WHERE urgent AND answered_at IS NULL") == [(True,)]
    plant.keeper = plant.keep()
    cut = await plant.go(timedelta(seconds=30))
    assert cut[-1] <= CUT_A * NEARLY

    for station in plant.stations:
        station.link.stop(Cut.ABORT)
    # Until the limits of those that no default binds run out, which nobody can help.
    silent = await plant.go(LOW_LEAST, CALM)
    assert max(silent) <= CUT_A * NEARLY


async def test_what_stations_hold_is_asked_and_what_they_lost_is_told_again(plant: Plant) -> None:
    """Of 1.6 by its composite schedule, of 2.x by its profiles."""
    await all_connected(plant)
    old, new, other = plant.stations[:3]
    for station in (old, new, other):
        bay(station).plug_in(Car(MODEST, 0.2), plant.clock.now())
        bay(station).present("CARD", plant.clock.now())
    await plant.go(timedelta(seconds=25))
    assert [each.dialect.subprotocol for each in (old, new, other)] == ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    # One is set lower by somebody on site, one has lost all, one has a profile that nobody here knows of.
    old.limits.install(_profile("ChargePointMaxProfile", evse=0, limit_a=2.0))
    for profile in list(new.limits):
        new.limits.clear(profile.id, None, None, None)
    other.limits.install(_profile("TxProfile", evse=1, limit_a=3.0))
    await plant.go(timedelta(seconds=30))
    findings = dict(
        plant.rig.rows(
            "SELECT s.identity, c.findings FROM profile_checks c JOIN stations s USING (station_id)"
            " WHERE c.findings <> '[]' ORDER BY 1"
        )
    )
    assert set(findings) == {old.identity, new.identity, other.identity}
    [less] = findings[old.identity]
    assert (less["found"], less["evse"], less["limit"]) == ("less", 1, 2_000)
    lost = {(each["found"], each["purpose"]) for each in findings[new.identity]}
    assert lost == {("lost", "tx_default"), ("lost", "tx")}
    [foreign] = findings[other.identity]
    told = {"found": "other", "profile_id": 77, "stack_level": 5, "limit": 3_000}
    assert {name: foreign[name] for name in told} == told
    # What was lost is there again: told again after a minute, by the usual rest.
    await plant.go(timedelta(seconds=60))
    assert {each.purpose for each in new.limits} == {"TxProfile", "TxDefaultProfile"}
    assert 6 <= plant.limits_a()[1] <= LIMIT_A / 3 + 1
    asked = plant.rig.rows("SELECT count(*) FROM commands WHERE action = 'GetChargingProfiles'")
    await plant.go(timedelta(minutes=1))
    assert plant.rig.rows("SELECT count(*) FROM commands WHERE action = 'GetChargingProfiles'") == asked


async def test_what_a_station_may_not_use_is_given_to_others_until_it_is_let_go(stepped: StepClock, rig: Rig) -> None:
    site_id = site_of(rig)
    stations = [await _station(rig, stepped, site_id, number, PERFECT) for number in range(3)]
    async with planted(rig, stepped, site_id, stations, tree_of(stations)) as plant:
        await all_connected(plant)
        for station in stations:
            bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
            bay(station).present("CARD", plant.clock.now())
        # It doesn't say how much, so it is asked, and its report tells.
        outside.limit(stations[1], "EMS", 8.0, says_how_much=False)
        await plant.go(timedelta(minutes=3))
        limited = await plant.go(timedelta(minutes=1), CALM)
        assert plant.limits_a() == pytest.approx([26, 8, 26], abs=1)
        assert min(limited) >= LIMIT_A * 0.95
        assert max(limited) <= LIMIT_A * NEARLY
        # Its report names the limit of others, who are left alone, and nothing of ours is missed.
        found = plant.rig.rows("SELECT findings FROM profile_checks WHERE findings <> '[]'")
        assert {each["purpose"] for (findings,) in found for each in findings} <= {"external"}
        outside.clear(stations[1], "EMS")
        outside.press(stations[2], bay(stations[2]), fast=True)
        freed = await plant.go(timedelta(minutes=3), CALM)
        assert plant.limits_a()[1] >= 12
        assert max(freed) <= LIMIT_A * NEARLY
        assert plant.rig.rows("SELECT source FROM session_needs") == [("station",)]


async def test_a_dc_station_is_told_watts_by_what_it_takes_from_the_grid(stepped: StepClock, rig: Rig) -> None:
    site_id = site_of(rig)
    make = replace(MAKE, dc=True, power_w=50_000)
    stations = [
        await _station(rig, stepped, site_id, 1, PERFECT, make),
        await _station(rig, stepped, site_id, 2, PERFECT),
    ]
    dc, ac = (each.identity for each in stations)
    evses = (
        HungEvse(station=dc, evse=1, node="grid", current=Current.DC, max_w=50_000),
        HungEvse(station=ac, evse=1, node="grid"),
    )
    tree = with_dc(SiteTree(nodes=(Node(id="grid", limit_a=LIMIT_A),), evses=evses))
    assert tree.evses[0].max_a == 77.1
    assert site_faults(tree) == []
    async with planted(rig, stepped, site_id, stations, tree) as plant:
        await all_connected(plant)
        for station in stations:
            bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
            bay(station).present("CARD", plant.clock.now())
        await plant.go(timedelta(minutes=3))
        told = {each.purpose: each for each in stations[0].limits}
        assert {each.unit for each in told.values()} == {"W"}
        taken_a = bay(stations[0]).reading(plant.clock.now()).power_w / DC_EFFICIENCY / 690
        ac_a = bay(stations[1]).reading(plant.clock.now()).current_a
        assert 0.9 * LIMIT_A <= taken_a + ac_a <= LIMIT_A * NEARLY
        # It draws DC at its own voltage, and obeys for all that.
        assert plant.rig.rows("SELECT count(*) FROM evse_obedience WHERE disobeys_since IS NOT NULL") == [(0,)]


def test_what_a_dc_evse_is_and_what_it_is_not_is_checked() -> None:
    def faults(**of: Any) -> list[str]:
        evse = HungEvse(station="CP1", evse=1, node="grid", **of)
        return [str(each) for each in site_faults(with_dc(SiteTree(nodes=(Node(id="grid"),), evses=(evse,))))]

    assert faults(current=Current.DC) == ["EVSE CP1:1: max_w of a DC EVSE must be above 0: what it gives a car at most"]
    assert faults(max_w=50_000) == ["EVSE CP1:1: max_w is of a DC EVSE alone"]
    assert faults(current=Current.DC, max_w=50_000, phases=Phases.L1) == [
        "EVSE CP1:1: a DC EVSE draws from all three phases"
    ]


def _profile(purpose: str, *, evse: int, limit_a: float) -> profiles.Profile:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    wire = {
        "id": 77, "stackLevel": 5, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }  # fmt: skip
    return profiles.read(wire, evse)


async def test_a_plan_can_be_made_again_from_what_was_known(plant: Plant) -> None:
    await all_connected(plant)
    for station in plant.stations:
        bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
        bay(station).present("CARD", plant.clock.now())
    await plant.go(timedelta(seconds=60))
    async with plant.tenants.tenant(plant.rig.tenant()) as conn:
        stored = await plans.find_plan(conn, plant.rig.tenant(), plant.site_id, plant.clock.now())
    assert stored is not None
    again = plan_site(unpacked(stored.known), SiteSolver())
    assert (again.targets_ma, again.grade) == (stored.plan.targets_ma, stored.plan.grade)
    assert sum(again.targets_ma) > 0


async def all_connected(plant: Plant) -> None:
    async with asyncio.timeout(WAIT_S):
        while not all(station.link.online for station in plant.stations):
            await asyncio.sleep(0.02)


async def limit_site(plant: Plant, limit_a: float) -> None:
    """The grid operator allows less from now on."""
    now = plant.clock.now()
    said = NodeLimit(
        limit_id=uuid4(), number=0, source="grid operator", external_id="cut", node=None, limit_w=None, limit_a=limit_a,
        starts_at=now, ends_at=None, said_at=now, said_by="test",
    )  # fmt: skip
    async with plant.tenants.tenant(plant.rig.tenant()) as conn:
        await store.store_limit(conn, plant.rig.tenant(), plant.site_id, said)


async def _hand_over(worker: Pool, plant: Plant, holder: UUID) -> None:
    """The lease of the site moves to another planner."""
    tenant_id = plant.rig.tenant()
    async with worker.anyone() as conn:
        await conn.execute("DELETE FROM planner_leases WHERE site_id = %s", (plant.site_id,))
        held = await leases.hold_sites(conn, holder, [(tenant_id, plant.site_id)], timedelta(hours=1), 1)
    assert held == [plant.site_id]


@pytest.mark.parametrize("plant", [(PERFECT,) * 3], indirect=True)
async def test_when_a_site_is_handed_over_nothing_is_told_twice_or_otherwise_by_who_held_it(plant: Plant) -> None:
    await all_connected(plant)
    one, two, gates = uuid4(), uuid4(), Gates(1)
    first, second = plant.keep(holder=one, gates=gates), plant.keep(holder=two, gates=Gates(1))
    told = "SELECT station_id, limit_ma FROM charging_orders WHERE sent_at = %s ORDER BY 1"
    async with Pool(plant.rig.database.url, "forecourt_worker", size=1) as worker:
        await _hand_over(worker, plant, one)
        plant.keeper = first
        await plant.go(timedelta(seconds=20))
        for station in plant.stations:
            bay(station).plug_in(Car(CAR, 0.2), plant.clock.now())
            bay(station).present("CARD", plant.clock.now())
        await plant.go(timedelta(minutes=2))
        assert plant.limits_a() == pytest.approx([LIMIT_A / 3] * 3, abs=1)

        # While the first one plans, its lease moves and less is allowed: the second one tells that, each station once.
        plant.clock.at += STEP
        await plant.stations_live()
        async with gates.planning, asyncio.timeout(WAIT_S):
            turn = asyncio.create_task(first.turn())
            while not plant.rig.rows("SELECT FROM site_power WHERE at = %s", plant.clock.now()):
                await asyncio.sleep(0.02)
            await _hand_over(worker, plant, two)
            await limit_site(plant, CUT_A)
            await second.turn()
            first.wake()
            assert not turn.done()
        await turn
        await asyncio.gather(first.settled(), second.settled())
        cut = plant.rig.rows(told, plant.clock.now())
        assert [limit_ma for _, limit_ma in cut] == [CUT_A / 3 * 1_000] * 3

        # Both go on; only who holds the site tells anything, and each station once.
        plant.keeper = second
        for _ in range(timedelta(minutes=4) // CALM):
            [worst_a] = await plant.go(CALM, CALM)
            await first.turn()
            await first.settled()
            now = plant.rig.rows(told, plant.clock.now())
            assert len(now) == len(dict(now))
            assert worst_a <= CUT_A * NEARLY
        assert plant.limits_a() == pytest.approx([CUT_A / 3] * 3, abs=0.2)

        # The second one is gone: the first one goes on from what was told, and tells nothing before it is time to.
        await _hand_over(worker, plant, one)
        plant.keeper = first
        before = plant.rig.rows("SELECT count(*) FROM charging_orders")
        await plant.go(STEP)
        again = await plant.go(timedelta(minutes=3), CALM)
        assert max(again) <= CUT_A * NEARLY
        [(number,)] = plant.rig.rows("SELECT count(*) - %s FROM charging_orders", before[0][0])
        assert 3 <= number <= 6
        closest = plant.rig.rows(
            "SELECT min(gap) >= interval '60 seconds' FROM (SELECT sent_at - lag(sent_at) OVER (PARTITION BY station_id"
            " ORDER BY order_id) AS gap FROM charging_orders WHERE sent_at > %s) AS g",
            plant.clock.now() - timedelta(minutes=6),
        )
        assert closest == [(True,)]
