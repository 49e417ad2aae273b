"""Charges: what a card was asked for. A hold is one that is not captured yet."""

from typing import Any

from forecourt.simulator.provider import cards, limits, money
from forecourt.simulator.provider.act import Act, listing
from forecourt.simulator.provider.cards import Card
from forecourt.simulator.provider.errors import Json
from forecourt.simulator.provider.form import Params

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def nobody() -> Json:
    """Billing details of someone who gave none."""
    return {"address": dict.fromkeys(_ADDRESS), **dict.fromkeys(("email", "name", "phone", "tax_id"))}


def make(act: Act, intent: Json, method: Json, card: Card, *, challenged: bool, reader: str | None = None) -> Json:
    """A charge as the bank answered: a hold of the whole amount, or a failure with its reason."""
    failed = card.declines
    refusal = cards.decline(failed).error if failed else {}
    charge = act.new(
        "charge", "ch", amount=intent["amount"], amount_captured=0, amount_refunded=0, application=None,
        application_fee=None, application_fee_amount=intent["application_fee_amount"], balance_transaction=None,
        billing_details=method["billing_details"], calculated_statement_descriptor="SANDBOX", captured=False,
        currency=intent["currency"], customer=intent["customer"], description=intent["description"], disputed=False,
        failure_balance_transaction=None, failure_code=refusal.get("code"), failure_message=refusal.get("message"),
        fraud_details={}, metadata=dict(intent["metadata"]), on_behalf_of=intent["on_behalf_of"],
        outcome=_outcome(failed), paid=not failed, payment_intent=intent["id"], payment_method=method["id"],
        payment_method_details=_details(act, intent, method, card, challenged=challenged, reader=reader),
        presentment_details=None, radar_options={}, receipt_email=intent["receipt_email"], receipt_number=None,
        receipt_url=None, refunded=False, review=None, shipping=None, source=None, source_transfer=None,
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status="failed" if failed else "succeeded", transfer_data=intent["transfer_data"],
        transfer_group=intent["transfer_group"], _card=card.name, _terminal=reader is not None, _increments=0,
    )  # fmt: skip
    charge["receipt_url"] = f"{act.address}/receipts/{charge['id']}"
    return act.put(charge)


def _outcome(failed: str | None) -> Json:
    return {
        "advice_code": None, "network_advice_code": None, "network_decline_code": "05" if failed else None,
        "network_status": "declined_by_network" if failed else "approved_by_network", "reason": failed,
        "risk_level": "normal", "risk_score": 10, "rule": None,
        "seller_message": "The bank did not return any further details with this decline."
        if failed else "Payment complete.",
        "type": "issuer_declined" if failed else "authorized",
    }  # fmt: skip


def _details(act: Act, intent: Json, method: Json, card: Card, *, challenged: bool, reader: str | None) -> Json:
    shape = cards.shape(card, act.now)
    common = {name: shape[name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding")}
    common |= {"last4": card.last4, "network": card.brand, "amount_authorized": intent["amount"], "wallet": None}
    common |= {"network_transaction_id": None, "issuer": "Sandbox Bank", "iin": None, "description": None}
    if reader is not None:
        return {"type": "card_present", "card_present": common | _present(act, intent, card, reader)}
    options = intent["payment_method_options"].get("card", {})

    def asked(name: str) -> bool:
        return bool(options.get(name) == "if_available")

    increments = asked("request_incremental_authorization") and card.brand in limits.INCREMENT_BRANDS
    percent = limits.OVERCAPTURE_PERCENT.get(card.brand, 0) if asked("request_overcapture") else 0
    manual = intent["capture_method"] == "manual" and not card.declines
    more: Json = {
        "authorization_code": None, "checks": shape["checks"], "installments": None, "mandate": None,
        "extended_authorization": {"status": "disabled"}, "multicapture": {"status": "unavailable"},
        "incremental_authorization": {"status": "available" if increments else "unavailable"},
        "overcapture": {
            "status": "available" if percent else "unavailable",
            "maximum_amount_capturable": most_capturable(intent["amount"], percent),
        },
        "network_token": {"used": False}, "regulated_status": "unregulated",
        "three_d_secure": _challenge(challenged), "_percent": percent,
    }  # fmt: skip
    if manual:
        more["capture_before"] = act.now + limits.ONLINE_HOLD_S
    return {"type": "card", "card": common | more}


def most_capturable(amount: int, percent: int) -> int:
    return amount + amount * percent // 100


def _present(act: Act, intent: Json, card: Card, reader: str) -> Json:
    options = intent["payment_method_options"].get("card_present", {})
    more: Json = {
        "brand_product": None, "cardholder_name": None, "emv_auth_data": None, "generated_card": None,
        "incremental_authorization_supported": bool(options.get("request_incremental_authorization_support")),
        "location": (act.books.get(act.account, reader) or {}).get("location"), "offline": None,
        "overcapture_supported": False, "preferred_locales": ["en"], "read_method": "contactless_emv",
        "reader": reader, "receipt": None,
    }  # fmt: skip
    if intent["capture_method"] == "manual" and not card.declines:
        more["capture_before"] = act.now + limits.TERMINAL_HOLD_S
    return more


def _challenge(challenged: bool) -> Json | None:
    if not challenged:
        return None
    return {
        "authentication_flow": "challenge", "electronic_commerce_indicator": "05", "exemption_indicator": None,
        "exemption_indicator_applied": None, "result": "authenticated", "result_reason": None,
        "transaction_id": None, "version": "2.2.0",
    }  # fmt: skip


def held_by(charge: Json) -> Json:
    """What is told of the card and its hold."""
    details: Json = charge["payment_method_details"]
    found: Json = details[details["type"]]
    return found


def take(act: Act, charge: Json, amount: int) -> Json:
    """Captures so much of a hold: its movement is written, the rest of the hold is let go."""
    card = cards.BY_NAME[charge["_card"]]
    fee = money.payment_fee(amount, charge["currency"], terminal=charge["_terminal"])
    days = None if card.at_once else int(act.books.setting("settle_days", limits.SETTLE_DAYS))
    movement = money.move(
        act, "charge", amount, charge["currency"], charge["id"], fee=fee, days=days, description=charge["description"]
    )
    # A capture above the hold makes the charge that large; below it, the rest counts as given back.
    charge |= {
        "amount": max(charge["amount"], amount), "amount_captured": amount, "captured": True,
        "amount_refunded": max(charge["amount"] - amount, 0), "balance_transaction": movement["id"],
        "_let_go": max(charge["amount"] - amount, 0),
    }  # fmt: skip
    act.put(charge)
    act.emit("charge.captured", charge)
    return charge


def let_go(act: Act, charge: Json, event: str) -> Json:
    """Gives a hold back whole."""
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    act.put(charge)
    act.emit(event, charge)
    return charge


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("charge", given)


def charges(act: Act, params: Params) -> Json:
    filters: tuple[Any, ...] = ("customer", "payment_intent", "transfer_group")
    return listing(act, params, "charge", "/v1/charges", filters)
