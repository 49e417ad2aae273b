"""The rules: from what was counted to what could be done, and what it would earn. Pure; all of it is expectation.

Every interval is of 90 % where it comes from counts, else of what is assumed, and each rule says which. Actions of one
site may earn the same money: a plug more and fewer idle cars both serve who is turned away now.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from math import sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import Final

from msgspec import Struct, structs

from forecourt.insight.actions.model import MONTH_DAYS, Effect, Kind, Proposal
from forecourt.insight.expansion.erlang import MAX_PLUGS, blocking, plugs_for
from forecourt.insight.expansion.model import Load

#: Of intervals, two-sided.
LEVEL: Final = 0.9
#: Tries of an EVSE below which nothing is said of it.
LEAST_TRIES: Final = 20
#: Chance to call any EVSE of a network failing that is like the others.
FALSE_ALARM: Final = 0.05
#: Failing tries beyond those of the others, of all, that matter.
MATTERS: Final = 0.05
#: Of arrivals in the busiest hour, turned away: what is promised, and from which on a site is told of.
TARGET: Final = 0.05
#: Parts of what is idle that a nudge or a fee is assumed to end, and of arrivals in full hours that a price shifts.
NUDGED: Final = (0.25, 0.5, 0.75)
SHIFTED: Final = (0.05, 0.1, 0.15)
#: Parts of what a station lacks to the median of its like that a price or a sign is assumed to bring.
PROMOTED: Final = (0.0, 0.25, 0.5)
#: Parts of the top of a load that is assumed to be shaved.
SHAVED: Final = (0.0, 0.5, 1.0)
#: A station is underused below such a part of the median of at least so many of its like.
FAR_BELOW: Final = 1 / 3
LEAST_ALIKE: Final = 5
#: Of what is idle after charging, the part of sessions of which that must be known.
LEAST_IDLE_KNOWN: Final = 0.5
#: kW of a peak above the usual top that are worth a word.
LEAST_PEAK_W: Final = 1_000


class Plug(Struct, frozen=True, kw_only=True):
    """An EVSE: tries with energy and without, those refused left out, and visits in which nobody charged. `earned`: by
    a session that charged at its station, in minor units."""

    site: str
    station: str
    evse: str
    charged: int
    failed: int
    visits_lost: int
    earned: float
    currency: str


class Busy(Struct, frozen=True, kw_only=True):
    """A site that was full: its load, sessions by week, what one that charged earns, and seconds idle after charging
    of the mean session; None where too few tell."""

    site: str
    load: Load
    weekly: Sequence[int]
    earned: float
    currency: str
    idle_s: float | None


class Used(Struct, frozen=True, kw_only=True):
    """A station: its class of power, the share of its time in use, and what it earned in 30 days."""

    site: str
    station: str
    alike: int
    share: float
    earned: float
    currency: str


class Top(Struct, frozen=True, kw_only=True):
    """The load of a site in W: its highest hour and the hour that one in 20 hours with load exceeds; what a kW of the
    highest costs in a month, in minor units."""

    site: str
    peak_w: int
    usual_w: int
    charge: float
    currency: str


def failing(plugs: Sequence[Plug], days: int) -> Iterable[Proposal]:
    """EVSEs that fail more often than all others together and than those of their site, with FALSE_ALARM for the whole
    network (Wilson 1927, Bonferroni). What is lost: visits in which nobody charged, as far as they are more than
    elsewhere."""
    judged = [plug for plug in plugs if plug.failed + plug.charged >= LEAST_TRIES]
    failed, tries = Counter[str](), Counter[str]()
    for plug in plugs:
        failed[plug.site] += plug.failed
        tries[plug.site] += plug.failed + plug.charged
    for plug in judged:
        count = plug.failed + plug.charged
        beside = tries[plug.site] - count
        if tries.total() == count or not plug.failed:
            continue
        others = (failed.total() - plug.failed) / (tries.total() - count)
        if beside >= LEAST_TRIES:
            # What a whole site, or all of one kind, does is no plug's fault.
            others = max(others, (failed[plug.site] - plug.failed) / beside)
        surely, _ = wilson(plug.failed, count, 1 - FALSE_ALARM / len(judged))
        if surely <= others + MATTERS:
            continue
        share = plug.failed / count
        lost = plug.visits_lost / share * plug.earned * MONTH_DAYS / days
        ends = (max(0.0, each - others) * lost for each in (share, *wilson(plug.failed, count, LEVEL)))
        yield Proposal(
            kind=Kind.FAILING, site=plug.site, station=plug.station, evse=plug.evse, currency=plug.currency,
            effect=_effect(*ends),
            facts={"failed": plug.failed, "tries": count, "others": round(others, 4), "lost": plug.visits_lost},
        )  # fmt: skip


def blocked(sites: Iterable[Busy]) -> Iterable[Proposal]:
    """Sites that turn more than TARGET away in their busiest hour: what more plugs would serve, what ends of idle time
    would, and what a price that moves arrivals would. Intervals are of what weeks differ by, and of what is assumed."""
    for busy in sites:
        load = busy.load
        away = blocking(load.peak, load.plugs)
        if load.plugs < 1 or away <= TARGET or load.plugs >= MAX_PLUGS:
            continue
        facts: dict[str, int | float] = {"plugs": load.plugs, "away": round(away, 4), "full": round(load.full_share, 4)}
        more = plugs_for(load.peak, target=TARGET)
        yield _relieved(
            busy, Kind.BLOCKING, {**facts, "more": more - load.plugs},
            [partial(structs.replace, plugs=more)] * len(NUDGED),
        )  # fmt: skip
        if busy.idle_s:
            idle = busy.idle_s / 60 / load.stay_minutes
            yield _relieved(
                busy, Kind.IDLE, {**facts, "idle_min": round(busy.idle_s / 60)},
                [partial(_shorter, part=part * idle) for part in NUDGED],
            )  # fmt: skip
        yield _relieved(busy, Kind.SHIFT, facts, [partial(_moved, part=part) for part in SHIFTED])


def _relieved(
    busy: Busy, kind: Kind, facts: Mapping[str, int | float], relieved: Sequence[Callable[[Load], Load]]
) -> Proposal:
    """What it earns to relieve a load, by the least, middle and most of what is assumed: `relieved` in that order."""
    spread = _spread(busy.weekly)
    low, middle, high = (
        (turned_away(load) - turned_away(relief(load))) * busy.earned
        for relief, load in zip(
            relieved, (_scaled(busy.load, scale) for scale in (1 - spread, 1.0, 1 + spread)), strict=True
        )
    )
    return Proposal(kind=kind, site=busy.site, currency=busy.currency, effect=_effect(middle, low, high), facts=facts)


def underused(stations: Sequence[Used]) -> Iterable[Proposal]:
    """Stations used for less than a third of the median of those of like power; what PROMOTED of what they lack would
    earn, which is assumed and not measured."""
    groups: defaultdict[tuple[int, str], list[Used]] = defaultdict(list)
    for one in stations:
        groups[one.alike, one.currency].append(one)
    usual = {of: (median(each.share for each in alike), median(each.earned for each in alike))
             for of, alike in groups.items() if len(alike) >= LEAST_ALIKE}  # fmt: skip
    for one in stations:
        share, middle = usual.get((one.alike, one.currency), (0.0, 0.0))
        if one.share >= FAR_BELOW * share or middle <= one.earned:
            continue
        low, expected, high = (part * (middle - one.earned) for part in PROMOTED)
        yield Proposal(
            kind=Kind.UNDERUSED, site=one.site, station=one.station, currency=one.currency,
            effect=_effect(expected, low, high),
            facts={
                "share": round(one.share, 4), "usual": round(share, 4), "alike": len(groups[one.alike, one.currency]),
            },
        )  # fmt: skip


def peaks(sites: Iterable[Top]) -> Iterable[Proposal]:
    """Sites whose highest hour stands above what 19 in 20 hours with load stay below: what SHAVED of that costs by the
    month. Of hours, so of shorter means there is rather more."""
    for top in sites:
        over_w = top.peak_w - top.usual_w
        if top.charge <= 0 or over_w < LEAST_PEAK_W:
            continue
        low, expected, high = (part * over_w / 1000 * top.charge for part in SHAVED)
        yield Proposal(
            kind=Kind.PEAK, site=top.site, currency=top.currency, effect=_effect(expected, low, high),
            facts={"peak_w": top.peak_w, "usual_w": top.usual_w, "charge": round(top.charge, 2)},
        )  # fmt: skip


def ranked(found: Iterable[Proposal]) -> list[Proposal]:
    """Those that earn something, the most first; currencies one after another, the one with the most actions first."""
    worth = [each for each in found if each.effect.expected > 0]
    counts = {one: sum(each.currency == one for each in worth) for one in {each.currency for each in worth}}
    return sorted(worth, key=lambda each: (-counts[each.currency], each.currency, -each.effect.expected, each.place))


def chosen(found: Sequence[Proposal], most: int) -> list[Proposal]:
    """So many of them, in their order: of every currency in turn the most worthwhile, as none can be held against
    another."""
    by_currency: dict[str, list[Proposal]] = {}
    for each in found:
        by_currency.setdefault(each.currency, []).append(each)
    turns = zip_longest(*by_currency.values())
    taken = [each.place for turn in turns for each in turn if each is not None][:most]
    return [each for each in found if each.place in taken]


def turned_away(load: Load) -> float:
    """Drivers turned away in 30 days."""
    return MONTH_DAYS * sum(
        rate * blocking(erlang, load.plugs) for rate, erlang in zip(load.arrivals, load.erlang, strict=True)
    )


def wilson(hits: int, count: int, level: float) -> tuple[float, float]:
    """The interval of a share, two-sided at a level (Wilson 1927). `count` > 0."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = hits / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * sqrt(share * (1 - share) / count + weight / count / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def _effect(expected: float, *ends: float) -> Effect:
    return Effect(expected=round(expected), low=round(min(expected, *ends)), high=round(max(expected, *ends)))


def _spread(weekly: Sequence[int]) -> float:
    """Half the interval of a load, as a part of it, by how weeks differ."""
    if len(weekly) < 2 or not any(weekly):
        return 1.0
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return min(1.0, z * stdev(weekly) / fmean(weekly) / sqrt(len(weekly)))


def _scaled(load: Load, scale: float) -> Load:
    return structs.replace(
        load, arrivals=tuple(rate * scale for rate in load.arrivals), erlang=tuple(busy * scale for busy in load.erlang)
    )


def _shorter(load: Load, part: float) -> Load:
    """The same drivers, whose stays are shorter by a part of them."""
    left = max(0.0, 1 - part)
    return structs.replace(load, erlang=tuple(busy * left for busy in load.erlang))


def _moved(load: Load, part: float) -> Load:
    """A part of the arrivals of hours that turn too many away comes in the others, in proportion to the room there."""
    full = [blocking(busy, load.plugs) > TARGET for busy in load.erlang]
    room = [0.0 if at else max(0.0, load.plugs - busy) for at, busy in zip(full, load.erlang, strict=True)]
    if not sum(room):
        return load

    def shared(values: Sequence[float]) -> tuple[float, ...]:
        away = part * sum(value for value, at in zip(values, full, strict=True) if at)
        return tuple(
            value * (1 - part) if at else value + away * free / sum(room)
            for value, at, free in zip(values, full, room, strict=True)
        )

    return structs.replace(load, arrivals=shared(load.arrivals), erlang=shared(load.erlang))
