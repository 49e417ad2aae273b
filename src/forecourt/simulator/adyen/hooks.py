"""Webhooks: one event each, signed over eight of its fields, tried again until one is answered `[accepted]`."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.books import Books, Json

#: What is signed, in this order, with colons between.
SIGNED = (
    "pspReference", "originalReference", "merchantAccountCode", "merchantReference", "value", "currency", "eventCode",
    "success",
)  # fmt: skip


class Mischief(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may happen to webhooks on their way, each on a share of them between 0 and 1."""

    seed: int = 1
    #: Never arrives, nor is it tried again.
    lose: float = 0.0
    #: Arrives three times.
    triple: float = 0.0
    #: Arrives after others that came later.
    shuffle: float = 0.0
    #: Arrives later by `delay_s` of this server's clock.
    delay: float = 0.0
    delay_s: float = 30.0
    #: Signed with another key.
    forge: float = 0.0


class Delivery(msgspec.Struct, kw_only=True):
    """An event on its way."""

    merchant: str
    item: Json
    due: int
    tries: int = 0
    under_way: bool = False


def signature(item: Json, key: str) -> str:
    """HMAC-SHA256 of what is signed of an event, in base 64; the key is given in base 16."""
    fields = {**item, "value": item["amount"]["value"], "currency": item["amount"]["currency"]}
    text = ":".join(str(fields.get(name, "")) for name in SIGNED)
    return base64.b64encode(hmac.digest(binascii.unhexlify(key), text.encode(), hashlib.sha256)).decode()


def body_of(item: Json, key: str) -> bytes:
    """The webhook of an event, as it is sent."""
    more = {**item.get("additionalData", {}), "hmacSignature": signature(item, key)}
    wrapped = {"NotificationRequestItem": {**item, "additionalData": more}}
    return msgspec.json.encode({"live": "false", "notificationItems": [wrapped]})


class Courier:
    """Brings what is queued; what it doesn't get rid of comes again later."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.wake = asyncio.Event()
        self.queue: list[Delivery] = []
        #: Every event in order, also those that nobody asked for.
        self.events: list[tuple[str, Json]] = []
        self.set(Mischief())

    def set(self, wanted: Mischief) -> None:
        """Other mischief from now on."""
        self.mischief, self._random = wanted, random.Random(wanted.seed)  # noqa: S311 - repeatable on purpose

    def tell(self, now: int, merchant: str, event: Json) -> None:
        """Queues an event for a merchant."""
        item: Json = {
            "eventDate": datetime.fromtimestamp(now, UTC).isoformat(), "merchantAccountCode": merchant, "reason": "",
            "success": "true", **event,
        }  # fmt: skip
        self.events.append((merchant, item))
        if self.books.merchants[merchant].url is not None and len(self.queue) < limits.MAX_KEPT:
            self.queue.append(Delivery(merchant=merchant, item=item, due=now))
            self.wake.set()

    def idle(self, now: int) -> bool:
        """Whether nothing is due."""
        return not any(each.under_way or each.due <= now for each in self.queue)

    async def bring(self, session: aiohttp.ClientSession, now: int) -> None:
        """Brings all that is due and not under way."""
        batch = [each for each in self.queue if each.due <= now and not each.under_way]
        if self.mischief.shuffle:
            moved = [each for each in batch if self._chance(self.mischief.shuffle)]
            batch = [each for each in batch if each not in moved] + self._random.sample(moved, len(moved))
        for each in batch:
            each.under_way = True
        gate = asyncio.Semaphore(1 if self.mischief.shuffle else limits.DELIVERIES_AT_ONCE)

        async def one(delivery: Delivery) -> None:
            try:
                async with gate:
                    done = await self._deliver(session, now, delivery)
                if done:
                    self.queue.remove(delivery)
            finally:
                delivery.under_way = False

        await asyncio.gather(*(one(each) for each in batch))

    def _chance(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    async def _deliver(self, session: aiohttp.ClientSession, now: int, delivery: Delivery) -> bool:
        """Whether it needs not be brought again."""
        wanted, merchant = self.mischief, self.books.merchants[delivery.merchant]
        if self._chance(wanted.lose):
            return True
        if delivery.tries == 0 and self._chance(wanted.delay):
            delivery.due, delivery.tries = now + int(wanted.delay_s), 1
            return False
        forged = self._chance(wanted.forge)
        body = body_of(delivery.item, "00" * 32 if forged else merchant.hmac)
        taken = True
        for _ in range(3 if self._chance(wanted.triple) else 1):
            taken = await _post(session, str(merchant.url), body) and taken
        if taken or delivery.tries >= len(limits.RETRIES_S):
            return True
        delivery.due, delivery.tries = now + limits.RETRIES_S[delivery.tries], delivery.tries + 1
        return False


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> bool:
    timeout = aiohttp.ClientTimeout(total=limits.DELIVERY_TIMEOUT_S)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Adyen HttpClient 1.0 (sandbox)"}
    try:
        async with session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            return 200 <= answer.status < 300 and await answer.text() == "[accepted]"
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


def event(code: str, reference: str, amount: int, currency: str, ours: str, **more: Any) -> Json:
    """An event as its webhook tells it."""
    return {
        "eventCode": code, "pspReference": reference, "merchantReference": ours,
        "amount": {"value": amount, "currency": currency}, **more,
    }  # fmt: skip
