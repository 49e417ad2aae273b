"""What a building will draw: as at this time on past days of the same kind, corrected by what it draws now. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import mean
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.energy.signals.model import Reading

#: Past days that are looked at, and how many of them stand for today.
LEARN: Final = timedelta(days=28)
_DAYS: Final = 8
#: How long it is believed that a building goes on drawing more or less than usual: the weight halves with each.
_STAY: Final = timedelta(hours=1)
_SLOT_MIN: Final = 15


class Habit:
    """What a building usually draws, as of a time: the means of quarters of an hour by the clock of its zone."""

    def __init__(self, readings: Sequence[Reading], latest: Reading | None, now: datetime, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._now = now
        self._days: dict[date, dict[int, list[int]]] = {}
        for each in readings:
            if now - LEARN <= each.at <= now:
                local = each.at.astimezone(self._zone)
                self._days.setdefault(local.date(), {}).setdefault(_slot(local), []).append(each.power_w)
        usual_then = None if latest is None else self._usual(latest.at)
        self._more = 0.0 if latest is None or usual_then is None else latest.power_w - usual_then
        self._last = None if latest is None else latest.power_w

    def power_w(self, at: datetime, *, late: bool) -> int | None:
        """What is expected at a time; None where nothing is known. If the meter is late, the most of past days."""
        if late:
            seen = self._seen(at)
            return max([*seen, self._last or 0]) if seen else self._last
        usual = self._usual(at)
        if usual is None:
            return self._last
        weight: float = 0.5 ** ((at - self._now) / _STAY)
        return max(0, round(usual + self._more * weight))

    def _usual(self, at: datetime) -> float | None:
        seen = self._seen(at)
        return mean(seen) if seen else None

    def _seen(self, at: datetime) -> list[int]:
        """What it drew at that time of day on the last days of the same kind."""
        local = at.astimezone(self._zone)
        weekend, today = local.weekday() >= 5, self._now.astimezone(self._zone).date()
        alike = sorted((day for day in self._days if (day.weekday() >= 5) == weekend and day < today), reverse=True)
        found: list[int] = []
        for day in alike[:_DAYS]:
            found += self._days[day].get(_slot(local), ())
        return found


def _slot(local: datetime) -> int:
    return (local.hour * 60 + local.minute) // _SLOT_MIN
