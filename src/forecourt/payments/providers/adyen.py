"""Adyen, by its own library: payment links as the hosted page, cards that are kept, and what its webhooks say.

A hold begins as a payment link and goes on as the payment behind it, once a webhook named that. Captures, cancels,
refunds and raises are taken as requests: what came of one is told later, and until then each of those calls raises
OutcomeOpen. There is no call that reads a payment back, so an account needs a memory of what it was told.

The library blocks, so it runs in a few threads of the account's own.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Struct

from forecourt.payments.declines import DECLINES, Decline
from forecourt.payments.providers import adyen_settling as settling
from forecourt.payments.providers.adyen_errors import in_our_words
from forecourt.payments.providers.adyen_hooks import notices
from forecourt.payments.providers.adyen_shapes import (
    AUTHORISATION,
    PAGE,
    RECEIVED,
    Link,
    Paid,
    Taken,
    hold_of,
    paid_by,
    read_reference,
    reference_of,
)
from forecourt.payments.providers.stubs import Unable
from forecourt.payments.psp import DEADLINE_S
from forecourt.payments.psp.errors import Declined, OutcomeOpen, ProviderRefused
from forecourt.payments.psp.words import (
    Hold,
    HoldAsked,
    HoldState,
    HostAsked,
    MethodAsked,
    Movements,
    Notice,
    Page,
    Refund,
    Saved,
    Sent,
    Told,
)
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money

T = TypeVar("T")

#: Calls of one account that are in the air at once; others wait, and their deadline runs.
AT_ONCE: Final = 4
#: Adyen keeps keys for a week at least; after that a call is not asked again.
KEY_LIFE: Final = timedelta(days=6)
#: A raise that nothing was said about for so long counts as refused: what is held is what we were told of.
RAISE_WAIT: Final = timedelta(seconds=90)
#: Version of the Checkout API that the library speaks, as its paths begin.
VERSION: Final = "v72"
#: Ways to pay that can be held first and taken later.
WAYS: Final = ["scheme", "applepay", "googlepay"]
#: How the name of a payment link begins; it is longer than that of a payment, which may begin so too.
PAGE_PREFIX: Final = "PL"
PAYMENT_LENGTH: Final = 16
#: What was captured stands in a report after the days that a scheme takes, a weekend, and until the batch closes.
SETTLES_WITHIN: Final = timedelta(days=7)
NOT_OFFERED: Final = "This is not offered by this provider."
_LOCALES: Final = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "nl": "nl-NL", "es": "es-ES"}
#: A payment link on which somebody paid, or is about to.
_PAID: Final = frozenset({"completed", "paymentPending"})
#: Results that wait for the driver, who isn't there.
_UNCONFIRMED: Final = frozenset({"RedirectShopper", "IdentifyShopper", "ChallengeShopper", "PresentToShopper"})


class AdyenKeys(Struct, frozen=True, kw_only=True, tag="adyen"):
    """What an account at Adyen is reached by: its API key, the merchant account, the key that its webhooks are signed
    with (HMAC, in base 16), and the prefix of its live addresses; without one it is a test account. `report_key`: the
    API key of its report user; without one nothing is known of what it settles."""

    api_key: str
    hook_key: str
    merchant_account: str
    live_prefix: str | None = None
    report_key: str | None = None


class Memory(settling.Memory, Protocol):
    """What an account was told."""

    async def of_call(self, call: str) -> list[Told]:
        """What came of a call of ours."""
        ...

    async def answer_to(self, key: str) -> Told | None:
        """What was answered to a key, if an answer was heard."""
        ...


async def open_adyen(keys: AdyenKeys, memory: Memory, clock: Clock, address: str | None = None) -> "Adyen":
    """The adapter of one account, once the library is loaded: that takes a moment, and nobody else waits for it.
    `address`: of the API, where it is not Adyen's own."""
    await asyncio.to_thread(importlib.import_module, "Adyen")
    return Adyen(keys, memory, clock, address)


class Adyen(Unable):
    """One account at Adyen. Close it when it is no longer used."""

    key_life = KEY_LIFE
    reads_back = False
    told_within = SETTLES_WITHIN
    hook_answer = "[accepted]"

    def __init__(
        self, keys: AdyenKeys, memory: Memory, clock: Clock, address: str | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:  # fmt: skip
        from Adyen import Adyen as Library

        self._keys = keys
        self._memory = memory
        self._clock = clock
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="adyen")
        adyen = Library(
            xapikey=keys.api_key,
            platform="test" if keys.live_prefix is None else "live",
            live_endpoint_prefix=keys.live_prefix,
            http_timeout=deadline_s,
        )
        self._payments = adyen.checkout.payments_api
        self._links = adyen.checkout.payment_links_api
        self._changes = adyen.checkout.modifications_api
        if address is not None:
            for each in (self._payments, self._links, self._changes):
                each.baseUrl = f"{address}/{VERSION}"

        self.lists_movements = keys.report_key is not None
        base = address or (settling.TEST if keys.live_prefix is None else settling.LIVE)
        self._reports = settling.Reports(
            memory, clock, merchant_account=keys.merchant_account, key=keys.report_key or "", base=base
        )

    async def close(self) -> None:
        """Lets its threads go; what they are at they end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def start_hold(self, asked: HoldAsked, key: str) -> Hold:
        body: dict[str, Any] = {
            **self._payment(asked),
            "description": asked.description,
            "returnUrl": asked.return_url,
            "shopperLocale": _LOCALES[asked.language.value],
            "allowedPaymentMethods": WAYS,
        }
        if not asked.at_once:
            body["manualCapture"] = True
        if asked.expires_at is not None:
            body["expiresAt"] = asked.expires_at.isoformat(timespec="seconds")
        if asked.email:
            body["shopperEmail"] = asked.email
        if asked.save:
            body["shopperReference"] = asked.customer or asked.intent
            body["storePaymentMethodMode"] = "enabled"
            body["recurringProcessingModel"] = "UnscheduledCardOnFile"
        link = await self._ask(Link, lambda: self._links.payment_links(body, idempotency_key=key))
        await self._memory.keep(
            Told(kind=PAGE, reference=link.id, about=link.id, at=self._clock.now(), call=asked.call, key=key)
        )
        return _open(link)

    async def get(self, reference: str) -> Hold:
        if not _is_page(reference):
            hold = hold_of(reference, await self._memory.about(reference))
            if hold is None:
                raise ProviderRefused("The provider told nothing of this payment.")
            return hold
        known = await self._behind(await self._memory.about(reference))
        if known is not None:
            return known
        link = await self._ask(Link, lambda: self._links.get_payment_link(reference))
        # What is told meanwhile is told by our name of the call, whether the page itself was kept or not.
        _, call, _ = read_reference(link.reference)
        return (call and await self._behind_call(call)) or _open(link)

    async def _behind(self, page: Sequence[Told]) -> Hold | None:
        """The hold behind a page, once it was told of."""
        call = next((each.call for each in page if each.kind == PAGE), None)
        return None if call is None else await self._behind_call(call)

    async def _behind_call(self, call: str) -> Hold | None:
        """The hold that came of a call."""
        told = await self._memory.of_call(call)
        made = next((each for each in told if each.kind == AUTHORISATION and each.good), None)
        return None if made is None else hold_of(made.reference, await self._memory.about(made.reference))

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        hold = await self.get(reference)
        body = {"amount": {"value": amount, "currency": hold.currency}, "industryUsage": "delayedCharge"}
        try:
            return await self._change(self._changes.update_authorised_amount, reference, body, key)
        except OutcomeOpen:
            taken = await self._memory.answer_to(key)
            if taken is not None and taken.at + RAISE_WAIT <= self._clock.now():
                raise ProviderRefused("The provider did not say in time whether the hold is higher.") from None
            raise

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        hold = await self.get(reference)
        body = {"amount": {"value": amount, "currency": hold.currency}}
        return await self._change(self._changes.capture_authorised_payment, reference, body, key)

    async def cancel(self, reference: str, key: str) -> Hold:
        if _is_page(reference):
            return await self._close_page(reference, key)
        return await self._change(self._changes.cancel_authorised_payment_by_psp_reference, reference, {}, key)

    async def _close_page(self, reference: str, key: str) -> Hold:
        """Closes a page that nobody paid on. Was it paid and not told of yet, the payment is given back by our name of
        it. Raises ProviderRefused where the hold behind it is known: that is what is to be given back."""
        known = await self._behind(await self._memory.about(reference))
        if known is not None and known.state is HoldState.CANCELLED:
            return known
        if known is not None:
            raise ProviderRefused("Somebody paid on this page meanwhile.")
        try:
            closed = {"status": "expired"}
            return _open(await self._ask(Link, lambda: self._links.update_payment_link(closed, reference)))
        except ProviderRefused:
            link = await self._ask(Link, lambda: self._links.get_payment_link(reference))
            if link.status == "expired":
                return _open(link)
            if link.status not in _PAID:
                raise
        return await self._cancel_unheard(link, key)

    async def _cancel_unheard(self, link: Link, key: str) -> Hold:
        """Gives back a payment by our name of it, for its own was not heard."""
        body = {"merchantAccount": self._keys.merchant_account, "paymentReference": link.reference, "reference": key}
        taken = await self._taken(
            key, link.id, lambda: self._changes.cancel_authorised_payment(body, idempotency_key=key), None
        )
        came = [each for each in await self._memory.named(taken.reference) if each.kind != RECEIVED]
        if not came:
            raise OutcomeOpen
        if any(not each.good for each in came):
            raise ProviderRefused("The payment behind the page could not be given back.")
        return Hold(reference=link.id, state=HoldState.CANCELLED, currency=link.amount.currency)

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        hold = await self.get(reference)
        body = {"amount": {"value": amount, "currency": hold.currency}}
        made = await self._change(self._changes.refund_captured_payment, reference, body, key, ours)
        return next(each for each in made.refunds if each.ours == ours and each.given)

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        body: dict[str, Any] = {
            **self._payment(asked),
            "paymentMethod": {"type": "scheme", "storedPaymentMethodId": saved.method},
            "shopperReference": saved.customer,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": "UnscheduledCardOnFile",
        }
        if not asked.at_once:
            body["additionalData"] = {"manualCapture": "true", "authorisationType": "PreAuth"}
        if asked.return_url is not None:
            body["returnUrl"] = asked.return_url
        paid = await self._ask(Paid, lambda: self._payments.payments(body, idempotency_key=key), moves=asked.at_once)
        if paid.result_code in ("Received", "Pending"):
            raise OutcomeOpen
        if paid.result_code in _UNCONFIRMED:
            raise Declined(DECLINES[Decline.CONFIRM], why=Decline.CONFIRM)
        if paid.result_code != "Authorised" or paid.psp_reference is None:
            raise Declined(f"The card was declined: {(paid.refusal_reason or paid.result_code)[:200]}.")
        await self._memory.keep(paid_by(asked, paid, saved, key, self._clock.now()))
        hold = hold_of(paid.psp_reference, await self._memory.about(paid.psp_reference))
        assert hold is not None, "what was kept is told"
        return hold

    async def find(self, call: str, customer: str) -> Hold | None:
        return await self._behind_call(call)

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        keys = self._keys
        return notices(
            body, now, hook_key=keys.hook_key, merchant_account=keys.merchant_account, live=keys.live_prefix is not None
        )

    # What it doesn't offer, or not in this form.

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        raise ProviderRefused(NOT_OFFERED)

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        raise ProviderRefused(NOT_OFFERED)

    async def onboard_host(self, asked: HostAsked, key: str, link_key: str) -> Page:
        raise ProviderRefused(NOT_OFFERED)

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        raise ProviderRefused(NOT_OFFERED)

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        raise ProviderRefused(NOT_OFFERED)

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        """Of reports that were not read yet, whatever their time: what is behind one is told once that was kept."""
        if not self.lists_movements:
            raise ProviderRefused(NOT_OFFERED)
        return await self._reports.page(after)

    # How it is asked.

    def _payment(self, asked: HoldAsked) -> dict[str, Any]:
        return {
            "merchantAccount": self._keys.merchant_account,
            "reference": reference_of(asked),
            "amount": {"value": asked.amount.amount, "currency": asked.amount.currency},
            **({"captureDelayHours": 0} if asked.at_once else {}),
        }

    async def _change(
        self, request: Callable[..., Any], reference: str, more: dict[str, Any], key: str, ours: str | None = None
    ) -> Hold:
        """Asks for something to be done to a payment, if this key wasn't taken before, and looks what was told of it.
        Raises OutcomeOpen as long as nothing was, and ProviderRefused where it was not done."""
        body = {"merchantAccount": self._keys.merchant_account, "reference": key, **more}
        taken = await self._taken(key, reference, lambda: request(body, reference, idempotency_key=key), ours)
        told = await self._memory.about(reference)
        came = [each for each in told if each.reference == taken.reference and each.kind != RECEIVED]
        if not came:
            raise OutcomeOpen
        failed = next((each for each in came if not each.good), None)
        if failed is not None:
            raise ProviderRefused(f"The payment provider refused the request: {failed.reason or failed.kind}.")
        hold = hold_of(reference, told)
        assert hold is not None, "what was told of it makes a hold"
        return hold

    async def _taken(self, key: str, about: str, request: Callable[[], Any], ours: str | None) -> Told:
        """That a request was taken, and by which name: as it was answered before, or is now."""
        before = await self._memory.answer_to(key)
        if before is not None:
            return before
        answer = await self._ask(Taken, request, moves=True)
        taken = Told(
            kind=RECEIVED, reference=answer.psp_reference, about=about, at=self._clock.now(), call=ours, key=key
        )
        await self._memory.keep(taken)
        return taken

    async def _ask(self, shape: type[T], request: Callable[[], Any], *, moves: bool = False) -> T:
        """One call within its deadline, its answer and its failures in our words. After the deadline a thread may go
        on with it: whether Adyen acted is not known then. `moves`: it moves money, so a refusal to let us in says
        nothing of what came of the same key before."""
        with in_our_words(moves=moves):
            async with asyncio.timeout(self._deadline_s):
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, request)
            return msgspec.convert(answer.message, shape)


def _is_page(reference: str) -> bool:
    return reference.startswith(PAGE_PREFIX) and len(reference) > PAYMENT_LENGTH


def _open(link: Link) -> Hold:
    """A page as it stands. One that was paid on waits for word of the payment."""
    paid = link.status in _PAID
    return Hold(
        reference=link.id,
        state=HoldState.EXPIRED if link.status == "expired" else HoldState.OPEN,
        currency=link.amount.currency,
        url=None if paid else link.url,
    )
