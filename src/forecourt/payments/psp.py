"""The port to whoever moves the money: what every payment provider can be asked for, in words of our own.

Amounts are whole minor units. Each call that changes something takes an idempotency key which was committed before it:
asked again with the same key, a provider does nothing anew and says what came of the first time. A provider is one of
an account, so no call names it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from forecourt.payments.declines import Decline
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money

#: How long a provider may take for one answer.
DEADLINE_S: Final = 15.0
#: A webhook whose signature is older than this, or further ahead, is refused.
MAX_HOOK_AGE_S: Final = 300
#: Bytes of a webhook that are read.
MAX_HOOK_BYTES: Final = 256 * 1024
#: Movements of one page.
MOVEMENTS_AT_ONCE: Final = 100


class HoldState(StrEnum):
    """Where a hold stands at its provider."""

    #: Nobody paid yet: the page, or the reader, waits for the driver.
    OPEN = "open"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    #: Given back whole.
    CANCELLED = "cancelled"
    #: Declined, and nothing more will come of it.
    FAILED = "failed"
    #: Nobody paid in time, or the hold ran out.
    EXPIRED = "expired"


class Language(StrEnum):
    """In which a provider's page greets the driver."""

    EN = "en"
    DE = "de"
    FR = "fr"
    NL = "nl"
    ES = "es"


class Card(Struct, frozen=True, kw_only=True):
    """With what was paid, as far as it is shown: never more than the last four digits."""

    brand: str = ""
    last4: str = ""
    #: `card`, `apple_pay`, `google_pay`, `sepa_debit`, `card_present` ...
    kind: str = "card"


class Saved(Struct, frozen=True, kw_only=True):
    """A way to pay that the provider keeps, to be charged while the driver is away. Both are names of the provider."""

    customer: str
    method: str


class Kept(Struct, frozen=True, kw_only=True):
    """What became of a page on which somebody was to leave a card."""

    reference: str
    #: The page still waits.
    open: bool
    url: str | None = None
    saved: Saved | None = None
    card: Card | None = None


class Reader(Struct, frozen=True, kw_only=True):
    """A card reader as its provider sees it. `asks`: the hold that it asks for now, if any."""

    reference: str
    label: str
    kind: str
    online: bool
    asks: str | None = None


class Refund(Struct, frozen=True, kw_only=True):
    """Money given back. `ours` is the call that asked for it."""

    reference: str
    amount: int
    ours: str | None = None
    #: `pending`, `succeeded` or `failed`.
    status: str = "succeeded"


class DisputeState(StrEnum):
    """How far a dispute is."""

    #: An answer is awaited of whoever was paid.
    NEEDS_RESPONSE = "needs_response"
    #: It was answered; the driver's bank decides.
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


#: From these a dispute doesn't come back.
DECIDED: Final = frozenset({DisputeState.WON, DisputeState.LOST})


class Movement(Struct, frozen=True, kw_only=True):
    """Money that moved on an account: `amount` less `fee` is what the balance changed by. `kind` is the provider's word
    (`charge`, `refund`, `payout`, `adjustment`...), `source` what moved it, `hold` the hold behind it."""

    reference: str
    kind: str
    amount: int
    fee: int
    currency: str
    at: datetime
    available_at: datetime
    source: str | None = None
    hold: str | None = None
    intent: str | None = None


class Dispute(Struct, frozen=True, kw_only=True):
    """Money that a driver wants back from the bank. `evidence_by`: until when an answer is taken; `movements`: what
    was taken for it, and given back."""

    reference: str
    amount: int
    currency: str
    status: DisputeState
    #: In the provider's words.
    reason: str
    opened_at: datetime
    evidence_by: datetime | None = None
    movements: tuple[Movement, ...] = ()


class Hold(Struct, frozen=True, kw_only=True):
    """A hold, or a payment taken at once, as its provider tells it. `reference` is the name to ask for it by from now
    on: it may be another than before, once the driver has paid."""

    reference: str
    state: HoldState
    currency: str
    authorised: int = 0
    captured: int = 0
    refunded: int = 0
    #: Where the driver pays; None where there is no page.
    url: str | None = None
    capture_before: datetime | None = None
    may_increment: bool = False
    card: Card | None = None
    saved: Saved | None = None
    #: Why it failed, in words for the driver.
    reason: str | None = None
    disputed: bool = False
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()


class HoldAsked(Struct, frozen=True, kw_only=True):
    """A hold to be made. `intent` is our name of it, which comes back with whatever is told of it."""

    intent: str
    #: Our name of the call, by which `find` knows it again.
    call: str
    amount: Money
    description: str
    #: Where the provider's page leads afterwards; None where there is no page.
    return_url: str | None = None
    cancel_url: str | None = None
    language: Language = Language.EN
    expires_at: datetime | None = None
    email: str | None = None
    #: Keep the way to pay for later (the driver agreed), for this customer if there is one already.
    save: bool = False
    customer: str | None = None
    #: Take the money at once.
    at_once: bool = False


class MethodAsked(Struct, frozen=True, kw_only=True):
    """A way to pay that shall be kept without paying now."""

    intent: str
    return_url: str
    cancel_url: str
    currency: str
    expires_at: datetime
    customer: str | None = None
    email: str | None = None
    language: Language = Language.EN


class Page(Struct, frozen=True, kw_only=True):
    """A page of the provider."""

    reference: str
    url: str


class HostAsked(Struct, frozen=True, kw_only=True):
    """Somebody who shall be paid through the provider."""

    host: str
    country: str
    email: str
    return_url: str
    refresh_url: str
    #: The provider's name of them, if they began before.
    reference: str | None = None


class HostAccount(Struct, frozen=True, kw_only=True):
    """What a host may do at the provider. `due`: what the provider still asks of them, by its own names; `closed`: why
    it lets them do nothing, by its own name."""

    reference: str
    told: bool
    may_receive: bool
    may_pay_out: bool
    due: tuple[str, ...] = ()
    closed: str = ""


class Merchant(Struct, frozen=True, kw_only=True):
    """Whose account it is: the name that buyers see, and what stands on their statements."""

    reference: str
    name: str
    statement: str
    country: str


class Sent(Struct, frozen=True, kw_only=True):
    """Money on its way: a transfer to a host's account, or a payout to a bank."""

    reference: str
    amount: Money
    status: str
    arrives_at: datetime | None = None


class Movements(Struct, frozen=True, kw_only=True):
    """One page of movements, the newest first; `next` asks for the page behind it."""

    movements: tuple[Movement, ...]
    next: str | None = None


class Told(Struct, frozen=True, kw_only=True):
    """Something that a provider said of a payment and can't be asked for again: an answer of its own, or the signed
    words of a webhook. It is kept, for nothing else will say it."""

    #: The provider's word for what happened, and its name of that.
    kind: str
    reference: str
    #: The payment that it happened to, by the provider's name; the same name where it is the payment itself.
    about: str
    at: datetime
    #: Whether it was done.
    good: bool = True
    amount: int = 0
    currency: str = ""
    #: Our call that it came of, and the key of an answer.
    call: str | None = None
    key: str | None = None
    #: The money was taken at once.
    at_once: bool = False
    card: Card | None = None
    saved: Saved | None = None
    reason: str | None = None

    @property
    def event(self) -> str:
        """By what it is the same, however often it is said."""
        return f"{self.kind}:{self.reference}:{'yes' if self.good else 'no'}"


class Notice(Struct, frozen=True, kw_only=True):
    """What a webhook hints at. Nothing is believed of it but that something changed; `told` is what it says of a
    provider that can't be asked."""

    event: str
    kind: str
    intent: str | None = None
    reference: str | None = None
    told: Told | None = None


class Psp(Protocol):
    """A provider. Every call raises ProviderAway, ProviderRefused, and those that ask for money Declined."""

    @property
    def key_life(self) -> timedelta:
        """For so long the same key surely does nothing twice."""
        ...

    @property
    def reads_back(self) -> bool:
        """Whether `get` asks the provider itself; else it is made of what the provider told, which may be less than
        what happened."""
        ...

    @property
    def lists_movements(self) -> bool:
        """Whether `list_movements` tells what moved."""
        ...

    @property
    def hook_answer(self) -> str:
        """What the provider wants to read when its webhook was taken."""
        ...

    async def start_hold(self, asked: HoldAsked, key: str) -> Hold:
        """A hold that the driver agrees to on the provider's page."""
        ...

    async def get(self, reference: str) -> Hold:
        """How a hold stands now."""
        ...

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        """Raises a hold to this amount in all."""
        ...

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        """Takes this much of a hold and gives back the rest."""
        ...

    async def cancel(self, reference: str, key: str) -> Hold:
        """Gives back a hold, or closes a page that nobody paid on."""
        ...

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        """Gives back so much of what was captured."""
        ...

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        """A page on which a driver leaves a way to pay."""
        ...

    async def kept(self, reference: str) -> Kept:
        """What became of such a page."""
        ...

    async def drop_method(self, saved: Saved, key: str) -> None:
        """Has the provider forget a way to pay; one that it doesn't know is forgotten."""
        ...

    async def drop_customer(self, customer: str, key: str) -> None:
        """Has the provider forget somebody with all their ways to pay; one that it doesn't know is forgotten."""
        ...

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        """A hold, or a payment `at_once`, by a way to pay that is kept, while the driver is away."""
        ...

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        """Has a card terminal ask for a hold. Raises ReaderAway, with nothing left to be paid."""
        ...

    async def find_at(self, call: str, reader: str) -> Hold | None:
        """What a call of `reader_pay` came to, if the terminal asks for it or did so last."""
        ...

    async def at_reader(self, reference: str, reader: str) -> Hold:
        """How a hold stands that a terminal was to ask for: FAILED, with why, once it asks for it no more."""
        ...

    async def reader_stop(self, reference: str, reader: str, key: str) -> None:
        """Has a terminal ask for a hold no more, if it still does."""
        ...

    async def reader(self, reference: str) -> Reader:
        """A terminal. Raises ProviderRefused for one that the provider doesn't know."""
        ...

    async def find(self, call: str, customer: str) -> Hold | None:
        """What a call of `charge_saved` came to, if it was carried out."""
        ...

    async def onboard_host(self, asked: HostAsked, key: str, link_key: str) -> Page:
        """The page on which a host says who he is and where his money goes. `key`: of making his account, if he has
        none; `link_key`: of this way to the page."""
        ...

    async def host(self, reference: str) -> HostAccount:
        """What a host may do there. Raises ProviderRefused for one that the provider doesn't know."""
        ...

    async def merchant(self) -> Merchant:
        """Whose account it is."""
        ...

    async def send_hooks(self, url: str, key: str) -> str:
        """Has the provider send webhooks to this address; the secret that they will be signed with."""
        ...

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        """Moves money to a host's account at the provider. Raises BalanceLow where there isn't enough of it yet."""
        ...

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        """What a call of `transfer` came to that was made since then, if it was carried out."""
        ...

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        """Sends money of the account, or of a host's, to its bank."""
        ...

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        """What moved in [since, until)."""
        ...

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        """What a signed webhook hints at. Raises HookRefused for one that is forged or old."""
        ...


class ProviderError(ForecourtError):
    """The payment provider could not do it. Try again in a few minutes."""

    status = 502
    code = "payment-provider"


class Declined(ProviderError):
    """The payment was declined. Try another card."""

    status = 402
    code = "payment-declined"

    def __init__(self, detail: str | None = None, *, why: Decline = Decline.OTHER) -> None:
        super().__init__(detail)
        self.why = why


class ProviderAway(ProviderError):
    """The payment provider doesn't answer, and whether it acted is not known yet. It is asked again within a minute."""

    status = 504
    code = "payment-provider-away"

    def __init__(self, detail: str | None = None, *, answered: bool = False) -> None:
        """`answered`: the provider said that it failed, and will say so again to the same key."""
        super().__init__(detail)
        self.answered = answered


class OutcomeOpen(ProviderAway):
    """The payment provider took the request and will tell what came of it. That is looked for until it does."""

    code = "payment-outcome-open"


class ProviderRefused(ProviderError):
    """The payment provider refused the request. See the account's settings, and what it said."""

    code = "payment-provider-refused"


class ProviderUnknown(ProviderRefused):
    """The payment provider doesn't know what it was asked about. See whether it was removed there."""

    code = "payment-provider-unknown"


class ReaderAway(ProviderRefused):
    """The card reader can't ask for a card now. See that it is connected and free, then try again."""

    status = 409
    code = "card-reader-away"


class BalanceLow(ProviderRefused):
    """The provider doesn't have enough of our money at hand yet to pass it on. It is tried again."""

    code = "payment-balance-low"


class HookRefused(ForecourtError):
    """This webhook is not signed by the provider of the account, or is too old. Check the webhook's secret."""

    status = 400
    code = "payment-hook-refused"
