"""Housekeeping of the message log and the directory."""

from datetime import timedelta

import structlog

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Partitions of the message log are made this many days ahead.
DAYS_AHEAD = 3
#: The message log keeps this many days, and no more than this volume: the oldest day goes first.
KEEP_DAYS = 30
KEEP_BYTES = 20 * 1024**3


class StationJobs:
    """Periodic work, safe to run at any time and by several workers."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def tend_message_log(self) -> list[str]:
        """Make the partitions of the next days and drop those beyond the budget; the names dropped."""
        today = self._clock.now().date()
        dropped = []
        async with self._pool.anyone() as connection:
            for ahead in range(DAYS_AHEAD + 1):
                await connection.execute("SELECT stations_make_message_partition(%s)", (today + timedelta(days=ahead),))
            rows = await (
                await connection.execute("SELECT name, day, bytes FROM stations_message_partitions()")
            ).fetchall()
            volume = sum(size for _, _, size in rows)
            for name, day, size in rows:
                if day >= today or (today - day <= timedelta(days=KEEP_DAYS) and volume <= KEEP_BYTES):
                    continue
                await connection.execute("SELECT stations_drop_message_partition(%s)", (name,))
                dropped.append(name)
                volume -= size
        if dropped:
            log.info("days of the message log were dropped", partitions=dropped)
        return dropped
