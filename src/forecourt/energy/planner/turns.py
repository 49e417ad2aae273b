"""When those that find no room now have their turn. Pure."""

from functools import cache

import numpy as np

from forecourt.energy.planner.filling import CLOSE, TURN_S, Claims, Loads, order_of
from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.rows import Complexes, Floats


def turns_in(known: Incidence, claims: Claims, current_a: Floats, limits: Floats, still: Complexes) -> Floats:
    """In how many seconds each that has nothing now has its turn, if nobody comes or goes; NaN where it has something,
    wants nothing, or waits for no turn of others: what is too much then flows whatever they do (`still`), or is of
    those that go before it in any case.

    It waits at each limit until all are through that stand before it there, as many at a time as charge now.
    """
    found, on = np.full(len(claims), np.nan), current_a > 0
    wants = ~on & (claims.max_a >= claims.min_a) & (claims.max_a > 0)
    if not wants.any() or not on.any():
        return found
    loads = Loads(known, claims.evse, claims.kw_per_a, limits, still, np.inf)
    flow = loads.of(np.where(on, np.minimum(claims.min_a, current_a), 0.0))
    too_much = np.abs(flow[loads.row] + loads.value * claims.min_a[loads.car])
    too_much = too_much > loads.limits[loads.row] * (1 + CLOSE) + CLOSE
    if not too_much[wants[loads.car]].any():
        return found
    sort = np.argsort(loads.car, kind="stable")
    begin = np.searchsorted(loads.car[sort], np.arange(len(claims) + 1))

    @cache
    def left_s(row: int, weight: float) -> list[float]:
        here = loads.car[loads.row == row]
        ends = here[on[here] & (claims.weight[here] <= weight)]
        return sorted(np.maximum(TURN_S - claims.on_s[ends], 0.0).tolist())

    before, order = [0] * loads.rows, order_of(claims)
    for car in order[wants[order]].tolist():
        waits_s = list[float]()
        for entry in sort[begin[car] : begin[car + 1]].tolist():
            row = int(loads.row[entry])
            turns = left_s(row, float(claims.weight[car])) if too_much[entry] else []
            if turns:
                waits_s.append(turns[before[row] % len(turns)] + before[row] // len(turns) * TURN_S)
            elif too_much[entry]:
                waits_s.append(np.inf)
            before[row] += 1
        if waits_s and max(waits_s) < np.inf:
            found[car] = max(waits_s)
    return found
