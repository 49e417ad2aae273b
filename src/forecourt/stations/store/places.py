"""Sites as people are shown them, and whose clock a page goes by."""

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.search import anywhere
from forecourt.stations.model import STATE_PRIORITY
from forecourt.stations.store.shown import RANK_OF_EACH, RANK_OF_MANY, STATE

Connection = AsyncConnection[Any]

#: Sites of one organisation that are shown at once.
MAX_SITES = 500

#: Candidates of a search that are put in order; a text that fits more is too short to tell.
MAX_CANDIDATES = 200


class ShownSite(Struct, frozen=True, kw_only=True):
    """One site with the stations of its branch, which is itself and all that is part of it, counted by state; states
    that none is in are left out."""

    site_id: int
    slug: str
    name: str
    #: The slug of the site that it is part of, where that can be seen.
    parent: str | None
    #: The sites above it from the top down, and itself; holds some that can't be seen by who is limited.
    path: list[int]
    address: str | None
    city: str | None
    country: str | None
    time_zone: str
    latitude: float | None
    longitude: float | None
    stations: int
    #: Of these, those at the site itself.
    own_stations: int
    states: dict[str, int]


async def find_zone(conn: Connection, tenant_id: int, site: str) -> str | None:
    """The time zone of a site (slug); None if there is none."""
    cursor = await conn.execute("SELECT time_zone FROM sites WHERE tenant_id = %s AND slug = %s", (tenant_id, site))
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def list_shown_sites(
    conn: Connection, tenant_id: int, *, search: str = "", slug: str | None = None, part_of: int | None = None
) -> list[ShownSite]:
    """Sites by name, each followed by what is part of it, MAX_SITES at most.

    `search` is found anywhere in name, slug, address or city, and brings along what a found site is part of; `part_of`
    keeps the sites that are directly part of one.
    """
    cursor = conn.cursor(row_factory=class_row(ShownSite))
    await cursor.execute(
        f"""
        WITH wanted AS (
            SELECT * FROM sites i
            WHERE i.tenant_id = %(tenant_id)s AND (%(slug)s::text IS NULL OR i.slug = %(slug)s)
                AND (%(part_of)s::int IS NULL OR i.parent_id = %(part_of)s)
                AND (%(search)s = '' OR i.site_id IN (
                    SELECT unnest(path) FROM sites WHERE tenant_id = %(tenant_id)s
                        AND concat_ws(' ', name, slug, address, city) ILIKE %(pattern)s))
        )
        SELECT i.site_id, i.slug, i.name, above.slug AS parent, i.path, i.address, i.city, i.country, i.time_zone,
            i.latitude, i.longitude, coalesce(sum(n.number), 0)::int AS stations,
            coalesce(sum(n.own), 0)::int AS own_stations,
            coalesce(jsonb_object_agg(n.state, n.number) FILTER (WHERE n.state IS NOT NULL), '{{}}') AS states
        FROM wanted i LEFT JOIN sites above ON above.tenant_id = i.tenant_id AND above.site_id = i.parent_id
        LEFT JOIN (
            SELECT branch.site_id, {STATE} AS state, count(*)::int AS number,
                count(*) FILTER (WHERE branch.site_id = s.site_id)::int AS own
            FROM sites stands
            CROSS JOIN LATERAL unnest(stands.path) AS branch(site_id)
            JOIN stations s ON s.tenant_id = stands.tenant_id AND s.site_id = stands.site_id
            LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
            LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
            {RANK_OF_MANY if slug is None and part_of is None else RANK_OF_EACH}
            WHERE stands.tenant_id = %(tenant_id)s AND s.retired_at IS NULL
                AND branch.site_id IN (SELECT site_id FROM wanted)
            GROUP BY 1, 2
        ) n ON n.site_id = i.site_id
        GROUP BY i.site_id, i.slug, i.name, above.slug, i.path, i.address, i.city, i.country, i.time_zone, i.latitude,
            i.longitude, i.tenant_id
        ORDER BY (SELECT array_agg(lower(step.name) || ' ' || step.site_id ORDER BY at)
            FROM unnest(i.path) WITH ORDINALITY AS part(site_id, at)
            JOIN sites step ON step.tenant_id = i.tenant_id AND step.site_id = part.site_id)
        LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "priority": list(STATE_PRIORITY),
            "slug": slug,
            "part_of": part_of,
            "search": search,
            "pattern": anywhere(search),
            "limit": MAX_SITES,
        },
    )
    return await cursor.fetchall()


async def list_paths(conn: Connection, tenant_id: int, slugs: Collection[str]) -> dict[str, list[int]]:
    """The sites above each of these and itself, from the top down, by slug."""
    cursor = await conn.execute(
        "SELECT slug, path FROM sites WHERE tenant_id = %s AND slug = ANY(%s)", (tenant_id, list(slugs))
    )
    return dict(await cursor.fetchall())


async def list_above(conn: Connection, tenant_id: int, path: Sequence[int]) -> list[tuple[str, str]]:
    """Slug and name of the sites of a path but its last, from the top down; those that can't be seen are left out."""
    cursor = await conn.execute(
        "SELECT slug, name FROM sites WHERE tenant_id = %s AND site_id = ANY(%s) ORDER BY cardinality(path)",
        (tenant_id, list(path[:-1])),
    )
    return [(slug, name) for slug, name in await cursor.fetchall()]


async def find_by_part(
    conn: Connection, tenant_id: int, text: str, limit: int
) -> Sequence[tuple[str, str | None, str | None]]:
    """Stations whose identity or name holds the text, those that begin with it first: identity, name, site's name."""
    pattern = anywhere(text)
    cursor = await conn.execute(
        """
        SELECT s.identity, s.name, i.name FROM stations_by_part(%(pattern)s, %(most)s) found (station_id)
        JOIN stations s USING (station_id) LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
        WHERE s.tenant_id = %(tenant_id)s AND s.retired_at IS NULL
        ORDER BY s.identity ILIKE %(start)s DESC, s.name ILIKE %(start)s DESC NULLS LAST, s.identity LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "pattern": pattern,
            "start": pattern.removeprefix("%"),
            "most": MAX_CANDIDATES,
            "limit": limit,
        },
    )
    return [(identity, name, site) for identity, name, site in await cursor.fetchall()]


async def find_sites_by_part(
    conn: Connection, tenant_id: int, text: str, limit: int
) -> Sequence[tuple[str, str, str | None]]:
    """Sites whose name, slug or city holds the text, by name: slug, name, city."""
    cursor = await conn.execute(
        "SELECT slug, name, city FROM sites WHERE tenant_id = %s AND concat_ws(' ', name, slug, city) ILIKE %s"
        " ORDER BY lower(name) LIMIT %s",
        (tenant_id, anywhere(text), limit),
    )
    return [(slug, name, city) for slug, name, city in await cursor.fetchall()]


async def find_slugs(conn: Connection, tenant_id: int, slugs: Collection[str]) -> set[str]:
    """Those of the slugs that sites have."""
    cursor = await conn.execute(
        "SELECT slug FROM sites WHERE tenant_id = %s AND slug = ANY(%s)", (tenant_id, list(slugs))
    )
    return {slug for (slug,) in await cursor.fetchall()}
