"""Who gets which current at once, without an optimiser: what a cut of a limit is answered with.

Cars are let in one by one at the least current that they can use, the most important first, while every limit holds;
then the currents of all that are in rise together, as shares of their weights, until a limit or the car itself ends it.
That is the fairest division by weight (max-min). Whoever finds no room waits, and has its turn when others had theirs.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.problem import Ints
from forecourt.energy.rows import Complexes, Floats, summed

#: For how long a car charges at least before another has its turn.
TURN_S: Final = 600.0
#: Who has only just made room for another comes after those who are in: they would change places at every look.
LEAST_WAIT_S: Final = 120.0
#: Halvings by which the height of a level is found: 32 A to a billionth.
HALVINGS: Final = 36
#: What sums of numbers in another order may differ by, as a share.
CLOSE: Final = 1e-12
#: Instead of no limit, in A, where it is squared.
_BEYOND: Final = 1e9

Bools = npt.NDArray[np.bool_]


class Claims(Struct, frozen=True, kw_only=True):
    """Cars that want power now, by number.

    `min_a`: what each gets at least if it gets anything, `laxity_h`: how long it could wait and still be full in time,
    `on_s`: for how long it has been charging, 0 for who is not, `waited_s`: for how long it has had nothing, 0 for who
    charges, `had_turn`: who waits charged before; `presses`: it has to charge now to have what its driver needs in any
    case by then, `idles`: it takes nothing of what it may.
    """

    evse: Ints
    min_a: Floats
    max_a: Floats
    kw_per_a: Floats
    weight: Floats
    laxity_h: Floats
    on_s: Floats
    waited_s: Floats
    had_turn: Bools
    presses: Bools
    idles: Bools

    def __len__(self) -> int:
        return len(self.evse)


class Loads:
    """What some cars add to each limit, and the limits: those of the site's rows and of its power.

    `still`: what flows in each row whatever these cars do. Where that alone is too much, nobody may add to it.
    """

    def __init__(
        self, known: Incidence, evse: Ints, kw_per_a: Floats, limits: Floats, still: Complexes, room_kw: float
    ) -> None:
        entry, which = known.under(evse)
        self.row: Ints = np.concatenate([known.row[entry], np.full(len(evse), known.rows)])
        self.car: Ints = np.concatenate([which, np.arange(len(evse))])
        value, still = np.concatenate([known.value[entry], kw_per_a]), np.append(still, 0.0)
        # Phasors are needed only where they differ; numbers are quicker.
        one_way = bool(known.linear.all())
        self.value = value.real if one_way else value
        self.still = still.real if one_way else still
        self.limits = np.append(limits, max(room_kw, 0.0))
        self.rows = known.rows + 1

    def of(self, current_a: Floats) -> Any:
        """What flows in each row."""
        return self.still + summed(self.row, self.value * current_a[self.car], self.rows)

    def fits(self, current_a: Floats) -> bool:
        """Whether no row is exceeded, but for those that are by what is still alone and don't get more."""
        most = np.maximum(self.limits, np.abs(self.still))
        return bool((np.abs(self.of(current_a)) <= most * (1 + CLOSE) + CLOSE).all())

    def share(self, least: Floats, wanted: Floats) -> float:
        """How far it is possible to go from the former currents, which fit, to the latter, at most 1."""
        begin = self.of(least)
        way = self.of(wanted) - begin
        a, b = np.abs(way) ** 2, (np.conj(begin) * way).real
        c = np.minimum(np.abs(begin) ** 2 - np.minimum(self.limits, _BEYOND) ** 2, 0.0)
        there = a > CLOSE**2
        shares = (np.sqrt(b[there] ** 2 - a[there] * c[there]) - b[there]) / a[there]
        return float(np.clip(shares.min(initial=1.0), 0.0, 1.0))


def fill(
    known: Incidence,
    claims: Claims,
    *,
    limits: Floats | None = None,
    still: Complexes | None = None,
    room_kw: float = np.inf,
) -> Floats:
    """The current of each claim in A: 0 or at least its `min_a`, and no more than `max_a`.

    `limits`: of each row now, `still`: what flows in it whatever is decided here, `room_kw`: what all may take
    together. Who can't use its `min_a` for want of `max_a` gets nothing.
    """
    limits = known.limits if limits is None else limits
    still = np.zeros(known.rows, np.complex128) if still is None else still
    loads = Loads(known, claims.evse, claims.kw_per_a, limits, still, room_kw)
    able = (claims.max_a >= claims.min_a) & (claims.max_a > 0)
    inside = admitted(loads, claims.min_a, order_of(claims), able, turns=claims)
    return _raised(loads, claims, inside, together=known.together)


def order_of(claims: Claims) -> Ints:
    """Who is let in first: those last that take nothing anyway; by weight; who has to charge now; then who is in its
    turn, who waits longest, who had a turn, who has just ended one. Of equals who can wait the least comes first."""
    on = claims.on_s > 0
    rests = ~on & claims.had_turn & (claims.waited_s > 0) & (claims.waited_s < LEAST_WAIT_S)
    group = np.where(on, np.where(claims.on_s < TURN_S, 0, 2), np.where(rests, 3, 1))
    return np.lexsort((claims.laxity_h, -claims.waited_s, group, ~claims.presses, -claims.weight, claims.idles))


def admitted(
    loads: Loads, min_a: Floats, order: Ints, able: Bools, giving_a: Floats | None = None, turns: Claims | None = None
) -> Bools:
    """Whom the limits let in at least at `min_a`, in this order, while some that aren't able give (below 0).

    `turns`: the claims in order of `order_of`, where they take turns. Where one that doesn't charge yet finds no room,
    what it needs is kept from those in the queue behind it, as far as `_Kept` says.
    """
    giving = np.zeros(len(min_a)) if giving_a is None else giving_a
    if loads.fits(np.where(able, min_a, giving)):
        return able
    inside = [False] * len(min_a)
    sort = np.argsort(loads.car, kind="stable")
    begin = np.searchsorted(loads.car[sort], np.arange(len(min_a) + 1)).tolist()
    # Plain numbers: one car's few rows are too little for arrays.
    row, add = loads.row[sort].tolist(), (loads.value * min_a[loads.car])[sort].tolist()
    flow, most = loads.of(giving).tolist(), (loads.limits * (1 + CLOSE) + CLOSE).tolist()
    nothing = [0.0] * loads.rows
    kept = None if turns is None else _Kept(turns, inside, begin, row, add, most)
    for car in order[able[order]].tolist():
        queues = kept is not None and kept.queues(car, flow)
        beside = kept.load if kept is not None and queues else nothing
        span = range(begin[car], begin[car + 1])
        if not any(abs(flow[row[at]] + add[at]) + beside[row[at]] > most[row[at]] for at in span):
            for at in span:
                flow[row[at]] += add[at]
            inside[car] = True
        elif kept is not None and queues:
            kept.keep(car, flow)
    return np.array(inside, np.bool_)


class _Kept:
    """What is kept, as `load` of each row, for those that wait for others to end their turns.

    A car on three conductors finds no room while a turn goes on at one of them. If another car began one at the next
    meanwhile, it would wait for ever for those that need one conductor. Nothing is kept of what the end of that turn
    leaves anyway, nor where whoever begins now ends no later, nor for a car that no end of a turn helps. At each row
    one waits so: the next there wait for it.
    """

    def __init__(
        self, claims: Claims, inside: list[bool], begin: list[int], row: list[int], add: list[Any], most: list[float]
    ) -> None:
        self.load = [0.0] * len(most)
        self._on_s: list[float] = claims.on_s.tolist()
        # As `order_of` has them: none makes room for one that comes after it in any case.
        ranks = (claims.idles, -claims.weight, ~claims.presses)
        self._rank = list(zip(*(each.tolist() for each in ranks), strict=True))
        self._inside, self._begin, self._row, self._add, self._most = inside, begin, row, add, most
        self._at: tuple[Any, ...] | None = None
        self._before: list[Any] = []
        self._waited_at = set[int]()
        self._cars_at: dict[int, list[int]] | None = None

    def queues(self, car: int, flow: list[Any]) -> bool:
        """Whether a car, which is next in the order, doesn't charge yet. `flow`: what those before it add."""
        if self._rank[car] != self._at:
            self._at, self._before = self._rank[car], flow.copy()
        return self._on_s[car] <= 0

    def keep(self, car: int, flow: list[Any]) -> None:
        """Keep what is needed for a car that found no room."""
        needs = self._needs(car)
        full = [row for row, add in needs.items() if abs(flow[row] + add) > self._most[row]]
        helpless = any(abs(self._before[row] + add) > self._most[row] for row, add in needs.items())
        if not full or helpless or not self._waited_at.isdisjoint(full):
            return
        self._waited_at.update(full)
        ends = {self._ends_first(row) for row in full}
        if any(self._on_s[each] <= 0 for each in ends):
            return
        for row, add in needs.items():
            if row not in full:
                left = sum(abs(self._needs(each).get(row, 0.0)) for each in ends)
                self.load[row] += max(abs(add) - left, 0.0)

    def _needs(self, car: int) -> dict[int, Any]:
        span = slice(self._begin[car], self._begin[car + 1])
        return dict(zip(self._row[span], self._add[span], strict=True))

    def _ends_first(self, row: int) -> int:
        """Of those that are in and make room in time, the one that does so first."""
        if self._cars_at is None:
            self._cars_at = {}
            for car in range(len(self._inside)):
                for each in self._row[self._begin[car] : self._begin[car + 1]]:
                    self._cars_at.setdefault(each, []).append(car)
        there = [car for car in self._cars_at[row] if self._inside[car] and self._rank[car] == self._at]
        return max(there, key=self._on_s.__getitem__)


def _raised(loads: Loads, claims: Claims, inside: Bools, *, together: bool) -> Floats:
    """All that are in rise with one level, until the limit of a row stops those in it.

    Where no current weakens another, a row that is the first to stop all that are in it does so whatever happens
    elsewhere, and all such rows are settled at once. Elsewhere all rise to the lowest level only, then again.
    """
    current_a = np.where(inside, claims.min_a, 0.0)
    rising = inside & (claims.max_a > claims.min_a)
    low = 0.0
    while rising.any():
        high = float((claims.max_a[rising] / claims.weight[rising]).max())
        if together:
            low, tight = _together(loads, claims, current_a, rising, low, high)
            stopped = np.zeros(len(claims), np.bool_)
            stopped[loads.car[tight[loads.row]]] = True
            at = np.full(len(claims), low)
            stopped |= claims.weight * low >= claims.max_a
        else:
            level = _levels(loads, claims, current_a, rising, np.zeros(loads.rows), np.full(loads.rows, high))
            mine = rising[loads.car]
            at = np.full(len(claims), high)
            np.minimum.at(at, loads.car[mine], level[loads.row[mine]])
            first = np.ones(loads.rows, np.bool_)
            first[loads.row[mine][at[loads.car[mine]] < level[loads.row[mine]] * (1 - 1e-12)]] = False
            stopped = at >= high
            stopped[loads.car[mine][first[loads.row[mine]]]] = True
        stopped &= rising
        current_a[stopped] = _risen(claims, stopped, at[stopped])
        rising = rising & ~stopped
    return current_a


def _risen(claims: Claims, which: Bools | Ints, level: Floats) -> Floats:
    """The current of cars at a level."""
    return np.asarray(np.clip(claims.weight[which] * level, claims.min_a[which], claims.max_a[which]))


def _levels(loads: Loads, claims: Claims, current_a: Floats, rising: Bools, low: Floats, high: Floats) -> Floats:
    """How high all that rise may do so by each row's own limit, between two levels of which the lower one fits."""
    mine = rising[loads.car]
    row, car, value = loads.row[mine], loads.car[mine], loads.value[mine]
    still = loads.still + summed(loads.row[~mine], (loads.value * current_a[loads.car])[~mine], loads.rows)

    def fits(level: Floats) -> Bools:
        load = np.abs(still + summed(row, value * _risen(claims, car, level[row]), loads.rows))
        return np.asarray(load <= loads.limits * (1 + CLOSE) + CLOSE)

    low, high = low.copy(), high.copy()
    done = fits(high) | (np.bincount(row, minlength=loads.rows) == 0)
    low[done] = high[done]
    if not done.all():
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            good = fits(middle)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low


def _together(
    loads: Loads, claims: Claims, current_a: Floats, rising: Bools, low: float, high: float
) -> tuple[float, Bools]:
    """The level to which all may rise together, and the rows that end it."""
    lows = np.full(loads.rows, low)
    level, tight = high, np.zeros(loads.rows, np.bool_)
    while True:
        levels = _levels(loads, claims, current_a, rising, lows, np.full(loads.rows, level))
        lowest = float(levels.min())
        if lowest >= level:
            # A row that fits at one level may not do so below; here all fit at once.
            return level, tight
        tight = levels <= lowest * (1 + 1e-9) + 1e-12
        level = lowest
