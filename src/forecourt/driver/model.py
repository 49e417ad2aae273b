"""Where a driver is on the way from the price to the receipt, and what is said there. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.payments.intents.model import TAKEN, Intent, State
from forecourt.platform.errors import ForecourtError

#: How often the pages of a payment ask anew, in seconds: what changes by itself, and what a driver waits for.
REFRESH_S: Final = 10
SOON_S: Final = 2
#: Where there is a script it asks this often instead.
LIVE_S: Final = 3
#: And the price of a connector where nobody can pay just now this often.
SHUT_LIVE_S: Final = 5

#: The event by which the station hears that somebody pays there; the subject is the payment's id.
BEGUN: Final = "driver.begun"
#: So long its display says so, at the most; most have paid by then.
WEB_PAYMENT_S: Final = 300


class HeldBack(StrEnum):
    """Why a car charges as it does, by smart charging, as its driver is told."""

    FULL = "full"
    #: The car itself takes no more.
    CAR = "car"
    #: Nothing holds it back but the car, its cable and the station.
    FAST = "fast"
    #: What is held is nearly used up.
    HELD = "held"
    #: By a limit that it shares with other cars.
    SHARED = "shared"
    #: By any other limit of the site.
    SITE = "site"
    #: More at once would raise the site's highest power.
    PEAK = "peak"
    CHEAPER = "cheaper"
    CLEANER = "cleaner"
    DEAR = "dear"
    #: There is too little sun.
    SUN = "sun"
    TURN = "turn"
    #: It gives energy back.
    GIVES = "gives"
    #: Nothing presses.
    LATER = "later"


class Stage(StrEnum):
    """What a driver sees of a payment."""

    #: The provider is asked for its page.
    OPENING = "opening"
    #: The provider's page waits for the driver.
    PAY = "pay"
    #: The money is held, and the station is asked.
    STARTING = "starting"
    #: The station waits for the plug.
    PLUG = "plug"
    CHARGING = "charging"
    #: The car is full, or pauses; parking may cost.
    PAUSED = "paused"
    STOPPING = "stopping"
    #: The session is over, and its price not yet final.
    BILLING = "billing"
    RECEIPT = "receipt"
    #: The session cost nothing: a voucher paid for all of it, or it has no price.
    FREE = "free"
    #: Nothing was taken: given up, not plugged in, refused.
    NOTHING = "nothing"
    DECLINED = "declined"
    #: The session could not be charged.
    OWED = "owed"
    #: It could not be charged, and was paid later by another payment.
    PAID_LATE = "paid_late"


#: Stages that nothing follows.
LAST: Final = frozenset({Stage.RECEIPT, Stage.FREE, Stage.NOTHING, Stage.DECLINED, Stage.OWED, Stage.PAID_LATE})
#: Stages at which there is a receipt.
PAID: Final = frozenset({Stage.RECEIPT, Stage.FREE, Stage.PAID_LATE})
#: States of a payment of which nothing was taken by itself.
UNPAID: Final = frozenset({State.FAILED, State.EXPIRED, State.ABANDONED, State.RELEASED, State.RELEASING})
#: Which of the four steps a stage belongs to: pay, plug in, charge, receipt; none where nothing came of it.
STEPS: Final = {
    Stage.OPENING: 1,
    Stage.PAY: 1,
    Stage.STARTING: 2,
    Stage.PLUG: 2,
    Stage.CHARGING: 3,
    Stage.PAUSED: 3,
    Stage.STOPPING: 3,
    Stage.BILLING: 4,
    Stage.RECEIPT: 4,
    Stage.FREE: 4,
    Stage.PAID_LATE: 4,
}
#: Stages from which a driver may give up.
CAN_GIVE_UP: Final = frozenset({Stage.OPENING, Stage.PAY, Stage.STARTING, Stage.PLUG})


class Box(Struct, frozen=True, kw_only=True):
    """A part of the map, in degrees. `west` beyond `east`: it goes over 180 degrees east."""

    south: float
    west: float
    north: float
    east: float


class Running(Struct, frozen=True, kw_only=True):
    """What a session does, as far as its driver is told."""

    started_at: datetime
    ended_at: datetime | None
    energy_wh: int | None
    power_w: int | None
    soc_pct: int | None
    charging_state: str | None


def stage_of(
    intent: Intent, running: Running | None, start_expires_at: datetime | None, paid_late: int = 0,
    owed_again: int = 0,
) -> Stage:  # fmt: skip
    """Where a driver is. `running`: the session, once there is one; `start_expires_at`: until when the station waits
    for the plug, once it has accepted the start; `paid_late`: what was paid later of what was owed, in minor units;
    `owed_again`: what of that the provider took back since."""
    if intent.state in UNPAID:
        if intent.owed_amount or owed_again:
            return Stage.OWED
        if paid_late:
            return Stage.PAID_LATE
        if intent.state is State.FAILED:
            return Stage.DECLINED
        if running is not None and intent.billed_amount is None:
            # The hold is gone, and what it was for is paid otherwise.
            return Stage.STOPPING if running.ended_at is None else Stage.BILLING
        given_back = intent.state in (State.RELEASING, State.RELEASED)
        if running is not None and running.ended_at is not None and running.energy_wh and given_back:
            return Stage.FREE
        return Stage.NOTHING
    if intent.state in TAKEN and not intent.is_ahead:
        return Stage.OWED if intent.owed_amount or owed_again else Stage.RECEIPT
    if intent.state is State.HOLD_REQUESTED and intent.ends_as is State.ABANDONED:
        # Given up while the provider doesn't answer: what is asked of it is taken back once it does.
        return Stage.NOTHING
    if intent.state is State.HOLD_REQUESTED:
        return Stage.PAY if intent.page_url is not None else Stage.OPENING
    if running is None:
        return Stage.PLUG if start_expires_at is not None else Stage.STARTING
    if running.ended_at is not None or intent.state is State.CAPTURING:
        return Stage.BILLING
    if intent.stop_asked_at is not None:
        return Stage.STOPPING
    paused = running.charging_state in ("SuspendedEV", "SuspendedEVSE", "Idle", "EVConnected")
    return Stage.PAUSED if paused else Stage.CHARGING


def departure_of(clock: str, now: datetime) -> datetime:
    """The next moment at which a clock of the site shows this time (`17:30`); `now` in the site's zone."""
    hour, _, minute = clock.partition(":")
    wanted = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return wanted if wanted > now else wanted + timedelta(days=1)


class PlaceUnknown(ForecourtError):
    """There is no such connector. Check the code at the station, or ask whoever runs it."""

    status = 404
    code = "place-unknown"


class CodeStale(ForecourtError):
    """This code is not good any more: those on a station's display change every minute, and each is good once. Scan the
    one that is shown now."""

    status = 410
    code = "code-stale"


class NotRunning(ForecourtError):
    """No session runs for this payment, so there is nothing to stop or change."""

    status = 409
    code = "not-running"
