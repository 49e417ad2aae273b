"""Whether connectors are still as they were where a model was validated: the population stability index of each sign.

Below 0.1 nothing moved, up to 0.25 something did, above the model sees what it never knew (a rule of thumb of credit
scoring; Siddiqi, 2006). A model may be right all the same; its figures are then no promise.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from forecourt.insight.health.days import Floats
from forecourt.insight.health.features import NAMES, SIGNS, Features
from forecourt.insight.health.model import Bins

#: Parts that a sign's values are put in, and what a share counts for at the least.
PARTS: Final = 10
LEAST_SHARE: Final = 1e-3
#: Days that are looked at, the latest, and connector-days below which nothing is said.
LATEST_D: Final = 30
LEAST: Final = 300
MOVED: Final = 0.1
MOVED_MUCH: Final = 0.25
_OF: Final = "days_10"


def spread_of(networks: Sequence[Features]) -> dict[str, Bins]:
    """How each sign is spread over all known days."""
    found = {}
    for sign in SIGNS:
        values = np.concatenate([_values(each, sign, slice(None)) for each in networks])
        known = values[np.isfinite(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)[1:-1])) if len(known) else np.array([0.0])
        rounded = [round(float(edge), 5) for edge in edges]
        found[sign] = Bins(edges=rounded, shares=[round(each, 5) for each in _shares(values, rounded)])
    return found


def drift(features: Features, spread: Mapping[str, Bins]) -> dict[str, float] | None:
    """The index of each sign over the latest days against what a card says; None: there are too few."""
    latest = slice(max(0, features.known.shape[1] - LATEST_D), None)
    if int(features.known[:, latest].sum()) < LEAST:
        return None
    return {
        sign: round(_index(bins.shares, _shares(_values(features, sign, latest), bins.edges)), 4)
        for sign, bins in spread.items()
        if sign in SIGNS
    }


def _values(features: Features, sign: str, days: slice) -> Floats:
    known = features.known[:, days]
    return np.asarray(features.values[:, days, NAMES.index(f"{sign}:{_OF}")][known])


def _shares(values: Floats, edges: Sequence[float]) -> list[float]:
    """Below each edge, above the last, unknown."""
    known = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(np.asarray(edges), known, side="right"), minlength=len(edges) + 1)
    total = max(len(values), 1)
    return [float(each) / total for each in (*counts, len(values) - len(known))]


def _index(expected: Sequence[float], found: Sequence[float]) -> float:
    e, f = (np.maximum(np.asarray(each), LEAST_SHARE) for each in (expected, found))
    return float(((f - e) * np.log(f / e)).sum())
