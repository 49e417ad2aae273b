"""A problem as the arrays of a linear program: columns with costs and bounds, rows with bounds, and a sparse matrix.

Every column and row has a name that is a number: what it is, for which car or row, in which step. By it the next
problem's program finds what it shares with this one's, although cars came and went and time moved on.
"""

from typing import Any

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.columns import INFINITE, Columns, Kind, bounds, name, named, stays, turns
from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.loading import Loading, loading_of
from forecourt.energy.planner.problem import Ints, Problem, gone_h, reserved_kw
from forecourt.energy.rows import SLACK, Complexes, Floats

#: A, kW: a limit that isn't linear lets nobody in when it has less room.
NO_ROOM = 1e-3
#: Limits seem far where cars that charged evenly over their stays would take no more of any than this share.
FAR = 1.0


class Form(Struct, frozen=True, kw_only=True):
    """The program, column by column, and what is needed to read its solution and to cut it.

    `named` are columns and rows without their steps, which are beside. `spared`: it has none of the site's limits,
    which a solution may exceed then.
    """

    columns: Columns
    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    begin: Ints
    index: Ints
    value: Floats
    named: Ints
    named_step: Ints
    row_named: Ints
    row_step: Ints
    loading: Loading
    spared: bool


class Cuts(Struct, frozen=True, kw_only=True):
    """Tangents to limits that aren't linear: row, step, direction, and the number that each is known by."""

    row: Ints
    step: Ints
    towards: Complexes
    number: Ints


NO_CUTS = Cuts(
    row=np.zeros(0, np.int64),
    step=np.zeros(0, np.int64),
    towards=np.zeros(0, np.complex128),
    number=np.zeros(0, np.int64),
)


class _Matrix:
    """Rows as they are added, in the triplets that make a sparse matrix."""

    def __init__(self) -> None:
        self.parts: list[tuple[Any, ...]] = []
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.named: list[Ints] = []
        self.steps: list[Ints] = []
        self.rows = 0

    def block(self, named: Ints, steps: Any, lower: Any, upper: Any, *parts: tuple[Any, Any, Any]) -> None:
        """Rows with their names and bounds; `parts`: (row within the block, column, value) each."""
        rows = len(named)
        for row, column, value in parts:
            spread = np.broadcast_arrays(row + self.rows, column, np.asarray(value, np.float64))
            self.parts.append(tuple(each.ravel() for each in spread))
        for kept, values in ((self.lower, lower), (self.upper, upper)):
            kept.append(np.broadcast_to(np.asarray(values, np.float64), (rows,)))
        self.named.append(named)
        self.steps.append(np.broadcast_to(np.asarray(steps, np.int64), (rows,)))
        self.rows += rows


def formulate(problem: Problem, known: Incidence, names: Ints, cuts: Cuts, *, sparing: bool = False) -> Form:
    """The program of a problem. `names`: a number for each car, the same in every problem. `sparing`: without limits
    that seem far, which come after all other rows."""
    columns = Columns(problem)
    cost, lower, upper = bounds(problem, columns)
    loading = loading_of(problem, columns, known)
    # A cone without room is a point, which tangents only come near.
    cones = np.tile(~known.linear, loading.times)[:, None]
    shut = cones & (loading.limits - np.abs(loading.still) < NO_ROOM)
    upper[loading.column[shut.ravel()[loading.key]]] = 0.0
    matrix = _Matrix()
    _energy(matrix, problem, columns, names)
    _balance(matrix, problem, columns)
    _stored(matrix, problem, columns)
    spared = sparing and not len(cuts.row) and _far(problem, columns, known, loading)
    if not spared:
        _limit(matrix, problem, known, loading, upper)
    _cut(matrix, cuts, loading)
    row, of, values = (np.concatenate(each) for each in zip(*matrix.parts, strict=True))
    # By column, and nearly in order already: that takes the time of a merge.
    order = np.argsort(of, kind="stable")
    names_of, step_of = named(problem, columns, names)
    return Form(
        columns=columns,
        cost=cost,
        lower=lower,
        upper=upper,
        row_lower=np.concatenate(matrix.lower),
        row_upper=np.concatenate(matrix.upper),
        begin=np.searchsorted(of[order], np.arange(columns.count + 1)).astype(np.int32),
        index=row[order].astype(np.int32),
        value=values[order],
        named=names_of,
        named_step=step_of,
        row_named=np.concatenate(matrix.named),
        row_step=np.concatenate(matrix.steps),
        loading=loading,
        spared=spared,
    )


def _energy(matrix: _Matrix, problem: Problem, columns: Columns, names: Ints) -> None:
    """What each car gets and what it lacks is what it needs; what givers have follows from step to step."""
    cars, given = problem.cars, problem.discharging
    each, unserved = np.arange(columns.currents), np.arange(len(cars) * columns.parts)
    kwh = cars.kw_per_a[columns.car] * columns.hours
    goes_on, before = _before(problem, columns)
    out = columns[Kind.DISCHARGE].start + np.arange(len(columns.giver))
    given_kwh = np.zeros(0)
    if given is not None:
        given_kwh = cars.kw_per_a[columns.given_car] * columns.given_hours / given.efficiency[columns.giver]
    matrix.block(
        name(Kind.UNSERVED, names),
        0,
        cars.need_kwh,
        cars.need_kwh,
        (columns.car, each, kwh),
        (goes_on, before, kwh[before]),
        (columns.given_car, out, -given_kwh),
        (unserved % len(cars) if len(cars) else unserved, columns[Kind.UNSERVED].start + unserved, 1.0),
    )
    if given is not None:
        row = np.arange(len(columns.giver))
        first = columns.given_step == cars.first[columns.given_car]
        inward = columns.offset[columns.given_car] + columns.given_step - cars.first[columns.given_car]
        level = columns[Kind.CHARGED].start + row
        matrix.block(
            name(Kind.CHARGED, names[columns.given_car]),
            columns.given_step,
            0.0,
            0.0,
            (row, level, 1.0),
            (row[~first], level[~first] - 1, -1.0),
            (row, inward, -kwh[inward]),
            (row, out, given_kwh),
        )
    if problem.minimums is not None:
        _minimums(matrix, problem, columns, names, kwh, given_kwh)


def _before(problem: Problem, columns: Columns) -> tuple[Ints, Ints]:
    """Cars that go on with the plan of another one, and the columns of that, which serve them as well."""
    if problem.after is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    goes_on = np.nonzero(problem.after >= 0)[0]
    of = problem.after[goes_on]
    which, column, _ = stays(columns.offset[of], columns.offset[of + 1])
    return goes_on[which], column


def _minimums(matrix: _Matrix, problem: Problem, columns: Columns, names: Ints, kwh: Floats, given_kwh: Floats) -> None:
    minimums, cars = problem.minimums, problem.cars
    assert minimums is not None
    number = np.arange(len(minimums.car))
    whose, step, _ = stays(
        cars.first[minimums.car], np.clip(minimums.by, cars.first[minimums.car], cars.last[minimums.car])
    )
    inward = columns.offset[minimums.car[whose]] + step - cars.first[minimums.car[whose]]
    parts: list[tuple[Any, Any, Any]] = [
        (whose, inward, kwh[inward]),
        (number, columns[Kind.LACKING].start + number, 1.0),
    ]
    if problem.discharging is not None:
        place = np.full(len(cars), -1)
        place[problem.discharging.car] = np.arange(len(problem.discharging.car))
        gives = place[minimums.car[whose]] >= 0
        out = columns.given_offset[place[minimums.car[whose[gives]]]] + (step - cars.first[minimums.car[whose]])[gives]
        parts.append((whose[gives], columns[Kind.DISCHARGE].start + out, -given_kwh[out]))
    matrix.block(name(Kind.LACKING, names[minimums.car]), turns(minimums.car), minimums.kwh, INFINITE, *parts)


def _balance(matrix: _Matrix, problem: Problem, columns: Columns) -> None:
    """What flows in and out in each step, the peak over it, and the bands of power where it is to be level."""
    cars, horizon, steps = problem.cars, problem.horizon, np.arange(problem.horizon.steps)
    number, each = len(steps), np.arange(columns.currents)
    needed = horizon.load_kw - horizon.solar_kw + reserved_kw(problem)
    out = columns[Kind.DISCHARGE].start + np.arange(len(columns.giver))
    for scenario in range(problem.scenarios):
        here = (cars.scenario[columns.car] == scenario) | (cars.scenario[columns.car] < 0)
        grid, export = (columns[kind].start + scenario * number + steps for kind in (Kind.GRID, Kind.EXPORT))
        parts: list[tuple[Any, Any, Any]] = [
            (steps, grid, 1.0),
            (steps, export, -1.0),
            (columns.step[here], each[here], -(cars.kw_per_a[columns.car] * columns.share)[here]),
            (columns.given_step, out, cars.kw_per_a[columns.given_car] * columns.given_share),
        ]
        if problem.batteries:
            stored = np.arange(number * len(problem.batteries))
            parts.append((stored % number, columns[Kind.BATTERY_IN].start + stored, -1.0))
            parts.append((stored % number, columns[Kind.BATTERY_OUT].start + stored, 1.0))
        named = np.full(number, scenario)
        matrix.block(name(Kind.GRID, named), steps, needed, needed, *parts)
        over = (steps, grid, 1.0)
        matrix.block(
            name(Kind.OVER, named), steps, -INFINITE, 0.0, over, (steps, columns[Kind.PEAK].start + scenario, -1.0)
        )
        if columns.levels:
            bands = np.arange(columns.levels)[:, None] * number * problem.scenarios + scenario * number + steps
            matrix.block(
                name(Kind.LEVEL, named), steps, -INFINITE, 0.0, over, (steps, columns[Kind.LEVEL].start + bands, -1.0)
            )


def _stored(matrix: _Matrix, problem: Problem, columns: Columns) -> None:
    """What each battery holds follows from step to step, and what it lacks at the end of what it should have."""
    hours, steps = problem.horizon.hours, np.arange(problem.horizon.steps)
    for number, battery in enumerate(problem.batteries):
        inward, outward, level = (
            columns[kind].start + number * len(steps) + steps
            for kind in (Kind.BATTERY_IN, Kind.BATTERY_OUT, Kind.BATTERY)
        )
        before = np.zeros(len(steps))
        before[0] = min(max(battery.stored_kwh, 0.0), battery.capacity_kwh)
        matrix.block(
            name(Kind.BATTERY, np.full(len(steps), number)),
            steps,
            before,
            before,
            (steps, level, 1.0),
            (steps[1:], level[:-1], -1.0),
            (steps, inward, -battery.efficiency * hours),
            (steps, outward, hours / battery.efficiency),
        )
        if battery.ends_kwh is not None:
            only, emptied = np.zeros(1, np.int64), columns[Kind.EMPTIED].start + columns.ending.index(number)
            matrix.block(
                name(Kind.EMPTIED, np.array([number])),
                0,
                battery.ends_kwh,
                INFINITE,
                (only, level[-1:], 1.0),
                (only, np.array([emptied]), 1.0),
            )


def _far(problem: Problem, columns: Columns, known: Incidence, loading: Loading) -> bool:
    """Whether the limits of the site hardly bind, though all cars at full current would exceed them: there is enough
    for everybody, and a price of the peak keeps cars apart."""
    if problem.worth.peak <= 0 or problem.discharging is not None or not known.linear.all():
        return False
    cars, hours = problem.cars, problem.horizon.hours
    stays_h = gone_h(cars, hours) - (np.cumsum(hours) - hours)[cars.first]
    kw = cars.need_kwh / np.maximum(stays_h, 1e-9)
    even_a = np.zeros(columns.count)
    even_a[columns[Kind.CURRENT]] = np.minimum(kw / cars.kw_per_a, cars.max_a)[columns.car]
    return bool((loading.reach(even_a) <= FAR * loading.limits).all())


def _limit(matrix: _Matrix, problem: Problem, known: Incidence, loading: Loading, upper: Floats) -> None:
    """The linear limits of the site in every step in which cars could reach them, in each scenario."""
    limits, still = loading.limits, loading.still.real
    linear = np.tile(known.linear, loading.times)
    binding = (loading.reach(upper) > limits * (1 + SLACK)) & linear[:, None]
    number = np.cumsum(binding.ravel()) - 1
    kept = binding.ravel()[loading.key]
    row, step = np.nonzero(binding)
    parts = [(number[loading.key[kept]], loading.column[kept], loading.value[kept].real)]
    expecting = np.nonzero(row >= known.rows)[0]
    if len(expecting):
        # Besides those whom a scenario expects there are those that are there.
        found, which = loading.places(row[expecting] % known.rows, step[expecting])
        parts.append((expecting[which], loading.column[found], loading.value[found].real))
    lower = -INFINITE if problem.discharging is None else -limits[binding] - still[binding]
    matrix.block(name(Kind.LIMIT, row), step, lower, limits[binding] - still[binding], *parts)


def _cut(matrix: _Matrix, cuts: Cuts, loading: Loading) -> None:
    """Tangents that were found before: they stay true whatever the cars, limits and reserves are."""
    if not len(cuts.row):
        return
    found, which = loading.places(cuts.row, cuts.step)
    slope = (np.conj(cuts.towards[which]) * loading.value[found]).real
    most = loading.limits[cuts.row, cuts.step] - (np.conj(cuts.towards) * loading.still[cuts.row, cuts.step]).real
    matrix.block(name(Kind.CUT, cuts.number), cuts.step, -INFINITE, most, (which, loading.column[found], slope))
