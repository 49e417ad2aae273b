"""All SQL of receipts' numbers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from forecourt.payments.receipts.model import MAX_CORRECTIONS, Numbered, Series

Connection = AsyncConnection[Any]


async def next_serial(conn: Connection, tenant_id: int, country: str, series: Series, year: int) -> int:
    """The next number of a series in a year. Whoever takes it holds the series until the transaction ends, so that none
    is missing and none is given twice."""
    row = await (
        await conn.execute(
            "INSERT INTO receipt_numbers (tenant_id, country, series, year, last) VALUES (%s, %s, %s, %s, 1)"
            " ON CONFLICT (tenant_id, country, series, year)"
            " DO UPDATE SET last = receipt_numbers.last + 1 RETURNING last",
            (tenant_id, country, series, year),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def insert(
    conn: Connection, tenant_id: int, *, entry: str, payment: UUID, country: str, series: Series, year: int,
    serial: int, number: str, at: datetime,
) -> None:  # fmt: skip
    """Keeps whose number it is."""
    await conn.execute(
        "INSERT INTO receipts (tenant_id, entry, intent_id, country, series, year, serial, number, issued_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (tenant_id, entry, payment, country, series, year, serial, number, at),
    )


async def find(conn: Connection, tenant_id: int, entry: str) -> str | None:
    """The country by whose law what an entry posted is numbered; None where it isn't."""
    row = await (
        await conn.execute("SELECT country FROM receipts WHERE tenant_id = %s AND entry = %s", (tenant_id, entry))
    ).fetchone()
    return None if row is None else str(row[0])


async def find_numbered(conn: Connection, tenant_id: int, payment: UUID) -> Numbered:
    """The number of a payment's receipt, and those of its corrections, MAX_CORRECTIONS at the most."""
    cursor = await conn.execute(
        "SELECT series, number FROM receipts WHERE tenant_id = %s AND intent_id = %s ORDER BY series DESC, year, serial"
        " LIMIT %s",
        (tenant_id, payment, MAX_CORRECTIONS + 1),
    )
    rows = await cursor.fetchall()
    return Numbered(
        number=next((number for series, number in rows if series == Series.RECEIPT), None),
        corrections=tuple(number for series, number in rows if series == Series.CORRECTION),
    )
