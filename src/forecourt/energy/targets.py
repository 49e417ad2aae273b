"""Sessions that have what they were said to end with: their stations are asked to stop them.

Asked by the minute, so a session may get a little more; where its site is charged smartly its plan ends with a target
of energy anyway.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from forecourt.access.model import Service
from forecourt.energy import store
from forecourt.energy.needs.model import Target, merge, reached
from forecourt.energy.store.targets import MAX_AIMED, Aimed, Connection, list_aimed
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import minor_digits
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions.costing.service import cost_of
from forecourt.sessions.remote.service import ask_to_stop
from forecourt.stations.commands import Commander

log = structlog.get_logger(__name__)

#: A station that didn't stop one is asked again after so long.
AGAIN: Final = timedelta(minutes=5)
#: Stations that are asked at once.
AT_ONCE: Final = 20


class SessionTargets:
    """Idempotent. `worker` sees which organisations there are, `tenants` what is of each."""

    def __init__(
        self, worker: Pool, tenants: Pool, clock: Clock, commander: Commander, discounts: Discounts = no_discounts
    ) -> None:
        self._worker = worker
        self._tenants = tenants
        self._clock = clock
        self._commander = commander
        self._discounts = discounts
        self._asked: Mapping[UUID, datetime] = {}

    async def stop_reached(self) -> None:
        """Have the sessions of all organisations stopped that have what they were to end with."""
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants(conn)
        now, due = self._clock.now(), []
        for tenant_id in tenants:
            due += [(tenant_id, *each) for each in await self._reached(tenant_id, now)]
        before = self._asked
        asked = {each.started.session_id: before.get(each.started.session_id) for _, each, _ in due}
        due = [each for each in due if (at := asked[each[1].started.session_id]) is None or now - at >= AGAIN]
        self._asked = {id: at for id, at in asked.items() if at is not None} | {
            each.started.session_id: now for _, each, _ in due
        }
        gate = asyncio.Semaphore(AT_ONCE)
        ends = await asyncio.gather(*(self._stop(gate, *each) for each in due), return_exceptions=True)
        for end in ends:
            # One that goes wrong in a way that nobody thought of keeps no other from being stopped.
            if isinstance(end, BaseException):
                log.error("a session that has what it should have could not be stopped", exc_info=end)

    async def _reached(self, tenant_id: int, now: datetime) -> list[tuple[Aimed, Target]]:
        async with self._tenants.tenant(tenant_id) as conn:
            aimed = await list_aimed(conn, tenant_id)
            if len(aimed) == MAX_AIMED:
                log.warning("more sessions have a target than are looked at", tenant_id=tenant_id)
            said = await store.said_of(conn, tenant_id, [each.started.session_id for each in aimed])
            wanted = {each: merge(said.get(each.started.session_id, [])).wants for each in aimed}
            costs = {
                each: await _cost(conn, tenant_id, each.started.session_id, now, self._discounts)
                for each, wants in wanted.items()
                if wants.stop_cost is not None
            }
        found = []
        for each, wants in wanted.items():
            target = reached(wants, each.energy_wh, each.soc_pct, now, costs.get(each))
            if target is not None:
                found.append((each, target))
        return found

    async def _stop(self, gate: asyncio.Semaphore, tenant_id: int, aimed: Aimed, target: Target) -> None:
        told = {"tenant_id": tenant_id, "session": str(aimed.started.session_id), "target": target}
        asker = Service(tenant_id=tenant_id, id="session-target", name="Target of the session")
        async with gate:
            try:
                answer, _ = await ask_to_stop(self._commander, asker, aimed.started)
            except ForecourtError as fault:
                log.info("a session that has what it should have could not be stopped", fault=fault.code, **told)
                return
        log.info("a session has what it should have", obeyed=answer.accepted, **told)


async def _cost(
    conn: Connection, tenant_id: int, session_id: UUID, now: datetime, discounts: Discounts
) -> Decimal | None:
    """What a session costs so far, in the major unit with taxes; None where no tariff counts."""
    cost = await cost_of(conn, tenant_id, session_id, now, discounts)
    if cost.incl_vat is None:
        return None
    return Decimal(cost.incl_vat.amount).scaleb(-minor_digits(cost.incl_vat.currency))
