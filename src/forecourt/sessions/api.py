"""Routes of sessions: what was charged, what was measured, and starting and stopping from afar."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.api import UID_PATTERN, Uid
from forecourt.drivers.model import MAX_UID_LENGTH, uid_key
from forecourt.platform.clock import Clock
from forecourt.platform.paging import NEWEST, CursorRefused, Cursors, From, Limit, NextCursor, Page, Reviewed, To
from forecourt.sessions import store
from forecourt.sessions.cdr import Cdr, SessionRunning, record
from forecourt.sessions.orphans import OrphanUnknown, review_orphan
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
from forecourt.sessions.samples import CONTEXTS, LOCATIONS, MEANINGS, PHASES, in_unit
from forecourt.sessions.store import OrphanRow, SampleRow, SessionFilter, SessionRow
from forecourt.stations import service as stations
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import COMMAND_PROBLEMS, StationUnknown
from forecourt.stations.control import Obeyed
from forecourt.stations.model import IDENTITY_PATTERN

Order = Literal["newest", "oldest"]
CURSORS: Mapping[Order, Cursors] = {"newest": Cursors("sessions"), "oldest": Cursors("oldest sessions")}
ORPHAN_CURSORS = Cursors("orphan reports")
REMOTE_START_CURSORS = Cursors("remote starts")
SAMPLE_CURSORS = Cursors("samples", length=3)
Status = Literal["active", "completed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Further microseconds from the epoch than any stored time, and small enough to be added to it.
_MAX_MICROSECONDS = 2**57


class Origin(Struct, frozen=True, kw_only=True):
    """The remote start that a session came from."""

    id: UUID
    asked_by: Annotated[str, Meta(examples=["operator:3 Ada", "key:7 Grid app"])]
    asked_at: datetime


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


class Session(Struct, frozen=True, kw_only=True):
    """One charging session, from the station's own words."""

    id: UUID
    station: str
    evse: int | None
    connector: int | None
    transaction_id: Annotated[str, Meta(description="As the station knows it.")]
    token: Annotated[str | None, Meta(description="The uid of the token it was started with.")]
    token_status: Annotated[str | None, Meta(description="What was decided about the token.", examples=["Accepted"])]
    started_at: datetime
    ended_at: datetime | None
    meter_start_wh: int | None
    meter_stop_wh: Annotated[int | None, Meta(description="The register at the end; null while it runs.")]
    energy_wh: Annotated[int | None, Meta(description="Delivered, so far while it runs; null while it is not known.")]
    status: Status
    stop_reason: Annotated[str | None, Meta(description="In OCPP 2.x's words.", examples=["EVDisconnected"])]
    power_w: Annotated[int | None, Meta(description="Latest known; null once it ended.")]
    soc_pct: int | None
    charging_state: Annotated[str | None, Meta(description="OCPP 2.x only.", examples=["Charging", "SuspendedEV"])]
    time_source: Annotated[
        Literal["station", "arrival"],
        Meta(description="Whose clock its times are by: `arrival` where the station's could not be believed."),
    ]
    offline: Annotated[bool, Meta(description="Part of it was reported later, after the station had been offline.")]
    seq_gaps: Annotated[int, Meta(description="Reports that are missing by their sequence numbers (OCPP 2.x).")]
    closed_from_evidence: Annotated[bool, Meta(description="No end was said; it was closed because it must be over.")]
    notes: list[str]
    remote_start: Annotated[Origin | None, Meta(description="Null where nobody asked for it from afar.")]


class Sample(Struct, frozen=True, kw_only=True):
    """One measured value."""

    at: datetime
    evse: int | None
    measurand: Annotated[str, Meta(examples=["Energy.Active.Import.Register"])]
    phase: Annotated[str | None, Meta(description="Null: of the whole.", examples=["L1", "L1-N"])]
    location: Annotated[str, Meta(examples=["Outlet"])]
    context: Annotated[str, Meta(examples=["Sample.Periodic"])]
    value: Annotated[int | float | None, Meta(description="Null where the signed record alone tells it.")]
    signed: Annotated[
        str | None,
        Meta(description="The signed record: OCPP 1.6 the text as sent, 2.x the SignedMeterValueType as JSON."),
    ]
    unit: Annotated[str, Meta(examples=["Wh"])]


class OrphanReport(Struct, frozen=True, kw_only=True):
    """A stop of a transaction that was never given out (OCPP 1.6)."""

    id: int
    station: str
    transaction_id: Annotated[str, Meta(description="As the station named it.")]
    at: datetime
    token: str | None
    meter_wh: Annotated[int | None, Meta(description="The register as it was said.")]
    stop_reason: str | None
    reviewed_at: datetime | None


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


@get(
    "/sessions",
    opt={"problems": [CursorRefused]},
    summary="List sessions",
    description="`from` and `to` are about when they started.",
    tags=["sessions"],
)
async def list_sessions(
    actor: Asker,
    db: Database,
    station: Annotated[
        str | None,
        QueryParameter(description="Only those at the station of this id.", max_length=255, pattern=IDENTITY_PATTERN),
    ] = None,
    retired: Annotated[
        bool,
        QueryParameter(
            description="With `station`: those too of retired stations that had this id. A station that was given it"
            " since has none of them."
        ),
    ] = False,
    status: Annotated[Status | None, QueryParameter(description="Only those that run, or that have ended.")] = None,
    site: Annotated[
        str | None, QueryParameter(description="Only those at the site of this slug.", pattern="^[a-z0-9-]{1,63}$")
    ] = None,
    token: Annotated[
        str | None,
        QueryParameter(
            description="Only those started with the token of this uid, in whatever case.",
            max_length=MAX_UID_LENGTH,
            pattern=UID_PATTERN,
        ),
    ] = None,
    since: From = None,
    until: To = None,
    sort: Annotated[Order, QueryParameter(description="Which come first.")] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Session]:
    place = CURSORS[sort].decode(cursor)
    wanted = SessionFilter(
        station=station,
        retired=retired,
        site=site,
        token_key=None if token is None else uid_key(token),
        active=None if status is None else status == "active",
        since=since,
        until=until,
    )
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_sessions(
            conn,
            actor.tenant_id,
            wanted,
            oldest_first=sort == "oldest",
            place=None if place is None else place[0],
            limit=limit + 1,
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), _session)


@get("/sessions/{session_id:uuid}", opt={"problems": [SessionUnknown]}, summary="Show a session", tags=["sessions"])
async def find_session(session_id: FromPath[UUID], actor: Asker, db: Database) -> Session:
    async with db.tenant(actor.tenant_id) as conn:
        row = await store.find_session(conn, actor.tenant_id, session_id)
    if row is None:
        raise SessionUnknown
    return _session(row)


@get(
    "/sessions/{session_id:uuid}/samples",
    opt={"problems": [SessionUnknown, CursorRefused]},
    summary="Read what was measured in a session, oldest first",
    tags=["sessions"],
)
async def list_samples(
    session_id: FromPath[UUID],
    actor: Asker,
    db: Database,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Sample]:
    place = SAMPLE_CURSORS.decode(cursor)
    if place is not None and (abs(place[0]) > _MAX_MICROSECONDS or not all(0 <= part < 2**31 for part in place[1:])):
        raise CursorRefused
    after = None if place is None else (_EPOCH + place[0] * _MICROSECOND, place[1], place[2])
    async with db.tenant(actor.tenant_id) as conn:
        session = await store.find_session(conn, actor.tenant_id, session_id)
        if session is None:
            raise SessionUnknown
        rows = await store.list_samples(
            conn, actor.tenant_id, session.station_id, session.transaction_id, after=after, limit=limit + 1
        )
    return SAMPLE_CURSORS.page(
        rows, limit, lambda row: ((row.at - _EPOCH) // _MICROSECOND, row.code, row.copy), _sample
    )


@get(
    "/orphan-reports",
    opt={"problems": [CursorRefused]},
    summary="List stops of transactions that were never given out, newest first",
    description="OCPP 1.6. They are confirmed to the station, kept here, and bill nobody.",
    tags=["sessions"],
)
async def list_orphans(
    actor: Asker, db: Database, reviewed: Reviewed = None, limit: Limit = 50, cursor: NextCursor = None
) -> Page[OrphanReport]:
    before = (ORPHAN_CURSORS.decode(cursor) or (NEWEST,))[0]
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_orphans(conn, actor.tenant_id, reviewed=reviewed, before=before, limit=limit + 1)
    return ORPHAN_CURSORS.page(rows, limit, lambda row: (row.number,), _orphan)


@post(
    "/orphan-reports/{number:int}/review",
    opt={"verb": Verb.REVIEW, "problems": [OrphanUnknown]},
    status_code=200,
    summary="Mark a stop of an unknown transaction as looked at",
    tags=["sessions"],
)
async def review_orphan_report(
    number: Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The report's id.")],
    actor: Asker,
    db: Database,
) -> OrphanReport:
    async with db.tenant(actor.tenant_id) as conn:
        return _orphan(await review_orphan(conn, actor, number))


@get(
    "/sessions/{session_id:uuid}/cdr",
    opt={"problems": [SessionUnknown, SessionRunning]},
    summary="Show the charge detail record of a session that ended",
    description="In the words of OCPI 2.2.1, as far as data exist; it holds no price.",
    tags=["sessions"],
)
async def find_cdr(session_id: FromPath[UUID], actor: Asker, db: Database) -> Cdr:
    async with db.tenant(actor.tenant_id) as conn:
        session = await store.find_session(conn, actor.tenant_id, session_id)
        heard = await store.find_heard(conn, actor.tenant_id, session_id)
        if session is None or heard is None:
            raise SessionUnknown
        if session.ended_at is None:
            raise SessionRunning
        place = await store.find_place(conn, actor.tenant_id, session.station_id)
        signed = await store.list_signed(conn, actor.tenant_id, session.station_id, session.transaction_id)
    return record(session, heard, place, signed)


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
    summary="List the starts that were asked of a station from afar, newest first",
    tags=["sessions"],
)
async def list_remote_starts(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[RemoteStart]:
    before = (REMOTE_START_CURSORS.decode(cursor) or (NEWEST,))[0]
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await stations.find_station_id(conn, actor.tenant_id, station)
        rows = await remote_starts.list_of_station(conn, actor.tenant_id, station_id, before=before, limit=limit + 1)
    return REMOTE_START_CURSORS.page(rows, limit, lambda row: (row.number,), _remote_start)


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


async def describe_session(conn: store.Connection, tenant_id: int, subject: str) -> Session | None:
    """What `GET /sessions/{id}` shows, for those who hear of a session elsewhere; None if there is none."""
    row = await store.find_session(conn, tenant_id, UUID(subject))
    return None if row is None else _session(row)


def _session(row: SessionRow) -> Session:
    active = row.ended_at is None
    energy_wh: int | None = None
    if row.meter_start_wh is not None and row.meter_stop_wh is not None and row.meter_stop_wh >= row.meter_start_wh:
        energy_wh = row.meter_stop_wh - row.meter_start_wh
    return Session(
        id=row.session_id,
        station=row.station,
        evse=row.evse,
        connector=row.connector,
        transaction_id=row.transaction_id,
        token=row.token_uid,
        token_status=row.token_status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        meter_start_wh=row.meter_start_wh,
        meter_stop_wh=None if active else row.meter_stop_wh,
        energy_wh=energy_wh,
        status="active" if active else "completed",
        stop_reason=row.stop_reason,
        power_w=row.power_w if active else None,
        soc_pct=row.soc_pct,
        charging_state=row.charging_state,
        time_source="arrival" if row.arrival_clock else "station",
        offline=row.offline,
        seq_gaps=row.seq_gaps,
        closed_from_evidence=row.closed_from_evidence,
        notes=row.notes,
        remote_start=_origin(row),
    )


def _origin(row: SessionRow) -> Origin | None:
    if row.remote_start is None or row.asked_by is None or row.asked_at is None:
        return None
    return Origin(id=row.remote_start, asked_by=row.asked_by, asked_at=row.asked_at)


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


def _orphan(row: OrphanRow) -> OrphanReport:
    return OrphanReport(
        id=row.number,
        station=row.station,
        transaction_id=row.transaction_id,
        at=row.at,
        token=row.token_uid,
        meter_wh=row.meter_wh,
        stop_reason=row.stop_reason,
        reviewed_at=row.reviewed_at,
    )


def _sample(row: SampleRow) -> Sample:
    meaning = MEANINGS[row.measurand]
    return Sample(
        at=row.at,
        evse=row.evse,
        measurand=meaning.name,
        phase=PHASES[row.phase],
        location=LOCATIONS[row.location],
        context=CONTEXTS[row.context],
        value=None if row.value is None else in_unit(row.value, meaning.divisor),
        signed=row.signed,
        unit=meaning.unit,
    )


routes = Router(
    "/",
    route_handlers=[
        list_sessions,
        find_session,
        list_samples,
        find_cdr,
        list_orphans,
        review_orphan_report,
        start,
        list_remote_starts,
        stop,
    ],
)
