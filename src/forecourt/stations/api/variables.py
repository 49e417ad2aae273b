"""Routes of a station's configuration keys (1.6) and variables (2.x): as last told, told anew, and set."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.clock import Clock
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.text import ONE_LINE
from forecourt.stations import service, store, variable_changes, variables
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import COMMAND_PROBLEMS, PasswordOpen, StationUnknown
from forecourt.stations.store import ReadingRow, VariableFilter, VariableRow
from forecourt.stations.variable_changes import MAX_CHANGES, ChangesRefused, Said, Wanted

CURSORS = Cursors("variables", 3)
MAX_NAME = 600
_TEXT = ONE_LINE

Component = Annotated[
    str,
    Meta(
        max_length=MAX_NAME,
        pattern=_TEXT,
        description=(
            "Empty in OCPP 1.6. In 2.x with its instance and its place, where it has them: `Connector@1.2` is that of"
            " connector 2 of EVSE 1."
        ),
        examples=["OCPPCommCtrlr"],
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_NAME,
        pattern=_TEXT,
        description="The key in OCPP 1.6; in 2.x the variable, with its instance where it has one: `Limit[x]`.",
        examples=["HeartbeatInterval"],
    ),
]
Attribute = Annotated[
    Literal["Actual", "Target", "MinSet", "MaxSet"], Meta(description="OCPP 2.x; `Actual` is the value in force.")
]
_CALLED: list[type[ForecourtError]] = [*COMMAND_PROBLEMS, PasswordOpen]


class Variable(Struct, frozen=True, kw_only=True):
    """A configuration key, or an attribute of a variable, as the station last told it."""

    component: Component
    variable: Name
    attribute: Annotated[str, Meta(examples=["Actual"])]
    value: Annotated[
        str | None, Meta(description="Null for a secret, and where the station told none.", examples=["300"])
    ]
    read_only: bool
    secret: Annotated[bool, Meta(description="Its value is neither kept nor shown.", examples=[False])]
    unit: Annotated[str | None, Meta(examples=["s"])]
    read_at: datetime


class Reading(Struct, frozen=True, kw_only=True):
    """How the last reading of all variables of a station went."""

    state: Annotated[
        Literal["never", "reading", "complete", "incomplete", "refused"],
        Meta(
            description=(
                "`never`: nobody asked yet. `reading`: its report is on its way (OCPP 2.x). `incomplete`: pages of the"
                " report never came; what came was kept."
            ),
            examples=["complete"],
        ),
    ]
    said: Annotated[str | None, Meta(description="Why it was refused: the station's word, or a code.", examples=[None])]
    pages: Annotated[int, Meta(description="Pages of a report on its way that have come.")]
    variables: Annotated[int, Meta(description="How many it told.")]
    asked_by: str | None
    asked_at: datetime | None
    ended_at: datetime | None


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variable and the value it shall have."""

    variable: Name
    value: Annotated[str, Meta(max_length=variables.MAX_VALUE, pattern=r"^[^\x00]*$", examples=["300"])]
    component: Component = ""
    attribute: Attribute = "Actual"


class Changes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to set, in this order. It need not have been read before."""

    variables: Annotated[list[Change], Meta(min_length=1, max_length=MAX_CHANGES)]


class ChangeSaid(Struct, frozen=True, kw_only=True):
    """What came of one change."""

    component: Component
    variable: Name
    attribute: Annotated[str, Meta(examples=["Actual"])]
    outcome: Annotated[
        Literal["accepted", "reboot_required", "refused", "unknown", "unsent"],
        Meta(
            description=(
                "`reboot_required`: agreed, and in force after the next restart. `unknown`: sent, and nobody knows"
                " whether the station obeyed. `unsent`: surely not sent, because of what went wrong before."
            )
        ),
    ]
    said: Annotated[str, Meta(description="The station's own word, or a code.", examples=["Accepted"])]
    command_id: str | None


class ChangesSaid(Struct, frozen=True, kw_only=True):
    """What came of each change, in the order of asking."""

    variables: list[ChangeSaid]


@get(
    "/stations/{station:str}/variables",
    opt={"problems": [StationUnknown, CursorRefused]},
    summary="List a station's configuration keys or variables as it last told them, by name",
    description="What is listed is as old as `read_at`; `POST .../variables/read` has the station tell them anew.",
    tags=["stations"],
)
async def list_variables(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
    search: Annotated[
        str | None,
        QueryParameter(description="Only with this in its name or its value.", max_length=100, pattern=r"^[^\x00]*$"),
    ] = None,
    component: Annotated[
        str | None, QueryParameter(description="Only of this component.", max_length=MAX_NAME, pattern=_TEXT)
    ] = None,
    variable: Annotated[
        str | None, QueryParameter(description="Only of this name.", max_length=MAX_NAME, pattern=_TEXT)
    ] = None,
    attribute: Annotated[
        Literal["Actual", "Target", "MinSet", "MaxSet"] | None, QueryParameter(description="Only this attribute.")
    ] = None,
    read_only: Annotated[bool | None, QueryParameter(description="Only those that can't be set, or that can.")] = None,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Variable]:
    after = CURSORS.decode_names(cursor)
    wanted = VariableFilter(
        search=search, component=component, variable=variable, attribute=attribute, read_only=read_only
    )
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_station(conn, actor.tenant_id, station)
        await variables.collect(conn, actor.tenant_id, row, clock.now())
        rows = await store.list_variables_behind(
            conn, actor.tenant_id, row.station_id, wanted, after=after, limit=limit + 1
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_variable(each) for each in rows[:limit]],
        next=None if last is None else CURSORS.encode_names(last.component, last.variable, last.attribute),
    )


@get(
    "/stations/{station:str}/variables/reading",
    opt={"problems": [StationUnknown]},
    summary="Show how the last reading of a station's variables went",
    tags=["stations"],
)
async def show_reading(station: IdentityInPath, actor: Asker, db: Database, clock: NamedDependency[Clock]) -> Reading:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_station(conn, actor.tenant_id, station)
        return _reading(*await variables.collect(conn, actor.tenant_id, row, clock.now()))


@post(
    "/stations/{station:str}/variables/read",
    opt={"verb": Verb.CALL, "problems": _CALLED},
    status_code=200,
    summary="Have a station tell all its configuration keys or variables anew",
    description=(
        "An OCPP 1.6 station tells them at once. A 2.x station agrees, and sends its report afterwards: ask"
        " `GET .../variables/reading` until its state is no longer `reading`, two minutes at the most."
    ),
    tags=["stations"],
)
async def read_variables(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
    commander: StationCommander,
) -> Reading:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_station(conn, actor.tenant_id, station)
    return _reading(await variables.read_all(db, commander, clock, actor, row), 0)


@post(
    "/stations/{station:str}/variables",
    opt={"verb": Verb.CALL, "problems": [*_CALLED, ChangesRefused]},
    status_code=200,
    summary="Set configuration keys or variables of a station",
    description=(
        "Each has its own outcome. An OCPP 2.x station is sent as many at once as its `ItemsPerMessage[SetVariables]`"
        " allows, one at a time where that was never read; a 1.6 station one after the other. Once an answer is missing"
        " the rest is left `unsent`. Where nothing at all could be sent, it is a problem."
    ),
    tags=["stations"],
)
async def set_variables(
    station: IdentityInPath,
    data: JSONBody[Changes],
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
    commander: StationCommander,
) -> ChangesSaid:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_station(conn, actor.tenant_id, station)
    wanted = [
        Wanted(component=each.component, variable=each.variable, attribute=each.attribute, value=each.value)
        for each in data.variables
    ]
    said = await variable_changes.change_several(db, commander, clock, actor, row, wanted)
    return ChangesSaid(variables=_said(said))


def _variable(row: VariableRow) -> Variable:
    return Variable(**{name: getattr(row, name) for name in Variable.__struct_fields__})


def _reading(row: ReadingRow | None, pages: int) -> Reading:
    if row is None:
        return Reading(
            state="never", said=None, pages=0, variables=0, asked_by=None, asked_at=None, ended_at=None
        )  # fmt: skip
    return Reading(
        state=row.state,  # type: ignore[arg-type]  # the table's own check
        pages=pages,
        **{name: getattr(row, name) for name in Reading.__struct_fields__ if name not in ("state", "pages")},
    )


def _said(said: Sequence[Said]) -> list[ChangeSaid]:
    return [
        ChangeSaid(
            component=each.wanted.component,
            variable=each.wanted.variable,
            attribute=each.wanted.attribute,
            outcome=each.outcome,
            said=each.said,
            command_id=each.command_id,
        )
        for each in said
    ]
