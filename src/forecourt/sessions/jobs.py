"""What follows a session: the review of what was said of it, and the closing of sessions whose end never came."""

import structlog

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.review import closing_time, review

log = structlog.get_logger(__name__)


class SessionJobs:
    """Durable follow-up work, each piece idempotent and in one transaction of its tenant."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock

    async def review(self, *, tenant_id: int, subject: str) -> None:
        """Note what is odd about a session; noted anew each time something was said of its start or end."""
        async with self._tenants.tenant(tenant_id) as connection:
            evidence = await store.find_evidence(connection, tenant_id, subject)
            if evidence is not None:
                await store.note(connection, tenant_id, subject, review(evidence))

    async def close_silent(self) -> int:
        """Close the sessions that evidence says are over; how many."""
        async with self._worker.anyone() as connection:
            tenants = await store.list_tenants_with_silence(connection)
        closed = 0
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as connection:
                for session_id, silence in await store.list_silent(connection, tenant_id, self._clock.now()):
                    at = closing_time(silence, self._clock.now())
                    if at is not None:
                        closed += await store.close(connection, tenant_id, session_id, silence.last_at, at)
        if closed:
            log.info("sessions without an end were closed from evidence", sessions=closed)
        return closed
