"""What is done for fleets by the clock: invoices of months that are over, their documents and letters, debits,
reminders. Each step is a transaction of its own and may be done again: what stands is not done twice, and one that
fails keeps no other from being done."""

import asyncio
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from forecourt.drivers.fleets import store as fleets
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.store import find_bank
from forecourt.payments.fleets import billing, collection, drawing
from forecourt.payments.fleets.model import MAX_LINES, MAX_OPEN, MAX_PARTS, Invoice, Line
from forecourt.payments.fleets.paper import languages
from forecourt.payments.fleets.paper.document import document
from forecourt.payments.fleets.paper.facturx import facturx
from forecourt.payments.fleets.paper.letters import write_invoice, write_reminder, write_returned
from forecourt.payments.fleets.store import Connection
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store import money as debits
from forecourt.payments.fleets.store.documents import find_letter, insert_document, list_undocumented
from forecourt.payments.fleets.store.money import DebitRow, find_mandate_named
from forecourt.payments.ledger.store import list_tenants
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.mail import Enclosure
from forecourt.ui.i18n import speaking

#: Documents that are made in one run.
DOCUMENTS: Final = 200
PDF: Final = "application/pdf"


class FleetJobs:
    """Durable work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, secret_key: bytes) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._bank = Bank(secret_key)
        self._languages = languages()

    async def bill(self) -> None:
        """Every organisation with books. One that fails keeps no other from being done."""
        async with self._worker.anyone() as conn:
            tenants = await list_tenants(conn)
        for tenant_id in tenants:
            with apart("fleets were not billed", tenant=tenant_id):
                await self.bill_of(tenant_id)

    async def bill_of(self, tenant_id: int) -> None:
        """One organisation. What fails of it waits for the next run, and nothing else waits for that."""
        with apart("not all months were invoiced", tenant=tenant_id):
            await self.issue(tenant_id)
        with apart("not all invoices got their documents", tenant=tenant_id):
            await self.document(tenant_id)
        with apart("no direct debits were drawn", tenant=tenant_id):
            async with self._tenants.tenant(tenant_id) as conn:
                await drawing.draw(conn, tenant_id, self._bank, self._clock.now())
        with apart("not all were told that a debit came back", tenant=tenant_id):
            await self.tell_returned(tenant_id)
        with apart("not all who are late were reminded", tenant=tenant_id):
            await self.remind(tenant_id)

    async def issue(self, tenant_id: int) -> int:
        """The invoices of months that are over by their fleets' clocks; how many were made."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            due = await store.list_unbilled(conn, tenant_id)
        made = 0
        for fleet_id, zone, currency, first in due:
            # A fleet's months are invoiced in their order: behind one that fails none of its own is made.
            with apart("a fleet was not invoiced", tenant=tenant_id, fleet=fleet_id):
                for month in billing.months_due(ZoneInfo(zone), first, now):
                    for _ in range(MAX_PARTS):
                        async with self._tenants.tenant(tenant_id) as conn:
                            if await billing.issue_month(conn, tenant_id, fleet_id, month, currency, now) is None:
                                break
                        made += 1
        return made

    async def document(self, tenant_id: int) -> int:
        """The documents of what was issued, each with its letter; how many were made."""
        made = after = 0
        while made < DOCUMENTS:
            async with self._tenants.tenant(tenant_id) as conn:
                waiting = await list_undocumented(conn, tenant_id, DOCUMENTS - made, after=after)
            if not waiting:
                break
            for invoice_id in waiting:
                with apart("an invoice got no document", tenant=tenant_id, invoice=invoice_id):
                    made += await self._document(tenant_id, invoice_id)
            after = waiting[-1]
        return made

    async def _document(self, tenant_id: int, invoice_id: int) -> bool:
        async with self._tenants.tenant(tenant_id) as conn:
            invoice = await billing.find(conn, tenant_id, invoice_id)
            lines = await store.list_lines(conn, tenant_id, invoice_id, MAX_LINES)
            ours = await find_bank(conn, tenant_id)
            named = invoice.said.account.mandate
            mandate = await find_mandate_named(conn, tenant_id, invoice.fleet_id, named) if named else None
        iban = "" if ours is None else self._bank.open(ours.iban_sealed)
        drawn = "" if mandate is None else self._bank.open(mandate.iban_sealed)
        # It takes seconds where there are thousands of sessions: no transaction waits for that.
        pdf, xml = await asyncio.to_thread(self._made, invoice, lines, iban, drawn)
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            if not await insert_document(conn, tenant_id, invoice_id, pdf, xml, now):
                return False
            fleet = await collection.fleet_of(conn, tenant_id, invoice.fleet_id, now)
            if fleet.email:
                with self._speaking(invoice):
                    await write_invoice(conn, tenant_id, invoice, fleet.email, now)
        return True

    def _made(self, invoice: Invoice, lines: list[Line], iban: str, drawn: str) -> tuple[bytes, bytes]:
        with self._speaking(invoice):
            xml = facturx(invoice, lines, iban, drawn)
            return document(invoice, lines, xml, iban), xml

    def _speaking(self, invoice: Invoice) -> AbstractContextManager[None]:
        return speaking(self._languages.choose(invoice.said.buyer.language, ""))

    async def tell_returned(self, tenant_id: int) -> int:
        """Whose debit came back, or came to nothing, is written to, once; how many were. Nobody is who owes nothing of
        it any more, or is drawn again by now."""
        written = after = 0
        while True:
            async with self._tenants.tenant(tenant_id) as conn:
                untold = await debits.list_untold(conn, tenant_id, DOCUMENTS, after=after)
            for each in untold:
                with apart("nobody was told that a debit came back", tenant=tenant_id, debit=each.debit_id):
                    written += await self._tell_returned(tenant_id, each)
            if len(untold) < DOCUMENTS:
                return written
            after = untold[-1].debit_id

    async def _tell_returned(self, tenant_id: int, debit: DebitRow) -> bool:
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            if not await debits.set_told(conn, tenant_id, debit.debit_id, now):
                return False
            invoice = await billing.find(conn, tenant_id, debit.invoice_id)
            fleet = await fleets.find_fleet(conn, tenant_id, invoice.fleet_id, now)
            if fleet is None or not fleet.email or invoice.asked or invoice.open_amount <= 0:
                return False
            stands = await debits.find_mandate(conn, tenant_id, invoice.fleet_id) is not None
            account = await self._account(conn, tenant_id)
            with self._speaking(invoice):
                await write_returned(conn, tenant_id, invoice, debit, stands, fleet.email, now, account=account)
        return True

    async def _account(self, conn: Connection, tenant_id: int) -> str:
        """Where to pay, in a letter; empty where that was not said."""
        ours = await find_bank(conn, tenant_id)
        return "" if ours is None else f"{ours.name}, IBAN {self._bank.open(ours.iban_sealed)}"

    async def remind(self, tenant_id: int) -> int:
        """Who is late comes to the level of that, and is written to; how many were."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            said = await store.find_seller(conn, tenant_id)
            late = await store.list_invoices(conn, tenant_id, only_open=True, order="oldest", limit=MAX_OPEN)
        if said is None:
            return 0
        due = [each for each in late if each.said.buyer.dunned and not each.asked and self._is_late(each, now)]
        written = 0
        for each in due:
            with apart("nobody was reminded of an invoice", tenant=tenant_id, invoice=each.invoice_id):
                written += await self._remind(tenant_id, each.invoice_id)
        return written

    def _is_late(self, invoice: Invoice, now: datetime) -> bool:
        return invoice.due_on < now.astimezone(ZoneInfo(invoice.said.zone)).date()

    async def _remind(self, tenant_id: int, invoice_id: int) -> bool:
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            said = await store.find_seller(conn, tenant_id)
            if said is None:
                return False
            level = await collection.remind(conn, tenant_id, said[1], invoice_id, now)
            if not level:
                return False
            invoice = await billing.find(conn, tenant_id, invoice_id)
            fleet = await fleets.find_fleet(conn, tenant_id, invoice.fleet_id, now)
            assert fleet is not None
            if fleet.email:
                account = await self._account(conn, tenant_id)
                with self._speaking(invoice):
                    await write_reminder(
                        conn, tenant_id, invoice, level, fleet.held_at is not None, fleet.email, now, account=account
                    )
        return True


class Enclosures:
    """What goes with letters to fleets. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool) -> None:
        self._tenants = tenants

    async def __call__(self, tenant_id: int, letter_id: UUID) -> tuple[Enclosure, ...]:
        async with self._tenants.tenant(tenant_id) as conn:
            found = await find_letter(conn, tenant_id, letter_id)
        return () if found is None else (Enclosure(name=f"{found[0]}.pdf", media_type=PDF, content=found[1]),)
