"""Routes of the organisation, and of whoever asks."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, get, patch
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import members, store
from forecourt.access.api.fields import Language, Name, Sites, SitesShown, Spoken
from forecourt.access.errors import LanguageRefused, NotAPerson, ZoneRefused
from forecourt.access.guard import Asker, Database
from forecourt.access.limits import Limits
from forecourt.access.model import Actor, Role, Verb
from forecourt.access.store import OrganisationRow
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged


class Organisation(Struct, frozen=True, kw_only=True):
    """The organisation that the asker acts for."""

    id: int
    name: str
    time_zone: Annotated[str, Meta(description="Of new sites, and of the times that every page says.")]
    language: Annotated[str, Meta(description="Of letters to people whose own is not known.")]
    created_at: datetime


class OrganisationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change; what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    time_zone: Annotated[Name, Meta(description="IANA name.", examples=["Europe/Berlin"])] | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class OrganisationOfMine(Struct, frozen=True, kw_only=True):
    """An organisation that the asker belongs to."""

    id: int
    name: str
    role: Role


class Me(Struct, frozen=True, kw_only=True):
    """Whoever asks."""

    kind: Literal["person", "key"]
    id: int
    name: str
    email: Annotated[str | None, Meta(description="Null for a key.")]
    language: Annotated[str | None, Meta(description="Null: whatever the browser asks for.")]
    role: Role
    scopes: Annotated[list[str], Meta(description="What they may do, by the names that keys' scopes have.")]
    sites: SitesShown
    organisation: OrganisationOfMine
    organisations: Annotated[list[OrganisationOfMine], Meta(description="All that they belong to.")]


class MeChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change; what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType | None = UNSET


@get("/organisation", opt={"etag": True}, summary="Show the organisation", tags=["organisation"])
async def find_organisation(actor: Asker, db: Database) -> Response[Organisation]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await store.find_organisation(conn, actor.tenant_id)
    return tagged(_organisation(row), etag(row))


@patch(
    "/organisation",
    opt={"verb": Verb.ORGANISATION, "etag": True, "problems": [ChangedMeanwhile, ZoneRefused, LanguageRefused]},
    summary="Change the organisation",
    tags=["organisation"],
)
async def change_organisation(
    data: JSONBody[OrganisationChange], actor: Asker, db: Database, spoken: Spoken, if_match: IfMatch = None
) -> Response[Organisation]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await members.change_organisation(
            conn,
            actor,
            name=None if data.name is UNSET else data.name,
            time_zone=None if data.time_zone is UNSET else data.time_zone,
            language=None if data.language is UNSET else data.language,
            spoken=spoken,
            if_match=if_match,
        )
    return tagged(_organisation(row), etag(row))


@get("/me", opt={"etag": True}, summary="Show who asks and what they may do", tags=["organisation"])
async def find_me(actor: Asker, db: Database, site_directory: Sites) -> Response[Me]:
    return await _me(actor, db, site_directory)


@patch(
    "/me",
    opt={"etag": True, "problems": [NotAPerson, ChangedMeanwhile, LanguageRefused]},
    summary="Change what you say of yourself",
    tags=["organisation"],
)
async def change_me(
    data: JSONBody[MeChange],
    actor: Asker,
    db: Database,
    spoken: Spoken,
    site_directory: Sites,
    if_match: IfMatch = None,
) -> Response[Me]:
    async with db.tenant(actor.tenant_id, person_id=actor.person_id) as conn:
        before = await members.find_profile(conn, actor)
        await members.change_profile(
            conn,
            actor,
            name=before.name if data.name is UNSET else data.name,
            language=before.language if data.language is UNSET else data.language,
            spoken=spoken,
            if_match=if_match,
        )
    return await _me(actor, db, site_directory)


async def _me(actor: Actor, db: Database, site_directory: Sites) -> Response[Me]:
    own = OrganisationOfMine(id=actor.tenant_id, name=actor.organisation, role=actor.role)
    async with db.tenant(actor.tenant_id, person_id=actor.person_id) as conn:
        limits = Limits(await site_directory(conn, actor.tenant_id))
        profile = None if actor.person_id is None else await members.find_profile(conn, actor)
        mine = [] if actor.person_id is None else await store.list_memberships(conn, actor.person_id)
    me = Me(
        kind=actor.kind,
        id=actor.id,
        name=actor.name if profile is None else profile.name,
        email=None if profile is None else profile.email,
        language=None if profile is None else profile.language,
        role=actor.role,
        scopes=[verb.scope for verb in Verb if actor.may(verb)],
        sites=limits.slugs(actor.sites),
        organisation=own,
        organisations=[
            OrganisationOfMine(id=each.tenant_id, name=each.organisation, role=Role(each.role)) for each in mine
        ]
        or [own],
    )
    return tagged(me, etag(me if profile is None else profile))


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(
        id=row.tenant_id, name=row.name, time_zone=row.time_zone, language=row.language, created_at=row.created_at
    )
