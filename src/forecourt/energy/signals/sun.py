"""What a solar plant will give: what it would under a clear sky, times the share of that which its own meter says it
gives, hour by hour of the day. Pure.

The share holds dirt, shadows and inverters as well as clouds. What a clear sky gives is reckoned ahead, by pvlib.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import mean, quantiles
from typing import Final

from msgspec import Struct

from forecourt.energy.signals.model import Reading
from forecourt.energy.site import Solar

#: Quarters of an hour in a day by UTC.
QUARTERS: Final = 96
#: Nothing is learned from less than this share of the peak power: the sun is low, and errors are large.
_LEAST: Final = 0.1
#: Days from which a share is learned, and the hours that tell how cloudy it is now.
LEARN: Final = timedelta(days=14)
_NOW: Final = timedelta(hours=2)
#: How long the clouds of now are believed to stay: their weight halves with each such time.
_STAY: Final = timedelta(hours=3)
#: From so many readings a share is learned; an hour of the day with fewer goes by all hours.
_FEWEST: Final = 4


class ClearSky(Struct, frozen=True, kw_only=True):
    """What a plant gives under a clear sky, in W at the middle of each quarter of an hour, by day of UTC."""

    days: Mapping[date, Sequence[int]] = {}

    def power_w(self, at: datetime) -> int | None:
        """At a time; None where it was not reckoned."""
        utc = at.astimezone(UTC)
        day = self.days.get(utc.date())
        return None if day is None else day[(utc.hour * 60 + utc.minute) // 15]


def reckoned_for(plant: Solar, latitude: float, longitude: float) -> str:
    """What a clear sky's power depends on: where that is another one, it is reckoned anew."""
    return f"{plant.peak_w} W, {plant.tilt_deg:g} and {plant.azimuth_deg:g} degrees at {latitude:g} {longitude:g}"


class Sky:
    """How much of a clear sky's power a plant gives, learned from its meter as of a time; `known` False: it said
    nothing from which that could be learned."""

    def __init__(self, plant: Solar, clear: ClearSky, readings: Sequence[Reading], now: datetime) -> None:
        self._clear = clear
        self._now = now
        shares: list[float] = []
        lately: list[float] = []
        self._hours: dict[int, list[float]] = {}
        for each in readings:
            clear_w = clear.power_w(each.at)
            if each.at < now - LEARN or each.at > now or clear_w is None or clear_w < plant.peak_w * _LEAST:
                continue
            share = max(0.0, min(1.5, each.power_w / clear_w))
            shares.append(share)
            self._hours.setdefault(each.at.astimezone(UTC).hour, []).append(share)
            if each.at >= now - _NOW:
                lately.append(share)
        self.known = len(shares) >= _FEWEST
        self._all = mean(shares) if self.known else 0.0
        self._low = quantiles(shares, n=5)[0] if self.known else 0.0
        self._lately = mean(lately) if lately else None

    def power_w(self, at: datetime, *, late: bool) -> int | None:
        """What is expected at a time: the usual share of a clear sky at that hour, near now that of the last hours. If
        the meter is late, a share that was exceeded on four of five occasions. None where no clear sky is known."""
        clear_w = self._clear.power_w(at)
        if clear_w is None:
            return None
        share = self._low if late else self._usual(at)
        if self._lately is not None and not late:
            weight = 0.5 ** ((at - self._now) / _STAY)
            share = weight * self._lately + (1 - weight) * share
        return round(share * clear_w)

    def _usual(self, at: datetime) -> float:
        seen = self._hours.get(at.astimezone(UTC).hour, ())
        return mean(seen) if len(seen) >= _FEWEST else self._all
