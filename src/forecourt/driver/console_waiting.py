"""What the console shows of waiting lists: what is wanted of a site's, who waits there, and whose turn it is."""

import re
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.driver.waiting.model import MAX_TYPE, PlaceGone, PlaceState, Policy, PolicyUnknown, next_of
from forecourt.driver.waiting.service import WaitingLists
from forecourt.driver.words import type_words
from forecourt.platform.clock import Clock
from forecourt.platform.paging import NEWEST
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
Slug = Annotated[str, PathParameter(max_length=63, pattern=r"^[^\x00]*$")]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
_NUMBER: Final = re.compile("[0-9]{1,18}")
_Text = Annotated[str, Meta(max_length=MAX_TYPE)]
#: What was just done, or could not be done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "gone": mark("The policy was taken away."),
    "skipped": mark("The next one goes first."),
    "removed": mark("Taken out of the list."),
    PlaceGone.code: mark("Nobody has this place any more."),
    ChangedMeanwhile.code: mark("The list has changed since you looked. Look again who is next."),
    PolicyUnknown.code: mark("There is no such policy any more."),
    "value": mark("Minutes and numbers are whole, within the bounds that stand beside them. Nothing was stored."),
}
TONES: Final = {PlaceState.WAITING: "Preparing", PlaceState.HELD: "Reserved"}
WORDS: Final = {PlaceState.WAITING: mark("Waits"), PlaceState.HELD: mark("Their turn")}
WHO: Final = {"anybody": mark("Anybody who has the link"), "account": mark("Drivers with an account")}


class PolicyForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    connector_type: _Text = ""
    active: _Text = ""
    who: _Text = "anybody"
    hold_minutes: _Text = ""
    snooze_minutes: _Text = ""
    max_waiting: _Text = ""


class TypeForm(Struct, frozen=True, kw_only=True):
    """Whose policy is taken away."""

    connector_type: _Text = ""


class SkipForm(Struct, frozen=True, kw_only=True):
    """Who was next when the page was read, by number; empty: nobody."""

    next: _Text = ""


class WaitingConsole:
    """What the handlers below share."""

    def __init__(self, shell: Shell, lists: WaitingLists, clock: Clock) -> None:
        self._shell = shell
        self._lists = lists
        self._clock = clock

    async def show(
        self, request: WebRequest, actor: Actor, slug: str, done: str = "", *, name: str = "waiting"
    ) -> Response[str]:
        """The list and its policies, or the fragment of it on the page of its site. Raises SiteUnknown."""
        line = await self._lists.line(actor, slug)
        policies = line.policies or {"": Policy(active=False)}
        return self._shell.page(
            f"driver/{name}.html", request, viewer=actor, current="sites", line=line, policies=policies,
            new=[each for each in line.types if each not in line.policies] if line.policies else [],
            done=DONE.get(done, ""), may_change=actor.may(Verb.CHANGE_SITES), may_control=actor.may(Verb.CONTROL),
            named=type_words, tones=TONES, words=WORDS, who=WHO, now=self._clock.now(), default=Policy(),
            next_of=next_of,
        )  # fmt: skip

    async def change(self, actor: Actor, slug: str, form: PolicyForm) -> Redirect:
        """Stores what the form says. Raises SiteUnknown."""
        said = {"active": form.active == "yes", "who": form.who}
        try:
            said |= {name: int(getattr(form, name)) for name in ("hold_minutes", "snooze_minutes", "max_waiting")}
            policy = msgspec.convert(said, Policy)
        except (ValueError, msgspec.ValidationError):
            return self._back(slug, "value")
        await self._lists.set_policy(actor, slug, form.connector_type or None, policy)
        return self._back(slug, "stored")

    async def drop(self, actor: Actor, slug: str, connector_type: str) -> Redirect:
        """Takes a policy away. Raises SiteUnknown."""
        try:
            await self._lists.remove_policy(actor, slug, connector_type or None)
        except PolicyUnknown as fault:
            return self._back(slug, fault.code)
        return self._back(slug, "gone")

    async def skip(self, actor: Actor, slug: str, number: int, seen_next: str) -> Redirect:
        """Lets the next one go first, if it is still the one that the page showed. Raises SiteUnknown."""
        seen = int(seen_next) if _NUMBER.fullmatch(seen_next) else None
        try:
            await self._lists.skip(actor, slug, number, seen_next=seen)
        except (PlaceGone, ChangedMeanwhile) as fault:
            return self._back(slug, fault.code)
        return self._back(slug, "skipped")

    async def remove(self, actor: Actor, slug: str, number: int) -> Redirect:
        """Takes somebody out. Raises SiteUnknown."""
        try:
            await self._lists.remove(actor, slug, number)
        except PlaceGone as fault:
            return self._back(slug, fault.code)
        return self._back(slug, "removed")

    @staticmethod
    def _back(slug: str, done: str) -> Redirect:
        return Redirect(f"/sites/{slug}/waiting-list?done={done}", status_code=303)


def waiting_console(shell: Shell, lists: WaitingLists, clock: Clock) -> list[HTTPRouteHandler]:
    """`/sites/{slug}/waiting-list`, and its fragment on the page of the site."""
    pages = WaitingConsole(shell, lists, clock)
    changes: dict[str, Any] = {"opt": {"verb": Verb.CHANGE_SITES}, "include_in_schema": False, "status_code": 303}
    controls: dict[str, Any] = changes | {"opt": {"verb": Verb.CONTROL}}

    @get("/sites/{slug:str}/waiting-list", include_in_schema=False)
    async def show(
        request: WebRequest, actor: Asker, slug: Slug, done: Annotated[str, QueryParameter(max_length=40)] = ""
    ) -> Response[str]:
        return await pages.show(request, actor, slug, done)

    @get("/waiting-lists/at/{slug:str}", include_in_schema=False)
    async def at_site(request: WebRequest, actor: Asker, slug: Slug) -> Response[str]:
        return await pages.show(request, actor, slug, name="waiting_at")

    @post("/sites/{slug:str}/waiting-list/policy", **changes)
    async def change(actor: Asker, slug: Slug, data: URLEncodedBody[PolicyForm]) -> Redirect:
        return await pages.change(actor, slug, data)

    @post("/sites/{slug:str}/waiting-list/policy/remove", **changes)
    async def drop(actor: Asker, slug: Slug, data: URLEncodedBody[TypeForm]) -> Redirect:
        return await pages.drop(actor, slug, data.connector_type)

    @post("/sites/{slug:str}/waiting-list/{number:int}/skip", **controls)
    async def skip(actor: Asker, slug: Slug, number: Number, data: URLEncodedBody[SkipForm]) -> Redirect:
        return await pages.skip(actor, slug, number, data.next)

    @post("/sites/{slug:str}/waiting-list/{number:int}/remove", **controls)
    async def remove(actor: Asker, slug: Slug, number: Number) -> Redirect:
        return await pages.remove(actor, slug, number)

    return [show, at_site, change, drop, skip, remove]
