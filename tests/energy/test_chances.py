"""What a plan owes to cars that may leave at any time."""

import msgspec
import numpy as np
import pytest

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
    cars, minimums = hedged(
        problem.cars, [of((chance, 1.0, 8.0), (1 - chance, 2.0, 8.0))], step_h=1.0, steps=2, least_kwh=0.5
    )
    # 30 cents a kWh are saved by waiting, and 1 is lost if it leaves.
    plan = SiteSolver().solve(msgspec.structs.replace(problem, cars=cars, minimums=minimums, worth=Worth(lacking=1.0)))
    assert plan.current_a[0, 0] * 0.25 == pytest.approx(at_once_kwh)
