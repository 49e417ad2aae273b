"""What the sender takes from the line and writes down, and what is forgotten in time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.webhooks.model import Outcome

Connection = AsyncConnection[Any]
#: Deliveries that one look at the line may find worth taking. More than a sender takes, for what others hold is passed.
LOOKED_AT: Final = 128


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


class Room(Struct, frozen=True, kw_only=True):
    """How much may be taken: `free` in all, of webhooks that are not `busy`, `each` of one webhook, and of one
    organisation `each_organisation` less what it has in the air (`held`, by tenant id)."""

    busy: Sequence[int]
    held: Mapping[int, int]
    each: int
    each_organisation: int
    free: int


async def take_due(conn: Connection, now: datetime, lease_until: datetime, room: Room) -> list[Due]:
    """Takes deliveries that are due: first of the organisation that has the fewest in the air, of its webhooks by
    turns, and of each the oldest. In no order.

    Nobody else takes them before `lease_until`: who dies with one in hand has it tried again. Needs role
    forecourt_worker, which sees every organisation's.
    """
    cursor = conn.cursor(row_factory=class_row(Due))
    # A lock is a write, so only what is taken is locked: the oldest of each webhook are looked at first, by an index,
    # and LOOKED_AT of them are worth a lock. It is a number in the text so that PostgreSQL plans for few rows; `sends`
    # is reckoned beforehand, since by its parts PostgreSQL expects next to no rows and sorts all that wait.
    await cursor.execute(
        f"""
        WITH open AS MATERIALIZED (
            SELECT webhook_id, tenant_id, active AND paused_at IS NULL AS sends FROM webhooks
            WHERE webhook_id <> ALL(%(busy)s)
        ), looked_at AS (
            SELECT d.delivery_id, d.next_at, d.turn, open.tenant_id FROM open CROSS JOIN LATERAL (
                SELECT d.delivery_id, d.next_at, row_number() OVER (ORDER BY d.next_at) AS turn
                FROM webhook_deliveries d
                WHERE d.webhook_id = open.webhook_id AND d.state = 'waiting' AND d.next_at <= %(now)s
                    AND (d.test OR open.sends)
                ORDER BY d.next_at LIMIT %(each)s
            ) d
        ), placed AS (
            SELECT delivery_id, next_at, coalesce(held.number, 0)
                + row_number() OVER (PARTITION BY tenant_id ORDER BY turn, next_at) AS place
            FROM looked_at LEFT JOIN unnest(%(tenants)s::int[], %(numbers)s::int[]) AS held (tenant_id, number)
                USING (tenant_id)
        ), chosen AS MATERIALIZED (
            SELECT delivery_id, next_at, place FROM placed WHERE place <= %(each_organisation)s
            ORDER BY place, next_at LIMIT {LOOKED_AT}
        ), due AS MATERIALIZED (
            SELECT d.delivery_id FROM chosen JOIN webhook_deliveries d USING (delivery_id)
            WHERE d.state = 'waiting' AND d.next_at <= %(now)s
            ORDER BY chosen.place, chosen.next_at LIMIT %(free)s FOR UPDATE OF d SKIP LOCKED
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
            "busy": list(room.busy),
            "tenants": list(room.held.keys()),
            "numbers": list(room.held.values()),
            "each": room.each,
            "each_organisation": room.each_organisation,
            "free": room.free,
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
