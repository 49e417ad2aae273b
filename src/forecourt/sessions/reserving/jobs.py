"""What follows a hold: the station is asked to keep it, and to let go; and who begins there all the same is stopped."""

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from forecourt.ocpp.neutral import CancelReservation, Reserve
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.sessions import store as sessions
from forecourt.sessions.remote.service import ask_to_stop
from forecourt.sessions.reserving import service, store
from forecourt.sessions.reserving.model import KEPT, UNUSABLE_ANSWERS, How, Reservation
from forecourt.stations.commands import Commander, StationUnknown

log = structlog.get_logger(__name__)

#: Holds forgotten at once.
FORGOTTEN_AT_ONCE: Final = 10_000


class ReservationJobs:
    """Durable follow-up work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, commander: Commander) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._commander = commander

    async def made(self, *, tenant_id: int, subject: str) -> None:
        """An EVSE is held: its station is asked to keep it. One that can't is no reason to let go: who else comes is
        refused by us. One that is out of reach, or whose connector can't be used, is."""
        held = await self._find(tenant_id, subject)
        now = self._clock.now()
        if held is None or held.ended_at is not None or held.until_at <= now:
            return
        command = Reserve(id=held.number, evse=held.evse, token=held.token, until=held.until_at)
        try:
            answer, _ = await self._commander.command(tenant_id, held.station, command, str(service.keeper(tenant_id)))
        except ForecourtError as fault:
            log.info("a station was not asked to keep a connector", station=held.station, fault=fault.code)
            # What was surely not sent did not reach a station: nobody can charge there either.
            await self._note(held, False if fault.unsent else None, fault.code, usable=not fault.unsent)
            return
        await self._note(held, answer.accepted, answer.status, usable=answer.status not in UNUSABLE_ANSWERS)

    async def _note(self, held: Reservation, at_station: bool | None, said: str, *, usable: bool) -> None:
        async with self._tenants.tenant(held.tenant_id) as conn:
            await store.note_answer(conn, held.tenant_id, held.reservation_id, at_station, said)
            if not usable:
                await service.let_go(conn, held.tenant_id, held.reservation_id, How.UNUSABLE, self._clock.now())
        if usable and at_station is not False:
            # It may have ended while the station was being asked.
            now = await self._find(held.tenant_id, str(held.reservation_id))
            if now is not None and now.ended_at is not None:
                await self.ended(tenant_id=held.tenant_id, subject=str(held.reservation_id))

    async def ended(self, *, tenant_id: int, subject: str) -> None:
        """A hold is over: the station lets go too, unless the session that began there used it up."""
        held = await self._find(tenant_id, subject)
        if held is None or held.at_station is False or held.how is How.USED or held.until_at <= self._clock.now():
            return
        try:
            await self._commander.command(
                tenant_id, held.station, CancelReservation(id=held.number), str(service.keeper(tenant_id))
            )
        except ForecourtError as fault:
            # It forgets it by itself when its time is over.
            log.info("a station was not asked to let go of a connector", station=held.station, fault=fault.code)

    async def started(self, *, tenant_id: int, subject: str) -> None:
        """A session began: at a held connector it uses the hold up, or is stopped if it is somebody else's. Raises as
        `Commander.command`: tried again then."""
        session_id, now = UUID(subject), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            session = await store.find_started(conn, tenant_id, session_id)
            if session is None or session.evse is None or session.token_uid is None:
                return
            held = await _held(conn, session, tenant_id, now)
            if held is None:
                return
            if held.admits(session.token_uid):
                await service.let_go(conn, tenant_id, held.reservation_id, How.USED, session.started_at)
                return
            started = await sessions.find_started(conn, tenant_id, subject)
        if session.over or started is None or session.token_type == "NoAuthorization":
            return
        try:
            answer, _ = await ask_to_stop(self._commander, service.keeper(tenant_id), started)
        except StationUnknown:
            return
        log.info("a session at a held connector was stopped", session=subject, obeyed=answer.accepted)

    async def forget(self) -> int:
        """Forgets what is too old to matter; how many."""
        async with self._worker.anyone() as conn:
            return await store.forget(conn, self._clock.now() - KEPT, FORGOTTEN_AT_ONCE)

    async def _find(self, tenant_id: int, subject: str) -> Reservation | None:
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.find(conn, tenant_id, UUID(subject))


async def _held(conn: store.Connection, session: store.StartedAt, tenant_id: int, now: datetime) -> Reservation | None:
    """The hold that a session began under, or that it is under now: a car may have been plugged in before."""
    assert session.evse is not None
    held = await store.find_held(conn, tenant_id, session.station_id, session.evse, session.started_at)
    if held is not None or session.over:
        return held
    current = await store.find_open(conn, tenant_id, session.station_id, session.evse)
    return current if current is not None and current.holds_at(now) else None
