"""Under a binding limit: what a rise of the building costs, how current passes from one car to another, and that the
limit holds meanwhile. A loop of all that thinks, a clock that steps, and stations that do as they are told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.handing import SHARE, handed
from forecourt.energy.dispatch.obedience import drawn_now, look
from forecourt.energy.dispatch.orders import Told
from forecourt.energy.dispatch.standing import Order, Standing, draws_of, still_since
from forecourt.energy.keeper.saying import less_of, told_of
from forecourt.energy.model import Electrics, Evse, Node
from forecourt.energy.needs.model import Needs, Priority, Wants
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge, KnownCar, rests
from forecourt.energy.planning.making import cut_out, plan_site, site_room
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.rows import SLACK, rows_of
from forecourt.energy.signals.model import Reading
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import HungEvse, Load, Mode, Settings, SiteRecord, SiteTree
from tests.energy.test_turns import NOW, car

S = timedelta(seconds=1)
STEP, METERED = 10 * S, 30 * S
W_PER_A = 690
LIMIT_W = 15_000
LEAST_W = 6 * W_PER_A
HALL_W = 4_900
HOURS = [1 / 60] * 5 + [0.25] * 24


class Lot:
    """Cars that take all they may, at stations that obey within two seconds and are not known to, beside a building
    that is metered, as the cars are, every half minute."""

    def __init__(self, cars: int, mode: Mode, limit_w: int = LIMIT_W, **known: Any) -> None:
        self.now, self.hall_w, self.solver = NOW, HALL_W, SiteSolver()
        self.limit_w, self.mode = limit_w, mode
        self.tree = SiteTree(
            nodes=(Node(id="grid", limit_w=limit_w),), loads=(Load(id="hall", node="grid", most_w=limit_w),),
            evses=tuple(HungEvse(station=f"CP{number}", evse=1, node="grid", max_a=16) for number in range(cars)),
        )  # fmt: skip
        self.cars = [self._wants(car(number)) for number in range(cars)]
        self.standings = [Standing(max_ma=16_000, fallback_ma=0, running_since=NOW, **known)] * cars
        self.full: set[int] = set()
        #: What the stations of some take to obey, and their cars to begin once they are let.
        self.slow: dict[int, tuple[timedelta, timedelta]] = {}
        self.plan: SitePlan | None = None
        #: What is planned whatever is best.
        self.wanted_ma: tuple[int, ...] = ()
        self.read = Reading(at=NOW, power_w=HALL_W)
        self.powers_w: list[int] = []
        self.frees_w: list[int] = []

    def _wants(self, one: KnownCar, priority: Priority | None = None) -> KnownCar:
        wants = Wants(energy_wh=90_000, departure_at=NOW + timedelta(hours=5), priority=priority)
        return replace(one, needs=Needs(wants=wants, sources={}))

    def prefer(self, number: int) -> None:
        self.cars[number] = self._wants(self.cars[number], Priority.HIGH)

    def fill(self, number: int) -> None:
        """It takes no more by itself, and says so at once."""
        self.full.add(number)
        self.cars[number] = replace(self.cars[number], is_full=True, charging_state="SuspendedEV")
        self._measure(number)

    @property
    def known(self) -> Knowledge:
        record = SiteRecord(
            tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1,
            tree=self.tree, settings=Settings(mode=self.mode, enabled=True), settings_version=1,
        )  # fmt: skip
        return Knowledge(
            at=self.now, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=self.tree, settings=record.settings,
            outlook=signals_at(record, Known(latest={"hall": self.read}), self.now, HOURS), cars=self.cars,
            standings=self.standings,
        )  # fmt: skip

    def go(self, during: timedelta, each: Callable[[], None] = lambda: None) -> "Lot":
        """What all draw from then on is asserted to keep the limit and noted; `each`: what happens at every meter's
        word."""
        self.powers_w, self.frees_w = [], []
        for _ in range(during // STEP):
            if (self.now - NOW) % METERED == timedelta():
                each()
                self.read = Reading(at=self.now, power_w=self.hall_w)
                for number in range(len(self.cars)):
                    self._measure(number)
            self._turn()
            self.now += STEP
            drawn_w = sum(self.drawn_a(number) * W_PER_A for number in range(len(self.cars)))
            assert drawn_w + self.hall_w <= self.limit_w + 1, self.now
            self.powers_w.append(round(drawn_w))
            self.frees_w.append(self.limit_w - self.hall_w)
        return self

    def _turn(self) -> None:
        """As the keeper has it: cut at once what is too much, plan, tell."""
        known = self.known
        room, draws = site_room(known), draws_of(known.standings, self.now)
        if room.now().overload(draws.may_a) > 1 + SLACK:
            self._tell(less_of(known, room, cut_out(known, room, self.solver, draws), draws))
            known = self.known
        self.plan = plan_site(known, self.solver, self.plan, room)
        self._tell(told_of(known, room, self.wanted_ma or self.plan.targets_ma, ()))

    def _tell(self, told: list[Told]) -> None:
        for each in told:
            standing = self.standings[each.evse]
            order = Order(
                limit_ma=each.limit_ma, sent_at=self.now, valid_to=each.valid_to, answered_at=self.now, accepted=True,
                drawn_ma=drawn_now(standing, self.now), still_since=still_since(standing, self.now),
                rested=rests(self.cars[each.evse], standing, each.limit_ma, self.now),
            )  # fmt: skip
            self.standings[each.evse] = replace(standing, orders=(*standing.orders, order)[-30:])
            charges = each.limit_ma > 0
            one = self.cars[each.evse]
            since = one.charges_since if charges else one.waits_since
            since = since or self.now
            self.cars[each.evse] = replace(
                one, charges_since=since if charges else None, waits_since=None if charges else since
            )

    def _measure(self, number: int) -> None:
        drawn_a = self.drawn_a(number)
        standing = replace(self.standings[number], drawn_ma=int(drawn_a * 1000), drawn_at=self.now)
        seen = look(standing)
        if seen is not None:
            assert seen.obeys or number in self.slow
            standing = replace(
                standing, disobeys=not seen.obeys, obey_s=seen.obey_s, proven=seen.proven, fell_at=seen.fell_at,
                fell_s=seen.fell_s,
            )  # fmt: skip
        self.standings[number] = standing
        power_w = round(drawn_a * W_PER_A)
        self.cars[number] = replace(self.cars[number], power_w=power_w, current_a=drawn_a, power_at=self.now)

    def drawn_a(self, number: int) -> float:
        obeys, begins = self.slow.get(number, (2 * S, timedelta()))
        obeyed = [each for each in self.standings[number].orders if each.sent_at + obeys <= self.now]
        lets_since = min((each.sent_at + obeys for each in obeyed if each.limit_ma), default=self.now)
        if number in self.full or not obeyed or self.now < lets_since + begins:
            return 0.0
        return obeyed[-1].limit_ma / 1000

    @property
    def used(self) -> float:
        """What of the energy that was free was given."""
        return sum(self.powers_w) / sum(self.frees_w)

    def waited(self) -> timedelta:
        """For how long at a time hardly anybody charged."""
        longest = length = 0
        for each in self.powers_w:
            length = length + 1 if each < LEAST_W - 1 else 0
            longest = max(longest, length)
        return longest * STEP

    def rise(self) -> None:
        self.hall_w += 100


def test_a_building_that_takes_a_little_more_costs_a_car_no_more_than_that() -> None:
    lot = Lot(4, Mode.FASTEST)
    lot.cars = [lot.cars[0], *(replace(each, is_full=True) for each in lot.cars[1:])]
    lot.go(timedelta(minutes=3))
    assert lot.drawn_a(0) * W_PER_A == pytest.approx(LIMIT_W - HALL_W, abs=10)
    lot.go(timedelta(minutes=12), lot.rise)
    falls = [before - after for before, after in zip(lot.powers_w, lot.powers_w[1:], strict=False)]
    assert max(falls) <= 101
    assert lot.used > 0.985
    # It is told no more often than the building is metered.
    assert len(lot.standings[0].orders) <= 30


def test_who_goes_first_has_it_soon_and_nobody_stops_charging_for_it_before() -> None:
    lot = Lot(3, Mode.FASTEST)
    lot.cars = [lot.cars[0], *(replace(each, is_full=True) for each in lot.cars[1:])]
    lot.go(timedelta(minutes=3))
    assert lot.powers_w[-1] == pytest.approx(LIMIT_W - HALL_W, abs=10)
    lot.cars[1] = replace(lot.cars[1], is_full=False)
    lot.prefer(1)
    lot.go(timedelta(minutes=6))
    free_w = LIMIT_W - HALL_W
    assert lot.waited() == timedelta()
    assert lot.used > 0.85
    # Beside the least of the other.
    assert lot.drawn_a(1) * W_PER_A == pytest.approx(free_w - LEAST_W, rel=0.02)


def test_a_car_that_comes_has_its_share_while_what_is_free_becomes_less_and_less() -> None:
    lot = Lot(2, Mode.EQUAL)
    lot.cars[1] = replace(lot.cars[1], is_full=True)
    lot.go(timedelta(minutes=3))
    lot.cars[1] = replace(lot.cars[1], is_full=False)
    lot.go(timedelta(minutes=3), lot.rise)
    assert [lot.drawn_a(number) >= 6 for number in (0, 1)] == [True, True]
    assert lot.waited() == timedelta()
    assert lot.used > 0.7


def test_another_plan_takes_from_cars_no_more_at_a_time_than_a_part() -> None:
    lot = Lot(4, Mode.EQUAL, 25_000)
    lot.go(timedelta(minutes=3))
    before_w, free_w = lot.powers_w[-1], 25_000 - HALL_W
    assert before_w > 0.99 * free_w
    lot.wanted_ma = (16_000, 13_100, 0, 0)
    lot.go(timedelta(minutes=8))
    assert min(lot.powers_w) >= before_w * (1 - SHARE) - LEAST_W / 2
    assert lot.used > 0.85
    assert [lot.drawn_a(number) for number in range(4)] == pytest.approx([16, 13.1, 0, 0], abs=0.1)


def test_all_that_one_has_is_handed_to_another_without_a_break() -> None:
    lot = Lot(2, Mode.EQUAL)
    lot.wanted_ma = (14_600, 0)
    lot.go(timedelta(minutes=3))
    lot.wanted_ma = (0, 14_600)
    lot.go(timedelta(minutes=10))
    assert lot.waited() == timedelta()
    assert [lot.drawn_a(number) for number in (0, 1)] == [0, 14.6]


@pytest.mark.parametrize(
    ("target_ma", "known", "limit_a", "expected_ma"),
    [
        pytest.param((0, 16_000), {}, 16, 9_100, id="a part, with which the other can begin"),
        pytest.param((0, 16_000), {"proven": True}, 16, 0, id="all, where nothing is idle for long"),
        pytest.param((0, 16_000), {"drawn_ma": 500, "drawn_at": NOW}, 16, 0, id="all that isn't drawn"),
        pytest.param((0, 0), {}, 16, 0, id="all that nobody shall have"),
        pytest.param((0, 16_000), {}, 32, 0, id="all that nobody waits for"),
        pytest.param((8_000, 8_000), {"proven": True}, 16, 7_100, id="a little more, for what is free may become less"),
        pytest.param((16_000, 0), {}, 16, 16_000, id="nothing from who shall have it"),
        pytest.param((8_000, 8_000), {}, 12, 7_100, id="what is too much besides"),
    ],
)
def test_what_is_taken_from_one_that_has_all(
    target_ma: tuple[int, int], known: dict[str, Any], limit_a: float, expected_ma: int
) -> None:
    rows = rows_of(
        Electrics(
            nodes=(Node(id="grid", limit_a=limit_a),), evses=(Evse(id="E0", node="grid"), Evse(id="E1", node="grid"))
        )
    )
    ago = NOW - timedelta(minutes=2)
    has, waits = (
        Order(limit_ma=limit_ma, sent_at=ago, valid_to=NOW + timedelta(minutes=9), answered_at=ago, accepted=True)
        for limit_ma in (16_000, 0)
    )
    standings = [Standing(max_ma=16_000, fallback_ma=0, running_since=ago, orders=(each,)) for each in (has, waits)]
    standings[0] = replace(standings[0], **known)
    found = handed(standings, target_ma, [6_000] * 2, rows, draws_of(standings, NOW))
    assert tuple(found) == (expected_ma, target_ma[1])


@pytest.mark.parametrize("renewed", [90 * S, STEP], ids=["renewed-long-ago", "renewed-just-now"])
@pytest.mark.parametrize("known", [{}, {"proven": True}], ids=["unproven", "quick"])
def test_when_a_car_is_full_the_next_has_what_it_left_as_soon_as_its_station_has_said_yes(
    known: dict[str, bool], renewed: timedelta
) -> None:
    lot = Lot(3, Mode.FASTEST, **known)
    lot.prefer(0)
    # That its order was renewed tells its station nothing that it would have to rest for.
    lot.go(timedelta(minutes=5))
    while lot.now - lot.standings[0].orders[-1].sent_at != renewed or len(lot.standings[0].orders) < 2:
        lot.go(STEP)
    assert {each.limit_ma for each in lot.standings[0].orders[-2:]} == {lot.standings[0].orders[-1].limit_ma}
    lot.fill(0)
    lot.go(timedelta(minutes=4))
    assert lot.waited() <= 2 * STEP
    assert lot.powers_w[-1] >= 0.95 * (LIMIT_W - HALL_W)


def test_who_may_still_begin_at_a_station_that_is_slow_hands_nothing_over_before_that_obeys() -> None:
    lot = Lot(2, Mode.FASTEST)
    lot.slow = {0: (80 * S, 75 * S)}
    lot.wanted_ma = (14_600, 0)
    lot.cars[0] = replace(lot.cars[0], charging_state="SuspendedEV", is_full=True)
    # Its car begins just after it is told to draw nothing, which its station obeys much later.
    lot.go(140 * S)
    lot.wanted_ma = (0, 14_600)
    lot.go(STEP)
    assert [each.limit_ma for each in lot.standings[0].orders][-1] == 0
    lot.go(60 * S)
    assert lot.drawn_a(0) > 14
    lot.go(timedelta(minutes=3))
    assert [lot.drawn_a(number) for number in (0, 1)] == [0, 14.6]
