"""Sites: places with stations, a tree."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import class_row

from forecourt.access.limits import SiteName
from forecourt.platform.ordering import Age, Ordering, Place, bounds, newest, oldest, onward

Connection = AsyncConnection[Any]

_SITE = (
    "site_id, slug, name, address, city, country, time_zone, latitude, longitude, created_at,"
    " (SELECT slug FROM sites above WHERE above.tenant_id = sites.tenant_id AND above.site_id = sites.parent_id)"
    " AS parent"
)
_SITE_VALUES = ("slug", "name", "address", "city", "country", "time_zone", "latitude", "longitude", "parent_id")
SiteOrder = Literal[Age, "name"]
_ORDERS: Final[Mapping[SiteOrder, Ordering]] = {
    "oldest": oldest("site_id"),
    "newest": newest("site_id"),
    "name": ("lower(name), slug", "(lower(name), slug) > (lower(%(place_0)s), %(place_1)s)"),
}


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


async def list_sites(
    conn: Connection, tenant_id: int, *, order: SiteOrder = "oldest", place: Place = None, limit: int
) -> list[SiteRow]:
    """Sites behind a place in their order: an id, by name the name and the slug."""
    cursor = conn.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        f"SELECT {_SITE} FROM sites WHERE tenant_id = %(tenant_id)s {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
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


async def list_unknown_sites(conn: Connection, tenant_id: int, slugs: Sequence[str]) -> list[str]:
    """Which of these slugs are no site's, in their order."""
    cursor = await conn.execute(
        "SELECT n.slug FROM unnest(%s::text[]) WITH ORDINALITY AS n (slug, place)"
        " WHERE NOT EXISTS (SELECT FROM sites s WHERE s.tenant_id = %s AND s.slug = n.slug) ORDER BY n.place",
        (list(slugs), tenant_id),
    )
    return [slug for (slug,) in await cursor.fetchall()]


async def delete_site(conn: Connection, tenant_id: int, site_id: int) -> None:
    """Deletes a site at which no station in service stands; retired ones stood at what it was part of, if anything."""
    await conn.execute(
        "UPDATE stations SET site_id ="
        " (SELECT parent_id FROM sites WHERE tenant_id = %(tenant)s AND site_id = %(site)s)"
        " WHERE tenant_id = %(tenant)s AND site_id = %(site)s AND retired_at IS NOT NULL",
        {"tenant": tenant_id, "site": site_id},
    )
    await conn.execute("DELETE FROM sites WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id))
