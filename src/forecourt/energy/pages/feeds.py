"""Where a site's signals are fetched from by themselves: how each feed fares, and the forms that set one up."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from msgspec import Struct
from msgspec import field as field_of

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy.api.feeds import MAX_NAME
from forecourt.energy.feeds.areas import ENTSOE, NORD_POOL
from forecourt.energy.feeds.model import (
    LATE,
    MAX_PEM,
    Feed,
    Secrets,
    Source,
    failure_words,
    is_missing,
    kind_of,
    zones_of,
)
from forecourt.energy.model import Fault
from forecourt.energy.pages.common import Done, EnergyPages, SiteSlug, WebRequest, field, unread
from forecourt.energy.pages.forms import STALE
from forecourt.energy.pages.words import DONE, misfit, refused_as, said
from forecourt.energy.service import feeds as service
from forecourt.energy.service.feeds import feed_tag
from forecourt.energy.service.sites import find_record
from forecourt.energy.site import SiteRecord
from forecourt.energy.store import feeds as feed_store
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.text import seen
from forecourt.ui.formats import unanswered
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, from_kilo, kilo

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "entsoe": (mark("ENTSO-E"), mark("Prices of the day ahead, of every bidding zone in Europe.")),
    "nordpool": (mark("Nord Pool"), mark("Prices of the day ahead in its delivery areas.")),
    "openadr2": (mark("OpenADR 2.0b"), mark("Limits by a grid operator. This site is a VEN that polls.")),
    "openadr3": (mark("OpenADR 3"), mark("Limits, prices and CO2 by a grid operator, over REST.")),
}
_TEXTS: Final = (
    "area", "zone", "currency", "url", "ven_name", "ven_id", "vtn_fingerprint", "ca", "client_id", "token_url",
    "scope", "program", "node", "price_zone", "co2_zone",
)  # fmt: skip
Kind = Annotated[str, QueryParameter(name="kind", max_length=20)]
_SECRETS: Final = ("token", "certificate", "key", "client_secret")
_OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    "entsoe": frozenset({"area", "zone"}),
    "nordpool": frozenset({"area", "zone", "currency"}),
    "openadr2": frozenset({"url", "ven_name", "ven_id", "vtn_fingerprint", "ca", "node"}),
    "openadr3": frozenset(
        {"url", "client_id", "token_url", "scope", "program", "ven_name", "node", "price_zone", "co2_zone"}
    ),
}


class FeedForm(Struct, frozen=True, kw_only=True):
    """A feed by its fields, without secrets: those are never shown. `feed_id` 0: a new one."""

    feed_id: int = 0
    kind: str = "entsoe"
    name: str = ""
    active: bool = True
    texts: Mapping[str, str] = field_of(default_factory=lambda: dict.fromkeys(_TEXTS, ""))
    levels: tuple[str, str, str] = ("", "", "")
    full: str = ""
    every_s: str = "30"


def form_of(feed: Feed) -> FeedForm:
    """The form of a feed."""
    members = msgspec.to_builtins(feed.source)
    levels = members.get("levels") or {}
    first, second, third = (kilo(levels.get(level)) for level in "123")
    return FeedForm(
        feed_id=feed.feed_id,
        kind=kind_of(feed.source),
        name=feed.name,
        active=feed.active,
        texts={name: str(members.get(name) or "") for name in _TEXTS},
        levels=(first, second, third),
        full=kilo(members.get("full_w")),
        every_s=str(members.get("every_s", 30)),
    )


def sent(form: FormMultiDict, feed_id: int) -> FeedForm:
    """The form as it was sent."""
    kind = field(form, "kind")
    texts = {name: str(form.get(name, ""))[:MAX_PEM].strip() for name in _TEXTS}
    return FeedForm(
        feed_id=feed_id,
        kind=kind if kind in KINDS else "entsoe",
        name=seen(field(form, "name"))[:MAX_NAME],
        active="active" in form,
        texts=texts,
        levels=(field(form, "level_1"), field(form, "level_2"), field(form, "level_3")),
        full=field(form, "full"),
        every_s=field(form, "every_s") or "30",
    )


def source_of(form: FeedForm) -> tuple[Source | None, list[Fault]]:
    """The source that a form tells, or what can't be read."""
    members: dict[str, Any] = {"kind": form.kind}
    members |= {name: text for name, text in form.texts.items() if text and name in _OF_KIND[form.kind]}
    if form.kind == "nordpool":
        members["currency"] = members.get("currency", "EUR").upper()
    if "area" in members:
        members["area"] = members["area"].upper()
    try:
        if form.kind in ("openadr2", "openadr3"):
            said_w = {level: from_kilo(text) for level, text in zip("123", form.levels, strict=True)}
            members["levels"] = {level: power_w for level, power_w in said_w.items() if power_w is not None}
            members["every_s"] = int(form.every_s) if form.every_s.isdecimal() else 0
        if form.kind == "openadr2" and form.full:
            members["full_w"] = from_kilo(form.full)
        return msgspec.convert(members, Source), []
    except NoNumber as refused:
        return None, [unread(refused)]
    except msgspec.ValidationError as refused:
        return None, [misfit(refused)]


def failure_word(feed: Feed) -> str:
    """What went wrong, what to do, and what was said."""
    if feed.failure is None:
        return ""
    words = _(failure_words(feed.source, feed.failure))
    return f"{words} ({unanswered(feed.failure_detail)})" if feed.failure_detail else words


class FeedPages:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(
        self,
        request: WebRequest,
        actor: Actor,
        slug: str,
        *,
        kind: str = "",
        done: str = "",
        form: FeedForm | None = None,
        faults: Sequence[str] = (),
    ) -> Response[str]:
        """The feeds of a site, with the form of a new one where its kind was chosen, or one that was refused."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            feeds = await feed_store.list_feeds(conn, actor.tenant_id, record.site_id)
        if form is None and kind in KINDS:
            form = FeedForm(kind=kind)
        may_load = actor.may(Verb.LOAD_SERIES)
        with pages.shell.speaking(request):
            failures = {feed.feed_id: failure_word(feed) for feed in feeds}
        return pages.shell.page(
            "energy/feeds.html",
            request,
            viewer=actor,
            current="energy",
            status=422 if faults else 200,
            site=record,
            now=now,
            feeds=feeds,
            forms={feed.feed_id: form_of(feed) for feed in feeds} | ({} if form is None else {form.feed_id: form}),
            tags={feed.feed_id: feed_tag(feed) for feed in feeds},
            failures=failures,
            late={feed.feed_id for feed in feeds if _is_late(feed, now, LATE)},
            kind_of=kind_of,
            zones_of=zones_of,
            kinds={name: words for name, words in KINDS.items() if may_load or name.startswith("openadr")},
            areas={"entsoe": sorted(ENTSOE), "nordpool": sorted(NORD_POOL)},
            open=form,
            faults=faults,
            may_energy=actor.may(Verb.CHANGE_ENERGY),
            may_load=may_load,
            done=DONE.get(done, ""),
        )

    async def save(self, request: WebRequest, actor: Actor, slug: str, feed_id: int) -> Response[Any]:
        """Sets a feed up, or anew."""
        raw = await request.form()
        form = sent(raw, feed_id)
        source, found = source_of(form)
        if not form.name:
            found.append(Fault(words=mark("a feed needs a name")))
        told: list[str] = []
        secrets = Secrets(**{name: _secret(raw, name) for name in _SECRETS})
        if source is not None and not found:
            try:
                await self._store(actor, slug, form, source, secrets, field(raw, "tag") or None)
                return Redirect(f"/energy/sites/{slug}/feeds?done=feed", status_code=303)
            except ChangedMeanwhile:
                with self._pages.shell.speaking(request):
                    told = [_(STALE)]
            except ForecourtError as refused:
                if refused.status not in (409, 422):
                    raise
                with self._pages.shell.speaking(request):
                    told = refused_as(refused)
        with self._pages.shell.speaking(request):
            told += [f"{fault.id} {said(fault)}".strip() for fault in found]
        return await self.show(request, actor, slug, form=form, faults=told)

    async def _store(
        self, actor: Actor, slug: str, form: FeedForm, source: Source, secrets: Secrets, tag: str | None
    ) -> None:
        now = self._pages.clock.now()
        how: dict[str, Any] = {"name": form.name, "active": form.active, "source": source, "secrets": secrets}
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            record: SiteRecord = await find_record(conn, actor.tenant_id, slug)
            if form.feed_id:
                await self._pages.feeds.change(conn, actor, record, form.feed_id, now=now, if_match=tag, **how)
            else:
                await self._pages.feeds.create(conn, actor, record, now=now, **how)

    async def fetch(self, actor: Actor, slug: str, feed_id: int) -> Response[Any]:
        """Has a feed fetched next."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            await service.fetch_now(conn, actor, record, feed_id, self._pages.clock.now())
        return Redirect(f"/energy/sites/{slug}/feeds?done=fetch", status_code=303)

    async def remove(self, actor: Actor, slug: str, feed_id: int) -> Response[Any]:
        """Forgets a feed."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            await service.delete(conn, actor, record, feed_id)
        return Redirect(f"/energy/sites/{slug}/feeds?done=removed", status_code=303)


def _secret(form: FormMultiDict, name: str) -> str | None:
    return str(form.get(name, ""))[:MAX_PEM].strip() or None


def _is_late(feed: Feed, now: Any, since: time) -> bool:
    """Whether prices of the day ahead should be here and aren't."""
    return feed.active and kind_of(feed.source) in ("entsoe", "nordpool") and is_missing(feed.known_until, now, since)


def feed_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """`/energy/sites/{slug}/feeds` and what its forms are sent to."""
    shared = FeedPages(pages)
    change = {"verb": Verb.CHANGE_ENERGY}

    @get("/energy/sites/{slug:str}/feeds", include_in_schema=False)
    async def feeds(
        request: WebRequest, actor: Asker, slug: SiteSlug, kind: Kind = "", done: Done = ""
    ) -> Response[str]:
        return await shared.show(request, actor, slug, kind=kind, done=done)

    @post("/energy/sites/{slug:str}/feeds", include_in_schema=False, status_code=303, opt=change)
    async def add_feed(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await shared.save(request, actor, slug, 0)

    @post("/energy/sites/{slug:str}/feeds/{feed_id:int}", include_in_schema=False, status_code=303, opt=change)
    async def change_feed(request: WebRequest, actor: Asker, slug: SiteSlug, feed_id: FromPath[int]) -> Response[Any]:
        return await shared.save(request, actor, slug, feed_id)

    @post("/energy/sites/{slug:str}/feeds/{feed_id:int}/fetch", include_in_schema=False, status_code=303, opt=change)
    async def fetch_feed(actor: Asker, slug: SiteSlug, feed_id: FromPath[int]) -> Response[Any]:
        return await shared.fetch(actor, slug, feed_id)

    @post("/energy/sites/{slug:str}/feeds/{feed_id:int}/remove", include_in_schema=False, status_code=303, opt=change)
    async def remove_feed(actor: Asker, slug: SiteSlug, feed_id: FromPath[int]) -> Response[Any]:
        return await shared.remove(actor, slug, feed_id)

    return [feeds, add_feed, change_feed, fetch_feed, remove_feed]
