"""All SQL of waiting lists."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, structs
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row, dict_row

from forecourt.driver.waiting.model import AWAY_FOR, FreeSpot, Policy, Waiting

Connection = AsyncConnection[Any]

#: EVSEs of one site that are looked at.
MAX_SPOTS: Final = 500
_COLUMNS: Final = (
    "place_id, number, site_id, nullif(connector_type, '') AS connector_type, rank, state, driver_id, email, language,"
    " joined_at, not_before, snoozed_at, reservation_id, said, ended_at"
)
#: Nobody charges at, has paid for, or is held a connector at EVSE `e`.
_UNUSED: Final = """
    NOT EXISTS (SELECT FROM sessions n WHERE n.tenant_id = e.tenant_id AND n.station_id = e.station_id
        AND n.evse = e.evse AND n.over_at IS NULL)
    AND NOT EXISTS (SELECT FROM reservations r WHERE r.tenant_id = e.tenant_id AND r.station_id = e.station_id
        AND r.evse = e.evse AND r.ended_at IS NULL)
    AND NOT EXISTS (SELECT FROM payment_intents p WHERE p.tenant_id = e.tenant_id AND p.station_id = e.station_id
        AND p.evse = e.evse AND p.state = 'authorised' AND NOT EXISTS (SELECT FROM sessions n
            WHERE n.tenant_id = p.tenant_id AND n.session_id = p.session_id AND n.over_at IS NOT NULL))"""
_FREE: Final = f"""
SELECT e.station_id, e.station, e.evse, e.types FROM (
    SELECT t.tenant_id, t.station_id, t.identity AS station, c.evse, bool_and(c.state = 'Available') AS available,
        coalesce((SELECT array_agg(DISTINCT p.connector_type) FROM evse_plugs p WHERE p.tenant_id = t.tenant_id
            AND p.station_id = t.station_id AND p.evse = c.evse), '{{}}') AS types
    FROM stations t JOIN connectors c ON c.tenant_id = t.tenant_id AND c.station_id = t.station_id
    JOIN station_links l ON l.tenant_id = t.tenant_id AND l.station_id = t.station_id
    JOIN gateways g ON g.gateway_id = l.gateway_id AND g.lease_until > now()
    WHERE t.tenant_id = %(tenant)s AND t.site_id = %(site)s AND t.retired_at IS NULL AND t.identity IS NOT NULL
        AND c.evse > 0 AND NOT EXISTS (SELECT FROM connectors z WHERE z.tenant_id = t.tenant_id
            AND z.station_id = t.station_id AND z.connector = 0 AND z.state IN ('Faulted', 'Unavailable'))
    GROUP BY t.tenant_id, t.station_id, t.identity, c.evse
) e WHERE e.available AND {_UNUSED}"""


class Held(Struct, frozen=True, kw_only=True):
    """A place whose turn it is, and what is held for it. `usable`: its station can be reached and its connector works.
    `paid`: its driver has paid there, and the session is yet to come."""

    place_id: UUID
    reservation_id: UUID
    station_id: int
    evse: int
    until_at: datetime
    ended: bool
    how: str | None
    usable: bool
    paid: bool


class HeldAt(Struct, frozen=True, kw_only=True):
    """Where a connector is held, and until when."""

    reservation_id: UUID
    station: str
    station_name: str | None
    evse: int
    until_at: datetime


class WaitingSite(Struct, frozen=True, kw_only=True):
    """The site of a waiting list."""

    site_id: int
    slug: str
    name: str
    zone: str


async def tenant_of_place(conn: Connection, place_id: UUID) -> int | None:
    """Whose place it is."""
    row = await (await conn.execute("SELECT driver_tenant_of_waiting(%s)", (place_id,))).fetchone()
    return None if row is None else row[0]


async def sites_with_waiting(conn: Connection) -> list[tuple[int, int]]:
    """Tenants and sites at which somebody waits."""
    rows = await (await conn.execute("SELECT tenant_id, site_id FROM driver_sites_with_waiting()")).fetchall()
    return [(int(tenant), int(site)) for tenant, site in rows]


async def hold_site(conn: Connection, site_id: int) -> None:
    """Makes others who change this site's list wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('waiting list', %s))", (site_id,))


async def find_site(conn: Connection, tenant_id: int, site_id: int) -> WaitingSite | None:
    """A site by its number."""
    cursor = conn.cursor(row_factory=class_row(WaitingSite))
    await cursor.execute(
        "SELECT site_id, slug, name, time_zone AS zone FROM sites WHERE tenant_id = %s AND site_id = %s",
        (tenant_id, site_id),
    )
    return await cursor.fetchone()


async def site_of_station(conn: Connection, tenant_id: int, station_id: int) -> int | None:
    """At which site a station stands."""
    cursor = await conn.execute(
        "SELECT site_id FROM stations WHERE tenant_id = %s AND station_id = %s", (tenant_id, station_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def site_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> int | None:
    """At which site a session is."""
    cursor = await conn.execute(
        "SELECT t.site_id FROM sessions s JOIN stations t USING (tenant_id, station_id)"
        " WHERE s.tenant_id = %s AND s.session_id = %s",
        (tenant_id, session_id),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def site_of_identity(conn: Connection, tenant_id: int, identity: str) -> int | None:
    """At which site a station stands, by its identity."""
    cursor = await conn.execute(
        "SELECT site_id FROM stations WHERE tenant_id = %s AND identity = %s", (tenant_id, identity)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def types_at(conn: Connection, tenant_id: int, site_id: int) -> list[str]:
    """The connector types at a site."""
    cursor = await conn.execute(
        "SELECT DISTINCT p.connector_type FROM evse_plugs p JOIN stations t USING (tenant_id, station_id)"
        " WHERE t.tenant_id = %s AND t.site_id = %s AND t.retired_at IS NULL ORDER BY 1 LIMIT 20",
        (tenant_id, site_id),
    )
    return [row[0] for row in await cursor.fetchall()]


async def types_of(conn: Connection, tenant_id: int, station: str, evse: int) -> list[str]:
    """The connector types of one EVSE."""
    cursor = await conn.execute(
        "SELECT DISTINCT p.connector_type FROM evse_plugs p JOIN stations t USING (tenant_id, station_id)"
        " WHERE t.tenant_id = %s AND t.identity = %s AND p.evse = %s ORDER BY 1",
        (tenant_id, station, evse),
    )
    return [row[0] for row in await cursor.fetchall()]


async def list_policies(conn: Connection, tenant_id: int, site_id: int) -> dict[str, Policy]:
    """The policies of a site by connector type; that of an empty one counts for all others."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT connector_type, active, who, hold_minutes, snooze_minutes, max_waiting FROM waiting_policies"
        " WHERE tenant_id = %s AND site_id = %s ORDER BY connector_type",
        (tenant_id, site_id),
    )
    return {row.pop("connector_type"): msgspec.convert(row, Policy) for row in await cursor.fetchall()}


async def put_policy(
    conn: Connection, tenant_id: int, site_id: int, connector_type: str, policy: Policy, at: datetime
) -> None:
    """Keeps a policy, in place of the one that was."""
    await conn.execute(
        "INSERT INTO waiting_policies (tenant_id, site_id, connector_type, active, who, hold_minutes, snooze_minutes,"
        " max_waiting, changed_at) VALUES (%(tenant)s, %(site)s, %(type)s, %(active)s, %(who)s, %(hold_minutes)s,"
        " %(snooze_minutes)s, %(max_waiting)s, %(at)s) ON CONFLICT (tenant_id, site_id, connector_type) DO UPDATE SET"
        " active = excluded.active, who = excluded.who, hold_minutes = excluded.hold_minutes,"
        " snooze_minutes = excluded.snooze_minutes, max_waiting = excluded.max_waiting,"
        " changed_at = excluded.changed_at",
        {"tenant": tenant_id, "site": site_id, "type": connector_type, "at": at, **structs.asdict(policy)},
    )


async def delete_policy(conn: Connection, tenant_id: int, site_id: int, connector_type: str) -> bool:
    """Takes a policy away; whether there was one."""
    cursor = await conn.execute(
        "DELETE FROM waiting_policies WHERE tenant_id = %s AND site_id = %s AND connector_type = %s",
        (tenant_id, site_id, connector_type),
    )
    return cursor.rowcount == 1


async def list_free(conn: Connection, tenant_id: int, site_id: int) -> list[FreeSpot]:
    """EVSEs of a site that somebody could be given now, MAX_SPOTS at the most."""
    cursor = conn.cursor(row_factory=class_row(FreeSpot))
    await cursor.execute(
        f"{_FREE} ORDER BY e.station, e.evse LIMIT %(most)s",
        {"tenant": tenant_id, "site": site_id, "most": MAX_SPOTS},
    )
    return await cursor.fetchall()


async def still_free(conn: Connection, tenant_id: int, site_id: int, spot: FreeSpot) -> bool:
    """Whether an EVSE is free now, once nobody else can pay there."""
    cursor = await conn.execute(
        f"SELECT FROM ({_FREE}) f WHERE f.station_id = %(station)s AND f.evse = %(evse)s",
        {"tenant": tenant_id, "site": site_id, "station": spot.station_id, "evse": spot.evse},
    )
    return cursor.rowcount == 1


async def list_open(conn: Connection, tenant_id: int, site_id: int) -> list[Waiting]:
    """Places of a site that are not over, in their order."""
    return await _many(
        conn, "tenant_id = %s AND site_id = %s AND ended_at IS NULL ORDER BY rank, number", (tenant_id, site_id)
    )


async def list_of_driver(conn: Connection, tenant_id: int, driver_id: int) -> list[Waiting]:
    """Places of a driver that are not over."""
    return await _many(
        conn, "tenant_id = %s AND driver_id = %s AND ended_at IS NULL ORDER BY number LIMIT 20", (tenant_id, driver_id)
    )


async def find_place(conn: Connection, tenant_id: int, place_id: UUID) -> Waiting | None:
    """The place of this id."""
    found = await _many(conn, "tenant_id = %s AND place_id = %s", (tenant_id, place_id))
    return found[0] if found else None


async def find_by_reservation(conn: Connection, tenant_id: int, reservation_id: UUID) -> Waiting | None:
    """For whom a connector is held."""
    found = await _many(conn, "tenant_id = %s AND reservation_id = %s AND state = 'held'", (tenant_id, reservation_id))
    return found[0] if found else None


async def find_held_at(conn: Connection, tenant_id: int, reservation_id: UUID) -> HeldAt | None:
    """Where a connector is held."""
    cursor = conn.cursor(row_factory=class_row(HeldAt))
    await cursor.execute(
        "SELECT r.reservation_id, s.identity AS station, s.name AS station_name, r.evse, r.until_at FROM reservations r"
        " JOIN stations s USING (tenant_id, station_id)"
        " WHERE r.tenant_id = %s AND r.reservation_id = %s AND s.identity IS NOT NULL",
        (tenant_id, reservation_id),
    )
    return await cursor.fetchone()


async def list_held(conn: Connection, tenant_id: int, site_id: int, now: datetime) -> list[Held]:
    """What is held at a site, and how it stands there."""
    cursor = conn.cursor(row_factory=class_row(Held))
    await cursor.execute(
        "SELECT w.place_id, r.reservation_id, r.station_id, r.evse, r.until_at, r.ended_at IS NOT NULL AS ended, r.how,"
        " s.retired_at IS NULL AND s.site_id = w.site_id"
        " AND (coalesce(g.lease_until > now(), false) OR coalesce(l.disconnected_at > %(away)s, false))"
        " AND NOT EXISTS (SELECT FROM connectors c WHERE c.tenant_id = r.tenant_id AND c.station_id = r.station_id"
        "  AND c.evse IN (r.evse, 0) AND c.state IN ('Faulted', 'Unavailable')) AS usable,"
        " EXISTS (SELECT FROM payment_intents p WHERE p.tenant_id = r.tenant_id AND p.station_id = r.station_id"
        "  AND p.evse = r.evse AND p.state = 'authorised' AND lower(p.token_uid) = ANY (r.token_keys)) AS paid"
        " FROM waiting_places w JOIN reservations r USING (tenant_id, reservation_id)"
        " JOIN stations s ON s.tenant_id = r.tenant_id AND s.station_id = r.station_id"
        " LEFT JOIN station_links l ON l.tenant_id = s.tenant_id AND l.station_id = s.station_id"
        " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id"
        " WHERE w.tenant_id = %(tenant)s AND w.site_id = %(site)s AND w.state = 'held'",
        {"tenant": tenant_id, "site": site_id, "away": now - AWAY_FOR},
    )
    return await cursor.fetchall()


async def count_of_address(conn: Connection, tenant_id: int, site_id: int, address: bytes) -> int:
    """How many wait at a site who joined from this address."""
    cursor = await conn.execute(
        "SELECT count(*) FROM waiting_places WHERE tenant_id = %s AND site_id = %s AND address = %s"
        " AND ended_at IS NULL",
        (tenant_id, site_id, address),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def insert_place(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> None:
    """One more who waits, behind all others."""
    names = [*values, "tenant_id", "rank"]
    query = sql.SQL(
        "INSERT INTO waiting_places ({names}) VALUES ({values}, %(tenant_id)s, (SELECT coalesce(max(rank), 0) + 1"
        " FROM waiting_places WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND ended_at IS NULL))"
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(sql.Placeholder(name) for name in values),
    )
    await conn.execute(query, {**values, "tenant_id": tenant_id})


async def change_place(conn: Connection, tenant_id: int, place_id: UUID, changes: Mapping[str, Any]) -> None:
    """Changes columns of a place."""
    query = sql.SQL("UPDATE waiting_places SET {} WHERE tenant_id = %(tenant_id)s AND place_id = %(place_id)s").format(
        sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes)
    )
    await conn.execute(query, {**changes, "tenant_id": tenant_id, "place_id": place_id})


async def tokens_of_driver(conn: Connection, tenant_id: int, driver_id: int) -> list[tuple[str, str]]:
    """Uids and types of a driver's tokens, the ones that were attached first."""
    cursor = await conn.execute(
        "SELECT t.uid, t.type FROM driver_tokens d JOIN tokens t USING (tenant_id, uid_key)"
        " WHERE d.tenant_id = %s AND d.driver_id = %s AND t.status = 'accepted' ORDER BY d.attached_at, t.number",
        (tenant_id, driver_id),
    )
    return [(uid, kind) for uid, kind in await cursor.fetchall()]


async def leave_all(
    conn: Connection, tenant_id: int, driver_id: int, at: datetime
) -> Sequence[tuple[int, UUID | None]]:
    """A driver waits nowhere any more and is named in no list; the sites, and what was held."""
    cursor = await conn.execute(
        "UPDATE waiting_places SET state = 'left', ended_at = %s, email = NULL, address = NULL"
        " WHERE tenant_id = %s AND driver_id = %s AND ended_at IS NULL RETURNING site_id, reservation_id",
        (at, tenant_id, driver_id),
    )
    left = [(int(site), reservation) for site, reservation in await cursor.fetchall()]
    await conn.execute(
        "UPDATE waiting_places SET driver_id = NULL WHERE tenant_id = %s AND driver_id = %s", (tenant_id, driver_id)
    )
    return left


async def forget(conn: Connection, before: datetime, most: int) -> int:
    """Forgets places that ended before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM waiting_places WHERE place_id IN"
        " (SELECT place_id FROM waiting_places WHERE ended_at < %s LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def _many(conn: Connection, which: str, values: Sequence[Any]) -> list[Waiting]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(f"SELECT {_COLUMNS} FROM waiting_places WHERE {which}", values)
    return [msgspec.convert(row, Waiting) for row in await cursor.fetchall()]
