"""Route of the connectors of all stations."""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.stations import store
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.stations.store import ConnectorFilter, PlacedConnector

CURSORS = Cursors("connectors", 3)


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
    summary="List connectors by station, EVSE and number",
    description="Those of stations in service. An EVSE is what has one or more connectors and charges one car.",
    tags=["stations"],
)
async def list_connectors(
    actor: Asker,
    db: Database,
    station: Annotated[
        str | None,
        QueryParameter(description="Only those of this station.", max_length=255, pattern=IDENTITY_PATTERN),
    ] = None,
    site: Annotated[
        str | None, QueryParameter(description="Only those at the site of this slug.", pattern="^[a-z0-9-]{1,63}$")
    ] = None,
    shown_state: Annotated[
        str | None, QueryParameter(name="state", description="Only those taken for this.", pattern="^[A-Za-z]{1,40}$")
    ] = None,
    evse: Annotated[int | None, QueryParameter(description="Only of this EVSE.", ge=0, le=2**31 - 1)] = None,
    connected: Annotated[
        bool | None, QueryParameter(description="Only of stations that are connected, or that are not.")
    ] = None,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[ConnectorListed]:
    after = CURSORS.decode(cursor)
    wanted = ConnectorFilter(station=station, site=site, state=shown_state, evse=evse, connected=connected)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_placed_connectors(conn, actor.tenant_id, wanted, after=after, limit=limit + 1)
    return CURSORS.page(rows, limit, lambda row: (row.station_id, row.evse, row.connector), _shown)


def _shown(row: PlacedConnector) -> ConnectorListed:
    return ConnectorListed(**{name: getattr(row, name) for name in ConnectorListed.__struct_fields__})
