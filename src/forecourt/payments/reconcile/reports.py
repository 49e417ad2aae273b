"""The verb that takes what a bank says of a file that it was given: what it refuses never moves, so that a payout is
owed again, and an invoice open again.

Only what the report names by a file of ours counts, or, where a bank does not say the file again, what it says of
payments of ours to the cent. What the bank has booked meanwhile comes back, if it does, by its statement.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from forecourt.payments.bank.foreign import root_of
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import is_twice, of_file
from forecourt.payments.bank.sepa import CURRENCY
from forecourt.payments.fleets import collection
from forecourt.payments.fleets import sepa as debits
from forecourt.payments.fleets.store import money
from forecourt.payments.hosts import sepa as transfers
from forecourt.payments.hosts.outcomes import refused_by_bank
from forecourt.payments.hosts.store import payouts
from forecourt.payments.hosts.store.hosts import hold_hosts
from forecourt.payments.reconcile import pain
from forecourt.payments.reconcile.camt import NO_NAME
from forecourt.payments.reconcile.pain import MAX_BYTES, Payment, Report, Status, Word
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import Connection, bank, reports
from forecourt.payments.reconcile.store.reports import FileKind, Outcome, ReportLine
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: Lines of a report that are kept: what was refused, and what is none of ours.
MAX_KEPT: Final = 1_000
#: Why what the bank said nothing of was refused.
NO_REASON: Final = "MS03"


class ReportTaken(Struct, frozen=True, kw_only=True):
    """What came of a report: payments of ours that are accepted, not decided, and refused, how many of these were not
    before; and names that are none of ours. `lines`: of what was refused or is none of ours, MAX_KEPT at the most."""

    number: int
    file: str
    kind: FileKind | None
    accepted: int
    open: int
    refused: int
    new: int
    unknown: int
    lines: tuple[ReportLine, ...]


class _Asked(Struct, frozen=True, kw_only=True):
    """A payment that a file of ours asks for. `part`: the payment information in which it stands; empty where that
    was not looked up."""

    kind: FileKind
    number: int
    amount: int
    part: str = ""


async def read_report(
    pool: Pool, clock: Clock, ours: Bank, tenant_id: int, content: bytes, by: str = ""
) -> ReportTaken:
    """Takes a bank's report (pain.002). `by`: who gave it. Read again it changes nothing. Raises ReportUnreadable."""
    report = await asyncio.to_thread(pain.read, content)
    async with pool.tenant(tenant_id) as conn:
        await money.hold_bank(conn, tenant_id)
        kind, asked = await _asked(conn, tenant_id, ours, report)
        said, unknown = _said(report, asked)
        refused = {name: word for name, word in said.items() if word.status is Status.REFUSED}
        lines = await _refuse(conn, tenant_id, {name: asked[name] for name in refused}, refused, clock.now())
        kept = (*lines, *unknown)[:MAX_KEPT]
        counted = [word.status for word in said.values()]
        accepted, open_ = counted.count(Status.ACCEPTED), counted.count(Status.OPEN)
        number = await reports.insert_report(
            conn, tenant_id, digest=hashlib.sha256(content).digest(), message=report.message, file=report.file,
            kind=kind, accepted=accepted, open_=open_, refused=len(refused), unknown=len(unknown), lines=kept,
            at=clock.now(), by=by,
        )  # fmt: skip
    await Reconciler(pool, clock).compare_bank(tenant_id)
    return ReportTaken(
        number=number, file=report.file, kind=kind, accepted=accepted, open=open_, refused=len(refused),
        new=sum(line.outcome == "refused" for line in lines), unknown=len(unknown), lines=kept,
    )  # fmt: skip


async def _asked(
    conn: Connection, tenant_id: int, ours: Bank, report: Report
) -> tuple[FileKind | None, dict[str, _Asked]]:
    """What the file asks for of which is told, by our names of it. Of a report that names no file, those of its
    payments that are of ours by name and amount."""
    of_payouts = await payouts.find_file_named(conn, tenant_id, report.file)
    if of_payouts is not None:
        rows = await payouts.list_payouts(
            conn, tenant_id, file_id=of_payouts.file_id, limit=transfers.MAX_TRANSFERS
        )  # fmt: skip
        found = {
            transfers.reference_of(row.payout_id): _Asked(kind="payouts", number=row.payout_id, amount=row.amount)
            for row in rows
        }
        return "payouts", _in_parts(found, report, ours, of_payouts.sealed)
    of_debits = await money.find_file_named(conn, tenant_id, report.file)
    if of_debits is not None:
        drawn = await money.list_debits(conn, tenant_id, file_id=of_debits.file_id, limit=debits.MAX_DEBITS)
        found = {
            debits.reference_of(row.debit_id): _Asked(kind="debits", number=row.debit_id, amount=row.amount)
            for row in drawn
        }
        return "debits", _in_parts(found, report, ours, of_debits.sealed)
    if report.file.casefold() in NO_NAME:
        return None, await _named(conn, tenant_id, [each for part in report.parts for each in part.payments])
    return None, {}


async def _named(conn: Connection, tenant_id: int, said: list[Payment]) -> dict[str, _Asked]:
    found: dict[str, _Asked] = {}
    for each in said:
        payout, debit = transfers.payout_of(each.reference), debits.debit_of(each.reference)
        if each.amount is None:
            continue
        if payout is not None:
            row = await payouts.find_payout(conn, tenant_id, payout)
            if row is not None and row.way == "sepa":
                found[each.reference] = _Asked(kind="payouts", number=payout, amount=row.amount)
        elif debit is not None:
            drawn = await money.find_debit(conn, tenant_id, debit)
            if drawn is not None:
                found[each.reference] = _Asked(kind="debits", number=debit, amount=drawn.amount)
    return found


def _in_parts(found: dict[str, _Asked], report: Report, ours: Bank, sealed: bytes) -> dict[str, _Asked]:
    """The same, each with its payment information, where something is said of one as a whole."""
    if all(part.word is None for part in report.parts):
        return found
    parts = {
        named.text or "": part.findtext("PmtInfId") or ""
        for part in root_of(ours.open(sealed).encode(), MAX_BYTES).iter("PmtInf")
        for named in part.iter("EndToEndId")
    }
    return {name: structs.replace(each, part=parts.get(name, "")) for name, each in found.items()}


def _said(report: Report, asked: Mapping[str, _Asked]) -> tuple[dict[str, Word], list[ReportLine]]:
    """What is said of each payment of ours, the closest word of it; and what is said of none of ours."""
    said: dict[str, Word] = {}
    unknown: list[ReportLine] = []
    known = {each.part for each in asked.values()}
    if not asked:
        unknown.append(_unknown(report.file, report.word))
    for part in report.parts:
        if part.word is not None and part.reference not in known:
            unknown.append(_unknown(part.reference, part.word))
        for each in part.payments:
            ours = asked.get(each.reference)
            if ours is None or not _is_of(each, ours):
                unknown.append(_unknown(each.reference, each.word))
            elif (word := each.word or part.word or report.word) is not None:
                before = said.get(each.reference)
                said[each.reference] = word if before is None or before.status is not Status.REFUSED else before
    of_parts = {part.reference: part.word for part in report.parts if part.word is not None}
    for name, ours in asked.items():
        whole = of_parts.get(ours.part) or report.word
        if name not in said and whole is not None:
            said[name] = whole
    return said, unknown


def _is_of(said: Payment, ours: _Asked) -> bool:
    return said.amount is None or (said.amount, said.currency) == (ours.amount, CURRENCY)


def _unknown(reference: str, word: Word | None) -> ReportLine:
    return ReportLine(reference=reference, outcome="unknown", reason="" if word is None else word.reason)


async def _refuse(
    conn: Connection, tenant_id: int, asked: Mapping[str, _Asked], said: Mapping[str, Word], now: datetime
) -> list[ReportLine]:
    """What came of each that was refused: nothing where the bank has it already. All hosts are held before any payout,
    in the order of everybody."""
    numbers = [each.number for each in asked.values() if each.kind == "payouts"]
    await hold_hosts(conn, tenant_id, await payouts.hosts_of(conn, tenant_id, numbers, []))
    lines = []
    for name, each in asked.items():
        word = said[name]
        reason = word.reason or NO_REASON
        if is_twice(reason):
            lines.append(ReportLine(reference=name, outcome="twice", reason=reason, number=each.number))
            continue
        refuse = _refuse_payout if each.kind == "payouts" else _refuse_debit
        outcome = await refuse(conn, tenant_id, each.number, reason if word.own else of_file(reason), now)
        lines.append(ReportLine(reference=name, outcome=outcome, reason=reason, number=each.number))
    return lines


async def _refuse_payout(conn: Connection, tenant_id: int, number: int, reason: str, now: datetime) -> Outcome:
    row = await payouts.find_payout(conn, tenant_id, number)
    assert row is not None, "payouts stay"
    if row.state != "paid":
        bounced = row.state == "bounced" and row.booked_on is None and row.refused_at is None
        if bounced and not await bank.came_back(conn, tenant_id, str(number)):
            # Somebody said before that it came back: the bank books its file without it all the same.
            await payouts.set_refused(conn, tenant_id, number, now)
        return "before"
    if row.booked_on is not None:
        return "booked"
    await refused_by_bank(conn, tenant_id, number, reason, now)
    return "refused"


async def _refuse_debit(conn: Connection, tenant_id: int, number: int, reason: str, now: datetime) -> Outcome:
    row = await money.find_debit(conn, tenant_id, number)
    assert row is not None, "debits stay"
    if row.state != "asked":
        return "booked" if row.state == "paid" else "before"
    await collection.refused(conn, tenant_id, row, reason, now)
    return "refused"
