"""Routes of forecasts."""

from typing import Annotated, Final, Literal

from litestar import Router, get
from litestar.params import QueryParameter

from forecourt.access.guard import Asker, Database
from forecourt.insight.forecast import asked
from forecourt.insight.forecast.asked import MAX_SITE, Hours, Listed, Told
from forecourt.insight.forecast.model import ForecastUnknown
from forecourt.platform.paging import Page, entire
from forecourt.platform.text import ONE_LINE

TAGS: Final = ["insight"]

Site = Annotated[
    str,
    QueryParameter(
        max_length=MAX_SITE, pattern=ONE_LINE,
        description="As the list of forecasts has it: a site's slug; without it the whole network.",
    ),
]  # fmt: skip
What = Annotated[
    Literal["energy", "occupancy", "arrivals"],
    QueryParameter(description="kWh, plugs taken on average, or cars that come in an hour."),
]


@get(
    "/forecasts",
    summary="List forecasts",
    description="Of the network and of every site, with the reason where there is none.",
    tags=TAGS,
)
async def list_forecasts(actor: Asker, db: Database) -> Page[Listed]:
    return entire(await asked.listed(db, actor.tenant_id))


@get(
    "/forecasts/hours",
    opt={"problems": [ForecastUnknown]},
    summary="Show the hours ahead of a site",
    description="Up to a week, from the beginning of the day that it was made on, by the site's own clock.",
    tags=TAGS,
)
async def show_hours(actor: Asker, db: Database, site: Site = "", target: What = "energy") -> Hours:
    return await asked.find_hours(db, actor.tenant_id, site, target)


@get(
    "/forecasts/backtest",
    opt={"problems": [ForecastUnknown]},
    summary="Show the backtest behind a forecast",
    description="Which method was chosen, and what each candidate missed by on hours that nobody chose by.",
    tags=TAGS,
)
async def show_backtest(actor: Asker, db: Database, site: Site = "", target: What = "energy") -> Told:
    return await asked.find_backtest(db, actor.tenant_id, site, target)


routes = Router("", route_handlers=[list_forecasts, show_hours, show_backtest])
