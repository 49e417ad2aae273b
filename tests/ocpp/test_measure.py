from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.ocpp import measure
from forecourt.ocpp.neutral import Location, Measurand, Phase, Sample

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REGISTER = Measurand.ENERGY_IMPORT_REGISTER
POWER = Measurand.POWER_IMPORT


@pytest.mark.parametrize(
    ("text", "exponent", "value"),
    [("0", 0, 0), ("12345", 0, 12345), ("1234567.8", 0, 1234568), ("16.01", 3, 16010), ("-3.5", 3, -3500),
     ("0.5", 0, 0), ("1.5", 0, 2), ("2.5", 0, 2), ("-0.5", 0, 0), ("-1.5", 0, -2), ("0.0005", 3, 0), ("0.0015", 3, 2),
     ("1.0005", 3, 1000), ("1234567890123.4565", 3, 1234567890123456), ("2.675", 3, 2675), ("1.2E3", 0, 1200),
     (" 7 ", 0, 7), ("+7", 0, 7), (".5", 3, 500), (".5", 0, 0), ("7.", 0, 7)],
)  # fmt: skip
def test_decimals_are_scaled_exactly_and_rounded_half_to_even(text: str, exponent: int, value: int) -> None:
    assert measure.scaled(text, exponent) == value


@pytest.mark.parametrize(
    "text", ["", "-", "1,5", "1.234,5", "1_000", "NaN", "nan", "inf", "-Infinity", "0x1F", "1e99", "9" * 25,
     "12 kWh", "1.2.3"],
)  # fmt: skip
def test_what_is_no_number_or_too_large_is_none(text: str) -> None:
    assert measure.scaled(text, 3) is None


DECIMALS = st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False)


def exact(number: Decimal, exponent: int) -> int:
    return int(number.scaleb(exponent).to_integral_value(ROUND_HALF_EVEN))


@given(DECIMALS, st.integers(0, 3))
def test_texts_are_scaled_like_decimals(number: Decimal, exponent: int) -> None:
    assert measure.scaled(str(number), exponent) == exact(number, exponent)


def test_ties_are_decided_by_decimals_where_binary_numbers_would_miss_them() -> None:
    for whole in range(1_000, 3_000):
        number = Decimal(whole * 10 + 5).scaleb(-4)
        assert measure.scaled(str(number), 3) == exact(number, 3)
        assert measure.scaled_number(float(number), 3) == exact(number, 3)


@given(st.integers(-(10**9), 10**9), st.integers(0, 4), st.integers(-6, 6))
def test_numbers_are_scaled_as_the_decimals_they_were_written_as(digits: int, places: int, exponent: int) -> None:
    number = Decimal(digits).scaleb(-places)
    assert measure.scaled_number(float(number), exponent) == exact(number, exponent)


def test_a_multiplier_beyond_all_measure_gives_no_number() -> None:
    assert measure.scaled_number(1.0, 2_000_000_000) is None
    assert measure.scaled_number(1e300, 0) is None
    assert measure.scaled_number(1e15, 18) is None


def test_the_ends_of_the_calendar_stay_within_it() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
    assert measure.utc(first) == datetime.min.replace(tzinfo=UTC)
    assert measure.utc(last) == datetime.max.replace(tzinfo=UTC)


def sample(value: int, minute: int = 0, phase: Phase = Phase.NONE, location: Location = Location.OUTLET) -> Sample:
    return Sample(AT + timedelta(minutes=minute), REGISTER, value, phase, location)


def test_the_first_and_last_register_are_by_time_not_by_order() -> None:
    assert measure.readings([sample(30, 3), sample(10, 1), sample(20, 2)])[:2] == (10, 30)


def test_the_total_is_preferred_to_the_phases() -> None:
    phases = [sample(1, 0, phase) for phase in (Phase.L1, Phase.L2, Phase.L3)]
    assert measure.readings([*phases, sample(100)])[:2] == (100, 100)


def test_without_a_total_the_phases_of_one_instant_are_summed() -> None:
    phases = (Phase.L1, Phase.L2, Phase.L3)
    first, last = ([sample(value, minute, phase) for phase in phases] for minute, value in ((0, 10), (1, 20)))
    assert measure.readings([*last, *first])[:2] == (30, 60)
    to_neutral = [sample(7, 0, phase) for phase in (Phase.L1_N, Phase.L2_N, Phase.L3_N)]
    assert measure.readings(to_neutral)[:2] == (21, 21)
    assert measure.readings([sample(7, 0, Phase.L1)])[:2] == (7, 7)


def test_an_instant_that_lost_a_phase_is_no_reading() -> None:
    whole = [sample(10, 0, phase) for phase in (Phase.L1, Phase.L2, Phase.L3)]
    torn = [sample(11, 1, phase) for phase in (Phase.L1, Phase.L2)]
    assert measure.readings([*whole, *torn])[:2] == (30, 30)


def test_the_inlet_counts_only_where_the_outlet_says_nothing() -> None:
    inlet = sample(99, 5, location=Location.INLET)
    assert measure.readings([inlet, sample(10)])[:2] == (10, 10)
    assert measure.readings([inlet])[:2] == (99, 99)


def test_what_is_measured_elsewhere_is_no_register_of_the_station() -> None:
    places = (Location.EV, Location.CABLE, Location.BODY, Location.UPSTREAM)
    assert measure.readings([sample(5, location=place) for place in places]) == (None, None, None, None)


def test_a_signed_zero_is_not_a_meter_that_stands_at_zero() -> None:
    sealed = Sample(AT, REGISTER, 0, signed="OCMF|{}")
    assert measure.readings([sealed])[:2] == (None, None)
    assert measure.readings([Sample(AT, REGISTER, 5, signed="OCMF|{}")])[:2] == (5, 5)


def test_power_and_state_of_charge_are_the_latest() -> None:
    later = AT + timedelta(minutes=1)
    samples = [
        Sample(later, POWER, 700),
        Sample(AT, POWER, 900),
        Sample(later, Measurand.SOC, 5_050, location=Location.EV),
        Sample(AT, Measurand.SOC, 4_000, location=Location.EV),
    ]
    assert measure.readings(samples)[2:] == (700, 50)


def test_invented_units_do_not_fill_the_memory() -> None:
    for number in range(measure.RULE_LIMIT + 100):
        measure.rule(("SoC", f"unit{number}", 0, "L1", "EV", "Trigger"))
    assert len(measure.RULES) <= measure.RULE_LIMIT
    assert measure.rule(("Voltage", "V", 0, "L1", "EV", "Trigger"))[0] is Measurand.VOLTAGE
