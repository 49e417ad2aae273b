"""Deliveries: events in line for webhooks, how they are shown, and how they are put in line again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.webhooks.model import MAX_WAITING

Connection = AsyncConnection[Any]
_ORDERS: Final = by_age("d.delivery_id")
_DELIVERY = """
    SELECT d.delivery_id, d.event_id, e.kind, e.subject, e.at, d.state, d.test, d.attempts, d.settled_at,
        CASE WHEN d.state = 'waiting' THEN d.next_at END AS next_at, a.status, a.error
    FROM webhook_deliveries d JOIN webhook_events e USING (tenant_id, event_id)
    LEFT JOIN webhook_attempts a ON a.delivery_id = d.delivery_id AND a.number = d.attempts
    WHERE d.tenant_id = %(tenant_id)s AND d.webhook_id = %(webhook_id)s
    """


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook; `status` and `error` are those of the last try."""

    delivery_id: int
    event_id: UUID
    kind: str
    subject: str
    at: datetime
    state: str
    test: bool
    attempts: int
    settled_at: datetime | None
    next_at: datetime | None
    status: int | None
    error: str | None


class AttemptRow(Struct, frozen=True, kw_only=True):
    """One try."""

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str


async def insert_event(
    conn: Connection, tenant_id: int, *, event_id: UUID, kind: str, subject: str, at: datetime, body: str
) -> bool:
    """Stores an event as it will be told; False if it was told before."""
    cursor = await conn.execute(
        "INSERT INTO webhook_events (tenant_id, event_id, kind, subject, at, body) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant_id, event_id, kind, subject, at, body),
    )
    return cursor.rowcount == 1


async def insert_delivery(
    conn: Connection, tenant_id: int, webhook_id: int, event_id: UUID, state: str, at: datetime, *, test: bool = False
) -> int:
    """Puts an event in line for a webhook; the id of the delivery."""
    row = await (
        await conn.execute(
            "INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id, state, test, next_at, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING delivery_id",
            (tenant_id, webhook_id, event_id, state, test, at, at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def is_full(conn: Connection, tenant_id: int, webhook_id: int) -> bool:
    """Whether MAX_WAITING deliveries of a webhook are unsettled."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE tenant_id = %s AND webhook_id = %s"
            " AND state IN ('waiting', 'held') LIMIT %s) unsettled",
            (tenant_id, webhook_id, MAX_WAITING),
        )
    ).fetchone()
    assert row is not None
    return int(row[0]) >= MAX_WAITING


async def list_deliveries(
    conn: Connection,
    tenant_id: int,
    webhook_id: int,
    *,
    state: str | None,
    kind: str | None,
    order: Age = "newest",
    place: Place,
    limit: int,
) -> list[DeliveryRow]:
    """Deliveries behind the id of a place."""
    cursor = conn.cursor(row_factory=class_row(DeliveryRow))
    query = _DELIVERY
    if state is not None:
        query += " AND d.state = %(state)s"
    if kind is not None:
        query += " AND e.kind = %(kind)s"
    await cursor.execute(
        f"{query} {onward(_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "webhook_id": webhook_id,
            "state": state,
            "kind": kind,
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def find_delivery(
    conn: Connection, tenant_id: int, webhook_id: int, delivery_id: int
) -> tuple[DeliveryRow, str] | None:
    """A delivery and the body that is sent."""
    asked = {"tenant_id": tenant_id, "webhook_id": webhook_id, "delivery_id": delivery_id}
    cursor = conn.cursor(row_factory=class_row(DeliveryRow))
    await cursor.execute(f"{_DELIVERY} AND d.delivery_id = %(delivery_id)s", asked)
    row = await cursor.fetchone()
    if row is None:
        return None
    body = await (
        await conn.execute(
            "SELECT body FROM webhook_events WHERE tenant_id = %s AND event_id = %s", (tenant_id, row.event_id)
        )
    ).fetchone()
    assert body is not None
    return row, str(body[0])


async def list_attempts(conn: Connection, tenant_id: int, delivery_id: int) -> list[AttemptRow]:
    """The tries of a delivery, newest first."""
    cursor = conn.cursor(row_factory=class_row(AttemptRow))
    await cursor.execute(
        "SELECT number, at, duration_ms, status, error, answer FROM webhook_attempts"
        " WHERE tenant_id = %s AND delivery_id = %s ORDER BY number DESC",
        (tenant_id, delivery_id),
    )
    return await cursor.fetchall()


async def replay_one(conn: Connection, tenant_id: int, webhook_id: int, delivery_id: int, at: datetime) -> bool:
    """Puts a delivery in line again, as if it were new; whether there is one."""
    cursor = await conn.execute(
        "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = %s, settled_at = NULL"
        " WHERE tenant_id = %s AND webhook_id = %s AND delivery_id = %s",
        (at, tenant_id, webhook_id, delivery_id),
    )
    return cursor.rowcount == 1


async def replay_range(
    conn: Connection,
    tenant_id: int,
    webhook_id: int,
    *,
    since: datetime,
    until: datetime,
    states: Sequence[str],
    at: datetime,
    limit: int,
) -> int:
    """Puts the oldest `limit` deliveries of events within [since, until) in line again; how many."""
    cursor = await conn.execute(
        "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = %(at)s, settled_at = NULL"
        " WHERE tenant_id = %(tenant_id)s AND delivery_id = ANY (ARRAY("
        "  SELECT d.delivery_id FROM webhook_deliveries d JOIN webhook_events e USING (tenant_id, event_id)"
        "  WHERE d.tenant_id = %(tenant_id)s AND d.webhook_id = %(webhook_id)s AND NOT d.test"
        "   AND e.at >= %(since)s AND e.at < %(until)s AND d.state = ANY(%(states)s)"
        "  ORDER BY d.delivery_id LIMIT %(limit)s))",
        {
            "tenant_id": tenant_id,
            "webhook_id": webhook_id,
            "since": since,
            "until": until,
            "states": list(states),
            "at": at,
            "limit": limit,
        },
    )
    return cursor.rowcount


async def release(conn: Connection, tenant_id: int, webhook_id: int, at: datetime) -> None:
    """Puts in line what was held while a webhook was paused."""
    await conn.execute(
        "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = %s"
        " WHERE tenant_id = %s AND webhook_id = %s AND state = 'held'",
        (at, tenant_id, webhook_id),
    )
