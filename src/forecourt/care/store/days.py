"""What was charged on a day, and the load of each minute."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.care.store import Connection
from forecourt.care.today import LEAST_USUAL_DAYS, DaySoFar, Window

#: Sessions that began longer before a window are taken to be over.
LONGEST_SESSION: Final = timedelta(days=1)
#: Points of the load of a day, and of the usual one.
LOAD_STEP: Final = timedelta(minutes=5)
USUAL_STEP: Final = timedelta(minutes=15)


class RecentSession(Struct, frozen=True, kw_only=True):
    """One session of the last ones; `over_at` None: it runs."""

    session_id: UUID
    station: str
    station_name: str | None
    time_zone: str
    evse: int | None
    started_at: datetime
    over_at: datetime | None
    energy_wh: int | None
    power_w: int | None


async def first_session_at(conn: Connection, tenant_id: int) -> datetime | None:
    """When the first session began that is known."""
    row = await (
        await conn.execute("SELECT min(started_at) FROM session_facts WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return None if row is None else row[0]


async def charged_in(conn: Connection, tenant_id: int, windows: Sequence[Window]) -> list[DaySoFar]:
    """What was charged in each window. The energy of a session is spread evenly over its time, for want of samples."""
    cursor = await conn.execute(
        """
        SELECT w.place, count(s.session_id) FILTER (WHERE s.started_at >= w.start)::int,
            coalesce(sum(CASE WHEN s.started_at >= w.start AND s.ended <= w.finish THEN s.energy_wh ELSE
                round(s.energy_wh * date_part('epoch', least(s.ended, w.finish) - greatest(s.started_at, w.start))
                / date_part('epoch', s.ended - s.started_at))::bigint END), 0)::bigint
        FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[], %(earliest)s::timestamptz[])
            WITH ORDINALITY AS w (start, finish, earliest, place)
        LEFT JOIN LATERAL (
            SELECT session_id, started_at, energy_wh, coalesce(over_at, last_at) AS ended FROM session_facts
            WHERE tenant_id = %(tenant_id)s AND started_at >= w.earliest AND started_at < w.finish
                AND (started_at >= w.start OR coalesce(over_at, last_at) > w.start)
        ) s ON true
        GROUP BY w.place ORDER BY w.place
        """,
        {
            "tenant_id": tenant_id,
            "starts": [window.start for window in windows],
            "ends": [window.end for window in windows],
            # Under row-level security an index is asked only for what needs no reckoning.
            "earliest": [window.start - LONGEST_SESSION for window in windows],
        },
    )
    return [DaySoFar(sessions=sessions, energy_wh=energy_wh) for _, sessions, energy_wh in await cursor.fetchall()]


async def note_load(conn: Connection, tenant_id: int, minute: datetime) -> None:
    """Keeps the power of all running sessions as the load of that minute; the first that was noted stays."""
    await conn.execute(
        "INSERT INTO load_minutes (tenant_id, at, power_w, sessions)"
        " SELECT %(tenant_id)s, %(at)s, coalesce(sum(power_w), 0)::bigint, count(*)::int FROM session_facts"
        " WHERE tenant_id = %(tenant_id)s AND over_at IS NULL ON CONFLICT DO NOTHING",
        {"tenant_id": tenant_id, "at": minute},
    )


async def last_look_at(conn: Connection, tenant_id: int) -> datetime | None:
    """When the rules last ran, by the minute."""
    row = await (await conn.execute("SELECT max(at) FROM load_minutes WHERE tenant_id = %s", (tenant_id,))).fetchone()
    return None if row is None else row[0]


async def load_of(conn: Connection, tenant_id: int, window: Window) -> list[tuple[datetime, int]]:
    """The load in W, the mean of every LOAD_STEP, oldest first; steps without a minute are left out."""
    cursor = await conn.execute(
        "SELECT date_bin(%(step)s, at, %(start)s) AS bin, round(avg(power_w))::bigint FROM load_minutes"
        " WHERE tenant_id = %(tenant_id)s AND at >= %(start)s AND at < %(end)s GROUP BY bin ORDER BY bin",
        {"tenant_id": tenant_id, "step": LOAD_STEP, "start": window.start, "end": window.end},
    )
    return [(at, power_w) for at, power_w in await cursor.fetchall()]


async def load_since(conn: Connection, tenant_id: int, since: datetime) -> list[tuple[datetime, int]]:
    """The load in W of each minute, oldest first."""
    cursor = await conn.execute(
        "SELECT at, power_w FROM load_minutes WHERE tenant_id = %s AND at >= %s ORDER BY at", (tenant_id, since)
    )
    return [(at, power_w) for at, power_w in await cursor.fetchall()]


async def usual_load(conn: Connection, tenant_id: int, windows: Sequence[Window]) -> list[tuple[int, int]]:
    """The median load of those days: (seconds from midnight, W), a point for every USUAL_STEP that enough days have."""
    cursor = await conn.execute(
        """
        SELECT extract(epoch FROM step)::int, percentile_disc(0.5) WITHIN GROUP (ORDER BY power_w)::bigint
        FROM (
            SELECT w.start, date_bin(%(step)s, l.at, w.start) - w.start AS step, round(avg(l.power_w)) AS power_w
            FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w (start, finish)
            JOIN load_minutes l ON l.tenant_id = %(tenant_id)s AND l.at >= w.start AND l.at < w.finish
            GROUP BY w.start, step
        ) days
        GROUP BY step HAVING count(*) >= %(least)s ORDER BY step
        """,
        {
            "tenant_id": tenant_id,
            "step": USUAL_STEP,
            "starts": [window.start for window in windows],
            "ends": [window.end for window in windows],
            "least": LEAST_USUAL_DAYS,
        },
    )
    return [(offset_s, power_w) for offset_s, power_w in await cursor.fetchall()]


async def list_recent(conn: Connection, tenant_id: int, limit: int) -> list[RecentSession]:
    """The sessions that were heard of last, the newest first."""
    cursor = conn.cursor(row_factory=class_row(RecentSession))
    await cursor.execute(
        "SELECT f.session_id, s.station, s.name AS station_name, s.time_zone, f.evse, f.started_at, f.over_at,"
        " f.energy_wh, f.power_w"
        " FROM (SELECT * FROM session_facts WHERE tenant_id = %(tenant_id)s ORDER BY number DESC LIMIT %(limit)s) f"
        " JOIN station_conditions s ON s.tenant_id = f.tenant_id AND s.station_id = f.station_id"
        " ORDER BY f.number DESC",
        {"tenant_id": tenant_id, "limit": limit},
    )
    return await cursor.fetchall()


async def forget_load_before(conn: Connection, tenant_id: int, before: datetime) -> None:
    """Deletes the load of minutes before a time."""
    await conn.execute("DELETE FROM load_minutes WHERE tenant_id = %s AND at < %s", (tenant_id, before))
