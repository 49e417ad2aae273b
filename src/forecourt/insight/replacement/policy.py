"""When replacing ahead pays: the age at which it is cheapest in the long run, if at any. Pure.

Age replacement (Barlow & Hunter 1960): what is replaced at age T, or when it fails, costs (c_p R(T) + c_f F(T)) / the
mean of min(life, T) a year. Where the hazard does not rise, waiting is never dearer. Damage from outside comes whatever
the age, and is left out.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.replacement.survival import Floats
from forecourt.insight.replacement.weibull import Draws

#: How sure it must be that ahead is cheaper.
SURE: Final = 0.8
#: A share of the cost that must be saved.
LEAST_SAVED: Final = 0.02
#: Ages that are tried, up to so many times the mean life.
_AGES: Final = 160
_LIVES: Final = 1.5
#: Points of the integral below each age.
_POINTS: Final = 8
#: Draws that are looked at.
_DRAWS: Final = 250


class AheadVerdict(StrEnum):
    """Whether replacing ahead pays."""

    PAYS = "pays"
    #: It is not known that the hazard rises with age (shape above 1): whoever waits loses nothing.
    NOT_RISING = "not_rising"
    #: A planned replacement costs as much as a failed one.
    AS_DEAR = "as_dear"
    #: It would save too little, or it isn't sure that it saves anything.
    TOO_LITTLE = "too_little"


class AheadAdvice(Struct, frozen=True, kw_only=True):
    """At which age it is cheapest to replace ahead, what share of the cost of waiting is saved then, and how sure it
    is that something is. `beyond`: no life is known at that age."""

    verdict: AheadVerdict
    rising: float
    age_y: float | None = None
    saved: float | None = None
    sure: float | None = None
    beyond: bool = False


def advice(wear: Draws, model: int, planned_minor: int, failed_minor: int, known_until_y: float) -> AheadAdvice:
    """For a model, with what a planned and a failed replacement cost, downtime included."""
    rising = float((wear.shape > 1).mean())
    if planned_minor >= failed_minor:
        return AheadAdvice(verdict=AheadVerdict.AS_DEAR, rising=rising)
    if rising < SURE:
        return AheadAdvice(verdict=AheadVerdict.NOT_RISING, rising=rising)
    shape, theta = wear.shape[:_DRAWS], wear.theta[:_DRAWS, model]
    ages, costs, waiting = _costs(shape, theta, planned_minor / failed_minor)
    best = int(np.argmin((costs / waiting[:, None]).mean(axis=0)))
    saved = 1 - costs[:, best] / waiting
    sure, share = float((saved > 0).mean()), float(saved.mean())
    pays = sure >= SURE and share >= LEAST_SAVED
    return AheadAdvice(
        verdict=AheadVerdict.PAYS if pays else AheadVerdict.TOO_LITTLE, rising=rising,
        age_y=float(ages[best]) if pays else None, saved=share, sure=sure, beyond=bool(ages[best] > known_until_y),
    )  # fmt: skip


def _costs(shape: Floats, theta: Floats, planned: float) -> tuple[Floats, Floats, Floats]:
    """Ages, the cost a year of replacing at each (draw, age) in units of a failed replacement, and that of waiting."""
    from scipy import special  # long to load, and most processes ask for no advice

    mean = special.gamma(1 + 1 / shape) * theta ** (-1 / shape)
    top = _LIVES * float(np.median(mean))
    fine = np.linspace(0, top, _AGES * _POINTS + 1)
    outlives = np.exp(-theta[:, None] * fine[None, :] ** shape[:, None])
    lived = np.cumsum((outlives[:, 1:] + outlives[:, :-1]) / 2, axis=1) * (fine[1] - fine[0])
    at = np.arange(1, _AGES + 1) * _POINTS
    left = outlives[:, at]
    return fine[at], (planned * left + (1 - left)) / lived[:, at - 1], 1 / mean
