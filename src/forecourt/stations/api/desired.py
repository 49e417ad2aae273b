"""Routes of what a station is wanted to be, and how far it is."""

from datetime import datetime
from typing import Annotated, Any

from litestar import delete, get, put
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb, audit
from forecourt.access.guard import Asker, Database
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import Page, entire
from forecourt.stations import control
from forecourt.stations import service as registry
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import StationUnknown
from forecourt.stations.desired import service
from forecourt.stations.desired.kinds import AVAILABILITY, availability
from forecourt.stations.desired.model import State
from forecourt.stations.desired.service import Desired
from forecourt.stations.errors import StationRetired

Evse = Annotated[int, QueryParameter(ge=0, le=2**31 - 1, description="0: the whole station.")]
Connector = Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="Of the EVSE; null: all of it.")]


class NotWanted(ForecourtError):
    """Nothing of this is wanted of the station. `GET /api/v1/stations/{station}/desired` lists what is."""

    status = 404
    code = "not-wanted"


class Operative(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be in service or out of it."""

    operative: Annotated[bool, Meta(description="False: out of service.", examples=[False])]
    evse: Annotated[int, Meta(ge=0, le=2**31 - 1, description="0: the whole station.", examples=[1])] = 0
    connector: Annotated[
        Annotated[int, Meta(ge=1, le=2**31 - 1)] | None,
        Meta(description="Of the EVSE; null: all of it.", examples=[None]),
    ] = None


class DesiredOut(Struct, frozen=True, kw_only=True):
    """What a station is wanted to be, and how far it is."""

    kind: Annotated[
        str,
        Meta(description="`availability`, `charging_profile` or `default_tariff`.", examples=["availability"]),
    ]
    key: Annotated[
        str,
        Meta(
            description=(
                "Of what: `0`, `2` or `2.1` is the station, an EVSE or a connector; `2/tx/1` is a profile by its EVSE,"
                " purpose and stack level."
            ),
            examples=["2"],
        ),
    ]
    wanted: Annotated[
        Any, Meta(description="As its kind spells it; null: nothing of it.", examples=[{"operative": False}])
    ]
    by: Annotated[str, Meta(examples=["operator:3 Ada"])]
    since: datetime
    expires_at: Annotated[datetime | None, Meta(description="It is forgotten then.", examples=[None])]
    state: Annotated[
        State,
        Meta(
            description=(
                "`pending`: to be sent, or sent again. `sent`: no answer yet. `scheduled`: agreed to, to come later."
                " `reached`: the station said yes. `refused`: it said no, several times. `unsupported`: it doesn't have"
                " it. `unreachable`: it is not connected."
            ),
            examples=["unreachable"],
        ),
    ]
    drifts: Annotated[bool, Meta(description="It is not as it is wanted, by all that is known.", examples=[True])]
    reported: Annotated[
        Any,
        Meta(
            description="What the connectors say of it, or what the station last said yes to; null: nothing.",
            examples=[{"operative": True}],
        ),
    ]
    reported_at: datetime | None
    why: Annotated[
        str | None,
        Meta(description="Why not yet: the station's own word, or a code.", examples=["station-offline"]),
    ]
    attempts: Annotated[int, Meta(description="Tries that came to nothing, since it was wanted.", examples=[1])]
    next_try_at: Annotated[datetime | None, Meta(description="Null: not before something happens.")]
    command_id: Annotated[str | None, Meta(description="The last call for it.", examples=[None])]


def _out(desired: Desired) -> DesiredOut:
    return DesiredOut(**{name: getattr(desired, name) for name in DesiredOut.__struct_fields__})


@get(
    "/stations/{station:str}/desired",
    opt={"problems": [StationUnknown]},
    summary="List what a station is wanted to be, and how far it is",
    description="What is wanted is stored, and the station brought to it: at once, when it connects, and after a boot.",
    tags=["stations"],
)
async def list_desired(station: IdentityInPath, actor: Asker, db: Database) -> Page[DesiredOut]:
    async with db.tenant(actor.tenant_id) as conn:
        await registry.find_station_id(conn, actor.tenant_id, station)
        return entire([_out(each) for each in await service.list_desired(conn, actor.tenant_id, [station])])


@put(
    "/stations/{station:str}/desired/availability",
    opt={"verb": Verb.CALL, "problems": [StationUnknown, StationRetired]},
    summary="Want a station, an EVSE or a connector in service or out of it",
    description=(
        "It is asked at once, and the answer tells how far it is then. That the station is not connected, or says no,"
        " is no error: it is asked again."
    ),
    tags=["stations"],
)
async def want_availability(
    station: IdentityInPath,
    data: JSONBody[Operative],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> DesiredOut:
    await control.want_availability(
        db, commander, actor, station, operative=data.operative, evse=data.evse, connector=data.connector
    )
    key = availability(station, operative=data.operative, evse=data.evse, connector=data.connector).key
    async with db.tenant(actor.tenant_id) as conn:
        all_of_it = await service.list_desired(conn, actor.tenant_id, [station])
    found = next((each for each in all_of_it if (each.kind, each.key) == (AVAILABILITY, key)), None)
    if found is None:
        raise StationUnknown
    return _out(found)


@delete(
    "/stations/{station:str}/desired/availability",
    opt={"verb": Verb.CALL, "problems": [StationUnknown, NotWanted]},
    summary="Want nothing any more of whether a station, an EVSE or a connector is in service",
    description="It stays as it is. To have it in service again, want that.",
    tags=["stations"],
)
async def forget_availability(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    evse: Evse = 0,
    connector: Connector = None,
) -> None:
    key = availability(station, operative=True, evse=evse, connector=connector).key
    async with db.tenant(actor.tenant_id) as conn:
        await registry.find_station_id(conn, actor.tenant_id, station)
        if not await service.forget(conn, actor.tenant_id, station, AVAILABILITY, key):
            raise NotWanted
        await audit(conn, actor, "forget availability", f"station:{station}", {"of": key})
