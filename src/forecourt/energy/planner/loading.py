"""What the currents of a program add to the rows of the site, step by step, and what those rows may carry.

The rows of the site stand here once for the cars that are there alone, and once more for each scenario, in which the
cars that it expects are added to those. A limit is kept in all of them, or a plan would put off energy into a time at
which others will fill the site.
"""

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.columns import Columns, Kind, stays
from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.problem import Battery, Ints, Problem
from forecourt.energy.rows import Complexes, Floats, summed


class Loading(Struct, frozen=True, kw_only=True):
    """What each current column, charging or discharging, adds to each row of the site in its step, and what each
    battery does that is charged.

    The key is row * steps + step. The `rows` of the site stand here `times`; those of scenario s begin at
    (s + 1) * `rows`, and have keys of the cars that it expects: what the others add stands under the keys of the first
    `rows` and counts in all.
    """

    rows: int
    times: int
    key: Ints
    column: Ints
    value: Complexes
    #: What is reserved and what is allowed in each row and step; at least the former.
    still: Complexes
    limits: Floats

    @property
    def shared(self) -> int:
        """Keys below are of the cars that are there."""
        return self.rows * int(self.limits.shape[1])

    def flows(self, found: Floats) -> Complexes:
        """What flows in each row and step by a solution's columns."""
        flows: Complexes = summed(self.key, self.value * found[self.column], self.limits.size)
        flows = flows.reshape(self.times, self.rows, self.limits.shape[1])
        flows[1:] += flows[0]
        return flows.reshape(self.limits.shape) + self.still

    def places(self, row: Ints, step: Ints) -> tuple[Ints, Ints]:
        """Where the entries of these rows in these steps stand, and to which of them each belongs."""
        wanted = row * self.limits.shape[1] + step
        order = np.argsort(self.key, kind="stable")
        known = self.key[order]
        which, found = _between(known, wanted)
        if self.times > 1:
            expecting = np.nonzero(wanted >= self.shared)[0]
            more, place = _between(known, wanted[expecting] % self.shared)
            which, found = np.concatenate([which, expecting[more]]), np.concatenate([found, place])
            by = np.argsort(which, kind="stable")
            which, found = which[by], found[by]
        return order[found], which

    def reach(self, upper: Floats) -> Floats:
        """The most that could flow in each row and step; nothing where a scenario adds nobody."""
        most = np.bincount(self.key, np.abs(self.value) * upper[self.column], self.limits.size)
        most = most.reshape(self.times, self.rows, self.limits.shape[1])
        most[1:] = np.where(most[1:] > 0, most[1:] + most[0], 0.0)
        most = most.reshape(self.limits.shape)
        return np.asarray(np.where(most > 0, most + self.still.real, 0.0))

    def share(self, flows: Complexes, nothing: float) -> Floats:
        """By what the currents of each step are multiplied so that those that are there exceed no row by what
        tolerances left over, but for so little that it is nothing."""
        flows, still, limits = flows[: self.rows], self.still[: self.rows], self.limits[: self.rows]
        exceeded = np.abs(flows) > limits + nothing
        over = np.nonzero(exceeded.any(axis=0))[0]
        share = np.ones(flows.shape[1])
        if not len(over):
            return share
        still, limits = still[:, over], np.minimum(limits[:, over], 1e12)
        moved = flows[:, over] - still
        a, b, c = np.abs(moved) ** 2, (np.conj(still) * moved).real, np.abs(still) ** 2 - limits**2
        root = np.sqrt(np.maximum(b**2 - a * np.minimum(c, 0.0), 0.0))
        # Rows without any room would end everything for a rounding error of a millionth of an ampere.
        most = np.divide(root - b, a, out=np.ones_like(a), where=exceeded[:, over] & (a > 1e-18))
        share[over] = np.clip(most.min(axis=0), 0.0, 1.0)
        return share


def _between(known: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    left, right = (np.searchsorted(known, wanted, side) for side in ("left", "right"))
    which, place, _ = stays(left, right)
    return which, place


def loading_of(problem: Problem, columns: Columns, known: Incidence) -> Loading:
    """Of the columns of a program; a site's limits are no less than what is reserved."""
    cars, steps = problem.cars, problem.horizon.steps
    entry, which = known.under(cars.evse[columns.car])
    row = known.row[entry] + (cars.scenario[columns.car[which]] + 1) * known.rows
    parts = [(row * steps + columns.step[which], which, known.value[entry])]
    if problem.discharging is not None and problem.discharging.makes_room:
        entry, which = known.under(cars.evse[columns.given_car])
        key = known.row[entry] * steps + columns.given_step[which]
        parts.append((key, columns[Kind.DISCHARGE].start + which, -known.value[entry]))
    for number, battery in enumerate(problem.batteries):
        at, value = stored_in(known, battery)
        key = (at[:, None] * steps + np.arange(steps)).ravel()
        column = columns[Kind.BATTERY_IN].start + number * steps + np.tile(np.arange(steps), len(at))
        parts.append((key, column, np.repeat(value, steps)))
    key, column, value = (np.concatenate(each) for each in zip(*parts, strict=True))
    still = np.zeros((known.rows, steps), np.complex128)
    if problem.reserved is not None:
        at, of = known.under(problem.reserved.evse)
        np.add.at(still, known.row[at], known.value[at, None] * problem.reserved.current_a[of])
    limits = known.limits[:, None] if problem.limits is None else problem.limits
    limits = np.maximum(np.broadcast_to(limits, still.shape), np.abs(still))
    times = int(cars.scenario.max(initial=-1)) + 2
    return Loading(
        rows=known.rows,
        times=times,
        key=key,
        column=column,
        value=value,
        still=np.tile(still, (times, 1)),
        limits=np.tile(limits, (times, 1)),
    )


def stored_in(known: Incidence, battery: Battery) -> tuple[Ints, Complexes]:
    """The rows that a battery loads while it is charged, and what a kW adds to each."""
    if battery.adds is None:
        return np.zeros(0, np.int64), np.zeros(0, np.complex128)
    row = np.nonzero(battery.adds)[0]
    return row, np.where(known.linear[row], np.abs(battery.adds[row]), battery.adds[row])
