"""What follows a session's being looked at: it is priced."""

from uuid import UUID

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions.costing import service
from forecourt.sessions.remote.service import SessionUnknown


class CostingJobs:
    """Durable follow-up work, idempotent, each session in a transaction of its tenant."""

    def __init__(self, tenants: Pool, clock: Clock, discounts: Discounts = no_discounts) -> None:
        self._tenants = tenants
        self._clock = clock
        self._discounts = discounts

    async def price(self, *, tenant_id: int, subject: str) -> None:
        """Fix the tariff of a session that began, and the cost of one that is over."""
        async with self._tenants.tenant(tenant_id) as connection:
            try:
                await service.price(connection, tenant_id, UUID(subject), self._clock.now(), self._discounts)
            except SessionUnknown:
                return
