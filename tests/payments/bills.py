"""Bills as the pricing makes them, and what becomes of them in the ledger."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from forecourt.payments.ledger.billed import Billed, of_quote
from forecourt.pricing.bill import Bill
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    Segment,
    SegmentKind,
    Tariff,
    TaxIncluded,
)
from forecourt.pricing.shown import shown

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_tariff(
    *prices: tuple[str, str, str | None], currency: str = "EUR", most: str | None = None, included: bool = False
) -> Tariff:
    """One element; each price by its dimension, the price, the VAT in percent."""
    return Tariff(
        id="t",
        currency=currency,
        tax_included=TaxIncluded.YES if included else TaxIncluded.NO,
        max_price=None if most is None else PriceLimit(before_taxes=Decimal(most)),
        elements=(
            Element(
                price_components=tuple(
                    PriceComponent(
                        type=Dimension(name), price=Decimal(price), vat=None if vat is None else Decimal(vat)
                    )
                    for name, price, vat in prices
                )
            ),
        ),
    )


def a_bill(tariff: Tariff, *, energy_wh: int = 20_000, seconds: int = 3600, parked_s: int = 0) -> Bill:
    """What a session of so much energy costs."""
    segments = [Segment(seconds=seconds, kind=SegmentKind.CHARGING, energy_wh=energy_wh)]
    if parked_s:
        segments.append(Segment(seconds=parked_s, kind=SegmentKind.PARKING))
    pricer = Pricer(tariff, ZoneInfo("Europe/Berlin"))
    return pricer.bill(pricer.pieces(START, segments))


def billed(bill: Bill, country: str) -> Billed:
    """What is posted of a bill in its kept form."""
    return of_quote(shown(bill, []), country)
