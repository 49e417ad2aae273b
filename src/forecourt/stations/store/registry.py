"""Sites, stations, and what connectors last said of themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

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
    coalesce(g.lease_until > now(), false) AS connected, l.protocol, l.connected_at, l.last_seen_at,
    coalesce(l.restarting_until > now(), false) AS restarting
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
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
    restarting: bool


class UnsupportedRow(Struct, frozen=True, kw_only=True):
    """An action that a station said it doesn't have: the word of its answer, and when it first came."""

    station_id: int
    action: str
    said: str
    since: datetime


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


async def list_unsupported(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> list[UnsupportedRow]:
    """What these stations said they don't have, by the action's name."""
    cursor = conn.cursor(row_factory=class_row(UnsupportedRow))
    await cursor.execute(
        "SELECT station_id, action, said, since FROM unsupported_actions"
        " WHERE tenant_id = %s AND station_id = ANY(%s) ORDER BY station_id, action",
        (tenant_id, list(station_ids)),
    )
    return await cursor.fetchall()
