"""What the answer to a call makes of a payment, in the transaction that keeps it."""

from typing import Final

from msgspec import Struct

from forecourt.payments.intents import store
from forecourt.payments.intents.model import PAGE_LIFE, Call, CallKind, Method, State
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.intents.refunds import heed_refunds, refunded
from forecourt.payments.psp.words import Hold, HoldState, Refund
from forecourt.sessions.told import limits

GONE: Final = "The hold is gone."


class Answered(Struct, frozen=True, kw_only=True):
    """What came of a call: a hold or a refund as the provider tells it, or why there is none. With a refusal `hold` is
    how it stands there, as far as that is known.

    `refused`: nothing was done, and asking again would do nothing else. `gone`: the hold is no more. `confirm`: the
    bank wants its customer to confirm, who can do that on the provider's page.
    """

    hold: Hold | None = None
    refund: Refund | None = None
    declined: str | None = None
    refused: str | None = None
    gone: bool = False
    confirm: bool = False


async def settle(turn: Turn, call: Call, answered: Answered, why: str | None) -> None:
    """What an answer makes of the payment; why: it was not done."""
    match call.kind:
        case CallKind.HOLD:
            await _held(turn, call, answered, why)
        case CallKind.CAPTURE:
            await _captured(turn, call, answered.hold, why)
        case CallKind.CHARGE:
            await _charged(turn, call, answered.hold, why)
        case CallKind.CANCEL:
            await _cancelled(turn, answered.hold, why)
        case CallKind.INCREMENT:
            await _incremented(turn, call, answered.hold, why)
        case CallKind.REFUND if why is not None:
            await turn.step("refund_refused", amount=call.amount, detail=why, by=call.asked_by)
            if answered.hold is not None:
                await heed_refunds(turn, answered.hold)
        case CallKind.REFUND:
            await refunded(turn, call)


async def _held(turn: Turn, call: Call, answered: Answered, why: str | None) -> None:
    intent = turn.intent
    alone = intent.contract_key is not None or intent.hold_said.get("by_itself")
    there = intent.session_id is None and not alone
    if answered.hold is not None and intent.session_id is None and call.asked_at + PAGE_LIFE < turn.now:
        # Nobody waits for it any more: what is held goes back.
        await turn.change({"ends_as": State.ABANDONED})
    if turn.given_up and (why is not None or answered.hold is None):
        await turn.end(State.ABANDONED, why)
    elif answered.confirm and intent.method is Method.SAVED and there:
        # Who began it is at the page; who held a card to the station and left is not, nor who is asked by itself.
        await turn.lead_to_page(call)
    elif why is not None or answered.hold is None:
        await turn.failed(why)
    else:
        await turn.hold_answered(answered.hold)
    await charge_late(turn)


async def _captured(turn: Turn, call: Call, hold: Hold | None, why: str | None) -> None:
    if (why is not None or hold is None) and turn.intent.billed_amount is None:
        # It was to be taken ahead of the price; what the session comes to is charged without the hold then.
        await turn.end(State.EXPIRED, why or GONE)
        await charge_late(turn)
    elif why is not None or hold is None:
        await turn.hold_lost(call.amount, why or GONE)
    else:
        await turn.captured(hold)


async def _charged(turn: Turn, call: Call, hold: Hold | None, why: str | None) -> None:
    if why is not None or hold is None or hold.state is not HoldState.CAPTURED:
        await turn.owe(call.amount, why or (hold.reason if hold else None) or "The saved card was refused.")
    else:
        await turn.captured(hold)


async def _incremented(turn: Turn, call: Call, hold: Hold | None, why: str | None) -> None:
    if why is not None or hold is None:
        # Whether the session goes on as it does is looked at again at once.
        await turn.change({"may_increment": False, "watch_at": None})
        await turn.step("increment_refused", amount=call.amount, detail=why)
    else:
        await turn.change({"authorised_amount": hold.authorised, "capture_before": hold.capture_before})
        await turn.step("incremented", amount=hold.authorised)
        if turn.intent.session_id is not None:
            await turn.prices.limit(turn.conn, turn.intent.tenant_id, turn.intent.session_id, turn.intent.held)
        if turn.intent.token_uid is not None:
            await limits.raise_cost(turn.conn, turn.intent.tenant_id, turn.intent.token_uid, turn.intent.held)


async def _cancelled(turn: Turn, hold: Hold | None, why: str | None) -> None:
    """The hold was given back, or will run out by itself; or the money was taken before: on the page, or by hand."""
    if hold is not None and hold.state is HoldState.CAPTURED:
        await turn.taken_there(hold)
        return
    if why is not None:
        await turn.step("release_refused", detail=why)
    await turn.end(turn.intent.ends_as or State.RELEASED, turn.intent.reason)
    await charge_late(turn)


async def charge_late(turn: Turn) -> None:
    """A session that began although its hold was given back is charged all the same, or owed, once it is priced; one
    that was given away is posted. One that was refused, or stopped as nobody paid, and got nothing costs nothing."""
    intent = turn.intent
    late = intent.state in (State.RELEASED, State.EXPIRED, State.ABANDONED, State.FAILED)
    if not late or intent.session_id is None or intent.billed_amount is not None:
        return
    cost = await turn.prices.cost(turn.conn, intent.tenant_id, intent.session_id)
    if cost is None or not cost.final or cost.held:
        return
    if not cost.delivered and await _refused(turn):
        await turn.change({"billed_amount": 0})
        await turn.step("nothing_delivered")
    elif cost.amount or cost.given:
        await turn.charge(cost.amount)


async def _refused(turn: Turn) -> bool:
    """Whether the session may not have begun by what its station was told, or was stopped because nothing was ever
    held for it."""
    intent = turn.intent
    assert intent.session_id is not None, "what is charged late is a session"
    if not intent.authorised_amount and intent.stop_asked_at is not None:
        return True
    return await store.was_refused(turn.conn, intent.tenant_id, intent.session_id)
