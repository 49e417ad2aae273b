"""Remote start and stop: asked by a person or a key, carried by a command, obeyed or not by the station."""

from uuid import UUID

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.drivers import service as drivers
from forecourt.drivers.model import TokenUnknown
from forecourt.ocpp.faults import CallFault
from forecourt.ocpp.neutral import Command, StartCharging, StopCharging, Token
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.sessions import store
from forecourt.stations import service as stations
from forecourt.stations.commands import CallInvalid, Commander


class SessionUnknown(ForecourtError):
    """There is no session with this id. `GET /api/v1/sessions` lists those that exist."""

    status = 404
    code = "session-unknown"


class SessionEnded(ForecourtError):
    """The session has ended already. Nothing was sent."""

    status = 409
    code = "session-ended"


class Obeyed(Struct, frozen=True, kw_only=True):
    """What the station said to a start or a stop; it may still take a while, or never come to it."""

    accepted: bool
    status: str
    command_id: str
    transaction_id: str | None


async def remote_start(
    db: Pool, commander: Commander, actor: Actor, identity: str, *, token_uid: str, evse: int | None
) -> Obeyed:
    """Asks a station to start for a token; a token that is not registered is sent as an RFID card.

    Raises StationUnknown, CallInvalid for what the station's version can't express, and as `Commander.call`.
    """
    async with db.tenant(actor.tenant_id) as conn:
        await stations.find_station_id(conn, actor.tenant_id, identity)
        try:
            known = await drivers.find_token(conn, actor.tenant_id, token_uid)
            token = Token(uid=known.uid, type=known.type)
        except TokenUnknown:
            token = Token(uid=token_uid)
        remote_start_id = await store.next_remote_start_id(conn)
        await audit(conn, actor, "start charging", f"station:{identity}", {"token": token.uid, "evse": evse})
    command = StartCharging(token=token, remote_start_id=remote_start_id, evse=evse)
    return await _ask(commander, actor, identity, command)


async def remote_stop(db: Pool, commander: Commander, actor: Actor, session_id: UUID) -> Obeyed:
    """Asks the station to stop a session. Raises SessionUnknown, SessionEnded, and as `Commander.call`."""
    async with db.tenant(actor.tenant_id) as conn:
        session = await store.find_session(conn, actor.tenant_id, session_id)
        if session is None:
            raise SessionUnknown
        if session.ended_at is not None:
            raise SessionEnded
        await audit(conn, actor, "stop charging", f"session:{session_id}", {"station": session.station})
    return await _ask(commander, actor, session.station, StopCharging(transaction_id=session.transaction_id))


async def _ask(commander: Commander, actor: Actor, identity: str, command: Command) -> Obeyed:
    try:
        answer, command_id = await commander.command(actor.tenant_id, identity, command, str(actor))
    except CallFault as fault:
        raise CallInvalid(fault.description, error_code=fault.code, **fault.details) from None
    return Obeyed(
        accepted=answer.accepted,
        status=answer.status,
        command_id=command_id,
        transaction_id=answer.transaction_id,
    )
