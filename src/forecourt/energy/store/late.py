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
    conn: Connection, tenant_id: int, command_id: UUID, at: datetime, *, accepted: bool, status: str
) -> int | None:
    """Records the late answer to an order of which nobody knew what came; its site. None: there is no such order."""
    cursor = await conn.execute(
        "UPDATE charging_orders SET answered_at = %s, accepted = %s, status = %s"
        " WHERE tenant_id = %s AND command_id = %s AND accepted IS NULL RETURNING site_id",
        (at, accepted, status, tenant_id, command_id),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
