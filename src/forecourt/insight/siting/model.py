"""What is asked and what is found: demand, candidates, sites that are there, scenarios; all distances in km.

A problem is two tables of distances. Of places these are as the crow flies (haversine on a sphere of EARTH_KM); of
flows they are how much longer the way becomes by going there. So what holds for one holds for the other.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np
from msgspec import Struct

from forecourt.platform.errors import ForecourtError

Floats = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.int64]]

EARTH_KM: Final = 6_371.0088
#: Distances between demand and candidates that are looked at: a table of 8 bytes each, of which a few are held.
MAX_PAIRS: Final = 4_000_000
#: Rows of any one file.
MAX_PLACES: Final = 20_000
#: New sites of one scenario.
MAX_NEW: Final = 500
#: Scenarios side by side.
MAX_SCENARIOS: Final = 12
#: Seconds that one scenario may take.
MAX_SECONDS: Final = 600.0
#: A gap below which nothing more is tried.
ENOUGH_GAP: Final = 1e-4

#: Told what is done, how much of how many.
Progress = Callable[[str, int, int], None]
#: Whether somebody wants an end.
Stopped = Callable[[], bool]


class SitingRefused(ForecourtError):
    """Sites can't be chosen from this. Correct what is named and ask again."""

    status = 422
    code = "siting-refused"


class SitingStopped(ForecourtError):
    """It was stopped."""

    status = 409
    code = "siting-stopped"


class Method(StrEnum):
    """What new sites are chosen by."""

    #: The shortest way on average, weighed by demand (Hakimi 1964).
    MEDIAN = "median"
    #: The most demand within the radius of a site (Church and ReVelle 1974).
    COVER = "cover"
    #: The most traffic with a site within the detour, counted once (Hodgson 1990; Berman, Larson and Fouska 1992).
    FLOW = "flow"


class Split(StrEnum):
    """To which of several sites demand goes."""

    #: The nearest one within reach, all of it.
    NEAREST = "nearest"
    #: Those within reach, by plugs over the square of the distance (Huff 1964).
    HUFF = "huff"


class Place(Struct, frozen=True, kw_only=True):
    """Degrees of WGS 84, or of one other system for all. `weight` is demand, in whatever unit its file has, 0 or more;
    of a site `plugs` at least 1 and whether it is one's `own`; of a candidate what a site there costs, in whole minor
    units, where that is not what any does."""

    name: str
    latitude: float
    longitude: float
    weight: float = 1.0
    plugs: int = 1
    own: bool = True
    cost_minor: int | None = None


class Flow(Struct, frozen=True, kw_only=True):
    """Traffic along a way: points of (latitude, longitude) in degrees, at least two, and how much, 0 or more."""

    name: str
    points: tuple[tuple[float, float], ...]
    weight: float


class Asked(Struct, frozen=True, kw_only=True):
    """All that scenarios share. `measured`: demand is use that was measured, not a proxy for it. A new site costs, in
    whole minor units, `site_minor` and `per_plug_minor` for each of its plugs, where its place says nothing else."""

    candidates: tuple[Place, ...]
    demand: tuple[Place, ...] = ()
    flows: tuple[Flow, ...] = ()
    existing: tuple[Place, ...] = ()
    split: Split = Split.NEAREST
    measured: bool = False
    site_minor: int = 0
    per_plug_minor: int = 0

    @property
    def costs(self) -> tuple[int, ...]:
        """Of a site at each candidate, in whole minor units."""
        return tuple(
            self.site_minor + each.plugs * self.per_plug_minor if each.cost_minor is None else each.cost_minor
            for each in self.candidates
        )


class Scenario(Struct, frozen=True, kw_only=True):
    """`new` sites at the most, by a method; with `budget_minor`, no more than that pays. `reach_km` is the
    radius, or of flows the detour: the farthest that demand goes; a median counts longer ways too, but no demand beyond
    it as served."""

    method: Method
    new: int
    reach_km: float
    seconds: float = 60.0
    budget_minor: int | None = None

    @property
    def title(self) -> str:
        """In a few words."""
        what = {Method.MEDIAN: "p-median", Method.COVER: "covering", Method.FLOW: "flow capture"}[self.method]
        return f"{what}, {self.new} new, {self.reach_km:g} km"


class Chosen(Struct, frozen=True, kw_only=True):
    """Candidates by index, ascending; their `value`, and the `bound` that no choice of as many can pass. A median's
    value, in km times demand, is better the lower it is; the others' are demand, better the higher. `greedy` is the
    value of taking the best next one each time."""

    picked: tuple[int, ...]
    value: float
    bound: float
    greedy: float

    @property
    def gap(self) -> float:
        """How far the value can be from the best at most, as a share of the bound. 0: it is the best."""
        return _apart(self.value, self.bound)

    @property
    def greedy_gap(self) -> float:
        """The same of greedy choice."""
        return _apart(self.greedy, self.bound)


def _apart(value: float, bound: float) -> float:
    larger = max(abs(value), abs(bound))
    return abs(value - bound) / larger if larger > 0 else 0.0


def by_air(ones: Sequence[Place], others: Sequence[Place]) -> Floats:
    """Distances in km, a row of each of the ones."""
    return haversine(_degrees(ones), _degrees(others))


def haversine(ones: Floats, others: Floats) -> Floats:
    """Distances in km of (latitude, longitude) in degrees, a row of each of the ones."""
    here, there = np.radians(ones), np.radians(others)
    lat, lon = here[:, None, 0] - there[None, :, 0], here[:, None, 1] - there[None, :, 1]
    cosines = np.cos(here[:, 0])[:, None] * np.cos(there[:, 0])[None, :]
    square = np.sin(lat / 2) ** 2 + cosines * np.sin(lon / 2) ** 2
    ways: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(square, 1.0)))
    return ways


def detours(flows: Sequence[Flow], places: Sequence[Place]) -> Floats:
    """By how many km the way of each flow grows by going to each place: from a point of it and back to the next, at
    the best of them."""
    there = _degrees(places)
    made = np.zeros((len(flows), len(places)))
    for row, flow in enumerate(flows):
        way = haversine(np.array(flow.points), there)
        legs = np.array([haversine(np.array([one]), np.array([two]))[0, 0] for one, two in _legs(flow)])
        made[row] = np.maximum((way[:-1] + way[1:] - legs[:, None]).min(axis=0), 0.0)
    return made


def _legs(flow: Flow) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(pairwise(flow.points))


def _degrees(places: Sequence[Place]) -> Floats:
    return np.array([(place.latitude, place.longitude) for place in places], dtype=np.float64).reshape(-1, 2)
