"""The steps of a plan: fine for what is decided now, coarse for what will be decided again."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.rows import Floats

#: How long a step is, in minutes, and until how many minutes ahead; each ends where a clock shows a multiple of it.
LENGTHS: Final = ((1, 5), (5, 60), (15, 360), (60, 7 * 24 * 60))
#: A step is at least so long; what would be shorter belongs to the next one.
LEAST_MIN: Final = 0.5
MINUTES_PER_HOUR: Final = 60.0
#: How far ahead a plan may look.
MAX_AHEAD: Final = timedelta(days=7)


class Steps(Struct, frozen=True, kw_only=True):
    """When each step begins, in hours since 1970 (UTC), and how many hours it lasts."""

    starts: Floats
    hours: Floats

    def __len__(self) -> int:
        return len(self.starts)

    def first(self, at: datetime) -> int:
        """The first step that lies wholly at or after this time: from it on is there who comes then."""
        return int(np.searchsorted(self.starts, _hours(at) - 1e-9))

    def last(self, at: datetime) -> int:
        """The step after the last one that lies wholly before this time, and that is 1 at least."""
        return max(1, int(np.searchsorted(self.starts + self.hours, _hours(at) + 1e-9, side="right")))

    def begins(self) -> list[datetime]:
        """When each step begins."""
        return [datetime.fromtimestamp(round(float(hours) * 3600), UTC) for hours in self.starts]


def steps_of(now: datetime, ahead: timedelta) -> Steps:
    """The steps from now until at least so far ahead. A day has about 60."""
    begin = _hours(now) * MINUTES_PER_HOUR
    end = begin + min(ahead, MAX_AHEAD).total_seconds() / 60
    at, starts, ends = begin, [], []
    while at < end - 1e-6:
        length = next(length for length, until in LENGTHS if at - begin < until - 1e-6 or until == LENGTHS[-1][1])
        to = (math.floor(at / length + 1e-9) + 1) * length
        if to - at < LEAST_MIN:
            to += length
        starts.append(at)
        ends.append(float(to))
        at = float(to)
    found = np.array(starts) / MINUTES_PER_HOUR
    return Steps(starts=found, hours=np.array(ends) / MINUTES_PER_HOUR - found)


def _hours(at: datetime) -> float:
    return at.timestamp() / 3600
