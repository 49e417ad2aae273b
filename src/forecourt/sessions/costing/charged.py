"""What a session costs in the words of OCPI's CDR (2.2.1 §10.3.1, 2.3.0 CDRs): its costs, and its periods by price.

An amount says both versions' words: `excl_vat` and `incl_vat` of 2.2.1, `before_taxes` and `taxes` of 2.3.0.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.errors import TariffUnsayable
from forecourt.pricing.model import SECONDS_AN_HOUR, WH_A_KWH, Dimension, SegmentKind, Tariff
from forecourt.pricing.ocpi_object import Number, TariffObject, tariff_object
from forecourt.pricing.shown import LineShown, Quote
from forecourt.sessions.costing.model import SessionCost

#: ISO 4217's code where there is no currency: no tariff counts.
NO_CURRENCY: Final = "XXX"
#: Decimals of amounts that are parts, and of volumes.
DIGITS: Final = 4


class TaxAmount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tax (OCPI 2.3.0 TaxAmount)."""

    name: Annotated[str, Meta(examples=["VAT"])]
    amount: Number
    percentage: Number | None = None


class Price(Struct, frozen=True, kw_only=True):
    """An amount without and with taxes, in the words of 2.2.1 and of 2.3.0."""

    excl_vat: Number
    incl_vat: Number
    before_taxes: Number
    taxes: list[TaxAmount]


class CdrDimension(Struct, frozen=True, kw_only=True):
    """How much of what (OCPI CdrDimension): ENERGY and, given back, ENERGY_EXPORT in kWh; TIME, PARKING_TIME and
    RESERVATION_TIME in hours."""

    type: Annotated[str, Meta(examples=["ENERGY", "TIME"])]
    volume: float


class ChargingPeriod(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the session in which the same prices count; without a tariff there is one."""

    start_date_time: datetime
    dimensions: list[CdrDimension]
    tariff_id: str | None = None


class Charged(Struct, frozen=True, kw_only=True):
    """The fields of a CDR that a final cost fills."""

    currency: str
    total_cost: Price
    tariffs: list[TariffObject]
    charging_periods: list[ChargingPeriod] | None
    total_fixed_cost: Price | None
    total_energy_cost: Price | None
    total_time_cost: Price | None
    total_parking_time: float | None
    total_parking_cost: Price | None
    total_reservation_cost: Price | None


#: What is withheld is neither: a partner who prices the periods comes to the same, as a period must say something, by
#: its energy of nothing.
_TIMES: Final = {
    SegmentKind.CHARGING: "TIME",
    SegmentKind.PARKING: "PARKING_TIME",
    SegmentKind.RESERVATION: "RESERVATION_TIME",
}


def charged(cost: SessionCost, tariff: Tariff | None) -> Charged:
    """What a final cost says; `tariff` is its version of the tariff. Parts are before limits and discounts."""
    bill = cost.bill
    if bill is None or cost.tariff is None or tariff is None or cost.excl_vat is None or cost.incl_vat is None:
        nothing = Decimal(0)
        return Charged(
            currency=NO_CURRENCY,
            total_cost=Price(excl_vat=nothing, incl_vat=nothing, before_taxes=nothing, taxes=[]),
            tariffs=[],
            charging_periods=None,
            total_fixed_cost=None,
            total_energy_cost=None,
            total_time_cost=None,
            total_parking_time=None,
            total_parking_cost=None,
            total_reservation_cost=None,
        )
    parked_s = sum(period.seconds for period in bill.periods if period.kind is SegmentKind.PARKING)
    of = {each: [line for line in bill.lines if line.dimension is each and not line.reservation] for each in Dimension}
    return Charged(
        currency=bill.currency,
        total_cost=_total(cost.excl_vat, cost.incl_vat, bill),
        tariffs=_tariffs(cost, tariff),
        charging_periods=_periods(bill, cost.tariff.tariff_id),
        total_fixed_cost=_part(of[Dimension.FLAT]),
        total_energy_cost=_part(of[Dimension.ENERGY]),
        total_time_cost=_part(of[Dimension.TIME]),
        total_parking_time=None if not parked_s else round(parked_s / SECONDS_AN_HOUR, DIGITS),
        total_parking_cost=_part(of[Dimension.PARKING_TIME]),
        total_reservation_cost=_part([line for line in bill.lines if line.reservation]),
    )


def _tariffs(cost: SessionCost, tariff: Tariff) -> list[TariffObject]:
    """As far as OCPI can say it."""
    try:
        return [tariff_object(tariff, cost.at)[0]]
    except TariffUnsayable:
        return []


def _periods(bill: Quote, tariff_id: UUID) -> list[ChargingPeriod]:
    found = []
    for period in bill.periods:
        named, wh = _TIMES.get(period.kind), Fraction(period.energy_wh)
        hours = round(period.seconds / SECONDS_AN_HOUR, DIGITS)
        dimensions = [] if named is None else [CdrDimension(type=named, volume=hours)]
        if wh or not dimensions:
            volume = float(round(wh / WH_A_KWH, DIGITS))
            dimensions.insert(0, CdrDimension(type="ENERGY", volume=volume))
        found.append(
            ChargingPeriod(start_date_time=period.start, dimensions=dimensions, tariff_id=str(tariff_id))
        )  # fmt: skip
    return found


def _total(excl: Money, incl: Money, bill: Quote) -> Price:
    """As it is paid: by rate of VAT rounded once, so that all of it is what the card is charged."""
    taxes = [
        TaxAmount(
            name="VAT",
            percentage=rate.vat,
            amount=_major(Money(amount=rate.incl_vat.amount - rate.excl_vat.amount, currency=bill.currency)),
        )
        for rate in bill.rounded.by_rate
        if rate.vat is not None
    ]
    before = _major(excl)
    return Price(excl_vat=before, incl_vat=_major(incl), before_taxes=before, taxes=taxes)


def _part(lines: Sequence[LineShown]) -> Price | None:
    if not lines:
        return None
    excl = sum((Fraction(line.excl_vat) for line in lines), Fraction(0))
    incl = sum((Fraction(line.incl_vat) for line in lines), Fraction(0))
    by_rate: dict[Decimal, Fraction] = {}
    for line in lines:
        if line.vat is not None:
            tax = Fraction(line.incl_vat) - Fraction(line.excl_vat)
            by_rate[line.vat] = by_rate.get(line.vat, Fraction(0)) + tax
    return Price(
        excl_vat=_exactly(excl),
        incl_vat=_exactly(incl),
        before_taxes=_exactly(excl),
        taxes=[TaxAmount(name="VAT", percentage=vat, amount=_exactly(tax)) for vat, tax in by_rate.items()],
    )


def _major(money: Money) -> Decimal:
    return Decimal(money.amount).scaleb(-minor_digits(money.currency))


def _exactly(amount: Fraction) -> Decimal:
    """To DIGITS decimals, half away from zero as amounts are."""
    scaled = abs(amount) * 10**DIGITS
    whole = (scaled + Fraction(1, 2)).__floor__()
    return Decimal(whole if amount >= 0 else -whole).scaleb(-DIGITS)
