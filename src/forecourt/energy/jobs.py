"""The worker's part: forgetting what is old."""

from datetime import timedelta
from typing import Final

import structlog

from forecourt.energy import store
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Readings are kept a while longer than forecasts look back, prices for three years, limits as long as incidents.
KEEP_READINGS: Final = timedelta(days=40)
KEEP_SERIES: Final = timedelta(days=3 * 365)
KEEP_LIMITS: Final = timedelta(days=400)


class EnergyJobs:
    """`pool` is of role forecourt_worker, `tenants` of role forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock

    async def tidy(self) -> None:
        """Forget readings, series and limits that are older than they are kept, each organisation by itself."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants(conn)
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as conn:
                forgotten = await store.forget_before(
                    conn,
                    tenant_id,
                    readings=now - KEEP_READINGS,
                    series=now - KEEP_SERIES,
                    limits=now - KEEP_LIMITS,
                )
            if forgotten:
                log.info("old readings, series and limits were forgotten", tenant_id=tenant_id, rows=forgotten)
