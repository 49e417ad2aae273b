"""The receipt: what was charged, line by line, by the bill that everything else goes by. As lines, and as a PDF."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any, Final

from babel.numbers import format_decimal

from forecourt.driver.service import Way
from forecourt.driver.store import Brand
from forecourt.driver.words import card_name, money, named_spot, price
from forecourt.payments.ledger.billed import of_quote
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.model import Dimension
from forecourt.pricing.shown import LineShown
from forecourt.ui import formats
from forecourt.ui.i18n import current, mark, stamp
from forecourt.ui.i18n import gettext as _
from forecourt.ui.paper import FONT, styles, worded

#: Digits of the price of a kWh or a minute.
EACH_DIGITS: Final = 4
WHAT: Final = {
    Dimension.ENERGY: mark("Energy"),
    Dimension.TIME: mark("Charging time"),
    Dimension.PARKING_TIME: mark("Parking without charging"),
    Dimension.FLAT: mark("Session fee"),
}
TRUST: Final = {
    "verified": mark("The meter's signed values are genuine and prove this energy."),
    "unproven": mark("The meter's signed values could not be verified yet."),
    "broken": mark("The meter's signed values are faulty."),
}
#: Where a person let it be billed all the same.
LOOKED_AT: Final = mark("The meter's signed values are faulty; the operator has looked at this session.")


def lines_of(way: Way) -> Iterator[tuple[str, str]]:
    """What stands on the receipt after its heading: words and amounts. Taxes are within."""
    cost, intent = way.cost, way.intent
    if cost is not None and cost.bill is not None:
        for line in cost.bill.lines:
            yield _line(line, cost.bill.currency), price(_major(line.incl_vat, cost.bill.currency), cost.bill.currency)
        for discount in cost.bill.discounts:
            yield discount.label, price(-_major(discount.incl_vat, cost.bill.currency), cost.bill.currency)
    yield _("Paid"), money(way.paid)
    if cost is not None and cost.bill is not None:
        # As the books have it: less may have been taken than the bill says.
        for rate, tax in of_quote(cost.bill, "").within(way.paid.amount).vat:
            words = _("of which VAT %(percent)s") % {"percent": f"{number_words(rate)} %"}
            yield words, money(Money(amount=tax, currency=intent.currency))
    if intent.refunded_amount:
        yield _("Refunded"), money(Money(amount=intent.refunded_amount, currency=intent.currency))


def facts_of(way: Way) -> Iterator[tuple[str, str]]:
    """Where, when, how much, by which card."""
    spot, running, intent = way.spot, way.running, way.intent
    yield _("Receipt"), f"{intent.number}"
    if spot is not None:
        place = ", ".join(part for part in (spot.site_name, spot.address, spot.city) if part)
        yield _("Place"), place or spot.station
        yield _("Station"), named_spot(spot.station_name or spot.station, spot.evse)
    if running is not None:
        yield _("From"), stamp(running.started_at, str(way.zone))
        if running.ended_at is not None:
            yield _("Until"), stamp(running.ended_at, str(way.zone))
        yield _("Energy"), formats.kwh(running.energy_wh)
    if intent.card is not None and not way.paid_late:
        yield _("Card"), card_name(intent.card)
    if way.seller.name:
        yield _("Seller"), way.seller.name
    if way.seller.statement:
        yield _("On your statement"), way.seller.statement
    if intent.hold_said.get("vat_number"):
        yield _("VAT number"), str(intent.hold_said["vat_number"])
    if way.signed is not None and way.signed.trust in TRUST:
        looked_at = way.signed.trust == "broken" and way.signed.released_at is not None
        yield _("Measured"), _(LOOKED_AT) if looked_at else _(TRUST[way.signed.trust])
        if way.signed.meter:
            yield _("Meter"), way.signed.meter


def receipt_pdf(way: Way, address: str) -> bytes:
    """The receipt as a PDF of one page, in the language that is being spoken."""
    title = f"{_('Receipt')} {way.intent.number}"
    return paper(way.brand, title, facts_of(way), lines_of(way), f"{address}/charging/{way.intent.intent_id}")


def paper(
    brand: Brand, title: str, facts: Iterable[tuple[str, str]], lines: Iterable[tuple[str, str]], address: str
) -> bytes:
    """A PDF of one page that says who was paid, for what, and how much. `address`: where it is kept."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    look = styles()
    file = BytesIO()
    document = SimpleDocTemplate(
        file, pagesize=A4, title=title, author=brand.name, leftMargin=64,
        rightMargin=64, topMargin=64, bottomMargin=64, lang=current().language, initialFontName=FONT,
    )  # fmt: skip
    lined = TableStyle(
        [
            ("FONTNAME", (0, 0), (-1, -1), FONT),
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LINEBELOW", (0, 0), (-1, -2), 0.25, colors.lightgrey),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )

    def table(rows: Iterable[tuple[str, str]]) -> Any:
        cells = [
            [
                Paragraph(worded(what), look["BodyText"]),
                Paragraph(f'<para align="right">{worded(said)}</para>', look["BodyText"]),
            ]
            for what, said in rows
        ]
        return Table(cells, colWidths=[230, 230], style=lined)

    story: list[Any] = [
        Paragraph(worded(brand.name), look["Title"]),
        table(facts),
        Spacer(1, 18),
        table(lines),
        Spacer(1, 18),
        Paragraph(worded(address), look["BodyText"]),
    ]
    if brand.help_phone or brand.help_email:
        story.append(
            Paragraph(worded(" · ".join(filter(None, (brand.help_phone, brand.help_email)))), look["BodyText"])
        )
    document.build(story)
    return file.getvalue()


def _line(line: LineShown, currency: str) -> str:
    """What was used, and what each kWh or minute of it came to with taxes."""
    what, billed = _(WHAT[line.dimension]), Fraction(line.billed)
    if line.dimension is Dimension.FLAT or not billed:
        return what
    quantity, digits, unit = (
        (billed / 1000, 3, "kWh") if line.dimension is Dimension.ENERGY else (billed / 60, 1, "min")
    )
    each = price(_each(line, quantity), currency)
    return f"{what}, {number_words(_rounded(quantity, digits))} {unit} \N{MULTIPLICATION SIGN} {each}"


def price_of_minute(line: LineShown) -> Decimal:
    """What each minute of a line came to, after taxes, in the currency's major unit; something must be billed."""
    return _each(line, Fraction(line.billed) / 60)


def _each(line: LineShown, quantity: Fraction) -> Decimal:
    return _rounded(Fraction(line.incl_vat) / quantity, EACH_DIGITS).normalize()


def _major(exact: str, currency: str) -> Decimal:
    return _rounded(Fraction(exact), minor_digits(currency))


def _rounded(value: Fraction, digits: int) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def number_words(value: Decimal) -> str:
    """A number as the language writes it, without digits that say nothing."""
    return str(format_decimal(value.normalize(), locale=current().locale))
