"""Why each car gets what it gets now, as data: what holds it back, read from the plan and from its shadow prices."""

from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.problem import Horizon, Plan, Problem
from forecourt.energy.planner.rounding import NOTHING_A
from forecourt.energy.rows import Floats

#: A shadow price below this, per kWh, holds nobody back: ties are broken by less.
HELD: Final = 1e-3
#: A car is full when it lacks less, in kWh.
FULL_KWH: Final = 0.01


class Why(StrEnum):
    """What holds a car back now."""

    #: It has all that it needs.
    FULL = "full"
    #: It takes all that itself, its cable and its EVSE can.
    ITS_MOST = "its-most"
    #: It takes all that it needs in this step.
    ITS_NEED = "its-need"
    #: A limit of the tree, `row`.
    LIMIT = "limit"
    #: What may come from the grid.
    GRID = "grid"
    #: A higher peak would cost more than the energy is worth now.
    PEAK = "peak"
    #: It gets its energy later, when it is cheaper: from step `step` on.
    PRICE = "price"
    #: There is no room for the least that it can use; it waits for its turn.
    TURN = "turn"
    #: It gives energy back, which is dear now.
    GIVES = "gives"
    #: It isn't worth what it costs at any time.
    WORTH = "worth"
    #: Nothing presses: later is as good.
    LATER = "later"


class Reason(Struct, frozen=True, kw_only=True):
    """One car that is there, `car` by its number in the problem.

    `row`: the limit that holds it back and `saved`, what one more kWh through it would save; `price_now` and
    `price_then`, the latter of `step`, in which it gets most of what it still gets; `peak_kw`: what is kept to.
    `ready`: the step at whose end it has all that it gets, None if it gets nothing; `unserved_wh`: what it leaves
    without. `minimum`: it is being given what it needs by a time.
    """

    car: int
    current_a: float
    why: Why
    row: str | None = None
    saved: float = 0.0
    price_now: float | None = None
    price_then: float | None = None
    step: int | None = None
    peak_kw: float | None = None
    ready: int | None = None
    unserved_wh: int = 0
    minimum: bool = False


def reasons(problem: Problem, known: Incidence, optimum: Plan, plan: Plan | None = None) -> list[Reason]:
    """Of each car that is there. `optimum`: as the solver made it, `plan`: the same after rounding, which counts."""
    plan = optimum if plan is None else plan
    minimums = set() if problem.minimums is None else set(problem.minimums.car.tolist())
    return [
        _reason(problem, known, optimum, plan, place, int(car), minimum=int(car) in minimums)
        for place, car in enumerate(problem.cars.there)
    ]


def _reason(
    problem: Problem, known: Incidence, optimum: Plan, plan: Plan, place: int, car: int, *, minimum: bool
) -> Reason:
    cars, horizon = problem.cars, problem.horizon
    now, kw = float(plan.current_a[place, 0]), float(cars.kw_per_a[car])
    kwh = plan.current_a[place] * kw * horizon.hours
    charging = np.nonzero(kwh > 1e-6)[0]
    later = charging[charging > 0]
    step = int(later[np.argmax(kwh[later])]) if len(later) else None
    held = _held(problem, known, optimum, car, kw)
    why, row, saved = _why(problem, optimum, place, car, now, kwh, held, step)
    return Reason(
        car=car,
        current_a=now,
        why=why,
        row=row,
        saved=saved,
        price_now=float(horizon.price[0]),
        price_then=None if step is None else float(horizon.price[step]),
        step=step,
        peak_kw=plan.peak_kw if why is Why.PEAK or (why is Why.GIVES and _shaves(optimum, horizon)) else None,
        ready=int(charging[-1]) if len(charging) else None,
        unserved_wh=round(float(plan.unserved_kwh[car]) * 1000),
        minimum=minimum and now > 0 and step is not None and bool(horizon.price[0] > horizon.price[step]),
    )


def _shaves(optimum: Plan, horizon: Horizon) -> bool:
    """Whether it is the peak that makes energy dear now, which is no dearer than it will be."""
    return optimum.shadows.peak > HELD and bool(horizon.price[0] <= horizon.price.min() + HELD)


def _held(
    problem: Problem, known: Incidence, optimum: Plan, car: int, kw: float
) -> dict[Why, tuple[float, str | None]]:
    """What each limit adds to the price of a kWh for this car now."""
    shadows, hours = optimum.shadows, float(problem.horizon.hours[0])
    entries = slice(*known.begin[problem.cars.evse[car] : problem.cars.evse[car] + 2])
    tree = shadows.rows[known.row[entries]] * np.abs(known.value[entries]) / kw
    most = int(np.argmax(tree)) if len(tree) else 0
    row = known.names[known.row[entries][most]] if len(tree) else None
    return {
        Why.LIMIT: (float(tree.sum()), row),
        Why.GRID: (shadows.grid, None),
        Why.PEAK: (shadows.peak / hours, None),
    }


def _why(
    problem: Problem,
    optimum: Plan,
    place: int,
    car: int,
    now: float,
    kwh: Floats,
    held: dict[Why, tuple[float, str | None]],
    step: int | None,
) -> tuple[Why, str | None, float]:
    cars, price = problem.cars, problem.horizon.price
    if now < -NOTHING_A:
        return Why.GIVES, None, 0.0
    if now >= cars.max_a[car] - NOTHING_A:
        return Why.ITS_MOST, None, 0.0
    if cars.need_kwh[car] < FULL_KWH:
        return Why.FULL, None, 0.0
    if now <= NOTHING_A < optimum.current_a[place, 0]:
        return Why.TURN, None, 0.0
    if now > NOTHING_A and step is None and kwh.sum() >= cars.need_kwh[car] - FULL_KWH:
        return Why.ITS_NEED, None, 0.0
    why, (saved, row) = max(held.items(), key=lambda each: each[1][0])
    if saved > HELD:
        return why, row, saved
    if step is None:
        return Why.WORTH, None, 0.0
    return (Why.PRICE if price[step] < price[0] - HELD else Why.LATER), None, 0.0
