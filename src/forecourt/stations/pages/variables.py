"""Configuration keys and variables of a station: read on demand, searched, and changed after a question."""

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import store, variables
from forecourt.stations.api.fields import StationCommander
from forecourt.stations.pages.ask import Answer, answered, failed
from forecourt.stations.pages.frame import StationFrame, StationPages, is_fragment
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.stations.pages.timeline import asker
from forecourt.ui.i18n import mark

PAGE_SIZE: Final = 50
MAX_PAGE: Final = 1_000

_TEXT: Final = r"^[^\x00]*$"
Words = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
PageNumber = Annotated[int, QueryParameter(name="page", ge=1, le=MAX_PAGE)]
Part = Annotated[str, QueryParameter(max_length=600, pattern=_TEXT)]

_REBOOT: Final = mark("The station agreed; the new value holds after its next restart.")


class ChangeForm(Struct, frozen=True, kw_only=True):
    """A new value of one variable."""

    component: Annotated[str, Meta(max_length=600, pattern=_TEXT)] = ""
    variable: Annotated[str, Meta(max_length=600, pattern=_TEXT)] = ""
    attribute: Annotated[str, Meta(max_length=40, pattern=_TEXT)] = variables.ACTUAL
    value: Annotated[str, Meta(max_length=variables.MAX_VALUE, pattern=_TEXT)] = ""


class Configuration:
    """What the handlers below share."""

    def __init__(self, pages: StationPages) -> None:
        self.pages = pages

    async def context(
        self, db: Pool, actor: Actor, frame: StationFrame, clock: Clock, search: str, page: int
    ) -> dict[str, Any]:
        """The table and how its last reading went; ends a reading whose report is there."""
        async with db.tenant(actor.tenant_id) as conn:
            reading, came = await variables.collect(conn, actor.tenant_id, frame.station, clock.now())
            rows, matching = await store.list_variables(
                conn,
                actor.tenant_id,
                frame.station.station_id,
                search=search,
                offset=(page - 1) * PAGE_SIZE,
                limit=PAGE_SIZE,
            )
        return {
            "reading": reading,
            "reader": "" if reading is None else asker(reading.asked_by),
            "came": came,
            "rows": rows,
            "matching": matching,
            "search": search,
            "page_number": page,
            "page_size": PAGE_SIZE,
            "first": (page - 1) * PAGE_SIZE + 1,
        }

    def ask(
        self, request: AnyRequest, actor: Actor, frame: StationFrame, row: Any, answer: Answer | None = None
    ) -> Response[str]:
        """The question before a change, or what came of it."""
        fragment = is_fragment(request)
        template = "variable.html" if fragment else "variable_page.html"
        return self.pages.part(
            template, request, actor, frame, current="stations", row=row, answer=answer, fragment=fragment,
            max_value=variables.MAX_VALUE,
        )  # fmt: skip


def variable_routes(pages: StationPages) -> list[HTTPRouteHandler]:
    """`/stations/{id}/configuration`: the table, reading it, and changing one value."""
    configuration = Configuration(pages)

    @get("/stations/{identity:str}/configuration", include_in_schema=False)
    async def show(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        search: Words = "",
        page: PageNumber = 1,
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        context = await configuration.context(db, actor, frame, clock, search.strip(), page)
        if is_fragment(request):
            return pages.part("variables_table.html", request, actor, frame, fault=None, **context)
        return await pages.page("variables.html", request, actor, frame, "configuration", fault=None, **context)

    @post(
        "/stations/{identity:str}/configuration/read",
        include_in_schema=False,
        opt={"verb": Verb.CALL},
        status_code=200,
    )
    async def read(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        commander: StationCommander,
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        fault: Answer | None = None
        try:
            await variables.read_all(db, commander, clock, actor, frame.station)
        except ForecourtError as failure:
            fault = failed(failure)
        context = await configuration.context(db, actor, frame, clock, "", 1)
        return await pages.page("variables.html", request, actor, frame, "configuration", fault=fault, **context)

    @get("/stations/{identity:str}/configuration/change", include_in_schema=False, opt={"verb": Verb.CALL})
    async def offer(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        component: Part = "",
        variable: Part = "",
        attribute: Part = variables.ACTUAL,
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        async with db.tenant(actor.tenant_id) as conn:
            row = await store.find_variable(
                conn, actor.tenant_id, frame.station.station_id, component, variable, attribute
            )
        if row is None:
            raise variables.VariableUnknown
        return configuration.ask(request, actor, frame, row)

    @post(
        "/stations/{identity:str}/configuration/change",
        include_in_schema=False,
        opt={"verb": Verb.CALL},
        status_code=200,
    )
    async def change(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        commander: StationCommander,
        data: URLEncodedBody[ChangeForm],
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        async with db.tenant(actor.tenant_id) as conn:
            row = await store.find_variable(
                conn, actor.tenant_id, frame.station.station_id, data.component, data.variable, data.attribute
            )
        if row is None:
            raise variables.VariableUnknown
        try:
            changed = await variables.change(db, commander, clock, actor, frame.station, row, data.value)
            answer = answered(changed.status, changed.accepted, changed.command_id)
            if changed.status == "RebootRequired":
                answer = Answer(outcome="accepted", words=_REBOOT, said=changed.status, command_id=changed.command_id)
        except ForecourtError as failure:
            answer = failed(failure)
        return configuration.ask(request, actor, frame, row, answer)

    return [show, read, offer, change]
