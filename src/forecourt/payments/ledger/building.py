"""What builders of entries are made of, in whichever room they are. Pure."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from forecourt.payments.ledger.model import Entry, Kind, Leg


def between(
    key: str, kind: Kind, at: datetime, currency: str, debit: str, credit: str, amount: int, *,
    memo: str = "", session_id: UUID | None = None, intent: str | None = None, site_id: int | None = None,
) -> Entry:  # fmt: skip
    """An entry that moves an amount from the account `credit` to the account `debit`; negative: back. Minor units."""
    return Entry(
        key=key, kind=kind, at=at, memo=memo, session_id=session_id, intent=intent, site_id=site_id,
        legs=legs_from(currency, [(debit, amount), (credit, -amount)]),
    )  # fmt: skip


def legs_from(currency: str, amounts: Iterable[tuple[str, int]]) -> tuple[Leg, ...]:
    """A leg of each account, those of nothing left out."""
    totals: dict[str, int] = {}
    for account, amount in amounts:
        totals[account] = totals.get(account, 0) + amount
    return tuple(Leg(account=name, currency=currency, amount=amount) for name, amount in totals.items() if amount)


def positive(amount: int) -> int:
    """The amount, which may not be below nothing, as it is."""
    assert amount >= 0, "an amount below nothing"
    return amount
