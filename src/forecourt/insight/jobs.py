"""What follows sessions, and what the clock does: days that changed are marked, the lake is written every night,
forecasts are made from it, actions found in it, connectors looked at and reports sent, who is erased leaves it; and
where new sites go is chosen when somebody asks."""

from pathlib import Path
from typing import Final
from uuid import UUID

from forecourt.insight.dashboards.answering import FILE_WITHIN_S, Answers
from forecourt.insight.health.examining import Examiner
from forecourt.insight.lake import renaming, store
from forecourt.insight.lake.erasing import Eraser
from forecourt.insight.lake.export import Exporter, Keep
from forecourt.insight.nights import Nights
from forecourt.insight.reports.making import Reporter
from forecourt.insight.reports.store import rename_groups
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
        self._root = root
        self._exporter = Exporter(tenants, clock, root, keep)
        self._eraser = Eraser(tenants, clock, root)
        self._nights = Nights(tenants, clock, root, keep)
        self._siter = Siter(tenants, clock)
        self._examiner = Examiner(tenants, clock, root)
        self._reporter = Reporter(tenants, clock, Answers(root, FILE_WITHIN_S))

    async def session_settled(self, *, tenant_id: int, subject: str) -> None:
        """A session that is over was looked at or priced: its days are to be written anew."""
        async with self._tenants.tenant(tenant_id) as conn:
            await store.mark_session(conn, tenant_id, UUID(subject))

    async def fleet_renamed(self, *, tenant_id: int, subject: str) -> None:
        """A fleet is called otherwise: reports of it are of it as it is called now, and its days are to be written
        anew. Raises LakeBusy while the lake is written: it is tried again."""
        async with self._tenants.tenant(tenant_id) as conn:
            await rename_groups(conn, tenant_id, int(subject))
        await renaming.fleet_renamed(self._tenants, self._root, tenant_id, int(subject))

    async def tariff_renamed(self, *, tenant_id: int, subject: str) -> None:
        """A tariff is called otherwise: its days are to be written anew. Raises LakeBusy while the lake is written: it
        is tried again."""
        await renaming.tariff_renamed(self._tenants, self._root, tenant_id, UUID(subject))

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
        """Organisations for which a night has something to do now."""
        due = []
        for tenant_id in await self._list():
            with apart("it could not be told whether a night is due", tenant_id=tenant_id):
                if await self._nights.is_due(tenant_id):
                    due.append(tenant_id)
        return due

    async def night(self, *, tenant_id: int) -> None:
        """Does what is open of an organisation's night."""
        with apart("a night could not be done", tenant_id=tenant_id):
            await self._nights.do(tenant_id)

    async def contests_due(self) -> list[int]:
        """Organisations with a lake of which no contest of models was held this month."""
        due = []
        for tenant_id in await self._list():
            with apart("it could not be told whether a contest is due", tenant_id=tenant_id):
                if await self._examiner.is_contest_due(tenant_id):
                    due.append(tenant_id)
        return due

    async def contest(self, *, tenant_id: int) -> None:
        """Let a model that learns from an organisation's own failures try to take the place of the one in use, once a
        month."""
        with apart("a contest could not be held", tenant_id=tenant_id):
            if await self._examiner.is_contest_due(tenant_id):
                await self._examiner.contest(tenant_id)

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

    async def _list(self) -> list[int]:
        async with self._pool.anyone() as conn:
            return [number for number, _ in await list_tenants(conn)]
