"""Stripe, by its own library: hosted pages (Checkout), saved cards, card terminals, and accounts of hosts (Connect).

A hold begins as a Checkout Session and goes on as the Payment Intent behind it, once the driver has paid: the name to
ask for it by changes then. The library's own retries are off: who asks again, and with which key, is decided by whoever
keeps the call.
"""

import asyncio
import importlib
import json
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from forecourt.payments.providers.stripe_asked import (
    HEARD,
    WITH,
    WITH_ASKED,
    WITH_CARD,
    WITH_PAGE,
    card_page,
    hold_page,
    host_link,
    new_host,
    reader_payment,
    saved_payment,
)
from forecourt.payments.providers.stripe_errors import in_our_words, keyed
from forecourt.payments.providers.stripe_shapes import (
    OUR_CALL,
    as_reader,
    asked_at,
    at,
    at_reader,
    dispute,
    host_account,
    kept,
    merchant,
    metadata,
    money,
    movement,
    notice,
    of_intent,
    of_page,
    refund,
)
from forecourt.payments.psp import DEADLINE_S, MAX_HOOK_AGE_S, MOVEMENTS_AT_ONCE
from forecourt.payments.psp.errors import HookRefused, ProviderError, ProviderRefused, ProviderUnknown
from forecourt.payments.psp.words import (
    Dispute,
    Hold,
    HoldAsked,
    HoldState,
    HostAccount,
    HostAsked,
    Kept,
    Merchant,
    MethodAsked,
    Movements,
    Notice,
    Page,
    Reader,
    Refund,
    Saved,
    Sent,
)
from forecourt.platform.money import Money

if TYPE_CHECKING:
    from stripe import StripeClient

#: Begins the name of a Checkout Session, and of a Payment Intent.
PAGE_PREFIX: Final = "cs_"
#: Payment Intents of a customer that are looked through for one of ours.
LOOKED_THROUGH: Final = 100
_SIGNATURE: Final = "stripe-signature"
#: Stripe keeps keys for a day; after that a call is only read back.
KEY_LIFE: Final = timedelta(hours=23)


class StripeKeys(Struct, frozen=True, kw_only=True, tag="stripe"):
    """What an account at Stripe is reached by: its secret key, and the secret that its webhooks are signed with."""

    secret_key: str
    hook_secret: str


async def open_stripe(keys: StripeKeys, address: str | None = None) -> "Stripe":
    """The adapter of one account, once the library is loaded: that takes a moment, and nobody else waits for it.
    `address`: of the API, where it is not Stripe's own."""
    await asyncio.to_thread(importlib.import_module, "stripe")
    return Stripe(keys, address)


class Stripe:
    """One account at Stripe. Close it when it is no longer used."""

    key_life = KEY_LIFE
    reads_back = True
    lists_movements = True
    told_within = timedelta(days=1)
    hook_answer = ""

    def __init__(self, keys: StripeKeys, address: str | None = None, deadline_s: float = DEADLINE_S) -> None:
        import stripe

        self._keys = keys
        self._deadline_s = deadline_s
        self._http = stripe.HTTPXClient(timeout=deadline_s, allow_sync_methods=False)
        self._stripe: StripeClient = stripe.StripeClient(
            keys.secret_key,
            base_addresses=None if address is None else {"api": address},
            http_client=self._http,
            max_network_retries=0,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def start_hold(self, asked: HoldAsked, key: str) -> Hold:
        made = self._stripe.v1.checkout.sessions.create_async(hold_page(asked), keyed(key))
        return of_page(await self._ask(made))

    async def get(self, reference: str) -> Hold:
        if reference.startswith(PAGE_PREFIX):
            sessions = self._stripe.v1.checkout.sessions
            return of_page(await self._ask(sessions.retrieve_async(reference, {"expand": WITH_PAGE}), moves=True))
        intents = self._stripe.v1.payment_intents
        hold = of_intent(await self._ask(intents.retrieve_async(reference, {"expand": WITH}), moves=True))
        if hold.state is not HoldState.CAPTURED:
            return hold
        params: Any = {"payment_intent": reference, "limit": LOOKED_THROUGH}
        made = await self._ask(self._stripe.v1.refunds.list_async(params), moves=True)
        # What was held and not taken may be listed as well: it moves no money.
        moved = [each for each in made.data if each.balance_transaction or metadata(each).get(OUR_CALL)]
        refunds = tuple(refund(each) for each in moved)
        # A charge counts what was held and not taken as refunded as well.
        back = sum(each.amount for each in refunds if each.given)
        disputes = await self._disputes(reference) if hold.disputed else ()
        return replace(hold, refunds=refunds, refunded=back, disputes=disputes)

    async def _disputes(self, reference: str) -> tuple[Dispute, ...]:
        params: Any = {"payment_intent": reference, "limit": LOOKED_THROUGH}
        found: Any = await self._ask(self._stripe.v1.disputes.list_async(params), moves=True)
        return tuple(dispute(each) for each in found.data)

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        intents = self._stripe.v1.payment_intents
        raised = intents.increment_authorization_async(reference, {"amount": amount, "expand": WITH}, keyed(key))
        return of_intent(await self._ask(raised, moves=True))

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        intents = self._stripe.v1.payment_intents
        params: Any = {"amount_to_capture": amount, "expand": WITH}
        return of_intent(await self._ask(intents.capture_async(reference, params, keyed(key)), moves=True))

    async def cancel(self, reference: str, key: str) -> Hold:
        if reference.startswith(PAGE_PREFIX):
            sessions = self._stripe.v1.checkout.sessions
            closed = sessions.expire_async(reference, {"expand": WITH_PAGE}, keyed(key))
            return of_page(await self._ask(closed, moves=True))
        intents = self._stripe.v1.payment_intents
        return of_intent(await self._ask(intents.cancel_async(reference, {"expand": WITH}, keyed(key)), moves=True))

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        params: Any = {"payment_intent": reference, "amount": amount, "metadata": {OUR_CALL: ours}}
        return refund(await self._ask(self._stripe.v1.refunds.create_async(params, keyed(key)), moves=True))

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        made = self._stripe.v1.checkout.sessions.create_async(card_page(asked), keyed(key))
        page: Any = await self._ask(made)
        return Page(reference=page.id, url=page.url)

    async def kept(self, reference: str) -> Kept:
        sessions = self._stripe.v1.checkout.sessions
        return kept(await self._ask(sessions.retrieve_async(reference, {"expand": WITH_CARD})))

    async def drop_method(self, saved: Saved, key: str) -> None:
        methods = self._stripe.v1.payment_methods
        try:
            await self._ask(methods.detach_async(saved.method, None, keyed(key)))
        except ProviderRefused:
            # One that is nobody's any more can't be taken off anybody.
            with suppress(ProviderUnknown):
                found: Any = await self._ask(methods.retrieve_async(saved.method))
                if found.customer is None:
                    return
                raise

    async def drop_customer(self, customer: str, key: str) -> None:
        customers = self._stripe.v1.customers
        with suppress(ProviderUnknown):
            found: Any = await self._ask(customers.retrieve_async(customer))
            if not getattr(found, "deleted", False):
                await self._ask(customers.delete_async(customer, None, keyed(key)))

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        created = self._stripe.v1.payment_intents.create_async(saved_payment(asked, saved), keyed(key))
        return of_intent(await self._ask(created, moves=asked.at_once))

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        created = self._stripe.v1.payment_intents.create_async(reader_payment(asked), keyed(f"{key}:made"))
        made = of_intent(await self._ask(created))
        sent: Any = {"payment_intent": made.reference}
        try:
            await self._ask(self._readers.process_payment_intent_async(reader, sent, keyed(key)))
        except ProviderRefused:
            with suppress(ProviderError):
                await self.cancel(made.reference, f"{key}:left")
            raise
        return made

    async def find_at(self, call: str, reader: str) -> Hold | None:
        made: Any = await self._ask(self._readers.retrieve_async(reader, {"expand": WITH_ASKED}), moves=True)
        intent = asked_at(made)
        return None if metadata(intent).get(OUR_CALL) != call else at_reader(of_intent(intent), made)

    async def at_reader(self, reference: str, reader: str) -> Hold:
        hold = await self.get(reference)
        if hold.state is not HoldState.OPEN:
            return hold
        hold = at_reader(hold, await self._ask(self._readers.retrieve_async(reader), moves=True))
        # What the reader is done with may have been paid between the two looks.
        now = hold if hold.state is HoldState.OPEN else await self.get(reference)
        return now if now.state is not HoldState.OPEN else hold

    async def reader_stop(self, reference: str, reader: str, key: str) -> None:
        if (await self.reader(reader)).asks == reference:
            await self._ask(self._readers.cancel_action_async(reader, None, keyed(key)))

    async def reader(self, reference: str) -> Reader:
        return as_reader(await self._ask(self._readers.retrieve_async(reference)))

    @property
    def _readers(self) -> Any:
        return self._stripe.v1.terminal.readers

    async def find(self, call: str, customer: str) -> Hold | None:
        params: Any = {"customer": customer, "limit": LOOKED_THROUGH, "expand": [f"data.{each}" for each in WITH]}
        found: Any = await self._ask(self._stripe.v1.payment_intents.list_async(params), moves=True)
        hold = next((of_intent(each) for each in found.data if metadata(each).get(OUR_CALL) == call), None)
        # Nobody is there to try another card.
        return replace(hold, state=HoldState.FAILED) if hold is not None and hold.state is HoldState.OPEN else hold

    async def host(self, reference: str) -> HostAccount:
        return host_account(await self._ask(self._stripe.v1.accounts.retrieve_async(reference)))

    async def merchant(self) -> Merchant:
        return merchant(await self._ask(self._stripe.v1.accounts.retrieve_current_async()))

    async def send_hooks(self, url: str, key: str) -> str:
        params: Any = {"url": url, "enabled_events": list(HEARD), "description": "Forecourt"}
        made: Any = await self._ask(self._stripe.v1.webhook_endpoints.create_async(params, keyed(key)))
        return str(made.secret)

    async def onboard_host(self, asked: HostAsked, key: str, link_key: str) -> Page:
        reference = asked.reference
        if reference is None:
            made: Any = await self._ask(self._stripe.v1.accounts.create_async(new_host(asked), keyed(key)))
            reference = str(made.id)
        page: Any = await self._ask(
            self._stripe.v1.account_links.create_async(host_link(asked, reference), keyed(link_key))
        )
        return Page(reference=reference, url=page.url)

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        params: Any = {
            "amount": amount.amount,
            "currency": amount.currency.lower(),
            "destination": host,
            "metadata": {OUR_CALL: ours},
        }
        made: Any = await self._ask(self._stripe.v1.transfers.create_async(params, keyed(key)), moves=True)
        return Sent(reference=made.id, amount=money(made), status="succeeded")

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        params: dict[str, Any] = {
            "destination": host,
            "created": {"gte": int(since.timestamp()) - MAX_HOOK_AGE_S},
            "limit": LOOKED_THROUGH,
        }
        found: Any = await self._ask(self._stripe.v1.transfers.list_async(params), moves=True)  # type: ignore[arg-type]
        made = next((each for each in found.data if metadata(each).get(OUR_CALL) == ours), None)
        return None if made is None else Sent(reference=made.id, amount=money(made), status="succeeded")

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        params: Any = {"amount": amount.amount, "currency": amount.currency.lower(), "metadata": {OUR_CALL: ours}}
        options = keyed(key) | ({"stripe_account": host} if host else {})
        made: Any = await self._ask(self._stripe.v1.payouts.create_async(params, options), moves=True)
        return Sent(reference=made.id, amount=money(made), status=str(made.status), arrives_at=at(made.arrival_date))

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        params: dict[str, Any] = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "limit": MOVEMENTS_AT_ONCE,
            "expand": ["data.source"],
        }
        if after is not None:
            params["starting_after"] = after
        found: Any = await self._ask(self._stripe.v1.balance_transactions.list_async(params))  # type: ignore[arg-type]
        page = tuple(movement(each) for each in found.data)
        return Movements(movements=page, next=page[-1].reference if found.has_more and page else None)

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        import stripe

        if not self._keys.hook_secret:
            # Anybody could sign with nothing.
            raise HookRefused
        signature = headers.get(_SIGNATURE)
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._keys.hook_secret)
            signed_at, _ = stripe.WebhookSignature._get_timestamp_and_signatures(str(signature), "v1")
            event = json.loads(body)
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as fault:
            raise HookRefused from fault
        if abs(now.timestamp() - signed_at) > MAX_HOOK_AGE_S:
            raise HookRefused
        return [notice(event)]

    async def _ask(self, call: Awaitable[Any], *, moves: bool = False) -> Any:
        """One call within its deadline, its failures in our words. `moves`: it moves money, or asks what came of that,
        and waits as long as our key is not let in."""
        with in_our_words(moves=moves):
            async with asyncio.timeout(self._deadline_s):
                return await call
