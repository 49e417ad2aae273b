"""Whatever is asked, a site is told something that holds, and by which of the ways it was found."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.energy.planner.filling import Claims
from forecourt.energy.planner.ladder import Grade, answer, evened
from forecourt.energy.planner.modes import weighed
from forecourt.energy.planner.problem import Problem, TooLate
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.site import Mode
from tests.energy.sites import exceeded, hourly, random_problem


def claims_of(problem: Problem, **more: Any) -> Claims:
    cars, there = problem.cars, problem.cars.there
    zero = np.zeros(len(there))
    base = {
        "evse": cars.evse[there],
        "min_a": zero + 6,
        "max_a": cars.max_a[there],
        "kw_per_a": cars.kw_per_a[there],
        "weight": cars.weight[there],
        "laxity_h": zero + 1,
        "on_s": zero,
        "waited_s": zero,
        "had_turn": zero > 0,
        "presses": zero > 0,
        "idles": zero > 0,
    }
    return Claims(**(base | more))


FAULTS = ["well", "late", "late before", "price missing", "building too much"]


def late(*_: object) -> None:
    raise TooLate("no plan within 0 s")


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from(["well", "late", "late before", "price missing", "building too much"])
)
def test_every_answer_holds_whatever_went_wrong(seed: int, wrong: str) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    problem = replace(problem, cars=replace(problem.cars, first=np.zeros(8, np.int64)))
    horizon, solver = problem.horizon, SiteSolver()
    last_a: dict[Hashable, float] | None = None
    if wrong == "price missing":
        problem = replace(problem, horizon=replace(horizon, price=horizon.price * np.nan))
    elif wrong == "building too much":
        problem = replace(problem, horizon=replace(horizon, load_kw=horizon.load_kw + 100))
    elif wrong != "well":
        solver.solve = late  # type: ignore[method-assign, assignment]
        last_a = {0: 12.0, 1: 3.0, 2: 0.0} if wrong == "late before" else None
    mode = list(Mode)[random.integers(0, len(Mode))]
    told = answer(solver, problem, claims_of(problem), mode=mode, last_a=last_a)
    filled = Grade.KEPT if last_a and mode is not Mode.EQUAL else Grade.FILLED
    assert told.grade is {"well": Grade.OPTIMAL, "building too much": Grade.OPTIMAL}.get(wrong, filled)
    assert bool(told.why) == (told.grade is filled)
    assert told.late == wrong.startswith("late")
    assert ((told.first_a <= 0) | (told.first_a >= 6)).all()
    assert exceeded(site, told.first_a) == []
    if told.grade is Grade.KEPT:
        assert told.first_a[0] <= 12
        assert told.first_a[1:3].tolist() == [0, 0]
    if wrong == "building too much":
        assert told.first_a.sum() == pytest.approx(0)


def kwh(mode: Mode, problem: Problem, co2_kg: Any = None) -> list[list[float]]:
    emitted = np.zeros(problem.horizon.steps) if co2_kg is None else np.array(co2_kg)
    horizon, worth = weighed(mode, problem.horizon, problem.worth, emitted)
    told = answer(SiteSolver(), replace(problem, horizon=horizon, worth=worth), claims_of(problem), mode=mode)
    assert told.plan is not None
    return [[round(float(each), 2) for each in row] for row in told.plan.current_a * 0.25]


def test_each_mode_wants_something_else() -> None:
    problem = hourly([0.3, 0.2, 0.1], need=[8])
    assert kwh(Mode.CHEAPEST, problem) == [[0, 0, 8]]
    assert kwh(Mode.FASTEST, problem) == [[8, 0, 0]]
    assert kwh(Mode.GREENEST, problem, [0.4, 0.1, 0.4]) == [[0, 8, 0]]
    sunny = replace(problem, horizon=replace(problem.horizon, solar_kw=np.array([0, 3, 2.0])))
    assert kwh(Mode.SOLAR, sunny) == [[0, 3, 2]]
    assert kwh(Mode.GREENEST, sunny, [0.4, 0.2, 0.4]) == [[0, 6, 2]]


def test_equal_shares_are_equal_by_weight_and_what_follows_is_planned() -> None:
    problem = hourly([0.3, 0.2], need=[8, 8], weight=[1, 2])
    limited = replace(problem, horizon=replace(problem.horizon, limit_kw=np.array([9.0, 9.0])))
    assert kwh(Mode.EQUAL, limited) == [[3, 5], [6, 2]]


def test_speed_goes_to_who_matters_more() -> None:
    problem = hourly([0.2, 0.2], need=[8, 8], weight=[1, 2])
    limited = replace(problem, horizon=replace(problem.horizon, limit_kw=np.array([8.0, 8.0])))
    assert kwh(Mode.FASTEST, limited) == [[0, 8], [8, 0]]


def test_what_sharing_evenly_may_cost_is_so_much_an_hour_however_often_is_planned() -> None:
    """One leaves after a minute, and each kWh that it is left without costs 2: that shares are even would cost 0.13.
    A thousand kWh that another is left without in any case make no next to nothing of it."""
    problem = hourly([0.2] * 3, need=[8 / 60, 10, 1_000], last=[1, 3, 3], weight=[2, 2, 1])
    horizon = replace(problem.horizon, hours=np.array([1 / 60, 1, 1]), limit_kw=np.array([8.0, 16, 16]))
    problem, solver = replace(problem, horizon=horizon), SiteSolver()
    claims = claims_of(problem, min_a=np.zeros(3), weight=np.ones(3))
    found = answer(solver, problem, claims)
    assert found.plan is not None
    assert found.plan.cost > 900
    assert found.first_a == pytest.approx([32, 0, 0])
    assert evened(solver, problem, claims, found).first_a == pytest.approx([32, 0, 0])
