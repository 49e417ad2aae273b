"""Who is told what now: less at once, more only where the tree bears it while those who shall draw less still draw
what they may.

Stations are not told every ampere: a limit that moves by less than STEP_MA is left, one EVSE is told at most once in
REST, and what holds is renewed well before its time is over. Less that safety needs is told whenever it is needed, and
again when nobody waits any more for an answer to it: not while what was told already is enough, and only isn't surely
obeyed yet. What only said the same again is nothing that an EVSE rests from.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.dispatch.standing import (
    Draws,
    Order,
    Standing,
    controllable,
    draws_of,
    has_come,
    is_forgotten,
    is_low,
    newest,
    orders_held,
)
from forecourt.energy.dispatch.times import LOW_LEAST, LOW_VALID_FOR, VALID_FOR
from forecourt.energy.rows import SLACK, Floats, Flows, Rows
from forecourt.platform.clock import is_within

#: Smaller changes are not worth a message.
STEP_MA: Final = 1_000
#: While the tree may be overloaded, smaller ones are.
URGENT_STEP_MA: Final = 100
#: How long one EVSE is left alone after it was told something.
REST: Final = timedelta(seconds=60)
#: The same where the last word did not reach the station, or is told again while the tree may be overloaded.
AGAIN: Final = timedelta(seconds=10)


class Told(Struct, frozen=True, kw_only=True):
    """What a station is to be told: the EVSE by its column, the limit on each conductor; where that is 0, what shall
    flow back on each."""

    evse: int
    limit_ma: int
    valid_to: datetime
    urgent: bool = False
    gives_ma: int = 0


def due(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, now: datetime
) -> list[Told]:
    """What is to be sent now, decreases first, then who has nothing yet, each kind by EVSE.

    `target_ma`: what each EVSE shall have, kept by all together within `rows` and what is measured beyond; without
    meaning for one where nothing runs, and for one that can't be brought to it: that is told again what it was told.
    `least_ma`: what it must have to charge at all; more is granted from there on, or not yet.
    """
    draws = draws_of(standings, now)
    target_ma, found = _less_of_all(standings, target_ma, least_ma, rows, draws)
    told_less = {told.evse for told in found}
    flows = Flows(rows, draws.may_a.copy())
    for number in sorted(range(len(standings)), key=lambda number: _has_something(standings[number], now)):
        standing = standings[number]
        if number not in told_less and _can_be_told(standing, draws, number):
            beyond_a = float(draws.beyond_a[number])
            more = _more(number, standing, target_ma[number], least_ma[number], flows.room(number) - beyond_a, now)
            if more is not None:
                flows.put(number, max(draws.may_a[number], more.limit_ma / 1000 + beyond_a))
                found.append(more)
    return found


def cut_due(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, draws: Draws
) -> list[Told]:
    """What of it safety needs, at the time of `draws`."""
    _, found = _less_of_all(standings, target_ma, least_ma, rows, draws)
    return [told for told in found if told.urgent]


def _less_of_all(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, draws: Draws
) -> tuple[Sequence[int], list[Told]]:
    """What is meant for each EVSE, and who is told less or the same."""
    over = rows.overload(draws.may_a) > 1 + SLACK
    short = over and rows.overload(flows_told(standings, draws)) > 1 + SLACK
    target_ma = _meant(standings, target_ma, least_ma, rows, over, draws)
    less = [
        _less(number, standing, target_ma[number], draws, over=over, short=short)
        for number, standing in enumerate(standings)
        if _can_be_told(standing, draws, number)
    ]
    return target_ma, [told for told in less if told is not None]


def next_try(standings: Sequence[Standing], now: datetime) -> datetime | None:
    """When somebody may be told again who was not reached, or of whom nobody awaits an answer any more."""
    last = [standing.orders[-1] for standing in standings if standing.orders and controllable(standing, now)]
    moments = [order.sent_at + AGAIN for order in last if order.unsent or _is_unknown(order)]
    return min((moment for moment in moments if moment > now), default=None)


def flows_told(standings: Sequence[Standing], draws: Draws, limit_ma: Sequence[int] | None = None) -> Floats:
    """What each EVSE draws at the most in A once all obey who can be thought to: what it was told last, or `limit_ma`
    where that is less."""
    found = draws.may_a.copy()
    for number in np.nonzero(draws.controllable)[0].tolist():
        last = newest(standings[number], draws.at)
        if last is not None:
            told_ma = last.limit_ma if limit_ma is None else min(last.limit_ma, limit_ma[number])
            found[number] = min(found[number], told_ma / 1000 + float(draws.beyond_a[number]))
    return found


def _has_something(standing: Standing, now: datetime) -> bool:
    last = newest(standing, now)
    return last is not None and last.limit_ma > 0


def _meant(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, over: bool,
    draws: Draws,
) -> Sequence[int]:  # fmt: skip
    """The targets, with what those are told that can't be brought to one: whatever they draw and count with, a limit is
    cut for them as for everybody. They get no more than there is beside what the others shall have."""
    running = np.array([standing.running_since is not None for standing in standings], dtype=np.bool_)
    doubtful = np.nonzero(running & ~draws.controllable)[0].tolist()
    if not doubtful:
        return target_ma
    found = list(target_ma)
    meant_a = np.array(target_ma, dtype=np.float64) / 1000 + draws.beyond_a
    flows = Flows(rows, np.where(draws.controllable, meant_a, 0.0))
    for number in doubtful:
        wanted_ma = _wanted(standings[number], least_ma[number], over)
        room_a = flows.room(number)
        room_ma = int(room_a * 1000 + SLACK) if np.isfinite(room_a) else wanted_ma
        limit_ma = min(wanted_ma, room_ma)
        found[number] = limit_ma if limit_ma >= min(wanted_ma, least_ma[number]) else 0
        flows.put(number, found[number] / 1000)
    return found


def _wanted(standing: Standing, least_ma: int, over: bool) -> int:
    """One that can't be brought to a target is told again what it was told, and less while the tree may be overloaded:
    it may come to obey, or obey without a word. One that goes by a profile of its own is told all that it counts with,
    once the tree bears that."""
    if standing.prioritised and not over:
        return standing.max_ma
    told_ma = min(standing.orders[-1].limit_ma, standing.max_ma) if standing.orders else 0
    return min(told_ma, least_ma) if over else told_ma


def _can_be_told(standing: Standing, draws: Draws, number: int) -> bool:
    """One that refused is left alone for a while as well, and one out of reach for a moment."""
    if standing.running_since is None or standing.silent_since is not None:
        return False
    last = standing.orders[-1] if standing.orders else None
    if last is None or last.accepted is not False:
        return True
    return not is_within(draws.at, last.sent_at, AGAIN if last.unsent and draws.controllable[number] else REST)


def _less(evse: int, standing: Standing, target_ma: int, draws: Draws, *, over: bool, short: bool) -> Told | None:
    """A decrease, or the same again for longer. A running car is told something in any case, or nobody would know
    whether its station obeys. `over`: the tree may be overloaded; `short`: by what all were told as well."""
    now = draws.at
    last = newest(standing, now)
    if last is None:
        most_ma = round(float(draws.may_a[evse]) * 1000)
        return _told(evse, target_ma, standing, now, urgent=over) if target_ma <= most_ma else None
    if target_ma > last.limit_ma:
        return None
    step_ma = URGENT_STEP_MA if short and not is_within(now, last.sent_at, AGAIN) else STEP_MA
    falls = last.limit_ma - target_ma >= step_ma or (target_ma == 0) != (last.limit_ma == 0)
    unsure = _is_lost(last, now) or _is_contested(standing, now)
    rested = _is_rested(_spoken(standing, last, _trims, _renews), now)
    if (falls and (short or rested)) or (unsure and (over or _is_rested(_spoken(standing, last, _trims), now))):
        return _told(evse, target_ma, standing, now, urgent=short or (unsure and over))
    renews = _is_rested(last, now) and _wants_renewal(last, standing, now)
    return _told(evse, target_ma, standing, now) if renews else None


def _spoken(standing: Standing, last: Order, *beside: Callable[[Order, Order], bool]) -> Order:
    """The last order but for those that are, `beside` the one before, none to rest from."""
    for before, after in zip(reversed(standing.orders[:-1]), reversed(standing.orders), strict=False):
        if not any(each(before, after) for each in beside):
            return after
    return standing.orders[0] if standing.orders else last


def _trims(before: Order, after: Order) -> bool:
    """Whether one only took a little off, which a limit needed: an EVSE that is cut again and again has to be told what
    is planned all the same."""
    return 0 < before.limit_ma - after.limit_ma < STEP_MA


def _renews(before: Order, after: Order) -> bool:
    """Whether one said the same for longer."""
    return (before.limit_ma, before.gives_ma) == (after.limit_ma, after.gives_ma)


def _is_rested(last: Order, now: datetime) -> bool:
    return not is_within(now, last.sent_at, REST)


def _is_lost(last: Order, now: datetime) -> bool:
    """Whether nobody knows if the station took it, and nobody will."""
    return _is_unknown(last) and not is_within(now, last.sent_at, AGAIN)


def _is_contested(standing: Standing, now: datetime) -> bool:
    """Whether a station may have been told more after its newest limit than by that, though all has come by now: told
    again, it is certain which it goes by."""
    held = orders_held(standing, now)
    if not held or held[0].answered_at is None:
        return False
    last, *before = held
    return any(
        order.limit_ma > last.limit_ma and has_come(order, now) and not has_come(order, last.sent_at)
        for order in before
    )


def _is_unknown(last: Order) -> bool:
    return last.accepted is None and (last.answered_at is not None or not last.awaited)


def _wants_renewal(last: Order, standing: Standing, now: datetime) -> bool:
    """Half of its time is over, or nobody knows whether the station took it, or still has it."""
    left = last.valid_to - now
    if last.accepted is None or is_forgotten(last, standing) or left > LOW_VALID_FOR:
        return True
    low = is_low(last.limit_ma, standing)
    return left <= ((LOW_LEAST + LOW_VALID_FOR) / 2 if low else VALID_FOR / 2)


def _more(evse: int, standing: Standing, target_ma: int, least_ma: int, room_a: float, now: datetime) -> Told | None:
    """An increase as far as there is room while all others draw what they may, though it may draw as much itself until
    it has surely obeyed; a part of it is better than none."""
    last = newest(standing, now)
    if last is not None and last.limit_ma > 0 and not _is_rested(_spoken(standing, last, _renews), now):
        return None
    held_ma = 0 if last is None else last.limit_ma
    limit_ma = int(min(target_ma, room_a * 1000))
    if limit_ma < least_ma:
        limit_ma = 0
    if limit_ma - held_ma < STEP_MA:
        if last is None or not _is_rested(last, now) or not _wants_renewal(last, standing, now):
            return None
        limit_ma = max(limit_ma, held_ma)
    return _told(evse, limit_ma, standing, now)


def _told(evse: int, limit_ma: int, standing: Standing, now: datetime, *, urgent: bool = False) -> Told:
    """A limit below the default has to hold longer than one above it."""
    valid_to = now + (LOW_VALID_FOR if is_low(limit_ma, standing) else VALID_FOR)
    return Told(evse=evse, limit_ma=limit_ma, valid_to=valid_to, urgent=urgent)
