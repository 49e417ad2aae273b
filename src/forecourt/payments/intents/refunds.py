"""What is given back of a payment, by us or by hand at the provider, and what of that came to nothing: each function in
the transaction that holds the payment."""

from typing import Final

from forecourt.payments.intents import books, events, store
from forecourt.payments.intents.charged_back import follow_wallet
from forecourt.payments.intents.model import Call, CallKind, Purpose, State
from forecourt.payments.intents.outcomes import NOT_OWED, Turn
from forecourt.payments.psp.words import Hold, Refund

BY_HAND: Final = "Given back by hand at the payment provider."
CAME_BACK: Final = "The refund came to nothing at the payment provider."


async def heed_refunds(turn: Turn, hold: Hold) -> None:
    """What the provider says was given back, and what of it came to nothing, is so here as well, each refund once."""
    for refund in hold.refunds:
        if not refund.given:
            await _came_back(turn, refund)
    await _given_there(turn, hold)


async def _given_there(turn: Turn, hold: Hold) -> None:
    """What was given back by hand at the provider. While a refund of ours is not answered yet, nothing is: it may be
    the one that is told of."""
    calls = await _calls(turn)
    if any(each.state == "open" for each in calls):
        return
    known = {each.call_id.hex for each in calls} | {each.reference for each in calls if each.reference is not None}
    for refund in hold.refunds:
        left = turn.intent.captured_amount - turn.intent.refunded_amount
        if not refund.given or not known.isdisjoint((refund.reference, refund.ours)) or refund.amount > left:
            continue
        call = await store.insert_call(
            turn.conn, turn.intent.tenant_id, turn.intent.intent_id, kind=CallKind.REFUND, amount=refund.amount,
            at=turn.now, said=BY_HAND,
        )  # fmt: skip
        await store.end_call(
            turn.conn, turn.intent.tenant_id, call.call_id, done=True, at=turn.now, reference=refund.reference
        )
        await refunded(turn, call)


async def refunded(turn: Turn, call: Call) -> None:
    """Money was given back."""
    intent = turn.intent
    done = [each.amount for each in await _calls(turn) if each.state == "done" and each.call_id != call.call_id]
    await books.post_refunded(turn.conn, turn.prices, intent, call, done, turn.now)
    if intent.purpose is Purpose.TOP_UP and intent.payer is not None:
        await follow_wallet(turn.conn, intent.tenant_id, intent.payer, intent.currency, turn.now)
    back = intent.refunded_amount + call.amount
    whole = back == intent.captured_amount
    again = {"owed_amount": intent.owed_amount + call.amount} if _owed_by(turn, call) else {}
    await turn.change({"refunded_amount": back, **again, **({"state": State.REFUNDED} if whole else {})})
    await turn.step("refunded", amount=call.amount, detail=call.said, by=call.asked_by)
    await turn.say(events.REFUNDED)


async def _came_back(turn: Turn, refund: Refund) -> None:
    """A refund that was done came to nothing afterwards: the provider has the money again."""
    call = next((each for each in await _calls(turn) if each.state == "done" and _is_of(refund, each)), None)
    if call is None:
        return
    intent = turn.intent
    await store.undo_call(turn.conn, intent.tenant_id, call.call_id, at=turn.now, reason=CAME_BACK)
    await books.post_refund_back(turn.conn, intent, call, turn.now)
    less = {"owed_amount": max(intent.owed_amount - call.amount, 0)} if _owed_by(turn, call) else {}
    state = {"state": State.CAPTURED} if intent.state is State.REFUNDED else {}
    await turn.change({"refunded_amount": intent.refunded_amount - call.amount, **less, **state})
    await turn.step("refund_failed", amount=call.amount, detail=CAME_BACK)
    await turn.say(events.REFUND_FAILED)


def _is_of(refund: Refund, call: Call) -> bool:
    return refund.ours == call.call_id.hex or refund.reference == call.reference


def _owed_by(turn: Turn, call: Call) -> bool:
    """Whether what goes back is owed again, of this payment: it paid a debt, and not what was owed no more."""
    surplus = call.said == NOT_OWED and call.asked_by is None
    return turn.intent.purpose is Purpose.DEBT and not surplus


async def _calls(turn: Turn) -> list[Call]:
    """The refunds of a payment, the oldest first."""
    calls = await store.list_calls(turn.conn, turn.intent.tenant_id, turn.intent.intent_id)
    return [each for each in calls if each.kind is CallKind.REFUND]
