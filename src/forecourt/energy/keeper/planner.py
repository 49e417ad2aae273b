"""The planner of a process: which sites it holds, and a keeper for each.

Sites are shared out by leases: a process that is gone loses its sites when they run out, and others take them. A nudge
of the database wakes the keeper of a site at once; one that is lost costs the time until the site is looked at anyway.
"""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import psycopg
import structlog
from prometheus_client import Gauge

from forecourt.energy import store
from forecourt.energy.keeper.keeper import SiteKeeper
from forecourt.energy.store import keeping
from forecourt.energy.store.nudges import CHANNEL
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool, connect
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch

log = structlog.get_logger(__name__)

#: How long a site is held without word, and how often the word is given.
LEASE: Final = timedelta(seconds=20)
LOOK_EVERY_S: Final = 5.0
#: How long it rests before it tries to hear again.
DEAF_REST_S: Final = 2.0
#: Sites that one process holds.
MAX_SITES: Final = 500

SITES = Gauge("forecourt_planner_sites", "Sites that this process plans for")


class Planner:
    """Holds sites and keeps them. `worker` sees which sites there are, `tenants` what is of each organisation; nudges
    come over a connection of its own to the database at `url`."""

    def __init__(self, url: str, *, worker: Pool, tenants: Pool, stations: Batch, clock: Clock) -> None:
        self._url = url
        self._worker = worker
        self._tenants = tenants
        self._stations = stations
        self._clock = clock
        self._holder: UUID = uuid4()
        self._keepers: dict[int, tuple[SiteKeeper, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Hold and keep sites until cancelled; what is held is given back then."""
        hearing = asyncio.create_task(self._hear())
        try:
            while True:
                try:
                    await self._look()
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("sites can't be held for now", fault=type(fault).__name__)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            hearing.cancel()
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

    async def _hear(self) -> None:
        """Wake the keepers of sites where something happened, for as long as the process runs."""
        while True:
            try:
                conn = await connect(self._url, "forecourt_worker", autocommit=True)
                async with conn:
                    await conn.execute(f"LISTEN {CHANNEL}")
                    # What was said meanwhile was missed.
                    self._wake(*self._keepers)
                    async for said in conn.notifies():
                        if said.payload.isdecimal():
                            self._wake(int(said.payload))
            except (psycopg.Error, ForecourtError, OSError) as fault:
                log.warning("the planner hears no nudges", fault=type(fault).__name__)
            await asyncio.sleep(DEAF_REST_S)

    def _wake(self, *site_ids: int) -> None:
        for site_id in site_ids:
            known = self._keepers.get(site_id)
            if known is not None:
                known[0].wake()
