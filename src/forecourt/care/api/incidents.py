"""Routes of incidents."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.care.model import MAX_NOTE, IncidentClosed, IncidentKind, IncidentUnknown, Severity, SnoozeRefused
from forecourt.care.service import incidents as service
from forecourt.care.store import Connection
from forecourt.care.store import incidents as store
from forecourt.care.store.incidents import EventRow, Filter, IncidentRow, Order
from forecourt.care.words import tell
from forecourt.platform.clock import Clock
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.stations.api.fields import AtSite, OfStation

#: Lines of history that come with an incident, the latest first.
MAX_EVENTS = 200
CURSORS: Mapping[Order, Cursors] = {
    "newest": Cursors("incidents"),
    "oldest": Cursors("oldest incidents"),
    "severity": Cursors("incidents by severity", 2),
}
Ticking = NamedDependency[Clock]

SeverityName = Literal["critical", "warning", "notice"]
Status = Literal["open", "closed"]
Event = Literal["opened", "gone", "acknowledged", "snoozed", "closed", "acted", "told"]
Note = Annotated[str, Meta(max_length=MAX_NOTE, pattern=r"^[^\x00]*$", examples=["Electrician ordered for tomorrow"])]


class Incident(Struct, frozen=True, kw_only=True):
    """Something that is or was wrong with a station, a connector, a session or a site."""

    id: UUID
    kind: Annotated[IncidentKind, Meta(examples=["fault"])]
    severity: SeverityName
    status: Status
    station: Annotated[
        str | None,
        Meta(description="The identity it had when the incident opened; null: it is of the site.", examples=["CP1"]),
    ]
    site: Annotated[str | None, Meta(description="The slug of its site.")]
    node: Annotated[str | None, Meta(description="The node of the site's electrics.", examples=[None])]
    evse: int | None
    connector: int | None
    session: Annotated[UUID | None, Meta(description="The session it is about.")]
    happened: Annotated[str, Meta(examples=["The earth leakage protection has tripped"])]
    likely_cause: Annotated[str, Meta(examples=["moisture, a damaged cable or the car"])]
    next_step: Annotated[str, Meta(examples=["Send an electrician"])]
    detail: Annotated[dict[str, Any], Meta(description="What its kind knows besides.")]
    since: Annotated[datetime, Meta(description="When it began, by the station's own word where there is one.")]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: Annotated[str | None, Meta(description="Null while it is open, and where it closed itself.")]
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    snoozed_until: datetime | None


class IncidentEvent(Struct, frozen=True, kw_only=True):
    """One line of the history: what rules or people did with the incident."""

    at: datetime
    event: Event
    actor: str | None
    note: str | None
    until: datetime | None


class IncidentWhole(Incident, frozen=True, kw_only=True):
    """An incident with its history, the latest first."""

    history: list[IncidentEvent]


class Remark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one wants to say about it."""

    note: Note | None = None


class Snooze(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long it is put aside."""

    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="30 days ahead at the most; null takes it up again.", examples=["2030-01-01T06:00:00Z"]),
    ]
    note: Note | None = None


@get("/incidents", opt={"problems": [CursorRefused]}, summary="List incidents", tags=["incidents"])
async def list_incidents(
    actor: Asker,
    db: Database,
    status: Annotated[Status | None, QueryParameter(description="Only open ones, or only closed ones.")] = None,
    kind: Annotated[IncidentKind | None, QueryParameter(description="Only of this kind.")] = None,
    severity: Annotated[SeverityName | None, QueryParameter(description="Only of this severity.")] = None,
    station: OfStation = None,
    site: AtSite = None,
    acknowledged: Annotated[bool | None, QueryParameter(description="Only those somebody has seen, or not.")] = None,
    sort: Annotated[
        Order,
        QueryParameter(description="Those that opened last or first come first, or the worst, of these the newest."),
    ] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Incident]:
    place = CURSORS[sort].decode(cursor)
    asked = Filter(
        open=None if status is None else status == "open",
        kind=None if kind is None else kind.value,
        severity=None if severity is None else Severity[severity.upper()].value,
        station=station,
        site=site,
        acknowledged=acknowledged,
    )
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_in_order(conn, actor.tenant_id, asked, sort, place=place, limit=limit + 1)

    def placed(row: IncidentRow) -> tuple[int, ...]:
        return (row.severity, row.number) if sort == "severity" else (row.number,)

    return CURSORS[sort].page(rows, limit, placed, lambda row: Incident(**_shown(row)))


@get(
    "/incidents/{incident_id:uuid}",
    opt={"problems": [IncidentUnknown]},
    summary="Show an incident and its history",
    tags=["incidents"],
)
async def find_incident(incident_id: FromPath[UUID], actor: Asker, db: Database) -> IncidentWhole:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_incident(conn, actor.tenant_id, incident_id)
        events = await store.list_events(conn, actor.tenant_id, incident_id, MAX_EVENTS)
    return IncidentWhole(**_shown(row), history=[_event(event) for event in events])


@post(
    "/incidents/{incident_id:uuid}/acknowledge",
    opt={"verb": Verb.REVIEW, "problems": [IncidentUnknown, IncidentClosed]},
    status_code=200,
    summary="Say that somebody sees to an incident",
    description="Nobody is told of it any more. Said again, it adds a note; who said it first stays named.",
    tags=["incidents"],
)
async def acknowledge_incident(
    incident_id: FromPath[UUID], data: JSONBody[Remark], actor: Asker, db: Database, clock: Ticking
) -> Incident:
    async with db.tenant(actor.tenant_id) as conn:
        return Incident(**_shown(await service.acknowledge(conn, actor, incident_id, data.note, clock.now())))


@post(
    "/incidents/{incident_id:uuid}/snooze",
    opt={"verb": Verb.REVIEW, "problems": [IncidentUnknown, IncidentClosed, SnoozeRefused]},
    status_code=200,
    summary="Put an incident aside until a time",
    description="Until then it is neither counted nor told of.",
    tags=["incidents"],
)
async def snooze_incident(
    incident_id: FromPath[UUID], data: JSONBody[Snooze], actor: Asker, db: Database, clock: Ticking
) -> Incident:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.snooze(conn, actor, incident_id, data.until, data.note, clock.now())
    return Incident(**_shown(row))


@post(
    "/incidents/{incident_id:uuid}/close",
    opt={"verb": Verb.REVIEW, "problems": [IncidentUnknown, IncidentClosed]},
    status_code=200,
    summary="Close an incident",
    description=(
        "An incident closes itself when its cause is gone. One that a person closes stays closed until something new is"
        " said of its cause; then another opens."
    ),
    tags=["incidents"],
)
async def close_incident(
    incident_id: FromPath[UUID], data: JSONBody[Remark], actor: Asker, db: Database, clock: Ticking
) -> Incident:
    async with db.tenant(actor.tenant_id) as conn:
        return Incident(**_shown(await service.close(conn, actor, incident_id, data.note, clock.now())))


async def describe_incident(conn: Connection, tenant_id: int, subject: str) -> Incident | None:
    """What the list shows of an incident, for those who hear of it elsewhere by its id; None if it is gone."""
    row = await store.find(conn, tenant_id, UUID(subject))
    return None if row is None else Incident(**_shown(row))


def _shown(row: IncidentRow) -> dict[str, Any]:
    told = tell(row.kind, row.detail, "UTC")
    same = (
        "station", "site", "node", "evse", "connector", "detail", "since", "opened_at", "closed_at", "closed_by",
        "acknowledged_at", "acknowledged_by", "snoozed_until",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in same},
        "id": row.incident_id,
        "kind": IncidentKind(row.kind),
        "severity": Severity(row.severity).name.lower(),
        "status": "open" if row.closed_at is None else "closed",
        "session": row.session_id,
        "happened": told.happened,
        "likely_cause": told.cause,
        "next_step": told.next_step,
    }


def _event(row: EventRow) -> IncidentEvent:
    return IncidentEvent(**{name: getattr(row, name) for name in row.__struct_fields__})
