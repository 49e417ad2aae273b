"""What a look at a whole session finds, and when a session without an end is over. Pure rules."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from forecourt.stations.model import SILENCE

#: A session whose station is there and silent about it for this long may be over.
QUIET = SILENCE
#: What no station delivers and no car takes (MCS reaches it): the limit of a station whose own is not known.
POWER_LIMIT_W = 1_000_000
#: Registers count in steps of up to a kilowatt-hour: a short session may seem to have taken a whole one.
REGISTER_STEP_WH = 1_000
#: States of a connector at which no car can be charging.
FREE = frozenset(("Available", "Reserved", "Unavailable"))


class Finding(StrEnum):
    """What may be noted of a session; the value is what the API shows."""

    SEQUENCE_GAP = "sequence-gap"
    """2.x: a report of the station is missing between two that came."""
    START_MISSING = "start-missing"
    """2.x: no report with the first seqNo came."""
    END_MISSING = "end-missing"
    """Closed from evidence: its end was never said. It is not billed beyond what was measured."""
    METER_MISSING = "meter-missing"
    """No energy can be told: a register reading at the start or the end is missing."""
    METER_START_LATE = "meter-start-late"
    """No start said a register: the earliest one that was read while it ran stands for it."""
    METER_BACKWARDS = "meter-backwards"
    """The register at the end is below the one at the start."""
    SAMPLE_ABOVE_END = "sample-above-end"
    """A register sample of the session lies above its end: the end may be wrong."""
    TOKEN_NOT_ACCEPTED = "token-not-accepted"
    """It ran on a token that may not charge."""
    ARRIVAL_CLOCK = "arrival-clock"
    """The station's clock could not be believed: some times are those of arrival."""
    ENERGY_IMPLAUSIBLE = "energy-implausible"
    """More energy than its station could have delivered, or any car taken, in the time: a register may have jumped."""
    EVSE_SHARED = "evse-shared"
    """Another session was at its EVSE at the same time. An EVSE serves one car: one of them is a ghost."""

    STOP_CONTRADICTED = "stop-contradicted"
    """Its end was said more than once, with different times or registers. The first counts as a whole."""
    END_BEFORE_START = "end-before-start"
    """By its station's clock it ended before it began."""
    NO_CONNECTOR = "no-connector"
    """1.6: it was started at connector 0, which is the station itself and charges nothing."""
    SIGNATURE_BROKEN = "signature-broken"
    """Its signed meter values contradict themselves, their key or the session. It is held back, and not billed."""
    SIGNATURE_UNPROVEN = "signature-unproven"
    """Its signed meter values could not be verified, or are missing of a meter that signs. Where the law asks for proof
    it is held back."""
    COST_DIFFERS = "cost-differs"
    """2.1: its station reckons another cost than what is billed."""


class Evidence(Struct, frozen=True, kw_only=True):
    """All that a review looks at. `gaps` counts missing seqNos between the first and the last; `first_seq` is None in
    1.6; `highest_sample_wh` is the highest import register sample at the outlet; `last_at` is its end or the last that
    is known of it; `max_power_w` is what its station can deliver, where that was told; `shared`: another session of its
    EVSE overlaps it, each taken from its start to its end or, while it runs, to the last that is known of it;
    `start_late`: its register at the start is that of an update; `contradicted`: ends that differ were said;
    `trust` in its signed meter values, None where there are none; `cost_differs`: its station reckons another cost."""

    over: bool
    ended: bool
    meter_start_wh: int | None
    meter_stop_wh: int | None
    highest_sample_wh: int | None
    token_status: str | None
    first_seq: int | None
    gaps: int
    arrival_clock: bool
    started_at: datetime
    last_at: datetime
    max_power_w: int | None
    shared: bool
    evse: int | None
    start_late: bool
    contradicted: bool
    trust: str | None = None
    cost_differs: bool = False


def review(evidence: Evidence) -> list[Finding]:
    """What there is to note, in the order of the enumeration."""
    start, stop, highest = evidence.meter_start_wh, evidence.meter_stop_wh, evidence.highest_sample_wh
    found = {
        Finding.SEQUENCE_GAP: evidence.gaps > 0,
        Finding.START_MISSING: evidence.over and evidence.first_seq is not None and evidence.first_seq > 0,
        Finding.END_MISSING: evidence.over and not evidence.ended,
        Finding.METER_MISSING: evidence.over and (start is None or stop is None),
        Finding.METER_START_LATE: evidence.start_late,
        Finding.METER_BACKWARDS: start is not None and stop is not None and stop < start,
        Finding.SAMPLE_ABOVE_END: evidence.ended and highest is not None and stop is not None and highest > stop,
        Finding.TOKEN_NOT_ACCEPTED: evidence.token_status not in (None, "Accepted"),
        Finding.ARRIVAL_CLOCK: evidence.arrival_clock,
        Finding.ENERGY_IMPLAUSIBLE: start is not None and stop is not None and _implausible(evidence, stop - start),
        Finding.EVSE_SHARED: evidence.shared,
        Finding.STOP_CONTRADICTED: evidence.contradicted,
        Finding.END_BEFORE_START: evidence.ended and evidence.last_at < evidence.started_at,
        Finding.NO_CONNECTOR: evidence.evse == 0,
        Finding.SIGNATURE_BROKEN: evidence.trust == "broken",
        Finding.SIGNATURE_UNPROVEN: evidence.over and evidence.trust in ("unproven", "none"),
        Finding.COST_DIFFERS: evidence.cost_differs,
    }
    return [finding for finding, holds in found.items() if holds]


def _implausible(evidence: Evidence, energy_wh: int) -> bool:
    """Whether it is more than full power for the whole time, with a tenth and a coarse register's step to spare."""
    power_w = evidence.max_power_w or POWER_LIMIT_W
    duration_s = max(0, int((evidence.last_at - evidence.started_at).total_seconds()))
    return (energy_wh - REGISTER_STEP_WH) * 3_600 * 10 > power_w * duration_s * 11


class Silence(Struct, frozen=True, kw_only=True):
    """An open session nobody has spoken of for a while, and what else is known. `states` are those of its EVSE's
    connectors with the time they were said; `successor_at` is the start of a later session at the same EVSE.

    `last_at` and these are the station's times. Ours are `heard_at`, when the last report of the session arrived,
    `linked_at`, since when the station has its latest connection, and `heard_until`, when it was last there: now, if it
    still is. Both are None for a station that never connected.
    """

    last_at: datetime
    heard_at: datetime
    linked_at: datetime | None
    heard_until: datetime | None
    states: tuple[tuple[str, datetime], ...]
    successor_at: datetime | None
    retired: bool


def closing_time(silence: Silence) -> datetime | None:
    """When a silent session ended, or None while it may still run.

    The rule: its station was connected for QUIET without a word of it, and since the last word either its connector
    said that it is free or another session began there. A station that is away proves nothing, and one that is back
    gets as long to replay what it kept. A retired one never comes back. The end is the last thing known of it.
    """
    if silence.retired:
        return silence.last_at
    if silence.linked_at is None or silence.heard_until is None:
        return None
    if silence.heard_until - max(silence.heard_at, silence.linked_at) < QUIET:
        return None
    free = [at for state, at in silence.states if state in FREE]
    all_free = bool(silence.states) and len(free) == len(silence.states) and min(free) > silence.last_at
    succeeded = silence.successor_at is not None and silence.successor_at > silence.last_at
    return silence.last_at if all_free or succeeded else None
