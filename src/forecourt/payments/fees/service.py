"""The life of a month: due, asked for by what the account pays by, paid and followed by the next, or the end of all.

The table is the queue. A step is one transaction, and what is asked of a provider is a payment with its own rows:
whoever dies in between, the next look goes on, and a month has one payment at a time.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from forecourt.access import audit
from forecourt.access.model import Service
from forecourt.drivers.accounts.model import PaysBy, payer_of
from forecourt.drivers.fleets.store import end_subscription
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.fees import store
from forecourt.payments.fees.model import LOOK_EVERY, NO_WAY, RETRIES, Fee, FeeState
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.model import FINAL, TAKEN, Method, Purpose
from forecourt.payments.intents.opening import open_payment
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.store import Connection, find_intent
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: The event by which others hear that a month could not be paid; the subject is the month's id.
FEE_FAILED: Final = "subscription.fee_failed"
#: Nobody else takes a month for so long after it was taken.
LEASE: Final = timedelta(minutes=10)
#: A fleet pays for sessions alone.
_METHODS: Final = {PaysBy.CARD: Method.SAVED, PaysBy.WALLET: Method.WALLET}


class Fees:
    """The verbs, for the life of a process. `pool` is of role forecourt_worker, `tenants` of forecourt_app; without a
    pool it looks at what it is told of, and not at all that is due."""

    def __init__(self, pool: Pool | None, tenants: Pool, clock: Clock, payments: Payments) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._payments = payments

    async def begun(self, *, tenant_id: int, subject: str) -> None:
        """A membership began: its first month is due. Twice is once."""
        async with self._tenants.tenant(tenant_id) as conn:
            fee_id = await store.open_month(conn, tenant_id, int(subject), 0, self._clock.now())
        if fee_id is not None:
            await self.look(tenant_id, fee_id)

    async def heard(self, *, tenant_id: int, subject: str) -> None:
        """A payment is over, one way or the other: if it was for a month, that goes on."""
        async with self._tenants.tenant(tenant_id) as conn:
            fee = await store.find_by_intent(conn, tenant_id, UUID(subject))
        if fee is not None:
            await self.look(tenant_id, fee.fee_id)

    async def look_at_due(self) -> int:
        """Looks at every month whose time has come; how many."""
        assert self._worker is not None, "the worker looks at what is due"
        looked = 0
        while True:
            now = self._clock.now()
            async with self._worker.anyone() as conn:
                due = await store.take_due(conn, now, now + LEASE)
            for tenant_id, fee_id in due:
                await self.look(tenant_id, fee_id)
            looked += len(due)
            if len(due) < store.DUE_AT_ONCE:
                return looked

    async def look(self, tenant_id: int, fee_id: UUID) -> None:
        """Carries a month on as far as it goes now."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            fee = await store.find_fee(conn, tenant_id, fee_id)
            if fee is None:
                return
            asked = await _STEPS[fee.state](self, conn, tenant_id, fee, now) if fee.state in _STEPS else None
        if asked is not None:
            await self._payments.carry_on(tenant_id, asked)
            # It is over at once, or somebody tells of it.
            await self._answered_now(tenant_id, fee_id)

    async def _answered_now(self, tenant_id: int, fee_id: UUID) -> None:
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            fee = await store.find_fee(conn, tenant_id, fee_id)
            if fee is not None and fee.state is FeeState.ASKED:
                await self._hear(conn, tenant_id, fee, now)

    async def _ask(self, conn: Connection, tenant_id: int, fee: Fee, now: datetime) -> UUID | None:
        """A month is due: writes down its payment. One whose membership ended meanwhile is not asked for."""
        if fee.next_at is not None and fee.next_at > now + LEASE:
            return None
        if not fee.active or (fee.ends_at is not None and fee.ends_at <= now):
            await store.update_fee(conn, tenant_id, fee.fee_id, {"state": FeeState.DROPPED.value, "next_at": None})
            return None
        way = await self._way(conn, tenant_id, fee)
        if way is None:
            await self._failed(conn, tenant_id, fee, NO_WAY, now)
            return None
        values: dict[str, Any] = {
            **way, "purpose": Purpose.FEE.value, "currency": fee.currency, "hold_amount": fee.amount,
            "driver_id": fee.driver_id,
            "hold_said": {
                "description": f"{fee.title}, {fee.from_at:%Y-%m-%d}"[:100], "country": fee.country,
                "vat": None if fee.vat is None else str(fee.vat),
            },
        }  # fmt: skip
        intent_id = await open_payment(conn, tenant_id, values, None, fee.language, now)
        changes = {"state": FeeState.ASKED.value, "intent_id": intent_id, "next_at": now + LOOK_EVERY}
        await store.update_fee(conn, tenant_id, fee.fee_id, changes)
        return intent_id

    async def _hear(self, conn: Connection, tenant_id: int, fee: Fee, now: datetime) -> None:
        """A month was asked for: how its payment stands."""
        assert fee.intent_id is not None, "it was asked for"
        intent = await find_intent(conn, tenant_id, fee.intent_id)
        if intent is not None and intent.state in TAKEN:
            # The next month is due when this one is over, or now if it is over already.
            changes = {"state": FeeState.PAID.value, "paid_at": now, "next_at": fee.until_at, "reason": None}
            await store.update_fee(conn, tenant_id, fee.fee_id, changes)
        elif intent is None or intent.state in FINAL:
            await self._failed(conn, tenant_id, fee, None if intent is None else intent.reason, now)
        else:
            await store.update_fee(conn, tenant_id, fee.fee_id, {"next_at": now + LOOK_EVERY})

    async def _next(self, conn: Connection, tenant_id: int, fee: Fee, now: datetime) -> None:
        """A month is paid: once it is over the next one is due, unless the membership ended."""
        if fee.next_at is None or fee.until_at > now:
            await store.update_fee(
                conn, tenant_id, fee.fee_id, {"next_at": None if fee.next_at is None else fee.until_at}
            )
            return
        await store.update_fee(conn, tenant_id, fee.fee_id, {"next_at": None})
        if not fee.over:
            await store.open_month(conn, tenant_id, fee.subscription_id, fee.number + 1, now)

    async def _failed(self, conn: Connection, tenant_id: int, fee: Fee, why: str | None, now: datetime) -> None:
        """It could not be paid: it is asked for again, RETRIES times; then the membership ends. What a driver began
        ends at once without its first month: nobody has a member's price by a card that pays nothing. One that shall
        end with this month ends now: the month counted as paid only while it was asked for."""
        reason = (why or "")[:500]
        if fee.tries < len(RETRIES) and not fee.trial:
            changes: dict[str, Any] = {
                "state": FeeState.DUE.value, "tries": fee.tries + 1, "reason": reason,
                "next_at": now + RETRIES[fee.tries],
            }  # fmt: skip
        else:
            changes = {"state": FeeState.FAILED.value, "reason": reason, "next_at": None}
            going = fee.ends_at is None or fee.ends_at > now
            if going and await end_subscription(conn, tenant_id, fee.driver_id, now):
                who = Service(tenant_id=tenant_id, id="payments", name="Payments")
                await audit(conn, who, "end subscription", payer_of(fee.driver_id), {"unpaid": str(fee.fee_id)})
        await store.update_fee(conn, tenant_id, fee.fee_id, changes)
        await outbox.write(conn, tenant_id, FEE_FAILED, str(fee.fee_id))
        log.info("a month of a membership was not paid", fee=str(fee.fee_id), tries=fee.tries, state=changes["state"])

    async def _way(self, conn: Connection, tenant_id: int, fee: Fee) -> dict[str, Any] | None:
        """How the payment keeps what pays; None where nothing does."""
        method = _METHODS.get(fee.pays_by)
        if method is None:
            return None
        asked = Begin(
            station="", evse=0, return_url="", method=method, payer=payer_of(fee.driver_id), email=fee.email,
            method_id=fee.pays_method if method is Method.SAVED else None,
        )  # fmt: skip
        try:
            return await self._payments.way(conn, tenant_id, asked)
        except (AccountMissing, PaymentUnknown):
            return None


_STEPS: Final[Any] = {FeeState.DUE: Fees._ask, FeeState.ASKED: Fees._hear, FeeState.PAID: Fees._next}
