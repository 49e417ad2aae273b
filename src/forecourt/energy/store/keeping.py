"""What the planner keeps: what stations were told, how they obey, and what sites took."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.dispatch.obedience import MAX_OBEY_S
from forecourt.energy.dispatch.standing import RETURN_FOR, Order
from forecourt.energy.dispatch.times import ARRIVES_WITHIN, LOW_VALID_FOR
from forecourt.energy.store.gone import NAME, RUNS, UNREPLACED
from forecourt.platform.clock import JITTER
from forecourt.platform.unchanged import Texts

Connection = AsyncConnection[Any]

#: Orders of one session that are looked at one by one, the newest; of those before them the highest alone.
ORDERS_OF_SESSION: Final = 8
#: Times in which a station was away that are looked at, the latest.
MAX_GAPS: Final = 20
#: However often a site is looked at, what it takes is kept no more often than this.
POWER_EVERY: Final = timedelta(seconds=15)
#: What is longer accepted than any station takes to obey has replaced all before it.
_SURELY_OBEYED: Final = timedelta(seconds=MAX_OBEY_S)


class Link(Struct, frozen=True, kw_only=True, gc=False):
    """Whether a station is connected, and else since when not; None: it never was. `only_watts`: it says that it takes
    limits in watts and in nothing else. `version`: of OCPP, which it spoke last, from `connected_at` on. `gives_at`:
    the EVSEs at which it says that cars may give back by setpoints, 0: at all. `tells_profiles`: it is not known to
    lack GetChargingProfiles. `gone`: it was retired or moved, and nobody can tell it anything for this site, whether it
    is connected or not. `back_at`: when it came back last that was away since `away_at`, but for moments; `free`: the
    EVSEs that it has said to be free since it was away last."""

    station_id: int
    station: str
    connected: bool
    since: datetime | None
    only_watts: bool
    version: str | None = None
    connected_at: datetime | None = None
    tells_profiles: bool = True
    gone: bool = False
    booted_at: datetime | None = None
    away_at: datetime | None = None
    back_at: datetime | None = None
    free: Sequence[int] = ()
    gives_at: Sequence[int] = ()


class Obedience(Struct, frozen=True, kw_only=True):
    """How an EVSE obeys. `disobeys_since`: it drew more than it was allowed, after it should have obeyed. `proven`:
    that it takes `obey_s` was seen; `fell_at`: when the limit was sent to which its draw was last seen to fall,
    `fell_s`: what that told of how long it takes, in seconds."""

    station_id: int
    evse: int
    disobeys_since: datetime | None
    obey_s: float
    proven: bool = False
    fell_at: datetime | None = None
    fell_s: float = 0.0


class NewOrder(Struct, frozen=True, kw_only=True, gc=False):
    """A limit that is about to be sent, by a command; None: it can't be. `drawn_ma`: what is drawn meanwhile, None:
    nobody knows; `still_since`: from when on nothing is; `rested`: though the car might charge, and had had the time to
    begin."""

    station_id: int
    evse: int
    session_id: UUID
    limit_ma: int
    urgent: bool
    sent_at: datetime
    valid_to: datetime
    gives_ma: int = 0
    command_id: UUID | None = None
    drawn_ma: int | None = None
    still_since: datetime | None = None
    rested: bool = False


def links_held() -> Texts[Link]:
    """Where `links_of` finds again what it has read before."""
    return Texts(msgspec.json.Decoder(Link).decode)


async def links_of(conn: Connection, tenant_id: int, site_id: int, held: Texts[Link] | None = None) -> list[Link]:
    """The stations whose EVSEs hang at a site; of those that are out of service those where a car charges. `held`: what
    was read before."""
    cursor = await conn.execute(
        f"SELECT row_to_json(k)::text FROM (SELECT DISTINCT ON (t.station_id) t.station_id, {NAME} AS station,"
        " t.retired_at IS NOT NULL OR NOT coalesce(w.path @> ARRAY[h.site_id], false) AS gone,"
        " coalesce(g.lease_until > now(), false) AS connected, coalesce(k.disconnected_at, k.last_seen_at) AS since,"
        " EXISTS (SELECT FROM station_variables v WHERE v.tenant_id = h.tenant_id AND v.station_id = t.station_id"
        "  AND v.variable IN ('ChargingScheduleAllowedChargingRateUnit', 'RateUnit') AND v.attribute = 'Actual'"
        r"  AND v.value !~* '(current|(^|,)\s*a)') AS only_watts,"
        " k.protocol AS version, k.connected_at, NOT EXISTS (SELECT FROM unsupported_actions u"
        "  WHERE u.tenant_id = h.tenant_id AND u.station_id = t.station_id AND u.action = 'GetChargingProfiles')"
        " AS tells_profiles, t.booted_at, p.away_at, p.returned_at AS back_at,"
        " ARRAY(SELECT c.evse FROM connectors c WHERE c.tenant_id = h.tenant_id AND c.station_id = h.station_id"
        "  AND c.connector > 0 GROUP BY c.evse HAVING bool_and(c.state = 'Available' AND c.state_at >= p.lost_at)"
        " ) AS free,"
        # The component has an instance or none, and is of an EVSE or of the station (OCPP 2.1 Part 2, Q).
        " ARRAY(SELECT coalesce(substring(v.component FROM '@([0-9]{1,9})'), '0')::int FROM station_variables v"
        "  JOIN station_variables m ON m.tenant_id = v.tenant_id AND m.station_id = v.station_id"
        "   AND m.component = v.component AND m.variable = 'SupportedOperationModes' AND m.attribute = 'Actual'"
        "   AND 'CentralSetpoint' = ANY (string_to_array(replace(m.value, ' ', ''), ','))"
        "  WHERE v.tenant_id = h.tenant_id AND v.station_id = t.station_id AND v.variable = 'Enabled'"
        "   AND v.attribute = 'Actual' AND lower(v.value) = 'true' AND v.component ~ '^V2XChargingCtrlr([[]|@|$)'"
        "   AND k.protocol = 'ocpp2.1') AS gives_at"
        " FROM hung_evses h JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " LEFT JOIN sites w ON w.tenant_id = t.tenant_id AND w.site_id = t.site_id"
        " LEFT JOIN station_links k ON k.tenant_id = h.tenant_id AND k.station_id = t.station_id"
        " LEFT JOIN gateways g ON g.gateway_id = k.gateway_id"
        # Back for less than it takes to tell what began meanwhile, it has been away since before.
        " CROSS JOIN LATERAL (SELECT max(lost_at) FILTER (WHERE apart) AS away_at, max(lost_at) AS lost_at,"
        "  max(returned_at) AS returned_at FROM (SELECT lost_at, returned_at,"
        "   coalesce(lost_at - lag(returned_at) OVER (ORDER BY epoch) >= %(tells)s, true) AS apart"
        "   FROM (SELECT * FROM connection_gaps WHERE tenant_id = h.tenant_id AND station_id = h.station_id"
        "    AND returned_at IS NOT NULL ORDER BY epoch DESC LIMIT %(gaps)s) l) l) p"
        " WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s"
        f" AND (t.retired_at IS NULL OR ({RUNS} AND {UNREPLACED})) ORDER BY t.station_id) k"
        " ORDER BY k.station_id",
        {"tenant_id": tenant_id, "site_id": site_id, "tells": RETURN_FOR, "gaps": MAX_GAPS},
    )
    return (links_held() if held is None else held).of([text for (text,) in await cursor.fetchall()])


class ToldSession(Struct, frozen=True, kw_only=True, gc=False):
    """What a station was told of a session: by its numbers, the limits that it may still go by, oldest first."""

    session_id: UUID
    numbers: tuple[int, ...]
    orders: tuple[Order, ...]


class _OrderRow(Struct, frozen=True, array_like=True, gc=False):
    order_id: int
    limit_ma: int
    sent_at: datetime
    valid_to: datetime
    answered_at: datetime | None
    accepted: bool | None
    unsent: bool
    gives_ma: int
    drawn_ma: int | None
    still_since: datetime | None
    rested: bool


class _OrdersRow(Struct, frozen=True, gc=False):
    session_id: UUID
    orders: tuple[_OrderRow, ...]


_decode_orders: Final = msgspec.json.Decoder(_OrdersRow).decode


def _told(text: str) -> ToldSession:
    row = _decode_orders(text)
    return ToldSession(
        session_id=row.session_id,
        numbers=tuple(each.order_id for each in row.orders),
        orders=tuple(
            Order(
                limit_ma=each.limit_ma, sent_at=each.sent_at, valid_to=each.valid_to, answered_at=each.answered_at,
                accepted=each.accepted, unsent=each.unsent, awaited=False, gives_ma=each.gives_ma,
                drawn_ma=each.drawn_ma, still_since=each.still_since, rested=each.rested,
            )
            for each in row.orders
        ),
    )  # fmt: skip


def orders_held() -> Texts[ToldSession]:
    """Where `orders_of` finds again what it has read before."""
    return Texts(_told)


async def orders_of(
    conn: Connection,
    tenant_id: int,
    site_id: int,
    now: datetime,
    awaited: Collection[int],
    held: Texts[ToldSession] | None = None,
) -> dict[UUID, tuple[Order, ...]]:
    """What stations were told of sessions and may still go by, oldest first, by session. `awaited`: the orders of which
    somebody waits for an answer, `held`: what was read before."""
    cursor = await conn.execute(
        """
        SELECT row_to_json(s)::text FROM (
            SELECT session_id, json_agg(json_build_array(order_id, limit_ma, sent_at, valid_to, answered_at, accepted,
                unsent, gives_ma, drawn_ma, still_since, rested) ORDER BY order_id) AS orders
            FROM (
                SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY order_id DESC) AS age,
                    row_number() OVER (PARTITION BY session_id
                        ORDER BY accepted IS NOT FALSE DESC, limit_ma DESC, valid_to DESC) AS height
                FROM (
                    SELECT *, max(sent_at) FILTER (WHERE order_id = replacing)
                        OVER (PARTITION BY session_id) AS replaced_at
                    FROM (
                        SELECT *, max(order_id) FILTER (WHERE accepted AND answered_at < %(obeyed)s)
                            OVER (PARTITION BY session_id) AS replacing
                        FROM charging_orders
                        WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s AND valid_to > %(since)s
                    ) o
                ) o
                -- What may have come after the one that replaces it isn't replaced (dispatch.standing.orders_held).
                WHERE order_id >= coalesce(replacing, 0) OR (coalesce(answered_at > replaced_at, true)
                    AND sent_at > replaced_at - %(arrives)s AND sent_at <= replaced_at + %(jitter)s)
            ) o WHERE age <= %(most)s OR height = 1 GROUP BY session_id
        ) s
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "since": now - LOW_VALID_FOR,
            "obeyed": now - _SURELY_OBEYED,
            "most": ORDERS_OF_SESSION,
            "arrives": ARRIVES_WITHIN,
            "jitter": JITTER,
        },
    )
    told = (orders_held() if held is None else held).of([text for (text,) in await cursor.fetchall()])
    return {each.session_id: _with_awaited(each, awaited) for each in told}


def _with_awaited(told: ToldSession, awaited: Collection[int]) -> tuple[Order, ...]:
    if not any(number in awaited for number in told.numbers):
        return told.orders
    return tuple(
        replace(order, awaited=True) if number in awaited else order
        for number, order in zip(told.numbers, told.orders, strict=True)
    )


async def insert_orders(conn: Connection, tenant_id: int, site_id: int, orders: Sequence[NewOrder]) -> list[int]:
    """Records what is about to be sent; the numbers in the same order."""
    columns = list(zip(*(msgspec.structs.astuple(order) for order in orders), strict=True))
    cursor = await conn.execute(
        "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
        " valid_to, gives_ma, command_id, drawn_ma, still_since, rested)"
        " SELECT %s, %s, station_id, evse, session_id, limit_ma, urgent, sent_at, valid_to, gives_ma, command_id,"
        " drawn_ma, still_since, rested"
        " FROM unnest(%b::bigint[], %b::int[], %b::uuid[], %b::int[], %b::bool[], %b::timestamptz[],"
        " %b::timestamptz[], %b::int[], %b::uuid[], %b::int[], %b::timestamptz[],"
        " %b::bool[]) WITH ORDINALITY AS o (station_id,"
        " evse, session_id, limit_ma, urgent, sent_at, valid_to, gives_ma, command_id, drawn_ma, still_since, rested,"
        " place)"
        " ORDER BY place"
        " RETURNING order_id",
        (tenant_id, site_id, *map(list, columns)),
    )
    return sorted(order_id for (order_id,) in await cursor.fetchall())


async def refused_to_give(conn: Connection, tenant_id: int, sessions: Sequence[UUID]) -> set[UUID]:
    """Those of which a station once refused that their cars give back."""
    cursor = await conn.execute(
        "SELECT DISTINCT session_id FROM charging_orders WHERE tenant_id = %s AND session_id = ANY(%b)"
        " AND gives_ma > 0 AND accepted = false AND NOT unsent",
        (tenant_id, list(sessions)),
    )
    return {session_id for (session_id,) in await cursor.fetchall()}


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """What came of an order, by its number: whether it was accepted (None: nobody knows), whether it never reached the
    station, and the word for it."""

    order_id: int
    accepted: bool | None
    unsent: bool
    status: str


async def answer_orders(conn: Connection, tenant_id: int, answers: Sequence[OrderAnswer], at: datetime) -> None:
    """Records what stations answered, each order once."""
    numbers, accepted, unsent, words = zip(*(msgspec.structs.astuple(answer) for answer in answers), strict=True)
    await conn.execute(
        "UPDATE charging_orders o SET answered_at = %s, accepted = n.accepted, unsent = n.unsent, status = n.status"
        " FROM unnest(%b::bigint[], %b::bool[], %b::bool[], %b::text[]) AS n (order_id, accepted, unsent, status)"
        " WHERE o.tenant_id = %s AND o.order_id = n.order_id AND o.answered_at IS NULL",
        (at, list(numbers), list(accepted), list(unsent), list(words), tenant_id),
    )


async def obedience_of(conn: Connection, tenant_id: int, site_id: int) -> dict[tuple[int, int], Obedience]:
    """How the EVSEs of a site obey, as far as anything is known, by station and EVSE."""
    cursor = conn.cursor(row_factory=class_row(Obedience))
    await cursor.execute(
        "SELECT o.station_id, o.evse, o.disobeys_since, o.obey_s, o.proven, o.fell_at, o.fell_s"
        " FROM evse_obedience o JOIN hung_evses h ON h.tenant_id = o.tenant_id AND h.station_id = o.station_id"
        " AND h.evse = o.evse WHERE h.tenant_id = %s AND h.site_id = %s",
        (tenant_id, site_id),
    )
    return {(row.station_id, row.evse): row for row in await cursor.fetchall()}


async def store_obedience(
    conn: Connection, tenant_id: int, station_id: int, evse: int, disobeys_since: datetime | None, obey_s: float,
    *, proven: bool, fell_at: datetime | None, fell_s: float = 0.0,
) -> None:  # fmt: skip
    """Keeps since when an EVSE draws more than it may, or that it doesn't, how long it takes to obey, whether that was
    seen, by which limit last, and what that one told of it."""
    await conn.execute(
        "INSERT INTO evse_obedience (station_id, evse, tenant_id, disobeys_since, obey_s, proven, fell_at, fell_s)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (station_id, evse) DO UPDATE SET disobeys_since = excluded.disobeys_since,"
        " obey_s = excluded.obey_s, proven = excluded.proven, fell_at = excluded.fell_at,"
        " fell_s = excluded.fell_s",
        (station_id, evse, tenant_id, disobeys_since, obey_s, proven, fell_at, fell_s),
    )


async def insert_power(
    conn: Connection, tenant_id: int, site_id: int, at: datetime, *, charging_w: int, load_w: int, solar_w: int,
    allowed_w: int, battery_w: int = 0, measured: bool = True,
) -> None:  # fmt: skip
    """Keeps what a site took at a time, but where that was kept less than POWER_EVERY ago; `battery_w` below 0 where
    batteries gave; whether all of it was measured."""
    await conn.execute(
        "INSERT INTO site_power (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w, battery_w, measured)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s WHERE NOT EXISTS (SELECT FROM site_power"
        "  WHERE tenant_id = %s AND site_id = %s AND at > %s AND at <= %s) ON CONFLICT (site_id, at) DO NOTHING",
        (
            site_id,
            at,
            tenant_id,
            charging_w,
            load_w,
            solar_w,
            allowed_w,
            battery_w,
            measured,
            tenant_id,
            site_id,
            at - POWER_EVERY,
            at,
        ),
    )
