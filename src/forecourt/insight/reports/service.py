"""The verbs of reports. Each runs in the caller's transaction, in which it also writes the audit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from forecourt.access import Actor, Verb, audit
from forecourt.access.members import find_organisation
from forecourt.access.model import Forbidden
from forecourt.insight.dashboards.asking import BY_TRAITS
from forecourt.insight.dashboards.model import Family
from forecourt.insight.reports import store
from forecourt.insight.reports.model import (
    MAX_REPORTS,
    Every,
    Form,
    Made,
    Report,
    ReportRefused,
    ReportUnknown,
    Run,
    TooManyReports,
    days_of,
    next_after,
)
from forecourt.insight.store import Connection
from forecourt.platform import outbox
from forecourt.platform.mail import take_back
from forecourt.platform.preconditions import check_match, etag
from forecourt.stations.service import site_names
from forecourt.ui.i18n import mark

#: The outbox event: a run is to be made now; the subject is its id.
WANTED: Final = "insight.report_wanted"

#: What decides when a report is due; what was due while it was switched off is not made up for.
_SCHEDULE: Final = {"every", "day", "hour", "active"}


class Wanted(Struct, frozen=True, kw_only=True):
    """What a report shall be; see Report."""

    name: str
    parts: list[Family]
    site: str = ""
    driver_group: str = ""
    covers: Every = Every.MONTH
    every: Every = Every.MONTH
    day: int = 1
    hour: int = 6
    forms: list[Form]
    recipients: list[str]
    active: bool = True


def wanted_of(report: Report) -> Wanted:
    """What a change of it can change; its ETag is of that."""
    return Wanted(**{name: getattr(report, name) for name in Wanted.__struct_fields__})


async def create(conn: Connection, actor: Actor, wanted: Wanted, now: datetime) -> Report:
    """Sets a report up. Raises ReportRefused, TooManyReports, Forbidden where it tells of money that who asks may not
    see."""
    await _check(conn, actor, wanted)
    if await store.count_reports(conn, actor.tenant_id) >= MAX_REPORTS:
        raise TooManyReports
    columns = await _columns(conn, actor.tenant_id, wanted, now)
    report = await store.insert_report(conn, actor.tenant_id, {**columns, "created_at": now})
    await audit(conn, actor, "create report", f"report:{report.report_id}", after=_told(wanted))
    return report


async def change(
    conn: Connection,
    actor: Actor,
    report_id: int,
    changes: Mapping[str, Any],
    now: datetime,
    if_match: str | None = None,
) -> Report:
    """Changes some of it; letters to who is taken off that were not sent yet are taken back. Raises ReportUnknown,
    ReportRefused, Forbidden, ChangedMeanwhile."""
    before = wanted_of(await find(conn, actor, report_id, lock=True))
    check_match(if_match, etag(before))
    wanted = structs.replace(before, **changes)
    await _check(conn, actor, wanted)
    columns = await _columns(conn, actor.tenant_id, wanted, now)
    if not _SCHEDULE & {name for name, value in changes.items() if value != getattr(before, name)}:
        # What is due already stays so.
        del columns["next_at"]
    report = await store.update_report(conn, actor.tenant_id, report_id, columns)
    gone = sorted({*before.recipients} - {*wanted.recipients})
    if gone:
        await take_back(conn, actor.tenant_id, await store.take_letters(conn, actor.tenant_id, report_id, gone))
    await audit(conn, actor, "change report", f"report:{report_id}", before=_told(before), after=_told(wanted))
    return report


async def delete(conn: Connection, actor: Actor, report_id: int) -> None:
    """Forgets a report with its history and files, and takes back its letters that were not sent yet. Raises
    ReportUnknown, Forbidden."""
    held = await find(conn, actor, report_id, lock=True)
    await take_back(conn, actor.tenant_id, await store.delete_report(conn, actor.tenant_id, report_id))
    await audit(conn, actor, "delete report", f"report:{report_id}", {"name": held.name})


async def find(conn: Connection, actor: Actor, report_id: int, *, lock: bool = False) -> Report:
    """One report. Raises ReportUnknown, Forbidden."""
    report = await store.find_report(conn, actor.tenant_id, report_id, lock=lock)
    if report is None:
        raise ReportUnknown
    _check_money(actor, report.parts)
    return report


async def list_runs(conn: Connection, actor: Actor, report_id: int) -> list[Run]:
    """Its history, the latest first. Raises ReportUnknown, Forbidden."""
    await find(conn, actor, report_id)
    return await store.list_runs(conn, actor.tenant_id, report_id)


async def find_file(conn: Connection, actor: Actor, report_id: int, run_id: int, form: Form) -> Made:
    """What was made. Raises ReportUnknown, Forbidden."""
    await find(conn, actor, report_id)
    found = await store.find_file(conn, actor.tenant_id, report_id, run_id, form)
    if found is None:
        raise ReportUnknown
    return found


async def send_now(conn: Connection, actor: Actor, report_id: int, now: datetime) -> Run:
    """Has a report made and sent at once, of the last whole week or month. Raises ReportUnknown, Forbidden."""
    report = await find(conn, actor, report_id, lock=True)
    zone = (await find_organisation(conn, actor.tenant_id)).time_zone
    days = days_of(report.covers, now.astimezone(ZoneInfo(zone)).date())
    run_id = await store.insert_run(conn, actor.tenant_id, report_id, due_at=now, days=days, by_hand=True)
    if run_id is not None:
        await take_back(conn, actor.tenant_id, await store.forget_runs(conn, actor.tenant_id, report_id))
        await outbox.write(conn, actor.tenant_id, WANTED, str(run_id))
        await audit(conn, actor, "send report", f"report:{report_id}", {"run": run_id})
    # Asked for twice at once, it is made once.
    return next(run for run in await store.list_runs(conn, actor.tenant_id, report_id) if run.due_at == now)


def _check_money(actor: Actor, parts: list[Family]) -> None:
    if Family.PROFIT in parts and not actor.may(Verb.READ_MONEY):
        raise Forbidden


async def _check(conn: Connection, actor: Actor, wanted: Wanted) -> None:
    _check_money(actor, wanted.parts)
    if not wanted.parts or not wanted.forms:
        raise ReportRefused(mark("Choose what it tells of, and as what it is sent."), field="parts")
    if wanted.every == Every.WEEK and wanted.day > 7:
        raise ReportRefused(mark("A week has 7 days: 1 is Monday."), field="day")
    if wanted.driver_group and not BY_TRAITS.issuperset(wanted.parts):
        raise ReportRefused(mark("Of a group of drivers use and success alone are told."), field="driver_group")
    if wanted.site and wanted.site not in {site.slug for site in await site_names(conn, actor.tenant_id)}:
        raise ReportRefused(mark("There is no such site."), field="site")


async def _columns(conn: Connection, tenant_id: int, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """What is kept of what is wanted, with the time that it is due next."""
    zone = (await find_organisation(conn, tenant_id)).time_zone
    columns = msgspec.to_builtins(wanted)
    columns["parts"] = [family.value for family in Family if family in wanted.parts]
    columns["forms"] = [form.value for form in Form if form in wanted.forms]
    columns["recipients"] = list(dict.fromkeys(wanted.recipients))
    due = Report(report_id=0, next_at=now, created_at=now, changed_at=now, **structs.asdict(wanted))
    return {**columns, "next_at": next_after(due, zone, now), "changed_at": now}


def _told(wanted: Wanted) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(wanted)
    return told
