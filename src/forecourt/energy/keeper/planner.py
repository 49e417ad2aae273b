"""The planner of a process: which sites it holds, and a keeper for each.

Sites are shared out by leases: a process that is gone loses its sites when its connection is gone, or when they run
out, and others take them. A nudge of the database wakes the keeper of a site at once; one that is lost costs the time
until the site is looked at anyway.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import structlog
from prometheus_client import Gauge

from forecourt.energy import store
from forecourt.energy.expecting import Forecaster, no_forecasts
from forecourt.energy.keeper.keeper import Gates, SiteKeeper, heed_cancel
from forecourt.energy.store import leases
from forecourt.energy.store.nudges import CHANNEL
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool, connect
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch

log = structlog.get_logger(__name__)

#: How long a site is held without word, and how often the word is given.
LEASE: Final = timedelta(seconds=20)
LOOK_EVERY_S: Final = 5.0
WATCH_EVERY_S: Final = 1.0
#: By how much earlier than it runs out a site is given up that can't be held on to.
LEASE_MARGIN: Final = timedelta(seconds=3)
#: How long keepers may take to end.
END_S: Final = 10.0
#: How long it rests before it tries to hear again, how often it asks whether the database still talks to it, and how
#: long that may take to answer.
DEAF_REST_S: Final = 2.0
ASK_EVERY_S: Final = 15.0
ANSWER_S: Final = 5.0
#: How long it waits for its lock before it holds sites without one, which nobody could take over at once.
LOCK_WITHIN_S: Final = 2.0
#: Keepers that read at a time.
READERS: Final = 4
#: Sites that one process holds.
MAX_SITES: Final = 500

SITES = Gauge("forecourt_planner_sites", "Sites that this process plans for")
UNHELD = Gauge("forecourt_planner_unheld_sites", "Sites that shall be planned for and that no planner holds")


class Planner:
    """Holds sites and keeps them. `worker` sees which sites there are, `tenants` what is of each organisation; nudges
    come over a connection of its own to the database at `url`. `forecaster` tells of sites whose own past is too
    short."""

    def __init__(
        self, url: str, *, worker: Pool, tenants: Pool, stations: Batch, clock: Clock,
        forecaster: Forecaster = no_forecasts,
    ) -> None:  # fmt: skip
        self._url = url
        self._worker = worker
        self._tenants = tenants
        self._stations = stations
        self._clock = clock
        self._forecaster = forecaster
        self._holder: UUID = uuid4()
        #: Of a lock that goes with the connection that hears nudges; whether it is held now.
        self._lock = secrets.randbelow(2**31 - 1) + 1
        self._is_locked = False
        #: That is another than was said.
        self._to_say = asyncio.Event()
        self._keepers: dict[int, tuple[SiteKeeper, asyncio.Task[None]]] = {}
        self._gates = Gates(READERS)
        #: When the sites that are kept were last held, by a clock that never jumps.
        self._held_s = clock.monotonic()

    async def run(self) -> None:
        """Hold and keep sites until cancelled; what is held is given back then. Raises TooManyLost where too many
        solvers hang, and whatever ends its hearing or its watch: a planner without them is better begun anew."""
        beside = [asyncio.create_task(self._hear()), asyncio.create_task(self._watch())]
        try:
            await self._rest(LOCK_WITHIN_S, beside)
            while True:
                self._to_say.clear()
                try:
                    await self._look()
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("sites can't be held for now", fault=type(fault).__name__)
                heed_cancel()
                self._gates.lost.check()
                await self._rest(LOOK_EVERY_S, beside)
        finally:
            for task in beside:
                task.cancel()
            await self._drop(*self._keepers)
            await self._leave()

    async def _rest(self, seconds: float, beside: Sequence[asyncio.Task[Any]]) -> None:
        """Until its lock is taken or gone, which others are to know at once, or for so long. Raises what ended what
        goes on `beside`."""
        said: asyncio.Task[Any] = asyncio.create_task(self._to_say.wait())
        try:
            ended, _ = await asyncio.wait({said, *beside}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()
        for task in ended - {said}:
            task.result()

    async def _look(self) -> None:
        """Hold what can be held, and keep exactly that: as many sites as are this planner's share."""
        began_s = self._clock.monotonic()
        async with self._worker.anyone() as conn:
            sites = {site.site_id: site for site in await store.planned_sites(conn)}
            planners = await leases.say_alive(conn, self._holder, LEASE, self._lock if self._is_locked else None)
        share = min(-(-len(sites) // planners), MAX_SITES)
        surplus = sorted(self._keepers)[share:]
        # Others take them only once nobody keeps them here.
        await self._drop(*surplus)
        async with self._worker.anyone() as conn:
            await leases.give_back(conn, self._holder, surplus)
            wanted = [(site.tenant_id, site.site_id) for site in sites.values() if site.site_id not in surplus]
            held = set(await leases.hold_sites(conn, self._holder, wanted, LEASE, share))
            unheld = await leases.count_unheld(conn, list(sites))
        self._held_s = began_s
        UNHELD.set(unheld)
        if unheld and len(held) == MAX_SITES:
            log.error("there are more sites than planners can hold: start another", unheld=unheld)
        await self._drop(*(set(self._keepers) - held))
        self._bury()
        for site_id in held - set(self._keepers):
            self._keep(sites[site_id].tenant_id, site_id)
        SITES.set(len(self._keepers))

    def _keep(self, tenant_id: int, site_id: int) -> None:
        keeper = SiteKeeper(
            tenant_id,
            site_id,
            tenants=self._tenants,
            stations=self._stations,
            clock=self._clock,
            gates=self._gates,
            holder=self._holder,
            forecaster=self._forecaster,
        )
        self._keepers[site_id] = keeper, asyncio.create_task(keeper.run())
        log.info("a site is kept", site=site_id)

    def _bury(self) -> None:
        """Forget keepers that ended by themselves; new ones follow."""
        for site_id, (_, task) in list(self._keepers.items()):
            if task.done():
                log.error("the keeper of a site ended", site=site_id, fault=repr(task.exception()))
                del self._keepers[site_id]

    async def _watch(self) -> None:
        """Give up what can't be held on to, whatever the database is silent about: two that keep one site would tell
        its stations two things."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if self._clock.monotonic() - self._held_s >= (LEASE - LEASE_MARGIN).total_seconds():
                await self._drop(*self._keepers)

    async def _drop(self, *site_ids: int) -> None:
        tasks = [self._keepers.pop(site_id)[1] for site_id in site_ids]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_S)
            log.info("sites are kept no more", sites=site_ids)

    async def _leave(self) -> None:
        try:
            async with self._worker.anyone() as conn:
                await leases.leave(conn, self._holder)
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
                    while True:
                        if not self._is_locked and await leases.take_lock(conn, self._lock):
                            self._is_locked = True
                            self._to_say.set()
                        async for said in conn.notifies(timeout=ASK_EVERY_S):
                            if said.payload.isdecimal():
                                self._wake(int(said.payload))
                        # A connection that was cut without a word stays silent for ever.
                        async with asyncio.timeout(ANSWER_S):
                            await conn.execute("SELECT 1")
            except (psycopg.Error, ForecourtError, OSError) as fault:
                log.warning("the planner hears no nudges", fault=type(fault).__name__)
            finally:
                # The lock is gone with the connection: until there is another, leases alone tell that this one runs.
                if self._is_locked:
                    self._is_locked = False
                    self._to_say.set()
            await asyncio.sleep(DEAF_REST_S)

    def _wake(self, *site_ids: int) -> None:
        for site_id in site_ids:
            known = self._keepers.get(site_id)
            if known is not None:
                known[0].wake()
