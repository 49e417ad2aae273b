"""Counters of failed attempts, by keyed digests, shared by all web processes. They are of no tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

#: Counters that are cleared away at most when one more is counted.
CLEARED_AT_ONCE = 100
_FAILURES = "(CASE WHEN a.last_at < %(since)s THEN 1 ELSE a.failures + 1 END)"


async def hold_attempts(conn: Connection, digests: Sequence[bytes], now: datetime) -> dict[bytes, datetime]:
    """Holds these counters for the transaction; until when each makes wait, those left out that don't.

    All that a transaction counts or clears is held by one call before it, in one order: or two tries of one person at
    the same moment would wait for each other. A counter that isn't there yet is made, at none: what is not there can't
    be held, and another could make it and hold it meanwhile.
    """
    cursor = await conn.execute(
        "INSERT INTO attempts AS a (digest, failures, last_at)"
        " SELECT DISTINCT digest, 0, %s::timestamptz FROM unnest(%s::bytea[]) AS digest ORDER BY digest"
        " ON CONFLICT (digest) DO UPDATE SET failures = a.failures RETURNING a.digest, a.blocked_until",
        (now, list(digests)),
    )
    return {digest: until for digest, until in await cursor.fetchall() if until is not None}


async def begin_attempt(
    conn: Connection, digest: bytes, now: datetime, since: datetime, waits_s: Sequence[int]
) -> None:
    """Counts one more failure; those before `since` are forgotten.

    `waits_s[n]` is how long to wait after n + 1 failures, its last for all beyond. A wait of 0 s is none: else whoever
    has a clock some milliseconds behind would wait for it.
    """
    await conn.execute(
        "INSERT INTO attempts AS a (digest, failures, last_at, blocked_until)"
        " VALUES (%(digest)s, 1, %(now)s, %(now)s + make_interval(secs => nullif((%(waits)s::int[])[1], 0)))"
        " ON CONFLICT (digest) DO UPDATE SET last_at = greatest(a.last_at, excluded.last_at),"
        f" failures = {_FAILURES}, blocked_until = excluded.last_at"
        f" + make_interval(secs => nullif((%(waits)s::int[])[least({_FAILURES}, %(most)s)], 0))",
        {"digest": digest, "now": now, "since": since, "waits": list(waits_s), "most": len(waits_s)},
    )


async def clear_old_attempts(conn: Connection, since: datetime) -> None:
    """Clears away counters that nothing was counted by since then, but those in use."""
    await conn.execute(
        "DELETE FROM attempts WHERE digest IN (SELECT digest FROM attempts WHERE last_at < %s"
        " ORDER BY last_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (since, CLEARED_AT_ONCE),
    )


async def forgive_attempt(conn: Connection, digest: bytes) -> None:
    """Takes back one failure that turned out to be none, and the wait with it."""
    await conn.execute(
        "UPDATE attempts SET failures = greatest(failures - 1, 0), blocked_until = NULL WHERE digest = %s", (digest,)
    )


async def clear_attempts(conn: Connection, digests: Sequence[bytes]) -> None:
    """Forgets the failures of these counters."""
    await conn.execute("DELETE FROM attempts WHERE digest = ANY(%s)", (list(digests),))
