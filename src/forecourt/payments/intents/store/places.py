"""Where is paid: what a connector gives, who charges there, and who waits for whom."""

from uuid import UUID

from forecourt.payments.intents.store import Connection
from forecourt.stations.call_faults import StationUnknown


async def connector_of(conn: Connection, tenant_id: int, station: str, evse: int) -> tuple[int, int | None]:
    """The station that is in service, and what it gives there, as far as somebody said so. Raises StationUnknown."""
    row = await (
        await conn.execute(
            "SELECT s.station_id, coalesce((SELECT max(p.max_power_w) FROM evse_plugs p WHERE p.tenant_id = s.tenant_id"
            " AND p.station_id = s.station_id AND p.evse = %s), s.max_power_w) FROM stations s"
            " WHERE s.tenant_id = %s AND s.identity = %s",
            (evse, tenant_id, station),
        )
    ).fetchone()
    if row is None:
        raise StationUnknown
    return int(row[0]), row[1]


async def country_of(conn: Connection, tenant_id: int, session_id: UUID) -> str | None:
    """The country of a session's site, for its taxes; None: nobody said so."""
    row = await (
        await conn.execute(
            "SELECT i.country FROM sessions n JOIN stations s ON s.tenant_id = n.tenant_id"
            " AND s.station_id = n.station_id LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id"
            " WHERE n.tenant_id = %s AND n.session_id = %s",
            (tenant_id, session_id),
        )
    ).fetchone()
    return None if row is None or row[0] is None else str(row[0])


async def in_use(conn: Connection, tenant_id: int, station_id: int, evse: int) -> bool:
    """Whether somebody who was let in has a session at an EVSE that is not over. A car that is plugged in and waits for
    whoever pays is none, nor is a session of which an EVSE whose connectors are all free says nothing."""
    cursor = await conn.execute(
        "SELECT FROM session_facts s WHERE s.tenant_id = %(tenant)s AND s.station_id = %(station)s"
        " AND s.evse = %(evse)s AND s.over_at IS NULL AND s.token_status = 'Accepted' AND ("
        "  SELECT coalesce(bool_or(c.state <> 'Available'), true) FROM connectors c"
        "  WHERE c.tenant_id = s.tenant_id AND c.station_id = s.station_id AND c.evse = s.evse) LIMIT 1",
        {"tenant": tenant_id, "station": station_id, "evse": evse},
    )
    return cursor.rowcount == 1


async def state_at(conn: Connection, tenant_id: int, station_id: int, evse: int) -> tuple[bool, str | None]:
    """Whether a station is connected, and how an EVSE stands: as the first of its connectors that isn't free."""
    row = await (
        await conn.execute(
            "SELECT coalesce((SELECT g.lease_until > now() FROM station_links l JOIN gateways g USING (gateway_id)"
            " WHERE l.tenant_id = %(tenant)s AND l.station_id = %(station)s), false), (SELECT c.state FROM connectors c"
            " WHERE c.tenant_id = %(tenant)s AND c.station_id = %(station)s AND c.evse = %(evse)s"
            " ORDER BY c.state = 'Available', c.connector LIMIT 1)",
            {"tenant": tenant_id, "station": station_id, "evse": evse},
        )
    ).fetchone()
    assert row is not None, "it is one row"
    return bool(row[0]), row[1]


async def hold_connector(conn: Connection, station_id: int, evse: int) -> None:
    """Makes others who pay at this EVSE wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('paying at ' || %s, %s))", (evse, station_id))
