"""Setting up and removing an authenticator app, and recovery codes."""

from typing import Annotated, Any, Final

import segno
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.model import ProofTooOld
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import BySomebodyElse, CodeRefused, StepGone
from forecourt.access.signin.pages.common import (
    ACCOUNT,
    AnyRequest,
    go,
    person_of,
    session_cookie,
    to_confirm,
    words_of,
)
from forecourt.access.signin.pages.entry import MAX_CODE
from forecourt.access.signin.service import Enrolment, check_recent
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import Shell

AUTHENTICATOR: Final = f"{ACCOUNT}/authenticator"
RECOVERY_CODES: Final = f"{ACCOUNT}/recovery-codes"
MAX_SEALED: Final = 2_000
_QR_SCALE: Final = 4


class EnrolForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    sealed: Annotated[str, Meta(max_length=MAX_SEALED)] = ""
    code: Annotated[str, Meta(max_length=MAX_CODE)] = ""


class _Factors:
    def __init__(self, shell: Shell, doors: Doors) -> None:
        self._shell = shell
        self._doors = doors

    async def enrolment(
        self, request: AnyRequest, enrolment: Enrolment, fault: ForecourtError | None = None
    ) -> Response[Any]:
        with self._shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        code = segno.make(enrolment.uri, error="m", micro=False)
        return self._page(
            request,
            "access/authenticator.html",
            status=200 if fault is None else fault.status,
            enrolment=enrolment,
            qr=code.svg_inline(scale=_QR_SCALE, border=4, light="#fff"),
            seed=" ".join(enrolment.seed[at : at + 4] for at in range(0, len(enrolment.seed), 4)),
            fault=words,
        )

    async def ask(self, request: AnyRequest, what: str) -> Response[Any]:
        """Asks before something is taken away, with what follows from it."""
        actor = person_of(request)
        check_recent(actor, self._doors.clock)
        counts = await self._doors.factors.counts(actor)
        last = counts.authenticators + counts.passkeys == 1
        return self._page(request, "access/factor_ask.html", what=what, last=last, passkey=None)

    def codes(self, request: AnyRequest, codes: list[str]) -> Response[Any]:
        return self._page(request, "access/recovery_codes.html", codes=codes)

    def _page(self, request: AnyRequest, template: str, status: int = 200, **context: Any) -> Response[Any]:
        return self._shell.page(
            template, request, viewer=person_of(request), current="account", status=status, **context
        )


def factor_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """/account/authenticator and /account/recovery-codes."""
    pages = _Factors(shell, doors)

    @get(AUTHENTICATOR, opt={"own": True}, include_in_schema=False)
    async def authenticator_page(request: AnyRequest) -> Response[Any]:
        try:
            return await pages.enrolment(request, await doors.factors.begin(person_of(request)))
        except ProofTooOld:
            return to_confirm(request)
        except BySomebodyElse:
            return go(ACCOUNT)

    @post(AUTHENTICATOR, opt={"own": True}, include_in_schema=False, status_code=200)
    async def authenticator(request: AnyRequest, data: URLEncodedBody[EnrolForm]) -> Response[Any]:
        actor = person_of(request)
        try:
            codes, token = await doors.factors.enrol(actor, data.sealed, data.code)
        except CodeRefused as fault:
            return await pages.enrolment(request, await doors.factors.again(actor, data.sealed), fault)
        except (StepGone, ProofTooOld, BySomebodyElse):
            return go(AUTHENTICATOR)
        page = pages.codes(request, codes)
        page.set_cookie(session_cookie(request, token))
        return page

    @get(f"{AUTHENTICATOR}/remove", opt={"own": True}, include_in_schema=False)
    async def remove_page(request: AnyRequest) -> Response[Any]:
        try:
            return await pages.ask(request, "authenticator")
        except ProofTooOld:
            return to_confirm(request)
        except BySomebodyElse:
            return go(ACCOUNT)

    @post(f"{AUTHENTICATOR}/remove", opt={"own": True}, include_in_schema=False, status_code=303)
    async def remove(request: AnyRequest) -> Response[Any]:
        try:
            await doors.factors.remove(person_of(request))
        except (ProofTooOld, BySomebodyElse):
            return go(f"{AUTHENTICATOR}/remove")
        return go(f"{ACCOUNT}?done=no-authenticator")

    @get(RECOVERY_CODES, opt={"own": True}, include_in_schema=False)
    async def codes_page(request: AnyRequest) -> Response[Any]:
        try:
            return await pages.ask(request, "codes")
        except ProofTooOld:
            return to_confirm(request)
        except BySomebodyElse:
            return go(ACCOUNT)

    @post(RECOVERY_CODES, opt={"own": True}, include_in_schema=False, status_code=200)
    async def codes(request: AnyRequest) -> Response[Any]:
        try:
            return pages.codes(request, await doors.factors.renew_codes(person_of(request)))
        except (ProofTooOld, BySomebodyElse):
            return go(RECOVERY_CODES)

    return [authenticator_page, authenticator, remove_page, remove, codes_page, codes]
