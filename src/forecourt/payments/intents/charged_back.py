"""What of a disputed top-up is in its wallet still: nobody spends it while the dispute stands, and once that is lost it
leaves the wallet. Each function in the caller's transaction.

Of all that is in a wallet what is disputed counts as spent last.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from forecourt.payments.disputes.store import DisputeRow, InWallet, list_in_wallet, set_in_wallet
from forecourt.payments.intents.model import Intent, Purpose
from forecourt.payments.intents.store import Connection
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store import balance_of
from forecourt.payments.providers import store as book
from forecourt.payments.providers.book import BookKind
from forecourt.payments.psp.words import Dispute, DisputeState


class Left(Struct, frozen=True):
    """What is left of a disputed top-up in its wallet, what leaves it now as the dispute is lost, and what was spent
    meanwhile, in minor units."""

    kept: int
    taken: int
    spent: int


async def keep_back(
    conn: Connection, intent: Intent, account_id: UUID, dispute: Dispute, known: DisputeRow | None, gone: int
) -> int:
    """Keeps from being spent what is in the wallet of a disputed top-up, once, and lets it go with a dispute that is
    won; how much that is, in minor units. `known`: the dispute as it was before; `gone`: what the provider took for
    it."""
    if intent.purpose is not Purpose.TOP_UP or intent.payer is None:
        return 0
    await book.hold_payer(conn, intent.payer)
    if dispute.status is DisputeState.WON or not gone:
        kept = 0
    elif known is not None and known.took_money:
        kept = min(known.in_wallet, gone)
    else:
        rows = await list_in_wallet(conn, intent.tenant_id, intent.payer, intent.currency)
        there = await _balance(conn, intent.tenant_id, intent.payer, intent.currency)
        kept = max(min(gone, there - sum(row.in_wallet for row in rows)), 0)
    await set_in_wallet(conn, intent.tenant_id, account_id, dispute.reference, intent.payer, kept)
    return kept


async def follow_wallet(conn: Connection, tenant_id: int, payer: str, currency: str, now: datetime) -> None:
    """Something left a wallet, is held there no more, or is disputed there for good: what disputes keep back of it is
    no more than there is, and what is lost of it leaves it as far as nothing else holds it."""
    if not await list_in_wallet(conn, tenant_id, payer, currency):
        return
    await book.hold_payer(conn, payer)
    rows = await list_in_wallet(conn, tenant_id, payer, currency)
    there = await _balance(conn, tenant_id, payer, currency)
    busy = await book.sum_held(conn, tenant_id, payer, BookKind.WALLET.value, currency)
    busy += await book.sum_going_back(conn, tenant_id, payer, currency)
    for row, left in zip(rows, left_of(rows, there, busy), strict=True):
        if left.kept == row.in_wallet:
            continue
        if row.lost:
            entry = entries.dispute_lost_in_wallet(
                dispute=entries.dispute_name(row.reference), intent=str(row.intent_id), at=now,
                driver=payer.partition(":")[2], currency=currency, before=row.in_wallet, taken=left.taken,
                spent=left.spent,
            )  # fmt: skip
            await post(conn, tenant_id, entry)
        await set_in_wallet(conn, tenant_id, row.account_id, row.reference, payer, left.kept)


def left_of(rows: Sequence[InWallet], there: int, busy: int) -> list[Left]:
    """What becomes of what each dispute keeps back, the latest first. `there`: what is in the wallet, of which `busy`
    is held by payments or on its way back to a card. Minor units. Pure."""
    kept, left = [], there
    for row in rows:
        kept.append(max(min(row.in_wallet, left), 0))
        left -= kept[-1]
    free = there - busy - sum(each for row, each in zip(rows, kept, strict=True) if not row.lost)
    found = []
    for row, each in zip(rows, kept, strict=True):
        taken = max(min(each, free), 0) if row.lost else 0
        free -= taken
        found.append(Left(each - taken, taken, row.in_wallet - each))
    return found


async def _balance(conn: Connection, tenant_id: int, payer: str, currency: str) -> int:
    """What is in a wallet, whoever holds it."""
    return -await balance_of(conn, tenant_id, entries.wallet(payer.partition(":")[2]), currency)
