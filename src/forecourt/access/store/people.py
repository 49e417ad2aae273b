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
    joined_at: datetime
    #: The organisation they were in last.
    chosen: bool


class ProfileRow(Struct, frozen=True, kw_only=True):
    """A person as they see themself."""

    person_id: int
    email: str
    name: str
    language: str | None


class SessionHolder(Struct, frozen=True, kw_only=True):
    """Who a browser session belongs to, in the organisation that is chosen, and how they are signed in."""

    session_id: int
    person_id: int
    tenant_id: int
    organisation: str
    name: str
    role: str
    site_ids: list[int] | None
    second_factor: bool
    needs_second_factor: bool
    by_provider: bool
    proved_at: datetime
    time_zone: str


class NewSession(Struct, frozen=True, kw_only=True):
    """A browser session that begins."""

    token_hash: bytes
    #: What proved who they are.
    how: str
    second_factor: bool
    by_provider: bool
    address: str
    user_agent: str
    now: datetime
    expires_at: datetime


class Addressee(Struct, frozen=True, kw_only=True):
    """Whom a letter is for; the organisation's language where their own is not known."""

    email: str
    name: str
    language: str
    time_zone: str


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


async def list_words_of(conn: Connection, person_id: int) -> list[str]:
    """What others know of the person that the transaction acts as: address, name, organisations."""
    cursor = await conn.execute(
        "SELECT email FROM people WHERE person_id = %(id)s UNION SELECT name FROM people WHERE person_id = %(id)s"
        " UNION SELECT o.name FROM memberships m JOIN organisations o USING (tenant_id)"
        " WHERE m.person_id = %(id)s AND m.disabled_at IS NULL",
        {"id": person_id},
    )
    return [word for (word,) in await cursor.fetchall()]


async def list_memberships(conn: Connection, person_id: int) -> list[Membership]:
    """The organisations of the person that the transaction acts as, by name; MAX_ORGANISATIONS at most."""
    cursor = conn.cursor(row_factory=class_row(Membership))
    await cursor.execute(
        "SELECT m.tenant_id, o.name AS organisation, m.role, m.site_ids, m.joined_at,"
        " m.tenant_id IS NOT DISTINCT FROM p.chosen_tenant_id AS chosen"
        " FROM memberships m JOIN organisations o USING (tenant_id) JOIN people p USING (person_id)"
        " WHERE m.person_id = %s AND m.disabled_at IS NULL ORDER BY o.name, m.tenant_id LIMIT %s",
        (person_id, MAX_ORGANISATIONS),
    )
    return await cursor.fetchall()


async def find_session(
    conn: Connection, token_hash: bytes, now: datetime, seen_since: datetime
) -> SessionHolder | None:
    """The person whose browser session this is, unless it ended or lay unused since before `seen_since`; needs no
    tenant."""
    cursor = conn.cursor(row_factory=class_row(SessionHolder))
    await cursor.execute("SELECT * FROM access_session(%s, %s, %s)", (token_hash, now, seen_since))
    return await cursor.fetchone()


async def insert_session(conn: Connection, tenant_id: int, person_id: int, session: NewSession) -> int:
    """Begins a browser session and returns its id; ends their expired ones and, beyond MAX_SESSIONS, the oldest."""
    await conn.execute(
        "DELETE FROM person_sessions WHERE person_id = %s AND (expires_at <= %s OR token_hash IN"
        " (SELECT token_hash FROM person_sessions WHERE person_id = %s ORDER BY created_at DESC OFFSET %s))",
        (person_id, session.now, person_id, MAX_SESSIONS - 1),
    )
    cursor = await conn.execute(
        "INSERT INTO person_sessions (token_hash, person_id, tenant_id, how, second_factor, provider_of, address,"
        " user_agent, created_at, proved_at, last_seen_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING session_id",
        (
            session.token_hash,
            person_id,
            tenant_id,
            session.how,
            session.second_factor,
            tenant_id if session.by_provider else None,
            session.address,
            session.user_agent,
            session.now,
            session.now,
            session.now,
            session.expires_at,
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def touch_session(conn: Connection, person_id: int, session_id: int, now: datetime) -> None:
    """Remembers that a session was used, without waiting for others who do the same."""
    await conn.execute(
        "UPDATE person_sessions SET last_seen_at = %s WHERE session_id = (SELECT session_id FROM person_sessions"
        " WHERE person_id = %s AND session_id = %s FOR UPDATE SKIP LOCKED)",
        (now, person_id, session_id),
    )


async def find_addressee(conn: Connection, tenant_id: int, person_id: int) -> Addressee:
    """Where to write to a person of an organisation, and how."""
    cursor = conn.cursor(row_factory=class_row(Addressee))
    await cursor.execute(
        "SELECT p.email, p.name, coalesce(p.language, o.language) AS language, o.time_zone"
        " FROM people p CROSS JOIN organisations o WHERE p.person_id = %s AND o.tenant_id = %s",
        (person_id, tenant_id),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def choose_organisation(conn: Connection, tenant_id: int, person_id: int, token_hash: bytes) -> None:
    """Moves a browser session to another organisation of its person, who will find themself there next time too."""
    await conn.execute(
        "UPDATE person_sessions SET tenant_id = %s WHERE person_id = %s AND token_hash = %s",
        (tenant_id, person_id, token_hash),
    )
    await choose_next(conn, tenant_id, person_id)


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


async def lock_owners(conn: Connection, tenant_id: int) -> list[int]:
    """The owners of an organisation, who stay so until the transaction ends."""
    cursor = await conn.execute(
        "SELECT m.person_id FROM memberships m JOIN people p USING (person_id)"
        " WHERE m.tenant_id = %s AND m.role = 'owner' AND m.disabled_at IS NULL AND p.disabled_at IS NULL"
        " ORDER BY m.person_id FOR UPDATE OF m",
        (tenant_id,),
    )
    return [person_id for (person_id,) in await cursor.fetchall()]


async def update_membership(
    conn: Connection, tenant_id: int, person_id: int, *, role: str, site_ids: list[int] | None
) -> None:
    """Changes what a member is."""
    await conn.execute(
        "UPDATE memberships SET role = %s, site_ids = %s"
        " WHERE tenant_id = %s AND person_id = %s AND disabled_at IS NULL",
        (role, site_ids, tenant_id, person_id),
    )


async def disable_membership(conn: Connection, tenant_id: int, person_id: int, now: datetime) -> None:
    """Removes a member and ends their sessions in this organisation."""
    await conn.execute("DELETE FROM person_sessions WHERE tenant_id = %s AND person_id = %s", (tenant_id, person_id))
    await conn.execute(
        "UPDATE memberships SET disabled_at = %s WHERE tenant_id = %s AND person_id = %s", (now, tenant_id, person_id)
    )


async def find_profile(conn: Connection, person_id: int) -> ProfileRow | None:
    """What the person that the transaction acts as has said of themself."""
    cursor = conn.cursor(row_factory=class_row(ProfileRow))
    await cursor.execute("SELECT person_id, email, name, language FROM people WHERE person_id = %s", (person_id,))
    return await cursor.fetchone()


async def update_profile(conn: Connection, person_id: int, *, name: str, language: str | None) -> None:
    """Changes what the person that the transaction acts as says of themself."""
    await conn.execute("UPDATE people SET name = %s, language = %s WHERE person_id = %s", (name, language, person_id))


async def choose_next(conn: Connection, tenant_id: int, person_id: int) -> None:
    """Lets a person find themself in this organisation when they next sign in."""
    await conn.execute("UPDATE people SET chosen_tenant_id = %s WHERE person_id = %s", (tenant_id, person_id))
