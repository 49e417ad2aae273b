"""The message log kept within its days and its volume, by the worker.

Making, thinning and dropping a partition locks the log against its writers, and a lock that waits for one slow reader
holds up all who come after it. So each is a transaction of its own, which gives up soon and is tried again at the next
run.

The volume is shared by all organisations, fairly: where it is spent, those give up their oldest days that have more
than all others leave them, so that one whose stations say much pushes out nothing but its own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, LiteralString

import psycopg
import structlog
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Partitions of the message log are made this many days ahead.
DAYS_AHEAD = 3
#: The message log keeps this many days unless a deployment wants otherwise, and no more than this volume.
KEEP_DAYS = 30
KEEP_BYTES = 20 * 1024**3
#: Pages of a day from which is told who said how much of it.
SAMPLED_PAGES = 2_000
#: Writers of the log wait this long at the most for housekeeping that waits for a reader.
LOCK_TIMEOUT_MS = 1_000
#: Messages without a partition of their own that are deleted in one transaction.
STRAYS_AT_ONCE = 20_000
#: Bytes of such messages beyond which no day is made smaller: all of them are looked through while writers wait.
STRAYS_BYTES = 64 * 1024**2
#: For copying what is kept of one day; one that takes longer stays as it is and is tried again.
THIN_DEADLINE_S = 1_800

#: How to begin a transaction that commits on leaving.
Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]


class Day(Struct, frozen=True, kw_only=True):
    """A partition, and its bytes by organisation."""

    name: str
    day: date
    bytes_of: Mapping[int, int]


def fair_share(volumes: Mapping[int, int], budget: int) -> int:
    """The most that each may have so that all together have no more than the budget, and who needs less leaves the
    rest to the others (max-min fairness)."""
    left, sharing = max(0, budget), len(volumes)
    for volume in sorted(volumes.values()):
        if volume * sharing > left:
            return left // sharing
        left, sharing = left - volume, sharing - 1
    return max(0, budget)


def too_much(days: Sequence[Day], today: date, budget: int) -> dict[str, frozenset[int]]:
    """Whose messages have to go from which partition, oldest days first and never today's."""
    volumes: dict[int, int] = {}
    for day in days:
        for tenant_id, size in day.bytes_of.items():
            volumes[tenant_id] = volumes.get(tenant_id, 0) + size
    share = fair_share(volumes, budget)
    going: dict[str, set[int]] = {}
    for day in sorted(days, key=lambda each: each.day):
        for tenant_id, size in day.bytes_of.items():
            if day.day < today and volumes[tenant_id] > share:
                volumes[tenant_id] -= size
                going.setdefault(day.name, set()).add(tenant_id)
    return {name: frozenset(tenants) for name, tenants in going.items()}


async def make_message_partitions(transaction: Transaction, today: date) -> None:
    """Make the partitions of today and the next days, each in a transaction of its own. One that can't be made now is
    logged: its messages go to the default partition meanwhile."""
    for ahead in range(DAYS_AHEAD + 1):
        await _alone(transaction, "SELECT stations_make_message_partition(%s)", (today + timedelta(days=ahead),))


async def keep_within(pool: Pool, today: date, keep: timedelta | None) -> list[str]:
    """Drop days that are too old, then what is beyond the volume; the partitions that were dropped or made smaller.

    Making one smaller may take the pool's whole deadline, up to THIN_DEADLINE_S.
    """
    async with pool.anyone() as connection:
        rows = await (await connection.execute("SELECT name, day, bytes FROM stations_message_partitions()")).fetchall()
    oldest = date.min if keep is None else today - keep
    old = [name for name, day, _ in rows if day < oldest and day < today]
    gone = [name for name in old if await _drop(pool, name)]
    if oldest > date.min:
        await _drop_strays(pool, oldest)
    left = [row for row in rows if row[0] not in gone]
    strays, kept = await _stray_bytes(pool), sum(size for _, _, size in left)
    if strays + kept <= KEEP_BYTES:
        return gone
    if strays > STRAYS_BYTES:
        await _drop_strays(pool, today)
        strays = await _stray_bytes(pool)
    if strays > STRAYS_BYTES:
        log.warning("days of the message log stay as they are until today's strays can go", bytes=strays)
        return gone
    days = [Day(name=name, day=day, bytes_of=await _shares(pool, name, size)) for name, day, size in left]
    for name, tenants in too_much(days, today, KEEP_BYTES - strays).items():
        if await _thin(pool, name, tenants):
            [day] = [each for each in days if each.name == name]
            gone.append(name)
            kept -= sum(day.bytes_of[tenant_id] for tenant_id in tenants)
    if strays + kept > KEEP_BYTES:
        await _drop_strays(pool, today)
    return gone


async def _stray_bytes(pool: Pool) -> int:
    async with pool.anyone() as connection:
        row = await (await connection.execute("SELECT stations_stray_message_bytes()")).fetchone()
    assert row is not None
    return int(row[0])


async def _shares(pool: Pool, name: str, size: int) -> dict[int, int]:
    """The bytes of a partition, shared out by who said how much of it. Who said little may be missing."""
    async with pool.anyone() as connection:
        said = await connection.execute("SELECT * FROM stations_message_shares(%s, %s)", (name, SAMPLED_PAGES))
        found = {int(tenant_id): int(bytes_) for tenant_id, bytes_ in await said.fetchall()}
    whole = sum(found.values())
    return {tenant_id: size * bytes_ // whole for tenant_id, bytes_ in found.items()} if whole else {}


async def _drop(pool: Pool, name: str) -> bool:
    return await _alone(pool.anyone, "SELECT stations_drop_message_partition(%s)", (name,)) is not None


async def _thin(pool: Pool, name: str, tenants: frozenset[int]) -> bool:
    """Take out what these said, by copying what the others did, for which a statement's usual time is not enough."""
    statement: LiteralString = "SELECT stations_thin_message_partition(%s, %s)"
    return await _alone(pool.anyone, statement, (name, sorted(tenants)), THIN_DEADLINE_S) is not None


async def _drop_strays(pool: Pool, first_kept: date) -> None:
    """Delete messages of earlier days that came before their partition was made, a bounded number in each
    transaction."""
    before = datetime.combine(first_kept, time(), UTC)
    statement: LiteralString = "SELECT stations_drop_stray_messages(%s, %s)"
    while await _alone(pool.anyone, statement, (before, STRAYS_AT_ONCE)) == STRAYS_AT_ONCE:
        pass


async def _alone(
    transaction: Transaction, statement: LiteralString, parameters: Sequence[Any], deadline_s: int | None = None
) -> Any:
    """What one statement of housekeeping returned; None, and a line in the log, where it met others at work or took
    longer than its deadline, which is that of all statements unless one is given."""
    try:
        async with transaction() as connection:
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            if deadline_s is not None:
                await connection.execute(f"SET LOCAL statement_timeout = '{deadline_s}s'")
            row = await (await connection.execute(statement, parameters)).fetchone()
            return None if row is None else row[0]
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.QueryCanceled) as fault:
        log.warning("housekeeping of the message log is put off", fault=type(fault).__name__, statement=statement)
        return None
