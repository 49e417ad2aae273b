"""A plan's first step as stations can do it: nothing or enough, no limit exceeded, at next to no cost."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.energy.planner.problem import Unsolvable, Worth, eased
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import SiteSolver
from tests.energy.sites import exceeded, hourly, random_problem, with_everything

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


def test_rounding_costs_next_to_nothing() -> None:
    split, least, even = 0, 0.0, 0.0
    for seed in range(6):
        random = np.random.default_rng(seed)
        need, last = random.uniform(2, 30, 60).tolist(), random.integers(2, 25, 60).tolist()
        problem = hourly(random.uniform(0.1, 0.4, 24).tolist(), need, last=last)
        limited = replace(problem.horizon, limit_kw=np.full(24, 110.0))
        solver = SiteSolver()
        optimum = solver.solve(replace(problem, horizon=limited, worth=Worth(peak=0.3)))
        plan = rounded(solver, optimum, np.full(60, 6.0))
        split += int(((optimum.current_a[:, 0] > 1e-3) & (optimum.current_a[:, 0] < 6)).sum())
        least, even = least + optimum.cost, even + plan.cost
    assert split > 0
    assert even <= least * 1.001


def test_who_is_nearly_full_gets_what_it_can_use() -> None:
    solver = SiteSolver()
    optimum = solver.solve(hourly([0.1, 0.5], need=[0.1, 20]))
    assert optimum.current_a[0, 0] == pytest.approx(0.4)
    assert rounded(solver, optimum, np.full(2, 6.0)).current_a[:, 0] == pytest.approx([6, 32])


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
