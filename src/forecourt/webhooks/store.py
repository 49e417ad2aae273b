"""All SQL of the room webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.platform.search import anywhere
from forecourt.webhooks.model import MAX_WAITING, Outcome

Connection = AsyncConnection[Any]

_COLUMNS = "webhook_id, url, description, events, active, paused_at, pause_reason, former_until, created_at"
#: The columns that a change may name.
CHANGEABLE = frozenset({"url", "description", "events", "active", "paused_at", "pause_reason"})
_DELIVERY = """
    SELECT d.delivery_id, d.event_id, e.kind, e.subject, e.at, d.state, d.test, d.attempts, d.settled_at,
        CASE WHEN d.state = 'waiting' THEN d.next_at END AS next_at, a.status, a.error
    FROM webhook_deliveries d JOIN webhook_events e USING (tenant_id, event_id)
    LEFT JOIN webhook_attempts a ON a.delivery_id = d.delivery_id AND a.number = d.attempts
    WHERE d.tenant_id = %(tenant_id)s AND d.webhook_id = %(webhook_id)s
    """


class WebhookRow(Struct, frozen=True, kw_only=True):
    """One webhook, without its secrets."""

    webhook_id: int
    url: str
    description: str
    events: list[str]
    active: bool
    paused_at: datetime | None
    pause_reason: str | None
    former_until: datetime | None
    created_at: datetime


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


async def insert_webhook(
    conn: Connection, tenant_id: int, *, url: str, description: str, events: Sequence[str], secret: bytes
) -> WebhookRow:
    """Stores a webhook."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        "INSERT INTO webhooks (tenant_id, url, description, events, secret) VALUES (%s, %s, %s, %s, %s)"
        f" RETURNING {_COLUMNS}",
        (tenant_id, url, description, list(events), secret),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def count_webhooks(conn: Connection, tenant_id: int) -> int:
    """How many an organisation has; nobody makes one more until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('webhooks'), %s)", (tenant_id,))
    row = await (await conn.execute("SELECT count(*) FROM webhooks WHERE tenant_id = %s", (tenant_id,))).fetchone()
    assert row is not None
    return int(row[0])


async def list_webhooks(conn: Connection, tenant_id: int, after: int, limit: int) -> list[WebhookRow]:
    """Webhooks in the order of their making."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = %s AND webhook_id > %s ORDER BY webhook_id LIMIT %s",
        (tenant_id, after, limit),
    )
    return await cursor.fetchall()


async def find_by_part(conn: Connection, tenant_id: int, text: str, limit: int) -> list[WebhookRow]:
    """Webhooks whose purpose or address holds the text, the newest first."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = %s AND concat_ws(' ', description, url) ILIKE %s"
        " ORDER BY webhook_id DESC LIMIT %s",
        (tenant_id, anywhere(text), limit),
    )
    return await cursor.fetchall()


async def find_webhook(conn: Connection, tenant_id: int, webhook_id: int, *, lock: bool = False) -> WebhookRow | None:
    """The webhook of this id; with `lock` held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = %s AND webhook_id = %s{' FOR UPDATE' if lock else ''}",
        (tenant_id, webhook_id),
    )
    return await cursor.fetchone()


async def update_webhook(
    conn: Connection, tenant_id: int, webhook_id: int, changes: Mapping[str, Any]
) -> WebhookRow | None:
    """Changes the named columns, at least one; None if there is no such webhook."""
    assert changes
    assert changes.keys() <= CHANGEABLE
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL(
        "UPDATE webhooks SET {sets} WHERE tenant_id = %(tenant_id)s AND webhook_id = %(webhook_id)s RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join(sets), columns=sql.SQL(_COLUMNS))
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(query, {**changes, "tenant_id": tenant_id, "webhook_id": webhook_id})
    return await cursor.fetchone()


async def rotate_secret(
    conn: Connection, tenant_id: int, webhook_id: int, secret: bytes, former_until: datetime
) -> WebhookRow | None:
    """Puts a secret in the place of the present one, which signs as well until `former_until`."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        "UPDATE webhooks SET former_secret = secret, former_until = %s, secret = %s"
        f" WHERE tenant_id = %s AND webhook_id = %s RETURNING {_COLUMNS}",
        (former_until, secret, tenant_id, webhook_id),
    )
    return await cursor.fetchone()


async def delete_webhook(conn: Connection, tenant_id: int, webhook_id: int) -> bool:
    """Forgets a webhook with its deliveries; whether there was one."""
    cursor = await conn.execute(
        "DELETE FROM webhooks WHERE tenant_id = %s AND webhook_id = %s", (tenant_id, webhook_id)
    )
    return cursor.rowcount == 1


async def list_followers(conn: Connection, tenant_id: int, kind: str) -> list[WebhookRow]:
    """The webhooks that want to hear of this, paused ones too."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = %s AND active AND %s = ANY(events) ORDER BY webhook_id",
        (tenant_id, kind),
    )
    return await cursor.fetchall()


async def list_tenants_following(conn: Connection, kind: str) -> list[int]:
    """Organisations of which somebody wants to hear of this; for the worker, which sees all."""
    rows = await conn.execute("SELECT DISTINCT tenant_id FROM followed_events WHERE event = %s ORDER BY 1", (kind,))
    return [int(tenant_id) for (tenant_id,) in await rows.fetchall()]


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
    before: int,
    limit: int,
) -> list[DeliveryRow]:
    """Deliveries with an id below `before`, newest first."""
    cursor = conn.cursor(row_factory=class_row(DeliveryRow))
    query = f"{_DELIVERY} AND d.delivery_id < %(before)s"
    if state is not None:
        query += " AND d.state = %(state)s"
    if kind is not None:
        query += " AND e.kind = %(kind)s"
    await cursor.execute(
        f"{query} ORDER BY d.delivery_id DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "webhook_id": webhook_id,
            "before": before,
            "state": state,
            "kind": kind,
            "limit": limit,
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


async def pause(conn: Connection, tenant_id: int, webhook_id: int, reason: str, at: datetime) -> WebhookRow | None:
    """Pauses a webhook that is not paused; None if it is."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        "UPDATE webhooks SET paused_at = %s, pause_reason = %s"
        f" WHERE tenant_id = %s AND webhook_id = %s AND paused_at IS NULL RETURNING {_COLUMNS}",
        (at, reason, tenant_id, webhook_id),
    )
    return await cursor.fetchone()


async def delete_old(conn: Connection, kind: str, before: datetime, limit: int) -> int:
    """Deletes the oldest events of a kind from before a time with all that came of them; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM webhook_events WHERE (tenant_id, event_id) IN"
        " (SELECT tenant_id, event_id FROM webhook_events WHERE kind = %s AND at < %s ORDER BY at LIMIT %s)",
        (kind, before, limit),
    )
    return cursor.rowcount
