"""Entries, their legs, and the accounts they move money between. Pure.

Debit is positive and credit negative, in minor units. An account's name says what it is: `psp_receivable:acme`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: Legs of one entry.
MAX_LEGS: Final = 100
#: The largest amount of one leg, in minor units.
MAX_AMOUNT: Final = 10**15
MAX_KEY: Final = 200
MAX_MEMO: Final = 300
_NAME: Final = re.compile(r"[a-z_]+(:[^:\x00-\x1f\x7f]{1,80}){0,3}")


class AccountKind(StrEnum):
    """On which side of the books an account stands."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


#: What accounts there are, by how their names begin.
ACCOUNTS: Final[Mapping[str, AccountKind]] = {
    "bank": AccountKind.ASSET,
    "psp_receivable": AccountKind.ASSET,
    "driver_receivable": AccountKind.ASSET,
    "fleet_receivable": AccountKind.ASSET,
    "roaming_receivable": AccountKind.ASSET,
    "vat_receivable": AccountKind.ASSET,
    "disputes": AccountKind.ASSET,
    "unmatched": AccountKind.ASSET,
    "wallet": AccountKind.LIABILITY,
    "taken_ahead": AccountKind.LIABILITY,
    "points": AccountKind.LIABILITY,
    "vat_payable": AccountKind.LIABILITY,
    "host_payable": AccountKind.LIABILITY,
    "revenue": AccountKind.INCOME,
    "discounts": AccountKind.INCOME,
    "platform_revenue": AccountKind.INCOME,
    "other_income": AccountKind.INCOME,
    "psp_fees": AccountKind.EXPENSE,
    "host_share": AccountKind.EXPENSE,
    "write_offs": AccountKind.EXPENSE,
    "rewards": AccountKind.EXPENSE,
    "expenses": AccountKind.EXPENSE,
}


class Kind(StrEnum):
    """What an entry is about."""

    CAPTURE = "capture"
    TAKEN_AHEAD = "taken_ahead"
    CAPTURE_LOST = "capture_lost"
    WALLET_USE = "wallet_use"
    GIVEN = "given"
    TOP_UP = "top_up"
    REFUND = "refund"
    REFUND_BACK = "refund_back"
    FEE = "fee"
    SETTLEMENT = "settlement"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DEBT_PAID = "debt_paid"
    WRITE_OFF = "write_off"
    FLEET_INVOICE = "fleet_invoice"
    FLEET_PAID = "fleet_paid"
    REMINDER_FEE = "reminder_fee"
    HOST_SHARE = "host_share"
    HOST_SHARE_BACK = "host_share_back"
    HOST_FEE = "host_fee"
    PAYOUT = "payout"
    PAYOUT_BOUNCED = "payout_bounced"
    EXPENSE = "expense"
    REIMBURSEMENT = "reimbursement"
    POINTS_EARNED = "points_earned"
    POINTS_USED = "points_used"
    POINTS_LAPSED = "points_lapsed"
    POINTS_BACK = "points_back"
    CASHBACK = "cashback"
    CASHBACK_BACK = "cashback_back"
    POINTS_AGAIN = "points_again"
    CASHBACK_AGAIN = "cashback_again"
    UNMATCHED_POSTED = "unmatched_posted"
    UNMATCHED_BACK = "unmatched_back"


class Leg(Struct, frozen=True, kw_only=True):
    """One account's part of an entry. `amount` in minor units, never 0."""

    account: str
    currency: str
    amount: int


class Entry(Struct, frozen=True, kw_only=True):
    """Something that happened to money. `key` names it once and for all; `at` is when it happened.

    `session_id`, `intent` and `site_id` are what it is about, for whoever looks it up. `nets`: what each account of VAT
    is of, debit positive as legs are; what was earned beside that is without VAT. None: nobody says so. Made by the
    functions of `entries`, which leave out legs of nothing; one without legs says that no money moved.
    """

    key: str
    kind: Kind
    at: datetime
    legs: tuple[Leg, ...]
    memo: str = ""
    session_id: UUID | None = None
    intent: str | None = None
    site_id: int | None = None
    nets: Mapping[str, int] | None = None


class Unbalanced(ForecourtError):
    """What was to be posted does not sum to nothing. Nothing was written; report it with the entry's key."""

    code = "entry-unbalanced"


class EntryDiffers(ForecourtError):
    """Something else was posted under this key before. Nothing was written; report it with the entry's key."""

    status = 409
    code = "entry-differs"


class EntryUnknown(ForecourtError):
    """There is no such entry. `GET /api/v1/ledger/journal` lists those that exist."""

    status = 404
    code = "entry-unknown"


class AccountUnknown(ForecourtError):
    """There is no such account. `GET /api/v1/ledger/accounts` lists those that exist."""

    status = 404
    code = "account-unknown"


def account_kind(name: str) -> AccountKind:
    """On which side an account stands. Raises KeyError for a name that none has."""
    return ACCOUNTS[name.partition(":")[0]]


def sums(legs: Iterable[Leg]) -> dict[str, int]:
    """What legs come to by currency."""
    found: dict[str, int] = {}
    for leg in legs:
        found[leg.currency] = found.get(leg.currency, 0) + leg.amount
    return found


def check(entry: Entry) -> None:
    """Raises Unbalanced unless the entry could be posted."""
    wrong = None
    if not 2 <= len(entry.legs) <= MAX_LEGS:
        wrong = f"it has {len(entry.legs)} legs"
    elif any(sums(entry.legs).values()):
        wrong = f"it comes to {sums(entry.legs)}"
    elif not all(0 < abs(leg.amount) <= MAX_AMOUNT for leg in entry.legs):
        wrong = "an amount is nothing or too large"
    elif not all(_NAME.fullmatch(leg.account) and leg.account.partition(":")[0] in ACCOUNTS for leg in entry.legs):
        wrong = "it names an account that there can't be"
    elif not 1 <= len(entry.key) <= MAX_KEY or len(entry.memo) > MAX_MEMO or entry.at.tzinfo is None:
        wrong = "its key, its memo or its time is none"
    if wrong is not None:
        raise Unbalanced(f"Entry {entry.key} can't be posted: {wrong}.")
