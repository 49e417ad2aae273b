"""What banks say of files that they were given: pain.002 of ISO 20022, customer payment status report, in any of its
versions with the root `CstmrPmtStsRpt` (.03 to .14, and Germany's own). Pure.

A status is said of a file, of a payment information in it, or of a single payment, whichever a bank likes; each counts
for what is said no more closely.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from forecourt.payments.bank.foreign import root_of
from forecourt.payments.reconcile.model import ReportUnreadable
from forecourt.platform.decimals import plain_decimal
from forecourt.platform.money import minor_digits

MAX_BYTES: Final = 10 * 2**20
#: Payments of which one report tells.
MAX_PAYMENTS: Final = 50_000
MAX_REFERENCE: Final = 100
MAX_REASON: Final = 200
#: ISO 20022 external codes of a payment's, a payment information's and a group's status.
REFUSED: Final = frozenset({"RJCT", "CANC"})
ACCEPTED: Final = frozenset({"ACCC", "ACCO", "ACCP", "ACFC", "ACIS", "ACSC", "ACSP", "ACTC", "ACWC", "ACWP"})
_MOST: Final = Decimal(10) ** 12
#: Where the status of a payment alone stands.
_OWN: Final = "TxSts"


class Status(StrEnum):
    """What a bank does with what it was given. `OPEN`: it has it, and doesn't say yet."""

    ACCEPTED = "accepted"
    OPEN = "open"
    REFUSED = "refused"


class Word(Struct, frozen=True, kw_only=True):
    """What is said of something. `reason`: the bank's code and its text; empty where it gives none. `own`: of a payment
    alone; what is said of a file or a payment information is of whoever gave it to the bank, not of whom it pays or
    draws."""

    status: Status
    reason: str = ""
    own: bool = False


class Payment(Struct, frozen=True, kw_only=True):
    """One payment of the file, by our name of it (EndToEndId). `word`: None where nothing is said of it alone. `amount`
    in minor units of `currency`; None where it isn't said again."""

    reference: str
    word: Word | None
    amount: int | None
    currency: str | None


class Part(Struct, frozen=True, kw_only=True):
    """A payment information of the file, by its name in it (PmtInfId)."""

    reference: str
    word: Word | None
    payments: tuple[Payment, ...]


class Report(Struct, frozen=True, kw_only=True):
    """One report. `message`: its own name; `file`: that of the file of ours that it tells of (MsgId)."""

    message: str
    file: str
    word: Word | None
    parts: tuple[Part, ...]


def read(content: bytes) -> Report:
    """What a bank says of a file. Raises ReportUnreadable."""
    try:
        [report] = root_of(content, MAX_BYTES).findall("./CstmrPmtStsRpt")
        [of] = report.findall("OrgnlGrpInfAndSts")
        parts = tuple(_part(each) for each in report.findall("OrgnlPmtInfAndSts"))
        file = _name(of, "OrgnlMsgId")
        if not file or sum(len(each.payments) for each in parts) > MAX_PAYMENTS:
            raise ReportUnreadable
        return Report(message=_name(report, "GrpHdr/MsgId"), file=file, word=_word(of, "GrpSts"), parts=parts)
    except ValueError as fault:
        raise ReportUnreadable from fault


def _part(said: Element) -> Part:
    return Part(
        reference=_name(said, "OrgnlPmtInfId"), word=_word(said, "PmtInfSts"),
        payments=tuple(_payment(each) for each in said.findall("TxInfAndSts")),
    )  # fmt: skip


def _payment(said: Element) -> Payment:
    amount = said.find("OrgnlTxRef/Amt/InstdAmt")
    currency, minor = None, None
    if amount is not None:
        currency = amount.get("Ccy", "")
        if len(currency) != 3 or not currency.isascii() or not currency.isupper():
            raise ValueError("an amount without a currency")
        major = plain_decimal((amount.text or "").strip())
        scaled = major.scaleb(minor_digits(currency))
        if not 0 <= major <= _MOST or scaled != scaled.to_integral_value():
            raise ValueError("an amount that is none")
        minor = int(scaled)
    return Payment(
        reference=_name(said, "OrgnlEndToEndId"), word=_word(said, _OWN), amount=minor, currency=currency
    )  # fmt: skip


def _word(said: Element, where: str) -> Word | None:
    status = _name(said, where)
    if not status:
        return None
    means = Status.REFUSED if status in REFUSED else Status.ACCEPTED if status in ACCEPTED else Status.OPEN
    return Word(status=means, reason=_reason(said), own=where == _OWN)


def _reason(said: Element) -> str:
    """Codes, whether of the standard or the bank's own, and what stands beside them."""
    found = []
    for each in said.findall("StsRsnInf"):
        texts = (text.text or "" for text in each.findall("AddtlInf"))
        found += [each.findtext("Rsn/Cd") or each.findtext("Rsn/Prtry") or "", *texts]
    return " ".join(" ".join(found).split())[:MAX_REASON]


def _name(said: Element, where: str) -> str:
    return (said.findtext(where) or "").strip()[:MAX_REFERENCE]
