"""Routes of the registry: which stations there are, who may connect, and how each is doing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.ocpp.neutral import Registration
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.search_parameter import Search
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.stations import service, store
from forecourt.stations.api.fields import (
    AtSite,
    Identity,
    IdentityInPath,
    Latitude,
    Longitude,
    SecretKey,
    SiteName,
    StationRefresher,
    Text,
)
from forecourt.stations.commands import StationUnknown
from forecourt.stations.errors import (
    IdentityFixed,
    PositionRefused,
    SiteNeeded,
    SiteRefused,
    StationExists,
    StationRetired,
)
from forecourt.stations.model import MAX_PASSWORD_LENGTH, PASSWORD_PATTERN, STATION_STATES, station_state
from forecourt.stations.store import ConnectorRow, StationFilter, StationRow, UnsupportedRow

Order = Literal["registered", "name"]
CURSORS: Mapping[Order, Cursors] = {"registered": Cursors("stations"), "name": Cursors("stations by name")}
STATE_PATTERN = f"^({'|'.join(STATION_STATES)})$"
SecurityProfile = Annotated[
    int,
    Meta(
        ge=0,
        le=3,
        description="OCPP security profile. 0: none. 1: password. 2: password over TLS. 3: client certificate.",
        examples=[1],
    ),
]
Password = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_PASSWORD_LENGTH,
        pattern=PASSWORD_PATTERN,
        description="What the station authenticates with; at least 16 random characters are recommended.",
        examples=["8e2cf1b5c2a14f0d9a3d7b6e5f4c3b2a"],
    ),
]
Watts = Annotated[int, Meta(ge=1, le=2**31 - 1, description="The most it can deliver, in W.", examples=[22_000])]


class NewStation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station that may connect from now on."""

    id: Identity
    site: SiteName | None = None
    name: Text | None = None
    password: Password | None = None
    security_profile: SecurityProfile = 1
    registration: Annotated[
        Registration, Meta(description="What the station is told when it boots.", examples=["accepted"])
    ] = Registration.ACCEPTED
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    max_power_w: Watts | None = None


class StationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a station; what is absent stays as it is."""

    id: Identity | UnsetType = UNSET
    site: SiteName | UnsetType | None = UNSET
    name: Text | UnsetType | None = UNSET
    password: Password | UnsetType = UNSET
    security_profile: SecurityProfile | UnsetType = UNSET
    registration: Registration | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    max_power_w: Watts | UnsetType | None = UNSET


class Connector(Struct, frozen=True, kw_only=True):
    """What a connector last said of itself. Evse 0 is the station as a whole."""

    evse: int
    connector: int
    state: Annotated[
        str,
        Meta(
            description="Its own word. `Unknown`, since 1970, where it said none and a session tells of it.",
            examples=["Available", "Charging", "Faulted"],
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


class UnsupportedAction(Struct, frozen=True, kw_only=True):
    """A call that the station said it doesn't have. It may still be sent by the expert door."""

    action: Annotated[str, Meta(examples=["UnlockConnector"])]
    said: Annotated[str, Meta(description="The code or the status of its answer.", examples=["NotImplemented"])]
    since: datetime


class Station(Struct, frozen=True, kw_only=True):
    """A station: what was registered, what it said of itself, and whether it is there."""

    id: str
    name: str | None
    site: Annotated[str | None, Meta(description="The slug of its site.")]
    security_profile: int
    registration: Registration
    has_password: bool
    latitude: float | None
    longitude: float | None
    max_power_w: int | None
    created_at: datetime
    retired_at: Annotated[datetime | None, Meta(description="Out of service since then, and refused when it connects.")]
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    booted_at: datetime | None
    connected: bool
    state: Annotated[
        str, Meta(description="One word for the whole station.", examples=["Offline", "Charging", "Restarting"])
    ]
    protocol: Annotated[str | None, Meta(description="Of its last connection.", examples=["ocpp1.6"])]
    connected_at: datetime | None
    disconnected_at: Annotated[
        datetime | None,
        Meta(description="Since when it is not connected; of a gateway that died, when its lease ended."),
    ]
    last_seen_at: datetime | None
    connectors: list[Connector]
    unsupported_actions: Annotated[
        list[UnsupportedAction],
        Meta(description="Learnt from its answers; forgotten when it boots with another firmware."),
    ]
    password: Annotated[
        str | UnsetType, Meta(description="Only when one was just made for it; it is not kept and not shown again.")
    ] = UNSET


@post(
    "/stations",
    opt={
        "verb": Verb.CHANGE_STATIONS,
        "etag": True,
        "problems": [StationExists, SiteRefused, SiteNeeded, PositionRefused],
    },
    summary="Register a station",
    description=(
        "It can connect as soon as the answer is there. With security profile 1 or 2 and no password, one is made and"
        " returned this once."
    ),
    tags=["stations"],
)
async def create_station(
    data: JSONBody[NewStation],
    actor: Asker,
    db: Database,
    secret_key: SecretKey,
    refresher: StationRefresher,
) -> Response[Station]:
    apart = ("id", "site", "password")
    values = {name: getattr(data, name) for name in data.__struct_fields__ if name not in apart}
    values["registration"] = data.registration.value
    async with db.tenant(actor.tenant_id) as conn:
        row, made = await service.create_station(
            conn, actor, secret_key, identity=data.id, site=data.site, password=data.password, values=values
        )
    await refresher()
    return tagged(shown(row, made=made), service.station_tag(row))


@patch(
    "/stations/{station:str}",
    opt={
        "verb": Verb.CHANGE_STATIONS,
        "etag": True,
        "problems": [
            StationUnknown,
            StationRetired,
            ChangedMeanwhile,
            IdentityFixed,
            SiteRefused,
            SiteNeeded,
            PositionRefused,
        ],
    },
    summary="Change a station",
    description=(
        "A station whose profile or password changed is disconnected and may come back with the new one. When the"
        " profile now needs a password and there is none, one is made and returned this once."
    ),
    tags=["stations"],
)
async def change_station(
    station: IdentityInPath,
    data: JSONBody[StationChange],
    actor: Asker,
    db: Database,
    secret_key: SecretKey,
    refresher: StationRefresher,
    if_match: IfMatch = None,
) -> Response[Station]:
    if data.id is not UNSET and data.id != station:
        raise IdentityFixed
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if name != "id" and (value := getattr(data, name)) is not UNSET
    }
    if isinstance(data.registration, Registration):
        changes["registration"] = data.registration.value
    async with db.tenant(actor.tenant_id) as conn:
        row, made = await service.change_station(conn, actor, secret_key, station, changes, if_match)
        said = await _said(conn, actor.tenant_id, [row])
    await refresher()
    return tagged(shown(row, *said, made=made), service.station_tag(row))


@delete(
    "/stations/{station:str}",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [StationUnknown]},
    status_code=200,
    summary="Retire a station",
    description=(
        "It is disconnected and refused from then on, and its id may be registered anew, by any organisation. Nothing"
        " of what it did is lost: its sessions and messages can be read as before. Twice is as good as once."
    ),
    tags=["stations"],
)
async def retire_station(station: IdentityInPath, actor: Asker, db: Database, refresher: StationRefresher) -> Station:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.retire_station(conn, actor, station)
        said = await _said(conn, actor.tenant_id, [row])
    await refresher()
    return shown(row, *said)


@get(
    "/stations",
    opt={"problems": [CursorRefused]},
    summary="List stations",
    tags=["stations"],
)
async def list_stations(
    actor: Asker,
    db: Database,
    site: AtSite = None,
    word: Annotated[
        str | None,
        QueryParameter(name="state", pattern=STATE_PATTERN, description="Only those in this state as a whole."),
    ] = None,
    registration: Annotated[
        Registration | None, QueryParameter(description="Only those that are told this when they boot.")
    ] = None,
    connected: Annotated[
        bool | None, QueryParameter(description="Only those that are connected, or that are not.")
    ] = None,
    search: Search = None,
    retired: Annotated[bool, QueryParameter(description="Those taken out of service as well.")] = False,
    sort: Annotated[
        Order, QueryParameter(description="In the order of registration, or by name (by id where there is none).")
    ] = "registered",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Station]:
    place = CURSORS[sort].decode(cursor)
    wanted = StationFilter(
        site=site,
        state=word,
        registration=None if registration is None else registration.value,
        connected=connected,
        search=search,
        retired=retired,
    )
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_stations(
            conn,
            actor.tenant_id,
            wanted,
            by_name=sort == "name",
            after=None if place is None else place[0],
            limit=limit + 1,
        )
        said = await _said(conn, actor.tenant_id, rows)
    return CURSORS[sort].page(rows, limit, lambda row: (row.station_id,), lambda row: shown(row, *said))


@get(
    "/stations/{station:str}",
    opt={"etag": True, "problems": [StationUnknown]},
    summary="Show a station",
    description="The one in service; where there is none, the one of this id that was retired last.",
    tags=["stations"],
)
async def find_station(station: IdentityInPath, actor: Asker, db: Database) -> Response[Station]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_station(conn, actor.tenant_id, station)
        said = await _said(conn, actor.tenant_id, [row])
    return tagged(shown(row, *said), service.station_tag(row))


async def _said(
    conn: store.Connection, tenant_id: int, rows: Sequence[StationRow]
) -> tuple[list[ConnectorRow], list[UnsupportedRow]]:
    """What these stations said of themselves."""
    numbers = [row.station_id for row in rows]
    connectors = await store.list_connectors(conn, tenant_id, numbers)
    return connectors, await store.list_unsupported(conn, tenant_id, numbers)


async def describe_station(conn: store.Connection, tenant_id: int, subject: str) -> Station | None:
    """What `GET /stations/{id}` shows, for those who hear of a station elsewhere by its number; None if it is gone."""
    identity = await store.find_identity(conn, tenant_id, int(subject))
    row = None if identity is None else await store.find_station(conn, tenant_id, identity)
    return None if row is None else shown(row, *await _said(conn, tenant_id, [row]))


def shown(
    row: StationRow,
    connectors_of_all: Sequence[ConnectorRow] = (),
    unsupported_of_all: Sequence[UnsupportedRow] = (),
    *,
    made: str | None = None,
) -> Station:
    """A station with what is its own of what several said; `made` is the password that was just made for it."""
    connectors = [each for each in connectors_of_all if each.station_id == row.station_id]
    unsupported = [each for each in unsupported_of_all if each.station_id == row.station_id]
    same = set(row.__struct_fields__) & set(Station.__struct_fields__)
    values = {name: getattr(row, name) for name in same}
    speaking = [each.shown_state for each in connectors if each.connector > 0]
    own = next((each.state for each in connectors if (each.evse, each.connector) == (0, 0)), None)
    return Station(
        **{
            **values,
            "id": row.identity,
            "registration": Registration(row.registration),
            "state": station_state(row.connected, speaking, own=own, restarting=row.restarting),
            "connectors": [
                Connector(**{name: getattr(each, name) for name in Connector.__struct_fields__}) for each in connectors
            ],
            "unsupported_actions": [
                UnsupportedAction(action=each.action, said=each.said, since=each.since) for each in unsupported
            ],
            "password": UNSET if made is None else made,
        }
    )
