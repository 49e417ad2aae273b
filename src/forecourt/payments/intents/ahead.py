"""Money that is taken of a hold which runs out before its session has a final price: what it came to by its last word,
and what is put right once the price is known. Each function in the transaction that holds the payment."""

from typing import Final

from forecourt.payments.intents import books, events, store
from forecourt.payments.intents.model import CallKind, Method, Purpose, State, left_to_refund
from forecourt.payments.intents.opening import open_payment
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.ledger import entries
from forecourt.payments.ledger import store as ledger

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
    """Once the session has its final price it is sold: what was taken above that goes back by itself, once no dispute
    stands, and what is missing is owed, up to what was held, and asked of the saved card. Whether it has."""
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
    if missing:
        await turn.step("owed", amount=missing, detail=MISSING)
        await turn.say(events.FAILED)
        await _ask_card(turn, missing)
    else:
        await give_back_over(turn)
    return True


async def give_back_over(turn: Turn) -> None:
    """What was taken ahead of the price, and is above it, goes back, unless a dispute stands or it went back, or was
    posted to where it belongs, before."""
    intent, name = turn.intent, str(turn.intent.intent_id)
    if intent.state is not State.CAPTURED or intent.billed_amount is None:
        return
    if await ledger.find_by_key(turn.conn, intent.tenant_id, entries.ahead_key(name)) is None:
        return
    calls = await store.list_calls(turn.conn, intent.tenant_id, intent.intent_id)
    posted = await ledger.sum_posted(turn.conn, intent.tenant_id, name)
    over = left_to_refund(intent, calls) - posted - intent.billed_amount
    if over > 0:
        await turn.open_call(CallKind.REFUND, over, said=OVER)
        await turn.step("refund_asked", amount=over, detail=OVER)


async def _ask_card(turn: Turn, missing: int) -> None:
    """Has what is missing taken of the card that paid, where that is saved: a payment of what its driver owes, as any
    other. Nobody is there to confirm it: declined, it stays owed, as it does where what was taken is disputed or went
    back whole."""
    intent = turn.intent
    if intent.saved is None or intent.payer is None or intent.state is not State.CAPTURED:
        return
    await store.hold_payer(turn.conn, intent.tenant_id, intent.payer)
    values = {
        "purpose": Purpose.DEBT.value, "method": Method.SAVED.value, "account_id": intent.account_id,
        "saved": intent.saved, "customer": intent.saved.customer, "payer": intent.payer, "email": intent.email,
        "currency": intent.currency, "hold_amount": missing,
        "hold_said": {"description": intent.hold_said.get("description"), "by_itself": True},
    }  # fmt: skip
    await open_payment(turn.conn, intent.tenant_id, values, intent.return_url, intent.language, turn.now)
