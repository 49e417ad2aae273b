"""Routes of plugs: what the EVSEs of a station give, as somebody said and as the station says."""

from typing import Annotated

from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.clock import Clock
from forecourt.stations import plugs
from forecourt.stations.api.fields import IdentityInPath
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.errors import StationRetired
from forecourt.stations.plugs import MAX_PLUGS, Plug, PlugsRefused


class PlugsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All plugs of a station; those that are left out it hasn't."""

    plugs: Annotated[list[Plug], Meta(max_length=MAX_PLUGS)]


class PlugsShown(Struct, frozen=True, kw_only=True):
    """The plugs that count, and those the station tells of in its variables, which count for nothing by themselves."""

    plugs: list[Plug]
    told_by_station: Annotated[list[Plug], Meta(examples=[[]])]


@get(
    "/stations/{station:str}/plugs",
    opt={"problems": [StationUnknown]},
    summary="List the plugs of a station",
    description="Tariffs are assigned by them, holds sized, and drivers shown what they can use.",
    tags=["stations"],
)
async def list_plugs(station: IdentityInPath, actor: Asker, db: Database) -> PlugsShown:
    async with db.tenant(actor.tenant_id) as conn:
        found = await plugs.list_plugs(conn, actor.tenant_id, station)
        return PlugsShown(plugs=found, told_by_station=await plugs.told_plugs(conn, actor.tenant_id, station))


@put(
    "/stations/{station:str}/plugs",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [StationUnknown, StationRetired, PlugsRefused]},
    summary="Say what plugs a station has",
    description="All of them: those that are left out it hasn't any more.",
    tags=["stations"],
)
async def put_plugs(
    station: IdentityInPath,
    data: JSONBody[PlugsWanted],
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
) -> PlugsShown:
    async with db.tenant(actor.tenant_id) as conn:
        found = await plugs.put_plugs(conn, actor, station, data.plugs, clock.now())
        return PlugsShown(plugs=found, told_by_station=await plugs.told_plugs(conn, actor.tenant_id, station))
