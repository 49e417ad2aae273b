"""Hourly series as forecasts see them: a row a series, a column an hour of one clock, NaN where nobody knows.

Hours are those of the sites' own clock. When clocks are set forward an hour is missing: it is NaN, or of sessions 0;
when they are set back the two hours of one name count as their mean. So the same hour of the week is always a multiple
of 168 away.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.platform.errors import ForecourtError

Floats = npt.NDArray[np.floating[Any]]

#: Series of one data set; each costs memory and time.
MAX_SERIES: Final = 2_000
#: Hours that are looked at, counted back from the end: two years. What is older tells little of next week.
MOST_HOURS: Final = 2 * 366 * 24
DAY_H: Final = 24
WEEK_H: Final = 168
#: The name of the sum of all sites.
NETWORK: Final = "(network)"

Target = Literal["energy", "occupancy", "arrivals", "value"]
#: What each target is, and in which unit.
UNITS: Final[dict[Target, str]] = {
    "energy": "kWh in an hour",
    "occupancy": "plugs taken, on average over an hour",
    "arrivals": "cars that come in an hour",
    "value": "as the file has it",
}


class ForecastRefused(ForecourtError):
    """The file can't be read as history that forecasts are made from."""

    status = 422
    code = "forecast-refused"


class Panel(Struct, frozen=True, kw_only=True):
    """Series of one data set and target. `values` is (series, hours), at least 0 or NaN; the first hour begins at
    `start` by the sites' own clock (no offset), at midnight. `totals` says which rows are sums of others."""

    name: str
    target: Target
    names: tuple[str, ...]
    start: datetime
    values: Floats
    totals: tuple[bool, ...] = ()

    @property
    def hours(self) -> int:
        """How many there are."""
        return int(self.values.shape[1])

    def at(self, hour: int) -> datetime:
        """When an hour begins."""
        return self.start + timedelta(hours=hour)

    def calendar(self, hours: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The hour of the week (0 is Monday at midnight) and the day of the year of hours by their numbers."""
        of_week = (self.start.weekday() * DAY_H + self.start.hour + hours) % WEEK_H
        days = np.datetime64(self.start, "D") + (hours // DAY_H).astype("timedelta64[D]")
        return of_week, (days - days.astype("datetime64[Y]")).astype(np.int64)


def trimmed(panel: Panel) -> Panel:
    """Whole days alone, and no more than MOST_HOURS of the latest."""
    hours = panel.hours - panel.hours % DAY_H
    cut = max(0, hours - MOST_HOURS)
    return Panel(
        name=panel.name,
        target=panel.target,
        names=panel.names,
        start=panel.at(cut),
        values=panel.values[:, cut:hours],
        totals=panel.totals,
    )


def with_network(panel: Panel, name: str = NETWORK) -> Panel:
    """With the sum of all series by this name, where there is more than one. An hour is known where any
    site is: one that had not opened gave nothing."""
    if len(panel.names) < 2:
        return Panel(
            name=panel.name,
            target=panel.target,
            names=panel.names,
            start=panel.start,
            values=panel.values,
            totals=(False,) * len(panel.names),
        )
    known = np.isfinite(panel.values)
    total = np.where(known.any(axis=0), np.where(known, panel.values, 0).sum(axis=0, dtype=np.float64), np.nan)
    # A gap of a site that was there before is a gap of the sum.
    opened = np.maximum.accumulate(known, axis=1)
    total[(opened & ~known).any(axis=0)] = np.nan
    return Panel(
        name=panel.name,
        target=panel.target,
        names=(*panel.names, name),
        start=panel.start,
        values=np.vstack([panel.values, total[None].astype(np.float32)]),
        totals=(*(False,) * len(panel.names), True),
    )


def gridded(
    name: str,
    target: Target,
    names: Sequence[str],
    row: npt.NDArray[np.int64],
    local_h: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
) -> Panel:
    """A panel of points: series by number, hour of the local clock since 1970, value; several points of one hour count
    as their mean. Raises ForecastRefused for too many series."""
    if len(names) > MAX_SERIES:
        raise ForecastRefused(f"{name} has {len(names)} series; at most {MAX_SERIES} go at once. Cut it in parts.")
    end = int(local_h.max()) + 1
    first = max(int(local_h.min()), end - MOST_HOURS)
    first -= first % DAY_H
    keep = local_h >= first
    row, local_h, value = row[keep], local_h[keep] - first, value[keep]
    shape = (len(names), end - first)
    at = row * shape[1] + local_h
    count = np.bincount(at, minlength=shape[0] * shape[1])
    total = np.bincount(at, weights=value, minlength=shape[0] * shape[1])
    with np.errstate(invalid="ignore"):
        values = (total / count).astype(np.float32).reshape(shape)
    return Panel(
        name=name,
        target=target,
        names=tuple(names),
        start=datetime(1970, 1, 1) + timedelta(hours=first),  # noqa: DTZ001
        values=values,
    )
