"""All that the planner knows of a site at a time, as one value: the same plan can be made of it again, at any time."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.energy.dispatch.standing import Standing, drawn_most, is_fresh
from forecourt.energy.dispatch.times import ARRIVES_WITHIN
from forecourt.energy.expecting import Foreseen
from forecourt.energy.needs.caps import Cap
from forecourt.energy.needs.model import Needs, Priority
from forecourt.energy.outside.model import External
from forecourt.energy.signals.outlook import Outlook
from forecourt.energy.site import Settings, SiteTree
from forecourt.energy.storage.cars import Giver, NoGiver, net_wh
from forecourt.energy.storage.model import KnownBattery
from forecourt.ocpp.neutral import CarSchedule
from forecourt.platform.clock import is_recent

#: How far ahead is planned.
AHEAD: Final = timedelta(hours=24)
#: How long a car stays of which nobody knows anything, and at least from now on; and at least where its driver's word
#: is gone by.
ASSUMED_STAY: Final = timedelta(hours=3)
LEAST_STAY: Final = timedelta(minutes=30)
SOON: Final = timedelta(minutes=5)
#: What it takes in all, in Wh.
ASSUMED_WH: Final = 25_000
#: What it takes at least from now on in plans of before that was noted of each car.
LEAST_WH: Final = 2_000
#: A car that has been offered current for so long and takes less than this has stopped by itself: the slowest stations
#: that are usual take half of that to obey, and a car as long to begin.
STOPPED_AFTER: Final = timedelta(minutes=3)
STOPPED_A: Final = 0.5
STOPPED_W: Final = 100
#: For how long a measurement tells that: one that speaks every five minutes may be a minute late. One that speaks more
#: seldom is believed until its next may be late by as large a share, but for no longer than the most.
STOPPED_FOR: Final = timedelta(minutes=6)
STOPPED_FOR_MOST: Final = timedelta(minutes=20)
LATE: Final = 1.2
#: How long a car may take to begin once its station lets it.
BEGINS_WITHIN: Final = timedelta(minutes=2)
#: What its station says of one that is offered nothing is not believed for longer: it may mean that.
BELIEVED_FOR: Final = timedelta(minutes=15)
#: How much a known value may be, uncompressed.
MAX_BYTES: Final = 64 * 1024 * 1024


class Guess(Struct, frozen=True, array_like=True, gc=False):
    """How long a car may stay in all, in seconds, and what it will have taken by then."""

    stay_s: int
    takes_wh: int


class KnownCar(Struct, frozen=True, kw_only=True, gc=False):
    """A car that is plugged in at an EVSE of the tree. `energy_wh`: what it got so far; `current_a` (the highest of its
    conductors), `power_w`: as last measured; `expected_at`, `expected_wh`: when it is thought to leave and what it will
    have taken by then, where its driver's word is not all there is, and `guesses` of both, each as likely as the
    others; `means`: how the car said that it will charge.
    `charges_since`, `waits_since`: since when it has been allowed to charge without a break, or to do nothing but wait;
    both None where its station was told nothing; `had_turn`: one that waits was let charge before. `is_full`: the car
    itself takes no more for now. `given_wh`: what it gave back, `power_at`: when its power was measured, `giver`: what
    of what it has it may give, or why nothing; `cap`: a power that it is kept to; `least_wh`: what it takes at least
    from now on while it still draws and has not all it asked for."""

    session_id: UUID
    station: str
    evse: int
    evse_id: str
    transaction_id: str
    token: str | None
    started_at: datetime
    energy_wh: int
    power_w: int | None
    current_a: float | None
    offered_a: float | None
    charging_state: str | None
    needs: Needs
    expected_at: datetime | None = None
    expected_wh: int | None = None
    guesses: tuple[Guess, ...] = ()
    means: CarSchedule | None = None
    charges_since: datetime | None = None
    waits_since: datetime | None = None
    is_full: bool = False
    given_wh: int = 0
    power_at: datetime | None = None
    giver: Giver | NoGiver | None = None
    cap: Cap | None = None
    least_wh: int = LEAST_WH
    had_turn: bool = True

    @property
    def net_wh(self) -> int:
        """What it has more than when it came."""
        return net_wh(self.energy_wh, self.given_wh)

    def leaves_as_said(self, now: datetime) -> bool:
        """Whether what was said of its departure is when it has to be ready: while that is to come, nobody is kept
        waiting for longer, however long cars like it stay; one that is thought to leave sooner is ready sooner."""
        said = self.needs.departure_at
        return said is not None and said > now and (self.expected_at is None or said <= self.expected_at)

    def leaves_at(self, now: datetime) -> datetime:
        """When it has to be ready."""
        said = self.needs.departure_at
        if said is not None and self.leaves_as_said(now):
            return max(said, now + SOON)
        found = max(self.expected_at or said or self.started_at + ASSUMED_STAY, now + LEAST_STAY)
        return found if said is None or said <= now else min(found, said)

    def lacks_wh(self) -> int:
        """What it still takes, in Wh. One that is full, or has all it asked for, takes nothing."""
        return self.lacking_wh(self._takes_wh())

    def lacking_wh(self, takes_wh: int) -> int:
        """What it still takes if it takes so much in all, in Wh: what its driver needs whatever it costs in any case,
        something while it still draws, and no more than it asked for."""
        if self.is_full:
            return 0
        wanted_wh = max(takes_wh, self.needs.wants.minimum_wh or 0, self.net_wh + self.least_wh)
        asked = self.needs.energy_wh
        return max((wanted_wh if asked is None else min(wanted_wh, asked)) - self.net_wh, 0)

    @property
    def takes_as_said(self) -> bool:
        """Whether what was asked for counts, whatever the past says: for one that gives back, since what it gave it
        gets again by that, and for one that goes before others, which charges until it has it."""
        asked = self.needs.energy_wh
        return asked is not None and (
            isinstance(self.giver, Giver)
            or self.needs.wants.priority is Priority.HIGH
            or self.expected_wh is None
            or asked <= self.expected_wh
        )

    def _takes_wh(self) -> int:
        """What it takes in all, as far as is known."""
        asked = self.needs.energy_wh
        if asked is not None and self.takes_as_said:
            return asked
        if self.expected_wh is None:
            return ASSUMED_WH
        # One that goes before others isn't guessed at; it gets no less than one that is.
        guesses = self.guesses if self.needs.wants.priority is Priority.HIGH else ()
        return max([self.expected_wh, *(guess.takes_wh for guess in guesses)])


def has_stopped(
    car: KnownCar, standing: Standing, now: datetime, *, measured_at: datetime | None, every: timedelta | None = None
) -> bool:
    """Whether a car takes no more by itself: its station says so, or its current, as measured then, is nothing though
    it has been offered some for longer than that station takes to obey and a car to begin; or its power, where no
    current is measured. `every`: how often it is measured, None where nobody knows."""
    says_so = car.charging_state == "SuspendedEV"
    if car.waits_since is not None:
        return says_so and car.energy_wh > 0 and now - car.waits_since < BELIEVED_FOR
    if says_so:
        # Just before a car begins it takes nothing as well.
        return now >= _begins_by(car.charges_since or car.started_at, standing)
    withheld = car.charging_state == "SuspendedEVSE" or (car.offered_a is not None and car.offered_a < STOPPED_A)
    if withheld or car.charges_since is None:
        return False
    from_at = max(car.charges_since + STOPPED_AFTER, _begins_by(car.charges_since, standing))
    tells_for = STOPPED_FOR if every is None else min(max(STOPPED_FOR, every * LATE), STOPPED_FOR_MOST)

    def tells(at: datetime | None) -> bool:
        return at is not None and at >= from_at and is_recent(at, now, tells_for)

    if car.current_a is not None and tells(measured_at):
        return car.current_a < STOPPED_A
    return car.power_w is not None and car.power_w < STOPPED_W and tells(car.power_at)


def _begins_by(charges_since: datetime, standing: Standing) -> datetime:
    """When a car that wants to has begun, which its station was told then to let."""
    return charges_since + timedelta(seconds=standing.obey_s) + BEGINS_WITHIN


def takes_nothing(car: KnownCar, standing: Standing, now: datetime) -> bool:
    """Whether a car that may charge was measured to take nothing within MEASURED_FOR, and when it had had the time to
    begin. One that was told nothing takes nothing because of that."""
    if car.is_full:
        return True
    at = standing.drawn_at if standing.drawn_since is None else standing.drawn_since
    if car.charges_since is None or at is None or not is_fresh(standing, now):
        return False
    return at >= _begins_by(car.charges_since, standing) and drawn_most(standing) < STOPPED_A * 1000


def rests(car: KnownCar, standing: Standing, limit_ma: int, now: datetime) -> bool:
    """Whether a car that is told so much next surely draws nothing until its station obeys that: it is told nothing,
    and was measured to take nothing when it had long had the time to begin, were its station as slow as it is counted
    on to be. For a doubt of any kind it doesn't. One that is told nothing again rests as it did when it was told
    first: what it may begin to draw is of before that."""
    if limit_ma:
        return False
    if car.charges_since is None:
        return _rested_first(standing)
    if any(order.limit_ma and order.accepted is None for order in standing.orders):
        return False
    at = standing.drawn_at if standing.drawn_since is None else standing.drawn_since
    if at is None or not is_fresh(standing, now):
        return False
    # Since it booted or came back its station may have let the car begin anew.
    lets_since = max(each for each in (car.charges_since, standing.booted_at, standing.back_at) if each is not None)
    had_time_at = lets_since + ARRIVES_WITHIN + timedelta(seconds=standing.settles_s) + BEGINS_WITHIN
    return at >= had_time_at and (car.is_full or drawn_most(standing) < STOPPED_A * 1000)


def _rested_first(standing: Standing) -> bool:
    """What was noted with the first of the orders of nothing that are the last of all."""
    first = None
    for order in reversed(standing.orders):
        if order.accepted is False:
            continue
        if order.limit_ma:
            break
        first = order
    return first is not None and first.rested


class Expected(Struct, frozen=True, kw_only=True):
    """A car that may come: hours from now until it comes and leaves, what it takes, how fast it can, where by the
    tree's EVSEs, and the number of the past day of which it is."""

    comes_h: float
    leaves_h: float
    need_wh: int
    max_a: float
    kw_per_a: float
    evse: int
    scenario: int


class Knowledge(Struct, frozen=True, kw_only=True):
    """A site at a time. `standings` are those of the tree's EVSEs, in its order. `paid_w`: the highest mean power of
    the billing month so far, `worthwhile_w`: the one that would have been best for the days that are over.
    `externals`: what others limit its stations to. `batteries`: what is known of those of the tree. `leaving`: EVSEs
    of cars that give back and aren't counted on any more. `foreseen`: by what is known who may come; None in a plan
    that was made before that was noted."""

    at: datetime
    tenant_id: int
    site_id: int
    zone: str
    tree_version: int
    tree: SiteTree
    settings: Settings
    outlook: Outlook
    cars: Sequence[KnownCar]
    standings: Sequence[Standing]
    expected: Sequence[Expected] = ()
    paid_w: int = 0
    worthwhile_w: int = 0
    externals: tuple[External, ...] = ()
    batteries: tuple[KnownBattery, ...] = ()
    leaving: tuple[str, ...] = ()
    foreseen: Foreseen | None = None


class Looked(Struct, frozen=True, kw_only=True):
    """Of a `Knowledge`, what its keeper had seen of the past of a site, and by which version of the tree."""

    tree_version: int
    worthwhile_w: int = 0


def packed(known: Knowledge) -> bytes:
    """As it is stored."""
    return zlib.compress(msgspec.json.encode(known))


def unpacked(stored: bytes) -> Knowledge:
    """What was stored, as it was; but for cars at stations without an identity, which were retired and in no plan."""
    told = zlib.decompressobj().decompress(stored, MAX_BYTES)
    try:
        return msgspec.json.decode(told, type=Knowledge)
    except msgspec.ValidationError:
        known = msgspec.json.decode(told)
        cars = [car for car in known["cars"] if car["station"] is not None]
        return msgspec.json.decode(msgspec.json.encode({**known, "cars": cars}), type=Knowledge)


def looked(stored: bytes) -> Looked:
    """That alone of what was stored."""
    return msgspec.json.decode(zlib.decompressobj().decompress(stored, MAX_BYTES), type=Looked)
