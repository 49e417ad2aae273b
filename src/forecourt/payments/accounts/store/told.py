"""What providers told that can't be asked for again, kept by account."""

from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.accounts.store import Connection
from forecourt.payments.psp.words import Told

#: What is read of one payment: calls of one payment, each with its answer and what came of it, and a few of its driver.
MAX_TOLD: Final = 400
#: Characters of why something was not done.
MAX_REASON: Final = 500
_COLUMNS: Final = "kind, reference, about, call, key, good, amount, currency, at_once, card, saved, reason, at"


async def insert_told(conn: Connection, tenant_id: int, account_id: UUID, told: Told) -> bool:
    """Keeps something that was said; whether it is heard for the first time."""
    values = msgspec.structs.asdict(told)
    for name in ("card", "saved"):
        values[name] = None if values[name] is None else Jsonb(msgspec.to_builtins(values[name]))
    values["reason"] = told.reason and told.reason[:MAX_REASON]
    places = ", ".join(f"%({name.strip()})s" for name in _COLUMNS.split(","))
    cursor = await conn.execute(
        f"INSERT INTO payment_told (account_id, event, tenant_id, {_COLUMNS})"
        f" VALUES (%(account)s, %(event)s, %(tenant)s, {places}) ON CONFLICT (account_id, event) DO NOTHING",
        {**values, "account": account_id, "event": told.event, "tenant": tenant_id},
    )
    return cursor.rowcount == 1


async def list_told(conn: Connection, tenant_id: int, account_id: UUID, column: str, value: str) -> list[Told]:
    """What was said by a name, about a payment, of a call, or in answer to a key, the earliest first."""
    assert column in ("reference", "about", "call", "key"), "a column that is looked up by"
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_told WHERE tenant_id = %s AND account_id = %s AND {column} = %s"
        " ORDER BY at, event LIMIT %s",
        (tenant_id, account_id, value, MAX_TOLD),
    )
    return [msgspec.convert(row, Told) for row in await cursor.fetchall()]


async def list_unread(conn: Connection, tenant_id: int, account_id: UUID) -> list[Told]:
    """Reports that can be fetched and were not read yet, the earliest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_told t WHERE tenant_id = %s AND account_id = %s"
        " AND kind = 'REPORT_AVAILABLE' AND good AND NOT EXISTS (SELECT FROM payment_told r"
        "  WHERE r.account_id = t.account_id AND r.reference = t.reference AND r.kind = 'report_read')"
        " ORDER BY at, event LIMIT %s",
        (tenant_id, account_id, MAX_TOLD),
    )
    return [msgspec.convert(row, Told) for row in await cursor.fetchall()]
