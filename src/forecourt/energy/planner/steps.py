"""The steps of a plan: fine for what is decided now, coarse for what will be decided again, and in which of them a car
is there."""

import math
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.rows import Floats, Ints

#: How long a step is, in minutes, and until how many minutes ahead; each ends where a clock shows a multiple of it.
LENGTHS: Final = ((1, 5), (5, 60), (15, 360), (60, 7 * 24 * 60))
#: A step is at least so long; what would be shorter belongs to the next one.
LEAST_MIN: Final = 0.5
MINUTES_PER_HOUR: Final = 60.0
#: Who is there for less of a step than this share counts as there for so much: nothing is divided by nothing.
LEAST_SHARE: Final = 1e-3
#: How far ahead a plan may look.
MAX_AHEAD: Final = timedelta(days=7)


class Steps(Struct, frozen=True, kw_only=True):
    """When each step begins, in hours since 1970 (UTC), and how many hours it lasts."""

    starts: Floats
    hours: Floats

    def __len__(self) -> int:
        return len(self.starts)


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


def stays_in(ends: Floats, comes_h: Floats, leaves_h: Floats) -> tuple[Ints, Ints, Floats]:
    """Of each stay, its times in hours from now on: its first step, the step after its last one, and the share of the
    last one for which it is there, above 0 and at most 1. `ends`: when the steps end, in hours from now on.

    Who comes within a step is there from the next one on; who leaves within one is there for its part of it, if that is
    LEAST_MIN long. Where that leaves one step, all of the stay counts as a part of it. The step of now is there for all
    of whoever is: what is told now holds for it.
    """
    begins = np.concatenate([[0.0], ends[:-1]])
    last = np.searchsorted(begins, leaves_h - LEAST_MIN / MINUTES_PER_HOUR + 1e-9, side="right").clip(1, len(ends))
    first = np.minimum(np.searchsorted(begins, comes_h - 1e-9), last - 1)
    there_h = leaves_h - np.where(last - first == 1, comes_h, begins[last - 1])
    share = np.clip(there_h / (ends - begins)[last - 1], LEAST_SHARE, 1.0)
    share = np.where((last == 1) | (share > 1 - 1e-9), 1.0, share)
    return first.astype(np.int64), last.astype(np.int64), share


def _hours(at: datetime) -> float:
    return at.timestamp() / 3600
