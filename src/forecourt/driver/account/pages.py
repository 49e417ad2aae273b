"""A driver's own pages, under `/my`, without a script; the code of a letter can be typed where no script reads it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import time
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.access.model import TooManyAttempts
from forecourt.access.signin.pages.common import check_form
from forecourt.driver.account.door import Asking, browsing_driver, driver_cookie, token_of
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.model import (
    HISTORY,
    TOP_UPS,
    CardUnknown,
    MoneyLeft,
    TopUpRefused,
    WayRefused,
)
from forecourt.driver.account.service import Members
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.pages import EvseInPath, Flag, Lang, Said, StationInPath
from forecourt.driver.shell import HEADERS, DriverShell
from forecourt.drivers.accounts.model import (
    EMAIL_PATTERN,
    MAX_CODE,
    MAX_EMAIL,
    MAX_NAME,
    MAX_VEHICLE_NAME,
    AccountBlocked,
    ClaimUnknown,
    ConsentKind,
    Driver,
    LinkGone,
    PaysBy,
    TokenTaken,
    TooManyOwned,
    VehicleSaid,
    VehicleUnknown,
)
from forecourt.drivers.model import TokenUnknown
from forecourt.energy.needs.model import DAYS, Preferences
from forecourt.payments.intents.model import (
    AccountMissing,
    ConnectorTaken,
    DebtOpen,
    Intent,
    NothingOwed,
    PriceMissing,
)
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark

#: The version of the texts that consent is asked by on these pages.
TEXT_VERSION: Final = "2026-01"
PUBLIC: Final[dict[str, Any]] = {"include_in_schema": False, "opt": {"public": True}}
#: What went wrong, where the driver is.
SAID: Final = {
    LinkGone.code: mark("This link was used already or is too old. Ask for another letter."),
    AccountBlocked.code: mark("This account is blocked. Ask the organisation that you charge with."),
    TooManyAttempts.code: mark("Too many attempts. Wait a little and try again."),
    ClaimUnknown.code: mark("No card has this code, or it was used already."),
    TokenTaken.code: mark("This card is another driver's."),
    TokenUnknown.code: mark("There is no such card any more."),
    TooManyOwned.code: mark("There are too many of these. Remove one first."),
    VehicleUnknown.code: mark("There is no such car any more."),
    CardUnknown.code: mark("This card is not saved any more. Choose another way to pay."),
    WayRefused.code: mark("You can't pay here that way. Choose another one."),
    TopUpRefused.code: mark("Choose an amount from 5 to 500."),
    NothingOwed.code: mark("Nothing is owed any more."),
    DebtOpen.code: mark("An earlier session is still unpaid. Pay it first, then charging can start."),
    MoneyLeft.code: mark("There is still money in the wallet, a debt or a running session. Settle it first."),
    AccountMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    PriceMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    ConnectorTaken.code: mark("Somebody else is just paying at this connector. Wait a moment, or choose another."),
    "value": mark("Something was not filled in as it should be. Look at it again."),
}
WEEK: Final = (
    mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday"), mark("Friday"), mark("Saturday"),
    mark("Sunday"),
)  # fmt: skip

Slug = Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,40}$")]
Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=NEWEST)]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
Id = FromPath[UUID]
_Text = Annotated[str, Meta(max_length=100)]


class EmailForm(Struct, frozen=True, kw_only=True):
    """Who wants to sign in."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]


class CodeForm(Struct, frozen=True, kw_only=True):
    """A code of a letter or of a card."""

    token: Annotated[str, Meta(max_length=MAX_CODE)] = ""


class CarForm(Struct, frozen=True, kw_only=True):
    """A car, in kW and kWh as its driver knows them."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_VEHICLE_NAME)]
    battery_kwh: _Text = ""
    max_ac_kw: _Text = ""
    max_dc_kw: _Text = ""


class WantsForm(Struct, frozen=True, kw_only=True):
    """What is usually needed: times of day, Monday first, and kWh."""

    d0: _Text = ""
    d1: _Text = ""
    d2: _Text = ""
    d3: _Text = ""
    d4: _Text = ""
    d5: _Text = ""
    d6: _Text = ""
    energy_kwh: _Text = ""
    minimum_kwh: _Text = ""


class MeForm(Struct, frozen=True, kw_only=True):
    """A driver's name."""

    name: Annotated[str, Meta(max_length=MAX_NAME)] = ""


class ConsentForm(Struct, frozen=True, kw_only=True):
    """What is agreed to: boxes that are ticked are sent."""

    marketing: _Text = ""
    usage: _Text = ""


class TopUpForm(Struct, frozen=True, kw_only=True):
    """An amount in minor units, and the saved card it comes from."""

    amount: Annotated[str, Meta(pattern="^[0-9]{1,7}$")]
    card: _Text = ""


class PayForm(Struct, frozen=True, kw_only=True):
    """The way to pay for a session: `page`, `save`, `wallet`, `fleet`, or the id of a saved card."""

    by: _Text = "page"


Doing = Callable[[Driver], Awaitable[Any]]


class AccountPages:
    """What the handlers below share."""

    def __init__(self, shell: DriverShell, members: Members, leaving: Leaving, address: str) -> None:
        self._shell = shell
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
        brand = await self.members.brand_of(driver.tenant_id)
        return self._shell.page(
            f"my/{template}", request, lang=lang or (None if "speaks" in request.cookies else driver.language),
            brand=brand, driver=driver, said=SAID.get(said), **context,
        )  # fmt: skip

    async def do(self, request: Asking, doing: Doing, there: str) -> Response[Any]:
        """Does what a driver asked for and shows what became of it. What is done may say where to go."""
        driver = await browsing_driver(request, self.members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        said = ""
        try:
            where = await doing(driver)
            if isinstance(where, str):
                return Redirect(where, status_code=303, headers=HEADERS)
        except ForecourtError as fault:
            said = fault.code
        except (ValueError, msgspec.ValidationError):
            said = "value"
        return Redirect(f"{there}?said={said}" if said else there, status_code=303, headers=HEADERS)

    async def sign_in(self, request: Asking, slug: str, lang: str | None, *, sent: str = "") -> Response[Any]:
        """Where a letter is asked for."""
        host = request.headers.get("host", "").partition(":")[0].lower()
        tenant_id = await self.members.tenant_of(slug, host)
        if tenant_id is None:
            return self._shell.page("unknown.html", request, lang=lang, status=404, brand=None)
        brand = await self.members.brand_of(tenant_id)
        return self._shell.page("my/sign-in.html", request, lang=lang, brand=brand, slug=slug, sent=sent)

    async def ask(self, request: Asking, slug: str, email: str) -> Response[Any]:
        """Writes the letter once the page has been answered."""
        check_form(request)
        page = await self.sign_in(request, slug, None, sent=email)
        host = request.headers.get("host", "").partition(":")[0].lower()
        tenant_id = await self.members.tenant_of(slug, host)
        if tenant_id is not None:
            with self._shell.speech.speaking(request) as language:
                page.background = BackgroundTask(
                    self.members.entry.ask_link, tenant_id, email, language, origin_of(request)
                )
        return page

    async def enter(self, request: Asking, code: str) -> Response[Any]:
        """Signs in by the code of a letter."""
        check_form(request)
        try:
            token, _driver = await self.members.entry.enter(code, origin_of(request))
        except (LinkGone, AccountBlocked, TooManyAttempts) as fault:
            return self._shell.page("my/enter.html", request, status=fault.status, brand=None, said=SAID[fault.code])
        return Redirect("/my", status_code=303, headers=HEADERS, cookies=[driver_cookie(request, token)])

    def enter_page(self, request: Asking, lang: str | None) -> Response[Any]:
        return self._shell.page("my/enter.html", request, lang=lang, brand=None, said="")

    async def out(self, request: Asking, everywhere: bool) -> Response[Any]:
        """Signs out, here or everywhere."""
        driver = await browsing_driver(request, self.members)
        if driver is not None and everywhere:
            await self.members.entry.sign_out_everywhere(driver, origin_of(request))
        elif driver is not None:
            await self.members.entry.sign_out(driver, token_of(request))
        return Redirect("/my/sign-in", status_code=303, headers=HEADERS, cookies=[driver_cookie(request, "")])

    async def choose(self, request: Asking, station: str, evse: int, lang: str | None, said: str) -> Response[Any]:
        """The price at a place, and the driver's own ways to pay it."""

        async def gather(driver: Driver) -> dict[str, Any]:
            shown = await self.members.ways.look(station, evse)
            member = await self.members.fleet_of(driver)
            return {"shown": shown, "purse": await self.members.purse(driver), "member": member}

        try:
            return await self.page(request, "charge.html", lang, said, gather)
        except PlaceUnknown:
            return self._shell.page("unknown.html", request, lang=lang, status=404, brand=None)

    async def start(self, request: Asking, station: str, evse: int, by: str) -> Response[Any]:
        """Begins to pay in the way that was chosen, and leads on."""

        async def doing(driver: Driver) -> str:
            card = None if by in ("page", "save", "wallet", "fleet") else UUID(by)
            way = PaysBy.CARD if card is not None else PaysBy.PAGE if by == "save" else PaysBy(by)
            with self._shell.speech.speaking(request) as language:
                intent = await self.members.start(
                    driver, station, evse, way, return_url=f"{self._address}/charging/{{intent}}/back",
                    method_id=card, save=by == "save", language=language,
                )  # fmt: skip
            return f"/charging/{intent.intent_id}"

        return await self.do(request, doing, f"/my/charge/{station}/{evse}")

    def paid_at(self, intent: Intent) -> str:
        """Where a payment that is no session's goes on: to the provider's page, or back."""
        return intent.page_url or f"/my/money/back/{intent.intent_id}"

    @property
    def money_url(self) -> str:
        return f"{self._address}/my/money/back/{{intent}}"


def account_pages(shell: DriverShell, members: Members, leaving: Leaving, address: str) -> Sequence[HTTPRouteHandler]:
    """The routes under `/my`. `address`: where drivers reach us."""
    pages = AccountPages(shell, members, leaving, address)
    return [*_entry_routes(pages), *_money_routes(pages), *_own_routes(pages)]


def _entry_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    @get("/my/sign-in", **PUBLIC)
    async def sign_in_page(request: Asking, lang: Lang = None) -> Response[Any]:
        return await pages.sign_in(request, "", lang)

    @get("/my/sign-in/{slug:str}", **PUBLIC)
    async def sign_in_there(request: Asking, slug: Slug, lang: Lang = None) -> Response[Any]:
        return await pages.sign_in(request, slug, lang)

    @post("/my/sign-in", status_code=200, **PUBLIC)
    async def ask(request: Asking, data: URLEncodedBody[EmailForm]) -> Response[Any]:
        return await pages.ask(request, "", data.email)

    @post("/my/sign-in/{slug:str}", status_code=200, **PUBLIC)
    async def ask_there(request: Asking, slug: Slug, data: URLEncodedBody[EmailForm]) -> Response[Any]:
        return await pages.ask(request, slug, data.email)

    @get("/my/enter", sync_to_thread=False, **PUBLIC)
    def enter_page(request: Asking, lang: Lang = None) -> Response[Any]:
        return pages.enter_page(request, lang)

    @post("/my/enter", status_code=303, **PUBLIC)
    async def enter(request: Asking, data: URLEncodedBody[CodeForm]) -> Response[Any]:
        return await pages.enter(request, data.token)

    @post("/my/sign-out", status_code=303, **PUBLIC)
    async def sign_out(request: Asking) -> Response[Any]:
        return await pages.out(request, everywhere=False)

    @post("/my/sign-out-everywhere", status_code=303, **PUBLIC)
    async def sign_out_everywhere(request: Asking) -> Response[Any]:
        return await pages.out(request, everywhere=True)

    return [
        sign_in_page, sign_in_there, ask, ask_there, enter_page, enter, sign_out, sign_out_everywhere,
    ]  # fmt: skip


def _money_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members = pages.members

    @get("/my/money", **PUBLIC)
    async def money(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            purse = await members.purse(driver)
            return {"purse": purse, "top_ups": [Money(amount=each, currency=purse.currency) for each in TOP_UPS]}

        return await pages.page(request, "money.html", lang, said, gather)

    @get("/my/money/back/{intent_id:uuid}", **PUBLIC)
    async def back(request: Asking, intent_id: Id) -> Response[Any]:
        return await pages.do(request, lambda driver: members.returned(driver, intent_id), "/my/money")

    @post("/my/money/top-up", status_code=303, **PUBLIC)
    async def top_up(request: Asking, data: URLEncodedBody[TopUpForm]) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            amount = Money(amount=int(data.amount), currency=(await members.purse(driver)).currency)
            card = UUID(data.card) if data.card else None
            return pages.paid_at(
                await members.top_up(
                    driver, amount, return_url=pages.money_url, method_id=card, language=driver.language
                )
            )

        return await pages.do(request, doing, "/my/money")

    @post("/my/money/pay", status_code=303, **PUBLIC)
    async def pay_debt(request: Asking) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            return pages.paid_at(await members.pay_debt(driver, return_url=pages.money_url, language=driver.language))

        return await pages.do(request, doing, "/my/money")

    @post("/my/cards/{card_id:uuid}/remove", status_code=303, **PUBLIC)
    async def remove_card(request: Asking, card_id: Id) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.remove_card(driver, card_id, origin), "/my/money")

    @post("/my/pays-by", status_code=303, **PUBLIC)
    async def pays_by(request: Asking, data: URLEncodedBody[PayForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            card = None if data.by in ("page", "wallet", "fleet") else UUID(data.by)
            by = PaysBy(data.by) if card is None else PaysBy.CARD
            await members.pay_by(driver, by, card, origin_of(request))

        return await pages.do(request, doing, "/my/money")

    @get("/my/charge/{station:str}/{evse:int}", **PUBLIC)
    async def choose(
        request: Asking, station: StationInPath, evse: EvseInPath, lang: Lang = None, said: Said = ""
    ) -> Response[Any]:
        return await pages.choose(request, station, evse, lang, said)

    @post("/my/charge/{station:str}/{evse:int}", status_code=303, **PUBLIC)
    async def start(
        request: Asking, station: StationInPath, evse: EvseInPath, data: URLEncodedBody[PayForm]
    ) -> Response[Any]:
        return await pages.start(request, station, evse, data.by)

    return [money, back, top_up, pay_debt, remove_card, pays_by, choose, start]


def _own_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members = pages.members

    @get("/my", **PUBLIC)
    async def home(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            return {"home": await members.home(driver)}

        return await pages.page(request, "home.html", lang, said, gather)

    @get("/my/sessions", **PUBLIC)
    async def sessions(request: Asking, lang: Lang = None, before: Before = None) -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            found = await members.history(driver, before or NEWEST, HISTORY + 1)
            more = found[HISTORY - 1].number if len(found) > HISTORY else None
            return {"sessions": found[:HISTORY], "more": more}

        return await pages.page(request, "sessions.html", lang, "", gather)

    @get("/my/things", **PUBLIC)
    async def things(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            wants = msgspec.convert(driver.wants, Preferences)
            clocks = wants.departures or (wants.departure,) * DAYS
            return {"has": await members.owned(driver), "wants": wants, "week": list(zip(WEEK, clocks, strict=True))}

        return await pages.page(request, "things.html", lang, said, gather)

    @post("/my/tokens", status_code=303, **PUBLIC)
    async def claim(request: Asking, data: URLEncodedBody[CodeForm]) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.claim(driver, data.token, origin), "/my/things")

    @post("/my/tokens/{number:int}/remove", status_code=303, **PUBLIC)
    async def detach(request: Asking, number: Number) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            found = next((each for each in (await members.owned(driver)).tokens if each.number == number), None)
            if found is None:
                raise TokenUnknown
            await members.detach(driver, found.uid, origin_of(request))

        return await pages.do(request, doing, "/my/things")

    @post("/my/cars", status_code=303, **PUBLIC)
    async def add_car(request: Asking, data: URLEncodedBody[CarForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            said = {"name": data.name.strip(), "battery_wh": _thousands(data.battery_kwh)}
            said |= {"max_ac_w": _thousands(data.max_ac_kw), "max_dc_w": _thousands(data.max_dc_kw)}
            await members.put_vehicle(driver, msgspec.convert(said, VehicleSaid), origin_of(request))

        return await pages.do(request, doing, "/my/things")

    @post("/my/cars/{number:int}/remove", status_code=303, **PUBLIC)
    async def remove_car(request: Asking, number: Number) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.remove_vehicle(driver, number, origin), "/my/things")

    @post("/my/wants", status_code=303, **PUBLIC)
    async def wants(request: Asking, data: URLEncodedBody[WantsForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await members.set_wants(driver, _wants(driver, data), origin_of(request))

        return await pages.do(request, doing, "/my/things")

    @get("/my/account", **PUBLIC)
    async def account(request: Asking, lang: Lang = None, said: Said = "", erase: Flag = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            has = await members.owned(driver)
            return {"has": has, "given": {each.kind.value for each in has.consents if each.given}, "erase": erase}

        return await pages.page(request, "account.html", lang, said, gather)

    @post("/my/account", status_code=303, **PUBLIC)
    async def rename(request: Asking, data: URLEncodedBody[MeForm]) -> Response[Any]:
        changes: dict[str, Any] = {"name": data.name.strip() or None}
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.change(driver, changes, origin), "/my/account")

    @post("/my/consent", status_code=303, **PUBLIC)
    async def consent(request: Asking, data: URLEncodedBody[ConsentForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            held = {each.kind: each.given for each in (await members.owned(driver)).consents}
            for kind, box in ((ConsentKind.MARKETING, data.marketing), (ConsentKind.USAGE, data.usage)):
                if bool(box) is not held.get(kind, False):
                    await members.consent(driver, kind, bool(box), TEXT_VERSION, origin_of(request))

        return await pages.do(request, doing, "/my/account")

    @get("/my/export.json", **PUBLIC)
    async def export(request: Asking) -> Response[Any]:
        driver = await browsing_driver(request, members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        content = msgspec.json.encode(await pages.leaving.export(driver, driver.acting(origin_of(request))))
        headers = {**HEADERS, "content-disposition": 'attachment; filename="my-charging.json"'}
        return Response(content, media_type="application/json", headers=headers)

    @post("/my/erase", status_code=303, **PUBLIC)
    async def erase(request: Asking) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            await pages.leaving.erase(driver, driver.acting(origin_of(request)))
            return "/my/sign-in"

        return await pages.do(request, doing, "/my/account")

    return [
        home, sessions, things, claim, detach, add_car, remove_car, wants, account, rename, consent, export, erase,
    ]  # fmt: skip


def _thousands(text: str) -> int | None:
    """Kilo-something as a person writes it, in whole units. Raises ValueError."""
    written = text.strip().replace(",", ".")
    if not written:
        return None
    whole, _point, part = written.partition(".")
    if not (whole.isdecimal() and (not part or part.isdecimal())):
        raise ValueError("no number")
    return int(whole) * 1000 + int((part + "000")[:3])


def _wants(driver: Driver, said: WantsForm) -> Preferences:
    """What is usually needed, with what these pages don't ask left as it was. Raises ValueError."""
    clocks = [getattr(said, f"d{day}").strip() for day in range(DAYS)]
    departures = tuple(time.fromisoformat(each) if each else None for each in clocks)
    minimum = _thousands(said.minimum_kwh)
    held = msgspec.convert(driver.wants, Preferences)
    return msgspec.structs.replace(
        held,
        departure=None,
        departures=departures if any(departures) else None,
        energy_wh=_thousands(said.energy_kwh),
        minimum_wh=minimum,
        minimum_within_s=3_600 if minimum is not None else None,
    )
