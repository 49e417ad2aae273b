"""API keys: what each may do, when and from where it was last used; made here with a secret that is shown once."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import service, store
from forecourt.access.api.fields import Number
from forecourt.access.errors import ExpiryRefused
from forecourt.access.limits import scopes_of
from forecourt.access.model import ALLOWED, KeyUnknown, Role, Verb
from forecourt.access.pages.people import PAGE_SIZE, After
from forecourt.access.pages.shown import Form, House, WebRequest, form_of, signed_in
from forecourt.access.store import KeyRow
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark

KEYS = {"verb": Verb.KEYS}


def key_pages(house: House) -> list[HTTPRouteHandler]:
    """`/keys` and what is below it."""

    @get("/keys", opt=KEYS, include_in_schema=False)
    async def keys(request: WebRequest, after: After = 0) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            rows = await store.list_keys(conn, actor.tenant_id, (after,), PAGE_SIZE + 1)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/keys.html",
            request,
            viewer=actor,
            current="keys",
            rows=rows[:PAGE_SIZE],
            next_after=rows[PAGE_SIZE - 1].key_id if len(rows) > PAGE_SIZE else None,
            after=after,
            now=house.clock.now(),
            **frame.words(),
        )

    async def new_form(request: WebRequest, form: Form | None, fault: str = "", status: int = 200) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/new_key.html",
            request,
            viewer=actor,
            current="keys",
            status=status,
            name="" if form is None else form.text("name"),
            role=Role.VIEWER.value if form is None else form.role().value,
            ticked=[] if form is None else form.many("sites"),
            scopes=[] if form is None else form.many("scopes"),
            until="" if form is None else form.text("until"),
            every=[(verb.scope, [role.value for role in Role if verb in ALLOWED[role]]) for verb in Verb],
            fault=fault,
            **frame.words(),
        )

    @get("/keys/new", opt=KEYS, include_in_schema=False)
    async def ask_what(request: WebRequest) -> Response[str]:
        return await new_form(request, None)

    @post("/keys/new", opt=KEYS, include_in_schema=False, status_code=200)
    async def make(request: WebRequest) -> Response[str]:
        actor, form = signed_in(request), await form_of(request)
        name = form.text("name")
        if not name or not name.isprintable():
            return await new_form(
                request, form, mark("Give the key a name, so that you know later what it is for."), 422
            )
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                frame = await house.frame(conn, actor)
                row, key = await house.access.create_key(
                    conn,
                    actor,
                    name[:200],
                    form.role(),
                    scopes=scopes_of(form.many("scopes") or None),
                    site_ids=frame.limits.ids(form.role(), form.sites()),
                    expires_at=_end_of_day(form.text("until"), frame.organisation.time_zone),
                )
        except ForecourtError as fault:
            return await new_form(request, form, fault.detail, fault.status)
        return house.shell.page(
            "access/key_made.html",
            request,
            viewer=actor,
            current="keys",
            row=row,
            key=key,
            address=str(request.base_url).rstrip("/"),
            **frame.words(),
        )

    @get("/keys/{key_id:int}/revoke", opt=KEYS, include_in_schema=False)
    async def ask_revoke(request: WebRequest, key_id: Number) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            row = await _find(conn, actor.tenant_id, key_id)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/revoke_key.html", request, viewer=actor, current="keys", row=row, **frame.words()
        )

    @post("/keys/{key_id:int}/revoke", opt=KEYS, include_in_schema=False, status_code=303)
    async def revoke(request: WebRequest, key_id: Number) -> Redirect:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            await service.revoke_key(conn, actor, key_id)
        return Redirect("/keys", status_code=303)

    return [keys, ask_what, make, ask_revoke, revoke]


async def _find(conn: store.Connection, tenant_id: int, key_id: int) -> KeyRow:
    rows = await store.list_keys(conn, tenant_id, (key_id - 1,), 1)
    if not rows or rows[0].key_id != key_id:
        raise KeyUnknown
    return rows[0]


def _end_of_day(day: str, zone: str) -> datetime | None:
    """The end of a day as a form sends it, in a zone; None for no day. Raises ExpiryRefused for what is no day."""
    if not day:
        return None
    try:
        last = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone until it is put into one
        return datetime.combine(last + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ExpiryRefused from None
