"""A plan's first step as stations can do it: nothing or enough, no limit exceeded, at next to no cost."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.energy.planner.problem import Unsolvable, eased
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import SiteSolver
from tests.energy.sites import exceeded, random_problem, with_everything

replace = msgspec.structs.replace


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_first_currents_are_nothing_or_enough_and_exceed_no_node(seed: int, everything: bool) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    problem = replace(problem, cars=replace(problem.cars, first=np.zeros(8, np.int64)))
    if everything:
        problem = replace(problem, **with_everything(random, problem))
    problem = eased(problem)
    solver = SiteSolver()
    optimum = solver.solve(problem)
    min_a = np.where(np.arange(8) == 3, 0.0, 6.0)
    plan = rounded(solver, optimum, min_a)
    first_a = plan.current_a[:, 0]
    assert ((first_a <= 0) | (first_a >= min_a)).all()
    assert (first_a <= problem.cars.max_a + 1e-9).all()
    still = np.zeros(8)
    if problem.reserved is not None:
        still[-1] = 6.0
    if not exceeded(site, still):
        assert exceeded(site, first_a + still) == []
    # And the problem itself is as it was.
    assert solver.solve(problem).cost == pytest.approx(optimum.cost, rel=1e-4, abs=1e-4)


def test_rounding_costs_next_to_nothing_and_serves_who_is_nearly_full() -> None:
    random = np.random.default_rng(3)
    _, problem = random_problem(random, cars=60, steps=40)
    problem = replace(problem, cars=replace(problem.cars, first=np.zeros(60, np.int64)))
    problem = eased(replace(problem, horizon=replace(problem.horizon, hours=np.full(40, 0.25))))
    solver = SiteSolver()
    optimum = solver.solve(problem)
    plan = rounded(solver, optimum, np.full(60, 6.0))
    first_a = optimum.current_a[:, 0]
    assert ((first_a > 1e-3) & (first_a < 6)).any()
    assert plan.cost <= optimum.cost * 1.001
    rising = replace(problem.horizon, price=np.linspace(0.1, 0.5, 40), solar_kw=np.zeros(40))
    nearly = replace(problem, cars=replace(problem.cars, need_kwh=np.full(60, 0.05)), horizon=rising)
    once = rounded(solver, solver.solve(nearly), np.full(60, 6.0))
    assert (once.current_a[:, 0] >= 6).any()


def test_without_time_to_plan_anew_only_the_first_step_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    site, problem = random_problem(random, cars=30, steps=10)
    problem = eased(replace(problem, cars=replace(problem.cars, first=np.zeros(30, np.int64))))
    solver = SiteSolver()
    optimum = solver.solve(problem)

    def late(*_: object) -> None:
        raise Unsolvable

    monkeypatch.setattr(solver, "pinned", late)
    plan = rounded(solver, optimum, np.full(30, 6.0))
    assert (plan.current_a[:, 0] != optimum.current_a[:, 0]).any()
    assert np.array_equal(plan.current_a[:, 1:], optimum.current_a[:, 1:])
    assert ((plan.current_a[:, 0] == 0) | (plan.current_a[:, 0] >= 6)).all()
    assert exceeded(site, plan.current_a[:, 0]) == []
