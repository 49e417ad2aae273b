"""Providers that sign people of an organisation in, whom they signed in, and what the organisation asks for."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = AsyncConnection[Any]


class ProviderFound(Struct, frozen=True, kw_only=True):
    """A provider as anybody may see it: where one would be sent."""

    tenant_id: int
    organisation: str
    slug: str
    issuer: str


class ProviderRow(Struct, frozen=True, kw_only=True):
    """An organisation's provider; its secret is sealed."""

    slug: str
    issuer: str
    client_id: str
    client_secret: bytes
    group_claim: str
    domains: list[str]
    grants: list[Any]
    changed_at: datetime


class Standing(Struct, frozen=True, kw_only=True):
    """What a person is in an organisation."""

    role: str
    site_ids: list[int] | None
    belongs: bool
    #: They no longer belong because their groups no longer say so.
    withdrawn: bool
    #: Without them nobody could do everything.
    last_owner: bool


async def find_providers(conn: Connection, slug: str, domain: str) -> list[ProviderFound]:
    """Those of this name or for this mail domain, 10 at most; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(ProviderFound))
    return await (await cursor.execute("SELECT * FROM access_providers(%s, %s)", (slug, domain))).fetchall()


async def find_provider(conn: Connection, tenant_id: int) -> ProviderRow | None:
    """The organisation's provider."""
    cursor = conn.cursor(row_factory=class_row(ProviderRow))
    await cursor.execute(
        "SELECT slug, issuer, client_id, client_secret, group_claim, domains, grants, changed_at FROM providers"
        " WHERE tenant_id = %s",
        (tenant_id,),
    )
    return await cursor.fetchone()


async def put_provider(conn: Connection, tenant_id: int, row: ProviderRow) -> bool:
    """Gives the organisation this provider; False if another organisation has the name."""
    taken = await conn.execute("SELECT 1 FROM access_providers(%s, '') WHERE tenant_id <> %s", (row.slug, tenant_id))
    if await taken.fetchone() is not None:
        return False
    await conn.execute(
        "INSERT INTO providers (tenant_id, slug, issuer, client_id, client_secret, group_claim, domains, grants,"
        " changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET slug = excluded.slug,"
        " issuer = excluded.issuer, client_id = excluded.client_id, client_secret = excluded.client_secret,"
        " group_claim = excluded.group_claim, domains = excluded.domains, grants = excluded.grants,"
        " changed_at = excluded.changed_at",
        (
            tenant_id,
            row.slug,
            row.issuer,
            row.client_id,
            row.client_secret,
            row.group_claim,
            row.domains,
            Jsonb(row.grants),
            row.changed_at,
        ),
    )
    return True


async def delete_provider(conn: Connection, tenant_id: int) -> bool:
    """Takes the organisation's provider away; whether there was one."""
    return (await conn.execute("DELETE FROM providers WHERE tenant_id = %s", (tenant_id,))).rowcount > 0


async def find_linked(conn: Connection, tenant_id: int, issuer: str, subject: str) -> int | None:
    """The person whom the organisation's provider calls this."""
    cursor = await conn.execute(
        "SELECT person_id FROM provider_people WHERE tenant_id = %s AND issuer = %s AND subject = %s",
        (tenant_id, issuer, subject),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def insert_linked(
    conn: Connection, tenant_id: int, issuer: str, subject: str, person_id: int, now: datetime
) -> None:
    """Remembers whom the provider calls this; the first word stands."""
    await conn.execute(
        "INSERT INTO provider_people (tenant_id, issuer, subject, person_id, linked_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant_id, issuer, subject, person_id, now),
    )


async def set_withdrawn(conn: Connection, tenant_id: int, person_id: int, at: datetime | None) -> None:
    """Notes since when no group of theirs makes a person anything; None: one does."""
    await conn.execute(
        "UPDATE provider_people SET withdrawn_at = %s WHERE tenant_id = %s AND person_id = %s",
        (at, tenant_id, person_id),
    )


async def find_standing(conn: Connection, tenant_id: int, person_id: int) -> Standing | None:
    """What a person is in the organisation, or was; None for who never belonged to it. Holds the owners for the
    transaction, so that two don't both cease to be the last one."""
    await conn.execute(
        "SELECT 1 FROM memberships WHERE tenant_id = %s AND role = 'owner' ORDER BY person_id FOR UPDATE", (tenant_id,)
    )
    cursor = conn.cursor(row_factory=class_row(Standing))
    await cursor.execute(
        "SELECT m.role, m.site_ids, m.disabled_at IS NULL AS belongs, EXISTS (SELECT FROM provider_people v"
        " WHERE v.tenant_id = m.tenant_id AND v.person_id = m.person_id AND v.withdrawn_at IS NOT NULL) AS withdrawn,"
        " m.role = 'owner' AND m.disabled_at IS NULL AND NOT EXISTS (SELECT FROM memberships o WHERE"
        " o.tenant_id = m.tenant_id AND o.person_id <> m.person_id AND o.role = 'owner' AND o.disabled_at IS NULL)"
        " AS last_owner FROM memberships m WHERE m.tenant_id = %s AND m.person_id = %s",
        (tenant_id, person_id),
    )
    return await cursor.fetchone()


async def set_standing(
    conn: Connection,
    tenant_id: int,
    person_id: int,
    *,
    role: str,
    site_ids: list[int] | None,
    ended_at: datetime | None,
) -> None:
    """Changes what a person who belongs or belonged to the organisation is there."""
    await conn.execute(
        "UPDATE memberships SET role = %s, site_ids = %s, disabled_at = %s WHERE tenant_id = %s AND person_id = %s",
        (role, site_ids, ended_at, tenant_id, person_id),
    )


async def requires_second_factor(conn: Connection, tenant_id: int) -> bool:
    """Whether nobody does anything in the organisation without a second factor."""
    row = await (
        await conn.execute("SELECT require_second_factor FROM organisations WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return row is not None and bool(row[0])


async def require_second_factor(conn: Connection, tenant_id: int, *, required: bool) -> None:
    """Sets whether it is so."""
    await conn.execute(
        "UPDATE organisations SET require_second_factor = %s WHERE tenant_id = %s", (required, tenant_id)
    )
