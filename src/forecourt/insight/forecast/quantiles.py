"""Quantiles of what comes, blended of several ways to tell them, and what they lose.

What is blended by weights is taken only where it won on validation, for weights of few origins are much of a chance.
Everywhere else stand the seasonal quantiles that all is compared with, each with those of the hours beside an hour.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.insight.forecast import choosing, intervals
from forecourt.insight.forecast.choosing import Band
from forecourt.insight.forecast.series import WEEK_H, Floats

#: Hours of validation, from the first origin that weights are found on to the last, below which none are: a day or
#: two tell of no other.
LEAST_LEARNED_H: Final = WEEK_H


class Ways(Struct, frozen=True, kw_only=True):
    """Several ways to tell quantiles, (ways, levels, series, origins, hours), the simple one that is compared with and
    the one that stands where no blend wins, without the first axis. Weights are found on origins from number `begins`
    until `split`; those before only teach, those after are judged. `origins` are `spacing_h` hours apart."""

    every: Floats
    usual: Floats
    near: Floats
    actual: Floats
    origins: npt.NDArray[np.int64]
    begins: int
    split: int
    spacing_h: int


def told(ways: Ways, bands: Sequence[Band]) -> Floats:
    """Quantiles (levels, series, origins, hours), ascending: the mean of the simple ones and of those with the hours
    beside; with half of a blend in the bands of series where that won on validation, from origins before which it
    has not lost since."""
    steady = (ways.usual + ways.near) / 2
    found = steady.copy()
    for first, end, _ in bands:
        hours = (..., slice(first, end))
        wins = _wins(ways, steady, hours)
        if not wins.any():
            continue
        mixed = (_mixed(ways, hours, slice(ways.begins, ways.split)) + steady[hours]) / 2
        came = ways.actual[hours]
        ahead = _loss(steady[hours], came) - _loss(mixed, came)
        hour = ways.origins[:, None] + first + np.arange(came.shape[2])[None]
        kept = choosing.guarded(ahead, hour, ways.origins, ways.split, choosing.QUANTILE_GUARDS_H) & wins[:, None]
        judged = (slice(None), slice(None), slice(ways.split, None), slice(first, end))
        found[judged] = np.where(kept[None, ..., None], mixed[:, :, ways.split :], found[judged])
    return np.sort(found, axis=0)


def _mixed(ways: Ways, hours: tuple[Any, slice], learn: slice) -> Floats:
    """Every level by weights that are found on some origins."""
    rows = ways.every[hours]
    came = ways.actual[hours][:, learn]
    return np.stack(
        [
            choosing.blended(choosing.quantile_weights(rows[:, number][:, :, learn], came, level), rows[:, number])
            for number, level in enumerate(intervals.LEVELS)
        ]
    )


def _wins(ways: Ways, steady: Floats, hours: tuple[Any, slice]) -> npt.NDArray[np.bool_]:
    """For which series half of a blend wins for sure, each half of the validation judged by weights of the other."""
    count = ways.split - ways.begins
    series = ways.actual.shape[0]
    if count * ways.spacing_h < LEAST_LEARNED_H:
        return np.zeros(series, np.bool_)
    middle = ways.begins + count // 2
    halves = (slice(ways.begins, middle), slice(middle, ways.split))
    ahead = []
    for learn, judge in (halves, halves[::-1]):
        came, base = ways.actual[hours][:, judge], steady[hours][:, :, judge]
        mixed = (_mixed(ways, hours, learn)[:, :, judge] + base) / 2
        ahead.append((_loss(base, came) - _loss(mixed, came)).sum(2, dtype=np.float64))
    won = np.concatenate(ahead, axis=1)
    independent = choosing.independent(count, ways.spacing_h, ways.actual[hours].shape[2])
    return np.array([choosing.wins(each, independent) for each in won])


def _loss(quantiles: Floats, actual: Floats) -> Floats:
    """Of all levels together, by hour."""
    each = [quantile_loss(row, actual, level) for level, row in zip(intervals.LEVELS, quantiles, strict=True)]
    total: Floats = np.sum(each, axis=0)
    return total


def quantile_loss(quantile: Floats, actual: Floats, level: float) -> Floats:
    """The pinball loss of each hour, 0 where nobody knows what came."""
    over = np.where(np.isfinite(actual), actual - quantile, 0)
    return np.maximum(level * over, (level - 1) * over).astype(np.float32)


def pinball(quantiles: Floats, actual: Floats) -> npt.NDArray[np.float64]:
    """The mean pinball loss of each series over the levels and the hours that are known."""
    total = _loss(quantiles, actual).sum((1, 2), dtype=np.float64)
    loss: npt.NDArray[np.float64] = total / np.maximum(np.isfinite(actual).sum((1, 2)), 1) / len(intervals.LEVELS)
    return loss
