"""What stations were asked of the profiles that they hold, and what they said."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.dispatch.checking import Finding, Held, LastCheck
from forecourt.ocpp.neutral import ChargingProfile

Connection = AsyncConnection[Any]
#: GetChargingProfiles, or GetCompositeSchedule.
Way = Literal["profiles", "schedule"]


class Check(Struct, frozen=True, kw_only=True):
    """What one station was asked last."""

    station_id: int
    station: str
    way: Way
    last: LastCheck
    status: str | None


class LastOrder(Struct, frozen=True, kw_only=True):
    """The newest limit that an EVSE was told."""

    order_id: int
    session_id: UUID
    station_id: int
    evse: int
    limit_ma: int
    sent_at: datetime
    valid_to: datetime
    answered_at: datetime | None
    accepted: bool | None


_CHECK = (
    "SELECT c.station_id, coalesce(t.identity, t.retired_identity), c.way, c.asked_at, c.answered_at, c.settled_at,"
    " c.status, c.findings"
    " FROM profile_checks c JOIN stations t ON t.tenant_id = c.tenant_id AND t.station_id = c.station_id"
)


async def checks_of(conn: Connection, tenant_id: int, site_id: int) -> dict[str, Check]:
    """Of the stations whose EVSEs hang at a site, by identity."""
    cursor = await conn.execute(
        f"{_CHECK} WHERE c.tenant_id = %s AND c.station_id IN ("
        " SELECT h.station_id FROM hung_evses h WHERE h.tenant_id = %s AND h.site_id = %s)",
        (tenant_id, tenant_id, site_id),
    )
    return {row[1]: _check(row) for row in await cursor.fetchall()}


async def find_check(conn: Connection, tenant_id: int, station: str) -> Check | None:
    """Of one station."""
    cursor = await conn.execute(f"{_CHECK} WHERE c.tenant_id = %s AND t.identity = %s", (tenant_id, station))
    row = await cursor.fetchone()
    return None if row is None else _check(row)


def _check(row: tuple[Any, ...]) -> Check:
    station_id, station, way, asked_at, answered_at, settled_at, status, findings = row
    return Check(
        station_id=station_id,
        station=station,
        way=way,
        last=LastCheck(
            asked_at=asked_at,
            answered_at=answered_at,
            settled_at=settled_at,
            findings=msgspec.convert(findings, tuple[Finding, ...]),
        ),
        status=status,
    )


async def begin_checks(conn: Connection, tenant_id: int, ways: Mapping[int, Way], now: datetime) -> dict[int, int]:
    """Stations are about to be asked, each in its way; the number of each request, by station. What was found before is
    kept until there is something newer."""
    cursor = await conn.execute(
        "INSERT INTO profile_checks (station_id, tenant_id, way, asked_at)"
        " SELECT n.station_id, %s, n.way, %s FROM unnest(%s::bigint[], %s::text[]) AS n (station_id, way)"
        " ORDER BY n.station_id ON CONFLICT (station_id) DO UPDATE SET request_id = DEFAULT, way = excluded.way,"
        " asked_at = excluded.asked_at, answered_at = NULL, settled_at = NULL, status = NULL"
        " RETURNING station_id, request_id",
        (tenant_id, now, list(ways), list(ways.values())),
    )
    return dict(await cursor.fetchall())


async def note_answer(
    conn: Connection, tenant_id: int, station_id: int, status: str, *, answered_at: datetime | None
) -> None:
    """A station has said that it will report, or at a time that there is nothing to."""
    await conn.execute(
        "UPDATE profile_checks SET status = %s, answered_at = coalesce(answered_at, %s)"
        " WHERE tenant_id = %s AND station_id = %s AND settled_at IS NULL",
        (status, answered_at, tenant_id, station_id),
    )


async def held_of(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> dict[int, list[Held]]:
    """What these stations have reported."""
    cursor = await conn.execute(
        "SELECT station_id, evse, source, profile FROM held_profiles WHERE tenant_id = %s AND station_id = ANY(%s)"
        " ORDER BY station_id, evse, profile_id",
        (tenant_id, list(station_ids)),
    )
    found: dict[int, list[Held]] = {}
    for station_id, evse, source, profile in await cursor.fetchall():
        held = Held(evse=evse, source=source, profile=msgspec.convert(profile, ChargingProfile))
        found.setdefault(station_id, []).append(held)
    return found


async def settle_check(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    findings: Sequence[Finding] | None,
    now: datetime,
    status: str | None = None,
) -> None:
    """Keep what came of asking a station, and forget what it reported. None: it said nothing that can be compared, and
    what was found before stands."""
    await conn.execute("DELETE FROM held_profiles WHERE tenant_id = %s AND station_id = %s", (tenant_id, station_id))
    kept = None if findings is None else msgspec.json.encode(list(findings)).decode()
    await conn.execute(
        "UPDATE profile_checks SET settled_at = %s, status = coalesce(%s, status),"
        " findings = coalesce(%s::jsonb, findings) WHERE tenant_id = %s AND station_id = %s",
        (now, status, kept, tenant_id, station_id),
    )


async def forget_check(conn: Connection, tenant_id: int, station: str) -> int | None:
    """Have a station asked anew; its number, None where it was never asked."""
    cursor = await conn.execute(
        "DELETE FROM profile_checks c USING stations t WHERE c.tenant_id = %s AND t.tenant_id = c.tenant_id"
        " AND t.station_id = c.station_id AND t.identity = %s RETURNING c.station_id",
        (tenant_id, station),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def last_orders(conn: Connection, tenant_id: int, station_ids: Sequence[int], now: datetime) -> list[LastOrder]:
    """The newest limit that each EVSE of these stations was told and that still holds."""
    cursor = conn.cursor(row_factory=class_row(LastOrder))
    await cursor.execute(
        "SELECT DISTINCT ON (o.station_id, o.evse) o.order_id, o.session_id, o.station_id, o.evse, o.limit_ma,"
        " o.sent_at, o.valid_to, o.answered_at, o.accepted FROM charging_orders o"
        " JOIN hung_evses h ON h.station_id = o.station_id AND h.evse = o.evse AND h.site_id = o.site_id"
        " JOIN sessions n ON n.session_id = o.session_id AND n.tenant_id = o.tenant_id AND n.over_at IS NULL"
        " WHERE o.tenant_id = %s AND o.station_id = ANY(%s) AND o.valid_to > %s"
        " ORDER BY o.station_id, o.evse, o.sent_at DESC, o.order_id DESC",
        (tenant_id, list(station_ids), now),
    )
    return await cursor.fetchall()


async def doubt_order(conn: Connection, tenant_id: int, session_id: UUID, status: str, until: datetime) -> None:
    """Nobody knows any more whether a session's station holds what it was told before a time."""
    await conn.execute(
        "UPDATE charging_orders SET accepted = NULL, status = %s"
        " WHERE tenant_id = %s AND session_id = %s AND sent_at <= %s AND accepted",
        (status, tenant_id, session_id, until),
    )
