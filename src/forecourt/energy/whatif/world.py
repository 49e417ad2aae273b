"""The world of a scenario, step by step: cars come, take what they are given, and leave.

Power is counted in whole watts, so that what is written of a course adds up and no limit is exceeded by rounding: cars
take a little less and give a little more, and what batteries can't give by a part of a watt nobody takes.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct, structs

from forecourt.energy.planner.problem import Battery, Cars, Discharging, Horizon
from forecourt.energy.rows import Floats, shares
from forecourt.energy.whatif.limits import Borne
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
    told the prices ahead; its batteries, and the cars that may give back."""

    cars: Cars
    min_a: Floats
    horizon: Horizon
    borne: Borne
    evses: int
    ahead: int
    batteries: tuple[Battery, ...] = ()
    giving: Discharging | None = None


class Course(Struct, frozen=True, kw_only=True):
    """What happened: the current of each car in each step (A) and its power (W), below 0 where it gave; the power of
    each battery in each step (W), below 0 where it gave, and what it held at its end (kWh); the power of the site from
    the grid in each step (W), and the largest load of any limit as a share of it, whether anything gives or not; the
    limit by contract is loaded by what comes from the grid."""

    current_a: Floats
    power_w: Watts
    battery_w: Watts
    stored_kwh: Floats
    grid_w: Watts
    overload: float


def run(
    world: World, scheduler: Scheduler, told: Told = lambda *_: None, so_far: Floats | None = None, done: int = 0
) -> Course:
    """Lets the scheduler have its way. `told` hears of every step that is done, and of what was done so far.

    A car takes no more than it lacks; what a scheduler gives it below its least current it doesn't take. Before step
    `done` it has had its way already: then `so_far` is what came of it, the currents (A) of the cars and under them the
    powers (W) of the batteries, (cars and batteries, steps).
    """
    cars, horizon = world.cars, world.horizon
    fleet = _Fleet(world)
    if so_far is None:
        so_far = np.zeros((len(cars) + len(world.batteries), horizon.steps))
    current_a, battery_w = so_far[: len(cars)], so_far[len(cars) :]
    stored = np.array([battery.stored_kwh for battery in world.batteries])
    peak_kw = 0.0
    for now in range(horizon.steps):
        there, hours = fleet.there(now), float(horizon.hours[now])
        kw = float(horizon.load_kw[now] - horizon.solar_kw[now])
        if len(there) or world.batteries:
            wanted_kw = battery_w[:, now] / 1000
            if now >= done:
                decided = scheduler(_scene(world, fleet, there, stored, now, peak_kw))
                current_a[there, now] = fleet.taken(there, np.asarray(decided.current_a), hours)
                wanted_kw = decided.battery_kw
            power_w = watts(current_a[there, now], cars.kw_per_a[there])
            did_w, stored = _stored(world.batteries, stored, wanted_kw, kw + float(power_w.sum()) / 1000, hours)
            battery_w[:, now] = did_w
            per_a = cars.kw_per_a[there]
            current_a[there, now] = lessened(current_a[there, now], per_a, did_w, np.asarray(wanted_kw))
            power_w = watts(current_a[there, now], per_a)
            fleet.charge(there, power_w / 1000 * hours)
            kw += float(power_w.sum() + did_w.sum()) / 1000
        peak_kw = max(peak_kw, kw)
        if now >= done:
            told(now + 1, so_far)
    return course(world, so_far)


def course(world: World, so_far: Floats) -> Course:
    """What currents of the cars and, under them, powers of the batteries amount to, (cars and batteries, steps)."""
    current_a, battery_w = so_far[: len(world.cars)], so_far[len(world.cars) :].astype(np.int64)
    power_w = watts(current_a, world.cars.kw_per_a[:, None])
    base_w = np.rint((world.horizon.load_kw - world.horizon.solar_kw) * 1000).astype(np.int64)
    stored = [
        battery.stored_kwh
        + np.cumsum(_kept_kwh(battery_w[number] / 1000 * world.horizon.hours, battery.efficiency, battery.efficiency))
        for number, battery in enumerate(world.batteries)
    ]
    return Course(
        current_a=current_a,
        power_w=power_w,
        battery_w=battery_w,
        stored_kwh=np.array(stored).reshape(battery_w.shape),
        grid_w=base_w + power_w.sum(axis=0) + battery_w.sum(axis=0),
        overload=max(
            *(_overload(world, current_a, battery_w, sign) for sign in (1, -1)),
            _contract_overload(world, power_w.sum(axis=0) + battery_w.sum(axis=0)),
        ),
    )


def watts(current_a: Floats, kw_per_a: Floats) -> Watts:
    """Whole watts, rounded down."""
    return np.asarray(np.floor(current_a * kw_per_a * 1000 + GRAIN_W), dtype=np.int64)


def _overload(world: World, current_a: Floats, battery_w: Watts, sign: int) -> float:
    """By what is taken, or by what is given: neither makes room for the other. The building takes, and of the sun what
    it leaves over is given."""
    on_evses = np.zeros((world.evses, world.horizon.steps))
    np.add.at(on_evses, world.cars.evse, np.maximum(sign * current_a, 0.0))
    horizon, borne = world.horizon, world.borne
    over_kw = np.maximum(horizon.solar_kw - horizon.load_kw, 0.0)
    more = borne.taken.copy() if sign > 0 else borne.adds[:, None] * over_kw
    for battery, power_w in zip(world.batteries, battery_w, strict=True):
        if battery.adds is not None:
            more += battery.adds[:, None] * np.maximum(sign * power_w, 0) / 1000
    return borne.rows.overload(on_evses, more, borne.limits)


def too_much_alone(world: World) -> int:
    """In how many steps buildings take more than a limit bears, though nobody charges."""
    horizon, borne = world.horizon, world.borne
    beyond = (np.abs(borne.taken) > borne.limits * (1 + 1e-9)).any(axis=0)
    return int((beyond | (horizon.load_kw - horizon.solar_kw > horizon.limit_kw)).sum())


def _contract_overload(world: World, power_w: Watts) -> float:
    """By what comes from the grid, as a meter counts it."""
    horizon = world.horizon
    grid_kw = np.maximum(horizon.load_kw - horizon.solar_kw + power_w / 1000, 0.0)
    return float(shares(grid_kw, horizon.limit_kw).max(initial=0.0))


def _stored(
    batteries: tuple[Battery, ...], stored: Floats, wanted_kw: Floats, site_kw: float, hours: float
) -> tuple[Watts, Floats]:
    """What batteries do of what is wanted, and hold then. None gives more than the site takes besides."""
    power_w, left_kw = np.zeros(len(batteries), np.int64), max(site_kw, 0.0)
    held = stored.copy()
    for number, battery in enumerate(batteries):
        room_kwh, there_kwh = battery.capacity_kwh - held[number], held[number] - battery.reserve_kwh
        most_kw = min(battery.charge_kw, room_kwh / battery.efficiency / hours)
        least_kw = min(battery.discharge_kw, there_kwh * battery.efficiency / hours, left_kw)
        kw = float(np.clip(wanted_kw[number], -max(least_kw, 0.0), max(most_kw, 0.0)))
        power_w[number] = stored_watts(np.array(kw))
        kwh = power_w[number] / 1000 * hours
        held[number] += _kept_kwh(np.array(kwh), battery.efficiency, battery.efficiency)
        left_kw += min(power_w[number], 0) / 1000
    return power_w, held


def lessened(current_a: Floats, kw_per_a: Floats, did_w: Watts, wanted_kw: Floats) -> Floats:
    """The currents of cars in a step, the highest by as many watts less as batteries give less than is wanted for the
    sake of rounding alone."""
    missing = np.where(wanted_kw < 0, did_w - wanted_kw * 1000, 0.0)
    less_w = int(np.ceil(missing[(missing > GRAIN_W) & (missing < 1)]).sum())
    power_w = watts(current_a, kw_per_a)
    # What solvers leave of nothing is nothing.
    found = np.where(power_w == 0, 0.0, current_a)
    if not less_w or power_w.max(initial=0) < less_w:
        return found
    most = int(power_w.argmax())
    found[most] = (power_w[most] - less_w) / 1000 / kw_per_a[most]
    return found


def stored_watts(battery_kw: Floats) -> Watts:
    """Whole watts of batteries, rounded towards nothing: none gives more than it has."""
    exact = battery_kw * 1000
    return np.asarray(np.trunc(exact + np.copysign(GRAIN_W, exact)), dtype=np.int64)


def _kept_kwh(kwh: Floats, inward: float | Floats, outward: float | Floats) -> Floats:
    """What energy at the meter, below 0 where it comes out, adds to what is stored."""
    return np.where(kwh > 0, kwh * inward, kwh / outward)


class _Fleet:
    """The cars while the time goes on: what each lacks, counted as what charging it takes."""

    def __init__(self, world: World) -> None:
        cars, giving = world.cars, world.giving
        self._cars, self._min_a = cars, world.min_a
        self.lacking_kwh = cars.need_kwh.copy()
        self._gives_a, self._least_kwh = np.zeros(len(cars)), np.zeros(len(cars))
        self._efficiency = np.ones(len(cars))
        if giving is not None:
            self._gives_a[giving.car], self._least_kwh[giving.car] = giving.max_a, -giving.given_kwh
            self._efficiency[giving.car] = giving.efficiency

    @property
    def got_kwh(self) -> Floats:
        return self._cars.need_kwh - self.lacking_kwh

    def there(self, now: int) -> npt.NDArray[np.int64]:
        """The cars that take something or may give."""
        cars, needed = self._cars, (self.lacking_kwh > 1e-4) | (self._gives_a > 0)
        return np.nonzero((cars.first <= now) & (now < cars.last) & needed)[0]

    def taken(self, there: npt.NDArray[np.int64], given_a: Floats, hours: float) -> Floats:
        """What cars take of what they are given, and give of what is asked of them."""
        cars, per_a = self._cars, self._cars.kw_per_a[there] * hours
        most = np.minimum(cars.max_a[there], np.maximum(self.lacking_kwh[there], 0.0) / per_a)
        # In its last step a car draws what it lacks for a part of the step.
        enough = given_a >= np.minimum(self._min_a[there], most) * (1 - 1e-6)
        taken = np.where(enough, np.clip(given_a, 0.0, most), 0.0)
        spare = (self.got_kwh - self._least_kwh)[there] * self._efficiency[there] / per_a
        gives = np.minimum(self._gives_a[there], np.maximum(spare, 0.0))
        return np.where(given_a < 0, np.maximum(given_a, -gives), taken)

    def charge(self, there: npt.NDArray[np.int64], kwh: Floats) -> None:
        """Counts what was taken and given, at the meter."""
        self.lacking_kwh[there] -= _kept_kwh(kwh, 1.0, self._efficiency[there])


def _scene(
    world: World, fleet: _Fleet, there: npt.NDArray[np.int64], stored: Floats, now: int, peak_kw: float
) -> Scene:
    cars = world.cars
    end = min(now + world.ahead, world.horizon.steps)
    return Scene(
        now=now,
        cars=Cars(
            first=np.zeros(len(there), np.int64),
            last=np.minimum(cars.last[there], end) - now,
            last_share=cars.last_share[there],
            need_kwh=np.maximum(fleet.lacking_kwh[there], 0.0),
            max_a=cars.max_a[there],
            kw_per_a=cars.kw_per_a[there],
            evse=cars.evse[there],
            weight=cars.weight[there],
            scenario=cars.scenario[there],
        ),
        min_a=world.min_a[there],
        numbers=there,
        horizon=Horizon(**{name: getattr(world.horizon, name)[now:end] for name in Horizon.__struct_fields__}),
        rows=world.borne.at(now),
        limits=world.borne.left[:, now:end],
        evses=world.evses,
        peak_kw=peak_kw,
        batteries=tuple(
            structs.replace(battery, stored_kwh=float(held))
            for battery, held in zip(world.batteries, stored, strict=True)
        ),
        giving=_giving(world.giving, fleet, there),
    )


def _giving(giving: Discharging | None, fleet: _Fleet, there: npt.NDArray[np.int64]) -> Discharging | None:
    """The cars that are there and may give, by their places in the scene."""
    if giving is None:
        return None
    place = np.nonzero(np.isin(there, giving.car))[0]
    if not len(place):
        return None
    which = np.searchsorted(giving.car, there[place])
    return Discharging(
        car=place,
        max_a=giving.max_a[which],
        given_kwh=giving.given_kwh[which] + fleet.got_kwh[there[place]],
        room_kwh=np.maximum(fleet.lacking_kwh[there[place]], 0.0),
        efficiency=giving.efficiency[which],
        wear=giving.wear[which],
        makes_room=giving.makes_room,
    )
