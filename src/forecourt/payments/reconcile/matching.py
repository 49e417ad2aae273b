"""What a line of a bank's statement is: a payout, a file of them, a settlement, a fleet's money; or how it differs."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from forecourt.payments.bank.model import BankLineRow
from forecourt.payments.fleets import collection
from forecourt.payments.hosts.outcomes import bounce, post_by_hand
from forecourt.payments.hosts.sepa import MAX_TRANSFERS, payout_of, reference_of
from forecourt.payments.hosts.store import payouts
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.reconcile.model import Difference, Differs, PayoutBackSince
from forecourt.payments.reconcile.store import Connection, bank

#: Between the provider's word and the bank's line.
BANK_DAYS: Final = timedelta(days=5)
#: States of payouts whose money went.
WENT: Final = ("paid", "bounced")


async def match(conn: Connection, tenant_id: int, row: BankLineRow, now: datetime) -> None:
    """Says what a line is, if that can be told for certain."""
    number = payout_of(row.end_to_end or "")
    payout = None if number is None else await payouts.find_payout(conn, tenant_id, number)
    if payout is not None and _is_of(row, payout):
        await _match_payout(conn, tenant_id, row, payout, now)
        return
    if row.amount < 0 and number is None:
        by_hand = await payouts.find_by_hand(
            conn, tenant_id, amount=-row.amount, currency=row.currency, said=f"{row.end_to_end or ''} {row.text}",
            first=row.booked_on - BANK_DAYS, last=row.booked_on + BANK_DAYS,
        )  # fmt: skip
        if by_hand is not None and await payouts.set_booked(conn, tenant_id, by_hand, row.booked_on, row.line_id):
            await bank.match_line(conn, tenant_id, row.line_id, "payout", str(by_hand))
            return
        file_id = await bank.find_file_of(conn, tenant_id, -row.amount, row.currency, row.text, row.booked_on)
        if file_id is not None:
            made = await payouts.list_payouts(conn, tenant_id, file_id=file_id, limit=MAX_TRANSFERS)
            whole = sum(each.amount for each in made) == -row.amount
            for each in made:
                if each.refused_at is None or whole:
                    await payouts.set_booked(conn, tenant_id, each.payout_id, row.booked_on, row.line_id)
            await bank.match_line(conn, tenant_id, row.line_id, "payout_file", str(file_id))
            return
    said = await collection.match(conn, tenant_id, row, now)
    if said is not None:
        await bank.match_line(conn, tenant_id, row.line_id, *said)
        return
    key = await bank.find_settlement(
        conn, tenant_id, row.amount, row.currency, row.booked_on - BANK_DAYS, row.booked_on + BANK_DAYS
    )
    if key is not None:
        await bank.match_line(conn, tenant_id, row.line_id, "settlement", key)


async def _match_payout(conn: Connection, tenant_id: int, row: BankLineRow, payout: PayoutRow, now: datetime) -> None:
    """A payout goes once, and comes back once; of one that went twice the first that comes back is the second.
    A line that says more than that stays without a match, and is a difference."""
    about = str(payout.payout_id)
    if row.amount < 0:
        if payout.state == "asked":
            # Whoever paid by hand wrote our reference on it, and has not said so yet.
            reference = row.end_to_end or reference_of(payout.payout_id)
            await post_by_hand(conn, tenant_id, payout, row.booked_on, reference, now)
        # One that the bank refused is owed again: should it book it all the same, the host is paid twice.
        if payout.refused_at is None and await payouts.set_booked(
            conn, tenant_id, payout.payout_id, row.booked_on, row.line_id
        ):
            await bank.match_line(conn, tenant_id, row.line_id, "payout", about)
        return
    second = await bank.find_second(conn, tenant_id, row)
    if second is not None:
        await bank.match_line(conn, tenant_id, second, "return", about)
    elif payout.state == "paid":
        reason = row.return_reason or row.text or "the bank sent it back"
        await bounce(conn, tenant_id, payout.payout_id, reason[:300], now)
    elif await bank.came_back(conn, tenant_id, about):
        return
    await bank.match_line(conn, tenant_id, row.line_id, "return", about)


async def unbook(conn: Connection, tenant_id: int, row: BankLineRow) -> None:
    """What a line booked of payouts it did not. Raises PayoutBackSince where one of them came back, by another line."""
    assert row.matched_by is not None, "it was matched"
    assert row.matched is not None, "it was matched with something"
    booked = await payouts.booked_by(
        conn, tenant_id, row.line_id, matched_by=row.matched_by, matched=row.matched, on=row.booked_on
    )
    if await bank.came_back(conn, tenant_id, *map(str, booked)):
        raise PayoutBackSince
    await payouts.unset_booked(conn, tenant_id, booked)


async def of_line(conn: Connection, tenant_id: int, row: BankLineRow) -> Difference:
    """How a line that belongs to nothing differs from what it names, if it names something."""
    number = payout_of(row.end_to_end or "")
    payout = None if number is None else await payouts.find_payout(conn, tenant_id, number)
    kind, booked = Differs.BANK_UNKNOWN, None
    if row.undone:
        # Whatever it names: somebody said that it is not that.
        pass
    elif payout is not None and payout.state in WENT:
        again = _is_of(row, payout)
        kind, booked = (Differs.BANK_TWICE, row.amount) if again else (Differs.BANK_AMOUNT, -payout.amount)
    elif row.amount < 0 and await bank.names_file(conn, tenant_id, -row.amount, row.currency, row.text):
        kind, booked = Differs.BANK_TWICE, row.amount
    return Difference(
        kind=kind, about=about_of_line(row), at=datetime.combine(row.booked_on, time(), UTC), reference=row.reference,
        said=row.amount, said_currency=row.currency, booked=booked,
        booked_currency=None if booked is None else row.currency,
    )  # fmt: skip


def about_of_line(row: BankLineRow) -> str:
    """How differences name a line of the bank."""
    return f"bank:{row.reference}" if row.name is None else f"bank:{row.line_id}"


def _is_of(row: BankLineRow, payout: PayoutRow) -> bool:
    """Whether a line of the bank that names a payout is of its amount, there or back."""
    goes = payout.way == "hand" and payout.state == "asked" and row.amount < 0
    if not goes and (payout.way == "connect" or payout.state not in WENT):
        return False
    return (abs(row.amount), row.currency) == (payout.amount, payout.currency)
