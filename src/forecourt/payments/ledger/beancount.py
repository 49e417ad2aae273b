"""The ledger as a `beancount` file, which `bean-check` and every tool of that family read. Pure.

Accounts keep their names as far as the format lets them; where it doesn't, digits of their digest tell them apart.
At the end stands what each account came to, so that who checks the file checks our sums.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.payments.ledger.model import AccountKind, account_kind
from forecourt.payments.ledger.store import BalanceRow, EntryRow, PostingRow
from forecourt.platform.money import minor_digits

MEDIA_TYPE: Final = "text/plain; charset=utf-8"
ROOTS: Final = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.INCOME: "Income",
    AccountKind.EXPENSE: "Expenses",
}
#: A part of a name that the format takes as it is, but for its first letter.
_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_DIGEST: Final = 6


def account_name(name: str) -> str:
    """How an account is called there: `psp_receivable:acme` is Assets:Psp-Receivable:Acme."""
    first, *others = name.split(":")
    parts = ["-".join(word.capitalize() for word in first.split("_")), *map(_part, others)]
    return ":".join([ROOTS[account_kind(name)], *parts])


def head(title: str, currencies: Iterable[str], rows: Sequence[BalanceRow], opened_on: date) -> str:
    """The beginning of the file, with every account that it names."""
    lines = [f'option "title" {_text(title)}', *(f'option "operating_currency" "{each}"' for each in currencies), ""]
    names = sorted({row.account for row in rows})
    lines += [f"{opened_on} open {account_name(name)}" for name in names]
    return "\n".join(lines) + "\n"


def transactions(entries: Sequence[EntryRow], postings: Sequence[PostingRow], zone: ZoneInfo) -> Iterator[str]:
    """Entries with their legs, each a transaction of the day on which it happened in that zone."""
    legs: dict[int, list[PostingRow]] = {}
    for leg in postings:
        legs.setdefault(leg.entry_id, []).append(leg)
    for entry in entries:
        lines = [f"\n{entry.at.astimezone(zone).date()} * {_text(entry.kind)} {_text(entry.memo)}"]
        lines += [f"  key: {_text(entry.key)}", f"  entry: {_text(str(entry.entry_id))}"]
        if entry.session_id is not None:
            lines.append(f"  session: {_text(str(entry.session_id))}")
        if entry.intent is not None:
            lines.append(f"  payment: {_text(entry.intent)}")
        lines += [f"  {account_name(leg.account)}  {_amount(leg.amount, leg.currency)}" for leg in legs[entry.entry_id]]
        yield "\n".join(lines) + "\n"


def foot(rows: Sequence[BalanceRow], last_on: date) -> str:
    """What every account comes to at the end of the last day, as the ledger says it."""
    day = last_on + timedelta(days=1)
    return "\n" + "".join(
        f"{day} balance {account_name(row.account)}  {_amount(row.balance, row.currency)}\n" for row in rows
    )


def _part(part: str) -> str:
    if _PLAIN.fullmatch(part):
        return part[0].upper() + part[1:]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-")
    digest = hashlib.sha256(part.encode()).hexdigest()[:_DIGEST]
    return f"{readable[:1].upper()}{readable[1:]}-{digest}" if readable else f"X{digest}"


def _amount(minor: int, currency: str) -> str:
    return f"{Decimal(minor).scaleb(-minor_digits(currency)):f} {currency}"


def _text(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
