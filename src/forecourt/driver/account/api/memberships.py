"""Memberships that a driver begins and ends."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.api.fields import TAGS, own
from forecourt.driver.account.door import Asking, DriverAsker, Membership
from forecourt.driver.account.memberships import (
    AlreadyMember,
    MonthUnknown,
    MonthUnpaid,
    NotMember,
    PlanChanged,
)
from forecourt.driver.account.memberships import Membership as Going
from forecourt.driver.account.model import CardUnknown, WayRefused
from forecourt.driver.account.receipts import month_pdf
from forecourt.driver.account.service import Members
from forecourt.driver.api import DriverWords, Lang
from forecourt.driver.brand_api import Home
from forecourt.driver.brands import home_of
from forecourt.driver.receipt import name_of
from forecourt.drivers.accounts.model import Driver, PaysBy
from forecourt.drivers.fleets.model import Plan, PlanUnknown
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.fees.model import Fee, FeeState
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST, Page, entire

PDF = "application/pdf"
Card = Annotated[UUID | None, Meta(description="The saved card, for `card` only.", examples=[None])]


class PlanShown(Struct, frozen=True, kw_only=True):
    """A membership that can be begun. `fee`: of a month, taxes included."""

    id: int
    title: Annotated[str, Meta(examples=["Gold"])]
    fee: Money
    vat: Annotated[str | None, Meta(description="Percent of VAT within the fee.", examples=["19"])]
    gives: Annotated[str, Meta(examples=["0.29 a kWh everywhere"])]
    terms_url: Annotated[str | None, Meta(examples=["https://example.com/gold"])]


class MembershipShown(Struct, frozen=True, kw_only=True):
    """A membership that goes on."""

    plan: PlanShown
    began_at: datetime
    paid_until: Annotated[datetime | None, Meta(description="Null: no month is paid yet, or it costs nothing.")]
    next_at: Annotated[datetime | None, Meta(description="When the next month is paid; null: none comes.")]
    ends_at: Annotated[datetime | None, Meta(description="Null: it goes on until it is ended.")]
    pays_by: Annotated[str | None, Meta(description="Null: what the account pays by.", examples=["card"])]
    card: UUID | None
    reason: Annotated[str | None, Meta(description="Why the month that is due could not be paid so far.")]


class MonthShown(Struct, frozen=True, kw_only=True):
    """One month of a membership. One that is `paid` has a receipt."""

    id: UUID
    title: Annotated[str, Meta(examples=["Gold"])]
    from_at: datetime
    until_at: datetime
    fee: Money
    state: FeeState


class OwnMembership(Struct, frozen=True, kw_only=True):
    """What a driver has; `membership` null: none. `months`: the latest first, of earlier memberships too."""

    membership: MembershipShown | None
    months: list[MonthShown]


class BeginAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plan, the fee of a month that the driver was shown and agrees to, and what pays for it."""

    plan: Annotated[int, Meta(ge=1, le=NEWEST, examples=[1])]
    amount: Annotated[int, Meta(ge=0, le=10**12, description="In minor units, as it was shown.", examples=[999])]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    by: Annotated[PaysBy, Meta(description="`card` or `wallet`.", examples=["card"])]
    card: Card = None


class MonthsPaidBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pays for the months to come."""

    by: Annotated[PaysBy, Meta(description="`card` or `wallet`.", examples=["wallet"])]
    card: Card = None


@get("/me/plans", opt=own(), summary="List memberships that the driver may begin, the cheapest first", tags=TAGS)
async def list_own_plans(driver: DriverAsker, members: Membership) -> Page[PlanShown]:
    return entire([_plan(each) for each in await members.memberships.plans(driver)])


@get("/me/membership", opt=own(), summary="Show the driver's membership and its months", tags=TAGS)
async def show_membership(driver: DriverAsker, members: Membership) -> OwnMembership:
    return await _shown(driver, members)


@post(
    "/me/membership",
    opt=own(PlanUnknown, PlanChanged, AlreadyMember, CardUnknown, WayRefused, MonthUnpaid, AccountMissing),
    summary="Begin a membership",
    description="Its first month is paid at once; where that fails nothing begins.",
    tags=TAGS,
)
async def begin_membership(
    data: JSONBody[BeginAsked], request: Asking, driver: DriverAsker, members: Membership
) -> MembershipShown:
    shown = Money(amount=data.amount, currency=data.currency)
    return _going(await members.memberships.begin(driver, data.plan, shown, data.by, data.card, origin_of(request)))


@put(
    "/me/membership/pays-by",
    opt=own(NotMember, CardUnknown, WayRefused),
    summary="Say what pays for the months to come",
    tags=TAGS,
)
async def pay_membership(
    data: JSONBody[MonthsPaidBy], request: Asking, driver: DriverAsker, members: Membership
) -> MembershipShown:
    return _going(await members.memberships.pay_by(driver, data.by, data.card, origin_of(request)))


@delete(
    "/me/membership",
    opt=own(NotMember),
    status_code=200,
    summary="End the membership",
    description="With the month that is paid; at once where none is.",
    tags=TAGS,
)
async def end_membership(request: Asking, driver: DriverAsker, members: Membership) -> OwnMembership:
    await members.memberships.end(driver, origin_of(request))
    return await _shown(driver, members)


@post(
    "/me/membership/keep",
    opt=own(NotMember),
    status_code=200,
    summary="Let a membership go on that shall end",
    tags=TAGS,
)
async def keep_membership(request: Asking, driver: DriverAsker, members: Membership) -> MembershipShown:
    return _going(await members.memberships.keep(driver, origin_of(request)))


@get(
    "/me/membership/months/{fee_id:uuid}/receipt",
    opt={**own(MonthUnknown), "media_types": [PDF]},
    summary="Take the receipt of a month",
    tags=TAGS,
)
async def take_month_receipt(
    fee_id: FromPath[UUID], request: Asking, driver: DriverAsker, members: Membership, speech: DriverWords, home: Home,
    lang: Lang = None,
) -> Response[bytes]:  # fmt: skip
    fee, intent, numbered = await members.memberships.paid(driver, fee_id)
    brand, zone = await members.brand_of(driver.tenant_id), await members.zone_of(driver.tenant_id)
    with speech.speaking(request, lang or driver.language):
        content = month_pdf(fee, intent, numbered, brand, f"{home_of(brand, home.address)}/my/membership", zone)
    named = {"content-disposition": f'attachment; filename="receipt-{name_of(intent, numbered)}.pdf"'}
    return Response(content, media_type=PDF, headers=named)


async def _shown(driver: Driver, members: Members) -> OwnMembership:
    found, months = await members.memberships.find(driver), await members.memberships.months(driver)
    going = None if found is None else _going(found)
    return OwnMembership(membership=going, months=[_month(each) for each in months])


def _plan(plan: Plan) -> PlanShown:
    return PlanShown(
        id=plan.plan_id, title=plan.title, fee=Money(amount=plan.month_fee, currency=plan.currency),
        vat=None if plan.vat is None else f"{plan.vat.normalize():f}", gives=plan.gives, terms_url=plan.terms_url,
    )  # fmt: skip


def _going(found: Going) -> MembershipShown:
    held = found.subscription
    return MembershipShown(
        plan=_plan(found.plan), began_at=held.began_at, paid_until=found.paid_until, next_at=found.next_at,
        ends_at=held.ends_at, pays_by=held.pays_by, card=held.pays_method, reason=found.reason,
    )  # fmt: skip


def _month(fee: Fee) -> MonthShown:
    return MonthShown(
        id=fee.fee_id, title=fee.title, from_at=fee.from_at, until_at=fee.until_at,
        fee=Money(amount=fee.amount, currency=fee.currency), state=fee.state,
    )  # fmt: skip


handlers = [
    list_own_plans,
    show_membership,
    begin_membership,
    pay_membership,
    end_membership,
    keep_membership,
    take_month_receipt,
]
