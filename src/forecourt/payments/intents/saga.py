"""Carries a payment on from where its rows say it is: makes the call that is written down, keeps what came of it, and
decides what is next.

Whoever is killed in between leaves a row behind, and whoever comes next takes it up: with the same key, so that nothing
is done twice, or by reading what the provider knows. Two who carry on the same payment at once do no harm: the key is
the same, and the first answer that is kept counts.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from forecourt.payments.accounts.service import Providers
from forecourt.payments.declines import READER_LEFT, Decline
from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.intents import store
from forecourt.payments.intents.ahead import settle_ahead, take_ahead
from forecourt.payments.intents.answering import Answering
from forecourt.payments.intents.asking import asked_of, back_of, given_up, seen, start_hold
from forecourt.payments.intents.disputed import heed_disputes
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.model import (
    ABANDONED_AFTER,
    CAPTURE_AHEAD,
    DISPUTE_EVERY,
    FINAL,
    LOOK_EVERY,
    MAX_REFUSALS,
    READ_EVERY,
    READER_LOOK,
    READER_WAIT,
    START_WITHIN,
    TAKEN,
    Call,
    CallKind,
    Intent,
    Method,
    Purpose,
    State,
    goes_on,
    is_gone,
    read_after,
    retry_after,
    settled_by,
)
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.refunds import heed_refunds
from forecourt.payments.intents.settling import Answered, charge_late, settle
from forecourt.payments.intents.store.story import heed_hooks
from forecourt.payments.psp import Psp
from forecourt.payments.psp.errors import Declined, OutcomeOpen, ProviderAway, ProviderRefused
from forecourt.payments.psp.words import Hold, HoldState
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Calls and looks of one turn; what is left goes on at the next.
MAX_ROUNDS: Final = 8
NEVER_PAID: Final = "Nobody paid in time."
HOLD_GONE: Final = "The hold ran out, or was given back at the payment provider."
NO_SESSION: Final = "No session began in time, so the hold is given back."


class Saga:
    """Owns the way of payments through providers. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, providers: Providers, clock: Clock, prices: Prices) -> None:
        self._tenants = tenants
        self._providers = providers
        self._clock = clock
        self._prices = prices
        #: Which accounts answer.
        self.answering = Answering()

    @asynccontextmanager
    async def turn(self, tenant_id: int, intent_id: UUID) -> AsyncIterator[Turn]:
        """One transaction that holds a payment. Raises PaymentUnknown."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_intent(conn, tenant_id, intent_id, lock=True)
            if intent is None:
                raise PaymentUnknown
            yield Turn(conn, self._prices, intent, self._clock.now())

    async def drive(self, tenant_id: int, intent_id: UUID) -> Intent:
        """Carries a payment on as far as it goes now; how it stands then. Raises PaymentUnknown."""
        for _ in range(MAX_ROUNDS):
            if not await self._go_on(tenant_id, intent_id):
                break
        async with self.turn(tenant_id, intent_id) as turn:
            calls = await store.list_calls(turn.conn, tenant_id, intent_id)
            at = next_look(turn.intent, calls, turn.now)
            if at is None and turn.intent.state is State.DISPUTED:
                rows = await list_disputes(turn.conn, tenant_id, intent_id)
                at = turn.now + DISPUTE_EVERY if any(row.open for row in rows) else None
            await turn.change({"next_at": at})
            return turn.intent

    async def heed(self, tenant_id: int, intent_id: UUID) -> Intent:
        """A provider hinted that something changed: what it is, the provider is asked."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_intent(conn, tenant_id, intent_id)
        if intent is None:
            raise PaymentUnknown
        at = self._clock.now()
        await self.read(intent)
        async with self._tenants.tenant(tenant_id) as conn:
            await heed_hooks(conn, tenant_id, intent_id, at)
            await store.hasten_calls(conn, tenant_id, intent_id, at)
        return await self.drive(tenant_id, intent_id)

    async def _go_on(self, tenant_id: int, intent_id: UUID) -> bool:
        """One call, one look or one decision; whether there may be more to do."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_intent(conn, tenant_id, intent_id)
            calls = await store.list_calls(conn, tenant_id, intent_id)
        if intent is None:
            raise PaymentUnknown
        due = next((each for each in calls if each.state == "open" and each.next_at <= now), None)
        if due is not None:
            return await self._carry_out(intent, due)
        if any(each.state == "open" for each in calls):
            return False
        if intent.is_ahead and await self._decide(intent):
            return True
        reads = intent.read_next_at is None or intent.read_next_at <= now
        if intent.state is State.HOLD_REQUESTED:
            return reads and await self._look(intent)
        if intent.state is State.DISPUTED and (intent.read_at is None or intent.read_at + DISPUTE_EVERY <= now):
            if reads:
                await self._look(intent)
            return False
        if intent.state is State.AUTHORISED:
            if reads and (intent.read_at is None or intent.read_at + READ_EVERY <= now):
                await self._look(intent)
            return await self._decide(intent)
        return False

    async def _psp_of(self, intent: Intent) -> Psp:
        """Whoever moves the money of a payment. Raises AccountMissing, SealBroken."""
        return await self._providers.of_payment(intent.tenant_id, intent.method.value, intent.account_id)

    # Calls.

    async def _carry_out(self, intent: Intent, call: Call) -> bool:
        """Makes a call that is written down, or finds out what came of it; whether it is over. One at an account that
        rests waits."""
        now = self._clock.now()
        if not self.answering.may_ask(intent.account_id, now):
            return False
        async with self._tenants.tenant(intent.tenant_id) as conn:
            tries = await store.note_try(conn, intent.tenant_id, call.call_id, now + retry_after(call.tries + 1))
        psp = await self._psp_of(intent)
        try:
            answered = await self._known(psp, intent, call) if call.tries else None
            if answered is None and call.asked_at + psp.key_life < now:
                if goes_on(call, reads_back=psp.reads_back):
                    call = await self._keyed_anew(psp, intent, call, now + retry_after(tries))
                else:
                    answered = given_up(psp, call)
            answered = answered or await self._made(psp, intent, call)
        except Declined as fault:
            answered = Answered(declined=fault.detail, confirm=fault.why is Decline.CONFIRM)
        except ProviderAway as fault:
            self._note(intent, fault)
            if fault.answered:
                async with self._tenants.tenant(intent.tenant_id) as conn:
                    await store.renew_key(conn, intent.tenant_id, call, now, now + retry_after(tries))
            log.info(
                "a call of a payment is not known yet", intent=str(intent.intent_id), call=call.kind.value, tries=tries,
                why=fault.code,
            )  # fmt: skip
            return False
        except ProviderRefused as fault:
            self.answering.answered(intent.account_id)
            return await self._look_into(psp, intent, call, fault.detail)
        self.answering.answered(intent.account_id)
        await self._keep(intent, call, answered)
        return True

    def _note(self, intent: Intent, fault: ProviderAway) -> None:
        """Who says at once that it failed, or that the answer comes later, keeps nobody waiting."""
        if fault.answered or isinstance(fault, OutcomeOpen):
            self.answering.answered(intent.account_id)
        else:
            self.answering.missed(intent.account_id, self._clock.now())

    async def _keyed_anew(self, psp: Psp, intent: Intent, call: Call, next_at: datetime) -> Call:
        """A call under a key that the provider can't have forgotten. Who does so at once with somebody else has the
        same key."""
        now = self._clock.now()
        if (call.keyed_at or call.asked_at) + psp.key_life >= now:
            return call
        async with self._tenants.tenant(intent.tenant_id) as conn:
            await store.renew_key(conn, intent.tenant_id, call, now, next_at)
            held = await store.find_call(conn, intent.tenant_id, call.call_id)
        assert held is not None, "calls stay"
        return held

    async def _known(self, psp: Psp, intent: Intent, call: Call) -> Answered | None:
        """What came of a try before, as the provider knows it; None where nothing did."""
        if call.kind is CallKind.HOLD and intent.method is Method.READER and intent.reader is not None:
            at_reader = await psp.find_at(call.call_id.hex, intent.reader)
            return None if at_reader is None else Answered(hold=at_reader)
        if call.kind in (CallKind.HOLD, CallKind.CHARGE):
            if intent.saved is None:
                return None
            found = await psp.find(call.call_id.hex, intent.saved.customer)
            return None if found is None or found.state is HoldState.FAILED else Answered(hold=found)
        if intent.reference is None:
            return None
        hold = await psp.get(intent.reference)
        if call.kind is CallKind.CANCEL and hold.state is HoldState.CAPTURED:
            return Answered(hold=hold)
        if call.kind is CallKind.REFUND:
            back = next((each for each in hold.refunds if each.ours == call.call_id.hex), None)
            return None if back is None else back_of(back, hold)
        if settled_by(call, hold):
            return Answered(hold=hold)
        if call.kind in (CallKind.CAPTURE, CallKind.INCREMENT) and is_gone(hold):
            return Answered(hold=hold, gone=True, refused=hold.reason or "The hold has run out.")
        return None

    async def _look_into(self, psp: Psp, intent: Intent, call: Call, said: str) -> bool:
        """The provider refused: whether that is because it was done already, or the hold is another or no more."""
        try:
            answered = await self._known(psp, intent, call)
            hold = None if intent.reference is None else await psp.get(intent.reference)
        except (ProviderAway, ProviderRefused):
            answered, hold = None, None
        if answered is not None:
            await self._keep(intent, call, answered)
            return True
        if hold is not None and hold.reference != intent.reference:
            # Somebody paid on the page meanwhile: what was asked of the page is asked of the hold.
            async with self.turn(intent.tenant_id, intent.intent_id) as turn:
                await turn.change({"reference": hold.reference})
                await store.renew_key(turn.conn, intent.tenant_id, call, turn.now, turn.now)
            return True
        refusals = call.refusals + 1
        if call.kind in (CallKind.CAPTURE, CallKind.CANCEL) and refusals < MAX_REFUSALS:
            async with self._tenants.tenant(intent.tenant_id) as conn:
                now = self._clock.now()
                await store.renew_key(conn, intent.tenant_id, call, now, now + retry_after(refusals), refused=True)
            return False
        await self._keep(intent, call, Answered(refused=said, hold=hold))
        return True

    async def _made(self, psp: Psp, intent: Intent, call: Call) -> Answered:
        """Makes the call. Raises as the port does."""
        reference = intent.reference or ""
        match call.kind:
            case CallKind.HOLD:
                return Answered(hold=await start_hold(psp, intent, call))
            case CallKind.CHARGE:
                assert intent.saved is not None, "only a saved card is charged"
                return Answered(
                    hold=await psp.charge_saved(asked_of(intent, call, at_once=True), intent.saved, call.key)
                )
            case CallKind.INCREMENT:
                return Answered(hold=await psp.increment(reference, call.amount, call.key))
            case CallKind.CAPTURE:
                return Answered(hold=await psp.capture(reference, call.amount, call.key))
            case CallKind.CANCEL:
                if intent.method is Method.READER and intent.reader is not None:
                    with suppress(ProviderRefused):
                        await psp.reader_stop(reference, intent.reader, f"{call.key}-stop")
                return Answered(hold=await psp.cancel(reference, call.key))
            case CallKind.REFUND:
                return back_of(await psp.refund(reference, call.amount, call.key, call.call_id.hex))

    async def _keep(self, intent: Intent, call: Call, answered: Answered) -> None:
        """What came of a call, and what that makes of the payment, in one transaction."""
        async with self.turn(intent.tenant_id, intent.intent_id) as turn:
            held = await store.find_call(turn.conn, intent.tenant_id, call.call_id, lock=True)
            if held is None or held.state != "open":
                return
            why = answered.declined or answered.refused
            of = answered.refund or answered.hold
            await store.end_call(
                turn.conn, intent.tenant_id, call.call_id, done=why is None, at=turn.now, reason=why,
                reference=None if of is None else of.reference,
            )  # fmt: skip
            await settle(turn, held, answered, why)

    # Looks and decisions.

    async def _look(self, intent: Intent) -> bool:
        """Reads a payment by itself. One that the provider refuses to tell of, as its account knows it no more, goes on
        as if nobody had paid, and is asked for again after growing pauses; whether that changed something."""
        try:
            return await self.read(intent)
        except ProviderRefused as fault:
            log.warning("a payment can't be read", intent=str(intent.intent_id), why=fault.detail)
            async with self.turn(intent.tenant_id, intent.intent_id) as turn:
                await _missed(turn)
                return await _give_up(turn)

    async def read(self, intent: Intent) -> bool:
        """Asks the provider how a payment stands; whether that changed something. Raises ProviderRefused."""
        if intent.reference is None or (intent.state in FINAL - TAKEN and not intent.may_be_paid_late):
            return False
        if not self.answering.may_ask(intent.account_id, self._clock.now()):
            return False
        psp = await self._psp_of(intent)
        try:
            hold = await seen(psp, intent, intent.reference)
        except ProviderAway as fault:
            self._note(intent, fault)
            async with self.turn(intent.tenant_id, intent.intent_id) as turn:
                await _missed(turn)
            return False
        except ProviderRefused:
            self.answering.answered(intent.account_id)
            raise
        self.answering.answered(intent.account_id)
        async with self.turn(intent.tenant_id, intent.intent_id) as turn:
            state = turn.intent.state
            await turn.change({"read_at": turn.now, "reads_missed": 0, "read_next_at": None})
            await _heed(turn, state, hold)
            return turn.intent.state is not state

    async def _decide(self, intent: Intent) -> bool:
        """What is next for a hold that stands; whether something was written down."""
        async with self.turn(intent.tenant_id, intent.intent_id) as turn:
            intent = turn.intent
            if intent.is_ahead:
                return await settle_ahead(turn)
            if intent.state is not State.AUTHORISED or intent.purpose is not Purpose.SESSION:
                return False
            if intent.session_id is None:
                assert intent.authorised_at is not None, "it was authorised"
                if intent.authorised_at + START_WITHIN <= turn.now:
                    await turn.release(State.RELEASED, NO_SESSION)
                    return True
                return False
            cost = await self._prices.cost(turn.conn, intent.tenant_id, intent.session_id)
            last = intent.capture_before is not None and intent.capture_before - CAPTURE_AHEAD <= turn.now
            # What nobody released is not taken though the hold runs out: it is charged, or owed, once it is released.
            if cost is None or cost.held or not (cost.final or last):
                return False
            if not cost.final:
                return await take_ahead(turn)
            await turn.charge(cost.amount)
            return True

    async def priced(self, tenant_id: int, session_id: UUID) -> None:
        """A session has its final price: it is charged, by its hold or without."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_by_session(conn, tenant_id, session_id)
        if intent is None:
            return
        async with self.turn(tenant_id, intent.intent_id) as turn:
            await charge_late(turn)
        await self.drive(tenant_id, intent.intent_id)


async def _missed(turn: Turn) -> None:
    """The provider didn't say how a payment stands: it is asked again after growing pauses."""
    missed = turn.intent.reads_missed + 1
    await turn.change({"reads_missed": missed, "read_next_at": turn.now + read_after(turn.intent, missed)})


async def _give_up(turn: Turn) -> bool:
    """Whether nobody has paid within the time that a driver may be away: then the page is closed."""
    intent, at_reader = turn.intent, turn.intent.method is Method.READER
    patience = READER_WAIT if at_reader else ABANDONED_AFTER
    if intent.state is not State.HOLD_REQUESTED or intent.created_at + patience > turn.now:
        return False
    await turn.release(State.ABANDONED, READER_LEFT if at_reader else NEVER_PAID)
    return True


def next_look(intent: Intent, calls: list[Call], now: datetime) -> datetime | None:
    """When a payment is to be looked at again; None where nothing more comes of it by itself."""
    waiting = [each.next_at for each in calls if each.state == "open"]
    if waiting:
        return min(waiting)
    if intent.method is Method.READER and intent.state is State.HOLD_REQUESTED:
        return now + READER_LOOK
    if intent.is_ahead:
        return now + READ_EVERY
    if intent.state in FINAL:
        return None
    # Of one that waits for what the provider says there is nothing else to look at.
    reads = intent.read_next_at if intent.state is State.HOLD_REQUESTED else None
    return max(now + LOOK_EVERY, reads or now)


async def _heed(turn: Turn, state: State, hold: Hold) -> None:
    """What a payment in a state becomes by how the provider says that it stands."""
    if state is State.HOLD_REQUESTED:
        await turn.hold_answered(hold)
        await charge_late(turn)
        await _give_up(turn)
    elif turn.intent.may_be_paid_late and hold.state is HoldState.CAPTURED:
        await turn.taken_there(hold)
    elif state in TAKEN and hold.state is HoldState.FAILED:
        await turn.capture_lost(hold.reason)
    elif state in TAKEN:
        await heed_refunds(turn, hold)
        await heed_disputes(turn, hold.disputes)
    elif state is State.AUTHORISED and hold.state is HoldState.CAPTURED and turn.intent.session_id is None:
        await turn.captured(hold)
    elif state is State.AUTHORISED and is_gone(hold):
        # A session that runs is stopped by whoever hears of it, and charged without the hold.
        await turn.end(State.EXPIRED, hold.reason or HOLD_GONE)
        await charge_late(turn)
