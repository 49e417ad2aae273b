"""What is asked, and the form of every answer. Pure.

Cells of tables are whole numbers (Wh, seconds, minor units, counts), texts, days and times; shares are exact fractions
until they are written down.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final

from msgspec import Struct, structs

from forecourt.platform.errors import ForecourtError

#: Rows of one table that are answered; the rest is told to be missing.
MAX_ROWS: Final = 5_000
#: Days whose bars stand side by side; of more, weeks do.
MAX_DAY_BARS: Final = 62

#: How a site is asked for that is none: stations without a site.
NO_SITE: Final = "-"

Cell = str | int | Fraction | date | datetime | None


class Unit(StrEnum):
    """What a cell is; how it is written follows from it."""

    TEXT = "text"
    COUNT = "count"
    SECONDS = "s"
    ENERGY = "Wh"
    #: Minor units of the currency that stands in the row's `currency`.
    MONEY = "minor units"
    #: Grams.
    MASS = "g"
    #: Of a whole, from 0 to 1.
    SHARE = "share"
    #: So many at once on the mean.
    MEAN = "mean"
    DAY = "day"
    TIME = "time"


class Family(StrEnum):
    """What is answered together: a page, an operation of the API, a part of a report."""

    USE = "use"
    SUCCESS = "success"
    AVAILABILITY = "availability"
    DRIVERS = "drivers"
    PROFIT = "profit"


class Compare(StrEnum):
    """With which other days the days that are asked for are compared."""

    BEFORE = "before"
    #: The same days of the week, 52 weeks before.
    YEAR = "year"
    NOTHING = "nothing"


class Column(Struct, frozen=True, kw_only=True):
    """`name` in files and in the API; `label` is marked."""

    name: str
    label: str
    unit: Unit


class Table(Struct, frozen=True, kw_only=True):
    """An answer of rows. `left_out`: how many more there were than MAX_ROWS."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    left_out: int = 0

    def at(self, name: str) -> int:
        """The place of a column."""
        return next(place for place, column in enumerate(self.columns) if column.name == name)

    def cells(self, name: str) -> list[Cell]:
        """One column."""
        place = self.at(name)
        return [row[place] for row in self.rows]


class Figure(Struct, frozen=True, kw_only=True):
    """One number. `more_is`: what more of it means, 1 good, -1 bad, 0 neither. `before`: of the days compared with."""

    key: str
    label: str
    unit: Unit
    value: int | Fraction | None
    currency: str | None = None
    before: int | Fraction | None = None
    more_is: int = 0

    @property
    def change(self) -> Fraction | None:
        """By what part of what it was it changed; of a share, by how many hundredths of the whole as such a part."""
        if self.value is None or self.before is None:
            return None
        if self.unit == Unit.SHARE:
            return Fraction(self.value) - Fraction(self.before)
        return None if not self.before else Fraction(self.value - self.before) / abs(Fraction(self.before))


class Answer(Struct, frozen=True, kw_only=True):
    """Figures and tables of a family."""

    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]

    def table(self, key: str) -> Table | None:
        """One of them."""
        return next((table for table in self.tables if table.key == key), None)


class Span(Struct, frozen=True, kw_only=True):
    """From a time until before another, in UTC."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> int:
        """Its length; never less than 0."""
        return max(0, (self.until - self.since) // timedelta(seconds=1))


class Asked(Struct, frozen=True, kw_only=True):
    """Of which time and place something is asked. `zone`: by whose clock its days are. `allowed`: the sites that who
    asks is limited to, None for no limit. `evse` is of `station`. `co2`: sites with the zone whose intensity counts."""

    span: Span
    zone: str
    site: str | None = None
    station: str | None = None
    evse: str | None = None
    allowed: tuple[str, ...] | None = None
    co2: tuple[tuple[str, str], ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all that the lake holds is meant."""
        return self.site is None and self.station is None and self.allowed is None

    @property
    def sites(self) -> tuple[str, ...] | None:
        """Sites of which something may be told; None: all."""
        if self.site is None:
            return self.allowed
        return (self.site,) if self.allowed is None or self.site in self.allowed else ()


class PlaceUnknown(ForecourtError):
    """The lake knows no such site, station or EVSE. It learns of new ones with the next export."""

    status = 404
    code = "place-unknown"


def table(key: str, title: str, columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> Table:
    """A table of at most MAX_ROWS."""
    left = max(0, len(rows) - MAX_ROWS)
    return Table(key=key, title=title, columns=tuple(columns), rows=rows[:MAX_ROWS], left_out=left)


def compared(now: Answer, before: Answer | None) -> Answer:
    """Figures beside what they were."""
    if before is None:
        return now
    were = {(figure.key, figure.currency): figure.value for figure in before.figures}
    figures = [structs.replace(each, before=were.get((each.key, each.currency))) for each in now.figures]
    return Answer(figures=tuple(figures), tables=now.tables)
