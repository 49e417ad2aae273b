"""Refunds: money given back, never more than the rest of what was taken."""

from forecourt.simulator.provider import cards, limits, money, transfers
from forecourt.simulator.provider.act import Act, amount_of, listing
from forecourt.simulator.provider.errors import Json, invalid, refused
from forecourt.simulator.provider.form import Params


def rest_of(charge: Json) -> int:
    """What of a charge can still be given back."""
    return int(charge["amount_captured"] - (charge["amount_refunded"] - charge.get("_let_go", 0)))


def create(act: Act, params: Params) -> Json:
    charge = _charge(act, params)
    amount = amount_of(params, charge["currency"], least=False) if params.has("amount") else rest_of(charge)
    reason = params.choice("reason", ("duplicate", "fraudulent", "requested_by_customer"))
    metadata, reverse = params.metadata(), params.flag("reverse_transfer")
    params.ignore("refund_application_fee", "instructions_email")
    params.done()
    if not charge["captured"]:
        raise refused(f"Charge {charge['id']} has not been captured: cancel its PaymentIntent instead.",
                      "payment_intent_unexpected_state")  # fmt: skip
    if charge["disputed"]:
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    rest = rest_of(charge)
    if rest == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if amount > rest:
        raise refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({rest}).", "amount_too_large",
            param="amount",
        )  # fmt: skip
    if reverse:
        transfers.reverse_share(act, charge, amount)
    return make(act, charge, amount, reason, metadata)


def _charge(act: Act, params: Params) -> Json:
    intent, given = params.text("payment_intent"), params.text("charge")
    if (intent is None) == (given is None):
        raise invalid("Give one of payment_intent and charge.", param="payment_intent", code="parameter_missing")
    if given is not None:
        return act.get("charge", given, "charge")
    found = act.get("payment_intent", intent or "", "payment_intent")
    if found["status"] != "succeeded":
        raise refused(f"This PaymentIntent ({intent}) does not have a successful charge to refund.",
                      "payment_intent_unexpected_state", payment_intent=found)  # fmt: skip
    return act.get("charge", found["latest_charge"])


def make(act: Act, charge: Json, amount: int, reason: str | None, metadata: Json) -> Json:
    card = cards.BY_NAME[charge["_card"]]
    refund = act.new(
        "refund", "re", amount=amount, balance_transaction=None, charge=charge["id"], currency=charge["currency"],
        destination_details={"type": "card", "card": {
            "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
        }},
        metadata=metadata, payment_intent=charge["payment_intent"], reason=reason, receipt_number=None,
        source_transfer_reversal=None, status="pending" if card.refunds == "pending" else "succeeded",
        transfer_reversal=None,
    )  # fmt: skip
    del refund["livemode"]
    movement = money.move(act, "refund", -amount, charge["currency"], refund["id"])
    refund["balance_transaction"] = movement["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = rest_of(charge) == 0
    act.put(refund)
    act.put(charge)
    act.note("refund", refund, amount, charge["currency"])
    act.emit("refund.created", refund)
    act.emit("charge.refunded", charge)
    if card.refunds != "succeeded":
        act.books.schedule(act.now + limits.DAY_S, act.account, "refund", refund["id"])
    return refund


def settle(act: Act, given: str) -> None:
    """What comes of a refund that takes its time."""
    refund = act.books.get(act.account, given, "refund")
    if refund is None or refund["status"] not in ("pending", "succeeded"):
        return
    charge = act.get("charge", refund["charge"])
    if cards.BY_NAME[charge["_card"]].refunds != "failed":
        refund["status"] = "succeeded"
        act.emit("refund.updated", act.put(refund))
        return
    movement = money.move(act, "refund", refund["amount"], refund["currency"], given, category="refund_failure")
    refund |= {
        "status": "failed", "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": movement["id"],
    }  # fmt: skip
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    act.put(charge)
    act.note("refund_failed", refund, refund["amount"], refund["currency"])
    act.emit("refund.failed", act.put(refund))


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("refund", given)


def update(act: Act, params: Params, given: str) -> Json:
    refund = act.get("refund", given)
    refund["metadata"] = params.metadata(refund["metadata"])
    params.done()
    return act.put(refund)


def refunds(act: Act, params: Params) -> Json:
    return listing(act, params, "refund", "/v1/refunds", ("charge", "payment_intent"))
