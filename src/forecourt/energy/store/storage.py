"""What batteries said of themselves, and what they were told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.storage.model import BatteryState, BatteryWhy, KnownBattery, Setpoint

Connection = AsyncConnection[Any]

#: Setpoints of one battery that are read, the newest, and of so many the highest that holds as well.
SETPOINTS: Final = 100
SETPOINTS_SEEN: Final = 1_000
#: Means of batteries that are drawn.
MAX_POINTS: Final = 3_000


class StoredPoint(Struct, frozen=True, kw_only=True):
    """The mean of what a battery took in a while, and what it held."""

    battery: str
    at: datetime
    power_w: int
    stored_wh: int


async def store_states(
    conn: Connection, tenant_id: int, site_id: int, battery: str, states: Sequence[BatteryState], now: datetime
) -> int:
    """Stores what a battery said, over what it said of the same times; how many were new or are others now."""
    cursor = await conn.execute(
        "INSERT INTO battery_states AS r (site_id, battery, at, tenant_id, power_w, stored_wh, source, arrived_at)"
        " SELECT %(site_id)s, %(battery)s, each.at, %(tenant_id)s, each.power_w, each.stored_wh, each.source, %(now)s"
        " FROM unnest(%(times)s::timestamptz[], %(powers)s::int[], %(stored)s::bigint[], %(sources)s::text[])"
        " AS each (at, power_w, stored_wh, source) ON CONFLICT (site_id, battery, at) DO UPDATE SET"
        " power_w = excluded.power_w, stored_wh = excluded.stored_wh, source = excluded.source,"
        " arrived_at = excluded.arrived_at WHERE (r.power_w, r.stored_wh) <> (excluded.power_w, excluded.stored_wh)",
        {
            "site_id": site_id,
            "tenant_id": tenant_id,
            "battery": battery,
            "now": now,
            "times": [each.at for each in states],
            "powers": [each.power_w for each in states],
            "stored": [each.stored_wh for each in states],
            "sources": [each.source for each in states],
        },
    )
    return cursor.rowcount


async def latest_states(
    conn: Connection, tenant_id: int, site_id: int, batteries: Sequence[str], until: datetime
) -> dict[str, BatteryState]:
    """What these batteries of a site said last, until a time."""
    cursor = await conn.execute(
        "SELECT b.battery, s.at, s.power_w, s.stored_wh, s.source FROM unnest(%s::text[]) AS b (battery)"
        " CROSS JOIN LATERAL (SELECT * FROM battery_states WHERE tenant_id = %s AND site_id = %s"
        " AND battery = b.battery AND at <= %s ORDER BY at DESC LIMIT 1) s",
        (list(batteries), tenant_id, site_id, until),
    )
    return {
        battery: BatteryState(at=at, power_w=power_w, stored_wh=stored_wh, source=source)
        for battery, at, power_w, stored_wh, source in await cursor.fetchall()
    }


async def latest_of_site(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime
) -> dict[str, BatteryState]:
    """What all batteries of a site said last within a time, which is a short one."""
    cursor = await conn.execute(
        "SELECT DISTINCT ON (battery) battery, at, power_w, stored_wh, source FROM battery_states"
        " WHERE tenant_id = %s AND site_id = %s AND at >= %s AND at <= %s ORDER BY battery, at DESC",
        (tenant_id, site_id, since, until),
    )
    return {
        battery: BatteryState(at=at, power_w=power_w, stored_wh=stored_wh, source=source)
        for battery, at, power_w, stored_wh, source in await cursor.fetchall()
    }


async def setpoints_of(
    conn: Connection, tenant_id: int, site_id: int, batteries: Sequence[str], now: datetime
) -> dict[str, list[Setpoint]]:
    """What batteries were told at last, oldest first, and the highest of what holds though much was told since."""
    cursor = await conn.execute(
        "SELECT b.battery, s.power_w, s.sent_at, s.valid_to, s.why, s.heard_at FROM unnest(%(batteries)s::text[])"
        " AS b (battery) CROSS JOIN LATERAL (SELECT *, row_number() OVER (ORDER BY setpoint_id DESC) AS age,"
        " row_number() OVER (ORDER BY valid_to > %(now)s DESC, power_w DESC) AS height FROM ("
        "  SELECT * FROM battery_setpoints WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        "  AND battery = b.battery ORDER BY setpoint_id DESC LIMIT %(seen)s) AS last"
        " ) s WHERE s.age <= %(most)s OR s.height = 1 ORDER BY s.setpoint_id",
        {
            "batteries": list(batteries),
            "tenant_id": tenant_id,
            "site_id": site_id,
            "now": now,
            "seen": SETPOINTS_SEEN,
            "most": SETPOINTS,
        },
    )
    found: dict[str, list[Setpoint]] = {}
    for battery, power_w, sent_at, valid_to, why, heard_at in await cursor.fetchall():
        made = Setpoint(power_w=power_w, sent_at=sent_at, valid_to=valid_to, why=BatteryWhy(why), heard_at=heard_at)
        found.setdefault(battery, []).append(made)
    return found


async def hear_setpoints(
    conn: Connection, tenant_id: int, site_id: int, battery: str, said_at: datetime, now: datetime
) -> None:
    """A battery said something of a time: what it was told before that it knows of now."""
    await conn.execute(
        "UPDATE battery_setpoints SET heard_at = %s WHERE tenant_id = %s AND site_id = %s AND battery = %s"
        " AND heard_at IS NULL AND sent_at <= %s AND valid_to > %s",
        (now, tenant_id, site_id, battery, said_at, now),
    )


async def known_batteries(
    conn: Connection, tenant_id: int, site_id: int, batteries: Sequence[str], now: datetime
) -> list[KnownBattery]:
    """What is known of each of these batteries, in their order."""
    if not batteries:
        return []
    states = await latest_states(conn, tenant_id, site_id, batteries, now)
    told = await setpoints_of(conn, tenant_id, site_id, batteries, now)
    return [KnownBattery(id=id, state=states.get(id), setpoints=tuple(told.get(id, ()))) for id in batteries]


async def insert_setpoint(conn: Connection, tenant_id: int, site_id: int, battery: str, told: Setpoint) -> None:
    """Keeps what a battery is told from now on."""
    await conn.execute(
        "INSERT INTO battery_setpoints (tenant_id, site_id, battery, power_w, sent_at, valid_to, why)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (tenant_id, site_id, battery, told.power_w, told.sent_at, told.valid_to, told.why.value),
    )


async def stored_between(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime, seconds: int
) -> list[StoredPoint]:
    """What batteries of a site took and held in a time, in means of so many seconds, by battery and time."""
    cursor = conn.cursor(row_factory=class_row(StoredPoint))
    await cursor.execute(
        "SELECT battery, date_bin(make_interval(secs => %s), at, '2000-01-01+00'::timestamptz) AS at,"
        " avg(power_w)::int AS power_w, avg(stored_wh)::bigint AS stored_wh FROM battery_states"
        " WHERE tenant_id = %s AND site_id = %s AND at >= %s AND at < %s GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %s",
        (seconds, tenant_id, site_id, since, until, MAX_POINTS),
    )
    return await cursor.fetchall()


async def forget_stored(conn: Connection, tenant_id: int, *, states: datetime, setpoints: datetime) -> int:
    """Forgets what batteries said and were told before these times; how many."""
    forgotten = 0
    for statement, before in (
        ("DELETE FROM battery_states WHERE tenant_id = %s AND at < %s", states),
        ("DELETE FROM battery_setpoints WHERE tenant_id = %s AND valid_to < %s", setpoints),
    ):
        forgotten += (await conn.execute(statement, (tenant_id, before))).rowcount
    return forgotten
