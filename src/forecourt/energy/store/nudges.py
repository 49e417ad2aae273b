"""Telling the planner that something happened at a site, by the transaction in which it did: it hears of it when, and
only when, that is committed."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from forecourt.drivers.model import uid_key
from forecourt.energy.signals.model import spellings

Connection = AsyncConnection[Any]

#: The channel on which PostgreSQL tells it; what is said is the number of the site.
CHANNEL: Final = "energy_nudge"


async def nudge(conn: Connection, site_id: int) -> None:
    """Something that a plan depends on has changed at a site."""
    await conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(site_id)))


async def nudge_of_sessions(conn: Connection, tenant_id: int, sessions: Sequence[UUID]) -> None:
    """Something happened to sessions: the sites where their EVSEs hang."""
    await conn.execute(
        "SELECT pg_notify(%s, site_id::text) FROM (SELECT DISTINCT h.site_id FROM sessions n"
        " JOIN hung_evses h ON h.tenant_id = n.tenant_id AND h.station_id = n.station_id AND h.evse = n.evse"
        " WHERE n.tenant_id = %s AND n.session_id = ANY(%s)) AS found",
        (CHANNEL, tenant_id, list(sessions)),
    )


async def nudge_of_station(conn: Connection, tenant_id: int, station_id: int) -> None:
    """Something happened to a station: the sites where its EVSEs hang."""
    await conn.execute(
        "SELECT pg_notify(%s, site_id::text) FROM (SELECT DISTINCT site_id FROM hung_evses"
        " WHERE tenant_id = %s AND station_id = %s) AS found",
        (CHANNEL, tenant_id, station_id),
    )


async def nudge_of_token(conn: Connection, tenant_id: int, uid: str) -> None:
    """Its driver usually needs something else: the sites where sessions of the token run."""
    await conn.execute(
        "SELECT pg_notify(%s, site_id::text) FROM (SELECT DISTINCT h.site_id FROM sessions n"
        " JOIN hung_evses h ON h.tenant_id = n.tenant_id AND h.station_id = n.station_id AND h.evse = n.evse"
        ' WHERE n.tenant_id = %s AND n.over_at IS NULL AND lower(n.token_uid COLLATE "C") = %s) AS found',
        (CHANNEL, tenant_id, uid_key(uid)),
    )


async def nudge_of_zone(conn: Connection, tenant_id: int, zone: str) -> None:
    """A series is another one: the sites that pay by its prices, or count by its CO2."""
    await conn.execute(
        "SELECT pg_notify(%s, site_id::text) FROM site_tariffs"
        " WHERE tenant_id = %s AND ARRAY[tariff ->> 'price_zone', tariff ->> 'co2_zone'] && %s",
        (CHANNEL, tenant_id, spellings(zone)),
    )
