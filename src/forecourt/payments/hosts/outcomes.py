"""What came of payouts: posted with the documents of what they pay, paid by hand, given up, taken back, bounced."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.payments.hosts import documents
from forecourt.payments.hosts.entries import payout, payout_bounced, payout_taken_back
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.model import PayoutDayRefused, PayoutStands, PayoutUnderWay, PayoutUnknown
from forecourt.payments.hosts.store import Connection
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import About
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.ledger.entries import psp

#: After this nothing that was asked of a provider is still on its way there: keys are forgotten by then.
GIVEN_UP_AFTER: Final = timedelta(days=1)
#: Why a payout came back that nobody sent back.
TAKEN_BACK: Final = "The payment provider took the transfer back."


async def book_payout(
    conn: Connection, tenant_id: int, host: HostRow, row: PayoutRow, now: datetime, memo: str = ""
) -> None:
    """Posts a payout and issues the documents of what it pays. The host is held. `memo`: what the statement says of
    it."""
    entry = payout(
        payout=str(row.payout_id), host=host.host_id, at=now, currency=row.currency, amount=row.amount,
        source=row.source, memo=memo,
    )  # fmt: skip
    await book(conn, tenant_id, host.host_id, entry, About(payout_id=row.payout_id, memo=memo))
    await documents.issue(conn, tenant_id, host, row.currency, row.up_to_line, row.payout_id, now)


async def paid_by_hand(
    conn: Connection, tenant_id: int, payout_id: int, on: date, reference: str, now: datetime
) -> PayoutRow:
    """Somebody paid a payout by hand: it is posted, and what it pays is billed. `on`: the day on which the money went,
    from the day on which it was listed to today, where the organisation is. Said again with the same day and reference
    it changes nothing.

    Raises PayoutUnknown, PayoutStands, PayoutDayRefused.
    """
    row = await _held(conn, tenant_id, payout_id)
    if row is None:
        raise PayoutUnknown
    if (row.way, row.state, row.execution_on, row.reference) == ("hand", "paid", on, reference):
        return row
    if row.way != "hand" or row.state != "asked":
        raise PayoutStands("This payout doesn't wait to be paid by hand.")
    await _check_day(conn, tenant_id, row, on, now)
    await post_by_hand(conn, tenant_id, row, on, reference, now)
    found = await kept.find_payout(conn, tenant_id, payout_id)
    assert found is not None
    return found


async def post_by_hand(
    conn: Connection, tenant_id: int, row: PayoutRow, on: date, reference: str, now: datetime
) -> None:
    """A payout that waited was paid by hand, as somebody or the bank's statement says. It and its host are held."""
    host = await store.find_host(conn, tenant_id, row.host_id)
    assert host is not None
    if await kept.end_payout(
        conn, tenant_id, row.payout_id, was="asked", state="paid", at=now, reference=reference, execution_on=on
    ):
        await book_payout(conn, tenant_id, host, row, now, memo=reference)


async def booked(
    conn: Connection, tenant_id: int, payout_id: int, on: date, by: str, now: datetime
) -> tuple[PayoutRow, bool]:
    """Somebody says that the bank booked a payout of a file, where no statement tells: nothing moves by that, and a
    statement may still tell. `on`: the day on which it did, from the day on which the file was made to today, where
    the organisation is. Said again with the same day it changes nothing: whether it is new.

    Raises PayoutUnknown, PayoutStands, PayoutDayRefused.
    """
    row = await _held(conn, tenant_id, payout_id)
    if row is None:
        raise PayoutUnknown
    if (row.state, row.booked_on, row.said_booked_on) == ("paid", None, on):
        return row, False
    if row.stands != "sent":
        raise PayoutStands("This payout doesn't wait in a file for the bank: it is known what came of it.")
    await _check_day(conn, tenant_id, row, on, now)
    await kept.say_booked(conn, tenant_id, payout_id, on=on, by=by, at=now)
    found = await kept.find_payout(conn, tenant_id, payout_id)
    assert found is not None
    return found, True


async def not_booked(conn: Connection, tenant_id: int, payout_id: int) -> tuple[PayoutRow, date]:
    """Nobody says any more that the bank booked a payout: it waits in its file again; and the day that was said.
    Raises PayoutUnknown, PayoutStands."""
    row = await _held(conn, tenant_id, payout_id)
    if row is None:
        raise PayoutUnknown
    if row.said_booked_on is None or not await kept.unsay_booked(conn, tenant_id, payout_id):
        raise PayoutStands("Nobody said by hand that the bank booked this payout, or more came of it since.")
    found = await kept.find_payout(conn, tenant_id, payout_id)
    assert found is not None
    return found, row.said_booked_on


async def _check_day(conn: Connection, tenant_id: int, row: PayoutRow, on: date, now: datetime) -> None:
    """Raises PayoutDayRefused for a day on which the money can't have gone."""
    zone = ZoneInfo(await store.time_zone(conn, tenant_id))
    if not row.made_at.astimezone(zone).date() <= on <= now.astimezone(zone).date():
        raise PayoutDayRefused


async def _held(conn: Connection, tenant_id: int, payout_id: int) -> PayoutRow | None:
    """A payout, held, and before it its host, as everybody does who holds both."""
    row = await kept.find_payout(conn, tenant_id, payout_id)
    if row is None:
        return None
    await store.find_host(conn, tenant_id, row.host_id, lock=True)
    return await kept.find_payout(conn, tenant_id, payout_id, lock=True)


async def give_up(
    conn: Connection, tenant_id: int, payout_id: int, reason: str, now: datetime, accounts: Collection[str]
) -> PayoutRow:
    """A payout of which nobody will ever tell what came of it, as its account is gone, is over: it never went, so the
    host is still owed it. `accounts`: those of the organisation that can still be asked. One by hand that could not be
    made is over at once, and the host is listed no more until somebody looked why.

    Raises PayoutUnknown, PayoutStands, PayoutUnderWay.
    """
    row = await _held(conn, tenant_id, payout_id)
    if row is None:
        raise PayoutUnknown
    if row.state != "asked":
        raise PayoutStands("This payout can't be given up: it is known what came of it.")
    if row.way == "hand":
        await store.update_host(conn, tenant_id, row.host_id, {"held_at": now, "held_reason": reason})
    elif row.source.removeprefix(psp("")) in accounts or now - row.made_at < GIVEN_UP_AFTER:
        raise PayoutUnderWay
    await kept.end_payout(conn, tenant_id, payout_id, was="asked", state="refused", at=now, reason=reason)
    found = await kept.find_payout(conn, tenant_id, payout_id)
    assert found is not None
    return found


async def take_back(
    conn: Connection, tenant_id: int, transfer: str, amount: int, movement: str, now: datetime
) -> PayoutRow | None:
    """The provider took a transfer back, or a part of it: the host is owed so much again, and paid no more until
    somebody looked why. Once for each movement. None where it is none of ours, or more than is left of it."""
    found = await kept.find_by_reference(conn, tenant_id, transfer)
    row = None if found is None else await _held(conn, tenant_id, found.payout_id)
    if row is None or amount > row.amount - row.taken_back:
        return None
    entry = payout_taken_back(
        payout=str(row.payout_id), movement=movement, host=row.host_id, at=now, currency=row.currency, amount=amount,
        source=row.source, memo=TAKEN_BACK,
    )  # fmt: skip
    if not await book(conn, tenant_id, row.host_id, entry, About(payout_id=row.payout_id, memo=TAKEN_BACK)):
        return row
    await kept.add_taken_back(conn, tenant_id, row.payout_id, amount, TAKEN_BACK, now)
    await store.update_host(conn, tenant_id, row.host_id, {"held_at": now, "held_reason": TAKEN_BACK})
    return await kept.find_payout(conn, tenant_id, row.payout_id)


async def refused_by_bank(conn: Connection, tenant_id: int, payout_id: int, reason: str, now: datetime) -> None:
    """The bank said that it does not carry out a payout that it was asked for by a file, before it booked it: as one
    that came back, but that no statement is to tell of. Raises PayoutUnknown, PayoutStands."""
    await bounce(conn, tenant_id, payout_id, reason[:300], now)
    await kept.set_refused(conn, tenant_id, payout_id, now)


async def bounce(conn: Connection, tenant_id: int, payout_id: int, reason: str, now: datetime) -> PayoutRow:
    """A payout came back: the host is owed it again, and paid no more until somebody corrected the bank account.

    Raises PayoutUnknown, PayoutStands.
    """
    row = await _held(conn, tenant_id, payout_id)
    if row is None:
        raise PayoutUnknown
    if not await kept.end_payout(conn, tenant_id, payout_id, was="paid", state="bounced", at=now, reason=reason):
        raise PayoutStands
    # A part of it may have come back at the provider before.
    left = row.amount - row.taken_back
    await kept.add_taken_back(conn, tenant_id, payout_id, left, reason, now)
    entry = payout_bounced(
        payout=str(payout_id), host=row.host_id, at=now, currency=row.currency, amount=left, source=row.source,
        memo=reason,
    )  # fmt: skip
    await book(conn, tenant_id, row.host_id, entry, About(payout_id=payout_id, memo=reason))
    await store.update_host(conn, tenant_id, row.host_id, {"held_at": now, "held_reason": reason})
    found = await kept.find_payout(conn, tenant_id, payout_id)
    assert found is not None
    return found
