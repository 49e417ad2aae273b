"""What is asked outside and what comes back: words and rules without I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from forecourt.drivers.model import MAX_UID_LENGTH, TokenState
from forecourt.ocpp.neutral import AuthorizationStatus, TokenStatus
from forecourt.platform.errors import ForecourtError

#: What a question is called.
QUESTION: Final = "token.authorize"
#: Bytes of an answer that are read.
MAX_ANSWER: Final = 4_096
#: Characters kept of why a question got no decision.
MAX_DETAIL: Final = 200
#: After a rotation the former secret signs as well for so long.
OVERLAP: Final = timedelta(hours=24)
#: Questions of this process at once; one more is decided by the fallback.
MAX_AT_ONCE: Final = 100
#: After so many failures in a row an organisation's service is not asked for a while.
FAILURES_TO_OPEN: Final = 5
OPEN_S: Final = 30.0

_STATUS: Final = {
    TokenState.ACCEPTED: AuthorizationStatus.ACCEPTED,
    TokenState.BLOCKED: AuthorizationStatus.BLOCKED,
    TokenState.EXPIRED: AuthorizationStatus.EXPIRED,
    TokenState.INVALID: AuthorizationStatus.INVALID,
    TokenState.NO_CREDIT: AuthorizationStatus.NO_CREDIT,
}


def state_of(status: AuthorizationStatus | str) -> TokenState | None:
    """A decision as tokens word it; None for what no service decides."""
    return next((state for state, said in _STATUS.items() if said == status), None)


class Fallback(StrEnum):
    """How is decided while no answer is known."""

    LOCAL = "local"
    ACCEPT = "accept"
    REFUSE = "refuse"


class Hook(Struct, frozen=True, array_like=True):
    """Where to ask, as the view `outside_authorizations` has it: secrets are sealed and base64."""

    url: str
    deadline_ms: int
    cache_s: int
    secrets: Sequence[str]


class Verdict(Struct, frozen=True, kw_only=True):
    """What the service answers. Members it doesn't know are of later versions or its own, and are let pass."""

    status: TokenState
    group: Annotated[str, Meta(min_length=1, max_length=MAX_UID_LENGTH, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")] | None = (
        None
    )
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None

    def token_status(self) -> TokenStatus:
        """In the neutral language."""
        return TokenStatus(status=_STATUS[self.status], group=self.group, expires_at=self.expires_at)


decode_verdict = msgspec.json.Decoder(Verdict).decode


class HookMissing(ForecourtError):
    """No outside service decides on your tokens. `PUT /api/v1/authorization-hook` names one."""

    status = 404
    code = "authorization-hook-missing"
