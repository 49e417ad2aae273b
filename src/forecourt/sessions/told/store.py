"""The SQL of what stations are told of costs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.sessions.costing.model import CostSaid
from forecourt.sessions.store import STATE_NOW
from forecourt.sessions.told.model import Hearer

Connection = AsyncConnection[Any]

#: Sessions of one organisation that are told of at once.
MAX_HEARERS: Final = 500
#: EVSEs of one organisation that are given tariffs.
MAX_RECKONING: Final = 10_000

#: Sessions at stations that are connected and show costs, as their variables say.
_HEARERS: Final = f"""
SELECT n.session_id, n.station_id, t.identity AS station, l.protocol AS version, n.transaction_id, n.token_uid,
    n.meter_stop_wh AS meter_wh, {STATE_NOW} AS charging_state, i.country, c.told_minor, c.told_at, c.priced_at
FROM sessions n
JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id AND t.retired_at IS NULL
JOIN station_links l ON l.tenant_id = n.tenant_id AND l.station_id = n.station_id
JOIN gateways g ON g.gateway_id = l.gateway_id AND g.lease_until > now()
LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id
LEFT JOIN session_costs_told c ON c.tenant_id = n.tenant_id AND c.session_id = n.session_id
WHERE n.tenant_id = %(tenant_id)s AND EXISTS (
    SELECT FROM station_variables v WHERE v.tenant_id = n.tenant_id AND v.station_id = n.station_id
        AND v.attribute = 'Actual' AND lower(v.value) = 'true'
        AND (v.component, v.variable) IN (('', 'CustomDisplayCostAndPrice'), ('TariffCostCtrlr', 'Enabled[Cost]'))
)
"""


async def list_tenants_with_open(conn: Connection) -> list[int]:
    """Tenants with a session that runs."""
    rows = await (await conn.execute("SELECT sessions_tenants_with_open()")).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def list_hearers(conn: Connection, tenant_id: int, before: datetime) -> list[Hearer]:
    """Running sessions whose stations were last told before then, those longest ago first, MAX_HEARERS at the most."""
    return await _find(
        conn,
        f"{_HEARERS} AND n.over_at IS NULL AND (c.told_at IS NULL OR c.told_at < %(before)s)"
        " ORDER BY c.told_at NULLS FIRST, n.number LIMIT %(limit)s",
        {"tenant_id": tenant_id, "before": before, "limit": MAX_HEARERS},
    )


async def find_hearer(conn: Connection, tenant_id: int, session_id: UUID) -> Hearer | None:
    """The session, if its station is connected and shows costs."""
    found = await _find(
        conn, f"{_HEARERS} AND n.session_id = %(session_id)s", {"tenant_id": tenant_id, "session_id": session_id}
    )
    return found[0] if found else None


async def note_told(conn: Connection, tenant_id: int, hearer: Hearer, minor: int | None, at: datetime) -> None:
    """That a station was told a running cost; None: that there was nothing to tell."""
    await conn.execute(
        "INSERT INTO session_costs_told AS c (session_id, tenant_id, station_id, told_minor, told_at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (session_id) DO UPDATE"
        " SET told_minor = coalesce(excluded.told_minor, c.told_minor), told_at = excluded.told_at",
        (hearer.session_id, tenant_id, hearer.station_id, minor, at),
    )


async def note_priced(conn: Connection, tenant_id: int, hearer: Hearer, at: datetime) -> bool:
    """That a station is told what its driver pays; whether it wasn't before."""
    return await _once(conn, tenant_id, hearer, "priced_at", at)


async def note_ended(conn: Connection, tenant_id: int, hearer: Hearer, at: datetime) -> bool:
    """That a station is told what a session came to; whether it wasn't before."""
    return await _once(conn, tenant_id, hearer, "ended_at", at)


async def _once(conn: Connection, tenant_id: int, hearer: Hearer, what: str, at: datetime) -> bool:
    cursor = await conn.execute(
        f"INSERT INTO session_costs_told AS c (session_id, tenant_id, station_id, {what}) VALUES (%s, %s, %s, %s)"
        f" ON CONFLICT (session_id) DO UPDATE SET {what} = excluded.{what} WHERE c.{what} IS NULL",
        (hearer.session_id, tenant_id, hearer.station_id, at),
    )
    return cursor.rowcount == 1


async def _find(conn: Connection, query: str, values: dict[str, Any]) -> list[Hearer]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(query.encode(), values)
    rows: Sequence[dict[str, Any]] = await cursor.fetchall()
    return [msgspec.convert(row, Hearer) for row in rows]


async def list_tenants_with_reckoners(conn: Connection) -> list[int]:
    """Tenants with a station that reckons costs itself."""
    rows = await (await conn.execute("SELECT sessions_tenants_with_reckoners()")).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def list_reckoning(conn: Connection, tenant_id: int) -> list[tuple[int, str, int]]:
    """EVSEs of stations of OCPP 2.1 that reckon costs themselves, connected or not: station, its id, and the number of
    the EVSE; MAX_RECKONING at the most."""
    cursor = await conn.execute(
        "SELECT DISTINCT t.station_id, t.identity, c.evse FROM stations t"
        " JOIN station_links l ON l.tenant_id = t.tenant_id AND l.station_id = t.station_id AND l.protocol = 'ocpp2.1'"
        " JOIN station_variables v ON v.tenant_id = t.tenant_id AND v.station_id = t.station_id"
        "  AND v.component = 'TariffCostCtrlr' AND v.variable = 'Enabled[Tariff]' AND v.attribute = 'Actual'"
        "  AND v.value = 'true'"
        " JOIN connectors c ON c.tenant_id = t.tenant_id AND c.station_id = t.station_id AND c.evse > 0"
        " WHERE t.tenant_id = %s AND t.retired_at IS NULL ORDER BY t.station_id, c.evse LIMIT %s",
        (tenant_id, MAX_RECKONING),
    )
    return [(int(station_id), str(identity), int(evse)) for station_id, identity, evse in await cursor.fetchall()]


async def find_session_of(conn: Connection, tenant_id: int, station_id: int, transaction_id: str) -> UUID | None:
    """The session that a station calls so."""
    cursor = await conn.execute(
        "SELECT session_id FROM sessions WHERE tenant_id = %s AND station_id = %s AND transaction_id = %s",
        (tenant_id, station_id, transaction_id),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def find_said(conn: Connection, tenant_id: int, session_id: UUID) -> CostSaid | None:
    """What the station of a session reckoned itself."""
    cursor = conn.cursor(row_factory=class_row(CostSaid))
    await cursor.execute(
        "SELECT c.currency, c.excl_tax, c.incl_tax, c.failed, c.reason, c.said_at, c.differs, c.compared_at"
        " FROM session_costs_said c JOIN sessions s USING (tenant_id, station_id, transaction_id)"
        " WHERE s.tenant_id = %s AND s.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def note_compared(conn: Connection, tenant_id: int, session_id: UUID, *, differs: bool, at: datetime) -> None:
    """Whether that is another cost than the final one."""
    await conn.execute(
        "UPDATE session_costs_said c SET differs = %s, compared_at = %s FROM sessions s WHERE s.tenant_id = %s"
        " AND s.session_id = %s AND c.tenant_id = s.tenant_id AND c.station_id = s.station_id"
        " AND c.transaction_id = s.transaction_id",
        (differs, at, tenant_id, session_id),
    )
