"""What is kept of dynamic profiles: which EVSEs can have one, what each was told, and whether it holds it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.energy.dispatch.dynamic import HeldDynamic, Settled
from forecourt.ocpp.neutral import UpdateDynamicSchedule

Connection = AsyncConnection[Any]


class ToldDynamic(Struct, frozen=True, kw_only=True):
    """A limit that is about to be sent to an EVSE that takes dynamic profiles: its order, and what a station that asks
    is answered until it is told otherwise. `until`: of a profile that is told as a whole; None: the one that it holds
    is changed. `says` None: it is told in another way, and holds none any more."""

    station_id: int
    evse: int
    session_id: UUID
    order_id: int
    says: UpdateDynamicSchedule | None
    limit_ma: int
    lasts: timedelta
    until: datetime | None


async def dynamics_of(conn: Connection, tenant_id: int, site_id: int) -> dict[tuple[str, int], HeldDynamic]:
    """The EVSEs of a site whose stations say that they take dynamic profiles, with what is known of the last one."""
    cursor = await conn.execute(
        "SELECT t.identity, h.evse, d.session_id, d.lasts, d.until, d.held_at, d.refused_at FROM hung_evses h"
        " JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " JOIN station_links k ON k.tenant_id = h.tenant_id AND k.station_id = h.station_id AND k.protocol = 'ocpp2.1'"
        " LEFT JOIN dynamic_profiles d ON d.tenant_id = h.tenant_id AND d.station_id = h.station_id AND d.evse = h.evse"
        " WHERE h.tenant_id = %s AND h.site_id = %s AND EXISTS (SELECT FROM station_variables v"
        "  WHERE v.tenant_id = h.tenant_id AND v.station_id = h.station_id AND v.component = 'SmartChargingCtrlr'"
        "  AND v.variable = 'SupportsDynamicProfiles' AND v.attribute = 'Actual' AND lower(v.value) = 'true')"
        " AND NOT EXISTS (SELECT FROM unsupported_actions u WHERE u.tenant_id = h.tenant_id"
        "  AND u.station_id = h.station_id AND u.action = 'UpdateDynamicSchedule')",
        (tenant_id, site_id),
    )
    return {
        (identity, evse): HeldDynamic(
            session_id=session_id, lasts=lasts or timedelta(), until=until, held_at=held_at, refused_at=refused_at
        )
        for identity, evse, session_id, lasts, until, held_at, refused_at in await cursor.fetchall()
    }


async def keep_told(conn: Connection, tenant_id: int, site_id: int, told: Sequence[ToldDynamic], now: datetime) -> None:
    """Keeps what is about to be sent: whoever asks from now on is answered that."""
    others = [each for each in told if each.says is None]
    if others:
        await conn.execute(
            "UPDATE dynamic_profiles d SET held_at = NULL FROM unnest(%s::bigint[], %s::int[]) AS n (station_id, evse)"
            " WHERE d.tenant_id = %s AND d.station_id = n.station_id AND d.evse = n.evse",
            ([each.station_id for each in others], [each.evse for each in others], tenant_id),
        )
    for each in told:
        if each.says is None:
            continue
        await conn.execute(
            "INSERT INTO dynamic_profiles AS d (station_id, evse, tenant_id, site_id, session_id, order_id, profile_id,"
            " said, limit_ma, told_at, lasts, until) VALUES (%(station_id)s, %(evse)s, %(tenant_id)s, %(site_id)s,"
            " %(session_id)s, %(order_id)s, %(profile_id)s, %(said)s::jsonb, %(limit_ma)s, %(now)s, %(lasts)s,"
            " coalesce(%(until)s, %(now)s)) ON CONFLICT (station_id, evse) DO UPDATE SET site_id = excluded.site_id,"
            " session_id = excluded.session_id, order_id = excluded.order_id, profile_id = excluded.profile_id,"
            " said = excluded.said, limit_ma = excluded.limit_ma, told_at = excluded.told_at, lasts = excluded.lasts,"
            " until = coalesce(%(until)s, d.until), held_at = CASE WHEN %(until)s IS NULL THEN d.held_at END",
            {
                "tenant_id": tenant_id,
                "station_id": each.station_id,
                "evse": each.evse,
                "site_id": site_id,
                "session_id": each.session_id,
                "order_id": each.order_id,
                "profile_id": each.says.profile_id,
                "said": msgspec.json.encode(each.says).decode(),
                "limit_ma": each.limit_ma,
                "now": now,
                "lasts": each.lasts,
                "until": each.until,
            },
        )


_SETTLED: Final = {
    Settled.HELD: "held_at = %(now)s, refused_at = NULL",
    Settled.REFUSED: "held_at = NULL, refused_at = %(now)s",
    Settled.LOST: "held_at = NULL",
}


async def settle_told(
    conn: Connection, tenant_id: int, found: Mapping[Settled, Collection[int]], now: datetime
) -> None:
    """What came of dynamic profiles, by the orders that told or changed them last."""
    for came, orders in found.items():
        if orders:
            await conn.execute(
                f"UPDATE dynamic_profiles SET {_SETTLED[came]} WHERE tenant_id = %(tenant_id)s"
                " AND order_id = ANY(%(orders)s)",
                {"tenant_id": tenant_id, "orders": list(orders), "now": now},
            )


async def doubt_dynamic(conn: Connection, tenant_id: int, session_id: UUID) -> None:
    """Nobody knows any more whether the station of a session holds its profile."""
    await conn.execute(
        "UPDATE dynamic_profiles SET held_at = NULL WHERE tenant_id = %s AND session_id = %s", (tenant_id, session_id)
    )
