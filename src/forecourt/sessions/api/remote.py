"""Routes by which a session is started and stopped from afar, and what came of such starts."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.api import Uid
from forecourt.platform.clock import Clock
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.sessions.remote import store as remote_starts
from forecourt.sessions.remote.service import (
    SessionEnded,
    SessionUnknown,
    StartAnswered,
    TokenRefused,
    TokenUnregistered,
    remote_start,
    remote_stop,
)
from forecourt.sessions.remote.store import RemoteStartRow
from forecourt.stations import service as stations
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import COMMAND_PROBLEMS, StationUnknown
from forecourt.stations.control import Obeyed

REMOTE_START_CURSORS = cursors_by_age("remote starts")


class RemoteStart(Struct, frozen=True, kw_only=True):
    """A start asked for from afar, and what became of it."""

    id: UUID
    token: str
    evse: Annotated[int | None, Meta(description="Null: the station chooses.")]
    status: Annotated[
        Literal["requested", "accepted", "rejected", "failed", "started", "expired"],
        Meta(
            description=(
                "`requested`: no answer yet. `accepted`: the session is awaited. `started`: it is known. `expired`:"
                " none came. `failed`: not sent, or not known what became of it. A late word of the station that it did"
                " start makes any of them `started`."
            )
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why there is no session, in words.")]
    session: Annotated[UUID | None, Meta(description="The id of the session that came of it.")]
    asked_by: str
    asked_at: datetime
    expires_at: Annotated[
        datetime | None, Meta(description="Until when its session may begin; null where none can come of it.")
    ]
    settled_at: Annotated[datetime | None, Meta(description="When it came to its present end.")]
    command_id: UUID | None


class Start(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For whom to start, and where."""

    token: Uid
    evse: Annotated[int, Meta(ge=1, le=2**31 - 1, description="OCPP 1.6: the connector.")] | None = None
    unregistered: Annotated[
        bool,
        Meta(
            description=(
                "Ask the station even if the token is not registered. It is told that the token is Invalid as soon as"
                " it asks, or reports the start."
            )
        ),
    ] = False


@post(
    "/stations/{station:str}/start",
    opt={
        "verb": Verb.CONTROL,
        "problems": [*COMMAND_PROBLEMS, TokenRefused, TokenUnregistered],
    },
    status_code=200,
    summary="Ask a station to start charging",
    description=(
        "The request is kept as a remote start, whose id is `remote_start` in the answer and in a problem that says why"
        " it failed. Neither kept nor sent is one for a token that may not charge. That the station accepted does not"
        " mean that it starts: it may still wait for the plug."
    ),
    tags=["sessions"],
)
async def start(
    station: IdentityInPath,
    data: JSONBody[Start],
    actor: Asker,
    db: Database,
    commander: StationCommander,
    clock: NamedDependency[Clock],
) -> StartAnswered:
    return await remote_start(
        db, commander, clock, actor, station, token_uid=data.token, evse=data.evse, unregistered=data.unregistered
    )


@get(
    "/stations/{station:str}/remote-starts",
    opt={"problems": [StationUnknown, CursorRefused]},
    summary="List the starts that were asked of a station from afar",
    tags=["sessions"],
)
async def list_remote_starts(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[RemoteStart]:
    place = REMOTE_START_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await stations.find_station_id(conn, actor.tenant_id, station)
        rows = await remote_starts.list_of_station(
            conn, actor.tenant_id, station_id, order=sort, place=place, limit=limit + 1
        )
    return REMOTE_START_CURSORS[sort].page(rows, limit, lambda row: (row.number,), _remote_start)


@post(
    "/sessions/{session_id:uuid}/stop",
    opt={
        "verb": Verb.CONTROL,
        "problems": [SessionUnknown, SessionEnded, *COMMAND_PROBLEMS],
    },
    status_code=200,
    summary="Ask the station to stop a session",
    tags=["sessions"],
)
async def stop(
    session_id: FromPath[UUID],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Obeyed:
    return await remote_stop(db, commander, actor, session_id)


def _remote_start(row: RemoteStartRow) -> RemoteStart:
    return RemoteStart(
        id=row.request_id,
        token=row.token_uid,
        evse=row.evse,
        status=row.status,  # type: ignore[arg-type]  # the table's own check
        reason=row.reason,
        session=row.session_id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        settled_at=row.settled_at,
        command_id=row.command_id,
    )
