"""What a plan owes to cars that may leave at any time."""

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.planner.chances import DEPARTURES, ENERGIES, guesses, hedged
from forecourt.energy.planner.prediction import Prediction
from forecourt.energy.planner.problem import Worth
from forecourt.energy.planner.solver import SiteSolver
from tests.energy.sites import hourly


def of(*candidates: tuple[float, float, float]) -> Prediction:
    """(weight, hours, kWh)."""
    weight, stays_h, needs_kwh = (np.array(each) for each in zip(*candidates, strict=True))
    return Prediction(weight=weight, stays_h=stays_h, needs_kwh=needs_kwh)


def test_guesses_come_as_often_as_they_are_likely_and_keep_energy_and_stay_together() -> None:
    stays_h, needs_kwh = guesses(of((0.25, 1.0, 3.0), (0.75, 9.0, 30.0)))
    assert len(stays_h) == DEPARTURES * ENERGIES
    assert (stays_h == 1.0).mean() == pytest.approx(0.25, abs=0.07)
    assert set(zip(stays_h, needs_kwh, strict=True)) == {(1.0, 3.0), (9.0, 30.0)}


@pytest.mark.parametrize(("chance", "at_once_kwh"), [(0.5, 8.0), (0.125, 0.0)])
def test_a_car_is_charged_at_a_higher_price_if_it_is_likely_enough_to_leave_before_the_lower_one(
    chance: float, at_once_kwh: float
) -> None:
    problem = hourly([0.4, 0.1], need=[8])
    stays_h, needs_kwh = guesses(of((chance, 1.0, 8.0), (1 - chance, 2.0, 8.0)))
    cars, chances = hedged(problem.cars, np.array([0]), stays_h[None], needs_kwh[None], ends=np.array([1.0, 2.0]))
    # 30 cents a kWh are saved by waiting, and 1 is lost if it leaves.
    plan = SiteSolver().solve(replace(problem, cars=cars, chances=chances, worth=Worth(unserved=1)))
    assert plan.current_a[0, 0] * 0.25 == pytest.approx(at_once_kwh)


@pytest.mark.parametrize(("price", "kwh"), [(0.4, 7.0), (0.6, 3.0), (0.2, 8.0)])
def test_what_a_car_hardly_ever_takes_is_planned_for_only_while_energy_is_cheap(price: float, kwh: float) -> None:
    problem = hourly([price], need=[8])
    stays_h, needs_kwh = np.ones((1, 16)), np.array([[3.0] * 8 + [7.0] * 4 + [8.0] * 4])
    cars, chances = hedged(problem.cars, np.array([0]), stays_h, needs_kwh, ends=np.array([1.0]))
    assert chances.asked.tolist() == [[0.25, 0.5, 0.0, 1.0]]
    plan = SiteSolver().solve(replace(problem, cars=cars, chances=chances, worth=Worth(unserved=1)))
    assert plan.current_a[0, 0] * 0.25 == pytest.approx(kwh)


def test_of_two_cars_the_one_that_may_leave_is_served_first_and_its_need_is_shared_by_all_scenarios() -> None:
    problem = hourly([0.1] * 3, need=[8, 8, 8])
    problem = replace(
        problem,
        cars=replace(problem.cars, scenario=np.array([-1, -1, 1])),
        horizon=replace(problem.horizon, limit_kw=np.full(3, 8.0)),
    )
    stays_h = np.array([[3.0] * 16, [1.0] * 4 + [3.0] * 12])
    cars, chances = hedged(
        problem.cars, np.array([0, 1]), stays_h, np.full((2, 16), 8.0), ends=np.array([1.0, 2.0, 3.0])
    )
    plan = SiteSolver().solve(replace(problem, cars=cars, chances=chances, worth=Worth(unserved=1)))
    assert (plan.current_a * 0.25).sum(axis=1) == pytest.approx([8.0, 8.0])
    assert plan.current_a[:, 0] * 0.25 == pytest.approx([0.0, 8.0])
    assert plan.unserved_kwh[:2] == pytest.approx([0.0, 0.0])


def test_no_guess_is_later_than_what_was_said_while_that_is_to_come() -> None:
    predicted = of((0.5, 1.0, 3.0), (0.5, 9.0, 30.0))
    assert guesses(predicted, 4.0)[0].max() == 4.0
    assert guesses(predicted, 4.0)[0].min() == 1.0
    assert guesses(predicted, -0.5)[0].max() == 9.0


def test_the_chance_to_be_there_falls_within_a_step_as_long_as_a_car_may_stay() -> None:
    problem = hourly([0.1] * 3, need=[8])
    stays_h = np.array([[0.5] * 8 + [2.5] * 8])
    cars, chances = hedged(problem.cars, np.array([0]), stays_h, np.full((1, 16), 8.0), ends=np.array([1.0, 2.0, 3.0]))
    assert chances.there.tolist() == [[1.0, 0.5, 0.25]]
    assert cars.last.tolist() == [3]


def test_a_car_that_is_there_longer_than_anybody_thought_is_charged_at_once() -> None:
    problem, ends = hourly([0.4, 0.1], need=[8]), np.array([1.0, 2.0])
    cars, chances = hedged(problem.cars, np.array([0]), np.zeros((1, 16)), np.full((1, 16), 8.0), ends=ends)
    plan = SiteSolver().solve(replace(problem, cars=cars, chances=chances, worth=Worth(unserved=1)))
    assert plan.current_a[0, 0] * 0.25 == pytest.approx(8.0)
