"""What gateways and those who ask of them say on the bus."""

from datetime import datetime

from msgspec import Struct

#: One subject a gateway: a subject a station would cost the bus 5 KiB each.
CALL_SUBJECT = "gateway.{gateway_id}.call"
#: The same for many calls at once, each answered for itself.
CALLS_SUBJECT = "gateway.{gateway_id}.calls"
EVICT_SUBJECT = "gateway.{gateway_id}.evict"
#: Every gateway reads what changed of the roster, and replies when it has.
REFRESH_SUBJECT = "gateway.all.refresh"
#: Every gateway forgets what sessions said of connectors that are over without a word.
OVER_SUBJECT = "gateway.all.over"


class CallRequest(Struct, frozen=True, kw_only=True):
    """Call a station. `payload` is JSON; `epoch` the connection that the directory named, so that a stale holder
    refuses; `command_id` is where a late answer is recorded. `deadline_s` counts from `sent_at`, by the wall clock of
    the one who asks: what lay on the bus for longer than that is not sent to the station any more. Without it, as of a
    process of an older release, it counts from arrival. `urgent`: ahead of those in line that are not."""

    identity: str
    epoch: int
    action: str
    payload: str
    deadline_s: float
    command_id: str | None = None
    sent_at: datetime | None = None
    urgent: bool = False


class CallAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: a payload, a CALLERROR with its code, or one of the ways of getting none. `lost`: it was sent,
    and the socket closed before the answer. `unreadable`: the error is ours about an answer that was none. Not sent, it
    is `offline`; `busy`, the line of calls being full; `blocked`, those before it being unanswered for too long; or
    `overdue`, having come after its deadline."""

    payload: str = ""
    error_code: str | None = None
    description: str = ""
    offline: bool = False
    timeout: bool = False
    busy: bool = False
    blocked: bool = False
    overdue: bool = False
    lost: bool = False
    unreadable: bool = False


class CallsRequest(Struct, frozen=True, kw_only=True):
    """Call many stations at once; each call has a `command_id`."""

    calls: tuple[CallRequest, ...]


class CallsAnswer(Struct, frozen=True, kw_only=True):
    """What came of some of them, each by its `command_id`. Others follow."""

    answers: list[tuple[str, CallAnswer]]


class Eviction(Struct, frozen=True, kw_only=True):
    """A station has a newer connection elsewhere, of this epoch."""

    identity: str
    epoch: int


class Over(Struct, frozen=True, kw_only=True):
    """No session ran at these EVSEs `at` this time: each a station's identity and the EVSE's number."""

    evses: list[tuple[str, int]]
    at: datetime
