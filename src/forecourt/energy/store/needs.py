"""What drivers need: what was said of a session, and what a token's driver usually does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.drivers.model import uid_key
from forecourt.energy.needs.model import Needs, Preferences, Said, Source, Wants, merge
from forecourt.energy.needs.said import CarSaid
from forecourt.energy.storage.cars import net_wh
from forecourt.ocpp.neutral import ChargingNeeds

Connection = AsyncConnection[Any]


def habit_of(
    preferences: dict[str, Any] | None, at: datetime | None, by: str | None, started_at: datetime, zone: str
) -> list[Said]:
    """What a token's driver usually needs, as said of a session."""
    if preferences is None or at is None or by is None:
        return []
    wants = msgspec.convert(preferences, Preferences).at(started_at, zone)
    return [Said(source=Source.TOKEN, wants=wants, said_at=at, said_by=by)]


async def said_of(conn: Connection, tenant_id: int, sessions: Sequence[UUID]) -> dict[UUID, list[Said]]:
    """What was said of each of these sessions; of which nothing was, is left out."""
    cursor = await conn.execute(
        "SELECT session_id, source, wants, said_at, said_by FROM session_needs"
        " WHERE tenant_id = %s AND session_id = ANY(%s)",
        (tenant_id, list(sessions)),
    )
    found: dict[UUID, list[Said]] = {}
    for session_id, source, wants, said_at, said_by in await cursor.fetchall():
        found.setdefault(session_id, []).append(
            Said(source=Source(source), wants=msgspec.convert(wants, Wants), said_at=said_at, said_by=said_by)
        )
    return found


async def needs_of(conn: Connection, tenant_id: int, session_id: UUID) -> Needs | None:
    """What counts of what was said of a session, with its token's preferences; None if there is no such session."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT n.started_at, coalesce(i.time_zone, 'UTC') AS zone, p.wants, p.changed_at, p.changed_by FROM sessions n"
        " JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id"
        " LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id"
        " LEFT JOIN charging_preferences p ON p.tenant_id = n.tenant_id"
        '  AND p.uid_key = lower(n.token_uid COLLATE "C")'
        " WHERE n.tenant_id = %s AND n.session_id = %s",
        (tenant_id, session_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    said = (await said_of(conn, tenant_id, [session_id])).get(session_id, [])
    habit = habit_of(row["wants"], row["changed_at"], row["changed_by"], row["started_at"], row["zone"])
    return merge([*said, *habit])


async def place_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> tuple[str, bool] | None:
    """By which time zone a session's site goes, UTC where it has none, and whether its station is in service still;
    None if there is no such session."""
    cursor = await conn.execute(
        "SELECT coalesce(i.time_zone, 'UTC'), t.retired_at IS NULL FROM sessions n"
        " JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id"
        " LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id"
        " WHERE n.tenant_id = %s AND n.session_id = %s",
        (tenant_id, session_id),
    )
    row = await cursor.fetchone()
    return None if row is None else (str(row[0]), bool(row[1]))


async def lock_needs(conn: Connection, session_id: UUID) -> None:
    """Lets nobody else say or take back what a session needs until this transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('session needs ' || %s, 0))", (str(session_id),))


async def store_needs(
    conn: Connection, tenant_id: int, session_id: UUID, source: Source, wants: Wants, by: str, now: datetime
) -> bool:
    """Keeps what one source says of a session, in place of what it said before; whether there is such a session."""
    cursor = await conn.execute(
        "INSERT INTO session_needs (session_id, source, tenant_id, station_id, wants, said_at, said_by)"
        " SELECT session_id, %(source)s, tenant_id, station_id, %(wants)s::jsonb, %(now)s, %(by)s FROM sessions"
        " WHERE tenant_id = %(tenant_id)s AND session_id = %(session_id)s"
        " ON CONFLICT (session_id, source) DO UPDATE SET wants = excluded.wants, said_at = excluded.said_at,"
        " said_by = excluded.said_by",
        {
            "session_id": session_id,
            "source": source.value,
            "tenant_id": tenant_id,
            "wants": msgspec.json.encode(wants).decode(),
            "now": now,
            "by": by,
        },
    )
    return cursor.rowcount == 1


async def forget_needs(conn: Connection, tenant_id: int, session_id: UUID, source: Source) -> None:
    """Takes back what one source said of a session."""
    await conn.execute(
        "DELETE FROM session_needs WHERE tenant_id = %s AND session_id = %s AND source = %s",
        (tenant_id, session_id, source.value),
    )


async def find_car_said(conn: Connection, tenant_id: int, station_id: int, evse: int) -> CarSaid | None:
    """What a car said last at an EVSE and no session took yet."""
    cursor = await conn.execute(
        "SELECT t.identity, c.evse, c.needs, c.said_at FROM car_needs c"
        " JOIN stations t ON t.tenant_id = c.tenant_id AND t.station_id = c.station_id"
        " WHERE c.tenant_id = %s AND c.station_id = %s AND c.evse = %s",
        (tenant_id, station_id, evse),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return CarSaid(station=row[0], evse=row[1], needs=msgspec.convert(row[2], ChargingNeeds), said_at=row[3])


async def forget_car_said(conn: Connection, tenant_id: int, station_id: int, evse: int, said_at: datetime) -> None:
    """Forgets what a car said at an EVSE until then."""
    await conn.execute(
        "DELETE FROM car_needs WHERE tenant_id = %s AND station_id = %s AND evse = %s AND said_at <= %s",
        (tenant_id, station_id, evse, said_at),
    )


async def evse_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> tuple[int, int] | None:
    """The station and the EVSE of a session that runs; None for any other, and where the EVSE is not known."""
    cursor = await conn.execute(
        "SELECT station_id, evse FROM sessions WHERE tenant_id = %s AND session_id = %s AND over_at IS NULL"
        " AND evse IS NOT NULL",
        (tenant_id, session_id),
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])


async def running_since(
    conn: Connection, tenant_id: int, station_id: int, evse: int
) -> tuple[UUID, datetime, int] | None:
    """The newest session that runs at an EVSE: since when, and what it got so far less what it gave, in Wh."""
    cursor = await conn.execute(
        "SELECT session_id, started_at, greatest(coalesce(meter_stop_wh - meter_start_wh, 0), 0)::int,"
        " greatest(coalesce(given_stop_wh - given_start_wh, 0), 0)::int FROM sessions"
        " WHERE tenant_id = %s AND station_id = %s AND evse = %s AND over_at IS NULL ORDER BY number DESC LIMIT 1",
        (tenant_id, station_id, evse),
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1], net_wh(row[2], row[3]))


class PreferencesRow(Struct, frozen=True, kw_only=True):
    """What a token's driver usually needs, as stored."""

    uid: str
    wants: Preferences
    version: int
    changed_at: datetime
    changed_by: str


async def find_preferences(conn: Connection, tenant_id: int, uid: str) -> PreferencesRow | None:
    """Of the token of this uid, in whatever case."""
    cursor = await conn.execute(
        "SELECT t.uid, p.wants, p.version, p.changed_at, p.changed_by FROM charging_preferences p"
        " JOIN tokens t ON t.tenant_id = p.tenant_id AND t.uid_key = p.uid_key"
        " WHERE p.tenant_id = %s AND p.uid_key = %s",
        (tenant_id, uid_key(uid)),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    names = ("uid", "wants", "version", "changed_at", "changed_by")
    values = dict(zip(names, row, strict=True))
    return PreferencesRow(**values | {"wants": msgspec.convert(values["wants"], Preferences)})


async def store_preferences(
    conn: Connection, tenant_id: int, uid: str, wants: Preferences, by: str, now: datetime
) -> None:
    """Keeps what the driver of a token that exists usually needs."""
    await conn.execute(
        "INSERT INTO charging_preferences (tenant_id, uid_key, wants, changed_at, changed_by)"
        " VALUES (%s, %s, %s::jsonb, %s, %s) ON CONFLICT (tenant_id, uid_key) DO UPDATE SET wants = excluded.wants,"
        " version = charging_preferences.version + 1, changed_at = excluded.changed_at,"
        " changed_by = excluded.changed_by",
        (tenant_id, uid_key(uid), msgspec.json.encode(wants).decode(), now, by),
    )
