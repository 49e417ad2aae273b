"""What follows sessions, and what the clock does: days that changed are marked, the lake is written every night,
forecasts are made from it, actions found in it, connectors looked at and reports sent, who is erased leaves it; and
where new sites go is chosen when somebody asks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date
from pathlib import Path
from typing import Final
from uuid import UUID

from forecourt.insight.actions.service import Finder
from forecourt.insight.dashboards.answering import FILE_WITHIN_S, Answers
from forecourt.insight.forecast.making import Forecaster
from forecourt.insight.health.examining import Examiner
from forecourt.insight.lake import store
from forecourt.insight.lake.erasing import Eraser
from forecourt.insight.lake.export import Exporter, Keep
from forecourt.insight.lake.layout import Folder, LakeMissing
from forecourt.insight.reports.making import Reporter
from forecourt.insight.siting.jobs import Siter
from forecourt.insight.store import list_tenants
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: The outbox event: somebody wants the lake to be written now; the subject is the organisation.
WANTED: Final = "insight.export"


class InsightJobs:
    """Durable follow-up work, idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app; lakes lie
    below `root`."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, root: Path, keep: Keep | None = None) -> None:
        self._pool = pool
        self._tenants = tenants
        self._clock = clock
        self._root = root
        self._exporter = Exporter(tenants, clock, root, keep)
        self._eraser = Eraser(tenants, clock, root)
        self._forecaster = Forecaster(tenants, clock, root)
        self._finder = Finder(tenants, clock, root)
        self._siter = Siter(tenants, clock)
        self._examiner = Examiner(tenants, clock, root)
        self._reporter = Reporter(tenants, clock, Answers(root, FILE_WITHIN_S))
        #: What a night does with the lake, in this order.
        self._steps: dict[store.Step, Callable[[int], Awaitable[object]]] = {
            "forecast_on": self._forecaster.make,
            "acted_on": self._finder.find,
            "looked_on": self._look,
        }

    async def session_settled(self, *, tenant_id: int, subject: str) -> None:
        """A session that is over was looked at or priced: its days are to be written anew."""
        async with self._tenants.tenant(tenant_id) as conn:
            await store.mark_session(conn, tenant_id, UUID(subject))

    async def erase(self, *, tenant_id: int, subject: str) -> None:
        """Drivers are to be erased from the lake. Raises LakeBusy while it is written: it is tried again, and whoever
        writes next erases first."""
        assert subject == str(tenant_id)
        await self._eraser.erase(tenant_id)

    async def export(self, *, tenant_id: int, subject: str) -> None:
        """Somebody wants the lake of an organisation written now. Raises LakeBusy."""
        assert subject == str(tenant_id)
        await self._exporter.export(tenant_id)

    async def choose_sites(self, *, tenant_id: int, subject: str) -> None:
        """Somebody asked where new sites go; the subject is the study."""
        await self._siter.choose(tenant_id, int(subject))

    async def tend_studies(self) -> int:
        """Have studies of new sites begun anew whose worker died, or whose job was lost; how many."""
        return await self._siter.tend(self._pool)

    async def nights_due(self) -> list[int]:
        """Organisations whose lake is not of today though it has something to hold, or of which a step of the night was
        not done with it."""
        day, due = self._clock.now().date(), []
        for tenant_id in await self._list():
            with apart("it could not be told whether a night is due", tenant_id=tenant_id):
                if await self._is_of(tenant_id, day):
                    lacks = any([await self._lacks(tenant_id, step, day) for step in self._steps])
                else:
                    lacks = await self._has_something(tenant_id)
                if lacks:
                    due.append(tenant_id)
        return due

    async def night(self, *, tenant_id: int) -> None:
        """Write the lake of an organisation unless there is one of today, and do with it what was not done with it yet.
        What one step fails by keeps no other from being done; what follows the lake waits for one of today."""
        day = self._clock.now().date()
        with apart("a lake could not be written", tenant_id=tenant_id):
            if not await self._is_of(tenant_id, day) and await self._has_something(tenant_id):
                await self._exporter.export(tenant_id)
        if not await self._is_of(tenant_id, day):
            return
        for step, do in self._steps.items():
            with apart("a step of the night failed", tenant_id=tenant_id, step=step):
                if await self._lacks(tenant_id, step, day):
                    await do(tenant_id)
                    async with self._tenants.tenant(tenant_id) as conn:
                        await store.note_done(conn, tenant_id, step, day)

    async def contest_all(self) -> int:
        """Let models that learn from each organisation's own failures try to take the place of the ones in use; how
        many did."""
        won = 0
        for tenant_id in await self._list():
            with apart("a contest could not be held", tenant_id=tenant_id), contextlib.suppress(LakeMissing):
                won += (await self._examiner.contest(tenant_id)).won
        return won

    async def report(self, *, tenant_id: int, subject: str) -> None:
        """Somebody wants a report made now; the subject is its run."""
        await self._reporter.make(tenant_id, int(subject))

    async def report_all(self) -> int:
        """Make and send the reports of each organisation that are due; how many."""
        made = 0
        for tenant_id in await self._list():
            with apart("reports could not be made", tenant_id=tenant_id):
                made += await self._reporter.make_due(tenant_id)
        return made

    async def _look(self, tenant_id: int) -> None:
        if await self._examiner.is_due(tenant_id):
            await self._examiner.look(tenant_id)

    async def _has_something(self, tenant_id: int) -> bool:
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.has_something(conn, tenant_id)

    async def _is_of(self, tenant_id: int, day: date) -> bool:
        """Whether the lake was written on a day, by UTC."""
        latest = await asyncio.to_thread(Folder(self._root, tenant_id).latest)
        return latest is not None and latest.watermark.astimezone(UTC).date() == day

    async def _lacks(self, tenant_id: int, step: store.Step, day: date) -> bool:
        async with self._tenants.tenant(tenant_id) as conn:
            return not await store.is_done(conn, tenant_id, step, day)

    async def _list(self) -> list[int]:
        async with self._pool.anyone() as conn:
            return [number for number, _ in await list_tenants(conn)]
