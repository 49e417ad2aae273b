"""Lives and costs to a plan: how many of which kind will end within a year, what that costs, and what to do. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct, structs
from numpy.typing import NDArray

from forecourt.insight.replacement.futures import (
    EndBounds,
    Ends,
    Ints,
    bounds,
    chances,
    counts,
    drawn,
    futures_of,
    held,
)
from forecourt.insight.replacement.inputs import KindInputs, ReplacementInputs
from forecourt.insight.replacement.lives import Lives
from forecourt.insight.replacement.model import (
    DAYS_A_YEAR,
    HORIZON_D,
    QUARTERS,
    Cause,
    HardwareExchange,
    HardwareKind,
    HardwarePlace,
    Life,
)
from forecourt.insight.replacement.policy import AheadAdvice, AheadVerdict, advice
from forecourt.insight.replacement.survival import EndRate, Floats, SurvivalCurve, kaplan_meier, rate_of, spans
from forecourt.insight.replacement.weibull import LEAST_ENDS, Draws, Group, fitted, steady
from forecourt.insight.turns import NEVER, Halt

#: Units of one kind that are reckoned, the oldest first.
MAX_UNITS: Final = 60_000
#: Models of one kind that are told apart, those with most lives first; the others count as one.
MAX_MODELS: Final = 50
#: What is drawn is drawn from here, so that a plan is the same at every look.
SEED: Final = 86
OTHERS: Final = "…"
#: Points of what is believed of a kind, and draws that it is reckoned by.
BELIEVED_AGES: Final = 40
BELIEVED_DRAWS: Final = 250


class HardwareTold(StrEnum):
    """How much can be told of a kind."""

    #: Nobody said since when ends of it are recorded.
    NOT_RECORDED = "not_recorded"
    #: Nobody said when any of it was put in.
    UNKNOWN_AGE = "unknown_age"
    #: Nothing of it was in use while ends were recorded.
    NOTHING = "nothing"
    #: None ended, and in so little use that nearly all might within a year.
    SHORT = "short"
    #: None ended: a bound of the rate.
    BOUND = "bound"
    #: Too few ended to tell one age from another: the same rate at any.
    RATE = "rate"
    #: By age.
    AGE = "age"


class Believed(Struct, frozen=True, kw_only=True):
    """What lies in the middle of what is believed, and from where to where 80 % of it."""

    value: float
    low: float
    high: float


class CostBounds(Struct, frozen=True, kw_only=True):
    """What is to be expected, and from what to what 80 of 100 futures cost, in minor units."""

    expected_minor: int
    low_minor: int
    high_minor: int


class ModelAhead(Struct, frozen=True, kw_only=True):
    """Of one model, of known age; '' is of those whose model nobody knows. `own_share`: how much it is told of by
    its own ends."""

    model: str
    units: int
    rate: EndRate | None
    curve: SurvivalCurve
    year: EndBounds | None = None
    median_y: Annotated[Believed | None, Meta(description="Years after which half of them are worn.")] = None
    own_share: float | None = None
    advice: AheadAdvice | None = None
    due: Annotated[int, Meta(description="In use and as old as advised, or older within the year.")] = 0


class KindAhead(Struct, frozen=True, kw_only=True):
    """Of one kind. `wear` and `damage` are rates of ends that depend on age or come from outside; `shape` above 1: the
    hazard rises with age, as sure as `rising` says."""

    kind: HardwareKind
    told: HardwareTold
    units: int
    left_out: int
    assumed: Annotated[int, Meta(description="In use, and nobody said when it was put in: in no number but `units`.")]
    ageless: Annotated[int, Meta(description="Ended, of an age that nobody knows: left out.")]
    wear: EndRate | None
    damage: EndRate | None
    curve: SurvivalCurve
    models: list[ModelAhead]
    shape: Believed | None = None
    rising: float | None = None
    year: EndBounds | None = None
    quarters: list[EndBounds] = []
    cost: CostBounds | None = None
    believed: Annotated[
        list[tuple[float, float]], Meta(description="Age in years, and the share that is believed to be left of all.")
    ] = []


class SiteAhead(Struct, frozen=True, kw_only=True):
    """All kinds that are told of at a site; None: stations without one."""

    site: str | None
    units: int
    year: EndBounds
    cost: CostBounds | None


class HardwareUnit(Struct, frozen=True, kw_only=True):
    """Hardware in use, and how likely it ends within the year. `ahead`: its age is the one to replace it at."""

    station: str
    site: str | None
    place: HardwarePlace
    model: str
    began_on: date
    age_y: float
    chance: float
    ahead: bool


def place_of(unit: HardwareUnit) -> tuple[str, ...]:
    """Where a unit is among all, the likeliest to end first, as names that are ordered alike."""
    place = unit.place
    return (
        f"{10**9 - round(unit.chance * 10**9):010}", unit.station, place.kind.value, f"{place.evse or 0:04}",
        f"{place.connector or 0:04}",
    )  # fmt: skip


class ReplacementBudget(Struct, frozen=True, kw_only=True):
    """Of the kinds that are told of and have a cost; `lacking` have none."""

    currency: str
    year: CostBounds
    quarters: list[CostBounds]
    lacking: list[HardwareKind]


class LeftOut(Struct, frozen=True, kw_only=True):
    """More than is looked at: in no number of the plan. `changes`: what is said of hardware, the oldest."""

    stations: int = 0
    units: int = 0
    changes: int = 0


class YearAhead(Struct, frozen=True, kw_only=True):
    """The year from a day on. `units` by chance, the highest first, of kinds of which something is told."""

    on: date
    kinds: list[KindAhead]
    year: Annotated[EndBounds | None, Meta(description="Of all kinds of which more than a bound is told.")]
    quarters: list[EndBounds]
    sites: list[SiteAhead]
    budget: ReplacementBudget | None
    units: list[HardwareUnit]
    exchanges: list[HardwareExchange]
    left_out: LeftOut = LeftOut()


class _Ahead(Struct, frozen=True):
    """What was drawn of a kind: its units in use, their sites as numbers, and the cost of an end."""

    units: list[Life]
    ends: Ends
    cost_minor: int | None


def plan(lives: Lives, inputs: ReplacementInputs, on: date, halt: Halt = NEVER) -> YearAhead:
    """What lives tell of the year ahead. Raises BrokenOff."""
    by_kind: dict[HardwareKind, list[Life]] = {kind: [] for kind in HardwareKind}
    for life in lives.lives:
        by_kind[life.place.kind].append(life)
    futures = futures_of(max((sum(each.open for each in found) for found in by_kind.values()), default=0))
    kinds, units, ahead = [], [], {}
    for kind, found in by_kind.items():
        told, ranked, drawn_of = _kind(kind, found, lives.ageless.get(kind, 0), inputs.of(kind), futures, halt)
        kinds.append(told)
        units += ranked
        if drawn_of is not None:
            ahead[kind] = drawn_of
    units.sort(key=place_of)
    total = np.zeros((futures, QUARTERS), dtype=np.int64)
    for of in ahead.values():
        total += counts(of.ends, of.ends.quarter, QUARTERS)
    return YearAhead(
        on=on, kinds=kinds, year=bounds(total.sum(axis=1)) if ahead else None,
        quarters=[bounds(total[:, q]) for q in range(QUARTERS)] if ahead else [], sites=_sites(ahead, futures),
        budget=_budget(ahead, inputs, futures), units=units,
        exchanges=sorted(lives.exchanges, key=lambda each: each.on, reverse=True),
        left_out=LeftOut(units=sum(each.left_out for each in kinds)),
    )  # fmt: skip


def _kind(
    kind: HardwareKind, lives: Sequence[Life], ageless: int, inputs: KindInputs, futures: int, halt: Halt
) -> tuple[KindAhead, list[HardwareUnit], _Ahead | None]:
    # Whoever takes what was there before for new is wrong about all: unknown ages are in no rate and no bound.
    ended_ageless = sum(each.assumed and each.cause is not None for each in lives)
    unknown = sum(each.assumed and each.open for each in lives)
    lives = [each for each in lives if not each.assumed]
    current = sorted((each for each in lives if each.open), key=lambda each: -each.exit_d)
    units = current[:MAX_UNITS]
    years = sum(each.exit_d - each.entry_d for each in lives) / DAYS_A_YEAR
    worn, damaged = (sum(each.cause is cause for each in lives) for cause in (Cause.WEAR, Cause.DAMAGE))
    entry, leave, ended = spans(lives, Cause.WEAR)
    names = _names(lives)
    model_of = {name: number for number, name in enumerate(names)}
    models = np.array([model_of.get(each.model, len(names) - 1) for each in lives], dtype=np.int64)
    base = KindAhead(
        kind=kind, told=_told(kind, inputs, years, worn, damaged, unknown), units=len(current) + unknown,
        left_out=len(current) - len(units), assumed=unknown, ageless=ageless + ended_ageless,
        wear=rate_of(worn, years), damage=rate_of(damaged, years), curve=kaplan_meier(entry, leave, ended), models=[],
    )  # fmt: skip
    if not lives:
        return base, [], None
    groups = [Group(entry[models == n], leave[models == n], ended[models == n]) for n in range(len(names))]
    # Kinds end apart from each other: the same numbers for all would add up their luck.
    chance = np.random.default_rng((SEED, list(HardwareKind).index(kind)))
    if base.told not in (HardwareTold.RATE, HardwareTold.AGE):
        return _with(base, names, lives, models, groups, None, None, None, inputs, 0.0, halt), [], None
    wear = (
        fitted(groups, futures, chance, halt)
        if base.told is HardwareTold.AGE
        else steady(worn, years, len(names), futures, chance)
    )  # fmt: skip
    # None so far is not none to come, as little as of wear.
    damage = chance.gamma(damaged + 0.5, size=futures) / years
    age = np.array([each.exit_d for each in units]) / DAYS_A_YEAR
    own = np.array([model_of.get(each.model, len(names) - 1) for each in units], dtype=np.int64)
    ends = drawn(age, own, wear, damage, chance, halt)
    told = _with(base, names, lives, models, groups, wear, ends, own, inputs, float(leave.max()), halt)
    ages = {each.model: each.advice.age_y for each in told.models if each.advice and each.advice.age_y}
    ranked = _ranked(units, age, chances(age, own, wear, damage), [ages.get(names[n]) for n in own])
    return told, ranked, _Ahead(units, ends, inputs.failed)


def _told(
    kind: HardwareKind, inputs: KindInputs, years: float, worn: int, damaged: int, unknown: int
) -> HardwareTold:  # fmt: skip
    if kind is not HardwareKind.STATION and inputs.recorded_since is None:
        return HardwareTold.NOT_RECORDED
    if years <= 0:
        return HardwareTold.UNKNOWN_AGE if unknown else HardwareTold.NOTHING
    if not worn and not damaged:
        none = rate_of(0, years)
        return HardwareTold.BOUND if none is not None and none.high < 100 else HardwareTold.SHORT
    return HardwareTold.AGE if worn >= LEAST_ENDS else HardwareTold.RATE


def _names(lives: Sequence[Life]) -> list[str]:
    """Models that are told apart, those with most lives first."""
    numbers: dict[str, int] = {}
    for each in lives:
        numbers[each.model] = numbers.get(each.model, 0) + 1
    names = sorted(numbers, key=lambda name: (-numbers[name], name))
    return names if len(names) <= MAX_MODELS else [*names[: MAX_MODELS - 1], OTHERS]


def _with(
    base: KindAhead, names: Sequence[str], lives: Sequence[Life], models: Ints, groups: Sequence[Group],
    wear: Draws | None, ends: Ends | None, own: Ints | None, inputs: KindInputs, until_y: float, halt: Halt,
) -> KindAhead:  # fmt: skip
    """What is told of a kind, with what is told of each of its models."""
    current = np.array([each.open for each in lives], dtype=bool)
    by_model = None if ends is None or own is None else counts(ends, own[ends.unit], len(names))
    found = []
    for n, name in enumerate(names):
        halt.check()
        group = groups[n]
        years = float((group.leave - group.entry).sum())
        worn = int(group.ended.sum())
        model = ModelAhead(
            model=name, units=int((current & (models == n)).sum()), rate=rate_of(worn, years),
            curve=kaplan_meier(group.entry, group.leave, group.ended),
        )  # fmt: skip
        if wear is not None and by_model is not None:
            model = _aged(model, n, worn, wear, by_model, base.told, inputs, until_y, group, current[models == n])
        found.append(model)
    if wear is None or ends is None:
        return structs.replace(base, models=found)
    year = counts(ends, ends.quarter, QUARTERS)
    aged = base.told is HardwareTold.AGE
    return structs.replace(
        base, models=found, year=bounds(year.sum(axis=1)), quarters=[bounds(year[:, q]) for q in range(QUARTERS)],
        shape=_range(wear.shape) if aged else None, rising=float((wear.shape > 1).mean()) if aged else None,
        cost=None if inputs.failed is None else _money(year.sum(axis=1) * inputs.failed),
        believed=_believed(wear, [len(each.leave) for each in groups], base.curve) if aged else [],
    )  # fmt: skip


def _believed(wear: Draws, lives: Sequence[int], curve: SurvivalCurve) -> list[tuple[float, float]]:
    """What the curve of all models together would be by what is believed, from the age at which that begins."""
    ages = np.linspace(curve.from_y, max(curve.until_y, curve.from_y), BELIEVED_AGES)
    shape, theta = wear.shape[:BELIEVED_DRAWS], wear.theta[:BELIEVED_DRAWS]
    left = np.zeros(len(ages))
    for number, weight in enumerate(lives):
        left += weight * np.exp(-theta[:, number, None] * ages[None, :] ** shape[:, None]).mean(axis=0)
    return [(float(age), float(share)) for age, share in zip(ages, left / left[0], strict=True)]


def _aged(
    model: ModelAhead, n: int, worn: int, wear: Draws, by_model: Ints, told: HardwareTold, inputs: KindInputs,
    until_y: float, group: Group, current: NDArray[np.bool_],
) -> ModelAhead:  # fmt: skip
    if told is not HardwareTold.AGE:
        return structs.replace(model, year=bounds(by_model[:, n]))
    median = np.exp((np.log(np.log(2)) - np.log(wear.theta[:, n])) / wear.shape)
    said = None
    if inputs.planned is not None and inputs.failed is not None:
        said = advice(wear, n, inputs.planned, inputs.failed, until_y)
    due = 0
    if said is not None and said.verdict is AheadVerdict.PAYS and said.age_y is not None:
        due = int((group.leave[current] + HORIZON_D / DAYS_A_YEAR >= said.age_y).sum())
    return structs.replace(
        model, year=bounds(by_model[:, n]), median_y=_range(median), advice=said, due=due,
        own_share=float((worn / (worn + wear.strength)).mean()),
    )  # fmt: skip


def _ranked(units: Sequence[Life], age: Floats, chance: Floats, ahead: Sequence[float | None]) -> list[HardwareUnit]:
    return [
        HardwareUnit(
            station=each.station, site=each.site, place=each.place, model=each.model, began_on=each.began_on,
            age_y=float(years), chance=float(share), ahead=at is not None and bool(years >= at),
        )
        for each, years, share, at in zip(units, age, chance, ahead, strict=True)
    ]  # fmt: skip


def _sites(ahead: Mapping[HardwareKind, _Ahead], futures: int) -> list[SiteAhead]:
    """All kinds together, those where most is to be expected first."""
    names = sorted({each.site or "" for of in ahead.values() for each in of.units})
    number = {name: n for n, name in enumerate(names)}
    total = np.zeros((futures, len(names)), dtype=np.int64)
    cost = np.zeros((futures, len(names)), dtype=np.int64)
    units = np.zeros(len(names), dtype=np.int64)
    for of in ahead.values():
        at = np.array([number[each.site or ""] for each in of.units], dtype=np.int64)
        found = counts(of.ends, at[of.ends.unit], len(names)) if len(at) else np.zeros_like(total)
        total += found
        cost += found * (of.cost_minor or 0)
        units += np.bincount(at, minlength=len(names))
    priced = any(of.cost_minor is not None for of in ahead.values())
    made = [
        SiteAhead(
            site=name or None, units=int(units[n]), year=bounds(total[:, n]),
            cost=_money(cost[:, n]) if priced else None,
        )
        for name, n in number.items()
    ]  # fmt: skip
    return sorted(made, key=lambda each: (-each.year.expected, each.site or ""))


def _budget(ahead: Mapping[HardwareKind, _Ahead], inputs: ReplacementInputs, futures: int) -> ReplacementBudget | None:
    """Every end costs what a failed replacement does; None where no kind has a cost."""
    cost = np.zeros((futures, QUARTERS), dtype=np.int64)
    lacking = [kind for kind, of in ahead.items() if of.cost_minor is None]
    for of in ahead.values():
        cost += counts(of.ends, of.ends.quarter, QUARTERS) * (of.cost_minor or 0)
    if len(lacking) == len(ahead):
        return None
    return ReplacementBudget(
        currency=inputs.currency, year=_money(cost.sum(axis=1)),
        quarters=[_money(cost[:, q]) for q in range(QUARTERS)], lacking=lacking,
    )  # fmt: skip


def _money(costs: Ints) -> CostBounds:
    """Of costs of futures, in whole minor units."""
    low, high = held(costs)
    return CostBounds(expected_minor=sum(costs.tolist()) // len(costs), low_minor=low, high_minor=high)


def _range(values: Floats) -> Believed:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return Believed(value=float(middle), low=float(low), high=float(high))
