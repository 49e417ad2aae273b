"""Routes of growth: what own sites need, and what the operator says of it."""

from typing import Annotated, Final

from litestar import Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.expansion.inputs import Inputs, InputsRefused
from forecourt.insight.expansion.planned import Plan
from forecourt.insight.expansion.service import Growth, Plans, SiteUnseen
from forecourt.insight.forecast.asked import MAX_SITE
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.text import ONE_LINE

TAGS: Final = ["insight"]
READS: Final = {"verb": Verb.READ_MONEY}
CHANGES: Final = {"verb": Verb.PLAN_GROWTH}

Growing = NamedDependency[Growth]
OfSite = Annotated[
    str, QueryParameter(max_length=MAX_SITE, pattern=ONE_LINE, description="By its slug; without it all sites.")
]
OneSite = Annotated[str, QueryParameter(max_length=MAX_SITE, pattern=ONE_LINE, description="By its slug.")]


@get(
    "/expansion",
    opt={**READS, "problems": [AnswerTooSlow, LakeMissing]},
    summary="List what sites need",
    description="Plugs, connection, cost and pay-back of every site in the lake, with bounds.",
    tags=TAGS,
)
async def list_growth(actor: Asker, growth: Growing) -> Plans:
    return await growth.plans(actor.tenant_id)


@get(
    "/expansion/site",
    opt={**READS, "problems": [AnswerTooSlow, LakeMissing, SiteUnseen]},
    summary="Show what a site needs",
    tags=TAGS,
)
async def show_growth(actor: Asker, growth: Growing, site: OneSite) -> Plan:
    return await growth.find(actor.tenant_id, site)


@get(
    "/expansion/inputs",
    opt={**READS, "problems": [AnswerTooSlow, LakeMissing, SiteUnseen]},
    summary="Show what growth is reckoned by",
    description="Of a site, what is said of it, or else of all sites.",
    tags=TAGS,
)
async def show_growth_inputs(actor: Asker, growth: Growing, site: OfSite = "") -> Inputs:
    return await growth.inputs(actor.tenant_id, site)


@put(
    "/expansion/inputs",
    opt={**CHANGES, "problems": [AnswerTooSlow, LakeMissing, SiteUnseen, InputsRefused]},
    summary="Say what growth is reckoned by",
    description="Of a site, or without one of all sites that nothing else is said of. What is left out is as it began.",
    tags=TAGS,
)
async def put_growth_inputs(
    data: JSONBody[Inputs], actor: Asker, db: Database, growth: Growing, site: OfSite = ""
) -> Inputs:
    async with db.tenant(actor.tenant_id) as conn:
        await growth.say(conn, actor, site, data)
    return data


@delete(
    "/expansion/inputs",
    opt=dict(CHANGES),
    summary="Forget what growth of a site is reckoned by",
    description="It is reckoned as all sites are again.",
    tags=TAGS,
)
async def forget_growth_inputs(actor: Asker, db: Database, growth: Growing, site: OfSite = "") -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await growth.unsay(conn, actor, site)


routes = Router(
    "", route_handlers=[list_growth, show_growth, show_growth_inputs, put_growth_inputs, forget_growth_inputs]
)
