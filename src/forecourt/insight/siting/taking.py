"""What new sites serve, and what of it they only take from own ones that are there.

Demand goes to the nearest site within reach, or to all within reach by plugs over the square of the distance: D. L.
Huff 1964, "Defining and estimating a trading area". What no site reaches is served by nobody.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.siting.model import Floats, Split

#: The power of distance by which a site is less attractive (Huff found 2 to 3 for shops; Reilly 1931 took 2).
DECAY: Final = 2.0
#: Km below which a site is no nearer than another.
NEAREST_KM: Final = 0.05


class Taken(Struct, frozen=True, kw_only=True):
    """Demand, in its own unit: that the `new` sites serve, of it `from_own` that own sites served before and
    `from_others` that others' did; `net` is what all own sites gain, new less from_own. `each` new site by its place
    in what was asked. `before` is what own sites served."""

    new: float
    from_own: float
    from_others: float
    net: float
    before: float
    each: tuple[float, ...]


class Sites(Struct, frozen=True, kw_only=True):
    """Distances in km, demand by sites; how attractive each is (plugs); whether it is one's own."""

    distances: Floats
    plugs: Floats
    own: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def taken(there: Sites, new: Sites, weights: Floats, reach_km: float, split: Split) -> Taken:
    """What changes when the new sites open."""
    before = weights @ _shares(there, reach_km, split)
    both = Sites(
        distances=np.concatenate([there.distances, new.distances], axis=1),
        plugs=np.concatenate([there.plugs, new.plugs]), own=np.concatenate([there.own, new.own]),
    )  # fmt: skip
    after = weights @ _shares(both, reach_km, split)
    count = len(there.plugs)
    lost, each = before - after[:count], after[count:]
    from_own = float(lost[there.own].sum())
    return Taken(
        new=float(each.sum()), from_own=from_own, from_others=float(lost[~there.own].sum()),
        net=float(each.sum()) - from_own, before=float(before[there.own].sum()), each=tuple(each.tolist()),
    )  # fmt: skip


def _shares(sites: Sites, reach_km: float, split: Split) -> Floats:
    """The share of each demand that goes to each site."""
    reached = sites.distances <= reach_km
    if not reached.size:
        return reached.astype(np.float64)
    if split is Split.NEAREST:
        nearest = np.zeros_like(sites.distances)
        nearest[np.arange(len(nearest)), sites.distances.argmin(axis=1)] = 1.0
        return np.where(reached, nearest, 0.0)
    pull = np.where(reached, sites.plugs / np.maximum(sites.distances, NEAREST_KM) ** DECAY, 0.0)
    total = pull.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(pull, total, out=np.zeros_like(pull), where=total > 0)
    return shares
