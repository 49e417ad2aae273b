"""A provider's movements held against the journal: what agrees, what doesn't, and what to do then. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark

#: A movement this long after what it is of is late.
LATE: Final = timedelta(days=3)
#: Movements, and entries, that one comparison of an account looks at; where there are more it ends before them.
MAX_COMPARED: Final = 200_000

#: What providers' words for movements mean to us. What isn't listed is other money of the account: it is posted nowhere
#: and asked of a person.
CHARGES: Final = frozenset({"charge", "payment"})
REFUNDS: Final = frozenset({"refund", "payment_refund", "charge_failure", "refund_failure"})
PAYOUTS: Final = frozenset({"payout", "payout_reversal", "payout_failure", "payout_cancel"})
DISPUTES: Final = frozenset({"dispute"})
DISPUTES_WON: Final = frozenset({"dispute_reversal"})
TRANSFERS: Final = frozenset({"transfer", "transfer_reversal"})
FEES: Final = frozenset({"fee", "stripe_fee", "network_cost", "tax"})
#: Told by the provider alone, so they are posted by what it says, and nothing is to be compared.
TOLD: Final = PAYOUTS | DISPUTES | DISPUTES_WON | FEES


class Side(StrEnum):
    """What a movement and an entry must both be to be of each other."""

    IN = "in"
    BACK = "back"
    TRANSFER = "transfer"


class Said(Protocol):
    """A movement as a provider tells it."""

    @property
    def reference(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def fee(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def available_at(self) -> datetime: ...
    @property
    def source(self) -> str | None: ...
    @property
    def hold(self) -> str | None: ...
    @property
    def intent(self) -> str | None: ...


class SaidPage(Protocol):
    """Some movements, and what asks for those behind them."""

    @property
    def movements(self) -> Sequence[Said]: ...
    @property
    def next(self) -> str | None: ...


class Movements(Protocol):
    """A provider's account, as far as it tells what moved there."""

    @property
    def told_within(self) -> timedelta:
        """An entry whose movement isn't told yet is missing only after this."""
        ...

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> SaidPage:
        """What moved in [since, until), page by page."""
        ...


class Booked(Struct, frozen=True, kw_only=True):
    """What the journal says moved on a provider's account by one entry. `about`: the payment's intent, or the
    provider's name of the transfer."""

    entry_id: int
    key: str
    side: Side
    about: str
    amount: int
    currency: str
    at: datetime


class Differs(StrEnum):
    """How the two sides disagree."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    DOUBLED = "doubled"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    LATE = "late"
    FEE_MISMATCH = "fee_mismatch"
    UNPOSTED = "unposted"
    BANK_UNKNOWN = "bank_unknown"
    BANK_AMOUNT = "bank_amount"
    BANK_TWICE = "bank_twice"
    BANK_MISSING = "bank_missing"


class Difference(Struct, frozen=True, kw_only=True):
    """One of them: `about` names it for good; what each side says of it, None where it says nothing."""

    kind: Differs
    about: str
    at: datetime
    reference: str | None = None
    entry_id: int | None = None
    intent: str | None = None
    said: int | None = None
    said_currency: str | None = None
    booked: int | None = None
    booked_currency: str | None = None


#: What each may come of, and what to do.
EXPLAINED: Final[Mapping[Differs, tuple[str, str]]] = {
    Differs.MISSING: (
        mark("The journal says that money moved, and the provider knows nothing of it."),
        mark("Look the payment up at the provider. If it never moved, take the entry back by a refund or a write-off."),
    ),
    Differs.UNKNOWN: (
        mark("The provider moved money of which the journal knows nothing: by hand there, or by another program."),
        mark(
            "Look it up at the provider, and explain what it was and to which account it belongs. That posts nothing:"
            " your bookkeeping has to enter it beside the export."
        ),
    ),
    Differs.DOUBLED: (
        mark("The provider moved the same money twice."),
        mark("Refund the second one at the provider. The refund will be listed here too: explain both."),
    ),
    Differs.WRONG_AMOUNT: (
        mark("The provider moved another amount than was posted: captured or refunded by hand, or in part."),
        mark(
            "If too much was taken, refund it. Otherwise explain what lies between them. That posts nothing: your"
            " bookkeeping has to enter it beside the export."
        ),
    ),
    Differs.WRONG_CURRENCY: (
        mark("The provider moved another currency than was posted: the account converts what it takes."),
        mark("Let the account settle in the currency of the tariff."),
    ),
    Differs.LATE: (
        mark("The provider moved the money days after it was posted."),
        mark("Nothing is lost. If it happens often, ask the provider why."),
    ),
    Differs.FEE_MISMATCH: (
        mark("The provider's fee is another one than was posted for the same movement."),
        mark(
            "Compare it with the contract, and explain what lies between them. That posts nothing: your bookkeeping has"
            " to enter it beside the export."
        ),
    ),
    Differs.UNPOSTED: (
        mark("The journal can't take what the provider says, mostly because it says something else already."),
        mark("Compare the journal with the provider. Every night tries again. If the journal is right, explain it."),
    ),
    Differs.BANK_UNKNOWN: (
        mark("The bank booked money that belongs to no payout and no settlement."),
        mark("If a fleet paid, say which one. Otherwise explain it."),
    ),
    Differs.BANK_AMOUNT: (
        mark("The bank booked another amount than the payout says."),
        mark("Ask the bank: it may have kept a charge."),
    ),
    Differs.BANK_TWICE: (
        mark("The bank carried out a payout once more, or sent it back once more, than the journal knows."),
        mark(
            "See whether its file was given to the bank twice. If so, ask the bank to call the second payment back, and"
            " the host to return it. What comes back is matched with it."
        ),
    ),
    Differs.BANK_MISSING: (
        mark("A payout or a direct debit is days old, and the bank has not booked it, or what comes back of it."),
        mark(
            "See whether its file was given to the bank, and whether the bank took it. If the bank booked a payout that"
            " no statement tells of, say so at its host. If a debit came to nothing, say so at its invoice: what it"
            " asked for is open again then."
        ),
    ),
}  # fmt: skip


def side_of(kind: str) -> Side | None:
    """What a movement must be matched with; None: it is told by the provider alone, or by nobody."""
    if kind in CHARGES:
        return Side.IN
    if kind in REFUNDS:
        return Side.BACK
    return Side.TRANSFER if kind in TRANSFERS else None


def about_of(said: Said) -> str:
    """Which payment, or which transfer, a movement is of; empty where that isn't said."""
    if side_of(said.kind) is Side.TRANSFER:
        return said.source or ""
    return said.intent or ""


class Timed(Protocol):
    """What happened at a time."""

    @property
    def at(self) -> datetime: ...


def cut(limit: int, until: datetime, *sides: Sequence[Timed]) -> datetime:
    """Up to when all sides are whole that were read up to `until`, each the oldest first and one more than `limit`
    at the most: before the earliest of what is beyond the limit of any of them."""
    return min([until, *(side[limit].at for side in sides if len(side) > limit)])


def compare(
    movements: Sequence[Said], booked: Sequence[Booked], fees: Mapping[str, int], now: datetime,
    told_within: timedelta,
) -> list[Difference]:  # fmt: skip
    """Every way in which a provider and the journal disagree, and no other, in the order of the movements.

    `told_within`: how old an entry may be that the provider told nothing of yet. `fees`: what was posted as the fee of
    a movement, by its reference; one that isn't there was not posted yet.
    """
    by_group: dict[tuple[Side, str], list[Booked]] = {}
    for each in sorted(booked, key=lambda each: (each.at, each.entry_id)):
        by_group.setdefault((each.side, each.about), []).append(each)
    said_by_group: dict[tuple[Side, str], list[Said]] = {}
    found: list[Difference] = []
    for said in sorted(movements, key=lambda said: (said.at, said.reference)):
        side = side_of(said.kind)
        if side is not None:
            said_by_group.setdefault((side, about_of(said)), []).append(said)
        elif said.kind not in TOLD:
            found.append(_of(Differs.UNKNOWN, said))
        fee = said.fee - said.amount if said.kind in FEES else said.fee
        if fees.get(said.reference, fee) != fee:
            found.append(
                Difference(
                    kind=Differs.FEE_MISMATCH, about=said.reference, at=said.at, reference=said.reference,
                    intent=said.intent, said=fee, said_currency=said.currency, booked=fees[said.reference],
                    booked_currency=said.currency,
                )
            )  # fmt: skip
    for group in by_group.keys() | said_by_group.keys():
        found += _matched(said_by_group.get(group, []), by_group.get(group, []), now - told_within)
    return sorted(found, key=lambda each: (each.at, each.about, each.kind))


def _matched(said: list[Said], booked: list[Booked], told_until: datetime) -> Iterable[Difference]:
    """The movements and the entries of one payment, each the oldest first: same with same, then what is left."""
    left = list(booked)
    equal: set[tuple[int, str]] = set()
    strange: list[Said] = []
    for each in said:
        match = next((one for one in left if (one.amount, one.currency) == (each.amount, each.currency)), None)
        if match is None:
            strange.append(each)
            continue
        left.remove(match)
        equal.add((each.amount, each.currency))
        if each.at - match.at > LATE:
            yield _of(Differs.LATE, each, match)
    for each in strange:
        if (each.amount, each.currency) in equal or not left:
            yield _of(Differs.DOUBLED if (each.amount, each.currency) in equal else Differs.UNKNOWN, each)
            continue
        match = left.pop(0)
        yield _of(
            Differs.WRONG_AMOUNT if match.currency == each.currency else Differs.WRONG_CURRENCY,
            each,
            match,
        )
    for one in left:
        if one.at < told_until:
            yield Difference(
                kind=Differs.MISSING, about=one.key, at=one.at, entry_id=one.entry_id, intent=one.about,
                booked=one.amount, booked_currency=one.currency,
            )  # fmt: skip


def _of(kind: Differs, said: Said, match: Booked | None = None) -> Difference:
    return Difference(
        kind=kind, about=said.reference, at=said.at, reference=said.reference, intent=said.intent, said=said.amount,
        said_currency=said.currency, entry_id=None if match is None else match.entry_id,
        booked=None if match is None else match.amount, booked_currency=None if match is None else match.currency,
    )  # fmt: skip


class MovementsEndless(ForecourtError):
    """The payment provider's list of one second's movements did not end, so nothing was compared. Ask the provider."""

    status = 502
    code = "movements-endless"


class DifferenceUnknown(ForecourtError):
    """There is no such difference. `GET /api/v1/reconciliation/differences` lists those that exist."""

    status = 404
    code = "difference-unknown"


class StatementUnreadable(ForecourtError):
    """This is no bank statement that can be read. Ask the bank for camt.053 (ISO 20022), one file of XML."""

    status = 422
    code = "bank-statement-unreadable"


class BankLineUnreadable(StatementUnreadable):
    """A line of this statement can't be read. Ask the bank for it anew."""

    code = "bank-line-unreadable"


class OtherAccount(ForecourtError):
    """This statement is of an account that you never said is yours. Read that of the account from which you pay, or say
    that this one is yours too."""

    status = 409
    code = "bank-account-other"


class ReportUnreadable(ForecourtError):
    """This is no bank's report that can be read. Ask the bank for pain.002 (ISO 20022), one file of XML."""

    status = 422
    code = "bank-report-unreadable"


class BankLineUnknown(ForecourtError):
    """There is no such line of a bank statement. `GET /api/v1/bank-lines` lists those that exist."""

    status = 404
    code = "bank-line-unknown"


#: How a line of the bank is matched with a payment provider's settlement: nothing is posted by that.
SETTLEMENT: Final = "settlement"
#: How lines are matched with payouts, one or a file of them, and with direct debits.
OF_PAYOUTS: Final = frozenset({"payout", "payout_file"})
OF_DEBITS: Final = frozenset({"debit", "debit_file"})
#: Matches that somebody may take back: all but those of what came back.
UNDONE: Final = frozenset({SETTLEMENT, "posted", "fleet"}) | OF_PAYOUTS | OF_DEBITS


class BankLineOpen(ForecourtError):
    """This line of the bank statement belongs to nothing."""

    status = 409
    code = "bank-line-open"


class BankLineStays(ForecourtError):
    """This line says that a payout or a direct debit came back, by its own reference, so it stays that. What is wrong
    there is said of the payout or the debit."""

    status = 409
    code = "bank-line-stays"


class PayoutBackSince(ForecourtError):
    """A payout that this line booked came back since, by another line of the bank: it was paid by this one."""

    status = 409
    code = "payout-back-since"


class BankLineMatched(ForecourtError):
    """This line of the bank statement is accounted for already."""

    status = 409
    code = "bank-line-matched"
