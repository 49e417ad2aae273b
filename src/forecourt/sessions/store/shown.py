"""Sessions as people are shown them: lists by what is looked for, what they come to, and where they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.drivers.model import uid_key
from forecourt.sessions.store.records import STATE_NOW, SessionFilter, asked, conditions

Connection = AsyncConnection[Any]

_SHOWN = f"""
SELECT n.number, n.session_id, coalesce(t.identity, t.retired_identity) AS station, t.name AS station_name,
    i.name AS site_name, i.slug AS site,
    coalesce(i.time_zone, 'UTC') AS zone, n.evse, n.connector, n.transaction_id, n.token_uid, n.token_status,
    n.started_at, n.over_at AS ended_at, n.meter_start_wh, n.meter_stop_wh,
    CASE WHEN n.meter_stop_wh >= n.meter_start_wh THEN n.meter_stop_wh - n.meter_start_wh END AS energy_wh,
    CASE WHEN n.over_at IS NULL THEN n.power_w END AS power_w, n.soc_pct,
    CASE WHEN n.over_at IS NULL THEN {STATE_NOW} ELSE n.charging_state END AS charging_state, n.stop_reason, n.notes,
    coalesce(c.final, false) AS priced, c.currency, c.excl_minor, c.incl_minor
"""
_FROM = """
FROM sessions n
JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id
LEFT JOIN session_costs c ON c.session_id = n.session_id AND c.tenant_id = n.tenant_id
WHERE n.tenant_id = %(tenant_id)s
"""


class ShownSession(Struct, frozen=True, kw_only=True):
    """One line of a list; `zone` is that of its site. `energy_wh` is None while it is not known. `priced`: its cost is
    final, which has no currency where no tariff counts."""

    number: int
    session_id: UUID
    station: str
    station_name: str | None
    site_name: str | None
    site: str | None
    zone: str
    evse: int | None
    connector: int | None
    transaction_id: str
    token_uid: str | None
    token_status: str | None
    started_at: datetime
    ended_at: datetime | None
    meter_start_wh: int | None
    meter_stop_wh: int | None
    energy_wh: int | None
    power_w: int | None
    soc_pct: int | None
    charging_state: str | None
    stop_reason: str | None
    notes: list[str]
    priced: bool = False
    currency: str | None = None
    excl_minor: int | None = None
    incl_minor: int | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """What the wanted sessions come to; `power_w` is of those that run."""

    sessions: int
    running: int
    energy_wh: int
    power_w: int


class Place(Struct, frozen=True, kw_only=True):
    """Where a session is: its station and the site of that, as far as there is one."""

    station: str
    station_name: str | None
    protocol: str | None
    serial: str | None
    site: str | None
    site_name: str | None
    address: str | None
    city: str | None
    country: str | None
    zone: str
    latitude: float | None
    longitude: float | None


class SiteToday(Struct, frozen=True, kw_only=True):
    """What goes on at one site: sessions that run, their power, and the sessions of today with their energy."""

    site: str
    running: int
    power_w: int
    sessions: int
    energy_wh: int


def spellings(uid: str) -> tuple[str, ...]:
    """How stations spell a uid, which is compared without case: as it is registered, or all in one case. An index finds
    these; row-level security keeps it from being used for what `lower` makes of each."""
    return tuple(sorted({uid, uid_key(uid), uid.upper()}))


async def list_for_page(
    conn: Connection, tenant_id: int, wanted: SessionFilter, *, after: tuple[datetime, int] | None, limit: int
) -> list[ShownSession]:
    """Wanted sessions, latest start first, beginning behind the place (start, number)."""
    values = {"tenant_id": tenant_id, "limit": limit, **asked(wanted)}
    behind = ""
    if after is not None:
        behind = " AND (n.started_at, n.number) < (%(before)s, %(number)s)"
        values |= {"before": after[0], "number": after[1]}
    cursor = conn.cursor(row_factory=class_row(ShownSession))
    await cursor.execute(
        f"{_SHOWN}{_FROM}{conditions(wanted)}{behind} ORDER BY n.started_at DESC, n.number DESC LIMIT %(limit)s", values
    )
    return await cursor.fetchall()


async def count_matching(conn: Connection, tenant_id: int, wanted: SessionFilter) -> Totals:
    """What all wanted sessions come to."""
    cursor = conn.cursor(row_factory=class_row(Totals))
    await cursor.execute(
        "SELECT count(*) AS sessions, count(*) FILTER (WHERE n.over_at IS NULL) AS running,"
        " coalesce(sum(n.meter_stop_wh - n.meter_start_wh) FILTER (WHERE n.meter_stop_wh >= n.meter_start_wh), 0)"
        "::bigint AS energy_wh, coalesce(sum(n.power_w) FILTER (WHERE n.over_at IS NULL), 0)::bigint AS power_w"
        f" {_FROM}{conditions(wanted)}",
        {"tenant_id": tenant_id, **asked(wanted)},
    )
    totals = await cursor.fetchone()
    assert totals is not None
    return totals


async def list_recent(conn: Connection, tenant_id: int, wanted: SessionFilter, limit: int) -> list[ShownSession]:
    """The sessions that run and the latest others, `limit` in all, running ones first."""
    cursor = conn.cursor(row_factory=class_row(ShownSession))
    await cursor.execute(
        f"{_SHOWN}{_FROM}{conditions(wanted)}"
        " ORDER BY n.over_at IS NULL DESC, n.started_at DESC, n.number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "limit": limit, **asked(wanted)},
    )
    return await cursor.fetchall()


async def find_place(conn: Connection, tenant_id: int, station_id: int) -> Place:
    """Where the sessions of a station are."""
    cursor = conn.cursor(row_factory=class_row(Place))
    await cursor.execute(
        "SELECT coalesce(t.identity, t.retired_identity) AS station, t.name AS station_name, l.protocol, t.serial,"
        " i.slug AS site,"
        " i.name AS site_name, i.address, i.city, i.country, coalesce(i.time_zone, 'UTC') AS zone,"
        " coalesce(t.latitude, i.latitude) AS latitude, coalesce(t.longitude, i.longitude) AS longitude"
        " FROM stations t LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id"
        " LEFT JOIN station_links l ON l.station_id = t.station_id AND l.tenant_id = t.tenant_id"
        " WHERE t.tenant_id = %s AND t.station_id = %s",
        (tenant_id, station_id),
    )
    place = await cursor.fetchone()
    assert place is not None
    return place


async def last_use(conn: Connection, tenant_id: int, uids: Sequence[str]) -> Mapping[str, datetime]:
    """When a session last began with each of these tokens; those never used are left out."""
    spelt = [(uid, each) for uid in uids for each in spellings(uid)]
    cursor = await conn.execute(
        "SELECT asked.uid, max(latest.started_at) FROM unnest(%s::text[], %s::text[]) AS asked (uid, spelt)"
        " CROSS JOIN LATERAL (SELECT n.started_at FROM sessions n WHERE n.tenant_id = %s"
        ' AND n.token_uid = asked.spelt COLLATE "C" ORDER BY n.started_at DESC LIMIT 1) latest GROUP BY asked.uid',
        ([uid for uid, _ in spelt], [each for _, each in spelt], tenant_id),
    )
    return dict(await cursor.fetchall())


async def today_by_site(conn: Connection, tenant_id: int, now: datetime) -> list[SiteToday]:
    """What goes on at each site; today is that of the site's zone, and a session belongs to the day it began."""
    cursor = conn.cursor(row_factory=class_row(SiteToday))
    await cursor.execute(
        """
        SELECT i.slug AS site, count(*) FILTER (WHERE n.over_at IS NULL) AS running,
            coalesce(sum(n.power_w) FILTER (WHERE n.over_at IS NULL), 0)::bigint AS power_w,
            count(*) FILTER (WHERE n.started_at >= date_trunc('day', %(now)s, i.time_zone)) AS sessions,
            coalesce(sum(greatest(n.meter_stop_wh - n.meter_start_wh, 0))
                FILTER (WHERE n.started_at >= date_trunc('day', %(now)s, i.time_zone)), 0)::bigint AS energy_wh
        FROM sessions n
        JOIN stations t ON t.station_id = n.station_id AND t.tenant_id = n.tenant_id
        JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id
        WHERE n.tenant_id = %(tenant_id)s
            AND (n.over_at IS NULL OR n.started_at >= %(now)s::timestamptz - interval '26 hours')
        GROUP BY i.slug
        """,
        {"tenant_id": tenant_id, "now": now},
    )
    return await cursor.fetchall()


async def search(
    conn: Connection, tenant_id: int, between: tuple[UUID, UUID] | None, transaction_id: str, limit: int
) -> list[ShownSession]:
    """Sessions whose id lies in a span or whose transaction is this one, latest first."""
    low, high = between if between is not None else (None, None)
    cursor = conn.cursor(row_factory=class_row(ShownSession))
    await cursor.execute(
        f"{_SHOWN}{_FROM} AND n.number IN ("
        "  (SELECT number FROM sessions WHERE tenant_id = %(tenant_id)s AND session_id BETWEEN %(low)s AND %(high)s"
        "   LIMIT %(limit)s)"
        "  UNION (SELECT number FROM sessions WHERE tenant_id = %(tenant_id)s AND transaction_id = %(transaction_id)s"
        "   LIMIT %(limit)s)) ORDER BY n.started_at DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "low": low,
            "high": high,
            "transaction_id": transaction_id,
            "limit": limit,
        },
    )
    return await cursor.fetchall()
