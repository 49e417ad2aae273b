"""Stations as people are shown them: one line each, with one word for the whole of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.search import anywhere
from forecourt.stations.model import STATE_PRIORITY

Connection = AsyncConnection[Any]

_FROM = """
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
"""
_OWN = "(evse = 0 AND connector = 0)"
_PLACE = "array_position(%(priority)s::text[], shown_state)"
#: The rank in `priority` of the word that speaks for all connectors of a station, as `model.station_state` finds it.
_RANKED = f"""
SELECT station_id, CASE WHEN bool_or({_OWN} AND state = 'Unavailable')
    THEN min({_PLACE}) FILTER (WHERE {_OWN} OR (connector > 0 AND shown_state <> 'Available'))
    ELSE min({_PLACE}) FILTER (WHERE connector > 0 OR ({_OWN} AND state = 'Faulted')) END AS rank
FROM connectors WHERE tenant_id = %(tenant_id)s
"""
#: Joins it to stations s for few stations, each looked up by itself.
RANK_OF_EACH = f"LEFT JOIN LATERAL ({_RANKED} AND station_id = s.station_id GROUP BY station_id) c ON true\n"
#: The same for many: all connectors in one go cost a third of looking them up by station.
RANK_OF_MANY = f"LEFT JOIN ({_RANKED} GROUP BY station_id) c ON c.station_id = s.station_id\n"
#: The word for the whole of a station s, of which the link l, its gateway g and the rank c are joined.
STATE = """CASE WHEN l.restarting_until > now() THEN 'Restarting'
    WHEN g.lease_until > now() THEN coalesce((%(priority)s::text[])[c.rank], 'Available') ELSE 'Offline' END"""
#: One line a station with the word for the whole of it, and the error of a connector that speaks for it.
SHOWN = f"""
SELECT s.station_id, s.identity, s.name, i.name AS site_name, i.slug AS site, s.max_power_w,
    coalesce(s.latitude, i.latitude) AS latitude, coalesce(s.longitude, i.longitude) AS longitude, {STATE} AS state,
    (SELECT nullif(k.error_code, 'NoError') FROM connectors k
        WHERE k.tenant_id = s.tenant_id AND k.station_id = s.station_id
            AND k.shown_state = (%(priority)s::text[])[c.rank]
        ORDER BY k.evse, k.connector LIMIT 1) AS error_code,
    coalesce(l.disconnected_at, l.last_seen_at) AS last_seen_at,
    s.registration, l.protocol, nullif(concat_ws(' ', s.vendor, s.model), '') AS model,
    coalesce(g.lease_until > now(), false) AS connected
{_FROM}
{RANK_OF_EACH}
WHERE s.tenant_id = %(tenant_id)s AND s.retired_at IS NULL
"""
_SEEN = "coalesce(l.disconnected_at, l.last_seen_at)"
_MODEL = "nullif(concat_ws(' ', s.vendor, s.model), '')"
_CONNECTED = "coalesce(g.lease_until > now(), false)"
#: What a list of stations may be sorted by, the most pressing or latest first where that is a question.
SORTS: Final = {
    "name": "",
    "state": "array_position(ARRAY['Faulted', 'Offline', 'Restarting', 'Unavailable', 'Charging', 'SuspendedEVSE',"
    f" 'SuspendedEV', 'Finishing', 'Preparing', 'Occupied', 'Reserved', 'Available'], {STATE}), ",
    "site": "i.name NULLS LAST, ",
    "model": f"{_MODEL} NULLS LAST, ",
    "seen": f"{_SEEN} DESC NULLS LAST, ",
}
#: The condition of each filter that is used.
_WANTED: Final = {
    "search": "concat_ws(' ', s.name, s.identity, i.name) ILIKE %(pattern)s",
    "state": f"{STATE} = %(state)s",
    "site": "i.slug = %(site)s",
    "identities": "s.identity = ANY(%(identities)s)",
    "registration": "s.registration = %(registration)s",
    "protocol": "l.protocol = %(protocol)s",
    "model": f"{_MODEL} = %(model)s",
    "connected": f"{_CONNECTED} = %(connected)s",
    "placed": "coalesce(s.latitude, i.latitude) IS NOT NULL AND coalesce(s.longitude, i.longitude) IS NOT NULL",
}


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
    registration: str
    protocol: str | None
    model: str | None
    connected: bool


async def list_for_page(
    conn: Connection,
    tenant_id: int,
    *,
    search: str = "",
    state: str | None = None,
    site: str | None = None,
    identities: Sequence[str] | None = None,
    placed: bool = False,
    registration: str | None = None,
    protocol: str | None = None,
    model: str | None = None,
    connected: bool | None = None,
    sort: str = "name",
    offset: int = 0,
    limit: int,
) -> tuple[list[ShownStation], int]:
    """Stations by name, and how many match. `search` is found anywhere in name, identity or site; `site` is a slug;
    `placed` keeps those with a position; `sort` is one of SORTS, after which names decide."""
    used = {
        "search": search or None,
        "state": state,
        "site": site,
        "identities": None if identities is None else list(identities),
        "registration": registration,
        "protocol": protocol,
        "model": model,
        "connected": connected,
        "placed": placed or None,
    }
    conditions = [condition for name, condition in _WANTED.items() if used[name] is not None]
    states = RANK_OF_MANY if state is not None or sort == "state" else ""
    where = " AND ".join(["s.tenant_id = %(tenant_id)s", "s.retired_at IS NULL", *conditions])
    wanted = {
        **used,
        "tenant_id": tenant_id,
        "priority": list(STATE_PRIORITY),
        "pattern": anywhere(search),
        "offset": offset,
        "limit": limit,
    }
    found = await conn.execute(
        f"SELECT s.station_id, count(*) OVER () {_FROM}{states} WHERE {where}"
        f" ORDER BY {SORTS[sort]}coalesce(s.name, s.identity), s.identity LIMIT %(limit)s OFFSET %(offset)s",
        wanted,
    )
    places = {
        int(station_id): (place, int(matching)) for place, (station_id, matching) in enumerate(await found.fetchall())
    }
    if not places:
        return [], await _count(conn, f"{_FROM}{states} WHERE {where}", wanted) if offset else 0
    cursor = conn.cursor(row_factory=class_row(ShownStation))
    await cursor.execute(f"{SHOWN} AND s.station_id = ANY(%(ids)s)", {**wanted, "ids": list(places)})
    rows = sorted(await cursor.fetchall(), key=lambda row: places[row.station_id][0])
    return rows, next(iter(places.values()))[1]


async def _count(conn: Connection, matching: str, wanted: Mapping[str, Any]) -> int:
    """How many there are beyond the last page."""
    row = await (await conn.execute(f"SELECT count(*) {matching}", wanted)).fetchone()
    assert row is not None
    return int(row[0])


async def count_states(conn: Connection, tenant_id: int) -> dict[str, int]:
    """How many stations are in each state; states without a station are left out."""
    cursor = await conn.execute(
        f"SELECT {STATE} AS state, count(*) {_FROM}{RANK_OF_MANY}"
        " WHERE s.tenant_id = %(tenant_id)s AND s.retired_at IS NULL GROUP BY 1",
        {"tenant_id": tenant_id, "priority": list(STATE_PRIORITY)},
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}


async def list_models(conn: Connection, tenant_id: int, limit: int) -> list[str]:
    """The models that stations in service said they are, by name."""
    cursor = await conn.execute(
        "SELECT DISTINCT concat_ws(' ', vendor, model) AS model FROM stations"
        " WHERE tenant_id = %s AND retired_at IS NULL AND coalesce(vendor, model) IS NOT NULL ORDER BY 1 LIMIT %s",
        (tenant_id, limit),
    )
    return [str(model) for (model,) in await cursor.fetchall()]
