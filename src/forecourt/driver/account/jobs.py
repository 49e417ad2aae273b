"""What follows from events for drivers with an account: what a fleet's session came to is kept by month, and who could
not pay is told."""

from typing import Final
from uuid import UUID

from msgspec.structs import replace

from forecourt.driver.account import store
from forecourt.driver.account.letters import DriverLetters
from forecourt.drivers.fleets.store import note_session
from forecourt.payments.contracts.service import goes_unpaid
from forecourt.payments.debts.store import list_paid_by
from forecourt.payments.fees.model import FeeState
from forecourt.payments.fees.store import find_by_intent, find_fee
from forecourt.payments.intents.model import Intent, Purpose
from forecourt.payments.intents.store import Connection, find_intent
from forecourt.payments.intents.store.story import insert_step, list_steps
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.costing.service import cost_of

#: What the story of a payment says once its driver was told, that it was stopped and that it is owed.
TOLD_STOPPED: Final = "driver_told_stopped"
TOLD_OWED: Final = "driver_told_owed"


class AccountJobs:
    """Durable follow-up work. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, letters: DriverLetters) -> None:
        self._tenants = tenants
        self._clock = clock
        self._letters = letters

    async def priced(self, *, tenant_id: int, subject: str) -> None:
        """A session's cost is known, or is another: it counts against the limits of its fleet. Twice is once."""
        session_id, now = UUID(subject), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            whose = await store.driver_of_session(conn, tenant_id, session_id)
            if whose is None or whose.invoiced is False:
                return
            cost = await cost_of(conn, tenant_id, session_id, now)
            if cost.incl_vat is None:
                return
            await note_session(
                conn, tenant_id, session_id, driver_id=whose.driver_id, started_at=whose.started_at,
                currency=cost.incl_vat.currency, amount=cost.incl_vat.amount, at=now,
            )  # fmt: skip

    async def fee_paid(self, *, tenant_id: int, subject: str) -> None:
        """A month of a membership was paid: the receipt goes to its driver; it may come twice."""
        async with self._tenants.tenant(tenant_id) as conn:
            fee = await find_by_intent(conn, tenant_id, UUID(subject))
            if fee is not None and fee.email is not None:
                await self._letters.fee(conn, tenant_id, fee)

    async def fee_failed(self, *, tenant_id: int, subject: str) -> None:
        """A month could not be paid: its driver is told when it is tried again, or that the membership ended."""
        async with self._tenants.tenant(tenant_id) as conn:
            fee = await find_fee(conn, tenant_id, UUID(subject))
            if fee is not None and fee.email is not None and fee.state in (FeeState.DUE, FeeState.FAILED):
                await self._letters.fee_failed(conn, tenant_id, fee)

    async def unpaid(self, *, tenant_id: int, subject: str) -> None:
        """Nothing pays for a session that a driver's own token began: they are told, once that it is stopped, and once
        what is owed."""
        intent_id, now = UUID(subject), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await find_intent(conn, tenant_id, intent_id, lock=True)
            if intent is not None and intent.purpose is Purpose.DEBT and intent.owed_amount:
                await self._owed_again(conn, intent)
                return
            if intent is None or intent.email is None or intent.contract_key is None:
                return
            if not intent.owed_amount and not goes_unpaid(intent):
                return
            kind = TOLD_OWED if intent.owed_amount else TOLD_STOPPED
            if any(step.kind == kind for step in await list_steps(conn, tenant_id, intent_id)):
                return
            await self._letters.unpaid(conn, intent)
            await insert_step(conn, tenant_id, intent_id, kind, now)

    async def _owed_again(self, conn: Connection, payment: Intent) -> None:
        """What a debt was paid with was taken back by the provider: whoever owes the session is told, once of each."""
        tenant_id = payment.tenant_id
        if any(step.kind == TOLD_OWED for step in await list_steps(conn, tenant_id, payment.intent_id)):
            return
        for name, amount in await list_paid_by(conn, tenant_id, str(payment.intent_id)):
            session = await find_intent(conn, tenant_id, UUID(name))
            if session is not None and session.email is not None:
                owed = min(amount, payment.owed_amount)
                await self._letters.unpaid(conn, replace(session, owed_amount=session.owed_amount + owed))
        await insert_step(conn, tenant_id, payment.intent_id, TOLD_OWED, self._clock.now())
