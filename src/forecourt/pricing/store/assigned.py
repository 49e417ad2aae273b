"""Where tariffs are assigned, and what is known of the places where they count."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, bounds, by_age, onward
from forecourt.platform.ordering import Place as Behind
from forecourt.pricing.assigning import Assignment, Place, Scope
from forecourt.pricing.model import EvseKind
from forecourt.pricing.store import Connection

#: Assignments that are looked at for one session.
MAX_FITTING: Final = 1_000
#: Countries for which a tariff is looked at.
MAX_STANDS: Final = 50
#: Sites that can be chosen from.
MAX_SITES: Final = 1_000

_ORDERS: Final = by_age("a.number")


class Stand(Struct, frozen=True, kw_only=True):
    """Sites of one country at which a tariff counts: how many, and the most power an EVSE has there, if known."""

    country: str | None
    sites: int
    power_w: int | None


class AssignmentRow(Struct, frozen=True, kw_only=True):
    """An assignment as it is shown; `site` and `station` are None too where the reader sees neither."""

    assignment_id: UUID
    number: int
    tariff_id: UUID
    tariff_name: str
    site: str | None
    station: str | None
    site_id: int | None
    at_station: int | None
    evse: int | None
    connector_type: str | None
    evse_kind: EvseKind | None
    driver_group: str | None
    subscription: str | None
    starts_at: datetime
    ends_at: datetime | None
    said_at: datetime
    said_by: str
    ended_by: str | None

    @property
    def assignment(self) -> Assignment:
        """As the rule takes it."""
        return Assignment(
            assignment_id=self.assignment_id,
            number=self.number,
            tariff_id=self.tariff_id,
            scope=Scope(
                site_id=self.site_id,
                station_id=self.at_station,
                evse=self.evse,
                connector_type=self.connector_type,
                evse_kind=self.evse_kind,
                driver_group=self.driver_group,
                subscription=self.subscription,
            ),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


_ASSIGNED: Final = """
SELECT a.assignment_id, a.number, a.tariff_id, t.name AS tariff_name, i.slug AS site,
    coalesce(s.identity, s.retired_identity) AS station, a.site_id, a.at_station, a.evse, a.connector_type, a.evse_kind,
    a.driver_group, a.subscription, a.starts_at, a.ends_at, a.said_at, a.said_by, a.ended_by
FROM tariff_assignments a
JOIN tariffs t ON t.tenant_id = a.tenant_id AND t.tariff_id = a.tariff_id
LEFT JOIN sites i ON i.tenant_id = a.tenant_id AND i.site_id = a.site_id
LEFT JOIN stations s ON s.tenant_id = a.tenant_id AND s.station_id = a.at_station
WHERE a.tenant_id = %(tenant_id)s
"""


async def list_subscriptions(conn: Connection, tenant_id: int, now: datetime) -> frozenset[str]:
    """The subscriptions by which a tariff that goes on is assigned, now or later."""
    cursor = await conn.execute(
        "SELECT DISTINCT a.subscription FROM tariff_assignments a JOIN tariffs t ON t.tenant_id = a.tenant_id"
        " AND t.tariff_id = a.tariff_id WHERE a.tenant_id = %(tenant)s AND a.subscription IS NOT NULL"
        " AND (a.ends_at IS NULL OR a.ends_at > %(now)s) AND (t.ended_at IS NULL OR t.ended_at > %(now)s)",
        {"tenant": tenant_id, "now": now},
    )
    return frozenset(str(name) for (name,) in await cursor.fetchall())


async def insert_assignment(
    conn: Connection, tenant_id: int, tariff_id: UUID, scope: Scope, starts_at: datetime, ends_at: datetime | None,
    by: str, now: datetime,
) -> UUID:  # fmt: skip
    """Stores that a tariff counts for a scope."""
    named = structs.asdict(scope)
    named["at_station"] = named.pop("station_id")
    cursor = await conn.execute(
        "INSERT INTO tariff_assignments (tenant_id, tariff_id, site_id, at_station, evse, connector_type, evse_kind,"
        " driver_group, subscription, starts_at, ends_at, said_at, said_by) VALUES (%(tenant_id)s, %(tariff_id)s,"
        " %(site_id)s, %(at_station)s, %(evse)s, %(connector_type)s, %(evse_kind)s, %(driver_group)s,"
        " %(subscription)s, %(starts_at)s, %(ends_at)s, %(now)s, %(by)s) RETURNING assignment_id",
        {
            **named, "tenant_id": tenant_id, "tariff_id": tariff_id, "starts_at": starts_at, "ends_at": ends_at,
            "now": now, "by": by,
        },
    )  # fmt: skip
    row = await cursor.fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def end_assignment(conn: Connection, tenant_id: int, assignment_id: UUID, at: datetime, by: str) -> None:
    """It counts for no session that begins from then on."""
    await conn.execute(
        "UPDATE tariff_assignments SET ends_at = greatest(starts_at, %s), ended_by = %s"
        " WHERE tenant_id = %s AND assignment_id = %s",
        (at, by, tenant_id, assignment_id),
    )


async def find_assignment(conn: Connection, tenant_id: int, assignment_id: UUID) -> AssignmentRow | None:
    """The assignment of this id."""
    cursor = conn.cursor(row_factory=class_row(AssignmentRow))
    await cursor.execute(
        f"{_ASSIGNED} AND a.assignment_id = %(assignment_id)s",
        {"tenant_id": tenant_id, "assignment_id": assignment_id},
    )
    return await cursor.fetchone()


async def list_assignments(
    conn: Connection,
    tenant_id: int,
    *,
    tariff_id: UUID | None = None,
    at: datetime | None = None,
    order: Age = "newest",
    place: Behind = None,
    limit: int,
) -> list[AssignmentRow]:
    """Assignments behind the number of a place; with `at` only those that have not ended by then."""
    parts = ["" if tariff_id is None else " AND a.tariff_id = %(tariff_id)s"]
    parts.append("" if at is None else " AND (a.ends_at IS NULL OR a.ends_at > %(at)s)")
    cursor = conn.cursor(row_factory=class_row(AssignmentRow))
    await cursor.execute(
        f"{_ASSIGNED}{''.join(parts)} {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "tariff_id": tariff_id, "at": at, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_fitting(conn: Connection, tenant_id: int, place: Place, at: datetime) -> list[Assignment]:
    """Assignments that may count at a place for a session that begins then, whoever's it is, of tariffs that have not
    ended; the latest MAX_FITTING."""
    cursor = conn.cursor(row_factory=class_row(AssignmentRow))
    await cursor.execute(
        f"{_ASSIGNED} AND a.starts_at <= %(at)s AND (a.ends_at IS NULL OR a.ends_at > %(at)s)"
        " AND (t.ended_at IS NULL OR t.ended_at > %(at)s)"
        " AND (a.site_id IS NULL OR a.site_id = ANY (%(sites)s))"
        " AND (a.at_station IS NULL OR a.at_station = %(station_id)s)"
        " ORDER BY a.number DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id, "at": at, "sites": list(place.site_ids), "station_id": place.station_id,
            "limit": MAX_FITTING,
        },
    )  # fmt: skip
    return [row.assignment for row in await cursor.fetchall()]


async def find_place(
    conn: Connection, tenant_id: int, station_id: int, evse: int | None, connector: int | None
) -> Place | None:
    """What is known of a place; None if there is no such station. A type of connector or current is known where all
    plugs that may be meant have the same."""
    cursor = await conn.execute(
        """
        SELECT coalesce(i.time_zone, o.time_zone) AS zone, coalesce(i.path, '{}') AS path, p.connector_type, p.evse_kind
        FROM stations s JOIN organisations o ON o.tenant_id = s.tenant_id
        LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
        LEFT JOIN LATERAL (
            SELECT CASE WHEN min(connector_type) = max(connector_type) THEN min(connector_type) END AS connector_type,
                CASE WHEN min(evse_kind) = max(evse_kind) THEN min(evse_kind) END AS evse_kind
            FROM evse_plugs e WHERE e.tenant_id = s.tenant_id AND e.station_id = s.station_id
                AND (%(evse)s::int IS NULL OR e.evse = %(evse)s)
                AND (%(connector)s::int IS NULL OR e.connector = %(connector)s)
        ) p ON true
        WHERE s.tenant_id = %(tenant_id)s AND s.station_id = %(station_id)s
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "evse": evse, "connector": connector},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    zone, path, connector_type, kind = row
    return Place(
        zone=zone,
        site_ids=tuple(reversed(path)),
        station_id=station_id,
        evse=evse,
        connector_type=connector_type,
        evse_kind=None if kind is None else EvseKind(kind),
    )


async def list_stands(conn: Connection, tenant_id: int, tariff_id: UUID | None, at: datetime) -> list[Stand]:
    """The sites at which a tariff is assigned from then on, by country; of None all sites of the organisation."""
    cursor = conn.cursor(row_factory=class_row(Stand))
    await cursor.execute(
        """
        SELECT i.country, count(*)::int AS sites, max(w.power_w) AS power_w
        FROM sites i LEFT JOIN LATERAL (
            SELECT max(coalesce(p.max_power_w, s.max_power_w)) AS power_w FROM stations s
            LEFT JOIN evse_plugs p ON p.tenant_id = s.tenant_id AND p.station_id = s.station_id
            WHERE s.tenant_id = i.tenant_id AND s.site_id = i.site_id
        ) w ON true
        WHERE i.tenant_id = %(tenant_id)s AND (%(tariff_id)s::uuid IS NULL OR EXISTS (
            SELECT FROM tariff_assignments a
            WHERE a.tenant_id = i.tenant_id AND a.tariff_id = %(tariff_id)s
                AND (a.ends_at IS NULL OR a.ends_at > %(at)s) AND (a.site_id IS NULL OR a.site_id = ANY (i.path))
                AND (a.at_station IS NULL OR EXISTS (SELECT FROM stations s WHERE s.tenant_id = i.tenant_id
                    AND s.station_id = a.at_station AND s.site_id = i.site_id))
        ))
        GROUP BY i.country ORDER BY i.country NULLS LAST LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "tariff_id": tariff_id, "at": at, "limit": MAX_STANDS},
    )
    return await cursor.fetchall()


async def list_sites(conn: Connection, tenant_id: int) -> list[tuple[str, str]]:
    """Slugs and names of the sites a tariff may be assigned to, MAX_SITES at the most."""
    cursor = await conn.execute(
        "SELECT slug, name FROM sites WHERE tenant_id = %s ORDER BY name, slug LIMIT %s", (tenant_id, MAX_SITES)
    )
    return [(str(slug), str(name)) for slug, name in await cursor.fetchall()]


async def find_site_id(conn: Connection, tenant_id: int, slug: str) -> int | None:
    """The site of this slug."""
    cursor = await conn.execute("SELECT site_id FROM sites WHERE tenant_id = %s AND slug = %s", (tenant_id, slug))
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def find_station_id(conn: Connection, tenant_id: int, station: str) -> int | None:
    """The station of this id that is in service."""
    cursor = await conn.execute(
        "SELECT station_id FROM stations WHERE tenant_id = %s AND identity = %s", (tenant_id, station)
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def list_of_some(connection: Connection, tenant_id: int) -> list[str]:
    """Names, also former ones, of tariffs that are or were assigned for a group of drivers or a subscription; of those
    of which who is limited to some sites sees no other assignment, too."""
    cursor = await connection.execute(
        "SELECT DISTINCT n.name FROM tariffs t CROSS JOIN LATERAL (SELECT t.name UNION ALL SELECT f.name"
        "  FROM tariff_names f WHERE f.tenant_id = t.tenant_id AND f.tariff_id = t.tariff_id) n"
        " WHERE t.tenant_id = %(tenant)s AND ("
        " EXISTS (SELECT FROM tariff_assignments a WHERE a.tenant_id = t.tenant_id AND a.tariff_id = t.tariff_id"
        "  AND (a.driver_group IS NOT NULL OR a.subscription IS NOT NULL))"
        " OR ((SELECT forecourt_sites()) IS NOT NULL AND NOT EXISTS (SELECT FROM tariff_assignments a"
        "  WHERE a.tenant_id = t.tenant_id AND a.tariff_id = t.tariff_id))) ORDER BY n.name",
        {"tenant": tenant_id},
    )
    return [name for (name,) in await cursor.fetchall()]
