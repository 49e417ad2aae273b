"""Partitions: a file holds a day while its month is young and a month once that is past, so that a day's change writes
little and years are few files."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

#: How long after its end a month's days keep files of their own: what comes late comes mostly by then.
OPEN_FOR: Final = timedelta(days=7)


def partition_of(day: date, today: date) -> str:
    """The partition that a day is in: `2025-06-17` or `2025-06`."""
    return day.isoformat() if today < _after(day) + OPEN_FOR else f"{day:%Y-%m}"


def partitions_of(days: Iterable[date], today: date) -> list[str]:
    """Those of several days, in order."""
    return sorted({partition_of(day, today) for day in days})


def bounds(partition: str) -> tuple[datetime, datetime]:
    """From when until when a partition is, in UTC."""
    if len(partition) == len("2025-06"):
        first = date.fromisoformat(f"{partition}-01")
        return _midnight(first), _midnight(_after(first))
    day = date.fromisoformat(partition)
    return _midnight(day), _midnight(day + timedelta(days=1))


def holds(partition: str, day: date) -> bool:
    """Whether a day is in a partition."""
    return day.isoformat().startswith(partition)


def outgrown(partitions: Iterable[str], today: date) -> list[str]:
    """Days of months that are past by now: their months are to be written in one."""
    return [each for each in partitions if partition_of(bounds(each)[0].date(), today) != each]


def between(start: datetime, end: datetime) -> list[date]:
    """The days from one time to another, both included."""
    count = (end.date() - start.date()).days
    return [start.date() + timedelta(days=n) for n in range(count + 1)]


def _after(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
