"""What sessions said of connectors, when they are over: the connector's own word counts again."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from forecourt.platform.outbox import COALESCE

Connection = AsyncConnection[Any]

#: A connector: station, EVSE, number.
Place = tuple[int, int, int]

_PLACES = "unnest(%s::bigint[], %s::int[], %s::int[]) AS p (station_id, evse, connector)"


def _columns(places: Sequence[Place]) -> tuple[list[int], list[int], list[int]]:
    stations, evses, connectors = ([place[column] for place in places] for column in range(3))
    return stations, evses, connectors


async def list_tenants_with_activity(conn: Connection) -> list[int]:
    """Tenants with a connector of which a session tells."""
    rows = await (await conn.execute("SELECT DISTINCT tenant_id FROM connectors WHERE activity IS NOT NULL")).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def hold_activities(conn: Connection, tenant_id: int, places: Sequence[Place]) -> list[Place]:
    """Keep what sessions say of these connectors as it is until the transaction ends; those that nobody else holds.

    Programs outside are told that their states change: before anything is held, for ingest takes the rows of the
    outbox first as well.
    """
    columns = _columns(places)
    await conn.execute(
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'station.state', c.station_id::text, c.tenant_id
        FROM {_PLACES} JOIN connectors c USING (station_id, evse, connector)
        WHERE c.tenant_id = %s AND c.shown_state <> c.state AND EXISTS (
            SELECT FROM followed_events f WHERE f.tenant_id = c.tenant_id AND f.event = 'station.state')
        ORDER BY 2 {COALESCE}
        """,
        (*columns, tenant_id),
    )
    cursor = await conn.execute(
        f"""
        SELECT c.station_id, c.evse, c.connector FROM {_PLACES} JOIN connectors c USING (station_id, evse, connector)
        WHERE c.tenant_id = %s AND c.activity IS NOT NULL FOR UPDATE OF c SKIP LOCKED
        """,
        (*columns, tenant_id),
    )
    return [(station_id, evse, connector) for station_id, evse, connector in await cursor.fetchall()]


async def end_activities(conn: Connection, tenant_id: int, places: Sequence[Place]) -> list[tuple[str, int]]:
    """Let these connectors be shown as what they say themselves; their stations' identities and EVSEs."""
    cursor = await conn.execute(
        f"""
        WITH ended AS (
            UPDATE connectors c SET activity = NULL, active_here = false FROM {_PLACES}
            WHERE c.tenant_id = %s AND c.station_id = p.station_id AND c.evse = p.evse AND c.connector = p.connector
            RETURNING c.station_id, c.evse)
        SELECT DISTINCT s.identity, e.evse FROM ended e JOIN stations s USING (station_id)
        WHERE s.tenant_id = %s AND s.identity IS NOT NULL ORDER BY 1, 2
        """,
        (*_columns(places), tenant_id, tenant_id),
    )
    return [(identity, evse) for identity, evse in await cursor.fetchall()]
