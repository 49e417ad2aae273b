"""How fleets pay: what came settles invoices, direct debits draw them, and who is late is reminded and held.

Money that came is a credit, and settlements spend it: on what it speaks of first, then on the oldest that is open. What
is over stays with the fleet and settles the next. All of it may be asked again at any time.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.access import Actor, audit
from forecourt.drivers.fleets import store as fleets
from forecourt.drivers.fleets.model import Fleet, FleetUnknown
from forecourt.payments.bank.days import banking_day
from forecourt.payments.bank.model import BankLineRow
from forecourt.payments.bank.sepa import CURRENCY
from forecourt.payments.fleets import entries, sepa
from forecourt.payments.fleets.errors import InvoiceUnknown, NothingLeftOver, NothingOpen
from forecourt.payments.fleets.model import MAX_OPEN, STATEMENT_WAIT, STATEMENTS_LAPSE, Dunning, Invoice, level_due
from forecourt.payments.fleets.references import references_in
from forecourt.payments.fleets.sepa import debit_of
from forecourt.payments.fleets.store import Connection, credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.money import DebitRow
from forecourt.payments.ledger.entries import fleet_paid
from forecourt.payments.ledger.service import post

#: Why banks return a debit after which no other by the same mandate can be paid (ISO 20022 external codes): the
#: account is wrong, closed or barred, there is no mandate, or the debtor is no more.
MANDATE_GONE: Final = frozenset({"AC01", "AC04", "AC06", "AC13", "MD01", "MD07", "RC01", "SL01"})
#: Characters that are kept of why a debit came to nothing.
MAX_REASON: Final = 300
_MATCHED: Final = 200


async def fleet_of(conn: Connection, tenant_id: int, fleet_id: int, now: datetime) -> Fleet:
    """The fleet of this number. Raises FleetUnknown."""
    found = await fleets.find_fleet(conn, tenant_id, fleet_id, now)
    if found is None:
        raise FleetUnknown
    return found


def collected_on(day: date) -> date:
    """On which day a debit that is due then is drawn."""
    return banking_day(day, CURRENCY)


async def spend(
    conn: Connection, tenant_id: int, fleet_id: int, currency: str, now: datetime, *, first: Sequence[int] = ()
) -> None:
    """What came and settled nothing yet settles invoices: those named first, then the oldest. What is being drawn by a
    debit waits for that. The fleet is held by the caller's transaction."""
    open_ = await store.list_invoices(
        conn, tenant_id, fleet_id=fleet_id, only_open=True, order="oldest", limit=MAX_OPEN
    )
    rest = {
        each.invoice_id: each.open_amount
        for each in open_
        if each.currency == currency and (not each.asked or each.invoice_id in first)
    }
    order = [*(number for number in first if number in rest), *(number for number in rest if number not in first)]
    for credit_id, kind, amount in await credits.list_unspent(conn, tenant_id, fleet_id, currency):
        left = amount
        for invoice_id in order:
            part = min(left, rest[invoice_id])
            if part <= 0:
                continue
            values = {"invoice_id": invoice_id, "kind": kind, "amount": part, "credit_id": credit_id, "at": now}
            await credits.insert_settlement(conn, tenant_id, values)
            rest[invoice_id] -= part
            left -= part
    await hold_or_release(conn, tenant_id, fleet_id, now)


async def come(
    conn: Connection, tenant_id: int, fleet_id: int, row: BankLineRow, amount: int, now: datetime, *,
    first: Sequence[int] = (), debit_id: int | None = None,
) -> None:  # fmt: skip
    """A fleet's money came to the bank: posted, and spent."""
    await store.hold_fleet(conn, tenant_id, fleet_id)
    movement = row.movement + ("" if debit_id is None else f"-{debit_id}")
    entry = fleet_paid(
        movement=movement, at=_booked(row), fleet=str(fleet_id), currency=row.currency, amount=amount,
        memo=row.text[:300],
    )  # fmt: skip
    if not await post(conn, tenant_id, entry):
        return
    values = {
        "fleet_id": fleet_id, "kind": "paid", "currency": row.currency, "amount": amount, "bank_line": row.line_id,
        "debit_id": debit_id, "at": now,
    }  # fmt: skip
    await credits.insert_credit(conn, tenant_id, values)
    await spend(conn, tenant_id, fleet_id, row.currency, now, first=first)


async def go_back(
    conn: Connection, tenant_id: int, fleet_id: int, row: BankLineRow, amount: int, now: datetime
) -> None:
    """A fleet was paid back so much of what it had left over: posted, and settles nothing any more. Raises
    NothingLeftOver."""
    await store.hold_fleet(conn, tenant_id, fleet_id)
    unspent = await credits.list_unspent(conn, tenant_id, fleet_id, row.currency)
    left = amount
    for credit_id, _, rest in unspent:
        part = min(left, rest)
        if part > 0:
            values = {
                "fleet_id": fleet_id, "kind": "returned", "currency": row.currency, "amount": -part,
                "bank_line": row.line_id, "of_credit": credit_id, "at": now,
            }  # fmt: skip
            await credits.insert_credit(conn, tenant_id, values)
            left -= part
    if left:
        raise NothingLeftOver(left=amount - left)
    entry = fleet_paid(
        movement=row.movement, at=_booked(row), fleet=str(fleet_id), currency=row.currency, amount=-amount,
        memo=row.text[:300],
    )  # fmt: skip
    await post(conn, tenant_id, entry)


async def match(conn: Connection, tenant_id: int, row: BankLineRow, now: datetime) -> tuple[str, str] | None:
    """What a line of the bank is, where it is a fleet's for certain: a debit that was drawn or came back, a file of
    them, or a transfer that says which invoice it is for. How it is matched, and with what."""
    number = debit_of(row.end_to_end or "")
    debit = None if number is None or row.currency != CURRENCY else await money.find_debit(conn, tenant_id, number)
    if debit is not None:
        return await _match_debit(conn, tenant_id, row, debit, now)
    if row.amount <= 0:
        return None
    # What says which invoice it is for is never taken for a file of the same sum.
    return await _match_transfer(conn, tenant_id, row, now) or await _match_file(conn, tenant_id, row, now)


async def _match_transfer(conn: Connection, tenant_id: int, row: BankLineRow, now: datetime) -> tuple[str, str] | None:
    said = f"{row.text} {row.end_to_end or ''}"
    found = await store.find_by_references(conn, tenant_id, sorted(references_in(said)))
    found = found or await store.find_by_number_in(conn, tenant_id, said)
    named = [each for each in found if each.currency == row.currency]
    if not named or len({each.fleet_id for each in named}) > 1:
        return None
    first = [each.invoice_id for each in named]
    await come(conn, tenant_id, named[0].fleet_id, row, row.amount, now, first=first)
    return "fleet", ", ".join(each.number for each in named)[:_MATCHED]


async def _match_file(conn: Connection, tenant_id: int, row: BankLineRow, now: datetime) -> tuple[str, str] | None:
    said = f"{row.text} {row.end_to_end or ''}"
    file_id = await money.find_file_of(conn, tenant_id, row.amount, said, row.booked_on)
    if file_id is None or row.currency != CURRENCY:
        return None
    drawn = await money.list_debits(conn, tenant_id, file_id=file_id, limit=sepa.MAX_DEBITS)
    # Of the whole sum are those too that came to nothing before: what comes back of them is told by its own line.
    whole = sum(each.amount for each in drawn) == row.amount
    for each in drawn:
        if each.state == "asked" or whole:
            await _drawn(conn, tenant_id, row, each, now)
    return "debit_file", str(file_id)


async def _match_debit(
    conn: Connection, tenant_id: int, row: BankLineRow, debit: DebitRow, now: datetime
) -> tuple[str, str] | None:
    asked = debit.state == "asked" or (
        debit.state == "returned" and not await money.was_drawn(conn, tenant_id, debit.debit_id)
    )
    if row.amount == debit.amount and asked:
        await _drawn(conn, tenant_id, row, debit, now)
        return "debit", str(debit.debit_id)
    if row.amount <= -debit.amount and debit.state == "paid":
        await _came_back(conn, tenant_id, row, debit, now)
        return "debit_return", str(debit.debit_id)
    return None


async def _drawn(conn: Connection, tenant_id: int, row: BankLineRow, debit: DebitRow, now: datetime) -> None:
    """The bank booked a debit, be it one that was said to have come to nothing."""
    invoice = await _invoice(conn, tenant_id, debit.invoice_id)
    if await money.set_paid(conn, tenant_id, debit.debit_id, now):
        await come(
            conn, tenant_id, invoice.fleet_id, row, debit.amount, now, first=[invoice.invoice_id],
            debit_id=debit.debit_id,
        )  # fmt: skip


async def _came_back(conn: Connection, tenant_id: int, row: BankLineRow, debit: DebitRow, now: datetime) -> None:
    """The bank took a debit back, with its reason and perhaps a charge: what it settled is open again, and a mandate
    that can't be used any more ends."""
    invoice = await _invoice(conn, tenant_id, debit.invoice_id)
    await store.hold_fleet(conn, tenant_id, invoice.fleet_id)
    reason = (row.return_reason or row.text or "the bank gave no reason")[:MAX_REASON]
    if not await money.set_returned(conn, tenant_id, debit.debit_id, was="paid", at=now, reason=reason):
        return
    entry = entries.fleet_returned(
        movement=row.movement, at=_booked(row), fleet=str(invoice.fleet_id), currency=row.currency,
        amount=debit.amount, charge=-row.amount - debit.amount, memo=reason,
    )  # fmt: skip
    await post(conn, tenant_id, entry)
    values = {
        "fleet_id": invoice.fleet_id, "kind": "returned", "currency": row.currency, "amount": -debit.amount,
        "bank_line": row.line_id, "debit_id": debit.debit_id, "at": now,
    }  # fmt: skip
    credit_id = await credits.insert_credit(conn, tenant_id, values)
    settled = await credits.settled_by_debit(conn, tenant_id, debit.debit_id)
    for invoice_id, amount in settled:
        back = {"invoice_id": invoice_id, "kind": "returned", "amount": -amount, "credit_id": credit_id, "at": now}
        await credits.insert_settlement(conn, tenant_id, back | {"memo": reason})
    if reason[:4] in MANDATE_GONE:
        await money.end_mandate(conn, tenant_id, invoice.fleet_id, reason, now)
    await hold_or_release(conn, tenant_id, invoice.fleet_id, now)


async def refused(conn: Connection, tenant_id: int, debit: DebitRow, reason: str, now: datetime) -> None:
    """The bank refuses a debit that is in the air: what it asked for is open again. Should the bank book it after all,
    it is paid all the same. The bank's lines are held."""
    invoice = await _invoice(conn, tenant_id, debit.invoice_id)
    await store.hold_fleet(conn, tenant_id, invoice.fleet_id)
    await come_to_nothing(conn, tenant_id, invoice, debit.debit_id, reason, now)


async def come_to_nothing(
    conn: Connection, tenant_id: int, invoice: Invoice, debit_id: int, reason: str, now: datetime
) -> None:
    """A debit that is in the air never moves anything; one by its mandate may not be drawn again, as its reason says.
    That of a file says nothing of a mandate, and begins with no code. What came meanwhile settles what it asked for.
    The fleet is held."""
    if not await money.set_returned(conn, tenant_id, debit_id, was="asked", at=now, reason=reason[:MAX_REASON]):
        return
    if reason[:4] in MANDATE_GONE:
        await money.end_mandate(conn, tenant_id, invoice.fleet_id, reason[:MAX_REASON], now)
    await spend(conn, tenant_id, invoice.fleet_id, invoice.currency, now)


async def _invoice(conn: Connection, tenant_id: int, invoice_id: int) -> Invoice:
    found = await store.find_invoice(conn, tenant_id, invoice_id)
    if found is None:
        raise InvoiceUnknown
    return found


def _booked(row: BankLineRow) -> datetime:
    return datetime.combine(row.booked_on, time(), UTC)


async def remind(conn: Connection, tenant_id: int, dunning: Dunning, invoice_id: int, now: datetime) -> int:
    """An overdue invoice comes to its level, with that one's fee; 0: there is no other than before."""
    await store.hold_fleet(conn, tenant_id, (await _invoice(conn, tenant_id, invoice_id)).fleet_id)
    invoice = await _invoice(conn, tenant_id, invoice_id)
    today = now.astimezone(ZoneInfo(invoice.said.zone)).date()
    read = await money.read_until(conn, tenant_id, now - STATEMENTS_LAPSE, today, STATEMENT_WAIT)
    level = level_due(dunning, await _owed_since(conn, tenant_id, invoice), today, read)
    if level <= invoice.level or invoice.asked or invoice.open_amount <= 0:
        return 0
    fee = dunning.levels[level - 1].fee
    if not await money.insert_reminder(conn, tenant_id, invoice.invoice_id, level, fee, now):
        return 0
    if fee:
        entry = entries.reminder_fee(
            invoice=invoice.invoice_id, level=level, at=now, fleet=str(invoice.fleet_id), currency=invoice.currency,
            amount=fee,
        )  # fmt: skip
        await post(conn, tenant_id, entry)
        values = {"invoice_id": invoice.invoice_id, "kind": "fee", "amount": -fee, "at": now, "memo": str(level)}
        await credits.insert_settlement(conn, tenant_id, values)
    await hold_or_release(conn, tenant_id, invoice.fleet_id, now)
    return level


async def _owed_since(conn: Connection, tenant_id: int, invoice: Invoice) -> date:
    """The day from which an invoice is overdue: that on which it was due, or on which its debit came to nothing, as
    nobody is to be reminded for weeks in which the money seemed to have come."""
    at = await money.came_back_at(conn, tenant_id, invoice.invoice_id)
    back = None if at is None else at.astimezone(ZoneInfo(invoice.said.zone)).date()
    return invoice.due_on if back is None else max(back, invoice.due_on)


async def hold_or_release(conn: Connection, tenant_id: int, fleet_id: int, now: datetime) -> None:
    """A fleet with an open invoice at the level that holds starts nothing; one without any starts again."""
    found = await store.find_seller(conn, tenant_id)
    if found is None:
        return
    holds_from = found[1].holds_from
    open_ = await store.list_invoices(
        conn, tenant_id, fleet_id=fleet_id, only_open=True, order="oldest", limit=MAX_OPEN
    )
    late = [each.number for each in open_ if holds_from and each.level >= holds_from]
    await money.hold_fleet(conn, tenant_id, fleet_id, ", ".join(late)[:300], now if late else None)


async def write_off(conn: Connection, actor: Actor, invoice_id: int, why: str, now: datetime) -> None:
    """Gives up what an invoice still asks for. VAT that was on it stays as it was declared. Raises InvoiceUnknown,
    NothingOpen."""
    tenant_id = actor.tenant_id
    await store.hold_fleet(conn, tenant_id, (await _invoice(conn, tenant_id, invoice_id)).fleet_id)
    invoice = await _invoice(conn, tenant_id, invoice_id)
    amount = invoice.open_amount
    if amount <= 0 or invoice.asked:
        raise NothingOpen(
            "This invoice is being drawn by a direct debit. Wait for what the bank says." if amount > 0 else None
        )
    entry = entries.fleet_write_off(
        invoice=invoice_id, settled=invoice.total + invoice.fees - amount, at=now, fleet=str(invoice.fleet_id),
        currency=invoice.currency, amount=amount, memo=why,
    )  # fmt: skip
    await post(conn, tenant_id, entry)
    values = {"invoice_id": invoice_id, "kind": "written_off", "amount": amount, "at": now, "memo": why}
    await credits.insert_settlement(conn, tenant_id, values)
    detail = {"amount": amount, "currency": invoice.currency, "why": why}
    await audit(conn, actor, "write off invoice", f"fleet-invoice:{invoice_id}", detail)
    await hold_or_release(conn, tenant_id, invoice.fleet_id, now)
