"""What happened to a payment: its steps, and the webhooks that were heard of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.intents.model import Step
from forecourt.payments.intents.store import Connection

#: Steps and hooks of one payment that are shown.
MAX_SHOWN: Final = 200


class HookRow(Struct, frozen=True, kw_only=True):
    """A webhook that was heard of a payment."""

    event: str
    kind: str
    received_at: datetime
    heeded_at: datetime | None


async def insert_step(
    conn: Connection, tenant_id: int, intent_id: UUID, kind: str, at: datetime, *, amount: int | None = None,
    detail: str | None = None, by: str | None = None, entry: str | None = None,
) -> None:  # fmt: skip
    """Tells of something that happened. `entry`: the key of that by which it was posted, where that is asked later."""
    await conn.execute(
        "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount, detail, by, entry)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (tenant_id, intent_id, at, kind, amount, detail, by, entry),
    )


async def count_steps(conn: Connection, tenant_id: int, intent_id: UUID, kind: str) -> int:
    """How often something happened to a payment."""
    cursor = await conn.execute(
        "SELECT count(*) FROM payment_steps WHERE tenant_id = %s AND intent_id = %s AND kind = %s",
        (tenant_id, intent_id, kind),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def told_of(conn: Connection, tenant_id: int, intent_id: UUID, kind: str) -> set[str]:
    """What the steps of a kind are about, by their details."""
    cursor = await conn.execute(
        "SELECT detail FROM payment_steps WHERE tenant_id = %s AND intent_id = %s AND kind = %s AND detail IS NOT NULL",
        (tenant_id, intent_id, kind),
    )
    return {str(detail) for (detail,) in await cursor.fetchall()}


async def list_of_entry(conn: Connection, tenant_id: int, kind: str, entry: str) -> list[tuple[UUID, int]]:
    """The payments of which something was told with an entry, and how much of each."""
    cursor = await conn.execute(
        "SELECT intent_id, amount FROM payment_steps WHERE tenant_id = %s AND kind = %s AND entry = %s",
        (tenant_id, kind, entry),
    )
    return [(intent_id, int(amount)) for intent_id, amount in await cursor.fetchall()]


async def sum_steps(conn: Connection, tenant_id: int, intent_id: UUID, kind: str) -> int:
    """What the steps of a kind that tell of another payment come to."""
    cursor = await conn.execute(
        "SELECT coalesce(sum(amount), 0)::bigint FROM payment_steps WHERE tenant_id = %s AND intent_id = %s"
        " AND kind = %s AND detail IS DISTINCT FROM intent_id::text",
        (tenant_id, intent_id, kind),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def list_steps(conn: Connection, tenant_id: int, intent_id: UUID) -> list[Step]:
    """What happened to a payment, the latest first."""
    cursor = conn.cursor(row_factory=class_row(Step))
    await cursor.execute(
        "SELECT at, kind, amount, detail, by FROM payment_steps WHERE tenant_id = %s AND intent_id = %s"
        " ORDER BY step_id DESC LIMIT %s",
        (tenant_id, intent_id, MAX_SHOWN),
    )
    return await cursor.fetchall()


async def insert_hook(
    conn: Connection, tenant_id: int, account_id: UUID, *, event: str, kind: str, body: bytes, intent_id: UUID | None,
    at: datetime,
) -> bool:  # fmt: skip
    """Keeps a webhook; whether it is heard for the first time."""
    cursor = await conn.execute(
        "INSERT INTO payment_hooks (account_id, event, tenant_id, kind, body, intent_id, received_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (account_id, event) DO NOTHING",
        (account_id, event, tenant_id, kind, body, intent_id, at),
    )
    return cursor.rowcount == 1


async def list_hooks(conn: Connection, tenant_id: int, intent_id: UUID) -> list[HookRow]:
    """The webhooks that were heard of a payment, the latest first."""
    cursor = conn.cursor(row_factory=class_row(HookRow))
    await cursor.execute(
        "SELECT event, kind, received_at, heeded_at FROM payment_hooks WHERE tenant_id = %s AND intent_id = %s"
        " ORDER BY received_at DESC LIMIT %s",
        (tenant_id, intent_id, MAX_SHOWN),
    )
    return await cursor.fetchall()


async def heed_hooks(conn: Connection, tenant_id: int, intent_id: UUID, at: datetime) -> None:
    """What was hinted at of a payment up to now was looked at."""
    await conn.execute(
        "UPDATE payment_hooks SET heeded_at = %s WHERE tenant_id = %s AND intent_id = %s AND heeded_at IS NULL"
        " AND received_at <= %s",
        (at, tenant_id, intent_id, at),
    )


async def forget_hooks(conn: Connection, before: datetime, most: int) -> int:
    """Forgets the oldest webhooks from before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM payment_hooks WHERE (account_id, event) IN (SELECT account_id, event FROM payment_hooks"
        " WHERE received_at < %s"
        " ORDER BY received_at LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount
