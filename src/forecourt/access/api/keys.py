"""Routes of API keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from litestar import delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import service, store
from forecourt.access.api.fields import Moment, Name, SiteLimit, Sites, SitesShown
from forecourt.access.errors import ExpiryRefused, RightsExceeded, ScopeUnknown, SitesRefused
from forecourt.access.guard import Asker, Database, Doorkeeper
from forecourt.access.limits import Limits, scopes_of
from forecourt.access.model import KeyUnknown, Role, Verb
from forecourt.access.store import KeyOrder, KeyRow
from forecourt.platform.ordering import Place
from forecourt.platform.paging import (
    CursorRefused,
    Cursors,
    Limit,
    NextCursor,
    Page,
    place_in_time,
    time_of_place,
)

CURSORS: Mapping[KeyOrder, Cursors] = {
    "oldest": Cursors("keys"),
    "newest": Cursors("newest keys"),
    "name": Cursors("keys by name"),
    "used": Cursors("keys by last use", 2),
}
KeyInPath = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The key's id.")]


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an API key is for and may do."""

    name: Annotated[
        Name, Meta(description="What it is for, so that you know later what you revoke.", examples=["Grid app"])
    ]
    role: Annotated[Role, Meta(description="What it may do.", examples=["viewer"])]
    scopes: Annotated[
        Annotated[list[str], Meta(max_length=100)] | None,
        Meta(
            description="Of what its role allows, only this; null: all of it.",
            examples=[["read", "control"]],
        ),
    ] = None
    sites: SiteLimit = None
    expires_at: Annotated[Moment | None, Meta(description="From then on it is refused; null: never.")] = None


class Key(Struct, frozen=True, kw_only=True):
    """One API key, without its secret."""

    id: int
    name: str
    role: Role
    scopes: Annotated[list[str] | None, Meta(description="Null: all that its role allows.")]
    sites: SitesShown
    prefix: Annotated[
        str | None, Meta(description="How the secret begins; null for a key made before these were kept.")
    ]
    created_at: datetime
    created_by: Annotated[str | None, Meta(examples=["person:3 Ada"])]
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="To the minute; null: never used.")]
    last_used_from: Annotated[str | None, Meta(description="The network address it was last used from.")]
    revoked_at: datetime | None


class KeyMade(Struct, frozen=True, kw_only=True):
    """A new API key with its secret, which is shown this once."""

    id: int
    name: str
    role: Role
    scopes: list[str] | None
    sites: SitesShown
    prefix: str | None
    created_at: datetime
    expires_at: datetime | None
    key: Annotated[
        str, Meta(description="Send it as `Authorization: Bearer`. It is not kept and can't be shown again.")
    ]


@post(
    "/keys",
    opt={"verb": Verb.KEYS, "problems": [ScopeUnknown, SitesRefused, ExpiryRefused, RightsExceeded]},
    summary="Make an API key",
    tags=["keys"],
)
async def create_key(
    data: JSONBody[NewKey], actor: Asker, db: Database, access: Doorkeeper, site_directory: Sites
) -> KeyMade:
    async with db.tenant(actor.tenant_id) as conn:
        limits = Limits(await site_directory(conn, actor.tenant_id))
        row, key = await access.create_key(
            conn,
            actor,
            data.name,
            data.role,
            scopes=scopes_of(data.scopes),
            site_ids=limits.ids(data.role, data.sites),
            expires_at=data.expires_at,
        )
    shown = _shown(row, limits)
    same = {name: getattr(shown, name) for name in KeyMade.__struct_fields__ if name != "key"}
    return KeyMade(**same, key=key)


@get("/keys", opt={"verb": Verb.KEYS, "problems": [CursorRefused]}, summary="List API keys", tags=["keys"])
async def list_keys(
    actor: Asker,
    db: Database,
    site_directory: Sites,
    role: Annotated[Role | None, QueryParameter(description="Only those of this role.")] = None,
    revoked: Annotated[bool | None, QueryParameter(description="Only revoked ones, or only the others.")] = None,
    sort: Annotated[
        KeyOrder,
        QueryParameter(
            description="Those made first or last come first, by name, or those used last first. One that is used while"
            " you page by last use moves to the front."
        ),
    ] = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Key]:
    place = _place(sort, cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_keys(conn, actor.tenant_id, place, limit + 1, order=sort, role=role, revoked=revoked)
        limits = Limits(await site_directory(conn, actor.tenant_id))

    def placed(row: KeyRow) -> tuple[int, ...]:
        used = 0 if row.last_used_at is None else place_in_time(row.last_used_at)
        return (used, row.key_id) if sort == "used" else (row.key_id,)

    return CURSORS[sort].page(rows, limit, placed, lambda row: _shown(row, limits))


def _place(sort: KeyOrder, cursor: str | None) -> Place:
    """What a cursor stands for in this order; None: the beginning."""
    place = CURSORS[sort].decode(cursor)
    return place if place is None or sort != "used" else (time_of_place(place[0]), place[1])


@get("/keys/{key_id:int}", opt={"verb": Verb.KEYS, "problems": [KeyUnknown]}, summary="Show an API key", tags=["keys"])
async def find_key(key_id: KeyInPath, actor: Asker, db: Database, site_directory: Sites) -> Key:
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_keys(conn, actor.tenant_id, (key_id - 1,), 1)
        limits = Limits(await site_directory(conn, actor.tenant_id))
    if not rows or rows[0].key_id != key_id:
        raise KeyUnknown
    return _shown(rows[0], limits)


@delete(
    "/keys/{key_id:int}",
    opt={"verb": Verb.KEYS, "problems": [KeyUnknown]},
    status_code=200,
    summary="Revoke an API key from the next request on",
    tags=["keys"],
)
async def revoke_key(
    key_id: KeyInPath,
    actor: Asker,
    db: Database,
    site_directory: Sites,
) -> Key:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.revoke_key(conn, actor, key_id)
        return _shown(row, Limits(await site_directory(conn, actor.tenant_id)))


def _shown(row: KeyRow, limits: Limits) -> Key:
    return Key(
        id=row.key_id,
        name=row.name,
        role=Role(row.role),
        scopes=row.scopes,
        sites=limits.slugs(row.site_ids),
        prefix=row.prefix,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_from=row.last_address,
        revoked_at=row.revoked_at,
    )
