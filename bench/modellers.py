"""The ordinary ways to plan in Python: the same problem written in cvxpy for Clarabel, and in PuLP for CBC.

Both are written as their own documentation does it, cvxpy with whole matrices, PuLP with a variable for each current,
and PuLP leaves out limits that can't bind, as we do. They serve cars that are there, on sites whose limits are linear.
"""

from typing import Any

import cvxpy
import numpy as np
import pulp

from forecourt.energy.planner.problem import Battery, Problem

#: It fills its module as it is imported, which types can't follow.
cp: Any = cvxpy


def by_cvxpy(problem: Problem) -> tuple[float, np.ndarray]:
    """The least cost and the currents, (cars, steps), by cvxpy and Clarabel."""
    cars, horizon, worth, (battery,) = problem.cars, problem.horizon, problem.worth, problem.batteries
    number, steps, hours = len(cars), horizon.steps, horizon.hours
    most = np.zeros((number, steps))
    for car in range(number):
        most[car, cars.first[car] : cars.last[car]] = cars.max_a[car]
    current, unserved = cp.Variable((number, steps)), cp.Variable(number)
    grid, export, put, got, stored = (cp.Variable(steps) for _ in range(5))
    peak = cp.Variable()
    kwh = cp.multiply(cars.kw_per_a[:, None] * hours[None, :], current)
    before = cp.hstack([[battery.stored_kwh], stored[:-1]])
    limits = [
        current >= 0,
        current <= most,
        unserved >= 0,
        unserved <= cars.need_kwh,
        cp.sum(kwh, axis=1) + unserved == cars.need_kwh,
        grid >= 0,
        export >= 0,
        export <= np.maximum(horizon.solar_kw - horizon.load_kw, 0),
        grid - export == cars.kw_per_a @ current + horizon.load_kw - horizon.solar_kw + put - got,
        put >= 0,
        put <= battery.charge_kw,
        got >= 0,
        got <= battery.discharge_kw,
        stored >= 0,
        stored <= battery.capacity_kwh,
        stored[steps - 1] >= battery.stored_kwh,
        stored == before + battery.efficiency * cp.multiply(hours, put) - cp.multiply(hours, got) / battery.efficiency,
        grid <= peak,
        peak >= worth.paid_kw,
        np.abs(problem.rows.of) @ current <= problem.rows.limits[:, None] * np.ones((1, steps)),
    ]
    cost = (
        cp.sum(cp.multiply(_late(problem)[None, :], kwh))
        + (worth.unserved * cars.weight) @ unserved
        + (horizon.price * hours) @ grid
        - (horizon.feed_in * hours) @ export
        + (battery.wear * hours) @ (put + got)
        + worth.peak * peak
    )
    asked = cp.Problem(cp.Minimize(cost), limits)
    asked.solve(solver=cp.CLARABEL)
    return float(asked.value), np.asarray(current.value)


def by_pulp(problem: Problem) -> tuple[float, np.ndarray]:
    """The least cost and the currents, (cars, steps), by PuLP and CBC, one thread."""
    cars, horizon, worth, (battery,) = problem.cars, problem.horizon, problem.worth, problem.batteries
    number, steps, hours = len(cars), horizon.steps, horizon.hours.tolist()
    asked, late = pulp.LpProblem("charging", pulp.LpMinimize), _late(problem)
    current = {
        (car, step): pulp.LpVariable(f"r_{car}_{step}", 0, cars.max_a[car])
        for car in range(number)
        for step in range(cars.first[car], cars.last[car])
    }
    unserved = [pulp.LpVariable(f"s_{car}", 0, cars.need_kwh[car]) for car in range(number)]
    grid = [pulp.LpVariable(f"g_{step}", 0) for step in range(steps)]
    export = [
        pulp.LpVariable(f"x_{step}", 0, max(0.0, horizon.solar_kw[step] - horizon.load_kw[step]))
        for step in range(steps)
    ]
    peak = pulp.LpVariable("p", worth.paid_kw)
    put, got, worn = _stored(asked, battery, hours)
    kwh = {(car, step): cars.kw_per_a[car] * hours[step] for car, step in current}
    asked += (
        pulp.lpSum(late[step] * kwh[car, step] * each for (car, step), each in current.items())
        + pulp.lpSum(worth.unserved * cars.weight[car] * unserved[car] for car in range(number))
        + pulp.lpSum(horizon.price[step] * hours[step] * grid[step] for step in range(steps))
        - pulp.lpSum(horizon.feed_in[step] * hours[step] * export[step] for step in range(steps))
        + worn
        + worth.peak * peak
    )
    for car in range(number):
        stay = range(cars.first[car], cars.last[car])
        served = pulp.lpSum(kwh[car, step] * current[car, step] for step in stay)
        asked += served + unserved[car] == cars.need_kwh[car]
    at: list[list[int]] = [[] for _ in range(steps)]
    for car, step in current:
        at[step].append(car)
    share = np.abs(problem.rows.of)
    members = [set(np.nonzero(row)[0].tolist()) for row in share]
    for step in range(steps):
        drawn = pulp.lpSum(cars.kw_per_a[car] * current[car, step] for car in at[step])
        needed = horizon.load_kw[step] - horizon.solar_kw[step]
        asked += grid[step] - export[step] == drawn + needed + put[step] - got[step]
        asked += grid[step] <= peak
        for row, limit in enumerate(problem.rows.limits):
            here = [car for car in at[step] if car in members[row]]
            if sum(share[row, car] * cars.max_a[car] for car in here) > limit:
                asked += pulp.lpSum(share[row, car] * current[car, step] for car in here) <= limit
    asked.solve(pulp.PULP_CBC_CMD(msg=False, threads=1))
    found = np.zeros((number, horizon.steps))
    for (car, step), each in current.items():
        found[car, step] = each.varValue
    return float(pulp.value(asked.objective)), found


def _stored(asked: Any, battery: Battery, hours: list[float]) -> tuple[list[Any], list[Any], Any]:
    """What the battery takes and gives in each step, and what it wears."""
    steps = range(len(hours))
    put = [pulp.LpVariable(f"c_{step}", 0, battery.charge_kw) for step in steps]
    got = [pulp.LpVariable(f"b_{step}", 0, battery.discharge_kw) for step in steps]
    stored = [pulp.LpVariable(f"e_{step}", 0, battery.capacity_kwh) for step in steps]
    for step in steps:
        before = stored[step - 1] if step else battery.stored_kwh
        inward, outward = battery.efficiency * hours[step], hours[step] / battery.efficiency
        asked += stored[step] == before + inward * put[step] - outward * got[step]
    asked += stored[-1] >= battery.stored_kwh
    return put, got, pulp.lpSum(battery.wear * hours[step] * (put[step] + got[step]) for step in steps)


def _late(problem: Problem) -> np.ndarray:
    """What being late costs in each step, per kWh."""
    hours = problem.horizon.hours
    return np.asarray(problem.worth.late * (np.cumsum(hours) - hours / 2) / hours.sum())
