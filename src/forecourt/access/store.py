"""All SQL of the room access."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = AsyncConnection[Any]

#: Sessions that one operator can hold open at once; the oldest ends when one more begins.
MAX_SESSIONS = 20
#: Expired idempotency keys that are forgotten when a new one is taken.
MAX_FORGOTTEN = 100


class KeyRow(Struct, frozen=True, kw_only=True):
    """One API key as it is listed; the secret itself is kept nowhere."""

    key_id: int
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyHolder(Struct, frozen=True, kw_only=True):
    """Who a key stands for."""

    key_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str


class OperatorRow(Struct, frozen=True, kw_only=True):
    """An operator as sign-in needs them."""

    operator_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str
    password_hash: str


class SessionHolder(Struct, frozen=True, kw_only=True):
    """Who a browser session belongs to."""

    operator_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str


class AuditRow(Struct, frozen=True, kw_only=True):
    """What somebody did; `subject` is what it was done to."""

    audit_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class BegunRequest(Struct, frozen=True, kw_only=True):
    """A request that was asked before; `answer` is sealed, None while it is at work."""

    request_digest: bytes
    answer: bytes | None


async def find_key(conn: Connection, key_hash: bytes) -> KeyHolder | None:
    """The holder of a key that was not revoked; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(KeyHolder))
    return await (await cursor.execute("SELECT * FROM access_key(%s)", (key_hash,))).fetchone()


async def find_operator(conn: Connection, email: str) -> OperatorRow | None:
    """The operator with this address who may sign in; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(OperatorRow))
    return await (await cursor.execute("SELECT * FROM access_operator(%s)", (email,))).fetchone()


async def find_session(conn: Connection, token_hash: bytes, now: datetime) -> SessionHolder | None:
    """The operator whose browser session this is, unless it ended; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(SessionHolder))
    return await (await cursor.execute("SELECT * FROM access_session(%s, %s)", (token_hash, now))).fetchone()


async def insert_session(
    conn: Connection, tenant_id: int, operator_id: int, token_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Begins a browser session; ends this operator's expired ones and, beyond MAX_SESSIONS, the oldest."""
    await conn.execute(
        "DELETE FROM operator_sessions WHERE tenant_id = %s AND operator_id = %s AND (expires_at <= %s OR token_hash IN"
        " (SELECT token_hash FROM operator_sessions WHERE tenant_id = %s AND operator_id = %s"
        "  ORDER BY created_at DESC OFFSET %s))",
        (tenant_id, operator_id, now, tenant_id, operator_id, MAX_SESSIONS - 1),
    )
    await conn.execute(
        "INSERT INTO operator_sessions (token_hash, operator_id, tenant_id, created_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (token_hash, operator_id, tenant_id, now, expires_at),
    )


async def delete_session(conn: Connection, tenant_id: int, token_hash: bytes) -> None:
    """Ends a browser session; one that ended already is no error."""
    await conn.execute(
        "DELETE FROM operator_sessions WHERE tenant_id = %s AND token_hash = %s", (tenant_id, token_hash)
    )


async def insert_key(conn: Connection, tenant_id: int, name: str, role: str, key_hash: bytes) -> KeyRow | None:
    """Stores a key; None if a key with this secret exists already, in whichever organisation."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "INSERT INTO api_keys (tenant_id, name, key_hash, role) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (key_hash) DO NOTHING"
        " RETURNING key_id, name, role, created_at, last_used_at, revoked_at",
        (tenant_id, name, key_hash, role),
    )
    return await cursor.fetchone()


async def list_keys(conn: Connection, tenant_id: int, after: int, limit: int) -> list[KeyRow]:
    """Keys in the order of their making, revoked ones too."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "SELECT key_id, name, role, created_at, last_used_at, revoked_at FROM api_keys"
        " WHERE tenant_id = %s AND key_id > %s ORDER BY key_id LIMIT %s",
        (tenant_id, after, limit),
    )
    return await cursor.fetchall()


async def revoke_key(conn: Connection, tenant_id: int, key_id: int) -> KeyRow | None:
    """Ends a key from the next request on; one revoked before keeps its date. None if there is no such key."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = %s AND key_id = %s"
        " RETURNING key_id, name, role, created_at, last_used_at, revoked_at",
        (tenant_id, key_id),
    )
    return await cursor.fetchone()


async def touch_key(conn: Connection, tenant_id: int, key_id: int, now: datetime) -> None:
    """Remembers that a key was used, without waiting for others who do the same."""
    await conn.execute(
        "UPDATE api_keys SET last_used_at = %s WHERE key_id = (SELECT key_id FROM api_keys WHERE tenant_id = %s"
        " AND key_id = %s FOR UPDATE SKIP LOCKED)",
        (now, tenant_id, key_id),
    )


async def insert_operator(
    conn: Connection, tenant_id: int, *, email: str, name: str, role: str, password_hash: str
) -> int | None:
    """Adds an operator; None if the address is taken."""
    cursor = await conn.execute(
        "INSERT INTO operators (tenant_id, email, name, role, password_hash) VALUES (%s, lower(%s), %s, %s, %s)"
        " ON CONFLICT (email) DO NOTHING RETURNING operator_id",
        (tenant_id, email, name, role, password_hash),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def set_password(conn: Connection, tenant_id: int, email: str, password_hash: str) -> None:
    """Gives the operator of this address another password."""
    await conn.execute(
        "UPDATE operators SET password_hash = %s WHERE tenant_id = %s AND email = %s", (password_hash, tenant_id, email)
    )


async def list_audit(
    conn: Connection,
    tenant_id: int,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int,
    limit: int,
) -> list[AuditRow]:
    """Entries with a number below `before`, newest first, from `since` to before `until`. `actor` is a whole name or
    what stands before its first blank: `key:7`."""
    cursor = conn.cursor(row_factory=class_row(AuditRow))
    await cursor.execute(
        "SELECT audit_id, at, actor, action, object AS subject, detail FROM audit"
        " WHERE tenant_id = %(tenant_id)s AND audit_id < %(before)s"
        " AND (%(actor)s::text IS NULL OR %(actor)s IN (actor, split_part(actor, ' ', 1)))"
        " AND (%(action)s::text IS NULL OR action = %(action)s)"
        " AND (%(subject)s::text IS NULL OR object = %(subject)s)"
        " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"
        " ORDER BY audit_id DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "before": before,
            "actor": actor,
            "action": action,
            "subject": subject,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def insert_audit(
    conn: Connection, tenant_id: int, *, actor: str, action: str, subject: str, detail: dict[str, Any]
) -> None:
    """Writes down who did what to what, in the transaction that does it."""
    await conn.execute(
        "INSERT INTO audit (tenant_id, actor, action, object, detail) VALUES (%s, %s, %s, %s, %s)",
        (tenant_id, actor, action, subject, Jsonb(detail)),
    )


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
