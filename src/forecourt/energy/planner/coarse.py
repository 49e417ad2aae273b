"""Steps that are fine now and coarse later: what is hours away will be planned again before it comes.

A car that leaves within a coarse step is planned to leave at its beginning, and one that comes within it at its end:
a plan must not count on time that there isn't.
"""

from typing import Final

import numpy as np
from msgspec import structs

from forecourt.energy.planner.problem import Cars, Horizon, Ints
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


def cars_in(cars: Cars, edges: Ints) -> Cars:
    """The cars in coarse steps; each has one at least."""
    first = np.searchsorted(edges, cars.first, side="left")
    last = np.searchsorted(edges, cars.last, side="right") - 1
    first = np.where(last > first, first, np.searchsorted(edges, cars.first, side="right") - 1)
    return structs.replace(cars, first=first, last=np.minimum(np.maximum(last, first + 1), len(edges) - 1))
