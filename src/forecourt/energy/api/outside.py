"""Routes of what others limit a station to, and what it holds otherwise than it was told."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import delete, get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.energy.api.electrics import Ticking
from forecourt.energy.dispatch.checking import Finding, Found
from forecourt.energy.errors import ExternalUnknown
from forecourt.energy.outside.model import MAX_SOURCE, External
from forecourt.energy.service import outside as service
from forecourt.ocpp.neutral import Purpose, Unit
from forecourt.platform.text import ONE_LINE
from forecourt.stations import service as registry
from forecourt.stations.api.fields import IdentityInPath
from forecourt.stations.commands import StationUnknown

Evse = Annotated[int, QueryParameter(ge=0, le=2**31 - 1, description="0: the whole station.")]
Source = Annotated[
    str,
    QueryParameter(
        min_length=1, max_length=MAX_SOURCE, pattern=ONE_LINE, description="Who set the limit, as it is listed."
    ),
]


class ExternalShown(Struct, frozen=True, kw_only=True):
    """A limit of somebody else, as the station said it."""

    evse: Annotated[int, Meta(description="0: the whole station.", examples=[0])]
    source: Annotated[str, Meta(description="EMS, SO (grid operator), CSO, Other, or a word of 2.1.", examples=["EMS"])]
    limit_ma: Annotated[
        int | None, Meta(description="Now, each conductor; null: none is said in amperes.", examples=[16_000])
    ]
    limit_w: Annotated[int | None, Meta(description="Now; null: none is said in watts.", examples=[None])]
    grid_critical: Annotated[bool, Meta(examples=[False])]
    local_generation: Annotated[
        bool, Meta(description="It says what may be drawn on top, and limits nothing.", examples=[False])
    ]
    since: Annotated[datetime, Meta(description="When just this was said first.")]
    said_at: datetime


class FindingShown(Struct, frozen=True, kw_only=True):
    """Something that the station holds otherwise than it was told."""

    found: Annotated[
        Found,
        Meta(
            description=(
                "`lost`: a profile of ours is not there, or says something else; it is told again. `other`: a profile"
                " that isn't ours. `less`, `more`: what it offers in all is less or more than it was told."
            ),
            examples=["other"],
        ),
    ]
    evse: Annotated[int, Meta(examples=[1])]
    purpose: Annotated[Purpose | None, Meta(examples=["tx"])]
    stack_level: Annotated[int | None, Meta(examples=[5])]
    profile_id: Annotated[int | None, Meta(examples=[77])]
    source: Annotated[str | None, Meta(description="Who set it, as the station says.", examples=["CSO"])]
    unit: Annotated[Unit, Meta(description="Limits are in mA or W.", examples=["A"])]
    limit: Annotated[int | None, Meta(description="What it allows at most, or offers.", examples=[10_000])]
    told: Annotated[int | None, Meta(description="What it was told.", examples=[None])]


class ChargingLimits(Struct, frozen=True, kw_only=True):
    """Who limits a station besides us, and what it holds otherwise than it was told."""

    limits: list[ExternalShown]
    findings: list[FindingShown]
    asked_at: Annotated[datetime | None, Meta(description="When it was asked last what it holds; null: never.")]
    compared_at: Annotated[datetime | None, Meta(description="When its answer was; null: it has not come whole yet.")]


@get(
    "/stations/{station:str}/charging-limits",
    opt={"problems": [StationUnknown]},
    summary="List who else limits a station, and what it holds otherwise than it was told",
    description=(
        "Stations of OCPP 2.0.1 and 2.1 say who limits them on site; it is planned with until they say that it is over."
        " Stations at sites that are charged smartly are asked what they hold after they connect and when in doubt."
    ),
    tags=["smart charging"],
)
async def list_charging_limits(station: IdentityInPath, actor: Asker, db: Database, clock: Ticking) -> ChargingLimits:
    async with db.tenant(actor.tenant_id) as conn:
        await registry.find_station_id(conn, actor.tenant_id, station)
        found = await service.at_station(conn, actor.tenant_id, station)
    now, check = clock.now(), found.check
    return ChargingLimits(
        limits=[_external(each, now) for each in found.externals],
        findings=[] if check is None else [_finding(each) for each in check.last.findings],
        asked_at=None if check is None else check.last.asked_at,
        compared_at=None if check is None else check.last.settled_at,
    )


@delete(
    "/stations/{station:str}/charging-limits",
    opt={"verb": Verb.CALL, "problems": [StationUnknown, ExternalUnknown]},
    summary="Plan without a limit of somebody else",
    description="For one whose end was never said. Said again, it counts again.",
    tags=["smart charging"],
)
async def forget_charging_limit(
    station: IdentityInPath, actor: Asker, db: Database, source: Source, evse: Evse = 0
) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await registry.find_station_id(conn, actor.tenant_id, station)
        await service.forget_external(conn, actor, station, evse, source)


def _external(each: External, now: datetime) -> ExternalShown:
    soon = now + timedelta(seconds=1)
    return ExternalShown(
        evse=each.said.evse,
        source=each.said.source,
        limit_ma=each.least(Unit.CURRENT, now, soon),
        limit_w=each.least(Unit.POWER, now, soon),
        grid_critical=each.said.grid_critical,
        local_generation=each.said.local_generation,
        since=each.since,
        said_at=each.said_at,
    )


def _finding(each: Finding) -> FindingShown:
    return FindingShown(**{name: getattr(each, name) for name in FindingShown.__struct_fields__})
