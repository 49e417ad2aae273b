"""What the last meter values of a session, and of its EVSE outside of any transaction, tell of what is drawn, and when
that was by our clock.

Stations of 2.x say in MeterValues what belongs to no transaction, and some tell what they draw there alone; so do some
of 1.6 (2.0.1 J01, 1.6 §4.7). Such sets are never billed, but a car draws what they say as well.

Some stations tell their register alone. What they draw is the mean between two of its readings, as exact as the steps
in which the register is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import Location, Measurand, Phase, Sample
from forecourt.platform.clock import plausible

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

#: When a register was read, by its station and by ours, and what it showed in Wh.
_Register = tuple[datetime, datetime, int]


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
    `power_w`: where it was measured last outside of the transaction, else the session knows it. `mean`: where neither a
    current nor a power was; `every`: the time between the latest two currents, or powers where there is no current,
    None where there is one at most."""

    currents_a: tuple[float | None, float | None, float | None]
    offered_a: float | None
    current_at: datetime | None
    power_at: datetime | None
    soc_pct: float | None = None
    soc_at: datetime | None = None
    power_w: int | None = None
    mean: Mean | None = None
    every: timedelta | None = None


def measured_of(
    sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool
) -> Measured:
    """Of sets of values, the latest first; those outside of the transaction say when they arrived. `last_at`,
    `heard_at`: the time of the session's latest report by its station and by ours; `believed`: whether the first is the
    station's own, and those of sets have to be plausible as well."""
    if believed:
        sets = [each for each in sets if each["arrived_at"] is None or plausible(_said_at(each), _arrived_at(each))]
    late_by = _late_by(sets, last_at, heard_at, believed=believed)
    currents: list[float | None] = [None, None, None]
    unplaced: float | None = None
    offered: float | None = None
    placed_at: datetime | None = None
    unplaced_at: datetime | None = None
    power_at: datetime | None = None
    power_w: int | None = None
    ats: dict[int, list[datetime]] = {}
    soc: tuple[float, datetime] | None = None
    registers: dict[bool, list[_Register]] = {}
    for each in sets:
        apart = each["arrived_at"] is not None
        at = min(_said_at(each) + late_by, _arrived_at(each) if apart else heard_at)
        for code, value in zip(each["readings"][::2], each["readings"][1::2], strict=True):
            measurand, phase = code & 0xFF, Phase(code >> 8 & 0xFF)
            line = _LINES.get(phase)
            if measurand == Measurand.SOC and soc is None:
                soc = value / 100, at
            if code >> 16 & 0xFF != Location.OUTLET:
                continue
            ats.setdefault(measurand, []).append(at)
            if measurand == Measurand.CURRENT_IMPORT and line is not None and currents[line] is None:
                currents[line] = value / 1000
                placed_at = placed_at or at
            elif measurand == Measurand.CURRENT_IMPORT and phase is Phase.NONE and unplaced is None:
                unplaced, unplaced_at = value / 1000, at
            elif measurand == Measurand.CURRENT_OFFERED and offered is None:
                offered = value / 1000
            elif measurand in (Measurand.POWER_IMPORT, Measurand.POWER_EXPORT) and power_at is None:
                power_w = _power_w(each) if apart else None
                power_at = None if apart and power_w is None else at
            elif measurand == Measurand.ENERGY_IMPORT_REGISTER and phase is Phase.NONE:
                registers.setdefault(apart, []).append((_said_at(each), at, value))
    if placed_at is None or (unplaced_at is not None and unplaced_at > placed_at):
        currents, placed_at = [unplaced] * 3, unplaced_at
    first, second, third = currents
    return Measured(
        currents_a=(first, second, third),
        offered_a=offered,
        current_at=placed_at,
        power_at=power_at,
        soc_pct=None if soc is None else soc[0],
        soc_at=None if soc is None else soc[1],
        power_w=power_w,
        mean=_mean(next(iter(registers.values()), ())) if placed_at is None and power_at is None else None,
        every=_every(ats),
    )


def _every(ats: Mapping[int, Sequence[datetime]]) -> timedelta | None:
    """Of the times of each measurand: that between the latest two of currents, which differ, else of powers."""
    powers = (*ats.get(Measurand.POWER_IMPORT, ()), *ats.get(Measurand.POWER_EXPORT, ()))
    last = sorted(set(ats.get(Measurand.CURRENT_IMPORT, powers)))[-2:]
    return last[1] - last[0] if len(last) > 1 else None


def _power_w(apart: Mapping[str, Any]) -> int | None:
    """As the session would know it, were the set one of its own."""
    at, readings = _said_at(apart), apart["readings"]
    samples = [Sample(at, code, value) for code, value in zip(readings[::2], readings[1::2], strict=True)]
    return measure.readings(samples, Notes())[2]


def _mean(register: Sequence[_Register]) -> Mean | None:
    """Of readings in Wh, the latest first: since the last one before that is long enough ago, or the first there is."""
    if not register:
        return None
    step_wh = next(step for step in _STEPS if all(wh % step == 0 for _, _, wh in register))
    (said_at, at, last_wh), found = register[0], None
    for said_since, since, wh in register[1:]:
        hours = (said_at - said_since) / _AN_HOUR
        if said_at - said_since < _LEAST_SPAN or wh > last_wh:
            continue
        found = Mean(
            least_w=max(0, int((last_wh - wh - step_wh) / hours)),
            most_w=int((last_wh - wh + step_wh) / hours),
            since=since,
            at=at,
        )
        if step_wh / hours <= _EXACT_W:
            break
    return found


def _late_by(sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool) -> timedelta:
    """By how much the station's clock is behind ours, with the time that its word takes: by the latest report, of which
    both times are known, or by the latest values where the station's own time can't be believed; or by what belongs to
    no transaction, whichever was on its way for the least."""
    found = [_arrived_at(each) - _said_at(each) for each in sets if each["arrived_at"] is not None]
    own = next((each for each in sets if each["arrived_at"] is None), None)
    if believed or not sets:
        found.append(heard_at - last_at)
    elif own is not None:
        found.append(heard_at - _said_at(own))
    return min(found)


def _said_at(each: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(each["at"])


def _arrived_at(each: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(each["arrived_at"])
