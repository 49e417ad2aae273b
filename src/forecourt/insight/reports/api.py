"""Routes of reports on schedule: setting them up, their history, and what was made."""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType, field

from forecourt.access import Verb
from forecourt.access.api.fields import EMAIL_PATTERN
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Forbidden
from forecourt.insight.dashboards.model import Family
from forecourt.insight.reports import service, store
from forecourt.insight.reports.model import (
    MAX_RECIPIENTS,
    MEDIA_TYPES,
    Every,
    Form,
    Made,
    Report,
    ReportRefused,
    ReportUnknown,
    Run,
    TooManyReports,
)
from forecourt.insight.reports.service import Wanted
from forecourt.platform.clock import Clock
from forecourt.platform.paging import Page, entire
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE, ONE_LINE
from forecourt.ui.files import file

TAGS: Final = ["insight"]
Ticking = NamedDependency[Clock]
VERB: Final = Verb.ALERTS
MAX_SITE: Final = 210
MAX_GROUP: Final = 200
MAX_ID: Final = 2**31 - 1

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["Week of the car parks"])]
Parts = Annotated[
    list[Family], Meta(min_length=1, max_length=len(Family), description="What it tells of, as the pages of insight.")
]
Site = Annotated[str, Meta(max_length=MAX_SITE, pattern=ONE_LINE, description="A site's slug; empty: all of them.")]
DriverGroup = Annotated[
    str,
    Meta(
        max_length=MAX_GROUP, pattern=ONE_LINE, examples=[""],
        description="A fleet or another group of drivers, whose use and success alone are told; empty: all drivers.",
    ),
]  # fmt: skip
Covers = Annotated[Every, Meta(description="The last whole week, Monday to Sunday, or month before it is due.")]
Repeats = Annotated[Every, Meta(description="Whether it is due each week or each month.")]
Day = Annotated[
    int, Meta(ge=1, le=31, description="Of the week, 1 is Monday, or of the month: the last where it has fewer.")
]
Hour = Annotated[int, Meta(ge=0, le=23, description="By the clock of the organisation's zone.")]
Forms = Annotated[list[Form], Meta(min_length=1, max_length=len(Form))]
Address = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL_PATTERN, examples=["ada@example.org"])]
Addresses = Annotated[
    list[Address], Meta(max_length=MAX_RECIPIENTS, description="Each is sent a letter; empty: it is made and kept.")
]
ReportId = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="The report's id.")]
RunId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The run's id.")]
FormInPath = Annotated[Literal["pdf", "xlsx"], PathParameter(description="Which file.")]


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be sent to whom, and when."""

    name: Name
    parts: Parts
    site: Site = ""
    driver_group: DriverGroup = ""
    covers: Covers = Every.MONTH
    every: Repeats = Every.MONTH
    day: Day = 1
    hour: Hour = 6
    forms: Forms = field(default_factory=lambda: [Form.PDF])
    recipients: Addresses = []
    active: bool = True


class ReportChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a report; what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    parts: Parts | UnsetType = UNSET
    site: Site | UnsetType = UNSET
    driver_group: DriverGroup | UnsetType = UNSET
    covers: Covers | UnsetType = UNSET
    every: Repeats | UnsetType = UNSET
    day: Day | UnsetType = UNSET
    hour: Hour | UnsetType = UNSET
    forms: Forms | UnsetType = UNSET
    recipients: Addresses | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class ScheduledReport(Struct, frozen=True, kw_only=True):
    """A report as it is kept."""

    id: int
    name: str
    parts: list[Family]
    site: str
    driver_group: str
    covers: Every
    every: Every
    day: int
    hour: int
    forms: list[Form]
    recipients: list[str]
    active: bool
    next_at: Annotated[datetime | None, Meta(description="When it is due next; null while it is switched off.")]
    created_at: datetime
    changed_at: datetime


class ReportRun(Struct, frozen=True, kw_only=True):
    """One time that a report was due or asked for."""

    id: int
    due_at: datetime
    by_hand: Annotated[bool, Meta(description="Somebody asked for it.")]
    first_day: date
    last_day: date
    state: Literal["waiting", "made", "failed"]
    tries: int
    settled_at: datetime | None
    known_at: Annotated[datetime | None, Meta(description="Until when the lake knew; null where it was not asked.")]
    reason: Annotated[str | None, Meta(description="Why it failed.")]
    files: Annotated[list[Form], Meta(description="What can be fetched.")]


@get("/reports", opt={"verb": VERB}, summary="List reports on schedule", tags=TAGS)
async def list_reports(actor: Asker, db: Database) -> Page[ScheduledReport]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire([_shown(row) for row in await store.list_reports(conn, actor.tenant_id)])


@post(
    "/reports",
    opt={"verb": VERB, "problems": [ReportRefused, TooManyReports, Forbidden]},
    summary="Set up a report on schedule",
    description="It is made of what the dashboards say of its days; profit only by who may read money.",
    tags=TAGS,
)
async def create_report(data: JSONBody[NewReport], actor: Asker, db: Database, clock: Ticking) -> ScheduledReport:
    wanted = Wanted(**{name: getattr(data, name) for name in data.__struct_fields__})
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.create(conn, actor, wanted, clock.now()))


@get(
    "/reports/{report_id:int}",
    opt={"verb": VERB, "etag": True, "problems": [ReportUnknown, Forbidden]},
    summary="Show a report on schedule",
    tags=TAGS,
)
async def find_report(report_id: ReportId, actor: Asker, db: Database) -> Response[ScheduledReport]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find(conn, actor, report_id)
    return tagged(_shown(row), etag(service.wanted_of(row)))


@patch(
    "/reports/{report_id:int}",
    opt={"verb": VERB, "etag": True, "problems": [ReportUnknown, ReportRefused, Forbidden, ChangedMeanwhile]},
    summary="Change a report, switch it off or on",
    tags=TAGS,
)
async def change_report(
    report_id: ReportId,
    data: JSONBody[ReportChange],
    actor: Asker,
    db: Database,
    clock: Ticking,
    if_match: IfMatch = None,
) -> Response[ScheduledReport]:
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.change(conn, actor, report_id, changes, clock.now(), if_match)
    return tagged(_shown(row), etag(service.wanted_of(row)))


@delete(
    "/reports/{report_id:int}",
    opt={"verb": VERB, "problems": [ReportUnknown, Forbidden]},
    summary="Forget a report with its history and files",
    tags=TAGS,
)
async def delete_report(report_id: ReportId, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete(conn, actor, report_id)


@get(
    "/reports/{report_id:int}/runs",
    opt={"verb": VERB, "problems": [ReportUnknown, Forbidden]},
    summary="List when a report was made, the latest first",
    tags=TAGS,
)
async def list_report_runs(report_id: ReportId, actor: Asker, db: Database) -> Page[ReportRun]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire([_run(row) for row in await service.list_runs(conn, actor, report_id)])


@post(
    "/reports/{report_id:int}/runs",
    opt={"verb": VERB, "problems": [ReportUnknown, Forbidden]},
    status_code=202,
    summary="Make and send a report now",
    description="Of the last whole week or month. The worker makes it; its run says how that went.",
    tags=TAGS,
)
async def send_report(report_id: ReportId, actor: Asker, db: Database, clock: Ticking) -> ReportRun:
    async with db.tenant(actor.tenant_id) as conn:
        return _run(await service.send_now(conn, actor, report_id, clock.now()))


@get(
    "/reports/{report_id:int}/runs/{report_run_id:int}/{form:str}",
    opt={"verb": VERB, "problems": [ReportUnknown, Forbidden]},
    summary="Fetch what was made",
    tags=TAGS,
)
async def fetch_report(
    report_id: ReportId, report_run_id: RunId, form: FormInPath, actor: Asker, db: Database
) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        return file_of(await service.find_file(conn, actor, report_id, report_run_id, Form(form)))


def file_of(made: Made) -> Response[bytes]:
    """A file to be kept by who asks, and by nobody on the way."""
    return file(made.content, MEDIA_TYPES[made.form], made.name)


def _shown(row: Report) -> ScheduledReport:
    same = {name: getattr(row, name) for name in ScheduledReport.__struct_fields__ if name not in ("id", "next_at")}
    return ScheduledReport(id=row.report_id, next_at=row.next_at if row.active else None, **same)


def _run(row: Run) -> ReportRun:
    names = set(ReportRun.__struct_fields__) - {"id", "files"}
    return ReportRun(id=row.run_id, files=row.forms, **{name: getattr(row, name) for name in names})


routes = Router(
    "",
    route_handlers=[
        list_reports, create_report, find_report, change_report, delete_report, list_report_runs, send_report,
        fetch_report,
    ],
)  # fmt: skip
