"""Routes of API keys."""

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import service, store
from forecourt.access.guard import Asker, Database, Doorkeeper
from forecourt.access.model import KeyUnknown, Role, Verb
from forecourt.access.store import KeyRow
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page

CURSORS = Cursors("keys")
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Grid app"])]


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an API key is for and may do."""

    name: Annotated[Name, Meta(description="What it is for, so that you know later what you revoke.")]
    role: Annotated[Role, Meta(description="What it may do.", examples=["viewer"])]


class Key(Struct, frozen=True, kw_only=True):
    """One API key, without its secret."""

    id: int
    name: str
    role: Role
    created_at: datetime
    last_used_at: Annotated[datetime | None, Meta(description="To the minute; null: never used.")]
    revoked_at: datetime | None


class KeyMade(Struct, frozen=True, kw_only=True):
    """A new API key with its secret, which is shown this once."""

    id: int
    name: str
    role: Role
    created_at: datetime
    key: Annotated[
        str, Meta(description="Send it as `Authorization: Bearer`. It is not kept and can't be shown again.")
    ]


@post("/keys", opt={"verb": Verb.KEYS}, summary="Make an API key", tags=["keys"])
async def create_key(data: JSONBody[NewKey], actor: Asker, access: Doorkeeper) -> KeyMade:
    row, key = await access.create_key(actor, data.name, data.role)
    return KeyMade(id=row.key_id, name=row.name, role=Role(row.role), created_at=row.created_at, key=key)


@get(
    "/keys", opt={"verb": Verb.KEYS, "problems": [CursorRefused]}, summary="List API keys, oldest first", tags=["keys"]
)
async def list_keys(
    actor: Asker,
    db: Database,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Key]:
    after = (CURSORS.decode(cursor) or (0,))[0]
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_keys(conn, actor.tenant_id, after, limit + 1)
    return CURSORS.page(rows, limit, lambda row: (row.key_id,), _shown)


@delete(
    "/keys/{key_id:int}",
    opt={"verb": Verb.KEYS, "problems": [KeyUnknown]},
    status_code=200,
    summary="Revoke an API key from the next request on",
    tags=["keys"],
)
async def revoke_key(
    key_id: Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The key's id.")],
    actor: Asker,
    db: Database,
) -> Key:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.revoke_key(conn, actor, key_id))


def _shown(row: KeyRow) -> Key:
    return Key(
        id=row.key_id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


routes = Router("/", route_handlers=[create_key, list_keys, revoke_key])
