"""What a session costs, found second by second: slow, and written apart from the engine that it checks."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from forecourt.pricing.model import Conditions, Dimension, PriceComponent, Reserved, Segment, SegmentKind, Since, Tariff


class _Now:
    """All that conditions may look at, at the start of one second."""

    def __init__(self, local: datetime, kind: SegmentKind, energy_kwh: Fraction, power_kw: Fraction | None) -> None:
        self.local, self.kind, self.energy_kwh, self.power_kw = local, kind, energy_kwh, power_kw
        self.current: Fraction | None = None
        self.ages: dict[Since, int | None] = {}


def price(tariff: Tariff, zone: str, start_at: datetime, segments: Sequence[Segment]) -> tuple[Fraction, Fraction]:
    """The exact cost before and after VAT, without limits on the price."""
    expired = all(segment.kind is SegmentKind.RESERVATION for segment in segments)
    quantity: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    order: list[tuple[Dimension, bool, tuple[int, int]]] = []
    flats: list[tuple[int, int]] = []
    for now, energy_kwh, seconds in _seconds(zone, start_at, segments):
        reserved = now.kind is SegmentKind.RESERVATION
        for dimension, amount in _amounts(now, energy_kwh, seconds):
            for key in _winners(tariff, now, dimension, expired):
                if dimension is Dimension.FLAT:
                    flats.append(key)
                elif amount:
                    quantity[key] += amount
                    order.append((dimension, reserved, key))
    _step(tariff, quantity, order)
    # Each once: of the session, of its reservation, and of one that expired.
    for kind in (None, *Reserved):
        own = [key for key in flats if tariff.elements[key[0]].conditions.reservation is kind]
        if own:
            quantity[own[0]] = Fraction(1)
    total_excl = total_incl = Fraction(0)
    for key, amount in quantity.items():
        component = _component(tariff, key)
        excl, incl = _prices(tariff, component)
        total_excl += amount * excl
        total_incl += amount * incl
    return total_excl, total_incl


def _seconds(zone: str, start_at: datetime, segments: Sequence[Segment]) -> Iterator[tuple[_Now, Fraction, int]]:
    at, energy_kwh = 0, Fraction(0)
    began: int | None = None
    charging: int | None = None
    stopped: int | None = None
    for segment in segments:
        kwh = Fraction(segment.energy_wh) / 1000
        if segment.kind is not SegmentKind.RESERVATION and began is None:
            began = at
        if segment.kind is SegmentKind.CHARGING and charging is None:
            charging = at
        power = None if segment.power_w is None else Fraction(segment.power_w) / 1000
        if power is None and segment.seconds:
            power = kwh * 3600 / segment.seconds
        for number in range(max(segment.seconds, 1)):
            here = at + number
            local = (start_at + timedelta(seconds=here)).astimezone(ZoneInfo(zone))
            length = 1 if segment.seconds else 0
            now = _Now(local, segment.kind, energy_kwh + (kwh * number / segment.seconds if length else 0), power)
            now.current = None if segment.current_a is None else Fraction(segment.current_a)
            if segment.kind is SegmentKind.RESERVATION:
                now.ages = {Since.START: here, Since.CHARGING_START: None, Since.CHARGING_END: None}
            else:
                now.ages = {
                    Since.START: here - (began or 0),
                    Since.CHARGING_START: None if charging is None else here - charging,
                    Since.CHARGING_END: here - stopped
                    if stopped is not None and segment.kind is SegmentKind.PARKING
                    else None,
                }
            yield now, kwh / segment.seconds if length else kwh, length
        at += segment.seconds
        energy_kwh += kwh
        if segment.kind is SegmentKind.CHARGING or (segment.kind is SegmentKind.WITHHELD and stopped is not None):
            stopped = at


def _amounts(now: _Now, energy_kwh: Fraction, seconds: int) -> list[tuple[Dimension, Fraction]]:
    if now.kind is SegmentKind.RESERVATION:
        return [(Dimension.TIME, Fraction(seconds, 3600)), (Dimension.FLAT, Fraction(1))]
    if now.kind is SegmentKind.WITHHELD:
        return [(Dimension.ENERGY, energy_kwh), (Dimension.FLAT, Fraction(1))]
    time = Dimension.TIME if now.kind is SegmentKind.CHARGING else Dimension.PARKING_TIME
    return [(Dimension.ENERGY, energy_kwh), (time, Fraction(seconds, 3600)), (Dimension.FLAT, Fraction(1))]


def _winners(tariff: Tariff, now: _Now, dimension: Dimension, expired: bool) -> list[tuple[int, int]]:
    if now.kind is not SegmentKind.RESERVATION:
        wanted: list[Reserved | None] = [None]
    else:
        wanted = [Reserved.RESERVATION_EXPIRES, Reserved.RESERVATION] if expired else [Reserved.RESERVATION]
    found = []
    for reserved in wanted:
        for number, element in enumerate(tariff.elements):
            places = [n for n, each in enumerate(element.price_components) if each.type is dimension]
            if places and element.conditions.reservation is reserved and _holds(element.conditions, now):
                found.append((number, places[0]))
                break
    return found if dimension is Dimension.FLAT else found[:1]


def _holds(c: Conditions, now: _Now) -> bool:
    clock, day = now.local.strftime("%H:%M"), now.local.date()
    tests = [
        c.start_date is None or day >= c.start_date,
        c.end_date is None or day < c.end_date,
        not c.days or now.local.strftime("%A").upper() in c.days,
        _between(now.energy_kwh, c.min_kwh, c.max_kwh),
        _between(now.power_kw, c.min_power, c.max_power),
        _between(now.current, c.min_current, c.max_current),
        _between(now.ages[c.since], c.min_duration, c.max_duration),
    ]
    if c.start_time and c.end_time and c.end_time <= c.start_time:
        tests.append(clock >= c.start_time or clock < c.end_time)
    else:
        tests += [not c.start_time or clock >= c.start_time, not c.end_time or clock < c.end_time]
    return all(tests)


def _between(value: Any, least: Any, most: Any) -> bool:
    if least is None and most is None:
        return True
    return value is not None and bool(least is None or value >= least) and bool(most is None or value < most)


def _step(
    tariff: Tariff,
    quantity: dict[tuple[int, int], Fraction],
    order: Sequence[tuple[Dimension, bool, tuple[int, int]]],
) -> None:
    """Energy once; of charging and parking time the last; a reservation's time."""
    groups = (
        [key for dimension, _, key in order if dimension is Dimension.ENERGY],
        [key for dimension, reserved, key in order if dimension is not Dimension.ENERGY and not reserved],
        [key for dimension, reserved, key in order if dimension is Dimension.TIME and reserved],
    )
    for number, keys in enumerate(groups):
        if not keys:
            continue
        last = keys[-1]
        component = _component(tariff, last)
        if not component.step_size:
            continue
        total = sum(quantity[key] for key in set(keys) if _component(tariff, key).type is component.type)
        step = Fraction(component.step_size, 3600 if number else 1000)
        quantity[last] += math.ceil(total / step) * step - total


def _component(tariff: Tariff, key: tuple[int, int]) -> PriceComponent:
    return tariff.elements[key[0]].price_components[key[1]]


def _prices(tariff: Tariff, component: PriceComponent) -> tuple[Fraction, Fraction]:
    price, vat = Fraction(component.price), Fraction(component.vat or 0) / 100
    if tariff.tax_included == "N/A":
        return price, price
    return (price / (1 + vat), price) if tariff.tax_included == "YES" else (price, price * (1 + vat))
