"""The only place where the program asks what time it is, so that a test can say it instead."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

#: A timestamp of somebody else's clock further ahead of its arrival than this is not believed.
AHEAD = timedelta(minutes=5)
#: Nor is one before any station of these protocols existed: what clocks show after a reset (1970, 2000, 2010).
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)

#: By how much a clock may be set back in its ordinary course.
JITTER = timedelta(seconds=1)
#: By how much the clocks of our own hosts may differ.
SKEW = timedelta(seconds=10)


def is_within(now: datetime, since: datetime, span: timedelta) -> bool:
    """Whether less than a span has passed since a time. One to come was told by a clock that has jumped back since: it
    is long ago."""
    return -JITTER <= now - since < span


def is_recent(at: datetime, now: datetime, age: timedelta) -> bool:
    """Whether what was measured at a time is no older than `age`. One to come was told by a clock that has jumped back
    since: nobody knows how old it is."""
    return -SKEW <= now - at <= age


def plausible(said: datetime, arrived: datetime) -> bool:
    """Whether a station's timestamp is believed: not ahead of its arrival, not from a clock that was reset."""
    return EARLIEST <= said <= arrived + AHEAD


@runtime_checkable
class Clock(Protocol):
    """Tells the time of day for records and a steady time for deadlines."""

    def now(self) -> datetime:
        """The time of day, aware UTC; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean something."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
