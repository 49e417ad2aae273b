"""All SQL of which payment paid which debt: what the stories of payments say of it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class Late(Struct, frozen=True, kw_only=True):
    """What other payments paid later of what one left owed, in minor units."""

    paid: int = 0
    #: What of that was given back.
    refunded: int = 0
    #: What of that is owed again, as the provider took those payments back.
    owed_again: int = 0
    #: A part of what was owed never came.
    given_up: bool = False

    def all_of(self, owed: int) -> bool:
        """Whether all that was owed was paid later. `owed`: what is owed still."""
        return self.paid > 0 and not (owed or self.owed_again or self.given_up)


class _LateRow(Late, frozen=True, kw_only=True):
    intent_id: UUID


#: Nothing was paid later.
NOTHING: Final = Late()


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


async def find_late(conn: Connection, tenant_id: int, intents: Sequence[UUID]) -> dict[UUID, Late]:
    """What other payments paid later of what these left owed, and what became of that; those alone of which something
    was, or was given up. What was taken of a payment's own hold after all was taken by itself."""
    cursor = conn.cursor(row_factory=class_row(_LateRow))
    await cursor.execute(
        "SELECT s.intent_id, coalesce(sum(s.amount) FILTER (WHERE s.kind = 'debt_paid'), 0)::bigint AS paid,"
        " coalesce(sum(s.amount) FILTER (WHERE s.kind = 'debt_refunded'), 0)::bigint AS refunded,"
        " bool_or(s.kind = 'written_off') AS given_up, (SELECT coalesce(sum(least(p.paid, i.owed_amount)), 0)::bigint"
        "  FROM (SELECT detail, sum(amount)::bigint AS paid FROM payment_steps b WHERE b.tenant_id = %(tenant)s"
        "   AND b.intent_id = s.intent_id AND b.kind = 'debt_paid' AND b.detail IS NOT NULL GROUP BY detail) p"
        "  JOIN payment_intents i ON i.tenant_id = %(tenant)s AND i.intent_id = p.detail::uuid"
        "  WHERE i.owed_amount > 0 AND i.intent_id <> s.intent_id) AS owed_again"
        " FROM payment_steps s WHERE s.tenant_id = %(tenant)s AND s.intent_id = ANY(%(intents)s)"
        " AND s.kind IN ('debt_paid', 'debt_refunded', 'written_off')"
        " AND s.detail IS DISTINCT FROM s.intent_id::text GROUP BY s.intent_id",
        {"tenant": tenant_id, "intents": list(intents)},
    )
    return {row.intent_id: row for row in await cursor.fetchall()}


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
