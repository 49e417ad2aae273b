"""The world of a scenario, step by step: cars come, take what they are given, and leave.

Power is counted in whole watts, rounded down, so that what is written of a course adds up and no limit is exceeded by
rounding.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.planner.problem import Cars, Horizon
from forecourt.energy.rows import Floats, Rows
from forecourt.energy.whatif.schedulers import Scene, Scheduler

Watts = npt.NDArray[np.int64]
#: What floating-point arithmetic may leave below a whole watt that is meant.
GRAIN_W = 1e-6
#: Steps of a part of a time. Schedulers remember nothing from one to the next but what they can find again, so that a
#: time can be gone on with where a part ended.
PART_STEPS: Final = 48
#: Hears how many steps are done, and the currents of all cars, (cars, steps).
Told = Callable[[int, Floats], None]


class World(Struct, frozen=True, kw_only=True):
    """A time: its cars and the least current of each (A), its steps, the limits of the site, how far schedulers are
    told the prices ahead."""

    cars: Cars
    min_a: Floats
    horizon: Horizon
    rows: Rows
    evses: int
    ahead: int


class Course(Struct, frozen=True, kw_only=True):
    """What happened: the current of each car in each step (A) and its power (W), the power of the site from the grid in
    each step (W), and the largest load of any limit as a share of it."""

    current_a: Floats
    power_w: Watts
    grid_w: Watts
    overload: float


def run(
    world: World, scheduler: Scheduler, told: Told = lambda *_: None, current_a: Floats | None = None, done: int = 0
) -> Course:
    """Lets the scheduler have its way. `told` hears of every step that is done, and of the currents so far.

    A car takes no more than it lacks; what a scheduler gives it below its least current it doesn't take. Before step
    `done` it has had its way already: then `current_a` (cars, steps) are the currents that came of it.
    """
    cars, horizon = world.cars, world.horizon
    lacking = cars.need_kwh.copy()
    if current_a is None:
        current_a = np.zeros((len(cars), horizon.steps))
    peak_kw = 0.0
    for now in range(horizon.steps):
        there = np.nonzero((cars.first <= now) & (now < cars.last) & (lacking > 1e-4))[0]
        kw = base_kw = float(horizon.load_kw[now] - horizon.solar_kw[now])
        if len(there) and now >= done:
            given = np.asarray(scheduler(_scene(world, there, lacking, now, peak_kw)))
            most = np.minimum(cars.max_a[there], lacking[there] / (cars.kw_per_a[there] * horizon.hours[now]))
            # In its last step a car draws what it lacks for a part of the step.
            enough = given >= np.minimum(world.min_a[there], most) * (1 - 1e-6)
            current_a[there, now] = np.where(enough, np.clip(given, 0.0, most), 0.0)
        if len(there):
            power_w = watts(current_a[there, now], cars.kw_per_a[there])
            lacking[there] -= power_w / 1000 * horizon.hours[now]
            kw = base_kw + float(power_w.sum()) / 1000
        peak_kw = max(peak_kw, kw)
        if now >= done:
            told(now + 1, current_a)
    return course(world, current_a)


def course(world: World, current_a: Floats) -> Course:
    """What currents of the cars, (cars, steps), amount to."""
    on_evses = np.zeros((world.evses, world.horizon.steps))
    np.add.at(on_evses, world.cars.evse, current_a)
    power_w = watts(current_a, world.cars.kw_per_a[:, None])
    base_w = np.rint((world.horizon.load_kw - world.horizon.solar_kw) * 1000).astype(np.int64)
    return Course(
        current_a=current_a,
        power_w=power_w,
        grid_w=base_w + power_w.sum(axis=0),
        overload=world.rows.overload(on_evses),
    )


def watts(current_a: Floats, kw_per_a: Floats) -> Watts:
    """Whole watts, rounded down."""
    return np.asarray(np.floor(current_a * kw_per_a * 1000 + GRAIN_W), dtype=np.int64)


def _scene(world: World, there: np.ndarray, lacking: Floats, now: int, peak_kw: float) -> Scene:
    cars = world.cars
    end = min(now + world.ahead, world.horizon.steps)
    return Scene(
        now=now,
        cars=Cars(
            first=np.zeros(len(there), np.int64),
            last=np.minimum(cars.last[there], end) - now,
            need_kwh=lacking[there],
            max_a=cars.max_a[there],
            kw_per_a=cars.kw_per_a[there],
            evse=cars.evse[there],
            weight=cars.weight[there],
            scenario=cars.scenario[there],
        ),
        min_a=world.min_a[there],
        numbers=there,
        horizon=Horizon(**{name: getattr(world.horizon, name)[now:end] for name in Horizon.__struct_fields__}),
        rows=world.rows,
        evses=world.evses,
        peak_kw=peak_kw,
    )
