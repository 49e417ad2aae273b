"""Measured values: from a station's number, unit and place to whole numbers in the units of `neutral.Measurand`.

Owns the conversion, which is exact in decimals and rounds half to even, and the choice of which of a report's
values is its register, its power and its state of charge. Both are the same for all versions.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from forecourt.ocpp.neutral import Context, Location, Measurand, Phase, Sample

#: What fits the columns and the arithmetic of everyone above: a signed 64 bit integer.
VALUE_LIMIT = 2**63 - 1

#: Below this a product of two doubles is exact to far less than TIE_MARGIN.
_EXACT_LIMIT = 1e9
_TIE_MARGIN = 1e-6

#: Decimal places beyond which a 2.x multiplier means nothing any more.
_EXPONENT_LIMIT = 18

_POWERS: tuple[int, ...] = tuple(10**exponent for exponent in range(_EXPONENT_LIMIT + 1))
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?\s*")

#: Texts up to this length can't leave 64 bits, scaled by the largest exponent of a unit.
_SHORT = 15


def scaled(text: str, exponent: int) -> int | None:
    """The number in a text times 10^exponent, rounded half to even; None where it is no number that fits.

    Plain decimals, with or without an exponent of their own. A comma is no decimal point: whether it parts
    thousands or decimals is the station's secret.
    """
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and (not fraction or fraction.isdecimal()) and len(text) <= _SHORT:
        shift = exponent - len(fraction)
        if shift >= 0:
            return int(whole + fraction) * _POWERS[shift]
        return _divided(int(whole + fraction), _POWERS[-shift])
    if _NUMBER.fullmatch(text) is None:
        return None
    return _rounded(Decimal(text.strip()), exponent)


def scaled_number(value: float, exponent: int) -> int | None:
    """The decimal number that a double stands for (its shortest one) times 10^exponent, rounded half to even."""
    if 0 <= exponent <= 3 and -_EXACT_LIMIT < (product := value * _POWERS[exponent]) < _EXACT_LIMIT:
        whole = round(product)
        # Only next to a tie can the product's own rounding error decide.
        if abs(abs(product - whole) - 0.5) > _TIE_MARGIN:
            return whole
    return _rounded(Decimal(repr(value)), exponent)


def _rounded(number: Decimal, exponent: int) -> int | None:
    if not -_EXPONENT_LIMIT <= exponent <= _EXPONENT_LIMIT:
        return None
    value = int(number.scaleb(exponent).to_integral_value(ROUND_HALF_EVEN))
    return value if -VALUE_LIMIT <= value <= VALUE_LIMIT else None


def _divided(number: int, divisor: int) -> int:
    """Divides integers, rounding half to even."""
    quotient, rest = divmod(number, divisor)
    twice = 2 * rest
    return quotient + (twice > divisor or (twice == divisor and quotient & 1 == 1))


class Rule(NamedTuple):
    """How a value is read: what it is, its decimal exponent to the stored unit, and where it was taken. `fits` is
    False where the unit is none of the measurand's, which makes it a value of an unknown kind."""

    measurand: Measurand
    exponent: int
    phase: Phase
    location: Location
    context: Context
    unit: str
    fits: bool


_ENERGY = {"Wh": 0, "kWh": 3}
_POWER = {"W": 0, "kW": 3}
_CURRENT = {"A": 3}
_VOLTAGE = {"V": 3}
_REACTIVE_ENERGY = {"varh": 0, "kvarh": 3}
_REACTIVE_POWER = {"var": 0, "kvar": 3}
_PERCENT = {"Percent": 2, "%": 2}
#: 1.6 spells it Celcius first; a Fahrenheit is read in thousandths, to be divided by 18 later.
_TEMPERATURE = {"Celsius": 2, "Celcius": 2, "K": 2, "Fahrenheit": 3}
_FREQUENCY = {"Hz": 3, "Hertz": 3}

#: Each measurand with its units and their exponents; the first unit is the one meant where none is sent.
_MEASURANDS: dict[str, tuple[Measurand, dict[str, int]]] = {
    "Energy.Active.Import.Register": (Measurand.ENERGY_IMPORT_REGISTER, _ENERGY),
    "Energy.Active.Import.Interval": (Measurand.ENERGY_IMPORT_INTERVAL, _ENERGY),
    "Energy.Active.Export.Register": (Measurand.ENERGY_EXPORT_REGISTER, _ENERGY),
    "Energy.Active.Export.Interval": (Measurand.ENERGY_EXPORT_INTERVAL, _ENERGY),
    "Power.Active.Import": (Measurand.POWER_IMPORT, _POWER),
    "Power.Active.Export": (Measurand.POWER_EXPORT, _POWER),
    "Power.Offered": (Measurand.POWER_OFFERED, _POWER),
    "Power.Import.Offered": (Measurand.POWER_OFFERED, _POWER),
    "Current.Import": (Measurand.CURRENT_IMPORT, _CURRENT),
    "Current.Export": (Measurand.CURRENT_EXPORT, _CURRENT),
    "Current.Offered": (Measurand.CURRENT_OFFERED, _CURRENT),
    "Current.Import.Offered": (Measurand.CURRENT_OFFERED, _CURRENT),
    "Voltage": (Measurand.VOLTAGE, _VOLTAGE),
    "SoC": (Measurand.SOC, _PERCENT),
    "Temperature": (Measurand.TEMPERATURE, _TEMPERATURE),
    "Frequency": (Measurand.FREQUENCY, _FREQUENCY),
    "Power.Factor": (Measurand.POWER_FACTOR, {"": 3}),
    "Energy.Reactive.Import.Register": (Measurand.REACTIVE_ENERGY, _REACTIVE_ENERGY),
    "Power.Reactive.Import": (Measurand.REACTIVE_POWER, _REACTIVE_POWER),
    "RPM": (Measurand.RPM, {"": 0}),
}

_DEFAULT_MEASURAND = "Energy.Active.Import.Register"
_OTHER = (Measurand.OTHER, {"": 3})

_PHASES = {phase.name.replace("_", "-"): phase for phase in Phase}
_LOCATIONS = {
    "Outlet": Location.OUTLET,
    "Inlet": Location.INLET,
    "Cable": Location.CABLE,
    "EV": Location.EV,
    "Body": Location.BODY,
    "Upstream": Location.UPSTREAM,
}
_CONTEXTS = {
    "Sample.Periodic": Context.PERIODIC,
    "Transaction.Begin": Context.BEGIN,
    "Transaction.End": Context.END,
    "Sample.Clock": Context.CLOCK,
    "Trigger": Context.TRIGGER,
    "Interruption.Begin": Context.INTERRUPTION_BEGIN,
    "Interruption.End": Context.INTERRUPTION_END,
    "Other": Context.OTHER,
}

Word = str | UnsetType
Key = tuple[Word, Word, int, Word, Word, Word]

#: Rules by the words of a sampled value, filled as they are met. Stations use a few dozen; the bound is for the
#: units that a 2.x station may invent.
_rules: dict[Key, Rule] = {}
RULE_LIMIT = 4096


def rule(key: Key) -> Rule:
    """The rule for (measurand, unit, multiplier, phase, location, context), with the defaults of OCPP for what is
    left out: an import register in Wh, periodic, at the outlet, of all phases."""
    known = _rules.get(key)
    if known is None:
        known = _make_rule(key)
        if len(_rules) < RULE_LIMIT:
            _rules[key] = known
    return known


def _make_rule(key: Key) -> Rule:
    measurand, unit, multiplier, phase, location, context = key
    name = _DEFAULT_MEASURAND if measurand is UNSET else str(measurand)
    kind, units = _MEASURANDS.get(name, _OTHER)
    fits = True
    # A measurand that has no unit keeps its number whatever unit is said.
    if unit is UNSET or "" in units:
        spelled = next(iter(units))
    else:
        folded = {known.casefold(): known for known in units}
        spelled = folded.get(str(unit).casefold(), "")
        if not spelled:
            (kind, units), fits = _OTHER, False
    return Rule(
        measurand=kind,
        exponent=units[spelled] + multiplier,
        phase=Phase.NONE if phase is UNSET else _PHASES[phase],
        location=Location.OUTLET if location is UNSET else _LOCATIONS[location],
        context=Context.PERIODIC if context is UNSET else _CONTEXTS[context],
        unit=spelled,
        fits=fits,
    )


def celsius(value: int, unit: str) -> int:
    """Hundredths of a degree Celsius from a value scaled by the unit's exponent."""
    if unit == "K":
        return value - 27315
    if unit == "Fahrenheit":
        return _divided(value - 32_000, 18)
    return value


def utc(at: datetime) -> datetime:
    """The same instant in UTC; at the ends of the calendar, where UTC would leave it, the nearest one it has."""
    if at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if at.year == 1 else datetime.max.replace(tzinfo=UTC)


class Readings(NamedTuple):
    """What a report says of a transaction as a whole; None where it does not say."""

    meter_first_wh: int | None = None
    meter_last_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None


def readings(samples: Iterable[Sample]) -> Readings:
    """The register, power and state of charge among samples.

    Register and power are those at the outlet, of all phases, else the sum of the phases, else the same at the
    inlet; those of the cable, the vehicle, the body or upstream measure something else. A signed value of 0 is one
    that can't be read from outside.
    """
    registers: list[Sample] = []
    powers: list[Sample] = []
    soc: Sample | None = None
    for sample in samples:
        measurand = sample.measurand
        if measurand is Measurand.ENERGY_IMPORT_REGISTER:
            if sample.signed is None or sample.value:
                registers.append(sample)
        elif measurand is Measurand.POWER_IMPORT:
            powers.append(sample)
        elif measurand is Measurand.SOC and (soc is None or sample.at >= soc.at):
            soc = sample
    first, last = _ends(registers) if registers else (None, None)
    return Readings(
        first, last, _ends(powers)[1] if powers else None, None if soc is None else _divided(soc.value, 100)
    )


def _ends(samples: list[Sample]) -> tuple[int | None, int | None]:
    """The earliest and the latest value of one measurand; of those of one instant the first and the last sent."""
    if len(samples) == 1 and samples[0].phase is Phase.NONE and samples[0].location is Location.OUTLET:
        return samples[0].value, samples[0].value
    for location in (Location.OUTLET, Location.INLET):
        there = [sample for sample in samples if sample.location is location]
        series = [(sample.at, sample.value) for sample in there if sample.phase is Phase.NONE] or _sums(there)
        if series:
            series.sort(key=lambda reading: reading[0])
            return series[0][1], series[-1][1]
    return None, None


_CONDUCTORS = ({Phase.L1, Phase.L2, Phase.L3}, {Phase.L1_N, Phase.L2_N, Phase.L3_N})


def _sums(samples: list[Sample]) -> list[tuple[datetime, int]]:
    """Sums over the phases. An instant counts if it has every phase that the report has anywhere: a lost phase
    must not look like a meter that went back."""
    for conductors in _CONDUCTORS:
        used = {sample.phase for sample in samples} & conductors
        by_instant: dict[datetime, dict[Phase, int]] = {}
        for sample in samples:
            if sample.phase in used:
                by_instant.setdefault(sample.at, {})[sample.phase] = sample.value
        if used:
            return [(at, sum(values.values())) for at, values in by_instant.items() if len(values) == len(used)]
    return []
