"""Cars that may come: past days of the same kind, each a scenario of the rest of today.

Sites tell two kinds of day apart, weekday and weekend. A past day stands for today as it was: who came after this time
of day, for how long and for how much energy. What is known of it is what had ended by now.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Cars

NOBODY = Cars(
    first=np.zeros(0, np.int64),
    last=np.zeros(0, np.int64),
    need_kwh=np.zeros(0),
    max_a=np.zeros(0),
    kw_per_a=np.zeros(0),
    evse=np.zeros(0, np.int64),
    weight=np.zeros(0),
    scenario=np.zeros(0, np.int64),
)


class Visit(Struct, frozen=True, kw_only=True):
    """A car of the past: when it came and left (UTC), what it took, and how fast it could."""

    came_at: datetime
    left_at: datetime
    need_kwh: float
    max_a: float
    kw_per_a: float


class Arrivals:
    """What a site's past says about the rest of a day. `most`: how many past days stand for it."""

    def __init__(self, visits: Sequence[Visit], zone: str, step: timedelta, most: int) -> None:
        self._zone = ZoneInfo(zone)
        self._step = step
        self._most = most
        self._by_day: dict[date, list[Visit]] = {}
        for visit in visits:
            self._by_day.setdefault(visit.came_at.astimezone(self._zone).date(), []).append(visit)
        self._first_day = min(self._by_day, default=date.max)

    def expected(self, now: datetime, steps: int) -> Cars:
        """The cars that may still come today, in steps from now on, each past day a scenario of its own."""
        today = now.astimezone(self._zone).date()
        rows = [
            (first, last, need_kwh, visit.max_a, visit.kw_per_a, number)
            for number, day in enumerate(self._days_like(today))
            for visit in self._by_day.get(day, ())
            if visit.left_at <= now
            for first, last, need_kwh in self._placed(visit, self._midnight(today) - self._midnight(day), now, steps)
        ]
        if not rows:
            return NOBODY
        first, last, need_kwh, max_a, kw_per_a, scenario = (np.array(each) for each in zip(*rows, strict=True))
        return Cars(
            first=first,
            last=last,
            need_kwh=need_kwh,
            max_a=max_a,
            kw_per_a=kw_per_a,
            evse=np.zeros(len(rows), np.int64),
            weight=np.ones(len(rows)),
            scenario=scenario,
        )

    def _days_like(self, today: date) -> list[date]:
        """The latest days of its kind that are known, newest first; a day on which nobody came counts as well."""
        found: list[date] = []
        day = today - timedelta(days=1)
        while day >= self._first_day and len(found) < self._most:
            if _is_weekend(day) == _is_weekend(today):
                found.append(day)
            day -= timedelta(days=1)
        return found

    def _midnight(self, day: date) -> datetime:
        # In UTC, or the difference of two of them would leave out the hour by which clocks are set.
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    def _placed(self, visit: Visit, later: timedelta, now: datetime, steps: int) -> list[tuple[int, int, float]]:
        """A visit as if it were today: first step, last step and energy; nothing if it would have come already. What
        lasts beyond the horizon is cut there, and so is its energy, in proportion."""
        first = round((visit.came_at + later - now) / self._step)
        last = round((visit.left_at + later - now) / self._step)
        if not 0 < first < steps or last <= first:
            return []
        share = (min(last, steps) - first) / (last - first)
        return [(first, min(last, steps), visit.need_kwh * share)]


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5
