"""The people of an organisation: who there is, who was invited, and what each may do."""

import re
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Redirect

from forecourt.access import members, store
from forecourt.access.api.fields import EMAIL_PATTERN, Number
from forecourt.access.errors import InvitationUnknown
from forecourt.access.model import Role, Verb
from forecourt.access.pages.shown import Form, House, WebRequest, form_of, signed_in
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark

#: Lines of one page.
PAGE_SIZE = 50
#: People, and invitations, that the page of a site shows.
MAX_AT_SITE = 50
After = Annotated[int, QueryParameter(ge=0, le=2**31 - 1)]
SiteSlug = Annotated[str, QueryParameter(name="site", max_length=63, pattern=r"^[^\x00]*$")]
RoleWord = Annotated[str, QueryParameter(name="role", max_length=20)]
PEOPLE = {"verb": Verb.PEOPLE}


def people_pages(house: House) -> list[HTTPRouteHandler]:
    """`/people` and what is below it."""

    @get("/people", opt=PEOPLE, include_in_schema=False)
    async def people(request: WebRequest, after: After = 0) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            rows = await store.list_members(conn, actor.tenant_id, (after,), PAGE_SIZE + 1)
            invited = await store.list_invitations(conn, actor.tenant_id, limit=PAGE_SIZE * 10)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            "access/people.html",
            request,
            viewer=actor,
            current="people",
            rows=rows[:PAGE_SIZE],
            next_after=rows[PAGE_SIZE - 1].person_id if len(rows) > PAGE_SIZE else None,
            invited=invited if after == 0 else [],
            now=house.clock.now(),
            **frame.words(),
        )

    @get("/people/at", opt=PEOPLE, include_in_schema=False)
    async def at_site(request: WebRequest, site: SiteSlug) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            frame = await house.frame(conn, actor)
            line = frame.limits.above(site)
            ids = [each.site_id for each in line]
            rows = await store.list_members_at(conn, actor.tenant_id, ids, MAX_AT_SITE)
            invited = await store.list_invitations_at(conn, actor.tenant_id, ids, MAX_AT_SITE)
        return house.shell.page(
            "access/at_site.html",
            request,
            viewer=actor,
            site=line[-1] if line else None,
            rows=rows,
            invited=invited,
            now=house.clock.now(),
            **frame.words(),
        )

    async def invite_form(
        request: WebRequest, form: Form | None, fault: str = "", status: int = 200, role: str = "", site: str = ""
    ) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            frame = await house.frame(conn, actor)
        wanted = [str(each.site_id) for each in frame.limits.sites if each.slug == site]
        proposed = role if role in set(Role) else Role.TECHNICIAN.value
        return house.shell.page(
            "access/invite.html",
            request,
            viewer=actor,
            current="people",
            status=status,
            email="" if form is None else form.text("email"),
            role=proposed if form is None else form.role().value,
            ticked=wanted if form is None else form.many("sites"),
            fault=fault,
            **frame.words(),
        )

    @get("/people/invite", opt=PEOPLE, include_in_schema=False)
    async def ask_whom(request: WebRequest, role: RoleWord = "", site: SiteSlug = "") -> Response[str]:
        return await invite_form(request, None, role=role, site=site)

    @post("/people/invite", opt=PEOPLE, include_in_schema=False, status_code=303)
    async def invite(request: WebRequest) -> Response[Any]:
        actor, form = signed_in(request), await form_of(request)
        email = form.text("email")
        if not re.fullmatch(EMAIL_PATTERN, email):
            return await invite_form(request, form, mark("This is no e-mail address. Check it and try again."), 422)
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                frame = await house.frame(conn, actor)
                await house.invitations.invite(
                    conn, actor, frame.limits, email=email, role=form.role(), sites=form.sites()
                )
        except ForecourtError as fault:
            return await invite_form(request, form, fault.detail, fault.status)
        return Redirect("/people#invitations", status_code=303)

    @post("/people/invitations/{invitation_id:int}/resend", opt=PEOPLE, include_in_schema=False, status_code=303)
    async def resend(request: WebRequest, invitation_id: Number) -> Redirect:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            await house.invitations.resend(conn, actor, invitation_id)
        return Redirect("/people#invitations", status_code=303)

    @post("/people/invitations/{invitation_id:int}/revoke", opt=PEOPLE, include_in_schema=False, status_code=303)
    async def revoke(request: WebRequest, invitation_id: Number) -> Redirect:
        actor = signed_in(request)
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                await house.invitations.revoke(conn, actor, invitation_id)
        except InvitationUnknown:
            pass  # it was answered or revoked meanwhile: the page shows what is
        return Redirect("/people#invitations", status_code=303)

    return [people, at_site, ask_whom, invite, resend, revoke, *_person_pages(house)]


def _person_pages(house: House) -> list[HTTPRouteHandler]:
    """`/people/{person_id}`: what one person may do, and removing them."""

    async def person_page(
        request: WebRequest, person_id: int, *, template: str = "person", fault: str = "", status: int = 200
    ) -> Response[str]:
        actor = signed_in(request)
        async with house.db.tenant(actor.tenant_id) as conn:
            row = await members.find_member(conn, actor.tenant_id, person_id)
            frame = await house.frame(conn, actor)
        return house.shell.page(
            f"access/{template}.html",
            request,
            viewer=actor,
            current="people",
            status=status,
            person=row,
            own=actor.person_id == person_id,
            fault=fault,
            **frame.words(),
        )

    @get("/people/{person_id:int}", opt=PEOPLE, include_in_schema=False)
    async def person(request: WebRequest, person_id: Number) -> Response[str]:
        return await person_page(request, person_id)

    @post("/people/{person_id:int}", opt=PEOPLE, include_in_schema=False, status_code=303)
    async def change(request: WebRequest, person_id: Number) -> Response[Any]:
        actor, form = signed_in(request), await form_of(request)
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                frame = await house.frame(conn, actor)
                await members.change_member(conn, actor, frame.limits, person_id, form.role(), form.sites())
        except ForecourtError as fault:
            return await person_page(request, person_id, fault=fault.detail, status=fault.status)
        return Redirect("/people", status_code=303)

    @get("/people/{person_id:int}/remove", opt=PEOPLE, include_in_schema=False)
    async def ask_remove(request: WebRequest, person_id: Number) -> Response[str]:
        return await person_page(request, person_id, template="remove_person")

    @post("/people/{person_id:int}/remove", opt=PEOPLE, include_in_schema=False, status_code=303)
    async def remove(request: WebRequest, person_id: Number) -> Response[Any]:
        actor = signed_in(request)
        try:
            async with house.db.tenant(actor.tenant_id) as conn:
                await members.remove_member(conn, actor, person_id, house.clock.now())
        except ForecourtError as fault:
            return await person_page(
                request, person_id, template="remove_person", fault=fault.detail, status=fault.status
            )
        return Redirect("/people", status_code=303)

    return [person, change, ask_remove, remove]
