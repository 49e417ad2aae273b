"""What is learned over all series of a data set at once: gradient-boosted trees (LightGBM; Ke et al., NIPS 2017).

One model for every hour of the week ahead: how far ahead is a feature, and every feature is known in the hour the
forecast is made. Values are divided by the series' own level, so that large and small sites teach each other.
"""

import importlib.util
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecourt.insight.forecast.methods import WEEKS, back, mean, mean_day, profile
from forecourt.insight.forecast.series import DAY_H, WEEK_H, Floats, Panel

if TYPE_CHECKING:
    import lightgbm

#: Examples that a model learns from, and hours that they are forecast in.
MAX_EXAMPLES: Final = 60_000
MAX_ORIGINS: Final = 500
#: Examples below which nothing is learned.
LEAST_EXAMPLES: Final = 2_000
#: Hours ahead that one origin gives of each series to learn from.
STEPS_OF_ORIGIN: Final = 24
#: Hours of history before the first origin that is learned from.
LEAST_PAST_H: Final = 2 * WEEK_H
#: One thread gives the same numbers on every machine.
THREADS: Final = 1
SEED: Final = 20_241
#: Parameters by method: for the middle, for the mean, for the ends of an interval.
OBJECTIVES: Final[dict[str, dict[str, Any]]] = {
    "learned_median": {"objective": "l1"},
    "learned_mean": {"objective": "l2"},
    "learned_low": {"objective": "quantile", "alpha": 0.1},
    "learned_high": {"objective": "quantile", "alpha": 0.9},
}
#: Those that tell what is to be expected, and those that tell the ends of an interval.
POINTS: Final = ("learned_median", "learned_mean")
ENDS: Final = ("learned_low", "learned_high")
ROUNDS: Final = 120
_COMMON: Final[dict[str, Any]] = {
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "verbosity": -1,
    "num_threads": THREADS,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
}


def available() -> bool:
    """Whether LightGBM is installed; without it, forecasts are made by the other methods."""
    return importlib.util.find_spec("lightgbm") is not None


def scales(values: Floats, until: int) -> Floats:
    """The level of each series before an hour: the mean of what is known, at least a little."""
    level = np.nan_to_num(mean(values[:, :until], 1))
    return np.maximum(level, 1e-6).astype(np.float32)


def features(panel: Panel, scale: Floats, origin: int, steps: npt.NDArray[np.int64]) -> Floats:
    """What is known at `origin` of the hours so many steps after it (0 is the hour that begins then): (series, steps,
    features). Looks at nothing from the origin on."""
    past = panel.values[:, max(0, origin - WEEKS * WEEK_H) : origin] / scale[:, None]
    count, number = len(past), len(steps)
    of_week, of_year = panel.calendar(origin + steps)
    weeks = back(past, 4 * WEEK_H).reshape(count, 4, WEEK_H)[:, :, steps]
    day = back(past, DAY_H)[:, steps % DAY_H]
    day_before = back(past, 2 * DAY_H)[:, steps % DAY_H]
    usual_week = profile(past)
    week, before, after = (usual_week[:, (steps + shift) % WEEK_H] for shift in (0, -1, 1))
    usual = mean_day(past, int(steps.max()) + 1)[:, steps]
    last = back(past, 6)
    hours = [last[:, -1], mean(last[:, -3:], 1), mean(last, 1)]
    means = [mean(back(past, length), 1) for length in (DAY_H, 3 * DAY_H, WEEK_H, 4 * WEEK_H)]
    off = hours[1] - np.nan_to_num(mean(usual_week[:, WEEK_H - 3 :], 1))
    today = means[0] - mean(usual_week[:, WEEK_H - DAY_H :], 1)
    zero = mean((back(past, 4 * WEEK_H) == 0).astype(np.float32), 1)
    of_series = np.stack([*hours, *means, off, today, zero, np.log(scale)], axis=1)
    shared = np.stack([steps, of_week % DAY_H, of_week // DAY_H, of_year, steps // DAY_H], axis=1)
    of_step = np.stack([*weeks.transpose(1, 0, 2), day, day_before, week, before, after, usual, mean(weeks, 1)], axis=2)
    parts = [
        of_step,
        np.broadcast_to(of_series[:, None, :], (count, number, of_series.shape[1])),
        np.broadcast_to(shared[None], (count, number, shared.shape[1])),
    ]
    return np.concatenate(parts, axis=2).astype(np.float32)


def _examples(panel: Panel, scale: Floats, until: int, horizon: int) -> tuple[Floats, Floats, Floats] | None:
    """Features, values and weights of hours before `until`; None: there are too few."""
    random = np.random.default_rng(SEED)
    first = min(LEAST_PAST_H, until // 2)
    latest = until - 1
    series = max(1, len(panel.names))
    per_origin = min(STEPS_OF_ORIGIN, horizon)
    wanted = min(MAX_ORIGINS, max(1, MAX_EXAMPLES // (series * per_origin)))
    span = latest - first
    if span < WEEK_H:
        return None
    origins = np.unique(np.linspace(first, latest, min(wanted, span), dtype=np.int64))
    xs, ys, ws = [], [], []
    for origin in origins:
        steps = np.sort(_drawn(random, horizon, per_origin))
        steps = steps[origin + steps < until]
        if not len(steps):
            continue
        x = features(panel, scale, int(origin), steps)
        y = panel.values[:, origin + steps] / scale[:, None]
        known = np.isfinite(y)
        xs.append(x[known])
        ys.append(y[known])
        ws.append(np.broadcast_to(np.sqrt(scale)[:, None], y.shape)[known])
    if not xs:
        return None
    weight = np.concatenate(ws)
    return np.concatenate(xs), np.concatenate(ys), (weight / max(float(weight.mean()), 1e-9)).astype(np.float32)


def _drawn(random: np.random.Generator, horizon: int, number: int) -> npt.NDArray[np.int64]:
    """Steps ahead, half of them of the first day, where nearness tells most."""
    near = random.choice(min(DAY_H, horizon), min(number // 2, horizon, DAY_H), replace=False)
    far = random.choice(horizon, number - len(near), replace=False)
    return np.unique(np.concatenate([near, far]))


class Learner:
    """Learns from what was before `until`; the examples are made once for all of its models."""

    def __init__(self, panel: Panel, until: int, horizon: int) -> None:
        self._panel = panel
        self._until = until
        self._horizon = horizon
        self.scale = scales(panel.values, until)

    @cached_property
    def _learned_from(self) -> tuple[Floats, Floats, Floats] | None:
        return _examples(self._panel, self.scale, self._until, self._horizon)

    def fit(self, name: str) -> "lightgbm.Booster | None":
        """A model by its name; None where there is too little to learn from."""
        import lightgbm

        if self._learned_from is None or len(self._learned_from[1]) < LEAST_EXAMPLES:
            return None
        x, y, weight = self._learned_from
        data = lightgbm.Dataset(x, y, weight=weight, params={"max_bin": _COMMON["max_bin"], "verbosity": -1})
        return lightgbm.train(_COMMON | OBJECTIVES[name], data, num_boost_round=ROUNDS)


def forecast(model: "lightgbm.Booster", panel: Panel, scale: Floats, origin: int, horizon: int) -> Floats:
    """(series, horizon) from an origin on, never negative."""
    x = features(panel, scale, origin, np.arange(horizon))
    flat = model.predict(x.reshape(-1, x.shape[2]), num_threads=THREADS)
    values: Floats = np.asarray(flat, np.float32).reshape(x.shape[:2]) * scale[:, None]
    return np.maximum(values, 0)
