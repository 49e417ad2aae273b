"""Tries what is due, again and again: the part of the worker that never ends."""

import asyncio
from typing import Final

import psycopg
import structlog

from forecourt.platform.database import DatabaseBusy, Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch
from forecourt.stations.desired import store
from forecourt.stations.desired.bring import AT_ONCE, Bringer

log = structlog.get_logger(__name__)

#: Tries in the air of one process, of one organisation in it, and begun at once of that.
MOST_IN_AIR: Final = 5_000
MOST_OF_ONE: Final = 2_500
EACH_ORGANISATION: Final = 500
#: How long it rests when nothing is due, and when the database is away.
REST_S: Final = 0.5
AWAY_REST_S: Final = 2.0
#: How long an organisation is left alone with which something went wrong.
ILL_REST_S: Final = 30.0


class Reconciler:
    """Sends what is due, of every organisation, for as long as it runs. `worker` is of role forecourt_worker."""

    def __init__(self, worker: Pool, bringer: Bringer, batch: Batch) -> None:
        self._worker = worker
        self._bringer = bringer
        self._clock = batch.clock
        #: Whose tries, and how many.
        self._in_air: dict[asyncio.Task[None], tuple[int, int]] = {}
        #: Who was served last: whoever comes after it is first.
        self._last = 0
        self._ill_until_s: dict[int, float] = {}

    async def run(self) -> None:
        """Reconcile until cancelled; what is in the air then is tried anew when its time is over."""
        try:
            while True:
                try:
                    rest_s = 0.0 if await self.begin() else REST_S
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("desired state waits for the database", fault=type(fault).__name__)
                    rest_s = AWAY_REST_S
                await asyncio.sleep(rest_s)
        finally:
            for task in self._in_air:
                task.cancel()
            await asyncio.gather(*self._in_air, return_exceptions=True)

    async def settle(self) -> int:
        """Send all that is due now and wait for what comes of it; how many were sent or settled."""
        done = 0
        while begun := await self.begin():
            done += begun
            await asyncio.gather(*self._in_air)
        return done

    async def begin(self) -> int:
        """Begin as many tries as may be in the air; how many."""
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants_due(conn, self._clock.now())
        begun = 0
        for tenant_id in sorted(tenants, key=lambda each: (each <= self._last, each)):
            room = MOST_IN_AIR - sum(taken for _, taken in self._in_air.values())
            if room <= 0:
                break
            theirs = MOST_OF_ONE - sum(taken for whose, taken in self._in_air.values() if whose == tenant_id)
            if theirs <= 0 or self._ill_until_s.get(tenant_id, 0.0) > self._clock.monotonic():
                continue
            self._last = tenant_id
            begun += await self._begin(tenant_id, min(room, theirs, AT_ONCE, EACH_ORGANISATION))
        return begun

    async def _begin(self, tenant_id: int, most: int) -> int:
        """What goes wrong with one organisation holds no other one up."""
        try:
            taken, task = await self._bringer.begin_due(tenant_id, most)
        except (psycopg.OperationalError, DatabaseBusy):
            raise
        except Exception:
            log.exception("what is wanted of an organisation's stations can't be sent", tenant_id=tenant_id)
            self._ill_until_s[tenant_id] = self._clock.monotonic() + ILL_REST_S
            return 0
        if task is not None:
            self._in_air[task] = tenant_id, taken
            task.add_done_callback(self._land)
        return taken

    def _land(self, task: "asyncio.Task[None]") -> None:
        del self._in_air[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("tries were not settled and are made anew", fault=repr(fault))
