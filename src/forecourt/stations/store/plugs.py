"""What plugs EVSEs have, and what stations' variables tell of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Variables of a station that are looked at.
MAX_TOLD: Final = 2_000


class PlugRow(Struct, frozen=True, kw_only=True):
    """One connector of an EVSE: its type in OCPI's word, `AC` or `DC`, and its power, where it has one of its own."""

    evse: int
    connector: int
    connector_type: str
    evse_kind: str
    max_power_w: int | None


async def list_plugs(conn: Connection, tenant_id: int, station_id: int) -> list[PlugRow]:
    """Those of a station, in order."""
    cursor = conn.cursor(row_factory=class_row(PlugRow))
    await cursor.execute(
        "SELECT evse, connector, connector_type, evse_kind, max_power_w FROM evse_plugs"
        " WHERE tenant_id = %s AND station_id = %s ORDER BY evse, connector",
        (tenant_id, station_id),
    )
    return await cursor.fetchall()


async def put_plugs(
    conn: Connection, tenant_id: int, station_id: int, plugs: Sequence[PlugRow], by: str, now: datetime
) -> None:
    """These in place of all there were."""
    await conn.execute("DELETE FROM evse_plugs WHERE tenant_id = %s AND station_id = %s", (tenant_id, station_id))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO evse_plugs (station_id, evse, connector, tenant_id, connector_type, evse_kind, max_power_w,"
            " said_at, said_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    station_id, each.evse, each.connector, tenant_id, each.connector_type, each.evse_kind,
                    each.max_power_w, now, by,
                )
                for each in plugs
            ],
        )  # fmt: skip


async def list_told(conn: Connection, tenant_id: int, station_id: int) -> list[tuple[str, str, str]]:
    """Component, variable and value of what a station says of its EVSEs and connectors."""
    cursor = await conn.execute(
        "SELECT component, variable, value FROM station_variables WHERE tenant_id = %s AND station_id = %s"
        " AND (component LIKE 'EVSE@%%' OR component LIKE 'Connector@%%')"
        " AND variable IN ('ConnectorType', 'SupplyPhases', 'Power') AND value IS NOT NULL"
        " AND attribute IN ('Actual', 'MaxSet') ORDER BY attribute = 'MaxSet', component LIMIT %s",
        (tenant_id, station_id, MAX_TOLD),
    )
    return [(str(component), str(variable), str(value)) for component, variable, value in await cursor.fetchall()]
