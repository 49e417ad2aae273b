"""What a session's chart is drawn from: power, current, voltage and state of charge over time. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from msgspec import Struct

from forecourt.ocpp.neutral import Measurand, Phase
from forecourt.sessions.store import CurvePoint

#: Points of one line; what was measured more often is drawn by its means.
MAX_POINTS: Final = 600
#: Line conductors, by which current and power are told where no total is; and their voltages to neutral.
_LINES: Final = frozenset({Phase.L1, Phase.L2, Phase.L3, Phase.L1_N, Phase.L2_N, Phase.L3_N})

Line = list[tuple[int, float]]


class Curve(Struct, frozen=True, kw_only=True):
    """Lines of (ms since 1970, value): kW (below 0: the car gives), A (of the conductor that carries most), V (mean of
    the conductors to neutral), %. `power_from_register`: no power was measured, so it is the growth of the register."""

    power_kw: Line
    offered_kw: Line
    current_a: Line
    voltage_v: Line
    soc_pct: Line
    power_from_register: bool = False


def step_s(start: datetime, end: datetime) -> int:
    """Seconds of one step of a curve, so that it has MAX_POINTS at most."""
    return max(1, -int(-max(end - start, timedelta(0)).total_seconds() // MAX_POINTS))


def curve(points: Sequence[CurvePoint]) -> Curve:
    """The lines of what was measured, each step of each measurand once."""
    taken, given = (_line(points, each, sum, 1000) for each in (Measurand.POWER_IMPORT, Measurand.POWER_EXPORT))
    power = _less(taken, given) if taken or any(value for _, value in given) else []
    from_register = not power
    return Curve(
        power_kw=power or _growth(_line(points, Measurand.ENERGY_IMPORT_REGISTER, sum, 1)),
        offered_kw=_line(points, Measurand.POWER_OFFERED, sum, 1000),
        current_a=_line(points, Measurand.CURRENT_IMPORT, max, 1000),
        voltage_v=_line(points, Measurand.VOLTAGE, _mean, 1000),
        soc_pct=_line(points, Measurand.SOC, max, 100),
        power_from_register=from_register,
    )


def _line(
    points: Iterable[CurvePoint], measurand: Measurand, together: Callable[[Sequence[int]], float], divisor: int
) -> Line:
    """One value a time: the total where it was measured, else its conductors together."""
    whole: dict[datetime, int] = {}
    parts: dict[datetime, list[int]] = {}
    for point in points:
        if point.measurand != measurand:
            continue
        if point.phase == Phase.NONE:
            whole[point.at] = point.value
        elif point.phase in _LINES:
            parts.setdefault(point.at, []).append(point.value)
    values: Mapping[datetime, float] = whole or {at: together(each) for at, each in parts.items()}
    return [(int(at.timestamp() * 1000), round(value / divisor, 3)) for at, value in sorted(values.items())]


def _less(taken: Line, given: Line) -> Line:
    """What was taken less what was given at the same time."""
    together = dict(taken)
    for at, value in given:
        together[at] = round(together.get(at, 0) - value, 3)
    return sorted(together.items())


def _growth(register_wh: Line) -> Line:
    """The mean power between two readings, kW, at the later of them; readings that run backwards tell nothing."""
    line: Line = []
    for (before_ms, before), (at_ms, after) in pairwise(register_wh):
        if at_ms > before_ms and after >= before:
            line.append((at_ms, round((after - before) * 3600 / (at_ms - before_ms), 3)))
    return line


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
