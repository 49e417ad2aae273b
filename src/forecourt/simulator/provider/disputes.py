"""Disputes: a cardholder wants the money back from the bank, and the provider takes it until that is decided."""

from forecourt.simulator.provider import limits, money
from forecourt.simulator.provider.act import Act, listing
from forecourt.simulator.provider.errors import Json, refused
from forecourt.simulator.provider.form import Params

REASONS = (
    "bank_cannot_process", "credit_not_processed", "customer_initiated", "debit_not_authorized", "duplicate",
    "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "product_not_received",
    "product_unacceptable", "subscription_canceled", "unrecognized",
)  # fmt: skip
#: What decides a dispute when it is sent in as `uncategorized_text`.
WINNING, LOSING = "winning_evidence", "losing_evidence"
EVIDENCE = frozenset((
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
    "uncategorized_text",
))  # fmt: skip


def start(act: Act, charge: Json, reason: str) -> Json:
    """Opens a dispute of all that was taken and not given back, and takes it with a fee."""
    amount = charge["amount_captured"] - (charge["amount_refunded"] - charge.get("_let_go", 0))
    currency = charge["currency"]
    details = charge["payment_method_details"]
    brand = details[details["type"]]["brand"]
    dispute = act.new(
        "dispute", "du", amount=amount, balance_transactions=[], charge=charge["id"], currency=currency,
        enhanced_eligibility_types=[], evidence=dict.fromkeys(sorted(EVIDENCE)),
        evidence_details={
            "due_by": act.now + limits.DISPUTE_ANSWER_S, "enhanced_eligibility": {}, "has_evidence": False,
            "past_due": False, "submission_count": 0, "submission_method": "not_submitted",
        },
        is_charge_refundable=False, metadata={}, network_reason_code="10.4",
        payment_intent=charge["payment_intent"],
        payment_method_details={"card": {"brand": brand, "case_type": "chargeback", "network_reason_code": "10.4"},
                                "type": "card"},
        reason=reason, status="needs_response",
    )  # fmt: skip
    fee = limits.DISPUTE_FEES.get(currency, limits.DEFAULT_DISPUTE_FEE)
    taken = money.move(
        act, "adjustment", -amount, currency, dispute["id"], fee=fee, fee_text="Dispute fee",
        description=f"Chargeback withdrawal for {charge['id']}",
    )  # fmt: skip
    dispute["balance_transactions"].append(taken)
    charge["disputed"] = True
    act.put(charge)
    act.put(dispute)
    act.books.schedule(act.now + limits.DISPUTE_ANSWER_S, act.account, "dispute", dispute["id"])
    act.note("dispute", dispute, amount, currency)
    act.emit("charge.dispute.created", dispute)
    act.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def update(act: Act, params: Params, given: str) -> Json:
    dispute = act.get("dispute", given)
    evidence, said = params.inner("evidence"), {}
    for name in EVIDENCE:
        if evidence.has(name):
            said[name] = evidence.text(name)
    evidence.ignore("enhanced_evidence")
    evidence.done()
    metadata = params.metadata(dispute["metadata"])
    submit = params.flag("submit")
    params.ignore("intended_submission_method")
    params.done()
    if said and dispute["status"] != "needs_response":
        raise refused("This dispute is already closed or under review.", None)
    dispute["evidence"] |= said
    dispute["metadata"] = metadata
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"].values())
    if said and submit is not False:
        details = dispute["evidence_details"]
        details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        dispute["status"] = "under_review"
        text = dispute["evidence"]["uncategorized_text"]
        at_once = text in (WINNING, LOSING)
        wait_s = 0 if at_once else limits.DISPUTE_DECISION_S
        act.books.schedule(act.now + wait_s, act.account, "dispute", given)
    act.emit("charge.dispute.updated", act.put(dispute))
    return dispute


def close(act: Act, params: Params, given: str) -> Json:
    """The one who was paid gives in."""
    params.done()
    return decide(act, act.get("dispute", given), won=False)


def decide(act: Act, dispute: Json, *, won: bool) -> Json:
    """Ends it; what was taken comes back when it is won, without the fee."""
    if dispute["status"] in ("won", "lost"):
        raise refused("This dispute is already closed.", None)
    dispute["status"] = "won" if won else "lost"
    act.books.unschedule("dispute", dispute["id"])
    act.note(f"dispute_{dispute['status']}", dispute, dispute["amount"], dispute["currency"])
    if won:
        back = money.move(
            act, "adjustment", dispute["amount"], dispute["currency"], dispute["id"], category="dispute_reversal",
            description=f"Chargeback reversal for {dispute['charge']}",
        )  # fmt: skip
        dispute["balance_transactions"].append(back)
    act.put(dispute)
    act.emit("charge.dispute.closed", dispute)
    if won:
        act.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def come_due(act: Act, given: str) -> None:
    """The bank decides: for the one who was paid only where the evidence says so."""
    dispute = act.books.get(act.account, given, "dispute")
    if dispute is not None and dispute["status"] in ("needs_response", "under_review"):
        dispute["evidence_details"]["past_due"] = dispute["status"] == "needs_response"
        decide(act, dispute, won=dispute["evidence"]["uncategorized_text"] == WINNING)


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("dispute", given)


def disputes(act: Act, params: Params) -> Json:
    return listing(act, params, "dispute", "/v1/disputes", ("charge", "payment_intent"))
