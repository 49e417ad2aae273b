"""What a host is told for a span of time: every line with its session, what was carried, VAT, and what is left.

As rows, as a CSV sheet, and as a PDF that is a self-billed invoice where the host charges VAT.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.payments.hosts.model import MAX_STATEMENT, HostUnknown
from forecourt.payments.hosts.store import Connection, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import LineRow
from forecourt.platform.money import minor_digits

#: What a cell may not begin with, where a program would read it as a formula.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
HEADINGS: Final = (
    "date", "kind", "entry", "session", "started", "station", "evse", "connector", "energy_kwh", "net", "share",
    "platform_fee", "vat", "amount", "balance", "currency", "payout", "note", "session_url", "signed_values_url",
)  # fmt: skip
#: What a line is, as a statement says it.
WORDS: Final = {
    "host_share": "Share of a session",
    "host_share_back": "Share taken back",
    "host_fee": "Monthly fee",
    "payout": "Payout",
    "payout_bounced": "Payout came back",
    "expense": "Expense",
    "reimbursement": "Charging at home",
}


class Statement(Struct, frozen=True, kw_only=True):
    """One host, one currency, [since, until): what was carried there, every line, and what is left."""

    organisation: str
    host: HostRow
    currency: str
    since: datetime
    until: datetime
    zone: str
    opening: int
    lines: Sequence[LineRow]

    @property
    def number(self) -> str:
        """Its own number: the same span of the same host has the same."""
        return f"H{self.host.host_id}-{self.currency}-{self.since:%Y%m%d}-{self.until:%Y%m%d}"

    @property
    def closing(self) -> int:
        """What is left at the end."""
        return self.opening + sum(line.amount for line in self.lines)

    @property
    def shares(self) -> int:
        """What they are owed for sessions, before VAT."""
        return sum(line.share - line.platform_fee for line in self.lines if line.kind.startswith("host_share"))

    @property
    def vat(self) -> int:
        """The VAT on that."""
        return sum(line.vat for line in self.lines)


async def read(
    conn: Connection, tenant_id: int, organisation: str, host_id: int, currency: str, since: datetime, until: datetime
) -> Statement:
    """The statement of a host. Raises HostUnknown."""
    host = await store.find_host(conn, tenant_id, host_id)
    if host is None:
        raise HostUnknown
    before = await lines.owed(conn, tenant_id, host_ids=[host_id], before=since)
    found = await lines.list_lines(
        conn, tenant_id, host_id, currency=currency, since=since, until=until, order="oldest", limit=MAX_STATEMENT
    )
    return Statement(
        organisation=organisation, host=host, currency=currency, since=since, until=until,
        zone=await store.time_zone(conn, tenant_id),
        opening=sum(each.amount for each in before if each.currency == currency), lines=found,
    )  # fmt: skip


def plain(amount: int | None, currency: str) -> str:
    """An amount as a sheet takes it: 12.50, without a currency."""
    if amount is None:
        return ""
    digits = minor_digits(currency)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}}" if digits else f"{sign}{whole}"


def kwh(energy_wh: int | None) -> str:
    """Energy in kWh, to the Wh."""
    return "" if energy_wh is None else f"{energy_wh // 1000}.{energy_wh % 1000:03}"


def session_path(line: LineRow) -> str:
    """Where the session is shown."""
    return "" if line.session_id is None else f"/sessions/{line.session_id}"


def signed_path(line: LineRow) -> str:
    """Where the signed meter values of a session are."""
    return "" if line.session_id is None else f"/api/v1/sessions/{line.session_id}/signed-values"


def as_csv(statement: Statement, public_url: str) -> str:
    """The sheet; the first row carries what was open, the last says what is left."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    zone, balance = ZoneInfo(statement.zone), statement.opening
    writer.writerow(_edge(statement, "carried", statement.since.astimezone(zone), balance))
    for line in statement.lines:
        balance += line.amount
        writer.writerow(_row(statement, line, zone, balance, public_url))
    writer.writerow(_edge(statement, "left", statement.until.astimezone(zone), balance))
    return out.getvalue()


def _edge(statement: Statement, kind: str, at: datetime, balance: int) -> list[str]:
    cells = dict.fromkeys(HEADINGS, "")
    cells |= {"date": f"{at:%Y-%m-%d}", "kind": kind, "currency": statement.currency}
    return list((cells | {"balance": plain(balance, statement.currency)}).values())


def _row(statement: Statement, line: LineRow, zone: ZoneInfo, balance: int, public_url: str) -> list[str]:
    def money(amount: int | None) -> str:
        return plain(amount, statement.currency)

    session = line.session_id is not None
    return [
        f"{line.at.astimezone(zone):%Y-%m-%d}", line.kind, str(line.entry_id), _safe(str(line.session_id or "")),
        "" if line.started_at is None else line.started_at.astimezone(zone).isoformat(), _safe(line.station or ""),
        str(line.evse or ""), str(line.connector or ""), kwh(line.energy_wh), money(line.net) if session else "",
        money(line.share) if session else "", money(line.platform_fee), money(line.vat), money(line.amount),
        money(balance), line.currency, str(line.payout_id or ""), _safe(line.memo),
        f"{public_url}{session_path(line)}" if session else "", f"{public_url}{signed_path(line)}" if session else "",
    ]  # fmt: skip


def _safe(text: str) -> str:
    """A text that no program takes for a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def as_pdf(statement: Statement, public_url: str) -> bytes:
    """The document. Each session is a link to it and to its signed meter values."""
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=landscape(A4), leftMargin=15 * mm, rightMargin=15 * mm, topMargin=15 * mm, bottomMargin=15 * mm,
        title=f"Statement {statement.number}", author=statement.organisation, invariant=1,
    )  # fmt: skip
    styles = getSampleStyleSheet()
    story: list[Any] = [Paragraph(text, styles["Normal"]) for text in _head(statement)]
    story = [Paragraph(_title(statement), styles["Title"]), *story, Spacer(1, 6 * mm), _table(statement, public_url)]
    document.build(story)
    return out.getvalue()


def _title(statement: Statement) -> str:
    kind = "Self-billed invoice" if statement.host.vat_rate is not None else "Statement"
    return f"{kind} {statement.number}"


def _head(statement: Statement) -> list[str]:
    from xml.sax.saxutils import escape

    host, zone = statement.host, ZoneInfo(statement.zone)
    span = f"{statement.since.astimezone(zone):%Y-%m-%d} to before {statement.until.astimezone(zone):%Y-%m-%d}"
    said = [
        f"<b>{escape(host.name)}</b> {escape(' · '.join(host.address.splitlines()))} {escape(host.country)}",
        f"Issued by {escape(statement.organisation)} for {span}, {escape(statement.zone)}",
        f"Carried: {plain(statement.opening, statement.currency)} {statement.currency} · shares before VAT: "
        f"{plain(statement.shares, statement.currency)} · VAT: {plain(statement.vat, statement.currency)} · "
        f"<b>left: {plain(statement.closing, statement.currency)} {statement.currency}</b>",
    ]
    if host.vat_rate is not None:
        said.append(f"VAT {host.vat_rate.normalize():f} %, VAT id {escape(host.vat_id)}. Invoice by the recipient.")
    if host.iban_shown:
        said.append(f"Paid to {escape(host.iban_shown)}")
    return said


def _table(statement: Statement, public_url: str) -> Any:
    from xml.sax.saxutils import escape

    from reportlab.lib import colors
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Table, TableStyle

    small = ParagraphStyle("small", fontName="Helvetica", fontSize=7, leading=9)
    head = ["Date", "What", "Session", "Station", "kWh", "Net", "Share", "Fee", "VAT", "Amount", "Balance"]
    rows: list[list[Any]] = [head]
    zone, balance = ZoneInfo(statement.zone), statement.opening
    for line in statement.lines:
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
                Paragraph(escape(WORDS.get(line.kind, line.kind)), small),
                Paragraph(links, small),
                Paragraph(escape(line.station or line.memo), small),
                kwh(line.energy_wh),
                *(plain(amount, statement.currency) for amount in amounts),
            ]
        )
    style = [
        ("FONTSIZE", (0, 0), (-1, -1), 7), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
        ("ALIGN", (4, 0), (-1, -1), "RIGHT"), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
    ]  # fmt: skip
    widths = [50, 80, 105, 95, 45, 55, 55, 50, 50, 60, 65]
    return Table(rows, colWidths=widths, repeatRows=1, style=TableStyle(style))
