"""Who gets which current in the next step, by each of the ways that are compared.

Each knows the cars that are there, as the world tells them; only the optimum knows all of the future.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import structlog
from msgspec import Struct

from forecourt.energy.planner.filling import Claims
from forecourt.energy.planner.ladder import answer, evened
from forecourt.energy.planner.problem import Battery, Cars, Discharging, Horizon, Problem, gone_h
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Floats, Rows
from forecourt.energy.site import Mode

log = structlog.get_logger(__name__)


class Scene(Struct, frozen=True, kw_only=True):
    """What is known at the beginning of a step: the cars that are there and what they still need, with steps counted
    from now on, their least currents (A) and their numbers in the world; the prices ahead; what is left of the limits
    in the step, and in those ahead, (rows, steps); the highest power so far; the batteries as they are now, and those
    of the cars that may give back."""

    now: int
    cars: Cars
    min_a: Floats
    numbers: npt.NDArray[np.int64]
    horizon: Horizon
    rows: Rows
    limits: Floats
    evses: int
    peak_kw: float
    batteries: tuple[Battery, ...] = ()
    giving: Discharging | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """The current of each car of the scene in the next step, in A, and what each battery takes, in kW; below 0 where
    they give."""

    current_a: Floats
    battery_kw: Floats


class Scheduler(Protocol):
    """What is decided for the next step."""

    def __call__(self, scene: Scene, /) -> Decision: ...


def uncontrolled(scene: Scene) -> Decision:
    """Everything at once, whatever the limits."""
    return _idle(scene, _wanted(scene))


def by_order(urgency: Callable[[Scene], Floats]) -> Scheduler:
    """One car after the other gets all that it can take and that the limits leave; smallest urgency first."""

    def schedule(scene: Scene) -> Decision:
        wanted, current_a = _wanted(scene), np.zeros(scene.evses)
        least = np.minimum(scene.min_a, wanted)
        given = np.zeros(len(scene.cars))
        left_kw = scene.horizon.limit_kw[0] - scene.horizon.load_kw[0] + scene.horizon.solar_kw[0]
        for car in np.argsort(urgency(scene), kind="stable"):
            evse, kw = scene.cars.evse[car], scene.cars.kw_per_a[car]
            room = min(wanted[car], scene.rows.room(current_a, int(evse)), left_kw / kw)
            given[car] = current_a[evse] = room if room >= least[car] else 0.0
            left_kw -= given[car] * kw
        return _idle(scene, given)

    return schedule


def deadline(scene: Scene) -> Floats:
    """Who leaves first."""
    return scene.cars.last.astype(np.float64)


def laxity(scene: Scene) -> Floats:
    """Who can wait the least: the time left beyond what charging at full power takes, in hours."""
    hours = np.concatenate([[0.0], np.cumsum(scene.horizon.hours)])
    left = hours[np.minimum(scene.cars.last, scene.horizon.steps)]
    return np.asarray(left - scene.cars.need_kwh / (scene.cars.kw_per_a * scene.cars.max_a))


class Planned:
    """Asks the planner as real sites do, in the order of `ladder`: what it finds, each car with nothing or at least its
    least current, else what there is now in fair shares. `asked`: what a scene is as a problem, and the mode that its
    prices are weighed by; `even`: whether what is found is shared out evenly where that costs next to nothing;
    `unplanned`: in how many steps nothing was found."""

    def __init__(
        self, asked: Callable[[Scene], tuple[Problem, Mode]], unplanned: int = 0, *, even: bool = True
    ) -> None:
        self._asked = asked
        self._even = even
        self.unplanned = unplanned

    def __call__(self, scene: Scene) -> Decision:
        # A solver that is kept loses more of a week.
        solver = SiteSolver()
        problem, mode = self._asked(scene)
        claims = _claims(scene, problem)
        found = answer(solver, problem, claims, mode=mode)
        if self._even:
            found = evened(solver, problem, claims, found, mode=mode)
        if found.plan is None:
            log.warning("no plan was found", step=scene.now, why=found.why)
            self.unplanned += 1
            return _idle(scene, found.first_a)
        return Decision(current_a=found.first_a, battery_kw=found.plan.battery_kw[:, 0])


def _claims(scene: Scene, problem: Problem) -> Claims:
    """As the problem believes the cars to be; nobody has waited or charged longer than others, as far as is known."""
    there, nothing = problem.cars.there, np.zeros(len(scene.cars))
    cars = Cars(**{name: getattr(problem.cars, name)[there] for name in Cars.__struct_fields__})
    return Claims(
        evse=cars.evse,
        min_a=scene.min_a,
        max_a=cars.max_a,
        kw_per_a=cars.kw_per_a,
        weight=cars.weight,
        laxity_h=gone_h(cars, problem.horizon.hours) - cars.need_kwh / (cars.kw_per_a * np.maximum(cars.max_a, 1e-9)),
        on_s=nothing,
        waited_s=nothing,
        had_turn=nothing > 0,
        presses=nothing > 0,
        idles=nothing > 0,
    )


def _idle(scene: Scene, current_a: Floats) -> Decision:
    """Batteries do nothing."""
    return Decision(current_a=current_a, battery_kw=np.zeros(len(scene.batteries)))


def _wanted(scene: Scene) -> Floats:
    """What each car can take in the next step: no more than it lacks."""
    lacking = scene.cars.need_kwh / (scene.cars.kw_per_a * scene.horizon.hours[0])
    return np.asarray(np.minimum(scene.cars.max_a, lacking))
