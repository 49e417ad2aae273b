"""Why one car charges as it does, read from the plan that counts and from what was known when it was made. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.needs.caps import Cap
from forecourt.energy.needs.model import Needs, Priority, Source
from forecourt.energy.outside.model import External
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.reasons import Reason, Why
from forecourt.energy.planning.knowledge import ASSUMED_WH, Knowledge, KnownCar
from forecourt.energy.planning.making import site_room
from forecourt.energy.planning.outside import external_of, is_cars, touching
from forecourt.energy.planning.plan import CarPlan, SitePlan
from forecourt.energy.rows import Rows
from forecourt.energy.site import Current, Mode
from forecourt.energy.storage.cars import NoGiver
from forecourt.energy.storage.model import BatteryWhy

#: Grades of plans that look ahead; the others say what counts now, and nothing of what is to come.
AHEAD: Final = frozenset({Grade.OPTIMAL, Grade.NEAR})
#: A peak that is lower than a limit by no more is the limit, as it is written.
SAME_W: Final = 50
#: Modes in which it is the price of a kWh, or its CO2, that decides when a car charges.
PRICED: Final = frozenset({Mode.CHEAPEST, Mode.GREENEST})
#: Reasons of one that has nothing for which it has its turn.
TURNS: Final = frozenset({Why.TURN, Why.LIMIT, Why.GRID})


class Shared(Struct, frozen=True, kw_only=True):
    """A limit that holds a car back: of a node of the tree (`name`: as people call it), of one of its lines (`L2`) or
    of its power (None), and how many cars charge or wait behind it."""

    node: str
    name: str
    line: str | None
    cars: int


class Stay(Struct, frozen=True, kw_only=True):
    """When a car is thought to leave and what it will have taken by then; whose word that is, None where nobody said
    anything and it is assumed. `said_at` and `said_wh`: what was said, where past sessions tell otherwise."""

    leaves_at: datetime
    leaves_by: Source | None
    takes_wh: int
    takes_by: Source | None
    priority: Priority
    said_at: datetime | None = None
    said_wh: int | None = None


class Meant(Struct, frozen=True, kw_only=True):
    """What is meant for a step that is to come. `value`: what a kWh costs then, or its CO2 in g where that is what
    counts; None where neither is what decides."""

    start_at: datetime
    end_at: datetime
    power_w: int
    value: Decimal | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """What a plan has for one car.

    `ground` tells why its EVSE counts with `may_draw_ma`. Where its station can't be told anything, there is no plan
    for it: `limit_ma` and all of what is meant is None then. `reason`, `ready_at` and `unserved_wh` are None where the
    plan doesn't look ahead. `externals`: the limits of others that its EVSE is under, and `external` that of them which
    holds it back; `gives_w`: what it is told to give back, `given_wh`: what it gave so far, `not_giving`: why it is not
    asked to, where somebody said that it may or may not; `dc_w`: what its limit comes to at a DC EVSE, None at others;
    `by_car`: the car itself means to take no more; `cap`: a power of its own that it is kept to; `battery_w`: what
    batteries of the site store now, below 0 what they give, and why the one does that moves most. `now` and `then` are
    what a kWh costs, or its CO2 in g where that is what counts; `then` holds from `then_at` on. `departure_said_at`:
    what was said of when it leaves, as it was known to the plan; `turn_at`: when it has its turn, where it waits for
    that.
    """

    session_id: UUID
    station: str
    evse: int
    planned_at: datetime
    grade: Grade
    not_best: str
    mode: Mode
    currency: str | None
    ground: Ground
    may_draw_ma: int
    silent_since: datetime | None
    stay: Stay
    energy_wh: int
    paused_by_car: bool
    departure_said_at: datetime | None = None
    limit_ma: int | None = None
    power_w: int | None = None
    reason: Reason | None = None
    shared: Shared | None = None
    externals: tuple[External, ...] = ()
    external: External | None = None
    by_car: bool = False
    cap: Cap | None = None
    dc_w: int | None = None
    gives_w: int = 0
    given_wh: int = 0
    not_giving: NoGiver | None = None
    now: Decimal | None = None
    then: Decimal | None = None
    then_at: datetime | None = None
    lacks_wh: int | None = None
    ready_at: datetime | None = None
    unserved_wh: int | None = None
    turn_at: datetime | None = None
    battery_w: int = 0
    battery_why: BatteryWhy | None = None
    steps: tuple[Meant, ...] = ()

    @property
    def falls_short(self) -> bool:
        """It will lack something of what somebody said or past sessions tell; an assumption is no need."""
        return bool(self.unserved_wh) and self.stay.takes_by is not None


class _Places:
    """Where the cars of a site hang and which limits they share, found once for all of them."""

    def __init__(self, known: Knowledge) -> None:
        self._known = known
        self.number_of = {evse.id: number for number, evse in enumerate(known.tree.evses)}
        self._rows: Rows | None = None
        self._cars: dict[str, int] = {}

    def cars_behind(self, row: str) -> int:
        """How many cars load a row; 1 where it is none of the site's."""
        if row not in self._cars:
            self._cars[row] = self._count(row)
        return self._cars[row]

    def _count(self, row: str) -> int:
        if self._rows is None:
            self._rows = site_room(self._known).rows
        if row not in self._rows.names:
            return 1
        behind = np.abs(self._rows.of[self._rows.names.index(row)]) > 0
        numbers = (self.number_of.get(car.evse_id) for car in self._known.cars)
        return sum(number is not None and bool(behind[number]) for number in numbers)


def explain(known: Knowledge, plan: SitePlan, session_id: UUID) -> Explanation | None:
    """Of one session; None if its car was not known then."""
    car = next((each for each in known.cars if each.session_id == session_id), None)
    meant = next((each for each in plan.cars if each.session_id == session_id), None)
    return None if car is None else _explained(known, plan, car, meant, _Places(known))


def explain_all(known: Knowledge, plan: SitePlan) -> list[Explanation]:
    """Of all cars that were known and whose EVSEs hang in the tree, by EVSE."""
    meant, places = {each.session_id: each for each in plan.cars}, _Places(known)
    found = (_explained(known, plan, car, meant.get(car.session_id), places) for car in known.cars)
    return [each for each in found if each is not None]


def _explained(
    known: Knowledge, plan: SitePlan, car: KnownCar, meant: CarPlan | None, places: _Places
) -> Explanation | None:
    number = places.number_of.get(car.evse_id)
    if number is None:
        return None
    standing = known.standings[number]
    may_ma, ground = may_draw(standing, known.at)
    told = Explanation(
        session_id=car.session_id,
        station=car.station,
        evse=car.evse,
        planned_at=plan.at,
        grade=plan.grade,
        not_best=plan.why,
        mode=known.settings.mode,
        currency=known.outlook.currency,
        ground=ground,
        may_draw_ma=may_ma,
        silent_since=standing.silent_since,
        stay=stay_of(car, known.at),
        energy_wh=car.energy_wh,
        given_wh=car.given_wh,
        not_giving=car.giver if isinstance(car.giver, NoGiver) else None,
        paused_by_car=car.is_full,
        departure_said_at=car.needs.departure_at,
        externals=tuple(touching(known, known.tree.evses[number])),
        cap=car.cap,
    )
    return told if meant is None else _with_plan(told, known, plan, number, meant, places)


def _with_plan(
    told: Explanation, known: Knowledge, plan: SitePlan, number: int, meant: CarPlan, places: _Places
) -> Explanation:
    ahead, reason = plan.grade in AHEAD, None if meant.reason is None else by_limit(known, meant.reason)
    electrics = known.tree.electrics
    power_w = meant.steps_w[0] if meant.steps_w else 0
    if power_w == 0 and not told.paused_by_car and meant.lacks_wh > 0:
        power_w = round(meant.limit_ma / 1000 * electrics.watts_per_ampere(electrics.evses[number]))
    evse = known.tree.evses[number]
    dc_w = round(meant.limit_ma / 1000 * known.tree.watts_told(evse)) if evse.current is Current.DC else None
    battery_w, battery_why = _batteries(plan)
    told = replace(
        told,
        limit_ma=meant.limit_ma,
        dc_w=dc_w,
        gives_w=round(meant.gives_ma / 1000 * known.tree.watts_told(evse)),
        power_w=power_w,
        lacks_wh=meant.lacks_wh,
        ready_at=meant.ready_at if ahead else None,
        unserved_wh=meant.unserved_wh if ahead else None,
        steps=_steps(known, meant) if ahead else (),
        turn_at=meant.turn_at if meant.limit_ma == 0 and (reason is None or reason.why in TURNS) else None,
        battery_w=battery_w,
        battery_why=battery_why,
    )
    if reason is None:
        return told
    step = reason.step
    signal = known.outlook.co2 if told.mode is Mode.GREENEST else known.outlook.price
    external = None if reason.row is None else external_of(known, reason.row)
    by_car = reason.row is not None and external is None and is_cars(known, reason.row)
    return replace(
        told,
        reason=reason,
        shared=None if reason.row is None or external is not None or by_car else _shared(known, reason.row, places),
        external=external,
        by_car=by_car,
        now=signal.values[0],
        then=None if step is None else signal.values[step],
        then_at=None if step is None else known.outlook.starts[step],
    )


def by_limit(known: Knowledge, reason: Reason) -> Reason:
    """The same, with the limit of the grid connection instead of a higher peak that it forbids anyway."""
    grid = next(node for node in known.tree.nodes if node.parent is None)
    said = [each.limit_w[0] for each in known.outlook.limits if each.node == grid.id]
    limit_w = min((each for each in (grid.limit_w, *said) if each is not None), default=None)
    if reason.why is not Why.PEAK or reason.peak_kw is None or limit_w is None:
        return reason
    if reason.peak_kw * 1000 < limit_w - SAME_W:
        return reason
    return replace(reason, why=Why.LIMIT, row=f"{grid.id} power", peak_kw=None)


def _batteries(plan: SitePlan) -> tuple[int, BatteryWhy | None]:
    """What all of them store now, in W, and why the one that moves most does."""
    moving = [each for each in plan.batteries if each.steps_w and each.steps_w[0]]
    most = max(moving, key=lambda each: abs(each.steps_w[0]), default=None)
    return sum(each.steps_w[0] for each in moving), None if most is None else most.why


def stay_of(car: KnownCar, now: datetime) -> Stay:
    """What the planner goes by, and whose word it is."""
    needs = car.needs
    foreseen = car.expected_at is not None and not car.leaves_as_said(now)
    leaves_by = Source.PREDICTED if foreseen else _departure_by(needs)
    takes_by: Source | None = None
    if car.takes_as_said:
        takes_by = _energy_by(needs)
    elif (needs.wants.minimum_wh or 0) > (ASSUMED_WH if car.expected_wh is None else car.expected_wh):
        takes_by = needs.sources.get("minimum_wh")
    elif car.expected_wh is not None:
        takes_by = Source.PREDICTED
    return Stay(
        leaves_at=car.leaves_at(now),
        leaves_by=leaves_by,
        takes_wh=car.net_wh + car.lacks_wh(),
        takes_by=takes_by,
        priority=needs.wants.priority or Priority.NORMAL,
        said_at=needs.departure_at if foreseen else None,
        said_wh=None if car.takes_as_said else needs.energy_wh,
    )


def _departure_by(needs: Needs) -> Source | None:
    wants = needs.wants
    if wants.stop_at is not None and (wants.departure_at is None or wants.stop_at < wants.departure_at):
        return needs.sources.get("stop_at")
    return needs.sources.get("departure_at")


def _energy_by(needs: Needs) -> Source | None:
    """Of the first thing that says how much; in the order in which they count."""
    names = ("energy_wh", "range_km", "soc_pct", "stop_energy_wh", "stop_soc_pct")
    return next((needs.sources[name] for name in names if name in needs.sources), None)


def _steps(known: Knowledge, meant: CarPlan) -> tuple[Meant, ...]:
    """Until it leaves."""
    starts = known.outlook.starts
    ends = (*starts[1:], meant.leaves_at)
    mode = known.settings.mode
    values: Sequence[Decimal | None] = [None] * len(starts)
    if mode in PRICED:
        values = (known.outlook.co2 if mode is Mode.GREENEST else known.outlook.price).values
    return tuple(
        Meant(start_at=start, end_at=min(end, meant.leaves_at), power_w=power_w, value=value)
        for start, end, power_w, value in zip(starts, ends, meant.steps_w, values, strict=False)
        if start < meant.leaves_at
    )


def _shared(known: Knowledge, row: str, places: _Places) -> Shared:
    node, _, line = row.rpartition(" ")
    name = next((each.name for each in known.tree.nodes if each.id == node and each.name), node)
    return Shared(node=node, name=name, line=None if line == "power" else line, cars=places.cars_behind(row))
