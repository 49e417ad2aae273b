"""Years of drivers: what each did in twelve months, in one row.

To tell half a million drivers apart in twelve rows each takes longer than all else that is asked of a lake. The years
that pages offer are counted of their months when one of these changed; any others are asked of months.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from forecourt.insight.lake.layout import File
from forecourt.insight.lake.parts import bounds

MONTHS: Final = 12
#: The years that are kept: how many months ago they ended. The last, and the one that it is compared with.
KEPT: Final = (13, 1)
#: Clocks of sites are so far from UTC, by which files are parted.
_CLOCKS: Final = timedelta(days=1)


def ends(today: date) -> list[date]:
    """The first days of the months that years which are kept end with, oldest first."""
    return [back(today, number) for number in KEPT]


def back(day: date, months: int) -> date:
    """The first day of the month so many before that of a day."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def sources(files: Iterable[File], month: date) -> list[File]:
    """Those of some files that may hold something of the months until the end of this one, in order."""
    end = back(month, -1) + _CLOCKS
    return sorted((file for file in files if bounds(file.partition)[0].date() < end), key=lambda file: file.partition)


def has_any(near: Iterable[File], month: date) -> bool:
    """Whether any of these may hold something of the year that ends with this month."""
    first = back(month, MONTHS - 1) - _CLOCKS
    return any(bounds(file.partition)[1].date() > first for file in near)
