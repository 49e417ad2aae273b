"""The life of a remote start, as rules without I/O."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from forecourt.ocpp.neutral import CommandAnswer
from forecourt.platform.errors import ForecourtError

#: How long after a station's answer its session may come. What a station waits for a plug (1.6 ConnectionTimeOut, 2.x
#: EVConnectionTimeOut) is not known here; 60 to 120 s are usual.
START_LIMIT = timedelta(seconds=120)
#: How much later a start is given up: a word that arrived in time is stored by then.
EXPIRY_GRACE = timedelta(seconds=30)
#: How far a 1.6 station's clock may be behind for its start still to be that of a request made before.
CLOCK_BEHIND = timedelta(minutes=5)

NOBODY_PLUGGED_IN = "Nobody plugged in: the connector became available again without a session (connection timeout)."
NO_SESSION_CAME = "The station accepted, and no session came in time. Most likely nobody plugged in."
INTERRUPTED = "The request was interrupted: whether it was sent, and whether the station obeyed, is unknown."


class Status(StrEnum):
    """Where a remote start stands. `started` is the end of every one whose session is known."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    STARTED = "started"
    EXPIRED = "expired"


class Settlement(Struct, frozen=True, kw_only=True):
    """What the answer, or the lack of one, makes of a request. `expires_at` is None where no session can come of it."""

    status: Status
    reason: str | None = None
    transaction_id: str | None = None
    expires_at: datetime | None = None


def of_answer(answer: CommandAnswer, now: datetime) -> Settlement:
    """By the station's answer (1.6 5.11, 2.0.1 F01 and F02)."""
    if not answer.accepted:
        return Settlement(status=Status.REJECTED, reason=f"The station said {answer.status}.")
    return Settlement(status=Status.ACCEPTED, transaction_id=answer.transaction_id, expires_at=now + START_LIMIT)


def of_failure(fault: ForecourtError, now: datetime) -> Settlement:
    """By what kept the answer away. What was surely not sent can't start; else the station may have obeyed."""
    return Settlement(status=Status.FAILED, reason=fault.detail, expires_at=None if fault.unsent else now + START_LIMIT)
