"""Sessions that are kept to a power of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.needs.caps import Cap, CapWhy

Connection = AsyncConnection[Any]


class Cappable(Struct, frozen=True, kw_only=True):
    """A session that runs at a site which is charged smartly. `refused`: its station said no to the last limit that it
    was told; `disobeys`: it was measured above what it was told."""

    station_id: int
    connected: bool
    refused: bool
    disobeys: bool


async def find_cappable(conn: Connection, tenant_id: int, session_id: UUID) -> Cappable | None:
    """What is known of whether a session can be told a limit; None where nobody plans for it, or it is over."""
    cursor = conn.cursor(row_factory=class_row(Cappable))
    await cursor.execute(
        """
        SELECT n.station_id, coalesce(g.lease_until > now(), false) AS connected,
            coalesce((
                SELECT NOT o.accepted FROM charging_orders o
                WHERE o.tenant_id = n.tenant_id AND o.session_id = n.session_id AND o.accepted IS NOT NULL
                ORDER BY o.order_id DESC LIMIT 1), false) AS refused,
            b.disobeys_since IS NOT NULL AS disobeys
        FROM sessions n
        JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id AND t.retired_at IS NULL
        JOIN hung_evses h ON h.tenant_id = n.tenant_id AND h.station_id = n.station_id AND h.evse = n.evse
        JOIN energy_sites e ON e.tenant_id = h.tenant_id AND e.site_id = h.site_id AND e.enabled
            AND e.electrics_version > 0
        LEFT JOIN station_links k ON k.tenant_id = n.tenant_id AND k.station_id = n.station_id
        LEFT JOIN gateways g ON g.gateway_id = k.gateway_id
        LEFT JOIN evse_obedience b ON b.tenant_id = n.tenant_id AND b.station_id = n.station_id AND b.evse = n.evse
        WHERE n.tenant_id = %s AND n.session_id = %s AND n.over_at IS NULL
        """,
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def put_cap(conn: Connection, tenant_id: int, session_id: UUID, station_id: int, cap: Cap, said_by: str) -> None:
    """Keeps a session to a power, or to another one than before."""
    await conn.execute(
        "INSERT INTO session_caps (session_id, tenant_id, station_id, max_w, why, since, said_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (session_id) DO UPDATE SET max_w = excluded.max_w,"
        " why = excluded.why, since = excluded.since, said_by = excluded.said_by",
        (session_id, tenant_id, station_id, cap.max_w, cap.why.value, cap.since, said_by),
    )


async def caps_of(conn: Connection, tenant_id: int, sessions: Sequence[UUID]) -> dict[UUID, Cap]:
    """What each of these sessions is kept to; of which nobody said so is left out."""
    cursor = await conn.execute(
        "SELECT session_id, max_w, why, since FROM session_caps WHERE tenant_id = %s AND session_id = ANY(%b)",
        (tenant_id, list(sessions)),
    )
    return {
        session_id: Cap(max_w=max_w, why=CapWhy(why), since=since)
        for session_id, max_w, why, since in await cursor.fetchall()
    }


async def forget_caps(conn: Connection, tenant_id: int, before: datetime) -> int:
    """Forgets those of before a time whose sessions are over; how many."""
    cursor = await conn.execute(
        "DELETE FROM session_caps c WHERE c.tenant_id = %s AND c.since < %s AND NOT EXISTS ("
        " SELECT FROM sessions n WHERE n.tenant_id = c.tenant_id AND n.session_id = c.session_id"
        " AND n.over_at IS NULL)",
        (tenant_id, before),
    )
    return cursor.rowcount
