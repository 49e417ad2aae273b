"""What a site is told when its optimum can't be found in time: the best that is known, and how good that is.

In this order: the optimum; the last plan, where it is young, as far as the limits of now allow; a fair division of what
there is now.
"""

from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from forecourt.energy.planner.filling import TURN_S, Claims, fill
from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.modes import room_kw
from forecourt.energy.planner.problem import NotANumber, Plan, Problem, Reserved, TooLate, Unsolvable, eased
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import DEADLINE_S, SiteSolver
from forecourt.energy.rows import Floats
from forecourt.energy.site import Mode

#: What sharing evenly for an hour may cost more, as a share of all and at least so much.
EVEN_COST_PER_H: Final = 0.0008
EVEN_LEAST_PER_H: Final = 0.004
#: Where speed is what matters, for how long one may wait at the most before it has a turn whatever that costs others.
MOST_WAIT_S: Final = 3 * TURN_S


class Grade(StrEnum):
    """How good an answer is."""

    OPTIMAL = "optimal"
    #: Within all limits, but time ran out before no better one was possible.
    NEAR = "near"
    #: The last plan, clipped.
    KEPT = "kept"
    #: Divided by weight among those that are there.
    FILLED = "filled"

    @property
    def found(self) -> bool:
        """Whether it was found in time, not what is told where nothing was."""
        return self in (Grade.OPTIMAL, Grade.NEAR)


class Answer(Struct, frozen=True, kw_only=True):
    """The currents of now for the cars that are there: at most 0 or at least their `min_a`, no limit exceeded.

    `plan`: the whole of it, where there is one, `optimum`: the same before its first step was rounded, `why`: what kept
    from the optimum, in the words of the program, `late`: that it was lack of time alone; `by_turns`: that it is what
    is there by equal right, as turns have it.
    """

    first_a: Floats
    grade: Grade
    plan: Plan | None = None
    optimum: Plan | None = None
    why: str = ""
    late: bool = False
    by_turns: bool = False


def answer(
    solver: SiteSolver,
    problem: Problem,
    claims: Claims,
    *,
    mode: Mode = Mode.CHEAPEST,
    last_a: Mapping[Hashable, float] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Answer:
    """Never without one, whatever the problem is, unless the limits of now aren't numbers.

    `problem`: with prices as the mode weighs them, `claims`: of the cars that are there, in their order; no more is
    claimed than is needed in the first step. `last_a`: the current that the last optimum has, by the names of cars;
    None where there is none, or none that still counts.
    """
    claims = _needed(problem, claims)
    try:
        optimum = solver.solve(eased(problem), deadline_s)
        if mode is Mode.EQUAL:
            equal = filled(solver, problem, claims, mode)
            plan = _with_equal(solver, problem, optimum, equal, deadline_s)
            return Answer(first_a=equal, grade=Grade.OPTIMAL, plan=plan, optimum=optimum, by_turns=True)
        plan = rounded(solver, optimum, claims.min_a, deadline_s)
    except (Unsolvable, NotANumber) as fault:
        grade = Grade.FILLED
        if last_a is not None and mode is not Mode.EQUAL:
            grade, claims = Grade.KEPT, _as_before(problem, claims, last_a)
        return Answer(
            first_a=filled(solver, problem, claims, mode),
            grade=grade,
            why=f"{type(fault).__name__}: {fault}",
            late=isinstance(fault, TooLate),
            by_turns=grade is Grade.FILLED,
        )
    grade = Grade.OPTIMAL if optimum.optimal and plan.optimal else Grade.NEAR
    return Answer(first_a=plan.current_a[:, 0], grade=grade, plan=plan, optimum=optimum)


def evened(
    solver: SiteSolver,
    problem: Problem,
    claims: Claims,
    found: Answer,
    *,
    mode: Mode = Mode.CHEAPEST,
    deadline_s: float = DEADLINE_S,
) -> Answer:
    """The same power now, shared out evenly, if that costs next to nothing: the cheapest plan gives one car all that
    it can take and lets the next one wait as soon as it makes no difference. As `answer` has it of the same.

    In FASTEST, where nobody waits for a better time, all that is there is shared out, and whatever it costs where one
    has waited for MOST_WAIT_S, or its turn would be ended.
    """
    if found.plan is None or found.by_turns or not len(claims) or not solver.solved or (found.first_a < 0).any():
        return found
    even_a = _even(solver, problem, claims, found, mode)
    if np.allclose(even_a, found.first_a, atol=0.1):
        return msgspec.structs.replace(found, by_turns=True)
    try:
        plan = solver.pinned(even_a, even_a, deadline_s)
    except Unsolvable:
        return found
    cheap = plan.cost <= _most_cost(problem, found.plan)
    if not cheap and not (mode is Mode.FASTEST and _owes_a_turn(claims, found.first_a, even_a)):
        return found
    return msgspec.structs.replace(found, first_a=even_a, plan=plan, by_turns=cheap)


def turns_go_on(
    solver: SiteSolver,
    problem: Problem,
    claims: Claims,
    found: Answer,
    *,
    mode: Mode,
    deadline_s: float = DEADLINE_S,
) -> bool:
    """Whether those that wait have their turn next, as `evened` has it, of an answer of that: if all that charge had
    had their turns, it would cost next to nothing as well to let in who waits."""
    if found.plan is None or not found.by_turns or mode is Mode.EQUAL:
        return found.by_turns
    on = found.first_a > 0
    if on.all():
        return True
    waited_s = np.where(on, 0.0, claims.waited_s + TURN_S)
    claims = msgspec.structs.replace(claims, on_s=np.where(on, TURN_S, 0.0), waited_s=waited_s)
    next_a = _even(solver, problem, claims, found, mode)
    if np.allclose(next_a, found.first_a, atol=0.1):
        return False
    try:
        return solver.pinned(next_a, next_a, deadline_s).cost <= _most_cost(problem, found.plan)
    except Unsolvable:
        return False


def _even(solver: SiteSolver, problem: Problem, claims: Claims, found: Answer, mode: Mode) -> Floats:
    """What there is now by equal right: as much as was found, or in FASTEST all of it."""
    together_kw = float(found.first_a @ claims.kw_per_a)
    if mode is Mode.FASTEST and found.plan is not None:
        # One on three conductors needs more than one in whose stead it has its turn.
        left_kw = room_kw(mode, problem.horizon) - float(found.plan.battery_kw[:, 0].sum())
        if problem.reserved is not None:
            left_kw -= float(problem.reserved.kw_per_a @ problem.reserved.current_a[:, 0])
        together_kw = max(together_kw, left_kw)
    lacking_a = problem.cars.need_kwh[problem.cars.there] / (claims.kw_per_a * problem.horizon.hours[0])
    most_a = np.where(lacking_a > 0, np.minimum(claims.max_a, np.maximum(lacking_a, claims.min_a)), 0.0)
    known, limits, still = solver.now()
    claims = msgspec.structs.replace(claims, max_a=most_a)
    return fill(known, claims, limits=limits, still=still, room_kw=together_kw)


def _most_cost(problem: Problem, plan: Plan) -> float:
    """Next to nothing more than a plan costs, in the first step."""
    return plan.cost + max(abs(plan.cost) * EVEN_COST_PER_H, EVEN_LEAST_PER_H) * float(problem.horizon.hours[0])


def _owes_a_turn(claims: Claims, first_a: Floats, even_a: Floats) -> bool:
    """Whether one has nothing of what was found, though by turns it would, and has waited for long or is in its
    turn."""
    in_turn = (claims.on_s > 0) & (claims.on_s < TURN_S)
    return bool(((first_a <= 0) & (even_a > 0) & (in_turn | (claims.waited_s >= MOST_WAIT_S))).any())


def filled(solver: SiteSolver, problem: Problem, claims: Claims, mode: Mode = Mode.CHEAPEST) -> Floats:
    """The fast path: the claims filled into the limits of the first step, whatever comes later."""
    known = solver.incidence(problem.rows)
    limits = known.limits if problem.limits is None else problem.limits[:, 0]
    return filled_now(known, limits, claims, problem.reserved, room_kw(mode, problem.horizon))


def filled_now(
    known: Incidence, limits: Floats, claims: Claims, reserved: Reserved | None, together_kw: float
) -> Floats:
    """The claims filled into limits, beside what is reserved in the first step; all together get `together_kw`."""
    still = np.zeros(known.rows, np.complex128)
    if reserved is not None:
        now = reserved.current_a[:, 0]
        still = known.flows(reserved.evse, now)
        together_kw = max(0.0, together_kw - float(reserved.kw_per_a @ now))
    return fill(known, claims, limits=limits, still=still, room_kw=together_kw)


def _needed(problem: Problem, claims: Claims) -> Claims:
    """No more than is needed in the first step, and nothing for who needs nothing."""
    cars, there = problem.cars, problem.cars.there
    lacking = cars.need_kwh[there] / (cars.kw_per_a[there] * problem.horizon.hours[0])
    most = np.where(lacking > 0, np.maximum(claims.min_a, lacking), 0.0)
    return msgspec.structs.replace(claims, max_a=np.minimum(claims.max_a, np.nan_to_num(most)))


def _as_before(problem: Problem, claims: Claims, last_a: Mapping[Hashable, float]) -> Claims:
    """No more than the last plan has; who is new claims what it needs."""
    who = range(len(problem.cars)) if problem.who is None else problem.who
    before = np.array([last_a.get(who[car], np.inf) for car in problem.cars.there])
    return msgspec.structs.replace(claims, max_a=np.clip(before, 0.0, claims.max_a))


def _with_equal(solver: SiteSolver, problem: Problem, optimum: Plan, equal: Floats, deadline_s: float) -> Plan:
    """What follows equal currents now."""
    try:
        return solver.pinned(equal, equal, deadline_s)
    except Unsolvable:
        return optimum
