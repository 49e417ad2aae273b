"""What sessions cost, and what pays for them."""

from typing import Final
from uuid import UUID

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody

from forecourt.access.guard import origin_of
from forecourt.driver.account.api.fields import (
    TAGS,
    Begun,
    CardAsked,
    CardInPath,
    CardPage,
    DebtPaid,
    Me,
    PaysBySaid,
    PurseShown,
    StartAsked,
    TopUp,
    begun,
    card_page,
    me,
    own,
    purse,
)
from forecourt.driver.account.door import Asking, DriverAsker, Membership
from forecourt.driver.account.model import CardUnknown, CurrencyRefused, TopUpRefused, WayRefused
from forecourt.driver.account.store import Charged
from forecourt.driver.api import DriverPlace, DriverWords, EvseInPath, Lang, StationInPath, place_of
from forecourt.driver.model import PlaceUnknown
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorOutOfOrder,
    ConnectorTaken,
    DebtOpen,
    NothingOwed,
    PaymentUnknown,
    PriceChanged,
    PriceMissing,
    StationOutOfReach,
    WalletEmpty,
)
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused
from forecourt.payments.saved.model import SetupUnknown, TooManyCards, TooManyPages
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST, CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.sessions.reserving.model import HeldForAnother

CHARGED_CURSORS: Final = Cursors("sessions of a driver")


@get(
    "/me/sessions",
    opt=own(CursorRefused),
    summary="List the driver's sessions with their cost, the latest first",
    tags=TAGS,
)
async def list_charged(
    driver: DriverAsker, members: Membership, limit: Limit = 50, cursor: NextCursor = None
) -> Page[Charged]:
    place = CHARGED_CURSORS.decode(cursor)
    found = await members.history(driver, NEWEST if place is None else place[0], limit + 1)
    return CHARGED_CURSORS.page(found, limit, lambda each: (each.number,), lambda each: each)


@get("/me/money", opt=own(), summary="Show saved cards, wallet and debts", tags=TAGS)
async def show_money(driver: DriverAsker, members: Membership) -> "PurseShown":
    return purse(await members.purse(driver))


@put(
    "/me/pays-by",
    opt=own(CardUnknown, WayRefused),
    summary="Say what pays without asking",
    tags=TAGS,
)
async def pay_by(data: JSONBody[PaysBySaid], request: Asking, driver: DriverAsker, members: Membership) -> Me:
    return me(await members.pay_by(driver, data.by, data.card, origin_of(request)))


@post(
    "/me/cards",
    opt=own(TooManyCards, TooManyPages, AccountMissing, ProviderRefused, ProviderAway),
    summary="Begin to add a card without paying",
    description="Lead the driver to `page_url`, and say afterwards that they came back.",
    tags=TAGS,
)
async def add_card(data: JSONBody[CardAsked], driver: DriverAsker, members: Membership) -> CardPage:
    return card_page(await members.add_card(driver, return_url=data.return_url, language=driver.language))


@post(
    "/me/card-pages/{setup_id:uuid}/returned",
    opt=own(SetupUnknown, ProviderRefused, ProviderAway),
    status_code=200,
    summary="Say that the driver came back from the page on which a card is left",
    description="As often as you like: a card is kept once.",
    tags=TAGS,
)
async def say_card_added(setup_id: FromPath[UUID], driver: DriverAsker, members: Membership) -> CardPage:
    return card_page(await members.card_added(driver, setup_id))


@delete("/me/cards/{card_id:uuid}", opt=own(CardUnknown), summary="Forget a saved card", tags=TAGS)
async def remove_card(card_id: CardInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.remove_card(driver, card_id, origin_of(request))


@post(
    "/me/top-ups",
    opt=own(TopUpRefused, CurrencyRefused, CardUnknown, AccountMissing),
    summary="Put money into the wallet",
    tags=TAGS,
)
async def top_up(data: JSONBody[TopUp], driver: DriverAsker, members: Membership) -> Begun:
    amount = Money(amount=data.amount, currency=data.currency)
    return begun(
        await members.top_up(driver, amount, return_url=data.return_url, method_id=data.card, language=driver.language)
    )


@post("/me/debts/pay", opt=own(NothingOwed, WalletEmpty, AccountMissing), summary="Pay what is owed", tags=TAGS)
async def pay_debt(data: JSONBody[DebtPaid], driver: DriverAsker, members: Membership) -> Begun:
    if data.by == "wallet":
        return begun(await members.pay_from_wallet(driver, language=driver.language))
    return begun(await members.pay_debt(driver, return_url=data.return_url, language=driver.language))


@post(
    "/me/payments/{payment_id:uuid}/returned",
    opt=own(PaymentUnknown),
    status_code=200,
    summary="Say that the driver came back from the page of a top-up or of a debt",
    tags=TAGS,
)
async def say_money_returned(payment_id: FromPath[UUID], driver: DriverAsker, members: Membership) -> Begun:
    return begun(await members.returned(driver, payment_id))


@get(
    "/me/places/{station:str}/{evse:int}",
    opt=own(PlaceUnknown),
    summary="Show a place with the price that the driver pays there",
    description="A membership or a group may make it another than what others pay: then that stands in `ordinary`.",
    tags=TAGS,
)
async def show_own_place(
    station: StationInPath, evse: EvseInPath, request: Asking, driver: DriverAsker, members: Membership,
    speech: DriverWords, lang: Lang = None,
) -> DriverPlace:  # fmt: skip
    shown = await members.ways.look(station, evse, driver=driver)
    with speech.speaking(request, lang or driver.language):
        return place_of(shown)


@post(
    "/me/places/{station:str}/{evse:int}/start",
    opt=own(
        PlaceUnknown,
        PriceMissing,
        PriceChanged,
        AccountMissing,
        StationOutOfReach,
        ConnectorOutOfOrder,
        ConnectorInUse,
        ConnectorTaken,
        HeldForAnother,
        DebtOpen,
        CardUnknown,
        WayRefused,
    ),
    summary="Begin a session by the driver's own way to pay",
    tags=TAGS,
)
async def start_own(
    station: StationInPath, evse: EvseInPath, data: JSONBody[StartAsked], driver: DriverAsker, members: Membership
) -> Begun:
    return begun(
        await members.start(
            driver, station, evse, data.by, return_url=data.return_url, method_id=data.card, save=data.save,
            language=driver.language, price_id=data.price_id,
        )
    )  # fmt: skip


handlers = [
    list_charged,
    show_money,
    pay_by,
    add_card,
    say_card_added,
    remove_card,
    top_up,
    pay_debt,
    say_money_returned,
    show_own_place,
    start_own,
]
