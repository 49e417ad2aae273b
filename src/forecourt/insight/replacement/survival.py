"""How many of a kind outlive an age, as lives tell by themselves: Kaplan-Meier with delayed entry, and exact bounds of
a rate. Pure.

Who enters late counts among those at risk from the age on at which he entered (Turnbull 1974; Klein & Moeschberger,
Survival Analysis, 2003, ch. 4.6).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from forecourt.insight.replacement.model import DAYS_A_YEAR, Cause, Life

Floats = NDArray[np.float64]

#: The curve begins at the youngest age at which so many are at risk: among fewer, one end would be a cliff.
LEAST_AT_RISK: Final = 5
#: 97.5 % of a normal distribution: bands of 95 % on both sides.
_Z: Final = 1.959963984540054
#: Steps of a curve that are told.
MAX_STEPS: Final = 120


class SurvivalStep(Struct, frozen=True, kw_only=True):
    """From an age on, in years, so large a share is left, with a band of 95 %; `at_risk` had come so far."""

    age_y: float
    share: float
    low: float
    high: float
    at_risk: int


class SurvivalCurve(Struct, frozen=True, kw_only=True):
    """Of those that had reached the age at which it begins; without steps nobody ended. `until_y`: no life is known
    beyond."""

    from_y: float
    until_y: float
    steps: list[SurvivalStep]


class EndRate(Struct, frozen=True, kw_only=True):
    """Ends in 100 years of use, with exact bounds of 95 %; where none ended the upper one alone, of 95 % by itself."""

    ends: int
    unit_years: float
    value: float
    low: float
    high: float


def spans(lives: Sequence[Life], cause: Cause | None) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Ages of entry and exit in years, and whether it was the end by a cause, or by any if that is None."""
    entry = np.array([each.entry_d for each in lives]) / DAYS_A_YEAR
    leave = np.array([each.exit_d for each in lives]) / DAYS_A_YEAR
    ended = [each.cause is not None and cause in (None, each.cause) for each in lives]
    return entry, leave, np.array(ended, dtype=bool)


def kaplan_meier(entry: Floats, leave: Floats, ended: NDArray[np.bool_]) -> SurvivalCurve:
    """The share that is left by age. Bands by Greenwood's variance on the scale of log(-log)."""
    if not len(leave):
        return SurvivalCurve(from_y=0.0, until_y=0.0, steps=[])
    entries, leaves = np.sort(entry), np.sort(leave)
    ages, deaths = np.unique(leave[ended], return_counts=True)
    # At risk at an age: entered before it, and not yet gone.
    at_risk = np.searchsorted(entries, ages, "left") - np.searchsorted(leaves, ages, "left")
    begin = _begins(entries, leaves)
    later = ages > begin
    ages, deaths, at_risk = ages[later], deaths[later], at_risk[later]
    share = np.cumprod(1 - deaths / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(deaths / (at_risk * (at_risk - deaths)))) / np.abs(np.log(share))
        low, high = share ** np.exp(_Z * spread), share ** np.exp(-_Z * spread)
    gone = ~np.isfinite(low) | (share <= 0)
    low, high = np.where(gone, 0.0, low), np.where(gone, np.concatenate(([1.0], high[:-1])), high)
    kept = np.unique(np.linspace(0, max(len(ages) - 1, 0), min(len(ages), MAX_STEPS)).round().astype(int))
    return SurvivalCurve(
        from_y=float(begin), until_y=float(leaves[-1]),
        steps=[
            SurvivalStep(age_y=float(ages[i]), share=float(share[i]), low=float(low[i]), high=float(high[i]),
                 at_risk=int(at_risk[i]))
            for i in kept
        ],
    )  # fmt: skip


def _begins(entries: Floats, leaves: Floats) -> float:
    """The youngest age at which enough are at risk, or of few lives the one at which most are."""
    numbers = np.arange(1, len(entries) + 1) - np.searchsorted(leaves, entries, "left")
    enough = min(LEAST_AT_RISK, int(numbers.max()))
    return float(entries[int(np.argmax(numbers >= enough))])


def rate_of(ends: int, unit_years: float) -> EndRate | None:
    """Exact for ends that come by chance at one rate (Garwood 1936): none in T years, and it is below 3/T. None
    without a year of use."""
    from scipy import special  # long to load, and most processes ask for no rate

    if unit_years <= 0:
        return None
    low = float(special.gammaincinv(ends, 0.025)) if ends else 0.0
    high = float(special.gammaincinv(ends + 1, 0.975 if ends else 0.95))
    each = 100 / unit_years
    return EndRate(ends=ends, unit_years=unit_years, value=ends * each, low=low * each, high=high * each)
