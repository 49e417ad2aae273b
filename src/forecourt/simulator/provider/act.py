"""One act upon the books: whose, when and by which request, and the few things that every act does."""

import secrets
from typing import Any

import msgspec

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.books import Books
from forecourt.simulator.provider.errors import ApiError, Json, invalid, missing
from forecourt.simulator.provider.form import Params

KINDS = {
    "payment_intent": "payment_intent", "charge": "charge", "customer": "customer", "refund": "refund",
    "payment_method": "PaymentMethod", "setup_intent": "setupintent", "checkout.session": "checkout.session",
    "balance_transaction": "balance transaction", "terminal.reader": "reader", "terminal.location": "location",
}  # fmt: skip
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"


def new_id(prefix: str) -> str:
    """An id that can't be guessed, without digits so that none looks like a card."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(24))


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What an act upon the books knows of itself."""

    books: Books
    account: str
    #: UNIX seconds by this server's own clock.
    now: int
    #: Where this server is reached, without a slash at the end.
    address: str
    #: The account of the platform that this one is connected to, None for a platform.
    platform: str | None = None
    request: str | None = None
    key: str | None = None

    def of(self, account: str) -> "Act":
        """The same act upon another account: one connected to this, or the platform."""
        if account == self.account:
            return self
        platform = None if account == self.platform else self.platform or self.account
        return msgspec.structs.replace(self, account=account, platform=platform)

    def get(self, kind: str, given: str, param: str = "id") -> Json:
        found = self.books.get(self.account, given, kind)
        if found is None:
            raise missing(KINDS.get(kind, kind), given[:100], param)
        return found

    def put(self, thing: Json) -> Json:
        return self.books.put(self.account, thing)

    def new(self, kind: str, prefix: str, **members: Any) -> Json:
        """Stores a new object."""
        if self.books.full():
            raise ApiError(500, "api_error", "The books of the sandbox are full: start it with a new file.")
        thing = {"id": new_id(prefix), "object": kind, "created": self.now, "livemode": False, **members}
        return self.put(thing)

    def note(self, what: str, thing: Json, amount: int, currency: str, intent: str | None = None) -> None:
        """Writes down what happened, for whoever compares books."""
        self.books.note(
            self.now, self.account, what, thing["id"], payment_intent=intent or thing.get("payment_intent"),
            amount=amount, currency=currency, key=self.key, request=self.request,
        )  # fmt: skip

    def emit(self, kind: str, thing: Json, before: Json | None = None) -> Json:
        """Tells everyone who asked for events of this kind, as things are now."""
        connected = {"account": self.account} if self.platform else {}
        event = self.new(
            "event", "evt", api_version=limits.API_VERSION, type=kind, **connected,
            data={"object": shown(thing)} | ({"previous_attributes": before} if before else {}),
            request={"id": self.request, "idempotency_key": self.key}, pending_webhooks=0,
        )  # fmt: skip
        for endpoint in self.books.newest(self.platform or self.account, "webhook_endpoint"):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] != "enabled" or bool(endpoint["_connect"]) != bool(self.platform):
                continue
            if "*" in wanted or kind in wanted:
                self.books.queue(endpoint["id"], event["id"], self.now)
                event["pending_webhooks"] += 1
        return self.put(event)


def shown(thing: Any) -> Any:
    """What is told of an object: without what only this server knows."""
    if isinstance(thing, dict):
        return {name: shown(value) for name, value in thing.items() if not name.startswith("_")}
    return [shown(item) for item in thing] if isinstance(thing, list) else thing


def currency_of(params: Params) -> str:
    currency = params.need("currency").lower()
    if currency not in limits.ZERO_DECIMAL | limits.TWO_DECIMAL | limits.THREE_DECIMAL:
        raise invalid(f"Invalid currency: {currency[:10]}.", param=params.path("currency"))
    return currency


def amount_of(params: Params, currency: str, name: str = "amount", *, least: bool = True) -> int:
    """An amount in minor units; thousandths end in 0, and there is a least one by currency."""
    amount = params.whole(name, needed=True, least=1)
    assert amount is not None
    path = params.path(name)
    if currency in limits.THREE_DECIMAL and amount % 10:
        raise invalid(f"Invalid {path}: amounts in {currency} end in 0.", param=path, code="parameter_invalid_integer")
    if least and amount < (smallest := limits.MIN_AMOUNTS.get(currency, 1)):
        raise invalid(f"Amount must be at least {smallest} {currency}.", param=path, code="amount_too_small")
    return amount


def listing(act: Act, params: Params, kind: str, url: str, filters: tuple[str, ...] = (), **fixed: Any) -> Json:
    """A page of a list, the newest first, by the provider's cursors."""
    equal = {name: value for name in filters if (value := params.text(name)) is not None} | fixed
    created = _created(params)
    limit = params.whole("limit", least=1, most=limits.MAX_PAGE) or limits.DEFAULT_PAGE
    after, before = params.text("starting_after"), params.text("ending_before")
    params.done()
    for cursor, name in ((after, "starting_after"), (before, "ending_before")):
        if cursor is not None:
            act.get(kind, cursor, name)
    found = act.books.newest(
        act.account, kind, equal=equal, created=created, after=after, before=before, limit=limit + 1
    )  # fmt: skip
    more = len(found) > limit
    page = (found[1:] if before else found[:limit]) if more else found
    return {"object": "list", "url": url, "has_more": more, "data": page}


def _created(params: Params) -> dict[str, int]:
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    ages = params.inner("created")
    most = 10**11
    bounds = {sign: at for name, sign in signs.items() if (at := ages.whole(name, most=most)) is not None}
    ages.done()
    return bounds
