"""What a car may give back: never what its driver keeps, and no more than it has again when it leaves. Pure.

What it got and gave is counted at its station's meter. Its battery is as much lower as charging what it gave takes.
"""

import math
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.energy.needs.model import Needs
from forecourt.energy.storage.model import STATE_LATE
from forecourt.platform.clock import is_recent

#: What comes back of what a car is charged with, in percent, there and back.
EFFICIENCY_PCT: Final = 85
#: By so much earlier than it leaves it must be able to have all that it needs, whatever it gave.
BACK_BEFORE: Final = timedelta(minutes=30)
#: It gives only while it could go on for so long: an order holds five minutes, and clocks differ by one.
GIVES_ON: Final = timedelta(minutes=6)
#: By how much what is measured may exceed what a car was told to give, the larger of both.
TOLERANCE_W: Final = 500
TOLERANCE: Final = 0.1


class NoGiver(StrEnum):
    """Why a car is not asked to give back."""

    #: Nobody said that it may, or somebody said that it may not.
    UNWILLING = "unwilling"
    #: Nobody said what the car itself can give.
    UNABLE = "unable"
    #: Its station doesn't speak OCPP 2.1, or doesn't say that its EVSE can.
    STATION = "station"
    #: Its station refused to be told so.
    REFUSED = "refused"
    #: Nobody said when it leaves, or how much it needs then.
    UNSAID = "unsaid"
    #: Nothing was measured of it lately.
    UNMEASURED = "unmeasured"
    #: It gave more than it was told.
    DISOBEYS = "disobeys"


class Giver(Struct, frozen=True, kw_only=True):
    """A car that may give back up to `most_w`. `spare_wh`: how far it may sink below what it has now, `room_wh`: how
    far it may rise above, both counted as what charging takes."""

    most_w: int
    spare_wh: int
    room_wh: int


class CarState(Struct, frozen=True, kw_only=True):
    """What is known of a car's energy: what it got and gave since its session began, its power when that was measured
    last, and its state of charge. `told_w`: what it may be giving since."""

    got_wh: int
    given_wh: int = 0
    power_w: int | None = None
    power_at: datetime | None = None
    told_w: int = 0
    soc_pct: float | None = None
    soc_at: datetime | None = None


def net_wh(got_wh: int, given_wh: int) -> int:
    """What a car has more than when it came, counted as what charging takes."""
    return got_wh + -given_wh * 100 // EFFICIENCY_PCT


def giver_of(needs: Needs, state: CarState, now: datetime, *, station_can: bool, refused: bool) -> Giver | NoGiver:
    """What a car may give back, or why it is not asked."""
    wants = needs.wants
    if not wants.may_discharge:
        return NoGiver.UNWILLING
    if not wants.max_discharge_w:
        return NoGiver.UNABLE
    if not station_can:
        return NoGiver.STATION
    if refused:
        return NoGiver.REFUSED
    if needs.energy_wh is None or needs.departure_at is None:
        return NoGiver.UNSAID
    if state.power_w is None or state.power_at is None or not is_recent(state.power_at, now, STATE_LATE):
        return NoGiver.UNMEASURED
    if gives_more(state.power_w, state.told_w):
        return NoGiver.DISOBEYS
    stored_wh, room_wh = _stored_wh(needs, state, now), 0
    if stored_wh is not None and wants.battery_wh is not None:
        room_wh = max(wants.battery_wh - stored_wh, 0)
    since_h = max((now - state.power_at) / timedelta(hours=1), 0.0)
    gone_wh = math.ceil(max(state.told_w, -state.power_w, 0) * since_h * 100 / EFFICIENCY_PCT)
    spare_wh = max(_spare_wh(needs, state, stored_wh) - gone_wh, 0)
    return Giver(most_w=wants.max_discharge_w, spare_wh=spare_wh, room_wh=room_wh)


def in_time_wh(spare_wh: int, lacks_wh: int, charge_w: float, left: timedelta) -> int:
    """What of it a car can have again before it leaves, beside all that it lacks."""
    hours = max((left - BACK_BEFORE) / timedelta(hours=1), 0.0)
    return max(0, min(spare_wh, int(charge_w * hours) - lacks_wh))


def may_go_on_w(spare_wh: int) -> int:
    """The power at which a car with so much to spare may be told to give now."""
    return int(spare_wh * EFFICIENCY_PCT / 100 / (GIVES_ON / timedelta(hours=1)))


def gives_more(measured_w: int, told_w: int) -> bool:
    """Whether a car gives more than it was told. Giving less is allowed."""
    return -measured_w > told_w + max(TOLERANCE_W, told_w * TOLERANCE)


def _stored_wh(needs: Needs, state: CarState, now: datetime) -> int | None:
    """What the battery holds, by what was measured lately, else by what it came with."""
    wants = needs.wants
    if wants.battery_wh is None:
        return None
    if state.soc_pct is not None and state.soc_at is not None and is_recent(state.soc_at, now, STATE_LATE):
        return int(wants.battery_wh * state.soc_pct / 100)
    if wants.present_soc_pct is None:
        return None
    return wants.battery_wh * wants.present_soc_pct // 100 + net_wh(state.got_wh, state.given_wh)


def _spare_wh(needs: Needs, state: CarState, stored_wh: int | None) -> int:
    """Without any word on what to keep, what it came with is kept; and where a state of charge is to be kept that
    nobody knows, all of it."""
    wants, net = needs.wants, net_wh(state.got_wh, state.given_wh)
    spare = []
    if wants.keep_wh is not None or wants.keep_soc_pct is None:
        spare.append(net - (wants.keep_wh or 0))
    if wants.keep_soc_pct is not None:
        known = stored_wh is not None and wants.battery_wh is not None
        spare.append((stored_wh or 0) - -(-(wants.battery_wh or 0) * wants.keep_soc_pct // 100) if known else 0)
    if wants.minimum_wh is not None:
        spare.append(net - wants.minimum_wh)
    return min(spare)
