"""Whose turn it is: since when each car has been allowed to charge without a break, or has waited."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection

#: Orders of so long are looked at: whoever has charged or waited for longer is first or last all the same.
TURNS_OF: Final = timedelta(hours=3)


class Turn(Struct, frozen=True, kw_only=True):
    """Whether a car may charge by what its station was told, and since when that was told without a break."""

    charges: bool
    since: datetime


async def turns_of(
    conn: AsyncConnection[Any], tenant_id: int, sessions: Sequence[UUID], now: datetime
) -> dict[UUID, Turn]:
    """Of each of these sessions of which its station was told something; an order that renews one begins nothing."""
    cursor = await conn.execute(
        """
        SELECT n.session_id, l.charges, min(o.sent_at)
        FROM unnest(%(sessions)s::uuid[]) AS n (session_id)
        CROSS JOIN LATERAL (
            SELECT limit_ma > 0 AS charges FROM charging_orders
            WHERE tenant_id = %(tenant_id)s AND session_id = n.session_id AND accepted IS NOT FALSE
            ORDER BY sent_at DESC, order_id DESC LIMIT 1) l
        CROSS JOIN LATERAL (
            SELECT coalesce(max(order_id), 0) AS order_id FROM charging_orders
            WHERE tenant_id = %(tenant_id)s AND session_id = n.session_id AND accepted IS NOT FALSE
                AND sent_at > %(since)s AND (limit_ma > 0) <> l.charges) b
        JOIN charging_orders o ON o.tenant_id = %(tenant_id)s AND o.session_id = n.session_id
            AND o.accepted IS NOT FALSE AND o.sent_at > %(since)s AND o.order_id > b.order_id
        GROUP BY n.session_id, l.charges
        """,
        {"tenant_id": tenant_id, "sessions": list(sessions), "since": now - TURNS_OF},
    )
    return {row[0]: Turn(charges=row[1], since=row[2]) for row in await cursor.fetchall()}
