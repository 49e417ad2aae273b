"""What Stripe answers, in the words of the port: sessions of its page, payment intents, refunds, movements, hooks."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from forecourt.payments.declines import DECLINES, READER_LEFT
from forecourt.payments.providers.stripe_errors import why_of
from forecourt.payments.psp.words import (
    Card,
    Dispute,
    DisputeState,
    Hold,
    HoldState,
    HostAccount,
    Kept,
    Merchant,
    Movement,
    Notice,
    Reader,
    Refund,
    Saved,
)
from forecourt.platform.money import Money

#: The names under which what is ours comes back from Stripe.
OURS: Final = "forecourt_intent"
OUR_CALL: Final = "forecourt_call"


def money(made: Any) -> Money:
    return Money(amount=int(made.amount), currency=str(made.currency).upper())


def at(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)


def field(thing: Any, name: str) -> Any:
    """A field that a version of the API may not have; None where it is missing."""
    return None if thing is None or isinstance(thing, str) else getattr(thing, name, None)


def metadata(thing: Any) -> dict[str, str]:
    kept = field(thing, "metadata")
    if kept is None:
        return {}
    return {str(name): str(kept[name]) for name in (OURS, OUR_CALL) if name in kept}


_PAGE_STATES: Final = {"open": HoldState.OPEN, "expired": HoldState.EXPIRED}
#: Why a hold is no more that nobody gave back.
_RAN_OUT: Final = ("automatic", "expired")
_STATES: Final = {
    "requires_capture": HoldState.AUTHORISED,
    "succeeded": HoldState.CAPTURED,
    "canceled": HoldState.CANCELLED,
}


def of_page(page: Any) -> Hold:
    """A Checkout Session. Its Payment Intent tells more, once somebody paid."""
    intent = field(page, "payment_intent")
    state = _PAGE_STATES.get(str(page.status))
    if intent is not None and not isinstance(intent, str):
        hold = of_intent(intent)
        if state is None or hold.state in (HoldState.AUTHORISED, HoldState.CAPTURED):
            return hold
    return Hold(
        reference=page.id,
        state=state or HoldState.OPEN,
        currency=str(page.currency or "").upper(),
        url=field(page, "url"),
    )


def of_intent(intent: Any) -> Hold:
    charge = field(intent, "latest_charge")
    charge = None if isinstance(charge, str) else charge
    paid = field(charge, "payment_method_details")
    kind = str(field(paid, "type") or "card")
    details = field(paid, kind)
    state = _STATES.get(str(intent.status), HoldState.OPEN)
    if state is HoldState.CANCELLED and field(intent, "cancellation_reason") in _RAN_OUT:
        state = HoldState.EXPIRED
    customer, method = field(intent, "customer"), field(intent, "payment_method")
    fault = field(intent, "last_payment_error")
    return Hold(
        reference=intent.id,
        state=state,
        currency=str(intent.currency).upper(),
        authorised=int(intent.amount) if state in (HoldState.AUTHORISED, HoldState.CAPTURED) else 0,
        captured=int(field(intent, "amount_received") or 0),
        capture_before=at(field(details, "capture_before")),
        may_increment=may_increment(details),
        card=None if paid is None else card(kind, details),
        saved=saved(customer, method) if field(intent, "setup_future_usage") else None,
        reason=field(fault, "message"),
        disputed=bool(field(charge, "disputed")),
    )


def kept(page: Any) -> Kept:
    """A Checkout Session in which a card was to be left."""
    setup = field(page, "setup_intent")
    method = field(setup, "payment_method")
    left = str(page.status) == "complete" and str(field(setup, "status")) == "succeeded"
    return Kept(
        reference=page.id,
        open=str(page.status) == "open",
        url=field(page, "url"),
        saved=saved(field(page, "customer") or field(setup, "customer"), method) if left else None,
        card=card(str(method.type), field(method, str(method.type))) if left and field(method, "type") else None,
    )


def as_reader(made: Any) -> Reader:
    """A Reader, and the Payment Intent that it asks for now."""
    action = field(made, "action")
    busy = field(action, "status") == "in_progress"
    return Reader(
        reference=made.id,
        label=str(field(made, "label") or made.id),
        kind=str(field(made, "device_type") or ""),
        online=field(made, "status") == "online",
        asks=_asked(action) if busy else None,
    )


def at_reader(hold: Hold, made: Any) -> Hold:
    """A hold that nobody paid yet, by what its reader does."""
    action = field(made, "action")
    if _asked(action) == hold.reference and action.status != "failed":
        return hold
    fault = field(action, "api_error") if _asked(action) == hold.reference else None
    code = field(fault, "code") or field(action, "failure_code")
    if hold.reason is not None or field(fault, "type") == "card_error":
        return replace(hold, state=HoldState.FAILED, reason=DECLINES[why_of(code, field(fault, "decline_code"))])
    return replace(hold, state=HoldState.FAILED, reason=READER_LEFT)


def asked_at(made: Any) -> Any:
    """The Payment Intent that a Reader asks for or did so last: itself where it was read along, else its name."""
    return field(field(field(made, "action"), "process_payment_intent"), "payment_intent")


def _asked(action: Any) -> str | None:
    intent = field(field(action, "process_payment_intent"), "payment_intent")
    return intent if intent is None or isinstance(intent, str) else str(intent.id)


def host_account(made: Any) -> HostAccount:
    """A connected account: what it may do, and what is still asked of it."""
    needs = field(made, "requirements")
    due = [*(field(needs, "currently_due") or ()), *(field(needs, "past_due") or ())]
    return HostAccount(
        reference=made.id,
        told=bool(field(made, "details_submitted")),
        may_receive=field(field(made, "capabilities"), "transfers") == "active",
        may_pay_out=bool(field(made, "payouts_enabled")),
        due=tuple(dict.fromkeys(str(each) for each in due)),
        closed=str(field(needs, "disabled_reason") or ""),
    )


def merchant(made: Any) -> Merchant:
    """The account itself."""
    settings = field(made, "settings")
    shown = field(field(made, "business_profile"), "name") or field(field(settings, "dashboard"), "display_name")
    return Merchant(
        reference=made.id,
        name=str(shown or ""),
        statement=str(field(field(settings, "payments"), "statement_descriptor") or ""),
        country=str(field(made, "country") or ""),
    )


def may_increment(details: Any) -> bool:
    online = field(field(details, "incremental_authorization"), "status") == "available"
    return online or bool(field(details, "incremental_authorization_supported"))


def card(kind: str, details: Any) -> Card:
    wallet = field(field(details, "wallet"), "type")
    return Card(
        brand=str(field(details, "brand") or ""), last4=str(field(details, "last4") or ""), kind=str(wallet or kind)
    )


def saved(customer: Any, method: Any) -> Saved | None:
    if customer is None or method is None:
        return None
    names = [each if isinstance(each, str) else str(each.id) for each in (customer, method)]
    return Saved(customer=names[0], method=names[1])


def refund(made: Any) -> Refund:
    return Refund(
        reference=made.id,
        amount=int(made.amount),
        ours=metadata(made).get(OUR_CALL),
        status=str(made.status or "pending"),
    )


#: An inquiry ("warning") takes no money; one that is closed, or prevented, ends as if it had been won.
_DISPUTES: Final = {
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "warning_needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "warning_under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
}


def dispute(made: Any) -> Dispute:
    return Dispute(
        reference=made.id,
        amount=int(made.amount),
        currency=str(made.currency).upper(),
        status=_DISPUTES.get(str(made.status), DisputeState.UNDER_REVIEW),
        reason=str(field(made, "reason") or "general"),
        opened_at=datetime.fromtimestamp(int(made.created), UTC),
        evidence_by=at(field(field(made, "evidence_details"), "due_by")),
        movements=tuple(movement(each) for each in field(made, "balance_transactions") or ()),
    )


def movement(made: Any) -> Movement:
    source = field(made, "source")
    source = source if source is not None or isinstance(made.source, str) else None
    if field(source, "object") == "transfer_reversal":
        # It is of the transfer that it takes back, by whose name the books know it.
        source = field(source, "transfer")
    hold = field(source, "payment_intent")
    return Movement(
        reference=made.id,
        kind=str(field(made, "reporting_category") or made.type),
        amount=int(made.amount),
        fee=int(made.fee),
        currency=str(made.currency).upper(),
        at=datetime.fromtimestamp(int(made.created), UTC),
        available_at=datetime.fromtimestamp(int(made.available_on), UTC),
        source=source if isinstance(source, str) else field(source, "id"),
        hold=hold if isinstance(hold, str) else field(hold, "id"),
        intent=named(metadata(source).get(OURS)),
    )


def notice(event: Any) -> Notice:
    about = event["data"]["object"]
    kind = str(about.get("object") or "")
    reference = about.get("payment_intent") if kind in ("charge", "dispute", "refund") else about.get("id")
    if kind == "terminal.reader":
        reference = ((about.get("action") or {}).get("process_payment_intent") or {}).get("payment_intent")
    metadata = about.get("metadata") or {}
    return Notice(
        event=str(event["id"]),
        kind=str(event["type"]),
        intent=named(metadata.get(OURS) or about.get("client_reference_id")),
        reference=reference if isinstance(reference, str) else None,
    )


def named(said: str | None) -> str | None:
    """A payment as the books name it. Stripe is told it in one run of letters and digits, which never looks like the
    number of a card."""
    try:
        return None if said is None else str(UUID(said))
    except ValueError:
        return said
