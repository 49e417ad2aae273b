"""Statements and documents of hosts as PDFs. Each session is a link to it and to its signed meter values."""

import io
from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from forecourt.payments.files import kwh, plain
from forecourt.payments.hosts.documents import Document
from forecourt.payments.hosts.statement import Statement, session_path, signed_path
from forecourt.payments.hosts.store.lines import LineRow
from forecourt.payments.hosts.words import line_words, memo_words
from forecourt.ui.paper import BOLD, FONT, styles, worded

_HEAD: Final = ("Date", "What", "Session", "Station", "kWh", "Net", "Share", "Fee", "VAT", "Amount", "Sum")
_WIDTHS: Final = (50, 80, 105, 95, 45, 55, 55, 50, 50, 60, 65)


def statement_pdf(statement: Statement, lines: Sequence[LineRow], public_url: str) -> bytes:
    """A statement with these of its lines, the first; how many more there are is said."""
    currency, zone = statement.currency, ZoneInfo(statement.zone)
    host = statement.host
    head = [
        _who(host.name, host.address, host.country),
        f"Made by {worded(statement.organisation)} for {statement.since.astimezone(zone):%Y-%m-%d} to before "
        f"{statement.until.astimezone(zone):%Y-%m-%d}, {worded(statement.zone)}",
        f"Carried: {plain(statement.opening, currency)} {currency} · shares before VAT: "
        f"{plain(statement.sums.shares, currency)} · VAT: {plain(statement.sums.vat, currency)} · "
        f"<b>left: {plain(statement.closing, currency)} {currency}</b>",
    ]
    if host.iban_shown:
        head.append(f"Paid to {worded(host.iban_shown)}")
    return _sheet(
        f"Statement {statement.number}", statement.organisation, head, lines, public_url, currency=currency, zone=zone,
        opening=statement.opening, more=statement.sums.lines - len(lines),
    )  # fmt: skip


def document_pdf(document: Document, lines: Sequence[LineRow], public_url: str) -> bytes:
    """A self-billed document, of what was kept of it when it was issued, with these of its lines, the first."""
    said, currency, zone = document.said, document.currency, ZoneInfo(document.said.zone)
    buyer = said.recipient
    head = [
        f"Supplier: {_who(said.supplier.name, said.supplier.address, said.supplier.country)}"
        f"{_vat_id(said.supplier.vat_id)}",
        f"Issued by the recipient: {_who(buyer.name, buyer.address, buyer.country)}{_vat_id(buyer.vat_id)}",
        f"Issued on {document.issued_on} for {document.period_from.astimezone(zone):%Y-%m-%d} to "
        f"{document.period_to.astimezone(zone):%Y-%m-%d}, {worded(said.zone)}",
    ]
    if said.corrects:
        head.append(f"Corrects {worded(said.corrects)} of {said.corrects_on}")
    for part in said.rates:
        rate = "without VAT" if part.rate is None else f"VAT {part.country} {part.rate.normalize():f} %"
        head.append(f"{rate}: net {plain(part.net, currency)} · VAT {plain(part.vat, currency)} {currency}")
    if document.other:
        head.append(f"Beside that, outside of this supply: {plain(document.other, currency)} {currency}")
    head.append(f"<b>Total: {plain(document.total, currency)} {currency}</b>")
    kind = "Self-billed correction" if said.corrects else "Self-billed invoice"
    return _sheet(
        f"{kind} {document.number}", buyer.name, head, lines, public_url, currency=currency, zone=zone, opening=0,
        more=document.lines - len(lines),
    )  # fmt: skip


def _who(name: str, address: str, country: str) -> str:
    return f"<b>{worded(name)}</b> {worded(' · '.join(address.splitlines()))} {worded(country)}"


def _vat_id(vat_id: str) -> str:
    return f", VAT id {worded(vat_id)}" if vat_id else ""


def _sheet(
    title: str, author: str, head: Sequence[str], lines: Sequence[LineRow], public_url: str, *, currency: str,
    zone: ZoneInfo, opening: int, more: int,
) -> bytes:  # fmt: skip
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=landscape(A4), leftMargin=15 * mm, rightMargin=15 * mm, topMargin=15 * mm, bottomMargin=15 * mm,
        title=title, author=author, invariant=1, initialFontName=FONT,
    )  # fmt: skip
    look = styles()
    story: list[Any] = [Paragraph(worded(title), look["Title"])]
    story += [Paragraph(text, look["Normal"]) for text in head]
    story += [Spacer(1, 6 * mm), _table(lines, public_url, currency, zone, opening)]
    if more > 0:
        story.append(Paragraph(f"{more} more lines are in the sum and in the sheet (CSV).", look["Normal"]))
    document.build(story)
    return out.getvalue()


def _table(lines: Sequence[LineRow], public_url: str, currency: str, zone: ZoneInfo, opening: int) -> Any:
    from reportlab.lib import colors
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Table, TableStyle

    small = ParagraphStyle("small", fontName=FONT, fontSize=7, leading=9)
    rows: list[list[Any]] = [list(_HEAD)]
    balance = opening
    for line in lines:
        balance += line.amount
        links = ""
        if line.session_id is not None:
            links = (
                f'<link href="{escape(public_url)}{session_path(line)}">{str(line.session_id)[:8]}</link> · '
                f'<link href="{escape(public_url)}{signed_path(line)}">signed values</link>'
            )
        amounts = (line.net, line.share, line.platform_fee, line.vat, line.amount, balance)
        rows.append(
            [
                f"{line.at.astimezone(zone):%Y-%m-%d}",
                Paragraph(worded(line_words(line, own=True)), small),
                Paragraph(links, small),
                Paragraph(worded(line.station or memo_words(line)), small),
                kwh(line.energy_wh),
                *(plain(amount, currency) for amount in amounts),
            ]
        )
    style = [
        ("FONTSIZE", (0, 0), (-1, -1), 7), ("FONTNAME", (0, 0), (-1, 0), BOLD), ("FONTNAME", (0, 1), (-1, -1), FONT),
        ("ALIGN", (4, 0), (-1, -1), "RIGHT"), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
    ]  # fmt: skip
    return Table(rows, colWidths=_WIDTHS, repeatRows=1, style=TableStyle(style))
