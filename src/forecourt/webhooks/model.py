"""What is told to whom, and when it is tried again: rules without I/O."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark


class Kind(StrEnum):
    """What can be heard of. The same words name the events in the outbox."""

    SESSION_STARTED = "session.started"
    SESSION_UPDATED = "session.updated"
    SESSION_ENDED = "session.ended"
    STATION_CONNECTED = "station.connected"
    STATION_DISCONNECTED = "station.disconnected"
    STATION_STATE = "station.state"
    STATION_FAULT = "station.fault"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CLOSED = "incident.closed"
    TOKEN_CHANGED = "token.changed"
    PAYMENT_AUTHORISED = "payment.authorised"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_RELEASED = "payment.released"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_DISPUTED = "payment.disputed"


#: What a test delivery is called; nobody subscribes to it.
TEST: Final = "webhook.test"
#: Kinds of which there is one a subject, however much is said of it afterwards.
ONCE: Final = frozenset({Kind.SESSION_STARTED, Kind.INCIDENT_OPENED})

#: Webhooks of one organisation.
MAX_WEBHOOKS: Final = 20
#: Deliveries of one webhook that wait; one more pauses it.
MAX_WAITING: Final = 10_000
#: Deliveries that one replay of a range puts in line at the most.
MAX_REPLAYED: Final = 10_000
#: How long a receiver may take for its whole answer.
DEADLINE_S: Final = 10.0
#: Bytes of an answer that are read and kept in the log.
MAX_ANSWER: Final = 1_024
#: What is told, and the log of its tries, is kept so long unless a deployment wants otherwise; of running sessions,
#: which are many, less.
KEEP: Final = timedelta(days=30)
KEEP_UPDATES: Final = timedelta(days=1)
#: After a rotation the former secret signs as well for so long.
OVERLAP: Final = timedelta(hours=24)
#: After the first try the next ones wait so long each, together a little over three days (Standard Webhooks 1.0).
RETRY_AFTER: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: The receiver says that this address is no more (RFC 9110 15.5.11): it is not asked again.
GONE: Final = 410

#: Why a webhook is paused, in words for people.
PAUSE_WORDS: Final = {
    "gone": mark("the receiver answered 410 Gone"),
    "failing": mark("a delivery failed for three days"),
    "backlog": mark("too many deliveries wait for it"),
}

_NAMESPACE: Final = UUID("6f0f2c1e-6f3b-5f0a-9f3e-0a8f4b1d7c55")


class Describe(Protocol):
    """What an event is about, as the API shows it now; None when it is gone and nothing is left to tell."""

    async def __call__(self, conn: AsyncConnection[Any], tenant_id: int, subject: str, /) -> Any | None: ...


class Outcome(Struct, frozen=True, kw_only=True):
    """How one try went: a status with the first bytes of the answer, or why there was none."""

    duration_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""

    @property
    def delivered(self) -> bool:
        """Any 2xx says that it was taken."""
        return self.status is not None and 200 <= self.status < 300


def event_id(kind: str, subject: str, data: bytes) -> UUID:
    """The same event told again has the same id, whoever tells it and how often."""
    said = "" if kind in ONCE else data.decode()
    return uuid5(_NAMESPACE, f"{kind}\n{subject}\n{said}")


def named(data: Any, subject: str) -> str:
    """What an event is about, as the API names it: by `id` or `uid`."""
    return str(getattr(data, "id", None) or getattr(data, "uid", None) or subject)


def retry_after(tries: int) -> timedelta | None:
    """How long to wait after so many failed tries, at least one; None when that was the last."""
    return RETRY_AFTER[tries - 1] if tries <= len(RETRY_AFTER) else None


class WebhookUnknown(ForecourtError):
    """There is no such webhook. `GET /api/v1/webhooks` lists those that exist."""

    status = 404
    code = "webhook-unknown"


class DeliveryUnknown(ForecourtError):
    """There is no such delivery of this webhook, or it is older than what is kept."""

    status = 404
    code = "delivery-unknown"


class TooManyWebhooks(ForecourtError):
    """There are as many webhooks as an organisation may have. Delete one that is not used, or let one hear more."""

    status = 409
    code = "too-many-webhooks"
