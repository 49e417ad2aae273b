"""The control chart: no learning, each sign of a connector against its site, smoothed or summed, the farthest counts.

It is what a model has to beat, and what stands in where there is none. EWMA by Roberts (1959), CUSUM by Page (1954); a
day is clipped, so that one wild day raises no alert (Huber). Each sign has its own limit, for some are wilder than
others: what one day in a hundred exceeds, of days that limits are set on.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from forecourt.insight.health.days import Floats, Ints
from forecourt.insight.health.features import Features

#: The share of a smoothed value that is new each day, the slack of a sum, and where a day is clipped.
LAMBDA: Final = 0.15
SLACK: Final = 0.5
CLIP: Final = 4.0
#: A sum is let grow so far.
MOST: Final = 200.0
KINDS: Final = ("ewma", "cusum")
#: Limits are exceeded on so small a share of days, and are no less than this.
BEYOND: Final = 0.01
LEAST_LIMIT: Final = 0.2


def levels(features: Features, kind: str) -> Floats:
    """Each sign's level of each plug and day, by one of KINDS: (plugs, days, signs). A day of which nothing is known
    of a sign changes nothing; a connector that was down begins anew."""
    steps = np.clip(features.daily, -CLIP, CLIP)
    plugs, days, signs = steps.shape
    level = np.zeros((plugs, signs))
    found = np.zeros((plugs, days, signs))
    for day in range(days):
        fresh = np.isfinite(steps[:, day])
        step = np.where(fresh, steps[:, day], 0.0)
        smoothed, summed = (1 - LAMBDA) * level + LAMBDA * step, np.clip(level + step - SLACK, 0.0, MOST)
        moved = smoothed if kind == "ewma" else summed
        level = np.where(fresh, moved, level)
        level[~features.known[:, day]] = 0.0
        found[:, day] = level
    return found


def limits(networks: Sequence[Features], kind: str) -> list[float]:
    """Of each sign the level that one day in a hundred exceeds."""
    known = np.concatenate([levels(each, kind)[each.known] for each in networks])
    return [max(float(limit), LEAST_LIMIT) for limit in np.quantile(known, 1 - BEYOND, axis=0)]


def charted(features: Features, kind: str, of_signs: Sequence[float]) -> tuple[Floats, Ints]:
    """Of each plug and day how far its worst sign is, in its limits, and which of SIGNS that is."""
    shares = levels(features, kind) / np.asarray(of_signs)
    return np.asarray(shares.max(2)), np.asarray(shares.argmax(2))


def on_scale(shares: Floats, threshold: float) -> Floats:
    """Levels in shares of the chart's threshold as risks of a model that alerts from `threshold` on, in (0, 1): both
    alert alike, and what is farther out has the higher risk, below 1."""
    beyond = 1 - (1 - threshold) / np.maximum(shares, 1.0)
    return np.asarray(np.where(shares <= 1, shares * threshold, beyond))
