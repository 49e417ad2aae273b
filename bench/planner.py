"""What planning a site costs: from nothing, again after a change, and at once after a limit was cut; and what the same
problem costs in the ordinary ways. CPU time of one core, of children as well."""

import asyncio
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from bench import modellers
from bench.depots import STEPS, depot
from bench.figures import Figure
from bench.servers import Stage
from forecourt.energy.planner.arrivals import MOST_EXPECTED
from forecourt.energy.planner.chances import DEPARTURES, ENERGIES, MOST_HEDGED, hedged
from forecourt.energy.planner.filling import Claims, fill
from forecourt.energy.planner.problem import Cars, Problem, joined
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.settings import DAYS
from forecourt.energy.planner.solver import SiteSolver

SIZES = (54, 500, 1_000, 5_000)
#: Cars, and the most CPU milliseconds.
GOALS_COLD = {1_000: 1_000.0, 5_000: 10_000.0}
GOALS_WARM = {1_000: 100.0, 5_000: 500.0}
GOALS_CUT = {5_000: 250.0}
#: How many times less CPU than the ordinary ways, for how many cars.
GOAL_RATIO = 10.0
#: Sites for which cvxpy and Clarabel take longer than minutes are left out there.
MOST_CVXPY = 1_000
#: Plans of few cars are made so many times, all of them together for so many cars; the least time of each way counts.
TOGETHER = 500
#: Costs that differ by more are of different problems.
SAME_COST = 1e-4
LEAST_A = 6.0
#: What is left of the grid's limit by a cut.
CUT = 0.5

T = TypeVar("T")


async def measure(stage: Stage) -> list[Figure]:
    """Plans of sites of several sizes, and the same in the ordinary ways."""
    sizes, compared = (SIZES[:2], SIZES[:1]) if stage.quick else (SIZES, SIZES)
    return await asyncio.to_thread(figures, sizes, compared)


def figures(sizes: tuple[int, ...], compared: tuple[int, ...]) -> list[Figure]:
    """The figures of these sizes; the ordinary ways are measured for those of `compared`."""
    ours = [each for cars in sizes for each in _ours(cars)]
    return ours + [each for cars in compared for each in _beside(cars)]


def _ours(cars: int) -> list[Figure]:
    problem, solver = depot(cars), SiteSolver()
    cold, _ = spent(lambda: solver.solve(problem))
    needs = problem.cars.need_kwh.copy()
    needs[[5, 6]] *= 0.6
    changed = replace(problem, cars=replace(problem.cars, need_kwh=needs))
    warm, _ = spent(lambda: solver.solve(changed))
    gone = np.delete(np.arange(cars), [10, cars - 5])
    left = replace(changed, cars=_some(changed.cars, gone), who=gone.tolist())
    fewer, _ = spent(lambda: solver.solve(left))
    more, _ = spent(lambda: solver.solve(changed))
    here = f"{cars:,} cars x {STEPS} steps"
    found = [
        Figure(what=f"Plan {here}: cold", unit="CPU ms", ours=cold, goal_most=GOALS_COLD.get(cars)),
        Figure(what=f"Plan {here}: 2 cars changed", unit="CPU ms", ours=warm, goal_most=GOALS_WARM.get(cars)),
        Figure(what=f"Plan {here}: 2 cars left", unit="CPU ms", ours=fewer, goal_most=GOALS_WARM.get(cars)),
        Figure(what=f"Plan {here}: 2 cars came", unit="CPU ms", ours=more, goal_most=GOALS_WARM.get(cars)),
        _cut(problem, cars),
    ]
    if cars <= MOST_HEDGED:
        hedged_cold, _ = spent(lambda: SiteSolver().solve(_guessed(problem)))
        found.append(Figure(what=f"Plan {here}: several guesses of each, cold", unit="CPU ms", ours=hedged_cold))
        found.append(_expecting(problem, cars))
    return [*found, *_rounding(problem, cars)]


def _expecting(problem: Problem, cars: int) -> Figure:
    """A plan of the cars that are there at 9 o'clock, beside those that came later on as many past days as count."""
    now, last = 36, int(problem.horizon.steps) - 36
    later = _from(problem, now)
    known = len(later.cars)
    every = later.cars
    for day in range(DAYS):
        of = depot(cars, seed=day + 1).cars
        some = _some(of, np.nonzero(of.first > now)[0])
        if len(every) + len(some) - known > MOST_EXPECTED:
            break
        there = {name: getattr(problem.cars, name)[some.evse] for name in ("max_a", "kw_per_a")}
        some = replace(some, first=some.first - now, last=np.minimum(some.last - now, last), **there)
        every = joined(every, replace(some, scenario=np.full(len(some), day)))
    expecting = replace(later, cars=every, who=None)
    took, _ = spent(lambda: SiteSolver().solve(expecting))
    what = (
        f"Plan {known:,} of {cars:,} cars and {len(every) - known:,} that may come, on {expecting.scenarios} days: cold"
    )
    return Figure(what=what, unit="CPU ms", ours=took)


def _guessed(problem: Problem) -> Problem:
    """With the guesses of its cars that a site of up to MOST_HEDGED plans with."""
    cars = problem.cars
    random = np.random.default_rng(1)
    shares = np.sort(random.uniform(0.3, 1.0, (len(cars), DEPARTURES * ENERGIES)))
    ends = np.cumsum(problem.horizon.hours)
    first = (ends - problem.horizon.hours)[cars.first, None]
    stays_h = first + shares * (ends[cars.last - 1, None] - first)
    needs_kwh = cars.need_kwh[:, None] * random.uniform(0.3, 1.0, shares.shape)
    there, chances = hedged(cars, np.arange(len(cars)), stays_h, needs_kwh, ends=ends)
    return replace(problem, cars=there, chances=chances)


def _cut(problem: Problem, cars: int) -> Figure:
    """A cut of the grid's limit to a half while everybody charges."""
    known = SiteSolver().incidence(problem.rows)
    zero, of = np.zeros(cars), problem.cars
    claims = Claims(
        evse=of.evse,
        min_a=zero + LEAST_A,
        max_a=of.max_a,
        kw_per_a=of.kw_per_a,
        weight=of.weight,
        laxity_h=zero + 1,
        on_s=zero + 60,
        waited_s=zero,
        had_turn=zero > 0,
        presses=zero > 0,
        idles=zero > 0,
    )
    grid = np.array([name.startswith("grid") for name in known.names])
    limits = np.where(grid, known.limits * CUT, known.limits)
    took, _ = spent(lambda: fill(known, claims, limits=limits))
    return Figure(what=f"Cut of a limit for {cars:,} cars", unit="CPU ms", ours=took, goal_most=GOALS_CUT.get(cars))


def _rounding(problem: Problem, cars: int) -> list[Figure]:
    """What it takes and costs to give everybody nothing or enough in the first step, at 11 o'clock."""
    later = _from(problem, 44)
    there = later.cars.first
    solver = SiteSolver()
    plan = solver.solve(later)
    took, even = spent(lambda: rounded(solver, plan, np.full(len(there), LEAST_A)))
    dearer = max(0.0, even.cost / plan.cost - 1) * 100
    return [
        Figure(what=f"Rounding of {len(there):,} of {cars:,} cars", unit="CPU ms", ours=took),
        Figure(what=f"Rounding of {len(there):,} of {cars:,} cars: cost", unit="% more", ours=dearer, goal_most=0.1),
    ]


def _from(problem: Problem, now: int) -> Problem:
    """The problem of the cars that are there in a step, of what time there is from then on."""
    there = np.nonzero((problem.cars.first <= now) & (problem.cars.last > now))[0]
    some = _some(problem.cars, there)
    left = (some.last - now) / (some.last - some.first)
    some = replace(some, first=np.zeros(len(there), np.int64), last=some.last - now, need_kwh=some.need_kwh * left)
    ahead = {name: getattr(problem.horizon, name)[now:] for name in problem.horizon.__struct_fields__}
    return replace(problem, cars=some, horizon=type(problem.horizon)(**ahead), who=there.tolist())


def _beside(cars: int) -> list[Figure]:
    problem = depot(cars)
    ours, plan = _least(lambda: SiteSolver().solve(problem), cars)
    ways = {"PuLP and CBC": modellers.by_pulp}
    if cars <= MOST_CVXPY:
        ways["cvxpy and Clarabel"] = modellers.by_cvxpy
    found = []
    for name, solve in ways.items():
        theirs, (cost, _) = _least(partial(solve, problem), cars)
        assert abs(cost / plan.cost - 1) < SAME_COST, f"{name}: {cost} is not {plan.cost}"
        found.append(
            Figure(
                what=f"Plan {cars:,} cars x {STEPS} steps cold, beside {name}",
                unit="CPU ms",
                ours=ours,
                ordinary=theirs,
                goal_ratio=GOAL_RATIO,
            )
        )
    return found


def _least(work: Callable[[], T], cars: int) -> tuple[float, T]:
    """The least CPU milliseconds of some turns, since what takes little is the sooner disturbed; what came of it."""
    return min((spent(work) for _ in range(max(1, TOGETHER // cars))), key=lambda each: each[0])


def spent(work: Callable[[], T]) -> tuple[float, T]:
    """The CPU milliseconds of it, children's included, and what came of it."""
    before = _cpu_ms()
    outcome = work()
    return _cpu_ms() - before, outcome


def _cpu_ms() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.process_time() + children.ru_utime + children.ru_stime) * 1000


def _some(cars: Cars, which: np.ndarray) -> Cars:
    return Cars(**{name: getattr(cars, name)[which] for name in Cars.__struct_fields__})
