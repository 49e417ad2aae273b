"""Routes of invoices of fleets: the list, one with what became of it, its document, credit notes, write-offs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.fleets.api import Ticking
from forecourt.payments.bank.fields import Sealing
from forecourt.payments.bank.model import Bank
from forecourt.payments.fleets import billing, collection, drawing
from forecourt.payments.fleets.errors import (
    CreditRefused,
    DebitRefused,
    InvoiceUnknown,
    InvoiceUnready,
    InvoicingMissing,
    MandateMissing,
    NothingOpen,
)
from forecourt.payments.fleets.model import MAX_LINES, Invoice, Kind, Line, Part
from forecourt.payments.fleets.paper.sheet import as_csv
from forecourt.payments.fleets.store import Connection, credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.documents import find_document
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST, ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.text import NAME_LINE
from forecourt.ui.files import file

TAGS = ["fleet invoices"]
CURSORS = cursors_by_age("fleet invoices")
#: Debits of one invoice that are shown.
MAX_SHOWN: Final = 50
PDF, XML, CSV = "application/pdf", "application/xml", "text/csv"
State = Literal["open", "overdue", "part_paid", "collecting", "paid", "credited", "written_off", "credit_note"]
InvoiceInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The invoice's id.")]
Why = Annotated[str, Meta(min_length=1, max_length=300, pattern=NAME_LINE, examples=["The price was wrong"])]


class RateShown(Struct, frozen=True, kw_only=True):
    """What an invoice comes to at one rate of VAT in one country; null: outside of VAT, paid on the fleet's behalf."""

    country: str
    percent: Annotated[Decimal | None, Meta(examples=["19"])]
    net: int
    vat: int


class InvoiceShown(Struct, frozen=True, kw_only=True):
    """An invoice or a credit note, whose total is below 0. Amounts in minor units."""

    id: int
    fleet: int
    fleet_name: Annotated[str, Meta(examples=["City vans"])]
    kind: Kind
    number: Annotated[str, Meta(examples=["FC-2026-00012"])]
    reference: Annotated[str, Meta(description="What a transfer says (ISO 11649).", examples=["RF86FC202600012"])]
    state: State
    total: Money
    net: int
    vat: int
    open: Annotated[int, Meta(description="What is still asked for.", examples=[0])]
    paid: int
    credited: int
    written_off: int
    fees: Annotated[int, Meta(description="Of reminders; part of what is open.", examples=[0])]
    level: Annotated[int, Meta(description="The reminder that it has come to.", examples=[0])]
    issued_on: Annotated[date, Meta(examples=["2026-04-01"])]
    due_on: Annotated[date, Meta(examples=["2026-04-15"])]
    period_from: Annotated[date, Meta(examples=["2026-03-01"])]
    period_to: Annotated[date, Meta(examples=["2026-03-31"])]
    corrects: Annotated[int | None, Meta(description="Of a credit note: the invoice.", examples=[None])]
    reason: Annotated[str, Meta(examples=[""])]
    ready: Annotated[bool, Meta(description="Its document can be taken.", examples=[True])]


class LineOfInvoice(Struct, frozen=True, kw_only=True):
    """One line: a session, what was given back of one, or charging at home."""

    id: int
    kind: Literal["session", "home", "refund"]
    session: UUID | None
    driver: Annotated[str, Meta(examples=["Ada"])]
    cost_centre: Annotated[str, Meta(examples=["4711"])]
    started_at: datetime | None
    ended_at: datetime
    site: Annotated[str, Meta(examples=["North yard"])]
    station: Annotated[str, Meta(examples=["CP1"])]
    energy_wh: int | None
    amount: int
    rates: list[RateShown]


class SettlementShown(Struct, frozen=True, kw_only=True):
    """What lowered what is asked for, or raised it (below 0)."""

    kind: Literal["paid", "returned", "credited", "written_off", "fee"]
    amount: int
    at: datetime
    memo: Annotated[str, Meta(examples=[""])]


class DebitShown(Struct, frozen=True, kw_only=True):
    """A direct debit of an invoice, and what came of it."""

    state: Literal["asked", "paid", "returned"]
    amount: Annotated[int, Meta(examples=[1190])]
    collection_on: Annotated[date, Meta(description="The day on which it is drawn.", examples=["2026-04-15"])]
    reason: Annotated[str, Meta(description="Why it came back, or came to nothing.", examples=["AM04"])]


class NoteShown(Struct, frozen=True, kw_only=True):
    """A credit note of an invoice: what it credits, in minor units."""

    id: int
    number: Annotated[str, Meta(examples=["FC-2026-00013"])]
    amount: Annotated[int, Meta(examples=[1190])]


class InvoiceWhole(Struct, frozen=True, kw_only=True):
    """An invoice with all that is said of it."""

    invoice: InvoiceShown
    rates: list[RateShown]
    lines: list[LineOfInvoice]
    settlements: list[SettlementShown]
    debits: Annotated[list[DebitShown], Meta(description="The oldest first.")]
    credit_notes: Annotated[list[NoteShown], Meta(description="That credit it, the oldest first.")]


class CreditedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of one line is given back, in minor units with VAT."""

    line: Annotated[int, Meta(ge=1, le=NEWEST, examples=[1])]
    amount: Annotated[int, Meta(ge=1, le=10**12, examples=[119])]


class NewCredit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A credit note: of these lines, or with null of all that is left."""

    why: Why
    lines: Annotated[
        Annotated[list[CreditedLine], Meta(min_length=1, max_length=MAX_LINES)] | None, Meta(examples=[None])
    ] = None


class DebitFailed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a debit came to nothing; the bank's code of it first, if it gave one: some end the mandate."""

    why: Annotated[str, Meta(min_length=1, max_length=300, pattern=NAME_LINE, examples=["AC04 closed account"])]


class Given(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why what is open is given up."""

    why: Why


@get(
    "/fleet-invoices",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="List invoices of fleets",
    tags=TAGS,
)
async def list_fleet_invoices(
    actor: Asker,
    db: Database,
    clock: Ticking,
    fleet: Annotated[int | None, QueryParameter(ge=1, le=NEWEST, description="Only of this fleet.")] = None,
    standing: Annotated[bool, QueryParameter(description="Only those of which something is open.")] = False,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[InvoiceShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_invoices(
            conn, actor.tenant_id, fleet_id=fleet, only_open=standing, order=sort, place=place, limit=limit + 1
        )
    now = clock.now()
    return CURSORS[sort].page(rows, limit, lambda row: (row.invoice_id,), lambda row: _invoice(row, now))


@get(
    "/fleet-invoices/{invoice_id:int}",
    opt={"verb": Verb.READ_MONEY, "problems": [InvoiceUnknown]},
    summary="Show an invoice of a fleet with its lines and what became of it",
    tags=TAGS,
)
async def find_fleet_invoice(invoice_id: InvoiceInPath, actor: Asker, db: Database, clock: Ticking) -> InvoiceWhole:
    async with db.tenant(actor.tenant_id) as conn:
        return await _whole(conn, actor.tenant_id, invoice_id, clock.now())


@get(
    "/fleet-invoices/{invoice_id:int}/document",
    opt={"verb": Verb.READ_MONEY, "media_types": [PDF, XML, CSV], "problems": [InvoiceUnknown, InvoiceUnready]},
    summary="Take an invoice of a fleet away",
    description="The PDF with its data inside (Factur-X, profile EN 16931), the data alone, or the lines as CSV.",
    tags=TAGS,
)
async def take_fleet_invoice(
    invoice_id: InvoiceInPath,
    actor: Asker,
    db: Database,
    form: Annotated[
        Literal["pdf", "xml", "csv"], QueryParameter(name="format", description="The form of the file.")
    ] = "pdf",
) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        invoice = await billing.find(conn, actor.tenant_id, invoice_id)
        if form == "csv":
            lines = await store.list_lines(conn, actor.tenant_id, invoice_id, MAX_LINES)
            return file(as_csv(invoice, lines).encode(), CSV, f"{invoice.number}.csv")
        found = await find_document(conn, actor.tenant_id, invoice_id)
    if found is None:
        raise InvoiceUnready
    pdf, xml = found
    return file(pdf, PDF, f"{invoice.number}.pdf") if form == "pdf" else file(xml, XML, f"{invoice.number}.xml")


@post(
    "/fleet-invoices/{invoice_id:int}/credit",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [InvoiceUnknown, CreditRefused, InvoicingMissing]},
    summary="Issue a credit note of an invoice",
    description="Revenue, VAT and what the fleet owes go down with it; what is left over settles what is open.",
    tags=TAGS,
)
async def credit_fleet_invoice(
    invoice_id: InvoiceInPath, data: JSONBody[NewCredit], actor: Asker, db: Database, clock: Ticking
) -> InvoiceWhole:
    if data.lines is not None and len({each.line for each in data.lines}) < len(data.lines):
        raise CreditRefused("A line stands there twice.")
    amounts = None if data.lines is None else {each.line: each.amount for each in data.lines}
    async with db.tenant(actor.tenant_id) as conn:
        made = await billing.credit(conn, actor, invoice_id, amounts, data.why, clock.now())
        return await _whole(conn, actor.tenant_id, made, clock.now())


@post(
    "/fleet-invoices/{invoice_id:int}/write-off",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [InvoiceUnknown, NothingOpen]},
    status_code=200,
    summary="Give up what is open of an invoice",
    tags=TAGS,
)
async def write_off_fleet_invoice(
    invoice_id: InvoiceInPath, data: JSONBody[Given], actor: Asker, db: Database, clock: Ticking
) -> InvoiceWhole:
    async with db.tenant(actor.tenant_id) as conn:
        await collection.write_off(conn, actor, invoice_id, data.why, clock.now())
        return await _whole(conn, actor.tenant_id, invoice_id, clock.now())


@post(
    "/fleet-invoices/{invoice_id:int}/debit-failed",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [InvoiceUnknown, DebitRefused]},
    status_code=200,
    summary="Say that the direct debit of an invoice came to nothing",
    description="The bank refused it, or was never given the file: no statement will tell of it. What it asked for is"
    " open again. A debit that was drawn and came back is told by the bank's statement.",
    tags=TAGS,
)
async def fail_fleet_debit(
    invoice_id: InvoiceInPath, data: JSONBody[DebitFailed], actor: Asker, db: Database, clock: Ticking
) -> InvoiceWhole:
    async with db.tenant(actor.tenant_id) as conn:
        await drawing.come_to_nothing(conn, actor, invoice_id, data.why, clock.now())
        return await _whole(conn, actor.tenant_id, invoice_id, clock.now())


@post(
    "/fleet-invoices/{invoice_id:int}/draw-again",
    opt={
        "verb": Verb.CHANGE_PAYMENTS, "problems": [InvoiceUnknown, DebitRefused, MandateMissing, InvoicingMissing],
    },
    status_code=200,
    summary="Draw an invoice again whose direct debit came to nothing",
    description="What is open is asked for by a file of its own, on the next banking day: it is at `/debit-files`.",
    tags=TAGS,
)  # fmt: skip
async def draw_fleet_invoice_again(
    invoice_id: InvoiceInPath, actor: Asker, db: Database, clock: Ticking, secret_key: Sealing
) -> InvoiceWhole:
    async with db.tenant(actor.tenant_id) as conn:
        await drawing.draw_again(conn, actor, Bank(secret_key), invoice_id, clock.now())
        return await _whole(conn, actor.tenant_id, invoice_id, clock.now())


async def _whole(conn: Connection, tenant_id: int, invoice_id: int, now: datetime) -> InvoiceWhole:
    invoice = await billing.find(conn, tenant_id, invoice_id)
    lines = await store.list_lines(conn, tenant_id, invoice_id, MAX_LINES)
    settled = await credits.list_settlements(conn, tenant_id, invoice_id)
    debits = await money.list_debits(conn, tenant_id, invoice_id=invoice_id, limit=MAX_SHOWN)
    notes = await store.list_notes(conn, tenant_id, invoice_id)
    return InvoiceWhole(
        invoice=_invoice(invoice, now),
        rates=[_rate(part) for part in invoice.said.rates],
        lines=[line_shown(line) for line in lines],
        settlements=[
            SettlementShown(kind=each.kind, amount=each.amount, at=each.at, memo=each.memo)  # type: ignore[arg-type]
            for each in settled
        ],
        debits=[
            DebitShown(
                state=each.state,  # type: ignore[arg-type]
                amount=each.amount,
                collection_on=each.collection_on,
                reason=each.why,
            )
            for each in debits
        ],
        credit_notes=[NoteShown(id=number, number=name, amount=total) for number, name, total in notes],
    )


def _invoice(row: Invoice, now: datetime) -> InvoiceShown:
    same = {name: getattr(row, name) for name in InvoiceShown.__struct_fields__ if name in Invoice.__struct_fields__}
    own = {
        "id": row.invoice_id, "fleet": row.fleet_id, "fleet_name": row.fleet, "open": row.open_amount,
        "state": row.state(now.astimezone(ZoneInfo(row.said.zone)).date()), "ready": row.documented,
        "total": Money(amount=row.total, currency=row.currency),
    }  # fmt: skip
    return InvoiceShown(**(same | own))


def line_shown(line: Line) -> LineOfInvoice:
    """A line as it is told."""
    same = {name: getattr(line, name) for name in LineOfInvoice.__struct_fields__ if name in Line.__struct_fields__}
    return LineOfInvoice(id=line.line_id, session=line.session_id, rates=[_rate(part) for part in line.parts], **same)


def _rate(part: Part) -> RateShown:
    return RateShown(country=part.country, percent=part.rate, net=part.net, vat=part.vat)


handlers = [
    list_fleet_invoices, find_fleet_invoice, take_fleet_invoice, credit_fleet_invoice, write_off_fleet_invoice,
    fail_fleet_debit, draw_fleet_invoice_again,
]  # fmt: skip
