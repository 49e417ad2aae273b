"""Plugs as servers of a queue: arrivals by chance (Poisson), stays of any length where nobody waits, of exponential
length where drivers do. A. K. Erlang 1917; the formulas are in every book on teletraffic.

Load is in erlang: arrivals an hour times mean stay in hours, whether they were served or not.
"""

from math import exp
from typing import Any, Final

import numpy as np

from forecourt.platform.errors import ForecourtError

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Plugs of one site that are tried.
MAX_PLUGS: Final = 1_000


class SizingRefused(ForecourtError):
    """The site can't be sized from this. Correct what is named and ask again."""

    status = 422
    code = "sizing-refused"


def blocking(load: float, plugs: int) -> float:
    """The share of arrivals, 0 to 1, that find every plug taken and leave (Erlang B). `load` >= 0, `plugs` >= 0."""
    assert load >= 0
    assert plugs >= 0
    share = 1.0
    for taken in range(1, plugs + 1):
        share = load * share / (taken + load * share)
    return share


def blocking_each(loads: Floats, plugs: int) -> Floats:
    """The same as `blocking` of each of many loads."""
    share: Floats = np.ones_like(loads)
    for taken in range(1, plugs + 1):
        share = loads * share / (taken + loads * share)
    return share


def waiting(load: float, plugs: int, waited: float = 0.0) -> float:
    """The share of arrivals, 0 to 1, that wait longer than `waited` mean stays where all wait (Erlang C). 1 where the
    queue has no end: `plugs` <= `load`."""
    assert waited >= 0
    if plugs <= load:
        return 1.0
    lost = blocking(load, plugs)
    return plugs * lost / (plugs - load * (1 - lost)) * exp(-(plugs - load) * waited)


def busy_shares(load: float, plugs: int) -> list[float]:
    """The shares of time, adding up to 1, in which none, one and so on of `plugs` are taken where nobody waits."""
    weights = [1.0]
    for taken in range(1, plugs + 1):
        weights.append(weights[-1] * load / taken)
        if weights[-1] > 1e200:
            weights = [weight / 1e200 for weight in weights]
    total = sum(weights)
    return [weight / total for weight in weights]


def busy_at_most(load: float, plugs: int, share: float) -> int:
    """How many plugs suffice for the share `share` of time, 0 to 1, at a site of `plugs` where nobody waits."""
    held = 0.0
    for taken, weight in enumerate(busy_shares(load, plugs)):
        held += weight
        if held >= share:
            return taken
    return plugs


def plugs_for(load: float, *, target: float, waited: float | None = None) -> int:
    """The fewest plugs with at most the share `target`, above 0 and below 1, of arrivals turned away; with `waited`,
    waiting longer than so many mean stays. Raises SizingRefused beyond MAX_PLUGS."""
    assert 0 < target < 1
    share = 1.0
    for plugs in range(1, MAX_PLUGS + 1):
        # One step of the recursion of `blocking`, so that a thousand plugs take a thousand steps.
        share = load * share / (plugs + load * share)
        found = share if waited is None else waiting(load, plugs, waited) if plugs > load else 1.0
        if found <= target:
            return plugs
    raise SizingRefused(f"{load:.1f} erlang need more than {MAX_PLUGS:,} plugs. Is the stay in minutes?")
