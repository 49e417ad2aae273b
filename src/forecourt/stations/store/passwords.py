"""Passwords that calls give to stations: open from before the call is sent until it is known what the station did."""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

_CHANGED = "UPDATE stations SET version = nextval('station_versions') WHERE tenant_id = %s AND station_id = %s"


async def open_password(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    command_id: str,
    password_hash: bytes,
    *,
    sent_since: datetime,
    most: int,
) -> bool:
    """Let a password in beside those of the station, from now until its command is settled; whether that was done.

    Not done while `most` others are open, or a command that was sent after `sent_since` still waits for its answer: of
    two under way nobody could tell which the station took last. A password that was open already is so only once.
    """
    place = {"tenant": tenant_id, "station": station_id, "command": command_id, "hash": password_hash}
    await conn.execute(
        "SELECT FROM stations WHERE tenant_id = %(tenant)s AND station_id = %(station)s FOR UPDATE", place
    )
    row = await (
        await conn.execute(
            "SELECT count(*) FILTER (WHERE password_hash <> %(hash)s),"
            " coalesce(bool_or(outcome = 'sent' AND asked_at > %(since)s), false)"
            " FROM commands WHERE tenant_id = %(tenant)s AND station_id = %(station)s AND password_hash IS NOT NULL",
            {**place, "since": sent_since},
        )
    ).fetchone()
    assert row is not None
    others, under_way = row
    if others >= most or under_way:
        return False
    await conn.execute(
        "UPDATE commands SET password_hash = CASE WHEN command_id = %(command)s::uuid THEN %(hash)s::bytea END"
        " WHERE tenant_id = %(tenant)s AND station_id = %(station)s"
        " AND (command_id = %(command)s::uuid OR password_hash = %(hash)s)",
        place,
    )
    await conn.execute(_CHANGED, (tenant_id, station_id))
    return True


async def settle_password(conn: Connection, command_id: str, *, taken: bool) -> None:
    """The station has the password of a command, or has not: the old one, or this one, is let in no more."""
    await conn.execute("SELECT stations_settle_password(%s::uuid, %s)", (command_id, taken))


async def forget_open_passwords(conn: Connection, tenant_id: int, identity: str) -> None:
    """Settle every open password of a station by a word from here: none of them is let in any more."""
    await conn.execute(
        "UPDATE commands SET password_hash = NULL WHERE tenant_id = %s AND password_hash IS NOT NULL"
        " AND station_id = (SELECT station_id FROM stations WHERE tenant_id = %s AND identity = %s)",
        (tenant_id, tenant_id, identity),
    )
