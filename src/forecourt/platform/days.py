"""Days and months of a calendar, and when they begin by a clock."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def midnight(day: date, clock: ZoneInfo) -> datetime:
    """When a day begins by a clock, in UTC: the difference of two of them would else leave out the hour by which clocks
    are set."""
    return datetime.combine(day, time(), clock).astimezone(UTC)


def is_midnight(at: datetime, clock: ZoneInfo) -> bool:
    """Whether a day begins then by a clock; where it begins an hour late, as one may that clocks are set on, too."""
    return midnight(at.astimezone(clock).date(), clock) == at


def month_of(day: date, more: int = 0) -> date:
    """The first day of a day's month, or of the month so many later."""
    number = day.year * 12 + day.month - 1 + more
    return date(number // 12, number % 12 + 1, 1)


def months_between(first: date, end: date) -> int:
    """How many months it is from the one of a day to that of another."""
    return (end.year - first.year) * 12 + end.month - first.month
