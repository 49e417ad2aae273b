"""What a session's last meter values tell of the currents of its EVSE, and when that was by our clock.

Some stations tell their register alone. What they draw is the mean between two of its readings, as exact as the steps
in which the register is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from forecourt.ocpp.neutral import Location, Measurand, Phase

#: How a station may name the conductors.
_LINES: Final = {
    Phase.L1: 0, Phase.L2: 1, Phase.L3: 2, Phase.L1_N: 0, Phase.L2_N: 1, Phase.L3_N: 2,
}  # fmt: skip

#: Steps in which registers are told, in Wh, the coarsest first.
_STEPS: Final = (1_000, 100, 10, 1)
#: A mean is of the latest time of which it is known as exactly as this, in W, and that is no shorter.
_EXACT_W: Final = 1_000
_LEAST_SPAN: Final = timedelta(seconds=20)
_AN_HOUR: Final = timedelta(hours=1)


class Mean(Struct, frozen=True, kw_only=True):
    """What a register tells of a span of time: the least and the most of the mean power."""

    least_w: int
    most_w: int
    since: datetime
    at: datetime

    @property
    def power_w(self) -> int:
        """The middle of the two, and nothing where nothing was counted."""
        return (self.least_w + self.most_w) // 2 if self.least_w else 0


class Measured(Struct, frozen=True, kw_only=True):
    """The latest of each: the currents of the three conductors, the same on each where the station doesn't say of
    which, what it offers, when the current and the power were measured, and the state of charge with its time.
    `mean`: where neither a current nor a power was; `every`: the time between the latest two currents, or powers where
    there is no current, None where there is one at most."""

    currents_a: tuple[float | None, float | None, float | None]
    offered_a: float | None
    current_at: datetime | None
    power_at: datetime | None
    soc_pct: float | None = None
    soc_at: datetime | None = None
    mean: Mean | None = None
    every: timedelta | None = None


def measured_of(
    sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool
) -> Measured:
    """Of sets of values, the latest first. `last_at`, `heard_at`: the time of the session's latest report by its
    station and by ours; `believed`: whether the first is the station's own."""
    currents: list[float | None] = [None, None, None]
    unplaced: float | None = None
    offered: float | None = None
    current_ats: list[datetime] = []
    power_ats: list[datetime] = []
    soc: tuple[float, datetime] | None = None
    register: list[tuple[datetime, int]] = []
    for each in sets:
        at = datetime.fromisoformat(each["at"])
        for code, value in zip(each["readings"][::2], each["readings"][1::2], strict=True):
            measurand, phase = code & 0xFF, Phase(code >> 8 & 0xFF)
            line = _LINES.get(phase)
            if measurand == Measurand.SOC and soc is None:
                soc = value / 100, at
            if code >> 16 & 0xFF != Location.OUTLET:
                continue
            if measurand == Measurand.CURRENT_IMPORT and line is not None:
                currents[line] = value / 1000 if currents[line] is None else currents[line]
                current_ats.append(at)
            elif measurand == Measurand.CURRENT_IMPORT and phase is Phase.NONE:
                unplaced = value / 1000 if unplaced is None else unplaced
                current_ats.append(at)
            elif measurand == Measurand.CURRENT_OFFERED and offered is None:
                offered = value / 1000
            elif measurand in (Measurand.POWER_IMPORT, Measurand.POWER_EXPORT):
                power_ats.append(at)
            elif measurand == Measurand.ENERGY_IMPORT_REGISTER and phase is Phase.NONE:
                register.append((at, value))
    first, second, third = [unplaced] * 3 if currents == [None, None, None] else currents
    late_by = _late_by(sets, last_at, heard_at, believed=believed)
    current_at, power_at = next(iter(current_ats), None), next(iter(power_ats), None)
    unmeasured = current_at is None and power_at is None
    return Measured(
        currents_a=(first, second, third),
        offered_a=offered,
        current_at=None if current_at is None else min(current_at + late_by, heard_at),
        power_at=None if power_at is None else min(power_at + late_by, heard_at),
        soc_pct=None if soc is None else soc[0],
        soc_at=None if soc is None else min(soc[1] + late_by, heard_at),
        mean=_mean(register, late_by, heard_at) if unmeasured else None,
        every=_every(current_ats or power_ats),
    )


def _every(ats: Sequence[datetime]) -> timedelta | None:
    """The time between the latest two of these times, which differ."""
    last = sorted(set(ats))[-2:]
    return last[1] - last[0] if len(last) > 1 else None


def _mean(register: Sequence[tuple[datetime, int]], late_by: timedelta, heard_at: datetime) -> Mean | None:
    """Of readings in Wh, the latest first: since the last one before that is long enough ago, or the first there is."""
    if not register:
        return None
    step_wh = next(step for step in _STEPS if all(wh % step == 0 for _, wh in register))
    (at, last_wh), found = register[0], None
    for since, wh in register[1:]:
        hours = (at - since) / _AN_HOUR
        if at - since < _LEAST_SPAN or wh > last_wh:
            continue
        found = Mean(
            least_w=max(0, int((last_wh - wh - step_wh) / hours)),
            most_w=int((last_wh - wh + step_wh) / hours),
            since=min(since + late_by, heard_at),
            at=min(at + late_by, heard_at),
        )
        if step_wh / hours <= _EXACT_W:
            break
    return found


def _late_by(sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool) -> timedelta:
    """By how much the station's clock is behind ours, with the time that its word takes: by the latest report, of which
    both times are known, or by the latest values where the station's own time can't be believed."""
    if believed or not sets:
        return heard_at - last_at
    return heard_at - datetime.fromisoformat(sets[0]["at"])
