"""Lives of hardware: when one begins, when its end would be known, and what ends it."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from forecourt.insight.replacement import planned
from forecourt.insight.replacement.inputs import KindInputs, ReplacementInputs, ReplacementInputsRefused
from forecourt.insight.replacement.lives import Lives, lives_of
from forecourt.insight.replacement.model import (
    Cause,
    ChangeReason,
    CountsAs,
    Hardware,
    HardwareChange,
    HardwareKind,
    HardwarePlace,
    Life,
    Station,
)
from forecourt.insight.replacement.planned import HardwareTold, LeftOut, plan
from forecourt.insight.replacement.policy import AheadVerdict
from forecourt.insight.replacement.sheet import COLUMNS
from forecourt.insight.turns import BrokenOff, Halt
from forecourt.platform.sheets import Line, read_line
from forecourt.simulator import worn
from tests.insight.test_survival import sampling
from tests.insight.worlds import played

TODAY = date(2026, 11, 1)
STATION, CONTROLLER = HardwarePlace(kind=HardwareKind.STATION), HardwarePlace(kind=HardwareKind.CONTROLLER)
CABLE = HardwarePlace(kind=HardwareKind.CABLE, evse=1, connector=1)
POWER = HardwarePlace(kind=HardwareKind.POWER, evse=1)
ALWAYS = {kind: date(2020, 1, 1) for kind in HardwareKind}


def station(number: int = 1, **values: Any) -> Station:
    known: dict[str, Any] = {
        "station_id": number, "station": f"CP{number}", "site": "yard", "vendor": "Ampère", "model": "One",
        "seen_on": date(2024, 1, 1), "retired_on": None, "plugs": ((1, 1), (2, 1)),
    }  # fmt: skip
    return Station(**(known | values))


def change(on: date, reason: ChangeReason, place: HardwarePlace = CABLE, number: int = 1) -> HardwareChange:
    return HardwareChange(
        change_id=uuid4(), number=1, station_id=number, station=f"CP{number}", site="yard", place=place, on=on,
        reason=reason, note=None, said_at=datetime(2026, 11, 1, tzinfo=UTC), said_by="somebody",
    )  # fmt: skip


def at(lives: Lives, place: HardwarePlace = CABLE) -> list[Life]:
    return sorted((each for each in lives.lives if each.place == place), key=lambda each: each.began_on)


def told(lives: list[Life]) -> list[tuple[date, float, float, Cause | None, bool, bool]]:
    return [(each.began_on, each.entry_d, each.exit_d, each.cause, each.open, each.assumed) for each in lives]


def test_hardware_counts_as_new_when_first_seen_unless_somebody_says_when_it_was_put_in() -> None:
    seen = lives_of([station()], [], ALWAYS, TODAY)
    assert told(at(seen)) == [(date(2024, 1, 1), 0, 1035, None, True, True)]
    # One station with two EVSEs: itself, its controller, two power units, two cables.
    assert len(seen.lives) == 6
    said = lives_of([station()], [change(date(2021, 1, 1), ChangeReason.COMMISSIONED, STATION)], ALWAYS, TODAY)
    assert told(at(said)) == [(date(2021, 1, 1), 0, 2130, None, True, False)]
    # Registered ahead of its time: it wasn't there yet.
    later = lives_of([station()], [change(date(2024, 6, 1), ChangeReason.COMMISSIONED, STATION)], ALWAYS, TODAY)
    assert told(at(later, STATION)) == [(date(2024, 6, 1), 0, 883, None, True, False)]


def test_an_end_by_wear_or_damage_is_one_and_all_else_cuts_a_life_short() -> None:
    changes = [
        change(date(2021, 1, 1), ChangeReason.COMMISSIONED, STATION),
        change(date(2022, 1, 1), ChangeReason.WORN),
        change(date(2023, 1, 1), ChangeReason.UPGRADE),
        change(date(2024, 1, 1), ChangeReason.VANDALISM),
        change(date(2025, 1, 1), ChangeReason.AHEAD),
    ]
    found = told(at(lives_of([station()], changes, ALWAYS, TODAY)))
    assert [(began, cause) for began, _, _, cause, _, _ in found] == [
        (date(2021, 1, 1), Cause.WEAR), (date(2022, 1, 1), None), (date(2023, 1, 1), Cause.DAMAGE),
        (date(2024, 1, 1), None), (date(2025, 1, 1), None),
    ]  # fmt: skip
    assert [open_ for *_, open_, _ in found] == [False] * 4 + [True]
    assert not any(assumed for *_, assumed in found)


def test_a_life_counts_from_when_its_end_would_have_been_known() -> None:
    since = ALWAYS | {HardwareKind.CABLE: date(2023, 1, 1), HardwareKind.POWER: None}
    changes = [
        change(date(2021, 1, 1), ChangeReason.COMMISSIONED, STATION),
        change(date(2022, 1, 1), ChangeReason.WORN),
        change(date(2024, 1, 1), ChangeReason.WORN),
    ]
    lives = lives_of([station()], changes, since, TODAY)
    # The first ended before ends were recorded: who was lucky enough to be written down proves nothing.
    assert told(at(lives)) == [
        (date(2022, 1, 1), 365, 730, Cause.WEAR, False, False), (date(2024, 1, 1), 0, 1035, None, True, False),
    ]  # fmt: skip
    assert not [each for each in lives.lives if each.place.kind is HardwareKind.POWER]
    # Of stations, ends are known since each is known here.
    stations = lives_of([station()], changes, dict.fromkeys(HardwareKind), TODAY).lives
    assert [(each.place.kind, each.entry_d) for each in stations] == [(HardwareKind.STATION, 1095)]


def test_what_ended_at_an_age_that_nobody_knows_is_counted_apart() -> None:
    lives = lives_of([station()], [change(date(2023, 6, 1), ChangeReason.WORN)], ALWAYS, TODAY)
    assert told(at(lives)) == [(date(2023, 6, 1), 0, 1249, None, True, False)]
    assert lives.ageless == {HardwareKind.CABLE: 1}


def test_parts_go_with_their_station() -> None:
    changes = [change(date(2025, 1, 1), ChangeReason.ACCIDENT, STATION)]
    lives = lives_of([station()], changes, ALWAYS, TODAY)
    assert [each.cause for each in at(lives, STATION)] == [Cause.DAMAGE, None]
    assert [each.cause for each in at(lives)] == [None, None]
    assert at(lives)[1].began_on == date(2025, 1, 1)


def test_what_is_put_in_twice_is_as_old_as_the_first_time_and_nothing_lives_between_an_end_and_a_beginning() -> None:
    first, again = (change(date(year, 3, 1), ChangeReason.COMMISSIONED, STATION) for year in (2021, 2024))
    once = lives_of([station()], [first], ALWAYS, TODAY)
    assert lives_of([station()], [first, again], ALWAYS, TODAY) == once
    # Before it was there somebody says that it was worn.
    early = change(date(2005, 3, 1), ChangeReason.WORN, STATION)
    assert lives_of([station()], [early, first], ALWAYS, TODAY).lives == once.lives
    # A cable that was put in later than its station is younger, whatever became of the one before.
    cable = change(date(2023, 3, 1), ChangeReason.COMMISSIONED)
    [before, later] = at(lives_of([station()], [first, cable], ALWAYS, TODAY))
    assert (before.cause, before.open, later.began_on, later.open) == (None, False, date(2023, 3, 1), True)


def test_a_retired_station_ends_its_lives_and_by_wear_if_somebody_says_so() -> None:
    gone = station(retired_on=date(2025, 1, 1))
    assert told(at(lives_of([gone], [], ALWAYS, TODAY))) == [(date(2024, 1, 1), 0, 366, None, False, True)]
    worn = lives_of([gone], [change(date(2025, 1, 1), ChangeReason.WORN, STATION)], ALWAYS, TODAY)
    assert [(each.cause, each.open) for each in at(worn, STATION)] == [(Cause.WEAR, False)]
    assert [(each.cause, each.open) for each in at(worn)] == [(None, False)]


def hardware(*serials: tuple[str, str, date]) -> tuple[Hardware, ...]:
    return tuple(Hardware(serial=s, vendor="Ampère", model=model, first_on=on) for s, model, on in serials)


def test_another_serial_number_is_another_station_and_nobody_has_to_explain_it_twice() -> None:
    spoke = hardware(("A", "One", date(2024, 1, 1)), ("B", "One", date(2025, 1, 1)), ("C", "Two", date(2026, 1, 1)))
    lives = lives_of([station(hardware=spoke)], [], ALWAYS, TODAY)
    # The same model: worn, until somebody says otherwise; another one: an upgrade.
    assert [(each.cause, each.model) for each in at(lives, STATION)] == [
        (Cause.WEAR, "Ampère One"), (None, "Ampère One"), (None, "Ampère Two"),
    ]  # fmt: skip
    assert [(each.before, each.after, each.counts_as) for each in lives.exchanges] == [
        ("A", "B", CountsAs.WORN), ("B", "C", CountsAs.UPGRADE),
    ]  # fmt: skip
    said = [
        change(date(2025, 1, 9), ChangeReason.RECALL, STATION),
        change(date(2025, 12, 30), ChangeReason.WORN, CONTROLLER),
    ]
    explained = lives_of([station(hardware=spoke)], said, ALWAYS, TODAY)
    assert explained.exchanges == []
    assert [each.cause for each in at(explained, STATION)] == [None, None]
    assert [each.cause for each in at(explained, CONTROLLER)] == [None, Cause.WEAR, None]
    # A new controller is no new cable.
    assert len(at(explained)) == 2


def test_a_station_that_makes_up_its_serial_number_was_not_exchanged_each_time() -> None:
    daily = hardware(*((f"S{n}", "One", date(2026, 1, 1) + timedelta(days=n)) for n in range(50)))
    rarely = hardware(*((f"S{n}", "One", date(2024, 6, 1) + timedelta(days=100 * n)) for n in range(5)))
    twice = hardware(*((f"S{n}", "One", date(2024, 6, 1) + timedelta(days=14 * n)) for n in range(3)))
    for spoke in (daily, rarely, twice):
        lives = lives_of([station(hardware=spoke)], [], ALWAYS, TODAY)
        assert told(at(lives, STATION)) == [(date(2024, 1, 1), 0, 1035, None, True, True)]
        # One line to look at, not 49.
        assert [(each.after, each.counts_as) for each in lives.exchanges] == [(spoke[-1].serial, CountsAs.NOTHING)]
    # What somebody explained is no sign of it.
    said = [change(date(2026, 1, 1) + timedelta(days=n), ChangeReason.WORN, STATION) for n in (1, 20, 40)]
    some = hardware(*((f"S{n}", "One", date(2026, 1, 1) + timedelta(days=n)) for n in (0, 1, 20, 40, 100)))
    lives = lives_of([station(hardware=some)], said, ALWAYS, TODAY)
    assert [(each.after, each.counts_as) for each in lives.exchanges] == [("S100", CountsAs.WORN)]


def test_hardware_that_two_stations_swapped_is_worn_at_neither() -> None:
    first = station(1, hardware=hardware(("A", "One", date(2024, 1, 1)), ("B", "One", date(2025, 6, 1))))
    second = station(2, hardware=hardware(("B", "One", date(2024, 1, 1)), ("A", "One", date(2025, 6, 2))))
    lives = lives_of([first, second], [], ALWAYS, TODAY)
    assert {each.counts_as for each in lives.exchanges} == {CountsAs.MOVED}
    # What came isn't new.
    assert [(each.cause, each.assumed) for each in at(lives, STATION)] == [(None, True)] * 4
    # What was taken to another station lives on there, though something new was put in for it.
    sent = station(3, hardware=hardware(("C", "One", date(2024, 1, 1)), ("D", "One", date(2025, 6, 1))))
    got = station(4, hardware=hardware(("C", "One", date(2025, 7, 1))))
    assert [each.cause for each in at(lives_of([sent, got], [], ALWAYS, TODAY), STATION)] == [None, None, None]
    # Another maker's number is another piece.
    other = station(4, hardware=(Hardware(serial="C", vendor="Volt", model="One", first_on=date(2025, 7, 1)),))
    lives = lives_of([sent, other], [], ALWAYS, TODAY)
    assert [each.counts_as for each in lives.exchanges] == [CountsAs.WORN]


def test_what_is_said_of_a_station_that_told_of_no_connectors_is_where_somebody_says() -> None:
    silent = station(plugs=())
    said = [
        change(date(2024, 6, 1), ChangeReason.COMMISSIONED, STATION),
        change(date(2025, 6, 1), ChangeReason.WORN, HardwarePlace(kind=HardwareKind.CABLE, evse=2, connector=3)),
    ]
    lives = lives_of([silent], said, ALWAYS, TODAY)
    found = [each for each in lives.lives if each.place.kind is HardwareKind.CABLE]
    assert [(each.place.evse, each.place.connector, each.cause) for each in found] == [
        (2, 3, Cause.WEAR), (2, 3, None),
    ]  # fmt: skip
    # Where it told of others since, nothing is made of it.
    lives = lives_of([station()], said, ALWAYS, TODAY)
    assert {each.place.evse for each in lives.lives if each.place.kind is HardwareKind.CABLE} == {1, 2}


def network(seed: int, shape: float | None = None) -> Lives:
    """Cables that were played, as records tell of them."""
    lives = [
        Life(
            station=f"CP{number}", site=f"site-{number % 3}", place=CABLE, model=f"M{each.model}",
            began_on=TODAY - timedelta(days=round(each.leave * 365.25)), entry_d=each.entry * 365.25,
            exit_d=each.leave * 365.25, cause=Cause.WEAR if each.ended else None, open=each.in_use, assumed=False,
        )
        for number, each in enumerate(played(seed, shape=shape).lives)
    ]  # fmt: skip
    return Lives(lives=lives, ageless={}, exchanges=[])


COSTS = KindInputs(recorded_since=date(2020, 1, 1), planned_minor=20_000, failed_minor=60_000, failed_down_h=24,
                   hour_minor=500)  # fmt: skip


def test_a_plan_adds_up_and_its_budget_is_its_ends_times_their_cost() -> None:
    found = plan(network(3, 3.0), ReplacementInputs(cable=COSTS), TODAY)
    [cables] = [each for each in found.kinds if each.kind is HardwareKind.CABLE]
    assert cables.told is HardwareTold.AGE
    assert cables.year is not None
    assert sum(each.expected for each in cables.quarters) == pytest.approx(cables.year.expected)
    assert sum(each.year.expected for each in cables.models if each.year) == pytest.approx(cables.year.expected)
    assert sum(each.year.expected for each in found.sites) == pytest.approx(cables.year.expected)
    assert sum(each.chance for each in found.units) == pytest.approx(cables.year.expected, rel=0.1)
    assert [each.chance for each in found.units] == sorted((each.chance for each in found.units), reverse=True)
    assert found.budget is not None
    # Hardware and work, and a day out of service.
    each = 60_000 + 24 * 500
    assert found.budget.year.low_minor == cables.year.low * each
    assert found.budget.year.high_minor == cables.year.high * each
    assert found.budget.year.expected_minor == pytest.approx(cables.year.expected * each, abs=1)
    assert sum(site.cost.expected_minor for site in found.sites if site.cost) == pytest.approx(
        found.budget.year.expected_minor, abs=len(found.sites)
    )
    best = cables.models[0].advice
    assert best is not None
    assert best.verdict is AheadVerdict.PAYS
    assert best.age_y is not None
    ahead = [unit for unit in found.units if unit.ahead and unit.model == cables.models[0].model]
    assert all(unit.age_y >= best.age_y for unit in ahead)
    assert cables.models[0].due >= len(ahead)
    assert plan(network(3, 3.0), ReplacementInputs(cable=COSTS), TODAY) == found


def test_a_plan_can_be_broken_off_at_every_step() -> None:
    """Of a network as of a few pieces: between two steps there is never more than a part of it."""

    class Counting(Halt):
        def __init__(self, last: int) -> None:
            super().__init__()
            self.steps, self._last = 0, last

        def check(self) -> None:
            self.steps += 1
            if self.steps == self._last:
                self.interrupt()
            super().check()

    every = Counting(-1)
    whole = plan(network(3, 3.0), ReplacementInputs(cable=COSTS), TODAY, every)
    assert every.steps > 50
    for last in range(1, every.steps + 1, 15):
        halt = Counting(last)
        with pytest.raises(BrokenOff):
            plan(network(3, 3.0), ReplacementInputs(cable=COSTS), TODAY, halt)
        assert halt.steps == last
    assert plan(network(3, 3.0), ReplacementInputs(cable=COSTS), TODAY) == whole


def test_kinds_are_drawn_apart_so_that_their_sum_is_no_wider_than_chance_makes_it() -> None:
    """Two kinds alike: what one of them has too many of, the other has not."""
    cables = network(3, 3.0)
    power = [structs.replace(each, place=POWER) for each in cables.lives]
    found = plan(
        Lives(lives=[*cables.lives, *power], ageless={}, exchanges=[]),
        ReplacementInputs(cable=COSTS, power=COSTS),
        TODAY,
    )
    widths = [each.year.high - each.year.low for each in found.kinds if each.year is not None]
    assert len(widths) == 2
    assert found.year is not None
    total = found.year.high - found.year.low
    # Apart they widen by the root of two; together by two.
    assert total < 1.7 * max(widths)
    assert total > 1.15 * max(widths)


def test_what_is_left_out_is_said_beside_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "MAX_UNITS", 30)
    cables = network(3, 3.0)
    found = plan(cables, ReplacementInputs(cable=COSTS), TODAY)
    assert found.left_out == LeftOut(units=sum(each.open for each in cables.lives) - 30)
    assert len(found.units) == 30


def test_nothing_is_advised_nor_budgeted_where_nobody_said_a_cost() -> None:
    found = plan(network(3, 3.0), ReplacementInputs(cable=KindInputs(recorded_since=date(2020, 1, 1))), TODAY)
    assert found.budget is None
    [cables] = [each for each in found.kinds if each.kind is HardwareKind.CABLE]
    assert {model.advice for model in cables.models} == {None}
    assert {site.cost for site in found.sites} == {None}


def some(ended: int, lives: int = 20) -> Lives:
    made = [
        Life(station=f"CP{n}", site=None, place=CABLE, model="M", began_on=date(2024, 11, 1), entry_d=0, exit_d=730.5,
             cause=Cause.WEAR if n < ended else None, open=n >= ended, assumed=False)
        for n in range(lives)
    ]  # fmt: skip
    return Lives(lives=made, ageless={}, exchanges=[])


def test_how_much_is_told_grows_with_what_ended() -> None:
    inputs = ReplacementInputs(cable=COSTS)

    def cables(lives: Lives, by: ReplacementInputs = inputs) -> Any:
        return next(each for each in plan(lives, by, TODAY).kinds if each.kind is HardwareKind.CABLE)

    nobody = cables(some(0), ReplacementInputs())
    assert (nobody.told, nobody.year) == (HardwareTold.NOT_RECORDED, None)
    assert cables(Lives(lives=[], ageless={}, exchanges=[])).told is HardwareTold.NOTHING
    # One of two years: for all that is known, it might end within one.
    assert cables(some(0, 1)).told is HardwareTold.SHORT
    none = cables(some(0))
    assert (none.told, none.year, none.wear.ends) == (HardwareTold.BOUND, None, 0)
    assert none.wear.high == pytest.approx(100 * 3 / 40, rel=0.01)
    few = cables(some(3))
    assert (few.told, few.shape) == (HardwareTold.RATE, None)
    assert few.year.low <= few.year.expected <= few.year.high
    assert [model.advice for model in few.models] == [None]
    assert cables(some(8)).told is HardwareTold.AGE


def half_of_unknown_age(seed: int) -> tuple[Lives, int]:
    """200 cables that were two to six years old when they were first seen, two years ago; of every second somebody said
    since when. And how many ended within the year, at places whose age is known today."""
    chance = random.Random(seed)
    lives, came = [], 0
    for number in range(200):
        born, ends = -chance.uniform(2, 6), 0.0
        while ends <= 0:
            ends = born + chance.weibullvariate(9, 4)
        unknown = number % 2 == 0
        began = 0.0 if unknown else born
        while True:
            until = min(ends, 2.0)
            entry = max(0.0, -began) * 365.25
            lives.append(
                Life(station=f"CP{number}", site=None, place=CABLE, model="M", began_on=TODAY, entry_d=entry,
                     exit_d=max((until - began) * 365.25, entry + 0.5), cause=Cause.WEAR if ends < 2 else None,
                     open=ends >= 2, assumed=unknown)
            )  # fmt: skip
            if ends >= 2:
                break
            began, unknown, ends = ends, False, ends + chance.weibullvariate(9, 4)
        while ends < 3 and not unknown:
            came += 1
            ends += chance.weibullvariate(9, 4)
    return Lives(lives=lives, ageless={}, exchanges=[]), came


def test_bounds_hold_beside_hardware_of_unknown_age() -> None:
    worlds, held, shapes = 40, 0, []
    for seed in range(worlds):
        lives, came = half_of_unknown_age(seed)
        found = plan(lives, ReplacementInputs(cable=COSTS), TODAY)
        [cables] = [each for each in found.kinds if each.kind is HardwareKind.CABLE]
        assert cables.assumed == sum(each.assumed and each.open for each in lives.lives)
        assert cables.units == 200
        assert len(found.units) == sum(each.units for each in found.sites) == 200 - cables.assumed
        assert found.year is not None
        held += found.year.low <= came <= found.year.high
        if cables.shape is not None:
            shapes.append(cables.shape.value)
    assert held >= sampling(worlds, 0.8)[0]
    assert 2 < sum(shapes) / len(shapes) < 5


def test_of_unknown_ages_alone_nothing_is_told_unless_somebody_says_they_were_new() -> None:
    seen = [station(number, retired_on=date(2026, 1, 1) if number < 4 else None) for number in range(1, 60)]
    gone = [change(date(2026, 1, 1), ChangeReason.WORN, STATION, number) for number in range(1, 4)]

    def stations(new: bool) -> Any:
        inputs = ReplacementInputs(station=KindInputs(new_when_registered=new))
        lives = lives_of(seen, gone, ALWAYS, TODAY, [HardwareKind.STATION] if new else [])
        return next(each for each in plan(lives, inputs, TODAY).kinds if each.kind is HardwareKind.STATION)

    unknown = stations(new=False)
    assert (unknown.told, unknown.units, unknown.assumed, unknown.ageless) == (HardwareTold.UNKNOWN_AGE, 56, 56, 3)
    assert unknown.year is None
    known = stations(new=True)
    assert (known.told, known.units, known.assumed, known.ageless) == (HardwareTold.RATE, 56, 0, 0)
    assert known.wear.ends == 3


def test_damage_is_expected_whatever_the_age() -> None:
    lives = network(5, 3.0)
    hurt = [
        Life(station="X", site=None, place=CABLE, model="M0", began_on=date(2026, 1, 1), entry_d=0, exit_d=100.0,
             cause=Cause.DAMAGE, open=False, assumed=False)
    ] * 60  # fmt: skip
    inputs = ReplacementInputs(cable=COSTS)
    calm: Any = next(each for each in plan(lives, inputs, TODAY).kinds if each.kind is HardwareKind.CABLE)
    rough_plan = plan(Lives(lives=hurt + lives.lives, ageless={}, exchanges=[]), inputs, TODAY)
    rough: Any = next(each for each in rough_plan.kinds if each.kind is HardwareKind.CABLE)
    assert rough.damage.ends == 60
    years = rough.damage.unit_years
    assert rough.year.expected - calm.year.expected == pytest.approx(60 / years * rough.units, rel=0.25)
    # It isn't taken for wear.
    assert rough.shape.value == pytest.approx(calm.shape.value, rel=0.1)


def test_what_nobody_saw_yet_is_no_less_uncertain_of_damage_than_of_wear() -> None:
    """One ended in five years of use: whichever of both it was, the other may come, too."""

    def ten(cause: Cause) -> Any:
        lives = [
            Life(station=f"CP{n}", site=None, place=CABLE, model="M", began_on=TODAY, entry_d=0, exit_d=182.6,
                 cause=None if n else cause, open=n > 0, assumed=False)
            for n in range(10)
        ]  # fmt: skip
        found = plan(Lives(lives=lives, ageless={}, exchanges=[]), ReplacementInputs(cable=COSTS), TODAY)
        return next(each for each in found.kinds if each.kind is HardwareKind.CABLE).year

    worn, damaged = ten(Cause.WEAR), ten(Cause.DAMAGE)
    assert worn.expected == pytest.approx(damaged.expected, rel=0.1)
    assert abs(worn.high - damaged.high) <= 1


@pytest.mark.parametrize("wrong", [{"currency": "XYZ"}, {"cable": KindInputs(recorded_since=date(2027, 1, 1))},
                                   {"power": KindInputs(recorded_since=date(1999, 1, 1))}],
                         ids=["currency", "future", "long ago"])  # fmt: skip
def test_inputs_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ReplacementInputsRefused):
        ReplacementInputs(**wrong).check(TODAY)


def test_the_demo_tells_of_cables_by_age() -> None:
    """What its simulator says of hardware is read as an operator's sheet is, and is enough to tell something."""
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    lines = [Line(number=n, cells=dict(zip(worn.HEAD, row, strict=True))) for n, row in enumerate(worn.changes(noon))]
    read = [read_line(line, COLUMNS) for line in lines]
    assert [wrong for _, wrong in read if wrong] == []
    names = sorted({values["station"] for values, _ in read})
    numbers = {name: number for number, name in enumerate(names)}
    plugs = {name: tuple((bay, 1) for bay in (1, 2)) for name in names}
    stations = [
        station(numbers[each], station=each, seen_on=TODAY, plugs=plugs[each], model="HPC") for each in names
    ]  # fmt: skip
    changes = [
        change(values["on"], values["reason"], number=numbers[values["station"]],
               place=HardwarePlace(kind=values["kind"], evse=values["evse"], connector=values["connector"]))
        for values, _ in read
    ]  # fmt: skip
    since = dict.fromkeys(HardwareKind, min(each.on for each in changes))
    inputs = ReplacementInputs(cable=COSTS)
    [cables] = [
        each for each in plan(lives_of(stations, changes, since, TODAY), inputs, TODAY).kinds
        if each.kind is HardwareKind.CABLE
    ]  # fmt: skip
    assert cables.told is HardwareTold.AGE
    assert cables.assumed == 0
    assert cables.ageless == 0
