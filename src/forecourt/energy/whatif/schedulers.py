"""Who gets which current in the next step, by each of the ways that are compared.

Each knows the cars that are there, as the world tells them; only the optimum knows all of the future.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Cars, Horizon, Worth, solve
from forecourt.energy.rows import Floats, Rows


class Scene(Struct, frozen=True, kw_only=True):
    """What is known at the beginning of a step: the cars that are there and what they still need, with steps counted
    from now on; the prices ahead; the highest power so far."""

    now: int
    cars: Cars
    horizon: Horizon
    rows: Rows
    evses: int
    peak_kw: float


class Scheduler(Protocol):
    """The current of each car of the scene in the next step, in A."""

    def __call__(self, scene: Scene, /) -> Floats: ...


def uncontrolled(scene: Scene) -> Floats:
    """Everything at once, whatever the limits."""
    return _wanted(scene)


def by_order(urgency: Callable[[Scene], Floats]) -> Scheduler:
    """One car after the other gets all that it can take and that the limits leave; smallest urgency first."""

    def schedule(scene: Scene) -> Floats:
        wanted, current_a = _wanted(scene), np.zeros(scene.evses)
        given = np.zeros(len(scene.cars))
        left_kw = scene.horizon.limit_kw[0] - scene.horizon.load_kw[0] + scene.horizon.solar_kw[0]
        for car in np.argsort(urgency(scene), kind="stable"):
            evse, kw = scene.cars.evse[car], scene.cars.kw_per_a[car]
            given[car] = current_a[evse] = max(
                0.0, min(wanted[car], scene.rows.room(current_a, int(evse)), left_kw / kw)
            )
            left_kw -= given[car] * kw
        return given

    return schedule


def deadline(scene: Scene) -> Floats:
    """Who leaves first."""
    return scene.cars.last.astype(np.float64)


def laxity(scene: Scene) -> Floats:
    """Who can wait the least: the time left beyond what charging at full power takes, in hours."""
    hours = np.concatenate([[0.0], np.cumsum(scene.horizon.hours)])
    left = hours[np.minimum(scene.cars.last, scene.horizon.steps)]
    return np.asarray(left - scene.cars.need_kwh / (scene.cars.kw_per_a * scene.cars.max_a))


def planned(worth: Callable[[Scene], Worth], expected: Callable[[Scene], Cars] | None = None) -> Scheduler:
    """The first step of the optimal plan for the cars that are there and those that are expected."""

    def schedule(scene: Scene) -> Floats:
        cars = scene.cars if expected is None else joined(scene.cars, expected(scene))
        return solve(cars, scene.horizon, scene.rows, worth(scene)).current_a[:, 0]

    return schedule


def joined(cars: Cars, more: Cars) -> Cars:
    """The cars of both, in this order."""
    return Cars(**{name: np.concatenate([getattr(cars, name), getattr(more, name)]) for name in Cars.__struct_fields__})


def _wanted(scene: Scene) -> Floats:
    """What each car can take in the next step: no more than it lacks."""
    lacking = scene.cars.need_kwh / (scene.cars.kw_per_a * scene.horizon.hours[0])
    return np.asarray(np.minimum(scene.cars.max_a, lacking))
