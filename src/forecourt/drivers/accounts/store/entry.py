"""Links of letters, and sessions of drivers. Digests only: neither a link nor a token can be read back from here."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.drivers.accounts.model import MAX_SESSIONS, OwnSession

Connection = AsyncConnection[Any]


class LinkRow(Struct, frozen=True, kw_only=True):
    """Whom a link signs in."""

    email: str
    language: str
    expires_at: datetime


class SessionRow(Struct, frozen=True, kw_only=True):
    """A session that was found by its token."""

    driver_id: int
    number: int
    seen_at: datetime
    expires_at: datetime


async def tenant_of_link(conn: Connection, digest: bytes) -> int | None:
    """Whose drivers a link is for, before a tenant is known."""
    row = await (await conn.execute("SELECT drivers_tenant_of_link(%s)", (digest,))).fetchone()
    return None if row is None else row[0]


async def tenant_of_session(conn: Connection, digest: bytes) -> int | None:
    """Whose driver's session it is, before a tenant is known."""
    row = await (await conn.execute("SELECT drivers_tenant_of_session(%s)", (digest,))).fetchone()
    return None if row is None else row[0]


async def insert_link(
    conn: Connection, tenant_id: int, digest: bytes, email: str, language: str, now: datetime, expires_at: datetime
) -> None:
    """Keeps a link; those of the organisation that are too old go."""
    await conn.execute("DELETE FROM driver_links WHERE tenant_id = %s AND expires_at < %s", (tenant_id, now))
    await conn.execute(
        "INSERT INTO driver_links (digest, tenant_id, email, language, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (digest, tenant_id, email, language, expires_at),
    )


async def take_link(conn: Connection, tenant_id: int, digest: bytes) -> LinkRow | None:
    """The link, which is gone with it; None for the second who comes."""
    cursor = conn.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        "DELETE FROM driver_links WHERE tenant_id = %s AND digest = %s RETURNING email, language, expires_at",
        (tenant_id, digest),
    )
    return await cursor.fetchone()


async def forget_links(conn: Connection, tenant_id: int, email: str) -> None:
    """Nobody is signed in by letters that were written to an address before."""
    await conn.execute("DELETE FROM driver_links WHERE tenant_id = %s AND email = %s", (tenant_id, email))


async def insert_session(
    conn: Connection, tenant_id: int, driver_id: int, digest: bytes, *, how: str, address: str, user_agent: str,
    now: datetime, expires_at: datetime,
) -> None:  # fmt: skip
    """Begins a session; beyond MAX_SESSIONS the one that was begun first ends."""
    await conn.execute(
        "DELETE FROM driver_sessions WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s AND (expires_at < %(now)s"
        " OR number NOT IN (SELECT number FROM driver_sessions WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s"
        " ORDER BY number DESC LIMIT %(most)s))",
        {"tenant": tenant_id, "driver": driver_id, "now": now, "most": MAX_SESSIONS - 1},
    )
    await conn.execute(
        "INSERT INTO driver_sessions (digest, tenant_id, driver_id, how, address, user_agent, began_at, seen_at,"
        " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (digest, tenant_id, driver_id, how, address[:100], user_agent[:300], now, now, expires_at),
    )


async def find_session(conn: Connection, tenant_id: int, digest: bytes) -> SessionRow | None:
    """The session of a token."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        "SELECT driver_id, number, seen_at, expires_at FROM driver_sessions WHERE tenant_id = %s AND digest = %s",
        (tenant_id, digest),
    )
    return await cursor.fetchone()


async def note_seen(conn: Connection, tenant_id: int, digest: bytes, at: datetime) -> None:
    """The session was used."""
    await conn.execute(
        "UPDATE driver_sessions SET seen_at = %s WHERE tenant_id = %s AND digest = %s", (at, tenant_id, digest)
    )


async def list_sessions(conn: Connection, tenant_id: int, driver_id: int) -> list[OwnSession]:
    """Where a driver is signed in, the latest first."""
    cursor = conn.cursor(row_factory=class_row(OwnSession))
    await cursor.execute(
        "SELECT number, how, address, user_agent, began_at, seen_at, expires_at FROM driver_sessions"
        " WHERE tenant_id = %s AND driver_id = %s ORDER BY number DESC LIMIT %s",
        (tenant_id, driver_id, MAX_SESSIONS),
    )
    return await cursor.fetchall()


async def end_session(conn: Connection, tenant_id: int, digest: bytes) -> None:
    """Signs out; twice is once."""
    await conn.execute("DELETE FROM driver_sessions WHERE tenant_id = %s AND digest = %s", (tenant_id, digest))


async def end_sessions(conn: Connection, tenant_id: int, driver_id: int) -> int:
    """Signs a driver out everywhere; of how many."""
    cursor = await conn.execute(
        "DELETE FROM driver_sessions WHERE tenant_id = %s AND driver_id = %s", (tenant_id, driver_id)
    )
    return cursor.rowcount
