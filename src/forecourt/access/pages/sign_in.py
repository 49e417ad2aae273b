"""Signing in and out in a browser. Works without JavaScript; the session is one cookie that scripts can't read."""

from pathlib import Path
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import SESSION_COOKIE, Asking, check_same_site, origin_of
from forecourt.access.model import Actor, CrossSite, NoOrganisation, SignInRefused, TooManyAttempts
from forecourt.access.service import SESSION_LIFE, Access
from forecourt.ui.shell import SIGN_IN_PATH, Authenticate, Shell

TEMPLATES_DIR = Path(__file__).parents[1] / "templates"
HOME = "/"
MAX_NEXT_LENGTH = 2000

AnyRequest = Request[Any, Any, Any]


class SignInForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    email: Annotated[str, Meta(max_length=254)] = ""
    password: Annotated[str, Meta(max_length=1000)] = ""
    next: Annotated[str, Meta(max_length=MAX_NEXT_LENGTH)] = HOME


def sign_in_routes(shell: Shell, access: Access) -> list[HTTPRouteHandler]:
    """GET and POST /sign-in, POST /sign-out. The shell finds the template under `access`."""

    def form(request: AnyRequest, *, wanted: str, email: str = "", fault: str = "", status: int = 200) -> Response[str]:
        return shell.page(
            "access/sign_in.html", request, status=status, next=own_path(wanted), email=email, fault=fault
        )

    @get(SIGN_IN_PATH, opt={"public": True}, include_in_schema=False)
    async def sign_in_page(request: AnyRequest) -> Response[str]:
        return form(request, wanted=request.query_params.get("next", HOME))

    @post(SIGN_IN_PATH, opt={"public": True}, include_in_schema=False, status_code=303)
    async def sign_in(request: AnyRequest, data: URLEncodedBody[SignInForm]) -> Response[Any]:
        try:
            _check_form(request)
            signed_in = await access.sign_in(data.email, data.password, origin_of(request))
        except (SignInRefused, TooManyAttempts, NoOrganisation, CrossSite) as fault:
            return form(request, wanted=data.next, email=data.email, fault=fault.detail, status=fault.status)
        return Redirect(own_path(data.next), status_code=303, cookies=[session_cookie(request, signed_in.token)])

    @post("/sign-out", opt={"public": True}, include_in_schema=False, status_code=303)
    async def sign_out(request: AnyRequest) -> Response[Any]:
        token = request.cookies.get(SESSION_COOKIE)
        if token is not None:
            check_same_site(request)
            actor = await access.of_session(token, origin_of(request))
            if actor is not None:
                await access.sign_out(actor, token)
        return Redirect(SIGN_IN_PATH, status_code=303, cookies=[_cookie(request, "", 0)])

    return [sign_in_page, sign_in, sign_out]


def authenticate_by(access: Access) -> Authenticate:
    """Tells who is signed in on a connection, asking the database anew each time."""

    async def authenticate(connection: Asking, /) -> Actor | None:
        token = connection.cookies.get(SESSION_COOKIE)
        return None if token is None else await access.of_session(token, origin_of(connection))

    return authenticate


def own_path(wanted: str) -> str:
    """Where to go after signing in: a path of our own, never another site."""
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if ours and len(wanted) <= MAX_NEXT_LENGTH else HOME


def _check_form(request: AnyRequest) -> None:
    """A foreign page must not sign people in as somebody else. What no browser sent has no page it could come from."""
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        check_same_site(request)


def session_cookie(request: AnyRequest, token: str) -> Cookie:
    """The cookie that holds a browser session which just began."""
    return _cookie(request, token, int(SESSION_LIFE.total_seconds()))


def _cookie(request: AnyRequest, token: str, max_age_s: int) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE,
        value=token,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
