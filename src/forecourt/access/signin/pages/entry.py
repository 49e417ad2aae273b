"""Signing in by password and second factor, and signing out."""

from typing import Annotated, Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.guard import check_same_site, cookie_name, origin_of
from forecourt.access.model import CrossSite, NoOrganisation, SignInRefused, TooManyAttempts
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import CodeRefused, SecondFactorAsked, StepGone
from forecourt.access.signin.pages.common import (
    HOME,
    MAX_FORM_TEXT,
    MAX_NEXT_LENGTH,
    SECOND_FACTOR_COOKIE,
    AnyRequest,
    check_form,
    go,
    own_path,
    session_cookie,
    step_cookie,
    step_token,
    words_of,
)
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import SIGN_IN_PATH, Shell

SECOND_FACTOR_PATH = "/sign-in/second-factor"
MAX_EMAIL = 254
MAX_CODE = 40

Next = Annotated[str, Meta(max_length=MAX_NEXT_LENGTH)]


class SignInForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL)] = ""
    password: Annotated[str, Meta(max_length=MAX_FORM_TEXT)] = ""
    next: Next = HOME


class CodeForm(Struct, frozen=True, kw_only=True):
    """What the form of the second factor sends."""

    code: Annotated[str, Meta(max_length=MAX_CODE)] = ""
    next: Next = HOME


class _Entry:
    def __init__(self, shell: Shell, doors: Doors) -> None:
        self._shell = shell
        self._doors = doors

    def form(
        self, request: AnyRequest, wanted: str, email: str = "", fault: ForecourtError | None = None, done: str = ""
    ) -> Response[Any]:
        with self._shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        return self._shell.page(
            "access/sign_in.html",
            request,
            status=200 if fault is None else fault.status,
            next=own_path(wanted),
            email=email,
            fault=words,
            done=done,
        )

    async def sign_in(self, request: AnyRequest, form: SignInForm) -> Response[Any]:
        origin = origin_of(request)
        try:
            check_form(request)
            signed_in = await self._doors.access.sign_in(form.email, form.password, origin)
        except SecondFactorAsked as asked:
            cookie = step_cookie(request, SECOND_FACTOR_COOKIE, asked.step)
            return go(_with_next(SECOND_FACTOR_PATH, form.next), cookie)
        except (SignInRefused, TooManyAttempts, NoOrganisation, CrossSite) as fault:
            page = self.form(request, form.next, form.email, fault)
            if isinstance(fault, SignInRefused):
                # After the answer, so that its time doesn't tell whether there is such a person.
                page.background = BackgroundTask(self._doors.access.note_refused, form.email, origin, by="password")
            return page
        await self._end_former(request)
        return go(own_path(form.next), session_cookie(request, signed_in.token))

    async def second_page(self, request: AnyRequest, wanted: str, fault: ForecourtError | None = None) -> Response[Any]:
        try:
            counts = await self._doors.factors.waiting(step_token(request, SECOND_FACTOR_COOKIE))
        except StepGone as gone:
            return self.form(request, wanted, fault=gone)
        with self._shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        return self._shell.page(
            "access/second_factor.html",
            request,
            status=200 if fault is None else fault.status,
            next=own_path(wanted),
            fault=words,
            counts=counts,
        )

    async def second(self, request: AnyRequest, form: CodeForm) -> Response[Any]:
        try:
            check_form(request)
            signed_in = await self._doors.factors.show(
                step_token(request, SECOND_FACTOR_COOKIE), form.code, origin_of(request)
            )
        except (CodeRefused, TooManyAttempts, CrossSite) as fault:
            return await self.second_page(request, form.next, fault)
        except (StepGone, NoOrganisation) as fault:
            return self.form(request, form.next, fault=fault)
        await self._end_former(request)
        cookies = session_cookie(request, signed_in.token), step_cookie(request, SECOND_FACTOR_COOKIE, "")
        return go(own_path(form.next), *cookies)

    async def sign_out(self, request: AnyRequest) -> Response[Any]:
        if cookie_name(request) in request.cookies:
            check_same_site(request)
            await self._end_former(request)
        return go(SIGN_IN_PATH, session_cookie(request, ""))

    async def _end_former(self, request: AnyRequest) -> None:
        """Ends the session that this browser had: nobody uses it any more, and nobody planted it either."""
        token = request.cookies.get(cookie_name(request))
        if token is not None:
            actor = await self._doors.access.of_session(token, origin_of(request), used=False)
            if actor is not None:
                await self._doors.access.sign_out(actor, token)


def entry_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """GET and POST /sign-in and /sign-in/second-factor, POST /sign-out."""
    pages = _Entry(shell, doors)

    @get(SIGN_IN_PATH, opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def sign_in_page(request: AnyRequest) -> Response[Any]:
        wanted = own_path(request.query_params.get("next", HOME))
        if request.headers.get("sec-fetch-site") == "cross-site" and wanted != HOME:
            # A link in a letter comes without the cookie, which is kept from other sites' links; a page of ours that
            # goes there by itself brings it along, if there is one.
            return shell.page("access/on.html", request, next=wanted)
        return pages.form(request, wanted, done=request.query_params.get("done", ""))

    @post(SIGN_IN_PATH, opt={"public": True}, include_in_schema=False, status_code=303)
    async def sign_in(request: AnyRequest, data: URLEncodedBody[SignInForm]) -> Response[Any]:
        return await pages.sign_in(request, data)

    @get(SECOND_FACTOR_PATH, opt={"public": True}, include_in_schema=False)
    async def second_factor_page(request: AnyRequest) -> Response[Any]:
        return await pages.second_page(request, request.query_params.get("next", HOME))

    @post(SECOND_FACTOR_PATH, opt={"public": True}, include_in_schema=False, status_code=303)
    async def second_factor(request: AnyRequest, data: URLEncodedBody[CodeForm]) -> Response[Any]:
        return await pages.second(request, data)

    @post("/sign-out", opt={"public": True}, include_in_schema=False, status_code=303)
    async def sign_out(request: AnyRequest) -> Response[Any]:
        return await pages.sign_out(request)

    return [sign_in_page, sign_in, second_factor_page, second_factor, sign_out]


def _with_next(path: str, wanted: str) -> str:
    return f"{path}?next={quote(own_path(wanted), safe='')}"
