"""The rolling backtest of one panel: forecasts from many origins, the choice on validation, intervals on the test.

What takes long is kept as it is made (`Kept`), so that a run that was stopped goes on.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.insight.forecast import choosing, intervals, learned, quantiles
from forecourt.insight.forecast.choosing import BANDS, Band, Choice, Metric
from forecourt.insight.forecast.methods import SIMPLE, WEIGHED
from forecourt.insight.forecast.plan import Plan
from forecourt.insight.forecast.series import WEEK_H, Floats, Panel

#: Changed whenever a method changes: what was kept of another is made anew.
FORMAT: Final = "4"
#: Examples of a series below which trees are not tried: weeks of training.
LEAST_WEEKS_LEARNED: Final = 3
POINTS: Final = (*SIMPLE, *WEIGHED)

#: Told what is being done, how much of it, and of how much.
Progress = Callable[[str, int, int], None]


class Kept(Protocol):
    """Where forecasts are kept until a run is done."""

    def find(self, name: str) -> Floats | None:
        """What was kept under a name."""

    def keep(self, name: str, values: Floats) -> None:
        """Keeps it, whole or not at all."""


class Files:
    """In a folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Floats | None:
        """What was kept; None too for a file that can't be read."""
        try:
            found: Floats = np.load(self._folder / f"{name}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found

    def keep(self, name: str, values: Floats) -> None:
        """Appears under its name when it is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.draft"
        with draft.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        draft.replace(self._folder / f"{name}.npy")


class Memory:
    """Nowhere but here."""

    def __init__(self) -> None:
        self.held: dict[str, Floats] = {}

    def find(self, name: str) -> Floats | None:
        """What was kept."""
        return self.held.get(name)

    def keep(self, name: str, values: Floats) -> None:
        """Until the end of the process."""
        self.held[name] = values


class Part(Struct, frozen=True, kw_only=True):
    """Forecasts of `validation` or `test`, (methods, series, origins, hours), and what came, without the methods."""

    origins: list[int]
    forecasts: Floats
    actual: Floats


class Intervals(Struct, frozen=True, kw_only=True):
    """Of the test: (series, origins, hours) each. `low` and `high` are the 80 % interval; quantiles (levels, ...) of
    ours and of the seasonal ones by name."""

    low: Floats
    high: Floats
    quantiles: Floats
    seasonal: Floats


class Standing(Struct, frozen=True, kw_only=True):
    """What forecasts after the test go by in one band: whether the choice is kept (series) against the simple method,
    and of intervals the weights (series, methods) of what outcomes are classed by, the middles of the classes (series,
    classes), and the lower end, the middle and the upper end of each (3, series, classes)."""

    kept: npt.NDArray[np.bool_]
    weights: Floats
    middles: Floats
    ends: Floats


class Run(Struct, frozen=True, kw_only=True):
    """All that a backtest found. `points` and `simple` are (series, origins, hours) of the test; `standing` by band."""

    panel: Panel
    plan: Plan
    methods: tuple[str, ...]
    metrics: list[Metric]
    bands: list[Band]
    choices: list[Choice]
    test: Part
    points: Floats
    simple: Floats
    one_simple: Floats
    intervals: Intervals
    standing: list[Standing]


def run(panel: Panel, plan: Plan, kept: Kept, progress: Progress, *, trees: bool = True) -> Run:
    """The backtest of one panel. Deterministic: the same values give the same run, bit for bit, on one machine.
    `trees`: whether they may be learned, which takes longest."""
    key = _key(panel, plan)
    methods = _methods(plan) if trees else POINTS

    def of(part: str, names: Sequence[str]) -> Part:
        return _forecast(panel, plan, part, names, key, kept, progress)

    seen, test = of("validation", methods), of("test", methods)
    progress("choosing", 0, 1)
    metrics = choosing.metrics_of(seen.forecasts, seen.actual, len(SIMPLE))
    bands = [(first, min(end, plan.horizon_h), words) for first, end, words in BANDS if first < plan.horizon_h]
    points, simple, one = (np.zeros_like(test.actual) for _ in range(3))
    expected = np.zeros_like(seen.actual)
    series = np.arange(len(panel.names))
    choices: list[Choice] = []
    lasting: list[npt.NDArray[np.bool_]] = []
    for first, end, _ in bands:
        hours = (..., slice(first, end))
        choice = choosing.choose(
            seen.forecasts[hours], seen.actual[hours], methods, len(SIMPLE), metrics, plan.spacing_h
        )
        simple[hours] = test.forecasts[hours][choice.simple, series]
        points[hours], kept_now = _points(seen, test, choice, hours, first, metrics, plan.end_h)
        expected[hours] = choosing.blended(choice.weights, seen.forecasts[hours])
        lasting.append(kept_now)
        one[hours] = test.forecasts[hours][choice.one_simple]
        choices.append(choice)
    ends = None
    if learned.POINTS[0] in methods:
        ends = (of("validation", learned.ENDS), of("test", learned.ENDS))
    found, tables = _intervals(
        panel, plan, (seen, test), ends, np.concatenate([expected, points], axis=1), bands, progress
    )
    return Run(
        panel=panel,
        plan=plan,
        methods=methods,
        metrics=metrics,
        bands=bands,
        choices=choices,
        test=test,
        points=points,
        simple=simple,
        one_simple=one,
        intervals=found,
        standing=[
            Standing(kept=kept_now, weights=weights, middles=middles, ends=values)
            for kept_now, (weights, middles, values) in zip(lasting, tables, strict=True)
        ],
    )


def _points(
    seen: Part,
    test: Part,
    choice: Choice,
    hours: tuple[Any, slice],
    first: int,
    metrics: Sequence[Metric],
    end_h: int,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Of the test: what was chosen, or the simple method from origins before which the choice had lost against it; and
    whether the choice is kept after the test (series)."""
    both = np.concatenate([seen.forecasts[hours], test.forecasts[hours]], axis=2)
    actual = np.concatenate([seen.actual[hours], test.actual[hours]], axis=1)
    chosen, simple = choosing.blended(choice.weights, both), choosing.blended(choice.base, both)
    origins = np.array([*seen.origins, *test.origins])
    hour = origins[:, None] + first + np.arange(actual.shape[2])[None]
    begin = len(seen.origins)
    losses = [choosing.hourly_loss(each, actual, metrics) for each in (simple, chosen)]
    ahead = losses[0] - losses[1]
    kept = choosing.guarded(ahead, hour, origins, begin)
    points = np.where(kept[..., None], chosen[:, begin:], simple[:, begin:]).astype(np.float32)
    return points, choosing.kept_at(ahead, hour, origins, end_h)


def _key(panel: Panel, plan: Plan) -> str:
    """What makes kept forecasts those of this panel."""
    digest = hashlib.sha256(repr((FORMAT, panel.names, panel.start, plan)).encode())
    digest.update(np.ascontiguousarray(panel.values).tobytes())
    return digest.hexdigest()[:24]


def _methods(plan: Plan) -> tuple[str, ...]:
    """Those that are tried: trees only where there is enough to learn from."""
    enough = plan.validation_h >= LEAST_WEEKS_LEARNED * WEEK_H and learned.available()
    return (*POINTS, *learned.POINTS) if enough else POINTS


def _forecast(
    panel: Panel, plan: Plan, part: str, methods: Sequence[str], key: str, kept: Kept, progress: Progress
) -> Part:
    origins = plan.origins(part)
    until = np.pad(panel.values[:, : plan.end(part)], ((0, 0), (0, plan.horizon_h)), constant_values=np.nan)
    actual = np.stack([until[:, origin : origin + plan.horizon_h] for origin in origins], axis=1)
    # What learns has seen nothing of the part itself.
    learner = learned.Learner(panel, plan.begin(part), plan.horizon_h)
    made = []
    for number, name in enumerate(methods):
        progress(f"{part}: {name.replace('_', ' ')}", number, len(methods))
        found = kept.find(f"{key}-{part}-{name}")
        if found is None or found.shape != actual.shape:
            found = _made(panel, learner, name, origins, plan.horizon_h)
            kept.keep(f"{key}-{part}-{name}", found)
        made.append(found)
    return Part(origins=origins, forecasts=np.stack(made), actual=actual)


def _made(panel: Panel, learner: learned.Learner, name: str, origins: Sequence[int], horizon: int) -> Floats:
    """Forecasts of one method from each origin."""
    method = SIMPLE.get(name) or WEIGHED.get(name)
    model = learner.fit(name) if method is None else None
    if model is None:
        by = method or WEIGHED["weighed_week"]
        return np.stack([by(panel.values[:, :origin], horizon) for origin in origins], axis=1)
    rows = [learned.forecast(model, panel, learner.scale, origin, horizon) for origin in origins]
    return np.stack(rows, axis=1)


def _intervals(
    panel: Panel,
    plan: Plan,
    parts: tuple[Part, Part],
    learned_ends: tuple[Part, Part] | None,
    expected: Floats,
    bands: Sequence[Band],
    progress: Progress,
) -> tuple[Intervals, list[tuple[Floats, Floats, Floats]]]:
    """From each origin by what is known there, around what is `expected` (series, origins, hours); the first
    origins of the validation only teach, on the others the weights of several ways to tell quantiles are found. And by
    band what later intervals are read off."""
    seen, test = parts
    begins, split = max(1, len(seen.origins) // 2), len(seen.origins)
    origins = [*seen.origins, *test.origins]
    forecasts = np.concatenate([seen.forecasts, test.forecasts], axis=2)
    actual = np.concatenate([seen.actual, test.actual], axis=1)
    low, high = np.zeros(actual.shape, np.float32), np.zeros(actual.shape, np.float32)
    ways = [np.zeros((len(intervals.LEVELS), *actual.shape), np.float32)]
    tables = []
    for first, end, words in bands:
        hours = slice(first, end)
        weights = choosing.mean_weights(seen.forecasts[..., hours], seen.actual[..., hours])
        tuner = intervals.Tuner(
            choosing.blended(weights, forecasts[..., hours]), expected[..., hours], actual[..., hours], origins, first
        )
        for number in range(begins, len(origins)):
            progress(f"intervals: {words}", number - begins, len(origins) - begins)
            low[:, number, hours], high[:, number, hours], ways[0][:, :, number, hours] = tuner.at(number)
        tables.append((weights, *tuner.after(plan.end_h)))
    usual, near, seasonal = _seasonal(panel, plan, seen, np.array(origins))
    every = [*ways, *seasonal]
    if learned_ends is not None:
        ends = np.concatenate([part.forecasts for part in learned_ends], axis=2)
        middle = forecasts[[*POINTS, *learned.POINTS].index("learned_median")]
        every.append(np.stack([ends[0], middle, ends[1]]))
    told = quantiles.told(
        quantiles.Ways(
            every=np.stack(every), usual=usual, near=near, actual=actual, origins=np.array(origins), begins=begins,
            split=split, spacing_h=plan.spacing_h,
        ),
        bands,
    )  # fmt: skip
    found = Intervals(
        low=low[:, split:], high=high[:, split:], quantiles=told[:, :, split:], seasonal=usual[:, :, split:]
    )
    return found, tables


def _seasonal(
    panel: Panel, plan: Plan, seen: Part, origins: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, list[Floats]]:
    """Seasonal quantiles from each origin, of the kind that did better on validation for each series; the same with the
    hours beside; and all of them. (levels, series, origins, hours) each."""
    kinds: list[Floats] = []
    for beside in (0, 1):
        rows = [intervals.seasonal_quantiles(panel.values[:, :each], plan.horizon_h, beside) for each in origins]
        kinds += [np.stack([row[kind] for row in rows], axis=2) for kind in rows[0]]
    losses = [quantiles.pinball(kind[:, :, : len(seen.origins)], seen.actual) for kind in kinds[:2]]
    better = (losses[0] <= losses[1])[None, :, None, None]
    return np.where(better, kinds[0], kinds[1]), np.where(better, kinds[2], kinds[3]), kinds
