"""Batches: what was captured and given back since the last one, what that cost, what went to the merchant's bank, and
the report of it. Amounts are minor units here, and in major units in the report, as the provider writes them."""

import csv
import io
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.books import ApiError, Books, Json, Merchant, Payment
from forecourt.simulator.adyen.hooks import Courier, event

COLUMNS: Final = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method", "Creation Date",
    "TimeZone", "Type", "Modification Reference", "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)",
    "Exchange Rate", "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)",
    "Scheme Fees (NC)", "Interchange (NC)", "Payment Method Variant", "Modification Merchant Reference", "Batch Number",
    "Reserved4",
)  # fmt: skip
#: The clock of every account: its reports tell times by it.
CLOCK: Final = ZoneInfo("Europe/Amsterdam")
#: What a settled payment costs, in ten thousandths: the issuing bank's part, the scheme's, the acquirer's. And what a
#: batch costs for each payment in it, and a chargeback, in minor units.
INTERCHANGE, SCHEME, MARKUP = 20, 7, 60
EACH: Final = 11
CHARGEBACK: Final = 750
#: What of the books is a line of a report, and whether it takes money from the merchant.
LINES: Final = {
    "capture": ("Settled", False), "refund": ("Refunded", True),
    "chargeback": ("Chargeback", True), "chargeback_back": ("ChargebackReversed", False),
}  # fmt: skip
_DECIMALS: Final = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}


class Settling:
    """Closes batches and keeps their reports."""

    def __init__(self, books: Books, courier: Courier) -> None:
        self._books, self._courier = books, courier

    def close(self, merchant: Merchant, now: int) -> str | None:
        """Closes the batch of a merchant and tells that its report is there; its name. Nothing where nothing moved."""
        lost = {row["payment"] for row in self._books.ledger if row["what"] == "capture_lost"}
        rows = [
            row
            for row in self._books.ledger[merchant.settled :]
            if row["merchant"] == merchant.name and row["what"] in LINES
        ]
        rows = [row for row in rows if row["what"] != "capture" or row["payment"] not in lost]
        merchant.settled = len(self._books.ledger)
        if not rows and not any(merchant.carried.values()):
            return None
        merchant.batch += 1
        name = f"settlement_detail_report_batch_{merchant.batch}.csv"
        if len(self._books.reports) >= limits.MAX_REPORTS:
            raise ApiError(500, "000", "The books are full: start it anew.", "internal")
        self._books.reports[merchant.name, name] = _table(self._lines(merchant, rows, now)).encode()
        self._courier.tell(
            now, merchant.name,
            event("REPORT_AVAILABLE", name, 0, "EUR", "", reason=f"{merchant.reports_at}/{merchant.name}/{name}"),
        )  # fmt: skip
        return name

    def _lines(self, merchant: Merchant, rows: list[Json], now: int) -> list[Json]:
        lines: list[Json] = []
        left = {currency: amount for currency, amount in sorted(merchant.carried.items()) if amount}
        for currency, carried in left.items():
            lines.append(_own(merchant, now, "Balancetransfer", f"from batch {merchant.batch - 1}", currency, carried))
        settled: dict[str, int] = {}
        for row in rows:
            payment = self._books.payments[row["payment"]]
            line, net = _of_payment(merchant, payment, row)
            lines.append(line)
            left[payment.currency] = left.get(payment.currency, 0) + net
            if line["Type"] == "Settled":
                settled[payment.currency] = settled.get(payment.currency, 0) + 1
        month = datetime.fromtimestamp(now, CLOCK).strftime("%B %Y")
        for currency, count in sorted(settled.items()):
            lines.append(_own(merchant, now, "Fee", f"Transaction Fees {month}", currency, -EACH * count))
            left[currency] -= EACH * count
        return [*lines, *(self._paid(merchant, now, currency, left[currency]) for currency in sorted(left))]

    def _paid(self, merchant: Merchant, now: int, currency: str, left: int) -> Json:
        """What is left of a batch goes to the bank; what is owed goes on into the next."""
        merchant.carried[currency] = min(left, 0)
        if left <= 0:
            return _own(merchant, now, "Balancetransfer", f"to batch {merchant.batch + 1}", currency, -left)
        named = f"TX{merchant.batch:09d}XT batch {merchant.batch}, {merchant.name}"
        self._books.note(now, merchant.name, "payout", named, left)
        return _own(merchant, now, "MerchantPayout", named, currency, -left)


def _of_payment(merchant: Merchant, payment: Payment, row: Json) -> tuple[Json, int]:
    """The line of something that happened to a payment, and what it changes the balance by."""
    kind, takes = LINES[row["what"]]
    amount, currency = int(row["amount"]), payment.currency
    costs = {"Commission": CHARGEBACK if kind == "Chargeback" else 0, "Markup": 0, "Scheme Fees": 0, "Interchange": 0}
    if kind == "Settled":
        parts = {"Markup": MARKUP, "Scheme Fees": SCHEME, "Interchange": INTERCHANGE}
        costs |= {name: amount * part // 10_000 for name, part in parts.items()}
    net = (-amount if takes else amount) - sum(costs.values())
    line = _line(merchant, currency, row["at"], kind, net) | {
        "Psp Reference": payment.id, "Merchant Reference": payment.reference, "Payment Method": payment.card.brand,
        "Modification Reference": row["reference"], "Gross Currency": currency, "Exchange Rate": "1",
        "Gross Debit (GC)": _major(amount, currency) if takes else "",
        "Gross Credit (GC)": "" if takes else _major(amount, currency),
        **{f"{name} (NC)": _major(cost, currency) if cost else "" for name, cost in costs.items()},
    }  # fmt: skip
    return line, net


def _own(merchant: Merchant, now: int, kind: str, named: str, currency: str, net: int) -> Json:
    """A line of no payment."""
    return _line(merchant, currency, now, kind, net) | {"Modification Reference": named}


def _line(merchant: Merchant, currency: str, at: int, kind: str, net: int) -> Json:
    moment = datetime.fromtimestamp(at, UTC).astimezone(CLOCK)
    return {
        "Company Account": "SandboxCompany", "Merchant Account": merchant.name, "Type": kind,
        "Creation Date": moment.strftime("%Y-%m-%d %H:%M:%S"), "TimeZone": moment.tzname(), "Net Currency": currency,
        "Net Debit (NC)": _major(-net, currency) if net < 0 else "",
        "Net Credit (NC)": _major(net, currency) if net >= 0 else "", "Batch Number": str(merchant.batch),
    }  # fmt: skip


def _major(amount: int, currency: str) -> str:
    places = _DECIMALS.get(currency, 2)
    if not places:
        return str(amount)
    return f"{amount // 10**places}.{amount % 10**places:0{places}d}"


def _table(lines: list[Json]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return out.getvalue()
