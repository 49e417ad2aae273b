"""Routes of what drivers need: of one session, and usually, by their tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, delete, get, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.api import UidInPath
from forecourt.drivers.model import TokenUnknown
from forecourt.energy.api.electrics import Ticking
from forecourt.energy.errors import NeedsOver, NeedsRefused
from forecourt.energy.needs.model import Preferences, Source, Wants
from forecourt.energy.service import needs as service
from forecourt.energy.service.needs import preferences_tag
from forecourt.energy.store import Connection
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.stations.errors import StationRetired

SourceName = Literal["driver", "api"]
SaidAs = Annotated[
    SourceName,
    QueryParameter(name="source", description="Whose word it is: the driver's own counts before a program's."),
]


class SaidShown(Struct, frozen=True, kw_only=True):
    """What one source said."""

    source: Source
    wants: Wants
    said_at: datetime
    said_by: Annotated[str, Meta(examples=["key:7 Fleet app"])]


class PriorityShown(Struct, frozen=True, kw_only=True):
    """What the session's station was asked of its own profile for priority (OCPP 2.1), and what it said."""

    asked: Annotated[bool, Meta(description="Whether to go by it; false: not any more.")]
    asked_at: datetime
    status: Annotated[
        str | None, Meta(description="The station's own word; null: none yet.", examples=["Accepted", "NoProfile"])
    ]
    is_active: Annotated[bool, Meta(description="It may go by it, and counts with all that it can.")]


class NeedsShown(Struct, frozen=True, kw_only=True):
    """What a driver needs of a session."""

    wants: Annotated[Wants, Meta(description="What counts of all that was said.")]
    sources: Annotated[
        Mapping[str, Source],
        Meta(description="Whose word counts, of each thing.", examples=[{"energy_wh": "driver", "priority": "token"}]),
    ]
    energy_wh: Annotated[
        int | None, Meta(description="What it comes to since the session began; null: not known.", examples=[20_000])
    ]
    time_zone: Annotated[
        str, Meta(description="That of the session's site; UTC where it has none.", examples=["Europe/Berlin"])
    ]
    said: Annotated[list[SaidShown], Meta(description="Who said what; those that count first come first.")]
    station_priority: Annotated[
        PriorityShown | None,
        Meta(description="Where the driver, or a program for them, wants high priority and the station knows how."),
    ] = None


@get(
    "/sessions/{session_id:uuid}/needs",
    opt={"problems": [SessionUnknown]},
    summary="Show what a driver needs of a session",
    tags=["smart charging"],
)
async def find_needs(session_id: FromPath[UUID], actor: Asker, db: Database) -> NeedsShown:
    async with db.tenant(actor.tenant_id) as conn:
        return await _shown(conn, actor.tenant_id, session_id)


@put(
    "/sessions/{session_id:uuid}/needs",
    opt={"verb": Verb.CONTROL, "problems": [SessionUnknown, StationRetired, NeedsRefused, NeedsOver]},
    summary="Say what a driver needs of a session",
    description=(
        "In place of all that the same source said of it before. What is left out, others may say. With high priority"
        " the plan lets it go before others, and a station of OCPP 2.1 is asked to go by its own profile for priority,"
        " once the site bears all that it can draw then (UsePriorityCharging)."
    ),
    tags=["smart charging"],
)
async def put_needs(
    session_id: FromPath[UUID],
    data: JSONBody[Wants],
    actor: Asker,
    db: Database,
    clock: Ticking,
    said_as: SaidAs = "api",
) -> NeedsShown:
    async with db.tenant(actor.tenant_id) as conn:
        await service.say_needs(conn, actor, session_id, Source(said_as), data, clock.now())
        return await _shown(conn, actor.tenant_id, session_id)


@delete(
    "/sessions/{session_id:uuid}/needs",
    opt={"verb": Verb.CONTROL, "problems": [SessionUnknown]},
    summary="Take back what was said of a session's needs",
    tags=["smart charging"],
)
async def take_back_needs(session_id: FromPath[UUID], actor: Asker, db: Database, said_as: SaidAs = "api") -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.take_back_needs(conn, actor, session_id, Source(said_as))


@get(
    "/tokens/{uid:str}/charging-preferences",
    opt={"etag": True, "problems": [TokenUnknown]},
    summary="Show what a token's driver usually needs",
    tags=["smart charging"],
)
async def find_preferences(uid: UidInPath, actor: Asker, db: Database) -> Response[Preferences]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_preferences(conn, actor.tenant_id, uid)
    return tagged(Preferences() if row is None else row.wants, preferences_tag(row))


@put(
    "/tokens/{uid:str}/charging-preferences",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True, "problems": [TokenUnknown, ChangedMeanwhile]},
    summary="Say what a token's driver usually needs",
    description="It counts where nothing else was said of a session.",
    tags=["smart charging"],
)
async def put_preferences(
    uid: UidInPath,
    data: JSONBody[Preferences],
    actor: Asker,
    db: Database,
    clock: Ticking,
    if_match: IfMatch = None,
) -> Response[Preferences]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.change_preferences(conn, actor, uid, data, clock.now(), if_match)
    return tagged(row.wants, preferences_tag(row))


async def _shown(conn: Connection, tenant_id: int, session_id: UUID) -> NeedsShown:
    needs = await service.find_needs(conn, tenant_id, session_id)
    asked = await service.find_priority(conn, tenant_id, session_id)
    return NeedsShown(
        wants=needs.wants,
        sources=needs.sources,
        energy_wh=needs.energy_wh,
        time_zone=await service.zone_of_session(conn, tenant_id, session_id),
        said=[
            SaidShown(source=each.source, wants=each.wants, said_at=each.said_at, said_by=each.said_by)
            for each in needs.said
        ],
        station_priority=None
        if asked is None
        else PriorityShown(asked=asked.wanted, asked_at=asked.asked_at, status=asked.status, is_active=asked.active),
    )
