"""Maximal covering: so many new sites that the most demand has one within reach; and flow capture, which is the same
with ways for places and detours for distances.

What a site that is there reaches already is no gain. Demand with the same sites in reach is one; HiGHS proves the
bound, which its linear relaxation is close to (ReVelle 1993). Greedy choice stands beside, and in its stead where HiGHS
finds nothing better in time.
"""

from typing import Any, Final

import numpy as np

from forecourt.insight.siting import integer
from forecourt.insight.siting.integer import Purse
from forecourt.insight.siting.model import Chosen, Floats, SitingRefused, Stopped

Reach = np.ndarray[Any, np.dtype[np.bool_]]

#: Demand and candidates within reach of each other, after like demand is put together.
MAX_REACHED: Final = 1_000_000


def solve(
    distances: Floats, fixed: Floats, weights: Floats, new: int, reach_km: float, *, seconds: float,
    stopped: Stopped, purse: Purse | None = None,
) -> Chosen:  # fmt: skip
    """The choice, its bound, and greedy beside; values are demand reached, that of sites there included.

    `distances` in km, demand by candidates; `fixed` those to the nearest own site, inf without any; `weights` 0 or
    more; 0 < `new` <= candidates; with a `purse` fewer where it is empty or nothing is left to gain. Ends after about
    `seconds`, or when it is stopped, with the gap that is reached. Raises SitingRefused beyond MAX_REACHED.
    """
    assert 0 < new <= distances.shape[1]
    already = float(weights[fixed <= reach_km].sum())
    left = (fixed > reach_km) & (weights > 0)
    reached, held = _together(distances[left] <= reach_km, weights[left])
    if reached.sum() > MAX_REACHED:
        raise SitingRefused(
            f"{reached.sum():,} pairs lie within {reach_km:g} km. Take a shorter reach or fewer places."
        )
    picked = _filled([], reached, held, new, purse)
    greedy = _value(reached, held, picked)
    best, value, bound = picked, greedy, float(held.sum())
    if greedy < bound and len(held):
        found = integer.cover(reached, held, new, seconds, stopped, purse)
        bound = min(bound, found.bound)
        if found.picked is not None:
            better = _filled(_paid(found.picked.tolist(), reached, held, purse), reached, held, new, purse)
            if (gained := _value(reached, held, better)) > value:
                best, value = better, gained
    return Chosen(
        picked=tuple(sorted(best)), value=already + value, bound=already + max(bound, value), greedy=already + greedy
    )


def _together(reached: Reach, weights: Floats) -> tuple[Reach, Floats]:
    """Demand with the same candidates in reach as one; without any, it is left out."""
    some = reached.any(axis=1)
    reached, weights = reached[some], weights[some]
    if not len(reached):
        return reached, weights
    packed = np.packbits(reached, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return reached[first], np.bincount(which.reshape(-1), weights).astype(np.float64)


def _filled(picked: list[int], reached: Reach, weights: Floats, new: int, purse: Purse | None) -> list[int]:
    """With the best next candidate each time until there are so many; with a purse, the one that gains the most for
    what it costs, while there is one that gains and can be paid."""
    left = np.where(reached[:, picked].any(axis=1), 0.0, weights)
    made = list(picked)
    while len(made) < new:
        gain = left @ reached
        gain[made] = -1.0
        if purse is not None:
            gain = np.where(purse.allows(made) & (gain > 0), gain / np.maximum(purse.costs, 1e-9), -1.0)
            if gain.max() < 0:
                break
        made.append(int(gain.argmax()))
        left = np.where(reached[:, made[-1]], 0.0, left)
    return made


def _paid(picked: list[int], reached: Reach, weights: Floats, purse: Purse | None) -> list[int]:
    """Of these as many as can be paid to the last minor unit, without those that lose the least."""
    made = list(picked)
    while purse is not None and not purse.pays(made):
        by = reached[:, made]
        alone = by & (by.sum(axis=1, keepdims=True) == 1)
        del made[int((weights @ alone).argmin())]
    return made


def _value(reached: Reach, weights: Floats, picked: list[int]) -> float:
    return float(weights[reached[:, picked].any(axis=1)].sum())
