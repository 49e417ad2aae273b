"""All SQL of the registry: sites, stations, what was last said of them, and what was said to and by them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.stations.model import STATE_PRIORITY

Connection = AsyncConnection[Any]

_SITE = "site_id, slug, name, address, city, country, time_zone, latitude, longitude, created_at"
_SITE_VALUES = ("slug", "name", "address", "city", "country", "time_zone", "latitude", "longitude")
#: What a gateway must know: a change of one of these draws the next version.
_CREDENTIALS = frozenset({"security_profile", "registration", "password_hash"})
_CHANGEABLE = _CREDENTIALS | {"name", "site_id", "latitude", "longitude", "max_power_w"}
_STATION = """
SELECT s.station_id, s.identity, s.name, i.slug AS site, s.security_profile, s.registration,
    s.password_hash IS NOT NULL AS has_password, s.latitude, s.longitude, s.max_power_w,
    s.vendor, s.model, s.serial, s.firmware, s.booted_at, s.created_at,
    coalesce(g.lease_until > now(), false) AS connected, l.protocol, l.connected_at, l.last_seen_at
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
WHERE s.tenant_id = %(tenant_id)s
"""

#: One line a station with the word for the whole of it, as `model.station_state` finds it.
_SHOWN = """
SELECT s.station_id, s.identity, s.name, i.name AS site_name, i.slug AS site, s.max_power_w,
    coalesce(s.latitude, i.latitude) AS latitude, coalesce(s.longitude, i.longitude) AS longitude,
    CASE WHEN g.lease_until > now() THEN coalesce(c.shown_state, 'Available') ELSE 'Offline' END AS state,
    nullif(c.error_code, 'NoError') AS error_code, coalesce(l.disconnected_at, l.last_seen_at) AS last_seen_at
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
LEFT JOIN LATERAL (
    SELECT shown_state, error_code FROM connectors
    WHERE tenant_id = s.tenant_id AND station_id = s.station_id AND shown_state = ANY(%(priority)s)
        AND (connector > 0 OR shown_state = 'Faulted')
    ORDER BY array_position(%(priority)s, shown_state) LIMIT 1
) c ON true
WHERE s.tenant_id = %(tenant_id)s
"""


class SiteRow(Struct, frozen=True, kw_only=True):
    """One site as stored."""

    site_id: int
    slug: str
    name: str
    address: str | None
    city: str | None
    country: str | None
    time_zone: str
    latitude: float | None
    longitude: float | None
    created_at: datetime


class StationRow(Struct, frozen=True, kw_only=True):
    """One station: its registry entry, and its link as a gateway with a running lease holds it."""

    station_id: int
    identity: str
    name: str | None
    site: str | None
    security_profile: int
    registration: str
    has_password: bool
    latitude: float | None
    longitude: float | None
    max_power_w: int | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    booted_at: datetime | None
    created_at: datetime
    connected: bool
    protocol: str | None
    connected_at: datetime | None
    last_seen_at: datetime | None


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


class MessageRow(Struct, frozen=True, kw_only=True):
    """One frame of the message log; `direction` and `kind` as in the table's comments."""

    number: int
    at: datetime
    direction: str
    kind: int
    message_id: str
    action: str | None
    payload: str
    deviations: str | None


class CommandRow(Struct, frozen=True, kw_only=True):
    """Something asked of a station, and what came of it."""

    number: int
    command_id: UUID
    action: str
    payload: str
    asked_by: str
    asked_at: datetime
    outcome: str
    answer: str | None
    answered_at: datetime | None


async def insert_site(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> SiteRow | None:
    """Stores a site; None if its slug is taken."""
    assert values.keys() == set(_SITE_VALUES)
    query = sql.SQL(
        "INSERT INTO sites (tenant_id, {columns}) VALUES (%(tenant_id)s, {values})"
        " ON CONFLICT (tenant_id, slug) DO NOTHING RETURNING {returned}"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _SITE_VALUES)),
        values=sql.SQL(", ").join(map(sql.Placeholder, _SITE_VALUES)),
        returned=sql.SQL(_SITE),
    )
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(query, {**values, "tenant_id": tenant_id})
    return await cursor.fetchone()


async def find_site(conn: Connection, tenant_id: int, *, slug: str | None, site_id: int | None) -> SiteRow | None:
    """The site of this slug or of this id; the slug wins."""
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        f"SELECT {_SITE} FROM sites WHERE tenant_id = %s AND (slug = %s OR site_id = %s)"
        " ORDER BY slug = %s DESC NULLS LAST LIMIT 1",
        (tenant_id, slug, site_id, slug),
    )
    return await cursor.fetchone()


async def list_sites(conn: Connection, tenant_id: int, after: int, limit: int) -> list[SiteRow]:
    """Sites in the order of their making."""
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        f"SELECT {_SITE} FROM sites WHERE tenant_id = %s AND site_id > %s ORDER BY site_id LIMIT %s",
        (tenant_id, after, limit),
    )
    return await cursor.fetchall()


async def insert_station(
    conn: Connection,
    tenant_id: int,
    *,
    identity: str,
    name: str | None,
    site_id: int | None,
    security_profile: int,
    registration: str,
    password_hash: bytes | None,
    latitude: float | None,
    longitude: float | None,
    max_power_w: int | None,
) -> int | None:
    """Registers a station and returns its id; None if the identity is taken, in whichever organisation."""
    cursor = await conn.execute(
        "INSERT INTO stations (tenant_id, identity, name, site_id, security_profile, registration, password_hash,"
        " latitude, longitude, max_power_w) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (identity) DO NOTHING RETURNING station_id",
        (
            tenant_id,
            identity,
            name,
            site_id,
            security_profile,
            registration,
            password_hash,
            latitude,
            longitude,
            max_power_w,
        ),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def update_station(conn: Connection, tenant_id: int, identity: str, changes: Mapping[str, Any]) -> bool:
    """Changes the named columns of a station; whether there is such a station."""
    assert changes.keys() <= _CHANGEABLE
    sets: list[sql.Composable] = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes
    ]
    if changes.keys() & _CREDENTIALS:
        sets.append(sql.SQL("version = nextval('station_versions')"))
    query = sql.SQL("UPDATE stations SET {sets} WHERE tenant_id = %(tenant_id)s AND identity = %(identity)s").format(
        sets=sql.SQL(", ").join(sets)
    )
    cursor = await conn.execute(query, {**changes, "tenant_id": tenant_id, "identity": identity})
    return cursor.rowcount == 1


async def find_station_id(conn: Connection, tenant_id: int, identity: str) -> int | None:
    """The id of the station of this identity."""
    cursor = await conn.execute(
        "SELECT station_id FROM stations WHERE tenant_id = %s AND identity = %s", (tenant_id, identity)
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def lock_station(conn: Connection, tenant_id: int, identity: str) -> tuple[int, bool] | None:
    """Holds a station until the transaction ends; its security profile and whether a password is stored."""
    cursor = await conn.execute(
        "SELECT security_profile, password_hash IS NOT NULL FROM stations WHERE tenant_id = %s AND identity = %s"
        " FOR UPDATE",
        (tenant_id, identity),
    )
    row = await cursor.fetchone()
    return None if row is None else (int(row[0]), bool(row[1]))


async def find_station(conn: Connection, tenant_id: int, identity: str) -> StationRow | None:
    """The station of this identity."""
    cursor = conn.cursor(row_factory=class_row(StationRow))
    await cursor.execute(f"{_STATION} AND s.identity = %(identity)s", {"tenant_id": tenant_id, "identity": identity})
    return await cursor.fetchone()


async def list_stations(
    conn: Connection, tenant_id: int, *, site: str | None, after: int, limit: int
) -> list[StationRow]:
    """Stations, of one site if it is named by its slug, in the order of their registration."""
    cursor = conn.cursor(row_factory=class_row(StationRow))
    of_site = "" if site is None else " AND i.slug = %(site)s"
    await cursor.execute(
        f"{_STATION} AND s.station_id > %(after)s{of_site} ORDER BY s.station_id LIMIT %(limit)s",
        {"tenant_id": tenant_id, "after": after, "site": site, "limit": limit},
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


async def list_messages(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    *,
    before: int,
    action: str | None,
    direction: str | None,
    limit: int,
) -> list[MessageRow]:
    """Frames with a number below `before`, newest first; `direction` is 'i' or 'o'."""
    cursor = conn.cursor(row_factory=class_row(MessageRow))
    query = (
        "SELECT number, at, direction::text, kind, message_id, action, payload, deviations FROM messages"
        " WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND number < %(before)s"
    )
    if action is not None:
        query += " AND action = %(action)s"
    if direction is not None:
        query += ' AND direction = %(direction)s::"char"'
    await cursor.execute(
        f"{query} ORDER BY number DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "before": before,
            "action": action,
            "direction": direction,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def list_commands(
    conn: Connection, tenant_id: int, station_id: int, *, before: int, limit: int
) -> list[CommandRow]:
    """Commands with a number below `before`, newest first."""
    cursor = conn.cursor(row_factory=class_row(CommandRow))
    await cursor.execute(
        "SELECT number, command_id, action, payload, asked_by, asked_at, outcome, answer, answered_at FROM commands"
        " WHERE tenant_id = %s AND station_id = %s AND number < %s ORDER BY number DESC LIMIT %s",
        (tenant_id, station_id, before, limit),
    )
    return await cursor.fetchall()


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
    pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    cursor = conn.cursor(row_factory=class_row(ShownStation))
    matching = f"""
        FROM ({_SHOWN}) shown
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
        "pattern": pattern,
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
        f"SELECT state, count(*) FROM ({_SHOWN}) shown GROUP BY state",
        {"tenant_id": tenant_id, "priority": list(STATE_PRIORITY)},
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}
