"""Route of EVSEs: what is charged at, with its connectors and the session that runs there."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.sessions.store import evses as store
from forecourt.sessions.store.evses import EvseFilter, EvseRow, Order, RunningAt
from forecourt.stations.api.fields import AtSite, OfConnected, OfStation
from forecourt.stations.api.registry import STATE_PATTERN, Connector
from forecourt.stations.store import ConnectorRow, list_connectors

CURSORS: Mapping[Order, Cursors] = {"registered": Cursors("EVSEs", 2), "name": Cursors("EVSEs by name", 2)}


class Evse(Struct, frozen=True, kw_only=True):
    """What charges one car at a time, by one of its connectors."""

    station: str
    evse: Annotated[
        int, Meta(description="Its id, which is its own at its station alone. Of OCPP 1.6 the connector's number.")
    ]
    site: str | None
    connected: Annotated[bool, Meta(description="Whether its station is.")]
    state: Annotated[
        str,
        Meta(
            description="One word for the whole: the most telling state of its connectors, `Faulted` or `Unavailable`"
            " where its station says so of itself, `Offline` or `Restarting` where its station is.",
            examples=["Charging"],
        ),
    ]
    connectors: list[Connector]
    session: Annotated[UUID | None, Meta(description="The session that runs here; of several the newest.")]
    power_w: Annotated[int | None, Meta(description="Latest known of that session; null while none runs.")]


@get(
    "/evses",
    opt={"problems": [CursorRefused]},
    summary="List EVSEs with what runs there",
    description="Those of stations in service, as far as these have told of them.",
    tags=["stations"],
)
async def list_evses(
    actor: Asker,
    db: Database,
    station: OfStation = None,
    site: AtSite = None,
    word: Annotated[
        str | None,
        QueryParameter(name="state", pattern=STATE_PATTERN, description="Only those in this state as a whole."),
    ] = None,
    evse: Annotated[int | None, QueryParameter(description="Only those with this id.", ge=0, le=2**31 - 1)] = None,
    connected: OfConnected = None,
    sort: Annotated[
        Order,
        QueryParameter(
            description="By the registration of their stations, or by the name of these (their id where there is none),"
            " and then by EVSE."
        ),
    ] = "registered",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Evse]:
    after = CURSORS[sort].decode(cursor)
    wanted = EvseFilter(station=station, site=site, state=word, evse=evse, connected=connected)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_evses(conn, actor.tenant_id, wanted, sort, after=after, limit=limit + 1)
        numbers = sorted({row.station_id for row in rows})
        connectors = await list_connectors(conn, actor.tenant_id, numbers)
        running = {(at.station_id, at.evse): at for at in await store.list_running_at(conn, actor.tenant_id, numbers)}
    return CURSORS[sort].page(
        rows,
        limit,
        lambda row: (row.station_id, row.evse),
        lambda row: _shown(row, connectors, running.get((row.station_id, row.evse))),
    )


def _shown(row: EvseRow, connectors_of_all: Sequence[ConnectorRow], running: RunningAt | None) -> Evse:
    return Evse(
        station=row.station,
        evse=row.evse,
        site=row.site,
        connected=row.connected,
        state=row.state,
        connectors=[
            Connector(**{name: getattr(each, name) for name in Connector.__struct_fields__})
            for each in connectors_of_all
            if (each.station_id, each.evse) == (row.station_id, row.evse) and each.connector > 0
        ],
        session=None if running is None else running.session_id,
        power_w=None if running is None else running.power_w,
    )
