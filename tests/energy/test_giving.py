"""Cars that give back: who is asked, what of it counts, what stations are told, and that what drivers keep and the true
currents hold whatever happens."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.giving import bounded, may_give
from forecourt.energy.dispatch.orders import Told
from forecourt.energy.dispatch.profiles import running_profile
from forecourt.energy.dispatch.standing import Order, Standing, controllable, may_draw
from forecourt.energy.dispatch.times import CLOCK_MARGIN, GIVES_FOR
from forecourt.energy.explained.session import explain
from forecourt.energy.explained.words import sentences
from forecourt.energy.keeper.saying import less_of, told_of
from forecourt.energy.model import Node, Phases
from forecourt.energy.needs.model import Needs, Priority, Said, Source, Wants, merge
from forecourt.energy.needs.said import wants_of
from forecourt.energy.pages.at_session import picture
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.giving import give_room_w, with_giver
from forecourt.energy.planning.knowledge import Knowledge, packed, unpacked
from forecourt.energy.planning.making import plan_site, share_out, site_room
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.signals.model import DayRates, Reading, Season, Tariff, TariffRow
from forecourt.energy.signals.outlook import METER_LATE, Known, signals_at
from forecourt.energy.site import HungEvse, Load, Settings, SiteRecord, SiteTree, Solar
from forecourt.energy.storage.cars import CarState, Giver, NoGiver, giver_of, net_wh
from forecourt.energy.storage.model import DELIVERED_FOR, RELIED
from forecourt.ocpp.neutral import ChargingNeeds, Unit
from tests.energy.test_foresight import car

#: A Monday, nine o'clock: energy is dear from 8 to 11.
NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
S = timedelta(seconds=1)
LEAVES = NOW + timedelta(hours=5)
LIMIT_A = 40.0
GIVES_W = 11_000
NBSP = "\N{NO-BREAK SPACE}"
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=LIMIT_A),),
    evses=tuple(HungEvse(station=f"CP{number}", evse=1, node="grid") for number in range(3)),
)
TARIFF = Tariff(
    currency="EUR",
    seasons=(Season(weekdays=DayRates(hours=(0, 8, 11), prices=(Decimal("0.10"), Decimal("0.90"), Decimal("0.10")))),),
)
WILLING = Wants(
    may_discharge=True, max_discharge_w=GIVES_W, energy_wh=30_000, departure_at=LEAVES, keep_wh=10_000, max_w=11_000
)


def needs(**more: object) -> Needs:
    return Needs(wants=replace(WILLING, **more), sources={})


def state(**more: object) -> CarState:
    return replace(CarState(got_wh=30_000, power_w=0, power_at=NOW), **more)


def asked(of: Needs, known: CarState | None = None, *, can: bool = True, refused: bool = False) -> Giver | NoGiver:
    return giver_of(of, known or state(), NOW, station_can=can, refused=refused)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (asked(needs(may_discharge=None)), NoGiver.UNWILLING),
        (asked(needs(may_discharge=False)), NoGiver.UNWILLING),
        (asked(needs(max_discharge_w=None)), NoGiver.UNABLE),
        (asked(needs(), can=False), NoGiver.STATION),
        (asked(needs(), refused=True), NoGiver.REFUSED),
        (asked(needs(departure_at=None)), NoGiver.UNSAID),
        (asked(needs(energy_wh=None)), NoGiver.UNSAID),
        (asked(needs(), state(power_at=NOW - timedelta(minutes=6))), NoGiver.UNMEASURED),
        (asked(needs(), state(power_w=-9_000, told_w=5_000)), NoGiver.DISOBEYS),
    ],
)
def test_who_is_not_willing_or_not_able_or_not_known_well_enough_is_never_asked(
    found: Giver | NoGiver, expected: NoGiver
) -> None:
    assert found is expected


@pytest.mark.parametrize(
    ("of", "known", "spare_wh"),
    [
        (needs(), state(), 20_000),
        # What was given comes back at a loss.
        (needs(), state(given_wh=8_500), 10_000),
        (needs(keep_wh=-5_000), state(got_wh=0), 5_000),
        pytest.param(needs(keep_wh=None), state(got_wh=4_000), 4_000, id="what it came with, without a word"),
        pytest.param(needs(minimum_wh=25_000, minimum_by=NOW), state(), 5_000, id="a minimum is kept"),
        (needs(keep_wh=None, keep_soc_pct=40, battery_wh=50_000), state(soc_pct=70.0, soc_at=NOW), 15_000),
        (needs(keep_soc_pct=40, battery_wh=50_000), state(soc_pct=99.0, soc_at=NOW), 20_000),
        pytest.param(needs(keep_wh=None, keep_soc_pct=40), state(), 0, id="of a state that nobody knows, all of it"),
        (needs(keep_wh=None, keep_soc_pct=40, battery_wh=50_000, present_soc_pct=20), state(), 20_000),
        # It has been giving for a minute since it was measured.
        (needs(), state(told_w=10_200, power_w=-10_200, power_at=NOW - timedelta(minutes=1)), 19_800),
    ],
)
def test_what_a_driver_keeps_is_never_to_spare(of: Needs, known: CarState, spare_wh: int) -> None:
    found = asked(of, known)
    assert isinstance(found, Giver)
    assert found.spare_wh == spare_wh


def test_nobody_who_says_no_is_outvoted_by_a_car_that_could() -> None:
    car_said = wants_of(
        ChargingNeeds(
            evse=1, transfer="AC_BPT", energy_wh=-2_000, max_discharge_power_w=7_000, min_v2x_energy_wh=-15_000
        ),
        5_000,
        NOW,
    )
    assert car_said == Wants(may_discharge=True, max_discharge_w=7_000, keep_wh=-10_000, energy_wh=3_000)
    one_way = wants_of(ChargingNeeds(evse=1, transfer="AC_three_phase", max_discharge_power_w=7_000), 0, NOW)
    assert one_way == Wants()
    said = [
        Said(source=source, wants=wants, said_at=NOW, said_by="x")
        for source, wants in ((Source.ISO15118, car_said), (Source.TOKEN, Wants(may_discharge=False)))
    ]
    assert merge(said[:1]).wants.may_discharge is True
    merged = merge(said)
    assert (merged.wants.may_discharge, merged.sources["may_discharge"]) == (False, Source.TOKEN)


def test_an_order_to_give_ends_by_itself_and_lets_nothing_be_drawn() -> None:
    command = running_profile(1, "T", 0, Phases.ALL, 690.0, Unit.CURRENT, NOW, NOW + timedelta(minutes=12), 15_950)
    first, then = command.profile.periods
    assert (first.setpoint, first.discharge_limit, first.limit) == (-15_900, -15_900, 0)
    assert (first.operation_mode, then.operation_mode) == ("CentralSetpoint", "ChargingOnly")
    assert then.start_s == (GIVES_FOR + CLOCK_MARGIN).total_seconds()
    assert (then.setpoint, then.limit) == (None, 0)
    order = Order(limit_ma=0, gives_ma=15_900, sent_at=NOW, valid_to=NOW + timedelta(minutes=12), accepted=True)
    standing = Standing(max_ma=32_000, fallback_ma=6_000, running_since=NOW, orders=(replace(order, answered_at=NOW),))
    assert may_draw(standing, NOW + timedelta(minutes=2))[0] == 0
    assert may_give(standing, NOW + timedelta(minutes=5)) == 15_900
    assert may_give(standing, NOW + GIVES_FOR + CLOCK_MARGIN) == 0
    # To refuse that is no word on limits, which go on to be counted on.
    refused = replace(standing, orders=(replace(order, gives_ma=0), replace(order, accepted=False)))
    assert controllable(refused, NOW)
    assert not controllable(replace(standing, orders=(replace(order, gives_ma=0, accepted=False),)), NOW)


def test_all_together_never_give_more_than_there_is_room_for_whoever_was_told_before() -> None:
    def told(gives_ma: int, *, answered: bool = True) -> Standing:
        order = Order(limit_ma=0, gives_ma=gives_ma, sent_at=NOW - 30 * S, valid_to=NOW + timedelta(minutes=11))
        done = replace(order, accepted=True, answered_at=NOW - 29 * S)
        return Standing(max_ma=32_000, running_since=NOW, orders=(done if answered else order,))

    kw = np.full(2, 0.69)
    assert bounded([told(0), told(0)], [16_000, 16_000], kw, 13.8, NOW) == [16_000, 4_000]
    # One that may still give what it was told before takes the room of what it shall not any more.
    assert bounded([told(16_000), told(0)], [0, 16_000], kw, 13.8, NOW) == [0, 4_000]
    assert bounded([told(0), told(8_000, answered=False)], [16_000, 2_000], kw, 6.9, NOW) == [2_000, 2_000]
    assert bounded([told(16_000), told(0)], [16_000, 0], kw, 0.0, NOW) == [0, 0]


class Yard:
    """A site as it really is: a car that gives what it is told as long as it does, and cars that take all they may.
    What is believed of them is only what was measured, each half minute."""

    def __init__(self, others: int = 1, limit_a: float = LIMIT_A, **settings: object) -> None:
        self.now, self.solver = NOW, SiteSolver()
        tree = replace(TREE, nodes=(Node(id="grid", limit_a=limit_a),))
        self.record = SiteRecord(
            tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=tree,
            settings=replace(Settings(enabled=True), **settings), settings_version=1,
        )  # fmt: skip
        self.tree = tree
        self.alive = True
        self.obey_s = [10.0] * 3
        self.got_wh, self.given_wh, self.said = 30_000.0, 0.0, (30_000, 0, 0, NOW)
        takes = Wants(energy_wh=200_000, departure_at=NOW + timedelta(hours=2))
        self.others = [car(needs=Needs(wants=takes, sources={}), evse=number + 1) for number in range(others)]
        self.giver = car(needs=needs())
        self.orders: list[list[Order]] = [[], [], []]
        self.plan: SitePlan | None = None

    @property
    def known(self) -> Knowledge:
        row = TariffRow(tariff=TARIFF, version=1, changed_at=NOW, changed_by="test")
        outlook = signals_at(self.record, Known(tariff=row), self.now, [1 / 60] * 5 + [0.25] * 60)
        running = 1 + len(self.others)
        standings = [
            Standing(
                max_ma=32_000,
                fallback_ma=0,
                running_since=NOW if number < running else None,
                orders=tuple(orders[-8:]),
                obey_s=self.obey_s[number],
            )
            for number, orders in enumerate(self.orders)
        ]
        got_wh, given_wh, power_w, at = self.said
        giver = replace(self.giver, energy_wh=got_wh, given_wh=given_wh, power_w=power_w, power_at=at)
        known_state = CarState(got_wh=got_wh, given_wh=given_wh)
        giver = with_giver(
            giver, known_state, self.tree.evses[0], standings[0], self.tree, self.now, station_can=True, refused=False
        )
        others = [
            replace(each, power_w=int(self.taken_a(number + 1) * 690), power_at=self.now)
            for number, each in enumerate(self.others)
        ]
        return Knowledge(
            at=self.now, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=self.tree, outlook=outlook,
            settings=self.record.settings, cars=[giver, *others], standings=standings, expected=[],
        )  # fmt: skip

    def turn(self) -> None:
        """As the keeper has it: cut at once what is too much, plan, tell."""
        known = self.known
        room = site_room(known)
        may_a = np.array([may_draw(each, self.now)[0] for each in known.standings]) / 1000
        if room.now().overload(may_a) > 1:
            self._tell(less_of(known, room, share_out(known, room, self.solver).targets_ma))
            known = self.known
            room = site_room(known)
        self.plan = plan_site(known, self.solver, room=room)
        self._tell(told_of(known, room, self.plan.targets_ma, self.plan.gives_ma))

    def _tell(self, told: list[Told]) -> None:
        for each in told:
            order = Order(limit_ma=each.limit_ma, gives_ma=each.gives_ma, sent_at=self.now, valid_to=each.valid_to)
            self.orders[each.evse].append(replace(order, answered_at=self.now, accepted=True))

    def go(self, during: timedelta, step: timedelta = 10 * S) -> list[float]:
        """The true current of the grid connection after each step, per conductor, below 0 where it is fed."""
        found = []
        for _ in range(during // step):
            self.now += step
            hours = step / timedelta(hours=1)
            self.got_wh += self.taken_a(0) * 690 * hours
            self.given_wh += self.given_a * 690 * hours
            if self.alive and (self.now - NOW) % (30 * S) == timedelta():
                power_w = round((self.taken_a(0) - self.given_a) * 690)
                self.said = (int(self.got_wh), int(self.given_wh), power_w, self.now)
            self.turn()
            found.append(self.grid_a)
        return found

    def _held(self, number: int) -> Order | None:
        """Stations obey what they were told when their time has passed."""
        obeyed = timedelta(seconds=self.obey_s[number])
        held = [each for each in self.orders[number] if each.sent_at + obeyed <= self.now < each.valid_to]
        return held[-1] if held else None

    def taken_a(self, number: int) -> float:
        held = self._held(number)
        most_a = 16.0 if number == 0 else 32.0
        return 0.0 if held is None or number > len(self.others) else min(held.limit_ma / 1000, most_a)

    @property
    def given_a(self) -> float:
        held = self._held(0)
        if held is None or not self.alive or self.now >= held.sent_at + GIVES_FOR + CLOCK_MARGIN:
            return 0.0
        return held.gives_ma / 1000

    @property
    def grid_a(self) -> float:
        return sum(self.taken_a(number) for number in range(3)) - self.given_a

    @property
    def net_wh(self) -> int:
        return net_wh(int(self.got_wh), int(self.given_wh))


def test_the_true_current_holds_with_what_a_car_gives_and_when_it_stops_without_a_word() -> None:
    yard = Yard(others=2)
    assert max(yard.go(timedelta(minutes=1))) <= LIMIT_A
    assert max(yard.go(timedelta(minutes=4))) <= LIMIT_A
    assert yard.given_a == pytest.approx(GIVES_W / 690, abs=0.1)
    # Others were granted more than the connection has by what was measured, within the bound.
    taken_a = yard.taken_a(1) + yard.taken_a(2)
    assert LIMIT_A * 1.1 < taken_a <= LIMIT_A * (1 + RELIED) + 0.1
    assert unpacked(packed(yard.known)) == yard.known
    yard.alive = False
    gone = yard.go(DELIVERED_FOR + 60 * S)
    # Bounded in current and in time: until the measurement is too old and stations obey.
    assert max(gone) <= LIMIT_A * (1 + RELIED) + 0.1
    assert max(gone[(DELIVERED_FOR + 30 * S) // (10 * S) :]) <= LIMIT_A
    # Of which nothing is measured any more it is told to give nothing.
    yard.go(timedelta(minutes=5))
    assert yard.orders[0][-1].gives_ma == 0


def test_a_car_gives_while_energy_is_dear_keeps_what_its_driver_keeps_and_leaves_with_what_it_needs() -> None:
    yard = Yard()
    lowest, fed = yard.net_wh, 0.0
    while yard.now < LEAVES:
        fed = min(fed, *yard.go(timedelta(minutes=1), 30 * S))
        lowest = min(lowest, yard.net_wh)
    assert yard.given_wh > 12_000
    assert 10_000 <= lowest < 14_000
    assert yard.net_wh >= 30_000 - 200
    assert fed == 0.0


def test_who_relies_on_a_car_is_told_less_before_it_is_told_to_give_less() -> None:
    yard = Yard(others=2)
    yard.go(timedelta(minutes=5))
    assert yard.taken_a(1) + yard.taken_a(2) > LIMIT_A * 1.1
    yard.giver = replace(yard.giver, needs=needs(energy_wh=60_000, departure_at=NOW + timedelta(hours=3)))
    stopped = yard.go(timedelta(minutes=4))
    assert max(stopped) <= LIMIT_A
    assert yard.given_a == 0


def test_nobody_is_granted_what_a_car_gives_that_is_told_to_give_no_more() -> None:
    yard = Yard(others=2)
    yard.obey_s[2] = 60.0
    first, second = yard.others
    sated = Wants(energy_wh=0, departure_at=NOW + timedelta(hours=2))
    yard.others = [replace(first, needs=Needs(wants=sated, sources={})), second]
    yard.go(timedelta(minutes=5))
    assert yard.taken_a(2) == 32
    # It gives no more, and the one that takes all is slow to obey: a third comes.
    yard.giver = replace(yard.giver, needs=needs(energy_wh=60_000, departure_at=NOW + timedelta(hours=3)))
    urgent = Wants(energy_wh=200_000, departure_at=NOW + timedelta(hours=2), priority=Priority.HIGH)
    yard.others = [replace(first, needs=Needs(wants=urgent, sources={})), second]
    assert max(yard.go(timedelta(minutes=2))) <= LIMIT_A
    assert yard.given_a == 0
    # It is handed over in parts.
    assert max(yard.go(timedelta(minutes=4))) <= LIMIT_A
    assert yard.taken_a(1) > 20


def test_no_more_is_fed_in_than_may_be_and_less_is_told_at_once_when_others_leave() -> None:
    yard = Yard()
    yard.go(timedelta(minutes=3))
    assert yard.given_a > 10
    yard.others = []
    left = yard.go(40 * S)
    assert left[0] < 0
    assert left[2:] == [0.0] * 2
    fed = Yard(others=0, feed_in_limit_w=5_000)
    # Worth nothing, it is not done.
    assert min(fed.go(timedelta(minutes=3))) == 0


def test_a_load_that_usually_begins_now_takes_nothing_of_what_cars_give_until_it_is_measured() -> None:
    known = Yard(others=0).known
    hall = Load(id="hall", node="grid", most_w=25_000)
    tree = replace(known.tree, loads=(hall,))
    record = replace(Yard().record, tree=tree)

    def may_be_given_w(last_w: int, age: timedelta = 60 * S, usually_w: int = 20_000) -> int:
        past = [
            Reading(at=NOW + timedelta(days=-day, minutes=minutes), power_w=usually_w)
            for day in range(3, 8)
            for minutes in (0, 5, 10)
        ]
        latest = {} if age > METER_LATE else {"hall": Reading(at=NOW - age, power_w=last_w)}
        outlook = signals_at(record, Known(readings={"hall": past}, latest=latest), NOW, [1 / 60] * 5 + [0.25] * 60)
        return give_room_w(replace(known, tree=tree, outlook=outlook))

    assert may_be_given_w(2_000) == 2_000
    assert may_be_given_w(20_000, usually_w=3_000) < 20_000
    assert may_be_given_w(20_000, age=METER_LATE + S) == 0


def test_a_roof_that_is_not_measured_may_give_all_it_can_and_a_new_one_what_it_was_seen_to_give() -> None:
    known = Yard(others=0).known
    tree = replace(
        known.tree, loads=(Load(id="hall", node="grid"),), solar=(Solar(id="roof", node="grid", peak_w=20_000),)
    )
    record = replace(Yard().record, tree=tree)

    def may_be_given_w(roof_w: int | None) -> int:
        latest = {"hall": Reading(at=NOW, power_w=14_000)}
        if roof_w is not None:
            latest["roof"] = Reading(at=NOW, power_w=roof_w)
        settings = replace(known.settings, feed_in_limit_w=5_000)
        past = [Reading(at=NOW - timedelta(minutes=15 * n), power_w=14_000) for n in range(1, 900)]
        outlook = signals_at(record, Known(readings={"hall": past}, latest=latest), NOW, [1 / 60] * 5 + [0.25] * 60)
        return give_room_w(replace(known, tree=tree, settings=settings, outlook=outlook))

    assert may_be_given_w(12_000) == 2_000 + 5_000
    assert may_be_given_w(0) == 14_000 + 5_000
    assert may_be_given_w(None) == 5_000


def test_it_is_said_in_words_why_a_car_gives_and_why_one_is_not_asked() -> None:
    yard = Yard()
    yard.go(timedelta(minutes=4))
    assert yard.plan is not None
    told = explain(yard.known, yard.plan, yard.giver.session_id)
    assert told is not None
    first, *more = sentences(told, yard.now, "UTC")
    costs = f"a kWh costs 0.10{NBSP}EUR from 11:09 on, and 0.90{NBSP}EUR now"
    assert first == f"It gives back 11.0{NBSP}kW to the site: {costs}."
    assert "It keeps what its driver said, and has what it needs again before it leaves." in more
    assert any(each.startswith("It has given back ") for each in more)
    drawn = picture(told)
    assert drawn is not None
    assert drawn.outline.startswith("M0 ")
    assert not drawn.outline.startswith("M0 100L"), "what is given lies below the line"
    unasked = replace(yard.known, cars=[replace(each, giver=NoGiver.STATION) for each in yard.known.cars])
    told = explain(unasked, plan_site(unasked, SiteSolver()), yard.giver.session_id)
    assert told is not None
    said = sentences(told, yard.now, "UTC")[-1]
    assert said == "It is not asked to give back: its station doesn't say, by OCPP 2.1, that cars may give back there."


def test_what_is_kept_goes_before_what_others_were_granted() -> None:
    yard = Yard(others=2)
    yard.go(timedelta(minutes=5))
    assert yard.taken_a(1) + yard.taken_a(2) > LIMIT_A * 1.1
    # It was said that more is kept: what is left is 200 Wh, which 11 kW would take in a minute.
    yard.giver = replace(yard.giver, needs=needs(keep_wh=yard.net_wh - 200))
    kept_wh = yard.net_wh - 200
    worst = yard.go(timedelta(minutes=6))
    assert max(worst[3:]) <= LIMIT_A
    assert yard.net_wh >= kept_wh
