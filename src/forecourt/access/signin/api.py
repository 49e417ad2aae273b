"""Routes of a person who asks: where they are signed in, and what they sign in with."""

from datetime import datetime
from typing import Annotated

from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Meta, Struct

from forecourt.access.guard import Asker
from forecourt.access.model import Actor, PeopleOnly, ProofTooOld
from forecourt.access.signin.device import device
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import BySomebodyElse, PasskeyUnknown, SessionUnknown
from forecourt.platform.paging import Page, entire

#: What routes ask for: the verbs of signing in.
WaysIn = NamedDependency[Doors]


class OwnSession(Struct, frozen=True, kw_only=True):
    """A browser in which a person is signed in."""

    id: int
    current: Annotated[bool, Meta(description="The one that asks.")]
    organisation: str
    device: Annotated[str, Meta(description="As the browser says of itself.", examples=["Firefox on Windows"])]
    address: str
    signed_in_by: Annotated[str, Meta(examples=["password and authenticator"])]
    second_factor: bool
    created_at: datetime
    last_seen_at: Annotated[datetime, Meta(description="To the minute.")]
    expires_at: datetime


class SessionsEnded(Struct, frozen=True, kw_only=True):
    """How many sessions ended."""

    ended: int


class OwnPasskey(Struct, frozen=True, kw_only=True):
    """A passkey of a person."""

    id: int
    name: str
    synced: Annotated[bool, Meta(description="Kept by a password manager on several devices.")]
    created_at: datetime
    last_used_at: datetime | None


class OwnFactors(Struct, frozen=True, kw_only=True):
    """What a person signs in with besides a password."""

    authenticator: bool
    recovery_codes_left: int
    passkeys: list[OwnPasskey]


@get("/me/sessions", opt={"own": True, "problems": [PeopleOnly]}, summary="List one's own sessions", tags=["me"])
async def list_own_sessions(actor: Asker, doors: WaysIn) -> Page[OwnSession]:
    rows = await doors.sessions.list(actor)
    return entire(
        [
            OwnSession(
                id=row.session_id,
                current=actor.session is not None and row.session_id == actor.session.id,
                organisation=row.organisation,
                device=device(row.user_agent),
                address=row.address,
                signed_in_by=row.how,
                second_factor=row.second_factor,
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                expires_at=row.expires_at,
            )
            for row in rows
        ]
    )


@delete(
    "/me/sessions",
    opt={"own": True, "problems": [PeopleOnly]},
    status_code=200,
    summary="End all of one's own sessions but this one",
    tags=["me"],
)
async def end_own_sessions(actor: Asker, doors: WaysIn) -> SessionsEnded:
    return SessionsEnded(ended=await doors.sessions.end_others(actor))


@delete(
    "/me/sessions/{own_session_id:int}",
    opt={"own": True, "problems": [PeopleOnly, SessionUnknown]},
    status_code=200,
    summary="End one of one's own sessions",
    tags=["me"],
)
async def end_own_session(
    own_session_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The session's id.")],
    actor: Asker,
    doors: WaysIn,
) -> SessionsEnded:
    await doors.sessions.end(actor, own_session_id)
    return SessionsEnded(ended=1)


@get("/me/factors", opt={"own": True, "problems": [PeopleOnly]}, summary="Tell what one signs in with", tags=["me"])
async def get_own_factors(actor: Asker, doors: WaysIn) -> OwnFactors:
    return await _factors(actor, doors)


@delete(
    "/me/passkeys/{passkey_id:int}",
    opt={"own": True, "problems": [PeopleOnly, PasskeyUnknown, ProofTooOld, BySomebodyElse]},
    status_code=200,
    summary="Remove one of one's own passkeys",
    tags=["me"],
)
async def remove_own_passkey(
    passkey_id: Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The passkey's id.")],
    actor: Asker,
    doors: WaysIn,
) -> OwnFactors:
    await doors.passkeys.remove(actor, passkey_id)
    return await _factors(actor, doors)


async def _factors(actor: Actor, doors: Doors) -> OwnFactors:
    """What a person has; of who was signed in by a provider, nothing is told but that."""
    if actor.session is None or actor.session.by_provider:
        return OwnFactors(authenticator=False, recovery_codes_left=0, passkeys=[])
    counts = await doors.factors.counts(actor)
    passkeys = [
        OwnPasskey(
            id=row.passkey_id,
            name=row.name,
            synced=row.synced,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
        )
        for row in await doors.passkeys.list(actor)
    ]
    return OwnFactors(
        authenticator=counts.authenticators > 0, recovery_codes_left=counts.recovery_codes, passkeys=passkeys
    )


own_routes = [list_own_sessions, end_own_sessions, end_own_session, get_own_factors, remove_own_passkey]
