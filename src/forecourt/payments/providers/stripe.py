"""Stripe, by its own library: hosted pages (Checkout), saved cards, card terminals, and accounts of hosts (Connect).

A hold begins as a Checkout Session and goes on as the Payment Intent behind it, once the driver has paid: the name to
ask for it by changes then. The library's own retries are off: who asks again, and with which key, is decided by whoever
keeps the call.
"""

import asyncio
import importlib
import json
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from forecourt.payments.psp import (
    DEADLINE_S,
    MAX_HOOK_AGE_S,
    MOVEMENTS_AT_ONCE,
    Card,
    Declined,
    Hold,
    HoldAsked,
    HoldState,
    HookRefused,
    HostAsked,
    MethodAsked,
    Movement,
    Movements,
    Notice,
    Page,
    ProviderAway,
    ProviderRefused,
    Refund,
    Saved,
    Sent,
)
from forecourt.platform.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe import StripeClient

#: The names under which what is ours comes back from Stripe.
OURS: Final = "forecourt_intent"
OUR_CALL: Final = "forecourt_call"
#: Begins the name of a Checkout Session, and of a Payment Intent.
PAGE_PREFIX: Final = "cs_"
#: Payment Intents of a customer that are looked through for one of ours.
LOOKED_THROUGH: Final = 100
#: What is read along with a Payment Intent, and a Checkout Session.
_WITH: Final = ["latest_charge"]
_WITH_PAGE: Final = [f"payment_intent.{each}" for each in _WITH]
#: HTTP statuses by which Stripe says to come again: nothing is kept under the key.
_BUSY: Final = (409, 429)
#: Refunds that were made, or will be.
_GIVEN_BACK: Final = ("pending", "succeeded", "requires_action")
_SIGNATURE: Final = "stripe-signature"


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
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": asked.intent,
            "metadata": {OURS: asked.intent},
            "line_items": [_line(asked)],
            "payment_intent_data": {
                "capture_method": "automatic" if asked.at_once else "manual",
                "description": asked.description,
                "metadata": {OURS: asked.intent},
                **({"setup_future_usage": "off_session"} if asked.save else {}),
            },
            "success_url": asked.return_url,
            "cancel_url": asked.cancel_url or asked.return_url,
            "locale": asked.language.value,
            "expand": _WITH_PAGE,
        }
        if not asked.at_once:
            params["payment_method_options"] = {"card": {"request_incremental_authorization": "if_available"}}
        if asked.expires_at is not None:
            params["expires_at"] = int(asked.expires_at.timestamp())
        if asked.customer is not None:
            params["customer"] = asked.customer
        elif asked.save:
            params["customer_creation"] = "always"
        if asked.email and asked.customer is None:
            params["customer_email"] = asked.email
        made = self._stripe.v1.checkout.sessions.create_async(params, _keyed(key))  # type: ignore[arg-type]
        return _of_page(await self._ask(made))

    async def get(self, reference: str) -> Hold:
        if reference.startswith(PAGE_PREFIX):
            sessions = self._stripe.v1.checkout.sessions
            return _of_page(await self._ask(sessions.retrieve_async(reference, {"expand": _WITH_PAGE})))
        intents = self._stripe.v1.payment_intents
        hold = _of_intent(await self._ask(intents.retrieve_async(reference, {"expand": _WITH})))
        if hold.state is not HoldState.CAPTURED:
            return hold
        made = await self._ask(
            self._stripe.v1.refunds.list_async({"payment_intent": reference, "limit": LOOKED_THROUGH})
        )
        refunds = tuple(_refund(each) for each in made.data)
        # A charge counts what was held and not taken as refunded as well.
        back = sum(each.amount for each in refunds if each.status in _GIVEN_BACK)
        return replace(hold, refunds=refunds, refunded=back)

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        intents = self._stripe.v1.payment_intents
        raised = intents.increment_authorization_async(reference, {"amount": amount, "expand": _WITH}, _keyed(key))
        return _of_intent(await self._ask(raised))

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        intents = self._stripe.v1.payment_intents
        params: Any = {"amount_to_capture": amount, "expand": _WITH}
        return _of_intent(await self._ask(intents.capture_async(reference, params, _keyed(key))))

    async def cancel(self, reference: str, key: str) -> Hold:
        if reference.startswith(PAGE_PREFIX):
            sessions = self._stripe.v1.checkout.sessions
            return _of_page(await self._ask(sessions.expire_async(reference, {"expand": _WITH_PAGE}, _keyed(key))))
        intents = self._stripe.v1.payment_intents
        return _of_intent(await self._ask(intents.cancel_async(reference, {"expand": _WITH}, _keyed(key))))

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        params: Any = {"payment_intent": reference, "amount": amount, "metadata": {OUR_CALL: ours}}
        return _refund(await self._ask(self._stripe.v1.refunds.create_async(params, _keyed(key))))

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        params: dict[str, Any] = {
            "mode": "setup",
            "currency": asked.currency.lower(),
            "client_reference_id": asked.intent,
            "metadata": {OURS: asked.intent},
            "setup_intent_data": {"metadata": {OURS: asked.intent}},
            "success_url": asked.return_url,
            "cancel_url": asked.cancel_url,
            "locale": asked.language.value,
            **({"customer": asked.customer} if asked.customer else {"customer_creation": "always"}),
        }
        if asked.email and asked.customer is None:
            params["customer_email"] = asked.email
        page: Any = await self._ask(self._stripe.v1.checkout.sessions.create_async(params, _keyed(key)))  # type: ignore[arg-type]
        return Page(reference=page.id, url=page.url)

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        params: dict[str, Any] = {
            **_payment(asked),
            "customer": saved.customer,
            "payment_method": saved.method,
            "off_session": True,
            "confirm": True,
        }
        created = self._stripe.v1.payment_intents.create_async(params, _keyed(key))  # type: ignore[arg-type]
        return _of_intent(await self._ask(created))

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        params: dict[str, Any] = {**_payment(asked), "payment_method_types": ["card_present"]}
        made = _of_intent(
            await self._ask(self._stripe.v1.payment_intents.create_async(params, _keyed(f"{key}:made")))  # type: ignore[arg-type]
        )
        readers = self._stripe.v1.terminal.readers
        sent: Any = {"payment_intent": made.reference}
        await self._ask(readers.process_payment_intent_async(reader, sent, _keyed(key)))
        return made

    async def find(self, call: str, customer: str) -> Hold | None:
        params: Any = {"customer": customer, "limit": LOOKED_THROUGH, "expand": [f"data.{each}" for each in _WITH]}
        found: Any = await self._ask(self._stripe.v1.payment_intents.list_async(params))
        return next((_of_intent(each) for each in found.data if _metadata(each).get(OUR_CALL) == call), None)

    async def onboard_host(self, asked: HostAsked, key: str) -> Page:
        reference = asked.reference
        if reference is None:
            params: Any = {
                "country": asked.country,
                "email": asked.email,
                "controller": {
                    "stripe_dashboard": {"type": "express"},
                    "fees": {"payer": "application"},
                    "losses": {"payments": "application"},
                },
                "capabilities": {"transfers": {"requested": True}},
                "metadata": {"forecourt_host": asked.host},
            }
            made: Any = await self._ask(self._stripe.v1.accounts.create_async(params, _keyed(f"{key}:made")))
            reference = str(made.id)
        link: Any = {
            "account": reference,
            "type": "account_onboarding",
            "return_url": asked.return_url,
            "refresh_url": asked.refresh_url,
        }
        page: Any = await self._ask(self._stripe.v1.account_links.create_async(link, _keyed(key)))
        return Page(reference=reference, url=page.url)

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        params: Any = {
            "amount": amount.amount,
            "currency": amount.currency.lower(),
            "destination": host,
            "metadata": {OUR_CALL: ours},
        }
        made: Any = await self._ask(self._stripe.v1.transfers.create_async(params, _keyed(key)))
        return Sent(reference=made.id, amount=_money(made), status="succeeded")

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        params: Any = {"amount": amount.amount, "currency": amount.currency.lower(), "metadata": {OUR_CALL: ours}}
        options = _keyed(key) | ({"stripe_account": host} if host else {})
        made: Any = await self._ask(self._stripe.v1.payouts.create_async(params, options))
        return Sent(reference=made.id, amount=_money(made), status=str(made.status), arrives_at=_at(made.arrival_date))

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        params: dict[str, Any] = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "limit": MOVEMENTS_AT_ONCE,
            "expand": ["data.source"],
        }
        if after is not None:
            params["starting_after"] = after
        found: Any = await self._ask(self._stripe.v1.balance_transactions.list_async(params))  # type: ignore[arg-type]
        page = tuple(_movement(each) for each in found.data)
        return Movements(movements=page, next=page[-1].reference if found.has_more and page else None)

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        import stripe

        signature = headers.get(_SIGNATURE)
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._keys.hook_secret)
            signed_at, _ = stripe.WebhookSignature._get_timestamp_and_signatures(str(signature), "v1")
            event = json.loads(body)
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as fault:
            raise HookRefused from fault
        if abs(now.timestamp() - signed_at) > MAX_HOOK_AGE_S:
            raise HookRefused
        return [_notice(event)]

    async def _ask(self, call: Awaitable[Any]) -> Any:
        """One call within its deadline, its failures in our words."""
        with _in_our_words():
            async with asyncio.timeout(self._deadline_s):
                return await call


@contextmanager
def _in_our_words() -> "Iterator[None]":
    """Turns Stripe's errors into the port's."""
    import stripe

    try:
        yield
    except stripe.CardError as fault:
        raise Declined(f"{fault.user_message or 'The card was declined.'}") from fault
    except (stripe.APIConnectionError, TimeoutError, OSError) as fault:
        raise ProviderAway from fault
    except stripe.IdempotencyError as fault:
        if fault.http_status in _BUSY:
            raise ProviderAway from fault
        raise ProviderRefused(_said(fault)) from fault
    except stripe.StripeError as fault:
        status = fault.http_status or 500
        if status in _BUSY:
            raise ProviderAway from fault
        if status >= 500:
            raise ProviderAway(answered=True) from fault
        raise ProviderRefused(_said(fault)) from fault


def _said(fault: Any) -> str:
    return f"The payment provider refused the request: {fault.user_message or type(fault).__name__}"


def _keyed(key: str) -> Any:
    return {"idempotency_key": key}


def _line(asked: HoldAsked) -> Any:
    price = {
        "currency": asked.amount.currency.lower(),
        "unit_amount": asked.amount.amount,
        "product_data": {"name": asked.description},
    }
    return {"quantity": 1, "price_data": price}


def _payment(asked: HoldAsked) -> dict[str, Any]:
    return {
        "amount": asked.amount.amount,
        "currency": asked.amount.currency.lower(),
        "capture_method": "automatic" if asked.at_once else "manual",
        "description": asked.description,
        "metadata": {OURS: asked.intent, OUR_CALL: asked.call},
        "expand": _WITH,
    }


def _money(made: Any) -> Money:
    return Money(amount=int(made.amount), currency=str(made.currency).upper())


def _at(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)


def _get(thing: Any, name: str) -> Any:
    """A field that a version of the API may not have; None where it is missing."""
    return None if thing is None or isinstance(thing, str) else getattr(thing, name, None)


def _metadata(thing: Any) -> dict[str, str]:
    kept = _get(thing, "metadata")
    if kept is None:
        return {}
    return {str(name): str(kept[name]) for name in (OURS, OUR_CALL) if name in kept}


_PAGE_STATES: Final = {"open": HoldState.OPEN, "expired": HoldState.EXPIRED}
_STATES: Final = {
    "requires_capture": HoldState.AUTHORISED,
    "succeeded": HoldState.CAPTURED,
    "canceled": HoldState.CANCELLED,
}


def _of_page(page: Any) -> Hold:
    """A Checkout Session. Its Payment Intent tells more, once somebody paid."""
    intent = _get(page, "payment_intent")
    state = _PAGE_STATES.get(str(page.status))
    if intent is not None and not isinstance(intent, str):
        hold = _of_intent(intent)
        if state is None or hold.state in (HoldState.AUTHORISED, HoldState.CAPTURED):
            return hold
    return Hold(
        reference=page.id,
        state=state or HoldState.OPEN,
        currency=str(page.currency or "").upper(),
        url=_get(page, "url"),
    )


def _of_intent(intent: Any) -> Hold:
    charge = _get(intent, "latest_charge")
    charge = None if isinstance(charge, str) else charge
    paid = _get(charge, "payment_method_details")
    kind = str(_get(paid, "type") or "card")
    details = _get(paid, kind)
    state = _STATES.get(str(intent.status), HoldState.OPEN)
    if state is HoldState.CANCELLED and _get(intent, "cancellation_reason") == "automatic":
        state = HoldState.EXPIRED
    customer, method = _get(intent, "customer"), _get(intent, "payment_method")
    fault = _get(intent, "last_payment_error")
    return Hold(
        reference=intent.id,
        state=state,
        currency=str(intent.currency).upper(),
        authorised=int(intent.amount) if state in (HoldState.AUTHORISED, HoldState.CAPTURED) else 0,
        captured=int(_get(intent, "amount_received") or 0),
        capture_before=_at(_get(details, "capture_before")),
        may_increment=_may_increment(details),
        card=None if paid is None else _card(kind, details),
        saved=_saved(customer, method) if _get(intent, "setup_future_usage") else None,
        reason=_get(fault, "message"),
        disputed=bool(_get(charge, "disputed")),
    )


def _may_increment(details: Any) -> bool:
    online = _get(_get(details, "incremental_authorization"), "status") == "available"
    return online or bool(_get(details, "incremental_authorization_supported"))


def _card(kind: str, details: Any) -> Card:
    wallet = _get(_get(details, "wallet"), "type")
    return Card(
        brand=str(_get(details, "brand") or ""), last4=str(_get(details, "last4") or ""), kind=str(wallet or kind)
    )


def _saved(customer: Any, method: Any) -> Saved | None:
    if customer is None or method is None:
        return None
    names = [each if isinstance(each, str) else str(each.id) for each in (customer, method)]
    return Saved(customer=names[0], method=names[1])


def _refund(made: Any) -> Refund:
    return Refund(
        reference=made.id,
        amount=int(made.amount),
        ours=_metadata(made).get(OUR_CALL),
        status=str(made.status or "pending"),
    )


def _movement(made: Any) -> Movement:
    source = _get(made, "source")
    source = source if source is not None or isinstance(made.source, str) else None
    hold = _get(source, "payment_intent")
    return Movement(
        reference=made.id,
        kind=str(_get(made, "reporting_category") or made.type),
        amount=int(made.amount),
        fee=int(made.fee),
        currency=str(made.currency).upper(),
        at=datetime.fromtimestamp(int(made.created), UTC),
        available_at=datetime.fromtimestamp(int(made.available_on), UTC),
        source=source if isinstance(source, str) else _get(source, "id"),
        hold=hold if isinstance(hold, str) else _get(hold, "id"),
        intent=_named(_metadata(source).get(OURS)),
    )


def _notice(event: Any) -> Notice:
    about = event["data"]["object"]
    kind = str(about.get("object") or "")
    reference = about.get("payment_intent") if kind in ("charge", "dispute", "refund") else about.get("id")
    metadata = about.get("metadata") or {}
    return Notice(
        event=str(event["id"]),
        kind=str(event["type"]),
        intent=_named(metadata.get(OURS) or about.get("client_reference_id")),
        reference=reference if isinstance(reference, str) else None,
    )


def _named(said: str | None) -> str | None:
    """A payment as the books name it. Stripe is told it in one run of letters and digits, which never looks like the
    number of a card."""
    try:
        return None if said is None else str(UUID(said))
    except ValueError:
        return said
