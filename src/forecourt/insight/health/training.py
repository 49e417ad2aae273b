"""How a model comes to be: learned from some lives of connectors, its threshold fixed on others, its worth judged on
yet others; never two of these on the same days."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from msgspec import Struct

from forecourt.insight.health import chart, learned
from forecourt.insight.health.alerts import Episode, episodes
from forecourt.insight.health.causes import CAUSES
from forecourt.insight.health.days import Floats, History, counted
from forecourt.insight.health.drift import spread_of
from forecourt.insight.health.features import Features, reckoned
from forecourt.insight.health.judging import Figures, Judged, Known, figures, judged
from forecourt.insight.health.model import FORM, Card, Lead, LearnedFrom, Model

if TYPE_CHECKING:
    import lightgbm

#: Seeds that the model which ships is learned from and validated on; tests have others.
LEARNED_SEEDS: Final = tuple(range(1001, 1049))
VALIDATED_SEEDS: Final = tuple(range(2001, 2013))
TEST_SEEDS: Final = tuple(range(301, 321))
#: What a threshold has to hold on validation, a little more than what is promised: the share of alerts that are right,
#: and false ones in 100 connector-months.
LEAST_PRECISION: Final = 0.83
MOST_FALSE: Final = 0.5
#: Thresholds that are tried.
TRIED: Final = 120

Progress = Callable[[str, int, int], None]


class Truth(Protocol):
    """What was true of an EVSE, as whoever made it up knows."""

    @property
    def station(self) -> str: ...
    @property
    def evse(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def gradual(self) -> bool: ...
    @property
    def onset_at(self) -> datetime: ...
    @property
    def failed_at(self) -> datetime | None: ...
    @property
    def mended_at(self) -> datetime | None: ...


class Lived(Protocol):
    """Days of a network: tables of the lake's form, and what was true."""

    @property
    def tables(self) -> dict[str, Any]: ...
    @property
    def faults(self) -> Sequence[Truth]: ...
    @property
    def begins(self) -> datetime: ...
    @property
    def days(self) -> int: ...


Worlds = Callable[[int], Lived]


class Life(Struct, frozen=True, kw_only=True):
    """A network as a model sees it, and what became of its connectors."""

    history: History
    features: Features
    truth: list[Known]


def lived(life: Lived) -> Life:
    """What was lived, counted and reckoned as real days are."""
    import duckdb

    db = duckdb.connect(config={"threads": 1})
    try:
        db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for name, table in life.tables.items():
            db.register(name, table)
        history = counted(db, life.begins.date(), life.days)
    finally:
        db.close()
    places = {(plug.station, plug.evse): number for number, plug in enumerate(history.plugs)}

    def day(at: datetime | None) -> float | None:
        return None if at is None else (at - life.begins).total_seconds() / 86_400

    truth = [
        Known(
            plug=places[fault.station, fault.evse], kind=fault.kind, gradual=fault.gradual,
            onset=day(fault.onset_at) or 0.0, failed=day(fault.failed_at), mended=day(fault.mended_at),
        )
        for fault in life.faults
        if (fault.station, fault.evse) in places
    ]  # fmt: skip
    return Life(history=history, features=reckoned(history), truth=truth)


def lives(worlds: Worlds, seeds: Sequence[int], what: str, progress: Progress) -> Iterable[Life]:
    """One after the other: each is large."""
    for number, seed in enumerate(seeds):
        progress(what, number, len(seeds))
        yield lived(worlds(seed))


class Scored(Struct, frozen=True, kw_only=True):
    """A life's risk by the model and level by the chart, of (plugs, days)."""

    life: Life
    risk: Floats | None
    level: Floats

    def judge(self, scores: Floats, threshold: float, causes: Callable[[Episode], str] | None = None) -> Judged:
        """What the alerts of a threshold are worth."""
        known = self.life.features.known
        return judged(episodes(scores, known, threshold), self.life.truth, known, causes)


def made(
    worlds: Worlds, learn: Sequence[int], validate: Sequence[int], progress: Progress = lambda what, done, every: None
) -> Model:
    """A model that learned from some seeds, its thresholds fixed on others. The same each time."""
    xs: list[Floats] = []
    ys: list[Floats] = []
    failures = 0
    for life in lives(worlds, learn, "learning", progress):
        x, y = learned.examples(life.features, life.truth)
        xs.append(x)
        ys.append(y)
        failures += sum(each.gradual and each.failed is not None for each in life.truth)
    model = learned.learned(np.concatenate(xs), np.concatenate(ys)) if learned.available() else None
    validated = [*lives(worlds, validate, "validating", progress)]
    return finished(model, validated, examples=sum(map(len, ys)), failures=failures)


def finished(
    model: "lightgbm.Booster | None", validated: Sequence[Life], *, examples: int, failures: int,
    learned_from: LearnedFrom = "simulation",
) -> Model:  # fmt: skip
    """The card of a model: thresholds, leads and spreads, from lives that it did not learn from."""
    kind, limits, level = _chart(validated)
    every = scored(model, validated, kind, limits)
    chart_runs = [each.judge(each.level, level) for each in every]
    risks = [each.risk for each in every if each.risk is not None]
    threshold = _fixed([each.life for each in every], risks) if risks else 1.0
    runs = [each.judge(risk, threshold) for each, risk in zip(every, risks, strict=True)] if risks else chart_runs
    if risks:
        # Both raise as many alerts on validation, or the chart would win or lose by being louder.
        level = _as_many(every, sum(run.right + run.false for run in runs))
        chart_runs = [each.judge(each.level, level) for each in every]
    return Model(
        card=Card(
            form=FORM, learned_from=learned_from, examples=examples, failures=failures,
            trees=model.num_trees() if model is not None else 0, threshold=round(threshold, 4), chart=kind,
            chart_limits=[round(each, 4) for each in limits], chart_threshold=round(level, 4),
            validation=figures(runs), chart_validation=figures(chart_runs), lead=_lead(runs),
            leads={each: found for each in _kinds(runs) if (found := _lead(runs, each)) is not None},
            spread=spread_of([each.features for each in validated]),
        ),
        trees=None if model is None else learned.to_text(model),
    )  # fmt: skip


class Evaluation(Struct, frozen=True, kw_only=True):
    """How a model did in another world. `chart` at the threshold that gave as many alerts on validation;
    `chart_at_equal` at the one that gives as many on the test itself, which no operator could know."""

    seeds: list[int]
    model: Figures
    by_kind: dict[str, Figures]
    chart: Figures
    chart_at_equal: Figures
    runs: list[Judged]


def evaluated(
    model: Model, worlds: Worlds, seeds: Sequence[int], progress: Progress = lambda what, done, every: None
) -> Evaluation:
    """A model and the chart beside it on lives of another world, thresholds as the card has them."""
    card, trees = model.card, learned.from_text(model.trees or "")
    every, runs = [], []
    for life in lives(worlds, seeds, "judging", progress):
        [each] = scored(trees, [life], card.chart, card.chart_limits)
        assert each.risk is not None
        runs.append(each.judge(each.risk, card.threshold, _blaming(trees, life)))
        every.append(each)
    alerts = sum(run.right + run.false for run in runs)
    equal = _as_many(every, alerts)
    return Evaluation(
        seeds=[*seeds], model=figures(runs), by_kind={kind: figures(runs, kind) for kind in _kinds(runs)},
        chart=figures([each.judge(each.level, card.chart_threshold) for each in every]),
        chart_at_equal=figures([each.judge(each.level, equal) for each in every]), runs=runs,
    )  # fmt: skip


def _blaming(trees: "lightgbm.Booster", life: Life) -> Callable[[Episode], str]:
    """What an alert blames: the cause that the sign which moved the most points at."""

    def blamed(alert: Episode) -> str:
        row = life.features.values[alert.plug, alert.begun][None]
        return CAUSES[learned.strongest(learned.moved(trees, row)[0])]

    return blamed


def scored(model: "lightgbm.Booster | None", some: Sequence[Life], kind: str, limits: Sequence[float]) -> list[Scored]:
    """Lives with the risk by a model, and the level by a kind of chart with these limits."""
    return [
        Scored(
            life=each,
            risk=None if model is None else learned.risks(model, each.features),
            level=chart.charted(each.features, kind, limits)[0],
        )
        for each in some
    ]


def _chart(validated: Sequence[Life]) -> tuple[str, list[float], float]:
    """The kind of chart that catches most on validation, its limits, and its threshold."""
    found = []
    for kind in chart.KINDS:
        limits = chart.limits([each.features for each in validated], kind)
        levels = [chart.charted(each.features, kind, limits)[0] for each in validated]
        threshold = _fixed(validated, levels)
        runs = _judge(validated, levels, threshold)
        found.append((figures(runs).recall.value or 0.0, kind, limits, threshold))
    _, kind, limits, threshold = max(found, key=lambda each: each[0])
    return kind, limits, threshold


def _fixed(validated: Sequence[Life], scores: Sequence[Floats]) -> float:
    """The threshold that catches most while LEAST_PRECISION and MOST_FALSE hold; where none does, the highest."""
    best, caught = None, -1
    candidates = _candidates(validated, scores)
    for threshold in candidates:
        runs = _judge(validated, scores, threshold)
        right, false = sum(run.right for run in runs), sum(run.false for run in runs)
        months = sum(run.months for run in runs)
        found = sum(each.lead is not None for run in runs for each in run.caught)
        holds = right >= LEAST_PRECISION * (right + false) and 100 * false <= MOST_FALSE * months
        if right and holds and found > caught:
            best, caught = threshold, found
    return candidates[-1] if best is None else best


def _as_many(every: Sequence[Scored], alerts: int) -> float:
    """The chart's threshold that gives about as many alerts."""
    lives_, levels = [each.life for each in every], [each.level for each in every]
    low, high = 0.0, max(float(level.max()) for level in levels)
    for _ in range(18):
        middle = (low + high) / 2
        count = sum(
            len(episodes(level, each.features.known, middle)) for each, level in zip(lives_, levels, strict=True)
        )
        low, high = (middle, high) if count > alerts else (low, middle)
    return high


def _candidates(validated: Sequence[Life], scores: Sequence[Floats]) -> list[float]:
    known = np.concatenate([score[each.features.known] for each, score in zip(validated, scores, strict=True)])
    shares = 1 - np.geomspace(0.2, 0.0005, TRIED)
    return [float(each) for each in np.unique(np.quantile(known, shares)) if each > 0] or [1.0]


def _judge(validated: Sequence[Life], scores: Sequence[Floats], threshold: float) -> list[Judged]:
    return [
        judged(episodes(score, each.features.known, threshold), each.truth, each.features.known)
        for each, score in zip(validated, scores, strict=True)
    ]


def _kinds(runs: Sequence[Judged]) -> list[str]:
    return sorted({each.kind for run in runs for each in run.caught})


def _lead(runs: Sequence[Judged], kind: str | None = None) -> Lead | None:
    leads = [c.lead for run in runs for c in run.caught if c.lead is not None and kind in (None, c.kind)]
    if not leads:
        return None
    quarter, median, three = (round(float(each), 1) for each in np.percentile(leads, (25, 50, 75)))
    return Lead(alerts=len(leads), quarter_d=quarter, median_d=median, three_quarters_d=three)
