"""A forecast as it is kept, and what its backtest told: of a site or of the network, one target.

Hours are those of the series' own clock, counted from the beginning of a day; `hours_of` tells when that was.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.forecast.recipe import Ahead, BandRecipe
from forecourt.insight.forecast.report import OfSeries, Split
from forecourt.insight.forecast.series import Target
from forecourt.platform.errors import ForecourtError

#: What is forecast, in the order in which it is shown.
TARGETS: Final[tuple[Target, ...]] = ("energy", "occupancy", "arrivals")
#: What the network as a whole is called where sites have names.
NETWORK_SITE: Final = ""
#: Hours of the past that are kept beside a forecast.
RECENT_H: Final = 14 * 24
#: A forecast that begins before yesterday is none any more.
FRESH_FOR: Final = timedelta(days=2)


class ForecastUnknown(ForecourtError):
    """There is no forecast of that. It is made in the night after the lake is written, of two weeks of history or
    more; the list of forecasts says what there is, and why a site has none."""

    status = 404
    code = "forecast-unknown"


class Judged(Struct, frozen=True, kw_only=True):
    """What the backtest found by which a series is forecast: its figures, how the past was parted for it, whether trees
    were tried, and whether it was a quick one, which the next night makes anew."""

    figures: OfSeries
    split: Split
    trees: bool
    quick: bool = False


class Choice(Struct, frozen=True, kw_only=True):
    """By what a series is forecast since `chosen_on`, or the `reason` why it isn't; None: no backtest was made.
    `recent`: what came in the hours before the day `seen_on`, the oldest first."""

    site: str
    target: Target
    name: str | None
    zone: str
    seen_on: date
    chosen_on: date | None
    reason: str | None
    recipe: list[BandRecipe] | None
    judged: Judged | None
    recent: list[float | None]


class Forecast(Struct, frozen=True, kw_only=True):
    """The hours from a day on. Values are in kWh, plugs taken on average, or cars that come, by the target."""

    site: str
    target: Target
    begins_on: date
    zone: str
    ahead: Ahead


class Hour(Struct, frozen=True, kw_only=True):
    """One hour from `at` on (UTC): what is expected, and the 10, 50 and 90 % bounds."""

    at: datetime
    expected: float
    low: float
    middle: float
    high: float


def beginnings(day: date, zone: str, count: int) -> list[datetime | None]:
    """When each of so many hours of a clock begins, in UTC, from the beginning of a day on; None for an hour that the
    clock leaves out."""
    clock, first = ZoneInfo(zone), datetime.combine(day, time())
    found: list[datetime | None] = []
    for number in range(count):
        local = (first + timedelta(hours=number)).replace(tzinfo=clock)
        at = local.astimezone(UTC)
        found.append(at if at.astimezone(clock).replace(tzinfo=None) == local.replace(tzinfo=None) else None)
    return found


def hours_of(forecast: Forecast) -> list[Hour]:
    """All hours of a forecast, in order. An hour that the clock leaves out is left out; one that it has twice is told
    twice."""
    ahead, found = forecast.ahead, []
    for number, at in enumerate(beginnings(forecast.begins_on, forecast.zone, len(ahead.expected))):
        for moment in _both(at, forecast.zone):
            found.append(
                Hour(
                    at=moment,
                    expected=ahead.expected[number],
                    low=ahead.low[number],
                    middle=ahead.middle[number],
                    high=ahead.high[number],
                )
            )
    return found


def _both(at: datetime | None, zone: str) -> Iterator[datetime]:
    """An hour, and the one after it where the clock shows the same again."""
    if at is None:
        return
    yield at
    clock, again = ZoneInfo(zone), at + timedelta(hours=1)
    if at.astimezone(clock).replace(tzinfo=None, fold=0) == again.astimezone(clock).replace(tzinfo=None, fold=0):
        yield again


def is_fresh(forecast: Forecast, now: datetime) -> bool:
    """Whether it still tells something of what comes now."""
    today = now.astimezone(ZoneInfo(forecast.zone)).date()
    return today - forecast.begins_on < FRESH_FOR


class HeldHour(Struct, frozen=True, kw_only=True):
    """What came in an hour, beside what had been forecast of it."""

    came: float
    expected: float
    low: float
    high: float


def held(forecasts: Sequence[Forecast], recent: Sequence[float | None], seen_on: date) -> list[HeldHour]:
    """Hours of the first day of each of several forecasts of which it is known what came. `recent` are the hours before
    `seen_on`, by the site's clock as those of forecasts."""
    found = []
    for forecast in forecasts:
        first = len(recent) - (seen_on - forecast.begins_on).days * 24
        for number in range(min(24, len(forecast.ahead.expected))):
            came = recent[first + number] if 0 <= first + number < len(recent) else None
            if came is not None:
                ahead = forecast.ahead
                found.append(
                    HeldHour(came=came, expected=ahead.expected[number], low=ahead.low[number], high=ahead.high[number])
                )
    return found
