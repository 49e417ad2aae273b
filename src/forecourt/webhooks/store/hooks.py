"""Webhooks: who outside wants to hear what, and where."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]
_COLUMNS = "webhook_id, url, description, events, active, paused_at, pause_reason, former_until, created_at"
_ORDERS: Final = by_age("webhook_id")
#: The columns that a change may name.
CHANGEABLE = frozenset({"url", "description", "events", "active", "paused_at", "pause_reason"})


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


async def list_webhooks(
    conn: Connection, tenant_id: int, *, order: Age = "oldest", place: Place = None, limit: int
) -> list[WebhookRow]:
    """Webhooks behind the id of a place."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = %(tenant_id)s {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
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


async def pause(conn: Connection, tenant_id: int, webhook_id: int, reason: str, at: datetime) -> WebhookRow | None:
    """Pauses a webhook that is not paused; None if it is."""
    cursor = conn.cursor(row_factory=class_row(WebhookRow))
    await cursor.execute(
        "UPDATE webhooks SET paused_at = %s, pause_reason = %s"
        f" WHERE tenant_id = %s AND webhook_id = %s AND paused_at IS NULL RETURNING {_COLUMNS}",
        (at, reason, tenant_id, webhook_id),
    )
    return await cursor.fetchone()
