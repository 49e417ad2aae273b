"""What a token is."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

MAX_UID_LENGTH = 255

#: A-Z to a-z and nothing else: OCPP compares its ASCII strings without case, and PostgreSQL's `lower` in the collation
#: "C" does the same.
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class TokenState(StrEnum):
    """What an operator says of a token."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    NO_CREDIT = "no_credit"


class Token(Struct, frozen=True, kw_only=True):
    """One token of one organisation. `group` is the uid of its group token (1.6 parentIdTag, 2.x groupIdToken).

    `driver_name`, `driver_reference` (a personnel or customer number) and `vehicle` are notes of who keeps it; nothing
    is decided by them.
    """

    uid: str
    type: str
    status: TokenState
    group: str | None
    expires_at: datetime | None
    driver_name: str | None
    driver_reference: str | None
    vehicle: str | None
    created_at: datetime
    updated_at: datetime


def uid_key(uid: str) -> str:
    """The form by which uids are compared (OCPP 1.6 CiString, OCPP 2.x identifierString): `Ab1` is `aB1`."""
    return uid.translate(_LOWER)


def decided(status: TokenState, expires_at: datetime | None, now: datetime) -> TokenState:
    """What is decided about a token now: an accepted one that has expired is expired."""
    past = status is TokenState.ACCEPTED and expires_at is not None and expires_at <= now
    return TokenState.EXPIRED if past else status


def standing(token: Token, now: datetime) -> TokenState:
    """What a token is worth at a moment, its own expiry applied, as the view `token_decisions` does."""
    return decided(token.status, token.expires_at, now)


class TokenUnknown(ForecourtError):
    """There is no token with this uid. `GET /api/v1/tokens` lists those that exist."""

    status = 404
    code = "token-unknown"
