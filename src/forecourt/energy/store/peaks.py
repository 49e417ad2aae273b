"""The highest power that a site took, as a demand charge counts it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection

#: Between two looks that are further apart nobody knows what was taken.
LONGEST_GAP: Final = timedelta(minutes=10)
#: A span counts of which at least this share is known.
KNOWN: Final = 0.8
#: What was measured longer ago is of another billing month.
LOOK_BACK: Final = timedelta(days=31)
_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)


def begin_of(at: datetime, minutes: int) -> datetime:
    """When the span begins in which a time is."""
    span = timedelta(minutes=minutes)
    return _ORIGIN + (at - _ORIGIN) // span * span


async def highest_power(
    conn: AsyncConnection[Any], tenant_id: int, site_id: int, since: datetime, until: datetime, minutes: int
) -> int:
    """The highest mean of so many minutes that a site took from the grid within a time, in W; 0 where nothing is
    known. Spans count that are over, and in which all was measured."""
    cursor = await conn.execute(
        """
        WITH looks AS (
            SELECT at, lead(at) OVER (ORDER BY at) AS until,
                charging_w::bigint + load_w - solar_w + battery_w AS power_w, measured
            FROM site_power WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND at >= %(before)s
                AND at < %(until)s
        ), parts AS (
            SELECT b.begins, l.power_w, l.measured,
                extract(epoch FROM least(l.until, b.begins + %(span)s) - greatest(l.at, b.begins)) AS lasts_s
            FROM looks l CROSS JOIN LATERAL generate_series(
                date_bin(%(span)s, l.at, %(origin)s), l.until - interval '1 microsecond', %(span)s) AS b (begins)
            WHERE l.until - l.at <= %(gap)s
        )
        SELECT coalesce(max(mean), 0)::bigint FROM (
            SELECT sum(power_w * lasts_s) / sum(lasts_s) AS mean FROM parts
            WHERE begins >= %(since)s AND begins + %(span)s <= %(until)s
            GROUP BY begins HAVING bool_and(measured) AND sum(lasts_s) >= %(known)s
        ) AS means
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "before": since - LONGEST_GAP,
            "since": since,
            "until": until,
            "span": timedelta(minutes=minutes),
            "origin": _ORIGIN,
            "gap": LONGEST_GAP,
            "known": KNOWN * minutes * 60,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else max(0, row[0])


async def unmeasured_since(conn: AsyncConnection[Any], tenant_id: int, site_id: int, now: datetime) -> datetime | None:
    """Since when not all is known that a site takes, so that it counts in no peak; None where all is, and where nothing
    was looked at lately."""
    cursor = await conn.execute(
        """
        SELECT min(at), max(at) FROM site_power WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s
            AND at <= %(now)s AND at > coalesce((
                SELECT max(at) FROM site_power WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s
                    AND at > %(since)s AND at <= %(now)s AND measured), %(since)s)
        """,
        {"tenant_id": tenant_id, "site_id": site_id, "now": now, "since": now - LOOK_BACK},
    )
    [(first, last)] = await cursor.fetchall()
    return None if last is None or now - last > LONGEST_GAP else first
