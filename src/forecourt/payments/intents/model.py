"""What a payment is, and the rules of its life. Pure.

A payment for a session begins as a hold. What is captured of it, once the session is priced, is never more than was
held. Its states tell how far it is; what is in the air at the provider is told by its calls.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from forecourt.payments.psp.words import Card, Hold, HoldState, Saved
from forecourt.platform.money import Money


class Purpose(StrEnum):
    """What is paid for."""

    SESSION = "session"
    #: Money for a driver's wallet.
    TOP_UP = "top_up"
    #: What a driver owed.
    DEBT = "debt"
    #: A month of a membership.
    FEE = "fee"


class Method(StrEnum):
    """How it is paid."""

    #: On the provider's page.
    HOSTED = "hosted"
    #: By a way to pay that the provider keeps, while the driver is away.
    SAVED = "saved"
    #: At a card terminal.
    READER = "reader"
    WALLET = "wallet"
    INVOICE = "invoice"
    #: At a terminal that a station has itself: it told of it afterwards.
    TERMINAL = "terminal"


class State(StrEnum):
    """How far a payment is. When the provider settled it is said by its movements, which fees and refunds have too."""

    HOLD_REQUESTED = "hold_requested"
    AUTHORISED = "authorised"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    #: Given back whole.
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    #: The hold is being given back.
    RELEASING = "releasing"
    RELEASED = "released"
    #: Declined; or the session could not be charged, and is owed.
    FAILED = "failed"
    EXPIRED = "expired"
    #: Nobody paid on the page.
    ABANDONED = "abandoned"


#: From these nothing goes on by itself.
FINAL: Final = frozenset(
    {
        State.CAPTURED, State.REFUNDED, State.DISPUTED, State.RELEASED, State.FAILED, State.EXPIRED,
        State.ABANDONED,
    }
)  # fmt: skip
#: Nothing was taken, as far as we know, and we closed the page, or are about to.
CLOSED: Final = frozenset({State.RELEASING, State.RELEASED, State.EXPIRED, State.ABANDONED})
#: Money was taken.
TAKEN: Final = frozenset({State.CAPTURED, State.REFUNDED, State.DISPUTED})


class CallKind(StrEnum):
    """What is asked of a provider."""

    HOLD = "hold"
    INCREMENT = "increment"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    #: The amount of a session by the saved card, because the hold is gone.
    CHARGE = "charge"


#: Calls by which money moves.
MOVES: Final = frozenset({CallKind.CAPTURE, CallKind.CHARGE, CallKind.REFUND})

#: How long the provider's page would wait for the driver. Stripe takes no less than 30 minutes from when it is asked,
#: and it may have to be asked for a while.
PAGE_LIFE: Final = timedelta(minutes=60)
#: How long a driver may be away from the page, never having paid, until the connector is free for others.
ABANDONED_AFTER: Final = timedelta(minutes=15)
#: How long a card reader waits for a card, and how often it is asked meanwhile: somebody stands there.
READER_WAIT: Final = timedelta(minutes=3)
READER_LOOK: Final = timedelta(seconds=3)
#: How long after a hold was authorised a session of it may come: a remote start and its grace, and one more try.
START_WITHIN: Final = timedelta(minutes=5)
#: The token of an authorised hold may start for so long.
TOKEN_LIFE: Final = timedelta(minutes=10)
#: How often a payment that waits is looked at, and how often the provider is asked for one of which nothing is in hand.
LOOK_EVERY: Final = timedelta(seconds=30)
READ_EVERY: Final = timedelta(minutes=10)
#: A read that the provider didn't answer is made again at the next look, then after twice as long each time up to this.
READ_MOST: Final = timedelta(minutes=5)
#: How often the provider is asked how a dispute stands, should its webhook be lost.
DISPUTE_EVERY: Final = timedelta(hours=1)
#: A call that failed for now is tried again after so long, doubled each time up to the most.
RETRY_FIRST: Final = timedelta(seconds=5)
RETRY_MOST: Final = timedelta(minutes=30)
#: So long before a hold runs out it is captured for what the session came to by its last word.
CAPTURE_AHEAD: Final = timedelta(hours=6)
#: Refusals of a capture, or of giving back, while the hold stands. Tries that nobody answered are none.
MAX_REFUSALS: Final = 5
#: How far ahead the running cost is looked at: two looks.
AHEAD: Final = 2 * LOOK_EVERY
#: A station that doesn't stop is asked again at the next look, then after twice as long each time up to the most, and
#: no more once it was asked so often: that takes weeks.
STOP_MOST: Final = timedelta(hours=1)
MAX_STOPS: Final = 1000
#: Characters of why something was done.
MAX_REASON: Final = 500

#: A token of a payment, for stations that take 20 characters at the most.
TOKEN_LENGTH: Final = 20
#: What an ad hoc token is called to OCPP 2.1, and to versions that don't know that.
DIRECT_PAYMENT: Final = "DirectPayment"
CENTRAL: Final = "Central"


class Intent(Struct, frozen=True, kw_only=True):
    """A payment, as stored. Amounts in minor units of `currency`. `driver_id`: the driver with an account whose it is;
    `contract_key`: their own token, where the session began by it and not by this payment."""

    intent_id: UUID
    number: int
    tenant_id: int
    purpose: Purpose
    method: Method
    state: State
    account_id: UUID | None
    currency: str
    hold_amount: int
    authorised_amount: int
    billed_amount: int | None
    captured_amount: int
    refunded_amount: int
    owed_amount: int
    reference: str | None
    page_url: str | None
    return_url: str | None
    capture_before: datetime | None
    may_increment: bool
    per_hour: int
    card: Card | None
    saved: Saved | None
    reader: str | None
    customer: str | None
    email: str | None
    language: str
    payer: str | None
    station_id: int | None
    station: str | None
    evse: int | None
    token_uid: str | None
    tariff_id: UUID | None
    tariff_version: int | None
    session_id: UUID | None
    authorised_at: datetime | None
    start_asked_at: datetime | None
    slowed_at: datetime | None
    stop_asked_at: datetime | None
    ends_as: State | None
    reason: str | None
    hold_said: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    read_at: datetime | None
    next_at: datetime | None
    driver_id: int | None = None
    contract_key: str | None = None
    #: Reads in a row that the provider didn't answer, and until when it is not asked again by itself.
    reads_missed: int = 0
    read_next_at: datetime | None = None
    #: The payment whose debt it pays, and no other; None: it pays what its payer owes, or no debt.
    debt_of: UUID | None = None

    @property
    def most(self) -> int | None:
        """What may be held and billed at the most, by the limit of a fleet for one session; None: no limit."""
        said = self.hold_said.get("most")
        return None if said is None else int(said)

    @property
    def costs_most(self) -> int | None:
        """The most that its session costs by the tariff that was agreed; None where that sets no most."""
        said = self.hold_said.get("costs_most")
        return None if said is None else int(said)

    @property
    def at_once(self) -> bool:
        """Whether the money is taken as soon as somebody pays; else it is held first."""
        return self.purpose is not Purpose.SESSION

    @property
    def may_be_paid_late(self) -> bool:
        """Whether money may have been taken at the provider though we closed the page, gave the hold back, or could
        not take of it: what was taken there counts."""
        return self.state in CLOSED or self.was_owed

    @property
    def was_owed(self) -> bool:
        """Whether its session could not be charged and became a debt, whoever paid that since. The hold may still stand
        at the provider."""
        return self.state is State.FAILED and self.purpose is Purpose.SESSION and self.billed_amount is not None

    @property
    def is_ahead(self) -> bool:
        """Whether money was taken of its hold, which ran out, before its session had a final price: it is nobody's
        until then."""
        unpriced = self.session_id is not None and self.billed_amount is None
        return self.purpose is Purpose.SESSION and unpriced and self.state in TAKEN

    @property
    def held(self) -> Money:
        """What is held, or asked for while nothing is."""
        return Money(amount=self.authorised_amount or self.hold_amount, currency=self.currency)


class Call(Struct, frozen=True, kw_only=True):
    """Something asked of a provider for a payment."""

    call_id: UUID
    number: int
    intent_id: UUID
    kind: CallKind
    key: str
    amount: int
    state: str
    tries: int
    #: Tries that the provider refused, after which the call was made again.
    refusals: int
    asked_by: str | None
    said: str | None
    reason: str | None
    reference: str | None
    asked_at: datetime
    ended_at: datetime | None
    next_at: datetime
    #: Since when it has its key, if that is not its first.
    keyed_at: datetime | None = None
    #: Of what paid this debt it gives back; None: of whatever was paid last.
    debt: UUID | None = None


class Step(Struct, frozen=True, kw_only=True):
    """Something that happened to a payment."""

    at: datetime
    kind: str
    amount: int | None
    detail: str | None
    by: str | None


def retry_after(tries: int) -> timedelta:
    """How long to wait after so many tries, at least one."""
    longer: timedelta = RETRY_FIRST * (1 << min(tries - 1, 20))
    return min(longer, RETRY_MOST)


def read_after(intent: Intent, missed: int) -> timedelta:
    """How long to wait after so many reads in a row that nobody answered, at least one. Somebody stands at a reader."""
    first = READER_LOOK if intent.method is Method.READER and intent.state is State.HOLD_REQUESTED else LOOK_EVERY
    longer: timedelta = first * (1 << min(missed - 1, 20))
    return min(longer, READ_MOST)


def stop_after(asked: int) -> timedelta:
    """How long to wait until a station is asked again that was asked to stop so often, at least once."""
    longer: timedelta = LOOK_EVERY * (1 << min(asked - 1, 20))
    return min(longer, STOP_MOST)


def settled_by(call: Call, hold: Hold) -> bool:
    """Whether what the provider says shows that a call has done what it was for."""
    match call.kind:
        case CallKind.CAPTURE:
            return hold.state is HoldState.CAPTURED
        case CallKind.CANCEL:
            return hold.state in (HoldState.CANCELLED, HoldState.EXPIRED, HoldState.FAILED)
        case CallKind.INCREMENT:
            return hold.state is HoldState.AUTHORISED and hold.authorised >= call.amount
        case _:
            return False


def left_to_refund(intent: Intent, calls: Iterable[Call]) -> int:
    """What of a payment was neither given back nor asked to be, in minor units."""
    return intent.captured_amount - sum(
        each.amount for each in calls if each.kind is CallKind.REFUND and each.state != "failed"
    )


def goes_on(call: Call, *, reads_back: bool) -> bool:
    """Whether a call is still made, under another key, once its first may be forgotten. For a hold or a raise nobody
    waits any more. What takes money or gives it back is to be done however late, if surely nothing came of it yet: it
    was never made, or the hold, which was just read (`reads_back`), shows nothing of it."""
    if call.kind in (CallKind.HOLD, CallKind.INCREMENT):
        return False
    return not call.tries or (reads_back and call.kind is not CallKind.CHARGE)


def is_gone(hold: Hold) -> bool:
    """Whether nothing can be taken of a hold any more."""
    return hold.state in (HoldState.CANCELLED, HoldState.EXPIRED, HoldState.FAILED)


class Watch(StrEnum):
    """What a running session's cost calls for."""

    GO_ON = "go_on"
    RAISE = "raise"
    SLOW = "slow"
    STOP = "stop"


def watched(cost: int, authorised: int, per_hour: int, may_raise: bool) -> Watch:
    """What to do about a session that has cost so much, and may cost `per_hour` more an hour at the most.

    It is stopped before the cost can reach what is held by the next look but one; with twice as much room left, the
    hold is raised where it can be, and the session slowed where it can't.
    """
    ahead = -(-per_hour * int(AHEAD.total_seconds()) // 3600)
    if cost + ahead >= authorised:
        return Watch.RAISE if may_raise else Watch.STOP
    if cost + 5 * ahead >= authorised:
        return Watch.RAISE if may_raise else Watch.SLOW
    return Watch.GO_ON
