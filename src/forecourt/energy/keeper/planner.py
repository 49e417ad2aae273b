"""The planner of a process: which sites it holds, and a keeper for each.

Sites are shared out by leases: a process that is gone loses its sites when they run out, and others take them. A nudge
by the bus wakes the keeper of a site at once; one that is lost costs the time until the site is looked at anyway.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
import structlog
from msgspec import Struct
from prometheus_client import Gauge

from forecourt.energy import store
from forecourt.energy.keeper.keeper import SiteKeeper
from forecourt.energy.store import keeping
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch

log = structlog.get_logger(__name__)

#: What the bus calls it when something happened at a site.
NUDGE_SUBJECT: Final = "planner.nudge"
#: How long a site is held without word, and how often the word is given.
LEASE: Final = timedelta(seconds=20)
LOOK_EVERY_S: Final = 5.0
#: Sites that one process holds.
MAX_SITES: Final = 500

SITES = Gauge("forecourt_planner_sites", "Sites that this process plans for")


class Nudge(Struct, frozen=True, kw_only=True):
    """Something happened at these sites."""

    site_ids: tuple[int, ...]


class Planner:
    """Holds sites and keeps them. `worker` sees which sites there are, `tenants` what is of each organisation."""

    def __init__(self, *, worker: Pool, tenants: Pool, bus: Bus, stations: Batch, clock: Clock) -> None:
        self._worker = worker
        self._tenants = tenants
        self._bus = bus
        self._stations = stations
        self._clock = clock
        self._holder: UUID = uuid4()
        self._keepers: dict[int, tuple[SiteKeeper, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Hold and keep sites until cancelled; what is held is given back then."""
        await self._bus.subscribe(NUDGE_SUBJECT, self._nudged)
        try:
            while True:
                try:
                    await self._look()
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("sites can't be held for now", fault=type(fault).__name__)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            for site_id in list(self._keepers):
                await self._drop(site_id)
            await self._leave()

    async def _look(self) -> None:
        """Hold what can be held, and keep exactly that."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            sites = {site.site_id: site for site in await store.planned_sites(conn)}
            wanted = [(site.tenant_id, site.site_id) for site in sites.values()]
            held = set(await keeping.hold_sites(conn, self._holder, wanted, now, now + LEASE, MAX_SITES))
        for site_id in [each for each in self._keepers if each not in held]:
            await self._drop(site_id)
        for site_id in held - set(self._keepers):
            keeper = SiteKeeper(
                sites[site_id].tenant_id, site_id, tenants=self._tenants, stations=self._stations, clock=self._clock
            )
            self._keepers[site_id] = keeper, asyncio.create_task(keeper.run())
            log.info("a site is kept", site=site_id)
        for site_id, (_, task) in list(self._keepers.items()):
            if task.done():
                log.error("the keeper of a site ended", site=site_id, fault=repr(task.exception()))
                del self._keepers[site_id]
        SITES.set(len(self._keepers))

    async def _drop(self, site_id: int) -> None:
        _, task = self._keepers.pop(site_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        log.info("a site is kept no more", site=site_id)

    async def _leave(self) -> None:
        try:
            async with self._worker.anyone() as conn:
                await keeping.leave_sites(conn, self._holder)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("sites could not be given back; their leases run out", fault=type(fault).__name__)

    async def _nudged(self, subject: str, data: bytes, reply: str) -> None:
        try:
            nudge = msgspec.json.decode(data, type=Nudge)
        except msgspec.MsgspecError:
            log.warning("a nudge that is none")
            return
        for site_id in nudge.site_ids:
            known: tuple[SiteKeeper, Any] | None = self._keepers.get(site_id)
            if known is not None:
                known[0].wake()
