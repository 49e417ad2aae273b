"""How invoices are drawn: mandates, the files of direct debits for the bank, and what people say of a debit of which no
statement of the bank ever tells."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from msgspec import structs

from forecourt.access import Actor, audit
from forecourt.drivers.fleets import store as fleets
from forecourt.payments.bank.days import next_banking_day
from forecourt.payments.bank.model import Bank, read_iban, shown
from forecourt.payments.bank.sepa import CURRENCY, Account
from forecourt.payments.bank.store import find_bank
from forecourt.payments.fleets import collection, sepa
from forecourt.payments.fleets.errors import (
    DebitRefused,
    InvoiceUnknown,
    InvoicingMissing,
    MandateMissing,
    MandateRefused,
)
from forecourt.payments.fleets.model import MAX_OPEN, Invoice
from forecourt.payments.fleets.paper import languages
from forecourt.payments.fleets.paper.letters import write_drawn_again
from forecourt.payments.fleets.sepa import Debit
from forecourt.payments.fleets.store import Connection, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.money import MandateRow
from forecourt.platform.apart import apart
from forecourt.ui.i18n import speaking

#: How many days before it is drawn a debit is given to the bank.
AHEAD: Final = timedelta(days=3)


async def put_mandate(
    conn: Connection, actor: Actor, fleet_id: int, bank: Bank, *, reference: str, scheme: str, signed_on: date,
    holder: str, iban: str, bic: str, now: datetime,
) -> MandateRow:  # fmt: skip
    """A fleet's mandate, in place of the one before. Raises FleetUnknown, IbanRefused, MandateRefused."""
    fleet = await collection.fleet_of(conn, actor.tenant_id, fleet_id, now)
    if signed_on > now.astimezone(ZoneInfo(fleet.zone)).date():
        raise MandateRefused("A mandate can't be signed on a day that is still to come.")
    read = read_iban(iban)
    await money.end_mandate(conn, actor.tenant_id, fleet_id, "replaced", now)
    values = {
        "fleet_id": fleet_id, "reference": reference, "scheme": scheme, "signed_on": signed_on, "holder": holder,
        "iban_sealed": bank.close(read), "iban_shown": shown(read), "bic": bic, "made_at": now,
    }  # fmt: skip
    if await money.insert_mandate(conn, actor.tenant_id, values) is None:
        raise MandateRefused("Another mandate has this reference. Each signed paper has its own.")
    detail = {"reference": reference, "iban": shown(read)}
    await audit(conn, actor, "put mandate of fleet", f"fleet:{fleet_id}", detail)
    found = await money.find_mandate(conn, actor.tenant_id, fleet_id)
    assert found is not None
    return found


async def end_mandate(conn: Connection, actor: Actor, fleet_id: int, now: datetime) -> None:
    """The mandate was taken back. Raises MandateMissing."""
    if not await money.end_mandate(conn, actor.tenant_id, fleet_id, "taken back", now):
        raise MandateMissing
    await audit(conn, actor, "end mandate of fleet", f"fleet:{fleet_id}")


async def draw(conn: Connection, tenant_id: int, bank: Bank, now: datetime) -> list[int]:
    """Files of direct debits for what is to be drawn soon: one a scheme and day; their numbers. What came back once is
    drawn no second time by itself, and what was paid meanwhile not at all."""
    seller, ours = await store.find_seller(conn, tenant_id), await find_bank(conn, tenant_id)
    if seller is None or ours is None or not seller[0].creditor_id:
        return []
    await money.hold_bank(conn, tenant_id)
    open_ = await store.list_invoices(conn, tenant_id, only_open=True, order="oldest", limit=MAX_OPEN)
    drawn: dict[tuple[str, date], list[tuple[int, Debit]]] = {}
    # In one order, so that nobody who holds several waits for this in a circle.
    for fleet_id in sorted({each.fleet_id for each in open_ if _is_to_be_drawn(each, now)}):
        with apart("a fleet's invoices were not drawn", tenant=tenant_id, fleet=fleet_id):
            async with conn.transaction():
                found = await _draw_fleet(conn, tenant_id, fleet_id, bank, now)
            for of, debits in found.items():
                drawn.setdefault(of, []).extend(debits)
    account = Account(name=ours.name, iban=bank.open(ours.iban_sealed), bic=ours.bic)
    made: list[int] = []
    for (scheme, day), all_of in drawn.items():
        for at in range(0, len(all_of), sepa.MAX_DEBITS):
            some = all_of[at : at + sepa.MAX_DEBITS]
            made.append(await _file(conn, tenant_id, bank, account, seller[0].creditor_id, scheme, day, some, now))
    return made


def _is_to_be_drawn(invoice: Invoice, now: datetime) -> bool:
    on = invoice.said.account.on
    if on is None or invoice.currency != CURRENCY or invoice.asked or invoice.open_amount <= 0:
        return False
    return on - AHEAD <= now.astimezone(ZoneInfo(invoice.said.zone)).date()


async def _draw_fleet(
    conn: Connection, tenant_id: int, fleet_id: int, bank: Bank, now: datetime
) -> dict[tuple[str, date], list[tuple[int, Debit]]]:
    """The debits of a fleet, by scheme and day. What its invoices ask for is read once nobody else can change it."""
    await store.hold_fleet(conn, tenant_id, fleet_id)
    mandate = await money.find_mandate(conn, tenant_id, fleet_id)
    if mandate is None:
        return {}
    drawn: dict[tuple[str, date], list[tuple[int, Debit]]] = {}
    open_ = await store.list_invoices(
        conn, tenant_id, fleet_id=fleet_id, only_open=True, order="oldest", limit=MAX_OPEN
    )
    for invoice in open_:
        on = invoice.said.account.on
        before = await money.list_debits(conn, tenant_id, invoice_id=invoice.invoice_id, limit=1)
        if on is None or before or not _is_to_be_drawn(invoice, now):
            continue
        day = max(on, _next_day(invoice, now))
        asked = await _ask(conn, tenant_id, mandate, bank, invoice, day, now)
        if asked is not None:
            mandate = structs.replace(mandate, used=True)
            drawn.setdefault((mandate.scheme, day), []).append(asked)
    return drawn


def _next_day(invoice: Invoice, now: datetime) -> date:
    """The next day on which banks draw anything, where the fleet is."""
    return next_banking_day(now.astimezone(ZoneInfo(invoice.said.zone)).date(), CURRENCY)


async def _ask(
    conn: Connection, tenant_id: int, mandate: MandateRow, bank: Bank, invoice: Invoice, day: date, now: datetime
) -> tuple[int, Debit] | None:
    """A debit of what is open of an invoice, with its number; None where one is in the air."""
    sequence = "RCUR" if mandate.used else "FRST"
    values = {
        "invoice_id": invoice.invoice_id, "mandate_id": mandate.mandate_id, "amount": invoice.open_amount,
        "sequence": sequence, "collection_on": day, "made_at": now,
    }  # fmt: skip
    number = await money.insert_debit(conn, tenant_id, values)
    if number is None:
        return None
    debtor = Account(name=mandate.holder, iban=bank.open(mandate.iban_sealed), bic=mandate.bic)
    return number, Debit(
        debtor=debtor, amount=invoice.open_amount, reference=sepa.reference_of(number), text=invoice.number,
        mandate=mandate.reference, signed_on=mandate.signed_on, sequence=sequence,
    )  # fmt: skip


async def draw_again(conn: Connection, actor: Actor, bank: Bank, invoice_id: int, now: datetime) -> int:
    """One more debit of what is open of an invoice whose debit came to nothing, on the next banking day; the number of
    its file. Its fleet is written to before. Raises InvoiceUnknown, DebitRefused, MandateMissing, InvoicingMissing."""
    tenant_id = actor.tenant_id
    seller, ours = await store.find_seller(conn, tenant_id), await find_bank(conn, tenant_id)
    if seller is None:
        raise InvoicingMissing
    if ours is None or not seller[0].creditor_id:
        raise DebitRefused("A debit needs your creditor id and your bank account. Say both first.")
    invoice = await _held(conn, tenant_id, invoice_id)
    if invoice.said.account.on is None:
        raise DebitRefused("This invoice asks for a transfer: its fleet was never told of a debit.")
    before = await money.list_debits(conn, tenant_id, invoice_id=invoice_id, limit=1)
    if invoice.asked or not before or invoice.open_amount <= 0:
        raise DebitRefused
    mandate = await money.find_mandate(conn, tenant_id, invoice.fleet_id)
    if mandate is None:
        raise MandateMissing
    day = _next_day(invoice, now)
    asked = await _ask(conn, tenant_id, mandate, bank, invoice, day, now)
    assert asked is not None, "none is in the air, as the bank's lines are held"
    account = Account(name=ours.name, iban=bank.open(ours.iban_sealed), bic=ours.bic)
    made = await _file(conn, tenant_id, bank, account, seller[0].creditor_id, mandate.scheme, day, [asked], now)
    fleet = await fleets.find_fleet(conn, tenant_id, invoice.fleet_id, now)
    if fleet is not None and fleet.email:
        # Whoever is drawn is told before, as the SEPA rulebooks ask: the day is tomorrow at the earliest.
        creditor = seller[0].creditor_id
        with speaking(languages().choose(invoice.said.buyer.language, "")):
            await write_drawn_again(conn, tenant_id, invoice, mandate, creditor, day, fleet.email, now)
    detail = {"invoice": invoice.number, "amount": invoice.open_amount, "currency": invoice.currency}
    await audit(conn, actor, "draw invoice again", f"fleet-invoice:{invoice_id}", detail)
    return made


async def come_to_nothing(conn: Connection, actor: Actor, invoice_id: int, why: str, now: datetime) -> None:
    """The debit of an invoice that is in the air came to nothing, as somebody says: the bank refused it, or was never
    given the file, of which no statement tells. What it asked for is open again. Should the bank book it after all, it
    is paid all the same. Raises InvoiceUnknown, DebitRefused."""
    tenant_id = actor.tenant_id
    invoice = await _held(conn, tenant_id, invoice_id)
    asked = await money.find_asked(conn, tenant_id, invoice_id)
    if asked is None:
        raise DebitRefused
    await collection.come_to_nothing(conn, tenant_id, invoice, asked, why, now)
    await audit(conn, actor, "give up debit", f"fleet-invoice:{invoice_id}", {"invoice": invoice.number, "why": why})


async def _held(conn: Connection, tenant_id: int, invoice_id: int) -> Invoice:
    """An invoice that nobody else draws, settles or changes until the transaction ends. Raises InvoiceUnknown."""
    await money.hold_bank(conn, tenant_id)
    found = await store.find_invoice(conn, tenant_id, invoice_id)
    if found is None:
        raise InvoiceUnknown
    await store.hold_fleet(conn, tenant_id, found.fleet_id)
    held = await store.find_invoice(conn, tenant_id, invoice_id)
    assert held is not None, "invoices stay"
    return held


async def _file(
    conn: Connection, tenant_id: int, bank: Bank, creditor: Account, creditor_id: str, scheme: str, day: date,
    debits: Sequence[tuple[int, Debit]], now: datetime,
) -> int:  # fmt: skip
    """One file for the bank, in one transaction with what it asks for."""
    message = f"FD-{uuid4().hex[:24]}"
    content = sepa.debit_file(creditor, creditor_id, scheme, [debit for _, debit in debits], day, message)
    values = {
        "message": message, "scheme": scheme, "collection_on": day, "debits": len(debits),
        "total": sum(debit.amount for _, debit in debits), "sealed": bank.file(content.decode()), "made_at": now,
    }  # fmt: skip
    file_id = await money.insert_file(conn, tenant_id, values)
    await money.put_in_file(conn, tenant_id, [number for number, _ in debits], file_id)
    return file_id
