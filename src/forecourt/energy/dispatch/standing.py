"""What each EVSE may draw at the most, by what its station was told and can be known to hold.

It is this that the tree must bear, not what cars happen to draw: a car may take all that its station offers at any
moment. An order counts from when it is sent if it allows more, and from when it is surely obeyed if it allows less:
what was under way when it was sent may come to its station after it, and then is what that goes by.

A station that is silent goes on with the profile of its transaction until that ends, and then with its default one
(OCPP 1.6 §3.13, 2.0.1 K01). The default begins with a pause that is longer than any transaction's profile holds: a car
that comes while nobody can be told draws nothing until every profile of before has run out. A limit below the default
is a promise only while it outlives all higher ones. So all stations may fall silent at once, at any moment, and the
site's own limits hold; one that is lower for a while, and that the defaults don't bear, doesn't then.

What can't be brought to what is meant for it (`controllable`) counts as it is: measured where no profile binds it.
What is measured a little above what binds it, which is no disobedience, counts as measured.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.times import ARRIVES_WITHIN, CLOCK_MARGIN, LOW_LEAST, PAUSE
from forecourt.energy.rows import Floats
from forecourt.platform.clock import is_recent, is_within

#: A measured current is believed for so long.
MEASURED_FOR: Final = timedelta(minutes=3)
#: By how much a measured current may exceed a limit, the larger of both: meters and cars are not exact.
TOLERANCE_MA: Final = 1_000
TOLERANCE: Final = 0.1
#: By how much a meter may be wrong, the larger of both: what is measured above a limit by no more isn't counted.
EXACT_MA: Final = 100
EXACT: Final = 0.01
#: What a station takes to obey, before anything is known of it: it is judged by this, and its limits count by the
#: other, as slow as the slowest that are usual, until it was seen to be quick.
OBEY_S: Final = 10.0
UNPROVEN_S: Final = 90.0
#: What passes from when a limit is known to when stations have been told: a look, and the way to them.
TELLS_WITHIN: Final = timedelta(seconds=10)
#: One that has answered nothing for so long is not counted on to obey: longer than any call is waited for.
DOUBT_AFTER: Final = timedelta(seconds=60)
#: A station that comes back tells within this time what was begun while it was away.
RETURN_FOR: Final = timedelta(minutes=3)
#: A broken line is noticed so much later at the latest.
NOTICED_AFTER: Final = timedelta(minutes=2)
#: An EVSE where nothing was known to run, and that nothing binds, is taken to be without power after so long a silence.
ABSENT_AFTER: Final = timedelta(hours=1)


class Draws(Struct, frozen=True, kw_only=True):
    """Of each EVSE at a time: what it may draw, in A, what of that is above what it was told, as it is measured, and
    whether it can be thought to come to what it is told."""

    at: datetime
    may_a: Floats
    beyond_a: Floats
    controllable: npt.NDArray[np.bool_]


class Order(Struct, frozen=True, kw_only=True, gc=False):
    """A limit that was sent to a station for a transaction. `accepted`: its answer, None as long as there is none (it
    may hold the limit or not). From `valid_to` on it holds no more. `gives_ma`: what was to flow back, of one that lets
    nothing be drawn. `unsent`: it never reached the station, which says nothing of it; `awaited`: somebody still waits
    for the answer. `drawn_ma`: what was drawn when it was sent, None where that wasn't known; `still_since`: from when
    on nothing was, as it was measured, None where it wasn't; `rested`: the car drew nothing of what it might, though it
    had had the time to begin."""

    limit_ma: int
    sent_at: datetime
    valid_to: datetime
    answered_at: datetime | None = None
    accepted: bool | None = None
    unsent: bool = False
    awaited: bool = True
    gives_ma: int = 0
    drawn_ma: int | None = None
    still_since: datetime | None = None
    rested: bool = False


class Standing(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one EVSE. `there`: its station was connected before. `orders` of the running transaction, oldest
    first.

    `fallback_ma`: the most that a default profile allows which it holds or may hold, since `fallback_at`; None where it
    is not known to hold any, and a car draws up to `max_ma`: for good where it `refuses_default`. `obey_s`: what the
    station takes to obey, `proven`: as was seen, `fell_at`: when the limit was sent to which its draw was last seen to
    fall, `fell_s`: what that told of how long it takes. `disobeys`: it drew more than it was allowed, for longer
    than that. `back_at`: when its station came back that was away since `away_at`; None where what it did meanwhile
    is known. What was said before `booted_at` may be forgotten. `prioritised`: it may go by a profile of its own
    for priority, whatever it was told. `drawn_ma`: what was measured last, `drawn_most_ma` where that may be more
    on one conductor; a mean where it is `drawn_since` a time.
    """

    max_ma: int
    there: bool = True
    fallback_ma: int | None = None
    fallback_at: datetime | None = None
    refuses_default: bool = False
    obey_s: float = OBEY_S
    proven: bool = False
    fell_at: datetime | None = None
    fell_s: float = 0.0
    silent_since: datetime | None = None
    away_at: datetime | None = None
    back_at: datetime | None = None
    booted_at: datetime | None = None
    running_since: datetime | None = None
    orders: tuple[Order, ...] = ()
    disobeys: bool = False
    prioritised: bool = False
    drawn_ma: int | None = None
    drawn_most_ma: int | None = None
    drawn_at: datetime | None = None
    drawn_since: datetime | None = None

    @property
    def settles_s(self) -> float:
        """After how many seconds it is counted on to obey."""
        return self.obey_s if self.proven else max(self.obey_s, UNPROVEN_S)


def may_draw(standing: Standing, now: datetime) -> tuple[int, Ground]:
    """The most that an EVSE may draw now, in mA on each of its conductors, and why."""
    bound_ma, ground = _bound(standing, now)
    return bound_ma + _beyond(standing, bound_ma, now), ground


def is_obeyed(drawn_ma: int, limit_ma: int) -> bool:
    """Whether what is drawn keeps a limit, as exactly as cars and meters do."""
    return drawn_ma <= limit_ma + max(TOLERANCE_MA, int(limit_ma * TOLERANCE))


def _bound(standing: Standing, now: datetime) -> tuple[int, Ground]:
    """What an EVSE is bound to by what it may go by, in mA, or what it is measured to draw where nothing binds it."""
    if standing.running_since is None:
        return _idle(standing, now)
    if standing.prioritised:
        return standing.max_ma, Ground.PRIORITISED
    if standing.disobeys:
        return _drawn(standing, now), Ground.DISOBEYS
    orders, default_ma = orders_held(standing, now), _default_ma(standing)
    told_ma = max((order.limit_ma for order in orders), default=0)
    if standing.silent_since is not None:
        return min(max(told_ma, default_ma), standing.max_ma), Ground.SILENT
    refuses = _refuses(standing)
    if refuses and not orders and standing.fallback_ma is None:
        return _drawn(standing, now), Ground.REFUSES
    most_ma = told_ma if _is_lasting(orders, standing, now) and not refuses else max(told_ma, default_ma)
    return min(most_ma, standing.max_ma), _why(standing, orders, most_ma, refuses=refuses, now=now)


def controllable(standing: Standing, now: datetime) -> bool:
    """Whether an EVSE where something runs can be thought to come to what it is told. Else it counts as it is."""
    return (
        standing.running_since is not None
        and standing.silent_since is None
        and not standing.disobeys
        and not standing.prioritised
        and not _refuses(standing)
        and not _is_doubtful(standing, now)
    )


def draws_of(standings: Sequence[Standing], at: datetime) -> Draws:
    """What is asked of all of them several times in one look."""
    bound_ma = [_bound(standing, at)[0] for standing in standings]
    beyond_ma = [_beyond(standing, each, at) for standing, each in zip(standings, bound_ma, strict=True)]
    return Draws(
        at=at,
        may_a=(np.array(bound_ma, dtype=np.float64) + beyond_ma) / 1000,
        beyond_a=np.array(beyond_ma, dtype=np.float64) / 1000,
        controllable=np.array([controllable(standing, at) for standing in standings], dtype=np.bool_),
    )


def newest(standing: Standing, now: datetime) -> Order | None:
    """The latest order that the station has or may have, and that still holds."""
    return next((order for order in orders_held(standing, now) if order.valid_to > now), None)


def as_of(standing: Standing, at: datetime) -> Standing:
    """The same as far as it was so at a time, told by what is known by now. Whether it obeyed is left open."""
    orders = tuple(
        order
        if order.answered_at is None or order.answered_at <= at or order.accepted is False
        else replace(order, answered_at=None, accepted=None)
        for order in standing.orders
        if order.sent_at <= at
    )
    guarded = standing.fallback_at is None or standing.fallback_at + timedelta(seconds=standing.settles_s) <= at
    return replace(standing, orders=orders, disobeys=False, fallback_ma=standing.fallback_ma if guarded else None)


def is_low(limit_ma: int, standing: Standing) -> bool:
    """Whether an EVSE would draw more by its default than by a limit."""
    return limit_ma < _default_ma(standing)


def is_forgotten(order: Order, standing: Standing) -> bool:
    """Whether the station has booted since it took an order, and may not hold it any more."""
    return standing.booted_at is not None and order.answered_at is not None and order.answered_at < standing.booted_at


def _idle(standing: Standing, now: datetime) -> tuple[int, Ground]:
    """Where nothing is known to run."""
    if not standing.there:
        return 0, Ground.IDLE
    bound = standing.fallback_ma is not None and not standing.disobeys
    default_ma = _default_ma(standing) if bound else standing.max_ma
    if standing.silent_since is not None:
        if not bound and now - standing.silent_since >= ABSENT_AFTER:
            return 0, Ground.ABSENT
        return default_ma, Ground.SILENT
    if standing.back_at is not None and is_within(now, standing.back_at, RETURN_FOR):
        began_at = (standing.away_at or standing.back_at) - NOTICED_AFTER
        # Whoever came meanwhile is still in the pause of the default.
        if not bound or now >= began_at + PAUSE:
            return default_ma, Ground.RETURNED
    if bound:
        return 0, Ground.IDLE
    # A car that comes draws all at once until it is told; where that can't be had otherwise nothing is kept for it.
    return 0 if standing.refuses_default or standing.disobeys else standing.max_ma, Ground.UNGUARDED


def _why(standing: Standing, held: Sequence[Order], most_ma: int, *, refuses: bool, now: datetime) -> Ground:
    if refuses:
        return Ground.REFUSES
    if _is_doubtful(standing, now):
        return Ground.UNANSWERED
    if any(order.valid_to > now for order in held):
        alone = len(held) == 1 and is_settled(held[0], standing, now)
        # Whether it obeys yet or not, it may draw no more than it was told last.
        known = held[0].accepted and not is_forgotten(held[0], standing) and held[0].limit_ma >= most_ma
        return Ground.ORDER if alone or known else Ground.UNDER_WAY
    return Ground.UNCONTROLLED if standing.fallback_ma is None else Ground.FALLBACK


def _default_ma(standing: Standing) -> int:
    return standing.max_ma if standing.fallback_ma is None else min(standing.fallback_ma, standing.max_ma)


def _refuses(standing: Standing) -> bool:
    """Whether the station's last word on a limit was no; what never reached it tells nothing, nor does one that only
    can't give back."""
    reached = [
        order
        for order in standing.orders
        if not order.unsent and order.accepted is not None and (order.accepted or not order.gives_ma)
    ]
    return bool(reached) and reached[-1].accepted is False


def _is_doubtful(standing: Standing, now: datetime) -> bool:
    """Whether the station has left unanswered what it was told, or could not be reached, for so long that it can't be
    counted on."""
    waiting = None
    for order in reversed(standing.orders):
        if order.accepted is not None and not order.unsent:
            break
        waiting = order
    return waiting is not None and not is_within(now, waiting.sent_at, DOUBT_AFTER)


def orders_held(standing: Standing, now: datetime) -> list[Order]:
    """The orders that a station may go by, newest first: a settled one replaces those before it that had surely come
    when it was sent."""
    held, settled = list[Order](), None
    for order in reversed(standing.orders):
        if order.accepted is False or (settled is not None and has_come(order, settled.sent_at)):
            continue
        if order.valid_to + CLOCK_MARGIN > now:
            held.append(order)
        if settled is None and is_settled(order, standing, now):
            settled = order
    return held


def has_come(order: Order, by: datetime) -> bool:
    """Whether an order was with its station at a time, or could not come to it any more."""
    return (order.answered_at is not None and order.answered_at <= by) or not is_within(
        by, order.sent_at, ARRIVES_WITHIN
    )


def _is_lasting(held: Sequence[Order], standing: Standing, now: datetime) -> bool:
    """Whether the station surely goes by an order, or a newer one, until no higher limit of another holds any more.
    `held`: what it may go by, newest first."""
    settled = next((number for number, order in enumerate(held) if is_settled(order, standing, now)), None)
    if settled is None:
        return False
    first, *before = held[settled:]
    bound = (first, *(order for order in before if is_low(order.limit_ma, standing)))
    return all(order.valid_to - now >= LOW_LEAST for order in bound)


def is_settled(order: Order, standing: Standing, now: datetime) -> bool:
    """Whether an order is surely obeyed by now."""
    at = settles_at(order, standing)
    return at is not None and at <= now


def settles_at(order: Order, standing: Standing) -> datetime | None:
    """From when on an order is surely obeyed; None where nobody knows."""
    if not order.accepted or order.answered_at is None or is_forgotten(order, standing):
        return None
    in_time_at = order.answered_at + timedelta(seconds=standing.settles_s)
    seen_at = order.answered_at if _rests(order, standing) else _seen_at(order, standing)
    return in_time_at if seen_at is None else min(in_time_at, seen_at)


def _rests(order: Order, standing: Standing) -> bool:
    """Whether a car that drew nothing of what it might, and was told to draw nothing, draws nothing as far as anybody
    knows: that it begins again just before its station surely obeys is no chance that is worth reckoning with either.
    Until it is measured to have."""
    if order.limit_ma or not order.rested or order.still_since is None or order.answered_at is None:
        return False
    if standing.drawn_ma is None or standing.drawn_at is None or is_obeyed(drawn_most(standing), 0):
        return True
    # What it draws of what its station took since tells nothing of that, where it is no more.
    return any(
        order.sent_at < later.sent_at <= standing.drawn_at
        and later.accepted
        and is_obeyed(drawn_most(standing), later.limit_ma)
        for later in standing.orders
    )


def _seen_at(order: Order, standing: Standing) -> datetime | None:
    """When an EVSE that drew something was measured to draw nothing since it said yes to that. That a car drew less by
    itself looks like any other limit; that it stopped by itself just then, and begins again before its station surely
    obeys, is no chance that is worth reckoning with."""
    if order.limit_ma or order.drawn_ma is None or order.answered_at is None or is_obeyed(order.drawn_ma, 0):
        return None
    for later in standing.orders:
        # It may draw something by now that it was told since.
        if later.still_since is not None and later.still_since > order.answered_at:
            return later.sent_at
    since = _still_since(standing)
    return standing.drawn_at if since is not None and since > order.answered_at else None


def still_since(standing: Standing, now: datetime) -> datetime | None:
    """From when on an EVSE is measured to draw nothing on any conductor, a mean from when it began; None where it draws
    something, or nothing was measured lately."""
    return _still_since(standing) if is_fresh(standing, now) else None


def _still_since(standing: Standing) -> datetime | None:
    if standing.drawn_ma is None or not is_obeyed(drawn_most(standing), 0):
        return None
    return standing.drawn_at if standing.drawn_since is None else standing.drawn_since


def _beyond(standing: Standing, bound_ma: int, now: datetime) -> int:
    """By how much more an EVSE was measured to draw than it is bound to, in mA, as far as one that obeys may. What was
    measured while it might draw more by what it had been told tells nothing."""
    drawn_ma, at = standing.drawn_ma, standing.drawn_at
    if drawn_ma is None or at is None or drawn_ma <= bound_ma + max(EXACT_MA, bound_ma * EXACT):
        return 0
    unjudged = standing.running_since is None or standing.disobeys or not is_recent(at, now, MEASURED_FOR)
    if unjudged or not is_obeyed(drawn_ma, bound_ma):
        return 0
    since = at if standing.drawn_since is None else standing.drawn_since
    sent_ma = [
        order.limit_ma for order in standing.orders if since < order.sent_at <= at and order.accepted is not False
    ]
    before_ma = max(_bound(as_of(standing, since), since)[0], *sent_ma, 0)
    return drawn_ma - bound_ma if before_ma <= bound_ma else 0


def is_fresh(standing: Standing, now: datetime) -> bool:
    """Whether what it draws was measured a short while ago."""
    at = standing.drawn_at
    return standing.drawn_ma is not None and at is not None and is_recent(at, now, MEASURED_FOR)


def drawn_most(standing: Standing) -> int:
    """The most that may have flown on one conductor by what was measured last, in mA: no more than it can give."""
    most_ma = standing.drawn_ma if standing.drawn_most_ma is None else standing.drawn_most_ma
    return standing.max_ma if most_ma is None else min(most_ma, standing.max_ma)


def _drawn(standing: Standing, now: datetime) -> int:
    return drawn_most(standing) if is_fresh(standing, now) else standing.max_ma
