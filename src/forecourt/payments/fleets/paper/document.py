"""An invoice as a PDF, with its data inside: what it comes to first, then each driver's sessions by cost centre.

Fonts and a colour profile are part of the file, so that it looks the same in ten years.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from zoneinfo import ZoneInfo

from forecourt.payments.fleets.model import Group, Invoice, Kind, Line, Part, Seller, Terms, grouped
from forecourt.payments.fleets.paper.facturx import line_words
from forecourt.payments.ledger.billed import rate_name
from forecourt.platform.money import minor_digits
from forecourt.ui.i18n import current, date_of, number
from forecourt.ui.i18n import gettext as _
from forecourt.ui.paper import BOLD, FONT, prepare, worded

#: Points of the lines of sessions, and of everything else.
SMALL: Final = 7
SIZE: Final = 9
MARGIN: Final = 56
WIDTH: Final = 483
#: What a page keeps inside its margins beside text; tables and text begin at one edge without it.
INSET: Final = 6
_GREY: Final = "#667085"


def document(invoice: Invoice, lines: Sequence[Line], xml: bytes, iban: str) -> bytes:
    """The PDF of an invoice, in the language that is being spoken. `iban`: where a transfer goes."""
    from drafthorse.pdf import attach_xml
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate, Spacer

    prepare()
    out = BytesIO()
    made = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN - INSET, rightMargin=MARGIN - INSET, topMargin=MARGIN,
        bottomMargin=MARGIN, invariant=1,
        title=_title(invoice), author=invoice.said.seller.name, lang=current().language, initialFontName=FONT,
    )  # fmt: skip
    story: list[Any] = [*_head(invoice), Spacer(1, 12), _sums(invoice, lines), Spacer(1, 10), *_foot(invoice, iban)]
    for group in grouped(lines):
        story += [Spacer(1, 14), *_group(invoice, group)]
    made.build(story, onFirstPage=_numbered(invoice), onLaterPages=_numbered(invoice))
    profiled = _with_profile(out.getvalue())
    facts = {"author": invoice.said.seller.name, "title": _title(invoice), "creator": "Forecourt"}
    attached: bytes = attach_xml(profiled, xml, level="EN 16931", metadata=facts, lang=current().language)
    return attached


def _title(invoice: Invoice) -> str:
    word = _("Credit note") if invoice.kind is Kind.CREDIT_NOTE else _("Invoice")
    return f"{word} {invoice.number}"


def _text(text: str, *, size: int = SIZE, bold: bool = False, right: bool = False, colour: str = "#000000") -> Any:
    from reportlab.lib.enums import TA_LEFT, TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        "text", fontName=BOLD if bold else FONT, fontSize=size, leading=size * 1.4, textColor=colour,
        alignment=TA_RIGHT if right else TA_LEFT, splitLongWords=0 if right else 1,
    )  # fmt: skip
    return Paragraph("<br/>".join(worded(line) for line in text.split("\n")), style)


def _table(rows: list[list[Any]], widths: list[float], *, head: bool = False, more: Sequence[Any] = ()) -> Any:
    from reportlab.lib import colors
    from reportlab.platypus import Table, TableStyle

    look: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2), ("FONTNAME", (0, 0), (-1, -1), FONT),
    ]  # fmt: skip
    if head:
        look.append(("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.HexColor("#d0d5dd")))
    return Table(rows, colWidths=widths, repeatRows=1 if head else 0, style=TableStyle([*look, *more]))


def _address(party: Seller | Terms) -> str:
    return "\n".join((party.name, party.street, f"{party.postcode} {party.city}", party.country))


def _head(invoice: Invoice) -> Iterator[Any]:
    """Who, whom, and what it is."""
    from reportlab.platypus import Spacer

    said = invoice.said
    yield _text(said.seller.name, size=12, bold=True)
    own = (said.seller.street, f"{said.seller.postcode} {said.seller.city}", said.seller.country, said.seller.email)
    yield _text(", ".join(filter(None, own)), size=SMALL, colour=_GREY)
    yield Spacer(1, 18)
    facts = [[_text(what, size=8, colour=_GREY), _text(value, size=8, right=True)] for what, value in _facts(invoice)]
    yield _table([[_text(_address(said.buyer)), _table(facts, [110, 120])]], [WIDTH - 230, 230])
    yield Spacer(1, 14)
    yield _text(_title(invoice), size=14, bold=True)
    if said.corrects and said.corrects_on is not None:
        about = {"number": said.corrects, "day": date_of(said.corrects_on)}
        yield _text(_("Corrects invoice %(number)s of %(day)s.") % about)
    if invoice.reason:
        yield _text(invoice.reason)


def _facts(invoice: Invoice) -> Iterator[tuple[str, str]]:
    said = invoice.said
    yield _("Number"), invoice.number
    yield _("Date"), date_of(invoice.issued_on)
    yield _("Delivered"), f"{date_of(invoice.period_from)} \N{EN DASH} {date_of(invoice.period_to)}"
    if invoice.kind is Kind.INVOICE:
        yield _("Due"), date_of(invoice.due_on)
    if said.seller.vat_id:
        yield _("Our VAT id"), said.seller.vat_id
    if said.seller.tax_number:
        yield _("Our tax number"), said.seller.tax_number
    if said.buyer.vat_id:
        yield _("Your VAT id"), said.buyer.vat_id
    if said.buyer.buyer_reference:
        yield _("Your reference"), said.buyer.buyer_reference


def _shown(invoice: Invoice, amount: int) -> str:
    """An amount under a heading that says the currency. A credit note says what it gives back as amounts above 0."""
    digits = minor_digits(invoice.currency)
    said = -amount if invoice.kind is Kind.CREDIT_NOTE else amount
    return number(Decimal(said).scaleb(-digits), digits)


def rate_words(part: Part) -> str:
    """Which VAT: `VAT 19 % (DE)`."""
    if part.rate is None:
        return _("Paid on your behalf, no part of what is taxed")
    words = _("VAT %(percent)s %%") % {"percent": rate_name(part.rate)}
    return f"{words} ({part.country})" if part.country else words


def _sums(invoice: Invoice, lines: Sequence[Line]) -> Any:
    """By cost centre and driver, then by rate, then all of it."""
    total = f"{_('Total')} {invoice.currency}"
    head = (_("Cost centre"), _("Driver"), _("Sessions"), "kWh", _("Net"), _("VAT"), total)
    rows = [[_text(word, size=SMALL, bold=True, right=place > 1) for place, word in enumerate(head)]]
    for group in grouped(lines):
        cells = (
            group.cost_centre or "\N{EN DASH}", group.driver or "\N{EN DASH}", str(len(group.lines)),
            _kwh(group.energy_wh), *(_shown(invoice, amount) for amount in (group.net, group.vat, group.total)),
        )  # fmt: skip
        rows.append([_text(cell, size=8, right=place > 1) for place, cell in enumerate(cells)])
    for part in invoice.said.rates:
        amounts = (_shown(invoice, part.net), _shown(invoice, part.vat), _shown(invoice, part.net + part.vat))
        rows.append(
            [
                _text(rate_words(part), size=8, colour=_GREY),
                "",
                "",
                "",
                *(_text(each, size=8, right=True) for each in amounts),
            ]
        )
    whole = (_shown(invoice, invoice.net), _shown(invoice, invoice.vat), _shown(invoice, invoice.total))
    rows.append(
        [_text(total, size=8, bold=True), "", "", "", *(_text(each, size=8, bold=True, right=True) for each in whole)]
    )
    wide = [("SPAN", (0, -1 - number), (3, -1 - number)) for number in range(len(invoice.said.rates) + 1)]
    return _table(rows, [62, 92, 70, 55, 66, 60, 78], head=True, more=wide)


def _foot(invoice: Invoice, iban: str) -> Iterator[Any]:
    """How it is paid."""
    said = invoice.said
    if invoice.kind is Kind.CREDIT_NOTE:
        yield _text(_("We settle this with what is open, or with what comes next."))
        return
    if said.account.mandate and said.account.on is not None:
        about = {
            "day": date_of(said.account.on), "iban": said.account.iban, "mandate": said.account.mandate,
            "creditor": said.seller.creditor_id,
        }  # fmt: skip
        yield _text(
            _("We draw this on %(day)s from %(iban)s by direct debit, mandate %(mandate)s, creditor id %(creditor)s.")
            % about
        )
        return
    about = {"day": date_of(invoice.due_on), "reference": invoice.reference}
    yield _text(_("Please pay until %(day)s and say %(reference)s.") % about)
    if iban:
        yield _text(f"{said.account.holder}, IBAN {iban}")


def _group(invoice: Invoice, group: Group) -> Iterator[Any]:
    """The sessions of one driver in one cost centre."""
    yield _text(" · ".join(filter(None, (group.cost_centre, group.driver))) or _("Sessions"), bold=True)
    total = f"{_('Total')} {invoice.currency}"
    head = (_("Start"), _("What"), _("Where"), "kWh", _("VAT"), _("Net"), total)
    rows = [[_text(word, size=SMALL, bold=True, right=place > 2) for place, word in enumerate(head)]]
    zone = ZoneInfo(invoice.said.zone)
    for line in group.lines:
        start = (line.started_at or line.ended_at).astimezone(zone)
        rates = ", ".join(f"{rate_name(part.rate)} %" for part in line.parts if part.rate is not None)
        cells = (
            f"{date_of(start.date())} {start:%H:%M}", line_words(line),
            " ".join(filter(None, (line.site, line.station))), _kwh(line.energy_wh), rates,
            _shown(invoice, line.net), _shown(invoice, line.amount),
        )  # fmt: skip
        rows.append([_text(cell, size=SMALL, right=place > 2) for place, cell in enumerate(cells)])
    yield _table(rows, [96, 82, 115, 45, 35, 55, 55], head=True)


def _kwh(energy_wh: int | None) -> str:
    return "" if energy_wh is None else number(Decimal(energy_wh) / 1000, 3)


def _numbered(invoice: Invoice) -> Any:
    """Number and page at the foot of each page."""

    def draw(canvas: Any, made: Any) -> None:
        canvas.setFont(FONT, SMALL)
        canvas.drawString(MARGIN, MARGIN / 2, invoice.number)
        canvas.drawRightString(MARGIN + WIDTH, MARGIN / 2, str(made.page))

    return draw


def _with_profile(pdf: bytes) -> bytes:
    """The same with the profile of its colours."""
    from PIL import ImageCms
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import (
        ArrayObject,
        DecodedStreamObject,
        DictionaryObject,
        NameObject,
        NumberObject,
        TextStringObject,
    )

    writer = PdfWriter()
    writer.append_pages_from_reader(PdfReader(BytesIO(pdf)))
    profile = DecodedStreamObject()
    profile.set_data(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[NameObject("/N")] = NumberObject(3)
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"), NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject("sRGB"),
            NameObject("/DestOutputProfile"): writer._add_object(profile),
        }
    )  # fmt: skip
    writer._root_object[NameObject("/OutputIntents")] = ArrayObject([writer._add_object(intent)])
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
