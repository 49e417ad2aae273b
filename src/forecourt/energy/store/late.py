"""Answers to limits that come after whoever asked had stopped waiting."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def note_commands(conn: Connection, tenant_id: int, sent: Sequence[tuple[int, str]]) -> None:
    """Keeps by which command each order was sent."""
    await conn.execute(
        "UPDATE charging_orders o SET command_id = n.command_id"
        " FROM unnest(%s::bigint[], %s::uuid[]) AS n (order_id, command_id)"
        " WHERE o.tenant_id = %s AND o.order_id = n.order_id",
        ([order_id for order_id, _ in sent], [command_id for _, command_id in sent], tenant_id),
    )


async def settle_late(
    conn: Connection, tenant_id: int, command_id: UUID, at: datetime, *, accepted: bool, status: str, change: bool
) -> int | None:
    """Records the late answer to an order of which nobody knew what came; its site. None: there is no such order. That
    a `change` of a dynamic profile was refused says nothing of limits: the station holds no such profile."""
    cursor = await conn.execute(
        "WITH late AS (UPDATE charging_orders SET answered_at = %(at)s, accepted = %(accepted)s, status = %(status)s,"
        "  unsent = %(lost)s"
        "  WHERE tenant_id = %(tenant_id)s AND command_id = %(command_id)s AND accepted IS NULL"
        "  RETURNING site_id, order_id"
        " ), lost AS (UPDATE dynamic_profiles d SET held_at = NULL FROM late"
        "  WHERE %(lost)s AND d.tenant_id = %(tenant_id)s AND d.order_id = late.order_id)"
        " SELECT site_id FROM late",
        {
            "at": at,
            "accepted": accepted,
            "status": status,
            "lost": change and not accepted,
            "tenant_id": tenant_id,
            "command_id": command_id,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
