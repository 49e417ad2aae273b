"""What a station that measures a building or a solar plant says of its power. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from forecourt.energy.model import MOST_W
from forecourt.energy.signals.model import Reading
from forecourt.ocpp.neutral import MEASURAND_BITS, Location, Measurand, Phase

#: Registers that are farther apart tell nothing of the power now.
LONGEST_GAP: Final = timedelta(hours=1)
#: How a station may name each of the three conductors.
_LINES: Final = ((Phase.L1, Phase.L1_N), (Phase.L2, Phase.L2_N), (Phase.L3, Phase.L3_N))
#: Where a meter of a building measures, the likeliest first.
_PLACES: Final = (Location.INLET, Location.OUTLET, Location.UPSTREAM, Location.BODY)

#: Value by measurand and phase, of one place.
Values = Mapping[tuple[int, int], int]


class Measured(Struct, frozen=True, kw_only=True):
    """What a station measured at one time, outside of any session; `readings` alternates codes and values."""

    at: datetime
    evse: int
    readings: Sequence[int]


def readings_of(
    sets: Iterable[Measured], station: str, charging: frozenset[int], voltage_v: float, *, gives: bool
) -> list[Reading]:
    """The power of what a station measures, one reading a time, in order.

    What it measures of itself as a whole (EVSE 0) counts, or else of EVSEs that don't charge anybody, which are not in
    `charging`. `gives`: of a solar plant, whose meter may count what it gives either way.
    """
    ordered = sorted((each for each in sets if each.evse not in charging), key=lambda each: each.at)
    if any(each.evse == 0 for each in ordered):
        ordered = [each for each in ordered if each.evse == 0]
    found: dict[datetime, int] = {}
    last: tuple[datetime, int] | None = None
    for each in ordered:
        values = _at_one_place(each.readings)
        power_w = power_of(values, voltage_v, gives=gives)
        register_wh = _register(values, gives=gives)
        if power_w is None and register_wh is not None and last is not None:
            power_w = _between(last, (each.at, register_wh))
        if register_wh is not None:
            last = each.at, register_wh
        if power_w is not None and abs(power_w) <= MOST_W:
            found[each.at] = power_w
    return [Reading(at=at, power_w=power_w, source=f"station {station}") for at, power_w in found.items()]


def power_of(values: Values, voltage_v: float, *, gives: bool) -> int | None:
    """The active power in W: as it was measured, of all phases together or of each, or what currents come to; None
    where nothing tells it."""
    taken, given = (_whole(values, each) for each in (Measurand.POWER_IMPORT, Measurand.POWER_EXPORT))
    if taken is None and given is None:
        taken, given = (
            _apparent(values, each, voltage_v) for each in (Measurand.CURRENT_IMPORT, Measurand.CURRENT_EXPORT)
        )
    if taken is None and given is None:
        return None
    return max(taken or 0, given or 0) if gives else (taken or 0) - (given or 0)


def _at_one_place(readings: Sequence[int]) -> Values:
    """Those of one side of the meter."""
    by_place: dict[int, dict[tuple[int, int], int]] = {}
    for code, value in zip(readings[::2], readings[1::2], strict=True):
        place = code >> 16 & 0xFF
        by_place.setdefault(place, {}).setdefault((code & MEASURAND_BITS, code >> 8 & 0xFF), value)
    return next((by_place[place] for place in _PLACES if place in by_place), {})


def _whole(values: Values, measurand: Measurand) -> int | None:
    whole = values.get((measurand, Phase.NONE))
    lines = [value for value in _by_line(values, measurand) if value is not None]
    return whole if whole is not None else sum(lines) if lines else None


def _by_line(values: Values, measurand: Measurand) -> list[int | None]:
    return [next((values[measurand, name] for name in names if (measurand, name) in values), None) for names in _LINES]


def _apparent(values: Values, measurand: Measurand, voltage_v: float) -> int | None:
    """The currents of the conductors by their voltages, or by what is usual: no less than the active power."""
    currents_ma, volts_mv = _by_line(values, measurand), _by_line(values, Measurand.VOLTAGE)
    if all(each is None for each in currents_ma):
        return None
    return round(
        sum(
            current / 1000 * (voltage_v if volt is None else volt / 1000)
            for current, volt in zip(currents_ma, volts_mv, strict=True)
            if current is not None
        )
    )


def _register(values: Values, *, gives: bool) -> int | None:
    """What it has counted so far, in Wh, as far as it is counted in one direction alone."""
    taken = _whole(values, Measurand.ENERGY_IMPORT_REGISTER)
    given = _whole(values, Measurand.ENERGY_EXPORT_REGISTER)
    if gives:
        return taken if given is None else given
    return None if taken is None else taken - (given or 0)


def _between(before: tuple[datetime, int], now: tuple[datetime, int]) -> int | None:
    passed = now[0] - before[0]
    if not timedelta(0) < passed <= LONGEST_GAP:
        return None
    return round((now[1] - before[1]) / (passed / timedelta(hours=1)))
