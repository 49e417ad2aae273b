"""Each car is told what holds it back now, with the numbers."""

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.explained.session import by_limit
from forecourt.energy.model import Electrics, Evse, Node
from forecourt.energy.planner.problem import Discharging, Minimums, Plan, Problem, Worth
from forecourt.energy.planner.reasons import Reason, Why, reasons
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import rows_of
from forecourt.energy.site import Mode
from tests.energy.sites import hourly
from tests.energy.test_turns import NOW, known


def told(problem: Problem, min_a: float | None = None) -> list[Reason]:
    solver = SiteSolver()
    optimum = solver.solve(problem)
    plan: Plan | None = None
    if min_a is not None:
        plan = rounded(solver, optimum, np.full(len(problem.cars), min_a))
    return reasons(problem, solver.incidence(problem.rows), optimum, plan)


def on_panel(limit_a: float, problem: Problem) -> Problem:
    nodes = (Node(id="grid"), Node(id="P1", parent="grid", limit_a=limit_a))
    made = tuple(Evse(id=str(each), node="P1") for each in range(len(problem.cars)))
    return replace(problem, rows=rows_of(Electrics(nodes=nodes, evses=made)))


@pytest.mark.parametrize(
    ("limit_w", "peak_kw", "expected"),
    [(15_000, 14.99, (Why.LIMIT, "grid power", None)), (15_000, 12.0, (Why.PEAK, None, 12.0)),
     (None, 15.0, (Why.PEAK, None, 15.0))],
)  # fmt: skip
def test_where_the_peak_is_the_limit_it_is_the_limit_that_is_named(
    limit_w: int | None, peak_kw: float, expected: tuple[Why, str | None, float | None]
) -> None:
    of = known(Mode.CHEAPEST, [], [], NOW)
    of = replace(of, tree=replace(of.tree, nodes=(Node(id="grid", limit_w=limit_w),)))
    found = by_limit(of, Reason(car=0, current_a=6.0, why=Why.PEAK, peak_kw=peak_kw))
    assert (found.why, found.row, found.peak_kw) == expected


def test_a_car_takes_its_most_and_another_waits_for_a_cheaper_hour() -> None:
    problem = hourly([0.3, 0.1, 0.2], need=[8, 8], last=[1, 3])
    first, second = told(problem)
    assert (first.why, first.ready, first.unserved_wh) == (Why.ITS_MOST, 0, 0)
    assert (second.why, second.price_now, second.price_then, second.step) == (Why.PRICE, 0.3, 0.1, 1)
    assert second.ready == 1


def test_a_full_panel_is_named_and_what_is_left_unserved_is_counted() -> None:
    found = told(on_panel(40, hourly([0.2], need=[8, 8], weight=[1, 2])))
    # The first gets the 8 A that the heavier one leaves: 2 of 8 kWh, each worth 1 - 0.2 more than it costs.
    assert (found[0].why, found[0].row, found[0].unserved_wh) == (Why.LIMIT, "P1 L1", 6000)
    assert found[0].saved == pytest.approx(0.8, abs=1e-3)
    assert found[1].why is Why.ITS_MOST


def test_the_grid_the_peak_and_the_worth_hold_back() -> None:
    problem = hourly([0.2, 0.2], need=[16])
    limited = replace(problem, horizon=replace(problem.horizon, limit_kw=np.array([3.0, 3.0])))
    assert told(limited)[0].why is Why.GRID
    peak = told(replace(problem, cars=replace(problem.cars, need_kwh=np.array([6.0])), worth=Worth(peak=0.5)))[0]
    assert peak.why is Why.PEAK
    assert peak.peak_kw == pytest.approx(3)
    assert told(replace(problem, worth=Worth(unserved=0.1)))[0].why is Why.WORTH


@pytest.mark.parametrize(
    ("problem", "min_a", "why"),
    [
        (hourly([0.2], need=[0]), None, Why.FULL),
        (hourly([0.2], need=[2]), None, Why.ITS_NEED),
        (on_panel(10, hourly([0.2], need=[8, 1.5], weight=[1, 2])), 6.0, Why.TURN),
    ],
)
def test_other_reasons(problem: Problem, min_a: float | None, why: Why) -> None:
    assert told(problem, min_a)[0].why is why


def test_a_minimum_and_giving_back_are_told() -> None:
    problem = hourly([0.5, 0.1], need=[8])
    minimum = replace(problem, minimums=Minimums(car=np.array([0]), by=np.array([1]), kwh=np.array([2.0])))
    assert told(minimum)[0].minimum
    giving = Discharging(
        car=np.array([0]),
        max_a=np.array([8.0]),
        given_kwh=np.array([5.0]),
        room_kwh=np.array([20.0]),
        efficiency=np.array([0.9]),
        wear=np.array([0.01]),
    )
    load = replace(problem.horizon, load_kw=np.array([5.0, 5.0]))
    assert (
        told(replace(problem, cars=replace(problem.cars, need_kwh=np.zeros(1)), horizon=load, discharging=giving))[
            0
        ].why
        is Why.GIVES
    )
