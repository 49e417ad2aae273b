"""Running sessions that were said to end with something."""

from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.sessions.store import Started

Connection = AsyncConnection[Any]

#: Sessions of one organisation that are looked at.
MAX_AIMED: Final = 5_000


class Aimed(Struct, frozen=True, kw_only=True):
    """A session with what it got. `energy_wh` and `soc_pct` are None where its station doesn't say."""

    started: Started
    energy_wh: int | None
    soc_pct: int | None


async def list_aimed(conn: Connection, tenant_id: int) -> list[Aimed]:
    """Those of an organisation, the oldest first; but those of retired stations, which nobody can ask."""
    cursor = await conn.execute(
        """
        SELECT n.session_id, t.identity, n.transaction_id, n.token_uid, n.token_type,
            CASE WHEN n.meter_stop_wh >= n.meter_start_wh THEN n.meter_stop_wh - n.meter_start_wh END, n.soc_pct
        FROM sessions n JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id
            AND t.retired_at IS NULL
        WHERE n.tenant_id = %(tenant_id)s AND n.over_at IS NULL AND EXISTS (
            SELECT FROM session_needs w WHERE w.tenant_id = n.tenant_id AND w.session_id = n.session_id
                AND w.wants ?| ARRAY['stop_energy_wh', 'stop_cost', 'stop_soc_pct', 'stop_at'])
        ORDER BY n.number LIMIT %(most)s
        """,
        {"tenant_id": tenant_id, "most": MAX_AIMED},
    )
    return [
        Aimed(
            started=Started(session_id=id, station=station, transaction_id=transaction, token_uid=uid, token_type=kind),
            energy_wh=energy_wh,
            soc_pct=soc_pct,
        )
        for id, station, transaction, uid, kind, energy_wh, soc_pct in await cursor.fetchall()
    ]
