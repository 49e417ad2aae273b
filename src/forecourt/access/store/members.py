"""Who belongs to an organisation, as it sees them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Ordering, Place, bounds, newest, oldest, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

_MEMBER = """
SELECT m.person_id, p.email, p.name, m.role, m.site_ids, m.invited_by, m.joined_at,
    EXISTS (SELECT FROM person_sessions s
        WHERE s.tenant_id = m.tenant_id AND s.person_id = m.person_id AND s.expires_at > now()) AS signed_in
FROM memberships m JOIN people p USING (person_id)
WHERE m.tenant_id = %(tenant_id)s AND m.disabled_at IS NULL
"""
MemberOrder = Literal[Age, "name", "email"]
_ORDERS: Final[Mapping[MemberOrder, Ordering]] = {
    "oldest": oldest("m.person_id"),
    "newest": newest("m.person_id"),
    "name": ("lower(p.name), p.email", "(lower(p.name), p.email) > (lower(%(place_0)s), %(place_1)s)"),
    "email": ("p.email", "p.email > %(place_0)s"),
}


class MemberRow(Struct, frozen=True, kw_only=True):
    """A member as the organisation sees them."""

    person_id: int
    email: str
    name: str
    role: str
    site_ids: list[int] | None
    invited_by: str | None
    joined_at: datetime
    #: Has a browser session that looks at this organisation.
    signed_in: bool


async def list_members(
    conn: Connection,
    tenant_id: int,
    place: Place,
    limit: int,
    *,
    order: MemberOrder = "oldest",
    role: str | None = None,
    search: str | None = None,
) -> list[MemberRow]:
    """Members behind a place in their order: an id, by name the name and the address, by address the address.

    Those who were removed are left out. `search` is found in name or address."""
    cursor = conn.cursor(row_factory=class_row(MemberRow))
    await cursor.execute(
        f"{_MEMBER} AND (%(role)s::text IS NULL OR m.role = %(role)s)"
        " AND (%(pattern)s::text IS NULL OR concat_ws(' ', p.name, p.email) ILIKE %(pattern)s)"
        f" {onward(_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "role": role,
            "pattern": None if search is None else anywhere(search),
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def list_members_at(conn: Connection, tenant_id: int, site_ids: Sequence[int], limit: int) -> list[MemberRow]:
    """Members whose limit names one of these sites, by name."""
    cursor = conn.cursor(row_factory=class_row(MemberRow))
    await cursor.execute(
        f"{_MEMBER} AND m.site_ids && %(sites)s::int[] ORDER BY lower(p.name), m.person_id LIMIT %(limit)s",
        {"tenant_id": tenant_id, "sites": list(site_ids), "limit": limit},
    )
    return await cursor.fetchall()


async def find_members_by_part(conn: Connection, tenant_id: int, text: str, limit: int) -> list[MemberRow]:
    """Members whose name or address holds the text, by name."""
    cursor = conn.cursor(row_factory=class_row(MemberRow))
    await cursor.execute(
        f"{_MEMBER} AND concat_ws(' ', p.name, p.email) ILIKE %(pattern)s ORDER BY lower(p.name), m.person_id"
        " LIMIT %(limit)s",
        {"tenant_id": tenant_id, "pattern": anywhere(text), "limit": limit},
    )
    return await cursor.fetchall()


async def find_member(conn: Connection, tenant_id: int, person_id: int) -> MemberRow | None:
    """A member; None if there is none, or they were removed."""
    cursor = conn.cursor(row_factory=class_row(MemberRow))
    await cursor.execute(f"{_MEMBER} AND m.person_id = %(person_id)s", {"tenant_id": tenant_id, "person_id": person_id})
    return await cursor.fetchone()


async def find_member_by_email(conn: Connection, tenant_id: int, email: str) -> MemberRow | None:
    """The member with this address."""
    cursor = conn.cursor(row_factory=class_row(MemberRow))
    await cursor.execute(f"{_MEMBER} AND p.email = lower(%(email)s)", {"tenant_id": tenant_id, "email": email})
    return await cursor.fetchone()
