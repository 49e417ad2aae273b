"""What follows sessions, and what the clock does: days that changed are marked, the lake is written every night,
forecasts are made from it, actions found in it, connectors looked at and reports sent, who is erased leaves it; and
where new sites go is chosen when somebody asks."""

import asyncio
import contextlib
from datetime import UTC
from pathlib import Path
from typing import Final
from uuid import UUID

from forecourt.insight.actions.service import Finder
from forecourt.insight.dashboards.answering import Answers
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
        self._reporter = Reporter(tenants, clock, Answers(root))

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

    async def night(self) -> None:
        """What the lakes of today still lack, in this order; what is done is not done again."""
        await self.export_all()
        await self.forecast_all()
        await self.find_actions()
        await self.look_all()

    async def export_all(self) -> int:
        """Write the lake of each organisation that has something to write and none of today; how many."""
        written = 0
        for tenant_id in await self._list():
            with apart("a lake could not be written", tenant_id=tenant_id):
                async with self._tenants.tenant(tenant_id) as conn:
                    wanted = await store.has_something(conn, tenant_id)
                if wanted and not await self._is_of_today(tenant_id):
                    await self._exporter.export(tenant_id)
                    written += 1
        return written

    async def forecast_all(self) -> int:
        """Make the forecasts of each organisation whose lake is of today; how many."""
        made = 0
        for tenant_id in await self._list():
            with apart("forecasts could not be made", tenant_id=tenant_id), contextlib.suppress(LakeMissing):
                if await self._lacks(tenant_id, "forecast_on"):
                    made += (await self._forecaster.make(tenant_id)).forecast
                    await self._done(tenant_id, "forecast_on")
        return made

    async def find_actions(self) -> int:
        """Find the actions of each organisation whose lake is of today, and measure those that were taken; how many are
        open."""
        found = 0
        for tenant_id in await self._list():
            with apart("actions could not be found", tenant_id=tenant_id), contextlib.suppress(LakeMissing):
                if await self._lacks(tenant_id, "acted_on"):
                    found += await self._finder.find(tenant_id)
                    await self._done(tenant_id, "acted_on")
        return found

    async def look_all(self) -> int:
        """Look at the connectors of each organisation whose lake is of today; of how many."""
        looked = 0
        for tenant_id in await self._list():
            with apart("connectors could not be looked at", tenant_id=tenant_id), contextlib.suppress(LakeMissing):
                if await self._lacks(tenant_id, "looked_on"):
                    if await self._examiner.is_due(tenant_id):
                        await self._examiner.look(tenant_id)
                        looked += 1
                    await self._done(tenant_id, "looked_on")
        return looked

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

    async def _is_of_today(self, tenant_id: int) -> bool:
        latest = await asyncio.to_thread(Folder(self._root, tenant_id).latest)
        return latest is not None and latest.watermark.astimezone(UTC).date() == self._clock.now().date()

    async def _lacks(self, tenant_id: int, step: store.Step) -> bool:
        """Whether the lake is of today, and a step was not done with it."""
        if not await self._is_of_today(tenant_id):
            return False
        async with self._tenants.tenant(tenant_id) as conn:
            return not await store.is_done(conn, tenant_id, step, self._clock.now().date())

    async def _done(self, tenant_id: int, step: store.Step) -> None:
        async with self._tenants.tenant(tenant_id) as conn:
            await store.note_done(conn, tenant_id, step, self._clock.now().date())

    async def _list(self) -> list[int]:
        async with self._pool.anyone() as conn:
            return [number for number, _ in await list_tenants(conn)]
