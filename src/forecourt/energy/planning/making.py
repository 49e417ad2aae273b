"""From what is known of a site to a plan for it: who shall have which current now, and what is meant to come. Pure."""

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.dispatch.orders import flows_told
from forecourt.energy.dispatch.standing import Draws
from forecourt.energy.needs.model import Priority
from forecourt.energy.planner.filling import Claims
from forecourt.energy.planner.ladder import Answer, Grade, answer, evened, filled_now, turns_go_on
from forecourt.energy.planner.modes import room_kw, weighed
from forecourt.energy.planner.owing import Owed, minimums_of
from forecourt.energy.planner.problem import Cars, Minimums, Problem, Reserved, gone_h, joined
from forecourt.energy.planner.reasons import Reason, reasons
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planner.turns import turns_in
from forecourt.energy.planning.fleet import KW_PER_A, Fleet, fleet_of, reserved_a
from forecourt.energy.planning.giving import counted_cars, discharging, gives_of, leaving
from forecourt.energy.planning.guessing import with_guesses
from forecourt.energy.planning.knowledge import Knowledge, KnownCar, takes_nothing
from forecourt.energy.planning.limits import Room, room_of
from forecourt.energy.planning.outside import beside
from forecourt.energy.planning.plan import CarPlan, SitePlan
from forecourt.energy.planning.storage import battery_plans, counted, planned_batteries
from forecourt.energy.planning.weighing import expected_cars, horizon_of, worth_of
from forecourt.energy.rows import Floats, Flows, Rows
from forecourt.energy.site import Mode

#: How long the solver may think for one plan, however often it solves for it: others wait for the processor. The fast
#: path has answered long before.
DEADLINE_S: Final = 10.0
#: For how long a site goes on with its last plan where none is found in time: it says what was best when it was made,
#: and whoever it lets wait would wait for ever.
KEPT_FOR: Final = timedelta(minutes=5)


def plan_site(
    known: Knowledge, solver: SiteSolver, before: SitePlan | None = None, room: Room | None = None
) -> SitePlan:
    """The plan of least cost, or the best that can be had: the one `before`, the last that was found in time, as far as
    limits allow, or where that is older than KEPT_FOR fair shares. `room` is what is left of the limits, where that is
    known already.

    Where a car shall give less than others are granted something by, the plan is made again without counting on it.
    """
    solver.think_for(DEADLINE_S)
    plan = _planned(known, solver, before, site_room(known) if room is None else room)
    stops = leaving(known, plan.gives_ma)
    if not stops:
        return plan
    known = replace(known, leaving=stops)
    return _planned(known, solver, before, site_room(known))


def _planned(known: Knowledge, solver: SiteSolver, before: SitePlan | None, room: Room) -> SitePlan:
    fleet, still_a = fleet_of(known), reserved_a(known)
    room = _with_others(known, fleet, room)
    if not fleet.cars and not planned_batteries(known, room):
        return _made(known, fleet, room, still_a, Answer(first_a=np.zeros(0), grade=Grade.OPTIMAL))
    mode = known.settings.mode
    problem = _problem(known, fleet, room, still_a, mode)
    last_a: dict[Hashable, float] | None = None
    if before is not None and timedelta() <= known.at - before.at <= KEPT_FOR:
        last_a = {str(car.session_id): car.limit_ma / 1000 for car in before.cars}
    claims = _claims(known, fleet)
    found = answer(solver, problem, claims, mode=mode, last_a=last_a, deadline_s=DEADLINE_S)
    found = evened(solver, problem, claims, found, mode=mode, deadline_s=DEADLINE_S)
    told: Sequence[Reason] = ()
    if found.optimum is not None:
        told = reasons(problem, solver.incidence(problem.rows), found.optimum, found.plan)
    gone = gone_h(problem.cars, problem.horizon.hours)
    turns_at = list[datetime | None]()
    if turns_go_on(solver, problem, claims, found, mode=mode, deadline_s=DEADLINE_S):
        turns_at = _turns(known, claims, found, room, still_a, solver)
    return _made(known, fleet, room, still_a, found, told, gone, turns_at)


def site_room(known: Knowledge) -> Room:
    """What is left of the limits for charging."""
    return room_of(known.tree, known.outlook, [*counted(known), *counted_cars(known)])


def share_out(known: Knowledge, room: Room, solver: SiteSolver) -> SitePlan:
    """What there is now, shared out at once and fairly, as a plan: what counts where nobody could think."""
    fleet, still_a = fleet_of(known), reserved_a(known)
    room = _with_others(known, fleet, room.cut())
    claims = _claims(known, fleet)
    found = Answer(first_a=_shared(known, claims, room, still_a, solver), grade=Grade.FILLED)
    return _made(known, fleet, room, still_a, found, turns_at=_turns(known, claims, found, room, still_a, solver))


def cut_out(known: Knowledge, room: Room, solver: SiteSolver, draws: Draws) -> tuple[int, ...]:
    """The same by the tree's EVSEs alone, in mA: the answer to a cut, before anybody thinks. Nobody gets more than it
    was told, or it would be taken from others to whom it is of use at once. `draws`: what EVSEs may draw now."""
    fleet, still_a = fleet_of(known, draws), reserved_a(known, draws)
    fleet = replace(fleet, max_a=np.minimum(fleet.max_a, flows_told(known.standings, draws)[fleet.column]))
    room = _with_others(known, fleet, room.cut())
    targets_a = still_a.copy()
    idles = [
        takes_nothing(car, known.standings[at], known.at) for car, at in zip(fleet.cars, fleet.column, strict=True)
    ]
    claims = replace(_claims(known, fleet), idles=np.array(idles, dtype=np.bool_))
    targets_a[fleet.column] = _shared(known, claims, room, still_a, solver)
    _keep_awake(fleet, room.now(), targets_a, still_a, ())
    return _milliamperes(targets_a)


def _shared(known: Knowledge, claims: Claims, room: Room, still_a: Floats, solver: SiteSolver) -> Floats:
    """What each car shall have now by equal right; nothing who needs nothing."""
    if not len(claims):
        return np.zeros(0)
    together_kw = room_kw(known.settings.mode, horizon_of(known))
    known_rows = solver.incidence(room.rows)
    return filled_now(known_rows, room.limits[:, 0], claims, _reserved(known, still_a), together_kw)


def _turns(
    known: Knowledge, claims: Claims, found: Answer, room: Room, still_a: Floats, solver: SiteSolver
) -> list[datetime | None]:
    """When each that has nothing now has its turn, where that is what it waits for and turns go on."""
    rows = solver.incidence(room.rows)
    still = rows.flows(np.arange(len(still_a)), still_a)
    waits_s = turns_in(rows, claims, found.first_a, room.limits[:, 0], still)
    return [None if np.isnan(each) else known.at + timedelta(seconds=each) for each in waits_s.tolist()]


def _with_others(known: Knowledge, fleet: Fleet, room: Room) -> Room:
    """The room beside what others keep cars to."""
    kw_per_a = KW_PER_A(known.tree.electrics).copy()
    kw_per_a[fleet.column] = fleet.kw_per_a
    return beside(room, known, kw_per_a)


def _problem(known: Knowledge, fleet: Fleet, room: Room, still_a: Floats, mode: Mode) -> Problem:
    outlook, count = known.outlook, len(fleet.cars)
    co2_kg = np.array(outlook.co2.values, dtype=np.float64) / 1000
    horizon, worth = weighed(mode, horizon_of(known), worth_of(known), co2_kg, float(fleet.weight.max(initial=1.0)))
    there = Cars(
        first=np.zeros(count, np.int64),
        last=fleet.last,
        last_share=fleet.last_share,
        need_kwh=fleet.lacks_kwh,
        max_a=fleet.max_a,
        kw_per_a=fleet.kw_per_a,
        evse=fleet.column,
        weight=fleet.weight,
        scenario=np.full(count, -1, np.int64),
    )
    minimums = _minimums(known, fleet, there)
    there, chances = with_guesses(known, fleet, there, mode)
    return Problem(
        cars=joined(there, expected_cars(known)),
        horizon=horizon,
        rows=room.rows,
        worth=worth,
        starts=np.array([start.timestamp() / 3600 for start in outlook.starts]),
        who=[*(str(car.session_id) for car in fleet.cars), *range(len(known.expected))],
        minimums=minimums,
        chances=chances,
        reserved=_reserved(known, still_a),
        limits=room.limits,
        batteries=planned_batteries(known, room),
        discharging=discharging(
            known, fleet.cars, fleet.column, fleet.kw_per_a, fleet.max_a, fleet.lacks_kwh, fleet.left_h
        ),
        export_kw=known.settings.feed_in_limit_w / 1000,
    )


def _reserved(known: Knowledge, still_a: Floats) -> Reserved:
    still, electrics = np.nonzero(still_a)[0], known.tree.electrics
    columns = [int(number) for number in still]
    # Where nothing runs limits must bear what may come; that it comes, and is paid for, is not to be expected.
    kw_per_a = [
        0.0
        if known.standings[number].running_since is None
        else electrics.watts_per_ampere(electrics.evses[number]) / 1000
        for number in columns
    ]
    return Reserved(
        evse=still,
        current_a=np.repeat(still_a[still][:, None], len(known.outlook.hours), axis=1),
        kw_per_a=np.array(kw_per_a, dtype=np.float64),
    )


def _minimums(known: Knowledge, fleet: Fleet, there: Cars) -> Minimums | None:
    """What is owed the cars that are `there`, which are those of the fleet as they are before anybody guesses."""
    owed, first = [], []
    for number, car in enumerate(fleet.cars):
        wants = car.needs.wants
        if wants.minimum_wh is not None and wants.minimum_by is not None:
            left_h = (wants.minimum_by - known.at) / timedelta(hours=1)
            owed.append(Owed(car=number, kwh=(wants.minimum_wh - car.net_wh) / 1000, within_h=left_h))
        if wants.priority is Priority.HIGH:
            first.append(number)
    return minimums_of(owed, first, there, np.array(known.outlook.hours))


def _claims(known: Knowledge, fleet: Fleet) -> Claims:
    count = len(fleet.cars)
    on_s, waited_s, presses = np.zeros(count), np.zeros(count), np.zeros(count, np.bool_)
    for number, car in enumerate(fleet.cars):
        if car.charges_since is not None:
            on_s[number] = max((known.at - car.charges_since).total_seconds(), 1.0)
        elif car.waits_since is not None:
            waited_s[number] = max((known.at - car.waits_since).total_seconds(), 1.0)
        presses[number] = _presses(car, float(fleet.kw_per_a[number] * fleet.min_a[number]), known.at)
    return Claims(
        evse=fleet.column,
        min_a=fleet.min_a,
        max_a=np.where(fleet.lacks_kwh > 0, fleet.max_a, 0.0),
        kw_per_a=fleet.kw_per_a,
        weight=fleet.weight,
        laxity_h=fleet.left_h - fleet.lacks_kwh / (fleet.kw_per_a * np.maximum(fleet.max_a, 1e-9)),
        on_s=on_s,
        waited_s=waited_s,
        had_turn=np.array([car.had_turn for car in fleet.cars], dtype=np.bool_),
        presses=presses,
        idles=np.zeros(count, np.bool_),
    )


def _presses(car: KnownCar, least_kw: float, now: datetime) -> bool:
    """Whether a car has to charge now to have what its driver needs in any case by then, at the least that it can."""
    wants = car.needs.wants
    if wants.minimum_wh is None or wants.minimum_by is None or wants.minimum_by <= now:
        return False
    lacking_wh, left_h = wants.minimum_wh - car.net_wh, (wants.minimum_by - now) / timedelta(hours=1)
    return lacking_wh > 0 and lacking_wh / 1000 >= least_kw * left_h


def _made(
    known: Knowledge,
    fleet: Fleet,
    room: Room,
    still_a: Floats,
    found: Answer,
    told: Sequence[Reason] = (),
    gone: Floats | None = None,
    turns_at: Sequence[datetime | None] = (),
) -> SitePlan:
    """The plan as it is kept. `gone`: when each car is planned to be gone, in hours from now on, `turns_at`: when each
    has its turn that waits for one."""
    targets_a = still_a.copy()
    targets_a[fleet.column] = found.first_a
    gives_ma = gives_of(targets_a)
    targets_a = np.maximum(targets_a, 0.0)
    _keep_awake(fleet, room.now(), targets_a, still_a, gives_ma)
    kw, grid = _powers(known, fleet, found)
    reason_of = {each.car: each for each in told}
    gone = np.full(len(kw), np.inf) if gone is None else gone
    cars = [
        _car_plan(known, fleet, number, kw[number], float(gone[number]), targets_a, gives_ma, reason_of.get(number))
        for number in range(len(fleet.cars))
    ]
    if any(turns_at):
        cars = [replace(car, turn_at=turn_at) for car, turn_at in zip(cars, turns_at, strict=True)]
    return SitePlan(
        at=known.at,
        grade=found.grade,
        why=found.why,
        late=found.late,
        targets_ma=_milliamperes(targets_a),
        cars=tuple(cars),
        grid_w=tuple(round(float(each) * 1000) for each in grid),
        peak_w=round(float(np.max(grid, initial=0.0)) * 1000),
        batteries=battery_plans(known, horizon_of(known), found.plan),
        gives_ma=gives_ma if any(gives_ma) else (),
    )


def _powers(known: Knowledge, fleet: Fleet, found: Answer) -> tuple[Floats, Floats]:
    """What each car takes in each step, and all that comes from the grid, in kW; of now alone where nobody planned."""
    if found.plan is not None:
        return found.plan.current_a * fleet.kw_per_a[:, None], found.plan.grid_kw
    kw = np.zeros((len(fleet.cars), len(known.outlook.hours)))
    kw[:, 0] = found.first_a * fleet.kw_per_a
    return kw, kw.sum(axis=0)


def _milliamperes(current_a: Floats) -> tuple[int, ...]:
    """Whole ones, and never more than was meant."""
    return tuple((current_a * 1000 + 1e-6).astype(np.int64).tolist())


def _keep_awake(fleet: Fleet, rows: Rows, targets_a: Floats, still_a: Floats, gives_ma: Sequence[int]) -> None:
    """Cars that have stopped by themselves are offered the least where there is room beside what is `still` drawn, so
    that they may go on: to heat, to balance their cells."""
    if not any(car.is_full for car in fleet.cars):
        return
    beyond_a = np.zeros_like(still_a)
    beyond_a[fleet.column] = still_a[fleet.column]
    flows = Flows(rows, targets_a + beyond_a)
    for number, car in enumerate(fleet.cars):
        column, least_a = int(fleet.column[number]), float(fleet.min_a[number])
        gives = bool(gives_ma) and gives_ma[column] > 0
        flows_a = least_a + float(beyond_a[column])
        if car.is_full and not gives and targets_a[column] < least_a and flows.room(column) >= flows_a:
            flows.put(column, flows_a)
            targets_a[column] = least_a


def _car_plan(
    known: Knowledge,
    fleet: Fleet,
    number: int,
    kw: Floats,
    gone: float,
    targets_a: Floats,
    gives_ma: Sequence[int],
    reason: Reason | None,
) -> CarPlan:
    car, hours = fleet.cars[number], np.array(known.outlook.hours)
    got, lacks = np.cumsum(kw * hours), float(fleet.lacks_kwh[number])
    full = np.nonzero(got >= lacks - 0.02)[0]
    ready_at = known.at + timedelta(hours=min(float(hours[: full[0] + 1].sum()), gone)) if len(full) else None
    return CarPlan(
        session_id=car.session_id,
        evse_id=car.evse_id,
        limit_ma=int(targets_a[fleet.column[number]] * 1000 + 1e-6),
        steps_w=tuple(round(float(each) * 1000) for each in kw),
        lacks_wh=round(lacks * 1000),
        unserved_wh=max(0, round((lacks - float(got[-1])) * 1000)),
        ready_at=ready_at if lacks > 0 else known.at,
        leaves_at=car.leaves_at(known.at),
        reason=reason,
        gives_ma=gives_ma[fleet.column[number]],
    )
