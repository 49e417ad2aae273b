"""What the provider knows: pages, payments, kept cards, what was answered to which key, and what happened."""

import secrets
from typing import Any

import msgspec

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.cards import Card

Json = dict[str, Any]
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


class ApiError(Exception):
    """A refusal in the provider's own form."""

    def __init__(self, status: int, code: str, said: str, kind: str = "validation") -> None:
        super().__init__(said)
        self.status = status
        self.body: Json = {"status": status, "errorCode": code, "message": said, "errorType": kind}


class Link(msgspec.Struct, kw_only=True):
    """A payment link. `asked` is the request that it was made by."""

    id: str
    merchant: str
    asked: Json
    expires_at: int
    status: str = "active"
    #: The card that waits for 3-D Secure.
    challenged: str | None = None


class Payment(msgspec.Struct, kw_only=True):
    """A payment that a bank said yes or no to."""

    id: str
    merchant: str
    reference: str
    currency: str
    card: Card
    at: int
    authorised: int
    captured: int = 0
    refunded: int = 0
    refused: bool = False
    over: bool = False
    #: The name of the dispute that stands.
    disputed: str | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A card that a shopper left."""

    id: str
    merchant: str
    shopper: str
    card: Card


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a key, and to which request."""

    print: str
    body: bytes


class Merchant(msgspec.Struct, kw_only=True):
    """A merchant account: the API key that it was first used with, and where its webhooks go."""

    name: str
    key: str
    url: str | None = None
    hmac: str = ""
    #: The API key of its report user; without one no batch is closed by itself.
    report_key: str | None = None
    reports_at: str = ""
    #: The last batch that was closed, up to where of the books, and what it owed by currency.
    batch: int = 0
    settled: int = 0
    carried: dict[str, int] = msgspec.field(default_factory=dict)


class Books:
    """All of it, in memory."""

    def __init__(self) -> None:
        self.merchants: dict[str, Merchant] = {}
        self.links: dict[str, Link] = {}
        self.payments: dict[str, Payment] = {}
        self.tokens: dict[str, Token] = {}
        self.keys: dict[tuple[str, str], Kept] = {}
        self.ledger: list[Json] = []
        #: Reports by merchant account and name.
        self.reports: dict[tuple[str, str], bytes] = {}

    def merchant(self, name: str, key: str) -> Merchant:
        """The account of this name, which belongs to whoever used it first."""
        found = self.merchants.get(name)
        if found is None:
            if len(self.merchants) >= limits.MAX_MERCHANTS:
                raise ApiError(500, "000", "The books are full: start it anew.", "internal")
            found = self.merchants[name] = Merchant(name=name, key=key)
        if found.key != key:
            raise ApiError(403, "901", "Invalid Merchant Account", "security")
        return found

    def note(self, now: int, merchant: str, what: str, reference: str, amount: int, payment: str | None = None) -> None:
        """Writes down what happened, for whoever compares books."""
        if len(self.ledger) >= limits.MAX_KEPT:
            raise ApiError(500, "000", "The books are full: start it anew.", "internal")
        self.ledger.append(
            {
                "seq": len(self.ledger) + 1, "at": now, "merchant": merchant, "what": what, "reference": reference,
                "payment": payment or reference, "amount": amount,
            }
        )  # fmt: skip


def new_reference(prefix: str = "") -> str:
    """A name of sixteen letters behind a prefix that can't be guessed, without digits so that none looks like a card.
    One in a few hundred begins as that of a page does."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(16))
