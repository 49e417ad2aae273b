"""How well the estimator tells an effect whose truth is known. Pure."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from forecourt.loyalty.effect.estimate import LEVEL, Numbers, difference


class Trial(Struct, frozen=True, kw_only=True):
    """Over many campaigns: the share declared to have an effect, and of those whose interval holds the truth; the mean
    width of intervals against that of the least error; the mean of estimates less the truth."""

    campaigns: int
    declared: float
    covered: float
    width: float
    bias: float


def try_out(during: Numbers, before: Numbers, treated: NDArray[np.bool_], *, truth: float, error: float) -> Trial:
    """What the estimator says of these campaigns, shape (campaigns, drivers). `truth`: the difference by driver;
    `error`: the least standard error that theory allows, in the same unit."""
    from scipy import special  # long to load, and most processes ask for no effect

    told = difference(during, before, treated)
    least = 2 * float(special.ndtri(0.5 + LEVEL / 2)) * error
    return Trial(
        campaigns=len(during),
        declared=float(np.mean(told.p_value < 1 - LEVEL)),
        covered=float(np.mean((told.low <= truth) & (truth <= told.high))),
        width=float(np.mean(told.high - told.low) / least),
        bias=float(np.mean(told.difference) - truth),
    )
