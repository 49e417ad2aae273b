"""All SQL of the account from which an organisation pays."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class BankRow(Struct, frozen=True, kw_only=True):
    """From where an organisation pays."""

    name: str
    iban_sealed: bytes
    iban_shown: str
    bic: str
    changed_at: datetime


async def find_bank(conn: Connection, tenant_id: int) -> BankRow | None:
    """From where the organisation pays."""
    cursor = conn.cursor(row_factory=class_row(BankRow))
    await cursor.execute(
        "SELECT name, iban_sealed, iban_shown, bic, changed_at FROM payout_banks WHERE tenant_id = %s", (tenant_id,)
    )
    return await cursor.fetchone()


async def put_bank(conn: Connection, tenant_id: int, bank: BankRow) -> None:
    """Says from where the organisation pays."""
    await conn.execute(
        "INSERT INTO payout_banks (tenant_id, name, iban_sealed, iban_shown, bic, changed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name,"
        " iban_sealed = excluded.iban_sealed, iban_shown = excluded.iban_shown, bic = excluded.bic,"
        " changed_at = excluded.changed_at",
        (tenant_id, bank.name, bank.iban_sealed, bank.iban_shown, bank.bic, bank.changed_at),
    )
