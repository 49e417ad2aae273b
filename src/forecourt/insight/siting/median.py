"""The p-median: so many new sites that the way to the nearest site, weighed by demand, is the shortest on average.

From below by Lagrange: that each demand is served once is relaxed, and multipliers rise along a smoothed subgradient
(Narula, Ogbu and Samuelsson 1977; Camerini, Fratta and Maffioli 1975 for the smoothing). From above by interchange
(Teitz and Bart 1968) from sites that the multipliers point to. What lies between is closed by HiGHS where it is small
enough once candidates that can't be in any better choice are struck out by their reduced costs.
"""

from time import monotonic
from typing import Any, Final

import numpy as np
from msgspec import Struct

from forecourt.insight.siting import integer
from forecourt.insight.siting.model import ENOUGH_GAP, Chosen, Floats, Indices, Stopped

#: Steps of multipliers at most.
MAX_STEPS: Final = 1_500
#: Swaps at most from one beginning.
MAX_SWAPS: Final = 2_000
#: Demand times candidates that HiGHS is given after striking out.
MAX_INTEGER_PAIRS: Final = 60_000

#: How much of the former direction a step keeps.
_MOMENTUM: Final = 0.7
#: Steps without a better bound after which the best multipliers are gone back to, and steps become half as long.
_STALLED: Final = 25
#: Interchange starts from what multipliers point to after so many steps, each so many, within so much of the best.
_WARM: Final = 100
_EACH: Final = 25
_NEAR: Final = 1.5
#: A length of step below which multipliers rise no more.
_LEAST_STEP: Final = 1e-4


class _Relaxed(Struct):
    """The best multipliers: km for each demand, the bound, the reduced cost of each candidate."""

    bound: float
    reduced: Floats
    held: Floats


def solve(
    distances: Floats, fixed: Floats, weights: Floats, new: int, *, seconds: float, stopped: Stopped,
    steps: int = MAX_STEPS,
) -> Chosen:  # fmt: skip
    """The choice, its bound, and greedy beside.

    `distances` in km, demand by candidates; `fixed` those to the nearest site that is there, inf without any;
    `weights` 0 or more; 0 < `new` <= candidates. Ends after about `seconds`, at ENOUGH_GAP, when it is stopped or
    after so many `steps`, with the gap that is reached. Deterministic but for the time.
    """
    assert 0 < new <= distances.shape[1]
    ends_at = monotonic() + seconds

    def over() -> bool:
        return monotonic() >= ends_at or stopped()

    greedy = _greedy(distances, fixed, weights, new)
    first = value(distances, fixed, weights, greedy)
    best = _interchanged(distances, fixed, weights, greedy, over)
    at_most = value(distances, fixed, weights, best)
    relaxed, best, at_most = _risen(distances, fixed, weights, best, at_most, steps, over)
    bound = min(relaxed.bound, at_most)
    if at_most - bound > ENOUGH_GAP * at_most and not over():
        best, at_most, bound = _closed(
            distances, fixed, weights, best, at_most, relaxed, ends_at - monotonic(), stopped
        )
    return Chosen(picked=tuple(sorted(int(each) for each in best)), value=at_most, bound=bound, greedy=first)


def value(distances: Floats, fixed: Floats, weights: Floats, picked: Indices) -> float:
    """Km times demand to the nearest site, picked or there."""
    return float(weights @ np.minimum(distances[:, picked].min(axis=1), fixed))


def _greedy(distances: Floats, fixed: Floats, weights: Floats, new: int) -> Indices:
    # Before the first site everybody is as far as can be.
    nearest = np.minimum(fixed, distances.max(axis=1))
    picked: list[int] = []
    for _ in range(new):
        saved = weights @ np.maximum(nearest[:, None] - distances, 0.0)
        saved[picked] = -1.0
        picked.append(int(saved.argmax()))
        nearest = np.minimum(nearest, distances[:, picked[-1]])
    return np.array(picked, dtype=np.int64)


def _interchanged(distances: Floats, fixed: Floats, weights: Floats, begun: Indices, over: Stopped) -> Indices:
    """Swaps one site for another while that helps, the best swap each time (Whitaker 1983)."""
    picked = begun.copy()
    for _ in range(MAX_SWAPS):
        ways = distances[:, picked]
        first = ways.argmin(axis=1)
        rows = np.arange(len(ways))
        near = ways[rows, first]
        ways[rows, first] = np.inf
        # Who leaves a site goes to the second nearest, or to one that was there.
        second = np.minimum(ways.min(axis=1), fixed)
        there = fixed < near
        near = np.minimum(near, fixed)
        gain = weights @ np.maximum(near[:, None] - distances, 0.0)
        loses = ~there & (weights > 0)
        loss = _loss(distances, near, second, weights, first, loses, len(picked))
        net = gain[None, :] - loss
        net[:, picked] = -np.inf
        out, into = np.unravel_index(int(net.argmax()), net.shape)
        if net[out, into] <= 1e-9 * max(float(weights @ near), 1e-9) or over():
            break
        picked[out] = into
    return picked


def _loss(
    distances: Floats, near: Floats, second: Floats, weights: Floats, first: Indices, loses: Any, sites: int
) -> Floats:
    """What closing each site costs if each candidate opens for it."""
    rows = np.flatnonzero(loses)
    rows = rows[np.argsort(first[rows], kind="stable")]
    loss = np.zeros((sites, distances.shape[1]))
    if not rows.size:
        return loss
    with np.errstate(invalid="ignore"):
        worse = np.minimum(second[rows, None], distances[rows]) - near[rows, None]
    np.maximum(worse, 0.0, out=worse)
    worse *= weights[rows, None]
    owners, begins = np.unique(first[rows], return_index=True)
    loss[owners] = np.add.reduceat(worse, begins, axis=0)
    return loss


def _risen(
    distances: Floats, fixed: Floats, weights: Floats, best: Indices, at_most: float, steps: int, over: Stopped
) -> tuple[_Relaxed, Indices, float]:
    """The bound, with better choices that were met on the way."""
    new = len(best)
    # A multiplier is km a unit of demand. What a demand is served for is where it begins; no way is longer.
    held = np.minimum(distances[:, best].min(axis=1), fixed) * 1.1 + 1e-6
    found = _Relaxed(bound=-np.inf, reduced=np.zeros(distances.shape[1]), held=held)
    direction, length, stalled = np.zeros_like(held), 1.0, 0
    below = np.empty_like(distances)
    for step in range(steps):
        np.subtract(distances, held[:, None], out=below)
        reached = below < 0
        np.minimum(below, 0.0, out=below)
        reduced = weights @ below
        opened = np.argpartition(reduced, new - 1)[:new]
        to_fixed = np.minimum(fixed - held, 0.0)
        bound = float(weights @ held + reduced[opened].sum() + weights @ to_fixed)
        stalled += 1
        if bound > found.bound:
            stalled = 0 if bound > found.bound + 1e-6 * abs(at_most) else stalled
            found.bound, found.reduced, found.held = bound, reduced, held
        if step >= _WARM and step % _EACH == 0 and value(distances, fixed, weights, opened) < _NEAR * at_most:
            tried = _interchanged(distances, fixed, weights, opened, over)
            reckoned = value(distances, fixed, weights, tried)
            if reckoned < at_most:
                best, at_most = tried, reckoned
        if at_most - found.bound <= ENOUGH_GAP / 2 * at_most or length < _LEAST_STEP or over():
            break
        if stalled >= _STALLED:
            held, direction, length, stalled = found.held, np.zeros_like(held), length / 2, 0
            continue
        gradient = 1.0 - reached[:, opened].sum(axis=1) - (to_fixed < 0)
        direction = _MOMENTUM * direction + (1 - _MOMENTUM) * gradient
        square = float(weights @ direction**2)
        if square <= 0:
            break
        held = np.maximum(held + length * (at_most - bound) / square * direction, 0.0)
    return found, best, at_most


def _closed(
    distances: Floats, fixed: Floats, weights: Floats, best: Indices, at_most: float, relaxed: _Relaxed, seconds: float,
    stopped: Stopped,
) -> tuple[Indices, float, float]:  # fmt: skip
    """The best choice by HiGHS among candidates that can be in a better one, if that is small enough."""
    new, asked = len(best), np.flatnonzero(weights > 0)
    bound = min(relaxed.bound, at_most)
    # What the bound would be above, were this candidate open, or this demand served from there; a hair more for sums.
    slack = at_most - relaxed.bound + 1e-9 * at_most
    last = np.partition(relaxed.reduced, new - 1)[new - 1]
    kept = np.flatnonzero(relaxed.reduced - last <= slack)
    ways = np.column_stack([distances[np.ix_(asked, kept)], fixed[asked]])
    usable = weights[asked, None] * (ways - relaxed.held[asked, None]) <= slack
    # No demand goes farther than to the site that is there.
    usable[:, :-1] &= ways[:, :-1] < ways[:, -1:]
    if usable.sum() > MAX_INTEGER_PAIRS or len(kept) < new:
        return best, at_most, bound
    found = integer.median(ways[:, :-1], fixed[asked], weights[asked], usable, new, seconds, stopped)
    # A choice better than `best` lies among those, or there is none.
    bound = max(bound, min(found.bound, at_most))
    if found.picked is not None:
        picked = _filled(kept[found.picked], new, distances.shape[1])
        reckoned = value(distances, fixed, weights, picked)
        if reckoned < at_most:
            best, at_most = picked, reckoned
    return best, at_most, min(bound, at_most)


def _filled(picked: Indices, new: int, candidates: int) -> Indices:
    """So many, where fewer do as well."""
    others = np.setdiff1d(np.arange(candidates), picked)
    return np.concatenate([picked, others[: new - len(picked)]])
