"""API keys: digests of secrets, what each may do, and its last use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Ordering, Place, bounds, newest, oldest, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

_KEY = (
    "key_id, name, role, site_ids, scopes, prefix, created_by, created_at, expires_at, last_used_at, last_address,"
    " revoked_at"
)


#: A key that was never used comes behind all that were.
_USED = "coalesce(last_used_at, 'epoch'::timestamptz)"
KeyOrder = Literal[Age, "name", "used"]
#: A key's row and name stay, so that its id is its place among the names.
_ORDERS: Final[Mapping[KeyOrder, Ordering]] = {
    "oldest": oldest("key_id"),
    "newest": newest("key_id"),
    "name": (
        "lower(name), key_id",
        "(lower(name), key_id) > (SELECT lower(o.name), o.key_id FROM api_keys o"
        " WHERE o.tenant_id = %(tenant_id)s AND o.key_id = %(place_0)s)",
    ),
    "used": (f"{_USED} DESC, key_id DESC", f"({_USED}, key_id) < (%(place_0)s, %(place_1)s)"),
}


class KeyRow(Struct, frozen=True, kw_only=True):
    """One API key as it is listed; the secret itself is kept nowhere."""

    key_id: int
    name: str
    role: str
    site_ids: list[int] | None
    scopes: list[str] | None
    prefix: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_address: str | None
    revoked_at: datetime | None


class KeyHolder(Struct, frozen=True, kw_only=True):
    """Who a key stands for."""

    key_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str
    site_ids: list[int] | None
    scopes: list[str] | None


async def find_key(conn: Connection, key_hash: bytes, now: datetime) -> KeyHolder | None:
    """The holder of a key that was not revoked and has not expired; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(KeyHolder))
    return await (await cursor.execute("SELECT * FROM access_key(%s, %s)", (key_hash, now))).fetchone()


async def insert_key(
    conn: Connection,
    tenant_id: int,
    name: str,
    role: str,
    key_hash: bytes,
    *,
    site_ids: list[int] | None = None,
    scopes: list[str] | None = None,
    prefix: str | None = None,
    created_by: str | None = None,
    expires_at: datetime | None = None,
) -> KeyRow | None:
    """Stores a key; None if a key with this secret exists already, in whichever organisation. A host's key that is
    given no sites has none."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "INSERT INTO api_keys (tenant_id, name, key_hash, role, site_ids, scopes, prefix, created_by, expires_at)"
        " VALUES (%(tenant_id)s, %(name)s, %(key_hash)s, %(role)s,"
        " CASE WHEN %(role)s = 'site_host' THEN coalesce(%(site_ids)s, '{}'::int[]) ELSE %(site_ids)s END,"
        " %(scopes)s, %(prefix)s, %(created_by)s, %(expires_at)s)"
        f" ON CONFLICT (key_hash) DO NOTHING RETURNING {_KEY}",
        {
            "tenant_id": tenant_id,
            "name": name,
            "key_hash": key_hash,
            "role": role,
            "site_ids": site_ids,
            "scopes": scopes,
            "prefix": prefix,
            "created_by": created_by,
            "expires_at": expires_at,
        },
    )
    return await cursor.fetchone()


async def list_keys(
    conn: Connection,
    tenant_id: int,
    place: Place,
    limit: int,
    *,
    order: KeyOrder = "oldest",
    role: str | None = None,
    revoked: bool | None = None,
) -> list[KeyRow]:
    """Keys behind a place in their order, of one role, and revoked or not, where that is asked. A place is an id, by
    last use that use and the id, whenever the key was used since."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        f"SELECT {_KEY} FROM api_keys WHERE tenant_id = %(tenant_id)s"
        " AND (%(role)s::text IS NULL OR role = %(role)s)"
        " AND (%(revoked)s::bool IS NULL OR (revoked_at IS NOT NULL) = %(revoked)s)"
        f" {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "role": role, "revoked": revoked, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_keys_by_part(conn: Connection, tenant_id: int, text: str, limit: int) -> list[KeyRow]:
    """Keys whose name or beginning holds the text, those that still count first."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        f"SELECT {_KEY} FROM api_keys WHERE tenant_id = %s AND concat_ws(' ', name, prefix) ILIKE %s"
        " ORDER BY revoked_at IS NOT NULL, lower(name), key_id LIMIT %s",
        (tenant_id, anywhere(text), limit),
    )
    return await cursor.fetchall()


async def revoke_key(conn: Connection, tenant_id: int, key_id: int) -> KeyRow | None:
    """Ends a key from the next request on; one revoked before keeps its date. None if there is no such key."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = %s AND key_id = %s"
        f" RETURNING {_KEY}",
        (tenant_id, key_id),
    )
    return await cursor.fetchone()


async def touch_key(conn: Connection, tenant_id: int, key_id: int, now: datetime, address: str) -> None:
    """Remembers that a key was used and from where, without waiting for others who do the same."""
    await conn.execute(
        "UPDATE api_keys SET last_used_at = %s, last_address = %s WHERE key_id = (SELECT key_id FROM api_keys"
        " WHERE tenant_id = %s AND key_id = %s FOR UPDATE SKIP LOCKED)",
        (now, address, tenant_id, key_id),
    )
