"""All SQL of signed meter values; the records themselves stand with the meter values."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform import outbox
from forecourt.platform.ordering import Place, bounds, newest, onward
from forecourt.sessions.signed.model import Verification

Connection = AsyncConnection[Any]

#: Variables of a station in which its meters' keys may stand.
MAX_SAID_KEYS: Final = 20
_KEY_ORDER: Final = newest("since", "evse")


class Subject(Struct, frozen=True, kw_only=True):
    """The session whose records are checked. `energy_wh` by its registers; `country` of its site, ISO 3166."""

    session_id: UUID
    station_id: int
    transaction_id: str
    evse: int | None
    started_at: datetime
    ended_at: datetime | None
    over: bool
    energy_wh: int | None
    country: str | None


class KeyRow(Struct, frozen=True, kw_only=True):
    """The key of an EVSE's meter from a moment on."""

    evse: int
    since: datetime
    public_key: str
    source: str
    said_by: str
    said_at: datetime


def proven_wh(session: str) -> str:
    """SQL: the energy of a session that its meter's signed values prove, and that it is billed by; NULL where they
    prove none. `session`: what has its `tenant_id` and `session_id`."""
    return (
        f"(SELECT g.energy_wh FROM session_signatures g WHERE g.tenant_id = {session}.tenant_id"
        f" AND g.session_id = {session}.session_id)"
    )


class SignatureRow(Struct, frozen=True, kw_only=True):
    """What was found of a session's records, and whether somebody released it."""

    session_id: UUID
    trust: str
    flaws: list[str]
    energy_wh: int | None
    begin_wh: int | None
    end_wh: int | None
    meter: str | None
    public_key: str | None
    records: int
    held: bool
    released_by: str | None
    released_at: datetime | None
    release_reason: str | None
    checked_at: datetime

    @property
    def waits(self) -> bool:
        """Nothing may be billed yet."""
        return self.held and self.released_at is None


async def find_subject(conn: Connection, tenant_id: int, session_id: UUID) -> Subject | None:
    """The session of this id."""
    cursor = conn.cursor(row_factory=class_row(Subject))
    await cursor.execute(
        "SELECT s.session_id, s.station_id, s.transaction_id, s.evse, s.started_at, s.ended_at,"
        " s.over_at IS NOT NULL AS over,"
        " CASE WHEN s.meter_stop_wh >= s.meter_start_wh THEN s.meter_stop_wh - s.meter_start_wh END AS energy_wh,"
        " i.country FROM sessions s"
        " LEFT JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id"
        " LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id"
        " WHERE s.tenant_id = %s AND s.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def find_key(conn: Connection, tenant_id: int, station_id: int, evse: int, at: datetime) -> KeyRow | None:
    """The key that counts for the meter of an EVSE at a moment."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "SELECT evse, since, public_key, source, said_by, said_at FROM meter_keys"
        " WHERE tenant_id = %s AND station_id = %s AND evse = %s AND since <= %s ORDER BY since DESC LIMIT 1",
        (tenant_id, station_id, evse, at),
    )
    return await cursor.fetchone()


async def signs(conn: Connection, tenant_id: int, subject: Subject, evse: int) -> bool:
    """Whether the meter of a session's EVSE signs: a key of it is known, or an earlier session there has records."""
    row = await (
        await conn.execute(
            "SELECT EXISTS (SELECT FROM meter_keys WHERE tenant_id = %(tenant)s AND station_id = %(station)s"
            "  AND evse = %(evse)s AND since <= %(at)s)"
            " OR EXISTS (SELECT FROM session_signatures g JOIN sessions s ON s.session_id = g.session_id"
            "  AND s.tenant_id = g.tenant_id WHERE g.tenant_id = %(tenant)s AND g.station_id = %(station)s"
            "  AND coalesce(s.evse, 1) = %(evse)s AND s.started_at < %(at)s AND g.records > 0)",
            {"tenant": tenant_id, "station": subject.station_id, "evse": evse, "at": subject.started_at},
        )
    ).fetchone()
    return row is not None and bool(row[0])


async def list_keys(
    conn: Connection, tenant_id: int, station_id: int, *, place: Place = None, limit: int
) -> list[KeyRow]:
    """The keys of a station's meters, the latest first, behind the time and the EVSE of a place."""
    cursor = conn.cursor(row_factory=class_row(KeyRow))
    await cursor.execute(
        "SELECT evse, since, public_key, source, said_by, said_at FROM meter_keys"
        f" WHERE tenant_id = %(tenant)s AND station_id = %(station)s {onward(_KEY_ORDER, place)}",
        {"tenant": tenant_id, "station": station_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def insert_key(
    conn: Connection, tenant_id: int, station_id: int, evse: int, since: datetime, key: str, source: str, said_by: str
) -> bool:
    """Keep a key; False where another of that very moment stands."""
    cursor = await conn.execute(
        "INSERT INTO meter_keys (station_id, evse, since, tenant_id, public_key, source, said_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (station_id, evse, since, tenant_id, key, source, said_by),
    )
    return cursor.rowcount == 1


async def list_said_keys(conn: Connection, tenant_id: int, station_id: int) -> list[tuple[str, str, str]]:
    """Component, name and value of the variables by which the station told the keys of its meters: 1.6 by a
    configuration key (`MeterPublicKey[1]`), 2.x by PublicKey of FiscalMetering."""
    cursor = await conn.execute(
        "SELECT component, variable, value FROM station_variables WHERE tenant_id = %s AND station_id = %s"
        " AND variable ILIKE %s AND value <> '' ORDER BY component, variable LIMIT %s",
        (tenant_id, station_id, "%PublicKey%", MAX_SAID_KEYS),
    )
    return [(component, variable, value) for component, variable, value in await cursor.fetchall()]


async def keep(
    conn: Connection, tenant_id: int, subject: Subject, found: Verification, held: bool, at: datetime
) -> None:
    """What was found now. A release stands as long as the same is found again."""
    await conn.execute(
        """
        INSERT INTO session_signatures AS s (session_id, tenant_id, station_id, trust, flaws, energy_wh, begin_wh,
            end_wh, meter, public_key, records, held, checked_at)
        VALUES (%(session_id)s, %(tenant_id)s, %(station_id)s, %(trust)s, %(flaws)s, %(energy_wh)s, %(begin_wh)s,
            %(end_wh)s, %(meter)s, %(key)s, %(records)s, %(held)s, %(at)s)
        ON CONFLICT (session_id) DO UPDATE SET (trust, flaws, energy_wh, begin_wh, end_wh, meter, public_key, records,
            held, checked_at, released_by, released_at, release_reason) = (SELECT excluded.trust, excluded.flaws,
            excluded.energy_wh, excluded.begin_wh, excluded.end_wh, excluded.meter, excluded.public_key,
            excluded.records, excluded.held, excluded.checked_at, CASE WHEN same THEN s.released_by END,
            CASE WHEN same THEN s.released_at END, CASE WHEN same THEN s.release_reason END
            FROM (SELECT (s.trust, s.flaws, s.records) = (excluded.trust, excluded.flaws, excluded.records) AS same) f)
        """,
        {
            "session_id": subject.session_id,
            "tenant_id": tenant_id,
            "station_id": subject.station_id,
            "trust": found.trust,
            "flaws": [str(flaw) for flaw in found.flaws],
            "energy_wh": found.energy_wh,
            "begin_wh": found.begin_wh,
            "end_wh": found.end_wh,
            "meter": found.meter,
            "key": found.key,
            "records": found.records,
            "held": held,
            "at": at,
        },
    )


async def find_signature(conn: Connection, tenant_id: int, session_id: UUID) -> SignatureRow | None:
    """What was found of a session's records; None where they were not looked at yet, or there are none."""
    cursor = conn.cursor(row_factory=class_row(SignatureRow))
    await cursor.execute(
        "SELECT session_id, trust, flaws, energy_wh, begin_wh, end_wh, meter, public_key, records, held, released_by,"
        " released_at, release_reason, checked_at FROM session_signatures WHERE tenant_id = %s AND session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def release(
    conn: Connection, tenant_id: int, session_id: UUID, released_by: str, reason: str, at: datetime
) -> bool:
    """Let a session that is held back be billed; False where it isn't, or already was."""
    cursor = await conn.execute(
        "UPDATE session_signatures SET released_by = %s, released_at = %s, release_reason = %s"
        " WHERE tenant_id = %s AND session_id = %s AND held AND released_at IS NULL",
        (released_by, at, reason, tenant_id, session_id),
    )
    return cursor.rowcount == 1


async def ask_again(conn: Connection, tenant_id: int, station_id: int, evse: int, since: datetime) -> None:
    """Have the sessions of an EVSE since a moment checked again whose records were not verified."""
    await conn.execute(
        "INSERT INTO outbox (event, subject, tenant_id)"
        " SELECT 'session.signed', g.session_id::text, g.tenant_id FROM session_signatures g"
        " JOIN sessions s ON s.session_id = g.session_id AND s.tenant_id = g.tenant_id"
        " WHERE g.tenant_id = %s AND g.station_id = %s AND coalesce(s.evse, 1) = %s AND s.started_at >= %s"
        f" AND g.trust <> 'verified' {outbox.COALESCE}",
        (tenant_id, station_id, evse, since),
    )
