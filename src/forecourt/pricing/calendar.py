"""Which elements' times, dates and days hold at which second, in a site's zone: found once a day, then looked up.

A day here is one of UTC, in seconds since 1970, so that nights on which clocks change need no exception: every moment
at which a condition could change is found in local time and looked at there.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.pricing.model import Conditions, Day

DAY_S: Final = 86_400
#: Days that are kept of one tariff in one zone.
MAX_DAYS: Final = 4_000
_DAYS: Final = tuple(Day)


class Calendar:
    """The conditions on local time of a tariff's elements, as bits: bit n is set while those of element n hold."""

    def __init__(self, conditions: Sequence[Conditions], zone: ZoneInfo, *, daily: bool = False) -> None:
        self._conditions, self._zone = conditions, zone
        self._times = sorted({_time(each) for one in conditions for each in (one.start_time, one.end_time) if each})
        #: Whether there is any such condition, or days are told apart.
        self.matters = daily or any(
            one.start_time or one.end_time or one.start_date or one.end_date or one.days for one in conditions
        )
        self._day = lru_cache(maxsize=MAX_DAYS)(self._find_day)

    def at(self, second: int) -> tuple[int, int]:
        """The bits at a second since 1970, and until before which second they stay."""
        moments, bits = self._day(second // DAY_S)
        place = bisect_right(moments, second)
        return bits[place - 1], moments[place]

    def _find_day(self, day: int) -> tuple[list[int], list[int]]:
        begins, ends = day * DAY_S, (day + 1) * DAY_S
        moments = sorted({begins, *(each for each in self._moments(day) if begins < each < ends)})
        bits = [self._bits(each) for each in moments]
        return [*moments, ends], bits

    def _moments(self, day: int) -> Iterator[int]:
        """Every second around a day at which a local clock may show one of the times, midnight, or be changed."""
        first = datetime.fromtimestamp(day * DAY_S, UTC).date()
        for local in (first - timedelta(days=1), first, first + timedelta(days=1)):
            for at in (time(), *self._times):
                for fold in (0, 1):
                    yield _up(datetime.combine(local, at, self._zone).replace(fold=fold))
        yield from _changes(self._zone, day * DAY_S, (day + 1) * DAY_S)

    def _bits(self, second: int) -> int:
        local = datetime.fromtimestamp(second, self._zone)
        return sum(1 << number for number, one in enumerate(self._conditions) if _holds(one, local))


def _time(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))


def _up(moment: datetime) -> int:
    """The second in which a moment is."""
    return int(moment.timestamp())


def _holds(one: Conditions, local: datetime) -> bool:
    today: date = local.date()
    if one.start_date is not None and today < one.start_date:
        return False
    if one.end_date is not None and today >= one.end_date:
        return False
    if one.days and _DAYS[local.weekday()] not in one.days:
        return False
    start = None if one.start_time is None else _time(one.start_time)
    end = None if one.end_time is None else _time(one.end_time)
    now = local.time()
    if start is not None and end is not None and end <= start:
        return now >= start or now < end
    return (start is None or now >= start) and (end is None or now < end)


def _changes(zone: ZoneInfo, begins: int, ends: int) -> Iterator[int]:
    """The seconds at which the zone's clocks change between these."""
    offsets = [_offset(zone, second) for second in range(begins, ends + 1, 3600)]
    for number, (before, after) in enumerate(pairwise(offsets)):
        if before != after:
            low, high = begins + number * 3600, begins + (number + 1) * 3600
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            yield high


def _offset(zone: ZoneInfo, second: int) -> timedelta | None:
    return datetime.fromtimestamp(second, zone).utcoffset()
