"""Bank statements as banks send them: camt.053 of ISO 20022, in any of its versions. Pure.

Read are the booked lines, each of its transactions where it has several; what is only expected is left out.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree.ElementTree import Element

from msgspec import Struct, structs

from forecourt.payments.bank.foreign import root_of
from forecourt.payments.bank.model import BankLine, shown
from forecourt.payments.reconcile.model import BankLineUnreadable, StatementUnreadable
from forecourt.platform.decimals import plain_decimal
from forecourt.platform.money import minor_digits
from forecourt.ui.i18n import mark

MAX_BYTES: Final = 10 * 2**20
#: Lines of one file.
MAX_LINES: Final = 50_000
BOOKED: Final = frozenset({"BOOK"})
#: What tells a statement of an account, or a page of it, from the others.
PAGE: Final = ("Id", "ElctrncSeqNb", "StmtPgntn/PgNb")
#: What banks write in place of a name that is a line's own, in small letters.
NO_NAME: Final = frozenset(
    {"", "nonref", "noref", "notprovided", "not provided", "notavailable", "unknown", "none", "n/a", "na"}
)
_MOST: Final = Decimal(10) ** 12
#: What is wrong with a line.
NO_AMOUNT: Final = mark("Its amount is none.")
NO_CURRENCY: Final = mark("Its amount names no currency.")
TOO_FINE: Final = mark("Its amount has more decimals than its currency.")
NO_WAY: Final = mark("It doesn't say whether money came or went.")
NO_DAY: Final = mark("The day on which it was booked is none.")


class StatementLine(BankLine, frozen=True, kw_only=True):
    """A booked line. `named`: the bank gave it a reference, which may be that of others too; `nth`: of those of its
    statement that are alike in all that tells lines apart, counted from 0."""

    named: bool
    nth: int


class Statement(Struct, frozen=True, kw_only=True):
    """The booked lines, and the first and the last day that are covered whole; None where neither a day nor a line is
    said. Of one account all between its first and its last statement counts as covered."""

    lines: list[StatementLine]
    #: The accounts that it tells of, shown by their ends.
    accounts: list[str]
    from_on: date | None
    until_on: date | None


def read(content: bytes) -> Statement:
    """The booked lines of a statement, and which days it covers; seconds of work where it is large. Raises
    StatementUnreadable."""
    try:
        statements = root_of(content, MAX_BYTES).findall("./BkToCstmrStmt/Stmt")
        lines = list(_lines_of(statements))
        spans = _spans(statements)
    except (InvalidOperation, ValueError, AttributeError) as fault:
        raise StatementUnreadable from fault
    if not statements or len(lines) > MAX_LINES:
        raise StatementUnreadable
    booked = [line.booked_on for line in lines]
    # Several accounts in one file are covered as the one that is told least of.
    until_on = min((until for _, until in spans), default=max(booked, default=None))
    begins = [first for first, _ in spans if first is not None]
    from_on = max(begins) if begins else min(booked, default=until_on)
    if from_on is not None and until_on is not None:
        from_on = min(from_on, until_on)
    accounts = sorted({shown(account) for account in map(_account, statements) if account})
    return Statement(lines=lines, accounts=accounts, from_on=from_on, until_on=until_on)


def _spans(statements: list[Element]) -> list[tuple[date | None, date]]:
    """The first and the last day of each account of which an end is said."""
    found: dict[str, tuple[date | None, date]] = {}
    for statement in statements:
        account = _account(statement)
        first, last = _from(statement), _until(statement)
        if last is None:
            continue
        before = found.get(account, (first, last))
        begins = [day for day in (before[0], first) if day is not None]
        found[account] = (min(begins, default=None), max(before[1], last))
    return list(found.values())


def _account(statement: Element) -> str:
    return (statement.findtext("Acct/Id/IBAN") or statement.findtext("Acct/Id/Othr/Id") or "").strip()


def _from(statement: Element) -> date | None:
    """The first day of a statement: of its span, else the one behind the balance before it."""
    begins = statement.findtext("FrToDt/FrDtTm")
    if begins is not None:
        begin = datetime.fromisoformat(begins.strip())
        # One that begins as a day ends holds nothing of it.
        return begin.date() if begin.time() == time() else begin.date() + timedelta(days=1)
    for balance in statement.findall("Bal"):
        if balance.findtext("Tp/CdOrPrtry/Cd") in ("PRCD", "OPBD"):
            # Some banks date the opening balance by the day that it opens: a day less is covered then.
            return _day_of(balance) + timedelta(days=1)
    return None


def _until(statement: Element) -> date | None:
    """The last day of a statement: of its span, else of its closing balance."""
    ends = statement.findtext("FrToDt/ToDtTm")
    if ends is not None:
        end = datetime.fromisoformat(ends.strip())
        # One that ends as a day begins holds nothing of it.
        return end.date() - timedelta(days=1) if end.time() == time() else end.date()
    for balance in statement.findall("Bal"):
        if balance.findtext("Tp/CdOrPrtry/Cd") == "CLBD":
            return _day_of(balance)
    return None


def _day_of(balance: Element) -> date:
    return date.fromisoformat(balance.findtext("Dt/Dt") or (balance.findtext("Dt/DtTm") or "")[:10])


def _lines_of(statements: list[Element]) -> Iterator[StatementLine]:
    """The booked lines of a file. What has no name of its own and is alike in several statements of an account is as
    many lines as are told; one statement, or page of it, that is told twice is told once."""
    told: dict[str, Counter[tuple[str, ...]]] = {}
    begun: dict[tuple[str | None, ...], Counter[tuple[str, ...]]] = {}
    for statement in statements:
        account = _account(statement)
        before = told.setdefault(account, Counter())
        alike = begun.setdefault((account, *map(statement.findtext, PAGE)), before).copy()
        yield from _lines(statement, account, alike)
        told[account] = before | alike


def _lines(statement: Element, account: str, unnamed: Counter[tuple[str, ...]]) -> Iterator[StatementLine]:
    """The booked lines, each by a name of its own: banks write the same reference for a payment and its charge, for
    lines of several accounts, or a word that is none for all of them. `unnamed`: those without a name that were told
    before, by all that tells them; these join them."""
    names = Counter[tuple[str, ...]]()
    for number, entry in enumerate(statement.findall("Ntry")):
        status = entry.findtext("Sts/Cd") or (entry.findtext("Sts") or "").strip()
        if status not in BOOKED:
            continue
        said = (entry.findtext("AcctSvcrRef") or "").strip()
        named = said.casefold() not in NO_NAME and bool(said.strip("0-"))
        reference = said if named else f"{statement.findtext('Id')}/{number}"
        parts = _parts(entry)
        for place, (part, amount) in enumerate(parts):
            line = _read(entry, part, amount, number + 1)
            # One without a reference is told by all that it says.
            own = (reference, str(place)) if named else (line.end_to_end or "", line.who, line.text, str(line.returned))
            told = (account, *own, f"{line.booked_on}", f"{line.amount} {line.currency}")
            alike = names if named else unnamed
            yield structs.replace(
                line, account=shown(account) if account else None, named=named, nth=alike[told],
                name=_digest(*told, str(alike[told])),
                reference=_name(f"{reference}/{place}" if len(parts) > 1 else reference),
            )  # fmt: skip
            alike[told] += 1


def _parts(entry: Element) -> list[tuple[Element | None, Element | None]]:
    """The transactions of a booked line with their amounts; of one that has a single one, or none, that of the line."""
    parts = entry.findall("NtryDtls/TxDtls")
    if len(parts) < 2:
        return [(parts[0] if parts else None, entry.find("Amt"))]
    own = [(part, part.find("Amt")) for part in parts]
    return [(part, part.find("AmtDtls/TxAmt/Amt") if amount is None else amount) for part, amount in own]


def _read(entry: Element, part: Element | None, amount: Element | None, number: int) -> StatementLine:
    """The line of this number, counted from 1 in its statement. Raises BankLineUnreadable, which says what is wrong."""
    try:
        return _line(entry, part, amount)
    except BankLineUnreadable as fault:
        raise BankLineUnreadable(f"Line {number} of this statement can't be read. {fault.detail}", line=number,
                                 why=fault.detail) from fault  # fmt: skip


def _line(entry: Element, part: Element | None, amount: Element | None) -> StatementLine:
    if amount is None or amount.text is None:
        raise BankLineUnreadable(NO_AMOUNT)
    currency = amount.get("Ccy", "")
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise BankLineUnreadable(NO_CURRENCY)
    try:
        major = plain_decimal(amount.text.strip())
    except (InvalidOperation, ValueError) as fault:
        raise BankLineUnreadable(NO_AMOUNT) from fault
    if not 0 <= major <= _MOST:
        raise BankLineUnreadable(NO_AMOUNT)
    minor = major.scaleb(minor_digits(currency))
    if minor != int(minor):
        raise BankLineUnreadable(TOO_FINE)
    indicator = (part.findtext("CdtDbtInd") if part is not None else None) or entry.findtext("CdtDbtInd")
    if indicator not in ("CRDT", "DBIT"):
        raise BankLineUnreadable(NO_WAY)
    try:
        booked_on = date.fromisoformat(entry.findtext("BookgDt/Dt") or (entry.findtext("BookgDt/DtTm") or "")[:10])
    except ValueError as fault:
        raise BankLineUnreadable(NO_DAY) from fault
    found = part if part is not None else entry
    party = "Dbtr" if indicator == "CRDT" else "Cdtr"
    who = found.findtext(f"RltdPties/{party}/Nm") or found.findtext(f"RltdPties/{party}/Pty/Nm") or ""
    said = [*found.findall("RmtInf/Ustrd"), *found.findall("RmtInf/Strd/CdtrRefInf/Ref")]
    text = " ".join(each.text or "" for each in said) or entry.findtext("AddtlNtryInf") or ""
    back = found.find("RtrInf")
    reason = "" if back is None else " ".join(filter(None, (back.findtext("Rsn/Cd"), back.findtext("AddtlInf"))))
    return StatementLine(
        reference="", name=None, named=False, nth=0, booked_on=booked_on, currency=currency,
        amount=int(minor) if indicator == "CRDT" else -int(minor),
        end_to_end=(found.findtext("Refs/EndToEndId") or "")[:100] or None, who=who.strip()[:200],
        text=" ".join(text.split())[:1000], returned=back is not None, return_reason=reason[:200],
    )  # fmt: skip


def _name(named: str) -> str:
    """As the bank named it; a name that is too long by its digest."""
    return named if len(named) <= 100 else hashlib.sha256(named.encode()).hexdigest()


def _digest(*told: str) -> str:
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()
