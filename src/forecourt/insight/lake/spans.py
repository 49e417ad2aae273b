"""Spans of drivers: what each did in several months, in one row.

To tell half a million drivers apart in a row for each month takes longer than all else that is asked of a lake. The
spans that pages offer are counted of months when one of these changed; any others are asked of months.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from forecourt.insight.lake.layout import File
from forecourt.insight.lake.parts import bounds
from forecourt.platform.days import month_of

YEAR: Final = 12
HALF: Final = 6
#: The spans that are kept: how many months, and how many months ago they ended. The last month, half-year and year,
#: and what each is compared with: the one before, and of the month the same a year before.
KEPT: Final = ((1, 13), (1, 2), (1, 1), (HALF, HALF + 1), (HALF, 1), (YEAR, YEAR + 1), (YEAR, 1))
#: Clocks of sites are so far from UTC, by which files are parted.
_CLOCKS: Final = timedelta(days=1)


def kept(today: date) -> list[tuple[int, date]]:
    """Spans that are kept: how many months, and the first day of the last of these."""
    return [(months, month_of(today, -ago)) for months, ago in KEPT]


def sources(files: Iterable[File], month: date) -> list[File]:
    """Those of some files that may hold something of the months until the end of this one, in order."""
    end = month_of(month, 1) + _CLOCKS
    return sorted((file for file in files if bounds(file.partition)[0].date() < end), key=lambda file: file.partition)


def inside(near: Iterable[File], months: int, month: date) -> list[File]:
    """Those of these that may hold something of so many months, the last of which is this one."""
    first = month_of(month, 1 - months) - _CLOCKS
    return [file for file in near if bounds(file.partition)[1].date() > first]
