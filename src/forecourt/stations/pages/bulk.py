"""Many stations at once: the plan with its consequence, the run with its progress, and the runs there were."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Stream
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import Registration, ResetType
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import bulk, store
from forecourt.stations.errors import SiteRefused
from forecourt.stations.pages.frame import allowed, is_fragment
from forecourt.stations.pages.listing import Filters, export_csv
from forecourt.stations.store import BulkRun, Connection, ShownStation
from forecourt.stations.words import REGISTRATIONS
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Stations of a run shown on one page.
PAGE_SIZE: Final = 50
#: Runs in the list.
RUNS: Final = 50
#: Names shown in a plan; the others are counted.
NAMED: Final = 20

ACTIONS: Final[Mapping[str, str]] = {
    "reset": mark("Reset"),
    "registration": mark("Change registration"),
    "site": mark("Move to a site"),
}
RUN_STATES: Final[Mapping[str, str]] = {
    "waiting": mark("Waits to begin"),
    "running": mark("Running"),
    "stopping": mark("Being stopped"),
    "stopped": mark("Stopped"),
    "done": mark("Done"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "waiting": mark("Not begun"),
    "working": mark("Being asked"),
    "done": mark("Done"),
    "refused": mark("Refused"),
    "failed": mark("Failed"),
    "unknown": mark("Outcome unknown"),
}
RESETS: Final[Mapping[str, str]] = {"soft": mark("soft"), "hard": mark("hard")}
#: Codes that a person meets, in words.
SAID: Final[Mapping[str, str]] = {
    "station-offline": mark("not connected"),
    "station-timeout": mark("no answer in time"),
    "station-lost": mark("connection closed before the answer"),
    "station-unknown": mark("not there any more"),
    "station-retired": mark("retired meanwhile"),
    "station-busy": mark("too many calls wait for it"),
}

AnyRequest = Request[Any, Any, Any]
AfterPosition = Annotated[int, QueryParameter(name="after", ge=0, le=2**31 - 1)]
OutcomeWord = Annotated[str, QueryParameter(name="outcome", max_length=20)]


class Chosen(Struct, frozen=True, kw_only=True):
    """What a form of the list sends: an action, and stations by name or by the filters of the list."""

    action: bulk.Action
    argument: str
    stations: list[ShownStation]
    fields: list[tuple[str, str]]


def _one(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name, "")
    return str(value[-1] if isinstance(value, list) else value)[:255].replace("\0", "")


def _many(form: Any, name: str) -> list[str]:
    values = form.getall(name, []) if hasattr(form, "getall") else []
    return [str(value)[:255].replace("\0", "") for value in values][: bulk.MAX_STATIONS]


def _which(form: Any) -> tuple[Filters | None, list[str]]:
    """The stations that a form chooses: all by the filters of the list, or those named."""
    if _one(form, "all"):
        return Filters.of_form({name: _one(form, name) for name in Filters.NAMES}), []
    return None, _many(form, "station")


async def read_choice(conn: Connection, tenant_id: int, form: Any) -> Chosen | None:
    """The action and the stations of a form; None for an action that is none."""
    action, argument = _one(form, "action"), ""
    if action == "reset":
        argument = _one(form, "reset") if _one(form, "reset") in RESETS else ResetType.SOFT.value
    elif action == "registration":
        known = {each.value for each in Registration}
        asked = _one(form, "to_registration")
        argument = asked if asked in known else Registration.ACCEPTED.value
    elif action == "site":
        argument = _one(form, "to_site")
    else:
        return None
    filters, names = _which(form)
    if filters is not None:
        stations, _ = await store.list_for_page(conn, tenant_id, limit=bulk.MAX_STATIONS, **filters.asked())
        fields = [("all", "1"), *((name, value) for name, value in filters.query_items())]
    else:
        stations = []
        if names:
            stations, _ = await store.list_for_page(conn, tenant_id, identities=names, limit=bulk.MAX_STATIONS)
        fields = [("station", each.identity) for each in stations]
    return Chosen(action=action, argument=argument, stations=stations, fields=fields)  # type: ignore[arg-type]


class BulkPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    async def plan(self, request: AnyRequest, actor: Actor, db: Pool) -> Response[Any]:
        form = await request.form()
        async with db.tenant(actor.tenant_id) as conn:
            chosen = await read_choice(conn, actor.tenant_id, form)
            site = None
            if chosen is not None and chosen.action == "site" and chosen.argument:
                site = await store.find_site(conn, actor.tenant_id, slug=chosen.argument, site_id=None)
        if chosen is None or not chosen.stations or (chosen.action == "site" and chosen.argument and site is None):
            return self.shell.page("stations/bulk_nothing.html", request, viewer=actor, current="stations")
        return self.shell.page(
            "stations/bulk_plan.html",
            request,
            viewer=actor,
            current="stations",
            chosen=chosen,
            plan=bulk.plan(chosen.stations),
            named=[each.name or each.identity for each in chosen.stations[:NAMED]],
            unnamed=max(0, len(chosen.stations) - NAMED),
            title=ACTIONS[chosen.action],
            argument=self.argument_word(chosen.action, chosen.argument if site is None else site.name),
            at_once=bulk.AT_ONCE,
        )

    @staticmethod
    def argument_word(action: str, argument: str) -> str:
        """What an action does, marked for translation where it is a word of ours."""
        if action == "reset":
            return RESETS.get(argument, argument)
        return REGISTRATIONS.get(argument, argument) if action == "registration" else argument or mark("no site")

    async def ask(self, request: AnyRequest, actor: Actor, db: Pool, clock: Clock, action: str) -> Response[Any]:
        form = await request.form()
        async with db.tenant(actor.tenant_id) as conn:
            chosen = await read_choice(conn, actor.tenant_id, form)
            if chosen is None or not chosen.stations or chosen.action != action:
                return self.shell.page("stations/bulk_nothing.html", request, viewer=actor, current="stations")
            if chosen.action == "site" and chosen.argument:
                site = await store.find_site(conn, actor.tenant_id, slug=chosen.argument, site_id=None)
                if site is None:
                    raise SiteRefused
            names = [each.identity for each in chosen.stations]
            run_id = await bulk.ask(conn, actor, chosen.action, chosen.argument, names, clock.now())
        return Redirect(f"/bulk-runs/{run_id}", status_code=303)

    async def show(
        self, request: AnyRequest, actor: Actor, db: Pool, run_id: UUID, outcome: str, after: int
    ) -> Response[str]:
        state = outcome if outcome in OUTCOMES else None
        async with db.tenant(actor.tenant_id) as conn:
            run = await bulk.find(conn, actor.tenant_id, run_id)
            counts = await store.count_outcomes(conn, actor.tenant_id, run_id)
            rows = await store.list_run_stations(
                conn, actor.tenant_id, run_id, state=state, place=(after,), limit=PAGE_SIZE + 1
            )
        ended = sum(number for word, number in counts.items() if word not in ("waiting", "working"))
        return self.shell.page(
            "stations/bulk_progress.html" if is_fragment(request) else "stations/bulk_run.html",
            request,
            viewer=actor,
            current="stations",
            run=run,
            by=bulk.asked_by(run),
            title=ACTIONS[run.action],
            argument=self.argument_word(run.action, run.argument),
            counts=[(word, OUTCOMES[word], counts[word]) for word in OUTCOMES if counts.get(word)],
            whole=sum(counts.values()),
            ended=ended,
            rows=rows[:PAGE_SIZE],
            more=rows[PAGE_SIZE - 1].position if len(rows) > PAGE_SIZE else None,
            outcome=state or "",
            after=after,
            states=RUN_STATES,
            outcomes=OUTCOMES,
            said=SAID,
            going_on=run.ended_at is None,
            allowed=allowed(actor),
        )


def bulk_routes(shell: Shell) -> list[HTTPRouteHandler]:
    """`/bulk-runs`: planning one, asking for it, watching and stopping it."""
    pages = BulkPages(shell)

    @post("/bulk-runs/plan", include_in_schema=False, status_code=200)
    async def plan(request: AnyRequest, actor: Asker, db: Database) -> Response[Any]:
        return await pages.plan(request, actor, db)

    @post("/stations.csv", include_in_schema=False, status_code=200)
    async def export(request: AnyRequest, actor: Asker, db: Database) -> Stream:
        filters, names = _which(await request.form())
        return export_csv(db, actor.tenant_id, filters or Filters(), None if filters else names)

    def ask_of(action: Literal["reset", "registration", "site"], verb: Verb) -> HTTPRouteHandler:
        @post(f"/bulk-runs/{action}", include_in_schema=False, opt={"verb": verb}, status_code=303)
        async def ask(request: AnyRequest, actor: Asker, db: Database, clock: NamedDependency[Clock]) -> Response[Any]:
            return await pages.ask(request, actor, db, clock, action)

        return ask

    @get("/bulk-runs", include_in_schema=False)
    async def runs(request: AnyRequest, actor: Asker, db: Database) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows: Sequence[BulkRun] = await store.list_runs(conn, actor.tenant_id, limit=RUNS)
        shown = [
            (run, bulk.asked_by(run), ACTIONS[run.action], pages.argument_word(run.action, run.argument))
            for run in rows
        ]
        return shell.page(
            "stations/bulk_runs.html", request, viewer=actor, current="stations", runs=shown, states=RUN_STATES
        )

    @get("/bulk-runs/{run_id:uuid}", include_in_schema=False)
    async def run(
        request: AnyRequest,
        run_id: FromPath[UUID],
        actor: Asker,
        db: Database,
        outcome: OutcomeWord = "",
        after: AfterPosition = 0,
    ) -> Response[str]:
        return await pages.show(request, actor, db, run_id, outcome, after)

    @post("/bulk-runs/{run_id:uuid}/stop", include_in_schema=False, opt={"verb": Verb.CHANGE_STATIONS}, status_code=303)
    async def stop(run_id: FromPath[UUID], actor: Asker, db: Database) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await bulk.stop(conn, actor, run_id)
        return Redirect(f"/bulk-runs/{run_id}", status_code=303)

    return [
        plan,
        export,
        ask_of("reset", Verb.RESET),
        ask_of("registration", Verb.CHANGE_STATIONS),
        ask_of("site", Verb.CHANGE_STATIONS),
        runs,
        run,
        stop,
    ]
