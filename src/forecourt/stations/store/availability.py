"""What connectors said over time, and when their station was not connected."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class ChangeRow(Struct, frozen=True, kw_only=True):
    """What a connector said of itself, as of the station's own time."""

    evse: int
    connector: int
    state_at: datetime
    state: str
    error_code: str | None


class GapRow(Struct, frozen=True, kw_only=True):
    """A time without a connection; `returned_at` is None while it lasts."""

    lost_at: datetime
    returned_at: datetime | None


async def list_changes(
    conn: Connection, tenant_id: int, station_id: int, began_at: datetime, ended_at: datetime, limit: int
) -> Sequence[ChangeRow]:
    """What each connector said in a period, and before it the last word that held when it began; in the order of
    connectors and time."""
    cursor = conn.cursor(row_factory=class_row(ChangeRow))
    await cursor.execute(
        """
        SELECT evse, connector, state_at, state, error_code FROM (
            SELECT c.evse, c.connector, h.state_at, h.state, h.error_code, h.arrived_at
            FROM connectors c CROSS JOIN LATERAL (
                SELECT state_at, state, error_code, arrived_at FROM connector_history
                WHERE tenant_id = c.tenant_id AND station_id = c.station_id AND evse = c.evse
                  AND connector = c.connector AND state_at <= %(began_at)s
                ORDER BY state_at DESC, arrived_at DESC LIMIT 1) h
            WHERE c.tenant_id = %(tenant_id)s AND c.station_id = %(station_id)s
            UNION ALL
            SELECT evse, connector, state_at, state, error_code, arrived_at FROM connector_history
            WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s
              AND state_at > %(began_at)s AND state_at < %(ended_at)s
        ) said ORDER BY evse, connector, state_at, arrived_at LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "began_at": began_at, "ended_at": ended_at, "limit": limit},
    )
    return await cursor.fetchall()


async def list_gaps(
    conn: Connection, tenant_id: int, station_id: int, began_at: datetime, ended_at: datetime, limit: int
) -> Sequence[GapRow]:
    """Losses of its connection that touch a period, oldest first, as the room publishes them."""
    cursor = conn.cursor(row_factory=class_row(GapRow))
    await cursor.execute(
        """
        SELECT lost_at, returned_at FROM connection_losses
        WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s
          AND lost_at < %(ended_at)s AND (returned_at IS NULL OR returned_at > %(began_at)s)
        ORDER BY lost_at LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "began_at": began_at, "ended_at": ended_at, "limit": limit},
    )
    return await cursor.fetchall()
