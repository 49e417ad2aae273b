"""All SQL of codes for payments."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.stations.desired.kinds import PAYMENT_CODES, STATION

Connection = AsyncConnection[Any]

#: Messages by which a station's clock is told, and how far back they go.
MESSAGES: Final = 20
HEARD_WITHIN: Final = timedelta(days=1)


class CodesRow(Struct, frozen=True, kw_only=True):
    """What a station shows. `state` is how far the station is with it, None where nothing is on its way; `reached_at`
    when it last said yes."""

    station_id: int
    station: str
    sealed: bytes
    former: bytes | None
    version: int
    shown: bool
    address: str
    validity_s: int
    length: int
    set_by: str
    set_at: datetime
    state: str | None
    why: str | None
    reached_at: datetime | None


class _Timed(Struct):
    """A message that says when."""

    timestamp: datetime


_decode: Final = msgspec.json.Decoder(_Timed).decode


async def find(conn: Connection, tenant_id: int, station: str, *, lock: bool = False) -> CodesRow | None:
    """The codes of a station; None where it never showed any."""
    cursor = conn.cursor(row_factory=class_row(CodesRow))
    await cursor.execute(
        "SELECT c.station_id, s.identity AS station, c.sealed, c.former, c.version, c.shown, c.address, c.validity_s,"
        " c.length, c.set_by, c.set_at, d.state, d.why, d.reported_at AS reached_at"
        " FROM payment_codes c JOIN stations s ON s.tenant_id = c.tenant_id AND s.station_id = c.station_id"
        " LEFT JOIN desires d ON d.tenant_id = c.tenant_id AND d.station_id = c.station_id"
        f"  AND d.kind = '{PAYMENT_CODES}' AND d.key = '{STATION}'"
        f" WHERE c.tenant_id = %s AND s.identity = %s{' FOR UPDATE OF c' if lock else ''}",
        (tenant_id, station),
    )
    return await cursor.fetchone()


async def put(
    conn: Connection, tenant_id: int, station_id: int, *, sealed: bytes, former: bytes | None, version: int,
    shown: bool, address: str, validity_s: int, length: int, by: str, at: datetime,
) -> None:  # fmt: skip
    """Keep how the codes of a station are."""
    await conn.execute(
        "INSERT INTO payment_codes (station_id, tenant_id, sealed, former, version, shown, address, validity_s, length,"
        " set_by, set_at) VALUES (%(station)s, %(tenant)s, %(sealed)s, %(former)s, %(version)s, %(shown)s, %(address)s,"
        " %(validity)s, %(length)s, %(by)s, %(at)s) ON CONFLICT (station_id) DO UPDATE SET sealed = excluded.sealed,"
        " former = excluded.former, version = excluded.version, shown = excluded.shown, address = excluded.address,"
        " validity_s = excluded.validity_s, length = excluded.length, set_by = excluded.set_by,"
        " set_at = excluded.set_at",
        {
            "station": station_id, "tenant": tenant_id, "sealed": sealed, "former": former, "version": version,
            "shown": shown, "address": address, "validity": validity_s, "length": length, "by": by, "at": at,
        },
    )  # fmt: skip


async def find_sealed(conn: Connection, tenant_id: int, station_id: int, version: int) -> bytes | None:
    """The secret of this version, as it is kept; None where another one counts by now."""
    cursor = await conn.execute(
        "SELECT sealed FROM payment_codes WHERE tenant_id = %s AND station_id = %s AND version = %s",
        (tenant_id, station_id, version),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def list_heard(
    conn: Connection, tenant_id: int, station_id: int, now: datetime
) -> list[tuple[datetime, datetime]]:
    """When a station said that something was, and when that came, of the last messages that say it."""
    cursor = await conn.execute(
        "SELECT at, payload FROM messages WHERE tenant_id = %s AND station_id = %s AND at > %s AND direction = 'i'"
        " AND kind = 2 AND action IN ('StatusNotification', 'TransactionEvent') ORDER BY number DESC LIMIT %s",
        (tenant_id, station_id, now - HEARD_WITHIN, MESSAGES),
    )
    heard = list[tuple[datetime, datetime]]()
    for came, payload in await cursor.fetchall():
        try:
            said = _decode(payload).timestamp
        except (msgspec.MsgspecError, ValueError):
            continue
        if said.tzinfo is not None:
            heard.append((said, came))
    return heard
