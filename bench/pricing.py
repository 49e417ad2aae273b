"""What pricing a session costs, and what it costs in the ordinary way. CPU time of one core."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from bench.figures import Figure
from bench.servers import Stage
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Conditions,
    Day,
    Dimension,
    Element,
    PriceComponent,
    Segment,
    SegmentKind,
    Tariff,
)

SESSIONS, QUICK = 20_000, 5_000
LIVE: Final = 10_000
GOAL_A_SECOND: Final = 50_000.0
GOAL_RATIO: Final = 10.0
GOAL_LIVE_MS: Final = 1_000.0
ZONE: Final = ZoneInfo("Europe/Berlin")
WEEKDAYS: Final = frozenset(list(Day)[:5])
TARIFF: Final = Tariff(
    id="bench",
    currency="EUR",
    elements=(
        Element(price_components=(PriceComponent(type=Dimension.FLAT, price=Decimal("0.50"), vat=Decimal(19)),)),
        Element(
            price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.59"), vat=Decimal(19)),),
            conditions=Conditions(start_time="08:00", end_time="20:00", days=WEEKDAYS),
        ),
        Element(price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.39"), vat=Decimal(19)),)),
        Element(
            price_components=(
                PriceComponent(type=Dimension.PARKING_TIME, price=Decimal("6.00"), vat=Decimal(19), step_size=60),
            ),
            conditions=Conditions(min_duration=4 * 3600),
        ),
    ),
)
Session = tuple[datetime, list[Segment]]


async def measure(stage: Stage) -> list[Figure]:
    """Sessions priced a second of CPU, and the running cost of all live ones."""
    return await asyncio.to_thread(figures, QUICK if stage.quick else SESSIONS)


def figures(count: int) -> list[Figure]:
    """The same sessions in both ways; both must come to the same amounts."""
    sessions, pricer = _sessions(count), Pricer(TARIFF, ZONE)
    before = time.process_time()
    ours = [sum(each.incl_vat for each in pricer.price(*each).rounded()) for each in sessions]
    took = time.process_time() - before
    before = time.process_time()
    ordinary = [ordinary_price(*each) for each in sessions]
    theirs = time.process_time() - before
    assert ours == ordinary, "the two ways disagree"
    live = _sessions(LIVE)
    before = time.process_time()
    for start_at, segments in live:
        pricer.price(start_at, segments).rounded()
    running = (time.process_time() - before) * 1000
    return [
        Figure(
            what="Sessions priced by a tariff of 4 elements", unit="a CPU s",
            ours=count / took, ordinary=count / theirs, more_is_better=True, goal_ratio=GOAL_RATIO,
        ),
        Figure(
            what="The same, as it is", unit="a CPU s", ours=count / took, more_is_better=True, goal_least=GOAL_A_SECOND
        ),
        Figure(
            what=f"Running cost of {LIVE:,} live sessions", unit="CPU ms", ours=running, goal_most=GOAL_LIVE_MS
        ),
    ]  # fmt: skip


def _sessions(count: int) -> list[Session]:
    chance = random.Random(7)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        (
            first + timedelta(seconds=chance.randrange(90 * 86_400)),
            [
                Segment(
                    seconds=chance.randrange(600, 4 * 3600),
                    kind=SegmentKind.CHARGING,
                    energy_wh=chance.randrange(1_000, 60_000),
                ),
                Segment(seconds=chance.randrange(5 * 3600), kind=SegmentKind.PARKING),
            ],
        )
        for _ in range(count)
    ]


def ordinary_price(start_at: datetime, segments: Sequence[Segment]) -> int:
    """As one writes it first: local times and decimals, cut wherever a restriction begins or ends."""
    used: dict[tuple[int, int], Fraction] = {}
    at = start_at
    last: dict[Dimension, tuple[int, int]] = {}
    for segment in segments:
        begun, ends = at, at + timedelta(seconds=segment.seconds)
        while at < ends:
            until = min(ends, _next_change(start_at, at))
            share = Fraction(int((until - at).total_seconds()), segment.seconds)
            for dimension, amount in (
                (Dimension.FLAT, Fraction(1)),
                (Dimension.ENERGY, segment.energy_wh * share / 1000),
                (Dimension.PARKING_TIME, share * segment.seconds / 3600),
            ):
                parked = segment.kind is SegmentKind.PARKING
                if (dimension is Dimension.PARKING_TIME and not parked) or not amount:
                    continue
                key = _first(dimension, start_at, at)
                if key is not None:
                    used[key] = amount if dimension is Dimension.FLAT else used.get(key, Fraction(0)) + amount
                    last[dimension] = key
            at = until
        at = max(at, begun)
    for dimension, per_unit in ((Dimension.ENERGY, 1000), (Dimension.PARKING_TIME, 3600)):
        if dimension in last:
            step = Fraction(_component(last[dimension]).step_size, per_unit)
            total = sum((amount for key, amount in used.items() if _component(key).type is dimension), Fraction(0))
            used[last[dimension]] += -(-total // step) * step - total
    total = sum(
        (amount * Fraction(_component(key).price) * (1 + Fraction(_component(key).vat or 0) / 100)
         for key, amount in used.items()),
        Fraction(0),
    )  # fmt: skip
    cents = Decimal(total.numerator * 100) / Decimal(total.denominator)
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))


def _next_change(start_at: datetime, at: datetime) -> datetime:
    """The next moment at which some restriction may begin or end."""
    local = at.astimezone(ZONE)
    moments = []
    for days in (0, 1):
        day = local.date() + timedelta(days=days)
        for element in TARIFF.elements:
            for text in ("00:00", element.conditions.start_time, element.conditions.end_time):
                if text:
                    hour, minute = map(int, text.split(":"))
                    moments.append(datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC))
            for seconds in (element.conditions.min_duration, element.conditions.max_duration):
                if seconds is not None:
                    moments.append(start_at + timedelta(seconds=seconds))
    return min(moment for moment in moments if moment > at)


def _first(dimension: Dimension, start_at: datetime, at: datetime) -> tuple[int, int] | None:
    """The first price of a dimension whose restrictions hold."""
    for number, element in enumerate(TARIFF.elements):
        for place, component in enumerate(element.price_components):
            if component.type is dimension and _holds(element.conditions, start_at, at):
                return number, place
    return None


def _holds(one: Conditions, start_at: datetime, at: datetime) -> bool:
    local, age_s = at.astimezone(ZONE), (at - start_at).total_seconds()
    clock = local.strftime("%H:%M")
    return (
        (one.start_time is None or clock >= one.start_time)
        and (one.end_time is None or clock < one.end_time)
        and (not one.days or list(Day)[local.weekday()] in one.days)
        and (one.min_duration is None or age_s >= one.min_duration)
        and (one.max_duration is None or age_s < one.max_duration)
    )


def _component(key: tuple[int, int]) -> PriceComponent:
    return TARIFF.elements[key[0]].price_components[key[1]]
