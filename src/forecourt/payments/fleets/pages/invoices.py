"""One invoice: what it is made of, what became of it, and what may be done about it."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import in_words
from forecourt.payments.fleets import billing, collection, drawing
from forecourt.payments.fleets.errors import (
    CreditRefused,
    DebitRefused,
    InvoicingMissing,
    MandateMissing,
    NothingOpen,
)
from forecourt.payments.fleets.model import MAX_LINES, grouped
from forecourt.payments.fleets.pages.words import (
    CHANGING,
    DONE,
    LETTERS,
    LINES,
    READING,
    SETTLED,
    STATES,
    Done,
    Number,
    WebRequest,
)
from forecourt.payments.fleets.store import credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.documents import list_letters
from forecourt.payments.ledger.billed import rate_name
from forecourt.payments.ledger.words import money as amount
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui import formats
from forecourt.ui.i18n import day, mark
from forecourt.ui.shell import Shell

MAX_WHY: Final = 300
#: Lines that a page shows; all of them are in the files.
SHOWN: Final = 500
NO_WHY: Final = mark("Say why: it stands on the document, or in the audit.")
REFUSED: Final = mark("Nothing is left of this invoice to be credited.")
NO_DEBIT: Final = mark("No direct debit of it is on its way to the bank.")
NOT_DRAWN: Final = mark(
    "It can't be drawn now. That takes an open amount, no debit on its way, a mandate, your creditor id and account."
)
SETTLED_ALREADY: Final = mark("Nothing of it is open, or it is being drawn by a direct debit.")


class InvoiceScreens:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._bank = Bank(secret_key)

    async def show(
        self, request: WebRequest, actor: Actor, invoice_id: int, *, done: str = "", fault: str = "", why: str = ""
    ) -> Response[str]:
        """The invoice; with what could not be done. Raises InvoiceUnknown."""
        async with self._db.tenant(actor.tenant_id) as conn:
            invoice = await billing.find(conn, actor.tenant_id, invoice_id)
            lines = await store.list_lines(conn, actor.tenant_id, invoice_id, MAX_LINES)
            settled = await credits.list_settlements(conn, actor.tenant_id, invoice_id)
            letters = await list_letters(conn, actor.tenant_id, invoice_id)
            debits = await money.list_debits(conn, actor.tenant_id, invoice_id=invoice_id, limit=SHOWN)
            notes = await store.list_notes(conn, actor.tenant_id, invoice_id)
            _gone, left = await billing.left_of(conn, actor.tenant_id, lines)
        today = self._clock.now().astimezone(ZoneInfo(invoice.said.zone)).date()
        return self._shell.page(
            "fleets/invoice.html", request, viewer=actor, current="fleets", status=422 if fault else 200,
            invoice=invoice, groups=grouped(lines[:SHOWN]), more=len(lines) > SHOWN, settled=settled, letters=letters,
            debits=debits, notes=notes, may_credit=any(left.values()), today=today,
            states=STATES, kinds=LINES, settled_words=SETTLED, letter_words=LETTERS,
            in_words=in_words,
            money=amount, date_of=formats.date_of, rate_name=rate_name, may_change=actor.may(Verb.CHANGE_PAYMENTS),
            done=DONE.get(done, ""), fault=fault, why=why, zone=invoice.said.zone, day_of=day,
        )  # fmt: skip

    async def credit(self, request: WebRequest, actor: Actor, invoice_id: int) -> Response[Any]:
        """A credit note of all that is left."""
        why = await self._why(request)
        if not why:
            return await self.show(request, actor, invoice_id, fault=NO_WHY)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                made = await billing.credit(conn, actor, invoice_id, None, why, self._clock.now())
        except CreditRefused:
            return await self.show(request, actor, invoice_id, fault=REFUSED, why=why)
        return Redirect(f"/fleets/invoices/{made}?done=credited", status_code=303)

    async def write_off(self, request: WebRequest, actor: Actor, invoice_id: int) -> Response[Any]:
        """Gives up what is open."""
        why = await self._why(request)
        if not why:
            return await self.show(request, actor, invoice_id, fault=NO_WHY)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await collection.write_off(conn, actor, invoice_id, why, self._clock.now())
        except NothingOpen:
            return await self.show(request, actor, invoice_id, fault=SETTLED_ALREADY, why=why)
        return Redirect(f"/fleets/invoices/{invoice_id}?done=written_off", status_code=303)

    async def fail_debit(self, request: WebRequest, actor: Actor, invoice_id: int) -> Response[Any]:
        """Says that its direct debit came to nothing."""
        why = await self._why(request)
        if not why:
            return await self.show(request, actor, invoice_id, fault=NO_WHY)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await drawing.come_to_nothing(conn, actor, invoice_id, why, self._clock.now())
        except DebitRefused:
            return await self.show(request, actor, invoice_id, fault=NO_DEBIT, why=why)
        return Redirect(f"/fleets/invoices/{invoice_id}?done=debit_failed", status_code=303)

    async def draw_again(self, request: WebRequest, actor: Actor, invoice_id: int) -> Response[Any]:
        """Asks the bank for it once more."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await drawing.draw_again(conn, actor, self._bank, invoice_id, self._clock.now())
        except (DebitRefused, MandateMissing, InvoicingMissing):
            return await self.show(request, actor, invoice_id, fault=NOT_DRAWN)
        return Redirect(f"/fleets/invoices/{invoice_id}?done=drawn", status_code=303)

    async def _why(self, request: WebRequest) -> str:
        text = str((await request.form()).get("why", ""))
        return " ".join("".join(letter for letter in text if letter.isprintable()).split())[:MAX_WHY]


def invoice_pages(shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> list[HTTPRouteHandler]:
    """`/fleets/invoices/{invoice_id}`, and what is done about one."""
    pages = InvoiceScreens(shell, db, clock, secret_key)

    @get("/fleets/invoices/{invoice_id:int}", opt=dict(READING), include_in_schema=False)
    async def fleet_invoice(request: WebRequest, actor: Asker, invoice_id: Number, done: Done = "") -> Response[str]:
        return await pages.show(request, actor, invoice_id, done=done)

    @post("/fleets/invoices/{invoice_id:int}/credit", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def credit_invoice(request: WebRequest, actor: Asker, invoice_id: Number) -> Response[Any]:
        return await pages.credit(request, actor, invoice_id)

    @post("/fleets/invoices/{invoice_id:int}/write-off", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def give_up_invoice(request: WebRequest, actor: Asker, invoice_id: Number) -> Response[Any]:
        return await pages.write_off(request, actor, invoice_id)

    @post(
        "/fleets/invoices/{invoice_id:int}/debit-failed", opt=dict(CHANGING), include_in_schema=False, status_code=303
    )
    async def fail_debit(request: WebRequest, actor: Asker, invoice_id: Number) -> Response[Any]:
        return await pages.fail_debit(request, actor, invoice_id)

    @post("/fleets/invoices/{invoice_id:int}/draw-again", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def draw_again(request: WebRequest, actor: Asker, invoice_id: Number) -> Response[Any]:
        return await pages.draw_again(request, actor, invoice_id)

    return [fleet_invoice, credit_invoice, give_up_invoice, fail_debit, draw_again]
