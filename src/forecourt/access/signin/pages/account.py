"""A person's own account: how they sign in, where they are signed in, and which language they read."""

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.errors import PasswordRefused
from forecourt.access.model import Actor, ProofTooOld, SignInRefused, TooManyAttempts, Verb
from forecourt.access.signin.device import device
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import RECENT, BySomebodyElse, SessionUnknown
from forecourt.access.signin.pages.common import (
    ACCOUNT,
    CONFIRM,
    MAX_FORM_TEXT,
    MAX_NEXT_LENGTH,
    AnyRequest,
    go,
    own_path,
    person_of,
    session_cookie,
    to_confirm,
    words_of,
)
from forecourt.access.signin.service import check_recent
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: What was done, as the page that follows says it.
DONE: Final = {
    "password": mark("The password was changed. All other sessions have ended."),
    "authenticator": mark("The authenticator app is set up."),
    "no-authenticator": mark("The authenticator app was removed."),
    "passkey": mark("The passkey was added."),
    "no-passkey": mark("The passkey was removed."),
    "renamed": mark("The passkey has its new name."),
    "session": mark("The session has ended."),
    "sessions": mark("All other sessions have ended."),
    "gone": mark("There is no such thing any more."),
}
HOW: Final = {
    "password": mark("Password"),
    "password and authenticator": mark("Password and authenticator app"),
    "password and recovery code": mark("Password and recovery code"),
    "passkey": mark("Passkey"),
    "provider": mark("Your organisation"),
    "invitation": mark("Invitation"),
}


SessionId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


class PasswordForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    password: Annotated[str, Meta(max_length=MAX_FORM_TEXT)] = ""
    next: Annotated[str, Meta(max_length=MAX_NEXT_LENGTH)] = ACCOUNT


class _Account:
    def __init__(self, shell: Shell, doors: Doors) -> None:
        self._shell = shell
        self._doors = doors

    async def show(self, request: AnyRequest) -> Response[Any]:
        actor = person_of(request)
        assert actor.session is not None
        own = not actor.session.by_provider
        done = DONE.get(request.query_params.get("done", ""))
        with self._shell.speaking(request):
            sessions = [
                (each, device(each.user_agent), _(HOW.get(each.how, each.how)))
                for each in await self._doors.sessions.list(actor)
            ]
        return self._shell.page(
            "access/account.html",
            request,
            viewer=actor,
            current="account",
            actor=actor,
            own=own,
            has_password=own and await self._doors.passwords.has_one(actor),
            factors=await self._doors.factors.counts(actor) if own else None,
            passkeys=await self._doors.passkeys.list(actor) if own else [],
            sessions=sessions,
            done=done,
            needed=actor.session.needs_second_factor,
            organises=actor.may(Verb.ORGANISATION),
        )

    def password(self, request: AnyRequest, fault: ForecourtError | None = None) -> Response[Any]:
        return self._form(request, "access/account_password.html", fault)

    async def confirm(self, request: AnyRequest, wanted: str, fault: ForecourtError | None = None) -> Response[Any]:
        actor = person_of(request)
        if isinstance(fault, BySomebodyElse) or (actor.session is not None and actor.session.by_provider):
            return go(ACCOUNT)
        has_password = await self._doors.passwords.has_one(actor)
        has_passkeys = (await self._doors.factors.counts(actor)).passkeys > 0
        minutes = int(RECENT.total_seconds() // 60)
        return self._form(
            request,
            "access/confirm.html",
            fault,
            next=own_path(wanted),
            has_password=has_password,
            has_passkeys=has_passkeys,
            minutes=minutes,
        )

    def _form(self, request: AnyRequest, template: str, fault: ForecourtError | None, **context: Any) -> Response[Any]:
        with self._shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        status = 200 if fault is None else fault.status
        return self._shell.page(
            template, request, viewer=person_of(request), current="account", status=status, fault=words, **context
        )


def account_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """GET /account, and what its forms do but for factors."""
    pages = _Account(shell, doors)

    @get(ACCOUNT, opt={"own": True}, include_in_schema=False)
    async def account(request: AnyRequest) -> Response[Any]:
        return await pages.show(request)

    @get(CONFIRM, opt={"own": True}, include_in_schema=False)
    async def confirm_page(request: AnyRequest) -> Response[Any]:
        return await pages.confirm(request, request.query_params.get("next", ACCOUNT))

    @post(CONFIRM, opt={"own": True}, include_in_schema=False, status_code=303)
    async def confirm(request: AnyRequest, data: URLEncodedBody[PasswordForm]) -> Response[Any]:
        try:
            token = await doors.passwords.confirm(person_of(request), data.password)
        except (SignInRefused, TooManyAttempts, BySomebodyElse) as fault:
            return await pages.confirm(request, data.next, fault)
        return go(own_path(data.next), session_cookie(request, token))

    @get(f"{ACCOUNT}/password", opt={"own": True}, include_in_schema=False, sync_to_thread=False)
    def password_page(request: AnyRequest) -> Response[Any]:
        return _if_recent(request, doors, lambda: pages.password(request))

    @post(f"{ACCOUNT}/password", opt={"own": True}, include_in_schema=False, status_code=303)
    async def password(request: AnyRequest, data: URLEncodedBody[PasswordForm]) -> Response[Any]:
        try:
            await doors.passwords.change(person_of(request), data.password)
        except PasswordRefused as fault:
            return pages.password(request, fault)
        except ProofTooOld:
            return go(f"{CONFIRM}?next={ACCOUNT}/password")
        return go(f"{ACCOUNT}?done=password")

    @post(f"{ACCOUNT}/sessions/{{own_session_id:int}}/end", opt={"own": True}, include_in_schema=False, status_code=303)
    async def end_session(request: AnyRequest, own_session_id: SessionId) -> Response[Any]:
        try:
            await doors.sessions.end(person_of(request), own_session_id)
        except SessionUnknown:
            return go(f"{ACCOUNT}?done=gone#sessions")
        return go(f"{ACCOUNT}?done=session#sessions")

    @post(f"{ACCOUNT}/sessions/end-others", opt={"own": True}, include_in_schema=False, status_code=303)
    async def end_others(request: AnyRequest) -> Response[Any]:
        await doors.sessions.end_others(person_of(request))
        return go(f"{ACCOUNT}?done=sessions#sessions")

    return [account, confirm_page, confirm, password_page, password, end_session, end_others]


def _if_recent(request: AnyRequest, doors: Doors, page: Any) -> Response[Any]:
    """The page, for who proved lately who they are; others prove it first."""
    actor: Actor = person_of(request)
    try:
        check_recent(actor, doors.clock)
    except ProofTooOld:
        return to_confirm(request)
    except BySomebodyElse:
        return go(ACCOUNT)
    answer: Response[Any] = page()
    return answer
