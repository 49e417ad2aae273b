"""The registry: which stations there are, and how each is linked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.platform.search import anywhere
from forecourt.stations.model import STATE_PRIORITY
from forecourt.stations.store.shown import SHOWN

Connection = AsyncConnection[Any]

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


async def find_free(conn: Connection, tenant_id: int, wanted: Mapping[str, str | None]) -> set[str]:
    """Which of these identities, each with the slug of its site, could be registered now.

    Whoever has one may be hidden by row-level security, so they are registered and that is undone at once.
    """
    async with conn.transaction(force_rollback=True):
        cursor = await conn.execute(
            "INSERT INTO stations (tenant_id, identity, site_id) SELECT %(tenant_id)s, n.identity, i.site_id"
            " FROM unnest(%(identities)s::text[], %(sites)s::text[]) AS n (identity, site)"
            " LEFT JOIN sites i ON i.tenant_id = %(tenant_id)s AND i.slug = n.site"
            " ON CONFLICT (identity) DO NOTHING RETURNING identity",
            {"tenant_id": tenant_id, "identities": list(wanted), "sites": list(wanted.values())},
        )
        return {str(identity) for (identity,) in await cursor.fetchall()}


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
