"""How the hazard of wear depends on age: a Weibull distribution of lives, its models pooled in part. Pure.

All models of a kind share a shape k; each has a hazard of its own, theta * k * age^(k-1), whose theta is drawn from a
gamma distribution that is shared, too. So a model with few ends is told of mostly by the others, one with many by
itself. For a given k, theta is conjugate: a model with D ends and sum(exit^k - entry^k) = T has the posterior
Gamma(a + D, a / theta_0 + T), and the likelihood of (k, a, theta_0) is closed: it is summed up on a grid, without
chains. Lives that are cut short are in T alone, late entries begin where they entered.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from forecourt.insight.replacement.survival import Floats
from forecourt.insight.turns import NEVER, Halt

#: Ends of a kind below which no age is told from another: the rate counts as the same at any.
LEAST_ENDS: Final = 8
#: Prior: log k is normal around 0, no wear, with this deviation: 95 % from 0.23 to 4.3.
_SHAPE_SPREAD: Final = 0.75
#: Prior: the logarithm of the scale in years is normal.
_SCALE_Y: Final = 10.0
_SCALE_SPREAD: Final = 1.5
#: Prior: how much theta differs between models, as its coefficient of variation, is half normal.
_APART: Final = 0.7
#: Ranges that are looked at first, and points of the grid, then and where something was found.
_RANGES: Final = ((np.log(0.2), np.log(8.0)), (0.05, 2.0), (np.log(0.2), np.log(500.0)))
_COARSE: Final = (25, 7, 36)
_FINE: Final = (37, 9, 37)
#: How often it is looked closer: the more lives, the less of a grid holds what they tell.
_LOOKS: Final = 3
#: Powers of ages that are held at once.
CELLS_AT_ONCE: Final = 1_000_000
#: What lies so far below the best, in log, is left out.
_FAR: Final = 12.0


class Group(Struct, frozen=True):
    """Lives of one model: ages of entry and exit in years, those of its ends, and how many stand for each."""

    entry: Floats
    leave: Floats
    ended: NDArray[np.bool_]


class Draws(Struct, frozen=True):
    """Draws from what is believed: shapes (draw), and the hazard of each model (draw, model), where the chance to
    outlive an age of `a` years is exp(-theta * a^k). `strength`: the ends that the others count for with a model."""

    shape: Floats
    theta: Floats
    strength: Floats


class _Cells(Struct, frozen=True):
    """Log of how likely each point of a grid is (shape, variation, scale), with its axes."""

    shape: Floats
    apart: Floats
    scale: Floats
    log: Floats


def fitted(groups: Sequence[Group], draws: int, chance: np.random.Generator, halt: Halt = NEVER) -> Draws:
    """What lives of each model tell, as so many draws. Raises BrokenOff."""
    widths, spreads, lengths = (np.linspace(low, high, n) for (low, high), n in zip(_RANGES, _COARSE, strict=True))
    fine = _cells(groups, widths, spreads, lengths, halt)
    for _ in range(_LOOKS):
        fine = _cells(groups, *_around(fine), halt)
    weights = np.exp(fine.log - fine.log.max()).ravel()
    at = chance.choice(len(weights), size=draws, p=weights / weights.sum())
    i, j, m = np.unravel_index(at, fine.log.shape)
    # Between the points, too.
    shape = np.exp(fine.shape[i] + _within(fine.shape, draws, chance))
    strength = fine.apart[j] ** -2
    base = np.exp(fine.scale[m] + _within(fine.scale, draws, chance)) ** -shape
    theta = np.empty((draws, len(groups)))
    for number, group in enumerate(groups):
        used = _used(group, shape, halt)
        theta[:, number] = chance.gamma(strength + group.ended.sum()) / (strength / base + used)
    return Draws(shape=shape, theta=theta, strength=strength)


def _within(axis: Floats, draws: int, chance: np.random.Generator) -> Floats:
    found: Floats = (chance.random(draws) - 0.5) * (axis[1] - axis[0])
    return found


def _used(group: Group, shape: Floats, halt: Halt) -> Floats:
    """Sum of exit^k - entry^k for each k: what theta is counted against."""
    return _powers(group.leave, shape, halt) - _powers(group.entry[group.entry > 0], shape, halt)


def _powers(ages: Floats, shape: Floats, halt: Halt = NEVER) -> Floats:
    """Sum of age^k for each k, of so many ages at once that no more than CELLS_AT_ONCE are held."""
    each = max(1, CELLS_AT_ONCE // max(len(shape), 1))
    found = np.zeros(len(shape))
    for first in range(0, len(ages), each):
        halt.check()
        found += np.exp(np.multiply.outer(shape, np.log(ages[first : first + each]))).sum(axis=1)
    return found


def _cells(groups: Sequence[Group], log_shape: Floats, apart: Floats, log_scale: Floats, halt: Halt) -> _Cells:
    """Priors and likelihood on a grid."""
    from scipy import special  # long to load, and most processes ask for no replacement

    shape = np.exp(log_shape)
    strength = (apart**-2)[None, :, None]
    # a / theta_0, with theta_0 = scale^-k.
    rate = strength * np.exp(np.multiply.outer(shape, log_scale))[:, None, :]
    log = (
        -0.5 * (log_shape / _SHAPE_SPREAD)[:, None, None] ** 2 - 0.5 * (apart / _APART)[None, :, None] ** 2
        - 0.5 * ((log_scale - np.log(_SCALE_Y)) / _SCALE_SPREAD)[None, None, :] ** 2
    )  # fmt: skip
    for group in groups:
        ends = int(group.ended.sum())
        if not len(group.leave):
            continue
        own = ends * log_shape + (shape - 1) * np.log(group.leave[group.ended]).sum()
        log = log + (
            own[:, None, None] + special.gammaln(strength + ends) - special.gammaln(strength)
            + strength * np.log(rate) - (strength + ends) * np.log(rate + _used(group, shape, halt)[:, None, None])
        )  # fmt: skip
    return _Cells(shape=log_shape, apart=apart, scale=log_scale, log=log)


def _around(cells: _Cells) -> tuple[Floats, Floats, Floats]:
    """Axes of a finer grid where the coarse one found something."""
    found = cells.log > cells.log.max() - _FAR
    axes = []
    for number, axis in enumerate((cells.shape, cells.apart, cells.scale)):
        others = tuple(each for each in range(3) if each != number)
        there = np.flatnonzero(found.any(axis=others))
        low, high = max(there[0] - 1, 0), min(there[-1] + 1, len(axis) - 1)
        axes.append(np.linspace(axis[low], axis[high], _FINE[number]))
    return axes[0], axes[1], axes[2]


def steady(ends: int, unit_years: float, models: int, draws: int, chance: np.random.Generator) -> Draws:
    """One rate for all models and at every age, of which these ends in so many years tell (Jeffreys' prior)."""
    rate = chance.gamma(ends + 0.5, size=draws) / unit_years
    return Draws(
        shape=np.ones(draws), theta=np.repeat(rate[:, None], models, axis=1), strength=np.full(draws, np.inf)
    )  # fmt: skip
