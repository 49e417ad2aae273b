"""Saying why a site can't be planned, so that people are told: written where it fails, and once where it goes again."""

from uuid import UUID

import psycopg
import structlog

from forecourt.energy.store.leases import keep_lease
from forecourt.energy.store.unplanned import Stage, forget_fault, keep_fault
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)


class Unplanned:
    """Of one site, as long as it is the `holder` (None: nobody else ever is). That it can't be written now is no reason
    to stop: what isn't planned is told by its age too."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, clock: Clock, holder: UUID | None = None
    ) -> None:
        self.tenant_id, self.site_id = tenant_id, site_id
        self._tenants = tenants
        self._clock = clock
        self._holder = holder
        #: Whether a fault is kept; what others kept nobody knows.
        self._fails = True

    async def fails(self, stage: Stage, fault: str) -> None:
        """It could not be planned."""
        try:
            async with self._tenants.tenant(self.tenant_id) as conn:
                if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                    return
                await keep_fault(conn, self.tenant_id, self.site_id, stage, fault, self._clock.now())
            self._fails = True
        except (psycopg.Error, ForecourtError, OSError) as away:
            log.warning("that a site can't be planned can't be kept", site=self.site_id, fault=type(away).__name__)

    async def goes(self) -> None:
        """It was planned, or is not to be."""
        if self._fails:
            async with self._tenants.tenant(self.tenant_id) as conn:
                if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                    return
                await forget_fault(conn, self.tenant_id, self.site_id)
            self._fails = False
