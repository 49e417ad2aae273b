"""The verbs of payments: begin one, come back from the page, give it up, refund it, pay what is owed, write it off.

Each writes down what is to be done in one transaction, and then carries it on: what is not done when the caller is
answered is done by the sweeper.
"""

import base64
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from forecourt.access import Actor, audit
from forecourt.drivers.fleets.model import PricedFor
from forecourt.drivers.fleets.service import priced_for
from forecourt.payments.accounts.service import Providers
from forecourt.payments.fleets.store.money import fleet_held
from forecourt.payments.intents import books, store
from forecourt.payments.intents.beginning import MAX_DESCRIPTION, Begin, Quoted, begun
from forecourt.payments.intents.debts import payable
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorTaken,
    DebtOpen,
    NothingOwed,
    PaymentOver,
    PaymentUnknown,
    PriceChanged,
    PriceMissing,
    RefundTooHigh,
    TriedJustNow,
    WalletEmpty,
)
from forecourt.payments.intents.late import Payer, payers_of
from forecourt.payments.intents.model import (
    FINAL,
    TOKEN_LENGTH,
    Call,
    CallKind,
    Intent,
    Method,
    Purpose,
    State,
    left_to_refund,
)
from forecourt.payments.intents.opening import open_payment
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.refundable import left_of
from forecourt.payments.intents.saga import Saga
from forecourt.payments.intents.sizing import Car, size_hold
from forecourt.payments.intents.standing import shut
from forecourt.payments.intents.store import Connection, places, story
from forecourt.payments.providers.book import Book, BookKind
from forecourt.payments.psp.errors import ProviderAway
from forecourt.payments.psp.words import Card, Saved
from forecourt.payments.saved.store import find_method
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import Money
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.pricing.engine import Pricer
from forecourt.sessions.reserving import service as reserving
from forecourt.sessions.reserving import store as reservations
from forecourt.sessions.reserving.model import HeldForAnother

log = structlog.get_logger(__name__)

#: Random bytes of a token: 12 make 20 characters in base 32.
TOKEN_BYTES: Final = 12
#: Who begins to pay at a connector that is held for them has at least so long to finish.
PAY_GRACE: Final = timedelta(minutes=5)
#: A debt of somebody without an account, of which a payment failed, is tried again no sooner than this after that was
#: begun: whoever has the link may press.
TRY_AGAIN_AFTER: Final = timedelta(minutes=1)


class Payments:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, providers: Providers, clock: Clock, prices: Prices) -> None:
        self._tenants = tenants
        self._providers = providers
        self._clock = clock
        self._prices = prices
        self.saga = Saga(tenants, providers, clock, prices)

    async def quote(
        self, tenant_id: int, station: str, evse: int, *, car: Car | None = None, driver_id: int | None = None
    ) -> Quoted:
        """The price that counts at an EVSE now, for anybody or for a driver, and what would be held. Raises
        PriceMissing, StationUnknown."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await self._quote(conn, tenant_id, station, evse, car, driver_id)

    async def in_use(self, tenant_id: int, station_id: int, evse: int) -> bool:
        """Whether somebody charges at an EVSE, so that nobody else can begin to pay there."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await places.in_use(conn, tenant_id, station_id, evse)

    async def being_paid(self, tenant_id: int, station_id: int, evse: int) -> bool:
        """Whether somebody has paid at an EVSE whose session isn't over, so that nobody else can begin to pay there."""
        async with self._tenants.tenant(tenant_id) as conn:
            return bool(await store.find_at_connector(conn, tenant_id, station_id, evse))

    async def begin(self, tenant_id: int, asked: Begin) -> Intent:
        """Begins a payment for a session: the tariff's version is fixed, the hold sized, and the provider asked for it.

        `page_url` of what is returned is where the driver pays; it is None where the provider is away, and then comes
        with `find` in a moment. Raises PriceMissing, PriceChanged, StationUnknown, AccountMissing, DebtOpen,
        StationOutOfReach, ConnectorOutOfOrder, ConnectorInUse, ConnectorTaken, HeldForAnother.
        """
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            if asked.payer is not None and await store.owed_by(conn, tenant_id, asked.payer):
                raise DebtOpen
            if asked.payer is not None and await fleet_held(conn, tenant_id, asked.payer):
                raise DebtOpen
            quoted = await self._quote(conn, tenant_id, asked.station, asked.evse, asked.car, asked.driver_id)
            await places.hold_connector(conn, quoted.offer.station_id, asked.evse)
            if asked.intent_id is not None:
                there = await store.find_intent(conn, tenant_id, asked.intent_id)
                if there is not None:
                    return there
            if asked.price_id not in (None, quoted.offer.price_id):
                raise PriceChanged
            token = asked.token_uid or new_token()
            await self._admit(conn, tenant_id, asked, quoted.offer.station_id, token, now)
            values = {**await self.way(conn, tenant_id, asked), **begun(asked, quoted, token)}
            intent_id = await open_payment(conn, tenant_id, values, asked.return_url, asked.language, now)
        return await self.carry_on(tenant_id, intent_id)

    @staticmethod
    async def _admit(
        conn: Connection, tenant_id: int, asked: Begin, station_id: int, token: str, now: datetime
    ) -> None:  # fmt: skip
        """Lets the token charge at the connector, where that is held for whoever pays. Raises StationOutOfReach,
        ConnectorOutOfOrder, ConnectorInUse, ConnectorTaken, HeldForAnother."""
        held = await reservations.find_open(conn, tenant_id, station_id, asked.evse)
        if held is not None and not held.holds_at(now):
            held = None
        own = held is not None and held.reservation_id == asked.reservation_id
        connected, state = await places.state_at(conn, tenant_id, station_id, asked.evse)
        why = shut(connected=connected, state=state, own=own)
        if why is not None:
            raise why
        if await places.in_use(conn, tenant_id, station_id, asked.evse):
            raise ConnectorInUse
        if await store.find_at_connector(conn, tenant_id, station_id, asked.evse):
            raise ConnectorTaken
        if held is None:
            return
        if not own:
            raise HeldForAnother
        await reserving.admit(conn, tenant_id, held.reservation_id, token, now + PAY_GRACE)

    async def top_up(
        self, tenant_id: int, payer: str, amount: Money, *, return_url: str, language: str = "en",
        description: str = "Wallet", method_id: UUID | None = None, email: str | None = None, once: str | None = None,
    ) -> Intent:  # fmt: skip
        """Begins a payment into a driver's wallet, taken at once. `once`: what whoever asks twice says both times; the
        payment that was begun by it is returned."""
        how = Begin(
            station="", evse=0, return_url=return_url, payer=payer, email=email, method_id=method_id,
            method=Method.HOSTED if method_id is None else Method.SAVED,
        )  # fmt: skip
        intent_id = None if once is None else uuid5(NAMESPACE_URL, f"top-up:{tenant_id}:{payer}:{once}")
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_payer(conn, tenant_id, payer)
            begun = None if intent_id is None else await store.find_intent(conn, tenant_id, intent_id)
            if begun is None:
                made = await self._insert_taken(
                    conn, tenant_id, Purpose.TOP_UP, amount, how, language, description, intent_id
                )
        return await self.carry_on(tenant_id, made if begun is None else begun.intent_id)

    async def pay_debt(
        self, tenant_id: int, payer: str, *, return_url: str, language: str = "en", description: str = "Charging"
    ) -> Intent:
        """Begins a payment of what somebody owes, in the currency of the oldest debt; one that was begun and waits is
        returned instead, so that nothing is paid twice. Raises NothingOwed."""
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_payer(conn, tenant_id, payer)
            owed = await store.owed_by(conn, tenant_id, payer)
            if not owed:
                raise NothingOwed
            paying = await store.list_paying(conn, tenant_id, payer)
            currency = owed[0].currency
            due = sum(each.owed_amount for each in owed if each.currency == currency)
            how = Begin(station="", evse=0, return_url=return_url, payer=payer)
            amount = Money(amount=due, currency=currency)
            intent_id = (
                await self._insert_taken(conn, tenant_id, Purpose.DEBT, amount, how, language, description)
                if not paying
                else paying[0].intent_id
            )
        return await self.carry_on(tenant_id, intent_id)

    async def pay_debt_of(
        self, tenant_id: int, intent_id: UUID, *, return_url: str, language: str = "en", description: str = "Charging"
    ) -> Intent:
        """Begins a payment of what is owed of one payment of somebody who has no account; one that was begun and waits
        is returned instead, so that nothing is paid twice. Raises PaymentUnknown, NothingOwed, AccountMissing,
        TriedJustNow."""
        async with self._tenants.tenant(tenant_id) as conn:
            debt = await store.find_intent(conn, tenant_id, intent_id)
            if debt is None:
                raise PaymentUnknown
            if debt.payer is not None:
                raise NothingOwed("Whoever has an account pays what is owed there.")
            # What paid a debt and is owed itself is owed of what it paid.
            intent_id = debt.debt_of or intent_id
            await store.hold_payer(conn, tenant_id, f"payment:{intent_id}")
            paying = await store.find_paying_of(conn, tenant_id, intent_id)
            if paying is None:
                owed = await store.owed_of(conn, tenant_id, intent_id)
                if not owed:
                    raise NothingOwed
                if await store.failed_since(conn, tenant_id, intent_id, self._clock.now() - TRY_AGAIN_AFTER):
                    raise TriedJustNow
                amount = Money(amount=sum(each.owed_amount for each in owed), currency=debt.currency)
                how = Begin(station="", evse=0, return_url=return_url)
                begun = await self._insert_taken(
                    conn, tenant_id, Purpose.DEBT, amount, how, language, description, debt_of=intent_id
                )
            else:
                begun = paying.intent_id
        return await self.carry_on(tenant_id, begun)

    async def pay_from_wallet(
        self, tenant_id: int, payer: str, *, language: str = "en", description: str = "Charging"
    ) -> Intent:
        """Pays what somebody owes from their wallet, or as much of it as the wallet has, in the currency of the oldest
        debt that it has money for. A page on which the same could be paid is closed before; what was begun from the
        wallet and isn't over goes on instead. Raises NothingOwed, WalletEmpty."""
        async with self._tenants.tenant(tenant_id) as conn:
            paying = await store.list_paying(conn, tenant_id, payer)
        for each in paying:
            if each.method is not Method.WALLET:
                with suppress(PaymentOver):
                    await self.abandon(tenant_id, each.intent_id)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_payer(conn, tenant_id, payer)
            owed = await store.owed_by(conn, tenant_id, payer)
            if not owed:
                raise NothingOwed
            paying = await store.list_paying(conn, tenant_id, payer)
            begun = next((each.intent_id for each in paying if each.method is Method.WALLET), None)
            if begun is None:
                wallets = Book(self._tenants, tenant_id, BookKind.WALLET, self._clock)
                amount = await payable(conn, wallets, payer, owed)
                if amount is None:
                    raise WalletEmpty
                how = Begin(station="", evse=0, return_url="", payer=payer, method=Method.WALLET)
                begun = await self._insert_taken(conn, tenant_id, Purpose.DEBT, amount, how, language, description)
        return await self.carry_on(tenant_id, begun)

    async def _insert_taken(
        self, conn: Connection, tenant_id: int, purpose: Purpose, amount: Money, how: Begin, language: str,
        description: str, intent_id: UUID | None = None, debt_of: UUID | None = None,
    ) -> UUID:  # fmt: skip
        values = {
            **await self.way(conn, tenant_id, how),
            **({} if intent_id is None else {"intent_id": intent_id}),
            "debt_of": debt_of,
            "purpose": purpose.value,
            "currency": amount.currency,
            "hold_amount": amount.amount,
            "hold_said": {"description": description[:MAX_DESCRIPTION]},
        }
        return await open_payment(conn, tenant_id, values, how.return_url or None, language, self._clock.now())

    async def find(self, tenant_id: int, intent_id: UUID) -> Intent:
        """How a payment stands, as far as we know. Raises PaymentUnknown."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_intent(conn, tenant_id, intent_id)
        if intent is None:
            raise PaymentUnknown
        return intent

    async def returned(self, tenant_id: int, intent_id: UUID) -> Intent:
        """The driver came back from the page: how the payment stands, as the provider says it now."""
        intent = await self.saga.drive(tenant_id, intent_id)
        if intent.may_be_paid_late and await self.saga.read(intent):
            return await self.saga.drive(tenant_id, intent_id)
        return intent

    async def abandon(self, tenant_id: int, intent_id: UUID) -> Intent:
        """The driver changed his mind before a session began: the hold, or the page, is given back, at once or as soon
        as the provider says that there is one. Raises PaymentOver where a session runs."""
        async with self.saga.turn(tenant_id, intent_id) as turn:
            intent = turn.intent
            if intent.session_id is not None or intent.state in (State.CAPTURING, *FINAL):
                raise PaymentOver
            calls = await store.list_calls(turn.conn, tenant_id, intent_id)
            if any(each.state == "open" for each in calls):
                if intent.state is State.HOLD_REQUESTED:
                    await turn.change({"ends_as": State.ABANDONED})
            elif intent.state is not State.RELEASING:
                await turn.release(State.ABANDONED, None)
        return await self.carry_on(tenant_id, intent_id)

    async def refund(
        self, actor: Actor, intent_id: UUID, amount: int | None, why: str, *, seen_left: int | None = None
    ) -> Intent:
        """Gives money back: so much, or all that is left. `seen_left`: what was left when whoever asks looked, so that
        who presses twice gives back once; None: whatever it is by now. Raises NothingCaptured, PaymentDisputed,
        InvoicedAlready, RefundTooHigh, ChangedMeanwhile."""
        tenant_id = actor.tenant_id
        intent = await self.find(tenant_id, intent_id)
        async with self._tenants.tenant(tenant_id) as conn:
            # Whoever paid a debt is held before it.
            late = await payers_of(conn, intent, lock=True)
            intent = await store.find_intent(conn, tenant_id, intent_id, lock=True) or intent
            calls = await store.list_calls(conn, tenant_id, intent_id)
            if seen_left is not None and seen_left != await self.left(conn, intent, calls):
                raise ChangedMeanwhile
            left = await self.refundable(conn, intent, calls, amount)
            wanted = left if amount is None else amount
            if not 0 < wanted <= left:
                raise RefundTooHigh(left=left)
            turn = Turn(conn, self._prices, intent, self._clock.now())
            # What it took itself, which may be nobody's, goes back before what others paid of it.
            own = min(wanted, left - sum(part for _, part in await self._backwards(conn, late, None)))
            if own:
                await turn.open_call(CallKind.REFUND, own, by=str(actor), said=why)
            for payer, part in await self._backwards(conn, late, wanted - own):
                of = Turn(conn, self._prices, payer, turn.now)
                await of.open_call(CallKind.REFUND, part, by=str(actor), said=why, debt=intent_id)
            await turn.step("refund_asked", amount=wanted, detail=why, by=str(actor))
            await audit(
                conn, actor, "refund payment", f"payment:{intent_id}",
                {"amount": wanted, "currency": intent.currency, "why": why},
            )  # fmt: skip
        for each in late:
            await self.carry_on(tenant_id, each.intent.intent_id)
        return await self.carry_on(tenant_id, intent_id)

    async def left(self, conn: Connection, intent: Intent, calls: list[Call]) -> int:
        """What of a payment, and of what paid its debt later, neither went back nor was asked to. `calls`: those of
        it."""
        return left_to_refund(intent, calls) + sum(each.left for each in await payers_of(conn, intent))

    async def refundable(self, conn: Connection, intent: Intent, calls: list[Call], amount: int | None = None) -> int:
        """What may go back of a payment now, and of what paid its debt later, in minor units. `calls`: those of it;
        `amount`: so much is wanted. Raises as `refund` does."""
        late = await payers_of(conn, intent)
        of_late = sum(part for _, part in await self._backwards(conn, late, None))
        if late and not intent.captured_amount:
            return of_late
        wallets = Book(self._tenants, intent.tenant_id, BookKind.WALLET, self._clock)
        return of_late + await left_of(conn, intent, calls, wallets, amount)

    async def _backwards(self, conn: Connection, late: list[Payer], most: int | None) -> list[tuple[Intent, int]]:
        """What may go back of payments that paid a debt, in that order, `most` in all. Raises as `left_of` does."""
        found = []
        for each in late:
            part = each.left if most is None else min(each.left, most)
            if part:
                calls = await store.list_calls(conn, each.intent.tenant_id, each.intent.intent_id)
                wallets = Book(self._tenants, each.intent.tenant_id, BookKind.WALLET, self._clock)
                part = max(min(part, await left_of(conn, each.intent, calls, wallets, None)), 0)
            most = None if most is None else most - part
            if part:
                found.append((each.intent, part))
        return found

    async def write_off(self, actor: Actor, intent_id: UUID, why: str) -> Intent:
        """Gives up what is owed of a payment. Raises NothingOwed."""
        async with self.saga.turn(actor.tenant_id, intent_id) as turn:
            intent = turn.intent
            if not intent.owed_amount:
                raise NothingOwed
            steps = await story.list_steps(turn.conn, actor.tenant_id, intent_id)
            before = sum(step.kind == "written_off" for step in steps)
            await books.post_write_off(turn.conn, intent, before, turn.now)
            await turn.change({"owed_amount": 0})
            await turn.step("written_off", amount=intent.owed_amount, detail=why, by=str(actor))
            await audit(
                turn.conn, actor, "write off payment", f"payment:{intent_id}",
                {"amount": intent.owed_amount, "currency": intent.currency, "why": why},
            )  # fmt: skip
            return turn.intent

    async def _quote(
        self, conn: Connection, tenant_id: int, station: str, evse: int, car: Car | None, driver_id: int | None
    ) -> Quoted:
        now = self._clock.now()
        whom = PricedFor() if driver_id is None else await priced_for(conn, tenant_id, driver_id, now)
        offer = await self._prices.offer(
            conn, tenant_id, station, evse, now, group=whom.group, subscription=whom.subscription
        )
        if offer is None:
            raise PriceMissing
        pricer = Pricer(offer.tariff, offer.zone, offer.circumstances)
        return Quoted(offer=offer, hold=size_hold(pricer, now, kind=offer.kind, power_w=offer.power_w, car=car))

    async def way(self, conn: Connection, tenant_id: int, asked: Begin) -> dict[str, Any]:
        """How it is paid, as the payment keeps it. Raises AccountMissing, PaymentUnknown."""
        way: dict[str, Any] = {"method": asked.method.value, "payer": asked.payer, "email": asked.email}
        if asked.method in (Method.WALLET, Method.INVOICE):
            assert asked.payer is not None, "a wallet is somebody's"
            return way
        account_id = asked.account_id or (await self._providers.choose(conn, tenant_id)).account_id
        way |= {"reader": asked.reader, "account_id": account_id}
        if asked.method is Method.SAVED:
            assert asked.payer is not None, "a saved way to pay is somebody's"
            assert asked.method_id is not None, "it is named"
            kept = await find_method(conn, tenant_id, asked.payer, asked.method_id)
            if kept is None:
                raise PaymentUnknown
            saved = Saved(customer=kept.customer, method=kept.method)
            way |= {"saved": saved, "customer": kept.customer, "account_id": kept.account_id}
        return way

    async def carry_on(self, tenant_id: int, intent_id: UUID) -> Intent:
        """Does what is written down, as far as it goes now."""
        try:
            return await self.saga.drive(tenant_id, intent_id)
        except ProviderAway:
            return await self.find(tenant_id, intent_id)


def new_token() -> str:
    """A token that says nothing to anybody, of as many characters as a 1.6 station takes."""
    text = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode()
    return text[:TOKEN_LENGTH]


def card_words(card: Card | None) -> str:
    """A card as it is shown: `visa **** 4242`."""
    return (
        ""
        if card is None
        else " ".join(part for part in (card.brand or card.kind, card.last4 and f"•••• {card.last4}") if part)
    )
