"""Routes of what is said to and by a station: the message log, commands, and the expert door to any OCPP call."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import ByAge, CursorRefused, From, Limit, NextCursor, Page, To, cursors_by_age
from forecourt.stations import control, service, store
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import COMMAND_PROBLEMS, PasswordOpen, Refused, StationUnknown
from forecourt.stations.errors import CommandUnknown, MessageUnknown
from forecourt.stations.log import read_log
from forecourt.stations.store import CommandFilter, CommandRow, MessageFilter, MessageRow

MESSAGE_CURSORS = cursors_by_age("messages")
COMMAND_CURSORS = cursors_by_age("commands")
NumberInPath = Annotated[int, PathParameter(ge=1, le=2**62, description="Its number in the log.")]
Outcome = Literal["sent", "answered", "error", "offline", "timeout", "late", "unsent", "unknown"]
Direction = Literal["in", "out"]
Kind = Literal["call", "result", "error", "result_error", "send", "unreadable"]
#: By OCPP-J message type; 0 stands for a frame that is no message.
_KINDS: dict[int, Kind] = {0: "unreadable", 2: "call", 3: "result", 4: "error", 5: "result_error", 6: "send"}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_LETTERS = {"in": "i", "out": "o"}

ActionName = Annotated[
    str, Meta(min_length=1, max_length=64, pattern="^[A-Za-z0-9]+$", examples=["GetConfiguration", "GetVariables"])
]


class Message(Struct, frozen=True, kw_only=True):
    """One frame of the message log. Secrets in it were taken out before it was stored."""

    number: int
    at: datetime
    direction: Annotated[Direction, Meta(description="Seen from Forecourt: `in` came from the station.")]
    kind: Kind
    message_id: str
    action: str | None
    payload: Annotated[Any, Meta(description="The payload, or what of it was kept.")]
    deviations: Annotated[
        list[str], Meta(description="Where the frame breaks the schema and was understood all the same.")
    ]


class Call(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any call that a station of its version understands."""

    action: ActionName
    payload: Annotated[dict[str, Any], Meta(description="As the schema of the station's version has it.")] = {}


class Result(Struct, frozen=True, kw_only=True):
    """The station answered with a result (CALLRESULT)."""

    result: Annotated[Any, Meta(description="Its payload.")]
    command_id: str


class Error(Struct, frozen=True, kw_only=True):
    """What a station says when it refuses a call."""

    code: Annotated[str, Meta(examples=["NotImplemented"])]
    description: str
    details: Any


class Refusal(Struct, frozen=True, kw_only=True):
    """The station answered with an error (CALLERROR)."""

    error: Error
    command_id: str


class CommandShown(Struct, frozen=True, kw_only=True):
    """Something asked of a station, and what came of it. Secrets in it were taken out before it was stored."""

    id: UUID
    action: str
    payload: Any
    asked_by: str
    asked_at: datetime
    outcome: Annotated[
        Outcome,
        Meta(
            description=(
                "`late`: answered after its deadline. `unsent`: surely not sent to the station. `unknown`: sent, and"
                " nobody knows whether the station obeyed: its connection was lost, or its answer can't be read."
            )
        ),
    ]
    answer: Any
    answered_at: datetime | None


@get(
    "/stations/{station:str}/messages",
    opt={"problems": [StationUnknown, CursorRefused]},
    summary="Read a station's message log",
    tags=["stations"],
)
async def list_messages(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    action: Annotated[
        str | None, QueryParameter(description="Only of this action.", pattern="^[A-Za-z0-9]{1,64}$")
    ] = None,
    direction: Annotated[Direction | None, QueryParameter(description="Only what came in, or went out.")] = None,
    kind: Annotated[Kind | None, QueryParameter(description="Only messages of this kind.")] = None,
    message_id: Annotated[
        str | None, QueryParameter(description="Only a call and its answer.", max_length=255, pattern=r"^[^\x00]*$")
    ] = None,
    text: Annotated[
        str | None,
        QueryParameter(
            description="Only with this in the payload, whatever its case. A page looks through 20,000 messages at the"
            " most: it may hold few or none and yet have a `next`.",
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]*$",
        ),
    ] = None,
    deviating: Annotated[bool, QueryParameter(description="Only what breaks the schema.")] = False,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Message]:
    place = MESSAGE_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await service.find_station_id(conn, actor.tenant_id, station)
        page = await read_log(
            conn,
            actor.tenant_id,
            station_id,
            order=sort,
            place=place,
            limit=limit,
            wanted=MessageFilter(
                action=action,
                direction=None if direction is None else _LETTERS[direction],
                kinds=() if kind is None else (_NUMBERS[kind],),
                message_id=message_id,
                text=text,
                deviating=deviating,
                since=since,
                until=until,
            ),
        )
    behind = None if page.next is None else MESSAGE_CURSORS[sort].encode(page.next)
    return Page(items=[_message(row) for row in page.rows], next=behind)


@get(
    "/stations/{station:str}/messages/{number:int}",
    opt={"problems": [StationUnknown, MessageUnknown]},
    summary="Show a message of a station's log",
    tags=["stations"],
)
async def find_message(station: IdentityInPath, number: NumberInPath, actor: Asker, db: Database) -> Message:
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await service.find_station_id(conn, actor.tenant_id, station)
        row = await store.find_message(conn, actor.tenant_id, station_id, number)
    if row is None:
        raise MessageUnknown
    return _message(row)


@get(
    "/stations/{station:str}/commands",
    opt={"problems": [StationUnknown, CursorRefused]},
    summary="List what was asked of a station",
    tags=["stations"],
)
async def list_commands(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    action: Annotated[
        str | None, QueryParameter(description="Only of this action.", pattern="^[A-Za-z0-9]{1,64}$")
    ] = None,
    outcome: Annotated[Outcome | None, QueryParameter(description="Only with this outcome.")] = None,
    by: Annotated[
        str | None,
        QueryParameter(
            description="Only asked by whom is named so, in part or whole.", max_length=200, pattern=r"^[^\x00]*$"
        ),
    ] = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[CommandShown]:
    wanted = CommandFilter(action=action, outcome=outcome, asked_by=by, since=since, until=until)
    place = COMMAND_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await service.find_station_id(conn, actor.tenant_id, station)
        rows = await store.list_commands(
            conn, actor.tenant_id, station_id, order=sort, place=place, limit=limit + 1, wanted=wanted
        )
    return COMMAND_CURSORS[sort].page(rows, limit, lambda row: (row.number,), _command)


@get(
    "/stations/{station:str}/commands/{command_id:uuid}",
    opt={"problems": [StationUnknown, CommandUnknown]},
    summary="Show what was asked of a station, and what came of it",
    description="Every answer to a call names its `command_id`: here a late answer is found.",
    tags=["stations"],
)
async def find_command(station: IdentityInPath, command_id: FromPath[UUID], actor: Asker, db: Database) -> CommandShown:
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await service.find_station_id(conn, actor.tenant_id, station)
        row = await store.find_command(conn, actor.tenant_id, station_id, command_id)
    if row is None:
        raise CommandUnknown
    return _command(row)


@post(
    "/stations/{station:str}/calls",
    opt={
        "verb": Verb.CALL,
        "problems": [*COMMAND_PROBLEMS, PasswordOpen],
    },
    status_code=200,
    summary="Send a station any OCPP call",
    description=(
        "The expert door: any call of the station's OCPP version, its payload checked against the schema, answered with"
        " the station's result or error. 409 at once if the station is not connected; 504 at the deadline, when it is"
        " unknown whether the station obeyed. It is raw on purpose: beyond the schema, the station's registration"
        " and the keeping of its password nothing is looked at. A RemoteStartTransaction or RequestStartTransaction"
        " goes out with whatever token it names; `POST /api/v1/stations/{station}/start` knows tokens and"
        " follows what becomes of the start."
    ),
    tags=["stations"],
)
async def call_station(
    station: IdentityInPath,
    data: JSONBody[Call],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Result | Refusal:
    outcome = await control.call(db, commander, actor, station, data.action, msgspec.json.encode(data.payload))
    if isinstance(outcome, Refused):
        error = Error(code=outcome.code, description=outcome.description, details=outcome.details)
        return Refusal(error=error, command_id=outcome.command_id)
    return Result(result=outcome.result, command_id=outcome.command_id)


def _message(row: MessageRow) -> Message:
    return Message(
        number=row.number,
        at=row.at,
        direction="in" if row.direction == "i" else "out",
        kind=_KINDS[row.kind],
        message_id=row.message_id,
        action=row.action,
        payload=_parsed(row.payload),
        deviations=row.deviations.split("; ") if row.deviations else [],
    )


def _command(row: CommandRow) -> CommandShown:
    return CommandShown(
        id=row.command_id,
        action=row.action,
        payload=_parsed(row.payload),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        outcome=row.outcome,  # type: ignore[arg-type]  # the table's own check
        answer=None if row.answer is None else _parsed(row.answer),
        answered_at=row.answered_at,
    )


def _parsed(payload: str) -> Any:
    """The JSON value that was logged; what is no JSON is shown as the text it is."""
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload
