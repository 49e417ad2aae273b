"""Which stations were asked to let a session go by their own profile for priority, and what they said."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class PriorityAsk(Struct, frozen=True, kw_only=True):
    """What was asked last of a session's station, when, and what it answered: `accepted` None: nobody knows. `active`:
    it may go by its own profile. `ended_at`: when it was heard that it does no more."""

    session_id: UUID
    wanted: bool
    active: bool
    asked_at: datetime
    accepted: bool | None
    status: str | None
    ended_at: datetime | None = None

    def counts(self, obey_s: float, now: datetime) -> bool:
        """Whether its EVSE may draw by its own profile: until it has obeyed that it shall no more."""
        return self.active or (self.ended_at is not None and now < self.ended_at + timedelta(seconds=obey_s))


async def asks_of(conn: Connection, tenant_id: int, sessions: Sequence[UUID]) -> dict[UUID, PriorityAsk]:
    """By session; without those whose station was never asked."""
    cursor = conn.cursor(row_factory=class_row(PriorityAsk))
    await cursor.execute(
        "SELECT session_id, wanted, active, asked_at, accepted, status, ended_at FROM priority_asks"
        " WHERE tenant_id = %s AND session_id = ANY(%b)",
        (tenant_id, list(sessions)),
    )
    return {row.session_id: row for row in await cursor.fetchall()}


async def stations_that_can(conn: Connection, tenant_id: int, site_id: int) -> set[str]:
    """The stations of a site that are asked for priority: of 2.1, and not known to lack it."""
    cursor = await conn.execute(
        "SELECT DISTINCT t.identity FROM hung_evses h"
        " JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id"
        " JOIN station_links k ON k.tenant_id = h.tenant_id AND k.station_id = h.station_id AND k.protocol = 'ocpp2.1'"
        " WHERE h.tenant_id = %s AND h.site_id = %s AND NOT EXISTS (SELECT FROM unsupported_actions u"
        "  WHERE u.tenant_id = h.tenant_id AND u.station_id = h.station_id AND u.action = 'UsePriorityCharging')",
        (tenant_id, site_id),
    )
    return {identity for (identity,) in await cursor.fetchall()}


async def keep_ask(
    conn: Connection, tenant_id: int, station_id: int, session_id: UUID, now: datetime, *, wanted: bool
) -> None:
    """A station is about to be asked. From now on it may go by its own profile, if that is what is asked."""
    await conn.execute(
        "INSERT INTO priority_asks AS p (session_id, tenant_id, station_id, wanted, active, asked_at)"
        " VALUES (%(session_id)s, %(tenant_id)s, %(station_id)s, %(wanted)s, %(wanted)s, %(now)s)"
        " ON CONFLICT (session_id) DO UPDATE SET wanted = excluded.wanted, asked_at = excluded.asked_at,"
        " accepted = NULL, status = NULL, ended_at = NULL, active = p.active OR excluded.wanted",
        {
            "session_id": session_id,
            "tenant_id": tenant_id,
            "station_id": station_id,
            "wanted": wanted,
            "now": now,
        },
    )


async def settle_ask(
    conn: Connection, tenant_id: int, session_id: UUID, now: datetime, *, wanted: bool, accepted: bool | None,
    status: str,
) -> None:  # fmt: skip
    """What it answered. It goes by its own profile no more once it has said no to beginning, or yes to ending."""
    await conn.execute(
        "UPDATE priority_asks SET accepted = %(accepted)s, status = %(status)s,"
        " active = active AND coalesce(%(accepted)s = %(wanted)s, true),"
        " ended_at = CASE WHEN %(accepted)s AND NOT %(wanted)s THEN %(now)s END"
        " WHERE tenant_id = %(tenant_id)s AND session_id = %(session_id)s AND wanted = %(wanted)s",
        {
            "tenant_id": tenant_id,
            "session_id": session_id,
            "wanted": wanted,
            "accepted": accepted,
            "status": status,
            "now": now,
        },
    )


async def forget_asks(conn: Connection, tenant_id: int, before: datetime) -> int:
    """Forgets what was asked before a time; how many."""
    cursor = await conn.execute("DELETE FROM priority_asks WHERE tenant_id = %s AND asked_at < %s", (tenant_id, before))
    return cursor.rowcount
