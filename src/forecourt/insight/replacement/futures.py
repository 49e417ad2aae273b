"""The year ahead, drawn many times: which hardware ends when, is replaced, and perhaps ends again. Pure."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from forecourt.insight.replacement.model import DAYS_A_YEAR, HELD_PERCENT, HORIZON_D, QUARTERS
from forecourt.insight.replacement.survival import Floats
from forecourt.insight.replacement.weibull import Draws
from forecourt.insight.turns import NEVER, Halt

Ints = NDArray[np.int64]

#: Futures that are drawn; of many units fewer, so that no more of them are looked at than CELLS.
FUTURES: Final = 1_000
LEAST_FUTURES: Final = 250
CELLS: Final = 5_000_000
#: Units of futures that are held at once.
CELLS_AT_ONCE: Final = 1_000_000
#: Times that hardware at one place is replaced within a year, at the most.
MAX_ROUNDS: Final = 6
#: Draws by which the chance of each unit is reckoned.
CHANCE_DRAWS: Final = 250
_YEARS: Final = HORIZON_D / DAYS_A_YEAR


class Ends(Struct, frozen=True):
    """Every end of every future: of which future, which unit, in which quarter, and whether by damage."""

    futures: int
    future: Ints
    unit: Ints
    quarter: Ints
    damaged: NDArray[np.bool_]


class EndBounds(Struct, frozen=True, kw_only=True):
    """How many are to be expected, and from which to which number HELD_PERCENT of 100 futures come."""

    expected: float
    low: int
    high: int


def futures_of(units: int) -> int:
    """How many futures are drawn for so many units."""
    return max(LEAST_FUTURES, min(FUTURES, CELLS // max(units, 1)))


def drawn(
    age_y: Floats, model: Ints, wear: Draws, damage: Floats, chance: np.random.Generator, halt: Halt = NEVER
) -> Ends:
    """Futures of units of these ages and models; `damage`: the rate of damage from outside, a draw each. Raises
    BrokenOff."""
    futures = len(wear.shape)
    each = max(1, CELLS_AT_ONCE // max(len(age_y), 1))
    found = [
        part
        for first in range(0, futures, each)
        for part in _rounds(np.arange(first, min(first + each, futures)), age_y, model, wear, damage, chance, halt)
    ]
    parts = [np.concatenate([part[i] for part in found]) for i in range(4)]
    return Ends(futures, parts[0], parts[1], parts[2], parts[3])


def _rounds(
    futures: Ints, age_y: Floats, model: Ints, wear: Draws, damage: Floats, chance: np.random.Generator, halt: Halt
) -> Iterator[tuple[Ints, Ints, Ints, NDArray[np.bool_]]]:
    """Of some futures: the first end of each unit within the year, then that of what was put in for it, and so on."""
    future = np.repeat(futures, len(age_y))
    unit = np.tile(np.arange(len(age_y)), len(futures))
    age, now = np.tile(age_y, len(futures)), np.zeros(len(future))
    for _ in range(MAX_ROUNDS):
        halt.check()
        shape, theta = wear.shape[future], wear.theta[future, model[unit]]
        worn = (age**shape + chance.exponential(size=len(age)) / theta) ** (1 / shape) - age
        hit = chance.exponential(size=len(age)) / np.maximum(damage[future], 1e-12)
        now = now + np.minimum(worn, hit)
        within = now < _YEARS
        future, unit, now = future[within], unit[within], now[within]
        yield future, unit, np.floor(now / _YEARS * QUARTERS).astype(np.int64), (hit < worn)[within]
        # What was put in for it is new.
        age = np.zeros(len(unit))
        if not len(unit):
            break


def counts(ends: Ends, by: Ints, groups: int, which: NDArray[np.bool_] | None = None) -> Ints:
    """Ends by future and group, where `by` says the group of each end; of some of them alone."""
    future, group = (ends.future, by) if which is None else (ends.future[which], by[which])
    flat = np.bincount(future * groups + group, minlength=ends.futures * groups)
    return flat.reshape(ends.futures, groups)


def held(numbers: Ints) -> tuple[int, int]:
    """From which to which number HELD_PERCENT of 100 futures come."""
    tail = (1 - HELD_PERCENT / 100) / 2
    low, high = np.quantile(numbers, (tail, 1 - tail), method="inverted_cdf")
    return int(low), int(high)


def bounds(numbers: Ints) -> EndBounds:
    """Of numbers of futures."""
    low, high = held(numbers)
    return EndBounds(expected=float(numbers.mean()), low=low, high=high)


def chances(age_y: Floats, model: Ints, wear: Draws, damage: Floats) -> Floats:
    """How likely each unit ends within the year at least once."""
    # Many are of one age and model.
    pairs, back = np.unique(np.stack([np.round(age_y * DAYS_A_YEAR), model.astype(float)]), axis=1, return_inverse=True)
    ages, models = pairs[0][None, :] / DAYS_A_YEAR, pairs[1].astype(int)
    some = slice(0, CHANCE_DRAWS)
    shape, theta = wear.shape[some, None], wear.theta[some][:, models]
    outlives = np.exp(-theta * ((ages + _YEARS) ** shape - ages**shape) - damage[some, None] * _YEARS)
    found: Floats = (1 - outlives.mean(axis=0))[back.ravel()]
    return found
