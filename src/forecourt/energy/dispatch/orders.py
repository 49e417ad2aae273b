"""Who is told what now: less at once, more only where the tree bears it while those who shall draw less still draw
what they may.

Stations are not told every ampere: a limit that moves by less than STEP_MA is left, one EVSE is told at most once in
REST, and what holds is renewed when half of its time is over. Less that safety needs is told whenever it is needed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.dispatch.standing import Order, Standing, may_draw, newest
from forecourt.energy.rows import SLACK, Floats, Flows, Rows

#: Smaller changes are not worth a message.
STEP_MA: Final = 1_000
#: While the tree may be overloaded, smaller ones are.
URGENT_STEP_MA: Final = 100
#: How long one EVSE is left alone after it was told something.
REST: Final = timedelta(seconds=60)
#: How long a limit holds. A station that falls silent goes on with it for as long.
VALID_FOR: Final = timedelta(minutes=5)
#: The pause with which default profiles begin: no limit from before the silence holds any more when it is over.
PAUSE: Final = VALID_FOR + timedelta(seconds=60)


class Told(Struct, frozen=True, kw_only=True):
    """What a station is to be told: the EVSE by its column, the limit on each conductor."""

    evse: int
    limit_ma: int
    valid_to: datetime
    urgent: bool = False


def due(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, now: datetime
) -> list[Told]:
    """What is to be sent now, decreases first, each kind by EVSE.

    `target_ma`: what each EVSE shall have, kept by all together within `rows`; without meaning for one where nothing
    runs, and for one that disobeys: it is told again what it was told. `least_ma`: what it must have to charge at all;
    more is granted from there on, or not yet.
    """
    may_a = np.array([may_draw(standing, now)[0] for standing in standings], dtype=np.float64) / 1000
    running = [number for number, standing in enumerate(standings) if _can_be_told(standing, now)]
    target_ma = [_meant(standing, target_ma[number], now) for number, standing in enumerate(standings)]
    over = rows.overload(may_a) > 1 + SLACK
    less = [_less(number, standings[number], target_ma[number], over, now) for number in running]
    found = [told for told in less if told is not None]
    told_less = {told.evse for told in found}
    flows = Flows(rows, may_a)
    for number in running:
        if number not in told_less:
            more = _more(number, standings[number], target_ma[number], least_ma[number], flows, may_a, now)
            if more is not None:
                flows.put(number, max(may_a[number], more.limit_ma / 1000))
                found.append(more)
    return found


def _meant(standing: Standing, target_ma: int, now: datetime) -> int:
    if not standing.disobeys:
        return target_ma
    last = newest(standing, now)
    return 0 if last is None else last.limit_ma


def _can_be_told(standing: Standing, now: datetime) -> bool:
    """One that refused is left alone for a while as well."""
    last = standing.orders[-1] if standing.orders else None
    refused = last is not None and last.accepted is False and now - last.sent_at < REST
    return standing.running_since is not None and standing.silent_since is None and not refused


def _less(evse: int, standing: Standing, target_ma: int, over: bool, now: datetime) -> Told | None:
    """A decrease, or the same again for longer."""
    last = newest(standing, now)
    if last is None:
        most_ma, _ = may_draw(standing, now)
        return (
            Told(evse=evse, limit_ma=target_ma, valid_to=now + VALID_FOR, urgent=over) if target_ma < most_ma else None
        )
    if target_ma > last.limit_ma:
        return None
    step_ma = URGENT_STEP_MA if over else STEP_MA
    falls = last.limit_ma - target_ma >= step_ma or (target_ma == 0) != (last.limit_ma == 0)
    rested = now - last.sent_at >= REST
    if falls and (over or rested):
        return Told(evse=evse, limit_ma=target_ma, valid_to=now + VALID_FOR, urgent=over)
    return (
        Told(evse=evse, limit_ma=target_ma, valid_to=now + VALID_FOR) if rested and _wants_renewal(last, now) else None
    )


def _wants_renewal(last: Order, now: datetime) -> bool:
    """Half of its time is over, or nobody knows whether the station took it."""
    return last.accepted is None or last.valid_to - now <= VALID_FOR / 2


def _more(
    evse: int, standing: Standing, target_ma: int, least_ma: int, flows: Flows, may_a: Floats, now: datetime
) -> Told | None:
    """An increase as far as there is room while all others draw what they may; a part of it is better than none."""
    last = newest(standing, now)
    if last is not None and (now - last.sent_at < REST and last.limit_ma > 0):
        return None
    held_ma = 0 if last is None else last.limit_ma
    limit_ma = target_ma
    if target_ma > may_a[evse] * 1000:
        limit_ma = int(min(target_ma, flows.room(evse) * 1000))
    if limit_ma < least_ma:
        limit_ma = 0
    if limit_ma - held_ma < STEP_MA:
        if last is None or now - last.sent_at < REST or not _wants_renewal(last, now):
            return None
        return Told(evse=evse, limit_ma=held_ma, valid_to=now + VALID_FOR)
    return Told(evse=evse, limit_ma=limit_ma, valid_to=now + VALID_FOR)
