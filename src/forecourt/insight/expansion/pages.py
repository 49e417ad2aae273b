"""The screens of growth: all sites side by side, one of them hour by hour, and the form of what it is reckoned by."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.expansion import forms
from forecourt.insight.expansion.api import CHANGES, READS, Growing, OfSite
from forecourt.insight.expansion.inputs import Inputs, InputsRefused
from forecourt.insight.expansion.model import Counted
from forecourt.insight.expansion.planned import (
    HELD,
    LEAST_DAYS,
    LEAST_SESSIONS,
    LEAST_WEEKS,
    LONG_AGO,
    NO_SESSION,
    TOO_LARGE,
    TOO_LITTLE,
    Bounds,
    Plan,
)
from forecourt.insight.expansion.service import Plans
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.pages import tabs_of
from forecourt.payments.forms import WHOLE_WRONG, Field, read_form, typed_of
from forecourt.platform.money import minor_digits
from forecourt.platform.sheets import csv_line
from forecourt.ui import formats
from forecourt.ui.files import CSV, file
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, number
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
PATH: Final = "/insight/expansion"
#: Why a site has no plan, in words of pages.
REASONS: Final = {
    NO_SESSION: mark("no session was seen there"),
    LONG_AGO: mark("no session was seen there in the last year, the last one was on %(day)s"),
    TOO_LITTLE: mark(
        "too little was seen there: %(seen)s of the %(sessions)s sessions, %(days)s of the %(least)s days that it takes"
    ),
    TOO_LARGE: mark("it needs more plugs than are tried"),
}
#: Columns of the CSV.
COLUMNS: Final = (
    "site", "name", "sessions", "plugs", "plugs_needed", "plugs_low", "plugs_high", "turned_away_now",
    "turned_away_then", "full_share", "connection_all_w", "connection_shared_w", "connection_drawn_w",
    "connection_more_w",
    "sessions_more_a_year", "sessions_low", "sessions_high", "currency", "cost_minor", "margin_a_year_minor",
    "margin_low_minor", "margin_high_minor", "payback_years", "payback_low_years", "payback_high_years",
)  # fmt: skip
DASH: Final = "\N{EN DASH}"
#: A pay-back of more years is as good as none.
MANY_YEARS: Final = 100


def expansion_pages(shell: Shell) -> list[HTTPRouteHandler]:
    """`/insight/expansion` and what is below it."""

    @get(PATH, opt=dict(READS), include_in_schema=False)
    async def show(request: WebRequest, actor: Asker, growth: Growing, site: OfSite = "") -> Response[str]:
        try:
            plans = await growth.plans(actor.tenant_id)
        except LakeMissing:
            return _page(shell, request, actor, None, "")
        inputs = None
        if site and any(each.site == site for each in plans.sites):
            inputs = await growth.inputs(actor.tenant_id, site)
        return _page(shell, request, actor, plans, site, inputs=inputs)

    @post(PATH, opt=dict(CHANGES), include_in_schema=False, status_code=200)
    async def say(request: WebRequest, actor: Asker, db: Database, growth: Growing, site: OfSite = "") -> Response[Any]:
        fields = forms.fields("EUR")
        typed = await typed_of(request, fields)
        said = typed["currency"].upper()
        fields = forms.fields(said if len(said) == 3 and said.isascii() and said.isalpha() else "EUR")
        values, wrong = read_form(fields, typed)
        try:
            if not wrong:
                async with db.tenant(actor.tenant_id) as conn:
                    await growth.say(conn, actor, site, forms.inputs_of(values))
                return Redirect(_href(site), status_code=303)
        except InputsRefused:
            wrong = {"currency": WHOLE_WRONG}
        plans = await growth.plans(actor.tenant_id)
        return _page(shell, request, actor, plans, site, form=(fields, typed, wrong))

    @post(f"{PATH}/forget", opt=dict(CHANGES), include_in_schema=False)
    async def forget(actor: Asker, db: Database, growth: Growing, site: OfSite = "") -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await growth.unsay(conn, actor, site)
        return Redirect(_href(site), status_code=303)

    @get(f"{PATH}.csv", opt=dict(READS), include_in_schema=False)
    async def take(actor: Asker, growth: Growing) -> Response[bytes]:
        plans = await growth.plans(actor.tenant_id)
        lines = [csv_line(COLUMNS), *(csv_line(_row(each)) for each in plans.sites if each.size is not None)]
        return file("".join(lines).encode(), CSV, "expansion.csv")

    return [show, say, forget, take]


def _href(site: str) -> str:
    return f"{PATH}?{urlencode({'site': site})}" if site else PATH


def _page(
    shell: Shell, request: WebRequest, actor: Actor, plans: Plans | None, site: str, *, inputs: Inputs | None = None,
    form: tuple[Sequence[Field], Mapping[str, str], Mapping[str, str]] | None = None,
) -> Response[str]:  # fmt: skip
    shown = None if plans is None else next((each for each in plans.sites if each.site == site), None)
    if form is None and plans is not None:
        counted = inputs or plans.inputs
        form = (forms.fields(counted.currency), forms.typed_as(counted), {})
    fields, typed, wrong = form or ((), {}, {})
    status = 422 if wrong else 404 if site and shown is None and plans is not None else 200
    return shell.page(
        "insight/expansion.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
        plain=lambda path: path, status=status, plans=plans, site=site, shown=shown, fields=fields, typed=typed,
        wrong=wrong, may_plan=actor.may(Verb.PLAN_GROWTH), href=_href, why=_why, number=number, years=_years,
        range_of=_range, least_weeks=LEAST_WEEKS, held=round(HELD * 10), bars=None if shown is None else _bars(shown),
        counted=forms.COUNTED, digits=minor_digits, ranked=_ranked(plans), Counted=Counted,
        waits=bool(typed.get("wait_minutes")),
    )  # fmt: skip


def _ranked(plans: Plans | None) -> list[Plan]:
    """Those that turn away the most first; those without a plan last."""
    if plans is None:
        return []
    return sorted(
        plans.sites, key=lambda each: (each.size is None, -(each.size.more_a_year if each.size else 0), each.name)
    )


def _why(plan: Plan) -> str:
    """Why a site has no plan."""
    assert plan.reason is not None
    text = _(REASONS[plan.reason])
    if plan.reason == TOO_LITTLE:
        least = {"sessions": number(LEAST_SESSIONS), "least": number(LEAST_DAYS)}
        return text % {"seen": number(plan.seen), "days": number(plan.days), **least}
    return text % {"day": formats.date_of(plan.last_on)} if plan.last_on else text


def _years(value: float | None) -> str:
    return "" if value is None else f"> {MANY_YEARS}" if value > MANY_YEARS else number(value, 1)


def _range(bounds: Bounds | None, digits: int = 0, scale: int = 0) -> str:
    """From low to high, with so many decimals, in units of ten to the `scale`."""
    if bounds is None:
        return ""
    low, high = (None if each is None else number(each / 10**scale, digits) for each in (bounds.low, bounds.high))
    if low is None:
        return "> " + number(MANY_YEARS)
    return f"{low} {DASH} …" if high is None else low if low == high else f"{low} {DASH} {high}"


#: The drawing of a site's day.
WIDTH: Final = 960
FLOOR: Final = 190
LEFT: Final = 40


def _bars(plan: Plan) -> dict[str, Any] | None:
    """Plugs kept busy hour by hour, and lines at the plugs of today and those needed."""
    if plan.load is None or plan.size is None:
        return None
    top = max(plan.size.plugs, plan.load.peak) * 1.05
    step = (WIDTH - LEFT) / 24

    def y(value: float) -> float:
        return round(FLOOR - value / top * (FLOOR - 12), 1)

    return {
        "bars": [
            (round(LEFT + hour * step + 2, 1), y(busy), round(step - 4, 1), round(FLOOR - y(busy), 1), hour, busy)
            for hour, busy in enumerate(plan.load.erlang)
        ],
        "now": y(plan.size.plugs_now), "needed": y(plan.size.plugs), "width": WIDTH, "floor": FLOOR, "left": LEFT,
        "step": step,
    }  # fmt: skip


def _row(plan: Plan) -> list[Any]:
    size = plan.size
    assert size is not None
    assert plan.load is not None

    def ends(bounds: Bounds | None) -> tuple[float | None, float | None]:
        return (None, None) if bounds is None else (bounds.low, bounds.high)

    return [
        plan.site, plan.name, plan.load.seen, size.plugs_now, size.plugs, *ends(plan.plugs_bounds), size.missed_now,
        size.missed, plan.load.full_share, size.connection_w, size.managed_w, size.drawn_w, size.more_w,
        size.more_a_year, *ends(plan.more_bounds), plan.currency, size.cost_minor, plan.margin_minor,
        *ends(plan.margin_bounds), size.payback_years, *ends(plan.payback_bounds),
    ]  # fmt: skip
