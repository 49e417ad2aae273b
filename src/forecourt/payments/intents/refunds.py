"""What is given back of a payment, by us or by hand at the provider, and what of that came to nothing: each function in
the transaction that holds the payment."""

from typing import Final
from uuid import UUID

from forecourt.payments.debts import store as debts
from forecourt.payments.intents import books, events, store
from forecourt.payments.intents.charged_back import follow_wallet
from forecourt.payments.intents.late import Parts, parted
from forecourt.payments.intents.model import Call, CallKind, Intent, Purpose, State
from forecourt.payments.intents.outcomes import NOT_OWED, Turn
from forecourt.payments.intents.store import story
from forecourt.payments.ledger.entries import DRIVERS
from forecourt.payments.ledger.store import sum_on
from forecourt.payments.psp.words import Hold, Refund

BY_HAND: Final = "Given back by hand at the payment provider."
#: What the story of a session that was paid later says once something of that went back; its detail is the payment.
DEBT_REFUNDED: Final = "debt_refunded"
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
    parts, sold = await _parts(turn, call)
    if sold:
        await _late_back(turn, call, sold, parts.rest)
    else:
        await books.post_refunded(turn.conn, turn.prices, intent, call, done, turn.now)
    if intent.purpose is Purpose.TOP_UP and intent.payer is not None:
        await follow_wallet(turn.conn, intent.tenant_id, intent.payer, intent.currency, turn.now)
    back = intent.refunded_amount + call.amount
    whole = back == intent.captured_amount
    again = {"owed_amount": intent.owed_amount + parts.rest} if _owed_by(turn, call) else {}
    await turn.change({"refunded_amount": back, **again, **({"state": State.REFUNDED} if whole else {})})
    await turn.step("refunded", amount=call.amount, detail=call.said, by=call.asked_by)
    await turn.say(events.REFUNDED)


async def _parts(turn: Turn, call: Call) -> tuple[Parts, list[tuple[Intent, int]]]:
    """What of a refund is of sessions that its payment paid later, which are held, and what of it is not: what paid for
    a payment that the provider had taken back is owed again."""
    intent = turn.intent
    if not _owed_by(turn, call):
        return Parts(of_debts=(), rest=call.amount), []
    name = str(intent.intent_id)
    paid = await debts.list_paid_by(turn.conn, intent.tenant_id, name)
    back = await debts.list_refunded_by(turn.conn, intent.tenant_id, name)
    parts = parted(
        call.amount, before=intent.refunded_amount, captured=intent.captured_amount, paid=paid, back=back,
        debt=None if call.debt is None else str(call.debt),
    )  # fmt: skip
    sold, rest = [], parts.rest
    for other, amount in sorted(parts.of_debts):
        debt = await store.find_intent(turn.conn, intent.tenant_id, UUID(other), lock=True)
        assert debt is not None, "payments stay"
        if debt.purpose is Purpose.SESSION and debt.session_id is not None:
            sold.append((debt, amount))
        else:
            rest += amount
    return Parts(of_debts=parts.of_debts, rest=rest), sold


async def _late_back(turn: Turn, call: Call, sold: list[tuple[Intent, int]], rest: int) -> None:
    """What sessions were paid with later goes back, as a refund of each: its story tells, and whoever follows it
    hears. `rest`: what goes back beside it."""
    keys = await books.post_late_back(turn.conn, turn.prices, turn.intent, call, sold, rest, turn.now)
    for (debt, amount), key in zip(sold, keys, strict=True):
        of = Turn(turn.conn, turn.prices, debt, turn.now)
        await of.step(DEBT_REFUNDED, amount=amount, detail=str(turn.intent.intent_id), entry=key)
        await of.say(events.REFUNDED)


async def _late_again(turn: Turn, keys: list[str]) -> None:
    """What went back of sessions that were paid later is there again."""
    for key in keys:
        for intent_id, amount in await story.list_of_entry(turn.conn, turn.intent.tenant_id, DEBT_REFUNDED, key):
            debt = await store.find_intent(turn.conn, turn.intent.tenant_id, intent_id, lock=True)
            assert debt is not None, "payments stay"
            of = Turn(turn.conn, turn.prices, debt, turn.now)
            await of.step(DEBT_REFUNDED, amount=-amount, detail=str(turn.intent.intent_id))
            await of.say(events.REFUND_FAILED)


async def _came_back(turn: Turn, refund: Refund) -> None:
    """A refund that was done came to nothing afterwards: the provider has the money again."""
    call = next((each for each in await _calls(turn) if each.state == "done" and _is_of(refund, each)), None)
    if call is None:
        return
    intent = turn.intent
    await store.undo_call(turn.conn, intent.tenant_id, call.call_id, at=turn.now, reason=CAME_BACK)
    keys = await books.post_refund_back(turn.conn, intent, call, turn.now)
    owed = await sum_on(turn.conn, intent.tenant_id, keys, DRIVERS)
    less = {"owed_amount": max(intent.owed_amount - owed, 0)} if _owed_by(turn, call) else {}
    await _late_again(turn, keys)
    state = {"state": State.CAPTURED} if intent.state is State.REFUNDED else {}
    await turn.change({"refunded_amount": intent.refunded_amount - call.amount, **less, **state})
    await turn.step("refund_failed", amount=call.amount, detail=CAME_BACK)
    await turn.say(events.REFUND_FAILED)


def _is_of(refund: Refund, call: Call) -> bool:
    return refund.ours == call.call_id.hex or refund.reference == call.reference


def _owed_by(turn: Turn, call: Call) -> bool:
    """Whether what goes back had paid a debt, and not what was owed no more: it is of what was sold, or, where nobody
    can tell of what, owed again."""
    surplus = call.said == NOT_OWED and call.asked_by is None
    return turn.intent.purpose is Purpose.DEBT and not surplus


async def _calls(turn: Turn) -> list[Call]:
    """The refunds of a payment, the oldest first."""
    calls = await store.list_calls(turn.conn, turn.intent.tenant_id, turn.intent.intent_id)
    return [each for each in calls if each.kind is CallKind.REFUND]
