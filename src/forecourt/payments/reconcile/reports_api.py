"""Routes of what banks say of files that they were given."""

from datetime import datetime
from typing import Annotated, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.bank.fields import Sealing
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import meaning
from forecourt.payments.reconcile.model import ReportUnreadable
from forecourt.payments.reconcile.reports import read_report
from forecourt.payments.reconcile.store import reports
from forecourt.payments.reconcile.store.reports import FileKind, Outcome, ReportLine, ReportRow
from forecourt.platform.clock import Clock
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age

CURSORS = cursors_by_age("bank reports")
#: Characters of a bank's report in one request.
MAX_REPORT: Final = 900_000
EXAMPLE: Final = (
    "<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>FC-1</OrgnlMsgId><GrpSts>ACCP</GrpSts>"
    "</OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
)

Ticking = NamedDependency[Clock]


class BankReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bank says of a file that it was given."""

    pain: Annotated[str, Meta(max_length=MAX_REPORT, description="pain.002 (ISO 20022), as it is.", examples=[EXAMPLE])]


class ReportSaid(Struct, frozen=True, kw_only=True):
    """What a report says of a payment that was refused, or of a name that is none of ours."""

    reference: Annotated[str, Meta(examples=["DEBIT-12"])]
    outcome: Annotated[
        Outcome,
        Meta(
            description="`refused`: it is owed, or open, again; `before`: it was already; `booked`: the bank had booked"
            " it, so that a statement tells when it comes back; `twice`: the bank has it already, and what was given"
            " first stands; `unknown`: it is none of ours."
        ),
    ]
    reason: Annotated[str, Meta(description="The bank's code and text.", examples=["AC04"])]
    meaning: Annotated[str, Meta(description="Of the code; empty where it is not known.", examples=["Closed."])]


class ReportRead(Struct, frozen=True, kw_only=True):
    """What was read of a report. One that is read again changes nothing."""

    file: Annotated[str, Meta(description="The file of yours that it tells of.", examples=["FD-0123456789abcdef"])]
    kind: Annotated[FileKind | None, Meta(description="What that file asks for; null: it is none of yours.")]
    accepted: Annotated[int, Meta(description="Payments of the file.", examples=[12])]
    open: Annotated[int, Meta(description="Payments of which the bank says nothing final.", examples=[0])]
    refused: Annotated[int, Meta(examples=[1])]
    unknown: Annotated[int, Meta(description="Names that are none of yours.", examples=[0])]
    lines: Annotated[
        list[ReportSaid], Meta(description="What was refused and what is none of yours, 1,000 at the most.")
    ]


class ReportKept(ReportRead, frozen=True, kw_only=True):
    """A report that was read."""

    id: int
    message: Annotated[str, Meta(description="The bank's name of it.", examples=["REJ20260415"])]
    read_at: datetime
    read_by: Annotated[str, Meta(examples=["person:3 Ada"])]


@post(
    "/bank-reports/import",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [ReportUnreadable]},
    status_code=200,
    summary="Read a bank's report on a file",
    description="What the bank refuses of a file of payouts or direct debits is owed, or open, again.",
    tags=["reconciliation"],
)
async def import_report(
    data: JSONBody[BankReport], actor: Asker, db: Database, clock: Ticking, secret_key: Sealing
) -> ReportRead:
    taken = await read_report(db, clock, Bank(secret_key), actor.tenant_id, data.pain.encode(), str(actor))
    return ReportRead(
        file=taken.file, kind=taken.kind, accepted=taken.accepted, open=taken.open, refused=taken.refused,
        unknown=taken.unknown, lines=_lines(taken.lines),
    )  # fmt: skip


@get(
    "/bank-reports",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="List reports of the bank on files",
    tags=["reconciliation"],
)
async def list_bank_reports(
    actor: Asker, db: Database, sort: ByAge = "newest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[ReportKept]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await reports.list_reports(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.report_id,), _kept)


def _kept(row: ReportRow) -> ReportKept:
    return ReportKept(
        id=row.report_id, message=row.message, file=row.file, kind=row.kind, accepted=row.accepted, open=row.open,
        refused=row.refused, unknown=row.unknown, lines=_lines(row.lines), read_at=row.read_at, read_by=row.read_by,
    )  # fmt: skip


def _lines(lines: tuple[ReportLine, ...]) -> list[ReportSaid]:
    return [
        ReportSaid(reference=each.reference, outcome=each.outcome, reason=each.reason, meaning=meaning(each.reason))
        for each in lines
    ]
