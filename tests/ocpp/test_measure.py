from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.ocpp import Notes, Version, measure, protocol
from forecourt.ocpp.neutral import Location, Measurand, Phase, Sample, TransactionReport, code

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REGISTER = Measurand.ENERGY_IMPORT_REGISTER
POWER = Measurand.POWER_IMPORT
SOC = Measurand.SOC


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
    return Sample(AT + timedelta(minutes=minute), code(REGISTER, phase, location), value)


def readings(samples: list[Sample], noted: int = 0) -> measure.Readings:
    notes = Notes()
    found = measure.readings(samples, notes)
    assert [line.split()[0] for line in notes.lines()] == ["value-beyond-range"] * noted
    return found


def test_the_first_and_last_register_are_by_time_not_by_order() -> None:
    assert readings([sample(30, 3), sample(10, 1), sample(20, 2)])[:2] == (10, 30)


def test_the_total_is_preferred_to_the_phases() -> None:
    phases = [sample(1, 0, phase) for phase in (Phase.L1, Phase.L2, Phase.L3)]
    assert readings([*phases, sample(100)])[:2] == (100, 100)


def test_without_a_total_the_phases_of_one_instant_are_summed() -> None:
    phases = (Phase.L1, Phase.L2, Phase.L3)
    first, last = ([sample(value, minute, phase) for phase in phases] for minute, value in ((0, 10), (1, 20)))
    assert readings([*last, *first])[:2] == (30, 60)
    to_neutral = [sample(7, 0, phase) for phase in (Phase.L1_N, Phase.L2_N, Phase.L3_N)]
    assert readings(to_neutral)[:2] == (21, 21)
    assert readings([sample(7, 0, Phase.L1)])[:2] == (7, 7)


def test_an_instant_that_lost_a_phase_is_no_reading() -> None:
    whole = [sample(10, 0, phase) for phase in (Phase.L1, Phase.L2, Phase.L3)]
    torn = [sample(11, 1, phase) for phase in (Phase.L1, Phase.L2)]
    assert readings([*whole, *torn])[:2] == (30, 30)


def test_the_inlet_counts_only_where_the_outlet_says_nothing() -> None:
    inlet = sample(99, 5, location=Location.INLET)
    assert readings([inlet, sample(10)])[:2] == (10, 10)
    assert readings([inlet])[:2] == (99, 99)


def test_what_is_measured_elsewhere_is_no_register_of_the_station() -> None:
    places = (Location.EV, Location.CABLE, Location.BODY, Location.UPSTREAM)
    assert readings([sample(5, location=place) for place in places]) == (None, None, None, None)


def test_a_signed_zero_is_not_a_meter_that_stands_at_zero() -> None:
    sealed = Sample(AT, REGISTER, 0, signed="OCMF|{}")
    assert readings([sealed])[:2] == (None, None)
    assert readings([Sample(AT, REGISTER, 5, signed="OCMF|{}")])[:2] == (5, 5)


def test_power_and_state_of_charge_are_the_latest() -> None:
    later = AT + timedelta(minutes=1)
    samples = [
        Sample(later, POWER, 700),
        Sample(AT, POWER, 900),
        Sample(later, code(Measurand.SOC, location=Location.EV), 5_050),
        Sample(AT, code(Measurand.SOC, location=Location.EV), 4_000),
    ]
    assert readings(samples)[2:] == (700, 50)


def test_power_that_flows_back_is_below_zero_and_its_register_is_another_one() -> None:
    later = AT + timedelta(minutes=1)
    export, given = Measurand.POWER_EXPORT, Measurand.ENERGY_EXPORT_REGISTER
    samples = [
        Sample(AT, POWER, 900),
        Sample(later, export, 4_200),
        Sample(AT, given, 50),
        Sample(later, given, 120),
        Sample(later, REGISTER, 9_000),
    ]
    assert readings(samples) == (9_000, 9_000, -4_200, None)
    assert measure.given(samples, Notes()) == (50, 120)
    assert readings([Sample(later, POWER, 900), Sample(AT, export, 4_200)])[2] == 900
    assert readings([Sample(AT, POWER, 100), Sample(AT, export, 0)])[2] == 100


LARGEST = measure.VALUE_LIMIT
POWER_W = measure.POWER_LIMIT_W


@pytest.mark.parametrize(
    ("measurand", "value", "found"),
    [(POWER, 4_294_967_295, None), (POWER, POWER_W, POWER_W), (POWER, POWER_W + 1, None), (POWER, -POWER_W, -POWER_W),
     (POWER, -POWER_W - 1, None), (SOC, 25_000, None), (SOC, 10_000, 100), (SOC, 10_051, None), (SOC, 0, 0),
     (SOC, -100, None), (REGISTER, -1, None), (REGISTER, 0, 0), (REGISTER, LARGEST, LARGEST)],
)  # fmt: skip
def test_what_nothing_real_measures_is_no_reading_and_is_noted(measurand: Measurand, value: int, found: int) -> None:
    first, last, power_w, soc_pct = readings([Sample(AT, measurand, value)], noted=int(found is None))
    assert {REGISTER: last, POWER: power_w, SOC: soc_pct}[measurand] == found
    assert first == last
    assert [first, power_w, soc_pct].count(None) == (3 if found is None else 2)


def test_a_nonsense_value_leaves_the_others_what_they_are() -> None:
    later = AT + timedelta(minutes=9)
    nonsense = [Sample(later, REGISTER, -1), Sample(later, POWER, 2**32), Sample(later, SOC, 25_500)]
    sound = [sample(10), sample(20, 1), Sample(AT, POWER, 700), Sample(AT, SOC, 4_000)]
    assert readings([*nonsense, *sound], noted=3) == (10, 20, 700, 40)


def test_a_sum_with_a_nonsense_phase_or_beyond_its_bounds_is_no_reading() -> None:
    l1, l2, l3 = Phase.L1, Phase.L2, Phase.L3
    assert readings([sample(50, 0, l1), sample(50, 0, l2), sample(-1, 0, l3)], noted=1)[:2] == (None, None)
    assert readings([sample(LARGEST, 0, phase) for phase in (l1, l2, l3)], noted=1)[:2] == (None, None)
    assert readings([Sample(AT, code(POWER, phase), POWER_W) for phase in (l1, l2, l3)], noted=1)[2] is None
    opposite = [Sample(AT, code(POWER, phase), value) for phase, value in ((l1, 2**32), (l2, -(2**32)), (l3, 5))]
    assert readings(opposite, noted=1)[2] is None


UNITS = ["K", "Celsius", "Fahrenheit", "Wh", "kWh", "W", "kW", "V", "A", "Percent"]


@given(
    st.sampled_from(list(Version)),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63) - 10**6, 2**63 + 10**6),
    st.sampled_from(["Temperature", "Voltage", "SoC", "Power.Active.Import", "Energy.Active.Import.Register"]),
    st.sampled_from(UNITS),
    st.integers(-20, 20),
)
def test_every_sample_fits_64_bits_and_every_reading_its_column(
    version: Version, number: float, measurand: str, unit: str, multiplier: int
) -> None:
    old = version is Version.V16
    value = {"value": str(number), "unit": unit} if old else {"value": number}
    measured_in = {} if old else {"unitOfMeasure": {"unit": unit, "multiplier": multiplier}}
    values = [{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"measurand": measurand, **value, **measured_in}]}]
    content = {"transactionId": 7, "meterStop": 5, "timestamp": "2026-03-01T12:00:00Z", "transactionData": values}
    if not old:
        content = {"eventType": "Ended", "timestamp": "2026-03-01T12:00:00Z", "triggerReason": "MeterValuePeriodic",
                   "seqNo": 3, "transactionInfo": {"transactionId": "t"}, "meterValue": values}  # fmt: skip
    action = "StopTransaction" if old else "TransactionEvent"
    spoken = protocol(version)
    report = spoken.lift(action, spoken.decode_call(action, msgspec.json.encode(content)).request)
    assert isinstance(report, TransactionReport)
    assert all(-(2**63) <= sample.value < 2**63 for sample in report.samples)
    assert report.power_w is None or -(2**31) <= report.power_w < 2**31
    assert report.soc_pct is None or 0 <= report.soc_pct <= 100
    assert report.meter_last_wh is None or 0 <= report.meter_last_wh < 2**63


def test_invented_units_do_not_fill_the_memory() -> None:
    for number in range(measure.RULE_LIMIT + 100):
        measure.rule(("SoC", f"unit{number}", 0, "L1", "EV", "Trigger"))
    assert len(measure.RULES) <= measure.RULE_LIMIT
    assert measure.rule(("Voltage", "V", 0, "L1", "EV", "Trigger"))[0] & 0xFF == Measurand.VOLTAGE
