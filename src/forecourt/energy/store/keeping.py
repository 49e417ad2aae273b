"""What the planner keeps: plans, what stations were told, how they obey, and what sites took."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.dispatch.standing import Order
from forecourt.energy.keeper.planning import SitePlan

Connection = AsyncConnection[Any]

#: Orders of one session that are looked at, the newest: what was before them is replaced.
ORDERS_OF_SESSION: Final = 8


class Link(Struct, frozen=True, kw_only=True):
    """Whether a station is connected, and else since when not; None: it never was. `only_watts`: it says that it takes
    limits in watts and in nothing else. `version`: of OCPP, which it spoke last, from `connected_at` on.
    `tells_profiles`: it is not known to lack GetChargingProfiles."""

    station_id: int
    station: str
    connected: bool
    since: datetime | None
    only_watts: bool
    version: str | None = None
    connected_at: datetime | None = None
    tells_profiles: bool = True


class Obedience(Struct, frozen=True, kw_only=True):
    """How an EVSE obeys. `disobeys_since`: it drew more than it was allowed, after it should have obeyed."""

    station_id: int
    evse: int
    disobeys_since: datetime | None
    obey_s: float


class NewOrder(Struct, frozen=True, kw_only=True):
    """A limit that is about to be sent."""

    station_id: int
    evse: int
    session_id: UUID
    limit_ma: int
    urgent: bool
    sent_at: datetime
    valid_to: datetime


class StoredPlan(Struct, frozen=True, kw_only=True):
    """A plan as stored, with what was known when it was made."""

    at: datetime
    plan: SitePlan
    known: bytes


async def links_of(conn: Connection, tenant_id: int, site_id: int) -> list[Link]:
    """The stations whose EVSEs hang at a site."""
    cursor = conn.cursor(row_factory=class_row(Link))
    await cursor.execute(
        "SELECT DISTINCT ON (t.station_id) t.station_id, t.identity AS station,"
        " coalesce(g.lease_until > now(), false) AS connected, coalesce(k.disconnected_at, k.last_seen_at) AS since,"
        " EXISTS (SELECT FROM station_variables v WHERE v.tenant_id = h.tenant_id AND v.station_id = t.station_id"
        "  AND v.variable IN ('ChargingScheduleAllowedChargingRateUnit', 'RateUnit') AND v.attribute = 'Actual'"
        r"  AND v.value !~* '(current|(^|,)\s*a)') AS only_watts,"
        " k.protocol AS version, k.connected_at, NOT EXISTS (SELECT FROM unsupported_actions u"
        "  WHERE u.tenant_id = h.tenant_id AND u.station_id = t.station_id AND u.action = 'GetChargingProfiles')"
        " AS tells_profiles"
        " FROM hung_evses h JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " LEFT JOIN station_links k ON k.tenant_id = h.tenant_id AND k.station_id = t.station_id"
        " LEFT JOIN gateways g ON g.gateway_id = k.gateway_id"
        " WHERE h.tenant_id = %s AND h.site_id = %s AND t.retired_at IS NULL ORDER BY t.station_id",
        (tenant_id, site_id),
    )
    return await cursor.fetchall()


async def orders_of(
    conn: Connection, tenant_id: int, site_id: int, sessions: Sequence[UUID], now: datetime
) -> dict[UUID, list[Order]]:
    """What stations were told of running sessions and may still hold, oldest first."""
    cursor = await conn.execute(
        "SELECT session_id, limit_ma, sent_at, valid_to, answered_at, accepted FROM ("
        " SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY sent_at DESC, order_id DESC) AS age"
        " FROM charging_orders WHERE tenant_id = %s AND site_id = %s AND valid_to > %s AND session_id = ANY(%s)) o"
        " WHERE age <= %s ORDER BY sent_at, order_id",
        (tenant_id, site_id, now, list(sessions), ORDERS_OF_SESSION),
    )
    found: dict[UUID, list[Order]] = {}
    for session_id, limit_ma, sent_at, valid_to, answered_at, accepted in await cursor.fetchall():
        found.setdefault(session_id, []).append(
            Order(limit_ma=limit_ma, sent_at=sent_at, valid_to=valid_to, answered_at=answered_at, accepted=accepted)
        )
    return found


async def insert_orders(conn: Connection, tenant_id: int, site_id: int, orders: Sequence[NewOrder]) -> list[int]:
    """Records what is about to be sent; the numbers in the same order."""
    columns = list(zip(*(msgspec.structs.astuple(order) for order in orders), strict=True))
    cursor = await conn.execute(
        "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
        " valid_to) SELECT %s, %s, station_id, evse, session_id, limit_ma, urgent, sent_at, valid_to"
        " FROM unnest(%s::bigint[], %s::int[], %s::uuid[], %s::int[], %s::bool[], %s::timestamptz[],"
        " %s::timestamptz[]) WITH ORDINALITY AS o (station_id, evse, session_id, limit_ma, urgent,"
        " sent_at, valid_to, place) ORDER BY place RETURNING order_id",
        (tenant_id, site_id, *map(list, columns)),
    )
    return sorted(order_id for (order_id,) in await cursor.fetchall())


async def answer_orders(
    conn: Connection, tenant_id: int, answers: Sequence[tuple[int, bool | None, str]], at: datetime
) -> None:
    """Records what stations answered, each order once: its number, whether it was accepted, and the word for it."""
    numbers, accepted, words = zip(*answers, strict=True)
    await conn.execute(
        "UPDATE charging_orders o SET answered_at = %s, accepted = n.accepted, status = n.status"
        " FROM unnest(%s::bigint[], %s::bool[], %s::text[]) AS n (order_id, accepted, status)"
        " WHERE o.tenant_id = %s AND o.order_id = n.order_id AND o.answered_at IS NULL",
        (at, list(numbers), list(accepted), list(words), tenant_id),
    )


async def obedience_of(conn: Connection, tenant_id: int, site_id: int) -> dict[tuple[int, int], Obedience]:
    """How the EVSEs of a site obey, as far as anything is known, by station and EVSE."""
    cursor = conn.cursor(row_factory=class_row(Obedience))
    await cursor.execute(
        "SELECT o.station_id, o.evse, o.disobeys_since, o.obey_s"
        " FROM evse_obedience o JOIN hung_evses h ON h.tenant_id = o.tenant_id AND h.station_id = o.station_id"
        " AND h.evse = o.evse WHERE h.tenant_id = %s AND h.site_id = %s",
        (tenant_id, site_id),
    )
    return {(row.station_id, row.evse): row for row in await cursor.fetchall()}


async def store_obedience(
    conn: Connection, tenant_id: int, station_id: int, evse: int, disobeys_since: datetime | None, obey_s: float
) -> None:
    """Keeps since when an EVSE draws more than it may, or that it doesn't, and how long it takes to obey."""
    await conn.execute(
        "INSERT INTO evse_obedience (station_id, evse, tenant_id, disobeys_since, obey_s) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (station_id, evse) DO UPDATE SET disobeys_since = excluded.disobeys_since,"
        " obey_s = excluded.obey_s",
        (station_id, evse, tenant_id, disobeys_since, obey_s),
    )


async def insert_plan(conn: Connection, tenant_id: int, site_id: int, plan: SitePlan, known: bytes) -> None:
    """Keeps a plan with what was known."""
    await conn.execute(
        "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, plan, known)"
        " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (site_id, at) DO NOTHING",
        (site_id, plan.at, tenant_id, plan.grade.value, plan.why, msgspec.json.encode(plan).decode(), known),
    )


async def find_plan(conn: Connection, tenant_id: int, site_id: int, at: datetime) -> StoredPlan | None:
    """The plan that counted at a time."""
    cursor = await conn.execute(
        "SELECT at, plan, known FROM energy_plans WHERE tenant_id = %s AND site_id = %s AND at <= %s"
        " ORDER BY at DESC LIMIT 1",
        (tenant_id, site_id, at),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return StoredPlan(at=row[0], plan=msgspec.convert(row[1], SitePlan), known=bytes(row[2]))


async def insert_power(
    conn: Connection, tenant_id: int, site_id: int, at: datetime, *, charging_w: int, load_w: int, solar_w: int,
    allowed_w: int, measured: bool = True,
) -> None:  # fmt: skip
    """Keeps what a site took at a time; whether all of it was measured."""
    await conn.execute(
        "INSERT INTO site_power (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w, measured)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (site_id, at) DO NOTHING",
        (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w, measured),
    )
