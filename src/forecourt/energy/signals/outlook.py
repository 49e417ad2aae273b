"""What is known of the steps ahead of a site: prices, CO2, load, sun and limits of each, and where each is from. Pure.

What is missing or late is stood in for by what is safe, and says so: a price by the last one of this hour, a load by
the most that was seen, the sun by none.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from forecourt.energy.signals.building import Habit
from forecourt.energy.signals.model import (
    NodeLimit,
    Provenance,
    Reading,
    Span,
    TariffRow,
    mean_over,
    without_overlaps,
)
from forecourt.energy.signals.sun import ClearSky, Sky
from forecourt.energy.site import SiteRecord
from forecourt.platform.clock import is_recent

#: The price of a kWh and the CO2 of it, in g, where nothing at all is known: flat, so that nothing is shifted for it.
UNKNOWN_PRICE: Final = Decimal("0.30")
UNKNOWN_CO2: Final = Decimal(400)
#: A meter that said nothing for so long is late.
METER_LATE: Final = timedelta(minutes=20)
#: How far back a value of the same hour may stand in for one that is missing.
LOOK_BACK: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)
#: A step is read at so many places at most.
MAX_PLACES: Final = 96


class Signal(Struct, frozen=True, kw_only=True):
    """A value a step, which of them stand in for what is missing, and where the others are from."""

    values: tuple[Decimal, ...]
    stand_in: tuple[bool, ...]
    provenance: Provenance


class Power(Struct, frozen=True, kw_only=True):
    """The same in W."""

    values: tuple[int, ...]
    stand_in: tuple[bool, ...]
    provenance: Provenance


class Attached(Struct, frozen=True, kw_only=True):
    """What a load takes or a solar plant gives at its node, in W. `measured_w`: what that was as last measured; None
    where it is not known or too long ago. `most_w`: what it may come to now where it isn't; plans of before it was
    told say 0."""

    id: str
    node: str
    power_w: Power
    most_w: int = 0
    measured_w: int | None = None


class Allowed(Struct, frozen=True, kw_only=True):
    """The tightest limits of a node in each step, None where there is none; `sources` of all that hold at any time."""

    node: str
    limit_w: tuple[int | None, ...]
    limit_a: tuple[float | None, ...]
    sources: tuple[Provenance, ...]


class Demand(Struct, frozen=True, kw_only=True):
    """The charge for a kW of the highest mean of so many minutes in the billing month that begins and ends then."""

    charge_per_kw: Decimal
    minutes: int
    begins_at: datetime
    ends_at: datetime


class Outlook(Struct, frozen=True, kw_only=True):
    """What is known of each step ahead; steps follow each other. Prices are of a kWh in `currency`, CO2 in g a kWh."""

    starts: tuple[datetime, ...]
    hours: tuple[float, ...]
    currency: str | None
    price: Signal
    feed_in: Signal
    co2: Signal
    loads: tuple[Attached, ...]
    solar: tuple[Attached, ...]
    limits: tuple[Allowed, ...]
    demand: Demand | None


class Known(Struct, frozen=True, kw_only=True):
    """What was read of a site's signals. Series and readings reach back as far as forecasts look."""

    tariff: TariffRow | None = None
    prices: Sequence[Span] = ()
    co2: Sequence[Span] = ()
    limits: Sequence[NodeLimit] = ()
    readings: Mapping[str, Sequence[Reading]] = {}
    latest: Mapping[str, Reading] = {}
    skies: Mapping[str, ClearSky] = {}


class _Step(Struct, frozen=True):
    start: datetime
    end: datetime

    @property
    def middle(self) -> datetime:
        return self.start + (self.end - self.start) / 2


def signals_at(
    site: SiteRecord, known: Known, now: datetime, hours: Sequence[float], lead: timedelta = timedelta()
) -> Outlook:
    """The steps ahead of a site that has a tree: they begin now and last so many hours each. Limits that begin within
    `lead` from now count already: that long it takes until stations keep what they are told."""
    steps: list[_Step] = []
    at = now
    for length in hours:
        steps.append(_Step(at, at + timedelta(hours=length)))
        at = steps[-1].end
    tree = site.tree
    return Outlook(
        starts=tuple(step.start for step in steps),
        hours=tuple(hours),
        currency=None if known.tariff is None else known.tariff.tariff.currency,
        price=_price(site.zone, known, steps),
        feed_in=_feed_in(known, steps),
        co2=_of_series(known.co2, steps, lambda _: UNKNOWN_CO2, lambda value: value),
        loads=()
        if tree is None
        else tuple(_load(site, known, now, steps, number) for number in range(len(tree.loads))),
        solar=()
        if tree is None
        else tuple(_solar(site, known, now, steps, number) for number in range(len(tree.solar))),
        limits=() if tree is None else _limits(site, known.limits, steps, now + lead),
        demand=_demand(site.zone, known, now),
    )


def _price(zone: str, known: Known, steps: Sequence[_Step]) -> Signal:
    row = known.tariff
    if row is None:
        return _constant(UNKNOWN_PRICE, steps, Provenance(source="nothing is known"), stand_in=True)
    tariff = row.tariff

    def by_season(step: _Step) -> Decimal | None:
        found = [price for at in _places(step) if (price := tariff.by_season(at, zone)) is not None]
        return sum(found, Decimal(0)) / len(found) if found else None

    if tariff.price_zone is None:
        prices = tuple(by_season(step) for step in steps)
        return Signal(
            values=tuple(UNKNOWN_PRICE if price is None else price for price in prices),
            stand_in=tuple(price is None for price in prices),
            provenance=row.provenance,
        )
    market = sorted(span.value for span in known.prices)
    middle = tariff.of_market(market[len(market) // 2]) if market else UNKNOWN_PRICE
    return _of_series(known.prices, steps, lambda step: by_season(step) or middle, tariff.of_market)


def _places(step: _Step) -> list[datetime]:
    """Times of a step at which a rate is read: its beginning, and each quarter of an hour in it."""
    found, at = [step.start], step.start + _QUARTER
    while at < step.end and len(found) < MAX_PLACES:
        found.append(at)
        at += _QUARTER
    return found


def _of_series(
    spans: Sequence[Span],
    steps: Sequence[_Step],
    otherwise: Callable[[_Step], Decimal],
    paid: Callable[[Decimal], Decimal],
) -> Signal:
    """The means of a series; where a part is missing, the last value of the same hour, else something else."""
    ordered = without_overlaps(spans)
    values: list[Decimal] = []
    stand_in: list[bool] = []
    for step in steps:
        found = mean_over(ordered, step.start, step.end)
        stand_in.append(found is None)
        if found is None:
            found = _same_hour(ordered, step)
        values.append(otherwise(step) if found is None else paid(found))
    return Signal(values=tuple(values), stand_in=tuple(stand_in), provenance=_of_spans(ordered))


def _same_hour(spans: Sequence[Span], step: _Step) -> Decimal | None:
    days = 1
    while timedelta(days=days) <= LOOK_BACK:
        before = timedelta(days=days)
        found = mean_over(spans, step.start - before, step.end - before)
        if found is not None:
            return found
        days += 1
    return None


def _of_spans(spans: Sequence[Span]) -> Provenance:
    if not spans:
        return Provenance(source="nothing is known")
    newest = max(spans, key=lambda span: span.fetched_at)
    return Provenance(
        source=newest.source,
        fetched_at=newest.fetched_at,
        valid_from=spans[0].start_at,
        valid_until=spans[-1].end_at,
    )


def _constant(value: Decimal, steps: Sequence[_Step], of: Provenance, *, stand_in: bool) -> Signal:
    return Signal(values=(value,) * len(steps), stand_in=(stand_in,) * len(steps), provenance=of)


def _feed_in(known: Known, steps: Sequence[_Step]) -> Signal:
    """Nothing, where nothing is known: who counts on it would charge less from the own roof."""
    if known.tariff is None:
        return _constant(Decimal(0), steps, Provenance(source="nothing is known"), stand_in=True)
    return _constant(known.tariff.tariff.feed_in_per_kwh, steps, known.tariff.provenance, stand_in=False)


def _load(site: SiteRecord, known: Known, now: datetime, steps: Sequence[_Step], number: int) -> Attached:
    assert site.tree is not None
    load = site.tree.loads[number]
    latest = known.latest.get(load.id)
    late = latest is None or not is_recent(latest.at, now, METER_LATE)
    habit = Habit(known.readings.get(load.id, ()), latest, now, site.zone)
    values: list[int] = []
    for step in steps:
        found = habit.power_w(step.middle, late=late)
        values.append(load.most_w if found is None else max(found, load.most_w) if late else found)
    return Attached(
        id=load.id,
        node=load.node,
        power_w=Power(values=tuple(values), stand_in=(late,) * len(steps), provenance=_of_meter(latest)),
        most_w=load.most_w,
        measured_w=None if late or latest is None else latest.power_w,
    )


def _solar(site: SiteRecord, known: Known, now: datetime, steps: Sequence[_Step], number: int) -> Attached:
    assert site.tree is not None
    plant = site.tree.solar[number]
    latest = known.latest.get(plant.id)
    clear = known.skies.get(plant.id, ClearSky())
    sky = Sky(plant, clear, known.readings.get(plant.id, ()), now)
    measured_w = None if latest is None or not is_recent(latest.at, now, METER_LATE) else latest.power_w
    # What it gives is known as soon as it is measured; what it will give, once something was learned from that.
    late = measured_w is None or not sky.known
    clear_w = clear.power_w(now)
    values = [sky.power_w(step.middle, late=late) for step in steps]
    return Attached(
        id=plant.id,
        node=plant.node,
        power_w=Power(
            values=tuple(value or 0 for value in values),
            stand_in=tuple(late or value is None for value in values),
            provenance=_of_meter(latest),
        ),
        most_w=plant.peak_w if clear_w is None else clear_w,
        measured_w=measured_w,
    )


def _of_meter(latest: Reading | None) -> Provenance:
    if latest is None:
        return Provenance(source="nothing is known")
    return Provenance(source=latest.source, fetched_at=latest.at, valid_from=latest.at)


def _limits(
    site: SiteRecord, limits: Sequence[NodeLimit], steps: Sequence[_Step], until: datetime
) -> tuple[Allowed, ...]:
    """Each limit counts in every step that it touches, the first of which reaches at least `until` then. One of a node
    that is no more holds for the whole site."""
    assert site.tree is not None
    steps = [*(_Step(step.start, max(step.end, until)) for step in steps[:1]), *steps[1:]]
    nodes = {node.id for node in site.tree.nodes}
    by_node: dict[str, list[NodeLimit]] = {}
    for each in limits:
        node = each.node if each.node in nodes else site.tree.root
        by_node.setdefault(node or site.tree.root, []).append(each)
    return tuple(
        Allowed(
            node=node,
            limit_w=tuple(
                min((each.limit_w for each in said if each.limit_w is not None and _touches(each, step)), default=None)
                for step in steps
            ),
            limit_a=tuple(
                min((each.limit_a for each in said if each.limit_a is not None and _touches(each, step)), default=None)
                for step in steps
            ),
            sources=tuple(
                Provenance(
                    source=each.source, fetched_at=each.said_at, valid_from=each.starts_at, valid_until=each.ends_at
                )
                for each in said
            ),
        )
        for node, said in sorted(by_node.items())
    )


def _touches(limit: NodeLimit, step: _Step) -> bool:
    return limit.starts_at < step.end and (limit.ends_at is None or limit.ends_at > step.start)


def _demand(zone: str, known: Known, now: datetime) -> Demand | None:
    if known.tariff is None:
        return None
    tariff = known.tariff.tariff
    begins_at, ends_at = tariff.billing_month(now, zone)
    return Demand(
        charge_per_kw=tariff.demand_charge_per_kw, minutes=tariff.demand_minutes, begins_at=begins_at, ends_at=ends_at
    )
