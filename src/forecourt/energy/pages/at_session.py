"""What a session's own page says of its smart charging: why it charges at this power, and what its driver needs."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct, structs

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy.dispatch.orders import STEP_MA
from forecourt.energy.explained.session import Explanation
from forecourt.energy.explained.words import GROUNDS, PRIORITIES, clock_word, sentences, source_of, value_word
from forecourt.energy.needs.model import Needs, Priority, Source, Wants
from forecourt.energy.pages.common import EnergyPages, WebRequest, field
from forecourt.energy.pages.words import refused_as
from forecourt.energy.service import explained, needs
from forecourt.energy.site import is_stale
from forecourt.energy.store.explained import OrderRow
from forecourt.energy.store.priorities import PriorityAsk
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, decimal, from_kilo, kilo

#: What was told that is listed at once; all of it is in the API.
SHOWN_ORDERS: Final = 6
#: The drawing of the plan, in its own units: the page stretches it.
WIDTH, HEIGHT = 1000, 100
#: From cheap to dear, shades of which each step of the plan has one.
SHADES: Final = 5
#: What was just said is looked for in the next plan for so long.
AWAITED: Final = timedelta(seconds=30)
#: The word of a station that has no profile for priority (2.1 K21).
NO_PROFILE: Final = "NoProfile"
STALE_FORM: Final = mark(
    "Somebody else said what the driver needs meanwhile, so nothing was stored. The form shows what is stored now."
)
UNREADABLE: Final = mark("times are written as 2026-03-01 17:00, by the clock of the site")
ANSWERS: Final[dict[bool | None, str]] = {
    True: mark("accepted"),
    False: mark("refused"),
    None: mark("no answer yet"),
}


class Picture(Struct, frozen=True, kw_only=True):
    """The plan's power over time until the car leaves: an outline, below its line where it gives, the highest power,
    and where it is ready (0 to 1000). `shades`: from where to where a kWh has a price, and how dear that is of all (0
    to 4); between `least` and `most`. Empty where prices decide nothing or are all the same."""

    outline: str
    most_w: int
    ready_x: int | None
    shades: Sequence[tuple[int, int, int]]
    least: str
    most: str


class Filled(Struct, frozen=True, kw_only=True):
    """The form of what a driver needs, as it was sent or as it stands."""

    departure: str = ""
    energy_kwh: str = ""
    priority: str = ""
    minimum_kwh: str = ""
    minimum_by: str = ""
    stop_kwh: str = ""
    may_give: str = ""
    keep_soc: str = ""


def picture(told: Explanation) -> Picture | None:
    """None where nothing is meant."""
    if not told.steps or not any(each.power_w for each in told.steps):
        return None
    start, end = told.steps[0].start_at, told.stay.leaves_at
    most_w, least_w = max(0, *(each.power_w for each in told.steps)), min(0, *(each.power_w for each in told.steps))

    def y(power_w: int) -> float:
        return round(HEIGHT * (most_w - power_w) / (most_w - least_w), 1)

    def x(at: datetime) -> int:
        return round(WIDTH * ((at - start) / (end - start)))

    path = "".join(f"L{x(each.start_at)} {y(each.power_w)}L{x(each.end_at)} {y(each.power_w)}" for each in told.steps)
    ready = told.ready_at
    shades, least, most = _shades(told, x)
    return Picture(
        outline=f"M0 {y(0):g}{path}L{WIDTH} {y(0):g}Z",
        most_w=most_w,
        ready_x=None if ready is None or not start < ready < end else x(ready),
        shades=shades,
        least=least,
        most=most,
    )


def _shades(told: Explanation, x: Callable[[datetime], int]) -> tuple[list[tuple[int, int, int]], str, str]:
    priced = [(each, each.value) for each in told.steps if each.value is not None]
    values = [value for _each, value in priced]
    least, most = min(values, default=Decimal(0)), max(values, default=Decimal(0))
    if least == most:
        return [], "", ""
    found: list[tuple[int, int, int]] = []
    for each, value in priced:
        shade = int((value - least) / (most - least) * (SHADES - 1) + Decimal("0.5"))
        if found and found[-1][2] == shade:
            found[-1] = (found[-1][0], x(each.end_at), shade)
        else:
            found.append((x(each.start_at), x(each.end_at), shade))
    return found, value_word(least, told), value_word(most, told)


def _told_otherwise(found: Explanation, orders: Sequence[OrderRow], now: datetime) -> OrderRow | None:
    """The limit by which its station goes, where that is another one than is planned."""
    held = next((order for order in orders if order.accepted), None)
    if held is None or held.valid_to <= now or found.limit_ma is None:
        return None
    return held if abs(held.limit_ma - found.limit_ma) >= STEP_MA else None


def _words(found: Explanation, orders: Sequence[OrderRow], now: datetime, zone: str) -> list[str]:
    """Why it charges so; first what its station goes by, where that is something else."""
    words, other = sentences(found, now, zone), _told_otherwise(found, orders, now)
    if other is None:
        return words
    values = {"limit": formats.amperes(other.limit_ma / 1000), "time": clock_word(other.sent_at, now, zone)}
    told = _("Its station was told %(limit)s at %(time)s, and goes by that for now. What is planned:") % values
    return [told, *words]


def _is_awaited(said: Needs, found: Explanation | None, now: datetime) -> bool:
    """Whether what the driver said a moment ago is in no plan yet."""
    heard_at = max((each.said_at for each in said.said if each.source is Source.DRIVER), default=None)
    if heard_at is None or now - heard_at >= AWAITED:
        return False
    return found is None or found.planned_at <= heard_at


class AtSession:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(
        self,
        request: WebRequest,
        actor: Actor,
        session_id: UUID,
        *,
        sent: Filled | None = None,
        fault: str = "",
        pressed: bool = False,
    ) -> Response[str]:
        """The fragment; empty where the session's site is not charged smartly. `pressed`: by the button about speed,
        which keeps the keyboard then."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            told = await explained.session_told(conn, actor.tenant_id, session_id, now)
            said = await needs.find_needs(conn, actor.tenant_id, session_id)
            asked = await needs.find_priority(conn, actor.tenant_id, session_id)
        if told is None:
            return Response("", media_type="text/html", headers={"cache-control": "private, no-store"})
        found, zone = told.explanation, told.record.zone
        with pages.shell.speaking(request):
            words = [] if found is None else _words(found, told.orders, now, zone)
            drawn = None if found is None else picture(found)
        return pages.shell.page(
            "energy/at_session.html",
            request,
            viewer=actor,
            status=422 if fault else 200,
            told=told,
            found=found,
            words=words,
            running=told.session.over_at is None,
            stale=found is not None and is_stale(found.planned_at, told.at),
            awaited=_is_awaited(said, found, now),
            picture=drawn,
            orders=told.orders[:SHOWN_ORDERS],
            answer_of=answer_of,
            clock=lambda at: clock_word(at, now, zone),
            source_of=source_of,
            grounds=GROUNDS,
            priorities=PRIORITIES,
            priority_by=said.sources.get("priority"),
            asked=asked,
            said_to_priority=None if asked is None else priority_word(asked),
            form=sent or form_of(said, zone),
            tag=needs.needs_tag(said.of(Source.DRIVER)),
            fault=fault,
            pressed=pressed,
            may_say=actor.may(Verb.CONTROL),
            may_limit=actor.may(Verb.CHANGE_ENERGY),
        )

    async def say(self, request: WebRequest, actor: Actor, session_id: UUID) -> Response[str]:
        """What the driver needs, as somebody at the console heard it. A form that shows what isn't so any more is not
        stored."""
        form = await request.form()
        filled = Filled(**{name: field(form, name) for name in Filled.__struct_fields__})
        pages, now = self._pages, self._pages.clock.now()
        fault, stale = "", False
        try:
            async with pages.db.tenant(actor.tenant_id) as conn:
                told = await explained.session_told(conn, actor.tenant_id, session_id, now)
                if told is not None:
                    change = partial(_wants, form, filled, told.record.zone)
                    shown = field(form, "tag") or None
                    await needs.change_needs(conn, actor, session_id, Source.DRIVER, change, now, shown)
        except NoNumber as refused:
            with pages.shell.speaking(request):
                fault = _(refused.words) % {"text": refused.text}
        except ValueError:
            with pages.shell.speaking(request):
                fault = _(UNREADABLE)
        except ChangedMeanwhile:
            stale = True
            with pages.shell.speaking(request):
                fault = _(STALE_FORM)
        except ForecourtError as refused:
            if refused.status != 422:
                raise
            with pages.shell.speaking(request):
                fault = " ".join(refused_as(refused))
        again = filled if fault and not stale else None
        return await self.show(request, actor, session_id, sent=again, fault=fault, pressed="departure" not in form)


def form_of(said: Needs, zone: str) -> Filled:
    """What the driver said before."""
    wants = said.of(Source.DRIVER)

    def local(at: datetime | None) -> str:
        return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")

    return Filled(
        departure=local(wants.departure_at),
        energy_kwh=kilo(wants.energy_wh),
        priority=wants.priority or "",
        minimum_kwh=kilo(wants.minimum_wh),
        minimum_by=local(wants.minimum_by),
        stop_kwh=kilo(wants.stop_energy_wh),
        may_give={None: "", True: "yes", False: "no"}[wants.may_discharge],
        keep_soc="" if wants.keep_soc_pct is None else str(wants.keep_soc_pct),
    )


def _wants(form: FormMultiDict, filled: Filled, zone_name: str, wants: Wants) -> Wants:
    """With what else the driver said. A form that holds priority alone changes nothing else. Raises NoNumber, and
    ValueError for a time that is none."""
    priority = Priority(filled.priority) if filled.priority in set(Priority) else None
    if "departure" not in form:
        return structs.replace(wants, priority=priority)
    zone = ZoneInfo(zone_name)
    energy_wh = _energy(filled.energy_kwh)
    keep = decimal(filled.keep_soc)
    if keep is not None and not (0 <= keep <= 100 and keep == int(keep)):
        raise NoNumber(filled.keep_soc)
    if "may_give" in form:
        given = {"yes": True, "no": False}.get(filled.may_give)
        wants = structs.replace(wants, may_discharge=given, keep_soc_pct=None if keep is None else int(keep))
    return structs.replace(
        wants,
        departure_at=_time(filled.departure, zone),
        energy_wh=energy_wh,
        range_km=None if energy_wh is not None else wants.range_km,
        priority=priority,
        minimum_wh=_energy(filled.minimum_kwh),
        minimum_by=_time(filled.minimum_by, zone),
        stop_energy_wh=_energy(filled.stop_kwh),
    )


def _time(text: str, zone: ZoneInfo) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def _energy(text: str) -> int | None:
    energy_wh = from_kilo(text)
    if energy_wh is not None and not 0 <= energy_wh <= 10**8:
        raise NoNumber(text)
    return energy_wh


def priority_word(asked: PriorityAsk) -> str:
    """What a station makes of being asked to go by its own profile for priority: a message of the catalogue."""
    if asked.accepted is None:
        return mark("its station was asked for priority, and has not answered")
    if asked.active:
        return mark("its station goes by its own profile for priority")
    if not asked.wanted or asked.accepted:
        return mark("its station goes by its own profile for priority no more")
    if asked.status == NO_PROFILE:
        return mark("its station has no profile of its own for priority: the plan alone lets it go before others")
    return mark("its station was asked for priority, and said no")


def answer_of(order: OrderRow) -> str:
    """The word for a station's answer, in the language of the page."""
    if order.accepted is None and order.answered_at is not None:
        return _("nobody knows whether it took it")
    return _(ANSWERS[order.accepted])


def session_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """The fragment of a session's page, and what its form is sent to."""
    shared = AtSession(pages)

    @get("/energy/at-session/{session_id:uuid}", include_in_schema=False)
    async def at_session(request: WebRequest, actor: Asker, session_id: FromPath[UUID]) -> Response[str]:
        return await shared.show(request, actor, session_id)

    @post("/energy/at-session/{session_id:uuid}", include_in_schema=False, status_code=200, opt={"verb": Verb.CONTROL})
    async def say_needs(request: WebRequest, actor: Asker, session_id: FromPath[UUID]) -> Response[str]:
        return await shared.say(request, actor, session_id)

    return [at_session, say_needs]
