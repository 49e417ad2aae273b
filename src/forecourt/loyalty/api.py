"""Routes of campaigns, their codes, and of what a session would cost with them."""

from functools import partial
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from litestar import Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.loyalty import giving, service
from forecourt.loyalty.effect.service import Effect, measure_effect
from forecourt.loyalty.errors import (
    AccountNeeded,
    CampaignBegun,
    CampaignOver,
    CampaignRefused,
    CampaignUnbegun,
    CampaignUnknown,
    CodesRefused,
    CodeTaken,
    VoucherUnknown,
    VoucherUsed,
)
from forecourt.loyalty.model.campaigns import MAX_CAMPAIGNS, Campaign, best
from forecourt.loyalty.model.terms import Terms
from forecourt.loyalty.model.uses import CODE_PATTERN, MAX_CODE, MAX_CODES_AT_ONCE, Code
from forecourt.loyalty.rewards import api as rewards
from forecourt.loyalty.store import campaigns as store
from forecourt.loyalty.store import uses
from forecourt.payments.intents.errors import PriceMissing
from forecourt.payments.intents.service import Payments
from forecourt.platform.clock import Clock
from forecourt.platform.paging import DEFAULT_LIMIT, NEWEST, CursorRefused, Cursors, Limit, NextCursor, Page, entire
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import MAX_SECONDS, Segment, SegmentKind
from forecourt.pricing.shown import Quote, shown
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.model import IDENTITY_PATTERN

TAGS: Final = ["loyalty"]
#: Energy of one quote.
MAX_ENERGY_WH: Final = 10_000_000
CHANGES: Final = {"verb": Verb.CHANGE_PRICES}
READS: Final = {"verb": Verb.READ_CAMPAIGNS}
_codes: Final = Cursors("codes of a campaign")

Ticking = NamedDependency[Clock]
Payer = NamedDependency[Payments]
CampaignId = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The campaign's number.")]
Typed = Annotated[str, Meta(min_length=3, max_length=MAX_CODE, pattern=CODE_PATTERN, examples=["SPRING-26"])]


class NewCodes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either one code with a name, or so many that are made up."""

    code: Typed | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_CODES_AT_ONCE, description="Without `code`.", examples=[100])] = 1
    most_uses: Annotated[
        Annotated[int, Meta(ge=1, le=10**9)] | None,
        Meta(description="Of each; null: any number.", examples=[1]),
    ] = 1


class MadeCodes(Struct, frozen=True, kw_only=True):
    """The codes that were made; blanks, hyphens and cases don't count when they are entered."""

    codes: list[str]


class QuoteAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session that would begin now: so long, and so much evenly spread over it."""

    station: Annotated[str, Meta(pattern=IDENTITY_PATTERN, examples=["CP1"])]
    evse: Annotated[int, Meta(ge=1, le=1_000, examples=[1])] = 1
    seconds: Annotated[int, Meta(ge=1, le=MAX_SECONDS, examples=[3600])] = 3600
    energy_wh: Annotated[int, Meta(ge=0, le=MAX_ENERGY_WH, examples=[20_000])] = 0
    driver: Annotated[
        Annotated[int, Meta(ge=1, le=NEWEST)] | None, Meta(description="Whose it is.", examples=[None])
    ] = None
    voucher: Annotated[Typed | None, Meta(description="A code that is entered for it.", examples=[None])] = None


@post(
    "/loyalty/campaigns",
    opt={**CHANGES, "problems": [CampaignRefused]},
    summary="Make a campaign",
    description="It is a draft until it is started. With `by_code` it is a voucher: make its codes then.",
    tags=TAGS,
)
async def create_campaign(data: JSONBody[Terms], actor: Asker, db: Database, clock: Ticking) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.create_campaign(conn, actor, data, clock.now())


@get("/loyalty/campaigns", opt=dict(READS), summary="List campaigns", tags=TAGS)
async def list_campaigns(actor: Asker, db: Database) -> Page[Campaign]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire(await store.list_campaigns(conn, actor.tenant_id, MAX_CAMPAIGNS))


@get(
    "/loyalty/campaigns/{campaign_id:int}",
    opt={**READS, "problems": [CampaignUnknown]},
    summary="Show a campaign",
    tags=TAGS,
)
async def find_campaign(campaign_id: CampaignId, actor: Asker, db: Database) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.find_campaign(conn, actor.tenant_id, campaign_id)


@put(
    "/loyalty/campaigns/{campaign_id:int}",
    opt={**CHANGES, "problems": [CampaignUnknown, CampaignBegun, CampaignRefused]},
    summary="Change the terms of a draft",
    tags=TAGS,
)
async def change_campaign(campaign_id: CampaignId, data: JSONBody[Terms], actor: Asker, db: Database) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.change_terms(conn, actor, campaign_id, data)


@post(
    "/loyalty/campaigns/{campaign_id:int}/start",
    opt={**CHANGES, "problems": [CampaignUnknown, CampaignOver, CampaignRefused, CampaignUnbegun]},
    status_code=200,
    summary="Start a campaign, or let one that is paused go on",
    description=(
        "Whom it is for, and who of them is held out, is fixed when it starts first. One that is to start later waits"
        " for that, and ends by itself when it is to. One that would be for nobody, or can't begin at its time for"
        " another reason, is a draft (again), and `unbegun` says why."
    ),
    tags=TAGS,
)
async def start_campaign(campaign_id: CampaignId, actor: Asker, db: Database, clock: Ticking) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.start_campaign(conn, actor, campaign_id, clock.now())


@post(
    "/loyalty/campaigns/{campaign_id:int}/pause",
    opt={**CHANGES, "problems": [CampaignUnknown, CampaignOver]},
    status_code=200,
    summary="Pause a campaign",
    description="It gives nothing more until it is started again; what was promised is kept.",
    tags=TAGS,
)
async def pause_campaign(campaign_id: CampaignId, actor: Asker, db: Database, clock: Ticking) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.pause_campaign(conn, actor, campaign_id, clock.now())


@post(
    "/loyalty/campaigns/{campaign_id:int}/end",
    opt={**CHANGES, "problems": [CampaignUnknown]},
    status_code=200,
    summary="End a campaign for good",
    tags=TAGS,
)
async def end_campaign(campaign_id: CampaignId, actor: Asker, db: Database, clock: Ticking) -> Campaign:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.end_campaign(conn, actor, campaign_id, clock.now())


@post(
    "/loyalty/campaigns/{campaign_id:int}/codes",
    opt={**CHANGES, "problems": [CampaignUnknown, CampaignOver, CodesRefused, CodeTaken]},
    summary="Make codes of a voucher",
    tags=TAGS,
)
async def make_codes(
    campaign_id: CampaignId, data: JSONBody[NewCodes], actor: Asker, db: Database, clock: Ticking
) -> MadeCodes:
    async with db.tenant(actor.tenant_id) as conn:
        made = await service.make_codes(
            conn, actor, campaign_id, code=data.code, count=data.count, most_uses=data.most_uses, now=clock.now()
        )
    return MadeCodes(codes=made)


@get(
    "/loyalty/campaigns/{campaign_id:int}/codes",
    opt={**CHANGES, "problems": [CampaignUnknown, CursorRefused]},
    summary="List codes of a voucher",
    description="The first first.",
    tags=TAGS,
)
async def list_codes(
    campaign_id: CampaignId, actor: Asker, db: Database, limit: Limit = DEFAULT_LIMIT, cursor: NextCursor = None
) -> Page[Code]:
    (after,) = _codes.decode(cursor) or (0,)
    async with db.tenant(actor.tenant_id) as conn:
        await service.find_campaign(conn, actor.tenant_id, campaign_id)
        found = await store.list_codes(conn, actor.tenant_id, campaign_id, limit + 1, after=after)
    return _codes.page(found, limit, lambda code: (code.code_id,), lambda code: code)


@post(
    "/loyalty/quote",
    opt={**READS, "problems": [StationUnknown, PriceMissing, VoucherUnknown, VoucherUsed, AccountNeeded]},
    status_code=200,
    summary="Tell what a session that began now would cost with what campaigns take off",
    description="Nothing is stored and nothing is kept of a budget.",
    tags=TAGS,
)
async def quote_with_campaigns(
    data: JSONBody[QuoteAsked], actor: Asker, db: Database, payments: Payer, clock: Ticking
) -> Quote:
    now = clock.now()
    priced = await payments.quote(actor.tenant_id, data.station, data.evse, driver_id=data.driver)
    async with db.tenant(actor.tenant_id) as conn:
        occasion = await uses.occasion_at(conn, actor.tenant_id, data.station, data.evse, now, driver_id=data.driver)
        assert occasion is not None, "it has a price"
        offers = await giving.offers_at(conn, actor.tenant_id, occasion, data.voucher)
    offer = priced.offer
    pricer = Pricer(offer.tariff, ZoneInfo(str(offer.zone)), offer.circumstances)
    pieces = pricer.pieces(now, [Segment(seconds=data.seconds, kind=SegmentKind.CHARGING, energy_wh=data.energy_wh)])
    plain = pricer.bill(pieces)
    discounts = best([each.campaign for each in offers], plain, partial(pricer.bill, pieces))
    return shown(pricer.bill(pieces, discounts), pieces)


@get(
    "/loyalty/campaigns/{campaign_id:int}/effect",
    opt={**READS, "problems": [CampaignUnknown]},
    summary="Tell what a campaign changed",
    description=(
        "Drivers who had it are compared with those held out, as they were drawn. Choose before you look which measure"
        " decides: each of them is declared in one of twenty campaigns that have no effect at all."
    ),
    tags=TAGS,
)
async def find_effect(campaign_id: CampaignId, actor: Asker, db: Database, clock: Ticking) -> Effect:
    async with db.tenant(actor.tenant_id) as conn:
        return await measure_effect(conn, actor.tenant_id, campaign_id, clock.now())


routes = Router(
    "",
    route_handlers=[
        create_campaign, list_campaigns, find_campaign, change_campaign, start_campaign, pause_campaign, end_campaign,
        make_codes, list_codes, find_effect, quote_with_campaigns, *rewards.handlers,
    ],
)  # fmt: skip
