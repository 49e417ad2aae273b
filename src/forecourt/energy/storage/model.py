"""What is known of one stationary battery, and what that counts for: always for cost, for limits only while it is
measured. Pure.

What is above 0 is taken, what is below is given. A setpoint holds until it runs out; who follows it does nothing then.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.energy.site import Battery
from forecourt.platform.clock import is_recent

#: A state that is older isn't planned with.
STATE_LATE: Final = timedelta(minutes=5)
#: For so long what was measured as given counts in limits.
DELIVERED_FOR: Final = timedelta(seconds=60)
#: For so long it must be able to go on, or it doesn't count.
LASTS: Final = timedelta(minutes=10)
#: By which share of a limit what is given may raise it: a breaker bears that for as long as it takes to notice.
RELIED: Final = 0.2
#: How long a setpoint holds, and how long after the battery was heard of it is surely followed.
SETPOINT_FOR: Final = timedelta(minutes=5)
FOLLOWED_AFTER: Final = timedelta(seconds=60)
#: By how much a measured power may exceed a setpoint, the larger of both.
TOLERANCE_W: Final = 500
TOLERANCE: Final = 0.1
#: Smaller changes are not worth a new setpoint, and larger ones not before so long.
STEP_W: Final = 250
REST: Final = timedelta(seconds=30)


class BatteryWhy(StrEnum):
    """Why a battery is told what it is told."""

    #: Energy is cheaper now than it will be.
    CHEAP = "cheap"
    #: The sun leaves it over.
    SUN = "sun"
    #: Energy is dear now.
    DEAR = "dear"
    #: A higher peak would cost more.
    PEAK = "peak"
    #: Cars rely on what it gives, or a limit needs it.
    LIMIT = "limit"
    #: There is nothing to be gained.
    RESTS = "rests"
    #: Its state isn't known, or too old.
    UNKNOWN = "unknown"
    #: It does something else than it was told.
    DISOBEYS = "disobeys"
    #: Nobody planned.
    UNPLANNED = "unplanned"


class BatteryState(Struct, frozen=True, kw_only=True):
    """What a battery said of itself: its power at its terminals, and what it holds."""

    at: datetime
    power_w: int
    stored_wh: int
    source: str


class Setpoint(Struct, frozen=True, kw_only=True):
    """What a battery was told, until when that holds, and when the battery was heard of first since: not before that
    can it be thought to know of it."""

    power_w: int
    sent_at: datetime
    valid_to: datetime
    why: BatteryWhy
    heard_at: datetime | None = None

    def is_followed(self, at: datetime) -> bool:
        """Whether it is surely followed, in place of all before it."""
        return self.heard_at is not None and self.heard_at + FOLLOWED_AFTER <= at


class KnownBattery(Struct, frozen=True, kw_only=True):
    """A battery by its id in the tree: what it said last, and what it was told and may have gone by then or may go by
    now, oldest first."""

    id: str
    state: BatteryState | None = None
    setpoints: tuple[Setpoint, ...] = ()


def obeys(known: KnownBattery) -> bool:
    """Whether it did no more than it was told, either way, when it was last measured. Doing less is allowed: it may be
    full or empty. Who hasn't been told anything yet obeys."""
    if known.state is None:
        return True
    at = known.state.at
    told = [each for each in known.setpoints if each.sent_at <= at]
    if not any(each.is_followed(at) for each in told):
        return True
    powers = [0, *(each.power_w for each in _held(told, at))]
    low, high = min(powers), max(powers)
    return _beyond(low) <= known.state.power_w <= -_beyond(-high)


def is_planned(known: KnownBattery, now: datetime) -> bool:
    """Whether a plan counts on it: its state is known, and it obeys."""
    return known.state is not None and is_recent(known.state.at, now, STATE_LATE) and obeys(known)


def measured_w(known: KnownBattery, now: datetime) -> int:
    """What it takes, below 0 gives, as far as that is known."""
    return known.state.power_w if known.state is not None and is_recent(known.state.at, now, STATE_LATE) else 0


def may_charge_w(known: KnownBattery, battery: Battery, now: datetime) -> int:
    """The most that it may take now, for all that is known. One that never said anything isn't there yet."""
    told_w = max((each.power_w for each in _held(known.setpoints, now)), default=0)
    if known.state is None:
        return max(told_w, 0)
    late = not is_recent(known.state.at, now, STATE_LATE)
    if late and not obeys(known):
        return battery.charge_w
    return max(told_w, known.state.power_w, 0)


def delivered_w(known: KnownBattery, battery: Battery, now: datetime) -> int:
    """What it gives now and may be counted on in limits."""
    state = known.state
    if state is None or state.power_w >= 0 or not is_recent(state.at, now, DELIVERED_FOR) or not obeys(known):
        return 0
    spare_wh = max(0, state.stored_wh - battery.reserve_wh)
    return min(-state.power_w, int(spare_wh / (LASTS / timedelta(hours=1))))


def current_setpoint(known: KnownBattery, now: datetime) -> Setpoint | None:
    """What it should follow now; None: nothing, and so do nothing."""
    newest = known.setpoints[-1] if known.setpoints else None
    return newest if newest is not None and newest.valid_to > now else None


def due_setpoint(known: KnownBattery, power_w: int, why: BatteryWhy, now: datetime) -> Setpoint | None:
    """What it is told now, if there is anything new: less charge at once, the rest once it is worth it."""
    last = current_setpoint(known, now)
    made = Setpoint(power_w=power_w, sent_at=now, valid_to=now + SETPOINT_FOR, why=why)
    if last is None:
        return made if power_w or known.state is not None else None
    if last.valid_to - now <= SETPOINT_FOR / 2 or power_w <= last.power_w - STEP_W:
        return made
    changed = abs(power_w - last.power_w) >= STEP_W or (power_w == 0) != (last.power_w == 0)
    return made if changed and now - last.sent_at >= REST else None


def next_moment(known: KnownBattery, now: datetime) -> datetime | None:
    """When what it counts for changes by itself."""
    moments = [at for each in known.setpoints for at in (each.valid_to - SETPOINT_FOR / 2, each.valid_to)]
    moments += [each.heard_at + FOLLOWED_AFTER for each in known.setpoints if each.heard_at is not None]
    if known.state is not None:
        moments += [known.state.at + age for age in (DELIVERED_FOR, STATE_LATE)]
    return min((at for at in moments if at > now), default=None)


def _held(told: Sequence[Setpoint], at: datetime) -> list[Setpoint]:
    """What it may go by, newest first; what was before one that is surely followed is replaced."""
    held = []
    for each in reversed(told):
        if each.valid_to > at:
            held.append(each)
        if each.is_followed(at):
            break
    return held


def _beyond(power_w: int) -> float:
    """The lowest power that still counts as following this one, which is 0 at most."""
    return power_w - max(TOLERANCE_W, -power_w * TOLERANCE)
