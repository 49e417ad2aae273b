"""Answers to limits that come after whoever asked had stopped waiting."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


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
