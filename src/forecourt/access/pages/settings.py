"""Settings: the organisation's, one's own, and which organisation one looks at."""

from typing import Any, Final
from zoneinfo import available_timezones

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import members, store
from forecourt.access.api.fields import Number
from forecourt.access.guard import cookie_name
from forecourt.access.model import Verb
from forecourt.access.pages.shown import ROLE_WORDS, Form, House, WebRequest, form_of, signed_in
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark, spoken
from forecourt.ui.shell import LANGUAGE_COOKIE

YEAR_S = 31_536_000
#: What is set up on pages of its own: where, its name, what it is for, and who may.
MORE: Final = (
    (
        "/organisation/sign-in",
        mark("How people sign in"),
        mark("Second factors for everybody, and your own identity provider."),
        Verb.ORGANISATION,
    ),
    ("/settings/alerts", mark("Alerts"), mark("Who is told of incidents, by mail or webhook."), Verb.ALERTS),
    (
        "/settings/authorisation",
        mark("Outside authorisation"),
        mark("A service of yours that decides who may charge."),
        Verb.WEBHOOKS,
    ),
    (
        "/contracts",
        mark("Plug & Charge"),
        mark("Whose contracts in cars are trusted, and how they are judged."),
        Verb.CHANGE_TOKENS,
    ),
    (
        "/settings/driver-pages",
        mark("Driver pages"),
        mark("How the pages look on which drivers pay, and whom they turn to."),
        Verb.ORGANISATION,
    ),
    ("/webhooks", mark("Webhooks"), mark("Programs of yours hear what happens, as it happens."), Verb.WEBHOOKS),
)


def settings_pages(house: House) -> list[HTTPRouteHandler]:
    """`/settings` and `/organisations`."""

    async def page(request: WebRequest, fault: str = "", status: int = 200, saved: str = "") -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id, person_id=actor.person_id) as conn:
            profile = await members.find_profile(conn, actor)
            mine = await store.list_memberships(conn, profile.person_id)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/settings.html",
            request,
            viewer=actor,
            current="settings",
            status=status,
            organisation=frame.organisation,
            profile=profile,
            several=len(mine) > 1,
            may_change=actor.may(Verb.ORGANISATION),
            more=[(href, title, meaning) for href, title, meaning, verb in MORE if actor.may(verb)],
            zones=sorted(available_timezones()),
            fault=fault,
            saved=saved,
            **{**frame.words(), "role": ROLE_WORDS[actor.role], "own_sites": frame.limits.names(actor.sites)},
        )

    @get("/settings", include_in_schema=False)
    async def settings(request: WebRequest) -> Response[str]:
        saved = request.query_params.get("saved", "")
        return await page(request, saved=saved if saved in ("organisation", "profile") else "")

    @post("/settings/organisation", opt={"verb": Verb.ORGANISATION}, include_in_schema=False, status_code=303)
    async def change_organisation(request: WebRequest) -> Response[Any]:
        actor, form = signed_in(request), await form_of(request)
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                await members.change_organisation(
                    conn,
                    actor,
                    name=_name(form),
                    time_zone=form.text("time_zone") or None,
                    language=form.text("language") or None,
                    spoken=spoken(),
                )
        except ForecourtError as fault:
            return await page(request, fault.detail, fault.status)
        return Redirect("/settings?saved=organisation", status_code=303)

    @post("/settings/profile", include_in_schema=False, status_code=303)
    async def change_profile(request: WebRequest) -> Response[Any]:
        actor, form = signed_in(request), await form_of(request)
        language = form.text("language") or None
        try:
            async with house.db.tenant(actor.tenant_id, person_id=actor.person_id) as conn:
                name = _name(form) or (await members.find_profile(conn, actor)).name
                await members.change_profile(conn, actor, name=name, language=language, spoken=spoken())
        except ForecourtError as fault:
            return await page(request, fault.detail, fault.status)
        cookie = Cookie(
            key=LANGUAGE_COOKIE, value=language or "", max_age=YEAR_S if language else 0, path="/", samesite="lax"
        )
        return Redirect("/settings?saved=profile", status_code=303, cookies=[cookie])

    @get("/organisations", include_in_schema=False)
    async def organisations(request: WebRequest) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id, person_id=actor.person_id) as conn:
            profile = await members.find_profile(conn, actor)
            mine = await store.list_memberships(conn, profile.person_id)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/organisations.html", request, viewer=actor, current="", mine=mine, **frame.words()
        )

    @post("/organisations/{tenant_id:int}", include_in_schema=False, status_code=303)
    async def choose(request: WebRequest, tenant_id: Number) -> Redirect:
        actor = signed_in(request)
        await house.access.choose_organisation(actor, request.cookies.get(cookie_name(request), ""), tenant_id)
        return Redirect("/", status_code=303)

    return [settings, change_organisation, change_profile, organisations, choose]


def _name(form: Form) -> str | None:
    """The name that was typed, if it can be one."""
    name = form.text("name")[:200]
    return name if name and name.isprintable() else None
