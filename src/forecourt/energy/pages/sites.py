"""The screens of smart charging: the sites, and one site with its tree, its signals and how it shall be charged."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy import store
from forecourt.energy.explained.words import price_word
from forecourt.energy.flows import Bound, bounds_at, flows
from forecourt.energy.pages.chart import power_bands, price_bands
from forecourt.energy.pages.common import Done, EnergyPages, SiteSlug, WebRequest
from forecourt.energy.pages.drawing import Drawings, draw_both
from forecourt.energy.pages.rates import Form, form_of
from forecourt.energy.pages.words import DONE, MODES, source_word
from forecourt.energy.service import signals
from forecourt.energy.service.sites import SetUp, find_set_up, settings_tag
from forecourt.energy.signals.model import NodeLimit, Tariff, spellings
from forecourt.energy.signals.outlook import METER_LATE, Known, signals_at
from forecourt.energy.site import Current, Mode, SiteRecord, SiteTree, is_stale
from forecourt.energy.storage.model import STATE_LATE
from forecourt.energy.store.excesses import list_excesses
from forecourt.energy.store.now import EvseNow, list_now
from forecourt.energy.store.peaks import unmeasured_since
from forecourt.energy.store.storage import latest_of_site
from forecourt.energy.store.unplanned import last_planned
from forecourt.platform.clock import is_recent
from forecourt.stations.service import find_site
from forecourt.ui.i18n import gettext as _
from forecourt.ui.numbers import plain

#: Hours ahead that a site's page draws, in steps of a quarter.
AHEAD_H: Final = 24
#: Limits that a site's page lists; all are in the API.
MAX_LISTED: Final = 50
#: The same of when its limits were exceeded.
MAX_EXCESSES_LISTED: Final = 10


class Now(Struct, frozen=True, kw_only=True):
    """A site's tree with what flows in it. `assumed`: loads of which no meter says anything, by name."""

    drawings: Drawings
    grid_a: float
    grid_w: int
    share: float | None
    bound: Bound | None
    assumed: Sequence[str]


class Shown(Struct, frozen=True, kw_only=True):
    """What was sent with a form of the page and is refused, so that it is shown again."""

    form: str = ""
    faults: Sequence[str] = ()
    values: Mapping[str, Any] = {}


class Drawn(Struct, frozen=True, kw_only=True):
    """What is drawn at a site's EVSEs, by id, what its meters said last that isn't late, by attachment, and which
    limits from outside hold."""

    at: datetime
    running: Mapping[str, EvseNow]
    attached: Mapping[str, int]
    limits: Sequence[NodeLimit]


async def read_drawn(conn: store.Connection, tenant_id: int, site_id: int, at: datetime) -> Drawn:
    """What flows in a site now, whatever its tree is."""
    latest = await store.latest_readings(conn, tenant_id, site_id, at)
    states = await latest_of_site(conn, tenant_id, site_id, at - STATE_LATE, at)
    attached = {name: each.power_w for name, each in latest.items() if is_recent(each.at, at, METER_LATE)}
    return Drawn(
        at=at,
        limits=await store.limits_between(conn, tenant_id, site_id, at, at + timedelta(microseconds=1)),
        running=await list_now(conn, tenant_id, site_id),
        attached=attached | {name: each.power_w for name, each in states.items()},
    )


async def read_now(conn: store.Connection, tenant_id: int, site_id: int, tree: SiteTree, at: datetime) -> Now:
    """What flows in a site now."""
    return now_of(tree, await read_drawn(conn, tenant_id, site_id, at))


def now_of(tree: SiteTree, drawn: Drawn, faults: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})) -> Now:
    """What flows in a tree. Where the meter of a load is late it counts with what is assumed, as in plans."""
    silent = {each.id: each for each in tree.loads if each.id not in drawn.attached and each.most_w}
    attached = {**drawn.attached, **{id: each.most_w for id, each in silent.items()}}
    said = bounds_at(tree, drawn.limits, drawn.at)
    found = flows(tree, currents_of(tree, drawn.running), attached, said, _powers_of(tree, drawn.running))
    grid = found[tree.root]
    return Now(
        drawings=draw_both(tree, drawn.running, found, attached, faults, silent),
        grid_a=grid.current_a,
        grid_w=grid.power_w,
        share=grid.share,
        bound=grid.bound,
        assumed=[each.name or id for id, each in silent.items()],
    )


def _powers_of(tree: SiteTree, running: Mapping[str, EvseNow]) -> dict[str, int]:
    """What each EVSE draws, as measured; but for DC ones, which take more of the grid than they give."""
    alternating = {evse.id for evse in tree.evses if evse.current is not Current.DC}
    return {id: now.power_w for id, now in running.items() if id in alternating and now.power_w is not None}


def currents_of(tree: SiteTree, running: Mapping[str, EvseNow]) -> dict[str, float]:
    """What each EVSE draws on each of its conductors: as measured, else by its power."""
    found = {}
    for evse in tree.evses:
        now = running.get(evse.id)
        if now is None or (now.current_a is None and not now.power_w):
            continue
        # The current of a car at a DC EVSE is none of the grid's conductors.
        measured = None if evse.current is Current.DC else now.current_a
        found[evse.id] = (now.power_w or 0) / tree.watts_told(evse) if measured is None else measured
    return found


class SitePages:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def list(self, request: WebRequest, actor: Actor) -> Response[str]:
        """All sites with EVSEs."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            found = await store.list_lines(conn, actor.tenant_id)
        # What is charged smartly comes first, and what could be last.
        lines = sorted(found, key=lambda line: (not line.enabled, not line.version))
        return self._pages.shell.page(
            "energy/sites.html",
            request,
            viewer=actor,
            current="energy",
            lines=lines,
            modes=_modes(),
            may_change=actor.may(Verb.CHANGE_ELECTRICS),
        )

    async def one(
        self, request: WebRequest, actor: Actor, slug: str, *, done: str = "", refused: Shown | None = None
    ) -> Response[str]:
        """One site: its tree now, the hours ahead, and the forms, of which one may hold what was refused."""
        pages, refused = self._pages, refused or Shown()
        async with pages.db.tenant(actor.tenant_id) as conn:
            held = await find_set_up(conn, actor.tenant_id, slug)
            known, context = await self._read(conn, held.record)
        with pages.shell.speaking(request):
            bands = {
                "price_bands": price_bands(context["outlook"], held.record.zone),
                "power_bands": power_bands(context["outlook"], held.record.zone),
                "rates": "" if known.tariff is None else rates_of(known.tariff.tariff),
            }
        sent: Form | None = refused.values.get("tariff")
        stored = form_of(None if known.tariff is None else known.tariff.tariff)
        return pages.shell.page(
            "energy/site.html",
            request,
            viewer=actor,
            current="energy",
            status=422 if refused.faults else 200,
            site=held.record,
            held=held,
            names=_names(held.record),
            tariff=known.tariff,
            tariff_tag=signals.tariff_tag(held.record.site_id, known.tariff),
            stored=stored,
            form=sent or stored,
            modes=_modes(),
            settings=refused.values.get("settings", held.record.settings),
            settings_tag=settings_tag(held.record),
            refused=refused,
            source_word=source_word,
            price_word=price_word,
            plain=plain,
            may_electrics=actor.may(Verb.CHANGE_ELECTRICS),
            may_energy=actor.may(Verb.CHANGE_ENERGY),
            may_load=actor.may(Verb.LOAD_SERIES),
            done=DONE.get(done, ""),
            **bands,
            **context,
        )

    async def _read(self, conn: store.Connection, record: SiteRecord) -> tuple[Known, dict[str, Any]]:
        """What is known of a site's signals, and what its page shows of them and of what flows."""
        tenant_id, site_id, now = record.tenant_id, record.site_id, self._pages.clock.now()
        known = await signals.known_signals(conn, record, now, now + timedelta(hours=AHEAD_H))
        prices = await store.list_series(conn, tenant_id, "price")
        co2 = await store.list_series(conn, tenant_id, "co2")
        return known, {
            "now": now,
            "outlook": signals_at(record, known, now, [0.25] * (AHEAD_H * 4)),
            "flowing": None if record.tree is None else await read_now(conn, tenant_id, site_id, record.tree, now),
            "limits": await store.list_limits(conn, tenant_id, site_id, order="newest", place=None, limit=MAX_LISTED),
            "excesses": await list_excesses(
                conn, tenant_id, site_id, order="newest", place=None, limit=MAX_EXCESSES_LISTED
            ),
            "unmeasured": await _unmeasured_since(conn, record, known, now),
            "unplanned": await _unplanned_since(conn, record, now),
            "prices": prices,
            "price_until": _priced_until(known, prices),
            "series": [*(("price", each) for each in prices), *(("co2", each) for each in co2)],
        }

    async def tree(self, request: WebRequest, actor: Actor, slug: str) -> Response[str]:
        """The drawing alone, read anew."""
        pages = self._pages
        async with pages.db.tenant(actor.tenant_id) as conn:
            record = (await find_set_up(conn, actor.tenant_id, slug)).record
            flowing = (
                None
                if record.tree is None
                else await read_now(conn, actor.tenant_id, record.site_id, record.tree, pages.clock.now())
            )
        return pages.shell.page(
            "energy/tree.html",
            request,
            viewer=actor,
            site=record,
            flowing=flowing,
            names=_names(record),
            fragment=True,
        )

    async def here(self, request: WebRequest, actor: Actor, slug: str) -> Response[str]:
        """What a site's own page says of its smart charging."""
        pages = self._pages
        async with pages.db.tenant(actor.tenant_id) as conn:
            found = await find_site(conn, actor.tenant_id, slug)
            held: SetUp = await find_set_up(conn, actor.tenant_id, str(found.site_id))
            record = held.record
            flowing = (
                None
                if record.tree is None
                else await read_now(conn, actor.tenant_id, record.site_id, record.tree, pages.clock.now())
            )
        return pages.shell.page(
            "energy/here.html",
            request,
            viewer=actor,
            site=record,
            held=held,
            flowing=flowing,
            modes=_modes(),
        )


def _priced_until(known: Known, prices: Sequence[store.SeriesLine]) -> datetime | None:
    """Until when there are prices of the zone by which is paid, in its currency."""
    if known.tariff is None:
        return None
    paid = known.tariff.tariff
    zones = spellings(paid.price_zone or "")
    found = (each.last_at for each in prices if each.zone in zones and each.currency == paid.currency)
    return max(found, default=None)


async def _unplanned_since(conn: store.Connection, record: SiteRecord, now: datetime) -> datetime | None:
    """Since when a site is not planned that shall be; None where its plan is fresh."""
    planned_at = await last_planned(conn, record.tenant_id, record.site_id)
    return planned_at if planned_at is not None and is_stale(planned_at, now) else None


async def _unmeasured_since(conn: store.Connection, record: SiteRecord, known: Known, now: datetime) -> datetime | None:
    """Since when not all is known that a site takes, where a demand charge is paid for it."""
    if known.tariff is None or not known.tariff.tariff.demand_charge_per_kw or not record.settings.enabled:
        return None
    return await unmeasured_since(conn, record.tenant_id, record.site_id, now)


def _modes() -> dict[str, tuple[str, str]]:
    return {mode.value: MODES[mode] for mode in Mode}


def _names(record: SiteRecord) -> dict[str, str]:
    """What nodes and attachments are called, by id."""
    tree = record.tree
    return {} if tree is None else {each.id: each.name or each.id for each in (*tree.attachments, *tree.nodes)}


def rates_of(tariff: Tariff) -> str:
    """What a kWh costs by the clock, of weekdays of the first season: `00:00 0.19, 06:00 0.29 EUR`."""
    if not tariff.seasons:
        return ""
    rates = tariff.seasons[0].weekdays
    told = [f"{hour:02}:00 {price_word(price, None)}" for hour, price in zip(rates.hours, rates.prices, strict=True)]
    more = len(tariff.seasons) > 1 or tariff.seasons[0].weekends or tariff.seasons[0].holidays
    words = _("%(rates)s %(currency)s; other days and seasons below") if more else _("%(rates)s %(currency)s")
    return words % {"rates": " · ".join(told), "currency": tariff.currency}


def site_pages(pages: EnergyPages, shared: SitePages) -> list[HTTPRouteHandler]:
    """`/energy`, `/energy/sites/{slug}` and the fragments of it."""

    @get("/energy", include_in_schema=False)
    async def sites(request: WebRequest, actor: Asker) -> Response[str]:
        return await shared.list(request, actor)

    @get("/energy/sites/{slug:str}", include_in_schema=False)
    async def site(request: WebRequest, actor: Asker, slug: SiteSlug, done: Done = "") -> Response[str]:
        return await shared.one(request, actor, slug, done=done)

    @get("/energy/sites/{slug:str}/tree", include_in_schema=False)
    async def tree(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[str]:
        return await shared.tree(request, actor, slug)

    @get("/energy/at/{slug:str}", include_in_schema=False)
    async def here(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[str]:
        return await shared.here(request, actor, slug)

    return [sites, site, tree, here]
