"""From what is known of a site to a plan for it: who shall have which current now, and what is meant to come. Pure.

Where no plan is found in time the one before goes on, cut to the limits of now; without one what there is is shared out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct

from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.keeper.knowledge import KnownCar, Knowledge
from forecourt.energy.keeper.limits import Room, room_of
from forecourt.energy.needs.model import Priority
from forecourt.energy.planner.filling import Claims, fill
from forecourt.energy.planner.incidence import Incidence, incidence_of
from forecourt.energy.planner.problem import Cars, Horizon, Minimums, Plan, Problem, Reserved, Unsolvable, Worth
from forecourt.energy.planner.rounding import rounded
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Floats, Rows
from forecourt.energy.site import HungEvse, Mode

#: How long the solver may think; the fast path has answered long before.
DEADLINE_S: Final = 10.0
#: How much more the planner minds a kWh that isn't served than its worth says, since it doesn't know who comes.
INSISTENCE: Final = 2.0
#: How much worse one driver is left without than another.
WEIGHTS: Final[Mapping[Priority, float]] = {Priority.LOW: 0.5, Priority.NORMAL: 1.0, Priority.HIGH: 3.0}
#: More than a car drew at last is offered by so much, so that one that could take more shows it.
MARGIN_A: Final = 3.0
#: A current from which on power over current tells how many conductors a car uses.
TELLING_A: Final = 3.0
#: The cost of being late with a kWh by the whole horizon, where as fast as possible is wanted, and elsewhere.
HASTE: Final = 0.5
CALM: Final = 1e-4
#: A tie-break that spreads power over time.
LEVEL: Final = 1e-5


class How(StrEnum):
    """How a plan came about, best first."""

    OPTIMUM = "optimum"
    LATE = "late"
    FILLING = "filling"


class CarPlan(Struct, frozen=True, kw_only=True):
    """What is meant for one car: its limit now in mA, its mean power in each step in W, what it lacks in the end, when
    it has what it takes (None: not within the steps), and when it is thought to leave."""

    session_id: UUID
    evse_id: str
    limit_ma: int
    steps_w: tuple[int, ...]
    lacks_wh: int
    unserved_wh: int
    ready_at: datetime | None
    leaves_at: datetime


class SitePlan(Struct, frozen=True, kw_only=True):
    """A plan. `targets_ma` by the tree's EVSEs, without meaning where nothing runs; `grid_w` in each step."""

    at: datetime
    how: How
    why: str | None
    targets_ma: tuple[int, ...]
    cars: tuple[CarPlan, ...]
    grid_w: tuple[int, ...]
    peak_w: int


class _Fleet(Struct, frozen=True, kw_only=True):
    """The cars that can be told something, in numbers: `cars` of the knowledge, their EVSEs and columns."""

    cars: Sequence[KnownCar]
    evses: Sequence[HungEvse]
    column: np.ndarray
    kw_per_a: Floats
    max_a: Floats
    min_a: Floats
    lacks_kwh: Floats
    weight: Floats
    last: np.ndarray


def plan_site(known: Knowledge, solver: SiteSolver, before: SitePlan | None = None) -> SitePlan:
    """The plan of least cost, or the best that can be had without one."""
    room = room_of(known.tree, known.outlook)
    fleet = _fleet(known)
    still_a = reserved_a(known)
    if not len(fleet.cars):
        return _made(known, fleet, room, still_a, How.OPTIMUM, np.zeros((0, len(known.outlook.hours))))
    problem = _problem(known, fleet, room, still_a)
    try:
        plan = solver.solve(problem, DEADLINE_S)
        plan = rounded(solver, plan, fleet.min_a, DEADLINE_S)
    except (Unsolvable, ValueError) as fault:
        return _without(known, fleet, room, still_a, before, str(fault) or type(fault).__name__)
    return _made(known, fleet, room, still_a, How.OPTIMUM, plan.current_a, plan)


def share_out(known: Knowledge) -> SitePlan:
    """What is there now, shared out at once and fairly: the answer to a cut, before anybody thinks."""
    room, fleet, still_a = room_of(known.tree, known.outlook), _fleet(known), reserved_a(known)
    return _without(known, fleet, room, still_a, None, None)


def reserved_a(known: Knowledge) -> Floats:
    """What EVSEs that can't be told anything may draw now, by the tree's EVSEs."""
    running = {car.evse_id for car in known.cars}
    return np.array(
        [
            0.0 if evse.id in running and _obeys(known, number) else may_draw(known.standings[number], known.at)[0] / 1000
            for number, evse in enumerate(known.tree.evses)
        ]
    )


def _obeys(known: Knowledge, number: int) -> bool:
    standing = known.standings[number]
    return standing.silent_since is None and not standing.disobeys


def _fleet(known: Knowledge) -> _Fleet:
    number_of = {evse.id: number for number, evse in enumerate(known.tree.evses)}
    cars = [car for car in known.cars if car.evse_id in number_of and _obeys(known, number_of[car.evse_id])]
    evses = [known.tree.evses[number_of[car.evse_id]] for car in cars]
    electrics = known.tree.electrics
    usual = {evse.id: electrics.watts_per_ampere(evse) / 1000 for evse in electrics.evses}
    kw_per_a = np.array([_kw_per_a(car, usual[car.evse_id]) for car in cars])
    ends = np.cumsum(known.outlook.hours)
    left_h = np.array([(car.leaves_at(known.at) - known.at) / timedelta(hours=1) for car in cars])
    return _Fleet(
        cars=cars,
        evses=evses,
        column=np.array([number_of[car.evse_id] for car in cars], dtype=np.int64),
        kw_per_a=kw_per_a,
        max_a=np.array([_most_a(car, evse) for car, evse in zip(cars, evses, strict=True)]),
        min_a=np.array([evse.min_a for evse in evses]),
        lacks_kwh=np.array([car.lacks_wh() / 1000 for car in cars]),
        weight=np.array([WEIGHTS[car.needs.wants.priority or Priority.NORMAL] for car in cars]),
        last=np.maximum(np.searchsorted(ends, left_h + 1e-9, side="right"), 1).astype(np.int64),
    )


def _kw_per_a(car: KnownCar, usual: float) -> float:
    """By what was measured, where that can be believed: a car may use fewer conductors than its EVSE has."""
    if car.power_w is None or car.current_a is None or car.current_a < TELLING_A:
        return usual
    found = car.power_w / 1000 / car.current_a
    return found if usual / 4 <= found <= usual * 1.2 else usual


def _most_a(car: KnownCar, evse: HungEvse) -> float:
    most = min(each for each in (evse.max_a, car.needs.wants.max_a) if each is not None)
    if car.current_a is not None and car.offered_a is not None and TELLING_A < car.current_a < car.offered_a - MARGIN_A:
        most = min(most, car.current_a + MARGIN_A)
    return max(min(most, evse.max_a), min(evse.min_a, evse.max_a))


def _problem(known: Knowledge, fleet: _Fleet, room: Room, still_a: Floats) -> Problem:
    outlook = known.outlook
    steps = len(outlook.hours)
    count = len(fleet.cars)
    load_w = np.sum([each.power_w.values for each in outlook.loads] or [[0] * steps], axis=0)
    solar_w = np.sum([each.power_w.values for each in outlook.solar] or [[0] * steps], axis=0)
    still = np.nonzero(still_a)[0]
    electrics = known.tree.electrics
    return Problem(
        cars=Cars(
            first=np.zeros(count, np.int64),
            last=fleet.last,
            need_kwh=fleet.lacks_kwh,
            max_a=fleet.max_a,
            kw_per_a=fleet.kw_per_a,
            evse=fleet.column,
            weight=fleet.weight,
            scenario=np.full(count, -1, np.int64),
        ),
        horizon=Horizon(
            hours=np.array(outlook.hours),
            price=_prices(known),
            feed_in=np.minimum(np.array(outlook.feed_in.values, dtype=np.float64), _prices(known)),
            load_kw=load_w / 1000,
            solar_kw=solar_w / 1000,
            limit_kw=np.full(steps, np.inf),
        ),
        rows=room.rows,
        worth=_worth(known),
        starts=known.at.timestamp() / 3600 + np.cumsum(outlook.hours) - np.array(outlook.hours),
        who=[str(car.session_id) for car in fleet.cars],
        minimums=_minimums(known, fleet),
        reserved=Reserved(
            evse=still,
            current_a=np.repeat(still_a[still][:, None], steps, axis=1),
            kw_per_a=np.array([electrics.watts_per_ampere(electrics.evses[number]) / 1000 for number in still]),
        ),
        limits=room.limits,
    )


def _prices(known: Knowledge) -> Floats:
    """What a kWh counts with in each step, by what the site is after."""
    price = np.array(known.outlook.price.values, dtype=np.float64)
    mode = known.settings.mode
    if mode is Mode.GREENEST:
        co2 = np.array(known.outlook.co2.values, dtype=np.float64)
        return np.asarray(co2 / max(float(co2.max(initial=0.0)), 1e-9) * 0.5)
    if mode in (Mode.FASTEST, Mode.EQUAL):
        return np.full(len(price), float(price.mean()))
    if mode is Mode.SOLAR:
        # What comes from the grid costs as much as being left without it: only who must leave with energy takes it.
        return np.full(len(price), float(known.settings.unserved_per_kwh) * INSISTENCE * 0.9)
    return price


def _worth(known: Knowledge) -> Worth:
    demand = known.outlook.demand
    calm = known.settings.mode not in (Mode.FASTEST, Mode.EQUAL)
    charge = 0.0
    if demand is not None and calm:
        charge = float(demand.charge_per_kw) * ((demand.ends_at - known.at) / (demand.ends_at - demand.begins_at))
    return Worth(
        unserved=float(known.settings.unserved_per_kwh) * INSISTENCE + float(max(_prices(known).max(initial=0.0), 0.0)),
        peak=max(charge, 0.0),
        paid_kw=known.paid_w / 1000,
        late=CALM if calm else HASTE,
        level=LEVEL if calm else 0.0,
        fair=1e-3,
    )


def _minimums(known: Knowledge, fleet: _Fleet) -> Minimums | None:
    ends = np.cumsum(known.outlook.hours)
    found = []
    for number, car in enumerate(fleet.cars):
        wants = car.needs.wants
        lacking_wh = 0 if wants.minimum_wh is None else wants.minimum_wh - car.energy_wh
        if lacking_wh > 0 and wants.minimum_by is not None and wants.minimum_by > known.at:
            left_h = (wants.minimum_by - known.at) / timedelta(hours=1)
            by = int(np.clip(np.searchsorted(ends, left_h + 1e-9, side="right"), 1, fleet.last[number]))
            found.append((number, by, lacking_wh / 1000))
    if not found:
        return None
    car_number, by_step, kwh = zip(*found, strict=True)
    return Minimums(car=np.array(car_number), by=np.array(by_step), kwh=np.array(kwh))


def _without(
    known: Knowledge, fleet: _Fleet, room: Room, still_a: Floats, before: SitePlan | None, why: str | None
) -> SitePlan:
    """The plan before as far as it reaches, cut to the limits of now; what it doesn't know is shared out."""
    incidence = incidence_of(room.rows)
    wanted = {car.session_id: car.limit_ma / 1000 for car in before.cars} if before is not None else {}
    useful = np.where(fleet.lacks_kwh > 0, fleet.max_a, 0.0)
    most = np.array(
        [min(useful[n], wanted.get(car.session_id, useful[n])) for n, car in enumerate(fleet.cars)], dtype=np.float64
    )
    current_a = np.zeros((len(fleet.cars), len(known.outlook.hours)))
    current_a[:, 0] = fill(
        incidence, _claims(known, fleet, most), limits=room.limits[:, 0], still=_flowing(incidence, still_a)
    )
    how = How.FILLING if before is None else How.LATE
    return _made(known, fleet, room, still_a, how, current_a, why=why)


def _claims(known: Knowledge, fleet: _Fleet, most: Floats) -> Claims:
    left_h = np.array([(car.leaves_at(known.at) - known.at) / timedelta(hours=1) for car in fleet.cars])
    laxity_h = left_h - fleet.lacks_kwh / (fleet.kw_per_a * np.maximum(fleet.max_a, 1e-9))
    on_s, waited_s = np.zeros(len(fleet.cars)), np.zeros(len(fleet.cars))
    for number in range(len(fleet.cars)):
        standing = known.standings[fleet.column[number]]
        since = standing.orders[-1].sent_at if standing.orders else standing.running_since or known.at
        charging = bool(standing.orders) and standing.orders[-1].limit_ma > 0
        (on_s if charging else waited_s)[number] = (known.at - since).total_seconds()
    return Claims(
        evse=fleet.column,
        min_a=fleet.min_a,
        max_a=most,
        kw_per_a=fleet.kw_per_a,
        weight=fleet.weight,
        laxity_h=laxity_h,
        on_s=on_s,
        waited_s=waited_s,
    )


def _flowing(incidence: Incidence, still_a: Floats) -> np.ndarray:
    columns = np.nonzero(still_a)[0]
    return incidence.flows(columns, still_a[columns])


def _made(
    known: Knowledge, fleet: _Fleet, room: Room, still_a: Floats, how: How, current_a: Floats,
    plan: Plan | None = None, why: str | None = None,
) -> SitePlan:  # fmt: skip
    targets_a = still_a.copy()
    targets_a[fleet.column] = current_a[:, 0]
    _keep_awake(fleet, room.at(0), targets_a)
    kw = current_a * fleet.kw_per_a[:, None]
    grid = kw.sum(axis=0) if plan is None else plan.grid_kw
    return SitePlan(
        at=known.at,
        how=how,
        why=why,
        targets_ma=tuple(int(each * 1000 + 1e-6) for each in targets_a),
        cars=tuple(_car_plan(known, fleet, number, kw[number], targets_a) for number in range(len(fleet.cars))),
        grid_w=tuple(round(float(each) * 1000) for each in grid),
        peak_w=round(float(np.max(grid, initial=0.0)) * 1000),
    )


def _keep_awake(fleet: _Fleet, rows: Rows, targets_a: Floats) -> None:
    """Cars that have stopped by themselves are offered the least where there is room, so that they may go on: to heat,
    to balance their cells."""
    for number, car in enumerate(fleet.cars):
        column, least_a = int(fleet.column[number]), float(fleet.min_a[number])
        if car.is_full and targets_a[column] < least_a and rows.room(targets_a, column) >= least_a:
            targets_a[column] = least_a


def _car_plan(known: Knowledge, fleet: _Fleet, number: int, kw: Floats, targets_a: Floats) -> CarPlan:
    car = fleet.cars[number]
    hours = np.array(known.outlook.hours)
    got = np.cumsum(kw * hours)
    lacks = float(fleet.lacks_kwh[number])
    full = np.nonzero(got >= lacks - 0.02)[0]
    ready = known.at + timedelta(hours=float(hours[: full[0] + 1].sum())) if len(full) else None
    return CarPlan(
        session_id=car.session_id,
        evse_id=car.evse_id,
        limit_ma=int(targets_a[fleet.column[number]] * 1000 + 1e-6),
        steps_w=tuple(round(float(each) * 1000) for each in kw),
        lacks_wh=round(lacks * 1000),
        unserved_wh=max(0, round((lacks - float(got[-1])) * 1000)),
        ready_at=ready if lacks > 0 else known.at,
        leaves_at=car.leaves_at(known.at),
    )
