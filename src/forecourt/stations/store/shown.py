"""Stations as people are shown them: one line each, with one word for the whole of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.search import anywhere
from forecourt.stations.model import STATE_PRIORITY

Connection = AsyncConnection[Any]

#: One line a station with the word for the whole of it, as `model.station_state` finds it.
SHOWN = """
SELECT s.station_id, s.identity, s.name, i.name AS site_name, i.slug AS site, s.max_power_w,
    coalesce(s.latitude, i.latitude) AS latitude, coalesce(s.longitude, i.longitude) AS longitude,
    CASE WHEN l.restarting_until > now() THEN 'Restarting'
        WHEN g.lease_until > now() THEN coalesce(c.shown_state, 'Available') ELSE 'Offline' END AS state,
    nullif(c.error_code, 'NoError') AS error_code, coalesce(l.disconnected_at, l.last_seen_at) AS last_seen_at
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
LEFT JOIN LATERAL (
    SELECT k.shown_state, k.error_code FROM (
        SELECT shown_state, error_code, connector, bool_or(connector = 0 AND state = 'Unavailable') OVER () AS closed
        FROM connectors WHERE tenant_id = s.tenant_id AND station_id = s.station_id
    ) k
    WHERE k.shown_state = ANY(%(priority)s)
        AND CASE WHEN k.connector = 0 THEN k.shown_state IN ('Faulted', 'Unavailable')
            ELSE NOT (k.closed AND k.shown_state = 'Available') END
    ORDER BY array_position(%(priority)s, k.shown_state) LIMIT 1
) c ON true
WHERE s.tenant_id = %(tenant_id)s AND s.retired_at IS NULL
"""


class ShownStation(Struct, frozen=True, kw_only=True):
    """One station as a list or a map shows it. `error_code` is the one of the connector that speaks for it."""

    station_id: int
    identity: str
    name: str | None
    site_name: str | None
    site: str | None
    max_power_w: int | None
    latitude: float | None
    longitude: float | None
    state: str
    error_code: str | None
    last_seen_at: datetime | None


async def list_for_page(
    conn: Connection,
    tenant_id: int,
    *,
    search: str = "",
    state: str | None = None,
    site: str | None = None,
    identities: Sequence[str] | None = None,
    placed: bool = False,
    offset: int = 0,
    limit: int,
) -> tuple[list[ShownStation], int]:
    """Stations by name, and how many match. `search` is found anywhere in name, identity or site; `site` is a slug;
    `placed` keeps those with a position."""
    cursor = conn.cursor(row_factory=class_row(ShownStation))
    matching = f"""
        FROM ({SHOWN}) shown
        WHERE (%(search)s = '' OR concat_ws(' ', name, identity, site_name) ILIKE %(pattern)s)
            AND (%(state)s::text IS NULL OR state = %(state)s)
            AND (%(site)s::text IS NULL OR site = %(site)s)
            AND (%(identities)s::text[] IS NULL OR identity = ANY(%(identities)s))
            AND (NOT %(placed)s OR (latitude IS NOT NULL AND longitude IS NOT NULL))
    """
    wanted = {
        "tenant_id": tenant_id,
        "priority": list(STATE_PRIORITY),
        "search": search,
        "pattern": anywhere(search),
        "state": state,
        "site": site,
        "identities": None if identities is None else list(identities),
        "placed": placed,
        "offset": offset,
        "limit": limit,
    }
    await cursor.execute(
        f"SELECT * {matching} ORDER BY coalesce(name, identity), identity LIMIT %(limit)s OFFSET %(offset)s", wanted
    )
    rows = await cursor.fetchall()
    if not offset and len(rows) < limit:
        return rows, len(rows)
    count = await (await conn.execute(f"SELECT count(*) {matching}", wanted)).fetchone()
    return rows, 0 if count is None else int(count[0])


async def count_states(conn: Connection, tenant_id: int) -> dict[str, int]:
    """How many stations are in each state; states without a station are left out."""
    cursor = await conn.execute(
        f"SELECT state, count(*) FROM ({SHOWN}) shown GROUP BY state",
        {"tenant_id": tenant_id, "priority": list(STATE_PRIORITY)},
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}
