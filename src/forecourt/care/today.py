"""A day beside the days like it: which hours are compared, and when there is enough to compare with. Pure rules."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.care.model import median

#: A usual day is made from the same weekday of so many weeks, and there must be at least so many.
USUAL_WEEKS: Final = 8
LEAST_USUAL_DAYS: Final = 3


class Window(Struct, frozen=True, kw_only=True):
    """Part of a day, from its beginning: `start` included, `end` not. UTC."""

    start: datetime
    end: datetime


class DaySoFar(Struct, frozen=True, kw_only=True):
    """What was charged in a window: sessions that began in it, and the energy that flowed in it, in Wh."""

    sessions: int
    energy_wh: int


class Usual(Struct, frozen=True, kw_only=True):
    """Medians of the days that are known, and how many those are."""

    days: int
    sessions: int
    energy_wh: int

    @property
    def enough(self) -> bool:
        return self.days >= LEAST_USUAL_DAYS


def day_window(now: datetime, zone: str, weeks_back: int = 0, *, whole: bool = False) -> Window:
    """The day of `now` in that zone, up to its time of day, or the same weekday some weeks before; `whole` to its end.

    Midnight and the time of day are the wall clock's, so a change to summer time moves nothing.
    """
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(weeks=weeks_back)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(days=1) if whole else local
    utc = ZoneInfo("UTC")
    return Window(
        start=midnight.replace(tzinfo=ZoneInfo(zone)).astimezone(utc),
        end=until.replace(tzinfo=ZoneInfo(zone)).astimezone(utc),
    )


def usual_windows(now: datetime, zone: str, since: datetime | None, *, whole: bool = False) -> list[Window]:
    """The windows to compare with, the latest first; none of a day that began before anything was known."""
    if since is None:
        return []
    windows = [day_window(now, zone, weeks, whole=whole) for weeks in range(1, USUAL_WEEKS + 1)]
    first_day = day_window(since, zone).start
    return [window for window in windows if window.start >= first_day]


def usual(days: Sequence[DaySoFar]) -> Usual:
    """What such a day is like by now. A day without a session counts as well."""
    if not days:
        return Usual(days=0, sessions=0, energy_wh=0)
    return Usual(
        days=len(days),
        sessions=median([day.sessions for day in days]),
        energy_wh=median([day.energy_wh for day in days]),
    )


def difference_pct(now: int, before: int) -> int | None:
    """How much more, in whole percent; negative: less. None where there is nothing to compare with."""
    return None if before <= 0 else (200 * (now - before) + before) // (2 * before)
