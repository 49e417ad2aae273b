"""Routes by which sessions are listed and shown, and their charge detail records."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct
from msgspec.structs import replace

from forecourt.access.guard import Asker, Database
from forecourt.drivers.api import UID_PATTERN
from forecourt.drivers.model import MAX_UID_LENGTH, uid_key
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.platform.ordering import Age
from forecourt.platform.paging import (
    CursorRefused,
    From,
    Limit,
    NextCursor,
    Page,
    To,
    cursors_by_age,
    place_in_time,
    time_of_place,
)
from forecourt.pricing.discounts import Discounts
from forecourt.sessions import store
from forecourt.sessions.cdr import Cdr, SessionRunning, record
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.costing.service import cost_of, find_charged
from forecourt.sessions.remote.service import (
    SessionUnknown,
)
from forecourt.sessions.store import SessionFilter, SessionRow
from forecourt.sessions.told.store import find_said
from forecourt.stations.api.fields import AtSite, OfStation

CURSORS = cursors_by_age("sessions by start", 2)
Status = Literal["active", "completed"]
Ticking = NamedDependency[Clock]
Given = NamedDependency[Discounts]
#: Amounts are JSON numbers in OCPI, digit by digit.
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Origin(Struct, frozen=True, kw_only=True):
    """The remote start that a session came from."""

    id: UUID
    asked_by: Annotated[str, Meta(examples=["operator:3 Ada", "key:7 Grid app"])]
    asked_at: datetime


class Cost(Struct, frozen=True, kw_only=True):
    """What a session costs in the end; null: no tariff counts, so it costs nothing."""

    excl_vat: Money | None
    incl_vat: Money | None


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
    given_wh: Annotated[
        int | None,
        Meta(description="What the car gave back, no part of `energy_wh`; null where its meter says nothing of it."),
    ]
    status: Status
    stop_reason: Annotated[str | None, Meta(description="In OCPP 2.x's words.", examples=["EVDisconnected"])]
    power_w: Annotated[int | None, Meta(description="Latest known, below 0 while it gives back; null once it ended.")]
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
    cost: Annotated[Cost | None, Meta(description="Null until it is final; `GET /sessions/{id}/cost` tells it so far.")]


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
    station: OfStation = None,
    retired: Annotated[
        bool,
        QueryParameter(
            description="With `station`: those too of retired stations that had this id. A station that was given it"
            " since has none of them."
        ),
    ] = False,
    status: Annotated[Status | None, QueryParameter(description="Only those that run, or that have ended.")] = None,
    site: AtSite = None,
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
    sort: Annotated[
        Age, QueryParameter(description="Those that started last, or first, come first, whenever they were told.")
    ] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Session]:
    decoded = CURSORS[sort].decode(cursor)
    place = None if decoded is None else (time_of_place(decoded[0]), decoded[1])
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
        rows = await store.list_sessions(conn, actor.tenant_id, wanted, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (place_in_time(row.started_at), row.number), _session)


@get("/sessions/{session_id:uuid}", opt={"problems": [SessionUnknown]}, summary="Show a session", tags=["sessions"])
async def find_session(session_id: FromPath[UUID], actor: Asker, db: Database) -> Session:
    async with db.tenant(actor.tenant_id) as conn:
        row = await store.find_session(conn, actor.tenant_id, session_id)
    if row is None:
        raise SessionUnknown
    return _session(row)


@get(
    "/sessions/{session_id:uuid}/cdr",
    opt={"problems": [SessionUnknown, SessionRunning]},
    summary="Show the charge detail record of a session that ended",
    description=(
        "In the words of OCPI 2.2.1, and of 2.3.0 where they differ, as far as data exist; its costs as soon as they"
        " are final."
    ),
    tags=["sessions"],
)
async def find_cdr(session_id: FromPath[UUID], actor: Asker, db: Database) -> Response[Cdr]:
    async with db.tenant(actor.tenant_id) as conn:
        session = await store.find_session(conn, actor.tenant_id, session_id)
        heard = await store.find_heard(conn, actor.tenant_id, session_id)
        if session is None or heard is None:
            raise SessionUnknown
        if session.ended_at is None:
            raise SessionRunning
        place = await store.find_place(conn, actor.tenant_id, session.station_id)
        signed = await store.list_signed(conn, actor.tenant_id, session.station_id, session.transaction_id)
        costs = await find_charged(conn, actor.tenant_id, session_id)
    content: object = _encode(record(session, heard, place, signed, costs))
    return Response(content, media_type="application/json")  # type: ignore[arg-type]


@get(
    "/sessions/{session_id:uuid}/cost",
    opt={"problems": [SessionUnknown]},
    summary="Tell what a session costs, line by line",
    description=(
        "So far while it runs, by what was heard of it until now; then in the end. A `tariff` that is null says that"
        " none counts: it costs nothing. `said` is what a station of OCPP 2.1 reckoned itself, in whole units, and"
        " whether that `differs`; null where it said nothing."
    ),
    tags=["sessions"],
)
async def find_cost(
    session_id: FromPath[UUID], actor: Asker, db: Database, clock: Ticking, discounts: Given
) -> SessionCost:
    async with db.tenant(actor.tenant_id) as conn:
        cost = await cost_of(conn, actor.tenant_id, session_id, clock.now(), discounts)
        return replace(cost, said=await find_said(conn, actor.tenant_id, session_id))


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
        given_wh=row.given_wh,
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
        cost=_cost(row),
    )


def _cost(row: SessionRow) -> Cost | None:
    if not row.priced:
        return None
    if row.currency is None or row.excl_minor is None or row.incl_minor is None:
        return Cost(excl_vat=None, incl_vat=None)
    return Cost(
        excl_vat=Money(amount=row.excl_minor, currency=row.currency),
        incl_vat=Money(amount=row.incl_minor, currency=row.currency),
    )


def _origin(row: SessionRow) -> Origin | None:
    if row.remote_start is None or row.asked_by is None or row.asked_at is None:
        return None
    return Origin(id=row.remote_start, asked_by=row.asked_by, asked_at=row.asked_at)
