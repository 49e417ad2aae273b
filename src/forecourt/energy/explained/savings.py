"""What a site's sessions cost as they were charged, and what the same sessions would have cost uncontrolled. Pure.

Uncontrolled, each car takes the highest power that was seen of its token from its start on, as far as its EVSE gives
that, until it has the energy that it took. Both ways are counted over the same steps, with the same loads and sun
beside them, by the same prices and the same charge for the highest mean. Energy is whole Wh in every step and sums up
exactly; money is exact decimals.

A car that was never let go at full speed has a lower highest power than it could have: what is saved is then told too
low. Where a token is used with several cars its highest power is that of the fastest, and what is saved may be told
too high.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

#: Sessions that all lie within less time tell nothing of what smart charging costs: what it gains by waiting for the
#: night or for the rest of a month isn't in them.
LEAST_SPAN: Final = timedelta(days=1)
_KILO: Final = Decimal(1000)
_SECOND: Final = timedelta(seconds=1)


class Charged(Struct, frozen=True, kw_only=True):
    """A session that is over. `max_w`: the highest power that was measured, None where none was. `read`: what its
    register showed between start and end, in Wh since the start, by time."""

    came_at: datetime
    left_at: datetime
    energy_wh: int
    max_w: int | None
    read: Sequence[tuple[datetime, int]] = ()


class Month(Struct, frozen=True, kw_only=True):
    """The steps (from, to) of a billing month that are counted, which share of the month they are, and what a kW of its
    highest mean costs in a whole one."""

    first: int
    last: int
    share: Decimal
    charge_per_kw: Decimal


class Time(Struct, frozen=True, kw_only=True):
    """Equal steps from a time on: the price of a kWh and what is paid for one that is fed in, and what loads take less
    the sun (Wh). `together`: so many steps make one mean of the demand charge."""

    start_at: datetime
    step: timedelta
    price: Sequence[Decimal]
    feed_in: Sequence[Decimal]
    beside_wh: Sequence[int]
    months: Sequence[Month]
    together: int = 1

    @property
    def steps(self) -> int:
        return len(self.price)

    def begins(self, step: int) -> datetime:
        return self.start_at + step * self.step


class Bill(Struct, frozen=True, kw_only=True):
    """What charging adds to a site's bill: for energy and for the highest mean, which is of the whole site."""

    energy_cost: Decimal
    demand_cost: Decimal
    peak_w: int

    @property
    def cost(self) -> Decimal:
        return self.energy_cost + self.demand_cost


class Savings(Struct, frozen=True, kw_only=True):
    """Both bills. `lasted`: from when the first car came until the last one left. `unread` sessions have no reading
    between start and end, so their energy is spread evenly over them; of `unmeasured` ones no power was measured, so
    they are counted alike in both ways."""

    sessions: int
    energy_wh: int
    lasted: timedelta
    actual: Bill
    uncontrolled: Bill
    unread: int
    unmeasured: int

    @property
    def saved(self) -> Decimal:
        return self.uncontrolled.cost - self.actual.cost

    @property
    def too_early(self) -> bool:
        """Whether what it cost more proves nothing: too little was seen."""
        return self.saved < 0 and self.lasted < LEAST_SPAN

    @property
    def held_back(self) -> bool:
        """Whether what it cost more is in part a fault of the count: its highest power is above that of uncontrolled
        charging, so that cars can take more than they were ever seen to."""
        return self.saved < 0 and self.actual.peak_w > self.uncontrolled.peak_w


def savings(time: Time, sessions: Sequence[Charged]) -> Savings:
    """Of sessions that began and ended within a time."""
    actual, uncontrolled = [0] * time.steps, [0] * time.steps
    for session in sessions:
        _add(actual, time, session.came_at, _as_read(session))
        _add(uncontrolled, time, session.came_at, _at_once(session))
    return Savings(
        sessions=len(sessions),
        energy_wh=sum(session.energy_wh for session in sessions),
        lasted=max((session.left_at for session in sessions), default=time.start_at)
        - min((session.came_at for session in sessions), default=time.start_at),
        actual=bill(time, actual),
        uncontrolled=bill(time, uncontrolled),
        unread=sum(not session.read for session in sessions),
        unmeasured=sum(session.max_w is None for session in sessions),
    )


def bill(time: Time, charged_wh: Sequence[int]) -> Bill:
    """What so much energy in each step adds to the bill of what is beside it."""
    total_wh = [mine + beside for mine, beside in zip(charged_wh, time.beside_wh, strict=True)]
    return Bill(
        energy_cost=_energy_cost(time, total_wh) - _energy_cost(time, time.beside_wh),
        demand_cost=_demand_cost(time, total_wh) - _demand_cost(time, time.beside_wh),
        peak_w=_peak_w(time, total_wh, 0, time.steps),
    )


def _energy_cost(time: Time, net_wh: Sequence[int]) -> Decimal:
    cost = Decimal(0)
    for wh, price, feed_in in zip(net_wh, time.price, time.feed_in, strict=True):
        cost += wh * (price if wh > 0 else feed_in)
    return cost / _KILO


def _demand_cost(time: Time, net_wh: Sequence[int]) -> Decimal:
    cost = Decimal(0)
    for month in time.months:
        cost += _peak_w(time, net_wh, month.first, month.last) * month.charge_per_kw * month.share
    return cost / _KILO


def _peak_w(time: Time, net_wh: Sequence[int], first: int, last: int) -> int:
    """The highest mean, in W, rounded down; never below nothing, which no month is charged for."""
    hours = Decimal(time.step // timedelta(seconds=1)) * time.together / 3600
    means = (sum(net_wh[at : at + time.together]) for at in range(first, last, time.together))
    return max(0, int(max(means, default=0) / hours))


def _add(into: list[int], time: Time, start: datetime, curve: Sequence[tuple[datetime, int]]) -> None:
    """Adds what a growing curve (Wh by time) takes in each step. Differences of whole numbers: no Wh is lost."""
    before = place = 0
    for step in range((start - time.start_at) // time.step, time.steps):
        place, reached = _at(curve, place, time.begins(step + 1))
        into[step] += reached - before
        before = reached
        if before == curve[-1][1]:
            return


def _at(curve: Sequence[tuple[datetime, int]], place: int, at: datetime) -> tuple[int, int]:
    """What a curve has reached at a time, between its points in a straight line and rounded down, and the point before;
    it is looked for from `place` on."""
    while place + 1 < len(curve) and curve[place + 1][0] <= at:
        place += 1
    then, wh = curve[place]
    if place + 1 == len(curve) or at <= then:
        return place, wh
    later, later_wh = curve[place + 1]
    return place, wh + (later_wh - wh) * ((at - then) // _SECOND) // max(1, (later - then) // _SECOND)


def _as_read(session: Charged) -> list[tuple[datetime, int]]:
    """By the register, which never falls and never shows more than was taken in all."""
    curve = [(session.came_at, 0)]
    for at, wh in session.read:
        if session.came_at < at < session.left_at:
            curve.append((at, min(max(wh, curve[-1][1]), session.energy_wh)))
    return [*curve, (session.left_at, session.energy_wh)]


def _at_once(session: Charged) -> list[tuple[datetime, int]]:
    """At the highest power from the start on, and at its mean power at least, or it would leave without its energy."""
    stay = session.left_at - session.came_at
    if session.max_w is None:
        return _as_read(session)
    least_w = -(-session.energy_wh * 3600 // max(1, stay // _SECOND))
    seconds = -(-session.energy_wh * 3600 // max(1, session.max_w, least_w))
    return [(session.came_at, 0), (session.came_at + timedelta(seconds=seconds), session.energy_wh)]
