"""What is divided, and divided last: shares of time, means, quantiles, from whole numbers."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

HOUR_S: Final = 3_600
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


def share(part: int, whole: int) -> Fraction | None:
    """How much of a whole; None where there was none."""
    return Fraction(part, whole) if whole else None


def utilisation(busy_s: int, evses: int, seconds: int) -> Fraction | None:
    """The share of time for which plugs were taken."""
    return share(busy_s, evses * seconds)


def energy_utilisation(energy_wh: int, power_w: int, seconds: int) -> Fraction | None:
    """The share of the energy that could have been given."""
    return share(energy_wh * HOUR_S, power_w * seconds)


def hours_of_week(zone: str, since: datetime, until: datetime) -> dict[tuple[int, int], int]:
    """How many seconds of a time are of each hour of the week by a zone's clock, (0, 0) being Monday's first; of a
    night when clocks change, what it had."""
    clock, counts = ZoneInfo(zone), dict[tuple[int, int], int]()
    at = since.astimezone(UTC)
    while at < until:
        local = at.astimezone(clock)
        tomorrow = (local + _DAY).astimezone(UTC)
        if local.time() == time.min and tomorrow - at == _DAY and tomorrow <= until:
            for hour in range(_DAY // _HOUR):
                counts[local.weekday(), hour] = counts.get((local.weekday(), hour), 0) + HOUR_S
            at = tomorrow
            continue
        left = HOUR_S - local.minute * 60 - local.second
        ends = min(at + timedelta(seconds=left), until)
        slot = (local.weekday(), local.hour)
        counts[slot] = counts.get(slot, 0) + (ends - at) // timedelta(seconds=1)
        at = ends
    return counts


def days(since: date, until: date) -> int:
    """From one day until before another."""
    return (until - since).days


def at_place(counts: Mapping[int, int], place: int) -> tuple[int, int]:
    """What stands at a place of values in order, of which it is told how often each was, and at which place among its
    equals; places count from 0."""
    for value in sorted(counts):
        if place < counts[value]:
            return value, place
        place -= counts[value]
    raise IndexError(place)


def middles(total: int) -> tuple[int, int]:
    """The two places whose mean is the median of so many values, one and the same of an odd number."""
    return (total - 1) // 2, total // 2


def checksum(rows: Iterable[Iterable[object]]) -> str:
    """A digest of an answer whatever the order of its rows and the engine that gave it."""
    import hashlib

    lines = sorted("|".join("" if value is None else _plain(value) for value in row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    return value.isoformat()[:10] if isinstance(value, date) else str(value)
