"""All SQL of accounts at providers: the accounts and their webhooks here, what was told of them beside it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Accounts of one organisation.
MAX_ACCOUNTS: Final = 20
#: Characters of a merchant's name, and of what stands on statements.
MAX_MERCHANT: Final = 200
MAX_STATEMENT: Final = 60
_COLUMNS: Final = (
    "account_id, tenant_id, name, provider, own, sealed, active, merchant, statement, checked_at, created_at,"
    " updated_at"
)


class AccountRow(Struct, frozen=True, kw_only=True):
    """An account as stored; `sealed` holds its keys, None for the deployment's."""

    account_id: UUID
    tenant_id: int
    name: str
    provider: str
    own: bool
    sealed: bytes | None
    active: bool
    #: Whose account it is, and what stands on statements of buyers, as the provider said at `checked_at`.
    merchant: str
    statement: str
    checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def insert_account(
    conn: Connection, tenant_id: int, *, name: str, provider: str, sealed: bytes | None, at: datetime
) -> AccountRow | None:
    """Stores an account; None where the name is taken. Without keys it is the deployment's."""
    cursor = conn.cursor(row_factory=class_row(AccountRow))
    await cursor.execute(
        "INSERT INTO payment_accounts (tenant_id, name, provider, own, sealed, created_at, updated_at)"
        f" VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        (tenant_id, name, provider, sealed is not None, sealed, at, at),
    )
    return await cursor.fetchone()


async def find_account(conn: Connection, tenant_id: int, account_id: UUID, *, lock: bool = False) -> AccountRow | None:
    """The account of this id."""
    cursor = conn.cursor(row_factory=class_row(AccountRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_accounts WHERE tenant_id = %s AND account_id = %s"
        f" {'FOR UPDATE' if lock else ''}",
        (tenant_id, account_id),
    )
    return await cursor.fetchone()


async def find_named(conn: Connection, tenant_id: int, name: str) -> AccountRow | None:
    """The account of this name."""
    cursor = conn.cursor(row_factory=class_row(AccountRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_accounts WHERE tenant_id = %s AND name = %s", (tenant_id, name)
    )
    return await cursor.fetchone()


async def list_accounts(conn: Connection, tenant_id: int) -> list[AccountRow]:
    """Every account, the one that new payments go to first: the organisation's own, the newest of them."""
    cursor = conn.cursor(row_factory=class_row(AccountRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_accounts WHERE tenant_id = %s"
        " ORDER BY active DESC, own DESC, created_at DESC, account_id LIMIT %s",
        (tenant_id, MAX_ACCOUNTS),
    )
    return await cursor.fetchall()


async def update_account(
    conn: Connection, tenant_id: int, account_id: UUID, *, sealed: bytes | None, active: bool, at: datetime
) -> None:
    """Its keys, and whether new payments may go to it."""
    await conn.execute(
        "UPDATE payment_accounts SET sealed = %s, active = %s, updated_at = %s"
        " WHERE tenant_id = %s AND account_id = %s",
        (sealed, active, at, tenant_id, account_id),
    )


async def set_merchant(
    conn: Connection, tenant_id: int, account_id: UUID, merchant: str, statement: str, at: datetime
) -> None:
    """Whose account it is."""
    await conn.execute(
        "UPDATE payment_accounts SET merchant = %s, statement = %s, checked_at = %s"
        " WHERE tenant_id = %s AND account_id = %s",
        (merchant[:MAX_MERCHANT], statement[:MAX_STATEMENT], at, tenant_id, account_id),
    )


async def tenant_of(conn: Connection, account_id: UUID) -> int | None:
    """Whose own account this is, before a tenant is known."""
    row = await (await conn.execute("SELECT payments_tenant_of_account(%s)", (account_id,))).fetchone()
    return None if row is None or row[0] is None else int(row[0])


async def of_deployment(conn: Connection, intent: UUID | None, reference: str | None) -> tuple[int, UUID] | None:
    """Whose payment by the deployment's account this is, or whose page on which a card is left, with that account of
    theirs, before a tenant is known."""
    for of in ("payments_of_deployment", "payments_setup_of_deployment"):
        query = f"SELECT tenant_id, account_id FROM {of}(%s, %s)"
        row = await (await conn.execute(query.encode(), (intent, reference))).fetchone()
        if row is not None:
            return int(row[0]), row[1]
    return None
