"""Whose turn it is: since when each car has been allowed to charge without a break, or has waited."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.platform.unchanged import Texts

#: Orders of so long are looked at: whoever has charged or waited for longer is first or last all the same.
TURNS_OF: Final = timedelta(hours=3)


class Turn(Struct, frozen=True, kw_only=True, gc=False):
    """Whether a car may charge by what its station was told, since when that was told without a break, and whether it
    was told otherwise `before`."""

    charges: bool
    since: datetime
    before: bool


class _Row(Struct, frozen=True, array_like=True, gc=False):
    session_id: UUID
    charges: bool
    since: datetime
    before: bool


_decode: Final = msgspec.json.Decoder(_Row).decode


def _turn(text: str) -> tuple[UUID, Turn]:
    row = _decode(text)
    return row.session_id, Turn(charges=row.charges, since=row.since, before=row.before)


def turns_held() -> Texts[tuple[UUID, Turn]]:
    """Where `turns_of` finds again what it has read before."""
    return Texts(_turn)


async def turns_of(
    conn: AsyncConnection[Any],
    tenant_id: int,
    sessions: Sequence[UUID],
    now: datetime,
    held: Texts[tuple[UUID, Turn]] | None = None,
) -> dict[UUID, Turn]:
    """Of each of these sessions of which its station was told something; an order that renews one begins nothing.
    `held`: what was read before."""
    cursor = await conn.execute(
        """
        SELECT json_build_array(n.session_id, l.charges, min(o.sent_at), b.order_id > 0)::text
        FROM unnest(%(sessions)b::uuid[]) AS n (session_id)
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
        GROUP BY n.session_id, l.charges, b.order_id
        """,
        {"tenant_id": tenant_id, "sessions": list(sessions), "since": now - TURNS_OF},
    )
    return dict((turns_held() if held is None else held).of([text for (text,) in await cursor.fetchall()]))
