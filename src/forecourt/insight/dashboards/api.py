"""Routes of what an operator asks: one a family, of the same days and places as the pages, by the same reckoning."""

from datetime import date
from typing import Annotated, Final, Literal

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.dashboards.answering import Answering
from forecourt.insight.dashboards.asking import (
    DaysRefused,
    OfCompare,
    OfEvse,
    OfGroup,
    OfKind,
    OfPaid,
    OfSite,
    OfStation,
    OfTariff,
    PlaceRefused,
    checked,
    question,
)
from forecourt.insight.dashboards.counting import TooManySessions
from forecourt.insight.dashboards.model import Compare, Family, GroupUnknown, PlaceUnknown, TraitOfFew, TraitRefused
from forecourt.insight.dashboards.told import Answered, tell
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.clock import Clock

TAGS: Final = ["insight"]

RangeNamed = Annotated[
    Literal["7d", "30d", "month", "12m"] | None,
    QueryParameter(name="range", description="Days by their name, today the last; without any the last 30."),
]
FirstDay = Annotated[date | None, QueryParameter(name="from", description="The first day; alone, the only one.")]
LastDay = Annotated[date | None, QueryParameter(name="to", description="The last day.")]

#: What each family is asked for, in words, and what one must be allowed.
OPERATIONS: Final = {
    Family.USE: (
        "Tell how plugs were used",
        "Time in use, energy, revenue, the most at once, stays; over time, by the hour of the week and of the day, by "
        "the parts of the place, by kinds of connectors, tariffs, ways to pay and groups of drivers.",
    ),
    Family.SUCCESS: (
        "Tell whether people could charge",
        "Sessions and visits that charged, at the first try; incidents with the time to detect and to repair.",
    ),
    Family.AVAILABILITY: (
        "Tell when ports could be used",
        "Uptime of ports by 23 CFR 680.116(b), why they were out, and the ledger of outages.",
    ),
    Family.DRIVERS: (
        "Tell how drivers came",
        "How lately and how often, by pseudonyms and whole months; classes of 1 or 2 are left out. Of a place where in"
        " one of these months fewer than ten came nothing is told, and `too_few` says so.",
    ),
    Family.PROFIT: (
        "Tell what connectors earned",
        "From the books: revenue less energy, fees, shares and losses, by connector and by site.",
    ),
}


def _operation(family: Family) -> HTTPRouteHandler:
    summary, description = OPERATIONS[family]

    async def show(
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        answers: Answering,
        preset: RangeNamed = None,
        first: FirstDay = None,
        last: LastDay = None,
        compare: OfCompare = "before",
        site: OfSite = "",
        station: OfStation = "",
        evse: OfEvse = "",
        kind: OfKind = "",
        tariff: OfTariff = "",
        paid: OfPaid = "",
        driver_group: OfGroup = "",
    ) -> Answered:
        place = (site, station, evse)
        days = checked((preset or "", first, last), place)
        asked = await question(
            db,
            clock,
            actor.tenant_id,
            days,
            Compare(compare),
            place,
            (kind, tariff, paid, driver_group),
            limited=actor.sites is not None,
        )
        return await tell(db, answers, actor.tenant_id, family, asked)

    # The document names an operation by its function.
    show.__name__ = f"tell_{family.value}"
    decorated: HTTPRouteHandler = get(
        f"/insight/{family.value}",
        opt={
            "verb": Verb.READ_MONEY if family == Family.PROFIT else Verb.READ,
            "problems": [
                LakeMissing,
                PlaceUnknown,
                GroupUnknown,
                TraitOfFew,
                DaysRefused,
                PlaceRefused,
                TraitRefused,
                TooManySessions,
                AnswerTooSlow,
            ],
        },
        summary=summary,
        description=description,
        tags=TAGS,
    )(show)
    return decorated


routes = Router("", route_handlers=[_operation(family) for family in Family])
