"""How long a plan may take in all, however often it is solved for. The time is the test's."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.problem import TooLate
from forecourt.energy.planner.program import Program
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.making import DEADLINE_S, KEPT_FOR, plan_site
from forecourt.energy.site import Mode
from tests.energy.sites import hourly
from tests.energy.test_turns import NOW, Bays, known


class Slowly(Program):
    """Each run of HiGHS takes so long by its clock, or as long as it is allowed."""

    def __init__(self, takes_s: float) -> None:
        super().__init__()
        self.now_s, self.takes_s = 100.0, takes_s
        self.allowed_s: list[float] = []

    def run(self) -> Any:
        _, until_s = self._highs.getOptionValue("time_limit")
        self.allowed_s.append(until_s - self._highs.getRunTime())
        self.now_s += min(self.takes_s, self.allowed_s[-1])
        return super().run()


class Slow(SiteSolver):
    """A solver whose time is that of such runs."""

    def __init__(self, takes_s: float) -> None:
        self.slowly = Slowly(takes_s)
        super().__init__(lambda: self.slowly.now_s)
        self._program = self.slowly

    @property
    def allowed_s(self) -> list[float]:
        return self.slowly.allowed_s


def test_solves_of_one_plan_share_its_time() -> None:
    solver = Slow(4.0)
    problem = hourly([0.3, 0.1, 0.2], [4.0])
    solver.think_for(10.0)
    for _ in range(3):
        solver.solve(problem, 10.0)
    assert solver.allowed_s == pytest.approx([10.0, 6.0, 2.0], abs=0.5)
    with pytest.raises(TooLate):
        solver.solve(problem, 10.0)
    assert len(solver.allowed_s) == 3
    solver.think_for(10.0)
    assert solver.solve(problem, 10.0).cost == pytest.approx(solver.solve(problem, 10.0).cost)


@pytest.mark.parametrize("takes_s", [3.0, DEADLINE_S - 0.5, DEADLINE_S, 60.0])
@pytest.mark.parametrize("mode", [Mode.CHEAPEST, Mode.EQUAL])
def test_a_hard_site_holds_up_others_for_no_longer_than_one_plan_may_take(mode: Mode, takes_s: float) -> None:
    bays, solver = Bays(), Slow(takes_s)
    what = known(mode, bays.cars, bays.standings, NOW)
    before = plan_site(what, SiteSolver())
    began_s = solver.slowly.now_s
    plan = plan_site(what, solver, before)
    assert solver.slowly.now_s - began_s <= DEADLINE_S + 1e-6
    # Whatever came of it, everybody is told something that the limits bear.
    assert sum(plan.targets_ma) <= sum(before.targets_ma) + len(before.targets_ma) * 100


def test_a_plan_that_found_no_time_is_the_last_one_and_says_so() -> None:
    bays, solver = Bays(), Slow(1.0)
    what = known(Mode.CHEAPEST, bays.cars, bays.standings, NOW)
    before = plan_site(what, solver)
    solver.think_for = lambda seconds: None  # type: ignore[method-assign]
    solver.slowly.now_s += 1_000
    plan = plan_site(what, solver, before)
    assert (plan.grade, "time" in plan.why, plan.late) == (Grade.KEPT, True, True)
    assert plan.targets_ma == before.targets_ma
    assert plan_site(replace(what), solver).grade is Grade.FILLED


def test_a_solver_that_stays_too_late_lets_nobody_wait_for_long_for_what_the_last_plan_said() -> None:
    """The last one was made for a dear minute, and lets all wait."""
    bays, solver = Bays(), Slow(1.0)
    what = known(Mode.CHEAPEST, bays.cars, bays.standings, NOW)
    before = plan_site(what, solver)
    before = replace(before, cars=tuple(replace(each, limit_ma=0) for each in before.cars))
    solver.think_for = lambda seconds: None  # type: ignore[method-assign]
    solver.slowly.now_s += 1_000
    for later, grade in (
        (timedelta(0), Grade.KEPT),
        (KEPT_FOR, Grade.KEPT),
        (KEPT_FOR + timedelta(seconds=1), Grade.FILLED),
        # The clock was set back.
        (-timedelta(seconds=1), Grade.FILLED),
    ):
        plan = plan_site(replace(what, at=NOW + later), solver, before)
        assert (plan.grade, any(plan.targets_ma)) == (grade, grade is Grade.FILLED)
