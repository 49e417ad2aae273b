"""Payments slow sessions down by smart charging, where it can tell their stations."""

from uuid import UUID

from forecourt.energy.needs.caps import CapWhy
from forecourt.energy.service.caps import cap_session
from forecourt.payments.intents.charging import payer
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool


class SlowedByPlan:
    """Keeps sessions to a power through the planner. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock

    async def slow(self, tenant_id: int, session_id: UUID, watts: int, /) -> bool:
        """Has a session draw no more than this from now on; whether that could be asked for."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await cap_session(conn, payer(tenant_id), session_id, watts, CapWhy.HELD, self._clock.now())
