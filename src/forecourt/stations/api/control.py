"""Routes by which a station is asked to unlock a connector or to restart."""

from typing import Annotated

from litestar import post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.ocpp.neutral import ResetType
from forecourt.stations import control
from forecourt.stations.api.fields import IdentityInPath, StationCommander
from forecourt.stations.commands import COMMAND_PROBLEMS
from forecourt.stations.control import BeingAsked, Obeyed


class Unlock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plug to release."""

    evse: Annotated[int, Meta(ge=1, le=2**31 - 1, description="OCPP 1.6: the connector.")]
    connector: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Of the EVSE; OCPP 2.x only.")] = 1


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be in service or out of it."""

    operative: Annotated[bool, Meta(description="False: out of service.", examples=[False])]
    evse: Annotated[
        Annotated[int, Meta(ge=1, le=2**31 - 1)] | None,
        Meta(description="OCPP 1.6: the connector. Null: the whole station.", examples=[1]),
    ] = None


class Trigger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that a station shall send now."""

    message: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            pattern="^[A-Za-z0-9]+$",
            description="As TriggerMessage of the station's version names it.",
            examples=["StatusNotification"],
        ),
    ]
    evse: Annotated[
        Annotated[int, Meta(ge=1, le=2**31 - 1)] | None,
        Meta(description="OCPP 1.6: the connector. Taken where the message is about one.", examples=[1]),
    ] = None
    connector: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Of the EVSE; OCPP 2.x only.")] = 1


class Restart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to restart."""

    type: Annotated[
        ResetType,
        Meta(
            description=(
                "`soft` ends what runs in good order: OCPP 1.6 Soft, which stops sessions, and 2.x OnIdle, which waits"
                " until nobody charges. `hard` restarts at once: 1.6 Hard, 2.x Immediate."
            ),
            examples=["soft"],
        ),
    ]


@post(
    "/stations/{station:str}/unlock",
    opt={"verb": Verb.CONTROL, "problems": COMMAND_PROBLEMS},
    status_code=200,
    summary="Ask a station to unlock a connector",
    description="A session that runs there ends, by the station's own word.",
    tags=["stations"],
)
async def unlock_connector(
    station: IdentityInPath,
    data: JSONBody[Unlock],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Obeyed:
    return await control.unlock(db, commander, actor, station, evse=data.evse, connector=data.connector)


@post(
    "/stations/{station:str}/reset",
    opt={"verb": Verb.RESET, "problems": COMMAND_PROBLEMS},
    status_code=200,
    summary="Ask a station to restart",
    description=(
        "Once it has agreed it is shown as Restarting, until it is back or has been away for too long. `Scheduled`"
        " (OCPP 2.x) is agreed as well: it restarts when nobody charges any more."
    ),
    tags=["stations"],
)
async def reset_station(
    station: IdentityInPath,
    data: JSONBody[Restart],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Obeyed:
    return await control.reset(db, commander, actor, station, data.type)


@post(
    "/stations/{station:str}/availability",
    opt={"verb": Verb.CALL, "problems": [*COMMAND_PROBLEMS, BeingAsked]},
    status_code=200,
    summary="Ask a station to go out of service, or into it",
    description=(
        "The whole of it or one EVSE. `Scheduled` is agreed as well: it comes when the session there is over. What was"
        " asked stays wanted, also where it could not be asked now: see `GET /api/v1/stations/{station}/desired`."
    ),
    tags=["stations"],
)
async def change_availability(
    station: IdentityInPath,
    data: JSONBody[Service],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Obeyed:
    return await control.change_availability(db, commander, actor, station, operative=data.operative, evse=data.evse)


@post(
    "/stations/{station:str}/trigger",
    opt={"verb": Verb.CALL, "problems": COMMAND_PROBLEMS},
    status_code=200,
    summary="Ask a station to send a message now",
    description="What it then sends is in its message log, and counts as if it had come by itself.",
    tags=["stations"],
)
async def trigger_message(
    station: IdentityInPath,
    data: JSONBody[Trigger],
    actor: Asker,
    db: Database,
    commander: StationCommander,
) -> Obeyed:
    return await control.trigger(db, commander, actor, station, data.message, evse=data.evse, connector=data.connector)
