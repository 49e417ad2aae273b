"""Cars that share less than all of them need take turns, and one that takes no more leaves its share to the others."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.dispatch.orders import due
from forecourt.energy.dispatch.standing import Order, Standing, draws_of
from forecourt.energy.explained.session import explain
from forecourt.energy.explained.words import sentences
from forecourt.energy.model import Node
from forecourt.energy.needs.model import UNSAID, Needs, Wants
from forecourt.energy.planner.filling import TURN_S
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import STOPPED_FOR, Knowledge, KnownCar, has_stopped
from forecourt.energy.planning.limits import room_of
from forecourt.energy.planning.making import cut_out, plan_site, site_room
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import HungEvse, Mode, Settings, SiteRecord, SiteTree
from forecourt.energy.store.turns import Turn, turns_of
from forecourt.ui.formats import SPACE
from tests.care.yard import Yard
from tests.energy.test_store import furnish

NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
EVERY = timedelta(seconds=30)
CARS = 3
#: Two cars find room for their 6 A, and never three.
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=14),),
    evses=tuple(HungEvse(station=f"CP{number}", evse=1, node="grid") for number in range(CARS)),
)


def car(number: int, **more: object) -> KnownCar:
    base = KnownCar(
        session_id=uuid4(), station=f"CP{number}", evse=1, evse_id=f"CP{number}:1", transaction_id="1", token=None,
        started_at=NOW, energy_wh=0, power_w=None, current_a=None, offered_a=None, charging_state="Charging",
        needs=UNSAID,
    )  # fmt: skip
    return replace(base, **more)


def known(mode: Mode, cars: list[KnownCar], standings: list[Standing], at: datetime) -> Knowledge:
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=TREE,
        settings=Settings(mode=mode, enabled=True), settings_version=1,
    )  # fmt: skip
    return Knowledge(
        at=at, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=TREE, settings=record.settings,
        outlook=signals_at(record, Known(tariff=None), at, [0.25] * 96), cars=cars, standings=standings,
    )  # fmt: skip


class Bays:
    """Stations that say yes at once and obey, and what their cars got."""

    def __init__(self) -> None:
        self.cars = [car(number) for number in range(CARS)]
        self.standings = [Standing(max_ma=32_000, fallback_ma=0, running_since=NOW, proven=True)] * CARS
        self.charged_s = [0.0] * CARS
        self.stood_s, self.longest_s = [0.0] * CARS, [0.0] * CARS

    def tell(self, number: int, limit_ma: int, valid_to: datetime, now: datetime) -> None:
        order = Order(limit_ma=limit_ma, sent_at=now, valid_to=valid_to, answered_at=now, accepted=True)
        standing = self.standings[number]
        self.standings[number] = replace(standing, orders=(*standing.orders[-3:], order))
        held = self.cars[number]
        if limit_ma > 0 and held.charges_since is None:
            self.cars[number] = replace(held, charges_since=now, waits_since=None)
        if limit_ma == 0 and held.waits_since is None:
            self.cars[number] = replace(held, charges_since=None, waits_since=now)

    def go_on(self, now: datetime) -> None:
        for number, (held, standing) in enumerate(zip(self.cars, self.standings, strict=True)):
            if standing.orders and standing.orders[-1].limit_ma >= 6_000:
                self.charged_s[number] += EVERY.total_seconds()
                got_wh = round(standing.orders[-1].limit_ma / 1000 * 690 * (EVERY / timedelta(hours=1)))
                self.cars[number] = replace(held, energy_wh=held.energy_wh + got_wh)
                self.stood_s[number] = 0.0
            else:
                self.stood_s[number] += EVERY.total_seconds()
                self.longest_s[number] = max(self.longest_s[number], self.stood_s[number])


@pytest.mark.parametrize("mode", [Mode.EQUAL, Mode.FASTEST, Mode.CHEAPEST])
def test_within_an_hour_each_car_has_its_turn_where_there_is_room_for_two_of_three(mode: Mode) -> None:
    bays, solver, plan = Bays(), SiteSolver(), None
    least_ma = [6_000] * CARS
    for step in range(int(timedelta(hours=1) / EVERY)):
        now = NOW + step * EVERY
        what = known(mode, bays.cars, bays.standings, now)
        plan = plan_site(what, solver, plan)
        room = room_of(TREE, what.outlook)
        for told in due(bays.standings, plan.targets_ma, least_ma, room.now(), now):
            bays.tell(told.evse, told.limit_ma, told.valid_to, now)
        bays.go_on(now + EVERY)
    # Two thirds of an hour would be fair, and nobody waits for longer than those take who go before.
    assert min(bays.charged_s) >= 35 * 60, bays.charged_s
    assert max(bays.longest_s) <= TURN_S * CARS / 2, bays.longest_s
    assert sum(bays.charged_s) >= 2 * 3600 * 0.9, bays.charged_s


def test_a_car_that_takes_no_more_leaves_its_share_and_is_offered_the_least_where_there_is_room() -> None:
    full = car(0, energy_wh=10_000, is_full=True)
    assert full.lacks_wh() == 0
    standings = [Standing(max_ma=32_000, fallback_ma=0, running_since=NOW)] * CARS
    plan = plan_site(known(Mode.EQUAL, [full, car(1)], standings, NOW), SiteSolver())
    # 14 A in all: without the full car one takes them all, and none is left to keep the other awake.
    assert plan.targets_ma[:2] == (0, 14_000)
    plan = plan_site(known(Mode.EQUAL, [full], standings, NOW), SiteSolver())
    assert plan.targets_ma[0] == 6_000


def test_a_car_has_stopped_where_its_station_says_so_or_where_it_takes_nothing_of_what_it_is_offered() -> None:
    offered = NOW - timedelta(minutes=10)
    charging = car(0, current_a=0.1, charges_since=offered)
    assert has_stopped(charging, NOW, NOW)
    assert not has_stopped(charging, offered + timedelta(minutes=1), NOW)
    assert not has_stopped(replace(charging, current_a=2.0), NOW, NOW)
    assert not has_stopped(replace(charging, current_a=None), NOW, NOW)
    # Where no current is measured, power tells.
    by_power = replace(charging, current_a=None, power_w=0, power_at=NOW)
    assert has_stopped(by_power, None, NOW)
    assert not has_stopped(replace(by_power, power_w=2_000), None, NOW)
    assert not has_stopped(replace(by_power, power_at=offered + timedelta(minutes=1)), None, NOW)
    # What was measured long ago tells nothing of now, and of two the one that is fresh.
    assert not has_stopped(by_power, None, NOW + STOPPED_FOR + timedelta(seconds=1))
    assert not has_stopped(charging, NOW - STOPPED_FOR - timedelta(seconds=1), NOW)
    stale = replace(charging, power_w=2_000, power_at=NOW)
    assert not has_stopped(stale, NOW - STOPPED_FOR - timedelta(seconds=1), NOW)
    # Its station holds it back, or somebody else does at the station.
    assert not has_stopped(replace(charging, charging_state="SuspendedEVSE"), NOW, NOW)
    assert not has_stopped(replace(charging, offered_a=0.0), NOW, NOW)
    assert has_stopped(replace(charging, current_a=None, charging_state="SuspendedEV"), None, NOW)
    # What is said while nothing is offered may mean just that: sooner or later it is tried.
    waiting = car(0, energy_wh=5_000, current_a=0.0, waits_since=offered, charging_state="SuspendedEV")
    assert not has_stopped(replace(waiting, energy_wh=0), NOW, NOW)
    begins = replace(waiting, waits_since=None, charges_since=NOW - timedelta(minutes=1))
    assert not has_stopped(begins, NOW, NOW)
    assert has_stopped(waiting, NOW, NOW)
    assert not has_stopped(waiting, NOW, NOW + timedelta(minutes=10))


def test_in_a_cut_who_takes_nothing_of_what_it_may_comes_last_and_not_who_may_take_nothing() -> None:
    ago, now = NOW - timedelta(minutes=2), NOW
    told = Order(limit_ma=8_000, sent_at=ago, valid_to=NOW + timedelta(minutes=9), answered_at=ago, accepted=True)
    drawn = [0, 8_000, 8_000]
    standings = [
        Standing(
            max_ma=32_000, fallback_ma=0, running_since=ago, orders=(told,), proven=True, drawn_ma=each, drawn_at=now
        )
        for each in drawn
    ]
    cars = [car(number, charges_since=ago) for number in range(CARS)]

    def cut(cars: list[KnownCar], standings: list[Standing]) -> list[bool]:
        what = known(Mode.FASTEST, cars, standings, now)
        found = cut_out(what, site_room(what), SiteSolver(), draws_of(standings, now))
        return [each > 0 for each in found]

    assert cut(cars, standings) == [False, True, True]
    # It is only just allowed to, or nobody knows; and one that is full needs nothing.
    assert cut([replace(cars[0], charges_since=now), *cars[1:]], standings)[0]
    assert cut(cars, [replace(standings[0], drawn_at=ago - timedelta(minutes=2)), *standings[1:]])[0]
    drawing = [replace(standings[0], drawn_ma=8_000), *standings[1:]]
    assert cut(cars, drawing) == [True, True, False]
    assert cut([replace(cars[0], is_full=True), *cars[1:]], drawing) == [False, True, True]


def test_who_waits_for_its_turn_is_told_when_it_comes() -> None:
    ago = NOW - timedelta(minutes=4)
    cars = [car(0, charges_since=ago), car(1, charges_since=NOW), car(2, waits_since=ago)]
    standings = [Standing(max_ma=32_000, fallback_ma=0, running_since=ago)] * CARS
    what = known(Mode.FASTEST, cars, standings, NOW)
    plan = plan_site(what, SiteSolver())
    assert [each.limit_ma > 0 for each in plan.cars] == [True, True, False]
    assert [each.turn_at for each in plan.cars] == [None, None, ago + timedelta(seconds=TURN_S)]
    told = explain(what, plan, cars[2].session_id)
    assert told is not None
    assert f"Cars take turns of 10{SPACE}min there, and its own comes at about 09:06." in sentences(told, NOW, "UTC")


@pytest.mark.parametrize(("hours", "goes_before"), [(2, True), (9, False)])
def test_what_a_driver_needs_by_a_time_goes_before_turns_once_it_takes_all_of_that_time(
    hours: int, goes_before: bool
) -> None:
    needs = Needs(wants=Wants(minimum_wh=20_000, minimum_by=NOW + timedelta(hours=hours)), sources={})
    ago = NOW - timedelta(minutes=1)
    cars = [car(0, charges_since=ago), car(1, charges_since=ago), car(2, waits_since=ago, needs=needs)]
    standings = [Standing(max_ma=32_000, fallback_ma=0, running_since=ago)] * CARS
    plan = plan_site(known(Mode.EQUAL, cars, standings, NOW), SiteSolver())
    assert sum(each > 0 for each in plan.targets_ma) == 2
    assert (plan.targets_ma[2] > 0) == goes_before


async def test_a_turn_begins_with_its_first_order_and_a_connector_says_that_its_car_takes_no_more(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    first = next(iter(stations.values()))
    session = yard.session(first, timedelta(hours=1), energy_wh=5_000)
    other = uuid4()
    orders = [(40, 0, True), (38, 9_000, True), (35, 0, False), (20, 8_000, None), (2, 8_000, True)]
    for minutes, limit_ma, accepted in orders:
        now = yard.clock.now() - timedelta(minutes=minutes)
        yard.rows(
            "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
            " valid_to, answered_at, accepted) VALUES (%s, %s, %s, 1, %s, %s, false, %s, %s, %s, %s)",
            yard.tenant_id, site, first, session, limit_ma, now, now + timedelta(minutes=5), now, accepted,
        )  # fmt: skip
    yard.says(first, "SuspendedEV")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        turns = await turns_of(conn, yard.tenant_id, [UUID(str(session)), other], yard.clock.now())
        [there] = await store.active_cars(conn, yard.tenant_id, site)
    assert turns == {session: Turn(charges=True, since=yard.clock.now() - timedelta(minutes=38))}
    assert there.charging_state == "SuspendedEV"
