"""What a night does for one organisation: write its lake, then what is made of it, each step until it is done, and not
without end: what fails is tried again after longer and longer, MAX_TRIES times a day."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date
from pathlib import Path

import structlog

from forecourt.insight.actions.service import Finder
from forecourt.insight.forecast.making import Forecaster
from forecourt.insight.health.examining import Examiner
from forecourt.insight.lake import store
from forecourt.insight.lake.export import Exporter, Keep
from forecourt.insight.lake.layout import Folder
from forecourt.insight.tries import MAX_TRIES, MAX_WORDS, STEPS, Step, next_try
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)


class Nights:
    """Does nights, of organisations whose lakes lie below `root`. `tenants` is a pool of role forecourt_app. `quick`:
    who is forecast for the first time is so by few looks at the past, until the night after."""

    def __init__(
        self, tenants: Pool, clock: Clock, root: Path, keep: Keep | None = None, *, quick: bool = False
    ) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root
        self._exporter = Exporter(tenants, clock, root, keep)
        self._examiner = Examiner(tenants, clock, root)
        self._do: dict[Step, Callable[[int], Awaitable[object]]] = {
            "written": self._exporter.export,
            "acted": Finder(tenants, clock, root).find,
            "looked": self._look,
            "forecast": Forecaster(tenants, clock, root, quick=quick).make,
        }

    async def is_due(self, tenant_id: int) -> bool:
        """Whether the lake is not of today though it has something to hold, or a step was not done with it; and that
        may be tried now."""
        day = self._day()
        if not await self._is_of(tenant_id, day):
            return await self._has_something(tenant_id) and await self._may(tenant_id, "written", day)
        return any([await self._is_open(tenant_id, step, day) for step in STEPS[1:]])

    async def do(self, tenant_id: int) -> None:
        """Write the lake of an organisation unless there is one of today, and do with it what was not done with it yet.
        What one step fails by keeps no other from being done; what follows the lake waits for one of today."""
        day = self._day()
        if not await self._is_of(tenant_id, day) and await self._has_something(tenant_id):
            await self._try(tenant_id, "written", day)
        if not await self._is_of(tenant_id, day):
            return
        for step in STEPS[1:]:
            with apart("it could not be told whether a step of the night is due", tenant_id=tenant_id, step=step):
                if await self._is_open(tenant_id, step, day):
                    await self._try(tenant_id, step, day)

    async def _try(self, tenant_id: int, step: Step, day: date) -> None:
        """Counted before it begins: what kills its process is not tried without end either."""
        async with self._tenants.tenant(tenant_id) as conn:
            if next_try(await store.find_tries(conn, tenant_id, step), day, self._clock.now()) is None:
                return
            number = await store.begin_try(conn, tenant_id, step, day, self._clock.now())
        with apart("a step of the night failed", tenant_id=tenant_id, step=step, tries=number) as done:
            await self._do[step](tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            if done.fault is None:
                await store.end_tries(conn, tenant_id, step, day)
            else:
                await store.note_reason(conn, tenant_id, step, _reason(done.fault)[:MAX_WORDS])
        if done.fault is not None and number >= MAX_TRIES:
            log.error("a step of the night is given up for today", tenant_id=tenant_id, step=step, tries=number)

    async def _look(self, tenant_id: int) -> None:
        if await self._examiner.is_due(tenant_id):
            await self._examiner.look(tenant_id)

    async def _is_open(self, tenant_id: int, step: Step, day: date) -> bool:
        async with self._tenants.tenant(tenant_id) as conn:
            done = await store.is_done(conn, tenant_id, step, day)
        return not done and await self._may(tenant_id, step, day)

    async def _may(self, tenant_id: int, step: Step, day: date) -> bool:
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            at = next_try(await store.find_tries(conn, tenant_id, step), day, now)
        return at is not None and at <= now

    async def _has_something(self, tenant_id: int) -> bool:
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.has_something(conn, tenant_id)

    async def _is_of(self, tenant_id: int, day: date) -> bool:
        """Whether the lake was written on a day, by UTC."""
        latest = await asyncio.to_thread(Folder(self._root, tenant_id).latest)
        return latest is not None and latest.watermark.astimezone(UTC).date() == day

    def _day(self) -> date:
        return self._clock.now().astimezone(UTC).date()


def _reason(fault: Exception) -> str:
    """In words where it has some, else what it is called: what it says may be of rows."""
    return fault.detail if isinstance(fault, ForecourtError) else type(fault).__name__
