"""Routes of what is allowed of a site's nodes from when to when, and of what its meters say."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.energy import store
from forecourt.energy.api.electrics import SiteInPath, Ticking
from forecourt.energy.errors import LimitRefused, LimitUnknown, ReadingsRefused, TooManyLimits
from forecourt.energy.model import MOST_W, Id
from forecourt.energy.service import signals as service
from forecourt.energy.service.sites import find_record
from forecourt.energy.signals.building import LEARN
from forecourt.energy.signals.model import NodeLimit, Reading
from forecourt.energy.site import Amperes
from forecourt.platform.paging import ByAge, CursorRefused, From, Limit, NextCursor, Page, To, cursors_by_age, entire
from forecourt.platform.text import NAME_LINE
from forecourt.stations.errors import SiteUnknown

CURSORS = cursors_by_age("limits of a site")
Moment = Annotated[datetime, Meta(tz=True)]
Source = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=NAME_LINE,
        description="Who says so: the grid operator, a program of yours.",
        examples=["grid operator"],
    ),
]


class NewLimit(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"starts_at": "from", "ends_at": "to"}
):
    """What is allowed of a node, from when to when."""

    source: Source
    id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=NAME_LINE,
            description="Of the source's own choosing: sent again with it, the limit is replaced.",
            examples=["event-2026-0042"],
        ),
    ]
    node: Annotated[Id | None, Meta(description="Null: the grid connection.", examples=[None])] = None
    limit_w: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_W)] | None, Meta(description="Active power.", examples=[20_000])
    ] = None
    limit_a: Annotated[Amperes | None, Meta(examples=[None])] = None
    starts_at: Annotated[Moment | None, Meta(description="Null: from now on.", examples=["2099-03-01T17:00:00Z"])] = (
        None
    )
    ends_at: Annotated[
        Moment | None, Meta(description="Null: until it is withdrawn.", examples=["2099-03-01T19:00:00Z"])
    ] = None


class LimitShown(Struct, frozen=True, kw_only=True, rename={"starts_at": "from", "ends_at": "to", "external_id": "id"}):
    """A limit as it is kept."""

    limit_id: Annotated[UUID, Meta(description="By which it is withdrawn.")]
    source: Source
    external_id: Annotated[str, Meta(examples=["event-2026-0042"])]
    node: Annotated[str | None, Meta(description="Null: the grid connection.", examples=[None])]
    limit_w: int | None
    limit_a: float | None
    starts_at: datetime
    ends_at: datetime | None
    said_at: datetime
    said_by: Annotated[str, Meta(examples=["key:7 Grid app"])]
    withdrawn_at: datetime | None


class NewReading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a meter showed."""

    power_w: Annotated[int, Meta(ge=-MOST_W, le=MOST_W, examples=[12_400])]
    at: Annotated[Moment | None, Meta(description="Null: now.", examples=[None])] = None


class Readings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the meter of a load, or of a solar plant, showed."""

    readings: Annotated[list[NewReading], Meta(min_length=1, max_length=service.MAX_READINGS)]
    of: Annotated[
        Id | None,
        Meta(description="The load or the solar plant by its id; null: the only load of the site.", examples=["hall"]),
    ] = None
    source: Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["meter gateway"])] = "api"


class Stored(Struct, frozen=True, kw_only=True):
    """What came of it."""

    of: Annotated[str, Meta(examples=["hall"])]
    changed: Annotated[int, Meta(description="Readings that are new, or others than before.")]


class ReadingShown(Struct, frozen=True, kw_only=True):
    """The mean of some minutes."""

    at: Annotated[datetime, Meta(description="When they begin.")]
    power_w: int
    source: Annotated[str, Meta(examples=["meter gateway"])]


class MeterShown(Struct, frozen=True, kw_only=True):
    """What a meter showed."""

    of: Annotated[str, Meta(description="The load or the solar plant.", examples=["hall"])]
    latest: Annotated[ReadingShown | None, Meta(description="Its latest reading, whenever that was.")]
    readings: list[ReadingShown]


@get(
    "/sites/{site:str}/limits",
    opt={"problems": [SiteUnknown, CursorRefused]},
    summary="List the limits of a site",
    description="Past ones and those that were withdrawn too.",
    tags=["smart charging"],
)
async def list_limits(
    site: SiteInPath,
    actor: Asker,
    db: Database,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[LimitShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        rows = await store.list_limits(conn, actor.tenant_id, record.site_id, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), _shown)


@post(
    "/sites/{site:str}/limits",
    opt={"verb": Verb.CHANGE_ENERGY, "problems": [SiteUnknown, LimitRefused, TooManyLimits]},
    status_code=200,
    summary="Limit a site, or a node of it",
    description="Sent again with the same `source` and `id`, it replaces what was said before.",
    tags=["smart charging"],
)
async def say_limit(
    site: SiteInPath, data: JSONBody[NewLimit], actor: Asker, db: Database, clock: Ticking
) -> LimitShown:
    now = clock.now()
    said = NodeLimit(
        limit_id=uuid4(),
        number=0,
        source=data.source,
        external_id=data.id,
        node=data.node,
        limit_w=data.limit_w,
        limit_a=data.limit_a,
        starts_at=data.starts_at or now,
        ends_at=data.ends_at,
        said_at=now,
        said_by=str(actor),
    )
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        return _shown(await service.say_limit(conn, actor, record, said))


@delete(
    "/sites/{site:str}/limits/{limit_id:uuid}",
    opt={"verb": Verb.CHANGE_ENERGY, "problems": [SiteUnknown, LimitUnknown]},
    summary="Withdraw a limit",
    tags=["smart charging"],
)
async def withdraw_limit(
    site: SiteInPath, limit_id: FromPath[UUID], actor: Asker, db: Database, clock: Ticking
) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        await service.withdraw_limit(conn, actor, record, limit_id, clock.now())


@get(
    "/sites/{site:str}/load",
    opt={"problems": [SiteUnknown]},
    summary="Show what the meters of a site said",
    description="Means of quarters of an hour, of the last 28 days at most; without `from` of the last day.",
    tags=["smart charging"],
)
async def list_load(
    site: SiteInPath, actor: Asker, db: Database, clock: Ticking, since: From = None, until: To = None
) -> Page[MeterShown]:
    now = clock.now()
    begin = max(now - LEARN, since) if since is not None else now - LEARN / 28
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        latest = await store.latest_readings(conn, actor.tenant_id, record.site_id, now)
        found = await store.readings_between(
            conn, actor.tenant_id, record.site_id, begin, now if until is None else until
        )
    return entire(
        [
            MeterShown(
                of=name,
                latest=_reading(latest[name]) if name in latest else None,
                readings=[_reading(each) for each in found.get(name, ())],
            )
            for name in sorted(latest.keys() | found.keys())
        ]
    )


@post(
    "/sites/{site:str}/load",
    opt={"verb": Verb.CHANGE_ENERGY, "problems": [SiteUnknown, ReadingsRefused]},
    status_code=200,
    summary="Say what a meter of a site shows",
    description="The power that a load takes, or that a solar plant gives. Of the last 28 days, in any order.",
    tags=["smart charging"],
)
async def say_load(site: SiteInPath, data: JSONBody[Readings], actor: Asker, db: Database, clock: Ticking) -> Stored:
    now = clock.now()
    readings = [Reading(at=each.at or now, power_w=each.power_w, source=data.source) for each in data.readings]
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        of, changed = await service.say_readings(conn, actor.tenant_id, record, data.of, readings, now)
    return Stored(of=of, changed=changed)


def _reading(row: Reading) -> ReadingShown:
    return ReadingShown(at=row.at, power_w=row.power_w, source=row.source)


def _shown(row: NodeLimit) -> LimitShown:
    return LimitShown(**{name: getattr(row, name) for name in LimitShown.__struct_fields__})
