"""What the pages of signing in share: cookies, where to go next, and what is said when something goes wrong."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from litestar import Request
from litestar.datastructures import Cookie
from litestar.response import Redirect

from forecourt.access.errors import PasswordRefused
from forecourt.access.guard import check_same_site, cookie_name, is_secure
from forecourt.access.model import (
    Actor,
    CrossSite,
    NoOrganisation,
    PeopleOnly,
    SignInRefused,
    TooManyAttempts,
)
from forecourt.access.service import SESSION_LIFE
from forecourt.access.signin.model import (
    MIN_PASSWORD_LENGTH,
    BySomebodyElse,
    CodeRefused,
    PasskeyRefused,
    ProviderAway,
    ProviderRefused,
    ProviderUnknown,
    StepGone,
    TooManyPasskeys,
)
from forecourt.access.signin.steps import STEP_LIFE
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

HOME: Final = "/"
ACCOUNT: Final = "/account"
CONFIRM: Final = "/account/confirm"
MAX_NEXT_LENGTH: Final = 2000
MAX_FORM_TEXT: Final = 1000

#: Cookies of steps, each for minutes: what waits for a second factor, a passkey's challenge, the way to a provider.
SECOND_FACTOR_COOKIE: Final = "forecourt_second_factor"
PASSKEY_COOKIE: Final = "forecourt_passkey"
PROVIDER_COOKIE: Final = "forecourt_provider"

AnyRequest = Request[Any, Any, Any]

#: What people read; the errors' own words are for programs.
WORDS: Final[Mapping[type[ForecourtError], str]] = {
    SignInRefused: mark("The e-mail address and the password do not belong together. Check both and try again."),
    NoOrganisation: mark("You belong to no organisation any more. Ask one of its owners to invite you."),
    CrossSite: mark("The request came from another web site. Open Forecourt's own page and try again."),
    StepGone: mark("This took too long or was done already. Begin again."),
    CodeRefused: mark("The code is wrong or was used before. Wait for the next one, and see that the clock is right."),
    PasskeyRefused: mark("The passkey was not accepted. Try again, or sign in by password."),
    TooManyPasskeys: mark("You have as many passkeys as there can be. Remove one that you no longer use."),
    ProviderUnknown: mark("No organisation signs its people in by that name. Ask your organisation for it."),
    ProviderAway: mark("Your organisation's sign-in doesn't answer as it should. Try again later."),
    BySomebodyElse: mark("Your organisation signed you in. Passwords and factors are changed there."),
}
#: Reasons of a ProviderRefused, which have a text of their own.
REASONS: Final = (
    mark("Your organisation's sign-in was not accepted. Try again, or ask its owner."),
    mark("Your organisation's sign-in doesn't say that your e-mail address is verified."),
    mark("Your e-mail address is of no mail domain that your organisation lets in."),
    mark("You were removed from the organisation. Ask one of its owners to invite you."),
    mark("None of your groups gives you a role here. Ask an owner of the organisation."),
)


def words_of(fault: ForecourtError) -> str:
    """What a person is told, in the language that is spoken."""
    if isinstance(fault, TooManyAttempts):
        return _("Too many attempts. Wait %(n)s s and try again.") % {"n": fault.wait_s}
    if isinstance(fault, PasswordRefused):
        return _(
            "The password is too easy to guess. Take at least %(n)s characters, such as four words that don't belong"
            " together."
        ) % {"n": MIN_PASSWORD_LENGTH}
    if isinstance(fault, ProviderRefused):
        return _(fault.detail)
    return _(WORDS[type(fault)]) if type(fault) in WORDS else fault.detail


def own_path(wanted: str) -> str:
    """Where to go after signing in: a path of our own, never another site."""
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if ours and len(wanted) <= MAX_NEXT_LENGTH else HOME


def check_form(request: AnyRequest) -> None:
    """A foreign page must not sign people in as somebody else. What no browser sent has no page it could come from."""
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        check_same_site(request)


def person_of(request: AnyRequest) -> Actor:
    """Who is signed in on a page that the guard has let them to."""
    actor = request.scope["user"]
    if not isinstance(actor, Actor):
        raise PeopleOnly
    return actor


def session_cookie(request: AnyRequest, token: str, max_age_s: int = int(SESSION_LIFE.total_seconds())) -> Cookie:
    """The cookie that a browser is signed in by; an empty token ends it."""
    return Cookie(
        key=cookie_name(request),
        value=token,
        max_age=max_age_s if token else 0,
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )


def step_cookie(request: AnyRequest, name: str, token: str, same_site: Literal["lax", "strict"] = "strict") -> Cookie:
    """The cookie that a step is finished by; an empty token ends it. Coming back from a provider asks for `lax`."""
    return Cookie(
        key=cookie_name(request, name),
        value=token,
        max_age=int(STEP_LIFE.total_seconds()) if token else 0,
        path="/",
        httponly=True,
        samesite=same_site,
        secure=is_secure(request),
    )


def step_token(request: AnyRequest, name: str) -> str:
    """The token of a step, as the browser kept it; empty where it did not."""
    return request.cookies.get(cookie_name(request, name)) or ""


def go(path: str, *cookies: Cookie) -> Redirect:
    """Sends a browser on after something was done."""
    return Redirect(path, status_code=303, cookies=list(cookies))


def to_confirm(request: AnyRequest) -> Redirect:
    """Asks who is signed in to prove it once more, and comes back to this page."""
    wanted = request.url.path if request.method == "GET" else ACCOUNT
    return go(f"{CONFIRM}?next={quote(wanted, safe='')}")
