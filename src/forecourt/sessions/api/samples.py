"""Route of what was measured in a session."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import FromPath
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    Limit,
    NextCursor,
    Page,
    cursors_by_age,
    place_in_time,
    time_of_place,
)
from forecourt.sessions import store
from forecourt.sessions.remote.service import (
    SessionUnknown,
)
from forecourt.sessions.samples import CONTEXTS, LOCATIONS, MEANINGS, PHASES, in_unit
from forecourt.sessions.store import SampleRow

SAMPLE_CURSORS = cursors_by_age("samples", 3, first="oldest")


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


@get(
    "/sessions/{session_id:uuid}/samples",
    opt={"problems": [SessionUnknown, CursorRefused]},
    summary="Read what was measured in a session",
    tags=["sessions"],
)
async def list_samples(
    session_id: FromPath[UUID],
    actor: Asker,
    db: Database,
    sort: ByAge = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Sample]:
    cursors = SAMPLE_CURSORS[sort]
    place = cursors.decode(cursor)
    behind = None if place is None else (time_of_place(place[0]), place[1], place[2])
    async with db.tenant(actor.tenant_id) as conn:
        session = await store.find_session(conn, actor.tenant_id, session_id)
        if session is None:
            raise SessionUnknown
        rows = await store.list_samples(
            conn,
            actor.tenant_id,
            session.station_id,
            session.transaction_id,
            order=sort,
            place=behind,
            limit=limit + 1,
        )
    return cursors.page(rows, limit, lambda row: (place_in_time(row.at), row.code, row.copy), _sample)


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
