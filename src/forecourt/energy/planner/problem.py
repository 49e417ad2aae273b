"""One site's charging as it is asked of the planner, and the answer: what there is, what it costs, what is limited.

Minimised are energy at its price, the demand charge for a higher peak than was paid already, unserved energy at its
worth, wear of batteries, and tiny costs of being late. Unserved energy keeps every problem solvable.

Cars that are only expected belong to scenarios, each as likely as the others: the cars that are there have one plan for
all of them, and each scenario has its own energy from the grid and its own peak.
"""

from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.rows import Complexes, Floats, Rows

Ints = npt.NDArray[np.int64]


class Horizon(Struct, frozen=True, kw_only=True):
    """The steps ahead: their lengths in hours, price of energy and worth of what is fed in per kWh, what the building
    takes and the sun gives in kW, and the most that may come from the grid in kW."""

    hours: Floats
    price: Floats
    feed_in: Floats
    load_kw: Floats
    solar_kw: Floats
    limit_kw: Floats

    @property
    def steps(self) -> int:
        return len(self.hours)


class Cars(Struct, frozen=True, kw_only=True):
    """Cars by number. They are there in the steps `first` to before `last`, want `need_kwh` and take up to `max_a`.

    `last_share`: for how much of their last step they are there, above 0 and at most 1; of the first step of a plan
    that is all. What a limit bears they load for all of that step, what they take and what it costs is its share.
    `evse`: column in the rows of the site, `kw_per_a`: power at 1 A, `weight`: how much worse than others they are left
    without, `scenario`: -1 for cars that are there, else the scenario in which they are expected.
    """

    first: Ints
    last: Ints
    last_share: Floats
    need_kwh: Floats
    max_a: Floats
    kw_per_a: Floats
    evse: Ints
    weight: Floats
    scenario: Ints

    def __len__(self) -> int:
        return len(self.first)

    @property
    def there(self) -> Ints:
        """The numbers of the cars that are there."""
        return np.nonzero(self.scenario < 0)[0]


def gone_h(cars: Cars, hours: Floats) -> Floats:
    """When each car leaves, in hours from the beginning of steps of such lengths."""
    return np.asarray(np.cumsum(hours)[cars.last - 1] - (1.0 - cars.last_share) * hours[cars.last - 1])


def shares(cars: Cars, steps: int) -> Floats:
    """For how much of each step the cars that are there are there, once they are, (cars that are there, steps)."""
    found = np.ones((len(cars.there), steps))
    found[np.arange(len(found)), cars.last[cars.there] - 1] = cars.last_share[cars.there]
    return found


def joined(cars: Cars, more: Cars) -> Cars:
    """The cars of both, in this order."""
    return Cars(**{name: np.concatenate([getattr(cars, name), getattr(more, name)]) for name in Cars.__struct_fields__})


class Worth(Struct, frozen=True, kw_only=True):
    """What things cost: a kWh that isn't served, a kW more of peak than `paid_kw`, and being late by the whole horizon
    with a kWh. `hurry`: the same, times the weight of the car. `lacking`: a kWh that lacks of a minimum at its time.

    Two more break ties where they aren't 0: `level` spreads the site's power over time, `fair` what isn't served over
    the cars; both are small sums for a kWh.
    """

    unserved: float = 1.0
    peak: float = 0.0
    paid_kw: float = 0.0
    late: float = 1e-4
    hurry: float = 0.0
    lacking: float = 10.0
    level: float = 0.0
    fair: float = 0.0


class Battery(Struct, frozen=True, kw_only=True):
    """A stationary battery. It ends with no less than it began with; or, where `ends_kwh` says with what, each kWh
    less than that costs `missing`.

    `efficiency`: of charging and of discharging, each. `wear`: what a kWh costs that goes in or out. `reserve_kwh`:
    kept in it always. `adds`: what a kW adds to each row of the site while it is charged; what it gives takes nothing
    from any, since limits must hold if it stops.
    """

    capacity_kwh: float
    stored_kwh: float
    charge_kw: float
    discharge_kw: float
    efficiency: float = 0.95
    wear: float = 0.005
    reserve_kwh: float = 0.0
    ends_kwh: float | None = None
    missing: float = 0.0
    adds: Complexes | None = None


class Discharging(Struct, frozen=True, kw_only=True):
    """Cars, by number, that may give energy back, up to `max_a` in the other direction.

    Energies are counted at the meter as what charging them takes: `given_kwh`, how far a car may sink below what it
    has now, and `room_kwh`, how far it may rise above. `efficiency`: what comes back of a kWh, `wear`: what a kWh costs
    that does. What a car needs is what it has more at the end. `makes_room`: whether others may draw more through the
    site's rows meanwhile, which then exceeds limits if a car stops giving.
    """

    car: Ints
    max_a: Floats
    given_kwh: Floats
    room_kwh: Floats
    efficiency: Floats
    wear: Floats
    makes_room: bool = True


class Minimums(Struct, frozen=True, kw_only=True):
    """What cars, by number, should have got before step `by` at least. `weight`: how much worse than others it is to
    miss each, where that isn't by the car."""

    car: Ints
    by: Ints
    kwh: Floats
    weight: Floats | None = None


class Chances(Struct, frozen=True, kw_only=True):
    """Cars, by number, of which nobody knows when they leave and what they need.

    `there`: the chance that each is still there in each step, (cars of this list, steps). Its need is in parts, in kWh,
    (cars of this list, parts); `asked`: the chance that it takes each. `weight`: as of cars.
    """

    car: Ints
    there: Floats
    parts_kwh: Floats
    asked: Floats
    weight: Floats


class Reserved(Struct, frozen=True, kw_only=True):
    """Currents that EVSEs draw whatever is planned, (EVSEs of this list, steps): silent ones and those that don't obey.

    With what is planned at the same EVSE they are no more than it can draw, or limits that were left out would count.
    Where they alone exceed a limit nobody else gets anything there.
    """

    evse: Ints
    current_a: Floats
    kw_per_a: Floats


class Problem(Struct, frozen=True, kw_only=True):
    """All that a plan is made of.

    `starts`: when each step begins, in hours on any clock that goes on from one problem to the next; `who`: names of
    the cars that stay the same. By both a solver finds again what it knew. `limits`: those of the rows in each step,
    (rows, steps), where they change. `export_kw`: what may be fed in beyond what the sun leaves over. `after`: the
    number of the car whose plan a car goes on with, -1 for none; both together have one need.
    """

    cars: Cars
    horizon: Horizon
    rows: Rows
    worth: Worth
    starts: Floats | None = None
    who: Sequence[Hashable] | None = None
    batteries: Sequence[Battery] = ()
    discharging: Discharging | None = None
    minimums: Minimums | None = None
    chances: Chances | None = None
    reserved: Reserved | None = None
    limits: Floats | None = None
    export_kw: float = 0.0
    after: Ints | None = None

    @property
    def scenarios(self) -> int:
        return max(1, int(self.cars.scenario.max(initial=-1)) + 1)


class Shadows(Struct, frozen=True, kw_only=True):
    """What one more would have saved, each at least 0: of each row's limit in the first step, per A or kW and hour; of
    a kW from the grid in the first step; of a kW of peak in the first step; of a kWh for each car."""

    rows: Floats
    grid: float
    peak: float
    served: Floats


class Plan(Struct, frozen=True, kw_only=True):
    """Currents of the cars that are there, (cars, steps), each the mean of its step, below 0 where they give;
    `unserved_kwh` of each car; the peak and what comes from the grid (steps), means of the scenarios; what the
    batteries take, below 0 where they give, and hold at the end of each step, (batteries, steps).

    `optimal`: no better plan exists; otherwise time ran out while limits that aren't linear were met.
    """

    current_a: Floats
    unserved_kwh: Floats
    peak_kw: float
    cost: float
    grid_kw: Floats
    battery_kw: Floats
    battery_kwh: Floats
    shadows: Shadows
    optimal: bool = True


class Unsolvable(ArithmeticError):
    """The solver found no plan; limits that the building alone exceeds are the only known cause."""


class TooLate(Unsolvable):
    """The solver found no plan in the time that it had."""


class NotANumber(ValueError):
    """A price, a limit or a need isn't a number: put a safe value in its place before planning."""


def check(problem: Problem) -> None:
    """Raises NotANumber, naming what is not. Only limits may be infinite."""
    parts = (problem.cars, problem.horizon, problem.discharging, problem.minimums, problem.chances, problem.reserved)
    named = [
        (name, value)
        for part in parts
        if part is not None
        for name in part.__struct_fields__
        if not isinstance(value := getattr(part, name), bool)
    ]
    for name, values in named:
        if values is None:
            continue
        wrong = np.isnan(values) if name == "limit_kw" else ~np.isfinite(values)
        if wrong.any():
            raise NotANumber(f"{name} {np.argwhere(wrong)[0].tolist()}")
    if problem.limits is not None and np.isnan(problem.limits).any():
        raise NotANumber(f"limits {np.argwhere(np.isnan(problem.limits))[0].tolist()}")
    numbers = [getattr(problem.worth, name) for name in problem.worth.__struct_fields__]
    if not np.isfinite(numbers).all():
        raise NotANumber("worth")
    for number, battery in enumerate(problem.batteries):
        if not np.isfinite([battery.stored_kwh, battery.charge_kw, battery.discharge_kw, battery.wear]).all():
            raise NotANumber(f"batteries [{number}]")


def eased(problem: Problem) -> Problem:
    """The same, where what isn't planned alone exceeds the grid limit with room for that and nothing else, so that one
    such step doesn't leave all others without a plan."""
    horizon = problem.horizon
    alone = horizon.load_kw - horizon.solar_kw + reserved_kw(problem)
    eased = msgspec.structs.replace(horizon, limit_kw=np.maximum(horizon.limit_kw, alone))
    return msgspec.structs.replace(problem, horizon=eased)


def reserved_kw(problem: Problem) -> Floats:
    """The power of reserved currents in each step."""
    if problem.reserved is None:
        return np.zeros(problem.horizon.steps)
    return np.asarray(problem.reserved.kw_per_a @ problem.reserved.current_a)
