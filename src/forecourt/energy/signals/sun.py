"""What a solar plant gives under a clear sky, and what share of that its own meter says it gives. Pure.

Good to some ten percent, which the share that is learned from the meter makes up for: it holds dirt, shadows and
inverters as well as clouds.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import mean, quantiles
from typing import Final

from forecourt.energy.signals.model import Reading
from forecourt.energy.site import Solar

#: Of what falls onto a horizontal plane under a clear sky, the share that comes from the whole of the sky.
_DIFFUSE: Final = 0.15
#: What is left of the peak power at the meter.
_AT_METER: Final = 0.85
#: Nothing is learned from less than this share of the peak power: the sun is low, and errors are large.
_LEAST: Final = 0.1
#: Days from which a share is learned, and the hours that tell how cloudy it is now.
LEARN: Final = timedelta(days=14)
_NOW: Final = timedelta(hours=2)
#: How long the clouds of now are believed to stay: their weight halves with each such time.
_STAY: Final = timedelta(hours=3)


def clear_w(plant: Solar, latitude: float, longitude: float, at: datetime) -> int:
    """The power that a plant gives under a clear sky at a time, in W."""
    height, azimuth = _sun(latitude, longitude, at)
    if height <= 0:
        return 0
    above = math.sin(height)
    # Irradiance on a horizontal plane: Haurwitz, Journal of Meteorology 2 (1945).
    flat = 1098 * above * math.exp(-0.057 / above)
    tilt, turned = math.radians(plant.tilt_deg), math.radians(plant.azimuth_deg) - azimuth
    facing = above * math.cos(tilt) + math.cos(height) * math.sin(tilt) * math.cos(turned)
    # Near the horizon the quotient would grow without bound.
    direct = flat * (1 - _DIFFUSE) / max(above, 0.05) * max(0.0, facing)
    from_sky = flat * _DIFFUSE * (1 + math.cos(tilt)) / 2
    return max(0, round(plant.peak_w * _AT_METER * min(1.2, (direct + from_sky) / 1000)))


def _sun(latitude: float, longitude: float, at: datetime) -> tuple[float, float]:
    """Height above the horizon and azimuth clockwise from north, in radians (Spencer 1971)."""
    utc = at.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + utc.second / 3600
    year = 2 * math.pi * (utc.timetuple().tm_yday - 1 + (hours - 12) / 24) / 365
    declination = (
        0.006918 - 0.399912 * math.cos(year) + 0.070257 * math.sin(year) - 0.006758 * math.cos(2 * year)
        + 0.000907 * math.sin(2 * year) - 0.002697 * math.cos(3 * year) + 0.00148 * math.sin(3 * year)
    )  # fmt: skip
    equation_min = 229.18 * (
        0.000075 + 0.001868 * math.cos(year) - 0.032077 * math.sin(year) - 0.014615 * math.cos(2 * year)
        - 0.040849 * math.sin(2 * year)
    )  # fmt: skip
    angle = math.radians((hours * 60 + equation_min + 4 * longitude) / 4 - 180)
    place = math.radians(latitude)
    height = math.asin(
        math.sin(place) * math.sin(declination) + math.cos(place) * math.cos(declination) * math.cos(angle)
    )
    azimuth = math.atan2(math.sin(angle), math.cos(angle) * math.sin(place) - math.tan(declination) * math.cos(place))
    return height, azimuth + math.pi


class Sky:
    """How much of a clear sky's power a plant gives, learned from its meter as of a time; `known` False: it said
    nothing from which that could be learned."""

    def __init__(
        self, plant: Solar, latitude: float, longitude: float, readings: Sequence[Reading], now: datetime
    ) -> None:
        self._plant = plant
        self._place = latitude, longitude
        self._now = now
        shares: list[float] = []
        lately: list[float] = []
        for each in readings:
            clear = clear_w(plant, latitude, longitude, each.at)
            if each.at < now - LEARN or each.at > now or clear < plant.peak_w * _LEAST:
                continue
            share = max(0.0, min(1.5, each.power_w / clear))
            shares.append(share)
            if each.at >= now - _NOW:
                lately.append(share)
        self.known = len(shares) >= 4
        self._usual = mean(shares) if self.known else 0.0
        self._low = quantiles(shares, n=5)[0] if self.known else 0.0
        self._lately = mean(lately) if lately else None

    def power_w(self, at: datetime, *, late: bool) -> int:
        """What is expected at a time: the usual share of a clear sky, near now that of the last hours. If the meter is
        late, a share that was exceeded on four of five occasions."""
        share = self._low if late else self._usual
        if self._lately is not None and not late:
            weight = 0.5 ** ((at - self._now) / _STAY)
            share = weight * self._lately + (1 - weight) * self._usual
        return round(share * clear_w(self._plant, *self._place, at))
