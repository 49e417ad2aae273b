"""Housekeeping: the message log, what gateways and web processes that died left behind, and what is old."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.message_log import KEEP_DAYS, keep_within, make_message_partitions
from forecourt.stations.store.knocks import forget_knocks

log = structlog.get_logger(__name__)

#: A gateway whose lease ran out this long ago is dead: its stations are unlinked from it, and it is forgotten. One that
#: was only frozen finds out by itself and lets its stations connect anew.
GATEWAY_GONE_S = 60.0
#: A command that is this old and still counts as sent was asked by a process that died: nobody waits for so long.
COMMAND_ABANDONED_S = 300.0
#: Who was refused is kept for so long after the last time.
KEEP_KNOCKS = timedelta(days=14)
#: Rows that such housekeeping changes in one transaction.
ROWS_AT_ONCE = 1_000
#: What stations said of themselves, and what was asked of them, is kept so long unless a deployment wants otherwise.
KEEP_HISTORY: Final = timedelta(days=400)


#: What programs ask all day long is kept for so long.
KEEP_ROUTINE: Final = timedelta(days=14)

#: Forgets what is from before a time, so many rows at most; how many.
Forget = Callable[[AsyncConnection[Any], datetime, int], Awaitable[int]]


class Keep(Struct, frozen=True, kw_only=True):
    """How long things are kept; None: for ever. `states`: of connectors and connections; `commands`: bulk runs too."""

    messages: timedelta | None = timedelta(days=KEEP_DAYS)
    states: timedelta | None = KEEP_HISTORY
    commands: timedelta | None = KEEP_HISTORY


KEEP: Final = Keep()


class StationJobs:
    """Periodic work, safe to run at any time and by several workers.

    The message log is tended by a pool of its own, if one is given: it may hold a connection for long.
    """

    def __init__(self, pool: Pool, clock: Clock, keep: Keep = KEEP, *, log_pool: Pool | None = None) -> None:
        self._pool = pool
        self._log_pool = pool if log_pool is None else log_pool
        self._clock = clock
        self._keep = keep

    async def prepare_message_log(self) -> None:
        """Make the partitions of today and the next days."""
        await make_message_partitions(self._log_pool.anyone, self._clock.now().date())

    async def tend_message_log(self) -> list[str]:
        """Make the partitions of the next days and take away what is beyond the budget; the names of those that were
        dropped or made smaller."""
        await self.prepare_message_log()
        dropped = await keep_within(self._log_pool, self._clock.now().date(), self._keep.messages)
        if dropped:
            log.info("days of the message log were dropped or made smaller", partitions=dropped)
        return dropped

    async def forget_old(self) -> int:
        """Forget what connectors said, connection gaps, commands and bulk runs that are older than they are kept; how
        many. Of each connector the last word from before that time stays: it says what held then."""
        states, commands = self._keep.states, self._keep.commands
        forgotten = await self._forget(states, store.forget_states)
        forgotten += await self._forget(states, store.forget_gaps)
        forgotten += await self._forget_commands(commands)
        forgotten += await self._forget(KEEP_ROUTINE, store.forget_routine)
        forgotten += await self._forget(commands, store.forget_runs)
        if forgotten:
            log.info("what is older than it is kept was forgotten", rows=forgotten)
        return forgotten

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

    async def _forget(self, kept: timedelta | None, forget: Forget) -> int:
        if kept is None:
            return 0
        before = self._clock.now() - kept
        return await self._all(lambda conn: forget(conn, before, ROWS_AT_ONCE))

    async def _forget_commands(self, kept: timedelta | None) -> int:
        """All that may go is reached in one run, however many stand between that stay."""
        forgotten = 0
        if kept is None:
            return forgotten
        before = self._clock.now() - kept
        at: tuple[datetime, UUID] | None = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
        while at is not None:
            async with self._pool.anyone() as connection:
                gone, at = await store.forget_commands(connection, before, ROWS_AT_ONCE, at)
            forgotten += gone
        return forgotten

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
