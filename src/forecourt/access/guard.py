"""The check in front of every route: who asks, whether they may, and that no other web site made them ask.

A route is closed unless it says otherwise. Its `opt` names the `verb` it does (reading, where it names none), `own` for
what every person who is signed in may do with what is theirs, or `public` for what needs nobody. Cookies are sent by
browsers on anyone's behalf, so a request that changes something by a cookie must come from our own pages; an API key is
never sent by a browser by itself and needs no such check.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from forecourt.access.model import (
    Actor,
    CrossSite,
    Forbidden,
    ForbiddenHere,
    Origin,
    PeopleOnly,
    ScopeMissing,
    SecondFactorNeeded,
    Unauthenticated,
    Verb,
    may,
    roles_for,
)
from forecourt.access.service import Access
from forecourt.platform.database import Pool, limited_to

SESSION_COOKIE = "forecourt_session"
#: Over TLS a cookie's name begins with it: browsers then take it from this very host over TLS only, so that neither a
#: neighbour under the same domain nor a plain-text page can plant another (RFC 6265bis §4.1.3.2).
HOST_PREFIX = "__Host-"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Of what a program says of itself, so much is kept.
MAX_USER_AGENT = 300

Asking = ASGIConnection[Any, Any, Any, Any]

#: What routes ask for: who asks, the database, and the verbs of this room.
Asker = NamedDependency[Actor]
Database = NamedDependency[Pool]
Doorkeeper = NamedDependency[Access]


class Identify(ASGIMiddleware):
    """Sets the user of each request to its Actor or None, before anything of its body is read.

    Whatever answers it sees no more of the database than the sites that the actor is limited to.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, access: Access) -> None:
        self._access = access

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["user"] = None
        scope["auth"] = None
        actor: Actor | None = None
        if not scope["route_handler"].opt.get("public"):
            actor = scope["user"] = await identify(self._access, ASGIConnection(scope))
        with limited_to(None if actor is None else actor.sites):
            await next_app(scope, receive, send)


async def identify(access: Access, connection: Asking) -> Actor | None:
    """Who asks, by key or by cookie, as of now; None for nobody. Raises CrossSite."""
    origin = origin_of(connection)
    authorization = connection.headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        return await access.of_key(key.strip(), origin) if scheme.lower() == "bearer" else None
    token = connection.cookies.get(cookie_name(connection))
    if token is None:
        return None
    if connection.scope["type"] == ScopeType.WEBSOCKET or connection.scope["method"] not in SAFE_METHODS:
        check_same_site(connection)
    return await access.of_session(token, origin)


def is_secure(connection: Asking) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy that says so."""
    return connection.url.scheme in ("https", "wss")


def cookie_name(connection: Asking, name: str = SESSION_COOKIE) -> str:
    """How a cookie of ours is called on this connection."""
    return f"{HOST_PREFIX}{name}" if is_secure(connection) else name


def origin_of(connection: Asking) -> Origin:
    """Where a request came from."""
    state: Any = connection.scope.get("state", {})
    return Origin(
        address=connection.client.host if connection.client is not None else "",
        user_agent=connection.headers.get("user-agent", "")[:MAX_USER_AGENT].replace("\x00", ""),
        request_id=str(state.get("request_id", "")),
    )


def guard(connection: Asking, handler: BaseRouteHandler) -> None:
    """Lets the request through to its route, or raises Unauthenticated, PeopleOnly, SecondFactorNeeded, Forbidden,
    ForbiddenHere, ScopeMissing."""
    if handler.opt.get("public"):
        return
    actor = connection.scope["user"]
    if actor is None:
        raise Unauthenticated
    if handler.opt.get("own"):
        if actor.session is None:
            raise PeopleOnly
        return
    if actor.session is not None and actor.session.needs_second_factor:
        raise SecondFactorNeeded
    verb = handler.opt.get("verb", Verb.READ)
    if not may(actor.role, verb):
        roles = roles_for(verb)
        raise Forbidden(
            f"To {verb.value} needs the role {' or '.join(roles)}; you are {actor.role.value}.", needs=roles
        )
    if not actor.may(verb):
        if actor.scopes is not None and verb not in actor.scopes:
            raise ScopeMissing(
                f"To {verb.value} needs the scope {verb.scope}, which this key has not.", needs=verb.scope
            )
        raise ForbiddenHere


def check_same_site(connection: Asking) -> None:
    """Raises CrossSite unless the browser says that one of our own pages, or a person, made the request.

    Sec-Fetch-Site is not sent to plain-http addresses other than localhost, so Origin stands in for it there.
    """
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site is not None:
        if fetch_site not in ("same-origin", "none"):
            raise CrossSite
        return
    origin = connection.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != connection.headers.get("host"):
        raise CrossSite


async def current_actor(request: Asking) -> Actor:
    """The actor of a request that went through the guard, as a dependency of its route."""
    actor = request.scope["user"]
    if not isinstance(actor, Actor):
        raise Unauthenticated
    return actor
