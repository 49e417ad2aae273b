"""Requests with an Idempotency-Key, and what they were answered."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Expired idempotency keys that are forgotten when a new one is taken.
MAX_FORGOTTEN = 100


class BegunRequest(Struct, frozen=True, kw_only=True):
    """A request that was asked before; `answer` is sealed, None while it is at work."""

    request_digest: bytes
    answer: bytes | None


async def begin_request(
    conn: Connection,
    tenant_id: int,
    key_digest: bytes,
    request_digest: bytes,
    *,
    now: datetime,
    expired_before: datetime,
    abandoned_before: datetime,
) -> BegunRequest | None:
    """Takes a key for a request; None if it is taken now, else the request that has it.

    A key whose answer expired, or whose request was abandoned, is free. MAX_FORGOTTEN expired ones go meanwhile.
    """
    await conn.execute(
        "DELETE FROM idempotent_requests WHERE tenant_id = %(tenant_id)s AND key_digest IN"
        " (SELECT key_digest FROM idempotent_requests WHERE tenant_id = %(tenant_id)s AND begun_at <= %(before)s"
        "  ORDER BY begun_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)",
        {"tenant_id": tenant_id, "before": expired_before, "most": MAX_FORGOTTEN},
    )
    taken = await conn.execute(
        "INSERT INTO idempotent_requests AS r (tenant_id, key_digest, request_digest, begun_at)"
        " VALUES (%(tenant_id)s, %(key)s, %(request)s, %(now)s)"
        " ON CONFLICT (tenant_id, key_digest) DO UPDATE"
        " SET request_digest = excluded.request_digest, begun_at = excluded.begun_at, answer = NULL"
        " WHERE r.begun_at <= %(expired)s OR (r.answer IS NULL AND r.begun_at <= %(abandoned)s)",
        {
            "tenant_id": tenant_id,
            "key": key_digest,
            "request": request_digest,
            "now": now,
            "expired": expired_before,
            "abandoned": abandoned_before,
        },
    )
    if taken.rowcount == 1:
        return None
    cursor = conn.cursor(row_factory=class_row(BegunRequest))
    await cursor.execute(
        "SELECT request_digest, answer FROM idempotent_requests WHERE tenant_id = %s AND key_digest = %s",
        (tenant_id, key_digest),
    )
    # One that was forgotten between the two statements was at work a moment ago.
    return await cursor.fetchone() or BegunRequest(request_digest=request_digest, answer=None)


async def finish_request(conn: Connection, tenant_id: int, key_digest: bytes, answer: bytes | None) -> None:
    """Keeps the sealed answer under its key; with None the key is free again."""
    if answer is None:
        await conn.execute(
            "DELETE FROM idempotent_requests WHERE tenant_id = %s AND key_digest = %s", (tenant_id, key_digest)
        )
        return
    await conn.execute(
        "UPDATE idempotent_requests SET answer = %s WHERE tenant_id = %s AND key_digest = %s",
        (answer, tenant_id, key_digest),
    )
