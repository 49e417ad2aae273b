"""Routes of API keys and of the audit."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import service, store
from forecourt.access.guard import Asker, Database, Doorkeeper
from forecourt.access.model import KeyUnknown, Role, Verb
from forecourt.access.store import AuditRow, KeyRow
from forecourt.platform.paging import NEWEST, CursorRefused, Cursors, From, Limit, NextCursor, Page, To

CURSORS = Cursors("keys")
AUDIT_CURSORS = Cursors("audit")
#: The longest text that the audit is searched for.
MAX_SOUGHT = 300
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


class Entry(Struct, frozen=True, kw_only=True):
    """What somebody did."""

    id: int
    at: datetime
    actor: Annotated[str, Meta(description="Who did it.", examples=["operator:3 Ada", "key:7 Grid app"])]
    action: Annotated[str, Meta(examples=["change station"])]
    object: Annotated[str, Meta(description="What it was done to.", examples=["station:CP1"])]
    detail: dict[str, Any]


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


@get(
    "/audit",
    opt={"verb": Verb.AUDIT, "problems": [CursorRefused]},
    summary="Read who did what to what, newest first",
    description="It is only ever added to: nobody can change or delete what stands there.",
    tags=["audit"],
)
async def list_audit(
    actor: Asker,
    db: Database,
    by: Annotated[
        str | None,
        QueryParameter(name="actor", max_length=MAX_SOUGHT, description="Only what they did: `key:7`, or the whole."),
    ] = None,
    action: Annotated[str | None, QueryParameter(max_length=MAX_SOUGHT, description="Only this action.")] = None,
    subject: Annotated[
        str | None,
        QueryParameter(name="object", max_length=MAX_SOUGHT, description="Only what was done to it: `station:CP1`."),
    ] = None,
    since: From = None,
    until: To = None,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Entry]:
    before = (AUDIT_CURSORS.decode(cursor) or (NEWEST,))[0]
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_audit(
            conn,
            actor.tenant_id,
            actor=by,
            action=action,
            subject=subject,
            since=since,
            until=until,
            before=before,
            limit=limit + 1,
        )
    return AUDIT_CURSORS.page(rows, limit, lambda row: (row.audit_id,), _entry)


def _entry(row: AuditRow) -> Entry:
    return Entry(id=row.audit_id, at=row.at, actor=row.actor, action=row.action, object=row.subject, detail=row.detail)


def _shown(row: KeyRow) -> Key:
    return Key(
        id=row.key_id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


routes = Router("/", route_handlers=[create_key, list_keys, revoke_key, list_audit])
