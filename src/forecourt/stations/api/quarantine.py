"""Routes of the quarantine: messages that could not be stored, kept whole for a person to look at."""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.params import PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, Reviewed, cursors_by_age
from forecourt.stations import service, store
from forecourt.stations.errors import QuarantinedUnknown
from forecourt.stations.store import QuarantineRow

CURSORS = cursors_by_age("quarantine")
NumberInPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="Its number in the quarantine.")]


class Quarantined(Struct, frozen=True, kw_only=True):
    """One message that could not be stored. Secrets in it were taken out before it was kept."""

    id: int
    at: datetime
    station: str
    raw: Annotated[str, Meta(description="The frame; in lists its beginning.")]
    raw_length: Annotated[int, Meta(description="Characters of the whole frame.")]
    error: Annotated[str, Meta(description="What the database said.")]
    reviewed_at: datetime | None


@get(
    "/quarantine",
    opt={"problems": [CursorRefused]},
    summary="List messages that could not be stored",
    tags=["stations"],
)
async def list_quarantine(
    actor: Asker,
    db: Database,
    reviewed: Reviewed = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Quarantined]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_quarantine(
            conn, actor.tenant_id, reviewed=reviewed, order=sort, place=place, limit=limit + 1
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.quarantine_id,), _shown)


@get(
    "/quarantine/{number:int}",
    opt={"problems": [QuarantinedUnknown]},
    summary="Show a message that could not be stored, whole",
    tags=["stations"],
)
async def find_quarantined(number: NumberInPath, actor: Asker, db: Database) -> Quarantined:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.find_quarantined(conn, actor.tenant_id, number))


@post(
    "/quarantine/{number:int}/review",
    opt={"verb": Verb.REVIEW, "problems": [QuarantinedUnknown]},
    status_code=200,
    summary="Mark a message that could not be stored as looked at",
    tags=["stations"],
)
async def review_quarantined(number: NumberInPath, actor: Asker, db: Database) -> Quarantined:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.review_quarantined(conn, actor, number))


def _shown(row: QuarantineRow) -> Quarantined:
    return Quarantined(
        id=row.quarantine_id, **{name: getattr(row, name) for name in row.__struct_fields__ if name != "quarantine_id"}
    )
