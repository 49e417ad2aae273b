"""Route of the connectors of all stations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import (
    CursorRefused,
    Cursors,
    Limit,
    NextCursor,
    Page,
    place_in_time,
    time_of_place,
)
from forecourt.stations import store
from forecourt.stations.api.fields import AtSite, OfConnected, OfStation
from forecourt.stations.store import ConnectorFilter, ConnectorOrder, PlacedConnector

CURSORS: Mapping[ConnectorOrder, Cursors] = {
    "registered": Cursors("connectors", 3),
    "name": Cursors("connectors by name", 3),
    "changed": Cursors("connectors by change", 4),
}


class ConnectorListed(Struct, frozen=True, kw_only=True):
    """What a connector last said of itself, and where it is."""

    station: str
    site: str | None
    connected: Annotated[bool, Meta(description="Whether its station is; if not, what it said may have changed.")]
    evse: int
    connector: int
    state: Annotated[
        str,
        Meta(
            description="Its own word. `Unknown`, since 1970, where it said none and a session tells of it.",
            examples=["Occupied"],
        ),
    ]
    shown_state: Annotated[
        str,
        Meta(
            description="What it is taken for: its state, made finer or put right by what its session says.",
            examples=["Charging"],
        ),
    ]
    state_at: datetime
    error_code: str | None
    info: str | None
    vendor_error_code: str | None


@get(
    "/connectors",
    opt={"problems": [CursorRefused]},
    summary="List connectors",
    description="Those of stations in service. An EVSE is what has one or more connectors and charges one car.",
    tags=["stations"],
)
async def list_connectors(
    actor: Asker,
    db: Database,
    station: OfStation = None,
    site: AtSite = None,
    shown_state: Annotated[
        str | None, QueryParameter(name="state", description="Only those taken for this.", pattern="^[A-Za-z]{1,40}$")
    ] = None,
    evse: Annotated[int | None, QueryParameter(description="Only of this EVSE.", ge=0, le=2**31 - 1)] = None,
    connected: OfConnected = None,
    sort: Annotated[
        ConnectorOrder,
        QueryParameter(
            description="By the registration of their stations, or by the name of these (their id where there is none),"
            " and then by EVSE and number; or those first whose state changed last."
        ),
    ] = "registered",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[ConnectorListed]:
    place = CURSORS[sort].decode(cursor)
    changed_at = time_of_place(place[0]) if place is not None and sort == "changed" else None
    wanted = ConnectorFilter(station=station, site=site, state=shown_state, evse=evse, connected=connected)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_placed_connectors(
            conn,
            actor.tenant_id,
            wanted,
            sort,
            after=None if place is None else place[-3:],
            changed_at=changed_at,
            limit=limit + 1,
        )

    def placed(row: PlacedConnector) -> tuple[int, ...]:
        number = (row.station_id, row.evse, row.connector)
        return (place_in_time(row.state_at), *number) if sort == "changed" else number

    return CURSORS[sort].page(rows, limit, placed, _shown)


def _shown(row: PlacedConnector) -> ConnectorListed:
    return ConnectorListed(**{name: getattr(row, name) for name in ConnectorListed.__struct_fields__})
