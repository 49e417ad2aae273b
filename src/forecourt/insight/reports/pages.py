"""The screens of reports on schedule: which there are, one with its history, and a form. Works by plain forms."""

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.api.fields import EMAIL_PATTERN
from forecourt.access.guard import Asker
from forecourt.access.members import find_organisation
from forecourt.access.model import Forbidden
from forecourt.insight.dashboards.model import Family
from forecourt.insight.pages import SUB_PAGES, tabs_of
from forecourt.insight.reports import service, store
from forecourt.insight.reports.api import MAX_GROUP, VERB, FormInPath, ReportId, RunId, file_of
from forecourt.insight.reports.model import (
    MAX_RECIPIENTS,
    Every,
    Form,
    ReportRefused,
    TooManyReports,
)
from forecourt.insight.reports.service import Wanted
from forecourt.insight.reports.told import TITLES
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.text import seen
from forecourt.stations.service import site_names
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

HOME: Final = "/insight/reports"
GUARDED: Final[Mapping[str, Any]] = {"verb": VERB}
WEEKDAYS: Final = (
    mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday"), mark("Friday"), mark("Saturday"),
    mark("Sunday"),
)  # fmt: skip
COVERS: Final = {Every.WEEK: mark("the last week, Monday to Sunday"), Every.MONTH: mark("the last month")}
FORMS: Final = {Form.PDF: mark("PDF, to read"), Form.XLSX: mark("Excel, to reckon on")}
STATES: Final = {"waiting": mark("Waiting"), "made": mark("Made"), "failed": mark("Failed")}
#: What is offered to who begins.
FRESH: Final = Wanted(
    name="", parts=[Family.USE, Family.SUCCESS, Family.AVAILABILITY], covers=Every.WEEK, every=Every.WEEK, day=1,
    hour=7, forms=[Form.PDF], recipients=[],
)  # fmt: skip

WebRequest = Request[Any, Any, Any]


class ReportPages(Struct, frozen=True, kw_only=True):
    """What the handlers share."""

    shell: Shell
    db: Pool
    clock: Clock

    async def list(self, request: WebRequest, actor: Actor) -> Response[str]:
        """All reports, each with how it last went."""
        async with self.db.tenant(actor.tenant_id) as conn:
            reports = await store.list_reports(conn, actor.tenant_id)
            last = await store.last_runs(conn, actor.tenant_id)
        return self._page("reports", request, actor, reports=reports, last=last)

    async def show(self, request: WebRequest, actor: Actor, report_id: int) -> Response[str]:
        """One report with its history."""
        async with self.db.tenant(actor.tenant_id) as conn:
            report = await service.find(conn, actor, report_id)
            runs = await store.list_runs(conn, actor.tenant_id, report_id)
        return self._page("report", request, actor, report=report, runs=runs)

    async def form(
        self, request: WebRequest, actor: Actor, report_id: int | None, given: Wanted | None = None, fault: str = ""
    ) -> Response[str]:
        """The form of a report; with `given`, what was refused because of `fault`."""
        async with self.db.tenant(actor.tenant_id) as conn:
            sites = await site_names(conn, actor.tenant_id)
            zone = (await find_organisation(conn, actor.tenant_id)).time_zone
            if given is None and report_id is not None:
                given = service.wanted_of(await service.find(conn, actor, report_id))
        return self._page(
            "report_form", request, actor, status=422 if fault else 200, report_id=report_id, given=given or FRESH,
            fault=fault, sites=sites, zone=zone, parts=_parts_for(actor), covers=COVERS, forms=FORMS,
        )  # fmt: skip

    async def save(self, request: WebRequest, actor: Actor, report_id: int | None) -> Response[Any]:
        """Sets one up or changes it; what is refused comes back in the form."""
        with self.shell.speaking(request):
            wanted, fault = _read(await request.form())
        if fault:
            return await self.form(request, actor, report_id, wanted, fault)
        now = self.clock.now()
        try:
            async with self.db.tenant(actor.tenant_id) as conn:
                if report_id is None:
                    report_id = (await service.create(conn, actor, wanted, now)).report_id
                else:
                    changes = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
                    await service.change(conn, actor, report_id, changes, now)
        except (ReportRefused, TooManyReports, Forbidden) as refused:
            with self.shell.speaking(request):
                return await self.form(request, actor, report_id, wanted, _(refused.detail))
        return _to(report_id)

    async def send(self, actor: Actor, report_id: int) -> Redirect:
        """Has it made and sent now."""
        async with self.db.tenant(actor.tenant_id) as conn:
            await service.send_now(conn, actor, report_id, self.clock.now())
        return _to(report_id)

    async def delete(self, request: WebRequest, actor: Actor, report_id: int) -> Response[Any]:
        """Forgets it, once the person was told what goes with it."""
        sure = (await request.form()).get("sure") == "yes"
        async with self.db.tenant(actor.tenant_id) as conn:
            report = await service.find(conn, actor, report_id)
            if sure:
                await service.delete(conn, actor, report_id)
        return Redirect(HOME, status_code=303) if sure else self._page("report_delete", request, actor, report=report)

    def _page(
        self, name: str, request: WebRequest, actor: Actor, *, status: int = 200, **context: Any
    ) -> Response[str]:
        return self.shell.page(
            f"insight/{name}.html", request, viewer=actor, current="insight", status=status, tabs=tabs_of(actor),
            plain=lambda path: path, weekdays=WEEKDAYS, states=STATES, titles=TITLES, Every=Every, now=self.clock.now(),
            **context,
        )  # fmt: skip


def report_pages(pages: ReportPages) -> list[HTTPRouteHandler]:
    """The routes below `/insight/reports`, for those who may say who is sent what."""

    @get(HOME, opt=GUARDED, include_in_schema=False)
    async def reports(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.list(request, actor)

    @get(f"{HOME}/new", opt=GUARDED, include_in_schema=False)
    async def new(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.form(request, actor, None)

    @post(HOME, opt=GUARDED, include_in_schema=False)
    async def create(request: WebRequest, actor: Asker) -> Response[Any]:
        return await pages.save(request, actor, None)

    @get(f"{HOME}/{{report_id:int}}", opt=GUARDED, include_in_schema=False)
    async def report(request: WebRequest, actor: Asker, report_id: ReportId) -> Response[str]:
        return await pages.show(request, actor, report_id)

    @get(f"{HOME}/{{report_id:int}}/change", opt=GUARDED, include_in_schema=False)
    async def form(request: WebRequest, actor: Asker, report_id: ReportId) -> Response[str]:
        return await pages.form(request, actor, report_id)

    @post(f"{HOME}/{{report_id:int}}", opt=GUARDED, include_in_schema=False)
    async def change(request: WebRequest, actor: Asker, report_id: ReportId) -> Response[Any]:
        return await pages.save(request, actor, report_id)

    @post(f"{HOME}/{{report_id:int}}/send", opt=GUARDED, include_in_schema=False)
    async def send(actor: Asker, report_id: ReportId) -> Redirect:
        return await pages.send(actor, report_id)

    @post(f"{HOME}/{{report_id:int}}/delete", opt=GUARDED, include_in_schema=False, status_code=200)
    async def delete(request: WebRequest, actor: Asker, report_id: ReportId) -> Response[Any]:
        return await pages.delete(request, actor, report_id)

    @get(f"{HOME}/{{report_id:int}}/runs/{{report_run_id:int}}/{{form:str}}", opt=GUARDED, include_in_schema=False)
    async def download(actor: Asker, report_id: ReportId, report_run_id: RunId, form: FormInPath) -> Response[bytes]:
        async with pages.db.tenant(actor.tenant_id) as conn:
            return file_of(await service.find_file(conn, actor, report_id, report_run_id, Form(form)))

    return [reports, new, create, report, form, change, send, delete, download]


def _parts_for(actor: Actor) -> dict[Family, str]:
    """What somebody may send: as what he may look at."""
    return {Family(key): label for key, label, _path, verb in SUB_PAGES if key in set(Family) and actor.may(verb)}


def _read(form: Any) -> tuple[Wanted, str]:
    """What a form says, and what is wrong with it."""

    def number(name: str, least: int, most: int) -> int:
        text = str(form.get(name, ""))
        return min(most, max(least, int(text))) if re.fullmatch(r"[0-9]{1,2}", text) else least

    def chosen(name: str, known: type[Any]) -> list[Any]:
        return [each for each in known if each.value in form.getall(name, [])]

    every = Every(form.get("every")) if form.get("every") in set(Every) else Every.WEEK
    addresses = re.split(r"[\s,;]+", str(form.get("recipients", "")).strip())
    wanted = Wanted(
        name=seen(str(form.get("name", "")))[:100],
        parts=chosen("parts", Family),
        site=str(form.get("site", ""))[:210],
        driver_group=seen(str(form.get("driver_group", "")))[:MAX_GROUP],
        covers=Every(form.get("covers")) if form.get("covers") in set(Every) else Every.WEEK,
        every=every,
        day=number("weekday", 1, 7) if every == Every.WEEK else number("month_day", 1, 31),
        hour=number("hour", 0, 23),
        forms=chosen("forms", Form),
        recipients=[each for each in addresses if each],
        active=bool(form.get("active")),
    )
    if not wanted.name:
        return wanted, _("Give it a name.")
    if not wanted.parts or not wanted.forms:
        return wanted, _("Choose what it tells of, and as what it is sent.")
    if len(wanted.recipients) > MAX_RECIPIENTS:
        return wanted, _("A report goes to %(n)s addresses at the most.") % {"n": MAX_RECIPIENTS}
    wrong = [each for each in wanted.recipients if len(each) > 254 or not re.match(EMAIL_PATTERN, each)]
    if wrong:
        return wanted, _("This is no address: %(address)s.") % {"address": wrong[0][:80]}
    return wanted, ""


def _to(report_id: int) -> Redirect:
    return Redirect(f"{HOME}/{report_id}", status_code=303)
