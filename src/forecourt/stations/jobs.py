"""Housekeeping: the message log, and what gateways and web processes that died left behind.

Making and dropping a partition locks the log against its writers, and a lock that waits for one slow reader holds up
all who come after it. So each is a transaction of its own, which gives up soon and is tried again at the next run.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg import AsyncConnection

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.store.knocks import forget_knocks

log = structlog.get_logger(__name__)

#: Partitions of the message log are made this many days ahead.
DAYS_AHEAD = 3
#: The message log keeps this many days, and no more than this volume: the oldest day goes first.
KEEP_DAYS = 30
KEEP_BYTES = 20 * 1024**3
#: Writers of the log wait this long at the most for housekeeping that waits for a reader.
LOCK_TIMEOUT_MS = 1_000
#: Messages without a partition of their own that are deleted in one transaction.
STRAYS_AT_ONCE = 20_000
#: A gateway whose lease ran out this long ago is dead: its stations are unlinked from it, and it is forgotten. One that
#: was only frozen finds out by itself and lets its stations connect anew.
GATEWAY_GONE_S = 60.0
#: A command that is this old and still counts as sent was asked by a process that died: nobody waits for so long.
COMMAND_ABANDONED_S = 300.0
#: Who was refused is kept for so long after the last time.
KEEP_KNOCKS = timedelta(days=14)
#: Rows that such housekeeping changes in one transaction.
ROWS_AT_ONCE = 1_000


#: How to begin a transaction that commits on leaving.
Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]


async def make_message_partitions(transaction: Transaction, today: date) -> None:
    """Make the partitions of today and the next days, each in a transaction of its own. One that can't be made now is
    logged: its messages go to the default partition meanwhile."""
    for ahead in range(DAYS_AHEAD + 1):
        await _alone(transaction, "SELECT stations_make_message_partition(%s)", (today + timedelta(days=ahead),))


async def _alone(transaction: Transaction, statement: LiteralString, parameters: Sequence[Any]) -> Any:
    """What one statement of housekeeping returned; None, and a line in the log, where it met others at work."""
    try:
        async with transaction() as connection:
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            row = await (await connection.execute(statement, parameters)).fetchone()
            return None if row is None else row[0]
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.QueryCanceled) as fault:
        log.warning("housekeeping of the message log is put off", fault=type(fault).__name__, statement=statement)
        return None


class StationJobs:
    """Periodic work, safe to run at any time and by several workers."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def tend_kept(self) -> None:
        """What is kept for a time is let go when that is over: messages, and who was refused."""
        await self.tidy_knocks()
        await self.tend_message_log()

    async def tend_message_log(self) -> list[str]:
        """Make the partitions of the next days and drop what is beyond the budget; the names dropped."""
        today = self._clock.now().date()
        await make_message_partitions(self._pool.anyone, today)
        dropped = await self._drop_beyond_budget(today)
        if dropped:
            log.info("days of the message log were dropped", partitions=dropped)
        return dropped

    async def tend_directory(self) -> int:
        """Clean the directory of gateways that died; how many stations were unlinked."""
        unlinked = await self._all(lambda conn: store.unlink_from_the_dead(conn, GATEWAY_GONE_S, ROWS_AT_ONCE))
        removed = await self._all(lambda conn: store.remove_dead_gateways(conn, GATEWAY_GONE_S, ROWS_AT_ONCE))
        if unlinked or removed:
            log.info("the directory was cleaned of dead gateways", gateways=removed, stations=unlinked)
        return unlinked

    async def end_abandoned_commands(self) -> int:
        """End the commands of processes that died while they waited, as of unknown outcome; how many."""
        now = self._clock.now()
        before = now - timedelta(seconds=COMMAND_ABANDONED_S)
        ended = await self._all(lambda conn: store.end_abandoned_commands(conn, before, now, ROWS_AT_ONCE))
        if ended:
            log.info("commands that nobody waits for were ended", commands=ended)
        return ended

    async def tidy_knocks(self) -> int:
        """Forget who was refused long ago; how many."""
        now = self._clock.now()
        gone = await self._all(lambda conn: forget_knocks(conn, now - KEEP_KNOCKS, now, ROWS_AT_ONCE))
        if gone:
            log.info("knocks of long ago were forgotten", knocks=gone)
        return gone

    async def _all(self, step: Callable[[AsyncConnection[Any]], Awaitable[int]]) -> int:
        """Repeat a step that changes ROWS_AT_ONCE rows at the most, each time in a transaction of its own."""
        changed = 0
        while True:
            async with self._pool.anyone() as connection:
                done = await step(connection)
            changed += done
            if done < ROWS_AT_ONCE:
                return changed

    async def _drop_beyond_budget(self, today: date) -> list[str]:
        """Drop days that are too old, then the oldest until the volume fits; never today."""
        async with self._pool.anyone() as connection:
            rows = await (
                await connection.execute("SELECT name, day, bytes FROM stations_message_partitions()")
            ).fetchall()
            strays = await (await connection.execute("SELECT stations_stray_message_bytes()")).fetchone()
        assert strays is not None
        volume = int(strays[0]) + sum(size for _, _, size in rows)
        dropped = []
        for name, day, size in rows:
            if day >= today or (today - day <= timedelta(days=KEEP_DAYS) and volume <= KEEP_BYTES):
                continue
            if await _alone(self._pool.anyone, "SELECT stations_drop_message_partition(%s)", (name,)) is not None:
                dropped.append(name)
                volume -= size
        kept_from = today if volume > KEEP_BYTES else today - timedelta(days=KEEP_DAYS)
        await self._drop_strays(datetime.combine(kept_from, time(), UTC))
        return dropped

    async def _drop_strays(self, before: datetime) -> None:
        """Delete messages that came before their partition was made, a bounded number in each transaction."""
        statement: LiteralString = "SELECT stations_drop_stray_messages(%s, %s)"
        while await _alone(self._pool.anyone, statement, (before, STRAYS_AT_ONCE)) == STRAYS_AT_ONCE:
            pass
