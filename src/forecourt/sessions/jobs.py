"""What follows a session: the review of what was said of it, and the closing of sessions whose end never came."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from forecourt.platform.bus import BusAway
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.review import closing_time, review
from forecourt.sessions.signed import service as signed
from forecourt.stations.gateway.words import OVER_SUBJECT, Over
from forecourt.stations.store.activities import end_activities, hold_activities, list_tenants_with_activity

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """The side of the bus that is needed here."""

    async def publish(self, subject: str, data: bytes) -> None: ...


class SessionJobs:
    """Durable follow-up work, each piece idempotent, and each session in a transaction of its tenant.

    Without a bus, gateways hear that a session is over when its station speaks.
    """

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, bus: Publisher | None = None) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._bus = bus

    async def review(self, *, tenant_id: int, subject: str) -> None:
        """Note what is odd about a session; noted anew each time something was said of its start or end.

        Those that share its EVSE are looked at again as well: the one that never ends has no review of its own.
        """
        async with self._tenants.tenant(tenant_id) as connection:
            sharing = await store.list_sharing(connection, tenant_id, subject)
        for session_id in (subject, *sharing):
            await self._review(tenant_id, session_id)

    async def _review(self, tenant_id: int, session_id: str) -> None:
        async with self._tenants.tenant(tenant_id) as connection:
            await store.hold(connection, session_id)
            await signed.check(connection, tenant_id, UUID(session_id), self._clock.now())
            evidence = await store.find_evidence(connection, tenant_id, session_id)
            if evidence is not None:
                await store.note(connection, tenant_id, session_id, review(evidence))
                await store.say_reviewed(connection, tenant_id, session_id)

    async def review_sharing(self) -> int:
        """Note that two sessions share an EVSE while both still run, once each; how many were noted.

        When the second started, the first may have been silent; what is said while they run has no review of its own.
        """
        async with self._worker.anyone() as connection:
            tenants = await store.list_tenants_with_sharing(connection)
        noted = 0
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as connection:
                sharing = await store.list_newly_sharing(connection, tenant_id)
            for session_id in sharing:
                await self._review(tenant_id, session_id)
            noted += len(sharing)
        return noted

    async def tell_updates(self, tenants: Sequence[int], since: datetime) -> int:
        """Let others hear of the running sessions of these tenants that were heard since then; how many."""
        told = 0
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as connection:
                told += await store.tell_updated(connection, tenant_id, since)
        return told

    async def close_silent(self) -> int:
        """Close the sessions that evidence says are over, and let nothing be told of connectors by those that are; how
        many were closed."""
        async with self._worker.anyone() as connection:
            tenants = await store.list_tenants_with_silence(connection)
        closed = 0
        for tenant_id in tenants:
            closed += await self._close_silent_of(tenant_id)
        if closed:
            log.info("sessions without an end were closed from evidence", sessions=closed)
        await self._end_activities()
        return closed

    async def _end_activities(self) -> None:
        """What a session said last stays with its connector when its end never comes, or comes before other words."""
        async with self._worker.anyone() as connection:
            tenants = await list_tenants_with_activity(connection)
        for tenant_id in tenants:
            while await self._end_some_activities(tenant_id):
                pass

    async def _end_some_activities(self, tenant_id: int) -> bool:
        """Whether there may be more of them. A session that starts meanwhile is seen by the second look, or waits with
        what it says of its connector until this has ended what was said before."""
        at = self._clock.now()
        async with self._tenants.tenant(tenant_id) as connection:
            left = await store.list_left(connection, tenant_id)
            held = await hold_activities(connection, tenant_id, left) if left else []
            places = await store.list_still_left(connection, tenant_id, held) if held else []
            ended = await end_activities(connection, tenant_id, places) if places else []
        if ended and self._bus is not None:
            try:
                await self._bus.publish(OVER_SUBJECT, msgspec.json.encode(Over(evses=ended, at=at)))
            except BusAway:
                log.warning("gateways were not told of sessions that are over", connectors=len(ended))
        return len(left) == store.MAX_LEFT and bool(held)

    async def _close_silent_of(self, tenant_id: int) -> int:
        """Page through a tenant's silent sessions, and close each in a transaction of its own: ingest writes the same
        rows, and must never wait for more than one of them."""
        closed = 0
        page: list[store.Silent] = []
        while True:
            after = page[-1].place if page else store.FIRST_PLACE
            async with self._tenants.tenant(tenant_id) as connection:
                page = await store.list_silent(connection, tenant_id, self._clock.now(), after)
            for silent in page:
                at = closing_time(silent.silence)
                if at is not None:
                    async with self._tenants.tenant(tenant_id) as connection:
                        closed += await store.close(connection, tenant_id, silent, at)
            if len(page) < store.MAX_SILENT:
                return closed
