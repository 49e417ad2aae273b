"""When more might flow at nodes than their limits allow, how much, and who was late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.energy.dispatch.obedience import MAX_OBEY_S
from forecourt.energy.dispatch.standing import TELLS_WITHIN
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

#: After so long an excess is late, whatever was cut meanwhile: the slowest that obey have by then.
LATEST: Final = TELLS_WITHIN + timedelta(seconds=MAX_OBEY_S)
#: Rows of one site that are kept, the newest, besides those that go on.
MAX_EXCESSES: Final = 5_000
_ORDERS: Final = by_age("excess_id")
#: The most that is kept of a current or a power, in mA or W.
_MOST: Final = 2**31 - 1

Unit = Literal["mA", "W"]


class Late(Struct, frozen=True, kw_only=True):
    """An EVSE that might still draw more than it was told, what it counted with in mA on each conductor and why, and
    what its station takes to obey, as far as that is known, in seconds."""

    station: str
    evse: int
    may_draw_ma: int
    ground: str
    obey_s: float


class Excess(Struct, frozen=True, kw_only=True):
    """More may flow at a node than its limit leaves for charging: `allowed`, `counted` and `measured` (None: nothing
    was) are currents of the conductor that is loaded most, in mA, or powers in W. `at_most`: cars told their power
    alone, so that `measured` is what flowed if all of each was on this conductor. By `due_at` everybody who obeys has
    obeyed."""

    node: str
    name: str
    unit: Unit
    due_at: datetime
    allowed: int
    counted: int
    measured: int | None
    late: tuple[Late, ...]
    at_most: bool = False


class ExcessRow(Struct, frozen=True, kw_only=True):
    """One that was kept: the least that was allowed and the most that was counted and measured since then; `over_at`
    None while it goes on."""

    excess_id: int
    node: str
    name: str
    unit: Unit
    since: datetime
    due_at: datetime
    over_at: datetime | None
    allowed: int
    counted: int
    measured: int | None
    late: tuple[Late, ...]
    at_most: bool = False


async def keep_excesses(conn: Connection, tenant_id: int, site_id: int, found: Sequence[Excess], now: datetime) -> None:
    """Keeps what is found now of a site, in one row for each node and unit until it is over; all others are over. One
    whose limit is cut further while it goes on is due later, by no more than the slowest that obey may take: less and
    less sun would put it off for ever."""
    await conn.execute(
        "UPDATE node_excesses SET over_at = greatest(since, %s) WHERE tenant_id = %s AND site_id = %s"
        " AND over_at IS NULL AND NOT (node, unit) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        (now, tenant_id, site_id, [each.node for each in found], [each.unit for each in found]),
    )
    for each in found:
        cursor = await conn.execute(
            "INSERT INTO node_excesses AS x (tenant_id, site_id, node, name, unit, since, due_at, allowed, counted,"
            " measured, late, at_most) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s)"
            " ON CONFLICT (site_id, node, unit) WHERE over_at IS NULL DO UPDATE SET name = excluded.name,"
            " due_at = CASE WHEN excluded.allowed < x.allowed"
            "  THEN greatest(x.due_at, least(excluded.due_at, x.since + %s)) ELSE x.due_at END,"
            " allowed = least(x.allowed, excluded.allowed), counted = greatest(x.counted, excluded.counted),"
            " at_most = CASE WHEN excluded.measured <= x.measured OR excluded.measured IS NULL THEN x.at_most"
            "  ELSE excluded.at_most END,"
            " measured = greatest(x.measured, excluded.measured), late = excluded.late RETURNING x.since = %s",
            (
                tenant_id, site_id, each.node, each.name, each.unit, now, each.due_at, min(each.allowed, _MOST),
                min(each.counted, _MOST), None if each.measured is None else min(each.measured, _MOST),
                msgspec.json.encode(each.late).decode(), each.at_most, LATEST, now,
            ),
        )  # fmt: skip
        if await cursor.fetchone() == (True,):
            await _forget_oldest(conn, tenant_id, site_id)


async def _forget_oldest(conn: Connection, tenant_id: int, site_id: int) -> None:
    await conn.execute(
        "DELETE FROM node_excesses WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND over_at IS NOT NULL"
        " AND excess_id <= ("
        " SELECT excess_id FROM node_excesses WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        " ORDER BY excess_id DESC OFFSET %(kept)s LIMIT 1)",
        {"tenant_id": tenant_id, "site_id": site_id, "kept": MAX_EXCESSES},
    )


async def list_excesses(
    conn: Connection, tenant_id: int, site_id: int, *, order: Age, place: Place, limit: int
) -> list[ExcessRow]:
    """What was kept of a site, behind the number of a place."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT excess_id, node, name, unit, since, due_at, over_at, allowed, counted, measured, late,"
        " at_most"
        " FROM node_excesses WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        f" {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "site_id": site_id, **bounds(place, limit)},
    )
    return [msgspec.convert(row, ExcessRow) for row in await cursor.fetchall()]
