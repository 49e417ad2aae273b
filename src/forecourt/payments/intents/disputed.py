"""Keeps how disputes stand and posts them, in the transaction that holds their payment.

What a provider took and gave back is posted by its own movements, under the keys under which a night posts them as
well: whichever comes first. That a dispute is lost is no movement; it is posted once its status says so.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from forecourt.payments.accounts.store import find_account
from forecourt.payments.disputes.store import DisputeRow, list_disputes, put_dispute
from forecourt.payments.intents import events
from forecourt.payments.intents.ahead import give_back_over
from forecourt.payments.intents.charged_back import follow_wallet, keep_back
from forecourt.payments.intents.model import State
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.model import Entry
from forecourt.payments.ledger.service import post
from forecourt.payments.psp.words import DECIDED, Dispute, DisputeState

#: How each end is told of in a payment's story.
STEPS: Final = {DisputeState.WON: "dispute_won", DisputeState.LOST: "dispute_lost"}


async def heed_disputes(turn: Turn, told: Sequence[Dispute]) -> None:
    """Keeps how the disputes of a payment stand, posts what is new of them, and tells others. What was decided stays
    so."""
    intent = turn.intent
    before = {row.reference: row for row in await list_disputes(turn.conn, intent.tenant_id, intent.intent_id)}
    for dispute in told:
        known = before.get(dispute.reference)
        if known is not None and not known.open:
            continue
        await _keep(turn, dispute, known)
        decided = dispute.status in DECIDED
        if known is None:
            await turn.step("disputed", amount=dispute.amount, detail=dispute.reason)
        if decided:
            await turn.step(STEPS[dispute.status], amount=dispute.amount)
        if known is None or decided:
            await turn.say(events.DISPUTED)
    await _follow(turn)


async def _keep(turn: Turn, dispute: Dispute, known: DisputeRow | None) -> None:
    intent = turn.intent
    assert intent.account_id is not None, "only what a provider took is disputed"
    decided_at = turn.now if dispute.status in DECIDED else None
    await put_dispute(turn.conn, intent.tenant_id, intent.account_id, intent.intent_id, dispute, decided_at)
    row = await find_account(turn.conn, intent.tenant_id, intent.account_id)
    assert row is not None, "accounts stay"
    gone = max(-sum(each.amount for each in dispute.movements), 0)
    kept = await keep_back(turn.conn, intent, intent.account_id, dispute, known, gone)
    for entry in _entries(dispute, row.name, turn, gone - kept):
        await post(turn.conn, intent.tenant_id, replace(entry, session_id=intent.session_id))
    if kept and dispute.status is DisputeState.LOST:
        assert intent.payer is not None, "somebody's wallet"
        await follow_wallet(turn.conn, intent.tenant_id, intent.payer, intent.currency, turn.now)


def _entries(dispute: Dispute, account: str, turn: Turn, lost: int) -> Iterator[Entry]:
    """What was taken with its fee, what came back, and what is lost, if it is."""
    intent = str(turn.intent.intent_id)
    for each in dispute.movements:
        yield from entries.of_dispute(
            movement=each.reference, dispute=dispute.reference, intent=intent, at=each.at, account=account,
            currency=each.currency, amount=each.amount, kept=each.fee,
        )  # fmt: skip
    if dispute.status is DisputeState.LOST and lost > 0:
        yield entries.dispute_lost(
            dispute=entries.dispute_name(dispute.reference), intent=intent, at=turn.now, amount=lost,
            currency=dispute.movements[0].currency,
        )  # fmt: skip


async def _follow(turn: Turn) -> None:
    """A payment is disputed while a dispute of it stands, and for good once one is lost."""
    intent = turn.intent
    rows = await list_disputes(turn.conn, intent.tenant_id, intent.intent_id)
    stands = any(row.status is not DisputeState.WON for row in rows)
    if stands and intent.state is not State.DISPUTED:
        await turn.change({"state": State.DISPUTED})
    elif rows and not stands and intent.state is State.DISPUTED:
        whole = intent.refunded_amount == intent.captured_amount
        await turn.change({"state": State.REFUNDED if whole else State.CAPTURED})
        await give_back_over(turn)
