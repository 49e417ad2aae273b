"""All SQL of remote starts."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform import outbox
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.sessions.remote.model import CLOCK_BEHIND, Settlement, Status

Connection = AsyncConnection[Any]

#: Starts settled in one reading, and starts looked at for one session.
DUE_AT_ONCE = 500
MAX_CANDIDATES = 100

_ORDERS: Final = by_age("number")

_ARRIVED = "coalesce(s.start_arrived_at, s.started_at)"
#: OCPP 2.x names the start: by remoteStartId in a transaction's events, or by the transaction in the answer.
_BY_START = "s.remote_start_id = r.remote_start_id AND s.heard_at >= r.asked_at"
_BY_TRANSACTION = "s.transaction_id = r.transaction_id"
#: OCPP 1.6 names nothing: a start of that token, at that connector if one was asked for, that arrived in time and was
#: no replay of an older one. One that the station may not have been told of, or refused, is never taken.
_BY_TOKEN = f"""s.start_fingerprint IS NOT NULL AND r.status IN ('accepted', 'failed', 'expired')
    AND lower(s.token_uid) = lower(r.token_uid) AND (r.evse IS NULL OR r.evse = s.evse)
    AND {_ARRIVED} >= r.asked_at AND {_ARRIVED} < r.expires_at AND s.started_at >= r.asked_at - %(clock_behind)s"""


class RemoteStartRow(Struct, frozen=True, kw_only=True):
    """One remote start as stored; `number` orders the list."""

    number: int
    request_id: UUID
    token_uid: str
    evse: int | None
    asked_by: str
    asked_at: datetime
    command_id: UUID | None
    status: str
    reason: str | None
    expires_at: datetime | None
    settled_at: datetime | None
    session_id: UUID | None


class Due(Struct, frozen=True, kw_only=True):
    """A remote start that has to be settled; `freed_at` is when its connector became available again, by our clock."""

    request_id: UUID
    station_id: int
    status: str
    freed_at: datetime | None = None


async def insert(
    conn: Connection,
    tenant_id: int,
    *,
    station_id: int,
    token_uid: str,
    evse: int | None,
    asked_by: str,
    asked_at: datetime,
    expires_at: datetime,
) -> tuple[UUID, int]:
    """Store a request about to be sent; its id, and the number by which a 2.x transaction names it (remoteStartId)."""
    row = await (
        await conn.execute(
            "INSERT INTO remote_starts (tenant_id, station_id, remote_start_id, token_uid, evse, asked_by, asked_at,"
            " expires_at) VALUES (%s, %s, nextval('remote_start_ids'), %s, %s, %s, %s, %s)"
            " RETURNING request_id, remote_start_id",
            (tenant_id, station_id, token_uid, evse, asked_by, asked_at, expires_at),
        )
    ).fetchone()
    assert row is not None
    return row[0], int(row[1])


async def find(conn: Connection, tenant_id: int, request_id: UUID) -> RemoteStartRow | None:
    """The remote start of this id."""
    cursor = conn.cursor(row_factory=class_row(RemoteStartRow))
    await cursor.execute(
        "SELECT number, request_id, token_uid, evse, asked_by, asked_at, command_id, status, reason, expires_at,"
        " settled_at, session_id FROM remote_starts WHERE tenant_id = %s AND request_id = %s",
        (tenant_id, request_id),
    )
    return await cursor.fetchone()


async def was_kept(conn: Connection, tenant_id: int, station_id: int, token_uid: str) -> bool:
    """Whether a start of a station for a token was ever asked for, whatever came of it."""
    cursor = await conn.execute(
        "SELECT FROM remote_starts WHERE tenant_id = %s AND station_id = %s AND lower(token_uid) = lower(%s) LIMIT 1",
        (tenant_id, station_id, token_uid),
    )
    return await cursor.fetchone() is not None


async def may_be_sent(conn: Connection, tenant_id: int, request_id: UUID) -> bool:
    """Whether a start may have gone to its station: a start of whoever asked for it was recorded there since, which it
    is before it is sent."""
    cursor = await conn.execute(
        "SELECT FROM remote_starts r JOIN commands c ON c.tenant_id = r.tenant_id AND c.station_id = r.station_id"
        " AND c.asked_by = r.asked_by AND c.asked_at >= r.asked_at"
        " AND c.action IN ('RemoteStartTransaction', 'RequestStartTransaction')"
        " WHERE r.tenant_id = %s AND r.request_id = %s LIMIT 1",
        (tenant_id, request_id),
    )
    return await cursor.fetchone() is not None


async def hold(conn: Connection, station_id: int) -> None:
    """Make others who link starts of this station wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('remote starts', %s))", (station_id,))


async def settle(
    conn: Connection, tenant_id: int, request_id: UUID, settlement: Settlement, command_id: str | None, at: datetime
) -> Status:
    """Keep what the answer made of a request; where it stands now. A session that was quicker than the answer stays."""
    cursor = await conn.execute(
        """
        UPDATE remote_starts SET command_id = %(command_id)s, transaction_id = %(transaction_id)s,
            status = CASE WHEN status = 'requested' THEN %(status)s ELSE status END,
            reason = CASE WHEN status = 'requested' THEN %(reason)s ELSE reason END,
            expires_at = CASE WHEN status = 'requested' THEN %(expires_at)s::timestamptz ELSE expires_at END,
            settled_at = CASE WHEN status = 'requested' AND %(status)s <> 'accepted' THEN %(at)s ELSE settled_at END
        WHERE tenant_id = %(tenant_id)s AND request_id = %(request_id)s
        RETURNING status
        """,
        {
            "tenant_id": tenant_id,
            "request_id": request_id,
            "command_id": command_id,
            "transaction_id": settlement.transaction_id,
            "status": settlement.status.value,
            "reason": settlement.reason,
            "expires_at": settlement.expires_at,
            "at": at,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return Status(row[0])


async def find_match(conn: Connection, tenant_id: int, request_id: UUID) -> UUID | None:
    """The session that a start is to be linked to: the one that names it, else the first that fits; None if it is
    linked or none is there. Asked under `hold`."""
    row = await (
        await conn.execute(
            f"""
            WITH r AS (SELECT * FROM remote_starts
                WHERE tenant_id = %(tenant_id)s AND request_id = %(request_id)s AND session_id IS NULL)
            SELECT m.session_id FROM (
                SELECT s.session_id, s.number, 0 AS rank, s.started_at AS arrived_at FROM r JOIN sessions s
                    ON s.tenant_id = r.tenant_id AND s.station_id = r.station_id AND {_BY_START}
                UNION ALL
                SELECT s.session_id, s.number, 0, s.started_at FROM r JOIN sessions s
                    ON s.tenant_id = r.tenant_id AND s.station_id = r.station_id AND {_BY_TRANSACTION}
                UNION ALL
                SELECT s.session_id, s.number, 1, {_ARRIVED} FROM r JOIN sessions s
                    ON s.tenant_id = r.tenant_id AND s.station_id = r.station_id AND {_BY_TOKEN}
            ) m
            WHERE NOT EXISTS (SELECT FROM remote_starts o
                WHERE o.tenant_id = %(tenant_id)s AND o.session_id = m.session_id)
            ORDER BY m.rank, m.arrived_at, m.number LIMIT 1
            """,
            {"tenant_id": tenant_id, "request_id": request_id, "clock_behind": CLOCK_BEHIND},
        )
    ).fetchone()
    return None if row is None else row[0]


async def list_candidates(conn: Connection, tenant_id: int, session_id: str) -> list[tuple[UUID, int]]:
    """Unlinked starts that a session may have come from, with their station; the oldest first."""
    cursor = await conn.execute(
        f"""
        SELECT r.request_id, r.station_id FROM sessions s JOIN remote_starts r
            ON r.tenant_id = s.tenant_id AND r.station_id = s.station_id AND r.session_id IS NULL
        WHERE s.tenant_id = %(tenant_id)s AND s.session_id = %(session_id)s
          AND (({_BY_START}) OR ({_BY_TRANSACTION}) OR ({_BY_TOKEN}))
        ORDER BY r.number LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "session_id": session_id, "clock_behind": CLOCK_BEHIND, "limit": MAX_CANDIDATES},
    )
    return [(request_id, int(station_id)) for request_id, station_id in await cursor.fetchall()]


async def link(conn: Connection, tenant_id: int, request_id: UUID, session_id: UUID, at: datetime) -> None:
    """Keep which session a start became."""
    await conn.execute(
        "UPDATE remote_starts SET status = 'started', reason = NULL, settled_at = %s, session_id = %s"
        " WHERE tenant_id = %s AND request_id = %s AND session_id IS NULL",
        (at, session_id, tenant_id, request_id),
    )


async def give_up(
    conn: Connection, tenant_id: int, request_id: UUID, status: Status, reason: str, at: datetime, expires_at: datetime
) -> bool:
    """Settle a start that waits as one without a session; whether it still waited."""
    cursor = await conn.execute(
        "UPDATE remote_starts SET status = %s, reason = %s, settled_at = %s, expires_at = least(expires_at, %s)"
        " WHERE tenant_id = %s AND request_id = %s AND status IN ('requested', 'accepted')",
        (status.value, reason, at, expires_at, tenant_id, request_id),
    )
    return cursor.rowcount == 1


async def announce(conn: Connection, tenant_id: int, event: str, request_id: UUID) -> None:
    """Tell others through the outbox."""
    await outbox.write(conn, tenant_id, event, str(request_id))


async def list_tenants_with_due(conn: Connection, before: datetime) -> list[int]:
    """Tenants with a start that expired before a time and is not settled."""
    rows = await (await conn.execute("SELECT sessions_tenants_with_due_starts(%s)", (before,))).fetchall()
    return [tenant_id for (tenant_id,) in rows]


async def list_due(conn: Connection, tenant_id: int, before: datetime) -> list[Due]:
    """Starts that expired before a time and are not settled, DUE_AT_ONCE of them at the most."""
    cursor = conn.cursor(row_factory=class_row(Due))
    await cursor.execute(
        "SELECT request_id, station_id, status FROM remote_starts"
        " WHERE tenant_id = %s AND status IN ('requested', 'accepted') AND expires_at < %s"
        " ORDER BY expires_at, number LIMIT %s",
        (tenant_id, before, DUE_AT_ONCE),
    )
    return await cursor.fetchall()


async def list_freed(conn: Connection, tenant_id: int, station_id: int, evse: int) -> list[Due]:
    """Accepted starts whose connector became available again since they were asked for. Where none was asked for, it is
    the only one of a station that has one."""
    cursor = conn.cursor(row_factory=class_row(Due))
    await cursor.execute(
        """
        SELECT r.request_id, r.station_id, r.status, f.arrived_at AS freed_at
        FROM remote_starts r CROSS JOIN LATERAL (
            SELECT h.state_at, h.arrived_at FROM connector_history h
            WHERE h.tenant_id = r.tenant_id AND h.station_id = r.station_id AND h.evse = %(evse)s
              AND h.state = 'Available'
            ORDER BY h.state_at DESC LIMIT 1) f
        WHERE r.tenant_id = %(tenant_id)s AND r.station_id = %(station_id)s AND r.session_id IS NULL
          AND r.status = 'accepted' AND f.state_at > r.asked_at
          AND (r.evse = %(evse)s OR (r.evse IS NULL AND 1 = (
              SELECT count(*) FROM connectors c
              WHERE c.tenant_id = r.tenant_id AND c.station_id = r.station_id AND c.evse > 0)))
        ORDER BY r.number LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "station_id": station_id, "evse": evse, "limit": DUE_AT_ONCE},
    )
    return await cursor.fetchall()


async def list_of_station(
    conn: Connection, tenant_id: int, station_id: int, *, order: Age, place: Place, limit: int
) -> list[RemoteStartRow]:
    """Remote starts behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(RemoteStartRow))
    await cursor.execute(
        "SELECT number, request_id, token_uid, evse, asked_by, asked_at, command_id, status, reason, expires_at,"
        " settled_at, session_id FROM remote_starts"
        f" WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "station_id": station_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()
