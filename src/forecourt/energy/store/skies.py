"""What plants give under a clear sky, as it was reckoned ahead."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def skies_of(
    conn: Connection, tenant_id: int, site_id: int, first: date, last: date
) -> dict[tuple[str, str], dict[date, Sequence[int]]]:
    """The days of each plant from one day to another, by plant and by what it was reckoned for."""
    cursor = await conn.execute(
        "SELECT plant, of, day, power_w FROM clear_skies"
        " WHERE tenant_id = %s AND site_id = %s AND day BETWEEN %s AND %s ORDER BY day",
        (tenant_id, site_id, first, last),
    )
    found: dict[tuple[str, str], dict[date, Sequence[int]]] = {}
    for plant, of, day, power_w in await cursor.fetchall():
        found.setdefault((plant, of), {})[day] = power_w
    return found


async def store_sky(
    conn: Connection, tenant_id: int, site_id: int, plant: str, of: str, days: Mapping[date, Sequence[int]]
) -> None:
    """Stores days of a plant, in place of those that were reckoned before."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO clear_skies (site_id, plant, day, tenant_id, of, power_w) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (site_id, plant, day) DO UPDATE SET of = excluded.of, power_w = excluded.power_w",
            [(site_id, plant, day, tenant_id, of, list(power_w)) for day, power_w in days.items()],
        )


async def sites_with_sun(conn: Connection, tenant_id: int) -> list[int]:
    """The sites of an organisation that have solar plants and a place on the map."""
    cursor = await conn.execute(
        "SELECT e.site_id FROM energy_sites e JOIN electrics t ON t.site_id = e.site_id"
        " AND t.version = e.electrics_version JOIN sites i ON i.tenant_id = e.tenant_id AND i.site_id = e.site_id"
        " WHERE e.tenant_id = %s AND jsonb_array_length(t.tree -> 'solar') > 0"
        " AND i.latitude IS NOT NULL AND i.longitude IS NOT NULL ORDER BY e.site_id",
        (tenant_id,),
    )
    return [site_id for (site_id,) in await cursor.fetchall()]


async def forget_skies(conn: Connection, tenant_id: int, before: date) -> int:
    """Forgets days that nobody learns from any more; how many."""
    cursor = await conn.execute("DELETE FROM clear_skies WHERE tenant_id = %s AND day < %s", (tenant_id, before))
    return cursor.rowcount
