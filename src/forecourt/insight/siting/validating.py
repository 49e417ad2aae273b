"""Whether predicted demand ranks sites that it never saw, on a network whose use is known.

A fifth of the sites is hidden at a time; from the others their use is learned from plugs, power, what the sites around
see and, where somebody has a table of demand, what of it is near. Each hidden site is ranked by that, by its plugs, and
by the use of the nearest site that wasn't hidden. What is told is Spearman's rank correlation with use, with a bound
from drawing sites again; prediction is better where it agrees with use at all and the bound of the difference says so
against both, else nobody can tell, or it isn't.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.siting.model import Floats, Indices, Place, haversine
from forecourt.ui.i18n import mark

#: Sites with use and a place below which nothing is told, and days of use of each.
LEAST_SITES: Final = 20
LEAST_DAYS: Final = 28
#: Sites that are looked at: a table of distances is held.
MAX_SITES: Final = 1_000
#: Times that all sites are hidden, a fifth at a time.
REPEATS: Final = 20
FOLDS: Final = 5
#: Times that sites are drawn again, and the share of drawings within a bound.
DRAWN: Final = 1_000
HELD: Final = 0.99
#: Km within which what others see, and demand, counts most.
NEAR_KM: Final = (1.0, 5.0, 20.0)
#: Weights of the ridge that are tried.
_RIDGES: Final = (0.1, 1.0, 10.0, 100.0)


class Verdict(StrEnum):
    """Whether predicted demand ranks hidden sites better than both plug count and nearest neighbour."""

    BETTER = "better"
    NOT_BETTER = "not better"
    CANT_TELL = "can't tell"


class Known(Struct, frozen=True, kw_only=True):
    """A site with its `use`, above 0, in any one unit for all; `plug_w` None where nobody knows it."""

    latitude: float
    longitude: float
    plugs: int
    use: float
    plug_w: int | None = None


class Ranked(Struct, frozen=True, kw_only=True):
    """Spearman's correlation, -1 to 1, of one way to rank with use, and what the prediction has more; each with bounds
    that 99 of 100 drawings lie in."""

    correlation: float
    low: float
    high: float
    less: float = 0.0
    less_low: float = 0.0
    less_high: float = 0.0


class Validation(Struct, frozen=True, kw_only=True):
    """The verdict and what it rests on; `reason` says why nothing could be told. `by` is prediction, plugs, nearest."""

    verdict: Verdict
    sites: int
    reason: str = ""
    by: dict[str, Ranked] = {}


FEW: Final = mark("fewer than twenty sites have a place and four weeks of use")
ALIKE: Final = mark("all sites are used alike, so there is nothing to rank")
MANY: Final = mark("there are more sites than are looked at")
WIDE: Final = mark("the difference is within what chance makes of so many sites")


def validated(
    sites: Sequence[Known], demand: Sequence[Place] = (), check: Callable[[], None] = lambda: None
) -> Validation:
    """Deterministic. `demand` is a table of demand that might explain use; `check` is asked between steps, and ends
    them by what it raises."""
    if not LEAST_SITES <= len(sites) <= MAX_SITES:
        return Validation(verdict=Verdict.CANT_TELL, sites=len(sites), reason=FEW if len(sites) < LEAST_SITES else MANY)
    use = np.log(np.array([each.use for each in sites]))
    if np.ptp(use) == 0:
        return Validation(verdict=Verdict.CANT_TELL, sites=len(sites), reason=ALIKE)
    ways = _ways(sites)
    alone = _alone(sites, demand)
    chance = np.random.default_rng(0)
    predicted, nearest = np.zeros(len(sites)), np.zeros(len(sites))
    for _ in range(REPEATS):
        check()
        order = chance.permutation(len(sites))
        for fold in range(FOLDS):
            hidden = order[fold::FOLDS]
            seen = np.setdiff1d(order, hidden)
            predicted[hidden] += _predicted(alone, ways, use, seen, hidden)
            nearest[hidden] += use[seen[ways[np.ix_(hidden, seen)].argmin(axis=1)]]
    plugs = np.array([float(each.plugs) for each in sites])
    by = _ranked(use, {"prediction": predicted, "plugs": plugs, "nearest": nearest}, chance, check)
    others = [by["plugs"], by["nearest"]]
    # That it is better than what is worse than nothing would be no reason to build by it.
    if by["prediction"].low > 0 and all(each.less_low > 0 for each in others):
        return Validation(verdict=Verdict.BETTER, sites=len(sites), by=by)
    if any(each.less_high < 0 for each in others):
        return Validation(verdict=Verdict.NOT_BETTER, sites=len(sites), by=by)
    return Validation(verdict=Verdict.CANT_TELL, sites=len(sites), reason=WIDE, by=by)


def _ways(sites: Sequence[Known]) -> Floats:
    at = np.array([(each.latitude, each.longitude) for each in sites])
    return haversine(at, at)


def _alone(sites: Sequence[Known], demand: Sequence[Place]) -> Floats:
    """What is known of a site whatever is hidden: a row a site."""
    power = np.array([np.nan if each.plug_w is None else float(each.plug_w) for each in sites])
    power = np.where(np.isnan(power), np.nanmedian(power) if (~np.isnan(power)).any() else 1.0, power)
    columns = [np.log([float(each.plugs) for each in sites]), np.log(np.maximum(power, 1.0))]
    if demand:
        at = np.array([(each.latitude, each.longitude) for each in sites])
        there = haversine(at, np.array([(each.latitude, each.longitude) for each in demand]))
        weights = np.array([each.weight for each in demand])
        columns += [np.log1p(_near(there, km) @ weights) for km in NEAR_KM]
    return np.stack(columns, axis=1)


def _near(ways: Floats, km: float) -> Floats:
    weights: Floats = np.exp(-((ways / km) ** 2) / 2)
    return weights


def _predicted(alone: Floats, ways: Floats, use: Floats, seen: Indices, hidden: Indices) -> Floats:
    """The logarithm of use of hidden sites, by a ridge over those seen, whose weight leaves each of them out once."""
    around = [_around(ways, use, alone[:, 0], seen, km) for km in NEAR_KM]
    table = np.column_stack([alone, *around])
    middle, spread = table[seen].mean(axis=0), table[seen].std(axis=0)
    table = (table - middle) / np.where(spread > 0, spread, 1.0)
    left, right = table[seen], use[seen] - use[seen].mean()
    best, found = np.inf, np.zeros(table.shape[1])
    for ridge in _RIDGES:
        inverse = np.linalg.inv(left.T @ left + ridge * np.eye(left.shape[1]))
        weights = inverse @ left.T @ right
        leverage = np.einsum("ij,jk,ik->i", left, inverse, left)
        missed = float(np.mean(((right - left @ weights) / np.maximum(1 - leverage, 1e-6)) ** 2))
        if missed < best:
            best, found = missed, weights
    predicted: Floats = table[hidden] @ found + use[seen].mean()
    return predicted


def _around(ways: Floats, use: Floats, plugs: Floats, seen: Indices, km: float) -> Floats:
    """What sites seen around each site make of a plug, less what all make; nothing where there is none near."""
    each = use[seen] - plugs[seen]
    each = each - each.mean()
    weights = _near(ways[:, seen], km)
    # Nobody is a neighbour of itself.
    weights[seen, np.arange(len(seen))] = 0.0
    made: Floats = weights @ each / (weights.sum(axis=1) + 1.0)
    return made


def _ranked(
    use: Floats, ways: dict[str, Floats], chance: np.random.Generator, check: Callable[[], None]
) -> dict[str, Ranked]:
    drawings = chance.integers(0, len(use), (DRAWN, len(use)))
    whole = {name: spearman(use, each) for name, each in ways.items()}
    drawn = {name: np.zeros(DRAWN) for name in ways}
    for number, rows in enumerate(drawings):
        check()
        for name, each in ways.items():
            drawn[name][number] = spearman(use[rows], each[rows])
    ends = ((1 - HELD) / 2, (1 + HELD) / 2)
    made = {}
    for name in ways:
        low, high = np.quantile(drawn[name], ends)
        less_low, less_high = np.quantile(drawn["prediction"] - drawn[name], ends)
        made[name] = Ranked(
            correlation=whole[name], low=float(low), high=float(high), less=whole["prediction"] - whole[name],
            less_low=float(less_low), less_high=float(less_high),
        )  # fmt: skip
    return made


def spearman(ones: Floats, others: Floats) -> float:
    """The correlation of ranks, -1 to 1, alike values sharing theirs; 0 where all of one are alike."""
    one, other = _ranks(ones), _ranks(others)
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks: Floats = (ends - (counts - 1) / 2)[which]
    return ranks
