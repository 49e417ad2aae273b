"""What a site's past says, and what a plan makes of it."""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.standing import Standing
from forecourt.energy.expecting import Foreseen, HourForecast, SiteForecast
from forecourt.energy.explained.session import stay_of
from forecourt.energy.keeper.foresight import LEAST_VISITS, Foresight
from forecourt.energy.model import Node
from forecourt.energy.needs.model import UNSAID, Needs, Priority, Source, Wants
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.fleet import LEAST_WH_AT
from forecourt.energy.planning.knowledge import ASSUMED_STAY, Guess, Knowledge, KnownCar, packed, unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.planning.weighing import expected_cars
from forecourt.energy.signals.model import DayRates, Season, Tariff, TariffRow
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import Current, HungEvse, Mode, Settings, SiteRecord, SiteTree
from forecourt.energy.store import PastVisit

#: A Monday, nine o'clock.
NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=32),),
    evses=tuple(HungEvse(station=f"CP{number}", evse=1, node="grid") for number in range(3)),
)


def visits(*hours: tuple[int, float, int], token: str | None = None) -> list[PastVisit]:
    """On each of the last ten days: hour at which it came, hours it stayed, Wh."""
    return [
        PastVisit(
            session_id=uuid4(), station="CP1", evse=1, evse_id="CP1:1", token=token, came_at=came,
            left_at=came + timedelta(hours=stay), energy_wh=energy_wh, max_w=11_000, stated=Wants(),
        )
        for day in range(1, 11)
        for hour, stay, energy_wh in hours
        for came in [NOW.replace(hour=hour) - timedelta(days=day)]
    ]  # fmt: skip


def car(energy_wh: int = 0, needs: Needs = UNSAID, evse: int = 0) -> KnownCar:
    return KnownCar(
        session_id=uuid4(), station=f"CP{evse}", evse=1, evse_id=f"CP{evse}:1", transaction_id="1", token="CARD",
        started_at=NOW - timedelta(minutes=30), energy_wh=energy_wh, power_w=None, current_a=None, offered_a=None,
        charging_state="Charging", needs=needs,
    )  # fmt: skip


def foresight(past: list[PastVisit]) -> Foresight:
    return Foresight(past, TREE, 1, "UTC", NOW)


def test_a_car_is_thought_to_do_what_cars_that_came_at_that_time_did() -> None:
    told = foresight(visits((8, 8.0, 12_000), (18, 12.0, 40_000))).of(car(), NOW)
    assert told.expected_at == pytest.approx(NOW + timedelta(hours=7.5), abs=timedelta(minutes=30))
    assert told.expected_wh == pytest.approx(12_000, rel=0.1)


def test_what_a_driver_asks_for_is_never_exceeded_and_a_site_without_a_past_goes_by_it() -> None:
    asked = Needs(wants=Wants(energy_wh=5_000, departure_at=NOW + timedelta(hours=2)), sources={})
    told = foresight(visits((8, 8.0, 12_000), (18, 12.0, 40_000))).of(car(needs=asked), NOW)
    assert told.lacks_wh() <= 5_000
    few = visits((8, 8.0, 12_000))[: LEAST_VISITS - 1]
    one = car(needs=asked)
    assert foresight(few).of(one, NOW) == one
    assert foresight(few).expected([], NOW) == []
    assert car().leaves_at(NOW) == NOW - timedelta(minutes=30) + ASSUMED_STAY


def test_what_a_driver_says_of_leaving_soon_counts_and_once_that_time_has_passed_some_more_is_allowed_for() -> None:
    told = car(needs=Needs(wants=Wants(departure_at=NOW + timedelta(minutes=20)), sources={}))
    assert told.leaves_at(NOW) == NOW + timedelta(minutes=20)
    assert told.leaves_at(NOW + timedelta(minutes=19)) == NOW + timedelta(minutes=24)
    assert told.leaves_at(NOW + timedelta(minutes=21)) == NOW + timedelta(minutes=51)


@pytest.mark.parametrize("hours", [1, 4])
def test_a_car_has_what_its_driver_asked_for_by_when_they_said_however_long_others_stay(hours: int) -> None:
    """Energy is cheap from 13:00 on, when all who came at eight were still there."""
    past, said = visits((8, 8.5, 30_000)) * 3, NOW + timedelta(hours=hours)
    needs = Needs(wants=Wants(energy_wh=20_000, departure_at=said), sources={"departure_at": Source.DRIVER})
    one = foresight(past).of(car(needs=needs), NOW)
    assert one.expected_at is not None
    assert one.expected_at > said
    what = known([one], past, prices=((0, "0.60"), (13, "0.10")))
    [meant] = plan_site(what, SiteSolver()).cars
    assert meant.leaves_at == said
    by_then_wh = sum(meant.steps_w[: hours * 4]) / 4
    assert by_then_wh >= 0.95 * min(one.lacks_wh(), hours * 22_080)
    assert stay_of(one, NOW).leaves_by is Source.DRIVER
    # Once it has passed, what others do tells.
    assert one.leaves_at(said + timedelta(minutes=1)) == max(one.expected_at, said + timedelta(minutes=31))
    assert stay_of(one, said).leaves_by is Source.PREDICTED
    # Who leaves before they say, as others do, is ready before.
    soon = replace(one, expected_at=said - timedelta(minutes=30))
    assert soon.leaves_at(NOW) == said - timedelta(minutes=30)


@pytest.mark.parametrize("asked_wh", [60_000, 45_900, None])
@pytest.mark.parametrize("mode", [Mode.CHEAPEST, Mode.FASTEST, Mode.EQUAL])
def test_who_goes_first_gets_no_less_than_others_and_who_still_wants_energy_has_some_where_there_is_room(
    mode: Mode, asked_wh: int | None
) -> None:
    """Hardly any that came took as much as it has."""
    currents_a = []
    for priority in (Priority.NORMAL, Priority.HIGH):
        one = replace(
            car(45_000, Needs(wants=Wants(energy_wh=asked_wh, priority=priority), sources={})),
            expected_at=NOW + timedelta(hours=1), expected_wh=45_000,
            guesses=(Guess(2 * 3_600, 45_000), Guess(6 * 3_600, 58_000)),
        )  # fmt: skip
        what = known([one], [])
        what = replace(what, settings=replace(what.settings, mode=mode))
        # As it is where there are too many cars to guess at each.
        for each in (one, replace(one, guesses=())):
            plan = plan_site(replace(what, cars=[each]), SiteSolver())
            currents_a.append(plan.targets_ma[0] / 1000)
    usual_a, first_a = currents_a[:2], currents_a[2:]
    assert all(more >= less for more, less in zip(first_a, usual_a, strict=True))
    if mode is not Mode.CHEAPEST:
        assert min(currents_a) >= 6
    if asked_wh == 60_000:
        assert min(first_a) == pytest.approx(32, abs=0.1)
    has_all = car(45_000, Needs(wants=Wants(energy_wh=45_000, priority=Priority.HIGH), sources={}))
    assert has_all.lacks_wh() == 0


@pytest.mark.parametrize("guessing", [True, False])
def test_who_goes_on_beyond_what_others_took_has_the_same_power_however_long_the_next_step_is(guessing: bool) -> None:
    """A lorry at 150 kW takes more than a kWh in half a minute."""
    past = visits((8, 1.0, 40_000), (9, 2.0, 30_000))
    fast = HungEvse(station="CP0", evse=1, node="grid", current=Current.DC, max_a=250)
    tree = SiteTree(nodes=(Node(id="grid", limit_a=1_000),), evses=(fast,))
    least_wh = LEAST_WH_AT(tree.electrics)[fast.id]
    one = foresight(past).of(replace(car(60_000), least_wh=least_wh), NOW, guessing=guessing)
    assert one.expected_wh is not None
    assert one.expected_wh < one.net_wh + 5_000
    for step_min in (0.5, 0.6, 1.0, 1.4):
        plan = plan_site(known([one], [], hours=[step_min / 60, *[1 / 60] * 4, *[0.25] * 90], tree=tree), SiteSolver())
        assert plan.targets_ma == (250_000,), step_min


@pytest.mark.parametrize("guessing", [True, False])
def test_what_is_needed_whatever_it_costs_is_there_by_then_however_little_others_take(guessing: bool) -> None:
    """Energy is dear until eleven."""
    wants = Wants(minimum_wh=40_000, minimum_by=NOW + timedelta(hours=3))
    needs = Needs(wants=wants, sources={"minimum_wh": Source.DRIVER})
    one = foresight(visits((8, 8.0, 12_000)) * 3).of(car(needs=needs), NOW, guessing=guessing)
    [meant] = plan_site(known([one], [], prices=((0, "0.60"), (11, "0.10"))), SiteSolver()).cars
    assert sum(meant.steps_w[: 3 * 4]) / 4 == pytest.approx(40_000, rel=0.01)
    stay = stay_of(one, NOW)
    assert (stay.takes_wh, stay.takes_by) == (40_000, Source.DRIVER)


def test_a_car_that_may_leave_soon_is_charged_before_energy_is_cheap_where_one_guess_of_it_would_wait() -> None:
    """One car of twelve like it left after an hour and a half; half of the price is saved by waiting until 13:00."""
    past = visits((8, 1.5, 20_000)) + visits((8, 8.5, 20_000)) * 11
    one = foresight(past).of(car(), NOW)
    assert one.expected_at is not None
    assert one.expected_at > NOW + timedelta(hours=6)
    by_ten_wh = []
    for each in (one, replace(one, guesses=())):
        [meant] = plan_site(known([each], [], prices=((0, "0.40"), (13, "0.20"))), SiteSolver()).cars
        by_ten_wh.append(sum(meant.steps_w[:4]) / 4)
    assert by_ten_wh[0] > 15_000
    assert by_ten_wh[1] == 0


def test_who_leaves_within_a_step_is_charged_until_then_and_told_no_lack_that_there_will_not_be() -> None:
    """At 22.08 kW all the time until it leaves, nine minutes into the seventh quarter of an hour, it has 36.4 kWh."""
    leaves_at = NOW + timedelta(minutes=99)
    for asked_wh, lacks_wh in ((36_000, 0), (40_000, 3_568)):
        one = car(needs=Needs(wants=Wants(energy_wh=asked_wh, departure_at=leaves_at), sources={}))
        [meant] = plan_site(known([one], []), SiteSolver()).cars
        assert meant.unserved_wh == pytest.approx(lacks_wh, abs=20)
        assert meant.limit_ma == pytest.approx(32_000, abs=700)
        assert meant.steps_w[6] <= 22_080 * 0.6 + 1
        assert sum(meant.steps_w[7:]) == 0
        assert meant.ready_at == (leaves_at if not lacks_wh else None)


def test_who_is_expected_for_less_than_a_step_counts_with_that_much_of_one() -> None:
    what = known([], visits((13, 0.1, 20_000), (14, 1.1, 20_000)))
    expected = expected_cars(what)
    hours = {round(float(each), 2) for each in (expected.last - expected.first - 1 + expected.last_share) * 0.25}
    assert hours == {round(5 / 60, 2), round(65 / 60, 2)}


def test_cars_that_come_every_day_are_expected_and_those_of_this_morning_are_not() -> None:
    expected = foresight(visits((8, 2.0, 8_000), (13, 3.0, 20_000))).expected([], NOW)
    assert {(each.comes_h, each.leaves_h) for each in expected} == {(4.0, 7.0)}
    assert sorted({each.scenario for each in expected}) == list(range(6))
    assert all(each.evse == 1 and each.max_a == pytest.approx(11 / 0.69, rel=0.01) for each in expected)


def known(
    cars: list[KnownCar],
    past: list[PastVisit],
    prices: Sequence[tuple[int, str]] = ((0, "0.30"),),
    *,
    hours: Sequence[float] = (0.25,) * 96,
    tree: SiteTree = TREE,
) -> Knowledge:
    """Usually all day at one price: nothing but who may come tells when to charge."""
    begins, values = zip(*prices, strict=True)
    rates = DayRates(hours=begins, prices=tuple(Decimal(value) for value in values))
    tariff = Tariff(currency="EUR", seasons=(Season(weekdays=rates),))
    row = TariffRow(tariff=tariff, version=1, changed_at=NOW, changed_by="test")
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=tree,
        settings=Settings(enabled=True), settings_version=1,
    )  # fmt: skip
    seer = foresight(past)
    return Knowledge(
        at=NOW, tenant_id=1, site_id=1, zone="UTC", tree_version=1, tree=tree, settings=record.settings,
        outlook=signals_at(record, Known(tariff=row), NOW, hours), cars=cars,
        standings=[
            Standing(max_ma=round(evse.max_a * 1000), fallback_ma=0, running_since=NOW) for evse in tree.evses
        ], expected=seer.expected(cars, NOW),
    )  # fmt: skip


def test_a_plan_that_was_kept_as_bytes_is_made_again_of_them() -> None:
    past = visits((8, 2.0, 10_000), (13, 3.0, 20_000), (14, 3.0, 20_000))
    seer = foresight(past)
    what = known([seer.of(each, NOW) for each in (car(), car(evse=2))], past)
    assert all(each.guesses for each in what.cars)
    plan = plan_site(what, SiteSolver())
    assert plan.grade is Grade.OPTIMAL
    assert unpacked(packed(what)) == what
    assert plan_site(unpacked(packed(what)), SiteSolver()) == plan
    # Of what was kept before there were guesses a plan is made as it was then.
    before = msgspec.json.decode(msgspec.json.encode(what))
    for each in before["cars"]:
        del each["guesses"]
    kept = zlib.compress(msgspec.json.encode(before))
    assert unpacked(kept) == replace(what, cars=[replace(each, guesses=()) for each in what.cars])


def forecast(*hours: tuple[int, float, float, float]) -> SiteForecast:
    """Of today: the hour, cars, plugs taken and kWh."""
    told = [HourForecast(at=NOW.replace(hour=hour), cars=cars, plugs=plugs, energy_kwh=kwh)
            for hour, cars, plugs, kwh in hours]  # fmt: skip
    return SiteForecast(hours=told)


def test_a_forecast_stands_in_where_a_site_has_no_past_of_its_own_and_only_there() -> None:
    # Six cars in all, twelve hours of plugs, 60 kWh: two hours and 10 kWh each; who came by nine is not expected.
    told = forecast((7, 2, 2, 10), (8, 0, 2, 10), (11, 2.5, 2.5, 10), (12, 1.5, 4, 20), (13, 0, 1.5, 10))
    new = Foresight([], TREE, 1, "UTC", NOW, told)
    cars = new.expected([], NOW)
    assert new.by is Foreseen.FORECAST
    assert [round(car.comes_h, 2) for car in cars] == [2.17, 2.5, 2.83, 3.5]
    assert [round(car.leaves_h - car.comes_h, 6) for car in cars] == [2.0] * 4
    assert [car.need_wh for car in cars] == [10_000] * 4
    assert {car.evse for car in cars} == {0, 1, 2}
    # Its own days say more: nothing changes for a site that has them.
    own = visits((8, 4, 9_000), (12, 2, 5_000))
    known = Foresight(own, TREE, 1, "UTC", NOW, told)
    assert known.expected([], NOW) == Foresight(own, TREE, 1, "UTC", NOW).expected([], NOW)
    assert known.by is Foreseen.OWN_DAYS
    for why in (Foreseen.NO_FORECAST, Foreseen.OLD_FORECAST):
        nobody = Foresight([], TREE, 1, "UTC", NOW, why)
        assert (nobody.expected([], NOW), nobody.by) == ([], why)


def test_who_is_forecast_to_stay_beyond_what_is_planned_takes_as_much_less() -> None:
    night = SiteForecast(
        hours=[HourForecast(at=NOW + timedelta(hours=23), cars=1, plugs=4, energy_kwh=8)],
    )
    [car] = Foresight([], TREE, 1, "UTC", NOW, night).expected([], NOW)
    assert (car.comes_h, car.leaves_h, car.need_wh) == (23.5, 24.0, 1_000)
