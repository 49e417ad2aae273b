"""Cars that named themselves at stations, for as long as their drivers may claim them."""

from datetime import timedelta
from typing import Final

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: They are kept for so long.
KEEP: Final = timedelta(days=2)
FORGOTTEN_AT_ONCE: Final = 5_000


class CarJobs:
    """`pool` is of role forecourt_worker."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._worker = pool
        self._clock = clock

    async def tidy(self) -> int:
        """Forgets cars that were seen too long ago; how many."""
        forgotten = 0
        while True:
            async with self._worker.anyone() as conn:
                cursor = await conn.execute(
                    "DELETE FROM cars_seen WHERE (tenant_id, station_id, uid_key) IN (SELECT tenant_id, station_id,"
                    " uid_key FROM cars_seen WHERE seen_at < %s LIMIT %s)",
                    (self._clock.now() - KEEP, FORGOTTEN_AT_ONCE),
                )
            forgotten += cursor.rowcount
            if cursor.rowcount < FORGOTTEN_AT_ONCE:
                return forgotten
