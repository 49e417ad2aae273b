"""Which limits and prices counted when, change by change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.signals.in_force import LimitHeld, PriceHeld

Connection = AsyncConnection[Any]

#: Changes of one node, or of the price, that are read at once.
MAX_CHANGES: Final = 2_000


async def keep_limits(conn: Connection, tenant_id: int, site_id: int, held: Sequence[LimitHeld]) -> None:
    """Keeps the limits that are other ones than those that were kept last."""
    await conn.execute(
        """
        INSERT INTO limits_in_force (site_id, node, at, tenant_id, limit_w, source)
        SELECT %(site_id)s, n.node, n.at, %(tenant_id)s, n.limit_w, n.source
        FROM unnest(%(nodes)s::text[], %(times)s::timestamptz[], %(limits)s::bigint[], %(sources)s::text[])
            AS n (node, at, limit_w, source)
        LEFT JOIN LATERAL (
            SELECT l.limit_w, l.source FROM limits_in_force l
            WHERE l.tenant_id = %(tenant_id)s AND l.site_id = %(site_id)s AND l.node = n.node
            ORDER BY l.at DESC LIMIT 1
        ) last ON true
        WHERE (last.limit_w, coalesce(last.source, '')) IS DISTINCT FROM (n.limit_w, n.source)
        ON CONFLICT (site_id, node, at) DO NOTHING
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "nodes": [each.node for each in held],
            "times": [each.at for each in held],
            "limits": [each.limit_w for each in held],
            "sources": [each.source for each in held],
        },
    )


async def keep_price(conn: Connection, tenant_id: int, site_id: int, held: PriceHeld, currency: str | None) -> None:
    """Keeps what a kWh costs, if that is another price than the one that was kept last."""
    await conn.execute(
        """
        INSERT INTO prices_in_force (site_id, at, tenant_id, price, currency, stands_in, source)
        SELECT n.site_id, %(at)s, %(tenant_id)s, n.price, n.currency, n.stands_in, n.source
        FROM (VALUES (%(site_id)s::int, %(price)s::numeric, %(currency)s::text, %(stands_in)s::bool, %(source)s::text))
            AS n (site_id, price, currency, stands_in, source)
        LEFT JOIN LATERAL (
            SELECT * FROM prices_in_force p WHERE p.tenant_id = %(tenant_id)s AND p.site_id = n.site_id
            ORDER BY p.at DESC LIMIT 1
        ) last ON true
        WHERE (last.price, last.currency, last.stands_in, last.source)
            IS DISTINCT FROM (n.price, n.currency, n.stands_in, n.source)
        ON CONFLICT (site_id, at) DO NOTHING
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "at": held.at,
            "price": held.price,
            "currency": currency,
            "stands_in": held.stands_in,
            "source": held.source,
        },
    )


async def limits_held_between(
    conn: Connection, tenant_id: int, site_id: int, node: str, since: datetime, until: datetime
) -> list[LimitHeld]:
    """What counted of a node from one time to another, the one that had counted before first; the latest
    MAX_CHANGES."""
    cursor = conn.cursor(row_factory=class_row(LimitHeld))
    await cursor.execute(
        """
        SELECT node, at, limit_w, source FROM limits_in_force
        WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND node = %(node)s AND at < %(until)s
            AND at >= coalesce((SELECT max(b.at) FROM limits_in_force b WHERE b.tenant_id = %(tenant_id)s
                AND b.site_id = %(site_id)s AND b.node = %(node)s AND b.at <= %(since)s), %(since)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id, "site_id": site_id, "node": node, "since": since, "until": until,
            "limit": MAX_CHANGES,
        },
    )  # fmt: skip
    return (await cursor.fetchall())[::-1]


async def prices_held_between(
    conn: Connection, tenant_id: int, site_id: int, currency: str | None, since: datetime, until: datetime
) -> list[PriceHeld]:
    """What a kWh cost in a currency from one time to another, what it had cost before first; the latest MAX_CHANGES."""
    cursor = conn.cursor(row_factory=class_row(PriceHeld))
    await cursor.execute(
        """
        SELECT at, price, stands_in, source FROM prices_in_force
        WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND currency IS NOT DISTINCT FROM %(currency)s
            AND at < %(until)s
            AND at >= coalesce((SELECT max(b.at) FROM prices_in_force b WHERE b.tenant_id = %(tenant_id)s
                AND b.site_id = %(site_id)s AND b.at <= %(since)s), %(since)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id, "site_id": site_id, "currency": currency, "since": since, "until": until,
            "limit": MAX_CHANGES,
        },
    )  # fmt: skip
    return (await cursor.fetchall())[::-1]


async def forget_held(conn: Connection, tenant_id: int, site_id: int, before: datetime, most: int) -> int:
    """Forgets what counted no more before a time, so many rows of limits and of prices at the most; how many."""
    forgotten = 0
    for table, of_node in (("limits_in_force", " AND n.node = o.node"), ("prices_in_force", "")):
        cursor = await conn.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT o.ctid FROM {table} o"
            " WHERE o.tenant_id = %(tenant_id)s AND o.site_id = %(site_id)s AND o.at < %(before)s"
            f" AND EXISTS (SELECT FROM {table} n WHERE n.tenant_id = o.tenant_id AND n.site_id = o.site_id{of_node}"
            " AND n.at > o.at AND n.at <= %(before)s) LIMIT %(most)s))".encode(),
            {"tenant_id": tenant_id, "site_id": site_id, "before": before, "most": most},
        )
        forgotten += cursor.rowcount
    return forgotten
