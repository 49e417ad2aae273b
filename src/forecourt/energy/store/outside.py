"""What others limit stations to, and how cars mean to charge."""

from typing import Any, Final

import msgspec
from psycopg import AsyncConnection

from forecourt.energy.outside.model import CarMeans, External
from forecourt.ocpp.neutral import CarSchedule, ChargingLimit

Connection = AsyncConnection[Any]

_EXTERNAL: Final = (
    "SELECT t.identity, l.said, l.since, l.said_at FROM external_limits l"
    " JOIN stations t ON t.tenant_id = l.tenant_id AND t.station_id = l.station_id"
)


async def externals_of(conn: Connection, tenant_id: int, site_id: int) -> list[External]:
    """What others limit the stations to whose EVSEs hang at a site."""
    cursor = await conn.execute(
        f"{_EXTERNAL} WHERE l.tenant_id = %s AND l.station_id IN ("
        " SELECT h.station_id FROM hung_evses h WHERE h.tenant_id = %s AND h.site_id = %s)"
        " ORDER BY t.identity, l.evse, l.source",
        (tenant_id, tenant_id, site_id),
    )
    return [_external(*row) for row in await cursor.fetchall()]


async def externals_at(conn: Connection, tenant_id: int, station: str) -> list[External]:
    """What others limit one station to."""
    cursor = await conn.execute(
        f"{_EXTERNAL} WHERE l.tenant_id = %s AND t.identity = %s ORDER BY l.evse, l.source", (tenant_id, station)
    )
    return [_external(*row) for row in await cursor.fetchall()]


def _external(station: str, said: Any, since: Any, said_at: Any) -> External:
    return External(station=station, said=msgspec.convert(said, ChargingLimit), since=since, said_at=said_at)


async def forget_external(conn: Connection, tenant_id: int, station: str, evse: int, source: str) -> int | None:
    """Forget a limit, as if its source had cleared it; the number of its station, None where there is no such limit."""
    cursor = await conn.execute(
        "DELETE FROM external_limits l USING stations t WHERE l.tenant_id = %s AND t.tenant_id = l.tenant_id"
        " AND t.station_id = l.station_id AND t.identity = %s AND l.evse = %s AND l.source = %s RETURNING l.station_id",
        (tenant_id, station, evse, source),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def means_of(conn: Connection, tenant_id: int, site_id: int) -> dict[str, CarMeans]:
    """How the cars at the EVSEs of a site said last that they mean to charge, by the EVSE's id in the tree. It may have
    been another car that said so: what is older than a session isn't of it."""
    cursor = await conn.execute(
        "SELECT t.identity, c.evse, c.said, c.said_at FROM car_schedules c"
        " JOIN hung_evses h ON h.tenant_id = c.tenant_id AND h.station_id = c.station_id AND h.evse = c.evse"
        " JOIN stations t ON t.tenant_id = c.tenant_id AND t.station_id = c.station_id"
        " WHERE c.tenant_id = %s AND h.site_id = %s",
        (tenant_id, site_id),
    )
    return {
        f"{station}:{evse}": CarMeans(
            station=station, evse=evse, said=msgspec.convert(said, CarSchedule), said_at=said_at
        )
        for station, evse, said, said_at in await cursor.fetchall()
    }
