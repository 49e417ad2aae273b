"""The receipt: what was charged, line by line, by the bill that everything else goes by. As lines, and as a PDF."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any, Final

from babel.numbers import format_decimal

from forecourt.driver.store import Brand
from forecourt.driver.way import Way
from forecourt.driver.words import card_name, day, money, named_spot, price
from forecourt.payments.intents.model import Intent, Method
from forecourt.payments.ledger.billed import Billed, in_proportion, of_quote
from forecourt.payments.receipts.model import Numbered
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.model import Dimension
from forecourt.pricing.shown import LineShown, Quote
from forecourt.ui import formats
from forecourt.ui.i18n import current, mark, stamp
from forecourt.ui.i18n import gettext as _
from forecourt.ui.paper import FONT, styles, worded

#: Digits of the price of a kWh or a minute.
EACH_DIGITS: Final = 4
#: Of one that doesn't multiply to what it came to with those.
MOST_EACH_DIGITS: Final = 8
#: The margin of a printed receipt in points, its quiet ink and its rules.
MARGIN: Final = 62
DIM: Final = "#566170"
RULE: Final = "#d5dbe2"
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
NOT_CHARGED: Final = mark("Not charged, as it is above what was held")
#: Such as when the hold ran out before the session was over.
ABOVE: Final = mark("Taken above what it came to")
#: Where a person let it be billed all the same.
LOOKED_AT: Final = mark("The meter's signed values are faulty; the operator has looked at this session.")


def name_of(intent: Intent, numbered: Numbered) -> str:
    """How a receipt is called, which finds its payment in the console: by the number that it has where the law wants
    one of a series, else by its payment, which claims to be no such number."""
    return numbered.number or str(intent.intent_id)[:13].upper()


def lines_of(way: Way) -> Iterator[tuple[str, str]]:
    """What stands on the receipt after its heading: words and amounts, which add up to what was paid. Taxes are
    within."""
    cost, intent = way.cost, way.intent
    if cost is not None and cost.bill is not None:
        for what, amount in _parts(cost.bill, way.paid):
            yield what, money(Money(amount=amount, currency=cost.bill.currency))
    if intent.method is Method.INVOICE:
        # Taxes stand on the fleet's invoice, and on no second document.
        yield _("Your fleet pays this, by its invoice"), money(way.paid)
        return
    yield _("Paid from your wallet") if intent.method is Method.WALLET else _("Paid"), money(way.paid)
    if cost is not None and cost.bill is not None:
        # As the books have it: less may have been taken than the bill says.
        yield from _taxes(of_quote(cost.bill, "").within(way.paid.amount))
    if way.refunded.amount:
        yield _("Refunded"), money(way.refunded)
        yield _("Now comes to"), money(way.comes_to)
        if cost is not None and cost.bill is not None:
            # What went back had its share of the tax, to the cent as the books have it.
            billed = of_quote(cost.bill, "").within(way.paid.amount)
            left = min(way.comes_to.amount, billed.total)
            yield from _taxes(billed.part(left, [billed.total - left]))
    if way.taken_back:
        # That is no lower price: the energy was supplied, and its tax stays due as the books have it.
        yield _("Taken back by the bank"), money(Money(amount=way.taken_back, currency=intent.currency))


def _taxes(billed: Billed) -> Iterator[tuple[str, str]]:
    """The VAT that is within an amount, by rate."""
    for rate, tax in billed.vat:
        words = _("of which VAT %(percent)s") % {"percent": f"{number_words(rate)} %"}
        yield words, money(Money(amount=tax, currency=billed.currency))


def _parts(bill: Quote, paid: Money) -> Iterator[tuple[str, int]]:
    """What a bill is made of, in minor units, which together are what was paid."""
    unit = 10 ** minor_digits(bill.currency)
    exact = [(_line(line, bill.currency), Fraction(line.incl_vat)) for line in bill.lines]
    exact += [(each.label, -Fraction(each.incl_vat)) for each in bill.discounts]
    waived, within = Fraction(bill.waived), Fraction(bill.incl_vat)
    limited = within + waived - sum((amount for _what, amount in exact), Fraction(0))
    if limited:
        exact.append(
            (
                _("Up to the least price of a session") if limited > 0 else _("Above the most that a session costs"),
                limited,
            )
        )
    left_out = bill.rounded.incl_vat.amount - paid.amount
    if waived:
        exact.append((_(NOT_CHARGED), -waived))
    whole = in_proportion(bill.rounded.incl_vat.amount, [amount * unit for _what, amount in exact])
    parts = [(what, amount) for (what, _exact), amount in zip(exact, whole, strict=True)]
    if left_out > 0 and waived:
        parts[-1] = (parts[-1][0], parts[-1][1] - left_out)
    elif left_out:
        parts.append((_(NOT_CHARGED) if left_out > 0 else _(ABOVE), -left_out))
    yield from parts


def facts_of(way: Way) -> Iterator[tuple[str, str]]:
    """Where, when, how much, by which card."""
    spot, running, intent = way.spot, way.running, way.intent
    yield _("Receipt"), name_of(intent, way.numbered)
    if way.numbered.corrections:
        yield _("Corrected by"), ", ".join(way.numbered.corrections)
    if way.issued_at is not None:
        yield _("Date"), day(way.issued_at, str(way.zone))
    yield from _issuer(way)
    if spot is not None:
        place = ", ".join(part for part in (spot.site_name, spot.address, spot.city) if part)
        yield _("Place"), place or spot.station
        yield _("Station"), named_spot(spot.station_name or spot.station, spot.evse)
    if running is not None:
        yield _("From"), stamp(running.started_at, str(way.zone))
        if running.ended_at is not None:
            yield _("Until"), stamp(running.ended_at, str(way.zone))
        yield _("Energy"), _measured(running.energy_wh)
    if intent.card is not None and not way.paid_late:
        yield _("Card"), card_name(intent.card)
    if way.seller.statement:
        yield _("On your statement"), way.seller.statement
    if intent.hold_said.get("vat_number"):
        yield _("VAT number"), str(intent.hold_said["vat_number"])
    if way.signed is not None and way.signed.trust in TRUST:
        looked_at = way.signed.trust == "broken" and way.signed.released_at is not None
        yield _("Measured"), _(LOOKED_AT) if looked_at else _(TRUST[way.signed.trust])
        if way.signed.meter:
            readings = [_measured(wh) for wh in (way.signed.begin_wh, way.signed.end_wh) if wh is not None]
            yield _("Meter"), ": ".join(filter(None, (way.signed.meter, " \N{EN DASH} ".join(readings))))


def _measured(wh: int | None) -> str:
    """Energy to the Wh, as it is billed; nothing is rounded away."""
    return formats.kwh(wh) if wh is None else f"{number_words(Decimal(wh) / 1000)} kWh"


def _issuer(way: Way) -> Iterator[tuple[str, str]]:
    """Who sold it: as the organisation says on its invoices, else as the provider of its payments knows it."""
    issuer = way.issuer
    if issuer is None:
        yield _("Seller"), way.seller.name or way.brand.name
        return
    where = (issuer.street, f"{issuer.postcode} {issuer.city}", issuer.country)
    yield _("Seller"), ", ".join((issuer.name, *where))
    if issuer.vat_id:
        yield _("Seller's VAT number"), issuer.vat_id
    elif issuer.tax_number:
        yield _("Seller's tax number"), issuer.tax_number


def receipt_pdf(way: Way, address: str) -> bytes:
    """The receipt as a PDF of one page, in the language that is being spoken."""
    title = f"{_('Receipt')} {name_of(way.intent, way.numbered)}"
    return paper(way.brand, title, facts_of(way), lines_of(way), f"{address}/charging/{way.intent.intent_id}")


def paper(
    brand: Brand, title: str, facts: Iterable[tuple[str, str]], lines: Iterable[tuple[str, str]], address: str
) -> bytes:
    """A PDF of one page that says who was paid, for what, and how much. `address`: where it is kept."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import HRFlowable, SimpleDocTemplate, Spacer

    colour, file = HexColor(brand.colour), BytesIO()
    document = SimpleDocTemplate(
        file, pagesize=A4, title=title, author=brand.name, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=56,
        bottomMargin=56, lang=current().language, initialFontName=FONT,
    )  # fmt: skip
    reached = " · ".join(filter(None, (brand.help_phone, brand.help_email)))
    story: list[Any] = [
        _rows([(f"<b>{worded(brand.name)}</b>", f"<b>{worded(title)}</b>")], (0.6, 0.4), size=17, ruled=False),
        Spacer(1, 6),
        HRFlowable(width="100%", thickness=2, color=colour, spaceAfter=16),
        _rows([(f'<font color="{DIM}">{worded(what)}</font>', worded(said)) for what, said in facts], (0.3, 0.7),
              right=False, ruled=False),
        Spacer(1, 22),
        _rows([_strong(what, said) for what, said in lines], (0.72, 0.28), size=11),
        Spacer(1, 26),
        *(_small(text) for text in (address, reached) if text),
    ]  # fmt: skip
    document.build(story)
    return file.getvalue()


def _strong(what: str, said: str) -> tuple[str, str]:
    """A line as it is printed; what was paid stands out."""
    paid = what in (_("Paid"), _("Paid from your wallet"), _("Now comes to"))
    return (f"<b>{worded(what)}</b>", f"<b>{worded(said)}</b>") if paid else (worded(what), worded(said))


def _rows(
    rows: Iterable[tuple[str, str]], parts: tuple[float, float], *, size: int = 10, right: bool = True,
    ruled: bool = True,
) -> Any:  # fmt: skip
    """Marked up words and what belongs to each, `parts` of the width wide. `right`: the second stands at the edge."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Table, TableStyle

    first = ParagraphStyle("", parent=styles()["BodyText"], fontSize=size, leading=1.4 * size, spaceBefore=0)
    second = ParagraphStyle("", parent=first, alignment=TA_RIGHT) if right else first
    look: list[tuple[Any, ...]] = [
        ("FONTNAME", (0, 0), (-1, -1), FONT), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 5 if ruled else 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 6 if ruled else 2),
    ]  # fmt: skip
    if ruled:
        look.append(("LINEBELOW", (0, 0), (-1, -1), 0.5, HexColor(RULE)))
    # A page keeps 6 points inside its margins.
    width = A4[0] - 2 * MARGIN - 12
    return Table(
        [[Paragraph(what, first), Paragraph(said, second)] for what, said in rows],
        colWidths=[width * part for part in parts], style=TableStyle(look),
    )  # fmt: skip


def _small(text: str) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    look = ParagraphStyle("", parent=styles()["BodyText"], fontSize=8.5, leading=12, textColor=DIM, spaceBefore=0)
    return Paragraph(worded(text), look)


def _line(line: LineShown, currency: str) -> str:
    """What was used, and what each kWh or minute of it came to with taxes."""
    what, billed = _(WHAT[line.dimension]), Fraction(line.billed)
    if line.dimension is Dimension.FLAT or not billed:
        return what
    quantity, digits, unit = (
        (billed / 1000, 3, "kWh") if line.dimension is Dimension.ENERGY else (billed / 60, 1, "min")
    )
    each = price(_each(line, quantity, minor_digits(currency)), currency)
    return f"{what}, {number_words(_rounded(quantity, digits))} {unit} \N{MULTIPLICATION SIGN} {each}"


def price_of_minute(line: LineShown) -> Decimal:
    """What each minute of a line came to, after taxes, in the currency's major unit; something must be billed."""
    return _rounded(Fraction(line.incl_vat) / (Fraction(line.billed) / 60), EACH_DIGITS).normalize()


def _each(line: LineShown, quantity: Fraction, minor: int) -> Decimal:
    """What one came to, with as many digits as it takes for the line to multiply to its amount, of `minor` digits."""
    whole = Fraction(line.incl_vat)
    for digits in range(EACH_DIGITS, MOST_EACH_DIGITS):
        each = _rounded(whole / quantity, digits)
        if _rounded(Fraction(each) * quantity, minor) == _rounded(whole, minor):
            return each.normalize()
    return _rounded(whole / quantity, MOST_EACH_DIGITS).normalize()


def _rounded(value: Fraction, digits: int) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def number_words(value: Decimal) -> str:
    """A number as the language writes it, without digits that say nothing."""
    return str(format_decimal(value.normalize(), locale=current().locale))
