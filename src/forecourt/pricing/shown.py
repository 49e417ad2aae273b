"""A bill as it is shown, kept and sent: exact amounts as fractions, rounded ones in minor units, line by line."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from forecourt.platform.money import Money
from forecourt.pricing.bill import Bill, Piece
from forecourt.pricing.model import Dimension, Fee, SegmentKind, Total

Share = Annotated[str, Meta(description="Exact: numerator/denominator.", examples=["11/2"])]


class Amounts(Struct, frozen=True, kw_only=True):
    """Exact amounts in the currency's major unit."""

    excl_vat: Share
    incl_vat: Share


class RateShown(Struct, frozen=True, kw_only=True):
    """What is paid at one rate of VAT (null: no tax), rounded once."""

    vat: Annotated[Decimal | None, Meta(examples=["19"])]
    excl_vat: Money
    incl_vat: Money


class RoundedShown(Struct, frozen=True, kw_only=True):
    """What is paid: exact amounts rounded half up to minor units, once for each rate of VAT."""

    excl_vat: Money
    incl_vat: Money
    by_rate: list[RateShown]


class LineShown(Struct, frozen=True, kw_only=True):
    """What one price of the tariff comes to. `used` and `billed` in Wh, s or times; `element` counts from 0."""

    element: Annotated[int, Meta(examples=[0])]
    dimension: Dimension
    reservation: Annotated[bool, Meta(examples=[False])]
    price: Annotated[Decimal, Meta(examples=["0.25"])]
    vat: Annotated[Decimal | None, Meta(examples=["19"])]
    step_size: Annotated[int, Meta(examples=[1])]
    used: Share
    billed: Share
    excl_vat: Share
    incl_vat: Share


class PeriodShown(Struct, frozen=True, kw_only=True):
    """A part of the session in which the same prices count; numbers of elements from 0, null: none counts."""

    start: datetime
    seconds: Annotated[int, Meta(examples=[1800])]
    kind: SegmentKind
    energy_wh: Share
    energy_element: Annotated[int | None, Meta(examples=[0])]
    time_element: Annotated[int | None, Meta(examples=[None])]


class DiscountShown(Struct, frozen=True, kw_only=True):
    """What a discount took off; nothing where it made quantities less, which the lines show."""

    id: Annotated[str, Meta(examples=["voucher-7"])]
    label: Annotated[str, Meta(examples=["Voucher"])]
    excl_vat: Share
    incl_vat: Share
    dimensions: Annotated[
        list[Dimension], Meta(description="Off what it was taken; empty: off everything.", examples=[[]])
    ] = []
    host_bears: Annotated[
        bool, Meta(description="Less was shared with the site's host. Else the organisation alone gave it.")
    ] = False


class TaxShown(Struct, frozen=True, kw_only=True):
    """What one of several taxes comes to."""

    name: Annotated[str, Meta(examples=["GST"])]
    percent: Annotated[Decimal, Meta(examples=["5"])]
    amount: Share


class Quote(Struct, frozen=True, kw_only=True):
    """What the session costs, exactly and as it is paid. `by_dimension` (before VAT) and `lines` are before the limits
    that the tariff sets to the price and before discounts; `waived` is what is above the most that may be taken."""

    currency: Annotated[str, Meta(examples=["EUR"])]
    excl_vat: Share
    incl_vat: Share
    by_dimension: Annotated[dict[Dimension, Share], Meta(examples=[{"ENERGY": "5/1", "FLAT": "1/2"}])]
    before_limits: Amounts
    rounded: RoundedShown
    lines: list[LineShown]
    periods: list[PeriodShown]
    discounts: Annotated[list[DiscountShown], Meta(examples=[[]])]
    taxes: Annotated[list[TaxShown], Meta(description="Where prices have several.", examples=[[]])]
    waived: Annotated[Share, Meta(description="After taxes.", examples=["0/1"])]


def shown(bill: Bill, pieces: list[Piece]) -> Quote:
    """The bill of these pieces."""
    total, currency, paid = bill.total, bill.tariff.currency, bill.rounded()
    by_dimension: dict[Dimension, Fraction] = {}
    for fee in bill.fees:
        by_dimension[fee.component.type] = by_dimension.get(fee.component.type, Fraction(0)) + fee.excl_vat
    return Quote(
        currency=currency,
        excl_vat=_share(total.excl_vat),
        incl_vat=_share(total.incl_vat),
        by_dimension={dimension: _share(amount) for dimension, amount in by_dimension.items()},
        before_limits=_amounts(bill.before_limits),
        rounded=RoundedShown(
            excl_vat=Money(amount=sum(each.excl_vat for each in paid), currency=currency),
            incl_vat=Money(amount=sum(each.incl_vat for each in paid), currency=currency),
            by_rate=[
                RateShown(
                    vat=each.vat,
                    excl_vat=Money(amount=each.excl_vat, currency=currency),
                    incl_vat=Money(amount=each.incl_vat, currency=currency),
                )
                for each in paid
            ],
        ),
        lines=[_line(fee) for fee in bill.fees],
        periods=[_period(bill, piece) for piece in pieces],
        discounts=[
            DiscountShown(
                id=each.discount.id,
                label=each.discount.label,
                excl_vat=_share(each.excl_vat),
                incl_vat=_share(each.incl_vat),
                dimensions=sorted(each.discount.dimensions),
                host_bears=each.discount.host_bears,
            )
            for each in (() if bill.adjusted is None else bill.adjusted.taken)
        ],
        taxes=[TaxShown(name=each.name, percent=each.percent, amount=_share(each.amount)) for each in bill.taxes],
        waived=_share(Fraction(0) if bill.adjusted is None else bill.adjusted.waived),
    )


def _line(fee: Fee) -> LineShown:
    return LineShown(
        element=fee.element,
        dimension=fee.component.type,
        reservation=fee.reserved,
        price=fee.component.price,
        vat=fee.component.vat,
        step_size=fee.component.step_size,
        used=_share(fee.used),
        billed=_share(fee.billed),
        excl_vat=_share(fee.excl_vat),
        incl_vat=_share(fee.incl_vat),
    )


def _period(bill: Bill, piece: Piece) -> PeriodShown:
    return PeriodShown(
        start=datetime.fromtimestamp(0, UTC) + timedelta(seconds=piece.starts),
        seconds=piece.seconds,
        kind=piece.kind,
        energy_wh=_share(Fraction(piece.parts, piece.under)),
        energy_element=None if piece.energy < 0 else bill.rates[piece.energy].element,
        time_element=None if piece.time < 0 else bill.rates[piece.time].element,
    )


def _amounts(total: Total) -> Amounts:
    return Amounts(excl_vat=_share(total.excl_vat), incl_vat=_share(total.incl_vat))


def _share(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
