"""Routes of assignments: where, for whom and when a tariff counts; and which one does at a place."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.ordering import Age
from forecourt.platform.paging import CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.text import NAME_LINE
from forecourt.pricing import service
from forecourt.pricing.api.tariffs import Moment, Ticking
from forecourt.pricing.assigning import MAX_NAME, Name, Scope
from forecourt.pricing.errors import (
    AssignmentUnknown,
    PastRefused,
    PlaceUnknown,
    ScopeRefused,
    TariffEnded,
    TariffUnknown,
)
from forecourt.pricing.model import EvseKind, Tariff
from forecourt.pricing.store import assigned
from forecourt.pricing.store.assigned import AssignmentRow

CURSORS = cursors_by_age("tariff assignments")
AtSite = Annotated[str, Meta(min_length=1, max_length=63, pattern=NAME_LINE)]
AtStation = Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME_LINE)]
EvseNumber = Annotated[int, Meta(ge=1, le=10_000)]


class NewAssignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where, at what, for whom and when a tariff shall count; what is null doesn't matter."""

    tariff_id: UUID
    site: Annotated[
        AtSite | None,
        Meta(description="The slug of a site: there and at all that is part of it.", examples=["north-yard"]),
    ] = None
    station: Annotated[AtStation | None, Meta(description="The id of a station.", examples=[None])] = None
    evse: Annotated[EvseNumber | None, Meta(description="Of the station.", examples=[None])] = None
    connector_type: Annotated[
        Name | None, Meta(description="OCPI's ConnectorType, such as IEC_62196_T2_COMBO.", examples=[None])
    ] = None
    evse_kind: Annotated[EvseKind | None, Meta(examples=[None])] = None
    driver_group: Annotated[Name | None, Meta(description="The group of a token.", examples=[None])] = None
    subscription: Annotated[Name | None, Meta(examples=[None])] = None
    starts_at: Annotated[Moment | None, Meta(description="Not before now; null: now.", examples=[None])] = None
    ends_at: Annotated[Moment | None, Meta(description="Null: until it is ended.", examples=[None])] = None


class AssignmentShown(Struct, frozen=True, kw_only=True):
    """An assignment. A site or station that is null with a scope that says otherwise is one that you don't see."""

    id: UUID
    tariff_id: UUID
    tariff_name: Annotated[str, Meta(examples=["Day and night"])]
    scope: Annotated[str, Meta(description="Where it counts.", examples=["site"])]
    site: Annotated[str | None, Meta(examples=["north-yard"])]
    station: Annotated[str | None, Meta(examples=[None])]
    evse: Annotated[int | None, Meta(examples=[None])]
    connector_type: Annotated[str | None, Meta(examples=[None])]
    evse_kind: Annotated[EvseKind | None, Meta(examples=[None])]
    driver_group: Annotated[str | None, Meta(examples=[None])]
    subscription: Annotated[str | None, Meta(examples=[None])]
    starts_at: datetime
    ends_at: Annotated[datetime | None, Meta(examples=[None])]
    said_by: Annotated[str, Meta(examples=["person:3 Ada"])]


class Counting(Struct, frozen=True, kw_only=True):
    """The tariff that counts at a place for a session that begins then, and the assignment by which it does."""

    tariff_id: UUID
    name: Annotated[str, Meta(examples=["Day and night"])]
    version: Annotated[int, Meta(examples=[2])]
    time_zone: Annotated[str, Meta(examples=["Europe/Berlin"])]
    tariff: Tariff
    assignment: AssignmentShown


class CountsHere(Struct, frozen=True, kw_only=True):
    """What counts at a place; null: no tariff, so a session costs nothing."""

    counts: Counting | None


@get(
    "/tariff-assignments",
    opt={"problems": [CursorRefused]},
    summary="List where tariffs count",
    tags=["tariffs"],
)
async def list_assignments(
    actor: Asker,
    db: Database,
    clock: Ticking,
    tariff: Annotated[UUID | None, QueryParameter(description="Only of the tariff of this id.")] = None,
    ended: Annotated[bool, QueryParameter(description="Those too that have ended.")] = False,
    sort: Annotated[Age, QueryParameter(description="Those said last, or first, come first.")] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[AssignmentShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await assigned.list_assignments(
            conn,
            actor.tenant_id,
            tariff_id=tariff,
            at=None if ended else clock.now(),
            order=sort,
            place=place,
            limit=limit + 1,
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), _shown)


@post(
    "/tariff-assignments",
    opt={
        "verb": Verb.CHANGE_PRICES,
        "problems": [TariffUnknown, TariffEnded, PastRefused, ScopeRefused],
    },
    summary="Let a tariff count somewhere",
    description=(
        "Of several that fit, one for a subscription counts before one for a group of drivers, then the nearer place,"
        " then the narrower kind of connector, then the one that began last."
    ),
    tags=["tariffs"],
)
async def assign_tariff(
    data: JSONBody[NewAssignment], actor: Asker, db: Database, clock: Ticking
) -> AssignmentShown:  # fmt: skip
    asked = Scope(
        evse=data.evse,
        connector_type=data.connector_type,
        evse_kind=data.evse_kind,
        driver_group=data.driver_group,
        subscription=data.subscription,
    )
    async with db.tenant(actor.tenant_id) as conn:
        scope = await service.scope_of(conn, actor.tenant_id, asked, data.site, data.station)
        row = await service.assign_tariff(
            conn, actor, data.tariff_id, scope, clock.now(), starts_at=data.starts_at, ends_at=data.ends_at
        )
    return _shown(row)


@delete(
    "/tariff-assignments/{assignment_id:uuid}",
    opt={"verb": Verb.CHANGE_PRICES, "problems": [AssignmentUnknown]},
    status_code=200,
    summary="Let a tariff count somewhere no more",
    description="For sessions that begin from now on; the others go on by it.",
    tags=["tariffs"],
)
async def unassign_tariff(assignment_id: FromPath[UUID], actor: Asker, db: Database, clock: Ticking) -> AssignmentShown:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.unassign_tariff(conn, actor, assignment_id, clock.now()))


@get(
    "/pricing/here",
    opt={"problems": [PlaceUnknown]},
    summary="Tell which tariff counts at a place, and why",
    tags=["prices"],
)
async def find_counting(
    actor: Asker,
    db: Database,
    clock: Ticking,
    station: Annotated[str, QueryParameter(min_length=1, max_length=255, pattern=NAME_LINE, description="Its id.")],
    evse: Annotated[int | None, QueryParameter(ge=1, le=10_000, description="Of the station.")] = None,
    connector: Annotated[int | None, QueryParameter(ge=1, le=10_000, description="Of the EVSE.")] = None,
    group: Annotated[
        str | None, QueryParameter(max_length=MAX_NAME, pattern=NAME_LINE, description="For a driver of this group.")
    ] = None,
    subscription: Annotated[
        str | None, QueryParameter(max_length=MAX_NAME, pattern=NAME_LINE, description="For one who has this.")
    ] = None,
    at: Annotated[datetime | None, QueryParameter(description="For a session that begins then; else now.")] = None,
) -> CountsHere:
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await assigned.find_station_id(conn, actor.tenant_id, station)
        place = None
        if station_id is not None:
            place = await service.find_place(conn, actor.tenant_id, station_id, evse, connector)
        if place is None:
            raise PlaceUnknown
        found = await service.tariff_for(conn, actor.tenant_id, place, at or clock.now(), group, subscription)
        if found is None:
            return CountsHere(counts=None)
        by = await service.find_assignment(conn, actor.tenant_id, found.assignment.assignment_id)
    return CountsHere(
        counts=Counting(
            tariff_id=found.tariff_id,
            name=found.name,
            version=found.version,
            time_zone=place.zone,
            tariff=found.tariff,
            assignment=_shown(by),
        )
    )


def _shown(row: AssignmentRow) -> AssignmentShown:
    where = "everywhere" if row.site_id is None else "site"
    if row.at_station is not None:
        where = "station" if row.evse is None else "evse"
    return AssignmentShown(
        id=row.assignment_id,
        tariff_id=row.tariff_id,
        tariff_name=row.tariff_name,
        scope=where,
        site=row.site,
        station=row.station,
        evse=row.evse,
        connector_type=row.connector_type,
        evse_kind=row.evse_kind,
        driver_group=row.driver_group,
        subscription=row.subscription,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        said_by=row.said_by,
    )
