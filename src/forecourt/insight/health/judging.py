"""What alerts were worth, where it is known what became of each connector.

An alert is right if it came between the beginning of wear and the failure that it led to, a day before it at the least;
every other one is false, also one for wear that never fails. Faults that break at once can't be foreseen: they are
counted apart, and an alert that happens to come before one is still false.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.health.alerts import Episode
from forecourt.insight.health.days import Flags

#: Days before a failure at which an alert still helps to plan a visit; below, it comes too late to save anything.
NOTICE_D: Final = 3
#: Hours that a planned repair, and a visit for nothing, keep a connector from use.
PLANNED_H: Final = 2.0
VISIT_H: Final = 1.0
MONTH_D: Final = 365 / 12
#: Draws of a bootstrap over seeds, and the ends of its interval.
DRAWS: Final = 1_000
ENDS: Final = (2.5, 97.5)


class Known(Struct, frozen=True, kw_only=True):
    """What became of a plug, by days since the first; `failed` None: it never fails."""

    plug: int
    kind: str
    gradual: bool
    onset: float
    failed: float | None
    mended: float | None


class Caught(Struct, frozen=True, kw_only=True):
    """A failure that came by degrees, and the lead of the first right alert in days; None: there was none. `away_h`:
    hours until it was mended; `named`: what the alert named as the cause."""

    kind: str
    lead: float | None
    away_h: float
    named: str | None = None


class Judged(Struct, frozen=True, kw_only=True):
    """One run: every failure by degrees, alerts that were right and false, and the sudden faults that an alert stood
    open for by chance. `months`: connector-months that were looked at."""

    caught: list[Caught]
    right: int
    false: int
    on_mild: int
    sudden: int
    sudden_by_chance: int
    months: float

    def avoided_h(self) -> float:
        """Hours of downtime that planned visits save, less what visits for nothing and too late cost."""
        saved = sum(
            each.away_h - PLANNED_H if each.lead >= NOTICE_D else -VISIT_H
            for each in self.caught
            if each.lead is not None
        )
        return saved - VISIT_H * self.false


def judged(
    found: Sequence[Episode], truth: Sequence[Known], looked_at: Flags, causes: Callable[[Episode], str] | None = None
) -> Judged:
    """Alerts against what was true. Failures before anything could be known of a connector are not counted; `causes`
    names what an alert blames."""
    first = np.where(looked_at.any(1), looked_at.argmax(1), looked_at.shape[1])
    right: dict[int, Episode] = {}
    used: set[int] = set()
    sudden = by_chance = on_mild = 0
    counted: list[tuple[int, Known]] = []
    for number, known in enumerate(truth):
        if known.failed is not None and not first[known.plug] < known.failed < looked_at.shape[1]:
            continue
        if not known.gradual:
            sudden += 1
            at = known.failed or known.onset
            by_chance += any(e.plug == known.plug and e.begun < at <= e.ended for e in found)
            continue
        mine = [
            (place, each)
            for place, each in enumerate(found)
            if each.plug == known.plug and known.onset <= each.begun < (known.failed or np.inf)
        ]
        if known.failed is None:
            on_mild += len(mine)
            continue
        counted.append((number, known))
        # An alert is known when its day is over.
        mine = [(place, each) for place, each in mine if known.failed - (each.begun + 1) >= 1]
        used |= {place for place, _ in mine}
        if mine:
            right[number] = mine[0][1]
    caught = [_caught(known, right.get(number), causes) for number, known in counted]
    return Judged(
        caught=caught, right=len(used), false=len(found) - len(used), on_mild=on_mild, sudden=sudden,
        sudden_by_chance=by_chance, months=float(looked_at.sum() / MONTH_D),
    )  # fmt: skip


def _caught(known: Known, alert: Episode | None, causes: Callable[[Episode], str] | None) -> Caught:
    assert known.failed is not None
    return Caught(
        kind=known.kind,
        lead=None if alert is None else known.failed - (alert.begun + 1),
        away_h=24 * ((known.mended or known.failed) - known.failed),
        named=causes(alert) if alert is not None and causes is not None else None,
    )


class Figure(Struct, frozen=True, kw_only=True):
    """A figure over all runs, with the ends of its 95 % interval; None where there is nothing to divide by."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Figures(Struct, frozen=True, kw_only=True):
    """What alerts were worth over several runs. `false_rate`: false alerts in 100 connector-months; `lead_d`: the
    median of what was caught; `avoided_h`: net hours of downtime avoided in 100 connector-years; `named`: the share
    of what was caught whose cause was named."""

    failures: int
    alerts: int
    precision: Figure
    recall: Figure
    lead_d: Figure
    false_rate: Figure
    avoided_h: Figure
    named: Figure
    sudden: int
    sudden_by_chance: int
    on_mild: int


def figures(runs: Sequence[Judged], kind: str | None = None, seed: int = 1) -> Figures:
    """Over runs, of all gradual faults or of a kind: then precision and what depends on false alerts are of all. The
    interval draws whole runs anew, for what happens within one hangs together."""
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(runs), len(runs)) for _ in range(DRAWS if len(runs) > 1 else 0)]

    def caught(some: Sequence[Judged]) -> list[Caught]:
        return [each for run in some for each in run.caught if kind in (None, each.kind)]

    def found(some: Sequence[Judged]) -> list[Caught]:
        return [each for each in caught(some) if each.lead is not None]

    def of(reckon: Callable[[Sequence[Judged]], float | None]) -> Figure:
        many = [reckon([runs[place] for place in draw]) for draw in draws]
        known = [each for each in many if each is not None]
        low, high = np.percentile(known, ENDS) if known else (None, None)
        return Figure(
            value=reckon(runs), low=None if low is None else float(low), high=None if high is None else float(high)
        )

    return Figures(
        failures=len(caught(runs)),
        alerts=_right(runs) + _false(runs),
        precision=of(lambda some: _share(_right(some), _right(some) + _false(some))),
        recall=of(lambda some: _share(len(found(some)), len(caught(some)))),
        lead_d=of(lambda some: float(np.median([c.lead for c in found(some)])) if found(some) else None),
        false_rate=of(lambda some: _share(100 * _false(some), _months(some))),
        avoided_h=of(lambda some: _share(1200 * sum(run.avoided_h() for run in some), _months(some))),
        named=of(lambda some: _share(sum(c.named == c.kind for c in found(some)), len(found(some)))),
        sudden=sum(run.sudden for run in runs),
        sudden_by_chance=sum(run.sudden_by_chance for run in runs),
        on_mild=sum(run.on_mild for run in runs),
    )


def _right(some: Sequence[Judged]) -> int:
    return sum(run.right for run in some)


def _false(some: Sequence[Judged]) -> int:
    return sum(run.false for run in some)


def _months(some: Sequence[Judged]) -> float:
    return sum(run.months for run in some)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
