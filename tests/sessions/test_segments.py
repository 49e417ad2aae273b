"""From what was measured to what is priced: the energy is the session's own, whatever was measured, late or twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Conditions,
    Dimension,
    Element,
    PriceComponent,
    Segment,
    SegmentKind,
    Tariff,
)
from forecourt.sessions.costing.segments import Measured, segments_of

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHARGING, PARKING = SegmentKind.CHARGING, SegmentKind.PARKING


def after(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def measured(minutes: float = 60, wh: int | None = 6_000, **more: Any) -> Measured:
    lines: dict[str, Any] = {name: [(after(at), value) for at, value in values] for name, values in more.items()}
    return Measured(
        started_at=BEGAN,
        until=after(minutes),
        meter_start_wh=None if wh is None else 1_000,
        meter_stop_wh=None if wh is None else 1_000 + wh,
        **lines,
    )


def told(of: Measured) -> list[tuple[str, float, Any]]:
    return [(each.kind.value[0], each.seconds / 60, each.energy_wh) for each in segments_of(of).segments]


def test_without_anything_measured_between_the_energy_is_spread_over_the_whole_time() -> None:
    assert told(measured()) == [("C", 60, 6_000)]
    assert told(measured(wh=0)) == [("P", 60, 0)]
    assert told(measured(wh=None)) == [("P", 60, 0)]


def test_what_was_offered_before_it_flowed_says_nothing_of_what_is_offered_since() -> None:
    registers = [(0, 1_000), (30, 4_000), (60, 7_000), (90, 7_000), (120, 7_000)]
    full = measured(120, registers=registers, offered=[(0, 0)])
    assert [each[:2] for each in told(full)] == [("C", 30), ("C", 30), ("P", 60)]
    # It stopped in the midst of a span of readings, when nothing was offered any more.
    paused = measured(120, registers=registers, offered=[(0, 16_000), (50, 0)])
    assert [each[0] for each in told(paused)][-1] == "W"


def test_registers_say_when_it_flowed_and_where_they_stand_still_somebody_parks() -> None:
    registers = [(10, 1_000), (20, 3_001), (30, 7_000), (45, 7_000)]
    assert told(measured(registers=registers)) == [("P", 10, 0), ("C", 10, 2_001), ("C", 10, 3_999), ("P", 30, 0)]


def test_a_register_that_counts_in_large_steps_does_not_make_a_slow_car_park() -> None:
    # 3 kW and a register of whole kWh: 20 minutes a step, looked at each 10.
    registers = [(at, 1_000 + 1_000 * (at // 20)) for at in range(10, 120, 10)]
    assert {kind for kind, _, _ in told(measured(120, registers=registers))} == {"C"}
    # But for two hours nothing comes of it.
    assert told(measured(240, registers=[*registers, (120, 7_000)]))[-1] == ("P", 120, 0)


def test_power_says_when_between_two_readings_it_flowed() -> None:
    power = [(0, 0), (20, 0), (20.1, 9_000), (40, 9_000), (40.1, 0)]
    kinds = [kind for kind, _, wh in told(measured(power=power)) if wh or kind == "P"]
    assert kinds == ["P", "C", "C", "C", "P"]
    most = max(segments_of(measured(power=power)).segments, key=lambda each: each.energy_wh)
    assert (most.seconds, most.energy_wh > 5_900) == (1_194, True)


def test_what_the_station_withholds_is_neither_charging_nor_parking() -> None:
    states = [(0, "Charging"), (20, "SuspendedEVSE"), (40, "SuspendedEV"), (50, "Charging")]
    kinds = [(kind, minutes) for kind, minutes, _ in told(measured(states=states))]
    assert kinds == [("C", 20), ("W", 20), ("P", 10), ("C", 10)]
    # By what it offers, where it says no word (2.x), and where it takes its own pause for the car's.
    power = [(0, 9_000), (20, 0), (50, 0), (50.1, 9_000)]
    offered = [(0, 16_000), (20, 0), (30, 16_000)]
    assert [each[:2] for each in told(measured(power=power, offered=offered))][1:3] == [("W", 10), ("P", 20)]
    assert [each[0] for each in told(measured(offered=[(0, 0)], states=[(0, "SuspendedEV")], wh=0))] == ["W"]
    # It flowed, whatever the station said of itself.
    assert told(measured(states=[(0, "SuspendedEVSE")], offered=[(0, 0)])) == [("C", 60, 6_000)]


def test_what_the_connector_said_counts_before_what_was_measured() -> None:
    states = [(-5, "Preparing"), (0, "Charging"), (30, "SuspendedEV"), (50, "Charging"), (55, "Finishing")]
    assert told(measured(states=states)) == [("C", 30, 5_142), ("P", 20, 0), ("C", 5, 858), ("P", 5, 0)]
    # It said that it paused all the time, and the register grew: it charged.
    assert told(measured(states=[(0, "SuspendedEV")])) == [("C", 60, 6_000)]
    assert told(measured(states=[(0, "Available"), (10, "Faulted")])) == [("C", 60, 6_000)]


def test_of_two_words_within_one_second_the_one_that_was_said_later_counts() -> None:
    word, later = (0.2001, "Charging"), (0.2009, "SuspendedEV")
    assert told(measured(30, 0, states=[word, later])) == [("P", 30, 0)]
    assert told(measured(30, 0, states=[later, word])) == [("P", 30, 0)]
    # The other way round it charges; and of words of the very same moment the one that came last counts.
    assert told(measured(30, 0, states=[(0, "SuspendedEV"), (0.001, "Charging")])) == [("C", 30, 0)]
    assert told(measured(30, 0, states=[(0, "Charging"), (0, "SuspendedEV")])) == [("P", 30, 0)]
    assert told(measured(30, 0, states=[(0, "SuspendedEV"), (0, "Charging")])) == [("C", 30, 0)]


def test_while_a_connector_says_that_it_charges_no_idle_fee_runs_whatever_power_is_measured() -> None:
    states, power = [(0, "Charging"), (40, "SuspendedEV")], [(at, 0) for at in range(0, 60, 5)]
    found = told(measured(wh=0, states=states, power=power))
    assert {kind for kind, _, _ in found} == {"C", "P"}
    assert sum(minutes for kind, minutes, _ in found if kind == "C") == 40
    # Where it tells neither, power does.
    assert {kind for kind, _, _ in told(measured(wh=0, states=[(0, "Occupied")], power=power))} == {"P"}


def test_readings_that_can_not_be_are_brought_between_start_and_end() -> None:
    odd = [(-10, 0), (10, 3_001), (20, 2_000), (30, 99_000), (40, 500), (70, 99_000)]
    assert told(measured(registers=odd)) == [("C", 10, 2_001), ("P", 10, 0), ("C", 10, 3_999), ("P", 30, 0)]


def test_a_session_that_ended_when_it_began_has_its_energy_all_the_same() -> None:
    assert told(measured(0)) == [("C", 0, 6_000)]
    assert told(measured(-5)) == [("C", 0, 6_000)]
    assert told(measured(0, wh=None)) == []


def test_a_reservation_comes_before_it_from_when_the_place_was_kept() -> None:
    kept = structs.replace(measured(), reserved_at=BEGAN - timedelta(minutes=15))
    cut = segments_of(kept)
    assert cut.start_at == BEGAN - timedelta(minutes=15)
    assert cut.segments[0] == Segment(seconds=900, kind=SegmentKind.RESERVATION)


def test_currents_are_those_last_measured() -> None:
    cut = segments_of(measured(currents=[(0, 16_000), (30, 48_000)]))
    assert [each.current_a for each in cut.segments] == [16, 48]


moments = st.integers(-20, 140)
lines = st.lists(st.tuples(moments, st.integers(-1, 12_000)), max_size=8)
spoken = st.lists(
    st.tuples(moments, st.sampled_from(["Charging", "SuspendedEV", "Preparing", "Finishing", "Faulted"])), max_size=5,
    unique_by=lambda said: said[0],
)  # fmt: skip


@given(
    st.integers(0, 120),
    st.none() | st.integers(0, 10_000),
    lines,
    lines,
    lines,
    spoken,
    st.randoms(),
)
def test_whatever_was_said_in_whatever_order_and_however_often_it_is_one_session_of_its_own_energy_and_time(
    minutes: int, wh: int | None, registers: Any, power: Any, currents: Any, states: Any, chance: Any
) -> None:
    said = {"registers": registers, "power": power, "currents": currents, "states": states}
    cut = segments_of(measured(minutes, wh, **said))
    assert sum(each.energy_wh for each in cut.segments) == (wh or 0)
    assert sum(each.seconds for each in cut.segments) == minutes * 60
    assert all(each.energy_wh >= 0 and each.seconds >= 0 for each in cut.segments)
    assert all(each.kind is CHARGING for each in cut.segments if each.energy_wh)
    for values in said.values():
        values += [chance.choice(values) for _ in range(2) if values]
        chance.shuffle(values)
    assert segments_of(measured(minutes, wh, **said)) == cut


@given(st.integers(1, 120), st.integers(0, 10_000), lines)
def test_what_is_measured_between_changes_when_energy_counts_and_not_how_much(
    minutes: int, wh: int, registers: Any
) -> None:
    flat = Tariff(
        id="t",
        currency="EUR",
        elements=(Element(price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.4")),)),),
    )
    cut = segments_of(measured(minutes, wh, registers=registers))
    total = Pricer(flat, ZoneInfo("UTC")).price(cut.start_at, cut.segments).total
    assert total.excl_vat == Fraction(wh, 1000) * Fraction("0.4")


def test_on_the_night_on_which_clocks_go_back_each_hour_has_its_own_price() -> None:
    # 25 October 2026 in Berlin: 02:00 to 03:00 comes twice.
    night = Tariff(
        id="t",
        currency="EUR",
        elements=(
            Element(
                price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal(1)),),
                conditions=Conditions(start_time="02:00", end_time="03:00"),
            ),
        ),
    )
    began = datetime(2026, 10, 24, 23, tzinfo=UTC)
    hours = [(began + timedelta(hours=hour), 1_000 * hour) for hour in range(5)]
    of = Measured(started_at=began, until=hours[-1][0], meter_start_wh=0, meter_stop_wh=4_000, registers=hours)
    cut = segments_of(of)
    assert Pricer(night, ZoneInfo("Europe/Berlin")).price(cut.start_at, cut.segments).total.excl_vat == 2
