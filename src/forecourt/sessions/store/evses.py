"""EVSEs: what each is taken for as a whole, and what runs there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.stations.model import STATE_PRIORITY

Connection = AsyncConnection[Any]

#: The place of an EVSE's word among STATE_PRIORITY. Asked for each line alone, so that a page asks for its own only.
_RANK = """
    SELECT min(array_position(%(priority)s::text[], k.shown_state)) FROM (
        SELECT shown_state, connector, bool_or(connector = 0 AND state = 'Unavailable') OVER () AS closed
        FROM connectors
        WHERE tenant_id = %(tenant_id)s AND station_id = e.station_id AND (evse = e.evse OR connector = 0)
    ) k
    WHERE CASE WHEN k.connector = 0 THEN k.shown_state IN ('Faulted', 'Unavailable')
        ELSE NOT (k.closed AND k.shown_state = 'Available') END
"""
#: One line an EVSE of a station in service, with a word for it as `stations.model.station_state` finds it for a whole
#: station from all connectors.
_EVSE = f"""
SELECT s.station_id, s.identity AS station, coalesce(s.name, s.identity) AS name, i.slug AS site,
    coalesce(g.lease_until > now(), false) AS connected, e.evse,
    CASE WHEN l.restarting_until > now() THEN 'Restarting'
        WHEN g.lease_until > now() THEN coalesce((%(priority)s::text[])[({_RANK})], 'Available')
        ELSE 'Offline' END AS state
FROM (
    SELECT DISTINCT station_id, evse FROM connectors WHERE tenant_id = %(tenant_id)s AND connector > 0
) e
JOIN stations s ON s.tenant_id = %(tenant_id)s AND s.station_id = e.station_id
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
WHERE s.retired_at IS NULL
"""
_WANTED: Final = {
    "station": "station = %(station)s",
    "site": "site = %(site)s",
    "state": "state = %(state)s",
    "evse": "evse = %(evse)s",
    "connected": "connected = %(connected)s",
}
Order = Literal["registered", "name"]
#: How a list is ordered, and what stands behind the station and the EVSE of a place.
_ORDERS: Final[Mapping[Order, tuple[str, str]]] = {
    "registered": ("station_id, evse", "(station_id, evse) > (%(after_0)s, %(after_1)s)"),
    "name": (
        "name, station_id, evse",
        "(name, station_id, evse) > ((SELECT coalesce(o.name, o.identity, o.retired_identity) FROM stations o"
        " WHERE o.tenant_id = %(tenant_id)s AND o.station_id = %(after_0)s), %(after_0)s, %(after_1)s)",
    ),
}


class EvseRow(Struct, frozen=True, kw_only=True):
    """One EVSE; `state` is the word for the whole of it, `name` that of its station or else its identity."""

    station_id: int
    station: str
    name: str
    site: str | None
    connected: bool
    evse: int
    state: str


class EvseFilter(Struct, frozen=True, kw_only=True):
    """Which EVSEs a list shows; None: whatever it is. `station` is an identity, `site` a slug."""

    station: str | None = None
    site: str | None = None
    state: str | None = None
    evse: int | None = None
    connected: bool | None = None


class RunningAt(Struct, frozen=True, kw_only=True):
    """The session that runs at an EVSE, and its latest known power."""

    station_id: int
    evse: int
    session_id: UUID
    power_w: int | None


async def list_evses(
    conn: Connection, tenant_id: int, wanted: EvseFilter, order: Order, *, after: tuple[int, ...] | None, limit: int
) -> list[EvseRow]:
    """The wanted EVSEs of stations in service behind the station and EVSE of `after`."""
    key, behind = _ORDERS[order]
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    if after is not None:
        conditions.append(behind)
    cursor = conn.cursor(row_factory=class_row(EvseRow))
    await cursor.execute(
        f"SELECT * FROM ({_EVSE}) evses WHERE true {' '.join(f'AND {condition}' for condition in conditions)}"
        f" ORDER BY {key} LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "priority": list(STATE_PRIORITY),
            "limit": limit,
            **{f"after_{number}": part for number, part in enumerate(after or ())},
            **structs.asdict(wanted),
        },
    )
    return await cursor.fetchall()


async def list_running_at(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> list[RunningAt]:
    """What runs at each EVSE of these stations; of several sessions at one the newest."""
    cursor = conn.cursor(row_factory=class_row(RunningAt))
    await cursor.execute(
        "SELECT DISTINCT ON (station_id, evse) station_id, evse, session_id, power_w FROM sessions"
        " WHERE tenant_id = %s AND station_id = ANY(%s) AND over_at IS NULL AND evse IS NOT NULL"
        " ORDER BY station_id, evse, number DESC",
        (tenant_id, list(station_ids)),
    )
    return await cursor.fetchall()
