"""The verbs of remote start and stop: asked by a person or a key, carried by a command, obeyed or not."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.model import Service
from forecourt.drivers import service as drivers
from forecourt.drivers.model import TokenState, TokenUnknown, standing
from forecourt.ocpp.neutral import CommandAnswer, StartCharging, StopCharging, Token
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.sessions import store as sessions
from forecourt.sessions.remote import store
from forecourt.sessions.remote.events import FAILED, LINKED
from forecourt.sessions.remote.model import START_LIMIT, Settlement, Status, of_answer, of_failure
from forecourt.sessions.store.records import SessionRow, Started
from forecourt.stations import service as stations
from forecourt.stations.audited import Audited
from forecourt.stations.commands import Commander
from forecourt.stations.control import Obeyed


class SessionUnknown(ForecourtError):
    """There is no session with this id. `GET /api/v1/sessions` lists those that exist."""

    status = 404
    code = "session-unknown"


class SessionEnded(ForecourtError):
    """The session has ended already. Nothing was sent."""

    status = 409
    code = "session-ended"


class TokenRefused(ForecourtError):
    """This token may not charge, so nothing was sent. Set its status to `accepted`, or start with another token."""

    status = 409
    code = "token-refused"
    unsent = True


class TokenUnregistered(ForecourtError):
    """This token is not registered, and the session that it starts would be refused. Register it by `POST
    /api/v1/tokens` first, or say `"unregistered": true` to have the station asked all the same."""

    status = 409
    code = "token-unregistered"
    unsent = True


class StartAnswered(Struct, frozen=True, kw_only=True):
    """What the station said to a remote start. `remote_start` is its id, under which its session will be known."""

    remote_start: UUID
    accepted: bool
    status: str
    command_id: str
    transaction_id: str | None


async def remote_start(
    db: Pool, commander: Commander, clock: Clock, actor: Actor | Service, identity: str, *, token_uid: str,
    evse: int | None, unregistered: bool = False,
) -> StartAnswered:  # fmt: skip
    """Asks a station to start for a token. One that is not registered is sent, as an RFID card, only if `unregistered`.

    The request is kept whatever comes of it; a failure names it as `remote_start`. Not kept is what asks for too much:
    raises StationUnknown, StationRetired, TokenRefused, TokenUnregistered, and as `Commander.command`.
    """
    request = await _request(db, clock, actor, identity, token_uid, evse, unregistered)
    try:
        answer, command_id = await commander.command(
            actor.tenant_id, identity, request.command, str(actor), audited=request.audited
        )
    except ForecourtError as fault:
        fault.context["remote_start"] = str(request.id)
        await _settle(db, clock, request, of_failure(fault, clock.now()), fault.context.get("command_id"))
        raise
    await _settle(db, clock, request, of_answer(answer, clock.now()), command_id)
    return StartAnswered(
        remote_start=request.id,
        accepted=answer.accepted,
        status=answer.status,
        command_id=command_id,
        transaction_id=answer.transaction_id,
    )


class _Request(Struct, frozen=True, kw_only=True):
    """A remote start that is kept and not sent yet."""

    id: UUID
    tenant_id: int
    station_id: int
    command: StartCharging
    audited: Audited


async def _request(
    db: Pool, clock: Clock, actor: Actor | Service, identity: str, token_uid: str, evse: int | None, unregistered: bool
) -> _Request:
    tenant_id, now = actor.tenant_id, clock.now()
    async with db.tenant(tenant_id) as conn:
        await stations.check_in_service(conn, tenant_id, identity)
        station_id = await stations.find_station_id(conn, tenant_id, identity)
        token = await _token(conn, tenant_id, token_uid, unregistered, now)
        request_id, remote_start_id = await store.insert(
            conn,
            tenant_id,
            station_id=station_id,
            token_uid=token.uid,
            evse=evse,
            asked_by=str(actor),
            asked_at=now,
            expires_at=now + START_LIMIT,
        )
    command = StartCharging(token=token, remote_start_id=remote_start_id, evse=evse)
    audited = Audited(
        actor=actor,
        action="start charging",
        subject=f"station:{identity}",
        detail={"token": token.uid, "evse": evse, "remote_start": str(request_id)},
    )
    return _Request(id=request_id, tenant_id=tenant_id, station_id=station_id, command=command, audited=audited)


async def _token(conn: store.Connection, tenant_id: int, uid: str, unregistered: bool, now: datetime) -> Token:
    """The token to start with, as it is registered. Raises TokenRefused, TokenUnregistered."""
    try:
        known = await drivers.find_token(conn, tenant_id, uid)
    except TokenUnknown:
        if unregistered:
            return Token(uid=uid)
        raise TokenUnregistered from None
    worth = standing(known, now)
    if worth is not TokenState.ACCEPTED:
        word = worth.value.replace("_", " ")
        raise TokenRefused(
            f"This token is {word}, so nothing was sent. Set its status to `accepted`, or start with another token.",
            token_status=worth.value,
        )
    return Token(uid=known.uid, type=known.type)


async def _settle(db: Pool, clock: Clock, request: _Request, settlement: Settlement, command_id: str | None) -> None:
    """Keep what the answer made of a request; its session may have been quicker."""
    tenant_id, now = request.tenant_id, clock.now()
    async with db.tenant(tenant_id) as conn:
        await store.hold(conn, request.station_id)
        status = await store.settle(conn, tenant_id, request.id, settlement, command_id, now)
        linked = await link(conn, tenant_id, request.id, now)
        if linked is None and status in (Status.REJECTED, Status.FAILED):
            await store.announce(conn, tenant_id, FAILED, request.id)


async def link(conn: store.Connection, tenant_id: int, request_id: UUID, now: datetime) -> UUID | None:
    """Link a start to the session that came of it, if there is one; that session. The caller holds the station."""
    session_id = await store.find_match(conn, tenant_id, request_id)
    if session_id is not None:
        await store.link(conn, tenant_id, request_id, session_id, now)
        await store.announce(conn, tenant_id, LINKED, request_id)
    return session_id


async def ask_to_stop(
    commander: Commander, actor: Actor | Service, session: SessionRow | Started
) -> tuple[CommandAnswer, str]:
    """Asks the station to stop a session, whoever decided it; as `Commander.command`."""
    audited = Audited(
        actor=actor,
        action="stop charging",
        subject=f"session:{session.session_id}",
        detail={"station": session.station},
    )
    command = StopCharging(transaction_id=session.transaction_id)
    return await commander.command(actor.tenant_id, session.station, command, str(actor), audited=audited)


async def remote_stop(db: Pool, commander: Commander, actor: Actor, session_id: UUID) -> Obeyed:
    """Asks the station to stop a session. Raises SessionUnknown, SessionEnded, and as `Commander.command`."""
    async with db.tenant(actor.tenant_id) as conn:
        session = await sessions.find_session(conn, actor.tenant_id, session_id)
        if session is None:
            raise SessionUnknown
        if session.ended_at is not None:
            raise SessionEnded
    answer, command_id = await ask_to_stop(commander, actor, session)
    return Obeyed(accepted=answer.accepted, status=answer.status, command_id=command_id)
