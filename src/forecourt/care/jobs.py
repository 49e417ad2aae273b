"""The worker's part: looking at all stations every minute and at one when something was said of it, telling people,
noting the load, and forgetting what is old."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
import psycopg
import structlog

from forecourt.care.live import cells
from forecourt.care.service.alerts import Telling, tell
from forecourt.care.service.watch import Looked, look
from forecourt.care.store import alerts, days, incidents
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.live import subject as live_subject

log = structlog.get_logger(__name__)

#: Closed incidents, and what was sent of them, are kept this long unless a deployment wants otherwise.
KEEP_INCIDENTS: Final = timedelta(days=400)
#: Closed incidents that are deleted in one transaction.
FORGET_AT_ONCE: Final = 5_000
#: The load of each minute is kept this long: the usual day is made from eight weeks.
KEEP_LOAD: Final = timedelta(days=70)


class Publisher(Protocol):
    """The side of the bus that is needed here."""

    async def publish(self, subject: str, data: bytes) -> None: ...


class CareJobs:
    """Durable follow-up work, each piece idempotent, and each organisation in transactions of its own.

    `pool` is of role forecourt_worker, `tenants` of role forecourt_app. Without a bus, pages hear by their own asking.
    `keep_incidents` None: closed incidents are kept for ever.
    """

    def __init__(
        self,
        pool: Pool,
        tenants: Pool,
        clock: Clock,
        telling: Telling,
        bus: Publisher | None = None,
        *,
        keep_incidents: timedelta | None = KEEP_INCIDENTS,
    ) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._telling = telling
        self._bus = bus
        self._keep_incidents = keep_incidents

    async def watch_all(self) -> None:
        """Every minute: look at every organisation, note its load, and tell who is to be told by now.

        One organisation that can't be looked at keeps none of the others from it.
        """
        async with self._worker.anyone() as conn:
            tenants = await incidents.list_tenants(conn)
        for tenant_id in tenants:
            try:
                await self.watch(tenant_id)
            except (psycopg.Error, ForecourtError) as fault:
                log.error("an organisation could not be watched", tenant_id=tenant_id, fault=repr(fault))

    async def watch(self, tenant_id: int) -> None:
        """Look at one organisation, note its load, and tell who is to be told by now."""
        await self._watch(tenant_id, None)
        await self._note_load(tenant_id)
        await self._tell(tenant_id)

    async def watch_station(self, *, tenant_id: int, subject: str) -> None:
        """Something was said of a station: look at it alone. `subject` is its number."""
        await self._watch(tenant_id, int(subject))

    async def tell(self, *, tenant_id: int, subject: str) -> None:
        """Incidents opened or closed: tell who is to be told at once, and open pages. `subject` is the organisation."""
        await self._tell(tenant_id)
        await self._publish(tenant_id)

    async def tidy(self) -> None:
        """Forget what is older than it is kept."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            tenants = await incidents.list_tenants(conn)
        for tenant_id in tenants:
            if self._keep_incidents is not None:
                await self._forget_incidents(tenant_id, now - self._keep_incidents)
            async with self._tenants.tenant(tenant_id) as conn:
                await days.forget_load_before(conn, tenant_id, now - KEEP_LOAD)

    async def _forget_incidents(self, tenant_id: int, before: datetime) -> None:
        forgotten = FORGET_AT_ONCE
        while forgotten == FORGET_AT_ONCE:
            async with self._tenants.tenant(tenant_id) as conn:
                forgotten = await incidents.forget_before(conn, tenant_id, before, FORGET_AT_ONCE)
        async with self._tenants.tenant(tenant_id) as conn:
            await alerts.forget_log_before(conn, tenant_id, before)

    async def _watch(self, tenant_id: int, station_id: int | None) -> Looked:
        async with self._tenants.tenant(tenant_id) as conn:
            looked = await look(conn, tenant_id, self._clock.now(), station_id)
        if looked:
            log.info("incidents changed", tenant_id=tenant_id, opened=len(looked.opened), closed=len(looked.closed))
            await self._publish(tenant_id)
        return looked

    async def _note_load(self, tenant_id: int) -> None:
        minute = self._clock.now().replace(second=0, microsecond=0)
        async with self._tenants.tenant(tenant_id) as conn:
            await days.note_load(conn, tenant_id, minute)

    async def _tell(self, tenant_id: int) -> None:
        async with self._tenants.tenant(tenant_id) as conn:
            letters = await tell(conn, tenant_id, self._telling, self._clock.now())
        if letters:
            log.info("people were told of incidents", tenant_id=tenant_id, letters=letters)

    async def _publish(self, tenant_id: int) -> None:
        """Tell open pages; one that misses it hears of it at its next totals."""
        if self._bus is None:
            return
        async with self._tenants.tenant(tenant_id) as conn:
            said: Mapping[str, object] = cells(await incidents.count_open(conn, tenant_id, self._clock.now()))
        try:
            await self._bus.publish(live_subject(tenant_id), msgspec.json.encode(said))
        except ForecourtError as fault:
            log.debug("open pages were not told of incidents", tenant_id=tenant_id, fault=type(fault).__name__)
