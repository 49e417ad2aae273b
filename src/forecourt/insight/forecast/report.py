"""What a backtest found, in figures that can be reckoned again from the forecasts, and in words.

Of points the mean absolute error counts (WAPE: the sum of errors by the sum of what came); of series that mostly stand
still, where saying zero would win by that, the root of the mean squared error. Skill is 1 less the error by that of the
best simple method, both chosen on validation: 0.1 is 10 % less error.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct, field

from forecourt.insight.forecast import intervals, methods
from forecourt.insight.forecast.backtest import Run
from forecourt.insight.forecast.choosing import Metric
from forecourt.insight.forecast.plan import LEAST_TAUGHT
from forecourt.insight.forecast.quantiles import pinball
from forecourt.insight.forecast.series import UNITS, Floats, Target

#: The skill that a forecast is to have on one series at least, and the loss that none may have on a data set.
GOAL: Final = 0.08
MOST_LOSS: Final = 0.01
#: Bounds within which intervals that are to cover 80 % are to cover.
LEAST_COVER, MOST_COVER = 0.75, 0.85
#: Weights below this are left out of words.
LEAST_WEIGHT: Final = 0.03
#: The share of the hours of validation and test that must be known for a series to be judged.
LEAST_KNOWN: Final = 0.5

#: Methods in words.
WORDS: Final[dict[str, str]] = {
    name: (method.__doc__ or "").split("\n")[0].rstrip(".")
    for name, method in (methods.SIMPLE | methods.WEIGHED).items()
} | {
    "learned_median": "trees learned over all series, for the middle",
    "learned_mean": "trees learned over all series, for the mean",
}


class InBand(Struct, frozen=True, kw_only=True):
    """One series so many hours ahead. Errors are mean absolute ones, or roots of mean squared ones, in the unit of the
    target, by the metric of the series; `errors` of every method on the test, told after the choice."""

    ahead: str
    simple: str
    weights: dict[str, float]
    validation_error: float
    validation_simple_error: float
    error: float
    simple_error: float
    skill: float | None
    errors: dict[str, float]


class OfSeries(Struct, frozen=True, kw_only=True):
    """One series, over all hours ahead. `coverage` is the share of the test inside the 80 % interval, `coverage_busy`
    the same of hours with any use; `pinball` the mean over levels 0.1, 0.5, 0.9, in the unit of the target."""

    series: str
    network: bool
    metric: Metric
    method: str
    mean: float
    zero_share: float
    hours: int
    error: float
    simple_error: float
    skill: float | None
    wape: float | None
    simple_wape: float | None
    rmse: float
    simple_rmse: float
    coverage: float
    coverage_busy: float | None
    pinball: float
    seasonal_pinball: float
    pinball_skill: float | None
    bands: list[InBand]


class NotJudged(Struct, frozen=True, kw_only=True):
    """A series that nothing can be said of, and why."""

    series: str
    reason: str


class Split(Struct, frozen=True, kw_only=True):
    """One era of a data set: when its parts begin by the sites' own clock, how far ahead, from how many origins."""

    training_from: str
    validation_from: str
    test_from: str
    test_until: str
    horizon_h: int
    spacing_h: int
    validation_origins: int
    test_origins: int
    series: list[str]


class OfDataSet(Struct, kw_only=True):
    """One target of one file. Skills and coverage are of all sites that were judged, or, where none can be, of their
    sum; the network stands in `series`.

    `skill` is against the best simple method of each series, `skill_over_one` against the one simple method that is
    best for all of them; both chosen on validation. `least_coverage` is what intervals come to that hold zero and cover
    no series less than they are to: the share of hours of nothing, where that is more.
    """

    file: str
    target: Target
    unit: str
    series_read: int
    judged: int = 0
    skill: float | None = None
    skill_over_one: float | None = None
    best_series: str | None = None
    best_skill: float | None = None
    worst_skill: float | None = None
    skill_by_band: dict[str, float] = field(default_factory=dict)
    coverage: float | None = None
    least_coverage: float | None = None
    pinball_skill: float | None = None
    never_worse: bool | None = None
    goal_met: bool | None = None
    covered: bool | None = None
    words: list[str] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    series: list[OfSeries] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)


class OfFile(Struct, kw_only=True):
    """One file: how it was read, and each target."""

    file: str
    form: str
    rows: int
    refused: dict[str, int]
    notes: list[str]
    targets: list[OfDataSet] = field(default_factory=list)


class Report(Struct, kw_only=True):
    """All files. `learned` says whether LightGBM was there; `limits` are what bounds a run."""

    format: int = 1
    seed: int
    learned: bool
    metric: str = (
        "points: mean absolute error (WAPE), of series where saying zero would win by that, root mean squared error;"
        " intervals: coverage of 80 % and pinball loss at 0.1, 0.5, 0.9"
    )
    files: list[OfFile] = field(default_factory=list)


def gathered(found: OfDataSet, runs: Sequence[Run]) -> None:
    """Puts what runs found into a data set: its series, its sums, and what they come to in words."""
    sites: list[tuple[Run, int]] = []
    sums: list[tuple[Run, int]] = []
    for run in runs:
        found.splits.append(split_of(run))
        for row, name in enumerate(run.panel.names):
            reason = unjudged(run, row)
            if reason is not None:
                found.not_judged.append(NotJudged(series=name, reason=reason))
                continue
            found.series.append(judged(run, row))
            (sums if run.panel.totals[row] else sites).append((run, row))
    found.judged = len(sites)
    if sites or sums:
        _sum_up(found, sites or sums)
    found.words = [*found.words, *_words(found)]


def split_of(run: Run) -> Split:
    """How a run parted the past."""
    plan, panel = run.plan, run.panel
    return Split(
        training_from=panel.at(0).isoformat(),
        validation_from=panel.at(plan.validation_h).isoformat(),
        test_from=panel.at(plan.test_h).isoformat(),
        test_until=panel.at(plan.end_h).isoformat(),
        horizon_h=plan.horizon_h,
        spacing_h=plan.spacing_h,
        validation_origins=len(plan.origins("validation")),
        test_origins=len(run.test.origins),
        series=list(run.panel.names),
    )


def unjudged(run: Run, row: int) -> str | None:
    """Why nothing can be said of a series by a run; None: it can."""
    plan, values = run.plan, run.panel.values[row]
    parts = {
        "training": values[: plan.validation_h],
        "validation": values[plan.validation_h : plan.test_h],
        "test": values[plan.test_h : plan.end_h],
    }
    for name, part in parts.items():
        known = np.isfinite(part)
        if known.mean() < (LEAST_KNOWN if name != "training" else LEAST_TAUGHT):
            return f"too few hours of the {name} are known"
        if name != "training" and not np.nan_to_num(part).any():
            return f"nothing came in the {name}"
    if np.nanmin(values) == np.nanmax(values):
        return "it is the same in every hour: every method is right"
    return None


def _error(forecast: Floats, actual: Floats, metric: Metric) -> float:
    """The mean over hours that are known."""
    error = (forecast - actual)[np.isfinite(actual)].astype(np.float64)
    if not error.size:
        return 0.0
    return float(np.sqrt((error**2).mean()) if metric == "rmse" else np.abs(error).mean())


def _skill(error: float, other: float) -> float | None:
    return None if other <= 0 else 1 - error / other


def judged(run: Run, row: int) -> OfSeries:
    """What a run found of one of its series."""
    actual, points, simple = run.test.actual[row], run.points[row], run.simple[row]
    known = np.isfinite(actual)
    metric = run.metrics[row]
    errors = {which: (_error(points, actual, which), _error(simple, actual, which)) for which in ("wape", "rmse")}
    mean = float(actual[known].mean())
    inside = (actual >= run.intervals.low[row]) & (actual <= run.intervals.high[row])
    busy = known & (np.nan_to_num(actual) > 0)
    ours = float(pinball(run.intervals.quantiles[:, row : row + 1], actual[None])[0])
    seasonal = float(pinball(run.intervals.seasonal[:, row : row + 1], actual[None])[0])
    bands = [_band(run, number, row) for number in range(len(run.bands))]
    return OfSeries(
        series=run.panel.names[row],
        network=run.panel.totals[row],
        metric=metric,
        method=_method(run, row),
        mean=mean,
        zero_share=float((actual[known] == 0).mean()),
        hours=int(known.sum()),
        error=errors[metric][0],
        simple_error=errors[metric][1],
        skill=_skill(*errors[metric]),
        wape=errors["wape"][0] / mean if mean else None,
        simple_wape=errors["wape"][1] / mean if mean else None,
        rmse=errors["rmse"][0],
        simple_rmse=errors["rmse"][1],
        coverage=float(inside[known].mean()),
        coverage_busy=float(inside[busy].mean()) if busy.any() else None,
        pinball=ours,
        seasonal_pinball=seasonal,
        pinball_skill=_skill(ours, seasonal),
        bands=bands,
    )


def _band(run: Run, number: int, row: int) -> InBand:
    first, end, words = run.bands[number]
    choice, metric = run.choices[number], run.metrics[row]
    hours = (row, slice(None), slice(first, end))
    actual = run.test.actual[hours]
    ours, simple = _error(run.points[hours], actual, metric), _error(run.simple[hours], actual, metric)
    each = {name: _error(run.test.forecasts[place][hours], actual, metric) for place, name in enumerate(run.methods)}
    seen = max(1, choice.validation_hours[row])
    sums = (float(choice.validation[row]) / seen, float(choice.simple_validation[row]) / seen)
    validation = tuple(np.sqrt(value) if metric == "rmse" else value for value in sums)
    return InBand(
        ahead=words,
        simple=run.methods[choice.simple[row]],
        weights=_weights(run, number, row),
        validation_error=float(validation[0]),
        validation_simple_error=float(validation[1]),
        error=ours,
        simple_error=simple,
        skill=_skill(ours, simple),
        errors=each,
    )


def _weights(run: Run, number: int, row: int) -> dict[str, float]:
    weights = run.choices[number].weights[row]
    return {name: float(weight) for name, weight in zip(run.methods, weights, strict=True) if weight > 0}


def told(weights: dict[str, float]) -> str:
    """A choice in words."""
    large = sorted(((weight, name) for name, weight in weights.items() if weight >= LEAST_WEIGHT), reverse=True)
    if len(large) == 1:
        return name_of(large[0][1])
    return " + ".join(f"{weight:.0%} {name_of(name)}" for weight, name in large)


def name_of(method: str) -> str:
    """A method as tables name it."""
    return method.replace("_", " ")


def _method(run: Run, row: int) -> str:
    each = [(band[2], told(_weights(run, number, row))) for number, band in enumerate(run.bands)]
    if len({words for _, words in each}) == 1:
        return each[0][1]
    return "; ".join(f"{ahead}: {words}" for ahead, words in each)


def _sum_up(found: OfDataSet, sites: Sequence[tuple[Run, int]]) -> None:
    judged = [each for each in found.series if not each.network] or found.series
    found.skill = _skill(sum(each.error for each in judged), sum(each.simple_error for each in judged))
    one = sum(_error(run.one_simple[row], run.test.actual[row], run.metrics[row]) for run, row in sites)
    found.skill_over_one = _skill(sum(each.error for each in judged), one)
    for ahead in dict.fromkeys(band.ahead for each in judged for band in each.bands):
        bands = [band for each in judged for band in each.bands if band.ahead == ahead]
        skill = _skill(sum(band.error for band in bands), sum(band.simple_error for band in bands))
        if skill is not None:
            found.skill_by_band[ahead] = skill
    skilled = [(each.skill, each.series) for each in found.series if each.skill is not None]
    if skilled:
        found.best_skill, found.best_series = max(skilled)
        found.worst_skill = min(skilled)[0]
        found.goal_met = found.best_skill >= GOAL
    hours = np.array([each.hours for each in judged], dtype=np.float64)
    found.coverage = float(np.average([each.coverage for each in judged], weights=hours))
    least = [max(intervals.COVER, each.zero_share) for each in judged]
    found.least_coverage = float(np.average(least, weights=hours))
    found.pinball_skill = _skill(sum(each.pinball for each in judged), sum(each.seasonal_pinball for each in judged))
    found.never_worse = all(each is None or each >= -MOST_LOSS for each in (found.skill, found.skill_over_one))
    found.covered = LEAST_COVER <= found.coverage <= MOST_COVER


def _words(found: OfDataSet) -> list[str]:
    if not found.series:
        return ["nothing can be judged"]
    words = [] if found.judged else ["no site can be judged by itself: what is told is of their sum"]
    if found.skill is not None and found.skill_over_one is not None:
        words.append(f"{found.skill:+.1%} against the best simple method of each series")
        words.append(f"{found.skill_over_one:+.1%} against the best one for all of them")
    good = [each for each in found.series if each.skill is not None and each.skill >= GOAL]
    if good:
        words.append(f"at least {GOAL:.0%} better on {len(good)} of {len(found.series)} series")
    elif found.best_skill is not None:
        words.append(f"no series allows {GOAL:.0%}: the best is {found.best_series}, {found.best_skill:+.1%}")
    worse = [each for each in found.series if each.skill is not None and each.skill < -MOST_LOSS]
    if worse:
        words.append(f"worse by more than {MOST_LOSS:.0%} on {len(worse)} of {len(found.series)} series")
    still = sum(each.metric == "rmse" for each in found.series)
    if still:
        words.append(f"{still} series mostly stand still and are judged by the squared error")
    if found.coverage is not None:
        words.append(f"intervals that are to cover {intervals.COVER:.0%} cover {found.coverage:.1%}")
    least = found.least_coverage
    if least is not None and least > MOST_COVER:
        words.append(f"nothing comes in so many hours that no intervals that hold zero cover less than {least:.1%}")
    if found.pinball_skill is not None:
        words.append(f"pinball loss {found.pinball_skill:+.1%} against seasonal quantiles")
    return words


def new_data_set(file: str, target: Target, series: int) -> OfDataSet:
    """One that nothing was found of yet."""
    return OfDataSet(file=file, target=target, unit=UNITS[target], series_read=series)
