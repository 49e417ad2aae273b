"""What a choice comes to once it is made: from which methods a series is forecast, and what its intervals are read off.

It is found by a backtest and stays good for a while, so that a night's forecast asks for a fraction of what a choice
does. What the backtest told of a choice is told of exactly this.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from forecourt.insight.forecast import learned
from forecourt.insight.forecast.backtest import Run
from forecourt.insight.forecast.methods import SIMPLE, WEIGHED
from forecourt.insight.forecast.report import LEAST_WEIGHT
from forecourt.insight.forecast.series import Floats, Panel


class BandRecipe(Struct, frozen=True, kw_only=True):
    """From which hour ahead until which. `weights` by method are at least 0 and together 1; those of `index` blend
    what outcomes are classed by: `middles` of the classes, ascending, and the three `ends` of each."""

    first: int
    end: int
    weights: dict[str, float]
    index: dict[str, float]
    middles: list[float]
    ends: list[list[float]]


class Ahead(Struct, frozen=True, kw_only=True):
    """The hours ahead of one series: what is expected, and by how much it stays below in one, five and nine of ten
    hours like it; each at least 0 and as long as the others, in the unit of the target. What is expected lies between
    low and high."""

    expected: list[float]
    low: list[float]
    middle: list[float]
    high: list[float]


def recipe_of(run: Run, row: int) -> list[BandRecipe]:
    """By which a series is forecast after a run."""
    found = []
    for (first, end, _), choice, standing in zip(run.bands, run.choices, run.standing, strict=True):
        weights = (choice.weights if standing.kept[row] else choice.base)[row]
        found.append(
            BandRecipe(
                first=first,
                end=end,
                weights=_named(run.methods, weights),
                index=_named(run.methods, standing.weights[row]),
                middles=[float(each) for each in standing.middles[row]],
                ends=[[float(each) for each in level[row]] for level in standing.ends],
            )
        )
    return found


def ahead_of(panel: Panel, recipes: Mapping[int, Sequence[BandRecipe]], tick: Callable[[], None]) -> dict[int, Ahead]:
    """The hours after a panel's last, of the rows that have a recipe. `tick` is called before each method, and may
    raise to end it."""
    if not recipes:
        return {}
    horizon = max(band.end for recipe in recipes.values() for band in recipe)
    wanted = {name for recipe in recipes.values() for band in recipe for name in (*band.weights, *band.index)}
    forecasts = _forecasts(panel, sorted(wanted), horizon, tick)
    return {row: _ahead({name: each[row] for name, each in forecasts.items()}, recipe, horizon)
            for row, recipe in recipes.items()}  # fmt: skip


def _named(names: Sequence[str], weights: Floats) -> dict[str, float]:
    """Weights that count, as shares of all that do."""
    large = {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight >= LEAST_WEIGHT}
    total = sum(large.values())
    return {name: weight / total for name, weight in large.items()}


def _forecasts(panel: Panel, names: Sequence[str], horizon: int, tick: Callable[[], None]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    learner = learned.Learner(panel, panel.hours, horizon)
    for name in names:
        tick()
        method = SIMPLE.get(name) or WEIGHED.get(name)
        if method is None:
            model = learner.fit(name) if learned.available() else None
            if model is not None:
                found[name] = learned.forecast(model, panel, learner.scale, panel.hours, horizon)
                continue
        # What can't be learned any more is stood in for by what a backtest takes in its place.
        found[name] = (method or WEIGHED["weighed_week"])(panel.values, horizon)
    return found


def _ahead(forecasts: Mapping[str, Floats], recipe: Sequence[BandRecipe], horizon: int) -> Ahead:
    expected = np.zeros(horizon)
    ends = np.zeros((3, horizon))
    for band in recipe:
        hours = slice(band.first, band.end)
        expected[hours] = sum(weight * forecasts[name][hours] for name, weight in band.weights.items())
        index = sum(weight * forecasts[name][hours] for name, weight in band.index.items())
        for number, level in enumerate(band.ends):
            ends[number, hours] = np.interp(index, band.middles, level)
    expected = np.maximum(expected, 0)
    low, middle, high = np.sort(np.maximum(ends, 0), axis=0)
    # What is expected on the mean may be more than comes in nine of ten hours: no interval leaves it out.
    low, high = np.minimum(low, expected), np.maximum(high, expected)
    return Ahead(expected=_told(expected), low=_told(low), middle=_told(middle), high=_told(high))


def _told(values: Floats) -> list[float]:
    """To a thousandth: what is kept is the same on every machine."""
    return [round(float(each), 3) for each in values]
