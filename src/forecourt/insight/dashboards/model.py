"""What is asked, and the form of every answer. Pure.

Cells of tables are whole numbers (Wh, seconds, minor units, counts), texts, days and times; shares are exact fractions
until they are written down.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final

from msgspec import Struct

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
    POWER = "W"
    #: Minor units of the column's currency, else of the one that stands in the row's `currency`.
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
    """`name` in files and in the API; `label` is marked. `currency` of money that is all of one; None: it stands in the
    row. `quiet`: a page leaves it out where all of it is nothing. `detail`: it stands in files and in the API alone."""

    name: str
    label: str
    unit: Unit
    currency: str | None = None
    quiet: bool = False
    detail: bool = False


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


class Note(Struct, frozen=True, kw_only=True):
    """What must be known to read an answer. `text` is marked and takes `values`, and as `names` what is concerned, of
    which an empty one is without a site; `href`: where something can be done about it, `link` says what, marked."""

    text: str
    names: tuple[str, ...] = ()
    values: Mapping[str, str | date] = {}
    href: str = ""
    link: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """Figures and tables of a family. `days`, `days_before`: the first and the last that it tells of and compares with,
    where these are others than were asked for. `too_few`: nothing is told, for it would be of too few. `known_at`:
    since when anything is known of what it tells of; None: of nothing."""

    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    days: tuple[date, date] | None = None
    days_before: tuple[date, date] | None = None
    too_few: bool = False
    known_at: datetime | None = None
    notes: tuple[Note, ...] = ()

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


class Group(Struct, frozen=True, kw_only=True):
    """A site that others are part of, with the slugs of all of them and its own."""

    slug: str
    name: str
    sites: tuple[str, ...]


class Asked(Struct, frozen=True, kw_only=True):
    """Of which time and place something is asked. `zone`: by whose clock its days are. `allowed`: the sites that who
    asks is limited to, None for no limit. `evse` is of `station`. `co2`: sites with the zone whose intensity counts.
    `group`: the sites that are meant where `site` is one that others are part of; `groups`: those that are told apart.
    `connector_type`, `tariff`, `paid_by`, `driver_group`: sessions with these alone. `own`: tariffs that some drivers
    have to themselves."""

    span: Span
    zone: str
    site: str | None = None
    station: str | None = None
    evse: str | None = None
    allowed: tuple[str, ...] | None = None
    co2: tuple[tuple[str, str], ...] = ()
    group: tuple[str, ...] | None = None
    groups: tuple[Group, ...] = ()
    connector_type: str | None = None
    tariff: str | None = None
    paid_by: str | None = None
    driver_group: str | None = None
    own: tuple[str, ...] = ()

    @property
    def traits(self) -> dict[str, str]:
        """What sessions must have, by column."""
        said = {
            "connector_type": self.connector_type, "tariff": self.tariff, "paid_by": self.paid_by,
            "driver_group": self.driver_group,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    @property
    def whole(self) -> bool:
        """Whether all that the lake holds is meant."""
        return self.site is None and self.station is None and self.allowed is None and not self.traits

    def is_at(self, slug: str) -> bool:
        """Whether a site is meant, whoever asks."""
        return self.site is None or slug in (self.group or (self.site,))

    @property
    def sites(self) -> tuple[str, ...] | None:
        """Sites of which something may be told; None: all."""
        if self.site is None:
            return self.allowed
        meant = self.group or (self.site,)
        return meant if self.allowed is None else tuple(site for site in meant if site in self.allowed)


class PlaceUnknown(ForecourtError):
    """The lake knows no such site, station or EVSE. It learns of new ones with the next export."""

    status = 404
    code = "place-unknown"


class GroupUnknown(ForecourtError):
    """There is no such group of drivers in these days, or in one of their months, with the two before it, fewer than
    five of them came; who may see some sites alone is told of none. Ask for fewer months, or see the table of groups
    for those that are told of."""

    status = 404
    code = "group-unknown"


class TraitOfFew(ForecourtError):
    """This tariff or way to pay is of certain drivers, of whom in one of the months of these days, with the two before
    it, fewer than five came by it, or stands with such a one, so that nobody is found by what is left: nothing is told
    of it by its name. Leave it out, or ask for other days."""

    status = 404
    code = "trait-of-few"


class TraitRefused(ForecourtError):
    """Only use and success are told by kind of connector, tariff, way to pay and group of drivers: leave these out."""

    status = 422
    code = "trait-refused"


def table(key: str, title: str, columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> Table:
    """A table of at most MAX_ROWS."""
    left = max(0, len(rows) - MAX_ROWS)
    return Table(key=key, title=title, columns=tuple(columns), rows=rows[:MAX_ROWS], left_out=left)
