"""One site's charging as a linear program, and its solution by HiGHS.

Minimised are energy at its price, the demand charge for a higher peak than was paid already, unserved energy at its
worth, and tiny costs of being late. Unserved energy keeps every problem solvable. Rows that aren't linear (delta
connections) are met by tangent cuts, added only where the last solution violates them.

Cars that are only expected belong to scenarios, each as likely as the others: the cars that are there have one plan for
all of them, and each scenario has its own energy from the grid and its own peak.
"""

from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.rows import SLACK, Floats, Rows

Ints = npt.NDArray[np.int64]
INFINITE = highspy.kHighsInf
#: Rounds of tangent cuts before a solution is scaled into the limits as it is.
MAX_ROUNDS = 40
#: A solution may exceed a limit by this share before it is cut off; with cars that are only expected, by that share.
TOLERANCE = 1e-4
GUESSED = 1e-2


class Horizon(Struct, frozen=True, kw_only=True):
    """The steps ahead: their lengths in hours, price of energy and worth of what is fed in per kWh, what the building
    takes and the sun gives in kW, and the most that may come from the grid in kW."""

    hours: Floats
    price: Floats
    feed_in: Floats
    load_kw: Floats
    solar_kw: Floats
    limit_kw: Floats

    @property
    def steps(self) -> int:
        return len(self.hours)


class Cars(Struct, frozen=True, kw_only=True):
    """Cars by number. They are there in the steps `first` to before `last`, want `need_kwh` and take up to `max_a`.

    `evse`: column in the rows of the site, `kw_per_a`: power at 1 A, `weight`: how much worse than others they are left
    without, `scenario`: -1 for cars that are there, else the scenario in which they are expected.
    """

    first: Ints
    last: Ints
    need_kwh: Floats
    max_a: Floats
    kw_per_a: Floats
    evse: Ints
    weight: Floats
    scenario: Ints

    def __len__(self) -> int:
        return len(self.first)


def joined(cars: Cars, more: Cars) -> Cars:
    """The cars of both, in this order."""
    return Cars(**{name: np.concatenate([getattr(cars, name), getattr(more, name)]) for name in Cars.__struct_fields__})


class Worth(Struct, frozen=True, kw_only=True):
    """What things cost: a kWh that isn't served, a kW more of peak than `paid_kw`, and being late by the whole horizon
    with a kWh."""

    unserved: float = 1.0
    peak: float = 0.0
    paid_kw: float = 0.0
    late: float = 1e-4


class Plan(Struct, frozen=True, kw_only=True):
    """Currents of the cars that are there, (cars, steps); `unserved_kwh` of each; the peak, mean of the scenarios."""

    current_a: Floats
    unserved_kwh: Floats
    peak_kw: float
    cost: float


class _Silent(highspy.Highs):
    """A solver that says nothing: it would greet on standard output when its callbacks are made, which is at once."""

    def enableCallbacks(self) -> None:  # noqa: N802
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


class Unsolvable(ArithmeticError):
    """The solver found no plan; limits that the building alone exceeds are the only known cause."""


class _Columns:
    """Where each kind of variable begins: currents, unserved, grid, export, peaks."""

    def __init__(self, cars: Cars, steps: int, scenarios: int) -> None:
        lengths = cars.last - cars.first
        self.offset = np.concatenate([[0], np.cumsum(lengths)])
        self.car = np.repeat(np.arange(len(cars)), lengths)
        self.step = np.arange(self.offset[-1]) - np.repeat(self.offset[:-1], lengths) + np.repeat(cars.first, lengths)
        self.currents = int(self.offset[-1])
        self.grid = self.currents + len(cars)
        self.export = self.grid + steps * scenarios
        self.peak = self.export + steps * scenarios
        self.count = self.peak + scenarios


class _Matrix:
    """Rows as they are added, in the triplets that make a sparse matrix."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self.rows = 0

    def block(self, rows: int, lower: Any, upper: Any, *parts: tuple[Any, Any, Any]) -> None:
        """So many rows with their bounds; `parts`: (row within the block, column, value) each."""
        for row, column, value in parts:
            r, c, v = np.broadcast_arrays(row, column, value)
            self._parts.append((r + self.rows, c, v.astype(np.float64)))
        self._lower.append(np.broadcast_to(np.asarray(lower, np.float64), (rows,)))
        self._upper.append(np.broadcast_to(np.asarray(upper, np.float64), (rows,)))
        self.rows += rows

    def fill(self, lp: Any) -> None:
        row, column, value = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        order = np.lexsort((column, row))
        lp.num_row_ = self.rows
        lp.row_lower_, lp.row_upper_ = np.concatenate(self._lower), np.concatenate(self._upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.searchsorted(row[order], np.arange(self.rows + 1)).astype(np.int32)
        lp.a_matrix_.index_ = column[order].astype(np.int32)
        lp.a_matrix_.value_ = value[order]


def solve(cars: Cars, horizon: Horizon, rows: Rows, worth: Worth) -> Plan:
    """The plan of least cost. Raises Unsolvable."""
    scenarios = max(1, int(cars.scenario.max(initial=-1)) + 1)
    columns = _Columns(cars, horizon.steps, scenarios)
    solver: Any = _Silent()  # type: ignore[no-untyped-call]
    for option, value in (("output_flag", False), ("threads", 1), ("solver", "simplex")):
        solver.setOptionValue(option, value)
    solver.passModel(_model(cars, horizon, rows, worth, columns, scenarios))
    for _ in range(MAX_ROUNDS):
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise Unsolvable(solver.modelStatusToString(solver.getModelStatus()))
        found = np.asarray(solver.getSolution().col_value)
        current_a = _currents(found, cars, columns, horizon.steps)
        if not _cut(solver, current_a, cars, columns, rows):
            break
    return Plan(
        current_a=_within(current_a, cars, rows),
        unserved_kwh=found[columns.currents : columns.grid],
        peak_kw=float(found[columns.peak :].mean()),
        cost=solver.getInfo().objective_function_value,
    )


def _model(cars: Cars, horizon: Horizon, rows: Rows, worth: Worth, columns: _Columns, scenarios: int) -> Any:
    lp = highspy.HighsLp()
    lp.num_col_ = columns.count
    _bounds(lp, cars, horizon, worth, columns, scenarios)
    matrix = _Matrix()
    car, step, kw = columns.car, columns.step, cars.kw_per_a[columns.car]
    each = np.arange(columns.currents)
    hours = horizon.hours[step]
    unserved = np.arange(len(cars))
    matrix.block(
        len(cars), cars.need_kwh, cars.need_kwh, (car, each, kw * hours), (unserved, columns.currents + unserved, 1.0)
    )
    steps = np.arange(horizon.steps)
    balance = horizon.load_kw - horizon.solar_kw
    for scenario in range(scenarios):
        here = (cars.scenario[car] == scenario) | (cars.scenario[car] < 0)
        grid, export = columns.grid + scenario * horizon.steps, columns.export + scenario * horizon.steps
        matrix.block(
            horizon.steps,
            balance,
            balance,
            (steps, grid + steps, 1.0),
            (steps, export + steps, -1.0),
            (step[here], each[here], -kw[here]),
        )
        matrix.block(horizon.steps, -INFINITE, 0.0, (steps, grid + steps, 1.0), (steps, columns.peak + scenario, -1.0))
    _limit(matrix, cars, columns, rows, horizon.steps)
    matrix.fill(lp)
    return lp


def _bounds(lp: Any, cars: Cars, horizon: Horizon, worth: Worth, columns: _Columns, scenarios: int) -> None:
    share = np.where(cars.scenario < 0, 1.0, 1.0 / scenarios)
    cost, lower = np.zeros(columns.count), np.zeros(columns.count)
    upper = np.full(columns.count, INFINITE)
    middle = np.cumsum(horizon.hours) - horizon.hours / 2
    late = worth.late * middle / max(float(horizon.hours.sum()), 1e-9)
    kwh = cars.kw_per_a[columns.car] * horizon.hours[columns.step]
    upper[: columns.currents] = cars.max_a[columns.car]
    cost[: columns.currents] = late[columns.step] * kwh * share[columns.car]
    upper[columns.currents : columns.grid] = cars.need_kwh
    cost[columns.currents : columns.grid] = worth.unserved * cars.weight * share
    upper[columns.grid : columns.export] = np.tile(horizon.limit_kw, scenarios)
    cost[columns.grid : columns.export] = np.tile(horizon.price * horizon.hours, scenarios) / scenarios
    # No more is fed in than the sun leaves over, or prices below what is paid for it would be an endless trade.
    upper[columns.export : columns.peak] = np.tile(np.maximum(horizon.solar_kw - horizon.load_kw, 0.0), scenarios)
    cost[columns.export : columns.peak] = np.tile(-horizon.feed_in * horizon.hours, scenarios) / scenarios
    lower[columns.peak :], cost[columns.peak :] = worth.paid_kw, worth.peak / scenarios
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper


def _limit(matrix: _Matrix, cars: Cars, columns: _Columns, rows: Rows, steps: int) -> None:
    """The linear limits of the site in every step in which the cars of a scenario could reach them."""
    for scenario in range(-1, int(cars.scenario.max(initial=-1)) + 1):
        here = np.isin(cars.scenario[columns.car], (-1, scenario))
        car, step, each = columns.car[here], columns.step[here], np.arange(columns.currents)[here]
        for row in np.nonzero(rows.linear)[0]:
            value = np.abs(rows.of[row, cars.evse[car]])
            most = np.bincount(step, value * cars.max_a[car], steps)
            mine = np.bincount(step, value * (cars.scenario[car] == scenario), steps) > 0
            binding = mine & (most > rows.limits[row] * (1 + SLACK))
            number = np.cumsum(binding) - 1
            kept = binding[step] & (value > 0)
            matrix.block(int(binding.sum()), -INFINITE, rows.limits[row], (number[step[kept]], each[kept], value[kept]))


def _currents(found: Floats, cars: Cars, columns: _Columns, steps: int) -> Floats:
    current_a = np.zeros((len(cars), steps))
    current_a[columns.car, columns.step] = np.maximum(found[: columns.currents], 0.0)
    return current_a


def _cut(solver: Any, current_a: Floats, cars: Cars, columns: _Columns, rows: Rows) -> bool:
    """Adds a tangent where a cone is violated, in each scenario; whether there was any."""
    cones = np.nonzero(~rows.linear)[0]
    starts, index, value, upper = [0], [], [], []
    for scenario in range(-1, int(cars.scenario.max(initial=-1)) + 1):
        here = np.isin(cars.scenario, (-1, scenario))
        flow = rows.of[np.ix_(cones, cars.evse[here])] @ current_a[here]
        size = np.abs(flow)
        tolerance = TOLERANCE if scenario < 0 else GUESSED
        violated = np.argwhere(size > rows.limits[cones, None] * (1 + tolerance) + 1e-9)
        at = {step: np.nonzero((columns.step == step) & here[columns.car])[0] for step in {*violated[:, 1]}}
        for cone, step in violated:
            each = at[step]
            towards = np.conj(flow[cone, step] / size[cone, step])
            slope = (towards * rows.of[cones[cone], cars.evse[columns.car[each]]]).real
            kept = np.abs(slope) > 1e-9
            index.append(each[kept])
            value.append(slope[kept])
            starts.append(starts[-1] + int(kept.sum()))
            upper.append(rows.limits[cones[cone]])
    if not upper:
        return False
    solver.addRows(
        len(upper),
        np.full(len(upper), -INFINITE),
        np.array(upper),
        starts[-1],
        np.array(starts[:-1], dtype=np.int32),
        np.concatenate(index).astype(np.int32),
        np.concatenate(value),
    )
    return True


def _within(current_a: Floats, cars: Cars, rows: Rows) -> Floats:
    """The currents of the cars that are there, each step scaled into the limits by what tolerances left over."""
    there = np.nonzero(cars.scenario < 0)[0]
    mine = current_a[there]
    if not len(rows.limits) or not len(there):
        return mine
    loads = np.abs(rows.of[:, cars.evse[there]] @ mine)
    limits = np.maximum(rows.limits, 1e-12)[:, None]
    over = np.maximum(loads / limits, 1.0).max(axis=0)
    return np.asarray(mine / over)
