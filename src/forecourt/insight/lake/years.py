"""Years of drivers: what each did in twelve months, in one row, for each month that such a year ends with.

A year is what is asked of drivers most, and to tell half a million of them apart in twelve rows each takes longer than
all else. A year is counted of its months when one of these changed.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from forecourt.insight.lake.layout import File
from forecourt.insight.lake.parts import bounds

MONTHS: Final = 12
#: So many years are kept, the latest: any that ends in the last two years. Older ones are asked of their months.
KEPT: Final = 24
#: Clocks of sites are so far from UTC, by which files are parted.
_CLOCKS: Final = timedelta(days=1)


def ends(today: date) -> list[date]:
    """The first days of the months that years which are kept end with: of months that are over, oldest first."""
    return [back(today, number) for number in range(KEPT, 0, -1)]


def back(day: date, months: int) -> date:
    """The first day of the month so many before that of a day."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def sources(files: Iterable[File], month: date) -> list[File]:
    """Those of some files that may hold something of the year that ends with this month, in order."""
    first, end = back(month, MONTHS - 1) - _CLOCKS, back(month, -1) + _CLOCKS
    near = []
    for file in files:
        since, until = bounds(file.partition)
        if since.date() < end and until.date() > first:
            near.append(file)
    return sorted(near, key=lambda file: file.partition)
