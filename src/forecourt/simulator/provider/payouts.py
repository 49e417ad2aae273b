"""Payouts: from a balance to a bank account, which may send it back."""

from forecourt.simulator.provider import accounts, limits, money
from forecourt.simulator.provider.act import Act, amount_of, currency_of, listing, new_id
from forecourt.simulator.provider.errors import Json, invalid, refused
from forecourt.simulator.provider.form import Params

FAILURES = {
    "no_account": "The bank account details on file are probably incorrect. No bank account could be located with"
    " those details.",
    "account_closed": "The bank account has been closed.",
    "insufficient_funds": "The bank account doesn't have enough money.",
    "debit_not_authorized": "Debit transactions are not approved on the bank account.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
    "could_not_process": "The bank could not process this payout.",
}


def create(act: Act, params: Params) -> Json:
    currency = currency_of(params)
    amount = amount_of(params, currency, least=False)
    metadata, description = params.metadata(), params.text("description")
    given, descriptor = params.text("destination"), params.text("statement_descriptor")
    params.choice("method", ("standard",))
    params.ignore("source_type")
    params.done()
    bank = act.get("bank_account", given, "destination") if given else _bank(act, currency)
    return make(
        act, amount, currency, bank, metadata=metadata, description=description, statement_descriptor=descriptor
    )


def _bank(act: Act, currency: str) -> Json:
    """Where payouts of a currency go; a platform has a bank account from the start."""
    account = accounts.own(act)
    if not account["payouts_enabled"]:
        raise refused("Cannot create payouts: this account has payouts disabled.", "payouts_not_allowed")
    for bank in act.books.newest(act.account, "bank_account", equal={"currency": currency}):
        return bank
    if act.platform is not None:
        raise invalid(f"Sorry, you don't have any external accounts in that currency ({currency}).", param="currency")
    return act.new(
        "bank_account", "ba", account=act.account, account_holder_name="Sandbox platform", bank_name="SANDBOX BANK",
        country="DE", currency=currency, default_for_currency=True, fingerprint=new_id("fp")[3:19], last4="3000",
        metadata={}, routing_number=None, status="verified", _failure=None,
    )  # fmt: skip


def make(act: Act, amount: int, currency: str, bank: Json, *, automatic: bool = False, **more: object) -> Json:
    """Takes it from the balance at once; the bank has it, or sends it back, some days later."""
    if amount > (there := money.available(act, currency)):
        raise refused(
            f"You have insufficient funds in your balance for this transfer: {there} {currency} are available.",
            "balance_insufficient", param="amount",
        )  # fmt: skip
    days = int(act.books.setting("payout_days", limits.PAYOUT_DAYS))
    payout = act.new(
        "payout", "po",
        **{
            "amount": amount, "application_fee": None, "application_fee_amount": None,
            "arrival_date": (act.now // limits.DAY_S + days) * limits.DAY_S, "automatic": automatic,
            "balance_transaction": None, "currency": currency, "description": None, "destination": bank["id"],
            "failure_balance_transaction": None, "failure_code": None, "failure_message": None, "metadata": {},
            "method": "standard", "original_payout": None, "payout_method": None,
            "reconciliation_status": "completed" if automatic else "not_applicable", "reversed_by": None,
            "source_type": "card", "statement_descriptor": None, "status": "pending",
            "trace_id": {"status": "pending", "value": None}, "type": "bank_account", "_failure": bank["_failure"],
        } | more,
    )  # fmt: skip
    movement = money.move(act, "payout", -amount, currency, payout["id"])
    payout["balance_transaction"] = movement["id"]
    if automatic:
        act.put(movement | {"_payout": payout["id"]})
    act.put(payout)
    act.books.schedule(max(payout["arrival_date"], act.now), act.account, "payout", payout["id"])
    act.note("payout", payout, amount, currency)
    act.emit("payout.created", payout)
    return payout


def arrive(act: Act, given: str) -> None:
    """The bank answers."""
    payout = act.books.get(act.account, given, "payout")
    if payout is None or payout["status"] not in ("pending", "in_transit"):
        return
    if code := payout["_failure"] or act.books.setting(f"payout_fails:{act.account}"):
        act.books.set(f"payout_fails:{act.account}", None)
        fail(act, payout, code)
        return
    payout |= {"status": "paid", "trace_id": {"status": "supported", "value": new_id("trace")[6:]}}
    act.note("payout_paid", payout, payout["amount"], payout["currency"])
    act.emit("payout.paid", act.put(payout))


def fail(act: Act, payout: Json, code: str) -> Json:
    """The bank sends it back, even after it had it."""
    if payout["status"] in ("failed", "canceled"):
        raise refused(f"This payout is {payout['status']} already.", None)
    back = money.move(act, "payout_failure", payout["amount"], payout["currency"], payout["id"])
    payout |= {
        "status": "failed", "failure_code": code, "failure_message": FAILURES.get(code, "The bank sent it back."),
        "failure_balance_transaction": back["id"],
    }  # fmt: skip
    act.books.unschedule("payout", payout["id"])
    act.note("payout_failed", payout, payout["amount"], payout["currency"])
    act.emit("payout.failed", act.put(payout))
    return payout


def cancel(act: Act, params: Params, given: str) -> Json:
    params.done()
    payout = act.get("payout", given)
    if payout["status"] != "pending":
        raise refused("Payouts can only be canceled while they are pending.", None)
    back = money.move(act, "payout_failure", payout["amount"], payout["currency"], given)
    payout |= {"status": "canceled", "failure_balance_transaction": back["id"]}
    act.books.unschedule("payout", given)
    act.note("payout_canceled", payout, payout["amount"], payout["currency"])
    act.emit("payout.canceled", act.put(payout))
    return payout


def daily(act: Act, given: str) -> None:
    """Pays out all that is available, and plans the next day."""
    account = accounts.own(act)
    accounts.plan_payout(act, account)
    if not account["payouts_enabled"]:
        return
    for currency, (there, _) in sorted(act.books.sums(given, act.now).items()):
        banks = act.books.newest(given, "bank_account", equal={"currency": currency})
        if there > 0 and banks:
            make(act, there, currency, banks[0], automatic=True)


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("payout", given)


def payouts(act: Act, params: Params) -> Json:
    return listing(act, params, "payout", "/v1/payouts", ("status", "destination"))
