"""Routes of stops of transactions that were never given out (OCPP 1.6)."""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.params import PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, Reviewed, cursors_by_age
from forecourt.sessions import store
from forecourt.sessions.orphans import OrphanUnknown, review_orphan
from forecourt.sessions.store import OrphanRow

ORPHAN_CURSORS = cursors_by_age("orphan reports")


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


@get(
    "/orphan-reports",
    opt={"problems": [CursorRefused]},
    summary="List stops of transactions that were never given out",
    description="OCPP 1.6. They are confirmed to the station, kept here, and bill nobody.",
    tags=["sessions"],
)
async def list_orphans(
    actor: Asker,
    db: Database,
    reviewed: Reviewed = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[OrphanReport]:
    place = ORPHAN_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_orphans(
            conn, actor.tenant_id, reviewed=reviewed, order=sort, place=place, limit=limit + 1
        )
    return ORPHAN_CURSORS[sort].page(rows, limit, lambda row: (row.number,), _orphan)


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
