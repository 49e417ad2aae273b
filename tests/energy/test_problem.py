"""The plan of least cost, on problems whose answer is known by hand."""

from typing import Any

import numpy as np
import pytest

from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.planner import branches
from forecourt.energy.planner.columns import AT_LAST
from forecourt.energy.planner.problem import Cars, Horizon, Plan, Problem, Unsolvable, Worth
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Rows, rows_of


def solve(cars: Cars, horizon: Horizon, rows: Rows, worth: Worth) -> Plan:
    """By a solver that is used once."""
    return SiteSolver().solve(Problem(cars=cars, horizon=horizon, rows=rows, worth=worth))


def horizon(price: list[float], limit_kw: float = np.inf, load_kw: float = 0.0, solar_kw: float = 0.0) -> Horizon:
    """Steps of an hour each."""
    steps = len(price)
    return Horizon(
        hours=np.ones(steps),
        price=np.array(price),
        feed_in=np.full(steps, 0.05),
        load_kw=np.full(steps, load_kw),
        solar_kw=np.full(steps, solar_kw),
        limit_kw=np.full(steps, limit_kw),
    )


def cars(*rows: tuple[int, int, float], max_a: float = 32, kw: float = 0.25, **more: Any) -> Cars:
    """(first step, step after the last, kWh), each on an EVSE of its own, 0.25 kW an ampere: 8 kW at most."""
    number = len(rows)
    first, last, need = (np.array(each) for each in zip(*rows, strict=True))
    return Cars(
        first=first,
        last=last,
        last_share=np.array(more.get("last_share", [1.0] * number)),
        need_kwh=need.astype(float),
        max_a=np.full(number, float(max_a)),
        kw_per_a=np.full(number, kw),
        evse=np.arange(number),
        weight=np.array(more.get("weight", [1.0] * number)),
        scenario=np.array(more.get("scenario", [-1] * number)),
    )


def free(number: int) -> Rows:
    """A site that limits nothing."""
    made = tuple(Evse(id=str(each), node="grid") for each in range(number))
    return rows_of(Electrics(nodes=(Node(id="grid"),), evses=made))


def kwh(plan: Plan, of: Cars) -> list[list[float]]:
    there = of.scenario < 0
    return [[round(float(each), 4) for each in row] for row in plan.current_a * of.kw_per_a[there, None]]


def test_energy_is_taken_when_it_is_cheap_and_by_then() -> None:
    one = cars((0, 4, 10))
    plan = solve(one, horizon([0.4, 0.3, 0.1, 0.2]), free(1), Worth())
    assert kwh(plan, one) == [[0, 0, 8, 2]]


def test_a_car_that_leaves_within_a_step_takes_its_part_of_it_and_loads_limits_as_long_as_it_is_there() -> None:
    one = cars((0, 2, 14), last_share=[0.5])
    plan = solve(one, horizon([0.3, 0.1]), free(1), Worth(unserved=1))
    assert kwh(plan, one) == [[8, 4]]
    assert plan.unserved_kwh == pytest.approx([2])
    assert plan.grid_kw == pytest.approx([8, 4])
    assert plan.cost == pytest.approx(8 * 0.3 + 4 * (0.1 + AT_LAST) + 2, abs=0.01)
    # It is for who has no other time: cheap as that part of a step is, it might be needed for somebody else.
    early = cars((0, 2, 8), last_share=[0.5])
    assert kwh(solve(early, horizon([0.3, 0.1]), free(1), Worth(unserved=1)), early) == [[8, 0]]
    # Two that are there at the same time share what there is, though it lies idle after they have left.
    both = cars((1, 2, 4), (1, 2, 4), last_share=[0.5, 0.5])
    site = rows_of(
        Electrics(
            nodes=(Node(id="grid", limit_a=32),), evses=tuple(Evse(id=str(each), node="grid") for each in range(2))
        )
    )
    assert solve(both, horizon([0.3, 0.1]), site, Worth()).unserved_kwh.sum() == pytest.approx(4)


def test_without_a_reason_to_wait_a_car_is_served_at_once() -> None:
    one = cars((0, 4, 10))
    assert kwh(solve(one, horizon([0.3] * 4), free(1), Worth()), one) == [[8, 2, 0, 0]]


def test_a_demand_charge_flattens_what_lies_above_the_peak_that_is_paid_already() -> None:
    one = cars((0, 4, 12))
    flat = solve(one, horizon([0.3, 0.3, 0.3, 0.2]), free(1), Worth(peak=15, unserved=50))
    assert kwh(flat, one) == [[3, 3, 3, 3]]
    assert flat.peak_kw == pytest.approx(3)
    paid = solve(one, horizon([0.3, 0.3, 0.3, 0.2]), free(1), Worth(peak=15, paid_kw=6, unserved=50))
    assert kwh(paid, one) == [[6, 0, 0, 6]]


def test_what_is_worth_less_than_its_peak_is_left_unserved_and_the_heavier_car_is_served() -> None:
    both = cars((0, 1, 8), (0, 1, 8), weight=[1.0, 3.0])
    plan = solve(both, horizon([0.2], limit_kw=10), free(2), Worth(unserved=1))
    assert kwh(plan, both) == [[2], [8]]
    assert plan.unserved_kwh == pytest.approx([6, 0])
    dear = solve(both, horizon([0.2]), free(2), Worth(unserved=1, peak=5))
    assert dear.unserved_kwh == pytest.approx([8, 8])


def test_a_limit_of_zero_serves_nobody_and_stays_solvable() -> None:
    one = cars((0, 2, 5))
    plan = solve(one, horizon([0.2, 0.2], limit_kw=0), free(1), Worth())
    assert plan.unserved_kwh == pytest.approx([5])


def test_the_sun_is_used_before_it_is_given_away_and_the_building_comes_first() -> None:
    one = cars((0, 2, 4))
    sunny = horizon([0.3, 0.01], solar_kw=4, load_kw=1)
    # In the second hour the grid costs less than the sun brings.
    assert kwh(solve(one, sunny, free(1), Worth()), one) == [[0, 4]]
    even = horizon([0.3, 0.3], solar_kw=4, load_kw=1)
    assert kwh(solve(cars((0, 2, 6)), even, free(1), Worth()), cars((0, 2, 6))) == [[3, 3]]
    with pytest.raises(Unsolvable):
        solve(one, horizon([0.3, 0.3], load_kw=11, limit_kw=10), free(1), Worth())


def test_cars_that_may_come_are_made_room_for_and_have_no_currents() -> None:
    here, coming = (0, 2, 8), (1, 2, 8)
    alone = cars(here)
    # For whom nobody follows both hours are alike but for being late; with two more to come the first is better.
    tight = horizon([0.3, 0.29], limit_kw=8)
    assert kwh(solve(alone, tight, free(1), Worth()), alone) == [[0, 8]]
    expected = cars(here, coming, scenario=[-1, 0])
    plan = solve(expected, tight, free(2), Worth())
    assert kwh(plan, expected) == [[8, 0]]


#: Besides 32 A, a limit of 40 A leaves so much: as numbers, and as phasors with 60 degrees between them.
LEFT_A = [((Phases.L1, Phases.L1), 8.0), ((Phases.L12, Phases.L31), (57.69 - 32) / 2)]


@pytest.mark.parametrize(("phases", "left_a"), LEFT_A)
def test_no_energy_is_put_off_into_a_time_at_which_those_that_come_will_fill_the_site(
    phases: tuple[Phases, ...], left_a: float
) -> None:
    made = tuple(Evse(id=str(number), node="grid", phases=each) for number, each in enumerate(phases))
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=40),), evses=made))
    assert rows.linear.all() == (phases[0] == phases[1])
    cheaper_later = horizon([0.3, 0.2])
    alone = cars((0, 2, 8))
    assert kwh(solve(alone, cheaper_later, rows, Worth()), alone) == [[0, 8]]
    expected = cars((0, 2, 8), (1, 2, 8), scenario=[-1, 0])
    first, second = kwh(solve(expected, cheaper_later, rows, Worth()), expected)[0]
    # What is only guessed is limited to a hundredth.
    assert second == pytest.approx(left_a * 0.25, abs=0.2)
    assert first + second == pytest.approx(8)


def test_scenarios_count_by_their_mean() -> None:
    """Half of the days bring a car whose peak costs 4 a kW: half of that is what filling the first hour saves."""
    both = cars((0, 2, 8), (1, 2, 4), scenario=[-1, 1])
    quiet = solve(cars((0, 2, 8)), horizon([0.3, 0.3]), free(1), Worth(peak=4, unserved=9))
    assert quiet.peak_kw == pytest.approx(4)
    plan = solve(both, horizon([0.3, 0.3]), free(2), Worth(peak=4, unserved=9))
    # Scenario 0: nobody else. Scenario 1: 4 kWh more in the second hour. Any split from 4 + 4 to 6 + 2 costs the same
    # peak in the mean; being late decides for the early one.
    assert kwh(plan, both) == [[6, 2]]
    assert plan.peak_kw == pytest.approx(6)


def test_what_is_planned_for_later_may_differ_by_who_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later is cheaper. On one day others fill the second hour, on another one the third: there is room on both."""
    expected = cars((0, 3, 8), (1, 2, 8), (2, 3, 8), scenario=[-1, 0, 1])
    plan = solve(expected, horizon([0.3, 0.2, 0.2], limit_kw=8), free(3), Worth(unserved=9))
    assert kwh(plan, expected) == [[0, 4, 4]]
    assert plan.unserved_kwh == pytest.approx([0, 0, 0])
    # Where that is too much to plan, there is one plan for both days.
    monkeypatch.setattr(branches, "MOST_CURRENTS", 3)
    assert kwh(solve(expected, horizon([0.3, 0.2, 0.2], limit_kw=8), free(3), Worth(unserved=9)), expected) == [
        [8, 0, 0]
    ]
    monkeypatch.undo()
    # Where both days fill both of them, what waits is lost.
    busy = cars((0, 3, 8), (1, 3, 16), (1, 3, 16), scenario=[-1, 0, 1])
    plan = solve(busy, horizon([0.3, 0.2, 0.2], limit_kw=8), free(3), Worth(unserved=9))
    assert kwh(plan, busy) == [[8, 0, 0]]


def test_what_a_car_lacks_and_would_save_is_counted_over_all_who_may_come() -> None:
    """On one of two days others leave it 3 kWh less than it needs."""
    expected = cars((0, 2, 15), (1, 2, 4), scenario=[-1, 1], weight=[1.0, 2.0])
    plan = solve(expected, horizon([0.3, 0.3], limit_kw=8), free(2), Worth(unserved=9))
    assert kwh(plan, expected) == [[8, 5.5]]
    assert plan.unserved_kwh == pytest.approx([1.5, 0])
    # A kWh that it wouldn't need saves its price on one day, and what it is worth on the other.
    assert plan.shadows.served[0] == pytest.approx((0.3 + 9) / 2, abs=0.01)


def test_cones_hold_and_are_used_up() -> None:
    nodes = (Node(id="grid", limit_a=40),)
    phases = (Phases.L12, Phases.L31)
    made = tuple(Evse(id=str(number), node="grid", phases=each) for number, each in enumerate(phases))
    rows = rows_of(Electrics(nodes=nodes, evses=made))
    assert not rows.linear.any()
    both = cars((0, 1, 8), (0, 1, 8))
    plan = solve(both, horizon([0.2]), rows, Worth())
    assert rows.overload(plan.current_a[:, 0]) == pytest.approx(1, abs=2e-4)
    assert rows.overload(plan.current_a[:, 0]) <= 1 + 1e-9
    # By amperes added up as numbers they would get 40 together.
    assert plan.current_a.sum() == pytest.approx(2 * 40 / np.sqrt(3), rel=1e-3)
