"""The screen of forecasts: what came and what is expected, and why it is forecast like that."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from forecourt.access.guard import Asker
from forecourt.insight.forecast import asked
from forecourt.insight.forecast.api import Site, What
from forecourt.insight.forecast.asked import Hours
from forecourt.insight.forecast.chart import drawing
from forecourt.insight.forecast.model import TARGETS, ForecastUnknown, hours_of
from forecourt.insight.pages import tabs_of
from forecourt.insight.tries import troubles
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.sheets import csv_line
from forecourt.ui.files import CSV, streamed
from forecourt.ui.i18n import mark, number
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
#: What is forecast, in words, and its unit.
WORDS: Final = {
    "energy": (mark("Energy"), mark("kWh in an hour")),
    "occupancy": (mark("Plugs taken"), mark("plugs taken, on average over an hour")),
    "arrivals": (mark("Arrivals"), mark("cars that come in an hour")),
}
#: Methods in words.
METHODS: Final = {
    "same_hour_last_week": mark("the same hour of last week"),
    "same_hour_yesterday": mark("the same hour of yesterday"),
    "mean_of_four_weeks": mark("the mean of the last four same hours of the week"),
    "mean_day": mark("the mean of the last 28 same hours of the day"),
    "mean_of_28_days": mark("the mean of all hours of 28 days"),
    "weighed_week": mark("the week of the last eight, newer ones counting more"),
    "middle_of_eight_weeks": mark("the median of the last eight same hours of the week"),
    "week_at_todays_level": mark("that week, at the level of the last seven days"),
    "week_from_now": mark("that week, begun at what the last hours were"),
    "learned_median": mark("learned trees, for the middle"),
    "learned_mean": mark("learned trees, for the mean"),
}
AHEAD: Final = {
    "1 to 6 h": mark("1 to 6 hours ahead"),
    "7 to 24 h": mark("7 to 24 hours ahead"),
    "2 to 7 days": mark("2 to 7 days ahead"),
}
#: Why a series can't be judged, as a backtest says it: here so that they are translated.
REASONS: Final = (
    mark("too few hours of the training are known"),
    mark("too few hours of the validation are known"),
    mark("too few hours of the test are known"),
    mark("nothing came in the validation"),
    mark("nothing came in the test"),
    mark("it is the same in every hour: every method is right"),
)
#: Columns of the CSV.
COLUMNS: Final = ("site", "target", "hour_at", "expected", "low_10", "middle_50", "high_90")


def forecast_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/insight/forecasts`, for people who are signed in."""

    @get("/insight/forecasts", include_in_schema=False)
    async def show(request: WebRequest, actor: Asker, site: Site = "", target: What = "energy") -> Response[str]:
        series = await asked.listed(db, actor.tenant_id)
        async with db.tenant(actor.tenant_id) as conn:
            trouble = (await troubles(conn, actor.tenant_id, clock.now())).get("forecast")
        try:
            shown = await asked.find(db, actor.tenant_id, site, target)
        except ForecastUnknown:
            shown = None
        hours = [] if shown is None or shown.forecast is None else hours_of(shown.forecast)
        return shell.page(
            "insight/forecasts.html",
            request,
            viewer=actor,
            current="insight",
            tabs=tabs_of(actor),
            trouble=trouble,
            plain=lambda path: path,
            status=404 if shown is None and site else 200,
            site=site,
            target=target,
            targets=TARGETS,
            words=WORDS,
            methods=METHODS,
            ahead=AHEAD,
            series=[each for each in series if each.target == target],
            shown=shown,
            hours=hours,
            picture=None if shown is None else drawing(shown.past, hours, shown.choice.zone),
            number=number,
            now=clock.now(),
            href=lambda site, target: f"/insight/forecasts?{urlencode({'site': site, 'target': target})}",
            csv=f"/insight/forecasts.csv?{urlencode({'site': site, 'target': target})}",
        )

    @get("/insight/forecasts.csv", include_in_schema=False)
    async def download(actor: Asker, site: Site = "", target: What = "energy") -> Stream:
        found = await asked.find_hours(db, actor.tenant_id, site, target)
        return streamed(_lines(found), CSV, "forecast.csv")

    return [show, download]


def _lines(found: Hours) -> Iterator[str]:
    yield csv_line(COLUMNS)
    for hour in found.hours:
        bounds = (hour.expected, hour.low, hour.middle, hour.high)
        yield csv_line([found.site, found.target, hour.at, *bounds])
