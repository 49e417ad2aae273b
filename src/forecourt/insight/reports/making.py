"""Makes reports that are due: asks the dashboards, writes the files, and sends them.

Files, the end of the run and its letters are one transaction: who is killed before it makes all of that again, who is
killed after it finds nothing to do. A turn that comes late makes up for the last time that was missed, once.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from forecourt.access.members import find_organisation
from forecourt.insight.dashboards.answering import Answers, Lake
from forecourt.insight.dashboards.asking import answered, question
from forecourt.insight.dashboards.model import Compare, Family, GroupUnknown, PlaceUnknown
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.reports import store
from forecourt.insight.reports.model import (
    FEW_OF_GROUP,
    GAVE_UP,
    MAX_FILE_BYTES,
    MAX_TRIES,
    MEDIA_TYPES,
    NO_LAKE,
    NO_SITE,
    TOO_LARGE,
    TRY_AGAIN,
    WAIT_FOR_LAKE,
    Form,
    Made,
    Report,
    Run,
    days_of,
    latest_until,
    next_after,
    try_again_at,
)
from forecourt.insight.reports.paper import pdf_of
from forecourt.insight.reports.sheets import xlsx_of
from forecourt.insight.reports.told import Told, file_name
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.mail import Enclosure, Letter, take_back, write
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _

log = structlog.get_logger(__name__)

_WRITERS: Final = {Form.PDF: pdf_of, Form.XLSX: xlsx_of}


class _Home(Struct, frozen=True, kw_only=True):
    """Whose report it is, and how it speaks."""

    tenant_id: int
    name: str
    zone: str
    language: str


class Reporter:
    """Makes reports of lakes and books. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, answers: Answers) -> None:
        self._tenants = tenants
        self._clock = clock
        self._answers = answers

    async def make_due(self, tenant_id: int) -> int:
        """Makes what is due of an organisation and what waits to be tried again: how many were made. One that goes
        wrong holds no other up."""
        await self._begin(tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            waiting = await store.waiting_runs(conn, tenant_id, self._clock.now())
        made = 0
        for run_id in waiting:
            with apart("a report could not be made", tenant_id=tenant_id, run=run_id):
                made += await self.make(tenant_id, run_id)
        return made

    async def make(self, tenant_id: int, run_id: int) -> bool:
        """Makes and sends one run: whether it did. Does nothing for one that is settled, or not to be tried yet."""
        taken = await self._take(tenant_id, run_id)
        if taken is None:
            return False
        home, report, run = taken
        lake = await self._lake(home, report)
        behind = lake is not None and lake.watermark < _ends_at(run, home.zone)
        missing = lake is None and report.parts != [Family.PROFIT]
        if (behind or missing) and not run.by_hand and self._clock.now() < run.due_at + WAIT_FOR_LAKE:
            await self._wait(tenant_id, run)
            return False
        if missing:
            return await self._fail(tenant_id, run, NO_LAKE)
        try:
            told = await self._told(home, report, run, lake)
        except PlaceUnknown:
            return await self._fail(tenant_id, run, NO_SITE)
        except GroupUnknown:
            return await self._fail(tenant_id, run, FEW_OF_GROUP)
        files = await asyncio.to_thread(_written, told, report.forms, home)
        if any(len(each.content) > MAX_FILE_BYTES for each in files):
            return await self._fail(tenant_id, run, TOO_LARGE)
        return await self._send(home, report, run, files, told)

    async def _take(self, tenant_id: int, run_id: int) -> tuple[_Home, Report, Run] | None:
        """A run that is to be tried now, as it was before; None: it isn't. The try is counted before it begins: what
        kills the worker is not tried for ever, and of two workers one alone tries."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            run = await store.find_run(conn, tenant_id, run_id, lock=True)
            if run is None or run.state != "waiting" or run.next_at > now:
                return None
            if run.tries >= MAX_TRIES:
                await store.settle(conn, tenant_id, run_id, at=now, known_at=None, reason=GAVE_UP)
                return None
            report = await store.find_report(conn, tenant_id, run.report_id)
            assert report is not None, "a run goes with its report"
            row = await find_organisation(conn, tenant_id)
            tries = run.tries + 1
            await store.put_off(conn, tenant_id, run_id, until=try_again_at(tries, now), tries=tries)
        home = _Home(tenant_id=tenant_id, name=row.name, zone=row.time_zone, language=row.language)
        return home, report, run

    async def _begin(self, tenant_id: int) -> None:
        """A run of each report that is due, of the last time that it was."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            zone = (await find_organisation(conn, tenant_id)).time_zone
            for report in await store.list_due(conn, tenant_id, now):
                due_at = latest_until(report, zone, now)
                days = days_of(report.covers, due_at.astimezone(ZoneInfo(zone)).date())
                await store.insert_run(conn, tenant_id, report.report_id, due_at=due_at, days=days, by_hand=False)
                await take_back(conn, tenant_id, await store.forget_runs(conn, tenant_id, report.report_id))
                columns = {"next_at": next_after(report, zone, now)}
                await store.update_report(conn, tenant_id, report.report_id, columns)

    async def _lake(self, home: _Home, report: Report) -> Lake | None:
        """The lake, where it is asked and there is one."""
        if report.parts == [Family.PROFIT]:
            return None
        try:
            return await self._answers.lake(home.tenant_id)
        except LakeMissing:
            return None

    async def _wait(self, tenant_id: int, run: Run) -> None:
        """Waiting is no try."""
        async with self._tenants.tenant(tenant_id) as conn:
            await store.put_off(conn, tenant_id, run.run_id, until=self._clock.now() + TRY_AGAIN, tries=run.tries)

    async def _fail(self, tenant_id: int, run: Run, reason: str) -> bool:
        log.error("a report was not made", tenant_id=tenant_id, report=run.report_id, run=run.run_id, reason=reason)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.settle(conn, tenant_id, run.run_id, at=self._clock.now(), known_at=None, reason=reason)
        return False

    async def _told(self, home: _Home, report: Report, run: Run, lake: Lake | None) -> Told:
        """What the dashboards answer of the days of a run, beside the days before."""
        days = ("", run.first_day.isoformat(), run.last_day.isoformat())
        asked = await question(
            self._tenants, self._clock, home.tenant_id, days, Compare.BEFORE, (report.site, "", ""),
            ("", "", "", report.driver_group), limited=False,
        )  # fmt: skip
        answers = [
            (family, await answered(self._tenants, self._answers, home.tenant_id, lake, family, asked))
            for family in report.parts
        ]
        return Told(
            organisation=home.name, name=report.name, site=report.site, driver_group=report.driver_group,
            zone=home.zone, first_day=run.first_day,
            last_day=run.last_day, known_at=None if lake is None else lake.watermark,
            whole=lake is None or lake.watermark >= _ends_at(run, home.zone), answers=answers,
        )  # fmt: skip

    async def _send(self, home: _Home, report: Report, run: Run, files: Sequence[Made], told: Told) -> bool:
        """Keeps the files, ends the run and writes its letters; whether nobody did so before."""
        tenant_id = home.tenant_id
        async with self._tenants.tenant(tenant_id) as conn:
            # Who was taken off meanwhile gets none; who is taken off from now on waits until these are written.
            now = await store.find_report(conn, tenant_id, report.report_id, lock=True)
            held = await store.find_run(conn, tenant_id, run.run_id, lock=True)
            if now is None or held is None or held.state != "waiting":
                return False
            await store.insert_files(conn, tenant_id, run.run_id, files)
            await store.settle(conn, tenant_id, run.run_id, at=self._clock.now(), known_at=told.known_at, reason=None)
            for recipient in now.recipients:
                letter_id = await write(conn, tenant_id, _letter(recipient, told, home))
                await store.insert_letter(conn, tenant_id, run.run_id, recipient, letter_id)
        return True


class ReportEnclosures:
    """What goes with letters that reports are sent by. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool) -> None:
        self._tenants = tenants

    async def __call__(self, tenant_id: int, letter_id: UUID) -> tuple[Enclosure, ...]:
        async with self._tenants.tenant(tenant_id) as conn:
            files = await store.files_of_letter(conn, tenant_id, letter_id)
        return tuple(
            Enclosure(name=each.name, media_type=MEDIA_TYPES[each.form], content=each.content) for each in files
        )


def _ends_at(run: Run, zone: str) -> datetime:
    """When the days of a run are over by the organisation's clock."""
    return datetime.combine(run.last_day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _written(told: Told, forms: Sequence[Form], home: _Home) -> list[Made]:
    with i18n.speaking(i18n.ours().choose(home.language, "")), i18n.in_zone(home.zone):
        return [Made(form=form, name=file_name(told, form), content=_WRITERS[form](told)) for form in forms]


def _letter(recipient: str, told: Told, home: _Home) -> Letter:
    with i18n.speaking(i18n.ours().choose(home.language, "")), i18n.in_zone(home.zone):
        days = {"first": formats.date_of(told.first_day), "last": formats.date_of(told.last_day)}
        words = [
            _("%(organisation)s sends you this report: %(name)s, from %(first)s to %(last)s.")
            % {"organisation": told.organisation, "name": told.name, **days},
            _("The files are attached. Who no longer wants them asks %(organisation)s.")
            % {"organisation": told.organisation},
        ]
        subject = _("%(name)s, %(first)s to %(last)s") % {"name": told.name, **days}
        return Letter(recipient=recipient, subject=subject, body="\n\n".join(words) + "\n")
