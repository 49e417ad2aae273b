"""Invitations: who was asked to become what. Of the token in a letter's link only a digest is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

_INVITATION = "invitation_id, email, role, site_ids, invited_by, created_at, expires_at"
_ORDERS: Final = by_age("invitation_id")
_OPEN = "accepted_at IS NULL AND revoked_at IS NULL"


class InvitationRow(Struct, frozen=True, kw_only=True):
    """One invitation that was neither accepted nor revoked; it may have expired."""

    invitation_id: int
    email: str
    role: str
    site_ids: list[int] | None
    invited_by: str
    created_at: datetime
    expires_at: datetime


class Invited(Struct, frozen=True, kw_only=True):
    """An invitation as the holder of its link sees it. `person_id` is the person of that address, if there is one."""

    invitation_id: int
    tenant_id: int
    organisation: str
    email: str
    role: str
    site_ids: list[int] | None
    invited_by: str
    person_id: int | None


async def find_invited(conn: Connection, token_hash: bytes, now: datetime) -> Invited | None:
    """The invitation of this link, if it can still be accepted; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(Invited))
    return await (await cursor.execute("SELECT * FROM access_invitation(%s, %s)", (token_hash, now))).fetchone()


async def insert_invitation(
    conn: Connection,
    tenant_id: int,
    *,
    email: str,
    role: str,
    site_ids: list[int] | None,
    token_hash: bytes,
    invited_by: str,
    now: datetime,
    expires_at: datetime,
) -> InvitationRow | None:
    """Stores an invitation in place of an expired one; None if one of this address is still open."""
    await conn.execute(
        f"UPDATE invitations SET revoked_at = %s WHERE tenant_id = %s AND email = lower(%s) AND {_OPEN}"
        " AND expires_at <= %s",
        (now, tenant_id, email, now),
    )
    cursor = conn.cursor(row_factory=class_row(InvitationRow))
    await cursor.execute(
        "INSERT INTO invitations (tenant_id, email, role, site_ids, token_hash, invited_by, created_at, expires_at)"
        " VALUES (%s, lower(%s), %s, %s, %s, %s, %s, %s)"
        f" ON CONFLICT (tenant_id, email) WHERE {_OPEN} DO NOTHING RETURNING {_INVITATION}",
        (tenant_id, email, role, site_ids, token_hash, invited_by, now, expires_at),
    )
    return await cursor.fetchone()


async def count_open(conn: Connection, tenant_id: int) -> int:
    """Invitations that wait, expired ones too."""
    row = await (
        await conn.execute(f"SELECT count(*) FROM invitations WHERE tenant_id = %s AND {_OPEN}", (tenant_id,))
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_invitations(
    conn: Connection, tenant_id: int, *, order: Age = "oldest", place: Place = None, limit: int
) -> list[InvitationRow]:
    """Invitations that wait, behind the id of a place."""
    cursor = conn.cursor(row_factory=class_row(InvitationRow))
    await cursor.execute(
        f"SELECT {_INVITATION} FROM invitations WHERE tenant_id = %(tenant_id)s AND {_OPEN}"
        f" {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_invitations_at(
    conn: Connection, tenant_id: int, site_ids: Sequence[int], limit: int
) -> list[InvitationRow]:
    """Invitations that wait and whose limit names one of these sites, oldest first."""
    cursor = conn.cursor(row_factory=class_row(InvitationRow))
    await cursor.execute(
        f"SELECT {_INVITATION} FROM invitations WHERE tenant_id = %s AND {_OPEN} AND site_ids && %s::int[]"
        " ORDER BY invitation_id LIMIT %s",
        (tenant_id, list(site_ids), limit),
    )
    return await cursor.fetchall()


async def renew_invitation(
    conn: Connection, tenant_id: int, invitation_id: int, token_hash: bytes, expires_at: datetime
) -> InvitationRow | None:
    """Gives an open invitation another link, so that the one before is void; None if there is none."""
    cursor = conn.cursor(row_factory=class_row(InvitationRow))
    await cursor.execute(
        "UPDATE invitations SET token_hash = %s, expires_at = %s"
        f" WHERE tenant_id = %s AND invitation_id = %s AND {_OPEN} RETURNING {_INVITATION}",
        (token_hash, expires_at, tenant_id, invitation_id),
    )
    return await cursor.fetchone()


async def revoke_invitation(
    conn: Connection, tenant_id: int, invitation_id: int, now: datetime
) -> InvitationRow | None:
    """Voids an open invitation; None if there is none."""
    cursor = conn.cursor(row_factory=class_row(InvitationRow))
    await cursor.execute(
        f"UPDATE invitations SET revoked_at = %s WHERE tenant_id = %s AND invitation_id = %s AND {_OPEN}"
        f" RETURNING {_INVITATION}",
        (now, tenant_id, invitation_id),
    )
    return await cursor.fetchone()


async def take_invitation(conn: Connection, tenant_id: int, invitation_id: int, now: datetime) -> bool:
    """Marks an invitation as accepted; False if somebody was first, or it is void."""
    cursor = await conn.execute(
        f"UPDATE invitations SET accepted_at = %s WHERE tenant_id = %s AND invitation_id = %s AND {_OPEN}"
        " AND expires_at > %s",
        (now, tenant_id, invitation_id, now),
    )
    return cursor.rowcount == 1
