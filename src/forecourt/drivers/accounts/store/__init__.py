"""All SQL of drivers' accounts: the accounts themselves here, signing in and what is theirs beside it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.drivers.accounts.model import Driver
from forecourt.platform.ordering import Place, bounds, newest, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

_COLUMNS: Final = (
    "driver_id, tenant_id, email, name, language, state, pays_by, pays_method, wants, created_at, updated_at, seen_at,"
    " erased_at"
)
#: What a change may name.
CHANGEABLE: Final = frozenset(
    {"email", "name", "language", "state", "pays_by", "pays_method", "wants", "subject", "seen_at", "erased_at"}
)


async def act_as(conn: Connection, driver_id: int) -> None:
    """The rest of the transaction acts as a driver, and sees of drivers nothing but what is theirs."""
    await conn.execute("SELECT set_config('forecourt.driver', %s, true)", (str(driver_id),))


async def insert_driver(
    conn: Connection, tenant_id: int, *, email: str, name: str | None, language: str, at: datetime
) -> Driver | None:
    """A new account; None where the address has one."""
    return await _one(
        conn,
        "INSERT INTO driver_accounts (tenant_id, email, name, language, created_at, updated_at)"
        " VALUES (%(tenant)s, %(email)s, %(name)s, %(language)s, %(at)s, %(at)s)"
        f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        {"tenant": tenant_id, "email": email, "name": name, "language": language, "at": at},
    )


async def find_driver(conn: Connection, tenant_id: int, driver_id: int, *, lock: bool = False) -> Driver | None:
    """The account of this number."""
    return await _one(
        conn,
        f"SELECT {_COLUMNS} FROM driver_accounts WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s"
        f" {'FOR UPDATE' if lock else ''}",
        {"tenant": tenant_id, "driver": driver_id},
    )


async def find_by_email(conn: Connection, tenant_id: int, email: str) -> Driver | None:
    """The account of this address."""
    return await _one(
        conn,
        f"SELECT {_COLUMNS} FROM driver_accounts WHERE tenant_id = %(tenant)s AND email = %(email)s",
        {"tenant": tenant_id, "email": email},
    )


async def find_by_token(conn: Connection, tenant_id: int, uid_key: str) -> Driver | None:
    """The account that a token is attached to."""
    return await _one(
        conn,
        f"SELECT {_COLUMNS} FROM driver_accounts WHERE tenant_id = %(tenant)s AND driver_id ="
        " (SELECT driver_id FROM driver_tokens WHERE tenant_id = %(tenant)s AND uid_key = %(key)s)",
        {"tenant": tenant_id, "key": uid_key},
    )


async def list_drivers(
    conn: Connection, tenant_id: int, *, state: str | None, search: str | None, place: Place, limit: int
) -> list[Driver]:
    """Accounts behind a place, the newest first; a search is in the name or the address."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM driver_accounts WHERE tenant_id = %(tenant)s"
        " AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(search)s::text IS NULL OR email ILIKE %(pattern)s OR name ILIKE %(pattern)s)"
        f" {onward(newest('driver_id'), place)}",
        {
            "tenant": tenant_id, "state": state, "search": search, "pattern": anywhere(search or ""),
            **bounds(place, limit),
        },
    )  # fmt: skip
    return [msgspec.convert(row, Driver) for row in await cursor.fetchall()]


async def count_drivers(conn: Connection, tenant_id: int) -> dict[str, int]:
    """How many accounts are in each state."""
    cursor = await conn.execute(
        "SELECT state, count(*) FROM driver_accounts WHERE tenant_id = %s GROUP BY state", (tenant_id,)
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}


async def update_driver(
    conn: Connection, tenant_id: int, driver_id: int, changes: Mapping[str, Any], at: datetime
) -> Driver | None:
    """Changes the named columns (CHANGEABLE); None if there is no such account."""
    assert changes.keys() <= CHANGEABLE, "a column that stays"
    values = {name: Jsonb(value) if name == "wants" else value for name, value in changes.items()}
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values]
    query = sql.SQL(
        "UPDATE driver_accounts SET {sets} WHERE tenant_id = %(_tenant)s AND driver_id = %(_driver)s"
        " RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join([*sets, sql.SQL("updated_at = %(_at)s")]), columns=sql.SQL(_COLUMNS))
    return await _one(conn, query, {**values, "_tenant": tenant_id, "_driver": driver_id, "_at": at})


async def _one(conn: Connection, query: Any, values: Mapping[str, Any]) -> Driver | None:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(query, values)
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Driver)
