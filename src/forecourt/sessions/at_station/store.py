"""The SQL behind the page of a station: which sessions touched a span of time, and their power."""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.sessions.store import MEASURED

Connection = AsyncConnection[Any]

#: Sessions of one station that are read for one span.
MAX_SPANS: Final = 5_000
_STATION_ID = "(SELECT station_id FROM stations WHERE tenant_id = %(tenant_id)s AND identity = %(station)s)"


class TouchedRow(Struct, frozen=True, kw_only=True):
    """A session that was running at some time of a span."""

    session_id: str
    evse: int | None
    token_uid: str | None
    stop_reason: str | None
    started_at: datetime
    ended_at: datetime | None


async def list_touched(
    conn: Connection, tenant_id: int, station: str, since: datetime, until: datetime, limit: int
) -> list[TouchedRow]:
    """Sessions of a station that were running at some time of a span, newest first."""
    cursor = conn.cursor(row_factory=class_row(TouchedRow))
    await cursor.execute(
        "SELECT session_id::text, evse, token_uid, stop_reason, started_at, over_at AS ended_at FROM sessions"
        f" WHERE tenant_id = %(tenant_id)s AND station_id = {_STATION_ID} AND started_at < %(until)s"
        " AND coalesce(over_at, last_at) >= %(since)s ORDER BY number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "station": station, "since": since, "until": until, "limit": limit},
    )
    return await cursor.fetchall()


async def list_spans(
    conn: Connection, tenant_id: int, station: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime | None]]:
    """From when to when sessions of a station that touch a span lasted; None while one runs."""
    cursor = await conn.execute(
        f"SELECT started_at, over_at FROM sessions n WHERE tenant_id = %(tenant_id)s AND station_id = {_STATION_ID}"
        " AND started_at < %(until)s AND (over_at IS NULL OR over_at >= %(since)s) ORDER BY started_at LIMIT %(limit)s",
        {"tenant_id": tenant_id, "station": station, "since": since, "until": until, "limit": MAX_SPANS},
    )
    return [(began, ended) for began, ended in await cursor.fetchall()]


async def mean_power(
    conn: Connection, tenant_id: int, station: str, since: datetime, until: datetime, step: timedelta, code: int
) -> dict[int, int]:
    """Mean power in W of a station's sessions together in each part of a span, by the number of the part from 0."""
    cursor = await conn.execute(
        f"""
        SELECT part, sum(power_w)::bigint FROM (
            SELECT n.transaction_id, floor(extract(epoch FROM m.at - %(since)s) / %(step_s)s)::int AS part,
                avg(m.readings[position + 1]) AS power_w
            FROM sessions n CROSS JOIN LATERAL {MEASURED} m
            CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS position
            WHERE n.tenant_id = %(tenant_id)s AND n.station_id = {_STATION_ID} AND n.started_at < %(until)s
                AND (n.over_at IS NULL OR n.over_at >= %(since)s) AND (m.readings[position] & 65535) = %(code)s
                AND m.at >= %(since)s AND m.at < %(until)s
            GROUP BY 1, 2
        ) each GROUP BY part
        """,
        {
            "tenant_id": tenant_id,
            "station": station,
            "since": since,
            "until": until,
            "step_s": step.total_seconds(),
            "code": code,
        },
    )
    return {int(part): int(power_w) for part, power_w in await cursor.fetchall()}
