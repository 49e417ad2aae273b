"""Steps that are fine now and coarse later: what is hours away will be planned again before it comes.

A car that leaves within a coarse step is there for its part of it, and one that comes within it from the next one on:
a plan must not count on time that there isn't.
"""

from typing import Final

import numpy as np
from msgspec import structs

from forecourt.energy.planner.problem import Cars, Horizon, Ints, gone_h
from forecourt.energy.planner.steps import stays_in
from forecourt.energy.rows import Floats

#: From so many hours ahead on, steps have at least so many minutes.
GRAIN: Final = ((1.0, 15.0), (4.0, 30.0))


def edges_of(hours: Floats) -> Ints:
    """Where coarse steps begin, as numbers of the steps whose lengths are given, and where the last one ends."""
    begins = np.concatenate([[0.0], np.cumsum(hours)])
    edges, step = [0], 0
    while step < len(hours):
        least_h = max([minutes / 60 for ahead_h, minutes in GRAIN if begins[step] >= ahead_h - 1e-9], default=0.0)
        step = max(step + 1, int(np.searchsorted(begins, begins[step] + least_h - 1e-9)))
        edges.append(min(step, len(hours)))
    return np.array(edges, dtype=np.int64)


def horizon_in(horizon: Horizon, edges: Ints) -> Horizon:
    """The horizon in coarse steps: means by time, and the least of limits."""
    begins = edges[:-1]
    hours = np.add.reduceat(horizon.hours, begins)
    means = {
        name: np.add.reduceat(getattr(horizon, name) * horizon.hours, begins) / hours
        for name in ("price", "feed_in", "load_kw", "solar_kw")
    }
    return structs.replace(horizon, hours=hours, limit_kw=np.minimum.reduceat(horizon.limit_kw, begins), **means)


def limits_in(limits: Floats, edges: Ints) -> Floats:
    """Limits of rows in coarse steps, (rows, steps): the least of each."""
    return np.asarray(np.minimum.reduceat(limits, edges[:-1], axis=1)) if limits.size else limits[:, : len(edges) - 1]


def cars_in(cars: Cars, hours: Floats, edges: Ints) -> Cars:
    """The cars, of steps whose lengths are given, in coarse steps; each has one, or a part of one, at least."""
    at = np.concatenate([[0.0], np.cumsum(hours)])
    first, last, last_share = stays_in(at[edges[1:]], at[cars.first], gone_h(cars, hours))
    return structs.replace(cars, first=first, last=last, last_share=last_share)
