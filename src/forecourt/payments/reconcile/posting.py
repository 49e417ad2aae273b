"""What the books take of a movement that only the provider can tell, and whom it concerns."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from forecourt.payments.hosts.store import payouts
from forecourt.payments.hosts.store.lines import hosts_of_shares
from forecourt.payments.intents.events import DUE
from forecourt.payments.intents.store import find_intent
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.model import Entry
from forecourt.payments.reconcile.model import DISPUTES, DISPUTES_WON, FEES, PAYOUTS, TRANSFERS, Difference, Differs
from forecourt.payments.reconcile.store import Connection
from forecourt.payments.reconcile.store.comparing import MovementRow
from forecourt.platform import outbox

#: Differences of movements that the journal has not, or not so.
UNBOOKED: Final = frozenset({Differs.UNKNOWN, Differs.DOUBLED, Differs.WRONG_AMOUNT})


def followed(row: MovementRow) -> str | None:
    """The payment whose share goes with a movement, if one does."""
    return row.intent if row.kind in DISPUTES | DISPUTES_WON else None


async def hosts_moved(conn: Connection, tenant_id: int, rows: list[MovementRow], intents: Collection[str]) -> list[int]:
    """The hosts of whom something may go back with movements: with a transfer, or with these payments."""
    sent = [row.source for row in rows if row.kind in TRANSFERS and row.source is not None]
    of_shares = await hosts_of_shares(conn, tenant_id, intents)
    return [*of_shares, *await payouts.hosts_of(conn, tenant_id, [], sent)]


async def is_ours(conn: Connection, tenant_id: int, intent: str) -> bool:
    """Whether what a movement names is a payment of ours."""
    try:
        return await find_intent(conn, tenant_id, UUID(intent)) is not None
    except ValueError:
        return False


def told_by(account: str, row: MovementRow) -> list[Entry]:
    """The entries of what only the provider can tell of a movement: its fee, a payout to our bank, a dispute."""
    about = {"at": row.at, "account": account, "currency": row.currency}
    said: list[Entry] = []
    if row.kind in PAYOUTS:
        said.append(entries.settlement(movement=row.reference, amount=-row.amount, **about))  # type: ignore[arg-type]
    elif row.kind in FEES:
        said.append(entries.fee(movement=row.reference, amount=row.fee - row.amount, **about))  # type: ignore[arg-type]
    elif row.kind in DISPUTES | DISPUTES_WON:
        of = row.source or row.hold or row.reference
        return entries.of_dispute(
            movement=row.reference,
            dispute=of,
            intent=row.intent or "",
            amount=row.amount,
            kept=row.fee,
            **about,  # type: ignore[arg-type]
        )
    if row.fee and row.kind not in FEES:
        said.append(
            entries.fee(movement=row.reference, amount=row.fee, intent=row.intent, **about)  # type: ignore[arg-type]
        )
    return said


async def have_read(conn: Connection, tenant_id: int, found: Sequence[Difference]) -> None:
    """Payments of ours at which the provider moved what the journal lacks, as somebody does there by hand, are looked
    at, should their webhooks be lost."""
    for intent in sorted({each.intent for each in found if each.intent is not None and each.kind in UNBOOKED}):
        if await is_ours(conn, tenant_id, intent):
            await outbox.write(conn, tenant_id, DUE, intent)


def unposted(row: MovementRow) -> Difference:
    """A movement that the journal could not take yet."""
    return Difference(
        kind=Differs.UNPOSTED, about=row.reference, at=row.at, reference=row.reference, intent=row.intent,
        said=row.amount, said_currency=row.currency,
    )  # fmt: skip
