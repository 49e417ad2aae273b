"""The columns of a problem's linear program: what each is, its name, its cost and its bounds."""

from enum import IntEnum, auto
from typing import Any

import highspy
import numpy as np

from forecourt.energy.planner.problem import Ints, Problem, reserved_kw
from forecourt.energy.rows import Floats

INFINITE = highspy.kHighsInf
#: Up to which multiples of the mean power the site's power costs more and more, where it is to be level.
LEVELS = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
#: Into how many parts what a car isn't served is divided, each dearer than the one before, where that is to be fair.
PARTS = 4
#: What a kWh costs, as a share of one that isn't served, that a car takes in the part of a step before which it leaves:
#: it is there for those that have no other time. Who plans on all of them is overrun by who comes unexpected.
AT_LAST = 0.5
#: A name: the kind in the high bits, then the car or row, then the step.
KIND_BIT, WHO_BIT = 57, 26


class Kind(IntEnum):
    """What a column or a row is."""

    CURRENT = auto()
    DISCHARGE = auto()
    CHARGED = auto()
    UNSERVED = auto()
    LACKING = auto()
    GRID = auto()
    EXPORT = auto()
    PEAK = auto()
    OVER = auto()
    LEVEL = auto()
    BATTERY_IN = auto()
    BATTERY_OUT = auto()
    BATTERY = auto()
    EMPTIED = auto()
    LIMIT = auto()
    CUT = auto()


#: Columns that every battery has in each step, battery by battery.
_STORED = (Kind.BATTERY_IN, Kind.BATTERY_OUT, Kind.BATTERY)


class Columns:
    """Where each kind of column begins, and of which car and step each current is, and for which share of the step and
    how many hours it flows. Discharging currents have all that as well, in the same order as the charging ones of their
    cars."""

    def __init__(self, problem: Problem) -> None:
        cars, steps = problem.cars, problem.horizon.steps
        self.car, self.step, self.offset = stays(cars.first, cars.last)
        self.share, self.hours = _flowing(problem, self.car, self.step)
        self.currents = len(self.car)
        given = problem.discharging
        of = np.zeros(0, np.int64) if given is None else given.car
        self.giver, self.given_step, self.given_offset = stays(cars.first[of], cars.last[of])
        self.given_car = of[self.giver]
        self.given_share, self.given_hours = _flowing(problem, self.given_car, self.given_step)
        self.parts = PARTS if problem.worth.fair or problem.chances is not None else 1
        self.levels = len(LEVELS) + 1 if problem.worth.level else 0
        each = steps * problem.scenarios
        sizes = {
            Kind.CURRENT: self.currents,
            Kind.DISCHARGE: len(self.giver),
            Kind.CHARGED: len(self.giver),
            Kind.UNSERVED: len(cars) * self.parts,
            Kind.LACKING: 0 if problem.minimums is None else len(problem.minimums.car),
            Kind.GRID: each,
            Kind.EXPORT: each,
            Kind.PEAK: problem.scenarios,
            Kind.LEVEL: each * self.levels,
        }
        for kind in _STORED:
            sizes[kind] = len(problem.batteries) * steps
        #: Batteries that may end with less than they should.
        self.ending = [number for number, battery in enumerate(problem.batteries) if battery.ends_kwh is not None]
        sizes[Kind.EMPTIED] = len(self.ending)
        ends = np.cumsum(list(sizes.values()))
        self.of = {
            kind: slice(int(end) - size, int(end)) for (kind, size), end in zip(sizes.items(), ends, strict=True)
        }
        self.count = int(ends[-1])

    def __getitem__(self, kind: Kind) -> slice:
        return self.of[kind]


def name(kind: Kind, who: Any) -> Any:
    """The name of a column or row but for its step."""
    return (int(kind) << KIND_BIT) + (np.asarray(who, np.int64) << WHO_BIT)


def stays(first: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
    """Each step of each stay: whose, which, and where the steps of each begin."""
    lengths = last - first
    offset = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    whose = np.repeat(np.arange(len(first)), lengths)
    return whose, np.arange(offset[-1]) - np.repeat(offset[:-1] - first, lengths), offset


def _flowing(problem: Problem, car: Ints, step: Ints) -> tuple[Floats, Floats]:
    """For which share of its step, and for how many hours, each current of a car flows."""
    share = np.where(step == problem.cars.last[car] - 1, problem.cars.last_share[car], 1.0)
    return share, share * problem.horizon.hours[step]


def turns(who: Ints) -> Ints:
    """For each place, how often the same stands before it."""
    order = np.argsort(who, kind="stable")
    _, begin, counts = np.unique(who[order], return_index=True, return_counts=True)
    found = np.zeros(len(who), np.int64)
    found[order] = np.arange(len(who)) - np.repeat(begin, counts)
    return found


def named(problem: Problem, columns: Columns, names: Ints) -> tuple[Ints, Ints]:
    steps, cars = problem.horizon.steps, len(problem.cars)
    every, parts = np.arange(steps), np.arange(columns.parts)
    scenarios = np.repeat(np.arange(problem.scenarios), steps)
    minimums = np.zeros(0, np.int64) if problem.minimums is None else names[problem.minimums.car]
    levels = np.repeat(np.arange(columns.levels * problem.scenarios), steps)
    batteries = np.arange(len(problem.batteries))
    battery, stored = np.repeat(batteries, steps), np.tile(every, len(batteries))
    rows: list[tuple[Kind, Any, Any]] = [
        (Kind.CURRENT, names[columns.car], columns.step),
        (Kind.DISCHARGE, names[columns.given_car], columns.given_step),
        (Kind.CHARGED, names[columns.given_car], columns.given_step),
        (Kind.UNSERVED, np.tile(names, columns.parts), np.repeat(parts, cars)),
        (Kind.LACKING, minimums, turns(minimums)),
        (Kind.GRID, scenarios, np.tile(every, problem.scenarios)),
        (Kind.EXPORT, scenarios, np.tile(every, problem.scenarios)),
        (Kind.PEAK, np.arange(problem.scenarios), 0),
        (Kind.LEVEL, levels, np.tile(every, columns.levels * problem.scenarios)),
        *((kind, battery, stored) for kind in _STORED),
        (Kind.EMPTIED, np.array(columns.ending, np.int64), 0),
    ]
    named = [name(kind, who) for kind, who, _ in rows]
    at = [np.broadcast_to(np.asarray(step, np.int64), who.shape) for (_, _, step), who in zip(rows, named, strict=True)]
    return np.concatenate(named), np.concatenate(at)


def bounds(problem: Problem, columns: Columns) -> tuple[Floats, Floats, Floats]:
    cars, horizon, worth, scenarios = problem.cars, problem.horizon, problem.worth, problem.scenarios
    share = np.where(cars.scenario < 0, 1.0, 1.0 / scenarios)
    cost, lower, upper = np.zeros(columns.count), np.zeros(columns.count), np.full(columns.count, INFINITE)
    middle = np.cumsum(horizon.hours) - horizon.hours / 2
    late = middle / max(float(horizon.hours.sum()), 1e-9)
    times = worth.late + worth.hurry * cars.weight
    kwh = cars.kw_per_a[columns.car] * columns.hours
    upper[columns[Kind.CURRENT]] = cars.max_a[columns.car]
    cost[columns[Kind.CURRENT]] = late[columns.step] * kwh * (share * times)[columns.car]
    at_last = np.where(columns.share < 1.0, AT_LAST * worth.unserved, 0.0)
    cost[columns[Kind.CURRENT]] += at_last * kwh * (share * cars.weight)[columns.car]
    upper[columns[Kind.UNSERVED]] = np.tile(cars.need_kwh / columns.parts, columns.parts)
    dearer = worth.fair * np.repeat(np.arange(columns.parts), len(cars))
    cost[columns[Kind.UNSERVED]] = np.tile(worth.unserved * cars.weight * share, columns.parts) + dearer
    if problem.chances is not None:
        _chances_bounds(problem, columns, kwh, share, cost, upper)
    upper[columns[Kind.GRID]] = np.tile(horizon.limit_kw, scenarios)
    cost[columns[Kind.GRID]] = np.tile(horizon.price * horizon.hours, scenarios) / scenarios
    # No more is fed in than the sun leaves over, or prices below what is paid for it would be an endless trade.
    export = np.maximum(horizon.solar_kw - horizon.load_kw, 0.0)
    export += np.where(horizon.feed_in <= horizon.price, problem.export_kw, 0.0)
    if scenarios > 1:
        # One plan of what is stored serves all scenarios: where fewer cars come, what is given later isn't all used.
        export[1:] += np.where(horizon.feed_in <= horizon.price, _given_kw(problem), 0.0)[1:]
    upper[columns[Kind.EXPORT]] = np.tile(export, scenarios)
    cost[columns[Kind.EXPORT]] = np.tile(-horizon.feed_in * horizon.hours, scenarios) / scenarios
    lower[columns[Kind.PEAK]], cost[columns[Kind.PEAK]] = worth.paid_kw, worth.peak / scenarios
    if problem.minimums is not None:
        weight = problem.minimums.weight
        cost[columns[Kind.LACKING]] = worth.lacking * (cars.weight[problem.minimums.car] if weight is None else weight)
    if columns.levels:
        _level_bounds(problem, columns, cost, upper)
    if problem.discharging is not None:
        _given_bounds(problem, columns, cost, lower, upper)
    _battery_bounds(problem, columns, cost, lower, upper)
    return cost, lower, upper


def _chances_bounds(
    problem: Problem, columns: Columns, kwh: Floats, share: Floats, cost: Floats, upper: Floats
) -> None:
    """What is planned for a time at which a car may be gone is lost by that chance, and what it may not take isn't
    missed by that chance."""
    chances, cars = problem.chances, len(problem.cars)
    assert chances is not None
    place = np.full(cars, -1)
    place[chances.car] = np.arange(len(chances.car))
    of = place[columns.car]
    which = np.nonzero(of >= 0)[0]
    worth = problem.worth.unserved * chances.weight * share[chances.car]
    gone = 1.0 - chances.there[of[which], columns.step[which]]
    cost[columns[Kind.CURRENT]][which] += worth[of[which]] * gone * kwh[which]
    part = columns[Kind.UNSERVED].start + np.arange(columns.parts)[:, None] * cars + chances.car
    upper[part] = chances.parts_kwh.T
    dearer = problem.worth.fair * np.arange(columns.parts)[:, None]
    cost[part] = (chances.asked * worth[:, None]).T + dearer


def _given_kw(problem: Problem) -> float:
    """The most that batteries and cars could give together."""
    given, cars = problem.discharging, problem.cars
    found = sum(battery.discharge_kw for battery in problem.batteries)
    return found if given is None else found + float(given.max_a @ cars.kw_per_a[given.car])


def _level_bounds(problem: Problem, columns: Columns, cost: Floats, upper: Floats) -> None:
    """The site's power in bands, each dearer than the one below; the highest has no end."""
    horizon, scenarios = problem.horizon, problem.scenarios
    hours = max(float(horizon.hours.sum()), 1e-9)
    net = np.maximum(horizon.load_kw + reserved_kw(problem) - horizon.solar_kw, 0.0)
    mean = (float(problem.cars.need_kwh.sum()) + float(net @ horizon.hours)) / hours
    widths = np.append(np.diff(LEVELS, prepend=0.0) * mean, INFINITE)
    upper[columns[Kind.LEVEL]] = np.repeat(widths, horizon.steps * scenarios)
    share = problem.worth.level / columns.levels / scenarios
    dear = np.repeat(np.arange(columns.levels), horizon.steps * scenarios)
    cost[columns[Kind.LEVEL]] = share * dear * np.tile(horizon.hours, columns.levels * scenarios)


def _given_bounds(problem: Problem, columns: Columns, cost: Floats, lower: Floats, upper: Floats) -> None:
    given = problem.discharging
    assert given is not None
    horizon, giver, step = problem.horizon, columns.giver, columns.given_step
    # Below a price of zero, in and out at once would be a way to burn energy, which no battery does.
    upper[columns[Kind.DISCHARGE]] = np.where(horizon.price[step] < 0, 0.0, given.max_a[giver])
    kwh = problem.cars.kw_per_a[columns.given_car] * columns.given_hours
    cost[columns[Kind.DISCHARGE]] = np.maximum(given.wear[giver], problem.worth.late * 2) * kwh
    lower[columns[Kind.CHARGED]] = -np.maximum(given.given_kwh, 0.0)[giver]
    upper[columns[Kind.CHARGED]] = np.maximum(given.room_kwh, problem.cars.need_kwh[given.car])[giver]


def _battery_bounds(problem: Problem, columns: Columns, cost: Floats, lower: Floats, upper: Floats) -> None:
    horizon, steps = problem.horizon, problem.horizon.steps
    for number, battery in enumerate(problem.batteries):
        inward, outward, level = (
            slice(columns[kind].start + number * steps, columns[kind].start + (number + 1) * steps) for kind in _STORED
        )
        upper[inward] = battery.charge_kw
        upper[outward] = np.where(horizon.price < 0, 0.0, battery.discharge_kw)
        cost[inward] = cost[outward] = max(battery.wear, problem.worth.late) * horizon.hours
        stored = min(max(battery.stored_kwh, 0.0), battery.capacity_kwh)
        lower[level] = min(battery.reserve_kwh, stored)
        upper[level] = battery.capacity_kwh
        if battery.ends_kwh is None:
            lower[level.stop - 1] = stored
        else:
            cost[columns[Kind.EMPTIED].start + columns.ending.index(number)] = battery.missing
