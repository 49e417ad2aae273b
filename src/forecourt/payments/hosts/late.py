"""What of a session that was owed, and paid by other payments in the end, went back again: a refund by hand or a
dispute of those payments, or what paid that anew. Read from the ledger and the stories of payments; nothing is written
here."""

from typing import Final

from forecourt.payments.debts import store as debts
from forecourt.payments.hosts.store import Connection
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.entries import DRIVERS
from forecourt.payments.ledger.model import Kind

#: Payments of payments of debts that are looked behind.
MAX_DEPTH: Final = 8
REFUNDS: Final = (Kind.REFUND, Kind.REFUND_BACK)
#: What one payment may have of entries.
MAX_ENTRIES: Final = 200


async def debts_of(conn: Connection, tenant_id: int, payment: str, depth: int = MAX_DEPTH) -> set[str]:
    """Every payment that this one paid a debt of, and what those had paid where they were owed again."""
    found: set[str] = set()
    for debt, _ in await debts.list_paid_by(conn, tenant_id, payment):
        found.add(debt)
        if depth:
            found |= await debts_of(conn, tenant_id, debt, depth - 1)
    return found


async def unpaid_again(conn: Connection, tenant_id: int, debt: str, settled: str | None, depth: int = MAX_DEPTH) -> int:
    """What of what was paid of a debt is paid no more, in minor units.

    What a payment paid last goes back first. What was given back is paid again once whoever pays that is settled:
    `settled` is, though it isn't noted yet.
    """
    if not depth:
        return 0
    found = 0
    for payment, amount, ours in await debts.list_payers(conn, tenant_id, debt):
        if payment == debt or not (ours or payment == settled):
            # Taken of its own hold after all: what goes back of that is a refund of the session itself. And of what is
            # not ours yet nothing was given.
            continue
        back = await _back(conn, tenant_id, payment, settled, depth)
        refunded = await debts.list_refunded_by(conn, tenant_id, payment)
        found += min(refunded.get(debt, 0), amount)
        for other, part in reversed(await debts.list_paid_by(conn, tenant_id, payment)):
            here = min(back, part - refunded.get(other, 0))
            back -= here
            if other == debt:
                found += min(here, amount)
    return found


async def _back(conn: Connection, tenant_id: int, payment: str, settled: str | None, depth: int) -> int:
    """What of the debts that a payment paid went back with it and is owed again, or disputed, and was not paid anew."""
    entries = await ledger.list_entries(conn, tenant_id, intent=payment, order="oldest", limit=MAX_ENTRIES)
    legs = await ledger.list_postings(conn, tenant_id, [entry.entry_id for entry in entries])
    moved = dict.fromkeys((Kind.DEBT_PAID, Kind.REFUND, Kind.REFUND_BACK, Kind.DISPUTE_OPENED, Kind.DISPUTE_WON), 0)
    for entry in entries:
        if entry.kind in moved:
            of_it = [leg for leg in legs if leg.entry_id == entry.entry_id]
            # A refund of the session itself is none of it: that one knows what it is of.
            owes = [leg for leg in of_it if leg.account == DRIVERS] if entry.kind in REFUNDS else of_it
            moved[Kind(entry.kind)] += max(sum(max(sign * leg.amount, 0) for leg in owes) for sign in (1, -1))
    if not moved[Kind.DEBT_PAID]:
        # Money of it that was nobody's paid a debt: that goes back by no refund.
        return 0
    paid = sum(amount for _, amount in await debts.list_paid_by(conn, tenant_id, payment))
    # What it took beyond what was owed goes back first, and is nobody's share.
    gone = moved[Kind.REFUND] - moved[Kind.REFUND_BACK] + moved[Kind.DISPUTE_OPENED] - moved[Kind.DISPUTE_WON]
    gone = max(gone - max(moved[Kind.DEBT_PAID] - paid, 0), 0)
    anew = sum(
        amount for payer, amount, ours in await debts.list_payers(conn, tenant_id, payment) if ours or payer == settled
    )
    anew -= min(await unpaid_again(conn, tenant_id, payment, settled, depth - 1), anew)
    return min(max(gone - anew, 0), paid)
