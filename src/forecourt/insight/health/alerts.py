"""When a risk is an alert: it stands above a threshold for two days, and lasts until it has been low for a while."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.health.days import Flags, Floats

#: Days in a row above the threshold that raise an alert.
HELD_D: Final = 2
#: An alert ends after so many days in a row below this share of its threshold.
CALM_D: Final = 7
CALM_SHARE: Final = 0.5
#: No day of any alert.
NONE: Final = -(1 << 30)


class Episode(Struct, frozen=True, kw_only=True):
    """An alert of a plug, from the day that raised it until the day before which it ended; days by number."""

    plug: int
    begun: int
    ended: int


def episodes(scores: Floats, known: Flags, threshold: float, stood: Mapping[int, int] | None = None) -> list[Episode]:
    """The alerts that a threshold gives, of (plugs, days). A day of which nothing is known ends an alert: the
    connector is down, or new. `stood`: since which day an alert of a plug stands already; below 0, since before the
    first."""
    plugs, days = scores.shape
    high = np.zeros(plugs, int)
    low = np.zeros(plugs, int)
    begun = np.full(plugs, NONE)
    found: list[Episode] = []
    since = np.full(plugs, days)
    for plug, first in (stood or {}).items():
        since[plug] = first
    begun[since < 0] = since[since < 0]
    for day in range(days):
        score, fine = scores[:, day], known[:, day]
        high = np.where(fine & (score >= threshold), high + 1, 0)
        low = np.where(score < CALM_SHARE * threshold, low + 1, 0)
        over = (begun > NONE) & (~fine | (low >= CALM_D))
        found += [Episode(plug=int(p), begun=int(begun[p]), ended=day) for p in np.flatnonzero(over)]
        begun[over] = NONE
        raised = (begun == NONE) & ((high >= HELD_D) | (since == day))
        begun[raised] = day
        low[raised] = 0
    found += [Episode(plug=int(p), begun=int(begun[p]), ended=days) for p in np.flatnonzero(begun > NONE)]
    return sorted(found, key=lambda each: (each.begun, each.plug))
