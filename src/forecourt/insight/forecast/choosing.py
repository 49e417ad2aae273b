"""The choice among methods, on validation hours alone: which one, or which weights of several.

Weights are at least 0 and add up to 1. Each candidate is judged on the half of the validation that its weights were
not found on, and is taken instead of the best simple method only where it wins by more than chance explains.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.insight.forecast.series import Floats

Metric = Literal["wape", "rmse"]
#: A part of the week ahead: from which hour until which, and in words.
Band = tuple[int, int, str]
BANDS: Final[tuple[Band, ...]] = ((0, 6, "1 to 6 h"), (6, 24, "7 to 24 h"), (24, 168, "2 to 7 days"))
#: Hours of each series that weights are found on.
MAX_HOURS: Final = 2_000
#: Steps towards the best weights: for all series together, and from there for each by itself.
STEPS_TOGETHER: Final = 120
STEPS_ALONE: Final = 40
RATE: Final = 1.0
LEAST_SLOPE: Final = 0.2
#: What weights aim at: the middle, or instead of a quantile the mean.
MIDDLE: Final = 0.5
MEAN: Final = -1.0
#: Hours before an origin over none of which a choice may have lost against the simple method, else that is taken.
GUARDS_H: Final = (5 * 24, 14 * 24)
#: The same of quantiles, whose losses tell less.
QUANTILE_GUARDS_H: Final = (14 * 24,)
#: What may be chance: so many times the root of the sum of squares of what was won or lost from each origin.
GUARD_SLACK: Final = 0.5
#: By how many standard errors another method must win on validation before the best simple one is left.
MARGIN: Final = 1.0
#: Series judged alike from which on they speak for one another.
LEAST_ALIKE: Final = 5
#: The method that calms what series are forecast by that are judged by the squared error.
CALM: Final = "weighed_week"
#: Origins of the validation below which nothing but a simple method is taken.
LEAST_ORIGINS: Final = 4

Doubles = npt.NDArray[np.float64]


class Choice(Struct, frozen=True, kw_only=True):
    """What is chosen in one band, for each series: weights (series, methods), the best simple method by its number,
    what is chosen (`simple`, `one` other method, a `blend`), its loss and that of the simple method. `base` are the
    weights (series, methods) that are taken where no other wins: of the best simple method, but among several
    half of it and half of the best one for all of them, unless the series' own wins for sure.
    `one_simple` is the simple method that is best for all series together. Losses are sums over `validation_hours`."""

    weights: Floats
    simple: npt.NDArray[np.int64]
    base: Floats
    one_simple: int
    kinds: tuple[str, ...]
    validation: Doubles
    simple_validation: Doubles
    validation_hours: npt.NDArray[np.int64]


def metrics_of(forecasts: Floats, actual: Floats, simple: int) -> list[Metric]:
    """How the points of each series are judged: by the absolute error, but where saying zero always would win by that
    against every simple method (series that mostly stand still), by the squared error, which asks for the mean."""
    known = np.isfinite(actual)
    size = np.where(known, actual, 0).sum((1, 2))
    losses = np.stack([_loss(each, actual, squared=False).sum(1) for each in forecasts[:simple]])
    return ["rmse" if zero <= best else "wape" for zero, best in zip(size, losses.min(0), strict=True)]


def choose(
    forecasts: Floats, actual: Floats, names: Sequence[str], simple: int, metrics: Sequence[Metric], spacing_h: int
) -> Choice:
    """Of one band. `forecasts` is (methods, series, origins, hours) with the `simple` ones first, `actual` (series,
    origins, hours); origins are `spacing_h` hours apart."""
    squared = np.array([metric == "rmse" for metric in metrics])
    origins = actual.shape[1]
    losses = np.stack([_by_origin(each, actual, squared) for each in forecasts])
    sums = losses.sum(2)
    best = sums[:simple].argmin(0)
    series = np.arange(len(best))
    surely = independent(origins, spacing_h, actual.shape[2])
    base = _bases(losses[:simple], squared, surely, names)
    against = _by_origin(blended(base, forecasts), actual, squared)
    weights = base.copy()
    kinds = ["simple"] * len(best)
    validation = against.sum(1)
    one_simple = _one_simple(sums[:simple], squared)
    if origins >= LEAST_ORIGINS:
        _prefer(forecasts, actual, names, simple, squared, surely, losses, against, weights, kinds, validation)
    return Choice(
        weights=weights,
        simple=best,
        base=base,
        one_simple=one_simple,
        kinds=tuple(kinds),
        validation=validation,
        simple_validation=sums[best, series],
        validation_hours=np.isfinite(actual).sum((1, 2)),
    )


def _one_simple(sums: Doubles, squared: npt.NDArray[np.bool_]) -> int:
    """The simple method of the least errors of all series together; `sums` is (methods, series)."""
    return int(np.where(squared, np.sqrt(sums), sums).sum(1).argmin())


def _bases(losses: Doubles, squared: npt.NDArray[np.bool_], surely: float, names: Sequence[str]) -> Floats:
    """The weights (series, methods) by which each series is forecast where no other method wins, of losses of the
    simple ones (methods, series, origins): its own best one. Of several series that are judged alike half of that and
    half of the one that is best for all, unless their own wins for sure: which of five wins at one series is much of a
    chance, and the mean of two forecasts never loses more than they do on the mean. Where errors are squared, chance in
    a forecast costs most: there a third is the weighed week, which is made from more hours than any simple method."""
    sums = losses.sum(2)
    best = sums.argmin(0)
    each = np.eye(len(names), dtype=np.float32)
    base: Floats = each[best]
    for group in (squared, ~squared):
        if group.sum() < 2:
            continue
        one = _one_simple(sums[:, group], squared[group])
        for row in np.flatnonzero(group):
            if not wins(losses[one, row] - losses[best[row], row], surely):
                base[row] = (base[row] + each[one]) / 2
    if CALM in names:
        base[squared] = (2 * base[squared] + each[names.index(CALM)]) / 3
    return base


def independent(origins: int, spacing_h: int, hours: int) -> float:
    """How many origins would tell as much, were what is forecast from each apart from that of all others."""
    return max(2.0, origins * min(1.0, spacing_h / hours))


def wins(ahead: Doubles, surely: float) -> bool:
    """Whether what was won from each origin comes to more than MARGIN standard errors of the sum, were `surely` of the
    origins independent of each other."""
    return bool(ahead.sum() > MARGIN * ahead.std() * len(ahead) / np.sqrt(surely))


def _prefer(
    forecasts: Floats,
    actual: Floats,
    names: Sequence[str],
    simple: int,
    squared: npt.NDArray[np.bool_],
    surely: float,
    losses: Doubles,
    against: Doubles,
    weights: Floats,
    kinds: list[str],
    validation: Doubles,
) -> None:
    """Puts other methods and weights in the place of the simple one, for each series where they win for sure."""
    origins = actual.shape[1]
    half = origins // 2
    parts = (slice(0, half), slice(half, origins))
    crossed: dict[str, Doubles] = {name: losses[number] for number, name in enumerate(names)}
    for kind in ("together", "alone"):
        crossed[kind] = np.zeros_like(losses[0])
    for learn, judge in (parts, parts[::-1]):
        for kind, found in _weights(forecasts[:, :, learn], actual[:, learn], squared).items():
            mixed = np.einsum("sm,msoh->soh", found, forecasts[:, :, judge])
            crossed[kind][:, judge] = _by_origin(mixed, actual[:, judge], squared)
    final = _weights(forecasts, actual, squared)
    scores = _scores(crossed, against, squared)
    for row in range(len(against)):
        kind = min(scores, key=lambda each: float(scores[each][row]))
        error = (against[row] - crossed[kind][row]).std() * origins / np.sqrt(surely)
        if kind in names[:simple] or (1 - scores[kind][row]) * against[row].sum() <= MARGIN * error:
            continue
        validation[row] = crossed[kind][row].sum()
        if kind in final:
            weights[row], kinds[row] = final[kind][row], "blend"
        else:
            weights[row], kinds[row] = np.eye(len(names))[names.index(kind)], "one"


def _scores(crossed: dict[str, Doubles], against: Doubles, squared: npt.NDArray[np.bool_]) -> dict[str, Doubles]:
    """What each candidate loses of each series against the best simple method (1 is as much): of the series itself,
    and, where others are judged alike, as much of what it loses of all of them, for one series alone tells little."""
    scores = {}
    for kind, loss in crossed.items():
        own = loss.sum(1) / np.maximum(against.sum(1), 1e-12)
        scores[kind] = own.copy()
        for group in (squared, ~squared):
            if group.sum() >= LEAST_ALIKE:
                scores[kind][group] = (own[group] + float(np.median(own[group]))) / 2
    return scores


def blended(weights: Floats, forecasts: Floats) -> Floats:
    """(series, origins, hours) of weights (series, methods) and forecasts (methods, series, origins, hours)."""
    mixed: Floats = np.einsum("sm,msoh->soh", weights, forecasts).astype(np.float32)
    return mixed


def mean_weights(forecasts: Floats, actual: Floats) -> Floats:
    """The weights of each series that come nearest to the mean: least squares, over all series of the data set."""
    return _together_and_alone(*_levelled(forecasts, actual), MEAN)[0]


def quantile_weights(forecasts: Floats, actual: Floats, level: float) -> Floats:
    """The weights (series, methods) of several forecasts of one quantile that lose least by it."""
    return _together_and_alone(*_levelled(forecasts, actual), level)[1]


def guarded(
    ahead: Floats,
    hour: npt.NDArray[np.int64],
    origins: npt.NDArray[np.int64],
    begin: int,
    guards_h: Sequence[int] = GUARDS_H,
) -> npt.NDArray[np.bool_]:
    """Whether a choice is kept, (series, origins from number `begin` on): not where it lost against the simple one over
    one of `guards_h` hours before the origin. `ahead` (series, origins, hours) is by how much it won in an hour, 0
    where nobody knows; `hour` (origins, hours) which hour that is."""
    return np.stack([kept_at(ahead, hour, origins, now, guards_h) for now in origins[begin:]], axis=1)


def kept_at(
    ahead: Floats,
    hour: npt.NDArray[np.int64],
    origins: npt.NDArray[np.int64],
    now: int,
    guards_h: Sequence[int] = GUARDS_H,
) -> npt.NDArray[np.bool_]:
    """The same, (series), of a forecast that is made in the hour `now`."""
    held = []
    for back in guards_h:
        recent = (hour >= now - back) & (hour < now) & (origins < now)[:, None]
        of_origin = np.where(recent[None], ahead, 0).sum(2, dtype=np.float64)
        held.append(of_origin.sum(1) >= -GUARD_SLACK * np.sqrt((of_origin**2).sum(1)))
    kept: npt.NDArray[np.bool_] = np.all(held, axis=0)
    return kept


def hourly_loss(forecast: Floats, actual: Floats, metrics: Sequence[Metric]) -> Floats:
    """The absolute or squared error of each hour by the metric of its series (the first axis), 0 where nobody knows."""
    error = np.where(np.isfinite(actual), forecast - actual, 0)
    squared = np.array([metric == "rmse" for metric in metrics])
    return np.where(squared[:, None, None], error**2, np.abs(error)).astype(np.float32)


def _loss(forecast: Floats, actual: Floats, *, squared: bool) -> Doubles:
    """(series, origins): of hours that are known."""
    error = np.where(np.isfinite(actual), forecast - actual, 0).astype(np.float64)
    loss: Doubles = (error**2 if squared else np.abs(error)).sum(2)
    return loss


def _by_origin(forecast: Floats, actual: Floats, squared: npt.NDArray[np.bool_]) -> Doubles:
    return np.where(squared[:, None], _loss(forecast, actual, squared=True), _loss(forecast, actual, squared=False))


def _weights(forecasts: Floats, actual: Floats, squared: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Those found for all series of one metric together, and from there for each alone."""
    flat, y = _levelled(forecasts, actual)
    together = np.zeros((len(y), len(flat)), np.float32)
    alone = together.copy()
    for square in (False, True):
        group = squared == square
        if group.any():
            aim = MEAN if square else MIDDLE
            together[group], alone[group] = _together_and_alone(flat[:, group], y[group], aim)
    return {"together": together, "alone": alone}


def _levelled(forecasts: Floats, actual: Floats) -> tuple[Floats, Floats]:
    """No more than MAX_HOURS of each series, divided by its level: (methods, series, hours) and (series, hours)."""
    methods, series = forecasts.shape[:2]
    flat, known = forecasts.reshape(methods, series, -1), actual.reshape(series, -1)
    step = -(-known.shape[1] // MAX_HOURS)
    flat, known = flat[:, :, ::step], known[:, ::step]
    there = np.isfinite(known)
    level = np.where(there, known, 0).sum(1) / np.maximum(there.sum(1), 1)
    level = np.maximum(np.maximum(level, flat.mean((0, 2))), 1e-6).astype(np.float32)
    return flat / level[None, :, None], known / level[:, None]


def _together_and_alone(flat: Floats, y: Floats, aim: float) -> tuple[Floats, Floats]:
    start = np.full((len(y), len(flat)), 1 / len(flat), np.float32)
    together = _descend(start, flat, y, aim, STEPS_TOGETHER, one=True)
    return together, _descend(together, flat, y, aim, STEPS_ALONE, one=False)


def _descend(start: Floats, flat: Floats, y: Floats, aim: float, steps: int, *, one: bool) -> Floats:
    """Exponentiated gradient (Kivinen and Warmuth 1997) on the simplex towards a quantile, or the MEAN; `one`: the same
    weights for all series."""
    known = np.isfinite(y)
    target = np.where(known, y, 0)
    number = np.maximum(known.sum(1), 1)[:, None].astype(np.float32)
    weights, total = start.copy(), np.zeros_like(start)
    for step in range(steps):
        error = np.where(known, np.einsum("sm,msk->sk", weights, flat) - target, 0)
        slope = 2 * error if aim == MEAN else np.where(error > 0, 1 - aim, -aim * (error < 0)) * 2
        gradient = np.einsum("sk,msk->sm", slope.astype(np.float32), flat) / number
        if one:
            gradient = np.broadcast_to(gradient.mean(0), gradient.shape)
        gradient = gradient - gradient.mean(1, keepdims=True)
        rate = RATE / np.sqrt(1 + step) / np.maximum(np.abs(gradient).max(1, keepdims=True), LEAST_SLOPE)
        weights = weights * np.exp(-rate * gradient)
        weights = weights / weights.sum(1, keepdims=True)
        total += weights
    mean = total / steps
    return (mean if one else (mean + start) / 2).astype(np.float32)
