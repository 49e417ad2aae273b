"""Cars that may come: past days of the same kind, each a scenario of the rest of today.

Sites tell two kinds of day apart, weekday and weekend. A past day stands for today as it was: who came after this time
of day, for how long and for how much energy. What is known of it is what had ended by now. A day that was busier
until this time of day than a past one is expected to stay so: energies are scaled by that, and the less of a day is
over the less.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct, structs

from forecourt.energy.planner.problem import Cars

#: What is known of a day before anybody came, as a share of the mean energy of such days: the more, the less what
#: came so far today scales what may still come.
PRIOR_SHARE: Final = 0.45
#: By how much a day may be scaled.
SCALES: Final = (0.6, 1.7)
#: The same of a day that is only assumed, which may be all wrong.
ASSUMED_SHARE: Final = 0.25
ASSUMED_SCALES: Final = (0.1, 3.0)
#: Nobody knows how busy a first day is: it is assumed so many times as busy, each as likely as the others.
ASSUMED_BUSY: Final = (0.4, 0.8, 1.3)
#: Fewer days of a kind than that say too little alone: what they have and nobody expects would be planned for as if it
#: were sure. Beside them stands the day that is assumed, as busy as they were on the whole and so many times as busy;
#: how busy it is assumed to be is worth a part of a day that is known.
ENOUGH_DAYS: Final = 3
ABOUT_AS_BUSY: Final = (0.7, 1.0, 1.4)
ASSUMED_WORTH: Final = 0.1
#: Cars that are expected in one plan, of all days together: it has to be found in time. At a site of more, fewer days
#: stand for today, and none where one alone has more.
MOST_EXPECTED: Final = 1_500
#: So many days without anybody are no quiet days but a hole in what is known.
HOLE_DAYS: Final = 5
#: The days for which is assumed who comes: a Monday and a Saturday.
ASSUMED: Final = (date(2000, 1, 3), date(2000, 1, 1))

NOBODY = Cars(
    first=np.zeros(0, np.int64),
    last=np.zeros(0, np.int64),
    last_share=np.zeros(0),
    need_kwh=np.zeros(0),
    max_a=np.zeros(0),
    kw_per_a=np.zeros(0),
    evse=np.zeros(0, np.int64),
    weight=np.zeros(0),
    scenario=np.zeros(0, np.int64),
)


class Visit(Struct, frozen=True, kw_only=True):
    """A car of the past: when it came and left (UTC), what it took, how fast it could, and at which EVSE."""

    came_at: datetime
    left_at: datetime
    need_kwh: float
    max_a: float
    kw_per_a: float
    evse: int = 0


class Arrivals:
    """What a site's past says about the rest of a day. `most`: how many past days stand for it. `assumed`: visits of
    the days ASSUMED, which stand for a kind of day of which none or few are known."""

    def __init__(
        self, visits: Sequence[Visit], zone: str, step: timedelta, most: int, assumed: Sequence[Visit] = ()
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._step = step
        self._most = most
        self._by_day: dict[date, list[Visit]] = {}
        for visit in visits:
            self._by_day.setdefault(visit.came_at.astimezone(self._zone).date(), []).append(visit)
        self._first_day = min(self._by_day, default=date.max)
        self._kwh = {day: sum(visit.need_kwh for visit in of) for day, of in self._by_day.items()}
        self._assumed: dict[date, list[Visit]] = {}
        for visit in assumed:
            self._assumed.setdefault(visit.came_at.astimezone(self._zone).date(), []).append(visit)

    def expected(self, now: datetime, steps: int, came_kwh: float | None = None) -> Cars:
        """The cars that may still come today, in steps from now on, each past day a scenario of its own, up to
        MOST_EXPECTED in all. `came_kwh`: what the cars that came today need or took, if that is known."""
        today = now.astimezone(self._zone).date()
        days = self._days_like(today, _is_weekend(today))
        standing = [(day, self._by_day.get(day, [])) for day in days]
        if len(days) < ENOUGH_DAYS:
            standing += self._as_assumed(today, days)
        known, within = (PRIOR_SHARE, SCALES) if days else (ASSUMED_SHARE, ASSUMED_SCALES)
        scales = self._scales(standing, now - self._midnight(today), came_kwh, known, within)
        rows = [
            (first, last, need_kwh * scales[number], visit.max_a, visit.kw_per_a, visit.evse, number)
            for number, (day, visits) in enumerate(standing)
            for visit in visits
            if visit.left_at <= now
            for first, last, need_kwh in self._placed(visit, self._midnight(today) - self._midnight(day), now, steps)
        ]
        until = np.cumsum(np.bincount(np.array([row[-1] for row in rows], dtype=np.int64)))
        rows = rows[: until[until <= MOST_EXPECTED].max(initial=0)]
        if not rows:
            return NOBODY
        first, last, need_kwh, max_a, kw_per_a, evse, scenario = (np.array(each) for each in zip(*rows, strict=True))
        return Cars(
            first=first,
            last=last,
            last_share=np.ones(len(rows)),
            need_kwh=need_kwh,
            max_a=max_a,
            kw_per_a=kw_per_a,
            evse=evse,
            weight=np.ones(len(rows)),
            scenario=scenario,
        )

    def _as_assumed(self, today: date, days: Sequence[date]) -> list[tuple[date, list[Visit]]]:
        """The day that is assumed, about as busy as the `days` of its kind that are known, or where there are none as
        those of the other kind have it."""
        weekend = _is_weekend(today)
        kinds = {_is_weekend(day): (day, visits) for day, visits in self._assumed.items()}
        if weekend not in kinds:
            return []
        day, visits = kinds[weekend]
        known, like, worth, shares = days, visits, ASSUMED_WORTH, ABOUT_AS_BUSY
        if not days:
            known, (_, like) = self._days_like(today, not weekend), kinds.get(not weekend, kinds[weekend])
            worth, shares = 1.0, ASSUMED_BUSY
        kwh = sum(visit.need_kwh for visit in like)
        busy = (sum(self._kwh.get(each, 0.0) for each in known) + kwh * worth) / max((len(known) + worth) * kwh, 1e-9)
        return [
            (day, [structs.replace(visit, need_kwh=visit.need_kwh * busy * share) for visit in visits])
            for share in shares
        ]

    def _scales(
        self,
        standing: Sequence[tuple[date, Sequence[Visit]]],
        elapsed: timedelta,
        came_kwh: float | None,
        known: float,
        within: tuple[float, float],
    ) -> list[float]:
        """How much busier today is than each of the days was at this time of day. `known`: what is known of a day
        before anybody came."""
        if came_kwh is None or not standing:
            return [1.0] * len(standing)
        energies = [
            [(visit.came_at - self._midnight(day), visit.need_kwh) for visit in visits] for day, visits in standing
        ]
        prior = known * sum(kwh for day in energies for _, kwh in day) / len(standing)
        if prior <= 0:
            return [1.0] * len(standing)
        until = [sum(kwh for at, kwh in day if at <= elapsed) for day in energies]
        return [min(max((came_kwh + prior) / (each + prior), within[0]), within[1]) for each in until]

    def _days_like(self, today: date, weekend: bool) -> list[date]:
        """The latest days of a kind that are known, newest first; a day on which nobody came counts as well, but not
        where so many followed each other that nothing was recorded."""
        found: list[date] = []
        empty: list[date] = []
        day = today - timedelta(days=1)
        while day >= self._first_day and len(found) < self._most:
            if day not in self._by_day:
                empty.append(day)
            else:
                known = [*(empty if len(empty) < HOLE_DAYS else ()), day]
                found += [each for each in known if _is_weekend(each) == weekend]
                empty = []
            day -= timedelta(days=1)
        return found[: self._most]

    def _midnight(self, day: date) -> datetime:
        return midnight(day, self._zone.key)

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


def midnight(day: date, zone: str) -> datetime:
    """When a day begins, in UTC: the difference of two of them would else leave out the hour by which clocks are
    set."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
