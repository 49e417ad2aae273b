"""What stations measured outside of sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from forecourt.energy.signals.meters import Measured

Connection = AsyncConnection[Any]

#: Sets of values of one station that are read at once, the earliest ones: the next are read the next time.
MAX_SETS: Final = 1_000


async def measured_of(
    conn: Connection, tenant_id: int, since: Mapping[str, datetime], until: datetime
) -> dict[str, list[Measured]]:
    """What each of these stations measured behind its time, in order."""
    cursor = await conn.execute(
        "SELECT n.identity, m.at, coalesce(m.evse, 0), m.readings"
        " FROM unnest(%(stations)s::text[], %(since)s::timestamptz[]) AS n (identity, since)"
        " JOIN stations t ON t.tenant_id = %(tenant_id)s AND t.identity = n.identity CROSS JOIN LATERAL ("
        "  SELECT v.at, v.evse, v.readings FROM meter_values v WHERE v.tenant_id = %(tenant_id)s"
        "  AND v.station_id = t.station_id AND v.transaction_id = '' AND v.at > n.since AND v.at <= %(until)s"
        "  ORDER BY v.at LIMIT %(most)s) m ORDER BY n.identity, m.at",
        {
            "tenant_id": tenant_id,
            "stations": list(since),
            "since": list(since.values()),
            "until": until,
            "most": MAX_SETS,
        },
    )
    found: dict[str, list[Measured]] = {}
    for identity, at, evse, readings in await cursor.fetchall():
        found.setdefault(identity, []).append(Measured(at=at, evse=evse, readings=_whole(readings)))
    return found


def _whole(readings: Sequence[int]) -> Sequence[int]:
    """Codes and values in pairs."""
    return readings[: len(readings) // 2 * 2]
