"""What the sender takes from the line and writes down, and what is forgotten in time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.webhooks.model import Outcome

Connection = AsyncConnection[Any]


class Due(Struct, frozen=True, kw_only=True):
    """A delivery that the sender took: `number` is that of its try, `tries` counts since it was put in line."""

    delivery_id: int
    tenant_id: int
    webhook_id: int
    event_id: UUID
    test: bool
    number: int
    tries: int
    body: str
    url: str
    secret: bytes
    former_secret: bytes | None


async def take_due(
    conn: Connection, now: datetime, lease_until: datetime, *, busy: Sequence[int], each: int, limit: int
) -> list[Due]:
    """Takes deliveries that are due, `each` a webhook at the most, of webhooks that are not `busy`.

    Nobody else takes them before `lease_until`: who dies with one in hand has it tried again. Needs role
    forecourt_worker, which sees every organisation's.
    """
    cursor = conn.cursor(row_factory=class_row(Due))
    await cursor.execute(
        """
        WITH due AS MATERIALIZED (
            SELECT d.delivery_id FROM webhooks w CROSS JOIN LATERAL (
                SELECT d.delivery_id, d.next_at FROM webhook_deliveries d
                WHERE d.webhook_id = w.webhook_id AND d.state = 'waiting' AND d.next_at <= %(now)s
                    AND (d.test OR (w.active AND w.paused_at IS NULL))
                ORDER BY d.next_at LIMIT %(each)s FOR UPDATE SKIP LOCKED
            ) d
            WHERE w.webhook_id <> ALL(%(busy)s)
            ORDER BY d.next_at LIMIT %(limit)s
        )
        UPDATE webhook_deliveries d SET next_at = %(lease_until)s, tries = d.tries + 1, attempts = d.attempts + 1
        FROM due, webhooks w, webhook_events e
        WHERE d.delivery_id = due.delivery_id AND w.webhook_id = d.webhook_id
            AND e.tenant_id = d.tenant_id AND e.event_id = d.event_id
        RETURNING d.delivery_id, d.tenant_id, d.webhook_id, d.event_id, d.test, d.attempts AS number, d.tries, e.body,
            w.url, w.secret, CASE WHEN w.former_until > %(now)s THEN w.former_secret END AS former_secret
        """,
        {
            "now": now,
            "lease_until": lease_until,
            "busy": list(busy),
            "each": each,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def insert_attempt(conn: Connection, due: Due, outcome: Outcome, at: datetime) -> None:
    """Writes down how a try went."""
    await conn.execute(
        "INSERT INTO webhook_attempts (delivery_id, number, tenant_id, at, duration_ms, status, error, answer)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            due.delivery_id,
            due.number,
            due.tenant_id,
            at,
            outcome.duration_ms,
            outcome.status,
            outcome.error,
            outcome.answer,
        ),
    )


async def settle(
    conn: Connection, tenant_id: int, delivery_id: int, state: str, *, at: datetime | None, next_at: datetime | None
) -> None:
    """Ends a delivery (`at`), or has it tried again (`next_at`)."""
    await conn.execute(
        "UPDATE webhook_deliveries SET state = %s, settled_at = %s, next_at = coalesce(%s, next_at)"
        " WHERE tenant_id = %s AND delivery_id = %s",
        (state, at, next_at, tenant_id, delivery_id),
    )


async def delete_old(conn: Connection, kind: str, before: datetime, limit: int) -> int:
    """Deletes the oldest events of a kind from before a time with all that came of them; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM webhook_events WHERE (tenant_id, event_id) IN"
        " (SELECT tenant_id, event_id FROM webhook_events WHERE kind = %s AND at < %s ORDER BY at LIMIT %s)",
        (kind, before, limit),
    )
    return cursor.rowcount
