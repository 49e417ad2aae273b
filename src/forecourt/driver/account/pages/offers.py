"""What a driver is offered and has been given, and where the code of a voucher is entered."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.driver.account.door import Asking
from forecourt.driver.account.pages.common import PUBLIC, AccountPages
from forecourt.driver.asked import Lang, Said
from forecourt.drivers.accounts.model import Driver
from forecourt.loyalty.model.uses import MAX_CODE

HERE = "/my/offers"


class VoucherForm(Struct, frozen=True, kw_only=True):
    """A code as it is typed."""

    code: Annotated[str, Meta(max_length=2 * MAX_CODE)] = ""


def offer_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    """The routes below `/my/offers`."""
    members = pages.members

    @get(HERE, **PUBLIC)
    async def offers(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            return {"own": await members.loyalty(driver), "purse": await members.points(driver)}

        return await pages.page(request, "offers.html", lang, said, gather)

    @post(HERE, status_code=303, **PUBLIC)
    async def enter(request: Asking, data: URLEncodedBody[VoucherForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await members.enter_voucher(driver, data.code)

        return await pages.do(request, doing, HERE, "voucher-kept")

    @post(HERE + "/redeem", status_code=303, **PUBLIC)
    async def redeem(request: Asking) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await members.redeem(driver, None)

        return await pages.do(request, doing, HERE, "points-used")

    return [offers, enter, redeem]
