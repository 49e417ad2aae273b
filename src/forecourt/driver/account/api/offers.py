"""What a driver is offered and was given, and the codes that they enter."""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.driver.account.api.fields import TAGS, own
from forecourt.driver.account.door import DriverAsker, Membership
from forecourt.loyalty.errors import VoucherUnknown, VoucherUsed
from forecourt.loyalty.model.campaigns import Told
from forecourt.loyalty.model.uses import CODE_PATTERN, MAX_CODE
from forecourt.loyalty.own import Given, Own
from forecourt.loyalty.rewards.model import PointsMissing, ProgramMissing
from forecourt.platform.money import Money
from forecourt.pricing.model import Day


class Offer(Struct, frozen=True, kw_only=True):
    """What is taken off a session that it is for: a percentage up to `most`, or an amount. It is for sessions that
    begin at these hours of these days, by the clock of the site, at these sites, by these plugs, before `ends_at`;
    nothing said: for all."""

    id: int
    label: Annotated[str, Meta(examples=["Night discount"])]
    percent: Annotated[str | None, Meta(examples=["10"])]
    amount: Money | None
    most: Money | None
    minimum: Annotated[Money | None, Meta(description="What a session must come to before anything is off.")]
    hours: Annotated[list[int], Meta(description="22 is from 22:00 until before 23:00.", examples=[[22, 23, 0, 1]])]
    days: list[Day]
    sites: Annotated[list[str], Meta(description="By name.", examples=[["Market square"]])]
    connector_types: Annotated[list[str], Meta(examples=[["IEC_62196_T2_COMBO"]])]
    ends_at: Annotated[datetime | None, Meta(description="Null: until it is ended.", examples=[None])]


class OwnOffers(Struct, frozen=True, kw_only=True):
    """`kept`: vouchers for the next session that they are for; `offered`: for every session that they are for;
    `given`: what sessions had, the latest first."""

    kept: list[Offer]
    offered: list[Offer]
    given: list[Given]


class VoucherSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of a voucher."""

    code: Annotated[str, Meta(min_length=3, max_length=MAX_CODE, pattern=CODE_PATTERN, examples=["SPRING-26"])]


@get("/me/offers", opt=own(), summary="List what the driver is offered and was given", tags=TAGS)
async def show_offers(driver: DriverAsker, members: Membership) -> OwnOffers:
    return _shown(await members.loyalty(driver))


@post(
    "/me/vouchers",
    opt=own(VoucherUnknown, VoucherUsed),
    summary="Enter the code of a voucher",
    description="It is kept for the next session that it is for. Twice is once.",
    tags=TAGS,
)
async def enter_voucher(data: JSONBody[VoucherSaid], driver: DriverAsker, members: Membership) -> OwnOffers:
    await members.enter_voucher(driver, data.code)
    return _shown(await members.loyalty(driver))


def _shown(found: Own) -> OwnOffers:
    return OwnOffers(
        kept=[_offer(each) for each in found.kept], offered=[_offer(each) for each in found.offered],
        given=list(found.given),
    )  # fmt: skip


def _offer(told: Told) -> Offer:
    terms, places = told.campaign.terms, told.campaign.terms.places

    def money(amount: int | None) -> Money | None:
        return None if amount is None else Money(amount=amount, currency=terms.currency)

    return Offer(
        id=told.campaign.campaign_id, label=terms.label,
        percent=None if terms.percent is None else f"{terms.percent:f}",
        amount=money(terms.amount), most=money(terms.most),
        minimum=money(terms.minimum or None), hours=sorted(told.campaign.hours or places.hours),
        days=[each for each in Day if each in places.days], sites=list(told.sites),
        connector_types=sorted(places.connector_types), ends_at=told.until,
    )  # fmt: skip


class PointsShown(Struct, frozen=True, kw_only=True):
    """Points and what they are worth, of which `next_lapse` lapse first; the driver's tier and the next one."""

    points: int
    worth: Money
    next_lapse: int
    next_lapse_at: datetime | None
    tier: Annotated[str | None, Meta(examples=["Gold"])]
    next_tier: Annotated[str | None, Meta(examples=["Platinum"])]
    next_tier_from: Annotated[
        int | None, Meta(description="Sessions, kWh or whole units of money in the window.", examples=[20])
    ]


class RedeemAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many points shall be money; null: all of them."""

    points: Annotated[Annotated[int, Meta(ge=1, le=10**12)] | None, Meta(examples=[500])] = None


class Redeemed(Struct, frozen=True, kw_only=True):
    """What came into the wallet."""

    into_wallet: Money


@get("/me/points", opt=own(ProgramMissing), summary="Show the driver's points and tier", tags=TAGS)
async def show_points(driver: DriverAsker, members: Membership) -> PointsShown:
    found = await members.points(driver)
    if found is None:
        raise ProgramMissing
    above = found.next_tier
    return PointsShown(
        points=found.points, worth=found.worth, next_lapse=found.next_lapse, next_lapse_at=found.next_lapse_at,
        tier=None if found.tier is None else found.tier.name, next_tier=None if above is None else above.name,
        next_tier_from=None if above is None else above.least,
    )  # fmt: skip


@post(
    "/me/points/redeem",
    opt=own(ProgramMissing, PointsMissing),
    summary="Turn points into money in the wallet",
    tags=TAGS,
)
async def redeem_points(data: JSONBody[RedeemAsked], driver: DriverAsker, members: Membership) -> Redeemed:
    return Redeemed(into_wallet=await members.redeem(driver, data.points))


handlers = [show_offers, enter_voucher, show_points, redeem_points]
