"""What goes wrong at stations and on their lines: habits of a station's firmware, faults at random, and their counts.

Every habit was seen in the field or is allowed by the standard; all are off unless asked for. Chance comes from one
seeded generator a station, so a run can be had again.
"""

from datetime import timedelta
from enum import StrEnum
from random import Random

import msgspec


class Cut(StrEnum):
    """How a connection ends: without a word, staying half-open at the other side, or in order."""

    ABORT = "abort"
    HALF_OPEN = "half_open"
    CLOSE = "close"


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How one station's firmware differs from a perfect one."""

    #: Reconnects without BootNotification (the first connection always boots).
    boots_on_reconnect: bool = False
    #: Sends every connector's status anew at each reconnect.
    statuses_on_reconnect: bool = True
    #: After an outage: every status first, then meter values, then the rest.
    replays_statuses_first: bool = False
    #: Loses Ended events or StopTransactions that happen offline.
    loses_offline_end: bool = False
    #: Is out by this much until the first answer that tells the time, or for good.
    clock_offset: timedelta = timedelta()
    clock_stays_wrong: bool = False
    #: Starts each transaction with a register of zero.
    register_restarts: bool = False
    #: Accepts charging profiles and does not obey them, or obeys them late.
    ignores_limits: bool = False
    obeys_after_s: float = 0.0
    #: Rejects charging profiles of these purposes.
    refuses_purposes: frozenset[str] = frozenset()
    #: Answers GetCompositeSchedule with Accepted and no periods.
    empty_composite: bool = False
    #: Keeps sending meter values of a transaction that a hard reset ended, without ever stopping it.
    ghost_after_reset: bool = False
    #: Actions that the firmware has never heard of.
    unsupported: frozenset[str] = frozenset()
    #: Ends a transaction when the token turns out to be refused.
    stops_when_refused: bool = True
    #: 2.x: marks every event as recorded offline (a recorder that plays the past).
    always_offline: bool = False


class Chances(msgspec.Struct, frozen=True, kw_only=True):
    """Shares 0..1 of what is hit: `cut` and `offline` of the sessions, `duplicate` of the billing messages, `reorder`
    of the replays after an outage."""

    cut: float = 0.0
    offline: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


class Counts(msgspec.Struct, kw_only=True):
    """What happened on the lines of a whole run."""

    connects: int = 0
    connects_refused: int = 0
    calls_sent: int = 0
    calls_answered: int = 0
    call_errors: int = 0
    timeouts: int = 0
    resent: int = 0
    duplicates: int = 0
    duplicates_answered_differently: int = 0
    cuts: int = 0
    offline_periods: int = 0
    reordered_replays: int = 0
    dropped: int = 0
    tokens_refused: int = 0
    calls_received: int = 0
    calls_refused: int = 0
    last_refusal: str = ""


PERFECT = Habits()
NO_CHANCES = Chances()


def hit(rng: Random, share: float) -> bool:
    return share > 0 and rng.random() < share


def random_cut(rng: Random) -> Cut:
    return rng.choice((Cut.ABORT, Cut.ABORT, Cut.HALF_OPEN, Cut.CLOSE))
