"""All SQL of held connectors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.sessions.reserving.model import MAX_KEYS, Reservation

Connection = AsyncConnection[Any]

_RESERVATION: Final = (
    "SELECT r.reservation_id, r.number, r.tenant_id, r.station_id, coalesce(s.identity, s.retired_identity) AS station,"
    " r.evse, r.token_uid, r.token_type, r.token_keys, r.held_at, r.until_at, r.ended_at, r.how, r.at_station"
    " FROM reservations r JOIN stations s ON s.tenant_id = r.tenant_id AND s.station_id = r.station_id"
    " WHERE r.tenant_id = %(tenant)s"
)


class StartedAt(Struct, frozen=True, kw_only=True):
    """A session, where and with what it began."""

    session_id: UUID
    station_id: int
    evse: int | None
    token_uid: str | None
    token_type: str | None
    started_at: datetime
    over: bool


async def insert(
    conn: Connection, tenant_id: int, *, station_id: int, evse: int, token_uid: str, token_type: str,
    token_keys: Sequence[str], held_at: datetime, until_at: datetime,
) -> UUID | None:  # fmt: skip
    """A hold; None where the EVSE is held already. One that is just being held elsewhere is waited for."""
    cursor = await conn.execute(
        "INSERT INTO reservations (tenant_id, station_id, evse, token_uid, token_type, token_keys, held_at, until_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (station_id, evse) WHERE ended_at IS NULL DO NOTHING"
        " RETURNING reservation_id",
        (tenant_id, station_id, evse, token_uid, token_type, list(token_keys), held_at, until_at),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def find(conn: Connection, tenant_id: int, reservation_id: UUID) -> Reservation | None:
    """The hold of this id."""
    return await _one(conn, "AND r.reservation_id = %(id)s", {"tenant": tenant_id, "id": reservation_id})


async def find_open(conn: Connection, tenant_id: int, station_id: int, evse: int) -> Reservation | None:
    """The hold of an EVSE that nobody ended; its time may be over."""
    return await _one(
        conn, "AND r.station_id = %(station)s AND r.evse = %(evse)s AND r.ended_at IS NULL",
        {"tenant": tenant_id, "station": station_id, "evse": evse},
    )  # fmt: skip


async def find_held(conn: Connection, tenant_id: int, station_id: int, evse: int, at: datetime) -> Reservation | None:
    """The hold that an EVSE was under at a time."""
    return await _one(
        conn,
        "AND r.station_id = %(station)s AND r.evse = %(evse)s AND r.held_at <= %(at)s"
        " AND %(at)s < coalesce(r.ended_at, r.until_at) ORDER BY r.held_at DESC LIMIT 1",
        {"tenant": tenant_id, "station": station_id, "evse": evse, "at": at},
    )


async def find_started(conn: Connection, tenant_id: int, session_id: UUID) -> StartedAt | None:
    """Where a session is and what it began with."""
    cursor = conn.cursor(row_factory=class_row(StartedAt))
    await cursor.execute(
        "SELECT session_id, station_id, evse, token_uid, token_type, started_at, over_at IS NOT NULL AS over"
        " FROM sessions WHERE tenant_id = %s AND session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def end(conn: Connection, tenant_id: int, reservation_id: UUID, how: str, at: datetime) -> bool:
    """Ends a hold, no later than it would end by itself; whether it was still held."""
    cursor = await conn.execute(
        "UPDATE reservations SET how = %s, ended_at = greatest(held_at, least(until_at, %s))"
        " WHERE tenant_id = %s AND reservation_id = %s AND ended_at IS NULL",
        (how, at, tenant_id, reservation_id),
    )
    return cursor.rowcount == 1


async def note_answer(
    conn: Connection, tenant_id: int, reservation_id: UUID, at_station: bool | None, said: str | None
) -> None:
    """Keeps what the station answered."""
    await conn.execute(
        "UPDATE reservations SET at_station = %s, said = left(%s, 100) WHERE tenant_id = %s AND reservation_id = %s",
        (at_station, said, tenant_id, reservation_id),
    )


async def admit(conn: Connection, tenant_id: int, reservation_id: UUID, key: str, until: datetime) -> bool:
    """One more token may charge there, and the first time it is held at least until then; False where it is held no
    more."""
    cursor = await conn.execute(
        "UPDATE reservations SET token_keys = token_keys || %(key)s::text, until_at = CASE WHEN extended"
        " THEN until_at ELSE greatest(until_at, %(until)s) END, extended = true"
        " WHERE tenant_id = %(tenant)s AND reservation_id = %(id)s AND ended_at IS NULL"
        " AND cardinality(token_keys) < %(most)s",
        {"key": key, "until": until, "tenant": tenant_id, "id": reservation_id, "most": MAX_KEYS},
    )
    return cursor.rowcount == 1


async def forget(conn: Connection, before: datetime, most: int) -> int:
    """Forgets holds that ended before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM reservations WHERE reservation_id IN"
        " (SELECT reservation_id FROM reservations WHERE ended_at < %s LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def _one(conn: Connection, which: str, values: dict[str, Any]) -> Reservation | None:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(f"{_RESERVATION} {which}", values)
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Reservation)
