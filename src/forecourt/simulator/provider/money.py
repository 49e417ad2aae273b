"""What the provider owes its accounts: movements with their fees, and when they can be paid out."""

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.act import Act, listing
from forecourt.simulator.provider.errors import Json
from forecourt.simulator.provider.form import Params

CATEGORIES = {
    "charge": "charge", "payment": "charge", "refund": "refund", "payment_refund": "refund", "payout": "payout",
    "payout_failure": "payout_reversal", "transfer": "transfer", "transfer_refund": "transfer_reversal",
    "adjustment": "dispute", "stripe_fee": "fee", "application_fee": "platform_earning",
}  # fmt: skip


def move(
    act: Act,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    *,
    fee: int = 0,
    fee_text: str = "Sandbox processing fees",
    days: int | None = None,
    category: str | None = None,
    description: str | None = None,
) -> Json:
    """Writes a movement; `days` until it can be paid out, counted in whole days of UTC, None for at once."""
    available = act.now if not days else (act.now // limits.DAY_S + days) * limits.DAY_S
    details = [
        {"amount": fee, "application": None, "currency": currency, "description": fee_text, "type": "stripe_fee"}
    ]
    movement = act.new(
        "balance_transaction", "txn", amount=amount, available_on=available, balance_type="payments",
        currency=currency, description=description, exchange_rate=None, fee=fee, fee_details=details if fee else [],
        net=amount - fee, reporting_category=category or CATEGORIES[kind], source=source, type=kind,
    )  # fmt: skip
    del movement["livemode"]
    act.put(movement)
    act.books.move(act.account, movement["id"], currency, amount - fee, available, source)
    return movement


def payment_fee(amount: int, currency: str, *, terminal: bool) -> int:
    """The share, rounded half up to a minor unit, and the fixed part."""
    share = limits.TERMINAL_FEE if terminal else limits.ONLINE_FEE
    fixed = (limits.TERMINAL_FIXED_FEES if terminal else limits.FIXED_FEES).get(currency, limits.DEFAULT_FIXED_FEE)
    return (amount * share + 5000) // 10_000 + fixed


def available(act: Act, currency: str) -> int:
    """What can be paid out or passed on now."""
    return act.books.sums(act.account, act.now).get(currency, (0, 0))[0]


def with_status(movement: Json, now: int) -> Json:
    return movement | {"status": "available" if movement["available_on"] <= now else "pending"}


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return with_status(act.get("balance_transaction", given), act.now)


def transactions(act: Act, params: Params) -> Json:
    payout = params.text("payout")
    if payout is not None:
        act.get("payout", payout, "payout")
    page = listing(
        act, params, "balance_transaction", "/v1/balance_transactions", ("currency", "type", "source"),
        **({"_payout": payout} if payout else {}),
    )  # fmt: skip
    page["data"] = [with_status(movement, act.now) for movement in page["data"]]
    return page


def balance(act: Act, params: Params) -> Json:
    params.done()
    sums = act.books.sums(act.account, act.now) or {"eur": (0, 0)}

    def listed(place: int) -> list[Json]:
        return [
            {"amount": both[place], "currency": currency, "source_types": {"card": both[place]}}
            for currency, both in sorted(sums.items())
        ]

    return {"object": "balance", "available": listed(0), "pending": listed(1), "livemode": False}
