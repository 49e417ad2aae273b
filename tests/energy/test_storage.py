"""Batteries of a site: what they count for, what they are told, and that true currents hold whatever they do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.orders import due
from forecourt.energy.dispatch.standing import Order, Standing, draws_of, may_draw
from forecourt.energy.dispatch.times import VALID_FOR
from forecourt.energy.keeper.keeper import Gates, SiteKeeper
from forecourt.energy.model import Node
from forecourt.energy.needs.model import Needs, Wants
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge, KnownCar, packed, unpacked
from forecourt.energy.planning.making import plan_site, share_out, site_room
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.planning.storage import setpoints
from forecourt.energy.signals.model import DayRates, NodeLimit, Season, Tariff, TariffRow
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import Battery, HungEvse, Settings, SiteRecord, SiteTree
from forecourt.energy.storage.model import (
    DELIVERED_FOR,
    FOLLOWED_AFTER,
    RELIED,
    STATE_LATE,
    BatteryState,
    BatteryWhy,
    KnownBattery,
    Setpoint,
    delivered_w,
    is_planned,
    may_charge_w,
    measured_w,
    obeys,
)
from forecourt.energy.store.storage import known_batteries
from tests.energy.test_api import GRID, furnish, hung
from tests.energy.test_foresight import car
from tests.http import House, Tenant, problem

#: A Monday, nine o'clock: energy is dear from 8 to 11.
NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
S = timedelta(seconds=1)
LIMIT_A = 48.0
BOX = Battery(
    id="box", node="grid", capacity_wh=60_000, charge_w=20_000, discharge_w=20_000, efficiency=0.81, reserve_wh=6_000,
    wear_per_kwh=Decimal("0.02"),
)  # fmt: skip
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=LIMIT_A),),
    evses=tuple(HungEvse(station=f"CP{number}", evse=1, node="grid") for number in range(2)),
    batteries=(BOX,),
)
TARIFF = Tariff(
    currency="EUR",
    seasons=(Season(weekdays=DayRates(hours=(0, 8, 11), prices=(Decimal("0.10"), Decimal("0.90"), Decimal("0.10")))),),
)
RECORD = SiteRecord(
    tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=TREE,
    settings=Settings(enabled=True), settings_version=1,
)  # fmt: skip


def state(power_w: int, stored_wh: int = 40_000, at: datetime = NOW) -> BatteryState:
    return BatteryState(at=at, power_w=power_w, stored_wh=stored_wh, source="test")


def told(power_w: int, sent_at: datetime, *, heard: bool = True) -> Setpoint:
    heard_at, valid_to = sent_at if heard else None, sent_at + timedelta(minutes=5)
    return Setpoint(power_w=power_w, sent_at=sent_at, valid_to=valid_to, why=BatteryWhy.DEAR, heard_at=heard_at)


def box(said: BatteryState | None, *setpoints: Setpoint) -> KnownBattery:
    return KnownBattery(id="box", state=said, setpoints=setpoints)


LONG_AGO, JUST_NOW = NOW - 2 * FOLLOWED_AFTER, NOW - 5 * S


def test_a_battery_whose_state_is_of_a_time_to_come_is_not_counted_on() -> None:
    state = BatteryState(at=NOW + 3_600 * S, power_w=-9_000, stored_wh=40_000, source="box")
    known = KnownBattery(id="box", state=state)
    assert (is_planned(known, NOW), measured_w(known, NOW), delivered_w(known, BOX, NOW)) == (False, 0, 0)
    now = KnownBattery(id="box", state=replace(state, at=NOW))
    assert (is_planned(now, NOW), measured_w(now, NOW), delivered_w(now, BOX, NOW)) == (True, -9_000, 9_000)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(box(None), 0, id="never heard of"),
        pytest.param(box(state(3_000)), 3_000, id="measured, told nothing"),
        pytest.param(box(state(0), told(8_000, JUST_NOW)), 8_000, id="told more, not measured yet"),
        pytest.param(box(state(8_000), told(8_000, LONG_AGO), told(0, JUST_NOW)), 8_000, id="told less, goes on"),
        pytest.param(
            box(state(0, at=LONG_AGO), told(9_000, LONG_AGO), told(0, NOW - FOLLOWED_AFTER, heard=False)),
            9_000,
            id="told less long ago, and not heard of since",
        ),
        pytest.param(box(state(-5_000), told(-5_000, LONG_AGO)), 0, id="gives"),
        pytest.param(box(state(8_000, at=NOW - STATE_LATE - S), told(8_000, NOW - 2 * STATE_LATE)), 8_000, id="late"),
        pytest.param(
            box(state(8_000, at=NOW - STATE_LATE - S), told(0, NOW - 2 * STATE_LATE)), 20_000, id="late and deaf"
        ),
    ],
)
def test_a_battery_counts_with_the_most_that_it_may_take(known: KnownBattery, expected: int) -> None:
    assert may_charge_w(known, BOX, NOW) == expected


def test_what_is_given_counts_while_it_is_measured_and_can_go_on() -> None:
    gives = box(state(-6_000), told(-6_000, LONG_AGO))
    assert delivered_w(gives, BOX, NOW + DELIVERED_FOR) == 6_000
    assert delivered_w(gives, BOX, NOW + DELIVERED_FOR + S) == 0
    # 500 Wh above the reserve last ten minutes at 3 kW.
    assert delivered_w(box(state(-6_000, 6_500), told(-6_000, LONG_AGO)), BOX, NOW) == 3_000
    # What it does against its setpoint may end at any moment.
    assert delivered_w(box(state(-6_000), told(0, LONG_AGO)), BOX, NOW) == 0


def test_doing_less_than_told_is_obeying_and_doing_more_is_not() -> None:
    assert obeys(box(state(-6_000)))
    assert obeys(box(state(0), told(-6_000, LONG_AGO)))
    assert obeys(box(state(-6_400), told(-6_000, LONG_AGO)))
    assert not obeys(box(state(-7_000), told(-6_000, LONG_AGO)))
    assert not obeys(box(state(1_000), told(-6_000, LONG_AGO)))
    assert obeys(box(state(1_000), told(1_000, LONG_AGO), told(-6_000, JUST_NOW)))
    # When nothing holds any more it should do nothing.
    assert not obeys(box(state(-6_000), told(-6_000, NOW - timedelta(minutes=6))))
    assert not is_planned(box(state(-6_000), told(0, LONG_AGO)), NOW)
    assert not is_planned(box(state(0)), NOW + STATE_LATE + S)


class Yard:
    """A site as it really is: two cars that take all they may, and a battery that follows what it is told, as long as
    it does, and reports every half minute. What is believed of it is only what was said."""

    def __init__(self, stored_wh: float = 40_000) -> None:
        self.now = NOW
        self.solver = SiteSolver()
        self.stored_wh, self.power_w = stored_wh, 0
        self.alive = True
        #: How long the battery takes to follow; stations take ten seconds to obey.
        self.follows_s = 10
        self.said = state(0, int(stored_wh))
        self.setpoints: list[Setpoint] = []
        wants = Wants(energy_wh=200_000, departure_at=NOW + timedelta(hours=4))
        self.cars: list[KnownCar] = [car(needs=Needs(wants=wants, sources={}), evse=number) for number in range(2)]
        self.orders: list[list[Order]] = [[], []]
        self.limits: list[NodeLimit] = []
        self.plan: SitePlan | None = None

    @property
    def known(self) -> Knowledge:
        row = TariffRow(tariff=TARIFF, version=1, changed_at=NOW, changed_by="test")
        outlook = signals_at(RECORD, Known(tariff=row, limits=self.limits), self.now, [1 / 60] * 5 + [0.25] * 60)
        return Knowledge(
            at=self.now, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=TREE, settings=RECORD.settings,
            outlook=outlook, cars=self.cars,
            standings=[
                Standing(max_ma=32_000, fallback_ma=0, running_since=NOW, orders=tuple(orders))
                for orders in self.orders
            ],
            batteries=(box(self.said, *self.setpoints[-16:]),),
            expected=[],
        )  # fmt: skip

    def turn(self) -> None:
        """As the keeper has it: cut at once what is too much, plan, tell stations, tell the battery."""
        known = self.known
        room = site_room(known)
        may_a = np.array([may_draw(each, self.now)[0] for each in known.standings]) / 1000
        if room.now().overload(may_a) > 1:
            self._tell(share_out(known, room, self.solver))
            known = self.known
            room = site_room(known)
        self.plan = plan_site(known, self.solver, room=room)
        self._tell(self.plan)

    def _tell(self, plan: SitePlan) -> None:
        known = self.known
        found = due(known.standings, plan.targets_ma, [6_000] * 2, site_room(known).now(), self.now)
        for each in found:
            made = Order(limit_ma=each.limit_ma, sent_at=self.now, valid_to=self.now + VALID_FOR)
            self.orders[each.evse].append(replace(made, answered_at=self.now, accepted=True))
        may_a = np.array([may_draw(each, self.now)[0] for each in self.known.standings]) / 1000
        self.setpoints += [setpoint for _, setpoint in setpoints(known, plan.batteries, may_a)]

    def go(self, during: timedelta, step: timedelta = 10 * S) -> list[float]:
        """The true current of the grid connection after each step, per conductor."""
        found = []
        for _ in range(during // step):
            self.now += step
            self._live(step)
            if self.alive and (self.now - NOW) % (30 * S) == timedelta():
                self.said = state(self.power_w, int(self.stored_wh), self.now)
                self.setpoints = [replace(each, heard_at=each.heard_at or self.now) for each in self.setpoints]
            self.turn()
            found.append(self.grid_a)
        return found

    def _live(self, step: timedelta) -> None:
        meant = [each for each in self.setpoints if each.sent_at + self.follows_s * S <= self.now < each.valid_to]
        self.power_w = meant[-1].power_w if meant and self.alive else 0
        hours = step / timedelta(hours=1)
        self.stored_wh += hours * (self.power_w * 0.9 if self.power_w > 0 else self.power_w / 0.9)
        assert 0 <= self.stored_wh <= 60_000

    @property
    def cars_a(self) -> float:
        """Stations obey what they were told ten seconds ago, and go on with what was before until then."""
        total = 0.0
        for orders in self.orders:
            held = [each for each in orders if each.sent_at + 10 * S <= self.now < each.valid_to]
            total += held[-1].limit_ma / 1000 if held else 0.0
        return total

    @property
    def grid_a(self) -> float:
        return self.cars_a + self.power_w / 690


def test_the_true_current_holds_with_what_a_battery_gives_and_when_it_stops_without_a_word() -> None:
    yard = Yard()
    alone = yard.go(timedelta(minutes=1))
    assert max(alone) <= LIMIT_A
    helped = yard.go(timedelta(minutes=4))
    assert max(helped) <= LIMIT_A
    # It gives for what it costs, was seen to do so, and cars got more than the connection has, within the bound.
    assert yard.power_w < -5_000
    assert LIMIT_A * 1.1 < yard.cars_a <= LIMIT_A * (1 + RELIED) + 0.1
    yard.alive = False
    gone = yard.go(DELIVERED_FOR + 60 * S)
    # Bounded in current and in time: until the measurement is too old and stations obey.
    assert max(gone) <= LIMIT_A * (1 + RELIED) + 0.1
    assert max(gone[(DELIVERED_FOR + 30 * S) // (10 * S) :]) <= LIMIT_A
    assert yard.plan is not None
    yard.go(timedelta(minutes=5))
    assert yard.plan.batteries[0].why is BatteryWhy.UNKNOWN
    assert yard.setpoints[-1].power_w == 0


def test_a_battery_is_charged_only_beside_what_cars_may_draw_and_makes_way_for_a_cut() -> None:
    yard = Yard(stored_wh=10_000)
    # Cheap for an hour yet: a car takes all that it can, and will go on when it is dear.
    yard.now = NOW.replace(hour=7)
    yard.said = state(0, 10_000, yard.now)
    wants = Wants(energy_wh=60_000, departure_at=NOW + timedelta(hours=2))
    yard.cars = [replace(yard.cars[0], needs=Needs(wants=wants, sources={}))]
    worst = yard.go(timedelta(minutes=6))
    assert max(worst) <= LIMIT_A
    assert yard.cars_a == pytest.approx(32, abs=0.1)
    assert 16 * 690 * 0.95 < yard.power_w <= 16 * 690
    # What it takes is nobody else's, as long as it may take it.
    assert site_room(yard.known).now().limits == pytest.approx([32.0] * 3, abs=1)
    # Somebody comes who can't wait, and the battery is slow to make way.
    yard.follows_s = 55
    soon = Wants(energy_wh=20_000, departure_at=yard.now + timedelta(minutes=40))
    yard.cars.append(replace(car(evse=1), needs=Needs(wants=soon, sources={})))
    came = yard.go(timedelta(minutes=4))
    assert max(came) <= LIMIT_A
    assert yard.cars_a > 40
    # They have all they want, and the battery takes what they leave over before their station does as it was told.
    yard.follows_s = 0
    yard.cars[1] = replace(yard.cars[1], energy_wh=20_000, charging_state="SuspendedEV")
    left = yard.go(timedelta(minutes=4))
    assert max(left) <= LIMIT_A
    assert yard.power_w > 4_000
    yard.limits = [limit(20.0, yard.now)]
    cut = yard.go(timedelta(minutes=3))
    assert max(cut[3:]) <= 20.0


def limit(limit_a: float, at: datetime) -> NodeLimit:
    return NodeLimit(
        limit_id=cast(Any, None), number=1, source="grid", external_id="cut", node=None, limit_w=None, limit_a=limit_a,
        starts_at=at, ends_at=None, said_at=at, said_by="test",
    )  # fmt: skip


def test_a_plan_with_a_battery_is_made_again_of_the_bytes_that_were_kept() -> None:
    known = Yard().known
    plan = plan_site(known, SiteSolver())
    assert unpacked(packed(known)) == known
    assert plan_site(unpacked(packed(known)), SiteSolver()) == plan
    [meant] = plan.batteries
    assert (meant.why, meant.steps_w[0] < -1_000) == (BatteryWhy.DEAR, True)
    assert min(meant.stored_wh) >= BOX.reserve_wh
    assert meant.stored_wh[-1] >= 40_000


async def test_a_battery_says_what_it_holds_and_is_told_what_to_do(house: House, tenant: Tenant) -> None:
    owner, site, [one, two] = await furnish(house, tenant)
    battery = {"id": "box", "node": "grid", "capacity_wh": 60_000, "charge_w": 20_000, "discharge_w": 20_000}
    hall = {"id": "hall", "node": "grid", "most_w": 9_000}
    body = {"nodes": [GRID], "evses": [hung(one), hung(two)], "batteries": [battery], "loads": [hall]}
    assert (await owner.put(f"{site}/electrics", json=body)).status_code == 200
    # Dear in this hour, by the clock of the site.
    hour = house.clock.now().astimezone(ZoneInfo("Europe/Berlin")).hour
    hours = sorted({0, hour, hour + 1} - {24})
    prices = ["0.90" if each == hour else "0.10" for each in hours]
    tariff = {"currency": "EUR", "seasons": [{"weekdays": {"hours": hours, "prices": prices}}]}
    assert (await owner.put(f"{site}/utility-tariff", json=tariff)).status_code == 200
    assert (await owner.put(f"{site}/smart-charging", json={"enabled": True})).status_code == 200
    path = f"{site}/batteries/box"
    idle = (await owner.get(f"{path}/setpoint")).json()
    assert (idle["power_w"], idle["valid_until"], idle["why"], idle["state"]) == (0, None, "unknown", None)

    said = await owner.post(f"{path}/state", json={"states": [{"power_w": 0, "stored_wh": 40_000}], "source": "EMS"})
    assert said.json()["changed"] == 1
    assert said.json()["setpoint"]["is_planned"] is True
    [(site_id,)] = rows(house, "SELECT site_id FROM sites WHERE tenant_id = %s", tenant.tenant_id)
    keeper = SiteKeeper(
        tenant.tenant_id, site_id, tenants=house.db, stations=cast(Any, None), clock=house.clock, gates=Gates(1)
    )
    await keeper.turn()
    shown = (await owner.get(f"{path}/setpoint")).json()
    assert (shown["why"], shown["power_w"], shown["state"]["source"]) == ("dear", -9_000, "EMS")
    assert shown["valid_until"] is not None
    # It does more than that when it must know it, is found out, and told to do nothing.
    house.clock.advance(20)
    await owner.post(f"{path}/state", json={"states": [{"power_w": 0, "stored_wh": 40_000}]})
    house.clock.advance(70)
    await owner.post(f"{path}/state", json={"states": [{"power_w": -15_000, "stored_wh": 39_000}]})
    await keeper.turn()
    shown = (await owner.get(f"{path}/setpoint")).json()
    assert (shown["obeys"], shown["is_planned"], shown["power_w"], shown["why"]) == (False, False, 0, "disobeys")
    power = rows(house, "SELECT battery_w FROM site_power WHERE site_id = %s ORDER BY at", site_id)
    assert power == [(0,), (-15_000,)]

    # However much it is told, the highest that it may go by is known until it is heard of.
    rows(
        house,
        "INSERT INTO battery_setpoints (tenant_id, site_id, battery, power_w, sent_at, valid_to, why) SELECT %s, %s,"
        " 'box', CASE number WHEN 0 THEN 7000 ELSE 0 END, %s, %s, 'cheap' FROM generate_series(0, 150) AS number"
        " RETURNING 1",
        tenant.tenant_id, site_id, house.clock.now(), house.clock.now() + timedelta(minutes=5),
    )  # fmt: skip
    assert await may_take(house, tenant, site_id) == 7_000
    house.clock.advance(1)
    await owner.post(f"{path}/state", json={"states": [{"power_w": 0, "stored_wh": 39_000}]})
    house.clock.advance(FOLLOWED_AFTER.total_seconds())
    assert await may_take(house, tenant, site_id) == 0

    # In a cut it counts from when it is told, however long ago its site was read.
    rows(
        house,
        "INSERT INTO battery_setpoints (tenant_id, site_id, battery, power_w, sent_at, valid_to, why) VALUES"
        " (%s, %s, 'box', 7000, %s, %s, 'cheap') RETURNING 1",
        tenant.tenant_id, site_id, house.clock.now(), house.clock.now() + timedelta(minutes=5),
    )  # fmt: skip
    reading = await keeper.read()
    assert reading is not None
    house.clock.advance(7)
    known = reading.known
    await keeper._teller.cut(reading, site_room(known), [0] * len(known.standings), draws_of(known.standings, known.at))
    [told] = rows(house, "SELECT power_w, sent_at FROM battery_setpoints ORDER BY setpoint_id DESC LIMIT 1")
    assert told == (0, house.clock.now())

    problem(await owner.get(f"{site}/batteries/other/setpoint"), 404, "battery-unknown")
    full = {"states": [{"power_w": 0, "stored_wh": 60_001}]}
    problem(await owner.post(f"{path}/state", json=full), 422, "battery-states-refused")
    # Watts as milliwatts: believed, they would leave nothing for cars.
    for power_w in (20_000_000, -20_000_000):
        absurd = {"states": [{"power_w": power_w, "stored_wh": 30_000}]}
        problem(await owner.post(f"{path}/state", json=absurd), 422, "battery-states-refused")


async def may_take(house: House, tenant: Tenant, site_id: int) -> int:
    async with house.db.tenant(tenant.tenant_id) as conn:
        [known] = await known_batteries(conn, tenant.tenant_id, site_id, ["box"], house.clock.now())
    return may_charge_w(known, BOX, house.clock.now())


def rows(house: House, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with house.admin() as connection:
        return connection.execute(query.encode(), values).fetchall()
