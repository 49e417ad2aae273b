"""Webhooks: endpoints, events, and their delivery, signed over the very bytes, tried again until one answers 2xx."""

import asyncio
import hashlib
import hmac
import random
import secrets
import time

import aiohttp
import msgspec

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.act import Act, listing, shown
from forecourt.simulator.provider.books import Books
from forecourt.simulator.provider.errors import Json, invalid, refused
from forecourt.simulator.provider.form import Params


def create(act: Act, params: Params) -> Json:
    url = params.need("url")
    if not url.startswith(("http://", "https://")):
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", param="url",
                      code="url_invalid")  # fmt: skip
    events = params.texts("enabled_events")
    if not events:
        raise invalid("Missing required param: enabled_events.", param="enabled_events", code="parameter_missing")
    metadata, description, connect = params.metadata(), params.text("description"), params.flag("connect")
    params.ignore("api_version")
    params.done()
    if act.books.count(act.account, "webhook_endpoint") >= limits.MAX_ENDPOINTS:
        raise refused(f"You have reached the maximum of {limits.MAX_ENDPOINTS} webhook endpoints.", None)
    secret = f"whsec_{secrets.token_hex(16)}"
    endpoint = act.new(
        "webhook_endpoint", "we", api_version=limits.API_VERSION, application=None, description=description,
        enabled_events=events, metadata=metadata, status="enabled", url=url, _secret=secret, _connect=bool(connect),
    )  # fmt: skip
    # Told once, at its making.
    return endpoint | {"secret": secret}


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("webhook_endpoint", given)


def update(act: Act, params: Params, given: str) -> Json:
    endpoint = act.get("webhook_endpoint", given)
    endpoint["metadata"] = params.metadata(endpoint["metadata"])
    for name in ("url", "description"):
        if params.has(name):
            endpoint[name] = params.text(name)
    if params.has("enabled_events"):
        endpoint["enabled_events"] = params.texts("enabled_events")
    if params.has("disabled"):
        endpoint["status"] = "disabled" if params.flag("disabled") else "enabled"
    params.done()
    return act.put(endpoint)


def delete(act: Act, params: Params, given: str) -> Json:
    params.done()
    act.get("webhook_endpoint", given)
    act.books.remove(act.account, given)
    return {"id": given, "object": "webhook_endpoint", "deleted": True}


def endpoints(act: Act, params: Params) -> Json:
    return listing(act, params, "webhook_endpoint", "/v1/webhook_endpoints")


def retrieve_event(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("event", given)


def events(act: Act, params: Params) -> Json:
    params.ignore("delivery_success", "types")
    return listing(act, params, "event", "/v1/events", ("type",))


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
    #: Dated so far back that its signature is too old.
    stale: float = 0.0
    #: Signed with another secret.
    forge: float = 0.0


def signature(secret: str, body: bytes, at: int) -> str:
    """`Stripe-Signature`: when, and HMAC-SHA256 of that and the raw bytes."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Courier:
    """Brings what is queued, some at once; what it doesn't get rid of comes again later."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.wake = asyncio.Event()
        self.under_way: set[int] = set()
        self._mischief = Mischief()
        self._random = random.Random(1)  # noqa: S311 - repeatable on purpose

    @property
    def mischief(self) -> Mischief:
        return self._mischief

    @mischief.setter
    def mischief(self, wanted: Mischief) -> None:
        self._mischief, self._random = wanted, random.Random(wanted.seed)  # noqa: S311 - repeatable on purpose

    async def bring(self, session: aiohttp.ClientSession, now: int) -> None:
        """Brings all that is due and not under way."""
        batch = [row for row in self.books.queued(now) if row[0] not in self.under_way]
        if self._mischief.shuffle:
            moved = [row for row in batch if self._random.random() < self._mischief.shuffle]
            batch = [row for row in batch if row not in moved] + self._random.sample(moved, len(moved))
        self.under_way.update(row[0] for row in batch)
        gate = asyncio.Semaphore(limits.DELIVERIES_AT_ONCE if not self._mischief.shuffle else 1)

        async def one(delivery: int, endpoint: str, event: str, attempt: int) -> None:
            try:
                async with gate:
                    await self._deliver(session, now, delivery, endpoint, event, attempt)
            finally:
                self.under_way.discard(delivery)

        await asyncio.gather(*(one(*row) for row in batch))

    def _chance(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    async def _deliver(
        self, session: aiohttp.ClientSession, now: int, delivery: int, endpoint: str, event: str, attempt: int
    ) -> None:
        books, wanted = self.books, self._mischief
        where = books.get(books.owner(endpoint) or "", endpoint)
        what = books.get(books.owner(event) or "", event)
        if where is None or what is None or where["status"] != "enabled" or self._chance(wanted.lose):
            books.delivered(delivery)
            return
        if attempt == 0 and self._chance(wanted.delay):
            books.postpone(delivery, now + int(wanted.delay_s), 1)
            return
        body = msgspec.json.encode(shown(what))
        at = int(time.time()) - (limits.STALE_S if self._chance(wanted.stale) else 0)
        secret = "whsec_forged" if self._chance(wanted.forge) else where["_secret"]
        taken = True
        for _ in range(3 if self._chance(wanted.triple) else 1):
            taken = await _post(session, where["url"], body, signature(secret, body, at)) and taken
        if taken or attempt >= len(limits.RETRIES_S):
            books.delivered(delivery)
        else:
            books.postpone(delivery, now + limits.RETRIES_S[attempt], attempt + 1)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, signed: str) -> bool:
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signed,
               "User-Agent": "Stripe/1.0 (sandbox)"}  # fmt: skip
    timeout = aiohttp.ClientTimeout(total=limits.DELIVERY_TIMEOUT_S)
    try:
        async with session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            return 200 <= answer.status < 300
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False
