"""Telling stations of costs: while sessions run, when they begin, and when they are priced."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.pricing.model import Circumstances, Tariff
from forecourt.pricing.service import find_version
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.costing.service import cost_of
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.sessions.told import model, store
from forecourt.sessions.told.model import Call, Hearer
from forecourt.stations.commands import Commander
from forecourt.ui.formats import money

log = structlog.get_logger(__name__)

#: A station is told of a session no more often than this, and only where the cost is another.
REST: Final = timedelta(seconds=55)
#: Stations that are told at once.
AT_ONCE: Final = 20
#: Who tells, as the record of calls has it.
TELLER: Final = "costs"


class _Costly(Struct, frozen=True, kw_only=True):
    """What a session costs by a tariff, as there is something to tell."""

    hearer: Hearer
    cost: SessionCost
    tariff: Tariff


class ToldJobs:
    """`pool` is of role forecourt_worker, `tenants` of forecourt_app. A station that doesn't answer is told the next
    cost, and never twice what is told once."""

    def __init__(
        self, pool: Pool, tenants: Pool, clock: Clock, commander: Commander, discounts: Discounts = no_discounts
    ) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._commander = commander
        self._discounts = discounts

    async def tell_running(self) -> int:
        """Tell stations what their running sessions cost by now, where that is another than they were told; how many
        calls were answered."""
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants_with_open(conn)
        told = 0
        for tenant_id in tenants:
            told += await self._tell_running_of(tenant_id)
        return told

    async def _tell_running_of(self, tenant_id: int) -> int:
        now, calls = self._clock.now(), list[tuple[Hearer, Call]]()
        async with self._tenants.tenant(tenant_id) as conn:
            for hearer in await store.list_hearers(conn, tenant_id, now - REST):
                costly = await self._costly(conn, tenant_id, hearer)
                call, minor = None, None
                if costly is not None and costly.cost.incl_vat is not None:
                    minor = costly.cost.incl_vat.amount
                    if minor != hearer.told_minor:
                        call = model.running(hearer, costly.cost.incl_vat, costly.tariff, now)
                # Noted before it is sent: one that is not answered is followed by the next, not by itself.
                await store.note_told(conn, tenant_id, hearer, minor, now)
                if call is not None:
                    calls.append((hearer, call))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(hearer: Hearer, call: Call) -> bool:
            async with gate:
                return await self._send(tenant_id, hearer, call)

        return sum(await asyncio.gather(*(one(hearer, call) for hearer, call in calls)))

    async def tell_price(self, *, tenant_id: int, subject: str) -> None:
        """A session has begun: its station is told, once, what its driver pays."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            hearer = await store.find_hearer(conn, tenant_id, UUID(subject))
            costly = None if hearer is None else await self._costly(conn, tenant_id, hearer)
            call = None if costly is None else model.price(costly.hearer, costly.tariff, Circumstances())
            if costly is None or call is None or not await store.note_priced(conn, tenant_id, costly.hearer, now):
                return
        await self._send(tenant_id, costly.hearer, call)

    async def tell_final(self, *, tenant_id: int, subject: str) -> None:
        """The cost of a session is final: its station is told, once, what it came to."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            hearer = await store.find_hearer(conn, tenant_id, UUID(subject))
            costly = None if hearer is None else await self._costly(conn, tenant_id, hearer)
            if costly is None or costly.cost.incl_vat is None or not costly.cost.final:
                return
            total = costly.cost.incl_vat
            call = model.final(costly.hearer, total, money(total.amount, total.currency))
            if call is None or not await store.note_ended(conn, tenant_id, costly.hearer, now):
                return
        await self._send(tenant_id, costly.hearer, call)

    async def _costly(self, conn: store.Connection, tenant_id: int, hearer: Hearer) -> _Costly | None:
        try:
            cost = await cost_of(conn, tenant_id, hearer.session_id, self._clock.now(), self._discounts)
        except SessionUnknown:
            return None
        if cost.tariff is None or cost.incl_vat is None:
            return None
        version = await find_version(conn, tenant_id, cost.tariff.tariff_id, cost.tariff.version)
        return _Costly(hearer=hearer, cost=cost, tariff=version.tariff)

    async def _send(self, tenant_id: int, hearer: Hearer, call: Call) -> bool:
        """Whether the station answered; what it lacks or that it is away is no reason to try again."""
        try:
            await self._commander.call(tenant_id, hearer.station, call.action, call.payload, TELLER)
        except ForecourtError as fault:
            log.info("a station was not told of a cost", station=hearer.station, action=call.action, fault=fault.code)
            return False
        return True
