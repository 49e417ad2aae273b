"""All SQL of the room drivers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.platform.outbox import COALESCE
from forecourt.platform.search import anywhere

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


class TokenFilter(Struct, frozen=True, kw_only=True):
    """Which tokens a list shows; None: whatever it is. `group_key` is a uid in the form by which uids are compared,
    `search` is found anywhere in the uid or the group."""

    status: str | None = None
    type: str | None = None
    group_key: str | None = None
    search: str | None = None


_WANTED = {
    "status": "status = %(status)s",
    "type": "type = %(type)s",
    "group_key": 'lower(group_uid COLLATE "C") = %(group_key)s',
    "search": "concat_ws(' ', uid, group_uid) ILIKE %(pattern)s",
}


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


async def find_token(conn: Connection, tenant_id: int, key: str, *, lock: bool = False) -> TokenRow | None:
    """The token with this `uid_key`, held until the transaction ends if asked for."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND uid_key = %s {'FOR UPDATE' if lock else ''}",
        (tenant_id, key),
    )
    return await cursor.fetchone()


async def list_tokens(
    conn: Connection, tenant_id: int, wanted: TokenFilter, *, after: int, limit: int
) -> list[TokenRow]:
    """The wanted tokens in the order they were first stored."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %(tenant_id)s"
        f" AND {' AND '.join(['number > %(after)s', *conditions])} ORDER BY number LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "after": after,
            "limit": limit,
            "pattern": anywhere(wanted.search or ""),
            **structs.asdict(wanted),
        },
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


async def tell_changed(conn: Connection, tenant_id: int, uid: str) -> None:
    """Lets programs outside hear of a changed token, if any wants to."""
    await conn.execute(
        "INSERT INTO outbox (event, subject, tenant_id) SELECT 'token.changed', %s, %s"
        " WHERE EXISTS (SELECT FROM followed_events f WHERE f.tenant_id = %s AND f.event = 'token.changed')"
        f" {COALESCE}",
        (uid, tenant_id, tenant_id),
    )
