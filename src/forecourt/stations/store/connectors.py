"""What connectors last said of themselves, and what stations said they don't have."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class ConnectorRow(Struct, frozen=True, kw_only=True):
    """What a connector last said of itself."""

    station_id: int
    evse: int
    connector: int
    state: str
    #: What it is shown as: `state`, made finer by what a 2.x transaction says.
    shown_state: str
    state_at: datetime
    error_code: str | None
    info: str | None
    vendor_error_code: str | None


class ConnectorFilter(Struct, frozen=True, kw_only=True):
    """Which connectors a list shows; None: whatever it is. `station` is an identity, `site` a slug, `state` what it is
    shown as."""

    station: str | None = None
    site: str | None = None
    state: str | None = None
    evse: int | None = None
    connected: bool | None = None


class PlacedConnector(Struct, frozen=True, kw_only=True):
    """A connector, and where it is."""

    station_id: int
    station: str
    site: str | None
    connected: bool
    evse: int
    connector: int
    state: str
    shown_state: str
    state_at: datetime
    error_code: str | None
    info: str | None
    vendor_error_code: str | None


class UnsupportedRow(Struct, frozen=True, kw_only=True):
    """An action that a station said it doesn't have: the word of its answer, and when it first came."""

    station_id: int
    action: str
    said: str
    since: datetime


_WANTED = {
    "station": "s.identity = %(station)s",
    "site": "i.slug = %(site)s",
    "state": "c.shown_state = %(state)s",
    "evse": "c.evse = %(evse)s",
    "connected": "coalesce(g.lease_until > now(), false) = %(connected)s",
}


ConnectorOrder = Literal["registered", "name", "changed"]
_IN_ORDER = "c.station_id, c.evse, c.connector"
_BEHIND = "%(after_0)s, %(after_1)s, %(after_2)s"
#: How a list is ordered, and what stands behind the station, EVSE and connector of a place.
_ORDERS: Final[Mapping[ConnectorOrder, tuple[str, str]]] = {
    "registered": (_IN_ORDER, f"({_IN_ORDER}) > ({_BEHIND})"),
    "name": (
        f"coalesce(s.name, s.identity), {_IN_ORDER}",
        f"(coalesce(s.name, s.identity), {_IN_ORDER}) > ((SELECT coalesce(o.name, o.identity, o.retired_identity)"
        f" FROM stations o WHERE o.tenant_id = %(tenant_id)s AND o.station_id = %(after_0)s), {_BEHIND})",
    ),
    "changed": (
        "c.state_at DESC, c.station_id DESC, c.evse DESC, c.connector DESC",
        f"(c.state_at, {_IN_ORDER}) < (%(changed_at)s, {_BEHIND})",
    ),
}


async def list_placed_connectors(
    conn: Connection,
    tenant_id: int,
    wanted: ConnectorFilter,
    order: ConnectorOrder,
    *,
    after: tuple[int, ...] | None,
    changed_at: datetime | None,
    limit: int,
) -> list[PlacedConnector]:
    """The wanted connectors of stations in service, behind the station, EVSE and connector of `after`.

    By their last change the place is that of a connector that said its state at `changed_at`, whatever it said since.
    """
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    key, behind = _ORDERS[order]
    if after is not None:
        conditions.append(behind)
    cursor = conn.cursor(row_factory=class_row(PlacedConnector))
    await cursor.execute(
        "SELECT c.station_id, s.identity AS station, i.slug AS site,"
        " coalesce(g.lease_until > now(), false) AS connected, c.evse, c.connector, c.state, c.shown_state, c.state_at,"
        " c.error_code, c.info, c.vendor_error_code"
        " FROM connectors c JOIN stations s ON s.station_id = c.station_id AND s.tenant_id = c.tenant_id"
        " LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id"
        " LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id"
        " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id"
        " WHERE c.tenant_id = %(tenant_id)s AND s.retired_at IS NULL AND c.connector > 0"
        f" {' '.join(f'AND {condition}' for condition in conditions)}"
        f" ORDER BY {key} LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "limit": limit,
            **{f"after_{number}": place for number, place in enumerate(after or ())},
            "changed_at": changed_at,
            **structs.asdict(wanted),
        },
    )
    return await cursor.fetchall()


async def list_connectors(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> list[ConnectorRow]:
    """All connectors of these stations, in their own order."""
    cursor = conn.cursor(row_factory=class_row(ConnectorRow))
    await cursor.execute(
        "SELECT station_id, evse, connector, state, shown_state, state_at, error_code, info, vendor_error_code"
        " FROM connectors"
        " WHERE tenant_id = %s AND station_id = ANY(%s) ORDER BY station_id, evse, connector",
        (tenant_id, list(station_ids)),
    )
    return await cursor.fetchall()


async def list_unsupported(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> list[UnsupportedRow]:
    """What these stations said they don't have, by the action's name."""
    cursor = conn.cursor(row_factory=class_row(UnsupportedRow))
    await cursor.execute(
        "SELECT station_id, action, said, since FROM unsupported_actions"
        " WHERE tenant_id = %s AND station_id = ANY(%s) ORDER BY station_id, action",
        (tenant_id, list(station_ids)),
    )
    return await cursor.fetchall()
