"""What is shown of how a site was kept: what stations were told, what it took, and which session hangs where."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.model import MOST_W
from forecourt.ocpp.neutral import Location, Measurand
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.sessions.store import MEASURED

Connection = AsyncConnection[Any]

#: Places of a site's power that are read at once.
MAX_POINTS: Final = 1_500
#: What EVSEs took of which a node's past is made, at once: so many minutes of all of them together.
MAX_EVSE_POINTS: Final = 50_000
#: Sessions whose cost is counted at once.
MAX_COUNTED: Final = 5_000
_ORDER_COLUMNS: Final = (
    "o.order_id, coalesce(t.identity, t.retired_identity) AS station, o.evse, o.session_id, o.limit_ma, o.urgent,"
    " o.sent_at, o.valid_to, o.answered_at, o.accepted, o.status, o.gives_ma"
)
_ORDERS: Final = by_age("order_id")
_AT_OUTLET: Final = Location.OUTLET << 16
_REGISTER: Final = "WHERE v.measurand = %(register)s AND NOT v.apart"
_REGISTER_APART: Final = "WHERE v.measurand = %(register)s AND v.apart"


class OrderRow(Struct, frozen=True, kw_only=True):
    """A limit that a station was told. `accepted` None: nobody knows whether it took it; `status`: its answer's word,
    or why there is none; `gives_ma`: what was to flow back."""

    order_id: int
    station: str
    evse: int
    session_id: UUID
    limit_ma: int
    urgent: bool
    sent_at: datetime
    valid_to: datetime
    answered_at: datetime | None
    accepted: bool | None
    status: str | None
    gives_ma: int


class SessionAt(Struct, frozen=True, kw_only=True):
    """A session whose EVSE hangs at a site."""

    session_id: UUID
    site_id: int
    started_at: datetime
    over_at: datetime | None


class PowerPoint(Struct, frozen=True, kw_only=True):
    """The mean of what a site took in a while, and what its EVSEs together might have drawn at most."""

    at: datetime
    charging_w: int
    load_w: int
    solar_w: int
    allowed_w: int
    battery_w: int = 0


class EvsePoint(Struct, frozen=True, kw_only=True):
    """The mean of what one EVSE drew in a while by its meter; nothing once its session was over."""

    station: str
    evse: int
    at: datetime
    power_w: int


class Register(Struct, frozen=True, kw_only=True):
    """A session that is over, with what its register showed: `readings_wh` at the times of `read_at`, in order, counted
    from its start. `max_w`: the highest power that was measured."""

    session_id: UUID
    station: str
    evse: int
    token: str | None
    came_at: datetime
    left_at: datetime
    energy_wh: int
    max_w: int | None
    read_at: list[datetime]
    readings_wh: list[int]


async def site_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> SessionAt | None:
    """Where a session's EVSE hangs; None if it hangs nowhere, or there is no such session."""
    cursor = conn.cursor(row_factory=class_row(SessionAt))
    await cursor.execute(
        "SELECT n.session_id, h.site_id, n.started_at, n.over_at FROM sessions n"
        " JOIN hung_evses h ON h.tenant_id = n.tenant_id AND h.station_id = n.station_id AND h.evse = n.evse"
        " WHERE n.tenant_id = %s AND n.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def session_exists(conn: Connection, tenant_id: int, session_id: UUID) -> bool:
    """Whether there is such a session, wherever it is."""
    cursor = await conn.execute(
        "SELECT FROM sessions WHERE tenant_id = %s AND session_id = %s", (tenant_id, session_id)
    )
    return await cursor.fetchone() is not None


async def orders_of_session(
    conn: Connection, tenant_id: int, session_id: UUID, until: datetime, limit: int
) -> list[OrderRow]:
    """What a station was told of a session until a time, newest first."""
    cursor = conn.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(
        f"SELECT {_ORDER_COLUMNS} FROM charging_orders o"
        " JOIN stations t ON t.tenant_id = o.tenant_id AND t.station_id = o.station_id"
        " WHERE o.tenant_id = %s AND o.session_id = %s AND o.sent_at <= %s ORDER BY o.sent_at DESC, o.order_id DESC"
        " LIMIT %s",
        (tenant_id, session_id, until, limit),
    )
    return await cursor.fetchall()


async def list_orders(
    conn: Connection,
    tenant_id: int,
    site_id: int,
    *,
    since: datetime | None,
    until: datetime | None,
    order: Age,
    place: Place,
    limit: int,
) -> list[OrderRow]:
    """What the stations of a site were told in a span of time, behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(
        f"SELECT {_ORDER_COLUMNS} FROM charging_orders o"
        " JOIN stations t ON t.tenant_id = o.tenant_id AND t.station_id = o.station_id"
        " WHERE o.tenant_id = %(tenant_id)s AND o.site_id = %(site_id)s"
        " AND (%(since)s::timestamptz IS NULL OR o.sent_at >= %(since)s)"
        f" AND (%(until)s::timestamptz IS NULL OR o.sent_at < %(until)s) {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "site_id": site_id, "since": since, "until": until, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def power_between(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime, step: timedelta
) -> list[PowerPoint]:
    """What a site took, in means of so long, oldest first; the latest MAX_POINTS."""
    cursor = conn.cursor(row_factory=class_row(PowerPoint))
    await cursor.execute(
        "SELECT * FROM (SELECT date_bin(%s, at, '2000-01-01+00'::timestamptz) AS at,"
        " avg(charging_w)::int AS charging_w, avg(load_w)::int AS load_w, avg(solar_w)::int AS solar_w,"
        " max(allowed_w)::int AS allowed_w, avg(battery_w)::int AS battery_w FROM site_power"
        " WHERE tenant_id = %s AND site_id = %s AND at >= %s AND at < %s GROUP BY 1 ORDER BY 1 DESC LIMIT %s) p"
        " ORDER BY at",
        (step, tenant_id, site_id, since, until, MAX_POINTS),
    )
    return await cursor.fetchall()


async def evses_between(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime, step: timedelta
) -> list[EvsePoint]:
    """What each EVSE of a site drew by its meter, in means of so long; the latest MAX_EVSE_POINTS, newest first."""
    cursor = conn.cursor(row_factory=class_row(EvsePoint))
    await cursor.execute(
        f"""
        WITH there AS (
            SELECT coalesce(t.identity, t.retired_identity) AS station, n.* FROM hung_evses h
            JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id
            JOIN sessions n ON n.tenant_id = h.tenant_id AND n.station_id = h.station_id AND n.evse = h.evse
            WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND n.started_at < %(until)s
                AND (n.over_at IS NULL OR n.over_at >= %(since)s)
        )
        SELECT station, evse, date_bin(%(step)s, at, '2000-01-01+00'::timestamptz) AS at,
            avg(least(value, %(most)s))::int AS power_w
        FROM (
            SELECT n.station, n.evse, m.at, m.readings[p + 1] AS value
            FROM there n CROSS JOIN LATERAL {MEASURED} m
            CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS p
            WHERE m.at >= %(since)s AND m.at < %(until)s AND (m.readings[p] & 16777215) = %(power)s
            UNION ALL
            SELECT station, evse, over_at + %(step)s, 0 FROM there WHERE over_at < %(until)s
        ) v
        GROUP BY 1, 2, 3 ORDER BY 3 DESC LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "since": since,
            "until": until,
            "step": step,
            "power": int(Measurand.POWER_IMPORT | _AT_OUTLET),
            "most": MOST_W,
            "limit": MAX_EVSE_POINTS,
        },
    )
    return await cursor.fetchall()


async def registers_of(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime
) -> Sequence[Register]:
    """Sessions that began and ended in a span of time at EVSEs that hang at a site and took something, with what their
    registers showed; the latest MAX_COUNTED. A register that was told in no transaction counts where none was in
    that: the two may be of two meters."""
    cursor = conn.cursor(row_factory=class_row(Register))
    await cursor.execute(
        f"""
        SELECT n.session_id, coalesce(t.identity, t.retired_identity) AS station, n.evse, n.token_uid AS token,
            n.started_at AS came_at, n.over_at AS left_at,
            n.meter_stop_wh - n.meter_start_wh AS energy_wh, r.max_w,
            coalesce(r.read_at, r.apart_at, '{{}}') AS read_at,
            coalesce(r.readings_wh, r.apart_wh, '{{}}') AS readings_wh
        FROM hung_evses h
        JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id
        JOIN sessions n ON n.tenant_id = h.tenant_id AND n.station_id = h.station_id AND n.evse = h.evse
        LEFT JOIN LATERAL (
            SELECT max(least(v.value, %(most)s)) FILTER (WHERE v.measurand = %(power)s)::int AS max_w,
                array_agg(v.at ORDER BY v.at) FILTER ({_REGISTER}) AS read_at,
                array_agg(v.value - n.meter_start_wh ORDER BY v.at) FILTER ({_REGISTER}) AS readings_wh,
                array_agg(v.at ORDER BY v.at) FILTER ({_REGISTER_APART}) AS apart_at,
                array_agg(v.value - n.meter_start_wh ORDER BY v.at) FILTER ({_REGISTER_APART}) AS apart_wh
            FROM (
                SELECT m.at, m.apart, m.readings[p] & 255 AS measurand, max(m.readings[p + 1]) AS value
                FROM {MEASURED} m CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS p
                WHERE (m.readings[p] & 16777215) IN (%(power)s | %(outlet)s, %(register)s | %(outlet)s)
                GROUP BY 1, 2, 3
            ) v
        ) r ON true
        WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND n.started_at >= %(since)s
            AND n.over_at <= %(until)s AND n.over_at > n.started_at AND n.meter_stop_wh > n.meter_start_wh
        ORDER BY n.started_at DESC LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "since": since,
            "until": until,
            "power": int(Measurand.POWER_IMPORT),
            "register": int(Measurand.ENERGY_IMPORT_REGISTER),
            "outlet": int(_AT_OUTLET),
            "most": MOST_W,
            "limit": MAX_COUNTED,
        },
    )
    return await cursor.fetchall()
