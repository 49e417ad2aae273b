"""What follows remote starts: linking them to their sessions, and giving up those without one.

Each job is idempotent, and links under a lock of its station, so that a start has one session at the most and a session
one start, however many workers there are and however often a start is replayed.
"""

import structlog

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.remote import store
from forecourt.sessions.remote.events import EXPIRED, FAILED
from forecourt.sessions.remote.model import EXPIRY_GRACE, INTERRUPTED, NO_SESSION_CAME, NOBODY_PLUGGED_IN, Status
from forecourt.sessions.remote.service import link
from forecourt.sessions.remote.store import DUE_AT_ONCE, Due

log = structlog.get_logger(__name__)


class RemoteStartJobs:
    """Durable follow-up work, each piece in a transaction of its tenant."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock

    async def link_session(self, *, tenant_id: int, subject: str) -> None:
        """A session started: link the starts it may have come from, each to the first that fits it."""
        async with self._tenants.tenant(tenant_id) as connection:
            candidates = await store.list_candidates(connection, tenant_id, subject)
            if not candidates:
                return
            await store.hold(connection, candidates[0][1])
            for request_id, _ in candidates:
                await link(connection, tenant_id, request_id, self._clock.now())

    async def expire_freed(self, *, tenant_id: int, subject: str) -> None:
        """A connector, `station_id.evse`, went back to Available from Preparing: nobody charges there any more."""
        station_id, evse = map(int, subject.split("."))
        async with self._tenants.tenant(tenant_id) as connection:
            freed = await store.list_freed(connection, tenant_id, station_id, evse)
        for due in freed:
            await self._give_up(tenant_id, due)

    async def settle_due(self) -> int:
        """Settle the starts whose time is over; how many had no session."""
        before = self._clock.now() - EXPIRY_GRACE
        async with self._worker.anyone() as connection:
            tenants = await store.list_tenants_with_due(connection, before)
        given_up = 0
        for tenant_id in tenants:
            page: list[Due] | None = None
            while page is None or len(page) == DUE_AT_ONCE:
                async with self._tenants.tenant(tenant_id) as connection:
                    page = await store.list_due(connection, tenant_id, before)
                for due in page:
                    given_up += await self._give_up(tenant_id, due)
        if given_up:
            log.info("remote starts without a session were given up", starts=given_up)
        return given_up

    async def _give_up(self, tenant_id: int, due: Due) -> bool:
        """Settle a start as one without a session, unless a session came or somebody else was quicker."""
        now = self._clock.now()
        status, event, reason = Status.EXPIRED, EXPIRED, NO_SESSION_CAME
        if due.freed_at is not None:
            reason = NOBODY_PLUGGED_IN
        elif due.status == Status.REQUESTED:
            status, event, reason = Status.FAILED, FAILED, INTERRUPTED
        async with self._tenants.tenant(tenant_id) as connection:
            await store.hold(connection, due.station_id)
            await link(connection, tenant_id, due.request_id, now)
            over_at = due.freed_at or now
            if not await store.give_up(connection, tenant_id, due.request_id, status, reason, now, over_at):
                return False
            # An interrupted one was in no state to be linked by its token before.
            if await link(connection, tenant_id, due.request_id, now) is not None:
                return False
            await store.announce(connection, tenant_id, event, due.request_id)
            return True
