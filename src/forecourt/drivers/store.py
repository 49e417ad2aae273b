"""All SQL of the room drivers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

_COLUMNS = "number, uid, type, status, group_uid, expires_at, created_at, updated_at"
#: The columns that a change may name; the uid is what the token is.
CHANGEABLE = frozenset({"type", "status", "group_uid", "expires_at"})


class TokenRow(Struct, frozen=True, kw_only=True):
    """One token as stored; `number` orders the list."""

    number: int
    uid: str
    type: str
    status: str
    group_uid: str | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def upsert_token(
    conn: Connection,
    tenant_id: int,
    *,
    uid: str,
    type_: str,
    status: str,
    group_uid: str | None,
    expires_at: datetime | None,
) -> tuple[TokenRow, bool]:
    """Stores the token, over one whose uid differs in case at most; returns it and whether it is new."""
    cursor = await conn.execute(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, group_uid, expires_at)"
        ' VALUES (%(tenant)s, lower(%(uid)s COLLATE "C"), %(uid)s, %(type)s, %(status)s, %(group)s, %(expires_at)s)'
        " ON CONFLICT (tenant_id, uid_key) DO UPDATE SET uid = excluded.uid, type = excluded.type,"
        " status = excluded.status, group_uid = excluded.group_uid, expires_at = excluded.expires_at,"
        " updated_at = now()"
        f" RETURNING xmax = 0, {_COLUMNS}",
        {
            "tenant": tenant_id,
            "uid": uid,
            "type": type_,
            "status": status,
            "group": group_uid,
            "expires_at": expires_at,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return TokenRow(**dict(zip(TokenRow.__struct_fields__, row[1:], strict=True))), bool(row[0])


async def find_token(conn: Connection, tenant_id: int, key: str) -> TokenRow | None:
    """The token with this `uid_key`."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND uid_key = %s", (tenant_id, key))
    return await cursor.fetchone()


async def list_tokens(conn: Connection, tenant_id: int, after: int, limit: int) -> list[TokenRow]:
    """Tokens in the order they were first stored."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND number > %s ORDER BY number LIMIT %s",
        (tenant_id, after, limit),
    )
    return await cursor.fetchall()


async def update_token(conn: Connection, tenant_id: int, key: str, changes: Mapping[str, Any]) -> TokenRow | None:
    """Changes the named columns of the token with this `uid_key`; None if there is none."""
    assert changes.keys() <= CHANGEABLE
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL(
        "UPDATE tokens SET {sets} WHERE tenant_id = %(tenant_id)s AND uid_key = %(uid_key)s RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join([*sets, sql.SQL("updated_at = now()")]), columns=sql.SQL(_COLUMNS))
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(query, {**changes, "tenant_id": tenant_id, "uid_key": key})
    return await cursor.fetchone()


async def delete_token(conn: Connection, tenant_id: int, key: str) -> bool:
    """Forgets a token; whether there was one."""
    cursor = await conn.execute("DELETE FROM tokens WHERE tenant_id = %s AND uid_key = %s", (tenant_id, key))
    return cursor.rowcount == 1
