"""The first step of a plan as stations can do it: no current at all, or at least the least that a car can use.

Few currents of an optimal plan lie between, since each is at a corner of what is possible. Those from half of the least
are raised to it while every limit holds, the others wait, and the plan is made anew around them, warm.
"""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from forecourt.energy.planner.filling import Loads, admitted
from forecourt.energy.planner.problem import Plan, Problem, Unsolvable
from forecourt.energy.planner.solver import DEADLINE_S, SiteSolver
from forecourt.energy.rows import Floats

#: Currents below this are none, in A.
NOTHING_A: Final = 1e-3


def rounded(solver: SiteSolver, plan: Plan, min_a: Floats, deadline_s: float = DEADLINE_S) -> Plan:
    """The plan that the solver has just made, with each first current of the cars that are there 0, below it where a
    car gives, or at least its `min_a`, and no limit exceeded.

    Where the plan can't be made anew in time only its first step is changed.
    """
    problem = solver.problem
    assert problem is not None
    first_a, there = plan.current_a[:, 0], problem.cars.there
    loads = _loads(solver, problem, plan)
    inside = _inside(problem, loads, first_a, min_a)
    if (inside != (first_a > NOTHING_A)).any() or (inside & (first_a < min_a - NOTHING_A)).any():
        most = np.where(inside, problem.cars.max_a[there], 0.0)
        try:
            plan = solver.pinned(np.where(inside, min_a, 0.0), most, deadline_s)
        except Unsolvable:
            return _with_first(plan, _settled(problem, loads, first_a, first_a, min_a, inside))
        loads = _loads(solver, problem, plan)
    return _with_first(plan, _settled(problem, loads, first_a, plan.current_a[:, 0], min_a, inside))


def _loads(solver: SiteSolver, problem: Problem, plan: Plan) -> Loads:
    """The limits of the first step. What batteries give makes room in what may come from the grid."""
    cars, horizon = problem.cars, problem.horizon
    room_kw = float(horizon.limit_kw[0] - horizon.load_kw[0] + horizon.solar_kw[0])
    if problem.reserved is not None:
        room_kw -= float(problem.reserved.kw_per_a @ problem.reserved.current_a[:, 0])
    room_kw -= float(plan.battery_kw[:, 0].sum())
    known, limits, still = solver.now()
    there = cars.there
    if not _makes_room(problem):
        room_kw -= float(np.minimum(plan.current_a[:, 0], 0.0) @ cars.kw_per_a[there])
    return Loads(known, cars.evse[there], cars.kw_per_a[there], limits, still, room_kw)


def _inside(problem: Problem, loads: Loads, first_a: Floats, min_a: Floats) -> npt.NDArray[np.bool_]:
    """Who gets something. Those that get enough already come first, then those that get most of it."""
    cars, there = problem.cars, problem.cars.there
    # Who is nearly full needs less in a step than the least brings, and charges for a part of it.
    usable = np.minimum(min_a, cars.need_kwh[there] / (cars.kw_per_a[there] * problem.horizon.hours[0]))
    able = (first_a > NOTHING_A) & (first_a >= usable / 2 - NOTHING_A) & (cars.max_a[there] >= min_a)
    giving = np.minimum(first_a, 0.0) if _makes_room(problem) else np.zeros(len(there))
    return admitted(loads, min_a, np.argsort(-first_a, kind="stable"), able, giving)


def _makes_room(problem: Problem) -> bool:
    """Whether what cars give counts in the rows of the site."""
    return problem.discharging is None or problem.discharging.makes_room


def _settled(
    problem: Problem, loads: Loads, before: Floats, first_a: Floats, min_a: Floats, inside: npt.NDArray[np.bool_]
) -> Floats:
    """First currents that fit exactly: what lies above the least is shortened by what tolerances left over."""
    wanted = np.where(inside, np.maximum(first_a, min_a), np.minimum(first_a, 0.0))
    least = np.where(inside, min_a, np.minimum(before, 0.0))
    apart = np.zeros(len(wanted))
    if not _makes_room(problem):
        apart, wanted, least = np.minimum(wanted, 0.0), np.maximum(wanted, 0.0), np.maximum(least, 0.0)
    if loads.fits(wanted):
        return wanted + apart
    return least + loads.share(least, wanted) * (wanted - least) + apart


def _with_first(plan: Plan, first_a: Floats) -> Plan:
    current_a = plan.current_a.copy()
    current_a[:, 0] = first_a
    return msgspec.structs.replace(plan, current_a=current_a)
