"""What stands for the driver, the provider's bank and the provider's word, at each provider: one desk for each.

A call may be answered by "not known yet": a desk then hears what the provider tells, and asks again with the same key,
as whoever keeps calls does.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from forecourt.payments.providers.adyen import Adyen
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import OutcomeOpen
from forecourt.payments.psp.words import Hold, Movement, Told
from forecourt.platform.clock import SystemClock
from forecourt.simulator.adyen.hooks import body_of
from tests.adyen import AdyenBox
from tests.sandbox import Sandbox

T = TypeVar("T")
HOOK_SECRET = "whsec_of_the_tests"
#: Times that something is asked again until it is plain that nothing comes of it.
TRIES = 5


class Desk(Protocol):
    """One account at a provider."""

    psp: Any
    #: A webhook that is older than this is refused.
    hook_life: timedelta
    intent: str

    async def pay(self, hold: Hold, card: str = "visa", **more: Any) -> Any:
        """Somebody pays on the page of a hold, and what the provider tells of it is heard."""
        ...

    async def done(self, call: Callable[[], Awaitable[T]]) -> T:
        """What a call comes to in the end."""
        ...

    async def fail_once(self, what: str, on: str) -> None:
        """The next call of this kind goes wrong so."""
        ...

    def happened(self, what: str) -> list[int]:
        """Amounts that the provider itself says it moved so."""
        ...

    async def moved(self) -> list[Movement]:
        """All that moved, once the provider tells it, page by page as a night reads it."""
        ...

    def hook(self, at: datetime, *, forged: bool = False) -> tuple[bytes, dict[str, str]]:
        """A webhook of the payment `intent`, as it is sent then."""
        ...

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        ...


async def _pages(psp: Any) -> list[Movement]:
    now, found, after = SystemClock().now() + timedelta(minutes=1), [], None
    while True:
        page = await psp.list_movements(now - timedelta(days=14), now, after)
        found += page.movements
        after = page.next
        if after is None:
            return found


class StripeDesk:
    """Stripe's adapter, and what stands for drivers, by the sandbox."""

    hook_life = timedelta(minutes=5)
    intent = "x"

    def __init__(self, psp: Stripe, box: Sandbox) -> None:
        self.psp, self.box = psp, box

    async def pay(self, hold: Hold, card: str = "visa", **more: Any) -> Any:
        return await asyncio.to_thread(self.box.pay, hold.reference, card, **more)

    async def done(self, call: Callable[[], Awaitable[T]]) -> T:
        return await call()

    async def fail_once(self, what: str, on: str) -> None:
        paths = {"capture": "POST /v1/payment_intents/*/capture", "refund": "POST /v1/refunds"}
        plan = {"fault": what, "match": paths[on], "times": 1}
        await asyncio.to_thread(self.box.faults, next=[plan], hang_s=1)

    def happened(self, what: str) -> list[int]:
        return [row["amount"] for row in self.box.ledger(self.box.account) if row["what"] == what]

    async def moved(self) -> list[Movement]:
        return await _pages(self.psp)

    def hook(self, at: datetime, *, forged: bool = False) -> tuple[bytes, dict[str, str]]:
        about = {"id": "pi_1", "object": "payment_intent", "metadata": {"forecourt_intent": self.intent}}
        said = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}
        raw, second = json.dumps(said).encode(), int(at.timestamp())
        secret = "whsec_other" if forged else HOOK_SECRET
        signed = hmac.digest(secret.encode(), f"{second}.".encode() + raw, sha256).hex()
        return raw, {"stripe-signature": f"t={second},v1={signed}"}

    def calm(self) -> None:
        self.box.faults()


class Remembered:
    """What an account was told, in memory."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}

    async def keep(self, told: Told) -> None:
        self.told.setdefault(told.event, told)

    async def about(self, reference: str) -> list[Told]:
        return [each for each in self.told.values() if each.about == reference]

    async def named(self, reference: str) -> list[Told]:
        return [each for each in self.told.values() if each.reference == reference]

    async def of_call(self, call: str) -> list[Told]:
        return [each for each in self.told.values() if each.call == call]

    async def answer_to(self, key: str) -> Told | None:
        return next((each for each in self.told.values() if each.key == key), None)

    async def unread(self) -> list[Told]:
        read = {each.reference for each in self.told.values() if each.kind == "report_read"}
        found = [each for each in self.told.values() if each.kind == "REPORT_AVAILABLE" and each.reference not in read]
        return sorted(found, key=lambda each: (each.at, each.event))


class AdyenDesk:
    """Adyen's adapter by its wire fake. What the fake tells is heard only when the desk listens."""

    hook_life = timedelta(days=31)
    intent = "5c2ff1f0-7a1c-4b8e-9b0b-0f2d5a1e3c4d"

    def __init__(self, box: AdyenBox) -> None:
        self.memory = Remembered()
        self.psp, self.box, self._heard = Adyen(box.keys, self.memory, SystemClock(), box.address), box, 0

    async def hear(self, *, backwards: bool = False) -> None:
        """Takes every webhook since the last time, each twice."""
        clock = SystemClock()
        found = await asyncio.to_thread(self.box.events, self._heard)
        self._heard += len(found)
        for body in sorted(found * 2, key=found.index, reverse=backwards):
            for notice in self.psp.parse_webhook(body, {}, clock.now()):
                if notice.told is not None:
                    await self.memory.keep(notice.told)

    async def pay(self, hold: Hold, card: str = "visa", **more: Any) -> Any:
        try:
            return await asyncio.to_thread(self.box.pay, hold.reference, card, **more)
        finally:
            await self.hear()

    async def done(self, call: Callable[[], Awaitable[T]]) -> T:
        for _ in range(TRIES):
            try:
                return await call()
            except OutcomeOpen:
                await self.hear(backwards=True)
        raise AssertionError("nothing ever comes of it")

    async def fail_once(self, what: str, on: str) -> None:
        plan = {"fault": what, "match": f"POST /payments/*/{on}s", "times": 1}
        await asyncio.to_thread(self.box.faults, next=[plan], hang_s=1)

    def happened(self, what: str) -> list[int]:
        return [row["amount"] for row in self.box.ledger() if row["what"] == what]

    async def moved(self) -> list[Movement]:
        await asyncio.to_thread(self.box.settle)
        await self.hear()
        return await _pages(self.psp)

    def hook(self, at: datetime, *, forged: bool = False) -> tuple[bytes, dict[str, str]]:
        item = {
            "eventCode": "AUTHORISATION", "pspReference": "BCDFGHJKLMNPQRST", "success": "true", "reason": "",
            "merchantReference": f"{self.intent.replace('-', '')}h{'0' * 32}", "eventDate": at.isoformat(),
            "merchantAccountCode": self.box.keys.merchant_account, "amount": {"value": 4000, "currency": "EUR"},
        }  # fmt: skip
        return body_of(item, "00" * 32 if forged else self.box.keys.hook_key), {}

    def calm(self) -> None:
        self.box.faults()
