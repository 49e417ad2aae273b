"""What the buttons of passkeys ask for in JSON, and the pages to name and remove one."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.access.model import NoOrganisation, ProofTooOld, TooManyAttempts
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import (
    BySomebodyElse,
    PasskeyRefused,
    PasskeyUnknown,
    StepGone,
    TooManyPasskeys,
)
from forecourt.access.signin.pages.common import (
    ACCOUNT,
    MAX_NEXT_LENGTH,
    PASSKEY_COOKIE,
    SECOND_FACTOR_COOKIE,
    AnyRequest,
    check_form,
    go,
    own_path,
    person_of,
    session_cookie,
    step_cookie,
    step_token,
    to_confirm,
    words_of,
)
from forecourt.access.signin.service import check_recent
from forecourt.access.signin.service.passkeys import MAX_NAME
from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import ONE_LINE
from forecourt.ui.shell import Shell

PASSKEYS: Final = f"{ACCOUNT}/passkeys"

Name = Annotated[str, Meta(max_length=MAX_NAME, pattern=ONE_LINE)]

PasskeyId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class Shown(Struct, frozen=True, kw_only=True):
    """A passkey that a browser shows."""

    credential: dict[str, Any]
    next: Annotated[str, Meta(max_length=MAX_NEXT_LENGTH)] = "/"


class Made(Struct, frozen=True, kw_only=True):
    """A passkey that a browser made."""

    credential: dict[str, Any]
    name: Name = ""


class NameForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    name: Name = ""


class _Passkeys:
    def __init__(self, shell: Shell, doors: Doors) -> None:
        self._shell = shell
        self._doors = doors

    def said(self, request: AnyRequest, fault: ForecourtError) -> Response[Any]:
        """Words for the page's script to show."""
        with self._shell.speaking(request):
            return Response({"fault": words_of(fault)}, status_code=fault.status)

    def options(self, request: AnyRequest, options: str, token: str) -> Response[Any]:
        made: Response[Any] = Response(
            {"options": msgspec.Raw(options.encode())}, cookies=[step_cookie(request, PASSKEY_COOKIE, token)]
        )
        return made

    def on(self, request: AnyRequest, path: str, *cookies: Cookie) -> Response[Any]:
        """Where the page's script goes next."""
        return Response({"next": path}, cookies=[*cookies, step_cookie(request, PASSKEY_COOKIE, "")])

    async def page(self, request: AnyRequest, passkey_id: int | None, template: str) -> Response[Any]:
        """The page of a new passkey, or of one that is there."""
        actor = person_of(request)
        check_recent(actor, self._doors.clock)
        there = await self._doors.passkeys.list(actor)
        chosen = next((each for each in there if each.passkey_id == passkey_id), None)
        if passkey_id is not None and chosen is None:
            return go(f"{ACCOUNT}?done=gone")
        last = (await self._doors.factors.counts(actor)).authenticators + len(there) == 1
        return self._shell.page(
            template, request, viewer=actor, current="account", passkey=chosen, what="passkey", last=last
        )


def passkey_routes(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """/sign-in/passkey, /account/confirm/passkey and /account/passkeys."""
    pages = _Passkeys(shell, doors)

    @post("/sign-in/passkey/options", opt={"public": True}, include_in_schema=False, status_code=200)
    async def sign_in_options(request: AnyRequest) -> Response[Any]:
        check_form(request)
        waiting = step_token(request, SECOND_FACTOR_COOKIE)
        try:
            # With the step of a second factor, only a passkey of that person; without, anybody's.
            person_id = await doors.passkeys.of_waiting(waiting) if waiting else None
        except StepGone:
            person_id = None
        try:
            return pages.options(request, *await doors.passkeys.ask(origin_of(request), person_id))
        except TooManyAttempts as fault:
            return pages.said(request, fault)

    @post("/sign-in/passkey", opt={"public": True}, include_in_schema=False, status_code=200)
    async def sign_in(request: AnyRequest, data: JSONBody[Shown]) -> Response[Any]:
        check_form(request)
        try:
            signed_in = await doors.passkeys.sign_in(
                step_token(request, PASSKEY_COOKIE), data.credential, origin_of(request)
            )
        except (PasskeyRefused, StepGone, NoOrganisation) as fault:
            return pages.said(request, fault)
        cookies = session_cookie(request, signed_in.token), step_cookie(request, SECOND_FACTOR_COOKIE, "")
        return pages.on(request, own_path(data.next), *cookies)

    @post(f"{ACCOUNT}/confirm/passkey/options", opt={"own": True}, include_in_schema=False, status_code=200)
    async def confirm_options(request: AnyRequest) -> Response[Any]:
        try:
            return pages.options(request, *await doors.passkeys.ask(origin_of(request), person_of(request).id))
        except TooManyAttempts as fault:
            return pages.said(request, fault)

    @post(f"{ACCOUNT}/confirm/passkey", opt={"own": True}, include_in_schema=False, status_code=200)
    async def confirm(request: AnyRequest, data: JSONBody[Shown]) -> Response[Any]:
        try:
            token = await doors.passkeys.confirm(
                person_of(request), step_token(request, PASSKEY_COOKIE), data.credential
            )
        except (PasskeyRefused, StepGone, BySomebodyElse) as fault:
            return pages.said(request, fault)
        return pages.on(request, own_path(data.next), session_cookie(request, token))

    @get(f"{PASSKEYS}/new", opt={"own": True}, include_in_schema=False)
    async def new_page(request: AnyRequest) -> Response[Any]:
        return await _recently(request, pages.page(request, None, "access/passkey_new.html"))

    @post(f"{PASSKEYS}/options", opt={"own": True}, include_in_schema=False, status_code=200)
    async def new_options(request: AnyRequest) -> Response[Any]:
        try:
            return pages.options(request, *await doors.passkeys.begin_new(person_of(request)))
        except (ProofTooOld, BySomebodyElse, TooManyPasskeys) as fault:
            return pages.said(request, fault)

    @post(PASSKEYS, opt={"own": True}, include_in_schema=False, status_code=200)
    async def add(request: AnyRequest, data: JSONBody[Made]) -> Response[Any]:
        try:
            token = await doors.passkeys.add(
                person_of(request), step_token(request, PASSKEY_COOKIE), data.credential, data.name
            )
        except (PasskeyRefused, StepGone, ProofTooOld, BySomebodyElse) as fault:
            return pages.said(request, fault)
        return pages.on(request, f"{ACCOUNT}?done=passkey", session_cookie(request, token))

    @get(f"{PASSKEYS}/{{passkey_id:int}}/remove", opt={"own": True}, include_in_schema=False)
    async def remove_page(request: AnyRequest, passkey_id: PasskeyId) -> Response[Any]:
        return await _recently(request, pages.page(request, passkey_id, "access/factor_ask.html"))

    @post(f"{PASSKEYS}/{{passkey_id:int}}/remove", opt={"own": True}, include_in_schema=False, status_code=303)
    async def remove(request: AnyRequest, passkey_id: PasskeyId) -> Response[Any]:
        try:
            await doors.passkeys.remove(person_of(request), passkey_id)
        except PasskeyUnknown:
            return go(f"{ACCOUNT}?done=gone")
        except (ProofTooOld, BySomebodyElse):
            return go(f"{PASSKEYS}/{passkey_id}/remove")
        return go(f"{ACCOUNT}?done=no-passkey")

    @post(f"{PASSKEYS}/{{passkey_id:int}}/name", opt={"own": True}, include_in_schema=False, status_code=303)
    async def rename(request: AnyRequest, passkey_id: PasskeyId, data: URLEncodedBody[NameForm]) -> Response[Any]:
        try:
            await doors.passkeys.rename(person_of(request), passkey_id, data.name)
        except (PasskeyUnknown, BySomebodyElse):
            return go(f"{ACCOUNT}?done=gone")
        return go(f"{ACCOUNT}?done=renamed")

    return [
        sign_in_options,
        sign_in,
        confirm_options,
        confirm,
        new_page,
        new_options,
        add,
        remove_page,
        remove,
        rename,
    ]


async def _recently(request: AnyRequest, page: Any) -> Response[Any]:
    """The page, for who proved lately who they are; others prove it first."""
    try:
        answer: Response[Any] = await page
    except ProofTooOld:
        return to_confirm(request)
    except BySomebodyElse:
        return go(ACCOUNT)
    return answer
