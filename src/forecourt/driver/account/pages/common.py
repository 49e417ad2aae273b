"""What the pages of a driver share: who asks, what went wrong, and where it goes on."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Response
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie
from litestar.params import FromPath, PathParameter, QueryParameter
from litestar.response import Redirect
from msgspec import Meta

from forecourt.access.guard import cookie_name, origin_of
from forecourt.access.model import TooManyAttempts
from forecourt.access.signin.model import ProviderAway, ProviderRefused, ProviderUnknown, StepGone
from forecourt.access.signin.pages.common import MAX_FORM_TEXT, check_form, own_path, step_cookie, step_token
from forecourt.driver.account.door import NEXT_COOKIE, Asking, browsing_driver, driver_cookie, next_cookie, token_of
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.memberships import AlreadyMember, MonthUnknown, MonthUnpaid, NotMember, PlanChanged
from forecourt.driver.account.model import CardUnknown, CurrencyRefused, MoneyLeft, Purse, TopUpRefused, WayRefused
from forecourt.driver.account.service import Members
from forecourt.driver.asked import SHUT, VOUCHER_SAID
from forecourt.driver.brands import home_of
from forecourt.driver.find_pages import host_of
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.shell import HEADERS, DriverShell
from forecourt.driver.speech import Speech
from forecourt.driver.store import Brand
from forecourt.drivers.accounts.model import (
    AccountBlocked,
    ClaimUnknown,
    Driver,
    LinkGone,
    PaysBy,
    TokenTaken,
    TooManyOwned,
    VehicleUnknown,
)
from forecourt.drivers.accounts.providers import (
    AccountOfAnother,
    AddressNotLetIn,
    AddressUnverified,
    DriverProviders,
)
from forecourt.drivers.autocharge.model import AutochargeOff, CarUnknown
from forecourt.drivers.fleets.model import PlanUnknown
from forecourt.drivers.model import TokenUnknown
from forecourt.loyalty.rewards.model import PointsMissing
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.intents.errors import (
    DebtOpen,
    NothingOwed,
    PriceChanged,
    PriceMissing,
    WalletEmpty,
)
from forecourt.payments.intents.model import FINAL, TAKEN, Intent, Method, Purpose, State
from forecourt.payments.psp.errors import ProviderAway as PaymentsAway
from forecourt.payments.psp.errors import ProviderRefused as PaymentsRefused
from forecourt.payments.saved.model import SetupState, SetupUnknown, TooManyCards, TooManyPages
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark

PUBLIC: Final[dict[str, Any]] = {"include_in_schema": False, "opt": {"public": True}}
#: What became of a page on which a card was to be left.
CARD_SAID: Final = {
    SetupState.KEPT: "card-kept",
    SetupState.ASKED: "card-open",
    SetupState.OPEN: "card-open",
    SetupState.OVER: "card-over",
}
NOT_PAID: Final = "not-paid"
#: What was done or went wrong, where the driver is.
SAID: Final = {
    ProviderUnknown.code: mark("There is no such sign-in here. Ask for a letter instead."),
    ProviderAway.code: mark("This sign-in does not answer just now. Try again later, or ask for a letter."),
    ProviderRefused.code: mark("The sign-in was not accepted. Try again, or ask for a letter."),
    StepGone.code: mark("That took too long or was done already. Sign in again."),
    AddressUnverified.code: mark("Your e-mail address is not confirmed there. Confirm it, or ask for a letter."),
    AddressNotLetIn.code: mark("Your e-mail address can't sign in this way. Ask for a letter instead."),
    AccountOfAnother.code: mark("The account of this address is linked to somebody else. Ask whoever runs this."),
    LinkGone.code: mark("This link was used already or is too old. Ask for another letter."),
    AccountBlocked.code: mark("This account is blocked. Ask the organisation that you charge with."),
    TooManyAttempts.code: mark("Too many attempts. Wait a little and try again."),
    ClaimUnknown.code: mark("No card has this code, or it was used already."),
    TokenTaken.code: mark("This card is another driver's."),
    TokenUnknown.code: mark("There is no such card any more."),
    TooManyOwned.code: mark("There are too many of these. Remove one first."),
    AutochargeOff.code: mark("Cars don't start by being plugged in here."),
    CarUnknown.code: mark("It can't be told which car it was. Charge once more, then try again."),
    VehicleUnknown.code: mark("There is no such car any more."),
    "card-kept": mark("The card is saved."),
    "card-open": mark("No card was saved yet: the page was left before it was done."),
    "card-over": mark("No card was saved. Add one again if you want to."),
    TooManyCards.code: mark("You have as many saved cards as there may be. Remove one first."),
    TooManyPages.code: mark("Several pages for adding a card are open already. Finish one of them, or wait an hour."),
    SetupUnknown.code: mark("This page for adding a card is not yours, or is gone."),
    PaymentsAway.code: mark("The payment provider doesn't answer just now. Try again in a minute."),
    PaymentsRefused.code: mark("The payment provider refused it. Ask the organisation that you charge with."),
    CardUnknown.code: mark("This card is not saved any more. Choose another way to pay."),
    WayRefused.code: mark("You can't pay here that way. Choose another one."),
    TopUpRefused.code: mark("Choose an amount from 5 to 500."),
    CurrencyRefused.code: mark("No station here charges in this currency, so money in it could pay for nothing."),
    NothingOwed.code: mark("Nothing is owed any more."),
    DebtOpen.code: mark("An earlier session is still unpaid. Pay it first, then charging can start."),
    MoneyLeft.code: mark("There is still money in the wallet, a debt or a running session. Settle it first."),
    AccountMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    PriceMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    PriceChanged.code: mark("The price is another one by now: this one. Nothing was begun."),
    AlreadyMember.code: mark("You have a membership already. Begin another one once it has ended."),
    MonthUnknown.code: mark("There is no receipt of this month."),
    NotMember.code: mark("You have no membership any more."),
    PlanUnknown.code: mark("This membership can't be begun any more."),
    PlanChanged.code: mark("The price has changed. Look at it again before you begin."),
    MonthUnpaid.code: mark(
        "The first month could not be paid, so nothing began. Choose another card, or put money into your wallet."
    ),
    "member": mark("You are a member now. The receipt comes by e-mail."),
    "member-ends": mark("Your membership ends. Nothing more is taken for it."),
    "member-stays": mark("Your membership goes on."),
    "topped-up": mark("The money is in your wallet."),
    "topped-up-owing": mark("The money is in your wallet. Now you can pay what is owed from it."),
    "debt-paid": mark("Thank you. What was owed is paid."),
    "debt-paid-part": mark("Thank you. A part of what was owed is paid. Pay the rest, then charging can start."),
    WalletEmpty.code: mark("There is nothing in your wallet to pay it with. Put money in first, or pay by card."),
    "money-back": mark("This payment was given back, or a part of it. What you have and owe now stands below."),
    "money-asked-back": mark(
        "The bank of the card asked for this payment back. What you have and owe now stands below."
    ),
    NOT_PAID: mark("Nothing was taken yet. If you have paid, look again in a moment."),
    **SHUT,
    **VOUCHER_SAID,
    "voucher-kept": mark("The voucher is kept for your next session."),
    "points-used": mark("Your points are money in your wallet now."),
    PointsMissing.code: mark("There are no points that are worth anything yet."),
    "saved": mark("Saved."),
    "value": mark("Something was not filled in as it should be. Look at it again."),
}
#: Which of them are good news.
GOOD: Final = frozenset(
    {
        "card-kept",
        "member",
        "member-ends",
        "member-stays",
        "points-used",
        "saved",
        "topped-up",
        "topped-up-owing",
        "debt-paid",
        "debt-paid-part",
        "voucher-kept",
    }
)

#: Where a driver is led who wanted nothing else.
HOME: Final = "/my"
#: What finishes the way back from the organisation's own sign-in; not that of the console's people.
PROVIDER_COOKIE: Final = "forecourt_driver_provider"

Slug = Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,40}$")]
Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=NEWEST)]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
Id = FromPath[UUID]
Text = Annotated[str, Meta(max_length=100)]


Doing = Callable[[Driver], Awaitable[Any]]


def callback_of(brand: Brand, address: str) -> str:
    """Where a provider sends drivers back to. `address`: where they reach us."""
    return f"{home_of(brand, address)}/my/sign-in/{brand.slug}/callback"


def way_of(by: str) -> tuple[PaysBy, UUID | None]:
    """A way to pay as forms say it: its name, or a saved card's id. Raises ValueError."""
    return (PaysBy(by), None) if by in ("page", "wallet", "fleet") else (PaysBy.CARD, UUID(by))


def money_said(intent: Intent, purse: Purse) -> str:
    """What is true now of a payment into the wallet or of a debt, whenever it was made; empty where nothing is left to
    say."""
    if intent.state not in TAKEN:
        return NOT_PAID
    if intent.state is State.DISPUTED:
        return "money-asked-back"
    if intent.refunded_amount:
        return "money-back"
    if intent.purpose is Purpose.DEBT:
        return "debt-paid-part" if purse.debts else "debt-paid"
    if intent.purpose is not Purpose.TOP_UP:
        return "saved"
    if not any(each.amount for each in purse.wallet if each.currency == intent.currency):
        return ""
    return "topped-up-owing" if purse.payable is not None else "topped-up"


class AccountPages:
    """What the handlers below share."""

    def __init__(
        self, shell: DriverShell, members: Members, leaving: Leaving, address: str,
        providers: DriverProviders | None = None,
    ) -> None:  # fmt: skip
        self._shell = shell
        self.providers = providers
        self.members = members
        self.leaving = leaving
        self._address = address.rstrip("/")

    async def page(
        self, request: Asking, template: str, lang: str | None, said: str,
        gather: Callable[[Driver], Awaitable[dict[str, Any]]],
    ) -> Response[Any]:  # fmt: skip
        """One of the driver's pages, or the way to sign in."""
        driver = await browsing_driver(request, self.members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        context = await gather(driver)
        said = context.pop("said", said)
        brand = await self.members.brand_of(driver.tenant_id)
        return self._shell.page(
            f"my/{template}", request, lang=lang or (None if "speaks" in request.cookies else driver.language),
            zone=await self.members.zone_of(driver.tenant_id), brand=brand, driver=driver, said=SAID.get(said),
            good=said in GOOD, here=template.removesuffix(".html"), **context,
        )  # fmt: skip

    async def membership_of(self, driver: Driver) -> dict[str, Any]:
        """The driver's membership, and how many plans could be begun, for pages that lead there."""
        found = await self.members.memberships.find(driver)
        plans = await self.members.memberships.plans(driver)
        return {"membership": None if found is None else found.subscription, "plans": len(plans)}

    async def do(self, request: Asking, doing: Doing, there: str, done: str = "") -> Response[Any]:
        """Does what a driver asked for and shows what became of it: `done` where it went well. What is done may say
        where to go."""
        driver = await browsing_driver(request, self.members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        said = done
        try:
            where = await doing(driver)
            if isinstance(where, str) and not where.startswith("/"):
                brand = await self.members.brand_of(driver.tenant_id)
                return self._shell.page("my/out.html", request, lang=driver.language, brand=brand, url=where)
            if isinstance(where, str):
                return Redirect(where, status_code=303, headers=HEADERS)
        except ForecourtError as fault:
            said = fault.code
        except (ValueError, msgspec.ValidationError):
            said = "value"
        return Redirect(f"{there}?said={said}" if said else there, status_code=303, headers=HEADERS)

    async def sign_in(
        self, request: Asking, slug: str, lang: str | None, *, sent: str = "", wanted: str = "", said: str = ""
    ) -> Response[Any]:
        """Where a letter is asked for, or the way to the organisation's own sign-in. `wanted`: where to go then. Raises
        PlaceUnknown."""
        tenant_id = await self.tenant_of(request, slug)
        if tenant_id is None:
            raise PlaceUnknown
        brand = await self.members.brand_of(tenant_id)
        title = None if self.providers is None else await self.providers.title(tenant_id)
        page = self._shell.page(
            "my/sign-in.html", request, lang=lang, status=409 if said else 200, brand=brand, slug=slug, sent=sent,
            provider=title if brand.slug else None, said=SAID.get(said),
        )  # fmt: skip
        if wanted:
            page.set_cookie(next_cookie(request, own_path(wanted)))
        return page

    async def tenant_of(self, request: Asking, slug: str) -> int | None:
        """On whose pages somebody is."""
        return await self.members.tenant_of(slug, host_of(request))

    async def ask(self, request: Asking, slug: str, email: str) -> Response[Any]:
        """Writes the letter once the page has been answered."""
        check_form(request)
        page = await self.sign_in(request, slug, None, sent=email)
        tenant_id = await self.tenant_of(request, slug)
        if tenant_id is not None:
            with self._shell.speech.speaking(request) as language:
                page.background = BackgroundTask(
                    self.members.entry.ask_link, tenant_id, email, language, origin_of(request)
                )
        return page

    async def enter(self, request: Asking, code: str, slug: str) -> Response[Any]:
        """Signs in by the code of a letter. `slug`: of whose pages it is, as the letter says."""
        check_form(request)
        try:
            token, _driver = await self.members.entry.enter(code, origin_of(request))
        except (LinkGone, AccountBlocked, TooManyAttempts) as fault:
            return await self.enter_page(request, None, slug, status=fault.status, said=SAID[fault.code])
        return self.entered(request, token)

    def entered(self, request: Asking, token: str, *cookies: Cookie) -> Redirect:
        """Somebody is signed in, and goes where they wanted to."""
        wanted = own_path(request.cookies.get(cookie_name(request, NEXT_COOKIE)) or HOME)
        return Redirect(
            HOME if wanted == "/" else wanted, status_code=303, headers=HEADERS,
            cookies=[driver_cookie(request, token), next_cookie(request, ""), *cookies],
        )  # fmt: skip

    async def enter_page(
        self, request: Asking, lang: str | None, slug: str, *, status: int = 200, said: str = ""
    ) -> Response[Any]:
        """Where a letter leads. `slug`: of whose pages it is; else it is by the host that was asked."""
        tenant_id = await self.tenant_of(request, slug) or await self.tenant_of(request, "")
        brand = None if tenant_id is None else await self.members.brand_of(tenant_id)
        return self._shell.page("my/enter.html", request, lang=lang, status=status, brand=brand, slug=slug, said=said)

    async def depart(self, request: Asking, slug: str) -> Response[Any]:
        """Leads to the organisation's own sign-in. Raises PlaceUnknown."""
        tenant_id = await self.tenant_of(request, slug)
        if tenant_id is None or self.providers is None:
            raise PlaceUnknown
        brand = await self.members.brand_of(tenant_id)
        home = home_of(brand, self._address)
        if brand.domain is not None and host_of(request) != brand.domain:
            # What the browser is known by when it comes back is kept for the host that it comes back to.
            return Redirect(f"{home}/my/sign-in/{slug}/provider", status_code=303, headers=HEADERS)
        with self._shell.speech.speaking(request) as language:
            pass
        try:
            url, token = await self.providers.depart(
                tenant_id, callback_of(brand, self._address), wanted="", language=language, origin=origin_of(request)
            )
        except (ProviderUnknown, ProviderAway, ProviderRefused, TooManyAttempts) as fault:
            return await self.sign_in(request, slug, None, said=fault.code)
        cookies = [step_cookie(request, PROVIDER_COOKIE, token, "lax")]
        return Redirect(url, status_code=303, headers=HEADERS, cookies=cookies)

    async def arrive(self, request: Asking, slug: str) -> Response[Any]:
        """Somebody comes back from the organisation's own sign-in. Raises PlaceUnknown."""
        tenant_id = await self.tenant_of(request, slug)
        if tenant_id is None or self.providers is None:
            raise PlaceUnknown
        query = request.query_params
        code, state = query.get("code", "")[: 4 * MAX_FORM_TEXT], query.get("state", "")[:MAX_FORM_TEXT]
        over = step_cookie(request, PROVIDER_COOKIE, "")
        try:
            token, _driver, _wanted = await self.providers.arrive(
                tenant_id, step_token(request, PROVIDER_COOKIE), state, code, origin_of(request)
            )
        except ForecourtError as fault:
            if fault.code not in SAID:
                raise
            page = await self.sign_in(request, slug, None, said=fault.code)
            page.set_cookie(over)
            return page
        return self.entered(request, token, over)

    async def out(self, request: Asking, everywhere: bool) -> Response[Any]:
        """Signs out, here or everywhere."""
        driver = await browsing_driver(request, self.members)
        if driver is not None and everywhere:
            await self.members.entry.sign_out_everywhere(driver, origin_of(request))
        elif driver is not None:
            await self.members.entry.sign_out(driver, token_of(request))
        return Redirect("/my/sign-in", status_code=303, headers=HEADERS, cookies=[driver_cookie(request, "")])

    async def choose(self, request: Asking, station: str, evse: int, lang: str | None, said: str) -> Response[Any]:
        """The price at a place, and the driver's own ways to pay it. Raises PlaceUnknown."""

        async def gather(driver: Driver) -> dict[str, Any]:
            shown = await self.members.ways.look(station, evse, driver=driver)
            member = await self.members.fleet_of(driver)
            lists = self.members.lists
            joining = None if lists is None or shown.open else await lists.look(station, evse)
            wait = joining is not None and joining.open and not joining.free
            purse = await self.members.purse(driver)
            offers = await self.members.offers(driver, shown)
            return {"shown": shown, "purse": purse, "member": member, "wait": wait, "offers": offers}

        if await browsing_driver(request, self.members) is None:
            return await self._sign_in_for(station, evse)
        return await self.page(request, "charge.html", lang, said, gather)

    async def _sign_in_for(self, station: str, evse: int) -> Redirect:
        """Where the drivers of a station's organisation sign in, to come back to its price."""
        try:
            slug = (await self.members.ways.look(station, evse)).brand.slug
        except PlaceUnknown:
            slug = ""
        there = quote(f"/my/charge/{quote(station, safe='')}/{evse}", safe="")
        where = f"/my/sign-in/{slug}?next={there}" if slug else "/my/sign-in"
        return Redirect(where, status_code=303, headers=HEADERS)

    async def start(self, request: Asking, station: str, evse: int, by: str, price_id: str | None) -> Response[Any]:
        """Begins to pay in the way that was chosen, and leads on; by the price that was on the page."""

        async def doing(driver: Driver) -> str:
            way, card = way_of("page" if by == "save" else by)
            with self._shell.speech.speaking(request) as language:
                intent = await self.members.start(
                    driver, station, evse, way, return_url=f"{self._address}/charging/{{intent}}/back",
                    method_id=card, save=by == "save", language=language, price_id=price_id,
                )  # fmt: skip
            return f"/charging/{intent.intent_id}"

        return await self.do(request, doing, f"/my/charge/{quote(station, safe='')}/{evse}")

    def paid_at(self, intent: Intent) -> str:
        """Where a payment that is no session's goes on: to the provider's page, to where one waits while somebody else
        has it opened (the same form sent twice), or back."""
        opening = intent.method is Method.HOSTED and intent.state not in FINAL
        return intent.page_url or f"/my/money/{'on' if opening else 'back'}/{intent.intent_id}"

    @property
    def speech(self) -> Speech:
        """The languages of drivers."""
        return self._shell.speech

    @property
    def address(self) -> str:
        """Where drivers reach us."""
        return self._address

    @property
    def card_url(self) -> str:
        return f"{self._address}/my/cards/back/{{setup}}"

    @property
    def money_url(self) -> str:
        return f"{self._address}/my/money/back/{{intent}}"
