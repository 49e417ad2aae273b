"""The rows of what fleets paid and got back, and of what that settled."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.fleets.store import Connection

#: Of `c`, what came: nobody took back the match of its line.
STILL: Final = (
    "NOT EXISTS (SELECT FROM fleet_credits u WHERE u.tenant_id = c.tenant_id AND u.of_credit = c.credit_id"
    " AND u.bank_line = c.bank_line)"
)


class CreditRow(Struct, frozen=True, kw_only=True):
    """Money of a fleet that came, or went back."""

    credit_id: int
    fleet_id: int


class DrawnRow(CreditRow, frozen=True, kw_only=True):
    """What a direct debit brought, in minor units."""

    debit_id: int
    amount: int


class SettlementRow(Struct, frozen=True, kw_only=True):
    """What settled a part of an invoice, or added to it."""

    kind: str
    amount: int
    at: datetime
    memo: str


async def insert_credit(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int:
    """Money of a fleet that settles invoices."""
    row = await (
        await conn.execute(
            f"INSERT INTO fleet_credits (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
            f" {', '.join(f'%({name})s' for name in values)}) RETURNING credit_id",
            {**values, "_tenant": tenant_id},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_unspent(conn: Connection, tenant_id: int, fleet_id: int, currency: str) -> list[tuple[int, str, int]]:
    """What a fleet paid, or was credited, that settled nothing yet and did not go back: number, kind, what is left of
    it; the oldest first."""
    cursor = await conn.execute(
        "SELECT c.credit_id, c.kind, c.amount - coalesce((SELECT sum(s.amount) FROM fleet_settlements s"
        " WHERE s.tenant_id = c.tenant_id AND s.credit_id = c.credit_id), 0)::bigint"
        " + coalesce((SELECT sum(b.amount) FROM fleet_credits b WHERE b.tenant_id = c.tenant_id"
        " AND b.of_credit = c.credit_id), 0)::bigint AS rest FROM fleet_credits c WHERE c.tenant_id = %s"
        " AND c.fleet_id = %s AND c.currency = %s AND c.amount > 0 AND c.of_credit IS NULL"
        " AND NOT EXISTS (SELECT FROM fleet_credits r WHERE r.tenant_id = c.tenant_id"
        " AND r.debit_id = c.debit_id AND r.kind = 'returned') ORDER BY c.credit_id",
        (tenant_id, fleet_id, currency),
    )
    return [(int(number), str(kind), int(rest)) for number, kind, rest in await cursor.fetchall() if rest > 0]


async def left_over(conn: Connection, tenant_id: int, fleet_id: int) -> list[tuple[str, int]]:
    """What a fleet has too much with us, by currency: the next invoice takes it, or it is paid back."""
    cursor = await conn.execute(
        "SELECT DISTINCT currency FROM fleet_credits WHERE tenant_id = %s AND fleet_id = %s ORDER BY 1",
        (tenant_id, fleet_id),
    )
    found = []
    for (currency,) in await cursor.fetchall():
        rest = sum(left for *_, left in await list_unspent(conn, tenant_id, fleet_id, currency))
        found += [(str(currency), rest)] if rest else []
    return found


async def insert_settlement(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> None:
    """Something settled a part of an invoice, or added to it."""
    await conn.execute(
        f"INSERT INTO fleet_settlements (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
        f" {', '.join(f'%({name})s' for name in values)})",
        {**values, "_tenant": tenant_id},
    )


async def list_settlements(conn: Connection, tenant_id: int, invoice_id: int) -> list[SettlementRow]:
    """What became of an invoice."""
    cursor = conn.cursor(row_factory=class_row(SettlementRow))
    await cursor.execute(
        "SELECT kind, amount, at, memo FROM fleet_settlements WHERE tenant_id = %s AND invoice_id = %s"
        " ORDER BY settlement_id LIMIT 200",
        (tenant_id, invoice_id),
    )
    return await cursor.fetchall()


async def settled_by_debit(conn: Connection, tenant_id: int, debit_id: int) -> list[tuple[int, int]]:
    """What the money of a debit settled: invoice and amount."""
    cursor = await conn.execute(
        "SELECT s.invoice_id, s.amount FROM fleet_settlements s JOIN fleet_credits c USING (tenant_id, credit_id)"
        f" WHERE s.tenant_id = %s AND c.debit_id = %s AND c.kind = 'paid' AND {STILL} ORDER BY s.settlement_id",
        (tenant_id, debit_id),
    )
    return [(int(invoice), int(amount)) for invoice, amount in await cursor.fetchall()]


async def find_credit_of(conn: Connection, tenant_id: int, line_id: int) -> CreditRow | None:
    """What a fleet's line of the bank brought, or took, and still does; of several parts the last. None: it is no
    fleet's with an account, or no more."""
    cursor = conn.cursor(row_factory=class_row(CreditRow))
    await cursor.execute(
        "SELECT c.credit_id, c.fleet_id FROM fleet_credits c JOIN bank_lines l ON l.tenant_id = c.tenant_id"
        " AND l.line_id = c.bank_line WHERE c.tenant_id = %s AND c.bank_line = %s"
        " AND sign(c.amount) = sign(l.amount) AND NOT EXISTS (SELECT FROM fleet_credits b"
        " WHERE b.tenant_id = c.tenant_id AND b.bank_line = c.bank_line AND b.credit_id > c.credit_id"
        " AND sign(b.amount) <> sign(l.amount)) ORDER BY c.credit_id DESC LIMIT 1",
        (tenant_id, line_id),
    )
    return await cursor.fetchone()


async def drawn_by(conn: Connection, tenant_id: int, line_id: int) -> list[DrawnRow]:
    """What a line of the bank brought of direct debits, and still does."""
    cursor = conn.cursor(row_factory=class_row(DrawnRow))
    await cursor.execute(
        "SELECT c.credit_id, c.fleet_id, c.debit_id, c.amount FROM fleet_credits c WHERE c.tenant_id = %s"
        f" AND c.bank_line = %s AND c.debit_id IS NOT NULL AND c.kind = 'paid' AND {STILL} ORDER BY c.credit_id",
        (tenant_id, line_id),
    )
    return await cursor.fetchall()


async def paid_back_of(conn: Connection, tenant_id: int, credit_id: int) -> int:
    """What of a credit was paid back to its fleet, or taken back, in minor units."""
    cursor = await conn.execute(
        "SELECT coalesce(-sum(amount), 0)::bigint FROM fleet_credits WHERE tenant_id = %s AND of_credit = %s",
        (tenant_id, credit_id),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def paid_back_by(conn: Connection, tenant_id: int, line_id: int) -> list[tuple[int, int]]:
    """What a line of the bank took of which credits to pay it back, in minor units."""
    cursor = await conn.execute(
        "SELECT of_credit, -sum(amount)::bigint FROM fleet_credits WHERE tenant_id = %s AND bank_line = %s"
        " AND of_credit IS NOT NULL GROUP BY of_credit HAVING sum(amount) < 0 ORDER BY of_credit",
        (tenant_id, line_id),
    )
    return [(int(credit), int(amount)) for credit, amount in await cursor.fetchall()]


async def settled_by(conn: Connection, tenant_id: int, credit_id: int) -> list[tuple[int, int]]:
    """What a credit settles: invoice and amount."""
    cursor = await conn.execute(
        "SELECT invoice_id, sum(amount)::bigint FROM fleet_settlements WHERE tenant_id = %s AND credit_id = %s"
        " GROUP BY invoice_id HAVING sum(amount) <> 0 ORDER BY invoice_id",
        (tenant_id, credit_id),
    )
    return [(int(invoice), int(amount)) for invoice, amount in await cursor.fetchall()]
