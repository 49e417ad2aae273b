"""How much is held before a session, and why: a rule that can be told to the driver in one sentence. Pure.

Held is what a likely session costs by the tariff that the driver is shown: the energy that the car is likely to take,
at the power that station and car have in common, and half an hour of parking behind it; rounded up to a round sum,
within a least and a most. A session never costs more than what is held: a small hold means a shorter session, and no
debt. Where a hold can be raised that has a most too, so that a car that was forgotten is stopped in the end.
"""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import Any, Final

from msgspec import Struct

from forecourt.platform.money import Money, minor_digits, rounded
from forecourt.pricing.display import most_of_session
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import Dimension, EvseKind, Segment, SegmentKind, Tariff, TaxIncluded

#: What a car that nobody told of takes, and at which power.
LIKELY_WH: Final[Mapping[EvseKind, int]] = {EvseKind.AC: 40_000, EvseKind.DC: 60_000}
LIKELY_W: Final[Mapping[EvseKind, int]] = {EvseKind.AC: 22_000, EvseKind.DC: 150_000}
#: Parking after the charging that is held for.
IDLE_S: Final = 1_800
#: Holds are multiples of this many of the currency's major unit, no less than the first, no more than the last.
LEAST, STEP, MOST = 5, 5, 150
#: What one session may have held in all, however often its hold is raised: so many times the most that is held first.
RAISED_MOST: Final = 2
#: In currencies without minor units, whose major unit is worth about a hundredth.
WITHOUT_MINOR: Final = 100


class Car(Struct, frozen=True, kw_only=True):
    """What is known of a car."""

    #: What it is to be given, or the size of its battery.
    needs_wh: int | None = None
    max_power_w: int | None = None


class Sized(Struct, frozen=True, kw_only=True):
    """A hold and what it was reckoned from. `per_hour`: the most that an hour may cost, in minor units."""

    amount: Money
    likely: int
    energy_wh: int
    power_w: int
    charging_s: int
    idle_s: int
    #: The likely session costs more than is ever held.
    capped: bool
    per_hour: int
    #: The most that a session costs by its tariff, in minor units after taxes; None where that sets no most.
    costs_most: int | None = None

    @property
    def most(self) -> Money:
        """What may be held in all, if the session costs more: never more than one can cost."""
        return may_hold(self.amount.currency, costs_most=self.costs_most)

    @property
    def costs_no_more(self) -> bool:
        """Whether no session costs more than may be held, so that none is stopped for that."""
        return self.costs_most is not None and self.costs_most <= most_held(self.amount.currency).amount

    def said(self) -> dict[str, Any]:
        """As it is kept beside the payment."""
        names = ("likely", "energy_wh", "power_w", "charging_s", "idle_s", "capped", "costs_most")
        return {name: getattr(self, name) for name in names}


def size_hold(
    pricer: Pricer, start_at: datetime, *, kind: EvseKind | None, power_w: int | None = None, car: Car | None = None
) -> Sized:
    """The hold for a session that begins now. `power_w`: what the connector gives."""
    car, kind = car or Car(), kind or EvseKind.AC
    power = min(power_w or LIKELY_W[kind], car.max_power_w or LIKELY_W[kind])
    energy = car.needs_wh or LIKELY_WH[kind]
    charging_s = -(-energy * 3600 // power)
    segments = (
        Segment(seconds=charging_s, kind=SegmentKind.CHARGING, energy_wh=energy, power_w=power),
        Segment(seconds=IDLE_S, kind=SegmentKind.PARKING),
    )
    tariff = pricer.tariff
    likely = sum(rate.incl_vat for rate in pricer.price(start_at, segments).rounded())
    unit, most = _unit(tariff.currency), most_of_session(tariff)
    whole = min(max(-(-likely // (STEP * unit)) * STEP, LEAST), MOST)
    return Sized(
        amount=Money(amount=whole * unit, currency=tariff.currency),
        likely=likely,
        energy_wh=energy,
        power_w=power,
        charging_s=charging_s,
        idle_s=IDLE_S,
        capped=likely > MOST * unit,
        per_hour=most_per_hour(tariff, power_w or power),
        costs_most=None if most is None else rounded(Fraction(most), tariff.currency),
    )


def most_held(currency: str) -> Money:
    """What one session may have held in all, unless a fleet's limit says otherwise: what its driver is told before."""
    return Money(amount=RAISED_MOST * MOST * _unit(currency), currency=currency)


def may_hold(currency: str, *, limit: int | None = None, costs_most: int | None = None) -> Money:
    """What one session may have held in all, in minor units: by the limit of its fleet, else what its driver is told;
    never more than one costs at the most by its tariff."""
    most = most_held(currency).amount if limit is None else limit
    return Money(amount=most if costs_most is None else min(most, costs_most), currency=currency)


def _unit(currency: str) -> int:
    """What holds are multiples of, in minor units."""
    digits = minor_digits(currency)
    return int(10**digits) if digits else WITHOUT_MINOR


def most_per_hour(tariff: Tariff, power_w: int) -> int:
    """The most that an hour may cost in minor units, whatever the time of day and whatever is done: the dearest energy
    at full power, and the dearest time."""
    energy = _dearest(tariff, Dimension.ENERGY) * Fraction(power_w, 1000)
    time = max(_dearest(tariff, Dimension.TIME), _dearest(tariff, Dimension.PARKING_TIME))
    minor: Fraction = (energy + time) * Fraction(10 ** minor_digits(tariff.currency))
    return ceil(minor)


def _dearest(tariff: Tariff, dimension: Dimension) -> Fraction:
    """The highest price of a dimension, with taxes, in major units."""
    prices = [
        Fraction(component.price)
        * (1 if tariff.tax_included is TaxIncluded.YES else 1 + Fraction(component.vat or 0) / 100)
        for element in tariff.elements
        for component in element.price_components
        if component.type is dimension
    ]
    return max(prices, default=Fraction(0))
