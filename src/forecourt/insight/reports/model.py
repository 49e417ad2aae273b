"""What a report is, when it is due, and of which days it tells. Pure."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.dashboards.model import Family
from forecourt.insight.dashboards.workbook import XLSX
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark

#: Reports of one organisation, and addresses that one is sent to.
MAX_REPORTS: Final = 50
MAX_RECIPIENTS: Final = 20
#: Runs of one report that are kept, with their files.
MAX_RUNS: Final = 60
#: Bytes of one file: mail servers take little more.
MAX_FILE_BYTES: Final = 8_000_000
#: How often one run is tried, and how long after the first try the second is; each later one waits twice as long.
MAX_TRIES: Final = 5
TRY_AGAIN: Final = timedelta(minutes=15)
#: How long a run waits for a lake that knows all of its days; then it is made of what is known, and says so.
WAIT_FOR_LAKE: Final = timedelta(hours=12)

#: Why a run came to nothing.
NO_LAKE: Final = mark("there is no lake yet: it is written every night once there are sessions")
NO_SITE: Final = mark("the site is not known any more, or not yet")
FEW_OF_GROUP: Final = mark("of this group of drivers too few came in these days to be told of, or nobody knows it")
TOO_LARGE: Final = mark("a file is larger than a mail may be: choose one site, or fewer parts")
GAVE_UP: Final = mark("it could not be made, and was tried as often as may be; the log of the worker says why")


class Every(StrEnum):
    """A week from Monday to Sunday, or a month of the calendar."""

    WEEK = "week"
    MONTH = "month"


class Form(StrEnum):
    """As what a report is sent."""

    PDF = "pdf"
    XLSX = "xlsx"


MEDIA_TYPES: Final = {
    Form.PDF: "application/pdf",
    Form.XLSX: XLSX,
}


class Report(Struct, frozen=True, kw_only=True):
    """As it was set up. `site` is a slug, empty for the whole network; `driver_group` a group of
    drivers whose sessions alone are told of, empty for all; `covers` the last whole week or month before it
    is due; due `every` week on the weekday `day` (1 is Monday), or month on that day, the last one where a month has
    fewer, at the full `hour` (0 to 23) by the organisation's clock. `next_at`: when it is due next."""

    report_id: int
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
    next_at: datetime
    created_at: datetime
    changed_at: datetime


class Run(Struct, frozen=True, kw_only=True):
    """One time that a report was due, or was asked for (`by_hand`); of the days from `first_day` to `last_day`.
    `known_at`: until when the lake knew; `reason`: why it failed, a marked message."""

    run_id: int
    report_id: int
    due_at: datetime
    by_hand: bool
    first_day: date
    last_day: date
    state: str
    tries: int
    next_at: datetime
    settled_at: datetime | None
    known_at: datetime | None
    reason: str | None
    forms: list[Form]


class Made(Struct, frozen=True, kw_only=True):
    """A file of a run."""

    form: Form
    name: str
    content: bytes


class ReportUnknown(ForecourtError):
    """There is no such report, or no such run or file of it. The list of reports says which there are."""

    status = 404
    code = "report-unknown"


class ReportRefused(ForecourtError):
    """A report like that can't be: the day of the week is 1 to 7, an address is needed for what is sent, and a site
    must be one of yours, and of a group of drivers use and success alone are told."""

    status = 422
    code = "report-refused"


class TooManyReports(ForecourtError):
    """There are as many reports as an organisation may have. Delete one that nobody reads."""

    status = 409
    code = "too-many-reports"


def due_on(report: Report, day: date, zone: str) -> datetime:
    """When it is due on a day of the organisation's clock, in UTC. An hour that the clock leaves out is the one after
    it, one that it has twice the first of both."""
    return datetime.combine(day, time(report.hour), ZoneInfo(zone)).astimezone(UTC)


def next_after(report: Report, zone: str, after: datetime) -> datetime:
    """The first time that it is due later than a moment."""
    day = after.astimezone(ZoneInfo(zone)).date()
    while not (is_day(report, day) and due_on(report, day, zone) > after):
        day += timedelta(days=1)
    return due_on(report, day, zone)


def latest_until(report: Report, zone: str, now: datetime) -> datetime:
    """The last time that it was due, now included."""
    day = now.astimezone(ZoneInfo(zone)).date()
    while not (is_day(report, day) and due_on(report, day, zone) <= now):
        day -= timedelta(days=1)
    return due_on(report, day, zone)


def is_day(report: Report, day: date) -> bool:
    """Whether it is due on a day."""
    if report.every == Every.WEEK:
        return day.isoweekday() == report.day
    return day.day == min(report.day, monthrange(day.year, day.month)[1])


def days_of(covers: Every, due: date) -> tuple[date, date]:
    """The first and the last day of the last whole week or month before a day."""
    if covers == Every.WEEK:
        monday = due - timedelta(days=due.weekday() + 7)
        return monday, monday + timedelta(days=6)
    last = due.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def try_again_at(tries: int, now: datetime) -> datetime:
    """When a run is tried again after so many tries, 1 or more."""
    waits: timedelta = TRY_AGAIN * 2 ** (tries - 1)
    return now + waits
