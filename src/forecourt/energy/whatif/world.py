"""The world of a scenario, step by step: cars come, take what they are given, and leave."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Cars, Horizon
from forecourt.energy.rows import Floats, Rows
from forecourt.energy.whatif.schedulers import Scene, Scheduler


class World(Struct, frozen=True, kw_only=True):
    """A time: its cars, its steps, the limits of the site, how far schedulers are told the prices ahead."""

    cars: Cars
    horizon: Horizon
    rows: Rows
    evses: int
    ahead: int


class Course(Struct, frozen=True, kw_only=True):
    """What happened: the current of each car in each step (A), what each lacks at the end (kWh), the power of the site
    in each step (kW), and the largest load of any limit as a share of it."""

    current_a: Floats
    unserved_kwh: Floats
    power_kw: Floats
    overload: float


def run(world: World, scheduler: Scheduler, told: Callable[[int], None] = lambda _: None) -> Course:
    """Lets the scheduler have its way. `told` hears of every step that is done."""
    cars, horizon = world.cars, world.horizon
    lacking = cars.need_kwh.copy()
    current_a = np.zeros((len(cars), horizon.steps))
    power_kw = horizon.load_kw - horizon.solar_kw
    peak_kw = overload = 0.0
    for now in range(horizon.steps):
        there = np.nonzero((cars.first <= now) & (now < cars.last) & (lacking > 1e-9))[0]
        if len(there):
            given = scheduler(_scene(world, there, lacking, now, peak_kw))
            most = np.minimum(cars.max_a[there], lacking[there] / (cars.kw_per_a[there] * horizon.hours[now]))
            current_a[there, now] = np.clip(given, 0.0, most)
            kw = cars.kw_per_a[there] * current_a[there, now]
            lacking[there] -= kw * horizon.hours[now]
            power_kw[now] += kw.sum()
            on_evses = np.bincount(cars.evse[there], current_a[there, now], world.evses)
            overload = max(overload, world.rows.overload(on_evses.astype(np.float64)))
        peak_kw = max(peak_kw, power_kw[now])
        told(now + 1)
    return Course(current_a=current_a, unserved_kwh=np.maximum(lacking, 0.0), power_kw=power_kw, overload=overload)


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
        horizon=Horizon(**{name: getattr(world.horizon, name)[now:end] for name in Horizon.__struct_fields__}),
        rows=world.rows,
        evses=world.evses,
        peak_kw=peak_kw,
    )
