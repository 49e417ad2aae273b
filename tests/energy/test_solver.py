"""The solver that is kept finds what a new one does, and what it plans holds by an independent count."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.planner import formulation
from forecourt.energy.planner.basis import BASIC, ended
from forecourt.energy.planner.problem import (
    Battery,
    Cars,
    Discharging,
    Minimums,
    NotANumber,
    Plan,
    Problem,
    TooLate,
    Worth,
    eased,
)
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import adds_of, rows_of
from tests.energy.sites import exceeded, hourly, random_problem, with_everything

SEEDS = st.integers(0, 2**32 - 1)
replace = msgspec.structs.replace


def subset(cars: Cars, kept: Any) -> Cars:
    return Cars(**{name: getattr(cars, name)[kept] for name in Cars.__struct_fields__})


def changed(random: np.random.Generator, problem: Problem) -> Problem:
    """The same site a while later: other needs, cars gone, another price, another limit, time gone by."""
    cars, horizon = problem.cars, problem.horizon
    kept = np.nonzero(random.random(len(cars)) < 0.8)[0]
    whole = subset(cars, kept)
    whole = replace(whole, need_kwh=whole.need_kwh * random.choice([0.3, 1.0, 1.0, 1.2], len(kept)))
    gone = int(random.integers(0, 2))
    whole = replace(whole, first=np.maximum(whole.first - gone, 0), last=whole.last - gone)
    there = np.nonzero(whole.last > whole.first)[0]
    ahead = {name: getattr(horizon, name)[gone:] for name in horizon.__struct_fields__}
    ahead["price"] = ahead["price"] * random.choice([1.0, 1.0, 1.3], horizon.steps - gone)
    starts = np.cumsum(horizon.hours) - horizon.hours if problem.starts is None else problem.starts
    assert problem.who is not None
    return replace(
        problem,
        cars=subset(whole, there),
        horizon=type(horizon)(**ahead),
        who=[problem.who[each] for each in kept[there]],
        starts=starts[gone:],
        limits=problem.rows.limits[:, None] * random.choice([0.5, 1.0], horizon.steps - gone),
        worth=replace(problem.worth, level=float(random.choice([0.0, 1e-3])), fair=float(random.choice([0.0, 1e-3]))),
    )


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_kept_solver_finds_the_cost_of_a_new_one_whatever_changed(seed: int) -> None:
    random = np.random.default_rng(seed)
    _, problem = random_problem(random)
    kept = SiteSolver()
    for _ in range(4):
        problem = eased(problem)
        near = 1e-6 if problem.rows.linear.all() else 1e-4
        with pytest.MonkeyPatch.context() as patch:
            # Tangents end where a cone is met so closely, from one side or the other.
            patch.setattr("forecourt.energy.planner.solver.TOLERANCE", 1e-6)
            assert kept.solve(problem).cost == pytest.approx(SiteSolver().solve(problem).cost, rel=near, abs=near)
        problem = changed(random, problem)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_kept_solver_finds_the_cost_of_a_new_one_with_cars_that_are_only_expected(seed: int) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    kept = SiteSolver()
    for _ in range(4):
        scenario = np.where(problem.cars.first > 0, random.integers(-1, 3, len(problem.cars)), -1)
        expecting = eased(replace(problem, cars=replace(problem.cars, scenario=scenario)))
        near = 1e-6 if problem.rows.linear.all() else 1e-3
        with pytest.MonkeyPatch.context() as patch:
            # Tangents end where a cone is met so closely, from one side or the other.
            patch.setattr("forecourt.energy.planner.solver.TOLERANCE", 1e-5)
            patch.setattr("forecourt.energy.planner.solver.GUESSED", 1e-5)
            plan = kept.solve(expecting)
            assert plan.cost == pytest.approx(SiteSolver().solve(expecting).cost, rel=near, abs=near)
        assert plan.current_a.shape == ((scenario < 0).sum(), problem.horizon.steps)
        # Whoever comes: what a car is planned to get, as the mean of what may be, and what it lacks is what it needs.
        there = expecting.cars.there
        got_kwh = plan.current_a @ problem.horizon.hours * expecting.cars.kw_per_a[there]
        assert got_kwh + plan.unserved_kwh[there] == pytest.approx(expecting.cars.need_kwh[there], rel=0.02, abs=1e-3)
        for step in range(problem.horizon.steps):
            on_evses = np.zeros(len(site.evses))
            on_evses[expecting.cars.evse[there]] = plan.current_a[:, step]
            assert exceeded(site, on_evses) == []
        problem = changed(random, problem)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_no_plan_exceeds_a_node_and_its_energy_adds_up(seed: int) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    problem = eased(replace(problem, **with_everything(random, problem)))
    plan = SiteSolver().solve(problem)
    total = plan.current_a.copy()
    assert problem.reserved is not None
    silent = problem.reserved.current_a[0]
    for step in range(problem.horizon.steps):
        alone = np.zeros(len(problem.cars))
        alone[-1] = silent[step]
        total[:, step] += alone
        if not exceeded(site, alone):
            assert exceeded(site, total[:, step]) == []
    balanced(problem, plan)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
@example(seed=6289)
def test_a_battery_that_is_charged_loads_the_nodes_above_it_and_one_that_gives_relieves_none(seed: int) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    node = site.nodes[-1].id
    rows = rows_of(site, [(node, 30.0)])
    stored = Battery(
        capacity_kwh=60, stored_kwh=20, charge_kw=30, discharge_kw=30, adds=adds_of(site, node, rows.names)
    )
    # So cheap now and so dear later that it is charged with all that there is room for.
    price = np.where(np.arange(problem.horizon.steps) == 0, 0.01, 0.9)
    horizon = replace(problem.horizon, price=price, limit_kw=np.full(len(price), 200.0))
    problem = replace(problem, rows=rows, horizon=horizon, batteries=[stored], export_kw=50.0)
    solver = SiteSolver()
    plan = rounded(solver, solver.solve(problem), np.full(len(problem.cars), 6.0))
    for step in range(len(price)):
        charged = node, max(float(plan.battery_kw[0, step]), 0.0)
        assert exceeded(site, plan.current_a[:, step], battery=charged) == []


def test_limits_that_seem_far_hold_where_all_cars_want_the_same_hour() -> None:
    # Evenly over the hours they would take 12 A of 40; both want the cheap hour, in which there is room for 40.
    problem = hourly([0.9, 0.1, 0.9, 0.9], need=[6, 6])
    site = Electrics(nodes=(Node(id="0", limit_a=40.0),), evses=tuple(Evse(id=str(car), node="0") for car in range(2)))
    problem = replace(problem, rows=rows_of(site), worth=Worth(peak=0.01))
    solver = SiteSolver()
    # And after a change, when they are told from the start.
    for more in (0, 1):
        needs = replace(problem.cars, need_kwh=np.array([6.0 + more, 6.0]))
        plan = solver.solve(replace(problem, cars=needs))
        assert plan.current_a.sum(axis=0) * 0.25 == pytest.approx([2 + more, 10, 0, 0], abs=1e-6)
        held = rounded(solver, plan, np.full(2, 6.0))
        assert exceeded(site, held.current_a[:, 1]) == []


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_plan_costs_the_same_whether_limits_that_seem_far_are_left_out_or_not(seed: int) -> None:
    random = np.random.default_rng(seed)
    site, problem = random_problem(random)
    # All conductors alike, so that every limit is linear.
    site = replace(
        site,
        nodes=tuple(replace(each, delta_wye=None) for each in site.nodes),
        evses=tuple(replace(each, phases=Phases.ALL) for each in site.evses),
    )
    needs = problem.cars.need_kwh * float(random.choice([0.05, 0.2, 0.5]))
    cars = replace(problem.cars, need_kwh=needs, kw_per_a=np.full(len(needs), 0.69))
    problem = eased(replace(problem, cars=cars, rows=rows_of(site), worth=replace(problem.worth, peak=0.05)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formulation, "FAR", -1.0)
        told = SiteSolver().solve(problem)
    plan = SiteSolver().solve(problem)
    assert plan.cost == pytest.approx(told.cost, rel=1e-6, abs=1e-6)
    for step in range(problem.horizon.steps):
        assert exceeded(site, plan.current_a[:, step]) == []


def balanced(problem: Problem, plan: Plan) -> None:
    """Every kWh comes from somewhere."""
    cars, horizon, giving = problem.cars, problem.horizon, problem.discharging
    (battery,), (battery_kw,), (battery_kwh,) = problem.batteries, plan.battery_kw, plan.battery_kwh
    assert giving is not None
    assert problem.reserved is not None
    stored = battery.stored_kwh + np.cumsum(
        horizon.hours * np.where(battery_kw > 0, battery_kw * 0.95, battery_kw / 0.95)
    )
    assert stored == pytest.approx(battery_kwh, abs=1e-5)
    assert stored.min() > -1e-5
    assert stored.max() < battery.capacity_kwh + 1e-5
    assert stored[-1] > battery.stored_kwh - 1e-5
    kwh = plan.current_a * cars.kw_per_a[:, None] * horizon.hours
    for place, car in enumerate(giving.car):
        kwh[car] = np.where(kwh[car] < 0, kwh[car] / giving.efficiency[place], kwh[car])
        level = np.cumsum(kwh[car])
        assert level.min() > -giving.given_kwh[place] - 1e-3
        assert level.max() < max(giving.room_kwh[place], cars.need_kwh[car]) + 1e-3
    lacking = cars.need_kwh - kwh.sum(axis=1)
    assert plan.unserved_kwh == pytest.approx(lacking, abs=5e-2)
    power = cars.kw_per_a @ plan.current_a + battery_kw + horizon.load_kw - horizon.solar_kw
    power += problem.reserved.kw_per_a @ problem.reserved.current_a
    assert (power <= plan.grid_kw + 1e-5).all()
    assert (plan.grid_kw <= horizon.limit_kw + 1e-5).all()


def test_a_battery_shifts_energy_to_where_it_is_dear_unless_that_wears_more_than_it_saves() -> None:
    problem = hourly([0.1, 0.9], need=[8])
    battery = Battery(capacity_kwh=4, stored_kwh=0, charge_kw=9, discharge_kw=9, efficiency=0.9, wear=0.01)
    problem = replace(problem, cars=replace(problem.cars, first=np.array([1])), batteries=[battery])
    plan = SiteSolver().solve(problem)
    assert plan.battery_kw[0] == pytest.approx([4 / 0.9, -4 * 0.9])
    assert plan.grid_kw == pytest.approx([4 / 0.9, 8 - 3.6])
    worn = replace(problem, batteries=[replace(battery, wear=0.5)])
    assert SiteSolver().solve(worn).battery_kw[0] == pytest.approx([0, 0])


def test_a_car_gives_back_when_it_is_dear_and_has_what_it_needs_at_the_end() -> None:
    giving = Discharging(
        car=np.array([0]),
        max_a=np.array([32.0]),
        given_kwh=np.array([5.0]),
        room_kwh=np.array([20.0]),
        efficiency=np.array([0.8]),
        wear=np.array([0.01]),
    )
    plan = SiteSolver().solve(replace(hourly([0.9, 0.2, 0.2], need=[0, 8], last=[3, 1]), discharging=giving))
    # It may sink by 5 kWh, of which 4 come out, and takes 5 again.
    assert (plan.current_a[0] * 0.25).tolist() == pytest.approx([-4, 5, 0])
    assert plan.grid_kw == pytest.approx([4, 5, 0])


def test_a_minimum_by_a_time_is_met_though_it_is_dear_and_the_rest_waits() -> None:
    minimum = Minimums(car=np.array([0]), by=np.array([1]), kwh=np.array([3.0]))
    plan = SiteSolver().solve(replace(hourly([0.5, 0.4, 0.1], need=[8]), minimums=minimum))
    assert (plan.current_a[0] * 0.25).tolist() == pytest.approx([3, 0, 5])


def test_power_is_spread_over_time_and_what_is_unserved_over_cars_where_that_costs_nothing() -> None:
    problem = hourly([0.2] * 4, need=[8, 8])
    assert SiteSolver().solve(replace(problem, worth=Worth(level=0.01))).grid_kw.max() <= 6 + 1e-6
    tight = replace(problem, horizon=replace(problem.horizon, limit_kw=np.full(4, 2.0)), worth=Worth(fair=0.01))
    assert SiteSolver().solve(tight).unserved_kwh == pytest.approx([4, 4])


def test_what_is_no_number_is_refused_by_name() -> None:
    problem = hourly([0.2, 0.3, np.nan], need=[8, 8])
    with pytest.raises(NotANumber, match=r"price \[2\]"):
        SiteSolver().solve(Problem(cars=problem.cars, horizon=problem.horizon, rows=problem.rows, worth=Worth()))
    with pytest.raises(NotANumber, match=r"need_kwh \[1\]"):
        SiteSolver().solve(hourly([0.2], need=[1, np.inf]))


def test_a_solver_that_had_no_time_says_so_and_goes_on_from_there() -> None:
    _, problem = random_problem(np.random.default_rng(5), 60, 40)
    problem = eased(problem)
    solver = SiteSolver()
    with pytest.raises(TooLate):
        solver.solve(problem, deadline_s=0.0)
    assert solver.solve(problem).cost == pytest.approx(SiteSolver().solve(problem).cost)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_what_the_next_plan_begins_from_is_where_the_solver_says_that_the_last_one_ended(seed: int) -> None:
    solver = SiteSolver()
    solver.solve(eased(random_problem(np.random.default_rng(seed))[1]))
    program = solver._program
    assert program.form is not None
    known, said, form = ended(program._highs, program.form), program._highs.getBasis(), program.form
    assert known is not None
    for found, statuses, lower, upper in (
        (known[0], said.col_status, form.lower, form.upper),
        (known[1], said.row_status, form.row_lower, form.row_upper),
    ):
        true = np.array([int(each) for each in statuses])
        # Where both bounds are one it may be called lower or upper.
        assert ((found == true) | ((lower == upper) & (found != BASIC) & (true != BASIC))).all()


def test_nothing_is_written_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    SiteSolver().solve(hourly([0.2], need=[8]))
    assert capfd.readouterr().out == ""


def test_no_cars_are_no_problem() -> None:
    assert SiteSolver().solve(hourly([0.2, 0.3], need=[])).current_a.shape == (0, 2)
