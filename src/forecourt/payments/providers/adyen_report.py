"""Adyen's Settlement details report, line by line as movements. Pure.

One report is one batch that Adyen closed: what was settled of payments, what went back, what it cost, and what was
paid to the bank. Amounts stand there in major units, debit and credit apart; times by the clock of the account, named
by an abbreviation.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.payments.providers.adyen_shapes import read_reference
from forecourt.payments.psp.words import Movement
from forecourt.platform.decimals import plain_decimal
from forecourt.platform.money import minor_digits

#: What a report of this kind is called: by its batch, a date or a name of its own. It leads nowhere else.
REPORT_NAME: Final = re.compile(r"settlement_detail_report[A-Za-z0-9_-]{0,50}\.csv")
#: Lines of one report.
MAX_LINES: Final = 200_000
#: Characters of what names a line that is no payment's.
MAX_NAMED: Final = 100
#: Characters of what names a line or a payment.
MAX_REFERENCE: Final = 200
#: What no amount comes near to, in minor units, so that all fit wherever amounts are kept.
MAX_AMOUNT: Final = 10**15

#: What lines of a payment, and of the account, are in the words of reconciliation. Others are kept as they are called:
#: a person is asked what they are.
KINDS: Final[Mapping[str, str]] = {
    "Settled": "charge",
    "SettledReversed": "charge_failure",
    "Refunded": "refund",
    "RefundedReversed": "refund_failure",
    "Chargeback": "dispute",
    "SecondChargeback": "dispute",
    "ChargebackReversed": "dispute_reversal",
    "MerchantPayout": "payout",
    "BankInstructionReturned": "payout_failure",
    "Fee": "fee",
    "AuthorisationSchemeFee": "fee",
    "DisputeFee": "fee",
    "InvoiceDeduction": "fee",
    "MiscCosts": "fee",
    "PaymentCost": "fee",
}
#: From one batch of the account into its next: nothing moved.
CARRIED: Final = frozenset({"Balancetransfer"})
FIRST: Final = "Chargeback"
SECOND: Final = "SecondChargeback"
WON: Final = "ChargebackReversed"

_DEBIT, _CREDIT = "Net Debit (NC)", "Net Credit (NC)"
_GROSS_DEBIT, _GROSS_CREDIT = "Gross Debit (GC)", "Gross Credit (GC)"
#: What a line cost, in its net currency. A column may be absent, as the account has it.
_COSTS: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_NEEDED: Final = (
    "Merchant Account", "Psp Reference", "Merchant Reference", "Creation Date", "TimeZone", "Type",
    "Modification Reference", "Gross Currency", _GROSS_DEBIT, _GROSS_CREDIT, "Net Currency", _DEBIT, _CREDIT,
    "Batch Number",
)  # fmt: skip
_CURRENCY: Final = re.compile("[A-Z]{3}")
#: Hours from UTC of what clocks are called; others are looked up by their name.
_ZONES: Final[Mapping[str, int]] = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "IST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip


class ReportUnreadable(ValueError):
    """A report that can't be read; the text says where and why."""


class Said(Struct, frozen=True, kw_only=True):
    """One line. `fee` is what it cost; `amount` less `fee` is what the balance changed by."""

    type: str
    #: By what it is the same in whichever report it stands.
    reference: str
    payment: str | None
    change: str | None
    merchant_reference: str
    amount: int
    fee: int
    currency: str
    at: datetime


def read_report(text: str, merchant_account: str) -> list[Said]:
    """Every line of a merchant account that moved money, in its order. Raises ReportUnreadable: half a report is
    none."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise ReportUnreadable(f"it has no column {missing[0]}")
    return list(_lines(rows, merchant_account))


def _lines(rows: "csv.DictReader[str]", merchant_account: str) -> Iterator[Said]:
    seen: Counter[str] = Counter()
    try:
        for number, row in enumerate(rows, start=2):
            if number > MAX_LINES:
                raise ReportUnreadable(f"it has more than {MAX_LINES} lines")
            if any(row[name] is None for name in _NEEDED):
                raise ReportUnreadable(f"its line {number} is not whole")
            if row["Merchant Account"] != merchant_account or row["Type"] in CARRIED:
                continue
            try:
                yield _line(row, seen)
            except (ValueError, InvalidOperation, TypeError, OverflowError) as fault:
                raise ReportUnreadable(f"its line {number} can't be read: {fault}") from fault
    except csv.Error as fault:
        raise ReportUnreadable(f"it is no table: {fault}") from fault


def _line(row: Mapping[str, str], seen: Counter[str]) -> Said:
    currency, gross = row["Net Currency"], row["Gross Currency"]
    if not _CURRENCY.fullmatch(currency):
        raise ValueError("it has no currency")
    net = _minor(row[_CREDIT], currency) - _minor(row[_DEBIT], currency)
    if not gross or gross != currency:
        # What nobody paid, or in another currency: what it cost is said on its own.
        fee = sum(_minor(row.get(name) or "", currency) for name in _COSTS)
        amount = net + fee
    else:
        amount = _minor(row[_GROSS_CREDIT], currency) - _minor(row[_GROSS_DEBIT], currency)
        fee = amount - net
    payment, change = row["Psp Reference"].strip() or None, row["Modification Reference"].strip() or None
    name = f"{row['Type']}:{(change or payment or '')[:MAX_NAMED]}"
    if payment is None or KINDS.get(row["Type"]) == "fee":
        # Fees and payouts have no name of their own: what a payment cost may stand in several batches.
        name = f"{row['Type']}:{row['Batch Number']}:{currency}:{(change or payment or '')[:MAX_NAMED]}"
    # Those that are called the same are the first, the second ... so called.
    seen[name] += 1
    reference = name if seen[name] == 1 else f"{name}#{seen[name]}"
    # What can't be kept is not read: it would hold up what stands in other reports.
    if max(len(reference), len(payment or "")) > MAX_REFERENCE or "\0" in f"{reference}{payment}{change}":
        raise ValueError("it is called by what is no name")
    return Said(
        type=row["Type"], reference=reference, payment=payment, change=change,
        merchant_reference=row["Merchant Reference"], amount=amount, fee=fee, currency=currency,
        at=_moment(row["Creation Date"], row["TimeZone"]),
    )  # fmt: skip


def movement_of(said: Said, available_at: datetime, dispute: str | None = None) -> Movement:
    """A line as a movement. `available_at`: when the batch was ours to use; `dispute`: the name by which a chargeback
    is known, where that is another one."""
    intent, _, _ = read_reference(said.merchant_reference)
    kind = KINDS.get(said.type, said.type.lower()[:40] or "untold")
    return Movement(
        reference=said.reference, kind=kind, amount=said.amount, fee=said.fee, currency=said.currency, at=said.at,
        available_at=available_at, source=dispute or said.change or said.payment, hold=said.payment, intent=intent,
    )  # fmt: skip


def _minor(text: str, currency: str) -> int:
    """An amount in major units as whole minor ones; 0 where nothing stands. Raises ValueError for a part of one."""
    if not text.strip():
        return 0
    scaled = plain_decimal(text.strip()).scaleb(minor_digits(currency))
    if abs(scaled) >= MAX_AMOUNT or scaled != scaled.to_integral_value():
        raise ValueError(f"{text[:20]} is no amount of {currency}")
    return int(scaled)


def _moment(text: str, zone: str) -> datetime:
    return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_zone(zone.strip())).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    if name in _ZONES:
        return timezone(timedelta(hours=_ZONES[name]))
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name[:40]} is no clock that is known") from None
