"""All SQL of which payment paid which debt: what the stories of payments say of it."""

from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def list_paid_by(conn: Connection, tenant_id: int, payment: str) -> list[tuple[str, int]]:
    """The payments that were owed and that a payment paid, with how much of each in all, in the order in which it
    did; what was taken back since is none of it."""
    cursor = await conn.execute(
        "SELECT intent_id::text, sum(amount)::bigint FROM payment_steps WHERE tenant_id = %s AND kind = 'debt_paid'"
        " AND detail = %s GROUP BY intent_id ORDER BY min(step_id)",
        (tenant_id, payment),
    )
    return [(str(intent), int(amount)) for intent, amount in await cursor.fetchall()]


async def list_refunded_by(conn: Connection, tenant_id: int, payment: str) -> dict[str, int]:
    """What went back of what a payment paid of debts, as refunds of their sessions, by the payment of each."""
    cursor = await conn.execute(
        "SELECT intent_id::text, sum(amount)::bigint FROM payment_steps WHERE tenant_id = %s AND kind = 'debt_refunded'"
        " AND detail = %s GROUP BY intent_id",
        (tenant_id, payment),
    )
    return {str(intent): int(amount) for intent, amount in await cursor.fetchall()}


async def list_refunds_of(conn: Connection, tenant_id: int, intent_id: UUID, payment: str) -> list[tuple[str, int]]:
    """By which entries what a payment paid of a debt went back, and how much by each."""
    cursor = await conn.execute(
        "SELECT entry, amount FROM payment_steps WHERE tenant_id = %s AND intent_id = %s AND kind = 'debt_refunded'"
        " AND detail = %s AND entry IS NOT NULL ORDER BY step_id",
        (tenant_id, intent_id, payment),
    )
    return [(str(entry), int(amount)) for entry, amount in await cursor.fetchall()]


async def sum_owed_again(conn: Connection, tenant_id: int, intent_id: UUID) -> int:
    """What is owed of payments that paid a debt, as the provider took them back."""
    cursor = await conn.execute(
        "SELECT coalesce(sum(least(p.paid, i.owed_amount)), 0)::bigint FROM ("
        "  SELECT detail, sum(amount)::bigint AS paid FROM payment_steps WHERE tenant_id = %(tenant)s"
        "   AND intent_id = %(debt)s AND kind = 'debt_paid' AND detail IS NOT NULL GROUP BY detail) p"
        " JOIN payment_intents i ON i.tenant_id = %(tenant)s AND i.intent_id = p.detail::uuid"
        " WHERE i.owed_amount > 0 AND i.intent_id <> %(debt)s",
        {"tenant": tenant_id, "debt": intent_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def list_payers(conn: Connection, tenant_id: int, intent: str) -> list[tuple[str, int, bool]]:
    """The payments by which something that was owed was paid, how much by each, and whether their money is ours: the
    provider has let us have it, or none had it, as a wallet was paid in advance."""
    try:
        intent_id = UUID(intent)
    except ValueError:
        return []
    cursor = await conn.execute(
        "SELECT s.detail, sum(s.amount)::bigint, EXISTS (SELECT FROM provider_movements m"
        "  WHERE m.tenant_id = s.tenant_id AND m.intent = s.detail AND m.settled_at IS NOT NULL)"
        " OR EXISTS (SELECT FROM payment_intents i WHERE i.tenant_id = s.tenant_id AND i.method = 'wallet'"
        "  AND i.intent_id = s.detail::uuid)"
        " FROM payment_steps s WHERE s.tenant_id = %s AND s.kind = 'debt_paid' AND s.intent_id = %s"
        " AND s.detail IS NOT NULL GROUP BY s.tenant_id, s.detail ORDER BY min(s.step_id)",
        (tenant_id, intent_id),
    )
    return [(str(payment), int(amount), bool(ours)) for payment, amount, ours in await cursor.fetchall()]
