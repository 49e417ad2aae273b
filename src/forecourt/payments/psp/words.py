"""What is asked of a payment provider, and told by one: frozen structs without a rule."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.platform.money import Money


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
    #: In the provider's word: `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    status: str = "succeeded"

    @property
    def given(self) -> bool:
        """Whether it gives something back, now or later; one that does may still come to nothing."""
        return self.status not in ("failed", "canceled")


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
