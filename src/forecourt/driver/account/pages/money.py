"""Cards, wallet and debts, and the ways to pay for a session."""

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import Asking
from forecourt.driver.account.model import MAX_TOP_UP, MIN_TOP_UP, TOP_UPS
from forecourt.driver.account.pages.common import (
    CARD_SAID,
    PUBLIC,
    AccountPages,
    Id,
    Text,
    money_said,
    way_of,
)
from forecourt.driver.asked import EvseInPath, Lang, PriceShown, Said, StationInPath
from forecourt.driver.model import SOON_S
from forecourt.drivers.accounts.model import Driver
from forecourt.platform.money import Money

#: A payment of which the page says what became of it.
Paid = Annotated[UUID | None, QueryParameter(name="of")]


class TopUpForm(Struct, frozen=True, kw_only=True):
    """An amount in minor units, and the saved card it comes from; `sure`: the driver was asked whether it may be
    charged."""

    amount: Annotated[str, Meta(pattern="^[0-9]{1,7}$")]
    card: Text = ""
    #: Of the page that the form stood on: pressed twice it is one payment.
    once: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")] | None = None
    sure: Text = ""


class DebtForm(Struct, frozen=True, kw_only=True):
    """What pays what is owed: `page` or `wallet`."""

    by: Literal["page", "wallet"] = "page"


class PayForm(Struct, frozen=True, kw_only=True):
    """The way to pay for a session: `page`, `save`, `wallet`, `fleet`, or the id of a saved card."""

    by: Text = "page"
    price: PriceShown = None


def money_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members = pages.members

    @get("/my/money", **PUBLIC)
    async def money(request: Asking, lang: Lang = None, said: Said = "", of: Paid = None) -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            purse = await members.purse(driver)
            top_ups = [Money(amount=each, currency=purse.currency) for each in TOP_UPS]
            return {
                "purse": purse, "top_ups": top_ups, "once": uuid4().hex, "member": await members.fleet_of(driver),
                "said": said if of is None else money_said(await members.paid(driver, of), purse),
                **await pages.membership_of(driver),
            }  # fmt: skip

        return await pages.page(request, "money.html", lang, said, gather)

    @get("/my/money/back/{intent_id:uuid}", **PUBLIC)
    async def back(request: Asking, intent_id: Id) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            intent = await members.returned(driver, intent_id)
            # What became of it is said as it stands whenever that page is looked at.
            return f"/my/money?of={intent.intent_id}"

        return await pages.do(request, doing, "/my/money")

    @get("/my/money/on/{intent_id:uuid}", **PUBLIC)
    async def on(request: Asking, intent_id: Id) -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            url = pages.paid_at(await members.returned(driver, intent_id))
            return {"url": url, "after_s": SOON_S if url == request.url.path else 0}

        return await pages.page(request, "out.html", None, "", gather)

    @post("/my/money/top-up", status_code=303, **PUBLIC)
    async def top_up(request: Asking, data: URLEncodedBody[TopUpForm]) -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            purse = await members.purse(driver)
            card = next((each for each in purse.cards if str(each.id) == data.card), None)
            return {
                "card": card, "amount": Money(amount=int(data.amount), currency=purse.currency),
                "once": data.once or uuid4().hex,
            }  # fmt: skip

        async def doing(driver: Driver) -> str:
            amount = Money(amount=int(data.amount), currency=(await members.purse(driver)).currency)
            card = UUID(data.card) if data.card else None
            return pages.paid_at(
                await members.top_up(
                    driver,
                    amount,
                    return_url=pages.money_url,
                    method_id=card,
                    language=driver.language,
                    once=data.once,
                )
            )

        if data.card and not data.sure and MIN_TOP_UP <= int(data.amount) <= MAX_TOP_UP:
            # A saved card is charged at once: nobody else asks.
            return await pages.page(request, "top-up.html", None, "", gather)
        return await pages.do(request, doing, "/my/money")

    @post("/my/money/pay", status_code=303, **PUBLIC)
    async def pay_debt(request: Asking, data: URLEncodedBody[DebtForm]) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            if data.by == "wallet":
                paid = await members.pay_from_wallet(driver, language=driver.language)
            else:
                paid = await members.pay_debt(driver, return_url=pages.money_url, language=driver.language)
            return pages.paid_at(paid)

        return await pages.do(request, doing, "/my/money")

    @post("/my/cards", status_code=303, **PUBLIC)
    async def add_card(request: Asking) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            setup = await members.add_card(driver, return_url=pages.card_url, language=driver.language)
            return setup.page_url or "/my/money"

        return await pages.do(request, doing, "/my/money")

    @get("/my/cards/back/{setup_id:uuid}", **PUBLIC)
    async def card_back(request: Asking, setup_id: Id) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            setup = await members.card_added(driver, setup_id)
            return f"/my/money?said={CARD_SAID[setup.state]}"

        return await pages.do(request, doing, "/my/money")

    @post("/my/cards/{card_id:uuid}/remove", status_code=303, **PUBLIC)
    async def remove_card(request: Asking, card_id: Id) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.remove_card(driver, card_id, origin), "/my/money")

    @post("/my/pays-by", status_code=303, **PUBLIC)
    async def pays_by(request: Asking, data: URLEncodedBody[PayForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await members.pay_by(driver, *way_of(data.by), origin_of(request))

        return await pages.do(request, doing, "/my/money", "saved")

    @get("/my/charge/{station:str}/{evse:int}", **PUBLIC)
    async def choose(
        request: Asking, station: StationInPath, evse: EvseInPath, lang: Lang = None, said: Said = ""
    ) -> Response[Any]:
        return await pages.choose(request, station, evse, lang, said)

    @post("/my/charge/{station:str}/{evse:int}", status_code=303, **PUBLIC)
    async def start(
        request: Asking, station: StationInPath, evse: EvseInPath, data: URLEncodedBody[PayForm]
    ) -> Response[Any]:
        return await pages.start(request, station, evse, data.by, data.price)

    return [money, back, on, top_up, pay_debt, add_card, card_back, remove_card, pays_by, choose, start]
