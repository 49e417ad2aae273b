"""People, what they are in each organisation, and their browser sessions.

What a person is, is read and changed in a transaction that acts as that person (`Pool.person`, or `Pool.tenant` with
`person_id`); an organisation sees its members and changes what they are in it.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Sessions that one person can hold open at once; the oldest ends when one more begins.
MAX_SESSIONS = 20
#: Organisations of one person that are listed.
MAX_ORGANISATIONS = 100


class PersonRow(Struct, frozen=True, kw_only=True):
    """A person as sign-in needs them. `password_hash` is None for who signs in by other means."""

    person_id: int
    name: str
    language: str | None
    password_hash: str | None


class Membership(Struct, frozen=True, kw_only=True):
    """What a person is in one organisation, as they see it."""

    tenant_id: int
    organisation: str
    role: str
    site_ids: list[int] | None
    #: The organisation they were in last.
    chosen: bool


class SessionHolder(Struct, frozen=True, kw_only=True):
    """Who a browser session belongs to, in the organisation that is chosen."""

    person_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str
    site_ids: list[int] | None


async def find_person(conn: Connection, email: str) -> PersonRow | None:
    """The person with this address who may sign in; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(PersonRow))
    return await (await cursor.execute("SELECT * FROM access_person(%s)", (email,))).fetchone()


async def insert_person(
    conn: Connection, *, email: str, name: str, password_hash: str | None, language: str | None = None
) -> int | None:
    """Makes a person, and lets the transaction act as them from now on; None if the address is taken."""
    row = await (await conn.execute("SELECT nextval('people_person_id_seq')")).fetchone()
    assert row is not None
    person_id = int(row[0])
    await act_as(conn, person_id)
    cursor = await conn.execute(
        "INSERT INTO people (person_id, email, name, password_hash, language) VALUES (%s, lower(%s), %s, %s, %s)"
        " ON CONFLICT (email) DO NOTHING",
        (person_id, email, name, password_hash, language),
    )
    return person_id if cursor.rowcount else None


async def act_as(conn: Connection, person_id: int) -> None:
    """Lets the transaction in work act as a person as well."""
    await conn.execute("SELECT set_config('forecourt.person', %s, true)", (str(person_id),))


async def upsert_membership(
    conn: Connection, tenant_id: int, person_id: int, *, role: str, site_ids: list[int] | None, invited_by: str | None
) -> None:
    """Makes the person the transaction acts as a member; one who was removed, or is one, is what is said here."""
    await conn.execute(
        "INSERT INTO memberships (tenant_id, person_id, role, site_ids, invited_by) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, person_id) DO UPDATE SET role = excluded.role, site_ids = excluded.site_ids,"
        " invited_by = excluded.invited_by, joined_at = excluded.joined_at, disabled_at = NULL",
        (tenant_id, person_id, role, site_ids, invited_by),
    )


async def insert_member(
    conn: Connection,
    tenant_id: int,
    *,
    email: str,
    name: str,
    role: str,
    password_hash: str | None,
    site_ids: list[int] | None = None,
) -> int | None:
    """Makes a person and a member at once; None if the address is taken. A host given no sites has none."""
    person_id = await insert_person(conn, email=email, name=name, password_hash=password_hash)
    if person_id is not None:
        sites = [] if role == "site_host" and site_ids is None else site_ids
        await upsert_membership(conn, tenant_id, person_id, role=role, site_ids=sites, invited_by=None)
    return person_id


async def set_password(conn: Connection, email: str, password_hash: str) -> None:
    """Gives the person of this address another password."""
    await conn.execute("UPDATE people SET password_hash = %s WHERE email = %s", (password_hash, email))


async def list_memberships(conn: Connection, person_id: int) -> list[Membership]:
    """The organisations of the person that the transaction acts as, by name; MAX_ORGANISATIONS at most."""
    cursor = conn.cursor(row_factory=class_row(Membership))
    await cursor.execute(
        "SELECT m.tenant_id, o.name AS organisation, m.role, m.site_ids,"
        " m.tenant_id IS NOT DISTINCT FROM p.chosen_tenant_id AS chosen"
        " FROM memberships m JOIN organisations o USING (tenant_id) JOIN people p USING (person_id)"
        " WHERE m.person_id = %s AND m.disabled_at IS NULL ORDER BY o.name, m.tenant_id LIMIT %s",
        (person_id, MAX_ORGANISATIONS),
    )
    return await cursor.fetchall()


async def find_session(conn: Connection, token_hash: bytes, now: datetime) -> SessionHolder | None:
    """The person whose browser session this is, unless it ended; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(SessionHolder))
    return await (await cursor.execute("SELECT * FROM access_session(%s, %s)", (token_hash, now))).fetchone()


async def insert_session(
    conn: Connection, tenant_id: int, person_id: int, token_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Begins a browser session; ends this person's expired ones and, beyond MAX_SESSIONS, the oldest."""
    await conn.execute(
        "DELETE FROM person_sessions WHERE person_id = %s AND (expires_at <= %s OR token_hash IN"
        " (SELECT token_hash FROM person_sessions WHERE person_id = %s ORDER BY created_at DESC OFFSET %s))",
        (person_id, now, person_id, MAX_SESSIONS - 1),
    )
    await conn.execute(
        "INSERT INTO person_sessions (token_hash, person_id, tenant_id, created_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (token_hash, person_id, tenant_id, now, expires_at),
    )


async def choose_organisation(conn: Connection, tenant_id: int, person_id: int, token_hash: bytes) -> None:
    """Moves a browser session to another organisation of its person, who will find themself there next time too."""
    await conn.execute(
        "UPDATE person_sessions SET tenant_id = %s WHERE person_id = %s AND token_hash = %s",
        (tenant_id, person_id, token_hash),
    )
    await conn.execute("UPDATE people SET chosen_tenant_id = %s WHERE person_id = %s", (tenant_id, person_id))


async def delete_session(conn: Connection, person_id: int, token_hash: bytes) -> None:
    """Ends a browser session; one that ended already is no error."""
    await conn.execute("DELETE FROM person_sessions WHERE person_id = %s AND token_hash = %s", (person_id, token_hash))


async def list_owner_addresses(conn: Connection, tenant_id: int) -> list[str]:
    """E-mail addresses of the owners who may sign in, for letters about the organisation itself."""
    cursor = await conn.execute(
        "SELECT p.email FROM memberships m JOIN people p USING (person_id) WHERE m.tenant_id = %s AND m.role = 'owner'"
        " AND m.disabled_at IS NULL AND p.disabled_at IS NULL ORDER BY p.email",
        (tenant_id,),
    )
    return [str(email) for (email,) in await cursor.fetchall()]


async def list_addresses(conn: Connection, tenant_id: int) -> list[str]:
    """The e-mail addresses of all who may sign in for this organisation."""
    cursor = await conn.execute(
        "SELECT p.email FROM people p JOIN memberships m USING (person_id)"
        " WHERE m.tenant_id = %s AND m.disabled_at IS NULL AND p.disabled_at IS NULL ORDER BY p.email",
        (tenant_id,),
    )
    return [email for (email,) in await cursor.fetchall()]
