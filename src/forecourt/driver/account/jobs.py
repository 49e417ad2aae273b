"""What follows from events for drivers with an account: what a fleet's session came to is kept by month, and billed
once it is final."""

from uuid import UUID

from forecourt.driver.account import store
from forecourt.drivers.fleets.store import note_session
from forecourt.payments.intents.books import charge_fleet
from forecourt.payments.intents.prices import Prices
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.costing.service import cost_of


class AccountJobs:
    """Durable follow-up work. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock

    async def priced(self, *, tenant_id: int, subject: str) -> None:
        """A session's cost is known, or is another: it counts against the limits of its fleet. Twice is once."""
        session_id, now = UUID(subject), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            whose = await store.driver_of_session(conn, tenant_id, session_id)
            if whose is None:
                return
            cost = await cost_of(conn, tenant_id, session_id, now)
            if cost.incl_vat is None:
                return
            fleet_id = await note_session(
                conn, tenant_id, session_id, driver_id=whose.driver_id, started_at=whose.started_at,
                currency=cost.incl_vat.currency, amount=cost.incl_vat.amount, at=now,
            )  # fmt: skip
            if fleet_id is not None and cost.final and cost.incl_vat.amount:
                await charge_fleet(conn, tenant_id, session_id, fleet_id, Prices(self._clock), now)
