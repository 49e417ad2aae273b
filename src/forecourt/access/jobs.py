"""What the worker forgets of the audit, when it was kept for as long as the deployment wants."""

from datetime import timedelta
from typing import Final

import structlog

from forecourt.access import store
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Entries that are deleted in one transaction.
FORGOTTEN_AT_ONCE: Final = 5_000


class AccessJobs:
    """Periodic work, safe to run at any time and by several workers. `pool` is of role forecourt_worker; `keep_audit`
    None: for ever."""

    def __init__(self, pool: Pool, clock: Clock, keep_audit: timedelta | None = None) -> None:
        self._pool = pool
        self._clock = clock
        self._keep_audit = keep_audit

    async def forget_audit(self) -> int:
        """Forget entries that are older than they are kept, in transactions of their own; how many."""
        if self._keep_audit is None:
            return 0
        before = self._clock.now() - self._keep_audit
        forgotten, more = 0, FORGOTTEN_AT_ONCE
        while more == FORGOTTEN_AT_ONCE:
            async with self._pool.anyone() as conn:
                more = await store.forget_audit(conn, before, FORGOTTEN_AT_ONCE)
            forgotten += more
        if forgotten:
            log.info("old entries of the audit were forgotten", entries=forgotten)
        return forgotten
