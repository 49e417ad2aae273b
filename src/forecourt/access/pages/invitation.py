"""Accepting an invitation: the page that a letter's link opens.

The link's token moves from the address into a cookie at once, so that it stays in no history and goes to no other site.
The cookie is sent along when somebody comes from their mail (SameSite=Lax), which the session's is not: who is signed
in is known once they press the button.
"""

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access.errors import InvitationVoid, NameRefused
from forecourt.access.guard import check_same_site, cookie_name, origin_of
from forecourt.access.invitations import LIFE, PATH
from forecourt.access.model import Role
from forecourt.access.pages.shown import ROLE_MEANINGS, ROLE_WORDS, House, WebRequest, form_of
from forecourt.access.signin.pages.common import session_cookie
from forecourt.access.store import Invited
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import SIGN_IN_PATH

TOKEN_COOKIE = "forecourt_invitation"
PUBLIC = {"public": True}


def invitation_pages(house: House) -> list[HTTPRouteHandler]:
    """`/invitation`, open to who has the link."""

    def page(
        request: WebRequest, invited: Invited | None, *, name: str = "", fault: str = "", status: int = 200
    ) -> Response[str]:
        role = None if invited is None else Role(invited.role)
        return house.shell.page(
            "access/invitation.html",
            request,
            status=status,
            invited=invited,
            role_word="" if role is None else ROLE_WORDS[role],
            role_meaning="" if role is None else ROLE_MEANINGS[role],
            name=name,
            fault=fault,
        )

    @get(PATH, opt=PUBLIC, include_in_schema=False)
    async def open_link(request: WebRequest) -> Response[Any]:
        token = request.query_params.get("token")
        if token is not None:
            return Redirect(PATH, status_code=303, cookies=[_cookie(request, token)])
        try:
            return page(request, await house.invitations.find(request.cookies.get(TOKEN_COOKIE, "")))
        except InvitationVoid as fault:
            return page(request, None, fault=fault.detail, status=fault.status)

    @post(PATH, opt=PUBLIC, include_in_schema=False, status_code=303)
    async def accept(request: WebRequest) -> Response[Any]:
        form = await form_of(request)
        token, session = request.cookies.get(TOKEN_COOKIE, ""), request.cookies.get(cookie_name(request))
        invited: Invited | None = None
        try:
            check_same_site(request)
            invited = await house.invitations.find(token)
            if invited.person_id is None:
                return await _as_new(request, token, form.text("name")[:200], form.secret("password"))
            actor = None if session is None else await house.access.of_session(session, origin_of(request))
            if actor is None or session is None:
                return Redirect(f"{SIGN_IN_PATH}?next={PATH}", status_code=303)
            await house.invitations.accept(token, actor, session)
            return Redirect("/", status_code=303, cookies=[_cookie(request, "")])
        except ForecourtError as fault:
            return page(request, invited, name=form.text("name"), fault=fault.detail, status=fault.status)

    async def _as_new(request: WebRequest, token: str, name: str, password: str) -> Response[Any]:
        if not name or not name.isprintable():
            raise NameRefused
        signed_in = await house.invitations.accept_new(token, name, password, origin_of(request))
        cookies = [session_cookie(request, signed_in.token), _cookie(request, "")]
        return Redirect("/", status_code=303, cookies=cookies)

    return [open_link, accept]


def _cookie(request: WebRequest, token: str) -> Cookie:
    return Cookie(
        key=TOKEN_COOKIE,
        value=token[:200],
        max_age=int(LIFE.total_seconds()) if token else 0,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
