"""Money that is taken of a hold which runs out before its session has a final price: what it came to by its last word,
and what is put right once the price is known. Each function in the transaction that holds the payment."""

from typing import Final

from forecourt.payments.intents import books, events, store
from forecourt.payments.intents.model import CallKind, State, left_to_refund
from forecourt.payments.intents.outcomes import Turn

OVER: Final = "The session came to less than was taken before it was over."
MISSING: Final = "The session came to more than was taken before it was over."


async def take_ahead(turn: Turn) -> bool:
    """Takes what the session came to by its last word, which time alone adds nothing to: nobody knows whether it still
    runs. Whether there was something to take; of nothing, the hold runs out."""
    intent = turn.intent
    assert intent.session_id is not None, "what is taken ahead is of a session"
    cost = await turn.prices.cost(turn.conn, intent.tenant_id, intent.session_id, heard=True)
    amount = 0 if cost is None else min(cost.amount, intent.authorised_amount)
    if not amount:
        return False
    await turn.change({"state": State.CAPTURING})
    await turn.step("capturing", amount=amount)
    await turn.open_call(CallKind.CAPTURE, amount)
    return True


async def settle_ahead(turn: Turn) -> bool:
    """Once the session has its final price it is sold: what was taken above that goes back by itself, and what is
    missing is owed, up to what was held. Whether it has."""
    intent = turn.intent
    assert intent.session_id is not None, "what was taken ahead is of a session"
    cost = await turn.prices.cost(turn.conn, intent.tenant_id, intent.session_id)
    if cost is None or not cost.final or cost.held:
        return False
    calls = await store.list_calls(turn.conn, intent.tenant_id, intent.intent_id)
    before = [each.amount for each in calls if each.kind is CallKind.REFUND and each.state == "done"]
    await turn.prices.seal(turn.conn, intent.tenant_id, intent.session_id)
    await books.post_sold_ahead(turn.conn, turn.prices, intent, before, turn.now)
    missing = max(cost.amount - intent.captured_amount, 0)
    await turn.change({"billed_amount": cost.amount, "owed_amount": missing})
    await turn.step("captured", amount=min(cost.amount, intent.captured_amount))
    await turn.say(events.CAPTURED)
    over = left_to_refund(intent, calls) - cost.amount
    if missing:
        await turn.step("owed", amount=missing, detail=MISSING)
        await turn.say(events.FAILED)
    elif over > 0 and intent.state is State.CAPTURED:
        await turn.open_call(CallKind.REFUND, over, said=OVER)
        await turn.step("refund_asked", amount=over, detail=OVER)
    return True
