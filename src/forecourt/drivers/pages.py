"""The screens of tokens: the list, one token, and what an operator does to them.

Sessions are not known here: the page of a token asks for their fragment by its address, and when a token was last used
arrives by a Protocol.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.access.model import Actor
from forecourt.drivers import service, store
from forecourt.drivers.model import MAX_UID_LENGTH, TokenState, TokenUnknown, decided, uid_key
from forecourt.drivers.sheet import COLUMNS, read_form
from forecourt.drivers.store import TokenFilter
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.paging import NEWEST, Cursors
from forecourt.platform.sheets import MAX_CELL, Plan, Wrong
from forecourt.ui.i18n import mark
from forecourt.ui.sheets import ImportPage, ImportScreen
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
#: Lines of one page.
PAGE_SIZE: Final = 50
CURSORS: Final = Cursors("tokens on a page")
#: What a connector's dot would be for each decision, so that tokens need no colours of their own.
TONES: Final = {
    "accepted": "Available",
    "blocked": "Faulted",
    "expired": "SuspendedEV",
    "invalid": "Unavailable",
    "no_credit": "SuspendedEV",
}
#: Token types that people choose from; any other of OCPP may be typed.
TYPES: Final = ("ISO14443", "ISO15693", "eMAID", "Central", "KeyCode", "MacAddress", "Local")
IMPORT: Final = ImportPage(
    path="/tokens/import",
    current="tokens",
    back="/tokens",
    title=mark("Import tokens"),
    intro=mark("One line a token, known by its uid: new ones are created, existing ones changed."),
    columns={name: rule for name, (_, rule) in COLUMNS.items()},
    example="uid,status,driver_name,vehicle\n04A2B1C3D4E5F6,accepted,Ada Lovelace,B-AL 1815",
)
#: What was just done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "blocked": mark("Blocked. From now on it can't start a session; one that runs goes on."),
    "unblocked": mark("Accepted again. It can start a session at once."),
    "deleted": mark("Deleted. It is unknown from now on; its sessions stay."),
}

_TEXT: Final = r"^[^\x00]*$"
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
StatusWord = Annotated[str, QueryParameter(name="status", max_length=20)]
Group = Annotated[str, QueryParameter(name="group", max_length=MAX_UID_LENGTH, pattern=_TEXT)]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=200)]
Uid = Annotated[str, QueryParameter(name="uid", max_length=MAX_UID_LENGTH, pattern=_TEXT)]
Kind = Annotated[str, QueryParameter(name="type", max_length=20, pattern=_TEXT)]
Done = Annotated[str, QueryParameter(name="done", max_length=20)]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
WebRequest = Request[Any, Any, Any]


class LastUse(Protocol):
    """When a session last began with each of these tokens; those never used are left out."""

    async def __call__(self, tenant_id: int, uids: Sequence[str], /) -> Mapping[str, datetime]: ...


class TokenForm(Struct, frozen=True, kw_only=True):
    """What the form sends; the rules of its fields are those of a sheet's columns."""

    uid: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    type: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    status: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    group: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    expires_at: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    driver_name: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    driver_reference: Annotated[str, Meta(max_length=MAX_CELL)] = ""
    vehicle: Annotated[str, Meta(max_length=MAX_CELL)] = ""


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    search: str = ""
    status: str = ""
    group: str = ""

    @property
    def any(self) -> bool:
        return bool(self.search or self.status or self.group)

    def href(self, **changes: str) -> str:
        """The address of the list with some of it changed."""
        asked = {"q": self.search, "status": self.status, "group": self.group, **changes}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/tokens?{query}" if query else "/tokens"


class TokenPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, last_use: LastUse) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._last_use = last_use

    async def show(
        self, request: WebRequest, viewer: Viewer, filters: Filters, cursor: str, done: str
    ) -> Response[str]:
        place = CURSORS.decode(cursor or None)
        async with self._db.tenant(viewer.tenant_id) as conn:
            wanted = TokenFilter(
                search=filters.search.strip() or None,
                decided=filters.status or None,
                group_key=uid_key(filters.group) or None,
            )
            rows = await store.list_tokens(
                conn, viewer.tenant_id, wanted, order="newest", place=place, limit=PAGE_SIZE + 1
            )
            counts = await store.count_tokens(conn, viewer.tenant_id)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        now = self._clock.now()
        return self._shell.page(
            "drivers/tokens.html",
            request,
            viewer=viewer,
            current="tokens",
            rows=[(row, decided(TokenState(row.status), row.expires_at, now).value) for row in rows],
            counts=counts,
            used=await self._last_use(viewer.tenant_id, [row.uid for row in rows]),
            filters=filters,
            tones=TONES,
            older=filters.href(cursor=CURSORS.encode(rows[-1].number)) if more else "",
            newest=filters.href() if cursor else "",
            begin=not rows and not filters.any and not cursor,
            can_change=may_change(viewer),
            done=DONE.get(done, ""),
        )

    async def show_one(self, request: WebRequest, viewer: Viewer, number: int, done: str) -> Response[str]:
        async with self._db.tenant(viewer.tenant_id) as conn:
            row = await store.find_numbered(conn, viewer.tenant_id, number)
            siblings = 0
            if row is not None and row.group_uid is not None:
                siblings = await store.count_group(conn, viewer.tenant_id, row.group_uid)
        if row is None:
            return self._gone(request, viewer, "")
        status = decided(TokenState(row.status), row.expires_at, self._clock.now()).value
        return self._shell.page(
            "drivers/token.html",
            request,
            viewer=viewer,
            current="tokens",
            token=row,
            decision=status,
            tone=TONES[status],
            siblings=siblings,
            used=(await self._last_use(viewer.tenant_id, [row.uid])).get(row.uid),
            sessions=f"/sessions/recent?{urlencode({'token': row.uid})}",
            can_change=may_change(viewer),
            done=DONE.get(done, ""),
        )

    async def find(self, request: WebRequest, viewer: Viewer, uid: str) -> Response[Any]:
        """To the page of a token by its uid; or to words that it is not registered, and how to."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            token = await store.find_token(conn, viewer.tenant_id, uid_key(uid))
        if token is None:
            return self._gone(request, viewer, uid)
        return Redirect(f"/tokens/{token.number}", status_code=303)

    async def form(
        self,
        request: WebRequest,
        viewer: Viewer,
        *,
        number: int | None = None,
        asked: TokenForm | None = None,
        wrong: Sequence[Wrong] = (),
    ) -> Response[str]:
        """The form of a new token, or of the one with this number; with what was asked and what is wrong with it."""
        token = None
        if number is not None:
            async with self._db.tenant(viewer.tenant_id) as conn:
                token = await store.find_numbered(conn, viewer.tenant_id, number)
            if token is None:
                return self._gone(request, viewer, "")
        if asked is None:
            asked = _form_of(token)
        return self._shell.page(
            "drivers/form.html",
            request,
            viewer=viewer,
            current="tokens",
            status=422 if wrong else 200,
            token=token,
            asked=asked,
            wrong={each.column: each for each in wrong},
            states=list(TokenState),
            types=TYPES,
        )

    def _gone(self, request: WebRequest, viewer: Viewer, uid: str) -> Response[str]:
        return self._shell.page(
            "drivers/gone.html",
            request,
            viewer=viewer,
            current="tokens",
            status=404,
            uid=uid,
            new=f"/tokens/new?{urlencode({'uid': uid})}",
            sessions=f"/sessions/recent?{urlencode({'token': uid})}",
            can_change=may_change(viewer),
        )


def token_pages(
    *, shell: Shell, authenticate: Authenticate, db: Pool, clock: Clock, last_use: LastUse
) -> list[HTTPRouteHandler]:
    """`/tokens` and all that is below it, for people who are signed in."""
    pages = TokenPages(shell, db, clock, last_use)
    changing = {"verb": Verb.CHANGE_TOKENS}

    @get("/tokens", include_in_schema=False)
    async def tokens(
        request: Request[Any, Any, Any],
        search: Search = "",
        status: StatusWord = "",
        group: Group = "",
        cursor: Cursor = "",
        done: Done = "",
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        known = status if status in TONES else ""
        return await pages.show(request, viewer, Filters(search=search, status=known, group=group), cursor, done)

    @get("/tokens/of", include_in_schema=False)
    async def token_of(request: Request[Any, Any, Any], uid: Uid = "") -> Response[Any]:
        viewer = await authenticate(request)
        return to_sign_in(request) if viewer is None else await pages.find(request, viewer, uid)

    @get("/tokens/{number:int}", include_in_schema=False)
    async def token(request: Request[Any, Any, Any], number: Number, done: Done = "") -> Response[Any]:
        viewer = await authenticate(request)
        return to_sign_in(request) if viewer is None else await pages.show_one(request, viewer, number, done)

    @get("/tokens/new", opt=changing, include_in_schema=False)
    async def new(request: Request[Any, Any, Any], actor: Asker, uid: Uid = "", kind: Kind = TYPES[0]) -> Response[Any]:
        return await pages.form(request, actor, asked=TokenForm(uid=uid, type=kind, status="accepted"))

    @get("/tokens/{number:int}/edit", opt=changing, include_in_schema=False)
    async def edit(request: Request[Any, Any, Any], actor: Asker, number: Number) -> Response[Any]:
        return await pages.form(request, actor, number=number)

    @post("/tokens/new", opt=changing, include_in_schema=False, status_code=303)
    async def create(request: Request[Any, Any, Any], data: URLEncodedBody[TokenForm], actor: Asker) -> Response[Any]:
        values, wrong = read_form(data)
        async with db.tenant(actor.tenant_id) as conn:
            if not wrong and await store.find_token(conn, actor.tenant_id, uid_key(values["uid"])) is not None:
                wrong = [Wrong(column="uid", value=data.uid, rule=mark("is registered already"))]
            if not wrong:
                await service.put_token(conn, actor, **values)
                made = await store.find_token(conn, actor.tenant_id, uid_key(values["uid"]))
        if wrong or made is None:
            return await pages.form(request, actor, asked=data, wrong=wrong)
        return Redirect(f"/tokens/{made.number}?done=stored", status_code=303)

    @post("/tokens/{number:int}/edit", opt=changing, include_in_schema=False, status_code=303)
    async def change(
        request: Request[Any, Any, Any], number: Number, data: URLEncodedBody[TokenForm], actor: Asker
    ) -> Response[Any]:
        values, wrong = read_form(data)
        if wrong:
            return await pages.form(request, actor, number=number, asked=data, wrong=wrong)
        values.pop("uid")
        await _change(actor, number, service.columns_of(values))
        return Redirect(f"/tokens/{number}?done=stored", status_code=303)

    @post("/tokens/{number:int}/block", opt=changing, include_in_schema=False, status_code=303)
    async def block(number: Number, actor: Asker) -> Redirect:
        await _change(actor, number, {"status": TokenState.BLOCKED.value})
        return Redirect(f"/tokens/{number}?done=blocked", status_code=303)

    @post("/tokens/{number:int}/unblock", opt=changing, include_in_schema=False, status_code=303)
    async def unblock(number: Number, actor: Asker) -> Redirect:
        await _change(actor, number, {"status": TokenState.ACCEPTED.value})
        return Redirect(f"/tokens/{number}?done=unblocked", status_code=303)

    @post("/tokens/{number:int}/delete", opt=changing, include_in_schema=False, status_code=303)
    async def delete(number: Number, actor: Asker) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await service.delete_token(conn, actor, await _uid(conn, actor, number))
        return Redirect("/tokens?done=deleted", status_code=303)

    async def _change(actor: Actor, number: int, columns: Mapping[str, Any]) -> None:
        async with db.tenant(actor.tenant_id) as conn:
            await service.change_token(conn, actor, await _uid(conn, actor, number), columns, None)

    screen = ImportScreen(shell, IMPORT)

    @get(IMPORT.path, opt=changing, include_in_schema=False, sync_to_thread=False)
    def choose_tokens(request: Request[Any, Any, Any]) -> Response[str]:
        return screen.choose(request)

    @post(IMPORT.path, opt=changing, include_in_schema=False, status_code=200)
    async def import_sheet(request: Request[Any, Any, Any], actor: Asker) -> Response[str]:
        async def run(csv: bytes | str, *, dry_run: bool) -> Plan:
            async with db.tenant(actor.tenant_id) as conn:
                return await service.import_tokens(conn, actor, csv, dry_run=dry_run)

        return await screen.run(request, run)

    return [
        tokens,
        token_of,
        token,
        new,
        edit,
        create,
        change,
        block,
        unblock,
        delete,
        choose_tokens,
        import_sheet,
    ]


def may_change(viewer: Viewer) -> bool:
    """Whether this person may change tokens."""
    return isinstance(viewer, Actor) and viewer.may(Verb.CHANGE_TOKENS)


async def _uid(conn: store.Connection, actor: Actor, number: int) -> str:
    row = await store.find_numbered(conn, actor.tenant_id, number)
    if row is None:
        raise TokenUnknown
    return row.uid


def _form_of(token: store.TokenRow | None) -> TokenForm:
    if token is None:
        return TokenForm()
    return TokenForm(
        uid=token.uid,
        type=token.type,
        status=token.status,
        group=token.group_uid or "",
        expires_at="" if token.expires_at is None else token.expires_at.isoformat(),
        driver_name=token.driver_name or "",
        driver_reference=token.driver_reference or "",
        vehicle=token.vehicle or "",
    )
