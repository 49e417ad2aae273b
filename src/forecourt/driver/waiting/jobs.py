"""What follows for waiting lists: a connector became free, a hold ended, time went by."""

from typing import Final
from uuid import UUID

import structlog

from forecourt.driver.waiting import store
from forecourt.driver.waiting.model import KEPT
from forecourt.driver.waiting.serving import Serving
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.reserving.model import How
from forecourt.sessions.reserving.store import find as find_reservation

log = structlog.get_logger(__name__)

#: Places forgotten at once.
FORGOTTEN_AT_ONCE: Final = 10_000


class WaitingJobs:
    """Durable follow-up work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, serving: Serving) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._serving = serving

    async def serve_all(self) -> int:
        """Gives the turns that there are, at every site where somebody waits; how many."""
        async with self._worker.anyone() as conn:
            sites = await store.sites_with_waiting(conn)
        return sum([await self._serving.serve(tenant_id, site_id) for tenant_id, site_id in sites])

    async def freed(self, *, tenant_id: int, subject: str) -> None:
        """A connector, `station_id.evse`, became free."""
        async with self._tenants.tenant(tenant_id) as conn:
            site_id = await store.site_of_station(conn, tenant_id, int(subject.partition(".")[0]))
        if site_id is not None:
            await self._serving.serve(tenant_id, site_id)

    async def session_ended(self, *, tenant_id: int, subject: str) -> None:
        """A session is over: its connector may be free."""
        async with self._tenants.tenant(tenant_id) as conn:
            site_id = await store.site_of_session(conn, tenant_id, UUID(subject))
        if site_id is not None:
            await self._serving.serve(tenant_id, site_id)

    async def reservation_ended(self, *, tenant_id: int, subject: str) -> None:
        """A hold is over, by a session or because its station said so: its place is served, or waits again."""
        reservation_id = UUID(subject)
        async with self._tenants.tenant(tenant_id) as conn:
            place = await store.find_by_reservation(conn, tenant_id, reservation_id)
            if place is None:
                return
            await store.hold_site(conn, place.site_id)
            place = await store.find_by_reservation(conn, tenant_id, reservation_id)
            ended = await find_reservation(conn, tenant_id, reservation_id)
            if place is None or ended is None or ended.ended_at is None:
                return
            how = ended.how or How.RELEASED
            await self._serving.settle(conn, tenant_id, place.place_id, how, self._clock.now())
        await self._serving.serve(tenant_id, place.site_id)

    async def forget(self) -> int:
        """Forgets places that ended long ago; how many."""
        async with self._worker.anyone() as conn:
            return await store.forget(conn, self._clock.now() - KEPT, FORGOTTEN_AT_ONCE)
