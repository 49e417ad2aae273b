"""A problem that a browser meets is told as a page, in the console's shell and the reader's language.

Routes and the framework answer problems (RFC 9457) to everybody; here one on its way to somebody who asked for a page
becomes one. Who came to an address of drivers is told in their shell. A part of a page that htmx asked for becomes a
line that can stand in its place. What is told depends on the problem alone, so the page of a stranger's thing is that
of a thing which never was.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from forecourt.access import Access, Actor
from forecourt.access.guard import identify
from forecourt.access.pages.shown import ROLE_WORDS
from forecourt.app.problems import API_PREFIX, MEDIA_TYPE
from forecourt.driver.strays import Strays, is_drivers
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

log = structlog.get_logger(__name__)

#: Bytes of a problem that are read; a longer one goes out as it is.
MAX_PROBLEM: Final = 65_536
#: Headers of a problem that say something of its body.
_OF_THE_BODY: Final = frozenset({b"content-type", b"content-length"})


class Told(Struct, frozen=True):
    """A heading, and what to do; both marked."""

    title: str
    advice: str


#: By code where one says more than its status does.
BY_CODE: Final[Mapping[str, Told]] = {
    "forbidden-by-sites": Told(
        mark("This concerns the whole organisation"),
        mark(
            "You are limited to some of its sites. Ask an owner of the organisation to do it, or to widen your limit."
        ),
    ),
    "cross-site": Told(
        mark("The request came from another web site"),
        mark("Nothing was changed. Open Forecourt's own page and try again there."),
    ),
    "people-only": Told(
        mark("This is for people who are signed in"),
        mark("An API key can't do it. Sign in with your e-mail address and try again."),
    ),
    "too-many-bulk-runs": Told(
        mark("Too many runs have not ended yet"), mark("Wait for one of them, or stop one. Then try again.")
    ),
    "too-many-attempts": Told(mark("Too many attempts"), mark("Wait a few minutes, then try again.")),
}
#: By status otherwise.
BY_STATUS: Final[Mapping[int, Told]] = {
    400: Told(
        mark("This address can't be understood"), mark("A part of it is not as it must be. Go back and try anew.")
    ),
    401: Told(mark("You are not signed in"), mark("Sign in and try again.")),
    403: Told(mark("You may not do this"), mark("Ask an owner of the organisation to do it, or to change your role.")),
    404: Told(
        mark("There is nothing here"),
        mark("The address may be mistyped, or what was here is gone. Search by Ctrl-K, or go to the overview."),
    ),
    405: Told(mark("This address can't be opened"), mark("It only takes what a form sends. Go back to the form.")),
    409: Told(
        mark("It can't be done as things are"), mark("Something has changed meanwhile. Go back, reload and look.")
    ),
    412: Told(mark("Somebody else changed it meanwhile"), mark("Go back, reload, and make your change anew.")),
    413: Told(mark("This is too large"), mark("One request may hold 1 MiB. Send less at once.")),
    422: Told(mark("This can't be taken as it is"), mark("Go back, correct it, and send it again.")),
    429: Told(mark("Too many requests"), mark("Wait a minute, then try again.")),
    503: Told(
        mark("Forecourt is not ready"),
        mark("A part of it does not answer right now. Stations keep charging. Try again in a few seconds."),
    ),
    504: Told(
        mark("No answer came in time"),
        mark("Whether it was done is not known. Look before you try again."),
    ),
}
FAILED: Final = Told(
    mark("Something went wrong on our side"),
    mark("Nothing that was stored is lost. Try again; if it stays, give the request id to who runs Forecourt."),
)
_REFUSED: Final = Told(mark("This can't be done"), mark("Go back and try another way."))
#: Statuses whose detail says more than the words above; in English where no catalogue has it.
_DETAILED: Final = frozenset({409, 422})


class Problem(Struct, frozen=True):
    """What is read of a problem."""

    status: int
    code: str
    detail: str
    request_id: str = ""
    #: Of a refusal: the roles that would do.
    needs: Sequence[str] | str = ()


class ProblemPages:
    """ASGI: what `inner` answers, with problems told as pages to who asked for one."""

    def __init__(self, inner: ASGIApp, access: Access, shell: Shell, strays: Strays | None = None) -> None:
        self._inner = inner
        self._access = access
        self._shell = shell
        self._strays = strays

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _wants_page(scope):
            await self._inner(scope, receive, send)
            return
        held: Any = None
        body = b""

        async def send_page(message: Any) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start":
                if not _is_problem(message):
                    await send(message)
                else:
                    held = message
                return
            if held is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body") and len(body) <= MAX_PROBLEM:
                return
            start, held = held, None
            await self._tell(scope, receive, send, start, {**message, "body": body})

        await self._inner(scope, receive, send_page)

    async def _tell(self, scope: Scope, receive: Receive, send: Any, start: Any, last: Any) -> None:
        try:
            problem = msgspec.json.decode(last["body"], type=Problem)
        except msgspec.MsgspecError:
            await send(start)
            await send(last)
            return
        connection: Any = ASGIConnection(scope, receive)
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in _OF_THE_BODY]
        if self._strays is not None and is_drivers(scope["path"]):
            page = await self._strays.page(connection, problem.status, problem.code, problem.request_id)
            kept = {name: value for name, value in page.headers.items() if name != "cache-control"}
            headers += [(name.encode(), value.encode()) for name, value in kept.items()]
            headers += [cookie.to_encoded_header() for cookie in page.cookies]
        else:
            page = await self._page(connection, problem)
        content = page.content.encode()
        headers += [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"private, no-store"),
        ]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _page(self, connection: Any, problem: Problem) -> Response[str]:
        viewer = await self._viewer(connection, problem)
        told = BY_CODE.get(problem.code) or BY_STATUS.get(problem.status)
        if told is None:
            told = FAILED if problem.status >= 500 else _REFUSED
        part = connection.headers.get("hx-request") == "true" and connection.headers.get("hx-request-type") != "full"
        with self._shell.speaking(connection):
            needs = [problem.needs] if isinstance(problem.needs, str) else problem.needs
            roles = [_(word) for role, word in ROLE_WORDS.items() if role.value in needs]
            own = "" if viewer is None else _(ROLE_WORDS[viewer.role])
            detail = _(problem.detail) if problem.status in _DETAILED else ""
        return self._shell.page(
            "ui/refused_part.html" if part else "ui/refused.html",
            connection,
            viewer=viewer,
            status=problem.status,
            told=told,
            problem=problem,
            roles=roles,
            own=own,
            detail=detail,
        )

    async def _viewer(self, connection: Any, problem: Problem) -> Actor | None:
        """Who is signed in, if that is known or can be found out."""
        if "user" in connection.scope:
            known = connection.scope["user"]
        elif problem.status >= 500:
            return None
        else:
            try:
                known = await identify(self._access, connection)
            except ForecourtError:
                return None
        return known if isinstance(known, Actor) and known.kind == "person" else None


def _wants_page(scope: Any) -> bool:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    asked = b"text/html" in headers.get(b"accept", b"")
    return asked and scope["method"] != "HEAD" and not scope["path"].startswith(API_PREFIX)


def _is_problem(start: Any) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in start["headers"]
    )
