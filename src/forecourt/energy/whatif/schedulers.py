"""Who gets which current in the next step, by each of the ways that are compared.

Each knows the cars that are there, as the world tells them; only the optimum knows all of the future.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct, structs

from forecourt.energy.planner.problem import Battery, Cars, Discharging, Horizon, Plan
from forecourt.energy.rows import Floats, Rows


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


def planned(plan: Callable[[Scene], Plan]) -> Scheduler:
    """What a plan gives in its first step, so that each car gets nothing or at least its least current."""

    def schedule(scene: Scene) -> Decision:
        made = plan(scene)
        battery_kw = made.battery_kw[:, 0]
        return Decision(current_a=zero_or_enough(scene, made.current_a[:, 0], battery_kw), battery_kw=battery_kw)

    return schedule


def zero_or_enough(scene: Scene, given: Floats, battery_kw: Floats) -> Floats:
    """Puts together what cars would get below their least current: some get enough, the others nothing, and what is
    left goes to those that charge. Never more power than before, and within the limits."""
    wanted = _wanted(scene)
    least = np.minimum(scene.min_a, wanted)
    low = (given > 0) & (given < least * (1 - 1e-9))
    if not low.any():
        return given
    kw = scene.cars.kw_per_a
    left_kw = float(given[low] @ kw[low])
    starting = [car for car in np.argsort(-given * kw, kind="stable") if low[car]]
    given = np.where(low, 0.0, given)
    on_evses = np.zeros(scene.evses)
    on_evses[scene.cars.evse] = np.maximum(given, 0.0)
    rows = _beside(scene, battery_kw)
    for car in [*starting, *np.nonzero((given > 0) & (given < wanted))[0]]:
        evse = int(scene.cars.evse[car])
        most = min(wanted[car], rows.room(on_evses, evse), given[car] + left_kw / kw[car])
        if given[car] == 0.0:
            most = least[car] if most >= least[car] else 0.0
        left_kw -= (most - given[car]) * kw[car]
        given[car] = on_evses[evse] = most
    return given


def _beside(scene: Scene, battery_kw: Floats) -> Rows:
    """The rows with what is left of them beside batteries that are charged."""
    added = np.zeros(len(scene.rows.limits))
    for battery, kw in zip(scene.batteries, battery_kw, strict=True):
        if battery.adds is not None:
            added += np.abs(battery.adds) * max(float(kw), 0.0)
    return structs.replace(scene.rows, limits=np.maximum(scene.rows.limits - added, 0.0))


def _idle(scene: Scene, current_a: Floats) -> Decision:
    """Batteries do nothing."""
    return Decision(current_a=current_a, battery_kw=np.zeros(len(scene.batteries)))


def _wanted(scene: Scene) -> Floats:
    """What each car can take in the next step: no more than it lacks."""
    lacking = scene.cars.need_kwh / (scene.cars.kw_per_a * scene.horizon.hours[0])
    return np.asarray(np.minimum(scene.cars.max_a, lacking))
