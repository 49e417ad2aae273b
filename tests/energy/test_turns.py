"""Cars that share less than all of them need take turns, and one that takes no more leaves its share to the others."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.dispatch.orders import due
from forecourt.energy.dispatch.standing import OBEY_S, Order, Standing, draws_of
from forecourt.energy.explained.session import explain
from forecourt.energy.explained.words import sentences
from forecourt.energy.model import Node, Phases
from forecourt.energy.needs.model import UNSAID, Needs, Wants
from forecourt.energy.planner.filling import TURN_S
from forecourt.energy.planner.ladder import MOST_WAIT_S
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import (
    STOPPED_FOR,
    STOPPED_FOR_MOST,
    Knowledge,
    KnownCar,
    has_stopped,
    rests,
    takes_nothing,
)
from forecourt.energy.planning.limits import room_of
from forecourt.energy.planning.making import cut_out, plan_site, site_room
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import HungEvse, Mode, Settings, SiteRecord, SiteTree
from forecourt.energy.store.measured import measured_of
from forecourt.energy.store.turns import Turn, turns_of
from forecourt.ocpp.neutral import Location, Measurand, Phase
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


def ordered(limit_ma: int, ago_s: int, accepted: bool | None, rested: bool = False) -> Order:
    at = NOW - timedelta(seconds=ago_s)
    return Order(
        limit_ma=limit_ma, sent_at=at, valid_to=at + timedelta(minutes=5), accepted=accepted, rested=rested,
        answered_at=None if accepted is None else at,
    )  # fmt: skip


def known(
    mode: Mode, cars: list[KnownCar], standings: list[Standing], at: datetime, tree: SiteTree = TREE
) -> Knowledge:
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=tree,
        settings=Settings(mode=mode, enabled=True), settings_version=1,
    )  # fmt: skip
    return Knowledge(
        at=at, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=tree, settings=record.settings,
        outlook=signals_at(record, Known(tariff=None), at, [0.25] * 96), cars=cars, standings=standings,
    )  # fmt: skip


class Bays:
    """Stations that say yes at once and obey, and what their cars got."""

    def __init__(self, tree: SiteTree = TREE) -> None:
        self.tree = tree
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
                watts_per_a = self.tree.watts_told(self.tree.evses[number])
                got_wh = round(standing.orders[-1].limit_ma / 1000 * watts_per_a * (EVERY / timedelta(hours=1)))
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


#: One on three conductors beside two on one of them: there is room for one.
MIXED: Final = SiteTree(
    nodes=(Node(id="grid", limit_a=10),),
    evses=tuple(
        HungEvse(station=f"CP{number}", evse=1, node="grid", phases=phases)
        for number, phases in enumerate((Phases.ALL, Phases.L1, Phases.L1))
    ),
)


@pytest.mark.parametrize("mode", [Mode.FASTEST, Mode.EQUAL])
def test_where_some_need_more_conductors_nobody_waits_for_long_and_a_turn_that_is_told_of_comes(mode: Mode) -> None:
    bays, solver, plan, step = Bays(MIXED), SiteSolver(), None, timedelta(minutes=1)
    told_of: list[tuple[int, datetime]] = []
    for number in range(45 if mode is Mode.EQUAL else 75):
        now = NOW + number * step
        what = known(mode, bays.cars, bays.standings, now, MIXED)
        plan = plan_site(what, solver, plan)
        told_of += [(at, each.turn_at) for at, each in enumerate(plan.cars) if each.turn_at is not None]
        if number == 0:
            # The optimum lets the one charge that takes most; others have no turn as long as that goes on.
            assert bool(told_of) == (mode is Mode.EQUAL)
        for told in due(bays.standings, plan.targets_ma, [6_000] * CARS, room_of(MIXED, what.outlook).now(), now):
            bays.tell(told.evse, told.limit_ma, told.valid_to, now)
        for _ in range(int(step / EVERY)):
            bays.go_on(now)
        # Handing over takes a look for each turn.
        late = [car for car, at in told_of if at <= now - 3 * step and bays.cars[car].charges_since is None]
        assert not late, (number, late)
        told_of = [(car, at) for car, at in told_of if bays.cars[car].charges_since is None]
    most_s = 2 * TURN_S if mode is Mode.EQUAL else MOST_WAIT_S + TURN_S
    assert max(bays.longest_s) <= most_s + 3 * step.total_seconds(), bays.longest_s
    # Each turn of the others costs it two thirds of what could be drawn.
    assert bays.charged_s[0] >= (0.2 if mode is Mode.EQUAL else 0.5) * sum(bays.charged_s), bays.charged_s


def test_a_car_that_takes_no_more_leaves_its_share_and_is_offered_the_least_where_there_is_room() -> None:
    full = car(0, energy_wh=10_000, is_full=True)
    assert full.lacks_wh() == 0
    standings = [Standing(max_ma=32_000, fallback_ma=0, running_since=NOW)] * CARS
    plan = plan_site(known(Mode.EQUAL, [full, car(1)], standings, NOW), SiteSolver())
    # 14 A in all: without the full car one takes them all, and none is left to keep the other awake.
    assert plan.targets_ma[:2] == (0, 14_000)
    plan = plan_site(known(Mode.EQUAL, [full], standings, NOW), SiteSolver())
    assert plan.targets_ma[0] == 6_000


def stopped(car: KnownCar, measured_at: datetime | None, now: datetime, **more: Any) -> bool:
    standing = Standing(max_ma=32_000, obey_s=more.pop("obey_s", OBEY_S))
    return has_stopped(car, standing, now, measured_at=measured_at, **more)


def test_a_car_has_stopped_where_its_station_says_so_or_where_it_takes_nothing_of_what_it_is_offered() -> None:
    offered = NOW - timedelta(minutes=10)
    charging = car(0, current_a=0.1, charges_since=offered)
    assert stopped(charging, NOW, NOW)
    assert not stopped(charging, offered + timedelta(minutes=1), NOW)
    assert not stopped(replace(charging, current_a=2.0), NOW, NOW)
    assert not stopped(replace(charging, current_a=None), NOW, NOW)
    # Where no current is measured, power tells.
    by_power = replace(charging, current_a=None, power_w=0, power_at=NOW)
    assert stopped(by_power, None, NOW)
    assert not stopped(replace(by_power, power_w=2_000), None, NOW)
    assert not stopped(replace(by_power, power_at=offered + timedelta(minutes=1)), None, NOW)
    # What was measured long ago tells nothing of now, and of two the one that is fresh.
    assert not stopped(by_power, None, NOW + STOPPED_FOR + timedelta(seconds=1))
    assert not stopped(charging, NOW - STOPPED_FOR - timedelta(seconds=1), NOW)
    stale = replace(charging, power_w=2_000, power_at=NOW)
    assert not stopped(stale, NOW - STOPPED_FOR - timedelta(seconds=1), NOW)
    # Its station holds it back, or somebody else does at the station.
    assert not stopped(replace(charging, charging_state="SuspendedEVSE"), NOW, NOW)
    assert not stopped(replace(charging, offered_a=0.0), NOW, NOW)
    assert stopped(replace(charging, current_a=None, charging_state="SuspendedEV"), None, NOW)
    # What is said while nothing is offered may mean just that: sooner or later it is tried.
    waiting = car(0, energy_wh=5_000, current_a=0.0, waits_since=offered, charging_state="SuspendedEV")
    assert not stopped(replace(waiting, energy_wh=0), NOW, NOW)
    begins = replace(waiting, waits_since=None, charges_since=NOW - timedelta(minutes=1))
    assert not stopped(begins, NOW, NOW)
    assert stopped(waiting, NOW, NOW)
    assert not stopped(waiting, NOW, NOW + timedelta(minutes=10))


def test_a_car_at_a_station_that_is_slow_to_obey_has_the_time_to_begin() -> None:
    """It lets its car charge after 150 seconds; the car draws a minute later."""
    since, slow = NOW - timedelta(minutes=4), {"obey_s": 150.0}
    begins = car(0, current_a=0.0, charges_since=since)
    assert stopped(begins, NOW, NOW)
    assert not stopped(begins, NOW, NOW, **slow)
    assert not stopped(replace(begins, charging_state="SuspendedEV"), NOW, NOW, **slow)
    assert stopped(begins, NOW + timedelta(minutes=1), NOW + timedelta(minutes=1), **slow)
    measured = Standing(max_ma=32_000, running_since=since, drawn_ma=0, drawn_at=NOW)
    assert takes_nothing(begins, measured, NOW)
    assert not takes_nothing(begins, replace(measured, **slow), NOW)


@pytest.mark.parametrize(
    ("offered_s", "measured_s", "known", "expected"),
    [
        pytest.param(250, 0, {}, True, id="the slowest station that is usual let it, and it had the time to begin"),
        pytest.param(240, 0, {}, False, id="it may just not have begun"),
        pytest.param(250, 10, {}, False, id="it was measured before it had had the time"),
        pytest.param(900, 200, {}, False, id="it was measured long ago"),
        pytest.param(900, 0, {"drawn_ma": 900}, False, id="it takes something"),
        pytest.param(900, 0, {"drawn_at": None}, False, id="it isn't measured"),
        pytest.param(250, 0, {"obey_s": 150.0}, False, id="its station is slower still"),
        pytest.param(170, 0, {"proven": True}, True, id="its station is quick"),
        pytest.param(900, 0, {"drawn_since": NOW - timedelta(seconds=600)}, True, id="a mean of long since"),
        pytest.param(900, 0, {"drawn_since": NOW - timedelta(seconds=660)}, False, id="a mean of when it began"),
        pytest.param(900, 0, {"booted_at": NOW - timedelta(seconds=240)}, False, id="its station booted meanwhile"),
        pytest.param(900, 0, {"back_at": NOW - timedelta(seconds=240)}, False, id="its station was away meanwhile"),
        pytest.param(900, 0, {"orders": (ordered(9_000, 300, None),)}, False, id="nobody knows if it was let"),
        pytest.param(None, 0, {}, False, id="its station was told nothing"),
        pytest.param(None, 0, {"orders": (ordered(9_000, 99, True), ordered(0, 90, None, True))}, True, id="it rested"),
        pytest.param(
            None, 0, {"orders": (ordered(0, 99, True, True), ordered(9_000, 95, True), ordered(0, 90, None))}, False,
            id="it did not when it was told",
        ),
        pytest.param(
            None, 0, {"orders": (ordered(9_000, 99, True), ordered(0, 95, None), ordered(0, 90, None, True))}, False,
            id="it did not when it was told first",
        ),
        pytest.param(
            None, 0, {"orders": (ordered(0, 99, True, True), ordered(9_000, 95, False), ordered(0, 90, True))}, True,
            id="it rests as long as its station refuses to let it",
        ),
    ],
)  # fmt: skip
def test_a_car_rests_where_it_surely_begins_nothing_until_its_station_obeys(
    offered_s: int | None, measured_s: int, known: dict[str, Any], expected: bool
) -> None:
    measured = {"drawn_ma": 0, "drawn_at": NOW - timedelta(seconds=measured_s)}
    standing = Standing(**{"max_ma": 32_000, "running_since": NOW - timedelta(hours=1), **measured, **known})
    since = None if offered_s is None else NOW - timedelta(seconds=offered_s)
    takes_none = car(0, charges_since=since, waits_since=NOW if since is None else None)
    assert rests(takes_none, standing, 0, NOW) is expected
    assert not rests(takes_none, standing, 6_000, NOW)
    full = replace(takes_none, is_full=True, charging_state="SuspendedEV")
    assert rests(full, standing, 0, NOW) is (expected or known.get("drawn_ma") == 900)


@pytest.mark.parametrize(("every_min", "for_min"), [(1, 6), (5, 6), (15, 18), (60, 20)])
def test_a_car_that_took_nothing_is_believed_to_until_the_next_measurement_is_late(
    every_min: int, for_min: int
) -> None:
    full = car(0, current_a=0.0, charges_since=NOW - timedelta(hours=2))
    every, last = timedelta(minutes=every_min), NOW + timedelta(minutes=for_min)
    assert stopped(full, NOW, last, every=every)
    assert not stopped(full, NOW, last + timedelta(seconds=1), every=every)
    assert last - NOW <= STOPPED_FOR_MOST


def test_how_often_a_car_is_measured_is_told_by_its_latest_two_currents_or_powers() -> None:
    current, power = (
        int(each | Phase.NONE << 8 | Location.OUTLET << 16)
        for each in (Measurand.CURRENT_IMPORT, Measurand.POWER_IMPORT)
    )

    def every(*sets: tuple[int, int]) -> timedelta | None:
        told = [
            {"at": (NOW - timedelta(minutes=ago)).isoformat(), "arrived_at": None, "readings": [of, 0]}
            for ago, of in sets
        ]
        return measured_of(told, NOW, NOW, believed=True).every

    assert every((0, current), (0, power), (1, power), (15, current), (17, current)) == timedelta(minutes=15)
    assert every((3, power), (8, power)) == timedelta(minutes=5)
    assert every((0, current)) is every() is None


def test_in_a_cut_who_takes_nothing_of_what_it_may_comes_last_and_not_who_may_take_nothing() -> None:
    ago, now = NOW - timedelta(minutes=3), NOW
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
    assert cut(cars, [replace(standings[0], drawn_at=ago - timedelta(minutes=1)), *standings[1:]])[0]
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
    first, second = stations.values()
    session = yard.session(first, timedelta(hours=1), energy_wh=5_000)
    comes, other = yard.session(second, timedelta(minutes=5)), uuid4()
    orders = [(40, 0, True), (38, 9_000, True), (35, 0, False), (20, 8_000, None), (2, 8_000, True)]
    told = [(first, session, *each) for each in orders] + [(second, comes, minutes, 0, True) for minutes in (4, 1)]
    for station, car_of, minutes, limit_ma, accepted in told:
        now = yard.clock.now() - timedelta(minutes=minutes)
        yard.rows(
            "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
            " valid_to, answered_at, accepted) VALUES (%s, %s, %s, 1, %s, %s, false, %s, %s, %s, %s)",
            yard.tenant_id, site, station, car_of, limit_ma, now, now + timedelta(minutes=5), now, accepted,
        )  # fmt: skip
    yard.says(first, "SuspendedEV")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        turns = await turns_of(conn, yard.tenant_id, [session, comes, other], yard.clock.now())
        there = {each.session_id: each for each in await store.active_cars(conn, yard.tenant_id, site)}[session]
    since, since_then = (yard.clock.now() - timedelta(minutes=minutes) for minutes in (38, 4))
    assert turns == {
        session: Turn(charges=True, since=since, before=True),
        comes: Turn(charges=False, since=since_then, before=False),
    }
    assert there.charging_state == "SuspendedEV"
