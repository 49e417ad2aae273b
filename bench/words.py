"""What the bench tells its crowd of stations and hears from it: one JSON object a line."""

from typing import Literal

from msgspec import Struct

Work = Literal["meter", "session"]


class Connect(Struct, frozen=True, kw_only=True, tag=True):
    """Connect stations `first` and following, boot them, and start a transaction at each if asked to."""

    first: int
    count: int
    at_once: int
    start: bool = False


class Begin(Struct, frozen=True, kw_only=True, tag=True):
    """Let all connected stations talk: `meter` sends MeterValues, `session` whole sessions one after the other.

    `values` of each MeterValues. Without `rate` a station sends as soon as it is answered; with it all of them
    together send so many messages a second, those that still wait for an answer left out.
    """

    work: Work
    values: int
    rate: float | None = None


class Mark(Struct, frozen=True, kw_only=True, tag=True):
    """Say what happened since the last mark."""


class End(Struct, frozen=True, kw_only=True, tag=True):
    """Fall silent, once everything asked is answered."""


class Leave(Struct, frozen=True, kw_only=True, tag=True):
    """Close all connections."""


Order = Connect | Begin | Mark | End | Leave


class Told(Struct, frozen=True, kw_only=True):
    """Since the last mark: messages answered, the seconds, how long answers took, and the first fault."""

    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    fault: str | None = None
