"""Unlock, reset, availability and any other call: asked by a person or a key, obeyed or not by the station."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.access import Actor
from forecourt.ocpp.neutral import ClearChargingProfile, Reset, ResetType, UnlockConnector, Version
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import asks, service
from forecourt.stations.audited import Audited
from forecourt.stations.commands import Answered, Commander, Refused, StationOffline
from forecourt.stations.desired.bring import Bringer, Brought
from forecourt.stations.desired.kinds import availability
from forecourt.stations.gateway.journal import redact

_WANTED: Final = "The station is not connected. What was asked of it stays wanted: it is asked as soon as it is back."
#: By what a station agrees (1.6 and 2.x); Scheduled is agreed too, it comes when nobody charges.
_AGREED: Final = frozenset({"Accepted", "Scheduled", "Unlocked"})


class BeingAsked(ForecourtError):
    """The station is being asked for this at the moment. What is wanted now follows as soon as it has answered."""

    status = 409
    code = "being-asked"


class Obeyed(Struct, frozen=True, kw_only=True):
    """Whether the station agreed, in its own word; it may still take a while, or never come to it."""

    accepted: bool
    status: str
    command_id: str


async def unlock(db: Pool, commander: Commander, actor: Actor, identity: str, *, evse: int, connector: int) -> Obeyed:
    """Ask a station to release a plug (1.6 5.18, 2.0.1 F05). A session there ends by the station's own word.

    Raises StationUnknown, StationRetired, and as `Commander.command`.
    """
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
    audited = _audited(actor, "unlock connector", identity, {"evse": evse, "connector": connector})
    command = UnlockConnector(evse=evse, connector=connector)
    answer, command_id = await commander.command(actor.tenant_id, identity, command, str(actor), audited=audited)
    return Obeyed(accepted=answer.accepted, status=answer.status, command_id=command_id)


async def reset(db: Pool, commander: Commander, actor: Actor, identity: str, kind: ResetType) -> Obeyed:
    """Ask a station to restart (1.6 5.14, 2.0.1 B11 and B12). Its gateway shows it restarting once it has agreed.

    Raises StationUnknown, StationRetired, and as `Commander.command`.
    """
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
    audited = _audited(actor, "reset station", identity, {"type": kind.value})
    command = Reset(kind=kind)
    answer, command_id = await commander.command(actor.tenant_id, identity, command, str(actor), audited=audited)
    return Obeyed(accepted=answer.accepted, status=answer.status, command_id=command_id)


async def clear_profile(db: Pool, commander: Commander, actor: Actor, identity: str, profile_id: int) -> Obeyed:
    """Ask a station to forget a charging profile (1.6 5.5, 2.0.1 K10); that there is none is a yes. Raises as
    `unlock`."""
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
    audited = _audited(actor, "clear charging profile", identity, {"profile": profile_id})
    command = ClearChargingProfile(profile_id=profile_id)
    answer, command_id = await commander.command(actor.tenant_id, identity, command, str(actor), audited=audited)
    return Obeyed(accepted=answer.accepted, status=answer.status, command_id=command_id)


async def trigger(
    db: Pool, commander: Commander, actor: Actor, identity: str, message: str, *, evse: int | None, connector: int
) -> Obeyed:
    """Ask a station to send a message now (1.6 5.17, 2.0.1 F06). Raises as `call`, and StationOffline for one
    that never connected."""
    version = await _version(db, actor, identity)
    return obeyed(await call(db, commander, actor, identity, *asks.trigger(version, message, evse, connector)))


async def change_availability(
    db: Pool, commander: Commander, actor: Actor, identity: str, *, operative: bool, evse: int | None
) -> Obeyed:
    """Want an EVSE of a station, or all of it, in service or out of it, and ask for it now (1.6 5.2, 2.0.1 G03, G04).

    What is wanted stays wanted: a station that is not connected is asked when it is back, and after each boot. Raises
    StationUnknown, StationRetired, BeingAsked, and as `Commander.command`; all but the first two leave it wanted.
    """
    brought = await want_availability(db, commander, actor, identity, operative=operative, evse=evse or 0)
    if isinstance(brought.answer, StationOffline):
        raise StationOffline(_WANTED, wanted=True)
    if isinstance(brought.answer, ForecourtError):
        raise brought.answer
    if brought.answer is None or brought.command_id is None:
        raise BeingAsked
    return Obeyed(accepted=brought.answer.accepted, status=brought.answer.status, command_id=brought.command_id)


async def want_availability(
    db: Pool,
    commander: Commander,
    actor: Actor,
    identity: str,
    *,
    operative: bool,
    evse: int = 0,
    connector: int | None = None,
) -> Brought:
    """The same without a complaint where it can't be asked now. Raises StationUnknown and StationRetired."""
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
    want = availability(identity, operative=operative, evse=evse, connector=connector)
    audited = _audited(actor, "change availability", identity, {"of": want.key, "operative": operative})
    bringer = Bringer(db, commander.batch)
    return await bringer.bring_one(actor.tenant_id, want, str(actor), again=True, audited=audited)


def obeyed(outcome: Answered | Refused) -> Obeyed:
    """What a call came to that is answered by a status."""
    if isinstance(outcome, Refused):
        return Obeyed(accepted=False, status=outcome.code, command_id=outcome.command_id)
    said = str(outcome.result.get("status", "")) if isinstance(outcome.result, dict) else ""
    return Obeyed(accepted=said in _AGREED, status=said, command_id=outcome.command_id)


async def _version(db: Pool, actor: Actor, identity: str) -> Version:
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
        station = await service.find_station(conn, actor.tenant_id, identity)
    if station.protocol is None:
        raise StationOffline
    return Version(station.protocol)


async def call(
    db: Pool, commander: Commander, actor: Actor, identity: str, action: str, payload: bytes
) -> Answered | Refused:
    """The expert door: any call of the station's version, its payload checked against the schema.

    Raises StationUnknown, StationRetired, CallInvalid, and as `Commander.call`.
    """
    async with db.tenant(actor.tenant_id) as conn:
        await service.check_in_service(conn, actor.tenant_id, identity)
    kept = msgspec.json.decode(redact(action, payload))
    audited = _audited(actor, "call station", identity, {"action": action, "payload": kept})
    return await commander.call(actor.tenant_id, identity, action, payload, str(actor), audited=audited)


def _audited(actor: Actor, action: str, identity: str, detail: Mapping[str, Any]) -> Audited:
    return Audited(actor=actor, action=action, subject=f"station:{identity}", detail=detail)
