"""The verbs of a driver's own pages. Reads act as the driver in the database; what others own is theirs to do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from forecourt.access.model import Origin
from forecourt.driver import store as pages
from forecourt.driver.account import store
from forecourt.driver.account.cars import Cars
from forecourt.driver.account.memberships import Memberships
from forecourt.driver.account.model import (
    LATEST,
    MAX_TOP_UP,
    MIN_TOP_UP,
    USUAL_CURRENCY,
    CardUnknown,
    CurrencyRefused,
    Home,
    Purse,
    SavedCard,
    TopUpRefused,
    WayRefused,
)
from forecourt.driver.account.store import Charged, Connection
from forecourt.driver.service import Ways
from forecourt.driver.store import Brand
from forecourt.driver.waiting.service import Seen, WaitingLists
from forecourt.driver.way import Shown, Way
from forecourt.driver.words import named_spot
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts import store as driver_rows
from forecourt.drivers.accounts.entry import Entry
from forecourt.drivers.accounts.model import ConsentKind, Driver, PaysBy, Vehicle
from forecourt.drivers.accounts.service import Owned
from forecourt.drivers.autocharge import service as autocharge
from forecourt.drivers.fleets import store as fleets
from forecourt.drivers.fleets.model import Member, least
from forecourt.energy.needs.model import Preferences
from forecourt.energy.service.needs import change_preferences
from forecourt.loyalty import giving
from forecourt.loyalty.model.campaigns import Campaign
from forecourt.loyalty.own import Own, own_of
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards.service import Purse as Points
from forecourt.payments.debts.store import list_paid_by
from forecourt.payments.fees.service import Fees
from forecourt.payments.intents import store as payments_store
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.debts import payable
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.model import Intent, Method, Purpose
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.sizing import Car
from forecourt.payments.ledger.entries import wallet
from forecourt.payments.providers.book import Book, BookKind
from forecourt.payments.psp.words import Card
from forecourt.payments.saved import store as saved_store
from forecourt.payments.saved.model import Setup
from forecourt.payments.saved.service import SavedCards
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import Money


class Members:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(
        self,
        tenants: Pool,
        clock: Clock,
        secret: bytes,
        entry: Entry,
        payments: Payments,
        ways: Ways,
        cards: SavedCards,
        lists: WaitingLists | None = None,
    ) -> None:
        self.entry = entry
        self.cards = cards
        self.ways = ways
        self.lists = lists
        self._tenants = tenants
        self._clock = clock
        self._secret = secret
        self._payments = payments
        self.cars = Cars(self.acting, clock)
        self.memberships = Memberships(self.acting, Fees(None, tenants, clock, payments), clock)

    @asynccontextmanager
    async def acting(self, driver: Driver) -> AsyncIterator[Connection]:
        """A transaction that sees of drivers nothing but what is this one's."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            await driver_rows.act_as(conn, driver.driver_id)
            yield conn

    async def tenant_of(self, slug: str, host: str) -> int | None:
        """Whose pages somebody signs in on: by their name, or by the host that was asked."""
        async with self._tenants.anyone() as conn:
            found = await store.tenant_of_pages(conn, slug, host)
            if found is None and not slug and (only := await pages.only_brand(conn)) is not None:
                found = await store.tenant_of_pages(conn, only, "")
        return found

    async def brand_of(self, tenant_id: int) -> Brand:
        """How the pages of an organisation look."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await pages.find_brand(conn, tenant_id)

    async def zone_of(self, tenant_id: int) -> str:
        """By whose clock an organisation's drivers are told of times at no place."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.zone_of(conn, tenant_id)

    async def home(self, driver: Driver) -> Home:
        """The first page: what runs, what was, what is owed."""
        purse = await self.purse(driver)
        async with self.acting(driver) as conn:
            running = await store.list_running(conn, driver.tenant_id, driver.driver_id)
            latest = await store.list_charged(conn, driver.tenant_id, driver.driver_id, before=2**63 - 1, limit=LATEST)
        waiting = await self.waits(driver)
        return Home(driver=driver, running=running, latest=latest, money=purse, waiting=waiting)

    async def waits(self, driver: Driver) -> list[Seen]:
        """In which waiting lists the driver is."""
        return [] if self.lists is None else await self.lists.of_driver(driver)

    async def history(self, driver: Driver, before: int, limit: int) -> list[Charged]:
        """Sessions with a lower number, the latest first."""
        async with self.acting(driver) as conn:
            return await store.list_charged(conn, driver.tenant_id, driver.driver_id, before=before, limit=limit)

    async def receipt(self, driver: Driver, intent_id: UUID) -> Way:
        """How a payment of this driver stands. Raises PaymentUnknown for anybody else's."""
        async with self.acting(driver) as conn:
            if await payments_store.find_intent(conn, driver.tenant_id, intent_id) is None:
                raise PaymentUnknown
        return await self.ways.find(intent_id)

    async def purse(self, driver: Driver) -> Purse:
        """Saved cards, wallet, debts."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            held, usual, debts = await self.money(conn, driver)
            book = Book(self._tenants, driver.tenant_id, BookKind.WALLET, self._clock)
            due = await payable(conn, book, driver.payer, debts)
            debts = [await _as_session(conn, each) for each in debts]
            disputed = await self.disputed(conn, driver, held)
            await driver_rows.act_as(conn, driver.driver_id)
            methods = await saved_store.list_methods(conn, driver.tenant_id, driver.payer)
        cards = [
            SavedCard(
                id=each.method_id, card=each.card or Card(), saved_at=each.created_at,
                preferred=driver.pays_by is PaysBy.CARD and driver.pays_method == each.method_id,
            )
            for each in methods
        ]  # fmt: skip
        return Purse(cards=cards, wallet=held, debts=debts, currency=usual, payable=due, disputed=disputed)

    async def _usual_currency(self, conn: store.Connection, tenant_id: int, held: Sequence[str]) -> str:
        """What the wallet has, what was paid in last, or what stations charge in; of these one that pays for something,
        if there is one."""
        priced = await store.priced_currencies(conn, tenant_id, self._clock.now())
        known = [*held, await store.latest_currency(conn, tenant_id)]
        said = [each for each in known if each is not None]
        return next((each for each in said if each in priced), next(iter((*priced, *said)), USUAL_CURRENCY))

    async def money(self, conn: store.Connection, driver: Driver) -> tuple[list[Money], str, list[Intent]]:
        """What is in the wallet, the usual currency, and debts."""
        tenant_id, account = driver.tenant_id, wallet(str(driver.driver_id))
        book = Book(self._tenants, tenant_id, BookKind.WALLET, self._clock)
        currencies = await store.wallet_currencies(conn, tenant_id, account)
        usual = await self._usual_currency(conn, tenant_id, currencies)
        held = [
            Money(amount=await book.room(conn, driver.payer, each), currency=each) for each in currencies or [usual]
        ]
        return held, usual, await payments_store.owed_by(conn, tenant_id, driver.payer)

    async def disputed(self, conn: store.Connection, driver: Driver, held: Sequence[Money]) -> list[Money]:
        """What is in the wallet beside what can be spent of it, `held`, as a bank asks for it back."""
        book = Book(self._tenants, driver.tenant_id, BookKind.WALLET, self._clock)
        found = [(await book.disputed(conn, driver.payer, each.currency), each.currency) for each in held]
        return [Money(amount=amount, currency=currency) for amount, currency in found if amount]

    async def owned(self, driver: Driver) -> Owned:
        """Tokens, cars, consent, where the driver is signed in."""
        async with self.acting(driver) as conn:
            return await accounts.owned_by(conn, driver)

    async def fleet_of(self, driver: Driver) -> Member | None:
        """In which fleet the driver is."""
        async with self.acting(driver) as conn:
            return await fleets.find_member(conn, driver.tenant_id, driver.driver_id)

    async def change(self, driver: Driver, changes: dict[str, Any], origin: Origin) -> Driver:
        """Another name or language."""
        async with self.acting(driver) as conn:
            return await accounts.change_driver(
                conn, driver.acting(origin), driver.driver_id, changes, self._clock.now()
            )

    async def pay_by(self, driver: Driver, by: PaysBy, method_id: UUID | None, origin: Origin) -> Driver:
        """What pays from now on without asking. Raises CardUnknown, WayRefused."""
        async with self.acting(driver) as conn:
            if by is PaysBy.CARD:
                if method_id is None:
                    raise WayRefused
                if await saved_store.find_method(conn, driver.tenant_id, driver.payer, method_id) is None:
                    raise CardUnknown
            elif method_id is not None:
                raise WayRefused
            if by is PaysBy.FLEET and await fleets.find_member(conn, driver.tenant_id, driver.driver_id) is None:
                raise WayRefused
            changes = {"pays_by": by.value, "pays_method": method_id}
            return await accounts.change_driver(
                conn, driver.acting(origin), driver.driver_id, changes, self._clock.now()
            )

    async def add_card(self, driver: Driver, *, return_url: str, language: str = "en") -> Setup:
        """Begins to add a card without paying: the driver is led to its `page_url`. Raises as `SavedCards.begin`."""
        async with self.acting(driver) as conn:
            currency = await self._usual_currency(conn, driver.tenant_id, ())
        return await self.cards.begin(
            driver.tenant_id, driver.payer, return_url=return_url, currency=currency, email=driver.email,
            language=language,
        )  # fmt: skip

    async def card_added(self, driver: Driver, setup_id: UUID) -> Setup:
        """The driver came back from the page; twice is once. Raises SetupUnknown."""
        return await self.cards.returned(driver.tenant_id, driver.payer, setup_id)

    async def remove_card(self, driver: Driver, method_id: UUID, origin: Origin) -> None:
        """A saved card is used no more, and its provider forgets it; one that paid by itself is asked for on the page
        again. Raises CardUnknown."""
        now = self._clock.now()
        async with self.acting(driver) as conn:
            if not await saved_store.remove_method(conn, driver.tenant_id, driver.payer, method_id, now):
                raise CardUnknown
            changes: dict[str, Any] = {}
            if driver.pays_method == method_id:
                changes = {"pays_by": PaysBy.PAGE.value, "pays_method": None}
            await accounts.change_driver(conn, driver.acting(origin), driver.driver_id, changes, now)
            await fleets.forget_method(conn, driver.tenant_id, driver.driver_id, method_id)
        await self.cards.drop(driver.tenant_id, method_id)

    async def start(
        self, driver: Driver, station: str, evse: int, by: PaysBy, *, return_url: str, method_id: UUID | None = None,
        save: bool = False, language: str = "en", voucher: str | None = None, price_id: str | None = None,
    ) -> Intent:  # fmt: skip
        """Begins to pay for a session in a way of the driver's own; by card and wallet nobody is led anywhere.
        `price_id`: of what he was shown.

        What campaigns give for it is kept before. Raises as `Ways.look`, `Payments.begin` and `Promises.kept` do,
        CardUnknown, and WayRefused for a station of another
        organisation, and for a fleet that the driver is not in.
        """
        shown = await self.ways.look(station, evse, driver=driver)
        if shown.tenant_id != driver.tenant_id:
            raise WayRefused
        payer, limit = driver.payer, None
        async with self.acting(driver) as conn:
            cars = await accounts.owned_by(conn, driver)
            member = await fleets.find_member(conn, driver.tenant_id, driver.driver_id)
            if by is PaysBy.CARD and (
                method_id is None or await saved_store.find_method(conn, driver.tenant_id, payer, method_id) is None
            ):
                raise CardUnknown
        if by is PaysBy.FLEET:
            if member is None:
                raise WayRefused
            payer = f"fleet:{member.fleet_id}"
            limit = await self._session_limit(driver, member)
        methods = {PaysBy.PAGE: Method.HOSTED, PaysBy.CARD: Method.SAVED, PaysBy.WALLET: Method.WALLET}
        reservation_id = await self.ways.reservation_of(driver.tenant_id, None, driver)
        async with self.ways.promises.kept(
            driver.tenant_id, station, evse, driver_id=driver.driver_id, code=voucher
        ) as token:
            asked = Begin(
                station=station, evse=evse, return_url=return_url, language=language,
                description=named_spot(station, evse), method=methods.get(by, Method.INVOICE), car=_car(cars.vehicles),
                email=driver.email, payer=payer, save=save and by is PaysBy.PAGE,
                method_id=method_id if by is PaysBy.CARD else None, reservation_id=reservation_id,
                driver_id=driver.driver_id, most=limit, token_uid=token, price_id=price_id,
            )  # fmt: skip
            return await self._payments.begin(driver.tenant_id, asked)

    async def offers(self, driver: Driver, shown: Shown) -> list[Campaign]:
        """What campaigns would give a session of this driver at a place."""
        if shown.tenant_id != driver.tenant_id or not shown.open:
            return []
        spot = shown.spot
        return await self.ways.promises.offered(
            driver.tenant_id, spot.station, spot.evse, driver_id=driver.driver_id
        )  # fmt: skip

    async def loyalty(self, driver: Driver) -> Own:
        """What the driver is kept, offered and was given."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            return await own_of(conn, driver.tenant_id, driver.driver_id, self._clock.now())

    async def points(self, driver: Driver) -> Points | None:
        """The driver's points and tier; None where there is no program."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            return await rewards.purse_of(conn, driver.tenant_id, driver.driver_id, self._clock.now())

    async def redeem(self, driver: Driver, points: int | None) -> Money:
        """Turns points, or all of them, into money in the wallet. Raises ProgramMissing, PointsMissing."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            return await rewards.redeem(conn, driver.tenant_id, driver.driver_id, points, self._clock.now())

    async def enter_voucher(self, driver: Driver, code: str) -> Campaign:
        """Keeps a voucher for the driver's next session that it is for. Raises VoucherUnknown, VoucherUsed."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            return await giving.enter(conn, driver.tenant_id, driver.driver_id, code, self._clock.now())

    async def _session_limit(self, driver: Driver, member: Member) -> int | None:
        """What one session may cost, by the fleet's limit and the member's own. Raises WayRefused."""
        now = self._clock.now()
        async with self._tenants.tenant(driver.tenant_id) as conn:
            fleet = await fleets.find_fleet(conn, driver.tenant_id, member.fleet_id, now)
        if fleet is None or not fleet.active:
            raise WayRefused
        return least(fleet.session_limit, member.session_limit)

    async def top_up(
        self, driver: Driver, amount: Money, *, return_url: str, method_id: UUID | None = None, language: str = "en",
        once: str | None = None,
    ) -> Intent:  # fmt: skip
        """Puts money into the wallet, from a page or from a saved card; what is asked with the same `once` is done
        once. Raises TopUpRefused, CurrencyRefused, CardUnknown."""
        if not MIN_TOP_UP <= amount.amount <= MAX_TOP_UP:
            raise TopUpRefused
        async with self._tenants.tenant(driver.tenant_id) as conn:
            priced = await store.priced_currencies(conn, driver.tenant_id, self._clock.now())
        if amount.currency not in priced:
            raise CurrencyRefused(currencies=priced)
        try:
            return await self._payments.top_up(
                driver.tenant_id, driver.payer, amount, return_url=return_url, method_id=method_id, language=language,
                email=driver.email, once=once,
            )  # fmt: skip
        except PaymentUnknown as fault:
            raise CardUnknown from fault

    async def pay_debt(self, driver: Driver, *, return_url: str, language: str = "en") -> Intent:
        """Pays what is owed on the provider's page. Raises NothingOwed."""
        return await self._payments.pay_debt(driver.tenant_id, driver.payer, return_url=return_url, language=language)

    async def pay_from_wallet(self, driver: Driver, *, language: str = "en") -> Intent:
        """Pays what is owed from the wallet, as far as there is money. Raises NothingOwed, WalletEmpty."""
        return await self._payments.pay_from_wallet(driver.tenant_id, driver.payer, language=language)

    async def paid(self, driver: Driver, intent_id: UUID) -> Intent:
        """A payment of the driver's, as far as we know. Raises PaymentUnknown."""
        async with self.acting(driver) as conn:
            found = await payments_store.find_intent(conn, driver.tenant_id, intent_id)
        if found is None:
            raise PaymentUnknown
        return found

    async def returned(self, driver: Driver, intent_id: UUID) -> Intent:
        """The driver came back from the page of a top-up or of a debt. Raises PaymentUnknown."""
        await self.paid(driver, intent_id)
        return await self._payments.returned(driver.tenant_id, intent_id)

    async def set_wants(self, driver: Driver, wants: Preferences, origin: Origin) -> Driver:
        """What the driver usually needs: the account keeps it, and each of its tokens is planned by it."""
        now = self._clock.now()
        async with self.acting(driver) as conn:
            held = msgspec.to_builtins(wants)
            row = await accounts.change_driver(conn, driver.acting(origin), driver.driver_id, {"wants": held}, now)
            await self._tell_tokens(conn, row, wants, now)
        return row

    async def claim(self, driver: Driver, code: str, origin: Origin) -> None:
        """The driver has the card that this code came with; it is planned as the others are. Raises ClaimUnknown,
        TokenTaken, TooManyOwned."""
        now = self._clock.now()
        async with self.acting(driver) as conn:
            await accounts.claim_token(conn, driver, self._secret, code, now, driver.acting(origin))
            if driver.wants:
                await self._tell_tokens(conn, driver, msgspec.convert(driver.wants, Preferences), now)

    async def detach(self, driver: Driver, uid: str, origin: Origin) -> None:
        """The driver gives up a card, which starts nothing any more, or a car. Raises TokenUnknown."""
        async with self.acting(driver) as conn:
            await autocharge.give_up(conn, driver.acting(origin), driver.driver_id, uid)

    async def consent(self, driver: Driver, kind: ConsentKind, given: bool, text_version: str, origin: Origin) -> None:
        """Agrees to something, or takes it back."""
        async with self.acting(driver) as conn:
            await accounts.say_consent(
                conn, driver, driver.acting(origin), kind, given, text_version, self._clock.now()
            )

    async def _tell_tokens(self, conn: Connection, driver: Driver, wants: Preferences, now: datetime) -> None:
        for token in (await accounts.owned_by(conn, driver)).tokens:
            await change_preferences(conn, driver.acting(), token.uid, wants, now, None)


async def _as_session(conn: Connection, debt: Intent) -> Intent:
    """What is owed of a payment as it is shown: of one that had paid a debt and was taken back, the session's."""
    if debt.purpose is not Purpose.DEBT:
        return debt
    paid = await list_paid_by(conn, debt.tenant_id, str(debt.intent_id))
    session = await payments_store.find_intent(conn, debt.tenant_id, UUID(paid[0][0])) if paid else None
    return debt if session is None else replace(session, owed_amount=debt.owed_amount)


def _car(vehicles: Sequence[Vehicle]) -> Car | None:
    """What a hold is sized by, where there is one car only: of several nobody knows which one came."""
    if len(vehicles) != 1:
        return None
    [one] = vehicles
    return Car(needs_wh=one.battery_wh, max_power_w=max(one.max_ac_w or 0, one.max_dc_w or 0) or None)
