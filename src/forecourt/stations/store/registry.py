"""Sites, stations, and what connectors last said of themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import class_row

from forecourt.access.limits import SiteName
from forecourt.platform.search import anywhere
from forecourt.stations.model import STATE_PRIORITY
from forecourt.stations.store.shown import SHOWN

Connection = AsyncConnection[Any]

_SITE = (
    "site_id, slug, name, address, city, country, time_zone, latitude, longitude, created_at,"
    " (SELECT slug FROM sites above WHERE above.tenant_id = sites.tenant_id AND above.site_id = sites.parent_id)"
    " AS parent"
)
_SITE_VALUES = ("slug", "name", "address", "city", "country", "time_zone", "latitude", "longitude", "parent_id")
#: What a gateway must know: a change of one of these draws the next version.
_CREDENTIALS = frozenset({"security_profile", "registration", "password_hash"})
_CHANGEABLE = _CREDENTIALS | {"name", "site_id", "latitude", "longitude", "max_power_w"}
#: A station that was given a password by a call has one, whatever came of it.
_HAS_PASSWORD = """(s.password_hash IS NOT NULL OR EXISTS (
        SELECT FROM commands c
        WHERE c.tenant_id = s.tenant_id AND c.station_id = s.station_id AND c.password_hash IS NOT NULL))"""
#: A gateway that died could not write when its stations were cut off: the end of its lease tells.
_STATION = f"""
SELECT s.station_id, coalesce(s.identity, s.retired_identity) AS identity, s.name, i.slug AS site, s.security_profile,
    s.registration, {_HAS_PASSWORD} AS has_password, s.latitude, s.longitude, s.max_power_w,
    s.vendor, s.model, s.serial, s.firmware, s.booted_at, s.created_at, s.retired_at, s.version,
    coalesce(g.lease_until > now(), false) AS connected, l.protocol, l.connected_at,
    CASE WHEN g.lease_until > now() THEN NULL
        ELSE coalesce(l.disconnected_at, g.lease_until, l.last_seen_at) END AS disconnected_at, l.last_seen_at,
    coalesce(l.restarting_until > now(), false) AS restarting
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
WHERE s.tenant_id = %(tenant_id)s
"""
#: The station in service of an identity, or else the one of that identity that was retired last.
_OF_IDENTITY = (
    "(s.identity = %(identity)s OR s.retired_identity = %(identity)s) ORDER BY s.retired_at DESC NULLS FIRST LIMIT 1"
)


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
    #: The slug of the site it is part of; None also where that one may not be seen.
    parent: str | None = None


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
    retired_at: datetime | None
    version: int
    connected: bool
    protocol: str | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    last_seen_at: datetime | None
    restarting: bool


class UnsupportedRow(Struct, frozen=True, kw_only=True):
    """An action that a station said it doesn't have: the word of its answer, and when it first came."""

    station_id: int
    action: str
    said: str
    since: datetime


class StationFilter(Struct, frozen=True, kw_only=True):
    """Which stations a list shows; None: whatever it is. `site` is a slug, `state` the word for the whole station,
    `search` is found in name, identity or site; with `retired`, those out of service are shown as well."""

    site: str | None = None
    state: str | None = None
    registration: str | None = None
    connected: bool | None = None
    search: str | None = None
    retired: bool = False


#: Whole rows are compared, since names may be the same. A retired station has a name to be listed by as well.
_NAME_KEY = "coalesce(s.name, s.identity, s.retired_identity), s.station_id"
_BEHIND_NAME = (
    f"({_NAME_KEY}) > (SELECT coalesce(o.name, o.identity, o.retired_identity), o.station_id FROM stations o"
    " WHERE o.tenant_id = %(tenant_id)s AND o.station_id = %(after)s)"
)
_WANTED = {
    "site": "i.slug = %(site)s",
    "state": f"s.station_id IN (SELECT station_id FROM ({SHOWN}) shown WHERE state = %(state)s)",
    "registration": "s.registration = %(registration)s",
    "connected": "coalesce(g.lease_until > now(), false) = %(connected)s",
    "search": "concat_ws(' ', s.name, s.identity, s.retired_identity, i.name) ILIKE %(pattern)s",
}


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


async def find_site(
    conn: Connection, tenant_id: int, *, slug: str | None, site_id: int | None, lock: bool = False
) -> SiteRow | None:
    """The site of this slug or of this id; the slug wins. With `lock` it is held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        f"SELECT {_SITE} FROM sites WHERE tenant_id = %s AND (slug = %s OR site_id = %s)"
        f" ORDER BY slug = %s DESC NULLS LAST LIMIT 1 {'FOR UPDATE' if lock else ''}",
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


async def update_site(conn: Connection, tenant_id: int, site_id: int, changes: Mapping[str, Any]) -> SiteRow | None:
    """Changes the named columns of a site; None if another site has the slug."""
    assert changes.keys() <= set(_SITE_VALUES)
    query = sql.SQL(
        "UPDATE sites SET {sets} WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s RETURNING {returned}"
    ).format(
        sets=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes
        ),
        returned=sql.SQL(_SITE),
    )
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    try:
        await cursor.execute(query, {**changes, "tenant_id": tenant_id, "site_id": site_id})
    except errors.UniqueViolation:
        return None
    return await cursor.fetchone()


async def count_stations_at(conn: Connection, tenant_id: int, site_id: int) -> int:
    """How many stations in service stand at a site; no more can come while it is locked."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM stations WHERE tenant_id = %s AND site_id = %s AND retired_at IS NULL",
            (tenant_id, site_id),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def has_parts(conn: Connection, tenant_id: int, site_id: int) -> bool:
    """Whether other sites are part of a site."""
    row = await (
        await conn.execute(
            "SELECT EXISTS (SELECT FROM sites WHERE tenant_id = %s AND parent_id = %s)", (tenant_id, site_id)
        )
    ).fetchone()
    return row == (True,)


async def list_site_names(conn: Connection, tenant_id: int, limit: int) -> list[SiteName]:
    """Sites by name, each followed by what is part of it."""
    cursor = conn.cursor(row_factory=class_row(SiteName))
    await cursor.execute(
        "SELECT site_id, slug, name, cardinality(path) - 1 AS depth FROM sites WHERE tenant_id = %(tenant_id)s"
        " ORDER BY (SELECT array_agg(above.name || ' ' || above.site_id ORDER BY step)"
        "  FROM unnest(sites.path) WITH ORDINALITY AS part(site_id, step) JOIN sites above"
        "  ON above.tenant_id = %(tenant_id)s AND above.site_id = part.site_id) LIMIT %(limit)s",
        {"tenant_id": tenant_id, "limit": limit},
    )
    return await cursor.fetchall()


async def delete_site(conn: Connection, tenant_id: int, site_id: int) -> None:
    """Deletes a site at which no station in service stands; retired ones stood at what it was part of, if anything."""
    await conn.execute(
        "UPDATE stations SET site_id ="
        " (SELECT parent_id FROM sites WHERE tenant_id = %(tenant)s AND site_id = %(site)s)"
        " WHERE tenant_id = %(tenant)s AND site_id = %(site)s AND retired_at IS NOT NULL",
        {"tenant": tenant_id, "site": site_id},
    )
    await conn.execute("DELETE FROM sites WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id))


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
    """The id of the station of this identity: of the one in service, or else of the one retired last."""
    cursor = await conn.execute(
        f"SELECT s.station_id FROM stations s WHERE s.tenant_id = %(tenant_id)s AND {_OF_IDENTITY}",
        {"tenant_id": tenant_id, "identity": identity},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def retire_station(conn: Connection, tenant_id: int, identity: str) -> None:
    """Takes a station out of service: its identity becomes free, its password is forgotten, gateways are told."""
    await conn.execute(
        "UPDATE stations SET retired_at = now(), retired_identity = identity, identity = NULL, password_hash = NULL,"
        " version = nextval('station_versions') WHERE tenant_id = %s AND identity = %s",
        (tenant_id, identity),
    )


async def list_identities(
    conn: Connection,
    tenant_id: int,
    *,
    identities: Sequence[str] | None,
    sites: Sequence[str] | None,
    limit: int,
) -> list[str]:
    """Stations in service of these identities and at the sites of these slugs; all where neither is given."""
    cursor = await conn.execute(
        "SELECT s.identity FROM stations s WHERE s.tenant_id = %(tenant_id)s AND s.identity IS NOT NULL"
        " AND (%(identities)s::text[] IS NULL OR s.identity = ANY(%(identities)s))"
        " AND (%(sites)s::text[] IS NULL OR s.site_id IN"
        "  (SELECT site_id FROM sites WHERE tenant_id = %(tenant_id)s AND slug = ANY(%(sites)s)))"
        " ORDER BY s.identity LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "identities": None if identities is None else list(identities),
            "sites": None if sites is None else list(sites),
            "limit": limit,
        },
    )
    return [str(identity) for (identity,) in await cursor.fetchall()]


async def find_identity(conn: Connection, tenant_id: int, station_id: int) -> str | None:
    """The identity of the station of this number; None for one that was retired or never was."""
    cursor = await conn.execute(
        "SELECT identity FROM stations WHERE tenant_id = %s AND station_id = %s", (tenant_id, station_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def lock_station(conn: Connection, tenant_id: int, identity: str) -> tuple[int, bool] | None:
    """Holds a station in service until the transaction ends; its security profile and whether it has a password."""
    cursor = await conn.execute(
        f"SELECT security_profile, {_HAS_PASSWORD} FROM stations s WHERE tenant_id = %s AND identity = %s FOR UPDATE",
        (tenant_id, identity),
    )
    row = await cursor.fetchone()
    return None if row is None else (int(row[0]), bool(row[1]))


async def find_station(conn: Connection, tenant_id: int, identity: str) -> StationRow | None:
    """The station of this identity: the one in service, or else the one retired last."""
    cursor = conn.cursor(row_factory=class_row(StationRow))
    await cursor.execute(f"{_STATION} AND {_OF_IDENTITY}", {"tenant_id": tenant_id, "identity": identity})
    return await cursor.fetchone()


async def find_stations(conn: Connection, tenant_id: int, identities: Sequence[str]) -> dict[str, StationRow]:
    """The stations in service of these identities, by identity."""
    cursor = conn.cursor(row_factory=class_row(StationRow))
    await cursor.execute(
        f"{_STATION} AND s.identity = ANY(%(identities)s)", {"tenant_id": tenant_id, "identities": list(identities)}
    )
    return {row.identity: row for row in await cursor.fetchall()}


async def list_stations(
    conn: Connection, tenant_id: int, wanted: StationFilter, *, by_name: bool, after: int | None, limit: int
) -> list[StationRow]:
    """The wanted stations behind the one with the id `after`, in the order of their registration or of their names."""
    cursor = conn.cursor(row_factory=class_row(StationRow))
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    if not wanted.retired:
        conditions.append("s.retired_at IS NULL")
    key = _NAME_KEY if by_name else "s.station_id"
    if after is not None:
        conditions.append(_BEHIND_NAME if by_name else "s.station_id > %(after)s")
    await cursor.execute(
        f"{_STATION} {' '.join(f'AND {condition}' for condition in conditions)} ORDER BY {key} LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "after": after,
            "limit": limit,
            "priority": list(STATE_PRIORITY),
            "pattern": anywhere(wanted.search or ""),
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
