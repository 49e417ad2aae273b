"""What a session's last meter values tell of the currents of its EVSE, and when that was by our clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from forecourt.ocpp.neutral import Location, Measurand, Phase

#: How a station may name the conductors.
_LINES: Final = {
    Phase.L1: 0, Phase.L2: 1, Phase.L3: 2, Phase.L1_N: 0, Phase.L2_N: 1, Phase.L3_N: 2,
}  # fmt: skip


class Measured(Struct, frozen=True, kw_only=True):
    """The latest of each: the currents of the three conductors, the same on each where the station doesn't say of
    which, what it offers, when the current and the power were measured, and the state of charge with its time."""

    currents_a: tuple[float | None, float | None, float | None]
    offered_a: float | None
    current_at: datetime | None
    power_at: datetime | None
    soc_pct: float | None = None
    soc_at: datetime | None = None


def measured_of(
    sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool
) -> Measured:
    """Of sets of values, the latest first. `last_at`, `heard_at`: the time of the session's latest report by its
    station and by ours; `believed`: whether the first is the station's own."""
    currents: list[float | None] = [None, None, None]
    unplaced: float | None = None
    offered: float | None = None
    current_at: datetime | None = None
    power_at: datetime | None = None
    soc: tuple[float, datetime] | None = None
    for each in sets:
        at = datetime.fromisoformat(each["at"])
        for code, value in zip(each["readings"][::2], each["readings"][1::2], strict=True):
            measurand, phase = code & 0xFF, Phase(code >> 8 & 0xFF)
            line = _LINES.get(phase)
            if measurand == Measurand.SOC and soc is None:
                soc = value / 100, at
            if code >> 16 & 0xFF != Location.OUTLET:
                continue
            if measurand == Measurand.CURRENT_IMPORT and line is not None and currents[line] is None:
                currents[line] = value / 1000
                current_at = current_at or at
            elif measurand == Measurand.CURRENT_IMPORT and phase is Phase.NONE and unplaced is None:
                unplaced = value / 1000
                current_at = current_at or at
            elif measurand == Measurand.CURRENT_OFFERED and offered is None:
                offered = value / 1000
            elif measurand in (Measurand.POWER_IMPORT, Measurand.POWER_EXPORT):
                power_at = power_at or at
    first, second, third = [unplaced] * 3 if currents == [None, None, None] else currents
    late_by = _late_by(sets, last_at, heard_at, believed=believed)
    return Measured(
        currents_a=(first, second, third),
        offered_a=offered,
        current_at=None if current_at is None else min(current_at + late_by, heard_at),
        power_at=None if power_at is None else min(power_at + late_by, heard_at),
        soc_pct=None if soc is None else soc[0],
        soc_at=None if soc is None else min(soc[1] + late_by, heard_at),
    )


def _late_by(sets: Sequence[Mapping[str, Any]], last_at: datetime, heard_at: datetime, *, believed: bool) -> timedelta:
    """By how much the station's clock is behind ours, with the time that its word takes: by the latest report, of which
    both times are known, or by the latest values where the station's own time can't be believed."""
    if believed or not sets:
        return heard_at - last_at
    return heard_at - datetime.fromisoformat(sets[0]["at"])
