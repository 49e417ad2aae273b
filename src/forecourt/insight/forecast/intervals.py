"""Intervals: what really came when the forecast said about so much, of the same series and about as far ahead.

Conformal in that what is counted are outcomes that were forecast without being seen, all known in the hour that the
interval is made in; the level is moved after each origin by how often the last ones covered (adaptive conformal
inference, Gibbs and Candès 2021), so that coverage holds when use drifts.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecourt.insight.forecast.methods import back, tiled
from forecourt.insight.forecast.series import DAY_H, WEEK_H, Floats

#: The share of outcomes that an interval is to cover, and its two ends and the middle as quantiles.
COVER: Final = 0.8
LEVELS: Final = (0.1, 0.5, 0.9)
#: Outcomes of one class of forecasts of like size, and how many classes there may be.
CLASS_HOURS: Final = 60
MAX_CLASSES: Final = 16
#: Origins that are looked back on.
MAX_LOOK_BACK: Final = 80
#: Days by which those that are known are short at each end: conformal prediction asks for one more outcome, but the
#: hours of a day are not all alike.
SMALL: Final = 0.25
#: By how much of what was missed the level moves, and how far at the most.
GAIN: Final = 0.08
LEAST_MISS, MOST_MISS = 0.04, 0.8


def at_levels(ordered: Floats, known: npt.NDArray[np.int64], levels: npt.NDArray[np.float64]) -> Floats:
    """Quantiles along the last axis of sorted values of which the first `known` count, by linear interpolation."""
    place = levels * np.maximum(known - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(known - 1, 0))
    below = np.take_along_axis(ordered, low[..., None], -1)[..., 0]
    above = np.take_along_axis(ordered, high[..., None], -1)[..., 0]
    return (below + (above - below) * (place - low)).astype(np.float32)


def seasonal_quantiles(past: Floats, horizon: int, beside: int = 0) -> dict[str, Floats]:
    """What simple intervals are: quantiles of the last eight same hours of the week, and of the last 28 same hours of
    the day, each with so many hours before it and after it; (levels, series, horizon) each."""
    found = {}
    for name, cycle, number in (("hour_of_week", WEEK_H, 8), ("hour_of_day", DAY_H, 28)):
        same = back(past, cycle * number).reshape(len(past), number, cycle)
        # An hour itself counts as much as those beside it together.
        held = [same] * max(1, 2 * beside) + [np.roll(same, by, 2) for by in range(-beside, beside + 1) if by]
        ordered = np.sort(np.concatenate(held, axis=1).transpose(0, 2, 1), axis=2)
        known = np.isfinite(ordered).sum(2)
        rows = [tiled(np.nan_to_num(at_levels(ordered, known, np.full(known.shape, level))), horizon)
                for level in LEVELS]  # fmt: skip
        found[name] = np.stack(rows)
    return found


def classes(index: Floats, actual: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Outcomes in classes of like forecasts: the middle of each class (series, classes), its outcomes in order (series,
    classes, hours), and how many it has. `index` and `actual` are (series, hours)."""
    known = np.isfinite(actual)
    number = int(np.clip(known.sum(1).max() // CLASS_HOURS, 1, MAX_CLASSES))
    order = np.argsort(np.where(known, index, np.inf), axis=1, kind="stable")
    index, actual = np.take_along_axis(index, order, 1), np.take_along_axis(actual, order, 1)
    width = -(-index.shape[1] // number)
    # Unknown hours are last in order: the known ones are spread over all classes.
    pick = (np.arange(width * number)[None] * known.sum(1)[:, None]) // (width * number)
    index, actual = np.take_along_axis(index, pick, 1), np.take_along_axis(actual, pick, 1)
    shape = (len(index), number, width)
    # A series of which nothing is known yet gives nothing.
    ordered = np.sort(np.nan_to_num(actual.reshape(shape)), axis=2)
    return index.reshape(shape).mean(2), ordered, np.full(shape[:2], width)


def read_off(middles: Floats, ordered: Floats, number: npt.NDArray[np.int64], index: Floats, level: Floats) -> Floats:
    """The quantile at a level of each series (series) for forecasts `index` (series, hours), between classes."""
    values = at_levels(ordered, number, np.broadcast_to(level[:, None], number.shape).astype(np.float64))
    return np.stack([np.interp(index[row], middles[row], values[row]) for row in range(len(index))]).astype(np.float32)


class Tuner:
    """Makes the intervals of one band, origin after origin. `index` (what outcomes are classed by), `expected` (what no
    interval leaves out) and `actual` are (series, origins, hours); the first hour of the band comes `first` hours after
    its origin."""

    def __init__(self, index: Floats, expected: Floats, actual: Floats, origins: list[int], first: int) -> None:
        self._index = index
        self._expected = expected
        self._actual = actual
        self._origins = np.array(origins)
        self._hour = self._origins[:, None] + first + np.arange(actual.shape[2])[None, :]
        self._missed = np.full(len(actual), 1 - COVER, np.float32)
        self._low = np.full(actual.shape, np.nan, np.float32)
        self._high = np.full(actual.shape, np.nan, np.float32)

    def at(self, number: int) -> tuple[Floats, Floats, Floats]:
        """The interval's ends (series, hours) and the quantiles (levels, series, hours) of an origin by its number.
        Each is to be asked once, in order. Looks at nothing from that origin on."""
        now, before = self._origins[number], self._origins[number - 1]
        self._learn(int(before), int(now), number)
        middles, ordered, held = self._classes(int(now), number)
        asked = self._index[:, number]
        half = self._half(int(now), number)
        rows = [read_off(middles, ordered, held, asked, level) for level in (half, 1 - half)]
        fixed = [read_off(middles, ordered, held, asked, np.full(len(half), level, np.float32)) for level in LEVELS]
        low, high = np.minimum(rows[0], self._expected[:, number]), np.maximum(rows[1], self._expected[:, number])
        self._low[:, number], self._high[:, number] = low, high
        return low, high, np.stack(fixed)

    def after(self, now: int) -> tuple[Floats, Floats]:
        """What intervals that are made in an hour after all origins are read off: the middles of the classes (series,
        classes), and the lower end, the middle and the upper end of each (3, series, classes)."""
        number = len(self._origins)
        self._learn(int(self._origins[-1]), now, number)
        middles, ordered, held = self._classes(now, number)
        half = self._half(now, number)
        levels = (half, np.full(len(half), 0.5, np.float32), 1 - half)
        values = [at_levels(ordered, held, np.broadcast_to(each[:, None], held.shape).astype(np.float64))
                  for each in levels]  # fmt: skip
        return middles, np.stack(values)

    def _half(self, now: int, number: int) -> Floats:
        """How much is left out at each end (series): less where few days are known, whose extremes are no extremes
        yet (the correction of conformal prediction for small samples)."""
        seen = slice(max(0, number - MAX_LOOK_BACK), number)
        known = (self._hour[seen] < now) & np.isfinite(self._actual[:, seen]).any(0)
        days = max(1, len(np.unique(self._hour[seen][known] // DAY_H)))
        half: Floats = np.maximum(1 - (1 - self._missed / 2) * (1 + SMALL / days), 0).astype(np.float32)
        return half

    def _classes(self, now: int, number: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Of what is known in an hour, of the origins before the one of that number."""
        seen = slice(max(0, number - MAX_LOOK_BACK), number)
        known = np.where(self._hour[seen][None] < now, self._actual[:, seen], np.nan).reshape(len(self._actual), -1)
        return classes(self._index[:, seen].reshape(len(known), -1), known)

    def _learn(self, before: int, now: int, number: int) -> None:
        """Moves the level by how often what has come since the last origin lay outside."""
        came = (self._hour[:number] >= before) & (self._hour[:number] < now)
        told = came[None] & np.isfinite(self._actual[:, :number]) & np.isfinite(self._low[:, :number])
        actual = self._actual[:, :number]
        outside = told & ((actual < self._low[:, :number]) | (actual > self._high[:, :number]))
        share = outside.sum((1, 2)) / np.maximum(told.sum((1, 2)), 1)
        moved = self._missed + GAIN * ((1 - COVER) - share)
        self._missed = np.where(told.any((1, 2)), np.clip(moved, LEAST_MISS, MOST_MISS), self._missed).astype(
            np.float32
        )
