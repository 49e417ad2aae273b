"""Measured values: from a station's number, unit and place to whole numbers in the units of `neutral.Measurand`.

Owns the conversion, which is exact in decimals and rounds half to even, and the choice of which of a report's
values is its register, its power and its state of charge. Both are the same for all versions.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from msgspec import UNSET, UnsetType

from forecourt.ocpp import neutral
from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.neutral import MEASURAND_BITS, PLACE_BITS, Context, Location, Measurand, Phase, Sample

#: What fits the columns and the arithmetic of everyone above: a signed 64 bit integer.
VALUE_LIMIT = 2**63 - 1

#: Power that is believed, in W: what fits 32 bits, as does the column. More is a sign for "no value".
POWER_LIMIT_W = 2**31 - 1

#: A state of charge that is believed, in percent, rounded.
SOC_LIMIT_PCT = 100

#: Below this a product of two doubles is exact to far less than the distance to a tie that is asked for.
_EXACT_LIMIT = 1e9
_NO_TIE = 0.5 - 1e-6

#: Decimal places beyond which a 2.x multiplier means nothing any more.
_EXPONENT_LIMIT = 18

#: The exponents of OCPP's own units.
_POWERS = (1.0, 10.0, 100.0, 1000.0)
_WHOLE_POWERS = (1, 10, 100, 1000)

#: Digits that can't leave 64 bits, whatever the unit.
_SHORT = 15

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?\s*")

# Plain numbers, for a sample's code is compared with them.
_REGISTER = int(Measurand.ENERGY_IMPORT_REGISTER)
_GIVEN = int(Measurand.ENERGY_EXPORT_REGISTER)
_POWER_IMPORT = int(Measurand.POWER_IMPORT)
_POWER_EXPORT = int(Measurand.POWER_EXPORT)
_SOC = int(Measurand.SOC)
#: Set in the code of a value of one phase, or of another place than the outlet.
_ELSEWHERE = PLACE_BITS & ~MEASURAND_BITS


def scaled(text: str, exponent: int) -> int | None:
    """The number in a text times 10^exponent, rounded half to even; None where it is no number that fits.

    Plain decimals, with or without an exponent of their own. A comma is no decimal point: whether it parts
    thousands or decimals is the station's secret.
    """
    if text.isdecimal() and len(text) <= _SHORT:
        return int(text) * _WHOLE_POWERS[exponent]
    return _scaled_decimal(text, exponent)


@lru_cache(maxsize=16_384)
def _scaled_decimal(text: str, exponent: int) -> int | None:
    """Remembered, because volts and amperes come in few shapes: 230.4, 16.01."""
    try:
        product = float(text) * _POWERS[exponent]
    except ValueError:
        return None
    if -_EXACT_LIMIT < product < _EXACT_LIMIT and "_" not in text:
        whole = round(product)
        # Only next to a tie can the rounding of binary numbers decide.
        if -_NO_TIE < product - whole < _NO_TIE:
            return whole
    return None if _NUMBER.fullmatch(text) is None else _rounded(Decimal(text.strip()), exponent)


def scaled_number(value: float, exponent: int) -> int | None:
    """The decimal number that a double stands for (its shortest one) times 10^exponent, rounded half to even."""
    if 0 <= exponent <= 3 and -_EXACT_LIMIT < (product := value * _POWERS[exponent]) < _EXACT_LIMIT:
        whole = round(product)
        if -_NO_TIE < product - whole < _NO_TIE:
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


#: How a value is read: the code of its sample, its decimal exponent to the stored unit, and what else must be done with
#: it: NO_FIT, a temperature's unit, or mostly nothing. A bare tuple, for it is unpacked per value.
Rule = tuple[int, int, str]

#: The unit is none of the measurand's, which makes it a value of an unknown kind.
NO_FIT = "no fit"

_ENERGY = {"Wh": 0, "kWh": 3}
_POWER = {"W": 0, "kW": 3}
_CURRENT = {"A": 3}
_VOLTAGE = {"V": 3}
_REACTIVE_ENERGY = {"varh": 0, "kvarh": 3}
_REACTIVE_POWER = {"var": 0, "kvar": 3}
_PERCENT = {"Percent": 2, "%": 2}
#: 1.6 spells it Celcius first; a Fahrenheit is read in thousandths, to be divided by 18 at the end.
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
#: units that a 2.x station may invent. Readable from outside, for the call of `rule` costs as much as the look-up.
RULES: dict[Key, Rule] = {}
RULE_LIMIT = 4096


def rule(key: Key) -> Rule:
    """The rule for (measurand, unit, multiplier, phase, location, context), with the defaults of OCPP for what is
    left out: an import register in Wh, periodic, at the outlet, of all phases."""
    known = RULES.get(key)
    if known is None:
        known = _make_rule(key)
        if len(RULES) < RULE_LIMIT:
            RULES[key] = known
    return known


def _make_rule(key: Key) -> Rule:
    measurand, unit, multiplier, phase, location, context = key
    name = _DEFAULT_MEASURAND if measurand is UNSET else str(measurand)
    kind, units = _MEASURANDS.get(name, _OTHER)
    special = ""
    # A measurand that has no unit keeps its number whatever unit is said.
    if unit is UNSET or "" in units:
        spelled = next(iter(units))
    else:
        folded = {known.casefold(): known for known in units}
        spelled = folded.get(str(unit).casefold(), "")
        if not spelled:
            (kind, units), special = _OTHER, NO_FIT
    if spelled in ("K", "Fahrenheit"):
        special = spelled
    code = neutral.code(
        kind,
        Phase.NONE if phase is UNSET else _PHASES[phase],
        Location.OUTLET if location is UNSET else _LOCATIONS[location],
        Context.PERIODIC if context is UNSET else _CONTEXTS.get(context, Context.OTHER),
    )
    return code, units[spelled] + multiplier, special


def finished(value: int, special: str, notes: Notes, path: str) -> int | None:
    """What a rule's special word asks for: hundredths of a degree Celsius from those of its unit, or a note. None for
    less than 0 K."""
    if special == "K":
        return value - 27315 if value >= 0 else None
    if special == "Fahrenheit":
        return _divided(value - 32_000, 18)
    notes.add(Deviation.UNIT_MISMATCH, path)
    return value


def utc(at: datetime) -> datetime:
    """The same instant in UTC; at the ends of the calendar, where UTC would leave it, the nearest one it has."""
    if at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if at.year == 1 else datetime.max.replace(tzinfo=UTC)


#: What a report says of a transaction as a whole: the first and the last register in Wh, the power in W, the state of
#: charge in percent; None where it does not say.
Readings = tuple[int | None, int | None, int | None, int | None]

#: A value and when it was taken.
Reading = tuple[datetime, int]

#: Where a note on a sample says that it is; which sample it was is plain from its value.
SAMPLE_PATH = "$.meterValue.sampledValue.value"


def register(value: int, notes: Notes, path: str) -> int | None:
    """A register that a message names by itself; None, and a note, for one that no meter can show."""
    if value >= 0:
        return value
    notes.add(Deviation.VALUE_BEYOND_RANGE, path)
    return None


def readings(samples: Iterable[Sample], notes: Notes) -> Readings:
    """The register, power and state of charge among samples.

    Register and power are those at the outlet, of all phases, else the sum of the phases, else the same at the
    inlet; those of the cable, the vehicle, the body or upstream measure something else. A signed value of 0 is one
    that can't be read from outside. What nothing real can measure, as a negative register, 4294967295 W or 250 %, is
    passed over and noted: it must not reach a bill nor spoil what is said with it. Power that flows back at the latest
    moment is below 0.
    """
    registers: list[Sample] = []
    powers: list[Sample] = []
    exports: list[Sample] = []
    soc: int | None = None
    soc_at: datetime | None = None
    for sample in samples:
        measurand = sample.code & MEASURAND_BITS
        if measurand == _REGISTER:
            if sample.signed is None or sample.value:
                registers.append(sample)
        elif measurand == _POWER_IMPORT:
            powers.append(sample)
        elif measurand == _POWER_EXPORT:
            exports.append(sample)
        elif measurand == _SOC and (soc_at is None or sample.at >= soc_at):
            percent = _divided(sample.value, 100)
            if 0 <= percent <= SOC_LIMIT_PCT:
                soc, soc_at = percent, sample.at
            else:
                notes.add(Deviation.VALUE_BEYOND_RANGE, SAMPLE_PATH)
    first, last = _ends(registers, 0, VALUE_LIMIT, notes) if registers else (None, None)
    power = _ends(powers, -POWER_LIMIT_W, POWER_LIMIT_W, notes)[1] if powers else None
    return first, last, _net(powers, exports, power, notes) if exports else power, soc


def _net(powers: list[Sample], exports: list[Sample], power: int | None, notes: Notes) -> int | None:
    """The power with what flows back taken from it, if that was said of the latest moment."""
    latest = max(sample.at for sample in (*powers, *exports))
    exported = _ends([sample for sample in exports if sample.at == latest], 0, POWER_LIMIT_W, notes)[1]
    if exported is None:
        return power
    taken = power if power is not None and any(sample.at == latest for sample in powers) else 0
    return max(taken - exported, -POWER_LIMIT_W)


def given(samples: Iterable[Sample], notes: Notes) -> tuple[int | None, int | None]:
    """The first and the last register of what was given back; found as `readings` finds that of what was taken."""
    registers = [sample for sample in samples if sample.code & MEASURAND_BITS == _GIVEN]
    return _ends(registers, 0, VALUE_LIMIT, notes) if registers else (None, None)


def begun(samples: Iterable[Sample]) -> int | None:
    """The register whose context says that the transaction began with it; what nothing real can measure is passed
    over, for `readings` has noted it."""
    begins = [sample for sample in samples if sample.code >> 24 == Context.BEGIN]
    return readings(begins, Notes())[0] if begins else None


def _ends(samples: list[Sample], low: int, high: int, notes: Notes) -> tuple[int | None, int | None]:
    """The earliest and the latest value of one measurand; of those of one instant the first and the last sent."""
    if len(samples) == 1:
        only = samples[0]
        # Of all phases and at the outlet: nothing above the measurand is set.
        if not only.code & _ELSEWHERE and low <= only.value <= high:
            return only.value, only.value
    for location in (Location.OUTLET, Location.INLET):
        there = [sample for sample in samples if sample.location is location]
        totals = [(sample.at, sample.value) for sample in there if sample.phase is Phase.NONE]
        series = _within(totals, low, high, notes) or _within(_sums(there, low, high), low, high, notes)
        if series:
            series.sort(key=lambda reading: reading[0])
            return series[0][1], series[-1][1]
    return None, None


def _within(series: list[Reading], low: int, high: int, notes: Notes) -> list[Reading]:
    believed = [reading for reading in series if low <= reading[1] <= high]
    if len(believed) < len(series):
        notes.add(Deviation.VALUE_BEYOND_RANGE, SAMPLE_PATH)
    return believed


_CONDUCTORS = ({Phase.L1, Phase.L2, Phase.L3}, {Phase.L1_N, Phase.L2_N, Phase.L3_N})


def _sums(samples: list[Sample], low: int, high: int) -> list[Reading]:
    """Sums over the phases. An instant counts if it has every phase that the report has anywhere: a lost phase
    must not look like a meter that went back. With a phase beyond the bounds the sum is that phase's value."""
    for conductors in _CONDUCTORS:
        used = {sample.phase for sample in samples} & conductors
        by_instant: dict[datetime, dict[Phase, int]] = {}
        for sample in samples:
            if sample.phase in used:
                by_instant.setdefault(sample.at, {})[sample.phase] = sample.value
        if used:
            return [
                (at, next((value for value in values.values() if not low <= value <= high), sum(values.values())))
                for at, values in by_instant.items()
                if len(values) == len(used)
            ]
    return []
