"""Memberships: which there are, what they cost, how one begins and ends, and its receipts."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import Asking, browsing_driver
from forecourt.driver.account.memberships import MonthUnknown
from forecourt.driver.account.pages.common import PUBLIC, AccountPages, Id, Text, way_of
from forecourt.driver.account.receipts import month_pdf
from forecourt.driver.asked import Flag, Lang, Said
from forecourt.driver.brands import home_of
from forecourt.driver.receipt import name_of
from forecourt.driver.shell import HEADERS
from forecourt.drivers.accounts.model import Driver
from forecourt.drivers.fleets.model import PlanUnknown
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST

HERE = "/my/membership"
PlanId = Annotated[int, PathParameter(ge=1, le=NEWEST)]


class BeginForm(Struct, frozen=True, kw_only=True):
    """What was shown as the price of a month, in minor units, and what pays: `wallet`, or the id of a saved card."""

    amount: Annotated[str, Meta(pattern="^[0-9]{1,12}$")]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    by: Text = "wallet"


class ByForm(Struct, frozen=True, kw_only=True):
    """What pays for the months to come."""

    by: Text = "wallet"


def membership_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members, memberships = pages.members, pages.members.memberships

    @get(HERE, **PUBLIC)
    async def membership(request: Asking, lang: Lang = None, said: Said = "", end: Flag = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            return {
                "going": await memberships.find(driver), "plans": await memberships.plans(driver),
                "months": await memberships.months(driver), "purse": await members.purse(driver), "end": end,
            }  # fmt: skip

        return await pages.page(request, "membership.html", lang, said, gather)

    @get(HERE + "/plans/{plan_id:int}", **PUBLIC)
    async def plan(request: Asking, plan_id: PlanId, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            found = next((each for each in await memberships.plans(driver) if each.plan_id == plan_id), None)
            if found is None:
                raise PlanUnknown
            going = await memberships.find(driver)
            return {"plan": found, "going": going, "purse": await members.purse(driver)}

        try:
            return await pages.page(request, "plan.html", lang, said, gather)
        except PlanUnknown as fault:
            return Redirect(f"{HERE}?said={fault.code}", status_code=303, headers=HEADERS)

    @post(HERE + "/plans/{plan_id:int}", status_code=303, **PUBLIC)
    async def begin(request: Asking, plan_id: PlanId, data: URLEncodedBody[BeginForm]) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            shown = Money(amount=int(data.amount), currency=data.currency)
            await memberships.begin(driver, plan_id, shown, *way_of(data.by), origin_of(request))
            return f"{HERE}?said=member"

        return await pages.do(request, doing, f"{HERE}/plans/{plan_id}")

    @post(HERE + "/pays-by", status_code=303, **PUBLIC)
    async def pays_by(request: Asking, data: URLEncodedBody[ByForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await memberships.pay_by(driver, *way_of(data.by), origin_of(request))

        return await pages.do(request, doing, HERE, "saved")

    @post(HERE + "/end", status_code=303, **PUBLIC)
    async def end(request: Asking) -> Response[Any]:
        origin = origin_of(request)

        async def doing(driver: Driver) -> None:
            await memberships.end(driver, origin)

        return await pages.do(request, doing, HERE, "member-ends")

    @post(HERE + "/keep", status_code=303, **PUBLIC)
    async def keep(request: Asking) -> Response[Any]:
        origin = origin_of(request)

        async def doing(driver: Driver) -> None:
            await memberships.keep(driver, origin)

        return await pages.do(request, doing, HERE, "member-stays")

    @get(HERE + "/months/{fee_id:uuid}/receipt.pdf", **PUBLIC)
    async def receipt(request: Asking, fee_id: Id) -> Response[Any]:
        driver = await browsing_driver(request, members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        try:
            content, name = await receipt_of(pages, driver, fee_id, request)
        except MonthUnknown as fault:
            return Redirect(f"{HERE}?said={fault.code}", status_code=303, headers=HEADERS)
        headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="application/pdf", headers=headers)

    return [membership, plan, begin, pays_by, end, keep, receipt]


async def receipt_of(pages: AccountPages, driver: Driver, fee_id: UUID, request: Asking) -> tuple[bytes, str]:
    """The receipt of a month as a PDF, and what its file is called. Raises MonthUnknown."""
    fee, intent, numbered = await pages.members.memberships.paid(driver, fee_id)
    brand = await pages.members.brand_of(driver.tenant_id)
    zone = await pages.members.zone_of(driver.tenant_id)
    with pages.speech.speaking(request):
        content = month_pdf(fee, intent, numbered, brand, f"{home_of(brand, pages.address)}{HERE}", zone)
    return content, f"receipt-{name_of(intent, numbered)}.pdf"
