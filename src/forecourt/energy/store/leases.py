"""Who plans for which site: planners, and the leases by which they share the sites. Times are those of the database:
clocks of hosts differ, and may jump."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


#: The first half of the advisory locks of planners; the second is each one's own.
LOCKS: Final = 0x506C616E
#: How long a lock of somebody else is waited for while a site is held.
LOCK_WITHIN_S: Final = 2
#: Of a planner `p`: its process is gone, for the lock that goes with its connection is. One without a lock never is.
_GONE: Final = f"""(p.lock IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_locks k WHERE k.locktype = 'advisory' AND k.granted
        AND k.classid = {LOCKS} AND k.objid = p.lock::oid AND k.objsubid = 2
        AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())))"""


async def take_lock(conn: Connection, lock: int) -> bool:
    """Takes a lock that is given back when the connection ends, however it does; whether nobody else has it."""
    cursor = await conn.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", (LOCKS, lock))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def say_alive(conn: Connection, holder: UUID, lease: timedelta, lock: int | None = None) -> int:
    """Says that a planner runs; how many do, itself among them. `lock`: the one that it holds for as long as it does.
    For the worker's role."""
    await conn.execute(
        "INSERT INTO planner_holders (holder, until, lock) VALUES (%s, clock_timestamp() + %s, %s)"
        " ON CONFLICT (holder) DO UPDATE SET until = excluded.until, lock = excluded.lock",
        (holder, lease, lock),
    )
    await conn.execute("DELETE FROM planner_holders WHERE until < clock_timestamp()")
    cursor = await conn.execute(f"SELECT count(*) FROM planner_holders p WHERE p.holder = %s OR NOT {_GONE}", (holder,))
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def hold_sites(
    conn: Connection, holder: UUID, sites: Sequence[tuple[int, int]], lease: timedelta, most: int
) -> list[int]:
    """Holds the sites (organisation, site) that this planner holds already or nobody does any more, `most` at the most;
    which. For the worker's role."""
    cursor = await conn.execute(
        f"""
        WITH gone AS (SELECT p.holder FROM planner_holders p WHERE p.holder <> %(holder)s AND {_GONE}), wanted AS (
            SELECT w.tenant_id, w.site_id FROM unnest(%(tenants)s::int[], %(sites)s::int[]) AS w (tenant_id, site_id)
            LEFT JOIN planner_leases l ON l.site_id = w.site_id
            WHERE l.holder = %(holder)s OR l.until < clock_timestamp() OR l.site_id IS NULL
                OR l.holder IN (SELECT holder FROM gone)
            ORDER BY (l.holder = %(holder)s) DESC NULLS LAST, w.site_id LIMIT %(most)s
        )
        INSERT INTO planner_leases (site_id, tenant_id, holder, until)
        SELECT site_id, tenant_id, %(holder)s, clock_timestamp() + %(lease)s FROM wanted ORDER BY site_id
        ON CONFLICT (site_id) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE planner_leases.holder = %(holder)s OR planner_leases.until < clock_timestamp()
                OR planner_leases.holder IN (SELECT holder FROM gone)
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


async def keep_lease(conn: Connection, tenant_id: int, site_id: int, holder: UUID | None) -> bool:
    """Whether a planner holds a site, which nobody else can until the transaction ends. None: nobody else ever does."""
    if holder is None:
        return True
    cursor = await conn.execute(
        "SELECT FROM planner_leases WHERE tenant_id = %s AND site_id = %s AND holder = %s AND until > clock_timestamp()"
        " FOR SHARE",
        (tenant_id, site_id, holder),
    )
    return cursor.rowcount == 1


async def wait_briefly(conn: Connection) -> None:
    """Until the transaction ends, no lock of somebody else is waited for longer than LOCK_WITHIN_S: whoever holds a
    site (`keep_lease`) keeps all planners from renewing it meanwhile. What waits longer raises psycopg's
    LockNotAvailable."""
    await conn.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_WITHIN_S}s",))


async def give_back(conn: Connection, holder: UUID, sites: Sequence[int]) -> None:
    """Holds these sites no more. For the worker's role."""
    await conn.execute("DELETE FROM planner_leases WHERE holder = %s AND site_id = ANY(%s)", (holder, list(sites)))


async def leave(conn: Connection, holder: UUID) -> None:
    """Gives back all that a planner holds, and says that it runs no more. For the worker's role."""
    await conn.execute("DELETE FROM planner_leases WHERE holder = %s", (holder,))
    await conn.execute("DELETE FROM planner_holders WHERE holder = %s", (holder,))
