"""Tariffs, series and limits as they are kept, and what each says of a time. Pure.

Prices are exact decimals of the currency's main unit a kWh: `0.2871` EUR. No float is near them.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from forecourt.energy.model import MOST_A, MOST_W, Fault
from forecourt.platform.money import currencies
from forecourt.ui.i18n import mark

#: Seasons and holidays of one tariff.
MAX_SEASONS: Final = 12
MAX_HOLIDAYS: Final = 400
#: How much a price of a kWh or a charge of a kW may be, either way.
MAX_PRICE: Final = Decimal(1_000)
#: Behind the point.
MAX_PLACES: Final = 8
#: Entries of one season's day.
MAX_HOURS: Final = 24
#: A limit that begins later, or began so long ago, is a slip of the pen.
MAX_LIMIT_AHEAD: Final = timedelta(days=36_525)
#: A value of a series that begins beyond these is a slip of the pen, or has a date of another calendar.
SERIES_AHEAD: Final = timedelta(days=731)
SERIES_BACK: Final = timedelta(days=30 * 366)

SeriesKind = Literal["price", "co2"]


Zone = Annotated[
    str,
    Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", description="A bidding zone.", examples=["NL"]),
]


def spellings(zone: str) -> list[str]:
    """The ways in which one zone is spelt: `DE_LU` by ENTSO-E, `DE-LU` by most others."""
    return sorted({zone, zone.replace("_", "-"), zone.replace("-", "_")})


class Provenance(Struct, frozen=True, kw_only=True):
    """Where a signal is from, when it was fetched or said, and from when to when it holds."""

    source: str
    fetched_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


class DayRates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of a kind of day, each from its hour on, by the clock of the site."""

    hours: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=23)], ...], Meta(min_length=1, max_length=MAX_HOURS, examples=[[0, 6, 22]])
    ]
    prices: Annotated[
        tuple[Decimal, ...], Meta(min_length=1, max_length=MAX_HOURS, examples=[["0.19", "0.2871", "0.19"]])
    ]


class Season(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates from a day of the year on (`MM-DD`) until the next season begins; the last one goes on into the new year.
    `weekends` and `holidays` None: as weekdays, holidays as weekends."""

    begins: Annotated[str, Meta(pattern="^[0-9]{2}-[0-9]{2}$", examples=["01-01"])] = "01-01"
    weekdays: DayRates
    weekends: DayRates | None = None
    holidays: DayRates | None = None


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a site pays.

    Energy is priced by `seasons`, or where `price_zone` names a zone by its prices of the day ahead, times
    `factor` (taxes) plus `markup_per_kwh` (grid fees); the seasons then stand in where a price is missing. The demand
    charge is for a kW of the highest mean of `demand_minutes` in a month that begins on `billing_day`.
    """

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    seasons: Annotated[tuple[Season, ...], Meta(max_length=MAX_SEASONS)] = ()
    holidays: Annotated[tuple[date, ...], Meta(max_length=MAX_HOLIDAYS, description="Priced as holidays.")] = ()
    price_zone: Annotated[Zone | None, Meta(description="Whose prices of the day ahead are paid.")] = None
    factor: Annotated[Decimal, Meta(description="Times the price of the day ahead.", examples=["1.19"])] = Decimal(1)
    markup_per_kwh: Annotated[Decimal, Meta(description="Plus so much.", examples=["0.1123"])] = Decimal(0)
    feed_in_per_kwh: Annotated[Decimal, Meta(examples=["0.0811"])] = Decimal(0)
    demand_charge_per_kw: Annotated[Decimal, Meta(description="Each billing month.", examples=["9.80"])] = Decimal(0)
    demand_minutes: Annotated[Literal[5, 10, 15, 30, 60], Meta(description="Of whose mean the highest counts.")] = 15
    billing_day: Annotated[int, Meta(ge=1, le=28, description="On which the billing month begins.")] = 1
    co2_zone: Annotated[Zone | None, Meta(description="Whose CO2 intensity counts.")] = None

    def by_season(self, at: datetime, zone: str) -> Decimal | None:
        """The price of a kWh by the seasons at a time; None where there are none."""
        if not self.seasons:
            return None
        local = at.astimezone(ZoneInfo(zone))
        today = f"{local:%m-%d}"
        ordered = sorted(self.seasons, key=lambda season: season.begins)
        season = next((each for each in reversed(ordered) if each.begins <= today), ordered[-1])
        rates = season.weekdays
        if local.date() in self.holidays:
            rates = season.holidays or season.weekends or season.weekdays
        elif local.weekday() >= 5:
            rates = season.weekends or season.weekdays
        return rates.prices[max(number for number, hour in enumerate(rates.hours) if hour <= local.hour)]

    def of_market(self, price: Decimal) -> Decimal:
        """What is paid for a kWh that costs so much in the market."""
        return price * self.factor + self.markup_per_kwh

    def billing_month(self, at: datetime, zone: str) -> tuple[datetime, datetime]:
        """The billing month of a time, from midnight to midnight by the clock of the site."""
        local = at.astimezone(ZoneInfo(zone)).date()
        begins = local.replace(day=self.billing_day)
        if begins > local:
            begins = (begins.replace(day=1) - timedelta(days=1)).replace(day=self.billing_day)
        ends = (begins.replace(day=28) + timedelta(days=4)).replace(day=self.billing_day)
        return _midnight(begins, zone, at), _midnight(ends, zone, at)


class TariffRow(Struct, frozen=True, kw_only=True):
    """The tariff of a site as stored."""

    tariff: Tariff
    version: int
    changed_at: datetime
    changed_by: str

    @property
    def provenance(self) -> Provenance:
        return Provenance(source=self.changed_by, fetched_at=self.changed_at, valid_from=self.changed_at)


class Span(Struct, frozen=True, kw_only=True):
    """A value of a series that holds for some minutes: a price of a kWh, or grams of CO2 a kWh."""

    start_at: datetime
    minutes: int
    value: Decimal
    source: str
    fetched_at: datetime

    @property
    def end_at(self) -> datetime:
        return self.start_at + timedelta(minutes=self.minutes)


class NodeLimit(Struct, frozen=True, kw_only=True):
    """What is allowed of a node (None: the grid connection) from when to when. Without an end it holds until it is
    withdrawn."""

    limit_id: UUID
    number: int
    source: str
    external_id: str
    node: str | None
    limit_w: int | None
    limit_a: float | None
    starts_at: datetime
    ends_at: datetime | None
    said_at: datetime
    said_by: str
    withdrawn_at: datetime | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """The power that a load took or a plant gave at a time."""

    at: datetime
    power_w: int
    source: str = ""


def tariff_faults(tariff: Tariff) -> list[Fault]:
    """What is nonsense in a tariff."""
    found: list[Fault] = []
    if tariff.currency not in currencies():
        words = mark("currency is an ISO 4217 code that people pay with, such as EUR: %(currency)s is none")
        found.append(Fault(words=words, values={"currency": tariff.currency}))
    if not tariff.seasons and tariff.price_zone is None:
        found.append(Fault(words=mark("a price is needed: seasons, or a price_zone")))
    if len({season.begins for season in tariff.seasons}) < len(tariff.seasons):
        found.append(Fault(words=mark("two seasons begin on one day")))
    for number, season in enumerate(tariff.seasons, 1):
        found += _season_faults(number, season)
    prices: Mapping[str, Decimal] = {
        name: getattr(tariff, name) for name in ("factor", "markup_per_kwh", "feed_in_per_kwh", "demand_charge_per_kw")
    }
    found += [_bad_price(name) for name, price in prices.items() if not _is_price(price)]
    if any(_is_price(each) and each < 0 for each in (tariff.demand_charge_per_kw, tariff.factor)):
        found.append(Fault(words=mark("factor and demand_charge_per_kw are from 0")))
    return found


def _season_faults(number: int, season: Season) -> list[Fault]:
    found = []
    try:
        # A year that has every day.
        date.fromisoformat(f"2024-{season.begins}")
    except ValueError:
        words = mark("season %(number)s: begins is a day of the year such as 04-01")
        found.append(Fault(words=words, values={"number": number}))
    for name in ("weekdays", "weekends", "holidays"):
        rates = getattr(season, name)
        if rates is None:
            continue
        values = {"number": number, "days": name}
        hours = list(rates.hours)
        if not hours or hours[0] != 0 or hours != sorted(set(hours)) or hours[-1] > 23:
            words = mark("season %(number)s, %(days)s: hours begin with 0, rise and end before 24")
            found.append(Fault(words=words, values=values))
        if len(rates.prices) != len(hours):
            words = mark("season %(number)s, %(days)s: each hour needs a price")
            found.append(Fault(words=words, values=values))
        found += [_bad_price(f"season {number}, {name}") for price in rates.prices if not _is_price(price)][:1]
    return found


def _is_price(price: Decimal) -> bool:
    exponent = price.as_tuple().exponent
    return isinstance(exponent, int) and abs(price) <= MAX_PRICE and -exponent <= MAX_PLACES


def is_in_reach(starts_at: datetime, now: datetime) -> bool:
    """Whether a value of a series may begin then: within SERIES_BACK and SERIES_AHEAD."""
    return now - SERIES_BACK <= starts_at <= now + SERIES_AHEAD


def _bad_price(name: str) -> Fault:
    words = mark("%(field)s: a price is between -1000 and 1000 with 8 places behind the point at most")
    return Fault(words=words, values={"field": name})


def limit_faults(
    limit_w: int | None, limit_a: float | None, starts_at: datetime, ends_at: datetime | None, now: datetime
) -> list[Fault]:
    """What is nonsense in a limit."""
    found = []
    if limit_w is None and limit_a is None:
        found.append(Fault(words=mark("limit_w or limit_a is needed")))
    if limit_a is not None and not math.isfinite(limit_a):
        found.append(Fault(words=mark("limit_a is no number")))
    elif limit_a is not None and not 0 <= limit_a <= MOST_A:
        found.append(Fault(words=mark("limit_a is from 0 to %(most)s"), values={"most": MOST_A}))
    if limit_w is not None and not 0 <= limit_w <= MOST_W:
        found.append(Fault(words=mark("limit_w is from 0 to %(most)s"), values={"most": MOST_W}))
    if starts_at - now > MAX_LIMIT_AHEAD:
        found.append(Fault(words=mark("it begins more than a hundred years ahead")))
    if now - starts_at > MAX_LIMIT_AHEAD:
        found.append(Fault(words=mark("it began more than a hundred years ago")))
    if ends_at is not None and ends_at <= starts_at:
        found.append(Fault(words=mark("it must end after it begins")))
    elif ends_at is not None and ends_at <= now:
        words = mark("it is over already, since %(at)s: say an end that is to come; a limit that holds is withdrawn")
        found.append(Fault(words=words, values={"at": ends_at.isoformat()}))
    return found


def mean_over(spans: Sequence[Span], start: datetime, end: datetime) -> Decimal | None:
    """The mean of a series from a time to another, weighed by how long each value holds; None if any part is missing.
    `spans` are in order and don't overlap."""
    covered, total = timedelta(), Decimal(0)
    for span in spans:
        shared = min(end, span.end_at) - max(start, span.start_at)
        if shared > timedelta():
            covered += shared
            total += span.value * (shared // timedelta(seconds=1))
    if covered < end - start:
        return None
    return total / Decimal((end - start) // timedelta(seconds=1))


def without_overlaps(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, each ending where the next begins at the latest: a finer series may have followed a coarser."""
    ordered = sorted(spans, key=lambda span: span.start_at)
    kept = []
    for number, span in enumerate(ordered):
        following = ordered[number + 1].start_at if number + 1 < len(ordered) else None
        minutes = span.minutes
        if following is not None and following < span.end_at:
            minutes = int((following - span.start_at) / timedelta(minutes=1))
        if minutes > 0:
            kept.append(
                Span(start_at=span.start_at, minutes=minutes, value=span.value, source=span.source,
                     fetched_at=span.fetched_at)
            )  # fmt: skip
    return kept


def _midnight(day: date, zone: str, like: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(like.tzinfo)
