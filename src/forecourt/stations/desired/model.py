"""What a desire is, and what comes of a try: pure rules."""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from forecourt.ocpp.neutral import CommandAnswer
from forecourt.platform.errors import ForecourtError
from forecourt.stations.call_faults import CallInvalid, StationLacks, StationOffline, StationUnknown
from forecourt.stations.model import LACKING

#: The wait after the first try that came to nothing; it doubles with every other, up to the longest.
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(hours=1)
#: A station that says no so often is not asked again before something happens: a boot, or something else wanted.
MAX_REFUSALS: Final = 3
#: What a station agreed to do later is asked for again after so long, if nothing was seen of it.
SCHEDULED_WAIT: Final = timedelta(minutes=5)
#: However often a station says otherwise than it has said yes to, it is looked at no more often than this.
LOOK_REST: Final = timedelta(minutes=1)
#: How long a try is nobody else's beyond the time that an answer may take.
LEASE_GRACE: Final = timedelta(seconds=10)


class State(StrEnum):
    """How far a desire is."""

    #: To be sent, or to be sent again.
    PENDING = "pending"
    #: On its way; no answer yet.
    SENT = "sent"
    #: Agreed to, to come when what runs there is over.
    SCHEDULED = "scheduled"
    #: The station has said yes.
    REACHED = "reached"
    #: The station has said no, MAX_REFUSALS times.
    REFUSED = "refused"
    #: The station doesn't have it, or its version can't say it.
    UNSUPPORTED = "unsupported"
    #: The station is not connected.
    UNREACHABLE = "unreachable"


class Want(Struct, frozen=True, kw_only=True):
    """Something that a station shall be: `kind` and `key` say what, `wanted` how, as that kind spells it; None: nothing
    of it shall be there. It is forgotten when it has expired."""

    station: str
    kind: str
    key: str
    wanted: Any
    expires_at: datetime | None = None


class Tried(Struct, frozen=True, kw_only=True):
    """What was known of a desire when it was tried."""

    attempts: int
    refusals: int
    expires_at: datetime | None


class Verdict(Struct, frozen=True, kw_only=True):
    """What comes of a try. `next_try_at` None: not until something happens; `no`: the station surely doesn't hold what
    was tried."""

    state: State
    attempts: int
    refusals: int
    next_try_at: datetime | None
    why: str | None
    no: bool = False


def verdict(
    answer: CommandAnswer | ForecourtError, tried: Tried, now: datetime, seed: str, look_after: timedelta
) -> Verdict:
    """What an answer, or the lack of one, means for a desire; `seed` tells one desire's waits from another's. What is
    reached is looked at again after `look_after`."""
    state, why, again, refusals = _meant(answer, tried)
    attempts = 0 if state is State.REACHED else tried.attempts + 1
    at = None
    if state is State.REACHED:
        at = now + look_after * _spread(seed, 0)
    elif state is State.SCHEDULED:
        at = now + SCHEDULED_WAIT
    elif again:
        at = now + wait(attempts, seed)
    if tried.expires_at is not None:
        at = tried.expires_at if at is None else min(at, tried.expires_at)
    return Verdict(state=state, attempts=attempts, refusals=refusals, next_try_at=at, why=why, no=_is_no(answer))


def _is_no(answer: CommandAnswer | ForecourtError) -> bool:
    if isinstance(answer, ForecourtError):
        return bool(getattr(answer, "unsent", False))
    return not (answer.accepted or answer.scheduled)


def _meant(answer: CommandAnswer | ForecourtError, tried: Tried) -> tuple[State, str | None, bool, int]:
    """State, reason, whether it is tried again by itself, and how often the station has said no."""
    if isinstance(answer, StationOffline):
        return State.UNREACHABLE, answer.code, True, tried.refusals
    if isinstance(answer, StationLacks | CallInvalid | StationUnknown):
        return State.UNSUPPORTED, answer.code, False, tried.refusals
    if isinstance(answer, ForecourtError):
        return State.PENDING, answer.code, True, tried.refusals
    if answer.scheduled:
        return State.SCHEDULED, answer.status, True, 0
    if answer.accepted:
        return State.REACHED, None, False, 0
    if answer.status in LACKING:
        return State.UNSUPPORTED, answer.status, False, tried.refusals
    refusals = tried.refusals + 1
    often = refusals >= MAX_REFUSALS
    return State.REFUSED if often else State.PENDING, answer.status, not often, refusals


def wait(attempts: int, seed: str) -> timedelta:
    """How long to wait after so many tries: a quarter more or less, always the same for one desire, so that many that
    failed together don't come back together."""
    doubled = FIRST_WAIT * (1 << min(attempts - 1, 16))
    return min(doubled, LONGEST_WAIT) * _spread(seed, attempts)


def _spread(seed: str, attempts: int) -> float:
    """From 0.75 to 1.25."""
    digest = blake2b(f"{seed}/{attempts}".encode(), digest_size=2).digest()
    return 0.75 + int.from_bytes(digest) / 2**17
