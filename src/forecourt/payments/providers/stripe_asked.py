"""What Stripe is asked, in its own words: the bodies of calls, and what is read along."""

from typing import Any, Final

from forecourt.payments.providers.stripe_shapes import OUR_CALL, OURS
from forecourt.payments.psp.words import HoldAsked, HostAsked, MethodAsked, Saved

#: What is asked to be told: each leads to a look at the payment that it is about.
HEARD: Final = (
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.refunded",
    "charge.expired",
    "refund.failed",
    "refund.updated",
    "terminal.reader.action_failed",
    "terminal.reader.action_succeeded",
)
#: What is read along with a Payment Intent, and a Checkout Session.
WITH: Final = ["latest_charge"]
WITH_PAGE: Final = [f"payment_intent.{each}" for each in WITH]
WITH_ASKED: Final = ["action.process_payment_intent.payment_intent"]
WITH_CARD: Final = ["setup_intent.payment_method"]


def hold_page(asked: HoldAsked) -> Any:
    """A page on which an amount is held, or taken at once."""
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": asked.intent,
        "metadata": {OURS: asked.intent},
        "line_items": [_line(asked)],
        "payment_intent_data": {
            "capture_method": "automatic" if asked.at_once else "manual",
            "description": asked.description,
            "metadata": {OURS: asked.intent},
            **({"setup_future_usage": "off_session"} if asked.save else {}),
        },
        "success_url": asked.return_url,
        "cancel_url": asked.cancel_url or asked.return_url,
        "locale": asked.language.value,
        "expand": WITH_PAGE,
    }
    if not asked.at_once:
        params["payment_method_options"] = {"card": {"request_incremental_authorization": "if_available"}}
    if asked.expires_at is not None:
        params["expires_at"] = int(asked.expires_at.timestamp())
    if asked.customer is not None:
        params["customer"] = asked.customer
    elif asked.save:
        params["customer_creation"] = "always"
    if asked.email and asked.customer is None:
        params["customer_email"] = asked.email
    return params


def card_page(asked: MethodAsked) -> Any:
    """A page on which a card is left without paying."""
    params: dict[str, Any] = {
        "mode": "setup",
        "currency": asked.currency.lower(),
        "client_reference_id": asked.intent,
        "metadata": {OURS: asked.intent},
        "setup_intent_data": {"metadata": {OURS: asked.intent}},
        "success_url": asked.return_url,
        "cancel_url": asked.cancel_url,
        "expires_at": int(asked.expires_at.timestamp()),
        "locale": asked.language.value,
        **({"customer": asked.customer} if asked.customer else {"customer_creation": "always"}),
    }
    if asked.email and asked.customer is None:
        params["customer_email"] = asked.email
    return params


def saved_payment(asked: HoldAsked, saved: Saved) -> Any:
    """A payment by a saved card, with nobody there."""
    return {
        **_payment(asked),
        "customer": saved.customer,
        "payment_method": saved.method,
        "off_session": True,
        "confirm": True,
    }


def reader_payment(asked: HoldAsked) -> Any:
    """A payment that a card reader will ask for."""
    return {
        **_payment(asked),
        "allowed_payment_method_types": ["card_present"],
        "payment_method_options": {"card_present": {"request_incremental_authorization_support": True}},
    }


def new_host(asked: HostAsked) -> Any:
    """An account of a host that gets transfers; fees and losses are the platform's."""
    return {
        "country": asked.country,
        "email": asked.email,
        "controller": {
            "stripe_dashboard": {"type": "express"},
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
        },
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"forecourt_host": asked.host},
    }


def host_link(asked: HostAsked, reference: str) -> Any:
    """A page on which the host of an account says who they are."""
    return {
        "account": reference,
        "type": "account_onboarding",
        "return_url": asked.return_url,
        "refresh_url": asked.refresh_url,
    }


def _line(asked: HoldAsked) -> Any:
    price = {
        "currency": asked.amount.currency.lower(),
        "unit_amount": asked.amount.amount,
        "product_data": {"name": asked.description},
    }
    return {"quantity": 1, "price_data": price}


def _payment(asked: HoldAsked) -> dict[str, Any]:
    return {
        "amount": asked.amount.amount,
        "currency": asked.amount.currency.lower(),
        "capture_method": "automatic" if asked.at_once else "manual",
        "description": asked.description,
        "metadata": {OURS: asked.intent, OUR_CALL: asked.call},
        "expand": WITH,
    }
