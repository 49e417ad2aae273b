"""Who plans for which site: planners, and the leases by which they share the sites. Times are those of the database:
clocks of hosts differ, and may jump."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def say_alive(conn: Connection, holder: UUID, lease: timedelta) -> int:
    """Says that a planner runs; how many do, itself among them. For the worker's role."""
    await conn.execute(
        "INSERT INTO planner_holders (holder, until) VALUES (%s, clock_timestamp() + %s)"
        " ON CONFLICT (holder) DO UPDATE SET until = excluded.until",
        (holder, lease),
    )
    await conn.execute("DELETE FROM planner_holders WHERE until < clock_timestamp()")
    cursor = await conn.execute("SELECT count(*) FROM planner_holders")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def hold_sites(
    conn: Connection, holder: UUID, sites: Sequence[tuple[int, int]], lease: timedelta, most: int
) -> list[int]:
    """Holds the sites (organisation, site) that this planner holds already or nobody does, `most` at the most; which.
    For the worker's role."""
    cursor = await conn.execute(
        """
        WITH wanted AS (
            SELECT w.tenant_id, w.site_id FROM unnest(%(tenants)s::int[], %(sites)s::int[]) AS w (tenant_id, site_id)
            LEFT JOIN planner_leases l ON l.site_id = w.site_id
            WHERE l.holder = %(holder)s OR l.until < clock_timestamp() OR l.site_id IS NULL
            ORDER BY (l.holder = %(holder)s) DESC NULLS LAST, w.site_id LIMIT %(most)s
        )
        INSERT INTO planner_leases (site_id, tenant_id, holder, until)
        SELECT site_id, tenant_id, %(holder)s, clock_timestamp() + %(lease)s FROM wanted ORDER BY site_id
        ON CONFLICT (site_id) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE planner_leases.holder = %(holder)s OR planner_leases.until < clock_timestamp()
        RETURNING site_id
        """,
        {
            "tenants": [tenant_id for tenant_id, _ in sites],
            "sites": [site_id for _, site_id in sites],
            "holder": holder,
            "lease": lease,
            "most": most,
        },
    )
    return [site_id for (site_id,) in await cursor.fetchall()]


async def count_unheld(conn: Connection, sites: Sequence[int]) -> int:
    """How many of these sites no planner holds. For the worker's role."""
    cursor = await conn.execute(
        "SELECT count(*) FROM unnest(%s::int[]) AS w (site_id) WHERE NOT EXISTS ("
        " SELECT FROM planner_leases l WHERE l.site_id = w.site_id AND l.until >= clock_timestamp())",
        (list(sites),),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def keep_lease(conn: Connection, tenant_id: int, site_id: int, holder: UUID) -> bool:
    """Whether a planner holds a site, which nobody else can until the transaction ends."""
    cursor = await conn.execute(
        "SELECT FROM planner_leases WHERE tenant_id = %s AND site_id = %s AND holder = %s AND until > clock_timestamp()"
        " FOR SHARE",
        (tenant_id, site_id, holder),
    )
    return cursor.rowcount == 1


async def give_back(conn: Connection, holder: UUID, sites: Sequence[int]) -> None:
    """Holds these sites no more. For the worker's role."""
    await conn.execute("DELETE FROM planner_leases WHERE holder = %s AND site_id = ANY(%s)", (holder, list(sites)))


async def leave(conn: Connection, holder: UUID) -> None:
    """Gives back all that a planner holds, and says that it runs no more. For the worker's role."""
    await conn.execute("DELETE FROM planner_leases WHERE holder = %s", (holder,))
    await conn.execute("DELETE FROM planner_holders WHERE holder = %s", (holder,))
