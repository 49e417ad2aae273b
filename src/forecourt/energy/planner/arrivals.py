"""Cars that may come: past days of the same kind, each a scenario of the rest of today and of tomorrow.

A day is one of the two kinds that sites tell apart, weekday and weekend. A past day stands for the day ahead as it was:
who came then after this time of day, for how long and for how much energy.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Cars


class Visit(Struct, frozen=True, kw_only=True):
    """A car of a past day: the day by the site's clock, when it came and left in hours of that day, what it took."""

    day: date
    came_h: float
    left_h: float
    need_kwh: float
    max_a: float
    kw_per_a: float


def kind_of(day: date) -> str:
    """Weekday or weekend."""
    return "weekend" if day.weekday() >= 5 else "weekday"


def days_like(day: date, known: Sequence[date], most: int) -> list[date]:
    """The latest of the known days before a day that are of its kind, newest first."""
    return sorted((each for each in known if each < day and kind_of(each) == kind_of(day)), reverse=True)[:most]
