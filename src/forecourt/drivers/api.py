"""Routes of tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Response, Router, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers import service, store
from forecourt.drivers.model import MAX_UID_LENGTH, Token, TokenState, TokenUnknown, uid_key
from forecourt.drivers.store import Order, TokenFilter, TokenRow
from forecourt.platform.paging import NEWEST, CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.search_parameter import Search
from forecourt.platform.sheets import Imported, SheetBody, SheetRefused, imported
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import HIDDEN, NAME_LINE

CURSORS: Mapping[Order, Cursors] = {
    "oldest": Cursors("tokens"),
    "newest": Cursors("newest tokens"),
    "uid": Cursors("tokens by uid"),
}
TYPE_PATTERN = r"^[A-Za-z0-9_-]+$"
UID_PATTERN = rf"^[^{HIDDEN}]+$"
Uid = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_UID_LENGTH,
        pattern=UID_PATTERN,
        description="What the station sends: the serial number of a card, an eMAID, ... Compared without case.",
        examples=["04A2B1C3D4E5F6"],
    ),
]
DriverInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The driver's number.")]
UidInPath = Annotated[
    str,
    PathParameter(
        min_length=1,
        max_length=MAX_UID_LENGTH,
        pattern=UID_PATTERN,
        description="The token's uid, in whatever case; a slash in it as %2F.",
    ),
]
TokenType = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=20,
        pattern=TYPE_PATTERN,
        description="OCPP's IdTokenEnumType. OCPP 1.6 stations say nothing of it.",
        examples=["ISO14443", "ISO15693", "eMAID", "MacAddress", "Central"],
    ),
]
Moment = Annotated[datetime, Meta(tz=True, examples=["2030-01-01T00:00:00Z"])]

Note = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE)]
DriverName = Annotated[
    Note, Meta(description="Who uses it; a note, nothing is decided by it.", examples=["Ada Lovelace"])
]
DriverReference = Annotated[Note, Meta(description="A personnel or customer number.", examples=["P-1815"])]
Vehicle = Annotated[Note, Meta(description="A note of the vehicle.", examples=["B-AL 1815, van"])]


class NewToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token as it shall be."""

    uid: Uid
    type: TokenType
    status: TokenState
    group: Annotated[Uid | None, Meta(description="The uid of its group: tokens of one group stop each other's.")] = (
        None
    )
    expires_at: Annotated[Moment | None, Meta(description="From then on it counts as expired.")] = None
    driver_name: DriverName | None = None
    driver_reference: DriverReference | None = None
    vehicle: Vehicle | None = None


class TokenChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a token; what is absent stays as it is."""

    type: TokenType | UnsetType = UNSET
    status: TokenState | UnsetType = UNSET
    group: Uid | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    driver_name: DriverName | UnsetType | None = UNSET
    driver_reference: DriverReference | UnsetType | None = UNSET
    vehicle: Vehicle | UnsetType | None = UNSET


@post(
    "/tokens",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True},
    summary="Store a token",
    description="Answers 201 for a new token. One whose uid exists already, in whatever case, is replaced: 200.",
    responses={200: ResponseSpec(Token, description="The token existed and was replaced.", generate_examples=False)},
    tags=["tokens"],
)
async def put_token(data: JSONBody[NewToken], actor: Asker, db: Database) -> Response[Token]:
    async with db.tenant(actor.tenant_id) as conn:
        token, new = await service.put_token(
            conn,
            actor,
            uid=data.uid,
            type_=data.type,
            status=data.status,
            group=data.group,
            expires_at=data.expires_at,
            driver_name=data.driver_name,
            driver_reference=data.driver_reference,
            vehicle=data.vehicle,
        )
    return Response(token, status_code=201 if new else 200, headers={"etag": etag(token)})


@get("/tokens", opt={"problems": [CursorRefused]}, summary="List tokens", tags=["tokens"])
async def list_tokens(
    actor: Asker,
    db: Database,
    status: Annotated[TokenState | None, QueryParameter(description="Only those with this status.")] = None,
    kind: Annotated[
        str | None,
        QueryParameter(name="type", max_length=20, pattern=TYPE_PATTERN, description="Only those of this type."),
    ] = None,
    group: Annotated[
        str | None,
        QueryParameter(
            max_length=MAX_UID_LENGTH, pattern=UID_PATTERN, description="Only those of this group, in whatever case."
        ),
    ] = None,
    search: Search = None,
    sort: Annotated[
        Order, QueryParameter(description="Those stored first or last come first, or by uid without its case.")
    ] = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Token]:
    cursors = CURSORS[sort]
    place = cursors.decode_names(cursor) if sort == "uid" else cursors.decode(cursor)
    wanted = TokenFilter(
        status=None if status is None else status.value,
        type=kind,
        group_key=None if group is None else uid_key(group),
        search=search,
    )
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_tokens(conn, actor.tenant_id, wanted, order=sort, place=place, limit=limit + 1)

    def placed(row: TokenRow) -> tuple[int] | tuple[str]:
        return (uid_key(row.uid),) if sort == "uid" else (row.number,)

    return cursors.page(rows, limit, placed, service.shown)


@post(
    "/tokens/import",
    opt={
        "verb": Verb.CHANGE_TOKENS,
        "problems": [SheetRefused],
        "example": {"csv": "uid,type,status,driver_name\n04A2B1C3D4E5F6,ISO14443,accepted,Ada Lovelace\n"},
    },
    status_code=200,
    summary="Import tokens from CSV, or say what that would do",
    description=(
        "Columns: `uid`, and any of `type`, `status`, `group`, `expires_at`, `driver_name`, `driver_reference`,"
        " `vehicle`. A column that is absent leaves existing tokens as they are. Lines that are refused are left out,"
        " all others are done in one transaction; a second time nothing changes."
    ),
    tags=["tokens"],
)
async def import_tokens(data: JSONBody[SheetBody], actor: Asker, db: Database) -> Imported:
    async with db.tenant(actor.tenant_id) as conn:
        return imported(await service.import_tokens(conn, actor, data.csv, dry_run=data.dry_run))


@get(
    "/tokens/{uid:str}",
    opt={"etag": True, "problems": [TokenUnknown]},
    summary="Show a token",
    tags=["tokens"],
)
async def find_token(uid: UidInPath, actor: Asker, db: Database) -> Response[Token]:
    async with db.tenant(actor.tenant_id) as conn:
        token = await service.find_token(conn, actor.tenant_id, uid)
    return tagged(token, etag(token))


@patch(
    "/tokens/{uid:str}",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True, "problems": [TokenUnknown, ChangedMeanwhile]},
    summary="Change a token",
    tags=["tokens"],
)
async def change_token(
    uid: UidInPath, data: JSONBody[TokenChange], actor: Asker, db: Database, if_match: IfMatch = None
) -> Response[Token]:
    async with db.tenant(actor.tenant_id) as conn:
        token = await service.change_token(conn, actor, uid, _columns(data), if_match)
    return tagged(token, etag(token))


@delete(
    "/tokens/{uid:str}",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [TokenUnknown]},
    summary="Forget a token",
    description="From then on it is unknown. To keep what was decided about it, set its status to `blocked` instead.",
    tags=["tokens"],
)
async def delete_token(uid: UidInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete_token(conn, actor, uid)


class TokenDeleted(Struct, frozen=True, kw_only=True):
    """What is left to tell of a token that was deleted."""

    uid: str
    deleted: Literal[True] = True


async def describe_token(conn: store.Connection, tenant_id: int, subject: str) -> Token | TokenDeleted:
    """What `GET /tokens/{uid}` shows, for those who hear of a token elsewhere."""
    uid = subject.removeprefix(f"{tenant_id}:")
    row = await store.find_token(conn, tenant_id, uid_key(uid))
    return TokenDeleted(uid=uid) if row is None else service.shown(row)


def _columns(change: TokenChange) -> dict[str, Any]:
    """The columns that a change names, by their names in the database."""
    given = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
    if "group" in given:
        given["group_uid"] = given.pop("group")
    if "status" in given:
        given["status"] = change.status.value if isinstance(change.status, TokenState) else None
    return given


routes = Router("/", route_handlers=[put_token, list_tokens, import_tokens, find_token, change_token, delete_token])
