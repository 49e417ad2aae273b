"""Browser sessions as their person sees them, and the places they sign in from."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.access.store import MAX_SESSIONS

Connection = AsyncConnection[Any]

#: Places of one person that are remembered; beyond it the one not seen for longest is forgotten.
MAX_PLACES = 50


class SessionRow(Struct, frozen=True, kw_only=True):
    """One browser session."""

    session_id: int
    organisation: str
    how: str
    second_factor: bool
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


async def list_sessions(
    conn: Connection, person_id: int, now: datetime, seen_since: datetime, tenant_id: int | None
) -> list[SessionRow]:
    """The sessions of the person that are open, used last first; of one organisation only, where one is named."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    await cursor.execute(
        "SELECT s.session_id, o.name AS organisation, s.how, s.second_factor, s.address, s.user_agent, s.created_at,"
        " s.last_seen_at, s.expires_at FROM person_sessions s JOIN organisations o USING (tenant_id)"
        " WHERE s.person_id = %(person)s AND s.expires_at > %(now)s AND s.last_seen_at > %(since)s"
        " AND (%(tenant)s::int IS NULL OR s.provider_of = %(tenant)s)"
        " ORDER BY s.last_seen_at DESC, s.session_id DESC LIMIT %(most)s",
        {"person": person_id, "now": now, "since": seen_since, "tenant": tenant_id, "most": MAX_SESSIONS},
    )
    return await cursor.fetchall()


async def end_session(conn: Connection, person_id: int, session_id: int, tenant_id: int | None) -> bool:
    """Ends one session of the person; False if there is none. As `list_sessions`, of one organisation where named."""
    cursor = await conn.execute(
        "DELETE FROM person_sessions WHERE person_id = %(person)s AND session_id = %(session)s"
        " AND (%(tenant)s::int IS NULL OR provider_of = %(tenant)s)",
        {"person": person_id, "session": session_id, "tenant": tenant_id},
    )
    return cursor.rowcount > 0


async def delete_other_sessions(conn: Connection, person_id: int, kept: int, tenant_id: int | None) -> int:
    """Ends all sessions of the person but one; how many."""
    cursor = await conn.execute(
        "DELETE FROM person_sessions WHERE person_id = %(person)s AND session_id <> %(kept)s"
        " AND (%(tenant)s::int IS NULL OR provider_of = %(tenant)s)",
        {"person": person_id, "kept": kept, "tenant": tenant_id},
    )
    return cursor.rowcount


async def delete_sessions(conn: Connection, person_id: int) -> int:
    """Ends all sessions of the person; how many."""
    return (await conn.execute("DELETE FROM person_sessions WHERE person_id = %s", (person_id,))).rowcount


async def delete_sessions_by_provider(conn: Connection, tenant_id: int, person_id: int | None = None) -> int:
    """Ends the sessions that an organisation's provider began, of one person or of all; how many."""
    cursor = await conn.execute(
        "DELETE FROM person_sessions WHERE provider_of = %(tenant)s AND tenant_id = %(tenant)s"
        " AND (%(person)s::int IS NULL OR person_id = %(person)s)",
        {"tenant": tenant_id, "person": person_id},
    )
    return cursor.rowcount


async def mark_proven(
    conn: Connection, person_id: int, session_id: int, token_hash: bytes, now: datetime, *, second_factor: bool
) -> bool:
    """Notes in a session that its person proved who they are again, and gives it another token; False if it ended."""
    cursor = await conn.execute(
        "UPDATE person_sessions SET token_hash = %s, proved_at = %s, second_factor = second_factor OR %s"
        " WHERE person_id = %s AND session_id = %s",
        (token_hash, now, second_factor, person_id, session_id),
    )
    return cursor.rowcount > 0


async def has_place(conn: Connection, person_id: int, address: str) -> bool:
    """Whether the person signed in from this address before."""
    cursor = await conn.execute("SELECT 1 FROM places WHERE person_id = %s AND address = %s", (person_id, address))
    return await cursor.fetchone() is not None


async def add_place(conn: Connection, person_id: int, address: str, now: datetime) -> tuple[bool, bool]:
    """Remembers where the person signed in from: whether it is new, and whether it is the first of all."""
    await conn.execute(
        "DELETE FROM places WHERE person_id = %s AND address IN (SELECT address FROM places WHERE person_id = %s"
        " ORDER BY last_at DESC OFFSET %s)",
        (person_id, person_id, MAX_PLACES - 1),
    )
    row = await (await conn.execute("SELECT count(*) FROM places WHERE person_id = %s", (person_id,))).fetchone()
    assert row is not None
    cursor = await conn.execute(
        "INSERT INTO places AS p (person_id, address, first_at, last_at)"
        " VALUES (%(person)s, %(address)s, %(now)s, %(now)s)"
        " ON CONFLICT (person_id, address) DO UPDATE SET last_at = excluded.last_at RETURNING xmax = 0",
        {"person": person_id, "address": address, "now": now},
    )
    made = await cursor.fetchone()
    assert made is not None
    return bool(made[0]), row[0] == 0
