"""Who is signed in as a driver: a browser by a cookie of its own, an app by a bearer token.

Neither is of the console: these routes are `public` to its guard, and each asks here. What changes something by a
cookie must come from our own pages.
"""

from typing import Any, Final

from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from forecourt.access.guard import cookie_name, is_secure
from forecourt.access.signin.pages.common import check_form
from forecourt.driver.account.service import Members
from forecourt.drivers.accounts.model import SESSION_LIFE, Driver, DriverSignedOut

COOKIE: Final = "forecourt_driver"
MAX_TOKEN: Final = 100
#: Where somebody wanted to go before they were asked to sign in.
NEXT_COOKIE: Final = "forecourt_next"
NEXT_LIFE_S: Final = 3_600

Asking = Request[Any, Any, Any]
Membership = NamedDependency[Members]
DriverAsker = NamedDependency[Driver]


async def asking_driver(request: Asking, members: Membership) -> Driver:
    """The driver of a request of an app, as a dependency of its route. Raises DriverSignedOut."""
    driver = await members.entry.of_session(bearer_of(request))
    if driver is None:
        raise DriverSignedOut
    return driver


def bearer_of(request: Asking) -> str:
    """The token that an app sends; empty where it sends none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip()[:MAX_TOKEN] if scheme.lower() == "bearer" else ""


def token_of(request: Asking) -> str:
    """The token that a browser keeps; empty where it keeps none."""
    return (request.cookies.get(cookie_name(request, COOKIE)) or "")[:MAX_TOKEN]


async def browsing_driver(request: Asking, members: Members) -> Driver | None:
    """The driver whose browser asks; None for nobody. Raises CrossSite for a form of another site."""
    if request.method != "GET":
        check_form(request)
    token = token_of(request)
    return await members.entry.of_session(token) if token else None


def driver_cookie(request: Asking, token: str) -> Cookie:
    """What a browser is signed in by; an empty token ends it. Lax, for drivers come back from the payment page."""
    return Cookie(
        key=cookie_name(request, COOKIE),
        value=token,
        max_age=int(SESSION_LIFE.total_seconds()) if token else 0,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


def next_cookie(request: Asking, path: str) -> Cookie:
    """Where somebody is led once they are signed in; an empty path forgets it."""
    return Cookie(
        key=cookie_name(request, NEXT_COOKIE),
        value=path,
        max_age=NEXT_LIFE_S if path else 0,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
