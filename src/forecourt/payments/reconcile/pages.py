"""The screen of what providers and banks say otherwise than the journal."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.drivers.fleets.store import list_fleets
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import meaning
from forecourt.payments.fleets.errors import DebitBackSince, NothingLeftOver, PaidBackSince
from forecourt.payments.ledger.words import money
from forecourt.payments.reconcile import camt, pain
from forecourt.payments.reconcile.model import (
    EXPLAINED,
    OF_DEBITS,
    OF_PAYOUTS,
    SETTLEMENT,
    UNDONE,
    BankLineMatched,
    BankLineOpen,
    BankLineStays,
    BankLineUnreadable,
    OtherAccount,
    PayoutBackSince,
    ReportUnreadable,
    StatementUnreadable,
)
from forecourt.payments.reconcile.reports import read_report
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import bank, comparing, reports
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PAGE_SIZE: Final = 100
STATEMENTS_SHOWN: Final = 50
#: What a form needs around its file.
FORM_BYTES: Final = 64 * 1024
UNREADABLE: Final = mark("This is no bank statement that can be read. Ask the bank for camt.053, one file of XML.")
NO_REPORT: Final = mark("This is no bank's report that can be read. Ask the bank for pain.002, one file of XML.")
#: What came of what a report says.
OUTCOMES: Final[Mapping[str, str]] = {
    "refused": mark("Refused: it is owed, or open, again."),
    "before": mark("Refused, as was known."),
    "booked": mark("Refused after the bank had booked it: the statement tells when it comes back."),
    "twice": mark("Refused as given twice: what was given first stands."),
    "unknown": mark("None of yours."),
}
MAX_TEXT: Final = 200
#: What was just done.
ASSIGNED: Final = "assigned"
UNMATCHED: Final = "unmatched"
DONE: Final[Mapping[str, str]] = {
    ASSIGNED: mark("The line is that fleet's."),
    UNMATCHED: mark("The line belongs to nothing any more. What was posted of it is reversed."),
}
#: What lines are matched with that somebody may take back.
MATCHED_BY: Final[Mapping[str, str]] = {
    SETTLEMENT: mark("a payment provider's settlement"),
    "posted": mark("a fleet, as somebody said"),
    "fleet": mark("a fleet's invoice"),
    "payout": mark("a payout"),
    "payout_file": mark("a file of payouts"),
    "debit": mark("a direct debit"),
    "debit_file": mark("a file of direct debits"),
}
#: Of which the name or the number is told.
NAMED: Final = frozenset({"fleet"}) | OF_PAYOUTS | OF_DEBITS
#: Why a match stays.
NOT_UNDONE: Final[Mapping[type[ForecourtError], str]] = {
    BankLineOpen: mark("This line belongs to nothing already."),
    BankLineStays: mark("This line says that a payout or a direct debit came back, and stays that."),
    DebitBackSince: mark("A direct debit of this line came back since. The line stays what it is."),
    PayoutBackSince: mark("A payout of this line came back since. The line stays what it is."),
    PaidBackSince: mark("A part of this money was paid back to the fleet. Take that line back first."),
}
SAY_OURS: Final = mark("Nothing was read. If it is yours too, choose the file again and say so below.")
NO_WHY: Final = mark("Say why.")
#: Why a line is no fleet's.
NOT_ASSIGNED: Final[Mapping[type[ForecourtError], str]] = {
    FleetUnknown: mark("Choose the fleet."),
    BankLineMatched: mark("This line is accounted for already."),
    NothingLeftOver: mark("So much is not left over of what this fleet paid. Credit an invoice first."),
}

WebRequest = Request[Any, Any, Any]
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
Asked = Annotated[int, QueryParameter(ge=0, le=1)]
Done = Annotated[str, QueryParameter(max_length=20)]
Read = Annotated[int, QueryParameter(ge=0, le=2**63 - 1)]


def reconcile_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/reconciliation`, and the forms that explain a difference and compare anew."""

    @get("/reconciliation", opt={"verb": Verb.READ_MONEY}, include_in_schema=False)
    async def differences(request: WebRequest, actor: Asker, asked: Asked = 0) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await comparing.list_differences(conn, actor.tenant_id, limit=PAGE_SIZE)
            compared = await comparing.list_reconciliations(conn, actor.tenant_id)
        return shell.page(
            "money/differences.html", request, viewer=actor, current="ledger", rows=rows, compared=compared,
            explained=EXPLAINED, money=money, may_explain=actor.may(Verb.EXPLAIN_MONEY),
            asked=asked,
        )  # fmt: skip

    @post(
        "/reconciliation/{difference_id:int}/explain", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def explain(request: WebRequest, actor: Asker, difference_id: Number) -> Redirect:
        text = str((await request.form()).get("text", ""))[:MAX_TEXT].strip()
        if text:
            async with db.tenant(actor.tenant_id) as conn:
                await Reconciler(db, clock).explain(conn, actor, difference_id, text)
        return Redirect("/reconciliation", status_code=303)

    @post("/reconciliation/run", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False, status_code=303)
    async def run(actor: Asker) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await Reconciler(db, clock).ask(conn, actor)
        return Redirect("/reconciliation?asked=1", status_code=303)

    return [differences, explain, run]


def bank_pages(shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> list[HTTPRouteHandler]:
    """`/reconciliation/bank`: what the bank's statements say, and its reports on files; and reading one of them."""

    async def bank_page(
        request: WebRequest, actor: Actor, *, number: int = 0, report: int = 0, fault: str = "", status: int = 200,
        done: str = "", undo: int = 0, other: bool = False,
    ) -> Response[str]:  # fmt: skip
        async with db.tenant(actor.tenant_id) as conn:
            said = await reports.list_reports(conn, actor.tenant_id, limit=STATEMENTS_SHOWN)
            statements = await bank.list_statements(conn, actor.tenant_id, STATEMENTS_SHOWN)
            lines = await bank.list_lines(conn, actor.tenant_id, matched=False, limit=PAGE_SIZE)
            matched = await bank.list_matched(conn, actor.tenant_id, sorted(UNDONE), PAGE_SIZE)
            fleets = await list_fleets(conn, actor.tenant_id, clock.now()) if lines else []
        return shell.page(
            "money/bank.html", request, viewer=actor, current="ledger", status=status, statements=statements,
            lines=lines, read=next((each for each in statements if each.statement_id == number), None), money=money,
            date_of=formats.date_of, may_read=actor.may(Verb.EXPLAIN_MONEY), fault=fault, fleets=fleets,
            done=DONE.get(done, ""), other=other, matched=matched, matched_by=MATCHED_BY, named=NAMED,
            undo=next((each for each in matched if each.line_id == undo), None), reports=said, outcomes=OUTCOMES,
            meaning=meaning, told_of=next((each for each in said if each.report_id == report), None),
        )  # fmt: skip

    @get("/reconciliation/bank", opt={"verb": Verb.READ_MONEY}, include_in_schema=False)
    async def bank_statements(
        request: WebRequest, actor: Asker, read: Read = 0, report: Read = 0, done: Done = "", undo: Read = 0
    ) -> Response[str]:
        return await bank_page(request, actor, number=read, report=report, done=done, undo=undo)

    @post(
        "/reconciliation/bank/{line_id:int}/unmatch", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def unmatch_bank_line(request: WebRequest, actor: Asker, line_id: Number) -> Response[Any]:
        why = str((await request.form()).get("why", ""))[:MAX_TEXT].strip()
        if not why:
            return await bank_page(request, actor, fault=NO_WHY, status=422, undo=line_id)
        try:
            await Reconciler(db, clock).unmatch(actor, line_id, why)
        except tuple(NOT_UNDONE) as refused:
            return await bank_page(request, actor, fault=NOT_UNDONE[type(refused)], status=refused.status)
        return Redirect(f"/reconciliation/bank?done={UNMATCHED}", status_code=303)

    @post(
        "/reconciliation/bank/{line_id:int}/assign", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def assign_bank_line(request: WebRequest, actor: Asker, line_id: Number) -> Response[Any]:
        fleet = str((await request.form()).get("fleet", ""))
        try:
            async with db.tenant(actor.tenant_id) as conn:
                await Reconciler(db, clock).assign(conn, actor, line_id, fleet if fleet.isdecimal() else "")
        except tuple(NOT_ASSIGNED) as refused:
            return await bank_page(request, actor, fault=NOT_ASSIGNED[type(refused)], status=refused.status)
        return Redirect(f"/reconciliation/bank?done={ASSIGNED}", status_code=303)

    @post(
        "/reconciliation/bank", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        request_max_body_size=camt.MAX_BYTES + FORM_BYTES,
    )  # fmt: skip
    async def read_bank_statement(request: WebRequest, actor: Asker) -> Response[Any]:
        ours = (await request.form()).get("ours") == "yes"
        try:
            taken = await Reconciler(db, clock).read_statement(
                actor.tenant_id, await _file(request), str(actor), ours=ours
            )
        except OtherAccount as refused:
            said = _("This statement is of %(account)s, and you never said that this account is yours.")
            said %= {"account": ", ".join(refused.context["accounts"])}
            return await bank_page(request, actor, fault=f"{said} {_(SAY_OURS)}", status=409, other=True)
        except BankLineUnreadable as refused:
            said = _("Line %(n)s of this statement can't be read.") % {"n": refused.context["line"]}
            return await bank_page(request, actor, fault=f"{said} {_(refused.context['why'])}", status=422)
        except StatementUnreadable:
            return await bank_page(request, actor, fault=UNREADABLE, status=422)
        return Redirect(f"/reconciliation/bank?read={taken.number}", status_code=303)

    @post(
        "/reconciliation/bank/reports", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        request_max_body_size=pain.MAX_BYTES + FORM_BYTES,
    )  # fmt: skip
    async def read_bank_report(request: WebRequest, actor: Asker) -> Response[Any]:
        content, ours = await _file(request), Bank(secret_key)
        try:
            taken = await read_report(db, clock, ours, actor.tenant_id, content, str(actor))
        except ReportUnreadable:
            return await bank_page(request, actor, fault=NO_REPORT, status=422)
        return Redirect(f"/reconciliation/bank?report={taken.number}", status_code=303)

    return [bank_statements, read_bank_statement, read_bank_report, assign_bank_line, unmatch_bank_line]


async def _file(request: WebRequest) -> bytes:
    upload = (await request.form()).get("file")
    return await upload.read() if isinstance(upload, UploadFile) else b""
