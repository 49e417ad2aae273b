"""The screens of new sites: studies, the form of one, its scenarios side by side and on a map."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.expansion.service import Growth
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.pages import tabs_of
from forecourt.insight.siting import forms, store, studies
from forecourt.insight.siting.api import CHANGES, READS, Growing, StudyId, Ticking
from forecourt.insight.siting.drawn import dots
from forecourt.insight.siting.files import geojson, scenarios, table
from forecourt.insight.siting.model import Method, SitingRefused
from forecourt.insight.siting.reading import MAX_TEXT
from forecourt.insight.siting.study import Files, Study, StudyState, StudyUnknown, TooManyStudies
from forecourt.insight.siting.validating import LEAST_DAYS, REPEATS, Validation, Verdict
from forecourt.insight.turns import AnswerTooSlow
from forecourt.payments.forms import read_form
from forecourt.ui.i18n import mark, number
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
PATH: Final = "/insight/siting"
METHODS: Final = {
    Method.MEDIAN: mark("Shortest way on average"),
    Method.COVER: mark("Most demand within reach"),
    Method.FLOW: mark("Most traffic on its way"),
}
STATES: Final = {
    StudyState.WAITING: ("Preparing", mark("waits")),
    StudyState.RUNNING: ("Charging", mark("runs")),
    StudyState.DONE: ("Available", mark("done")),
    StudyState.STOPPED: ("Unavailable", mark("stopped")),
    StudyState.REFUSED: ("Faulted", mark("refused")),
}
VERDICTS: Final = {
    Verdict.BETTER: mark("Yes: prediction ranks hidden sites better than their plugs do, and than the nearest site."),
    Verdict.NOT_BETTER: mark("No: plugs or the nearest site rank hidden sites better than prediction does."),
    Verdict.CANT_TELL: mark("Nobody can tell: %(reason)s."),
}
WAYS: Final = {
    "prediction": mark("Prediction"),
    "plugs": mark("Plug count"),
    "nearest": mark("Nearest site"),
}
NO_LAKE: Final = mark("there is no lake yet")
TOO_SLOW: Final = mark("to judge it by own sites takes too long, look again when fewer others ask")
SITES_TOO_SLOW: Final = mark("It takes too long to read own sites: leave them out, or ask again when fewer others do.")
#: Chosen sites that a page lists; the files have all.
MAX_SHOWN: Final = 50
#: Files of a form, as fields of it.
FILES: Final = ("candidates", "demand", "flows", "existing")


class SitingPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def overview(
        self, request: WebRequest, actor: Actor, db: Database, growth: Growth, *,
        typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None, fault: str = "",
    ) -> Response[str]:  # fmt: skip
        """With the form as it was typed, where it is refused. The judgement may lack; all else needs no lake."""
        async with db.tenant(actor.tenant_id) as conn:
            found = await studies.listed(conn, actor.tenant_id)
        validation, reason = None, TOO_SLOW
        # Who has just waited in vain isn't kept waiting once more.
        if fault != SITES_TOO_SLOW:
            validation, reason = await self.validation(actor.tenant_id, growth)
        return self._shell.page(
            "insight/siting.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
            plain=lambda path: path, status=_status(wrong, fault), studies=found, states=STATES,
            validation=validation, verdicts=VERDICTS, ways=WAYS, reason=reason, number=number, days=LEAST_DAYS,
            repeats=REPEATS, fields=forms.fields("EUR"), typed=typed or forms.BLANK, wrong=wrong or {}, fault=fault,
            may_plan=actor.may(Verb.PLAN_GROWTH), most=MAX_TEXT, files=forms.FILES, Verdict=Verdict,
        )  # fmt: skip

    async def validation(self, tenant_id: int, growth: Growth) -> tuple[Validation | None, str]:
        """Of the own network; else why there is none."""
        try:
            return await growth.reckoned(tenant_id, studies.judged), ""
        except LakeMissing:
            return None, NO_LAKE
        except AnswerTooSlow:
            return None, TOO_SLOW

    def study(self, request: WebRequest, actor: Actor, study: Study, scenario: int) -> Response[str]:
        report = study.report
        outcomes = () if report is None else report.outcomes
        shown = min(scenario, len(outcomes) - 1) if outcomes else 0
        return self._shell.page(
            "insight/siting_study.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
            plain=lambda path: path, study=study.listed, report=report, outcomes=outcomes, shown=shown, states=STATES,
            methods=METHODS, Method=Method, number=number, may_plan=actor.may(Verb.PLAN_GROWTH), State=StudyState,
            words=() if report is None else report.words, most=MAX_SHOWN,
        )  # fmt: skip


def _status(wrong: Mapping[str, str] | None, fault: str) -> int:
    return AnswerTooSlow.status if fault == SITES_TOO_SLOW else 422 if wrong or fault else 200


def siting_pages(shell: Shell) -> list[HTTPRouteHandler]:
    """`/insight/siting` and what is below it."""
    pages = SitingPages(shell)

    @get(PATH, opt=dict(READS), include_in_schema=False)
    async def overview(request: WebRequest, actor: Asker, db: Database, growth: Growing) -> Response[str]:
        return await pages.overview(request, actor, db, growth)

    @post(PATH, opt=dict(CHANGES), include_in_schema=False, status_code=200)
    async def ask(request: WebRequest, actor: Asker, db: Database, growth: Growing, clock: Ticking) -> Response[Any]:
        form = await request.form()
        typed = {field.name: str(form.get(field.name, ""))[:1_000].strip() for field in forms.fields("EUR")}
        fields = forms.fields(forms.currency_of(typed))
        values, wrong = read_form(fields, typed)
        if wrong:
            return await pages.overview(request, actor, db, growth, typed=typed, wrong=wrong)
        try:
            wanted = forms.wanted_of(values)
            files = await _files({name: form.get(name) for name in FILES})
            asked = await studies.prepared(actor.tenant_id, growth, wanted, files)
            async with db.tenant(actor.tenant_id) as conn:
                made = await studies.ask(conn, actor, wanted, asked, clock.now())
        except (SitingRefused, TooManyStudies) as fault:
            return await pages.overview(request, actor, db, growth, typed=typed, fault=fault.detail)
        except AnswerTooSlow:
            return await pages.overview(request, actor, db, growth, typed=typed, fault=SITES_TOO_SLOW)
        return Redirect(f"{PATH}/{made.study_id}", status_code=303)

    @get(f"{PATH}/{{study_id:int}}", opt=dict(READS), include_in_schema=False)
    async def show(
        request: WebRequest, actor: Asker, db: Database, study_id: StudyId, scenario: forms.OfScenario = 0
    ) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            found = await studies.find(conn, actor.tenant_id, study_id)
        if "hx-request" in request.headers and not found.listed.is_open:
            # Whoever waited for it sees all of it now, the map too.
            return Response("", headers={"hx-refresh": "true"}, media_type="text/html")
        return pages.study(request, actor, found, scenario)

    @get(f"{PATH}/{{study_id:int}}/dots", opt=dict(READS), include_in_schema=False)
    async def drawn(actor: Asker, db: Database, study_id: StudyId, scenario: forms.OfScenario = 0) -> Response[bytes]:
        async with db.tenant(actor.tenant_id) as conn:
            found = await studies.find(conn, actor.tenant_id, study_id)
            asked = await store.places(conn, actor.tenant_id, study_id)
        if asked is None:
            raise StudyUnknown
        outcomes = () if found.report is None else found.report.outcomes
        made = dots(asked, outcomes[min(scenario, len(outcomes) - 1)] if outcomes else None)
        return Response(
            msgspec.json.encode(made), media_type="application/json", headers={"cache-control": "private, no-store"}
        )

    return [overview, ask, show, drawn, *_acts()]


def _acts() -> list[HTTPRouteHandler]:
    """Stopping, deleting, and files to take along."""

    @post(f"{PATH}/{{study_id:int}}/stop", opt=dict(CHANGES), include_in_schema=False)
    async def stop(actor: Asker, db: Database, clock: Ticking, study_id: StudyId) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await studies.stop(conn, actor, study_id, clock.now())
        return Redirect(f"{PATH}/{study_id}", status_code=303)

    @post(f"{PATH}/{{study_id:int}}/delete", opt=dict(CHANGES), include_in_schema=False)
    async def delete(actor: Asker, db: Database, study_id: StudyId) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await studies.delete(conn, actor, study_id)
        return Redirect(PATH, status_code=303)

    @get(f"{PATH}/{{study_id:int}}/sites.csv", opt=dict(READS), include_in_schema=False)
    async def take_table(actor: Asker, db: Database, study_id: StudyId) -> Response[bytes]:
        async with db.tenant(actor.tenant_id) as conn:
            return table(await studies.find(conn, actor.tenant_id, study_id))

    @get(f"{PATH}/{{study_id:int}}/scenarios.csv", opt=dict(READS), include_in_schema=False)
    async def take_scenarios(actor: Asker, db: Database, study_id: StudyId) -> Response[bytes]:
        async with db.tenant(actor.tenant_id) as conn:
            return scenarios(await studies.find(conn, actor.tenant_id, study_id))

    @get(f"{PATH}/{{study_id:int}}/sites.geojson", opt=dict(READS), include_in_schema=False)
    async def take_points(actor: Asker, db: Database, study_id: StudyId) -> Response[bytes]:
        async with db.tenant(actor.tenant_id) as conn:
            return geojson(await studies.find(conn, actor.tenant_id, study_id))

    return [stop, delete, take_table, take_scenarios, take_points]


async def _files(sent: Mapping[str, Any]) -> Files:
    """What was uploaded. Raises SitingRefused for what is no text."""
    made = {}
    for name, upload in sent.items():
        content = await upload.read() if isinstance(upload, UploadFile) and upload.filename else b""
        try:
            made[name] = content.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            raise SitingRefused(f"{name} is no text in UTF-8. Save it as CSV.") from fault
    return Files(**made)
