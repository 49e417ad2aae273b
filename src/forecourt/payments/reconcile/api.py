"""Routes of reconciliation: what doesn't agree, why, and the bank's statements."""

from datetime import date, datetime
from typing import Annotated, Final

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.payments.bank.model import BankLineRow
from forecourt.payments.fleets.errors import DebitBackSince, NothingLeftOver, PaidBackSince
from forecourt.payments.hosts.model import FLEET_PATTERN
from forecourt.payments.reconcile.model import (
    EXPLAINED,
    BankLineMatched,
    BankLineOpen,
    BankLineStays,
    BankLineUnknown,
    BankLineUnreadable,
    DifferenceUnknown,
    Differs,
    OtherAccount,
    PayoutBackSince,
    StatementUnreadable,
)
from forecourt.payments.reconcile.reports_api import import_report, list_bank_reports
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import bank, comparing
from forecourt.payments.reconcile.store.comparing import DifferenceRow
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age, entire
from forecourt.platform.text import NAME_LINE

CURSORS = cursors_by_age("reconciliation differences")
LINE_CURSORS = cursors_by_age("bank lines")
#: Characters of a bank's statement in one request.
MAX_STATEMENT: Final = 900_000
EXAMPLE: Final = "<Document><BkToCstmrStmt><Stmt><Id>1</Id></Stmt></BkToCstmrStmt></Document>"

Ticking = NamedDependency[Clock]
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The number.")]


class Difference(Struct, frozen=True, kw_only=True):
    """What a provider or the bank says otherwise than the journal, what it may be, and what to do."""

    id: int
    account: Annotated[str, Meta(examples=["acme"], description="The provider's account, or `bank`.")]
    kind: Differs
    reference: Annotated[str | None, Meta(examples=["txn_1"])]
    entry: Annotated[int | None, Meta(examples=[None])]
    payment: Annotated[str | None, Meta(examples=[None])]
    said: Annotated[Money | None, Meta(description="By the provider, or the bank.")]
    booked: Annotated[Money | None, Meta(description="In the journal.")]
    at: datetime
    found_at: datetime
    gone_at: Annotated[datetime | None, Meta(description="Since when it isn't there any more.")]
    may_be: Annotated[str, Meta(examples=["The provider moved the same money twice."])]
    to_do: Annotated[str, Meta(examples=["Refund the second one at the provider."])]
    explanation: str | None
    explained_by: Annotated[str | None, Meta(examples=["person:3 Ada"])]
    explained_at: datetime | None


class Explanation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a difference is there."""

    text: Annotated[str, Meta(min_length=1, max_length=1000, pattern=NAME_LINE, examples=["A test payment by hand."])]


class Reconciled(Struct, frozen=True, kw_only=True):
    """The last comparison of an account."""

    account: Annotated[str, Meta(examples=["acme"])]
    since: datetime
    until: Annotated[
        datetime,
        Meta(
            description="Everything before it was compared. Earlier than `made_at` where there was too much for one"
            " comparison: the next one begins there."
        ),
    ]
    movements: int
    differences: Annotated[int, Meta(description="Found, explained ones too.", examples=[0])]
    made_at: datetime


class BankStatement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bank's statement."""

    camt: Annotated[
        str, Meta(max_length=MAX_STATEMENT, description="camt.053 (ISO 20022), as it is.", examples=[EXAMPLE])
    ]
    ours: Annotated[
        bool, Meta(description="Its account is yours, though you pay from another one. Said once for each account.")
    ] = False


class StatementRead(Struct, frozen=True, kw_only=True):
    """What was read of a statement. One that is read again changes nothing."""

    lines: Annotated[int, Meta(description="Of this statement.", examples=[14])]
    new: Annotated[int, Meta(description="Of this statement those that were not read before.", examples=[12])]
    matched: Annotated[int, Meta(description="Of this statement those that belong to something.", examples=[14])]
    unmatched: Annotated[int, Meta(description="Of these lines.", examples=[0])]


class BankLine(Struct, frozen=True, kw_only=True):
    """A booked line of the bank; below 0: money that went."""

    id: int
    reference: str
    booked_on: date
    amount: Money
    who: Annotated[str, Meta(examples=["Post AG"])]
    text: Annotated[str, Meta(examples=["Invoice 12"])]
    end_to_end: Annotated[str | None, Meta(examples=[None])]
    returned: bool
    account: Annotated[
        str | None, Meta(description="On which account it was booked, by its ends.", examples=["DE89 … 3000"])
    ]
    matched_by: Annotated[
        str | None,
        Meta(
            description="`payout`, `payout_file`, `return`, `settlement`, `posted`, `fleet`, `debit`, `debit_file`,"
            " `debit_return`."
        ),
    ]
    matched: Annotated[str | None, Meta(description="What it was matched with.")]


class Assigned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who paid."""

    fleet: Annotated[
        Annotated[int, Meta(ge=1, le=2**63 - 1)] | Annotated[str, Meta(max_length=80, pattern=FLEET_PATTERN)],
        Meta(description="Its number, or its name in the ledger.", examples=[1]),
    ]


class Unmatched(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a line of the bank is not what it was matched with."""

    why: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE, examples=["Another fleet's."])]


@get(
    "/reconciliation",
    opt={"verb": Verb.READ_MONEY},
    summary="Show when each account was last compared with the journal",
    tags=["reconciliation"],
)
async def list_reconciliations(actor: Asker, db: Database) -> Page[Reconciled]:
    async with db.tenant(actor.tenant_id) as conn:
        rows = await comparing.list_reconciliations(conn, actor.tenant_id)
    return entire([Reconciled(**{name: getattr(row, name) for name in Reconciled.__struct_fields__}) for row in rows])


@post(
    "/reconciliation/run",
    opt={"verb": Verb.EXPLAIN_MONEY},
    status_code=204,
    summary="Compare everything now",
    description="As every night. Asked for twice it is done once, and nothing is posted twice.",
    tags=["reconciliation"],
)
async def run_reconciliation(actor: Asker, db: Database, clock: Ticking) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await Reconciler(db, clock).ask(conn, actor)


@get(
    "/reconciliation/differences",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="List what does not agree",
    tags=["reconciliation"],
)
async def list_differences(
    actor: Asker,
    db: Database,
    standing: Annotated[
        bool | None, QueryParameter(description="Only what stands unexplained (true), or nothing of that (false).")
    ] = True,
    kind: Annotated[Differs | None, QueryParameter(description="Only of this kind.")] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Difference]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await comparing.list_differences(
            conn, actor.tenant_id, standing=standing, kind=kind, order=sort, place=place, limit=limit + 1
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.difference_id,), _difference)


@post(
    "/reconciliation/differences/{difference_id:int}/explain",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [DifferenceUnknown]},
    status_code=200,
    summary="Explain a difference",
    tags=["reconciliation"],
)
async def explain_difference(
    difference_id: Number, data: JSONBody[Explanation], actor: Asker, db: Database, clock: Ticking
) -> Difference:
    async with db.tenant(actor.tenant_id) as conn:
        return _difference(await Reconciler(db, clock).explain(conn, actor, difference_id, data.text))


@post(
    "/bank-lines/import",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [StatementUnreadable, BankLineUnreadable, OtherAccount]},
    status_code=200,
    summary="Read a bank's statement",
    description="Payouts that were booked, or came back, and settlements are matched; the rest is listed.",
    tags=["reconciliation"],
)
async def read_statement(data: JSONBody[BankStatement], actor: Asker, db: Database, clock: Ticking) -> StatementRead:
    taken = await Reconciler(db, clock).read_statement(actor.tenant_id, data.camt.encode(), str(actor), ours=data.ours)
    return StatementRead(lines=taken.lines, new=taken.new, matched=taken.matched, unmatched=taken.unmatched)


@get(
    "/bank-lines",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="List lines of the bank's statements",
    tags=["reconciliation"],
)
async def list_bank_lines(
    actor: Asker,
    db: Database,
    matched: Annotated[
        bool | None, QueryParameter(description="Only those that belong to something (true), or to nothing (false).")
    ] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[BankLine]:
    place = LINE_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await bank.list_lines(conn, actor.tenant_id, matched=matched, order=sort, place=place, limit=limit + 1)
    return LINE_CURSORS[sort].page(rows, limit, lambda row: (row.line_id,), _line)


@post(
    "/bank-lines/{line_id:int}/assign",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [BankLineUnknown, BankLineMatched, FleetUnknown, NothingLeftOver]},
    status_code=200,
    summary="Say which fleet paid, or was paid back",
    tags=["reconciliation"],
)
async def assign_line(
    line_id: Number, data: JSONBody[Assigned], actor: Asker, db: Database, clock: Ticking
) -> BankLine:
    async with db.tenant(actor.tenant_id) as conn:
        return _line(await Reconciler(db, clock).assign(conn, actor, line_id, str(data.fleet)))


@post(
    "/bank-lines/{line_id:int}/unmatch",
    opt={
        "verb": Verb.EXPLAIN_MONEY,
        "problems": [BankLineUnknown, BankLineOpen, BankLineStays, PaidBackSince, DebitBackSince, PayoutBackSince],
    },
    status_code=200,
    summary="Take back what a line of the bank was matched with",
    description=(
        "For all but what came back. What was posted of it is reversed by an entry against it, what was settled is open"
        " again, direct debits are being drawn again, payouts wait in their file again, and the line is matched by"
        " nobody but a person from then on. A payout by hand that the line posted stays posted: if it never went, say"
        " that it came back."
    ),
    tags=["reconciliation"],
)
async def unmatch_line(
    line_id: Number, data: JSONBody[Unmatched], actor: Asker, db: Database, clock: Ticking
) -> BankLine:
    return _line(await Reconciler(db, clock).unmatch(actor, line_id, data.why))


def _difference(row: DifferenceRow) -> Difference:
    kind = Differs(row.kind)
    may_be, to_do = EXPLAINED[kind]
    return Difference(
        id=row.difference_id, account=row.account, kind=kind, reference=row.reference, entry=row.entry_id,
        payment=row.intent or None, said=_money(row.said, row.said_currency),
        booked=_money(row.booked, row.booked_currency),
        at=row.at, found_at=row.found_at, gone_at=row.gone_at, may_be=may_be, to_do=to_do, explanation=row.explanation,
        explained_by=row.explained_by, explained_at=row.explained_at,
    )  # fmt: skip


def _money(amount: int | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount=amount, currency=currency)


def _line(row: BankLineRow) -> BankLine:
    same = {name: getattr(row, name) for name in BankLine.__struct_fields__ if name in BankLineRow.__struct_fields__}
    return BankLine(id=row.line_id, **(same | {"amount": Money(amount=row.amount, currency=row.currency)}))


routes = Router(
    "/",
    route_handlers=[
        list_reconciliations, run_reconciliation, list_differences, explain_difference, read_statement,
        list_bank_lines, assign_line, unmatch_line, import_report, list_bank_reports,
    ],
)  # fmt: skip
