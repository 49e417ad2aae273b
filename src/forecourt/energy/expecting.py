"""Who is expected at a site by somebody who knows more of its past than its visits here: declared by this room, wired
by the application. What a forecast says becomes cars that a plan can count on. Pure, but for asking.

It is asked where a site's own visits are too few to tell anything, as they are while it is new here and its history was
brought along. A site's own days say more: who came, for how long and for what, all of the same day.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.energy.model import Electrics, Evse

#: Cars of one forecast.
MAX_CARS: Final = 5_000
#: How long a car stays at the least and at the most, whatever the sums of a forecast come to.
LEAST_STAY: Final = timedelta(minutes=15)
MOST_STAY: Final = timedelta(hours=12)
_HOUR: Final = timedelta(hours=1)


class HourForecast(Struct, frozen=True, kw_only=True):
    """What is expected of the hour from `at` on: cars that come, plugs that are taken on average, and what flows."""

    at: datetime
    cars: float
    plugs: float
    energy_kwh: float


class SiteForecast(Struct, frozen=True, kw_only=True):
    """Hours ahead of a site, in order. Whoever forecasts them says OLD_FORECAST where they don't count any more."""

    hours: Sequence[HourForecast]


class Foreseen(StrEnum):
    """By what a plan knows who may come, or why it counts on nobody."""

    #: Past days of the site.
    OWN_DAYS = "own-days"
    #: Its own days are too few, and a forecast stands in.
    FORECAST = "forecast"
    #: Its own days are too few, and there is no forecast.
    NO_FORECAST = "no-forecast"
    #: The same, and the one there is is over.
    OLD_FORECAST = "old-forecast"


class Forecaster(Protocol):
    """What others forecast of a site, by its slug; a reason of Foreseen where that is nothing that still counts. Reads
    over the connection that it is given, a transaction as the organisation."""

    async def __call__(
        self, conn: AsyncConnection[Any], tenant_id: int, site: str, now: datetime, /
    ) -> SiteForecast | Foreseen: ...


async def no_forecasts(
    conn: AsyncConnection[Any], tenant_id: int, site: str, now: datetime, /
) -> SiteForecast | Foreseen:
    """Where nobody forecasts anything."""
    return Foreseen.NO_FORECAST


class Guest(Struct, frozen=True, kw_only=True):
    """A car of a forecast: when it comes and leaves, what it takes, and where by the number of the EVSE."""

    comes_at: datetime
    leaves_at: datetime
    need_kwh: float
    evse: int


def guests(forecast: SiteForecast, electrics: Electrics, now: datetime, until: datetime) -> list[Guest]:
    """The cars that a forecast comes to from the next hour on. Each comes when as many are forecast to have come, stays
    as long as the plugs that are taken let one think (Little's law: cars there are cars an hour times their stay), and
    takes its share of the energy, as far as its EVSE gives that. Who stays beyond `until` takes as much less."""
    cars = sum(hour.cars for hour in forecast.hours)
    if cars <= 0 or not electrics.evses:
        return []
    stay = timedelta(hours=sum(hour.plugs for hour in forecast.hours) / cars)
    stay = min(max(stay, LEAST_STAY), MOST_STAY)
    need_kwh = sum(hour.energy_kwh for hour in forecast.hours) / cars
    found: list[Guest] = []
    owed = 0.5
    for hour in forecast.hours:
        if not now <= hour.at < until:
            continue
        owed += hour.cars
        number = min(int(owed), MAX_CARS - len(found))
        for each in range(number):
            comes_at = hour.at + _HOUR * ((each + 0.5) / number)
            evse = int((len(found) * 0.6180339887) % 1.0 * len(electrics.evses))
            most_kwh = _kw(electrics, electrics.evses[evse]) * (stay / _HOUR)
            leaves_at = min(comes_at + stay, until)
            share = (leaves_at - comes_at) / stay
            found.append(
                Guest(comes_at=comes_at, leaves_at=leaves_at, need_kwh=min(need_kwh, most_kwh) * share, evse=evse)
            )
        owed -= int(owed)
    return found


def _kw(electrics: Electrics, evse: Evse) -> float:
    return evse.max_a * electrics.watts_per_ampere(evse) / 1000
