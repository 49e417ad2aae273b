"""The page of the outside authorisation: which service decides, trying it out, and what it decided lately.

Everything works by plain forms. A secret is in the answer that made it and in no page after that.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.api import TokenType, Uid
from forecourt.drivers.outside import service, store
from forecourt.drivers.outside.api import HookWanted
from forecourt.drivers.outside.authorizer import Asked
from forecourt.drivers.outside.model import Fallback, HookMissing, state_of
from forecourt.drivers.outside.service import AuthorizationHooks
from forecourt.ocpp.neutral import Token
from forecourt.platform.database import Pool
from forecourt.platform.outward import AddressRefused
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PATH: Final = "/settings/authorisation"
#: Decisions, and reasons for which there was none, that the page lists.
MAX_LISTED: Final = 20
GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.WEBHOOKS}
FALLBACKS: Final = {
    Fallback.LOCAL: (mark("By the tokens here"), mark("A token that is not registered here may not charge.")),
    Fallback.ACCEPT: (mark("Accept all"), mark("Everybody charges while the service is away, strangers as well.")),
    Fallback.REFUSE: (mark("Refuse all"), mark("Nobody starts to charge while the service is away.")),
}
OUTCOMES: Final = {
    "failed": mark("No usable answer"),
    "resting": mark("Not asked: it failed too often and is given a rest"),
    "busy": mark("Not asked: too many questions at once"),
}
#: How each field must be.
WRONG: Final = {
    "url": mark("must begin with https:// or http:// and belong to the public internet"),
    "deadline_ms": mark("must be a number of milliseconds from 100 to 5,000"),
    "cache_s": mark("must be a number of seconds from 30 to 86,400"),
    "uid": mark("must be what a station sends, without control characters"),
}
DONE: Final = {"stored": mark("Stored."), "deleted": mark("Tokens are decided here again.")}
TONES: Final = {"accepted": "Available", "blocked": "Faulted", "invalid": "Faulted", "no_credit": "SuspendedEV",
                "expired": "SuspendedEV"}  # fmt: skip

WebRequest = Request[Any, Any, Any]


class HookForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    url: Annotated[str, Meta(max_length=3000)] = ""
    deadline_ms: Annotated[str, Meta(max_length=20)] = "2000"
    cache_s: Annotated[str, Meta(max_length=20)] = "300"
    fallback: Annotated[str, Meta(max_length=20)] = Fallback.LOCAL.value
    active: Annotated[str, Meta(max_length=10)] = ""


class TrialForm(Struct, frozen=True, kw_only=True):
    """A token to ask about."""

    uid: Annotated[str, Meta(max_length=1000)] = ""
    type: Annotated[str, Meta(max_length=1000)] = "ISO14443"


class OutsidePages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, hooks: AuthorizationHooks) -> None:
        self._shell = shell
        self._db = db
        self._hooks = hooks

    async def show(
        self,
        request: WebRequest,
        actor: Actor,
        *,
        form: HookForm | None = None,
        wrong: Mapping[str, str] | None = None,
        trial: TrialForm | None = None,
        asked: Asked | None = None,
        done: str = "",
    ) -> Response[str]:
        """The page; with what was sent and what is wrong with it, or what came of a trial."""
        async with self._db.tenant(actor.tenant_id) as conn:
            hook = await store.find_hook(conn, actor.tenant_id)
            decisions = await store.list_decisions(conn, actor.tenant_id, MAX_LISTED)
            failures = await store.list_failures(conn, actor.tenant_id, MAX_LISTED)
        if form is None:
            form = HookForm(active="yes") if hook is None else _form_of(hook)
        decided = None if asked is None or asked.decision is None else asked.decision.status
        return self._page(
            "outside",
            request,
            actor,
            status=422 if wrong else 200,
            hook=hook,
            form=form,
            wrong=wrong or {},
            trial=trial or TrialForm(),
            asked=asked,
            answer=decided,
            answer_state=None if decided is None else state_of(decided.status),
            decisions=[(row, state_of(row.status)) for row in decisions],
            failures=failures,
            fallbacks=FALLBACKS,
            outcomes=OUTCOMES,
            tones=TONES,
            now=self._hooks.now(),
            done=DONE.get(done, ""),
        )

    async def put(self, request: WebRequest, actor: Actor, form: HookForm) -> Response[Any]:
        """Stores what the form says, and shows the secret where one was made."""
        wanted, wrong = read_form(form)
        if wanted is None:
            return await self.show(request, actor, form=form, wrong=wrong)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                _, secret = await self._hooks.put(
                    conn,
                    actor,
                    url=wanted.url,
                    deadline_ms=wanted.deadline_ms,
                    cache_s=wanted.cache_s,
                    fallback=wanted.fallback,
                    active=wanted.active,
                )
        except AddressRefused:
            return await self.show(request, actor, form=form, wrong={"url": WRONG["url"]})
        if secret is None:
            return Redirect(f"{PATH}?done=stored", status_code=303)
        return self._page("outside_secret", request, actor, secret=secret, rotated=False)

    async def try_out(self, request: WebRequest, actor: Actor, trial: TrialForm) -> Response[str]:
        """Asks now and shows the answer; nothing is kept of it."""
        try:
            uid, kind = msgspec.convert((trial.uid.strip(), trial.type.strip()), tuple[Uid, TokenType])
        except msgspec.ValidationError:
            return await self.show(request, actor, trial=trial, wrong={"uid": WRONG["uid"]})
        asked = await self._hooks.ask_now(self._db, actor, Token(uid=uid, type=kind))
        return await self.show(request, actor, trial=trial, asked=asked)

    async def rotate(self, request: WebRequest, actor: Actor) -> Response[Any]:
        """Makes another secret and shows it this once."""
        async with self._db.tenant(actor.tenant_id) as conn:
            _, secret = await self._hooks.rotate(conn, actor)
        return self._page("outside_secret", request, actor, secret=secret, rotated=True)

    async def delete(self, actor: Actor) -> Redirect:
        """Tokens are decided here again."""
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.delete(conn, actor)
        return Redirect(f"{PATH}?done=deleted", status_code=303)

    def _page(
        self, name: str, request: WebRequest, actor: Actor, *, status: int = 200, **context: Any
    ) -> Response[str]:
        return self._shell.page(
            f"drivers/{name}.html", request, viewer=actor, current="settings", status=status, **context
        )


def outside_pages(shell: Shell, db: Pool, hooks: AuthorizationHooks) -> list[HTTPRouteHandler]:
    """`/settings/authorisation` and what is done there, for those who may set it up."""
    pages = OutsidePages(shell, db, hooks)

    @get(PATH, opt=GUARDED, include_in_schema=False)
    async def outside(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.show(request, actor, done=request.query_params.get("done", ""))

    @post(PATH, opt=GUARDED, include_in_schema=False, status_code=200)
    async def put(request: WebRequest, actor: Asker, data: URLEncodedBody[HookForm]) -> Response[Any]:
        return await pages.put(request, actor, data)

    @post(f"{PATH}/test", opt=GUARDED, include_in_schema=False, status_code=200)
    async def try_out(request: WebRequest, actor: Asker, data: URLEncodedBody[TrialForm]) -> Response[Any]:
        try:
            return await pages.try_out(request, actor, data)
        except HookMissing:
            return Redirect(PATH, status_code=303)

    @post(f"{PATH}/rotate", opt=GUARDED, include_in_schema=False, status_code=200)
    async def rotate(request: WebRequest, actor: Asker) -> Response[Any]:
        return await pages.rotate(request, actor)

    @post(f"{PATH}/delete", opt=GUARDED, include_in_schema=False, status_code=303)
    async def delete(actor: Asker) -> Redirect:
        return await pages.delete(actor)

    return [outside, put, try_out, rotate, delete]


def read_form(form: HookForm) -> tuple[HookWanted | None, dict[str, str]]:
    """What the form asks for, as the API takes it; or the rule of each field that can't be taken."""
    wrong = {}
    values: dict[str, Any] = {"fallback": form.fallback, "active": form.active == "yes"}
    for name, kind in (("url", str), ("deadline_ms", int), ("cache_s", int)):
        text = str(getattr(form, name)).strip()
        try:
            values[name] = msgspec.convert(text, kind, strict=False)
            msgspec.convert({"url": "https://example.com", **{name: values[name]}}, HookWanted)
        except msgspec.ValidationError:
            wrong[name] = WRONG[name]
    try:
        return (None, wrong) if wrong else (msgspec.convert(values, HookWanted), {})
    except msgspec.ValidationError:
        return None, {"url": WRONG["url"]}


def _form_of(hook: store.HookRow) -> HookForm:
    return HookForm(
        url=hook.url,
        deadline_ms=str(hook.deadline_ms),
        cache_s=str(hook.cache_s),
        fallback=hook.fallback,
        active="yes" if hook.active else "",
    )
