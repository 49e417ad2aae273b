"""A forgotten password: a letter, and the page its link leads to.

The link's token stands behind a #, which browsers send to no server, so no log and no proxy ever holds it. Where there
is no JavaScript to read it, the page asks for it, and the letter tells it.
"""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.errors import PasswordRefused
from forecourt.access.guard import origin_of
from forecourt.access.model import CrossSite
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import StepGone
from forecourt.access.signin.pages.common import MAX_FORM_TEXT, AnyRequest, check_form, go, session_cookie, words_of
from forecourt.access.signin.pages.entry import MAX_EMAIL
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import SIGN_IN_PATH, Shell

FORGOTTEN_PATH = "/forgotten"
RESET_PATH = "/reset"


class ForgottenForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL)] = ""


class ResetForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    token: Annotated[str, Meta(max_length=MAX_FORM_TEXT)] = ""
    password: Annotated[str, Meta(max_length=MAX_FORM_TEXT)] = ""


def reset_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """GET and POST /forgotten and /reset."""

    def form(request: AnyRequest, token: str = "", fault: ForecourtError | None = None) -> Response[Any]:
        with shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        return shell.page(
            "access/reset.html", request, status=200 if fault is None else fault.status, token=token, fault=words
        )

    @get(FORGOTTEN_PATH, opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def forgotten_page(request: AnyRequest) -> Response[Any]:
        return shell.page("access/forgotten.html", request, sent=False)

    @post(FORGOTTEN_PATH, opt={"public": True}, include_in_schema=False, status_code=200)
    async def forgotten(request: AnyRequest, data: URLEncodedBody[ForgottenForm]) -> Response[Any]:
        check_form(request)
        page = shell.page("access/forgotten.html", request, sent=True)
        page.background = BackgroundTask(doors.passwords.ask_reset, data.email, origin_of(request))
        return page

    @get(RESET_PATH, opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def reset_page(request: AnyRequest) -> Response[Any]:
        return form(request)

    @post(RESET_PATH, opt={"public": True}, include_in_schema=False, status_code=303)
    async def reset(request: AnyRequest, data: URLEncodedBody[ResetForm]) -> Response[Any]:
        try:
            check_form(request)
            await doors.passwords.reset(data.token.strip(), data.password, origin_of(request))
        except PasswordRefused as fault:
            return form(request, data.token, fault)
        except (StepGone, CrossSite) as fault:
            return form(request, fault=fault)
        return go(f"{SIGN_IN_PATH}?done=reset", session_cookie(request, ""))

    return [forgotten_page, forgotten, reset_page, reset]
