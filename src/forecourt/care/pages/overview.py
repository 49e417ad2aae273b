"""The overview: what needs attention, what flows now, and how the day goes beside days like it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker
from forecourt.access.model import Verb
from forecourt.care.live import changed_ms
from forecourt.care.pages.common import CarePages, WebRequest, show_all
from forecourt.care.store import Connection, days, incidents
from forecourt.care.store.incidents import IncidentRow, OpenCount
from forecourt.care.today import USUAL_WEEKS, DaySoFar, Usual, day_window, difference_pct, usual, usual_windows
from forecourt.stations.pages.listing import CORE_STATES, HEAD_STATES
from forecourt.ui import i18n

#: Incidents of the attention list; the others are a click away.
MAX_ATTENTION: Final = 8
MAX_RECENT: Final = 6
#: How often a usual day is read anew, and for how many organisations it is kept.
MARK_EVERY: Final = timedelta(minutes=5)
MAX_KNOWN: Final = 500
#: The rules run every minute; after so long without a look something is wrong with us.
WATCH_LATE: Final = timedelta(minutes=4)


class Attention(Struct, frozen=True, kw_only=True):
    """What the attention list is made of."""

    rows: list[IncidentRow]
    count: OpenCount
    last_look_at: datetime | None
    late: bool


class Day(Struct, frozen=True, kw_only=True):
    """Today so far, in the zone of the organisation."""

    zone: str
    now: datetime
    today: DaySoFar
    usual: Usual
    recent: Sequence[days.RecentSession]

    @property
    def weekday(self) -> str:
        """In the language of the page."""
        return str(format_date(self.now.astimezone(ZoneInfo(self.zone)), "EEEE", locale=i18n.current().locale))

    def clock(self, at: datetime) -> str:
        """The time of day, in the zone."""
        return str(format_time(at.astimezone(ZoneInfo(self.zone)), "short", locale=i18n.current().locale))

    @property
    def sessions_pct(self) -> int | None:
        return difference_pct(self.today.sessions, self.usual.sessions)

    @property
    def energy_pct(self) -> int | None:
        return difference_pct(self.today.energy_wh, self.usual.energy_wh)


class Load(Struct, frozen=True, kw_only=True):
    """The load of today and of a usual such day: (ms from midnight, W)."""

    start_ms: int
    length_ms: int
    today: list[tuple[int, int]]
    usual: list[tuple[int, int]]
    peak: tuple[datetime, int] | None


async def read_attention(conn: Connection, actor: Actor, now: datetime) -> Attention:
    """The worst open incidents, how many there are, and whether they are looked for at all."""
    last = await days.last_look_at(conn, actor.tenant_id)
    return Attention(
        rows=await incidents.list_attention(conn, actor.tenant_id, now, MAX_ATTENTION),
        count=await incidents.count_open(conn, actor.tenant_id, now),
        last_look_at=last,
        late=last is not None and now - last > WATCH_LATE,
    )


class Known(Struct, frozen=True, kw_only=True):
    """A usual day as it was read for some mark of the time."""

    mark: datetime
    zone: str
    by_now: Usual
    load: list[tuple[int, int]]


class UsualDays:
    """What a usual day is like by now, read anew at every mark of the time: days that are over change no more.

    Kept for each organisation and each limit to sites, since who is limited sees less.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, tuple[int, ...] | None], Known] = OrderedDict()

    async def of(self, conn: Connection, actor: Actor, now: datetime) -> Known:
        """As this person may see it."""
        key, mark = (actor.tenant_id, actor.sites), now - (now - datetime.min.replace(tzinfo=UTC)) % MARK_EVERY
        known = self._known.get(key)
        if known is None or (known.mark, known.zone) != (mark, actor.time_zone):
            known = self._known[key] = await _read_usual(conn, actor, mark)
            self._known.move_to_end(key)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return known


async def _read_usual(conn: Connection, actor: Actor, mark: datetime) -> Known:
    tenant_id, zone = actor.tenant_id, actor.time_zone
    before = usual_windows(mark, zone, await days.first_session_at(conn, tenant_id))
    # The load of a day before the first session counts as well: it was noted.
    whole = usual_windows(mark, zone, mark - timedelta(weeks=USUAL_WEEKS + 1), whole=True)
    return Known(
        mark=mark,
        zone=zone,
        by_now=usual(await days.charged_in(conn, tenant_id, before)),
        load=[(offset_s * 1000, power_w) for offset_s, power_w in await days.usual_load(conn, tenant_id, whole)],
    )


async def read_day(conn: Connection, actor: Actor, known: Known, now: datetime) -> Day:
    """Today so far beside a usual day by this time."""
    today = day_window(now, known.zone)
    [charged] = await days.charged_in(conn, actor.tenant_id, [today])
    return Day(
        zone=known.zone,
        now=now,
        today=charged,
        usual=known.by_now,
        recent=await days.list_recent(conn, actor.tenant_id, MAX_RECENT),
    )


async def read_load(conn: Connection, tenant_id: int, known: Known, now: datetime) -> Load:
    """The load of the whole day."""
    whole = day_window(now, known.zone, whole=True)
    today = await days.load_of(conn, tenant_id, whole)
    return Load(
        start_ms=int(whole.start.timestamp() * 1000),
        length_ms=int((whole.end - whole.start).total_seconds() * 1000),
        today=[(int((at - whole.start).total_seconds() * 1000), power_w) for at, power_w in today],
        usual=known.load,
        peak=max(today, key=lambda point: point[1], default=None),
    )


def overview_pages(pages: CarePages) -> list[HTTPRouteHandler]:
    """`/`, and the fragments that it reads anew."""
    usual_days = UsualDays()

    def attention_context(attention: Attention, actor: Actor) -> Mapping[str, Any]:
        now = pages.clock.now()
        shown = show_all(attention.rows, actor, now)
        return {"attention": attention, "shown": shown, "changed_ms": changed_ms(attention.count)}

    @get("/", include_in_schema=False)
    async def overview(request: WebRequest, actor: Asker) -> Response[str]:
        now = pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            attention = await read_attention(conn, actor, now)
            known = await usual_days.of(conn, actor, now)
            day = await read_day(conn, actor, known, now)
            load = await read_load(conn, actor.tenant_id, known, now)
        totals = await pages.totals(actor.tenant_id)
        with pages.shell.speaking(request):
            context = attention_context(attention, actor)
        return pages.shell.page(
            "care/overview.html",
            request,
            viewer=actor,
            current="overview",
            totals=totals,
            head_states=HEAD_STATES,
            core_states=CORE_STATES,
            connects=actor.may(Verb.CHANGE_STATIONS),
            day=day,
            load=load,
            **context,
        )

    @get("/incidents/attention", include_in_schema=False)
    async def attention_list(request: WebRequest, actor: Asker) -> Response[str]:
        async with pages.db.tenant(actor.tenant_id) as conn:
            attention = await read_attention(conn, actor, pages.clock.now())
        with pages.shell.speaking(request):
            context = attention_context(attention, actor)
        return pages.shell.page("care/attention.html", request, viewer=actor, **context)

    @get("/overview/day", include_in_schema=False)
    async def day_so_far(request: WebRequest, actor: Asker) -> Response[str]:
        now = pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            day = await read_day(conn, actor, await usual_days.of(conn, actor, now), now)
        return pages.shell.page("care/day.html", request, viewer=actor, day=day)

    @get("/overview/recent", include_in_schema=False)
    async def recent_sessions(request: WebRequest, actor: Asker) -> Response[str]:
        now = pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            day = await read_day(conn, actor, await usual_days.of(conn, actor, now), now)
        return pages.shell.page("care/recent.html", request, viewer=actor, day=day)

    return [overview, attention_list, day_so_far, recent_sessions]
