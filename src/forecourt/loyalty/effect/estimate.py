"""The estimator: by how much two groups that chance made differ, with an interval and a p-value. Pure.

Everybody who was meant is counted, whether they came or not (intention to treat). What each driver did before the
campaign narrows the interval: within each group the outcome is regressed on it, and both groups are compared where the
mean driver of all stands. That is least squares with an interaction (Lin, Annals of Applied Statistics 7, 2013), which
is consistent whatever the true relation, and in large groups never less exact than the plain difference (CUPED's idea:
Deng, Xu, Kohavi and Walker, WSDM 2013). Errors are robust ones (HC2, MacKinnon and White 1985), with the degrees of
freedom of Welch and Satterthwaite, so neither equal spread nor equal groups are taken for granted.

All functions take one campaign, shape (drivers,), or many of the same size at once, shape (campaigns, drivers).
"""

from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Of each group so many at least; with fewer there is no interval that could be trusted.
MIN_GROUP: Final = 10
#: An interval that holds the truth in so many of a hundred campaigns, and how often one without effect is declared.
LEVEL: Final = 0.95
#: A driver's past counts only where it varies by more than this in both groups.
_STILL: Final = 1e-12


class Difference(Struct, frozen=True, kw_only=True):
    """Treated less held out, by driver. Each is an array over campaigns, or of shape () for one."""

    treated: Any
    held_out: Any
    difference: Any
    error: Any
    freedom: Any
    low: Any
    high: Any
    p_value: Any


def difference(outcome: Numbers, before: Numbers | None, treated: NDArray[np.bool_]) -> Difference:
    """How groups differ in the mean of an outcome. `before`: the same, or something like it, of the time before;
    `treated`: the same drivers in every campaign, or of the shape of the outcome."""
    mask = np.broadcast_to(treated, outcome.shape).astype(float)
    past = np.zeros_like(outcome) if before is None else np.asarray(before, float)
    centre = past.mean(axis=-1)
    varies = np.minimum(_spread(past, mask), _spread(past, 1 - mask)) > _STILL
    past = np.where(varies[..., None], past, 0.0)
    centre = np.where(varies, centre, 0.0)
    one, other = (_group(outcome, past, mask_, centre) for mask_ in (mask, 1 - mask))
    found = one.mean - other.mean
    # Where the mean driver stands is itself found from these drivers.
    drift = (one.slope - other.slope) ** 2 * past.var(axis=-1) / outcome.shape[-1]
    variance = one.variance + other.variance + drift
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (one.variance + other.variance) ** 2 / (
            one.variance**2 / (one.size - 2) + other.variance**2 / (other.size - 2)
        )
    freedom = np.where(np.isfinite(freedom), freedom, one.size + other.size - 4)
    return _told(one.mean, other.mean, found, np.sqrt(variance), freedom)


def difference_of_shares(part: Numbers, whole: Numbers, treated: NDArray[np.bool_]) -> Difference:
    """How groups differ in the share that one sum has of another, such as energy at night of all energy. The errors are
    those of the two ratios in their first order; drivers with nothing at all count for nothing."""
    mask = np.broadcast_to(treated, part.shape).astype(float)
    groups = []
    for chosen in (mask, 1 - mask):
        size, total = chosen.sum(axis=-1), (whole * chosen).sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (part * chosen).sum(axis=-1) / total
            moved = (part - ratio[..., None] * whole) * chosen * (size / total)[..., None]
            variance = (moved**2).sum(axis=-1) / (size * (size - 1))
        groups.append((ratio, variance, size))
    (one, first, many), (other, second, few) = groups
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (first + second) ** 2 / (first**2 / (many - 1) + second**2 / (few - 1))
    return _told(one, other, one - other, np.sqrt(first + second), freedom)


class _Group(Struct, frozen=True, kw_only=True):
    """One group: its mean where the mean driver stands, that one's variance, the slope on the past, and its size."""

    mean: Any
    variance: Any
    slope: Any
    size: Any


def _group(outcome: Numbers, past: Numbers, mask: Numbers, centre: Numbers) -> _Group:
    size = mask.sum(axis=-1)
    mean, middle = (outcome * mask).sum(axis=-1) / size, (past * mask).sum(axis=-1) / size
    apart = (past - middle[..., None]) * mask
    squares = (apart**2).sum(axis=-1)
    squares = np.where(squares > _STILL, squares, 1.0)
    slope = (apart * outcome).sum(axis=-1) / squares
    rest = (outcome - mean[..., None] - slope[..., None] * apart) * mask
    leverage = mask / size[..., None] + apart**2 / squares[..., None]
    weight = mask / size[..., None] + ((centre - middle) / squares)[..., None] * apart
    variance = (weight**2 * rest**2 / np.maximum(1 - leverage, _STILL)).sum(axis=-1)
    return _Group(mean=mean + slope * (centre - middle), variance=variance, slope=slope, size=size)


def _spread(past: Numbers, mask: Numbers) -> Numbers:
    size = mask.sum(axis=-1)
    middle = (past * mask).sum(axis=-1) / size
    found: Numbers = (((past - middle[..., None]) * mask) ** 2).sum(axis=-1)
    return found


def _told(treated: Any, held_out: Any, found: Any, error: Any, freedom: Any) -> Difference:
    from scipy import special  # long to load, and most processes ask for no effect

    reach = special.stdtrit(freedom, 0.5 + LEVEL / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = np.where(
            error > 0, 2 * special.stdtr(freedom, -np.abs(found / error)), np.where(found == 0, 1.0, 0.0)
        )
    return Difference(
        treated=treated, held_out=held_out, difference=found, error=error, freedom=freedom, low=found - reach,
        high=found + reach, p_value=p_value,
    )  # fmt: skip
