"""What is sent by the forms of a site's page: how it shall be charged, its tariff, limits, and series."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, post
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy import store
from forecourt.energy.faults import fallback_faults, fallbacks_of, settings_faults
from forecourt.energy.model import Fault
from forecourt.energy.pages.common import Cells, EnergyPages, SiteSlug, WebRequest, field
from forecourt.energy.pages.rates import Form, sent, tariff_of
from forecourt.energy.pages.sites import Shown, SitePages
from forecourt.energy.pages.words import misfit, refused_as, said
from forecourt.energy.service import signals
from forecourt.energy.service.sites import change_settings, find_record
from forecourt.energy.signals.model import (
    NodeLimit,
    SeriesKind,
    Tariff,
    limit_faults,
    tariff_faults,
)
from forecourt.energy.signals.sheet import read_series
from forecourt.energy.site import Mode, Settings, SiteRecord
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.text import seen
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

STALE = mark(
    "Somebody else changed it meanwhile, so nothing was stored. What is stored now stands above, what you wrote below;"
    " saving it again puts yours in its place."
)
Verbed = Callable[[store.Connection], Awaitable[Any]]


class Forms:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages, shared: SitePages) -> None:
        self._pages = pages
        self._shared = shared

    async def settings(self, request: WebRequest, actor: Actor, slug: str) -> Response[Any]:
        """How the site shall be charged."""
        form = await request.form()
        record = await self._record(actor, slug)
        mode, cells = field(form, "mode"), _cells(form, "unserved", "car_wear", "fallback_a", "feed_in")
        worth, wear = cells.decimal("unserved"), cells.decimal("car_wear")
        wanted = Settings(
            mode=Mode(mode) if mode in set(Mode) else record.settings.mode,
            enabled="enabled" in form,
            unserved_per_kwh=record.settings.unserved_per_kwh if worth is None else worth,
            fallback_a=cells.number("fallback_a"),
            feed_in_limit_w=cells.kilo("feed_in") or 0,
            car_wear_per_kwh=record.settings.car_wear_per_kwh if wear is None else wear,
            dynamic_profiles=record.settings.dynamic_profiles,
        )
        faults = [*cells.faults, *settings_faults(wanted)]
        if mode not in set(Mode):
            faults.append(Fault(words=mark("choose how it shall be charged")))
        if wanted.enabled and record.tree is None:
            faults.append(Fault(words=mark("the site has no electrics yet: set them up first")))
        elif record.tree is not None:
            faults += fallback_faults(record.tree, fallbacks_of(record.tree, wanted))
        now = self._pages.clock.now()
        return await self._do(
            request,
            actor,
            slug,
            "settings",
            faults,
            {"settings": wanted},
            lambda conn: change_settings(conn, actor, slug, wanted, now, field(form, "tag") or None),
        )

    async def tariff(self, request: WebRequest, actor: Actor, slug: str) -> Response[Any]:
        """What the site pays."""
        form = await request.form()
        record = await self._record(actor, slug)
        filled: Form = sent(form)
        members, faults = tariff_of(filled)
        tariff: Tariff | None = None
        try:
            tariff = msgspec.convert(members, Tariff)
            faults += tariff_faults(tariff)
        except msgspec.ValidationError as refused:
            faults.append(misfit(refused))
        now = self._pages.clock.now()

        async def store_it(conn: store.Connection) -> None:
            assert tariff is not None
            await signals.change_tariff(conn, actor, record, tariff, now, field(form, "tag") or None)

        return await self._do(request, actor, slug, "tariff", faults, {"tariff": filled}, store_it)

    async def limit(self, request: WebRequest, actor: Actor, slug: str) -> Response[Any]:
        """A limit, by hand."""
        form = await request.form()
        record = await self._record(actor, slug)
        now = self._pages.clock.now()
        limit, faults = _limit(form, str(actor), record.zone, now)

        async def store_it(conn: store.Connection) -> None:
            await signals.say_limit(conn, actor, record, limit)

        values = {name: field(form, name) for name in ("source", "node", "limit_kw", "limit_a", "from", "to")}
        return await self._do(request, actor, slug, "limit", faults, {"limit": values}, store_it)

    async def withdraw(self, request: WebRequest, actor: Actor, slug: str, limit_id: UUID) -> Response[Any]:
        """A limit counts no more."""
        record = await self._record(actor, slug)
        now = self._pages.clock.now()
        return await self._do(
            request,
            actor,
            slug,
            "withdrawn",
            [],
            {},
            lambda conn: signals.withdraw_limit(conn, actor, record, limit_id, now),
        )

    async def series(self, request: WebRequest, actor: Actor, slug: str) -> Response[Any]:
        """A sheet of prices or CO2 intensities, as a file."""
        form = await request.form()
        upload, zone = form.get("file"), field(form, "zone")
        kind: SeriesKind = "co2" if field(form, "kind") == "co2" else "price"
        faults: list[Fault] = []
        if not zone.isascii() or not zone.replace("-", "").replace("_", "").isalnum() or len(zone) > 40:
            faults.append(Fault(words=mark("the zone is a name such as NL or DE-LU")))
        text = ""
        if isinstance(upload, UploadFile) and upload.filename:
            text = (await upload.read()).decode("utf-8", "replace")
        now = self._pages.clock.now()

        async def load(conn: store.Connection) -> None:
            made = read_series(text, kind, field(form, "source") or "CSV", now)
            await signals.load_series(conn, actor, kind, zone, made)

        return await self._do(request, actor, slug, "series", faults, {}, load)

    async def _record(self, actor: Actor, slug: str) -> SiteRecord:
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            return await find_record(conn, actor.tenant_id, slug)

    async def _do(
        self,
        request: WebRequest,
        actor: Actor,
        slug: str,
        what: str,
        faults: Sequence[Fault],
        values: dict[str, Any],
        verb: Verbed,
    ) -> Response[Any]:
        """Does what was sent if nothing is wrong with it; what is refused comes back in its form."""
        told: list[str] = []
        if not faults:
            try:
                async with self._pages.db.tenant(actor.tenant_id) as conn:
                    await verb(conn)
                return Redirect(f"/energy/sites/{slug}?done={what}#{what}", status_code=303)
            except ChangedMeanwhile:
                with self._pages.shell.speaking(request):
                    told = [_(STALE)]
                values = {**values, "stale": True}
            except ForecourtError as refused:
                if refused.status not in (409, 422):
                    raise
                with self._pages.shell.speaking(request):
                    told = refused_as(refused)
        with self._pages.shell.speaking(request):
            told += [f"{fault.id} {said(fault)}".strip() for fault in faults]
        return await self._shared.one(request, actor, slug, refused=Shown(form=what, faults=told, values=values))


def _cells(form: FormMultiDict, *names: str) -> Cells:
    return Cells({name: field(form, name) for name in names})


def _limit(form: FormMultiDict, by: str, zone: str, now: datetime) -> tuple[NodeLimit, list[Fault]]:
    """A limit as far as it can be read, and all that is wrong with it."""
    cells = _cells(form, "limit_kw", "limit_a")
    limit_w, limit_a = cells.kilo("limit_kw", 0), cells.number("limit_a")
    faults, times = cells.faults, {}
    for name in ("from", "to"):
        try:
            times[name] = _time(field(form, name), zone)
        except ValueError:
            faults.append(Fault(words=mark("times are written as 2026-03-01 17:00, by the clock of the site")))
    limit = NodeLimit(
        limit_id=(made := uuid4()),
        number=0,
        source=seen(field(form, "source"))[:100] or _("by hand"),
        external_id=made.hex,
        node=field(form, "node") or None,
        limit_w=limit_w,
        # One that can't be read is told of already: it isn't missing.
        limit_a=0.0 if "limit_a" in cells.unread else limit_a,
        starts_at=times.get("from") or now,
        ends_at=times.get("to"),
        said_at=now,
        said_by=by,
    )
    return limit, faults + limit_faults(limit.limit_w, limit.limit_a, limit.starts_at, limit.ends_at, now)


def _time(text: str, zone: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) if text else None


def form_pages(pages: EnergyPages, shared: SitePages) -> list[HTTPRouteHandler]:
    """What the forms of `/energy/sites/{slug}` are sent to."""
    forms = Forms(pages, shared)
    change = {"verb": Verb.CHANGE_ENERGY}

    @post("/energy/sites/{slug:str}/settings", include_in_schema=False, status_code=303, opt=change)
    async def save_settings(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await forms.settings(request, actor, slug)

    @post("/energy/sites/{slug:str}/tariff", include_in_schema=False, status_code=303, opt=change)
    async def save_tariff(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await forms.tariff(request, actor, slug)

    @post("/energy/sites/{slug:str}/limits", include_in_schema=False, status_code=303, opt=change)
    async def save_limit(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await forms.limit(request, actor, slug)

    @post(
        "/energy/sites/{slug:str}/limits/{limit_id:uuid}/withdraw", include_in_schema=False, status_code=303, opt=change
    )
    async def withdraw(request: WebRequest, actor: Asker, slug: SiteSlug, limit_id: FromPath[UUID]) -> Response[Any]:
        return await forms.withdraw(request, actor, slug, limit_id)

    @post("/energy/sites/{slug:str}/series", include_in_schema=False, status_code=303, opt={"verb": Verb.LOAD_SERIES})
    async def load_series(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await forms.series(request, actor, slug)

    return [save_settings, save_tariff, save_limit, withdraw, load_series]
