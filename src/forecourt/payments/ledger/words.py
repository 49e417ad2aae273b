"""What the pages of money call things."""

from decimal import Decimal
from typing import Final

from forecourt.platform.money import minor_digits
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

KINDS: Final = {
    "capture": mark("Card payment"),
    "taken_ahead": mark("Taken before the session was over"),
    "capture_lost": mark("Card payment came to nothing"),
    "wallet_use": mark("Paid from a wallet"),
    "top_up": mark("Wallet topped up"),
    "refund": mark("Refund"),
    "refund_back": mark("Refund came to nothing"),
    "fee": mark("Provider's fee"),
    "settlement": mark("Provider paid to our bank"),
    "dispute_opened": mark("Dispute opened"),
    "dispute_won": mark("Dispute won"),
    "dispute_lost": mark("Dispute lost"),
    "debt_paid": mark("Debt paid"),
    "write_off": mark("Written off"),
    "given": mark("Given away"),
    "fleet_invoice": mark("On a fleet's account"),
    "fleet_paid": mark("Fleet paid"),
    "reminder_fee": mark("Fee of a reminder"),
    "host_share": mark("Host's share"),
    "host_share_back": mark("Host's share taken back"),
    "host_fee": mark("Host's monthly fee"),
    "payout": mark("Payout"),
    "payout_bounced": mark("Payout came back"),
    "expense": mark("Expense"),
    "reimbursement": mark("Charging at home"),
    "points_earned": mark("Points earned"),
    "points_used": mark("Points used"),
    "points_lapsed": mark("Points lapsed"),
    "points_back": mark("Points taken back after a refund"),
    "cashback": mark("Cashback"),
    "cashback_back": mark("Cashback taken back after a refund"),
    "points_again": mark("Points given again, as the refund failed"),
    "unmatched_posted": mark("Money of nobody posted to where it belongs"),
    "unmatched_back": mark("That posting taken back"),
    "cashback_again": mark("Cashback given again, as the refund failed"),
}
#: What stands on an account, by the first part of its name.
ACCOUNTS: Final = {
    "psp_receivable": mark("With the payment provider, not yet paid out"),
    "psp_fees": mark("Kept by payment providers as fees"),
    "driver_receivable": mark("Owed by drivers"),
    "fleet_receivable": mark("Owed by a fleet"),
    "wallet": mark("In the wallet of a driver, to be spent"),
    "taken_ahead": mark("Taken of sessions that are not over"),
    "points": mark("Worth of a driver's points"),
    "rewards": mark("Given to drivers as points and cashback"),
    "revenue": mark("Earned, before VAT"),
    "discounts": mark("Given off what was earned, before VAT"),
    "vat_payable": mark("VAT owed to the tax office"),
    "host_payable": mark("Owed to a host"),
    "platform_revenue": mark("Kept by you of what hosts earn"),
    "disputes": mark("Taken back by banks while they look at a dispute"),
    "bank": mark("At your bank"),
    "unmatched": mark("Taken, and nobody's yet"),
    "other_income": mark("Other income, without VAT"),
    "expenses": mark("Spent"),
    "write_offs": mark("Given up"),
}
EVERY: Final = {"day": mark("Every banking day"), "week": mark("Every week"), "month": mark("Every month")}
#: The state whose colour it takes, and the word.
STATES: Final = {
    "asked": ("Preparing", mark("Asked for")),
    "sent": ("Preparing", mark("In a file for the bank")),
    "paid": ("Available", mark("Paid")),
    "refused": ("Faulted", mark("Refused")),
    "bounced": ("Faulted", mark("Came back")),
}


def account_words(account: str) -> str:
    """What stands on an account; empty where its name says it."""
    words = ACCOUNTS.get(account.partition(":")[0])
    return "" if words is None else _(words)


def money(amount: int | None, currency: str | None) -> str:
    """`12.50 EUR`, with the currency's own decimals."""
    if amount is None or currency is None:
        return formats.NOTHING
    digits = minor_digits(currency)
    return f"{i18n.number(Decimal(amount).scaleb(-digits), digits)}{formats.SPACE}{currency}"
