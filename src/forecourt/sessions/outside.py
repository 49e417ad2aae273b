"""Tokens that an outside service decides on: what this room asks of whoever knows that service, and what it does with
a decision that comes after a session has started.

The answer to a start waits for its commit and for nothing else, so it is given by what is known or by the fallback. The
outside decision is asked for afterwards, and a session that it refuses is stopped.
"""

from typing import Any, Final, Protocol

import structlog

from forecourt.access.model import Service
from forecourt.ocpp.neutral import AuthorizationStatus, Token, TokenStatus
from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.remote.service import ask_to_stop
from forecourt.stations.commands import Commander, StationUnknown

log = structlog.get_logger(__name__)

#: Types of tokens that no service decides on: nobody is asked for one, or it has paid already.
_UNASKED: Final = frozenset({"NoAuthorization", "DirectPayment"})


def asker(tenant_id: int) -> Service:
    """Who asks a station to stop for the outside service: named as where it is set up."""
    return Service(tenant_id=tenant_id, id="authorization-hook", name="Outside authorisation")


class Authorizer(Protocol):
    """Asks the outside service of an organisation; wired in app."""

    async def decide(self, tenant_id: int, hook: Any, token: Token, station: str, /) -> TokenStatus | None:
        """The decision; None where none came within the deadline. `hook` is as the lane answered. Never raises."""
        ...


class Decides(Protocol):
    """As `Authorizer`, from what is known now; wired in app."""

    async def decide_known(self, tenant_id: int, token: Token, station: str, /) -> AuthorizationStatus | None:
        """The decision that is known or comes within the deadline; None where the organisation decides by itself, or no
        decision comes."""
        ...


class OutsideJobs:
    """What follows a start. Idempotent: asked again it asks the station again, if the session still runs."""

    def __init__(self, tenants: Pool, decides: Decides, commander: Commander) -> None:
        self._tenants = tenants
        self._decides = decides
        self._commander = commander

    async def check_session(self, *, tenant_id: int, subject: str) -> None:
        """Stops a session whose token the outside service refuses. Raises as `Commander.command`: tried again then."""
        async with self._tenants.tenant(tenant_id) as conn:
            session = await store.find_started(conn, tenant_id, subject)
        if session is None or session.token_uid is None or session.token_type in _UNASKED:
            return
        token = Token(uid=session.token_uid, type=session.token_type or Token(uid="").type)
        status = await self._decides.decide_known(tenant_id, token, session.station)
        if status is None or status is AuthorizationStatus.ACCEPTED:
            return
        try:
            answer, _ = await ask_to_stop(self._commander, asker(tenant_id), session)
        except StationUnknown:
            return
        log.info(
            "a session was refused outside", tenant_id=tenant_id, session=subject, status=status, obeyed=answer.accepted
        )
