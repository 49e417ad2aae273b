"""Asking stations of OCPP 2.1 to let a session go by their own profile for priority, where its driver wants to charge
faster (2.1 K21).

That profile is not ours, and nobody here knows what it allows: so a station is asked only where the tree bears all
that its EVSE can beside what all others may draw, and counts with all of it from then on, until it has said no or it is
over.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
import structlog
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.energy.dispatch.standing import Standing, may_draw
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.keeper.telling import ASKED_BY
from forecourt.energy.needs.model import Needs, Priority, Source
from forecourt.energy.planning.limits import Room
from forecourt.energy.rows import Flows
from forecourt.energy.store import priorities as store
from forecourt.energy.store.leases import keep_lease
from forecourt.energy.store.priorities import PriorityAsk
from forecourt.ocpp.neutral import CommandAnswer, UsePriorityCharging
from forecourt.platform.clock import Clock, is_within
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch, Entered, Told

log = structlog.get_logger(__name__)

#: How long a station is left alone that has answered nothing.
REST: Final = timedelta(seconds=60)
_ASKERS: Final = frozenset({Source.DRIVER, Source.API})


class _Ask(Struct, frozen=True, kw_only=True):
    session_id: UUID
    station: str
    station_id: int
    command: UsePriorityCharging


def wants_speed(needs: Needs) -> bool:
    """Whether a driver, or a program for them, asked for it of this session. What is usual for a token asks nobody."""
    return needs.wants.priority is Priority.HIGH and needs.sources.get("priority") in _ASKERS


class Priorities:
    """Owns what is under way; what is known is in the database. Asks as long as it is the `holder`."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, stations: Batch, clock: Clock, holder: UUID | None
    ) -> None:
        self.tenant_id, self.site_id = tenant_id, site_id
        self._tenants = tenants
        self._stations = stations
        self._clock = clock
        self._holder = holder
        self.asking: set[asyncio.Task[None]] = set()

    async def ask(self, reading: Reading, room: Room) -> None:
        """Ask where it is time to; the answers are waited for elsewhere. `reading`: as it is after all was told."""
        now = self._clock.now()
        asks = _due(reading, room, now)
        if not asks:
            return
        async with self._tenants.tenant(self.tenant_id) as conn:
            if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                return
            for each in asks:
                await store.keep_ask(
                    conn, self.tenant_id, each.station_id, each.session_id, now, wanted=each.command.activate
                )
            asked = [(each.station, each.command) for each in asks]
            entered, unsent = await self._stations.enter(conn, self.tenant_id, asked, ASKED_BY, spare=True)
            await self._settle(conn, asks, unsent)
        task = asyncio.create_task(self._carry(asks, entered))
        self.asking.add(task)
        task.add_done_callback(self.asking.discard)

    async def _carry(self, asks: Sequence[_Ask], entered: list[Entered]) -> None:
        async def keep(conn: AsyncConnection[Any], told: Sequence[Told]) -> None:
            await self._settle(conn, asks, told)

        try:
            async with aclosing(self._stations.carry(self.tenant_id, entered, urgent=False, keep=keep)) as coming:
                async for _ in coming:
                    pass
        except (psycopg.Error, ForecourtError, OSError) as fault:
            # It counts as asked, and is asked again.
            log.warning("stations could not be asked for priority", site=self.site_id, fault=repr(fault))

    async def _settle(self, conn: AsyncConnection[Any], asks: Sequence[_Ask], told: Sequence[Told]) -> None:
        of = {(each.station, each.command): each.session_id for each in asks}
        for each in told:
            assert isinstance(each.command, UsePriorityCharging)
            answer = each.answer
            said = answer.status if isinstance(answer, CommandAnswer) else answer.code
            # What never reached it is as good as refused; to begin it is asked again when the driver asks again.
            accepted = None if not getattr(answer, "unsent", False) else False
            if isinstance(answer, CommandAnswer):
                accepted = answer.accepted
            await store.settle_ask(
                conn, self.tenant_id, of[each.identity, each.command], self._clock.now(),
                wanted=each.command.activate, accepted=accepted, status=said,
            )  # fmt: skip


def _due(reading: Reading, room: Room, now: datetime) -> list[_Ask]:
    """Who is asked now: to end it first, and to begin as far as the tree bears it."""
    known, found = reading.known, list[_Ask]()
    may_a = np.array([may_draw(standing, now)[0] for standing in known.standings], dtype=np.float64) / 1000
    flows = Flows(room.now(), may_a)
    number_of = known.tree.numbers
    for car in known.cars:
        link, number = reading.links.get(car.station), number_of[car.evse_id]
        if link is None or not link.connected or car.station not in reading.prioritising:
            continue
        activate = asked_now(car.needs, reading.priority_asks.get(car.session_id), now)
        most_a = known.standings[number].max_ma / 1000
        if activate is None or (activate and not _fits(known.standings[number], flows, number, most_a, now)):
            continue
        if activate:
            flows.put(number, most_a)
        command = UsePriorityCharging(transaction_id=car.transaction_id, activate=activate)
        found.append(_Ask(session_id=car.session_id, station=car.station, station_id=link.station_id, command=command))
    return found


def asked_now(needs: Needs, last: PriorityAsk | None, now: datetime) -> bool | None:
    """What the station of a session is to be asked; None: nothing."""
    wants = wants_speed(needs)
    if needs.sources.get("priority") is Source.STATION:
        # Its driver pressed a button there; the station knows best.
        return None
    if last is None:
        return True if wants else None
    if last.wanted != wants and (wants or last.active):
        return wants
    # As long as it may go by its own profile nobody else has what it counts with: it is asked until it has ended it.
    open_still = last.accepted is None or (last.active and not wants)
    return wants if last.wanted == wants and open_still and not is_within(now, last.asked_at, REST) else None


def _fits(standing: Standing, flows: Flows, number: int, most_a: float, now: datetime) -> bool:
    return standing.silent_since is None and flows.room(number) >= most_a
