"""What an answer of a provider makes of a payment: each function in one transaction, with the payment's row held.

Money, the posting of it and the state go together, or none of them does. Answers may come twice and in any order: what
is final is changed by none of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from forecourt.drivers import adhoc
from forecourt.payments.intents import books, events, store
from forecourt.payments.intents.charged_back import follow_wallet
from forecourt.payments.intents.model import (
    CLOSED,
    DIRECT_PAYMENT,
    FINAL,
    LOOK_EVERY,
    TAKEN,
    TOKEN_LIFE,
    Call,
    CallKind,
    Intent,
    Method,
    Purpose,
    State,
)
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.store import Connection, places, story
from forecourt.payments.psp.words import Hold, HoldState
from forecourt.payments.saved.store import insert_method
from forecourt.platform import outbox
from forecourt.sessions.reserving import store as reservations
from forecourt.sessions.reserving.model import Reservation

HELD = "The connector is held for somebody who waited. The hold on your card is given back."
NOT_OWED = "It was owed no more when it was paid. It goes back to where it came from."
GIVEN_BACK = "The hold was given back before the session was over."
NEVER_HELD = "Nothing was ever held for the session."
QUICKER = "Somebody else was quicker at this connector. The hold is given back."


class Turn:
    """One payment in one transaction: what is changed of it here is what the rows say."""

    def __init__(self, conn: Connection, prices: Prices, intent: Intent, now: datetime) -> None:
        self.conn = conn
        self.prices = prices
        self.intent = intent
        self.now = now

    async def change(self, changes: Mapping[str, Any]) -> None:
        """Changes columns of the payment."""
        await store.update_intent(self.conn, self.intent.tenant_id, self.intent.intent_id, changes, self.now)
        known = {name: value for name, value in changes.items() if name in Intent.__struct_fields__}
        self.intent = replace(self.intent, **known, updated_at=self.now)

    async def step(
        self, kind: str, *, amount: int | None = None, detail: str | None = None, by: str | None = None,
        entry: str | None = None,
    ) -> None:  # fmt: skip
        """Tells of it in the payment's story. `entry`: the key of that by which it was posted, where that is asked
        later."""
        await story.insert_step(
            self.conn, self.intent.tenant_id, self.intent.intent_id, kind, self.now, amount=amount, detail=detail,
            by=by, entry=entry,
        )  # fmt: skip

    async def say(self, event: str) -> None:
        """Tells others."""
        await outbox.write(self.conn, self.intent.tenant_id, event, str(self.intent.intent_id))

    async def open_call(
        self, kind: CallKind, amount: int, *, by: str | None = None, said: str | None = None, debt: UUID | None = None
    ) -> Call:
        """Writes down a call that is to be made once this transaction is over."""
        await self.change({"next_at": self.now})
        return await store.insert_call(
            self.conn, self.intent.tenant_id, self.intent.intent_id, kind=kind, amount=amount, at=self.now, asked_by=by,
            said=said, debt=debt,
        )  # fmt: skip

    # What a hold came to.

    async def hold_answered(self, hold: Hold) -> None:
        """How the hold stands, as the provider says it; of one that was made, or that was read again."""
        if self.intent.state is not State.HOLD_REQUESTED:
            return
        await self._name(hold)
        match hold.state:
            case HoldState.OPEN if self.given_up:
                await self.release(State.ABANDONED, None)
            case HoldState.OPEN:
                await self.change({"next_at": self.now + LOOK_EVERY})
            case HoldState.AUTHORISED:
                await self.authorised(hold)
            case HoldState.CAPTURED:
                await self.captured(hold)
            case HoldState.FAILED if self.intent.method is Method.READER:
                # What the reader asked for must be asked for by nobody any more.
                await self.release(State.FAILED, hold.reason)
            case HoldState.FAILED:
                await self.failed(hold.reason)
            case HoldState.EXPIRED | HoldState.CANCELLED:
                await self.end(State.ABANDONED)

    @property
    def given_up(self) -> bool:
        """The driver changed his mind while the provider was asked for the hold, and no session began meanwhile."""
        return self.intent.ends_as is State.ABANDONED and self.intent.session_id is None

    async def lead_to_page(self, call: Call) -> None:
        """The bank wants its customer to confirm: what the saved card was asked for is asked for on the page."""
        saved = self.intent.saved
        assert saved is not None, "a saved card was asked"
        await self.change({"method": Method.HOSTED, "customer": saved.customer, "saved": None})
        await self.step("confirm_on_page", amount=call.amount)
        await self.open_call(CallKind.HOLD, call.amount)

    async def _name(self, hold: Hold) -> None:
        """By which name it is asked for from now on."""
        changes: dict[str, Any] = {"reference": hold.reference}
        if hold.url is not None:
            changes |= {"page_url": hold.url, "page_reference": hold.reference}
        await self.change(changes)

    async def authorised(self, hold: Hold) -> None:
        """The money is held: the token of this payment may start, unless somebody else pays there already."""
        intent = self.intent
        await self.change(
            {
                "state": State.AUTHORISED, "authorised_amount": hold.authorised, "authorised_at": self.now,
                "capture_before": hold.capture_before, "may_increment": hold.may_increment, "card": hold.card,
                "saved": hold.saved or intent.saved, "page_url": None, "read_at": self.now, "next_at": self.now,
            }
        )  # fmt: skip
        await self.step("authorised", amount=hold.authorised)
        await self._remember(hold)
        if self.given_up:
            await self.release(State.ABANDONED, None)
            return
        if intent.session_id is not None:
            await self.prices.limit(self.conn, intent.tenant_id, intent.session_id, self.intent.held)
        if intent.purpose is not Purpose.SESSION or intent.token_uid is None:
            return
        if intent.station_id is not None and intent.evse is not None:
            await places.hold_connector(self.conn, intent.station_id, intent.evse)
            there = await store.find_at_connector(self.conn, intent.tenant_id, intent.station_id, intent.evse)
            if any(other.intent_id != intent.intent_id for other in there):
                await self.release(State.RELEASED, QUICKER)
                return
            held = await self.held()
            if held is not None and not held.admits(intent.token_uid):
                await self.release(State.RELEASED, HELD)
                return
        await adhoc.let_in(
            self.conn, intent.tenant_id, intent.token_uid, type_=DIRECT_PAYMENT, until=self.now + TOKEN_LIFE
        )
        await self.say(events.AUTHORISED)

    async def held(self) -> Reservation | None:
        """For whom the connector is held now. Whoever holds one has waited for who pays there (`hold_connector`)."""
        intent = self.intent
        if intent.station_id is None or intent.evse is None:
            return None
        found = await reservations.find_open(self.conn, intent.tenant_id, intent.station_id, intent.evse)
        return found if found is not None and found.holds_at(self.now) else None

    async def _remember(self, hold: Hold) -> None:
        """Keeps the way to pay for whoever agreed to that."""
        intent = self.intent
        if hold.saved is not None and intent.payer is not None and intent.account_id is not None:
            await insert_method(
                self.conn, intent.tenant_id, intent.payer, intent.account_id, hold.saved, hold.card, self.now
            )

    async def release(self, ends_as: State, reason: str | None) -> None:
        """Gives back the hold, or closes the page."""
        await self.change({"state": State.RELEASING, "ends_as": ends_as, "reason": reason})
        await self.step("releasing", detail=reason)
        await self._bar_token()
        await self.open_call(CallKind.CANCEL, 0)

    async def end(self, state: State, reason: str | None = None) -> None:
        """It is over, and nothing was taken."""
        await self.change({"state": state, "reason": reason or self.intent.reason, "next_at": None, "page_url": None})
        await self.step(state.value, detail=reason)
        await self._bar_token()
        await self.say(events.FAILED if state is State.FAILED else events.RELEASED)
        await self._left_wallet()

    async def failed(self, reason: str | None) -> None:
        """Nothing was held or taken, and nothing will be."""
        await self.end(State.FAILED, reason)

    async def _bar_token(self) -> None:
        if self.intent.token_uid is not None:
            await adhoc.bar(self.conn, self.intent.tenant_id, self.intent.token_uid)

    # What a session came to.

    async def link(self, session_id: UUID) -> None:
        """The session that the hold is for, by the price that the driver agreed to."""
        intent = self.intent
        if intent.session_id is not None or intent.state in TAKEN:
            return
        await self.change({"session_id": session_id, "next_at": self.now})
        await self.step("session_started", detail=str(session_id))
        await self.prices.freeze(self.conn, intent.tenant_id, session_id, self.intent)

    async def charge(self, cost: int) -> None:
        """The session is priced: take what it cost of the hold, and never more than is held."""
        intent = self.intent
        amount = min(cost, intent.authorised_amount)
        await self.change({"billed_amount": cost})
        assert intent.session_id is not None, "what was priced is a session"
        await self.prices.seal(self.conn, intent.tenant_id, intent.session_id)
        if cost == 0:
            await books.post_given(
                self.conn, self.prices, intent.tenant_id, intent.session_id, self.now, str(intent.intent_id)
            )
        if intent.state is State.AUTHORISED and amount == 0:
            await self.release(State.RELEASED, None)
        elif intent.state is State.AUTHORISED:
            await self.change({"state": State.CAPTURING})
            await self.step("capturing", amount=amount)
            await self._bar_token()
            await self.open_call(CallKind.CAPTURE, amount)
        elif cost > 0:
            await self.hold_lost(
                min(cost, max(intent.hold_amount, amount)), GIVEN_BACK if intent.authorised_amount else NEVER_HELD
            )

    async def captured(self, hold: Hold) -> None:
        """The money was taken: state and posting together, once."""
        intent = self.intent
        if intent.state in FINAL - CLOSED:
            return
        held = max(intent.authorised_amount, hold.authorised, hold.captured)
        await self.change(
            {
                "state": State.CAPTURED, "captured_amount": hold.captured, "authorised_amount": held,
                "reference": hold.reference, "card": hold.card or intent.card, "saved": hold.saved or intent.saved,
                "read_at": self.now, "next_at": None, "page_url": None, "reason": None,
            }
        )  # fmt: skip
        await books.post_captured(self.conn, self.prices, self.intent, hold.captured, self.now)
        await self.step("taken_ahead" if self.intent.is_ahead else "captured", amount=hold.captured)
        await self._remember(hold)
        if self.intent.is_ahead:
            # Whether it has its price is looked at from now on; nothing is sold before.
            await self.change({"next_at": self.now})
        else:
            await self.say(events.CAPTURED)
        if intent.purpose is Purpose.DEBT:
            await self._pay_debts(hold.captured)
        if intent.session_id is None:
            # Taken by hand at the provider: nobody starts by it any more.
            await self._bar_token()
        await self._left_wallet()

    async def _left_wallet(self) -> None:
        """What was held of a wallet was taken, or is held no more: what is disputed there is looked at again."""
        if self.intent.method is Method.WALLET and self.intent.payer is not None:
            await follow_wallet(self.conn, self.intent.tenant_id, self.intent.payer, self.intent.currency, self.now)

    async def taken_there(self, hold: Hold) -> None:
        """The money was taken at the provider though we gave it back: on the page before it was closed, or by hand. A
        session that has no price yet is charged by what was taken once it has one."""
        if self.intent.was_owed:
            await self._debt_taken(hold)
            return
        if self.intent.session_id is None or self.intent.billed_amount is not None:
            await self.captured(hold)
            return
        await self.change(
            {
                "state": State.AUTHORISED, "ends_as": None, "reason": None, "authorised_amount": hold.captured,
                "capture_before": None, "may_increment": False, "reference": hold.reference, "read_at": self.now,
                "next_at": self.now,
            }
        )  # fmt: skip
        await self.step("taken_there", amount=hold.captured)
        await self.prices.limit(self.conn, self.intent.tenant_id, self.intent.session_id, self.intent.held)

    async def _debt_taken(self, hold: Hold) -> None:
        """What could not be taken of the hold, and is owed, was taken of it by hand at the provider: that pays the debt
        as far as it is still owed, and what is beyond that is nobody's yet."""
        intent = self.intent
        taken = hold.captured - intent.captured_amount
        if taken <= 0:
            return
        part = min(taken, intent.owed_amount)
        await self.change(
            {
                "state": State.CAPTURED, "captured_amount": hold.captured, "owed_amount": intent.owed_amount - part,
                "authorised_amount": max(intent.authorised_amount, hold.captured), "reference": hold.reference,
                "card": hold.card or intent.card, "reason": None, "read_at": self.now, "next_at": None,
            }
        )  # fmt: skip
        await books.post_debt_taken(self.conn, intent, taken, part, self.now)
        await self.step("taken_there", amount=taken)
        if part:
            await self.step("debt_paid", amount=part, detail=str(intent.intent_id))
        await self.say(events.CAPTURED)

    async def _pay_debts(self, amount: int) -> None:
        """What somebody owed is paid, the oldest first; what is over goes back. Debts are held in one order, so that
        each is paid or given up once, whoever comes first."""
        for debt in await self._debts():
            part = min(amount, debt.owed_amount) if debt.currency == self.intent.currency else 0
            if part:
                turn = Turn(self.conn, self.prices, debt, self.now)
                await turn.change({"owed_amount": debt.owed_amount - part})
                # By which payment: its host is owed their share once that one's money is ours to use.
                await turn.step("debt_paid", amount=part, detail=str(self.intent.intent_id))
                amount -= part
        if amount:
            await self.open_call(CallKind.REFUND, amount, said=NOT_OWED)
            await self.step("refund_asked", amount=amount, detail=NOT_OWED)

    async def _debts(self) -> list[Intent]:
        """What a payment of debts may pay, held."""
        intent = self.intent
        if intent.debt_of is not None:
            return await store.owed_of(self.conn, intent.tenant_id, intent.debt_of, lock=True)
        assert intent.payer is not None, "somebody who owed"
        return await store.owed_by(self.conn, intent.tenant_id, intent.payer, lock=True)

    async def hold_lost(self, amount: int, reason: str) -> None:
        """Nothing can be taken of the hold: the saved card is tried, else it is owed."""
        await self.step("hold_lost", amount=amount, detail=reason)
        if self.intent.method is Method.INVOICE:
            await self._put_on_account(amount)
        elif self.intent.saved is not None:
            await self.change({"state": State.CAPTURING, "reason": reason})
            await self.open_call(CallKind.CHARGE, amount)
        else:
            await self.owe(amount, reason)

    async def delivered(self, cost: int) -> None:
        """A fleet's session was told whole, and nothing was held for it: all of it stands on the fleet's account."""
        assert self.intent.session_id is not None, "what was delivered is a session"
        await self.change({"billed_amount": cost})
        await self.prices.seal(self.conn, self.intent.tenant_id, self.intent.session_id)
        await self.step("delivered", amount=cost)
        await self._put_on_account(cost)

    async def _put_on_account(self, amount: int) -> None:
        """What a fleet's driver took before the session could be stopped stands on its next invoice, limit or none."""
        held = max(self.intent.authorised_amount, amount)
        changes = {"state": State.CAPTURED, "captured_amount": amount, "authorised_amount": held, "next_at": None}
        await self.change(changes)
        if await books.post_captured(self.conn, self.prices, self.intent, amount, self.now):
            await self.step("over_limit", amount=amount)
        await self.step("captured", amount=amount)
        await self.say(events.CAPTURED)

    async def owe(self, amount: int, reason: str) -> None:
        """The session could not be charged: the driver owes it, and starts no other before it is paid."""
        await self.change({"state": State.FAILED, "owed_amount": amount, "reason": reason, "next_at": None})
        await books.post_owed(self.conn, self.prices, self.intent, amount, self.now)
        await self.step("owed", amount=amount, detail=reason)
        await self.say(events.FAILED)

    async def capture_lost(self, reason: str | None) -> None:
        """The provider took back a capture that it had told of: what was not refunded of it is owed, at once or, of one
        that was taken ahead, with its price."""
        intent = self.intent
        lost = intent.captured_amount - intent.refunded_amount
        owed = 0 if intent.is_ahead else lost
        await books.post_capture_lost(self.conn, intent, lost, self.now)
        await self.change(
            {
                "state": State.FAILED, "captured_amount": intent.refunded_amount, "owed_amount": owed, "reason": reason,
                "next_at": None,
            }
        )  # fmt: skip
        await self.step("capture_lost", amount=lost, detail=reason)
        await self.say(events.FAILED)
