"""Where EVSEs stand, and at which site's electrics they hang."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.store.gone import RUNS

Connection = AsyncConnection[Any]

#: Stations in service at a site or at what is part of it.
HERE: Final = (
    "SELECT s.station_id FROM stations s JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id"
    " WHERE s.tenant_id = %(tenant_id)s AND s.retired_at IS NULL AND i.path @> ARRAY[%(site_id)s::int]"
)


class SiteEvse(Struct, frozen=True, kw_only=True):
    """An EVSE that stands at a site or at what is part of it; `at` is where it hangs, if it hangs anywhere, and
    `astray` whether its station stands there no more."""

    station_id: int
    station: str
    name: str
    evse: int
    at: int | None
    at_name: str | None
    astray: bool
    max_power_w: int | None


async def evses_of(conn: Connection, tenant_id: int, site_id: int) -> dict[str, tuple[str, int]]:
    """The EVSEs that hang at a site and stand there, by their ids in its electrics: station's identity and EVSE."""
    cursor = await conn.execute(
        "SELECT t.identity, h.evse FROM hung_evses h"
        " JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        f" WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND h.station_id IN ({HERE})"
        " ORDER BY t.identity, h.evse",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    return {f"{identity}:{evse}": (identity, evse) for identity, evse in await cursor.fetchall()}


async def strays_of(conn: Connection, tenant_id: int, site_id: int) -> list[tuple[str, int]]:
    """The EVSEs that hang at a site and stand there no more, by their stations' identities; but for those where a car
    charges that counts there."""
    cursor = await conn.execute(
        "SELECT t.identity, h.evse FROM hung_evses h"
        " JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        f" WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND h.station_id NOT IN ({HERE})"
        f" AND t.identity IS NOT NULL AND NOT {RUNS} ORDER BY t.identity, h.evse",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    return await cursor.fetchall()


async def list_site_evses(conn: Connection, tenant_id: int, site_id: int) -> list[SiteEvse]:
    """All EVSEs that stand at a site or at what is part of it, whether they hang or not."""
    cursor = conn.cursor(row_factory=class_row(SiteEvse))
    await cursor.execute(
        "SELECT e.station_id, s.identity AS station, coalesce(s.name, s.identity) AS name, e.evse, h.site_id AS at,"
        " i.name AS at_name, s.max_power_w, coalesce(NOT w.path @> ARRAY[h.site_id], false) AS astray"
        " FROM (SELECT DISTINCT station_id, evse FROM connectors WHERE tenant_id = %(tenant_id)s AND connector > 0"
        f"  AND evse > 0 AND station_id IN ({HERE})) e"
        " JOIN stations s ON s.tenant_id = %(tenant_id)s AND s.station_id = e.station_id"
        " JOIN sites w ON w.tenant_id = %(tenant_id)s AND w.site_id = s.site_id"
        " LEFT JOIN hung_evses h ON h.tenant_id = %(tenant_id)s AND h.station_id = e.station_id AND h.evse = e.evse"
        " LEFT JOIN sites i ON i.tenant_id = %(tenant_id)s AND i.site_id = h.site_id"
        " ORDER BY s.identity, e.evse",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    return await cursor.fetchall()


async def find_evses(conn: Connection, tenant_id: int, stations: Sequence[str]) -> set[tuple[str, int]]:
    """The EVSEs that these stations have, wherever they stand."""
    cursor = await conn.execute(
        "SELECT DISTINCT s.identity, c.evse FROM stations s"
        " JOIN connectors c ON c.tenant_id = s.tenant_id AND c.station_id = s.station_id AND c.connector > 0"
        " WHERE s.tenant_id = %s AND s.identity = ANY(%s) AND s.retired_at IS NULL",
        (tenant_id, list(stations)),
    )
    return {(identity, evse) for identity, evse in await cursor.fetchall()}


async def find_stations(conn: Connection, tenant_id: int, stations: Sequence[str]) -> set[str]:
    """Which of these stations are registered, and not retired."""
    cursor = await conn.execute(
        "SELECT identity FROM stations WHERE tenant_id = %s AND identity = ANY(%s) AND retired_at IS NULL",
        (tenant_id, list(stations)),
    )
    return {identity for (identity,) in await cursor.fetchall()}


async def hang(conn: Connection, tenant_id: int, site_id: int, evses: Sequence[tuple[str, int]]) -> None:
    """Lets exactly these EVSEs hang at a site, and those where a car still charges though their stations stand there no
    more; those that are strays at another one leave it."""
    await conn.execute(
        "DELETE FROM hung_evses h USING stations t WHERE t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " AND h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s"
        f" AND NOT (h.station_id NOT IN ({HERE}) AND {RUNS})",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    await conn.execute(
        "INSERT INTO hung_evses (station_id, evse, tenant_id, site_id)"
        " SELECT s.station_id, each.evse, %(tenant_id)s, %(site_id)s"
        " FROM unnest(%(stations)s::text[], %(evses)s::int[]) AS each (station, evse)"
        " JOIN stations s ON s.tenant_id = %(tenant_id)s AND s.identity = each.station AND s.retired_at IS NULL"
        " ON CONFLICT (station_id, evse) DO UPDATE SET site_id = excluded.site_id",
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "stations": [station for station, _ in evses],
            "evses": [evse for _, evse in evses],
        },
    )
