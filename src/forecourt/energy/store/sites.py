"""Sites as they are set up: their electrics in versions, and how they shall be charged."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.site import CAR_WEAR, Mode, Settings, SiteRecord, SiteTree, Stray
from forecourt.energy.store.gone import NAME, RUNS, UNREPLACED
from forecourt.energy.store.hung import HERE

Connection = AsyncConnection[Any]

#: Versions of a site's electrics that are kept.
MAX_VERSIONS: Final = 1_000
#: Sites of one organisation that are shown at once.
MAX_SITES: Final = 500


class PlannedSite(Struct, frozen=True):
    """A site that is planned for, of whatever organisation."""

    tenant_id: int
    site_id: int
    zone: str


class _Row(Struct, frozen=True, kw_only=True):
    tenant_id: int
    site_id: int
    slug: str
    name: str
    zone: str
    latitude: float | None
    longitude: float | None
    mode: str | None
    enabled: bool | None
    unserved_per_kwh: Decimal | None
    fallback_a: float | None
    feed_in_limit_w: int | None
    car_wear_per_kwh: Decimal | None
    dynamic_profiles: bool | None
    settings_version: int | None
    version: int | None
    tree: str | None
    changed_at: datetime | None
    changed_by: str | None


class SiteLine(Struct, frozen=True, kw_only=True):
    """A site in a list, with the state of its smart charging. `standing` EVSEs are there, `hung` of them hang in its
    electrics; `power_w` is what its running sessions take, and `unruly` of the EVSEs where something runs draw more
    than they were told."""

    site_id: int
    slug: str
    name: str
    mode: str | None
    enabled: bool
    version: int
    standing: int
    hung: int
    charging: int
    power_w: int
    unruly: int = 0


async def planned_sites(conn: Connection) -> list[PlannedSite]:
    """The sites of all organisations that are planned for, in order. For the worker's role, which sees no more of them;
    what else there is to know is read as each organisation."""
    cursor = await conn.execute("SELECT tenant_id, site_id, zone FROM energy_planned_sites()")
    return [PlannedSite(*row) for row in await cursor.fetchall()]


async def list_tenants(conn: Connection) -> list[int]:
    """All organisations, for the worker's role."""
    return [tenant_id for (tenant_id,) in await (await conn.execute("SELECT energy_tenants()")).fetchall()]


class HeldSite:
    """What `load_site` has read of a site before: a version of its tree, and which of its EVSEs stand there."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._stored: SiteTree | None = None
        self._ids = "", ""
        self._tree: SiteTree | None = None
        self._strays: tuple[Stray, ...] = ()

    @property
    def version(self) -> int | None:
        """Of the tree that needn't be read again."""
        return self._version

    def tree_of(
        self, version: int | None, stored: str | None, ids: tuple[str, str]
    ) -> tuple[SiteTree | None, tuple[Stray, ...]]:
        """The tree of a version, and what hangs in it astray; the same object as before where nothing has changed.
        `stored` where it isn't the version that is held, `ids` of EVSEs, a line each: those that stand there, and those
        astray that are of the tree all the same."""
        if version is None:
            return None, ()
        if version != self._version or self._stored is None:
            assert stored is not None
            self._version, self._stored, self._tree = version, msgspec.json.decode(stored, type=SiteTree), None
        if self._tree is None or ids != self._ids:
            self._ids, there = ids, set(ids[0].split("\n"))
            counted = there.union(ids[1].split("\n"))
            self._tree = structs.replace(
                self._stored, evses=tuple(each for each in self._stored.evses if each.id in counted)
            )
            self._strays = tuple(
                Stray(station=each.station, evse=each.evse) for each in self._stored.evses if each.id not in there
            )
        return self._tree, self._strays


async def load_site(
    conn: Connection, tenant_id: int, site_id: int, held: HeldSite | None = None, *, with_gone: bool = False
) -> SiteRecord | None:
    """The site with what was set up for it; None if there is no such site. EVSEs whose stations stand there no more are
    left out of its tree and named as strays; `with_gone`: those where a car still charges are left in it. `held`: what
    was read before, in the same way."""
    held = HeldSite() if held is None else held
    cursor = conn.cursor(row_factory=class_row(_Row))
    await cursor.execute(
        "SELECT i.tenant_id, i.site_id, i.slug, i.name, i.time_zone AS zone, i.latitude, i.longitude, e.mode,"
        " e.enabled, e.unserved_per_kwh, e.fallback_a, e.feed_in_limit_w, e.car_wear_per_kwh,"
        " e.dynamic_profiles, e.version AS settings_version, t.version,"
        " CASE WHEN t.version IS DISTINCT FROM %(held)s::int THEN t.tree::text END AS tree, t.changed_at, t.changed_by"
        " FROM sites i LEFT JOIN energy_sites e ON e.tenant_id = i.tenant_id AND e.site_id = i.site_id"
        " LEFT JOIN electrics t ON t.tenant_id = e.tenant_id AND t.site_id = e.site_id"
        "  AND t.version = e.electrics_version"
        " WHERE i.tenant_id = %(tenant_id)s AND i.site_id = %(site_id)s",
        {"tenant_id": tenant_id, "site_id": site_id, "held": held.version},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    here = "" if row.version is None else await _ids_of(conn, tenant_id, site_id)
    gone = await _ids_of_gone(conn, tenant_id, site_id) if with_gone and row.version is not None else ""
    tree, strays = held.tree_of(row.version, row.tree, (here, gone))
    return SiteRecord(
        tenant_id=tenant_id,
        site_id=site_id,
        slug=row.slug,
        name=row.name,
        zone=row.zone,
        latitude=row.latitude,
        longitude=row.longitude,
        version=row.version or 0,
        tree=tree,
        settings=_settings(row),
        settings_version=row.settings_version or 0,
        strays=strays,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


async def _ids_of(conn: Connection, tenant_id: int, site_id: int) -> str:
    """The EVSEs that hang at a site and stand there, by their ids in its electrics, a line each."""
    cursor = await conn.execute(
        "SELECT coalesce(string_agg(t.identity || ':' || h.evse, E'\n' ORDER BY t.station_id, h.evse), '')"
        " FROM hung_evses h JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        f" WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND h.station_id IN ({HERE})",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    [(ids,)] = await cursor.fetchall()
    return str(ids)


async def _ids_of_gone(conn: Connection, tenant_id: int, site_id: int) -> str:
    """The same of those that stand there no more, and where a car still charges."""
    cursor = await conn.execute(
        f"SELECT coalesce(string_agg({NAME} || ':' || h.evse, E'\n' ORDER BY t.station_id, h.evse), '')"
        " FROM hung_evses h JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s"
        f" AND h.station_id NOT IN ({HERE}) AND {RUNS} AND {UNREPLACED}",
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    [(ids,)] = await cursor.fetchall()
    return str(ids)


def _settings(row: _Row) -> Settings:
    if row.mode is None or row.unserved_per_kwh is None:
        return Settings()
    return Settings(
        mode=Mode(row.mode),
        enabled=bool(row.enabled),
        unserved_per_kwh=row.unserved_per_kwh,
        fallback_a=row.fallback_a,
        feed_in_limit_w=row.feed_in_limit_w or 0,
        car_wear_per_kwh=CAR_WEAR if row.car_wear_per_kwh is None else row.car_wear_per_kwh,
        dynamic_profiles=row.dynamic_profiles or False,
    )


async def load_tree(conn: Connection, tenant_id: int, site_id: int, at: datetime) -> tuple[int, SiteTree] | None:
    """The electrics that counted at a time, with their version, as they were stored."""
    cursor = await conn.execute(
        "SELECT version, tree FROM electrics WHERE tenant_id = %s AND site_id = %s AND changed_at <= %s"
        " ORDER BY version DESC LIMIT 1",
        (tenant_id, site_id, at),
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], msgspec.convert(row[1], SiteTree))


async def lock_site(conn: Connection, tenant_id: int, site_id: int, by: str, now: datetime) -> None:
    """Holds what is set up for a site until the transaction ends, and begins it if there is nothing yet."""
    await conn.execute(
        "INSERT INTO energy_sites (site_id, tenant_id, changed_at, changed_by) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (site_id) DO NOTHING",
        (site_id, tenant_id, now, by),
    )
    await conn.execute(
        "SELECT FROM energy_sites WHERE tenant_id = %s AND site_id = %s FOR UPDATE", (tenant_id, site_id)
    )


async def stays_planned(conn: Connection, tenant_id: int, site_id: int, version: int) -> bool:
    """Whether a site is charged smartly by this version of its electrics, and is so until the transaction ends."""
    cursor = await conn.execute(
        "SELECT FROM energy_sites WHERE tenant_id = %s AND site_id = %s AND enabled AND electrics_version = %s"
        " FOR SHARE",
        (tenant_id, site_id, version),
    )
    return cursor.rowcount == 1


async def store_tree(
    conn: Connection, tenant_id: int, site_id: int, version: int, tree: SiteTree, by: str, now: datetime
) -> None:
    """Stores a version of a site's electrics, from now on the one that counts. The site is locked."""
    await conn.execute(
        "INSERT INTO electrics (site_id, version, tenant_id, tree, changed_at, changed_by)"
        " VALUES (%s, %s, %s, %s::jsonb, %s, %s)",
        (site_id, version, tenant_id, msgspec.json.encode(tree).decode(), now, by),
    )
    await conn.execute(
        "UPDATE energy_sites SET electrics_version = %s WHERE tenant_id = %s AND site_id = %s",
        (version, tenant_id, site_id),
    )
    await conn.execute(
        "DELETE FROM electrics WHERE tenant_id = %s AND site_id = %s AND version <= %s",
        (tenant_id, site_id, version - MAX_VERSIONS),
    )


async def store_settings(
    conn: Connection, tenant_id: int, site_id: int, settings: Settings, by: str, now: datetime
) -> None:
    """Stores how a site shall be charged. The site is locked."""
    await conn.execute(
        "UPDATE energy_sites SET mode = %(mode)s, enabled = %(enabled)s, unserved_per_kwh = %(unserved_per_kwh)s,"
        " fallback_a = %(fallback_a)s, feed_in_limit_w = %(feed_in_limit_w)s,"
        " car_wear_per_kwh = %(car_wear_per_kwh)s, dynamic_profiles = %(dynamic_profiles)s,"
        " version = version + 1, changed_at = %(now)s, changed_by = %(by)s"
        " WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s",
        {**structs.asdict(settings), "tenant_id": tenant_id, "site_id": site_id, "now": now, "by": by},
    )


async def list_lines(conn: Connection, tenant_id: int) -> list[SiteLine]:
    """Sites where EVSEs stand or that were set up, by name, MAX_SITES at most."""
    cursor = conn.cursor(row_factory=class_row(SiteLine))
    await cursor.execute(
        """
        WITH standing AS (
            SELECT DISTINCT c.station_id, c.evse, i.path FROM connectors c
            JOIN stations s ON s.tenant_id = c.tenant_id AND s.station_id = c.station_id AND s.retired_at IS NULL
            JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
            WHERE c.tenant_id = %(tenant_id)s AND c.connector > 0 AND c.evse > 0
        ), running AS (
            SELECT station_id, evse, count(*) AS sessions, sum(coalesce(power_w, 0)) AS power_w FROM sessions
            WHERE tenant_id = %(tenant_id)s AND over_at IS NULL AND evse IS NOT NULL GROUP BY 1, 2
        )
        SELECT i.site_id, i.slug, i.name, e.mode, coalesce(e.enabled, false) AS enabled,
            coalesce(e.electrics_version, 0) AS version, count(t.station_id)::int AS standing,
            count(h.station_id)::int AS hung, coalesce(sum(r.sessions), 0)::int AS charging,
            coalesce(sum(r.power_w), 0)::bigint AS power_w,
            (count(o.station_id) FILTER (WHERE r.sessions > 0 AND e.enabled))::int AS unruly
        FROM sites i LEFT JOIN energy_sites e ON e.tenant_id = i.tenant_id AND e.site_id = i.site_id
        LEFT JOIN standing t ON t.path @> ARRAY[i.site_id]
        LEFT JOIN hung_evses h ON h.tenant_id = i.tenant_id AND h.station_id = t.station_id AND h.evse = t.evse
            AND h.site_id = i.site_id
        LEFT JOIN running r ON r.station_id = t.station_id AND r.evse = t.evse
        LEFT JOIN evse_obedience o ON o.tenant_id = i.tenant_id AND o.station_id = h.station_id AND o.evse = h.evse
            AND o.disobeys_since IS NOT NULL
        WHERE i.tenant_id = %(tenant_id)s
        GROUP BY i.site_id, i.slug, i.name, e.mode, e.enabled, e.electrics_version
        HAVING count(t.station_id) > 0 OR coalesce(e.electrics_version, 0) > 0
        ORDER BY lower(i.name), i.slug LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "limit": MAX_SITES},
    )
    return await cursor.fetchall()
