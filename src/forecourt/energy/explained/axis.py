"""A site, or a node of it, on one axis of time: what it took, what is meant, its limit, what energy costs. Pure.

Powers are in kW, times in ms since 1970, as charts have them. Prices stay text: no float is near them.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from forecourt.energy.explained.nodes import below, beside_w, kept_w, limits_kw, meant_w, stored_w
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.plan import BatteryPlan, SitePlan
from forecourt.energy.signals.in_force import LimitHeld, PriceHeld
from forecourt.energy.signals.outlook import Attached
from forecourt.energy.store.explained import PowerPoint
from forecourt.energy.store.storage import StoredPoint

#: A value at a time, which holds until the next; None: nothing is known from there on.
Point = tuple[int, float | None]


class Lines(Struct, frozen=True, kw_only=True):
    """What is drawn of a node. `took` and `meant` are what the cars behind it take together, `grid_*` what flows
    through it, with loads and sun; `kept` is what is kept for EVSEs that can't be told anything, `allowed` what all
    EVSEs might have drawn. `battery_*` is what the site's batteries take, below 0 where they give, `stored` how full
    they are, in percent. `limit` and `price` are those that were known when it was planned, the latter with whether it
    stands in for one that is missing; `limit_was` and `price_was` those that counted, and where they were from."""

    at: int
    took: list[Point]
    allowed: list[Point]
    grid_took: list[Point]
    meant: list[Point]
    kept: list[Point]
    grid_meant: list[Point]
    load: list[Point]
    solar: list[Point]
    battery_took: list[Point]
    battery_meant: list[Point]
    stored: list[Point]
    limit: list[Point]
    limit_was: list[tuple[int, float | None, str]]
    price: list[tuple[int, str, bool]]
    price_was: list[tuple[int, str, bool, str]]
    currency: str | None


class Held(Struct, frozen=True, kw_only=True):
    """What counted of a node, change by change, and what a kWh cost; `looks`: when somebody looked, all in order."""

    limits: Sequence[LimitHeld] = ()
    prices: Sequence[PriceHeld] = ()
    looks: Sequence[datetime] = ()


NOTHING_HELD: Final = Held()


class _Changed(Protocol):
    @property
    def at(self) -> datetime: ...


T = TypeVar("T", bound=_Changed)


def lines_of(
    known: Knowledge,
    plan: SitePlan,
    past: Sequence[PowerPoint],
    gap: timedelta,
    node: str | None = None,
    stored: Sequence[StoredPoint] = (),
    held: Held = NOTHING_HELD,
) -> Lines:
    """Of the grid connection, or of another node; `past` is of the same and may go on behind the time of the plan, as
    `stored` and `held` may: that is what came of it. A line breaks where nobody looked for longer than `gap`."""
    outlook, whole = known.outlook, node is None or node == known.tree.root
    place = known.tree.root if node is None else node
    places = below(known.tree, place)
    loads = [each for each in outlook.loads if each.node in places]
    solar = [each for each in outlook.solar if each.node in places]
    batteries = known.tree.batteries if whole else ()
    beside = bool(loads or solar or batteries)
    starts = [_ms(each) for each in outlook.starts]
    end = _ms(outlook.starts[-1] + timedelta(hours=outlook.hours[-1]))
    cars_w, kept, limits = meant_w(known, plan, places), kept_w(known, places), limits_kw(known, place)
    parts = (cars_w, beside_w(known, places), stored_w(known, plan, places))
    through_w = [sum(values) for values in zip(*parts, strict=True)]
    if whole and len(plan.grid_w) == len(starts):
        through_w = list(plan.grid_w)
    return Lines(
        at=_ms(plan.at),
        took=_measured(past, gap, lambda each: each.charging_w),
        allowed=_measured(past, gap, lambda each: each.allowed_w) if whole else [],
        grid_took=_measured(past, gap, _grid_w) if beside and whole else [],
        meant=_stepped(starts, end, (each / 1000 for each in cars_w)),
        kept=_stepped(starts, end, (kept / 1000 for _ in starts)) if kept else [],
        grid_meant=_stepped(starts, end, (each / 1000 for each in through_w)) if beside else [],
        load=_attached(starts, end, loads),
        solar=_attached(starts, end, solar),
        battery_took=_measured(past, gap, lambda each: each.battery_w) if batteries else [],
        battery_meant=_meant(starts, end, plan, lambda each: each.steps_w) if batteries else [],
        stored=_full(known, plan, stored, starts, end) if batteries else [],
        limit=_stepped(starts, end, limits) if any(each is not None for each in limits) else [],
        limit_was=[_limit(at, each) for at, each in holding(held.limits, held.looks, gap)],
        price_was=[_price(at, each) for at, each in holding(held.prices, held.looks, gap)],
        price=[*_prices(starts, outlook.price.values, outlook.price.stand_in), (end, "", False)],
        currency=outlook.currency,
    )


def _grid_w(each: PowerPoint) -> int:
    return each.charging_w + each.load_w - each.solar_w + each.battery_w


def _meant(starts: Sequence[int], end: int, plan: SitePlan, of: Callable[[BatteryPlan], Sequence[int]]) -> list[Point]:
    """What is meant for all batteries together, in thousands; nothing where none is planned."""
    parts = [of(each) for each in plan.batteries if len(of(each)) == len(starts)]
    if not parts:
        return []
    return _stepped(starts, end, (sum(values) / 1000 for values in zip(*parts, strict=True)))


def _full(
    known: Knowledge, plan: SitePlan, stored: Sequence[StoredPoint], starts: Sequence[int], end: int
) -> list[Point]:
    """How full batteries were, until the plan, and are meant to be at the end of each step, in percent."""
    capacity_wh = sum(battery.capacity_wh for battery in known.tree.batteries)
    if not capacity_wh:
        return []
    held: dict[str, int] = {}
    found: list[Point] = []
    for each in sorted(stored, key=lambda point: point.at):
        held[each.battery] = each.stored_wh
        if len(held) == len(known.tree.batteries) and each.at < plan.at:
            found.append((_ms(each.at), round(100 * sum(held.values()) / capacity_wh, 1)))
    meant = _meant(starts, end, plan, lambda each: each.stored_wh)
    ends = [at for at, _ in meant[1:]]
    return found + [
        (at, None if kwh is None else round(100_000 * kwh / capacity_wh, 1))
        for at, (_, kwh) in zip(ends, meant, strict=False)
    ]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _measured(past: Sequence[PowerPoint], gap: timedelta, power_w: Callable[[PowerPoint], int]) -> list[Point]:
    found: list[Point] = []
    for number, each in enumerate(past):
        if number and each.at - past[number - 1].at > gap:
            found.append((_ms(past[number - 1].at) + 1, None))
        found.append((_ms(each.at), power_w(each) / 1000))
    return found


def holding(changes: Sequence[T], looks: Sequence[datetime], gap: timedelta) -> list[tuple[int, T | None]]:
    """What counted at each look and from each change on; None where nobody looked for longer than a gap, and before
    anything is known."""
    found: list[tuple[int, T | None]] = []
    last, number = None, 0
    for at in sorted({*looks, *(each.at for each in changes if looks and looks[0] <= each.at)}):
        if last is not None and at - last > gap:
            found.append((_ms(last) + 1, None))
        while number < len(changes) and changes[number].at <= at:
            number += 1
        found.append((_ms(at), changes[number - 1] if number else None))
        last = at
    return found


def _limit(at: int, held: LimitHeld | None) -> tuple[int, float | None, str]:
    if held is None or held.limit_w is None:
        return at, None, ""
    return at, held.limit_w / 1000, held.source


def _price(at: int, held: PriceHeld | None) -> tuple[int, str, bool, str]:
    return (at, "", False, "") if held is None else (at, f"{held.price:f}", held.stands_in, held.source)


def _stepped(starts: Sequence[int], end: int, values_kw: Iterable[float | None]) -> list[Point]:
    found: list[Point] = [
        (at, None if value is None else round(value, 3)) for at, value in zip(starts, values_kw, strict=True)
    ]
    return [*found, (end, found[-1][1])]


def _attached(starts: Sequence[int], end: int, parts: Sequence[Attached]) -> list[Point]:
    if not parts:
        return []
    return _stepped(
        starts, end, (sum(values) / 1000 for values in zip(*(p.power_w.values for p in parts), strict=True))
    )


def _prices(starts: Sequence[int], values: Sequence[Decimal], stand_in: Sequence[bool]) -> list[tuple[int, str, bool]]:
    return [(at, f"{value:f}", missing) for at, value, missing in zip(starts, values, stand_in, strict=True)]
