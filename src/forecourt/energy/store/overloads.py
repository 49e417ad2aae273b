"""Nodes that what is no EVSE loads beyond their limits, and since when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection

#: The most that is kept of a power, in W.
_MOST_W: Final = 2**31 - 1


class Overload(Struct, frozen=True, kw_only=True):
    """A node that is overloaded: what else than EVSEs takes there, and the limit that it exceeds."""

    node: str
    name: str
    load_w: int
    limit_w: int


async def keep_overloads(
    conn: AsyncConnection[Any], tenant_id: int, site_id: int, found: Sequence[Overload], unsure: Sequence[str],
    now: datetime,
) -> None:  # fmt: skip
    """Keeps these of a site, each since it was found first and with the most that was taken since; others are over, but
    for those at nodes of which that is not known (`unsure`)."""
    await conn.execute(
        "DELETE FROM node_overloads WHERE tenant_id = %s AND site_id = %s AND node <> ALL(%s)",
        (tenant_id, site_id, [*(each.node for each in found), *unsure]),
    )
    if found:
        await conn.execute(
            "INSERT INTO node_overloads AS o (site_id, node, tenant_id, name, since, load_w, limit_w)"
            " SELECT %s, node, %s, name, %s, load_w, limit_w"
            " FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[]) AS n (node, name, load_w, limit_w)"
            " ON CONFLICT (site_id, node) DO UPDATE SET name = excluded.name, limit_w = excluded.limit_w,"
            " load_w = greatest(o.load_w, excluded.load_w)",
            (
                site_id, tenant_id, now, [each.node for each in found], [each.name for each in found],
                [min(each.load_w, _MOST_W) for each in found], [min(each.limit_w, _MOST_W) for each in found],
            ),
        )  # fmt: skip
