"""What Stripe answers, in the words of the port: sessions of its page, payment intents, refunds, movements, hooks."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from forecourt.payments.psp import Card, Dispute, DisputeState, Hold, HoldState, Movement, Notice, Refund, Saved
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
