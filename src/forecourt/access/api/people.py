"""Routes of people and of invitations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import members, store
from forecourt.access.api.fields import Email, Inviter, Now, Number, SiteLimit, Sites, SitesShown
from forecourt.access.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationUnknown,
    LastOwner,
    PersonUnknown,
    RightsExceeded,
    SitesRefused,
    TooManyInvitations,
)
from forecourt.access.guard import Asker, Database
from forecourt.access.limits import Limits
from forecourt.access.model import Role, Verb
from forecourt.access.store import InvitationRow, MemberOrder, MemberRow
from forecourt.platform.paging import ByAge, CursorRefused, Cursors, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.search_parameter import Search
from forecourt.platform.tagging import IfMatch, tagged

CURSORS: Mapping[MemberOrder, Cursors] = {
    "oldest": Cursors("people"),
    "newest": Cursors("newest people"),
    "name": Cursors("people by name", 2),
    "email": Cursors("people by e-mail"),
}
INVITATION_CURSORS = cursors_by_age("invitations", first="oldest")


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who belongs to the organisation."""

    id: int
    email: str
    name: str
    role: Role
    sites: SitesShown
    invited_by: str | None
    joined_at: datetime
    signed_in: Annotated[bool, Meta(description="Has a browser session in this organisation.")]


class PersonChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What they shall be; what is absent stays as it is."""

    role: Role | UnsetType = UNSET
    sites: SiteLimit | UnsetType = UNSET


class NewInvitation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to invite, and as what."""

    email: Email
    role: Annotated[Role, Meta(examples=["technician"])]
    sites: SiteLimit = None


class Invitation(Struct, frozen=True, kw_only=True):
    """An invitation that waits for an answer."""

    id: int
    email: str
    role: Role
    sites: SitesShown
    invited_by: str
    created_at: datetime
    expires_at: Annotated[datetime, Meta(description="From then on its link is void, until it is sent again.")]


@get(
    "/people",
    opt={"verb": Verb.PEOPLE, "problems": [CursorRefused]},
    summary="List who belongs to the organisation",
    tags=["people"],
)
async def list_people(
    actor: Asker,
    db: Database,
    site_directory: Sites,
    role: Annotated[Role | None, QueryParameter(description="Only those of this role.")] = None,
    search: Search = None,
    sort: Annotated[
        MemberOrder,
        QueryParameter(description="Those who came first or last come first, or by name, or by e-mail address."),
    ] = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Person]:
    named = sort in ("name", "email")
    place = CURSORS[sort].decode_names(cursor) if named else CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_members(conn, actor.tenant_id, place, limit + 1, order=sort, role=role, search=search)
        limits = Limits(await site_directory(conn, actor.tenant_id))

    def placed(row: MemberRow) -> tuple[int, ...] | tuple[str, ...]:
        if sort == "name":
            return row.name, row.email
        return (row.email,) if sort == "email" else (row.person_id,)

    return CURSORS[sort].page(rows, limit, placed, lambda row: _person(row, limits))


@get(
    "/people/{person_id:int}",
    opt={"verb": Verb.PEOPLE, "etag": True, "problems": [PersonUnknown]},
    summary="Show a person",
    tags=["people"],
)
async def find_person(person_id: Number, actor: Asker, db: Database, site_directory: Sites) -> Response[Person]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await members.find_member(conn, actor.tenant_id, person_id)
        limits = Limits(await site_directory(conn, actor.tenant_id))
    return tagged(_person(row, limits), members.member_tag(row))


@patch(
    "/people/{person_id:int}",
    opt={
        "verb": Verb.PEOPLE,
        "etag": True,
        "problems": [PersonUnknown, ChangedMeanwhile, LastOwner, SitesRefused, RightsExceeded],
    },
    summary="Change a person's role or the sites they are limited to",
    description="It holds from their next request on.",
    tags=["people"],
)
async def change_person(
    person_id: Number,
    data: JSONBody[PersonChange],
    actor: Asker,
    db: Database,
    site_directory: Sites,
    if_match: IfMatch = None,
) -> Response[Person]:
    async with db.tenant(actor.tenant_id) as conn:
        limits = Limits(await site_directory(conn, actor.tenant_id))
        before = await members.find_member(conn, actor.tenant_id, person_id)
        role = Role(before.role) if data.role is UNSET else data.role
        sites = before.site_ids if data.sites is UNSET else data.sites
        row = await members.change_member(conn, actor, limits, person_id, role, sites, if_match)
    return tagged(_person(row, limits), members.member_tag(row))


@delete(
    "/people/{person_id:int}",
    opt={"verb": Verb.PEOPLE, "problems": [PersonUnknown, LastOwner, RightsExceeded]},
    status_code=200,
    summary="Remove a person from the organisation",
    description="Their browser sessions in it end at once. They stay a person of other organisations.",
    tags=["people"],
)
async def remove_person(person_id: Number, actor: Asker, db: Database, clock: Now, site_directory: Sites) -> Person:
    async with db.tenant(actor.tenant_id) as conn:
        row = await members.remove_member(conn, actor, person_id, clock.now())
        return _person(row, Limits(await site_directory(conn, actor.tenant_id)))


@post(
    "/invitations",
    opt={
        "verb": Verb.PEOPLE,
        "problems": [AlreadyMember, AlreadyInvited, TooManyInvitations, SitesRefused, RightsExceeded],
    },
    summary="Invite somebody by a letter",
    description="Its link works once, for seven days. Who opens it chooses a password, or accepts as who they are.",
    tags=["people"],
)
async def invite(
    data: JSONBody[NewInvitation], actor: Asker, db: Database, invitations: Inviter, site_directory: Sites
) -> Invitation:
    async with db.tenant(actor.tenant_id) as conn:
        limits = Limits(await site_directory(conn, actor.tenant_id))
        row = await invitations.invite(conn, actor, limits, email=data.email, role=data.role, sites=data.sites)
    return _invitation(row, limits)


@get(
    "/invitations",
    opt={"verb": Verb.PEOPLE, "problems": [CursorRefused]},
    summary="List invitations that wait for an answer",
    tags=["people"],
)
async def list_invitations(
    actor: Asker,
    db: Database,
    site_directory: Sites,
    sort: ByAge = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Invitation]:
    cursors = INVITATION_CURSORS[sort]
    place = cursors.decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_invitations(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
        limits = Limits(await site_directory(conn, actor.tenant_id))
    return cursors.page(rows, limit, lambda row: (row.invitation_id,), lambda row: _invitation(row, limits))


@post(
    "/invitations/{invitation_id:int}/resend",
    opt={"verb": Verb.PEOPLE, "problems": [InvitationUnknown, RightsExceeded]},
    status_code=200,
    summary="Send an invitation again, with another link",
    tags=["people"],
)
async def resend_invitation(
    invitation_id: Number, actor: Asker, db: Database, invitations: Inviter, site_directory: Sites
) -> Invitation:
    async with db.tenant(actor.tenant_id) as conn:
        row = await invitations.resend(conn, actor, invitation_id)
        return _invitation(row, Limits(await site_directory(conn, actor.tenant_id)))


@delete(
    "/invitations/{invitation_id:int}",
    opt={"verb": Verb.PEOPLE, "problems": [InvitationUnknown]},
    status_code=200,
    summary="Revoke an invitation",
    tags=["people"],
)
async def revoke_invitation(
    invitation_id: Number, actor: Asker, db: Database, invitations: Inviter, site_directory: Sites
) -> Invitation:
    async with db.tenant(actor.tenant_id) as conn:
        row = await invitations.revoke(conn, actor, invitation_id)
        return _invitation(row, Limits(await site_directory(conn, actor.tenant_id)))


def _person(row: MemberRow, limits: Limits) -> Person:
    return Person(
        id=row.person_id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        sites=limits.slugs(row.site_ids),
        invited_by=row.invited_by,
        joined_at=row.joined_at,
        signed_in=row.signed_in,
    )


def _invitation(row: InvitationRow, limits: Limits) -> Invitation:
    return Invitation(
        id=row.invitation_id,
        email=row.email,
        role=Role(row.role),
        sites=limits.slugs(row.site_ids),
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
