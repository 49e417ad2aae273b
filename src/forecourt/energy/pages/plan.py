"""The plan of a site: what it took, what is meant and why, now or at a time that is past; and the same made again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct
from msgspec.structs import replace

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy import store
from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.errors import TooManyPlanned
from forecourt.energy.explained.axis import Held, Lines, lines_of
from forecourt.energy.explained.nodes import NodeLine, below, node_lines, past_of
from forecourt.energy.explained.session import Explanation, explain_all
from forecourt.energy.explained.words import FORESEEN, GRADES, GROUNDS, clock_word, sentences
from forecourt.energy.pages.batteries import BatteryTold, batteries_told
from forecourt.energy.pages.common import EnergyPages, SiteSlug, WebRequest
from forecourt.energy.pages.words import MODES, source_word
from forecourt.energy.service import explained
from forecourt.energy.service.explained import Again, Planned
from forecourt.energy.service.sites import find_record
from forecourt.energy.signals.model import Provenance
from forecourt.energy.site import SiteRecord, is_stale
from forecourt.energy.store import in_force, keeping
from forecourt.energy.store.explained import evses_between, power_between
from forecourt.energy.store.storage import known_batteries, stored_between

#: What is drawn of the past of a plan, in means of so long.
PAST: Final = timedelta(hours=6)
POINT: Final = timedelta(minutes=1)
STORED_POINT: Final = timedelta(minutes=5)
#: The planner looks every five minutes at least; a line breaks where nobody looked for longer.
GAP: Final = timedelta(minutes=6)
#: Cars that a page lists; all are in the API.
MAX_CARS: Final = 100
#: Grounds of EVSEs that are not as they were told.
ODD: Final = frozenset(Ground) - {Ground.IDLE, Ground.ORDER, Ground.UNDER_WAY, Ground.FALLBACK}
#: By how much meters may be wrong before a node counts as over its limit.
SPARE_W: Final = 500
#: Nodes that a page lists, those of which most may flow of their limits; a chart is drawn of each.
MAX_LINES: Final = 8
At = Annotated[str, QueryParameter(name="at", max_length=40)]
Place = Annotated[str, QueryParameter(name="node", max_length=100)]


class Odd(Struct, frozen=True, kw_only=True):
    """An EVSE that can't be told anything, or doesn't do it: what it counts for, why, and since when."""

    station: str
    evse: int
    ground: Ground
    may_draw_ma: int
    power_w: int
    since: datetime | None


class Stands(Struct, frozen=True, kw_only=True):
    """Something that a plan stands on: what, where it is from, and in how many of its steps another value stands in."""

    what: str
    of: str
    provenance: Provenance
    stand_in: int
    steps: int


def time_of(text: str, zone: str, now: datetime) -> datetime | None:
    """A time of day (the last one that was), a local time, or one with its zone; None for none, or one that is to come.

    Raises ValueError for what is no time.
    """
    if not text:
        return None
    here = ZoneInfo(zone)
    if len(text) <= len("23:59"):
        clock = time.fromisoformat(text.zfill(len("23:59")))
        found = datetime.combine(now.astimezone(here).date(), clock, here)
        if found > now:
            found -= timedelta(days=1)
    else:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=here)
    found = found.astimezone(UTC)
    return None if found > now else found


class PlanPages:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(
        self, request: WebRequest, actor: Actor, slug: str, text: str, node: str = "", *, again: bool = False
    ) -> Response[str]:
        """The page, now or at a time, with the chart of a node; with what came of planning once more."""
        pages, now = self._pages, self._pages.clock.now()
        unread, at = False, None
        async with pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            try:
                at = time_of(text, record.zone, now)
            except (ValueError, OverflowError):
                unread = True
            planned = await explained.plan_at(conn, actor.tenant_id, record.site_id, at or now)
            odd = [] if planned is None else await self._odd(conn, record, planned, at is None)
            batteries = [] if planned is None else await self._batteries(conn, record, planned, now, at is None)
        made, busy = None, False
        if again and planned is not None:
            try:
                made = await explained.plan_again(planned)
            except TooManyPlanned:
                busy = True
        cars = [] if planned is None else await asyncio.to_thread(explain_all, planned.known, planned.plan)
        to_come = bool(text) and at is None and not unread
        told = {
            "busy": busy,
            "unread": unread,
            "to_come": to_come,
            "text": text,
            "node": _node(planned, node),
            "batteries": batteries,
        }
        return self._page(request, actor, record, planned, cars, at, now, odd, made, **told)

    def _page(
        self,
        request: WebRequest,
        actor: Actor,
        record: SiteRecord,
        planned: Planned | None,
        told: Sequence[Explanation],
        at: datetime | None,
        now: datetime,
        odd: Sequence[Odd],
        made: Again | None,
        **more: Any,
    ) -> Response[str]:
        seen_from = at or now
        cars = sorted(told, key=_by_need)
        nodes = [] if planned is None else node_lines(planned.known, planned.plan)
        with self._pages.shell.speaking(request):
            listed = [(each, sentences(each, seen_from, record.zone)) for each in cars[:MAX_CARS]]
        return self._pages.shell.page(
            "energy/plan.html",
            request,
            viewer=actor,
            current="energy",
            site=record,
            planned=planned,
            at=at,
            cars=listed,
            more_cars=max(0, len(cars) - MAX_CARS),
            nodes=nodes,
            tightest=tightest(nodes),
            over=[each for each in nodes if each.limit_w is not None and each.measured_w > each.limit_w + SPARE_W],
            odd=odd,
            stands=[] if planned is None else stands_on(planned),
            stale=planned is not None and is_stale(planned.plan.at, seen_from),
            foreseen=FORESEEN,
            grades=GRADES,
            grounds=GROUNDS,
            modes=MODES,
            clock=lambda moment: clock_word(moment, seen_from, record.zone),
            source_word=source_word,
            local_at="" if at is None else at.astimezone(ZoneInfo(record.zone)).strftime("%Y-%m-%d %H:%M"),
            again=made,
            may_plan=actor.may(Verb.CHANGE_ENERGY),
            **more,
        )

    async def _batteries(
        self, conn: store.Connection, record: SiteRecord, planned: Planned, now: datetime, live: bool
    ) -> list[BatteryTold]:
        """As they are now, or as they were known then."""
        if not live:
            return batteries_told(planned, planned.known.batteries, planned.known.at)
        ids = [each.id for each in planned.known.tree.batteries]
        return batteries_told(planned, await known_batteries(conn, record.tenant_id, record.site_id, ids, now), now)

    async def _odd(self, conn: store.Connection, record: SiteRecord, planned: Planned, live: bool) -> list[Odd]:
        obeyed = await keeping.obedience_of(conn, record.tenant_id, record.site_id) if live else {}
        links = await keeping.links_of(conn, record.tenant_id, record.site_id) if live else []
        station_ids = {link.station: link.station_id for link in links}
        known, found = planned.known, []
        electrics = known.tree.electrics
        for number, (evse, standing) in enumerate(zip(known.tree.evses, known.standings, strict=True)):
            may_ma, ground = may_draw(standing, known.at)
            if ground not in ODD:
                continue
            obedience = obeyed.get((station_ids.get(evse.station, 0), evse.evse))
            since = standing.silent_since if obedience is None else obedience.disobeys_since or standing.silent_since
            power_w = round(may_ma / 1000 * electrics.watts_per_ampere(electrics.evses[number]))
            found.append(
                Odd(
                    station=evse.station,
                    evse=evse.evse,
                    ground=ground,
                    may_draw_ma=may_ma,
                    power_w=power_w,
                    since=since,
                )
            )
        return sorted(found, key=lambda each: -each.power_w)

    async def lines(self, request: WebRequest, actor: Actor, slug: str, text: str, node: str) -> Lines | None:
        """What the chart is drawn from; None where there is no plan."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            try:
                at = time_of(text, record.zone, now) or now
            except (ValueError, OverflowError):
                at = now
            planned = await explained.plan_at(conn, actor.tenant_id, record.site_id, at)
            if planned is None:
                return None
            tree, since = planned.known.tree, at - PAST
            until = min(now, planned.known.outlook.starts[-1]) + POINT
            place, span = _node(planned, node), (actor.tenant_id, record.site_id, since, until)
            past = await power_between(conn, *span, POINT)
            looks = [each.at for each in past]
            limits = await in_force.limits_held_between(conn, *span[:2], place, since, until)
            prices = await in_force.prices_held_between(conn, *span[:2], planned.known.outlook.currency, since, until)
            if place != tree.root:
                measured = await evses_between(conn, *span, POINT)
                places = below(tree, place)
                evses = {(each.station, each.evse) for each in tree.evses if each.node in places}
                past = past_of(measured, evses, since, until, POINT)
            seconds = int(STORED_POINT.total_seconds())
            stored = await stored_between(conn, *span, seconds)
        with pages.shell.speaking(request):
            held = Held(
                limits=[replace(each, source=source_word(each.source)) for each in limits],
                prices=[replace(each, source=source_word(each.source)) for each in prices],
                looks=looks,
            )
        return lines_of(planned.known, planned.plan, past, GAP, place, stored, held)


def _node(planned: Planned | None, asked: str) -> str:
    """The node of that id, else the grid connection."""
    if planned is None:
        return ""
    tree = planned.known.tree
    return asked if any(node.id == asked for node in tree.nodes) else tree.root


def tightest(nodes: Sequence[NodeLine]) -> list[NodeLine]:
    """The nodes of whose limits most may flow, in the order of the tree."""
    if len(nodes) <= MAX_LINES:
        return list(nodes)
    most = sorted(nodes, key=lambda each: -(each.share or 0.0))[:MAX_LINES]
    return [each for each in nodes if each in most]


def _by_need(told: Explanation) -> tuple[bool, str, int]:
    return not told.falls_short, told.station, told.evse


def stands_on(planned: Planned) -> list[Stands]:
    """Prices, loads, sun and limits from outside, in this order."""
    outlook = planned.known.outlook
    steps, tree = len(outlook.starts), planned.known.tree
    names = {each.id: each.name or each.id for each in (*tree.attachments, *tree.nodes)}
    found = [
        Stands(what=what, of="", provenance=each.provenance, stand_in=sum(each.stand_in), steps=steps)
        for what, each in (("price", outlook.price), ("co2", outlook.co2))
        if what == "price" or planned.known.settings.mode.value == "greenest"
    ]
    found += [
        Stands(
            what=what,
            of=names.get(each.id, each.id),
            provenance=each.power_w.provenance,
            stand_in=sum(each.power_w.stand_in),
            steps=steps,
        )
        for what, parts in (("load", outlook.loads), ("solar", outlook.solar))
        for each in parts
    ]
    found += [
        Stands(what="limit", of=names.get(allowed.node, allowed.node), provenance=each, stand_in=0, steps=steps)
        for allowed in outlook.limits
        for each in allowed.sources
    ]
    return found


def plan_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """`/energy/sites/{slug}/plan` and what its chart is drawn from."""
    shared = PlanPages(pages)

    @get("/energy/sites/{slug:str}/plan", include_in_schema=False)
    async def plan(request: WebRequest, actor: Asker, slug: SiteSlug, at: At = "", node: Place = "") -> Response[str]:
        return await shared.show(request, actor, slug, at, node)

    @post(
        "/energy/sites/{slug:str}/plan",
        include_in_schema=False,
        status_code=200,
        opt={"verb": Verb.CHANGE_ENERGY},
    )
    async def plan_again(
        request: WebRequest, actor: Asker, slug: SiteSlug, at: At = "", node: Place = ""
    ) -> Response[str]:
        return await shared.show(request, actor, slug, at, node, again=True)

    @get("/energy/sites/{slug:str}/plan/lines", include_in_schema=False)
    async def plan_lines(
        request: WebRequest, actor: Asker, slug: SiteSlug, at: At = "", node: Place = ""
    ) -> Response[Lines | None]:
        lines = await shared.lines(request, actor, slug, at, node)
        return Response(lines, headers={"cache-control": "private, no-store"})

    return [plan, plan_again, plan_lines]
