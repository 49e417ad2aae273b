"""All SQL of payments at stations' terminals."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

#: Payments at terminals that are told of one transaction.
MAX_OF_ONE: Final = 20

_ORDERS: Final = by_age("t.number")
_ROW: Final = (
    "SELECT t.settlement_id, t.number, t.station_id, s.identity AS station, t.reference, t.transaction_id, t.status,"
    " t.amount, t.settled_at, t.receipt_url, t.vat_number, t.info, t.heard_at, t.session_id, t.intent_id, t.problem"
    " FROM terminal_settlements t LEFT JOIN stations s ON s.tenant_id = t.tenant_id AND s.station_id = t.station_id"
    " WHERE t.tenant_id = %(tenant_id)s"
)


class SettlementRow(Struct, frozen=True, kw_only=True):
    """One payment at a terminal. `intent_id`: it is in the books; `problem`: why it can't be."""

    settlement_id: UUID
    number: int
    station_id: int
    station: str | None
    reference: str
    transaction_id: str | None
    status: str
    amount: Decimal
    settled_at: datetime
    receipt_url: str | None
    vat_number: str | None
    info: str | None
    heard_at: datetime
    session_id: UUID | None
    intent_id: UUID | None
    problem: str | None


class Paid(Struct, frozen=True, kw_only=True):
    """The session that was paid for."""

    session_id: UUID
    evse: int | None
    over: bool


async def hold(conn: Connection, tenant_id: int, settlement_id: UUID) -> SettlementRow | None:
    """The payment of this id, held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(SettlementRow))
    await cursor.execute(
        f"{_ROW} AND t.settlement_id = %(id)s FOR UPDATE OF t", {"tenant_id": tenant_id, "id": settlement_id}
    )
    return await cursor.fetchone()


async def list_unbooked(conn: Connection, tenant_id: int, session_id: UUID) -> list[UUID]:
    """Payments of a session that were taken and are in no books, the oldest first."""
    cursor = await conn.execute(
        "SELECT t.settlement_id FROM terminal_settlements t JOIN sessions n ON n.tenant_id = t.tenant_id"
        " AND n.station_id = t.station_id AND (n.transaction_id = t.transaction_id"
        "  OR (t.transaction_id IS NULL AND n.token_uid = t.reference))"
        " WHERE t.tenant_id = %s AND n.session_id = %s AND t.status = 'Settled' AND t.intent_id IS NULL"
        " ORDER BY t.number LIMIT %s",
        (tenant_id, session_id, MAX_OF_ONE),
    )
    return [row[0] for row in await cursor.fetchall()]


async def find_paid(conn: Connection, tenant_id: int, row: SettlementRow) -> Paid | None:
    """The session that a payment is for, by its transaction, or by the token where it names none."""
    cursor = conn.cursor(row_factory=class_row(Paid))
    await cursor.execute(
        "SELECT session_id, evse, over_at IS NOT NULL AS over FROM sessions WHERE tenant_id = %s AND station_id = %s"
        " AND (transaction_id = %s OR (%s::text IS NULL AND token_uid = %s)) ORDER BY number DESC LIMIT 1",
        (tenant_id, row.station_id, row.transaction_id, row.transaction_id, row.reference),
    )
    return await cursor.fetchone()


async def mark(
    conn: Connection, tenant_id: int, settlement_id: UUID, *, session_id: UUID | None, intent_id: UUID | None = None,
    problem: str | None = None,
) -> None:  # fmt: skip
    """Which session it is for, and that it is in the books, or why it is not."""
    await conn.execute(
        "UPDATE terminal_settlements SET session_id = %s, intent_id = %s, problem = %s"
        " WHERE tenant_id = %s AND settlement_id = %s",
        (session_id, intent_id, problem, tenant_id, settlement_id),
    )


async def list_settlements(
    conn: Connection, tenant_id: int, *, station: str | None, order: Age, place: Place, limit: int
) -> list[SettlementRow]:
    """Payments at terminals, behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(SettlementRow))
    await cursor.execute(
        f"{_ROW} AND (%(station)s::text IS NULL OR s.identity = %(station)s){onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "station": station, **bounds(place, limit)},
    )
    return await cursor.fetchall()
