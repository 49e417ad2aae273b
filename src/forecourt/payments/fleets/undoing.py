"""What is taken back of how fleets pay: a line of the bank was not that fleet's, or not those debits.

Nothing that was written is changed: what was posted is reversed by an entry against it, and what it settled is open
again by rows that are added.
"""

from datetime import datetime

from forecourt.payments.bank.model import BankLineRow
from forecourt.payments.fleets.collection import MAX_REASON, spend
from forecourt.payments.fleets.errors import DebitBackSince, PaidBackSince
from forecourt.payments.fleets.store import Connection, credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.credits import CreditRow, DrawnRow
from forecourt.payments.ledger.entries import fleet_paid_back, fleet_paid_key
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store import find_by_key, legs_of


async def undo(conn: Connection, tenant_id: int, row: BankLineRow, why: str, now: datetime) -> None:
    """What the bank booked was not that fleet's: what was posted of it is reversed, what it settled is open again, and
    what it was paid back is left over again. Raises PaidBackSince where a part of it was paid back by another line."""
    credit = await credits.find_credit_of(conn, tenant_id, row.line_id)
    if credit is not None:
        await store.hold_fleet(conn, tenant_id, credit.fleet_id)
        if row.amount > 0:
            await _take(conn, tenant_id, row, credit, row.amount, why, now)
        for credit_id, amount in await credits.paid_back_by(conn, tenant_id, row.line_id) if row.amount < 0 else ():
            again = {"kind": "paid", "amount": amount, "of_credit": credit_id}
            await credits.insert_credit(conn, tenant_id, _about(row, credit, now) | again)
    await _reverse(conn, tenant_id, fleet_paid_key(row.movement), why, now)
    if credit is not None:
        await spend(conn, tenant_id, credit.fleet_id, row.currency, now)


async def undo_debits(conn: Connection, tenant_id: int, row: BankLineRow, why: str, now: datetime) -> None:
    """What the bank booked was none of those direct debits: what was posted of each is reversed, what it settled is
    open again, and it is being drawn as before, or came to nothing as before. Raises PaidBackSince, and DebitBackSince
    where one of them came back, by another line: then nothing is changed."""
    drawn = await credits.drawn_by(conn, tenant_id, row.line_id)
    fleets = sorted({each.fleet_id for each in drawn})
    for fleet_id in fleets:
        await store.hold_fleet(conn, tenant_id, fleet_id)
    for each in drawn:
        await _as_before(conn, tenant_id, each, why, now)
        await _take(conn, tenant_id, row, each, each.amount, why, now)
        await _reverse(conn, tenant_id, fleet_paid_key(f"{row.movement}-{each.debit_id}"), why, now)
    for fleet_id in fleets:
        await spend(conn, tenant_id, fleet_id, row.currency, now)


async def _as_before(conn: Connection, tenant_id: int, drawn: DrawnRow, why: str, now: datetime) -> None:
    """A debit stands as before: it came to nothing, or is being drawn; where its invoice is drawn by another meanwhile,
    it came to nothing."""
    debit = await money.find_debit(conn, tenant_id, drawn.debit_id)
    assert debit is not None, "debits stay"
    if debit.state != "paid":
        raise DebitBackSince
    if debit.reason:
        await money.return_again(conn, tenant_id, debit.debit_id, now)
    elif await money.find_asked(conn, tenant_id, debit.invoice_id) is None:
        await money.ask_again(conn, tenant_id, debit.debit_id)
    else:
        await money.set_returned(conn, tenant_id, debit.debit_id, was="paid", at=now, reason=why[:MAX_REASON])


async def _take(
    conn: Connection, tenant_id: int, row: BankLineRow, credit: CreditRow, amount: int, why: str, now: datetime
) -> None:
    """So much that came never did: what it settled is open again. The fleet is held."""
    if await credits.paid_back_of(conn, tenant_id, credit.credit_id):
        raise PaidBackSince
    for invoice_id, settled in await credits.settled_by(conn, tenant_id, credit.credit_id):
        back = {"invoice_id": invoice_id, "kind": "returned", "amount": -settled, "memo": why[:MAX_REASON], "at": now}
        await credits.insert_settlement(conn, tenant_id, back | {"credit_id": credit.credit_id})
    taken = {"kind": "returned", "amount": -amount, "of_credit": credit.credit_id}
    await credits.insert_credit(conn, tenant_id, _about(row, credit, now) | taken)


async def _reverse(conn: Connection, tenant_id: int, key: str, why: str, now: datetime) -> None:
    posted = await find_by_key(conn, tenant_id, key)
    assert posted is not None, "what a line was matched with was posted"
    legs = await legs_of(conn, tenant_id, posted.entry_id)
    await post(conn, tenant_id, fleet_paid_back(key=key, at=now, legs=legs, memo=why[:MAX_REASON]))


def _about(row: BankLineRow, credit: CreditRow, now: datetime) -> dict[str, object]:
    return {"fleet_id": credit.fleet_id, "currency": row.currency, "bank_line": row.line_id, "at": now}
