"""Transfers: from a platform's balance to that of an account connected to it, and back."""

from forecourt.simulator.provider import money
from forecourt.simulator.provider.act import Act, amount_of, currency_of, listing
from forecourt.simulator.provider.errors import Json, missing, refused
from forecourt.simulator.provider.form import Params


def destination(act: Act, given: str, param: str) -> Json:
    """The account that is to be paid; it must be allowed to receive."""
    account = act.books.get(act.account, given, "account")
    if account is None:
        raise missing("destination", given[:100], param)
    if account["capabilities"].get("transfers") != "active":
        raise refused(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers.",
            "insufficient_capabilities_for_transfer", param=param,
        )  # fmt: skip
    return account


def create(act: Act, params: Params) -> Json:
    currency = currency_of(params)
    amount = amount_of(params, currency, least=False)
    account = destination(act, params.need("destination"), "destination")
    source, group = params.text("source_transaction"), params.text("transfer_group")
    metadata, description = params.metadata(), params.text("description")
    params.ignore("source_type")
    params.done()
    charge = act.get("charge", source, "source_transaction") if source else None
    return make(
        act, amount, currency, account["id"], charge, transfer_group=group, metadata=metadata, description=description
    )


def make(act: Act, amount: int, currency: str, account: str, charge: Json | None, **more: object) -> Json:
    """Moves money at once; what a charge is the source of becomes available with the charge."""
    available_on = None
    if charge is not None:
        available_on = _check_source(act, charge, amount, currency)
    elif amount > (there := money.available(act, currency)):
        raise refused(
            f"You have insufficient available funds in your account: {there} {currency} are available. Use"
            " source_transaction to pass on a charge that is still pending.", "balance_insufficient",
        )  # fmt: skip
    inner = act.of(account)
    payment = inner.new(
        "charge", "py", amount=amount, amount_captured=amount, amount_refunded=0, captured=True, currency=currency,
        paid=True, refunded=False, status="succeeded", disputed=False, metadata={}, payment_intent=None,
        source_transfer=None, balance_transaction=None,
    )  # fmt: skip
    transfer = act.new(
        "transfer", "tr",
        **{
            "amount": amount, "amount_reversed": 0, "balance_transaction": None, "currency": currency,
            "description": None, "destination": account, "destination_payment": payment["id"], "metadata": {},
            "reversed": False, "source_transaction": charge["id"] if charge else None, "source_type": "card",
            "transfer_group": charge["transfer_group"] if charge else None,
        } | {name: value for name, value in more.items() if value is not None},
    )  # fmt: skip
    days = None if available_on is None else max(0, available_on // 86400 - act.now // 86400)
    movement = money.move(act, "transfer", -amount, currency, transfer["id"], days=days)
    gained = money.move(inner, "payment", amount, currency, payment["id"], days=days)
    inner.put(payment | {"source_transfer": transfer["id"], "balance_transaction": gained["id"]})
    transfer |= {"balance_transaction": movement["id"], "reversals": _reversals(act, transfer["id"])}
    act.put(transfer)
    act.note("transfer", transfer, amount, currency)
    inner.note("received", payment, amount, currency)
    act.emit("transfer.created", transfer)
    return transfer


def _check_source(act: Act, charge: Json, amount: int, currency: str) -> int:
    """When what was taken becomes available; raises where it doesn't reach."""
    if not charge["captured"] or charge["currency"] != currency:
        raise refused("The source_transaction must be a captured charge in the same currency.",
                      "transfer_source_balance_parameters_mismatch", param="source_transaction")  # fmt: skip
    passed = act.books.newest(act.account, "transfer", equal={"source_transaction": charge["id"]})
    before = sum(transfer["amount"] - transfer["amount_reversed"] for transfer in passed)
    if before + amount > charge["amount_captured"]:
        raise refused(
            f"Transfers using this transaction as a source must not exceed {charge['amount_captured']}; {before} is"
            " transferred already.", "balance_insufficient", param="amount",
        )  # fmt: skip
    return int(act.get("balance_transaction", charge["balance_transaction"])["available_on"])


def pass_on(act: Act, charge: Json, intent: Json) -> None:
    """What an intent with `transfer_data` does at its capture."""
    data = intent["transfer_data"]
    amount = data["amount"] or charge["amount_captured"] - (intent["application_fee_amount"] or 0)
    make(act, min(amount, charge["amount_captured"]), charge["currency"], data["destination"], charge)


def reverse_share(act: Act, charge: Json, refunded: int) -> None:
    """Takes back of each transfer of a charge the share that is refunded."""
    for transfer in act.books.newest(act.account, "transfer", equal={"source_transaction": charge["id"]}):
        share = min(transfer["amount"] * refunded // charge["amount_captured"],
                    transfer["amount"] - transfer["amount_reversed"])  # fmt: skip
        if share:
            _reverse(act, transfer, share, {}, None)


def reverse(act: Act, params: Params, given: str) -> Json:
    transfer = act.get("transfer", given)
    rest = transfer["amount"] - transfer["amount_reversed"]
    amount = amount_of(params, transfer["currency"], least=False) if params.has("amount") else rest
    metadata, description = params.metadata(), params.text("description")
    params.ignore("refund_application_fee")
    params.done()
    if amount > rest or rest == 0:
        raise refused(f"The transfer has only {rest} left to reverse.", "amount_too_large", param="amount")
    if sum(act.books.sums(transfer["destination"], act.now).get(transfer["currency"], (0, 0))) < amount:
        raise refused("The connected account doesn't have enough balance to reverse.", "balance_insufficient")
    return _reverse(act, transfer, amount, metadata, description)


def _reverse(act: Act, transfer: Json, amount: int, metadata: Json, description: str | None) -> Json:
    inner, currency = act.of(transfer["destination"]), transfer["currency"]
    back = act.new(
        "transfer_reversal", "trr", amount=amount, balance_transaction=None, currency=currency,
        destination_payment_refund=None, metadata=metadata, source_refund=None, transfer=transfer["id"],
    )  # fmt: skip
    del back["livemode"]
    movement = money.move(act, "transfer_refund", amount, currency, back["id"], description=description)
    money.move(inner, "payment_refund", -amount, currency, transfer["destination_payment"])
    act.put(back | {"balance_transaction": movement["id"]})
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"] = _reversals(act, transfer["id"])
    act.put(transfer)
    act.note("reversal", back, amount, currency)
    act.emit("transfer.reversed", transfer)
    return back | {"balance_transaction": movement["id"]}


def _reversals(act: Act, given: str) -> Json:
    found = act.books.newest(act.account, "transfer_reversal", equal={"transfer": given})
    return {"object": "list", "data": found, "has_more": False, "url": f"/v1/transfers/{given}/reversals"}


def reversals(act: Act, params: Params, given: str) -> Json:
    act.get("transfer", given)
    return listing(act, params, "transfer_reversal", f"/v1/transfers/{given}/reversals", transfer=given)


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("transfer", given)


def transfers(act: Act, params: Params) -> Json:
    return listing(act, params, "transfer", "/v1/transfers", ("destination", "transfer_group"))
