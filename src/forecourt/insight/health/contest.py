"""A model that learned on from an organisation's own failures against the one in use, on days later than all that
either learned from; it takes its place only where it is clearly better. Else everything stays as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct

from forecourt.insight.health import learned
from forecourt.insight.health.days import Flags, History
from forecourt.insight.health.features import Features, reckoned
from forecourt.insight.health.judging import DRAWS, ENDS, Figures, Judged, Known, figures
from forecourt.insight.health.model import Model, version_of
from forecourt.insight.health.training import MOST_FALSE, Life, finished, scored

#: Days of history that a contest is held on at the most, and below which there is none; connectors of it at the most.
MAX_DAYS: Final = 730
LEAST_DAYS: Final = 300
MAX_PLUGS: Final = 800
#: The share of days that thresholds are fixed on, and the same again that both are judged on.
SHARE: Final = 0.25
#: Failures that each part has at the least: to learn from, to fix a threshold on, to judge by.
LEAST_FAILURES: Final = (30, 10, 20)
#: The challenger avoids so much more downtime, as a share of what the champion does.
MARGIN: Final = 0.05
#: Parts that sites are put in, which an interval draws anew; where there are fewer sites than this at the least, parts
#: are of connectors. One part drawn anew is always itself: it tells no interval, and nothing ships by it.
MAX_PARTS: Final = 20
LEAST_SITES: Final = 8
SEED: Final = 20_262

Why = Literal["no_learner", "short", "few_failures", "more_false", "not_better", "better"]


class Gain(Struct, frozen=True, kw_only=True):
    """Net hours of downtime that the challenger avoids more than the champion in 100 connector-years, with the ends of
    its 95 % interval."""

    value: float
    low: float
    high: float


class Contest(Struct, frozen=True, kw_only=True):
    """A contest, and why it came out so. `failures`: in the days learned from, fixed on, judged by."""

    champion: str
    why: Why
    won: bool = False
    challenger: str | None = None
    connectors: int = 0
    days: int = 0
    failures: tuple[int, int, int] = (0, 0, 0)
    champion_was: Figures | None = None
    challenger_was: Figures | None = None
    gain: Gain | None = None


def failures_of(history: History, worn: Mapping[int, Sequence[int]]) -> list[Known]:
    """What became of plugs, as far as their days tell: each time that one was there and then down is a failure, and so
    is each day (by plug) on which somebody found it `worn` and mended it. Wear is taken to begin learned.HORIZON_D
    before, or with what was mended last."""
    found: list[Known] = []
    for plug in range(len(history.plugs)):
        down = history.down[plug]
        begins = np.flatnonzero(down[1:] & ~down[:-1]) + 1
        spells = [(int(day), int(day + np.argmin(np.append(down[day:], False)))) for day in begins]
        spells += [(day, day + 1) for day in worn.get(plug, ()) if not down[day]]
        last = int(history.began[plug])
        for failed, mended in sorted(spells):
            if failed > last:
                onset = max(failed - learned.HORIZON_D, last)
                found.append(
                    Known(plug=plug, kind="own", gradual=True, onset=onset, failed=failed, mended=float(mended))
                )
            last = max(last, mended)
    return found


def held(champion: Model, history: History, truth: Sequence[Known]) -> tuple[Contest, Model | None]:
    """The contest on days of plugs whose `truth` is known, and the winner if it is the challenger."""
    told = Contest(champion=version_of(champion), why="no_learner", connectors=len(history.plugs), days=history.days)
    if not learned.available() or champion.trees is None:
        return told, None
    judge_from = history.days - int(SHARE * history.days)
    fix_from = judge_from - int(SHARE * history.days)
    # What was learned from looks HORIZON_D ahead: nothing of the days behind may show in it.
    until = fix_from - learned.HORIZON_D
    spans = (0, until), (fix_from, judge_from), (judge_from, history.days)
    failures = tuple(sum(begin <= (each.failed or -1) < end for each in truth) for begin, end in spans)
    told = msgspec.structs.replace(told, failures=failures)
    if history.days < LEAST_DAYS:
        return msgspec.structs.replace(told, why="short"), None
    if any(there < least for there, least in zip(failures, LEAST_FAILURES, strict=True)):
        return msgspec.structs.replace(told, why="few_failures"), None
    features = reckoned(history)
    learn, fix, judge = (_parts(history, features, truth, begin, end) for begin, end in spans)
    examples = [learned.examples(each.features, each.truth) for each in learn]
    x, y = (np.concatenate(each) for each in zip(*examples, strict=True))
    trees = learned.learned(x, y, learned.from_text(champion.trees))
    challenger = finished(trees, fix, examples=len(y), failures=failures[0], learned_from="own")
    return _decided(told, champion, challenger, judge)


def _decided(told: Contest, champion: Model, challenger: Model, judge: Sequence[Life]) -> tuple[Contest, Model | None]:
    was, is_ = _judged(champion, judge), _judged(challenger, judge)
    gain, before, after = _gain(was, is_), figures(was), figures(is_)
    told = msgspec.structs.replace(
        told, challenger=version_of(challenger), champion_was=before, challenger_was=after, gain=gain
    )
    allowed = max(MOST_FALSE, before.false_rate.value or 0.0)
    if (after.false_rate.value or 0.0) > allowed:
        return msgspec.structs.replace(told, why="more_false"), None
    if len(judge) == 1 or gain.low <= 0 or gain.value < MARGIN * abs(before.avoided_h.value or 0.0):
        return msgspec.structs.replace(told, why="not_better"), None
    return msgspec.structs.replace(told, why="better", won=True), challenger


def _judged(model: Model, some: Sequence[Life]) -> list[Judged]:
    """What a model's alerts were worth, at the threshold of its card."""
    trees = learned.from_text(model.trees or "")
    runs = scored(trees, some, model.card.chart, model.card.chart_limits)
    return [each.judge(each.risk, model.card.threshold) for each in runs if each.risk is not None]


def _gain(was: Sequence[Judged], is_: Sequence[Judged]) -> Gain:
    """The difference, by drawing the same parts for both."""
    more = np.array([new.avoided_h() - old.avoided_h() for old, new in zip(was, is_, strict=True)])
    months = np.array([each.months for each in was])
    draws = np.random.default_rng(SEED).integers(0, len(was), (DRAWS, len(was)))
    many = 1200 * more[draws].sum(1) / np.maximum(months[draws].sum(1), 1e-9)
    low, high = np.percentile(many, ENDS)
    return Gain(value=float(1200 * more.sum() / max(months.sum(), 1e-9)), low=float(low), high=float(high))


def _parts(history: History, features: Features, truth: Sequence[Known], begin: int, end: int) -> list[Life]:
    """Some days of all plugs, in parts."""
    part_of_plug = parts_of(history)
    return [
        _part(history, features, truth, np.flatnonzero(part_of_plug == number), begin, end)
        for number in np.unique(part_of_plug)
    ]


def parts_of(history: History) -> "np.typing.NDArray[np.int64]":
    """In which part each plug is: of whole sites, for what happens at one hangs together; of few sites, of plugs."""
    if len(np.unique(history.site)) >= LEAST_SITES:
        return history.site % MAX_PARTS
    return np.arange(len(history.site)) % MAX_PARTS


def _part(
    history: History, features: Features, truth: Sequence[Known], plugs: "np.typing.NDArray[np.int64]", begin: int,
    end: int,
) -> Life:  # fmt: skip
    places = {int(plug): number for number, plug in enumerate(plugs)}
    known: Flags = features.known[plugs, begin:end]
    return Life(
        history=history,
        features=Features(
            values=features.values[plugs, begin:end], daily=features.daily[plugs, begin:end], known=known
        ),
        truth=[
            msgspec.structs.replace(
                each, plug=places[each.plug], onset=each.onset - begin, failed=each.failed - begin,
                mended=None if each.mended is None else each.mended - begin,
            )
            for each in truth
            if each.plug in places and each.failed is not None and each.failed >= begin
        ],
    )  # fmt: skip
