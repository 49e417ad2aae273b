"""Forgetting what the planner kept, a little at a time."""

from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

#: Rows that are forgotten in one transaction.
AT_ONCE: Final = 5_000
#: Of plans that are thinned one is kept in each so long.
THINNED_TO: Final = timedelta(minutes=15)
#: The same of what a site took.
POWER_THINNED_TO: Final = timedelta(minutes=5)

#: By site, as they are indexed.
_OLD: Final = (
    ("energy_plans", "at", "plans"),
    ("charging_orders", "valid_to", "orders"),
    ("site_power", "at", "power"),
)


async def list_kept(conn: Connection, tenant_id: int) -> list[int]:
    """The sites of an organisation that were ever set up."""
    cursor = await conn.execute("SELECT site_id FROM energy_sites WHERE tenant_id = %s ORDER BY site_id", (tenant_id,))
    return [site_id for (site_id,) in await cursor.fetchall()]


async def plans_within(conn: Connection, tenant_id: int, site_id: int, most_bytes: int) -> datetime | None:
    """The oldest plan of a site that together with all newer ones takes no more than so many bytes; None where all of
    them do."""
    cursor = await conn.execute(
        """
        SELECT min(at) FILTER (WHERE bytes <= %(most)s), max(bytes) FROM (
            SELECT at, sum(coalesce(pg_column_size(packed), 0) + coalesce(pg_column_size(plan), 0)
                + pg_column_size(known)) OVER (ORDER BY at DESC) AS bytes
            FROM energy_plans WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s) p
        """,
        {"tenant_id": tenant_id, "site_id": site_id, "most": most_bytes},
    )
    [(oldest, total)] = await cursor.fetchall()
    return oldest if total is not None and total > most_bytes else None


async def forget_kept(
    conn: Connection, tenant_id: int, site_id: int, *, plans: datetime, orders: datetime, power: datetime
) -> int:
    """Forgets plans and orders of a site, and what it took, from before their times; how many. Where those are as many
    as AT_ONCE or more, there may be others."""
    before, forgotten = {"plans": plans, "orders": orders, "power": power}, 0
    for table, column, age in _OLD:
        cursor = await conn.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table}"
            f" WHERE tenant_id = %s AND site_id = %s AND {column} < %s LIMIT %s))".encode(),
            (tenant_id, site_id, before[age], AT_ONCE),
        )
        forgotten += cursor.rowcount
    return forgotten


async def thin_plans(conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime) -> int:
    """Forgets plans of a site from within a time but for the first in each THINNED_TO; how many."""
    return await _thin(conn, b"energy_plans", tenant_id, site_id, since, until, THINNED_TO)


async def thin_power(conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime) -> int:
    """The same of what a site took, but for the first in each POWER_THINNED_TO."""
    return await _thin(conn, b"site_power", tenant_id, site_id, since, until, POWER_THINNED_TO)


async def oldest_unthinned(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime
) -> datetime | None:
    """The first of what a site took within a time that is not the only one in its POWER_THINNED_TO; None where each
    is."""
    cursor = await conn.execute(
        """
        SELECT min(before) FROM (
            SELECT date_bin(%(to)s, at, '2000-01-01+00'::timestamptz) AS begin, lag(at) OVER (ORDER BY at) AS before
            FROM site_power
            WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND at >= %(since)s AND at < %(until)s) p
        WHERE before >= begin
        """,
        {"tenant_id": tenant_id, "site_id": site_id, "since": since, "until": until, "to": POWER_THINNED_TO},
    )
    found: datetime | None
    [(found,)] = await cursor.fetchall()
    return found


async def _thin(
    conn: Connection, table: bytes, tenant_id: int, site_id: int, since: datetime, until: datetime, to: timedelta
) -> int:
    cursor = await conn.execute(
        b"DELETE FROM %(table)b WHERE ctid = ANY(ARRAY(SELECT ctid FROM (SELECT ctid, row_number() OVER ("
        b" PARTITION BY date_bin(%%s, at, '2000-01-01+00'::timestamptz) ORDER BY at) AS place"
        b" FROM %(table)b WHERE tenant_id = %%s AND site_id = %%s AND at >= %%s AND at < %%s) AS p"
        b" WHERE place > 1 LIMIT %%s))" % {b"table": table},
        (to, tenant_id, site_id, since, until, AT_ONCE),
    )
    return cursor.rowcount
