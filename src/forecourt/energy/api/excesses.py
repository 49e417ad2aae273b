"""Route of when more might flow at a site than its limits allow."""

from datetime import datetime
from typing import Annotated

from litestar import get
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.energy.api.electrics import SiteInPath
from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.service.sites import find_record
from forecourt.energy.store.excesses import ExcessRow, Unit, list_excesses
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.stations.errors import SiteUnknown

CURSORS = cursors_by_age("excesses of a site")


class LateShown(Struct, frozen=True, kw_only=True):
    """An EVSE that might still draw more than it was told."""

    station: str
    evse: int
    may_draw_ma: Annotated[int, Meta(description="What it counted with, each conductor.", examples=[16_000])]
    ground: Annotated[Ground, Meta(description="Why.", examples=["under_way"])]
    obey_s: Annotated[float, Meta(description="What its station takes to obey, as far as is known.", examples=[60.0])]


class ExcessShown(Struct, frozen=True, kw_only=True, rename={"over_at": "until", "since": "from"}):
    """A time in which more might flow at a node than its limit left for charging."""

    id: int
    node: Annotated[str, Meta(examples=["grid"])]
    name: Annotated[str, Meta(examples=["Grid connection"])]
    unit: Annotated[Unit, Meta(description="Of the amounts: of one conductor in mA, or of all in W.", examples=["mA"])]
    since: datetime
    due_at: Annotated[datetime, Meta(description="When the slowest station there must have obeyed.")]
    over_at: Annotated[datetime | None, Meta(description="When it was within the limit again; null: it goes on.")]
    allowed: Annotated[int, Meta(description="The least that the limit left for charging.", examples=[45_000])]
    counted: Annotated[int, Meta(description="The most that stations might draw by what they may go by.")]
    measured: Annotated[int | None, Meta(description="The most that they were measured to draw; null: unknown.")]
    at_most: Annotated[
        bool,
        Meta(
            description="Cars told their power alone: `measured` is what flowed if all of each was on one conductor.",
            examples=[False],
        ),
    ]
    late: Annotated[list[LateShown], Meta(description="Who was late when it was last looked at; 20 at most.")]


@get(
    "/sites/{site:str}/excesses",
    opt={"problems": [SiteUnknown, CursorRefused]},
    summary="List when more might flow at a site than its limits allow",
    description="After a limit was cut, until stations have obeyed; one row for each node, and for its power.",
    tags=["smart charging"],
)
async def list_site_excesses(
    site: SiteInPath, actor: Asker, db: Database, sort: ByAge = "newest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[ExcessShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        rows = await list_excesses(conn, actor.tenant_id, record.site_id, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.excess_id,), _shown)


def _shown(row: ExcessRow) -> ExcessShown:
    return ExcessShown(
        id=row.excess_id,
        node=row.node,
        name=row.name,
        unit=row.unit,
        since=row.since,
        due_at=row.due_at,
        over_at=row.over_at,
        allowed=row.allowed,
        counted=row.counted,
        measured=row.measured,
        at_most=row.at_most,
        late=[
            LateShown(
                station=each.station, evse=each.evse, may_draw_ma=each.may_draw_ma, ground=Ground(each.ground),
                obey_s=each.obey_s,
            )
            for each in row.late
        ],
    )  # fmt: skip
