"""What cars give back: what each may give now by what its station was told, and who is told to give what.

An order to give is one to draw nothing, so all that is counted of draws holds for it unchanged. It gives for GIVES_FOR
alone: whoever isn't told again draws nothing then, until its limit runs out, and goes by its default after that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.dispatch.orders import REST, STEP_MA, Told
from forecourt.energy.dispatch.standing import Order, Standing, controllable, newest, orders_held
from forecourt.energy.dispatch.times import CLOCK_MARGIN, GIVES_FOR, LOW_VALID_FOR
from forecourt.energy.rows import Floats
from forecourt.platform.clock import is_within

#: Less on each conductor is nothing.
LEAST_MA: Final = 1_000


def may_give(standing: Standing, now: datetime) -> int:
    """The most that an EVSE may give now, in mA on each of its conductors, by all that it may still go by."""
    if standing.running_since is None:
        return 0
    return max(
        (each.gives_ma for each in orders_held(standing, now) if _gives_until(each) + CLOCK_MARGIN > now), default=0
    )


def told_to_give(standing: Standing, now: datetime) -> int:
    """What it was told last, as long as that holds."""
    last = newest(standing, now)
    return last.gives_ma if last is not None and _gives_until(last) > now else 0


def bounded(
    standings: Sequence[Standing], gives_ma: Sequence[int], kw_per_a: Floats, room_kw: float, now: datetime
) -> list[int]:
    """What of it can be told now, so that all together never give more than `room_kw`, whoever takes what he is told
    and when: more only as far as there is room beside all that is given by what was told before."""
    may_ma = np.array([may_give(each, now) for each in standings], dtype=np.float64)
    given_kw = float(may_ma @ kw_per_a) / 1000
    found, left_kw, spare_kw = [], max(room_kw, 0.0), room_kw - given_kw
    for number, wanted_ma in enumerate(gives_ma):
        per_ma = float(kw_per_a[number]) / 1000
        allowed_ma = min(wanted_ma, int(left_kw / per_ma)) if wanted_ma > 0 else 0
        more_ma = allowed_ma - int(may_ma[number])
        if more_ma > 0:
            allowed_ma -= max(0, more_ma - int(max(spare_kw, 0.0) / per_ma))
            spare_kw -= max(0, allowed_ma - int(may_ma[number])) * per_ma
        allowed_ma = allowed_ma if allowed_ma >= LEAST_MA else 0
        left_kw -= allowed_ma * per_ma
        found.append(allowed_ma)
    return found


def with_giving(
    told: Sequence[Told], standings: Sequence[Standing], gives_ma: Sequence[int], now: datetime
) -> list[Told]:
    """What is told, with what shall be given: a car gives once it was told to draw nothing. Less is told at once."""
    by_evse = {each.evse: each for each in told}
    found = [replace(each, gives_ma=gives_ma[each.evse]) if each.limit_ma == 0 else each for each in told]
    for number, standing in enumerate(standings):
        if number not in by_evse and _is_due(standing, gives_ma[number], now):
            found.append(Told(evse=number, limit_ma=0, valid_to=now + LOW_VALID_FOR, gives_ma=gives_ma[number]))
    return found


def _is_due(standing: Standing, gives_ma: int, now: datetime) -> bool:
    last = newest(standing, now)
    if last is None or last.limit_ma > 0 or not controllable(standing, now):
        return False
    told_ma = told_to_give(standing, now)
    if gives_ma < told_ma and (gives_ma == 0 or told_ma - gives_ma >= STEP_MA):
        return True
    if is_within(now, last.sent_at, REST):
        return False
    ends = gives_ma > 0 and _gives_until(last) - now <= GIVES_FOR / 2
    return gives_ma - told_ma >= STEP_MA or ends


def _gives_until(order: Order) -> datetime:
    return order.sent_at + GIVES_FOR
