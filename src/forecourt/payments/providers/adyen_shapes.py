"""What Adyen answers and what its webhooks say, in the words of the port; and what a hold is by all that was said.

Adyen takes captures, cancels, refunds and raises as requests, and tells by webhook what came of them. There is no call
that reads a payment back, so a hold is the sum of what was told of it, in whatever order that was heard.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from forecourt.payments.psp.words import (
    Card,
    Dispute,
    DisputeState,
    Hold,
    HoldAsked,
    HoldState,
    Movement,
    Refund,
    Saved,
    Told,
)

#: Kinds of what is told: our own words for an answer and a page, Adyen's for events.
RECEIVED: Final = "received"
PAGE: Final = "page"
AUTHORISATION: Final = "AUTHORISATION"
ADJUSTED: Final = "AUTHORISATION_ADJUSTMENT"
CAPTURE: Final = "CAPTURE"
CAPTURE_FAILED: Final = "CAPTURE_FAILED"
CANCELLED: Final = frozenset({"CANCELLATION", "TECHNICAL_CANCEL"})
EXPIRED: Final = "EXPIRE"
REFUND: Final = "REFUND"
REFUND_LOST: Final = frozenset({"REFUND_FAILED", "REFUNDED_REVERSED"})
SECOND_CHARGEBACK: Final = "SECOND_CHARGEBACK"
DISPUTED: Final = frozenset({"CHARGEBACK", SECOND_CHARGEBACK})
DISPUTE_WON: Final = "CHARGEBACK_REVERSED"
#: A report can be fetched.
REPORT: Final = "REPORT_AVAILABLE"
#: Events that are kept; others are heard and forgotten.
KEPT: Final = frozenset(
    {
        AUTHORISATION,
        ADJUSTED,
        CAPTURE,
        CAPTURE_FAILED,
        EXPIRED,
        REFUND,
        DISPUTE_WON,
        REPORT,
        *CANCELLED,
        *REFUND_LOST,
        *DISPUTED,
    }
)

#: Adyen doesn't say when a hold runs out. Card schemes let one stand for seven days or longer.
HOLD_LIFE: Final = timedelta(days=7)
#: Brands whose holds can be raised.
RAISED: Final = frozenset({"visa", "mastercard", "amex", "discover"})
_BRANDS: Final = {"mc": "mastercard"}
_WALLETS: Final = {"applepay": "apple_pay", "googlepay": "google_pay"}
#: Between our names of a payment and of a call in Adyen's reference: a hold, or money taken at once. Neither is a
#: digit in base 16, and with them it is one run of letters and digits, which never looks like the number of a card.
_HELD: Final = "h"
_AT_ONCE: Final = "t"
_HEX: Final = 32
_LAST: Final = 4


class Amount(Struct, frozen=True, kw_only=True):
    """Minor units of a currency."""

    value: int
    currency: str


class Link(Struct, frozen=True, kw_only=True):
    """A payment link. `status`: active, completed, paymentPending or expired."""

    id: str
    status: str
    reference: str
    amount: Amount
    url: str | None = None


class Paid(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a payment."""

    result_code: str
    psp_reference: str | None = None
    refusal_reason: str | None = None
    additional_data: dict[str, Any] = {}


class Taken(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a capture, a cancel, a refund or a raise: the request was taken."""

    psp_reference: str
    status: str


class Item(Struct, frozen=True, kw_only=True, rename="camel"):
    """One event of a webhook. Not signed are its date, its reason, what paid, and `additional_data`."""

    event_code: str
    success: str
    psp_reference: str
    merchant_account_code: str
    event_date: datetime
    amount: Amount
    original_reference: str | None = None
    merchant_reference: str | None = None
    reason: str | None = None
    payment_method: str | None = None
    additional_data: dict[str, Any] = {}


def reference_of(asked: HoldAsked) -> str:
    """Our reference of a payment, which comes back with what is told of it."""
    return f"{asked.intent}{_AT_ONCE if asked.at_once else _HELD}{asked.call}"


def read_reference(said: str | None) -> tuple[str | None, str | None, bool]:
    """The payment, the call, and whether the money was taken at once, by a reference of ours; None for another."""
    said = said or ""
    intent, mark, call = said[:_HEX], said[_HEX : _HEX + 1], said[_HEX + 1 :]
    if mark not in (_HELD, _AT_ONCE) or len(call) != _HEX:
        return None, None, False
    try:
        return str(UUID(intent)), UUID(call).hex, mark == _AT_ONCE
    except ValueError:
        return None, None, False


def card_of(method: str | None, more: dict[str, Any]) -> Card | None:
    """What paid: `visa`, `mc`, `visa_applepay`... with the last four digits that Adyen tells."""
    if not method:
        return None
    brand, _, wallet = method.partition("_")
    last4 = str(more.get("cardSummary") or "")
    return Card(
        brand=_BRANDS.get(brand, _plain(brand))[:40],
        last4=last4 if len(last4) == _LAST and last4.isascii() and last4.isdigit() else "",
        kind=_WALLETS.get(wallet, "card"),
    )


def saved_of(more: dict[str, Any]) -> Saved | None:
    """The way to pay that was kept, by its newer names and its older ones."""
    method = more.get("tokenization.storedPaymentMethodId") or more.get("recurring.recurringDetailReference")
    customer = more.get("tokenization.shopperReference") or more.get("recurring.shopperReference")
    return Saved(customer=_plain(customer), method=_plain(method)) if method and customer else None


def _plain(said: Any) -> str:
    """Text as the database takes it."""
    return str(said or "").replace("\0", "")


def told_by(item: Item) -> Told:
    """What an event says."""
    _, call, at_once = read_reference(item.merchant_reference)
    authorised = item.event_code == AUTHORISATION
    good = item.success == "true"
    return Told(
        kind=item.event_code,
        reference=item.psp_reference,
        about=item.psp_reference if authorised else item.original_reference or item.psp_reference,
        at=item.event_date,
        good=good,
        amount=max(item.amount.value, 0),
        currency=item.amount.currency,
        call=call,
        at_once=at_once,
        card=card_of(item.payment_method, item.additional_data) if authorised else None,
        saved=saved_of(item.additional_data) if authorised and good else None,
        reason=None if good and item.event_code != CAPTURE_FAILED else _plain(item.reason) or None,
    )


def paid_by(asked: HoldAsked, answer: Paid, saved: Saved, key: str, at: datetime) -> Told:
    """What the answer to a payment says: the same that its webhook will."""
    return Told(
        kind=AUTHORISATION,
        reference=str(answer.psp_reference),
        about=str(answer.psp_reference),
        at=at,
        amount=asked.amount.amount,
        currency=asked.amount.currency,
        call=asked.call,
        key=key,
        at_once=asked.at_once,
        card=card_of(str(answer.additional_data.get("paymentMethod") or "") or None, answer.additional_data),
        saved=saved,
    )


def hold_of(payment: str, told: Sequence[Told]) -> Hold | None:
    """A hold by all that was told about it, in whatever order that was heard; None where nothing was."""
    told = sorted(told, key=lambda each: (each.at, each.event))
    asked = [each for each in told if each.kind == AUTHORISATION and each.reference == payment]
    made = next((each for each in asked if each.good), None)
    if made is None:
        if not asked:
            return None
        failed = asked[0]
        return Hold(
            reference=payment, state=HoldState.FAILED, currency=failed.currency, reason=failed.reason, card=failed.card
        )
    done = [each for each in told if each.good]
    authorised = max([made.amount, *(each.amount for each in done if each.kind == ADJUSTED)])
    lost = [each for each in told if each.kind == CAPTURE_FAILED]
    # What is taken at once is taken, unless it was given back before.
    back = any(each.kind in CANCELLED for each in done)
    at_once = made.at_once and not back
    taken = authorised if at_once else sum(each.amount for each in done if each.kind == CAPTURE)
    captured = max(taken - sum(each.amount for each in lost), 0)
    state = _state(done, taken, captured)
    refunds = _refunds(told)
    return Hold(
        reference=payment,
        state=state,
        currency=made.currency,
        authorised=authorised if state in (HoldState.AUTHORISED, HoldState.CAPTURED) else 0,
        captured=captured,
        refunded=sum(each.amount for each in refunds if each.given),
        capture_before=made.at + HOLD_LIFE,
        may_increment=made.card is not None and made.card.brand in RAISED,
        card=made.card,
        saved=made.saved,
        reason=next((each.reason for each in lost), None),
        disputed=sum(each.kind in DISPUTED for each in done) > sum(each.kind == DISPUTE_WON for each in done),
        refunds=refunds,
        disputes=disputes_of(told),
    )


def disputes_of(told: Sequence[Told]) -> tuple[Dispute, ...]:
    """Each chargeback with what reversed it, in their order. The second of a payment is the last word; where it goes by
    the name of the first, it is told apart."""
    done = [each for each in sorted(told, key=lambda each: (each.at, each.event)) if each.good]
    back = [each for each in done if each.kind == DISPUTE_WON]
    found: list[Dispute] = []
    for number, each in enumerate(taken for taken in done if taken.kind in DISPUTED):
        reversed_by = back[number] if number < len(back) else None
        status = DisputeState.LOST if each.kind == SECOND_CHARGEBACK else DisputeState.NEEDS_RESPONSE
        found.append(
            Dispute(
                reference=second_of(each.reference, [before.reference for before in found]),
                amount=each.amount,
                currency=each.currency,
                status=status if reversed_by is None else DisputeState.WON,
                reason=each.reason or "general",
                opened_at=each.at,
                movements=(
                    _moved(each, -each.amount),
                    *(() if reversed_by is None else (_moved(reversed_by, each.amount),)),
                ),
            )
        )
    return tuple(found)


def second_of(reference: str, before: Sequence[str]) -> str:
    """The name of a chargeback behind others of the same payment."""
    return f"{reference}-2" if reference in before else reference


def _moved(told: Told, amount: int) -> Movement:
    return Movement(
        reference=told.reference, kind="dispute", amount=amount, fee=0, currency=told.currency, at=told.at,
        available_at=told.at,
    )  # fmt: skip


def _state(done: Sequence[Told], taken: int, captured: int) -> HoldState:
    if taken:
        return HoldState.CAPTURED if captured else HoldState.FAILED
    if any(each.kind in CANCELLED for each in done):
        return HoldState.CANCELLED
    if any(each.kind == EXPIRED for each in done):
        return HoldState.EXPIRED
    return HoldState.AUTHORISED


def _refunds(told: Sequence[Told]) -> tuple[Refund, ...]:
    """What was given back. One that was only taken as a request is none yet."""
    ours = {each.reference: each.call for each in told if each.kind == RECEIVED}
    lost = {each.reference for each in told if each.kind in REFUND_LOST}
    return tuple(
        Refund(
            reference=each.reference,
            amount=each.amount,
            ours=ours.get(each.reference),
            status="succeeded" if each.good and each.reference not in lost else "failed",
        )
        for each in told
        if each.kind == REFUND
    )
