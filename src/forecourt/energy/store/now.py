"""What goes on at the EVSEs of a site now, as pages show it."""

from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.model import MOST_W
from forecourt.ocpp.neutral import Location, Measurand
from forecourt.sessions.store import MEASURED
from forecourt.stations.model import STATE_PRIORITY

Connection = AsyncConnection[Any]

_CURRENT_AT_OUTLET = Measurand.CURRENT_IMPORT | Location.OUTLET << 16
_POWER_AT_OUTLET = Measurand.POWER_IMPORT | Location.OUTLET << 16


class EvseNow(Struct, frozen=True, kw_only=True):
    """An EVSE that hangs at a site: the word for it, and what its session draws. `current_a` is the highest that was
    measured on a conductor last; None where none was."""

    station: str
    evse: int
    state: str
    power_w: int | None
    current_a: float | None


async def list_now(conn: Connection, tenant_id: int, site_id: int) -> dict[str, EvseNow]:
    """By the id of the EVSE in the site's electrics."""
    cursor = conn.cursor(row_factory=class_row(EvseNow))
    await cursor.execute(
        f"""
        SELECT t.identity AS station, h.evse,
            CASE WHEN l.restarting_until > now() THEN 'Restarting' WHEN g.lease_until > now() THEN coalesce((
                SELECT (%(priority)s::text[])[min(array_position(%(priority)s::text[], c.shown_state))]
                FROM connectors c WHERE c.tenant_id = h.tenant_id AND c.station_id = h.station_id
                    AND (c.evse = h.evse AND c.connector > 0
                        OR c.connector = 0 AND c.shown_state IN ('Faulted', 'Unavailable'))), 'Available')
                ELSE 'Offline' END AS state,
            coalesce(m.power_w, n.power_w)::int AS power_w, m.current_ma / 1000.0::float8 AS current_a
        FROM hung_evses h
        JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id AND t.retired_at IS NULL
        LEFT JOIN station_links l ON l.tenant_id = h.tenant_id AND l.station_id = h.station_id
        LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
        LEFT JOIN LATERAL (
            SELECT * FROM sessions
            WHERE tenant_id = h.tenant_id AND station_id = h.station_id AND evse = h.evse AND over_at IS NULL
            ORDER BY number DESC LIMIT 1
        ) n ON true
        LEFT JOIN LATERAL (
            SELECT max(v.readings[position + 1]) FILTER (WHERE (v.readings[position] & 16711935) = %(current)s)
                    AS current_ma,
                max(least(v.readings[position + 1], %(most)s))
                    FILTER (WHERE v.apart AND (v.readings[position] & 16777215) = %(power)s) AS power_w
            FROM (
                SELECT readings, apart FROM {MEASURED} v ORDER BY at DESC LIMIT 1
            ) v CROSS JOIN LATERAL generate_series(1, array_length(v.readings, 1), 2) AS position
        ) m ON true
        WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "priority": list(STATE_PRIORITY),
            "current": int(_CURRENT_AT_OUTLET),
            "power": int(_POWER_AT_OUTLET),
            "most": MOST_W,
        },
    )
    return {f"{row.station}:{row.evse}": row for row in await cursor.fetchall()}
