"""The ways to charge that are compared, by their names, and what each of them knows."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct, structs

from forecourt.energy.planner.arrivals import Arrivals, Visit, midnight
from forecourt.energy.planner.assumed import assumed_visits
from forecourt.energy.planner.chances import guesses, hedged, without
from forecourt.energy.planner.coarse import cars_in, edges_of, horizon_in, limits_in
from forecourt.energy.planner.lookback import LEAST_STEP, SHARE, past_cars, past_days
from forecourt.energy.planner.modes import weighed
from forecourt.energy.planner.owing import Owed, minimums_of
from forecourt.energy.planner.prediction import PastVisit, Predictor, Present
from forecourt.energy.planner.problem import Cars, Problem, Worth, joined
from forecourt.energy.planner.settings import LEAST_H
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planner.steps import stays_in
from forecourt.energy.rows import Floats, Ints
from forecourt.energy.site import Mode
from forecourt.energy.whatif.drivers import Drivers, Statement, statements
from forecourt.energy.whatif.scenario import Scenario
from forecourt.energy.whatif.schedulers import (
    Planned,
    Scene,
    Scheduler,
    by_order,
    deadline,
    laxity,
    uncontrolled,
)
from forecourt.energy.whatif.stays import Stays
from forecourt.energy.whatif.wishes import Wishes

#: Ways to charge, by their names on the command line.
UNCONTROLLED, DEADLINE, LAXITY, MYOPIC, UNSTORED, PLANNER, STATED, PREDICTED, OPTIMUM = (
    "uncontrolled", "deadline", "laxity", "myopic", "unstored", "planner", "stated", "predicted", "optimum",
)  # fmt: skip
WAYS: Final = (UNCONTROLLED, DEADLINE, LAXITY, MYOPIC, UNSTORED, PLANNER, STATED, PREDICTED, OPTIMUM)
#: Those that are orders, and plan nothing.
UNPLANNED: Final = (UNCONTROLLED, DEADLINE, LAXITY)
#: Those that leave batteries alone and take nothing from cars.
STORES_NOTHING: Final = (*UNPLANNED, UNSTORED)
#: Those that plan by what drivers say; they are played where a scenario or a file says what that is.
TOLD_BY_DRIVERS: Final = (STATED, PREDICTED)
HOUR: Final = timedelta(hours=1)


class Known(Struct, frozen=True, kw_only=True):
    """All that ways may know: the scenario, the stays of the time from `start` to `end` in steps of `step`, all stays
    of the file from `past_start` on, and what a kW of peak costs for the whole time."""

    scenario: Scenario
    start: datetime
    end: datetime
    step: timedelta
    stays: Stays
    past: Stays
    past_start: datetime
    demand_charge: float


def scheduler_of(way: str, known: Known) -> Scheduler:
    """A way that plans nothing."""
    if way == UNCONTROLLED:
        return uncontrolled
    return by_order(deadline if way == DEADLINE else laxity)


def planner_of(way: str, known: Known, unplanned: int = 0) -> Planned:
    """A way that plans, but for the optimum, which is no way to schedule."""
    if way == MYOPIC:
        # It is there to be compared with, as it is: a linear program for the cars that are there, at each step anew.
        return Planned(lambda scene: _problem(known, scene), unplanned, even=False)
    return Planned(Foresight(known, PLANNER if way == UNSTORED else way), unplanned)


class Foresight:
    """The planner with what it knows of the cars that are there: the truth, what drivers state, or a prediction."""

    def __init__(self, known: Known, way: str) -> None:
        planner = known.scenario.planner
        self._known = known
        self._way = way
        self._evses = known.scenario.electrics.evses
        self._wishes = Wishes(known.scenario.wishes, known.stays.sessions)
        self._zone = ZoneInfo(known.scenario.zone)
        self._insistent = planner.unserved_per_kwh * planner.insistence
        visits = _visits(known, known.past, known.past_start)
        self._arrived = visits
        self._looked_back_on: date | None = None
        self._peak_kw = 0.0
        self._arrivals = Arrivals(visits, known.scenario.zone, known.step, planner.days, _assumed(known))
        self._stated = _stated(known, known.stays, _visits(known, known.stays, known.start)) if way != PLANNER else []
        self._visits = _past_visits(known, visits) if way == PREDICTED else []
        self._predictor: Predictor | None = None
        self._over = -1

    def __call__(self, scene: Scene) -> tuple[Problem, Mode]:
        now = self._known.start + scene.now * self._known.step
        cars, guessed = self._believed(scene, now)
        # Of several guesses the most is planned for, and the mean is what came.
        needs_kwh = cars.need_kwh if guessed is None else guessed[1].mean(axis=1)
        expected = self._arrivals.expected(now, scene.horizon.steps, self._came_kwh(scene, needs_kwh, now))
        edges = edges_of(scene.horizon.hours)
        worth = _worth(self._known, scene, self._insistent)
        paid_kw = max(scene.peak_kw, self._worthwhile_kw(scene, now))
        worth = structs.replace(worth, paid_kw=paid_kw)
        mode, chances = self._known.scenario.planner.mode, None
        cars = structs.replace(cars, weight=self._wishes.weights(scene.numbers))
        most = float(cars.weight.max(initial=1.0))
        horizon, worth = weighed(mode, horizon_in(scene.horizon, edges), worth, self._co2_kg(scene, now, edges), most)
        planned_cars = cars_in(joined(cars, expected), scene.horizon.hours, edges)
        first = self._wishes.first(scene.numbers)
        if guessed is not None:
            there = np.arange(len(cars))
            planned_cars, chances = hedged(planned_cars, there, *guessed, ends=np.cumsum(horizon.hours))
            # Who goes before others charges until it is full, whenever it may leave.
            chances = without(chances, first)
        owed = self._owed(scene, planned_cars.need_kwh)
        problem = Problem(
            cars=planned_cars,
            horizon=horizon,
            rows=scene.rows,
            limits=limits_in(scene.limits, edges),
            worth=worth,
            minimums=minimums_of(owed, first, planned_cars, horizon.hours),
            chances=chances,
            batteries=scene.batteries,
            discharging=scene.giving,
        )
        return problem, mode

    def _owed(self, scene: Scene, need_kwh: Floats) -> list[Owed]:
        """What the cars of a scene were promised, as far as they are believed to take so much."""
        cars = self._known.stays.cars
        sat_h = np.asarray((scene.now - cars.first[scene.numbers]) * (self._known.step / HOUR), np.float64)
        taken_kwh = cars.need_kwh[scene.numbers] - scene.cars.need_kwh
        return self._wishes.owed(scene.numbers, sat_h, taken_kwh, need_kwh)

    def _co2_kg(self, scene: Scene, now: datetime, edges: Ints) -> Floats:
        """Of a kWh from the grid in each coarse step."""
        scenario, hours = self._known.scenario, scene.horizon.hours
        grams = scenario.values(scenario.co2, now, scene.horizon.steps, self._known.step)
        return np.asarray(np.add.reduceat(grams * hours, edges[:-1]) / np.add.reduceat(hours, edges[:-1]) / 1000)

    def _worthwhile_kw(self, scene: Scene, now: datetime) -> float:
        """The highest power that is taken as paid, found anew every day."""
        today = now.astimezone(self._zone).date()
        if today != self._looked_back_on:
            self._looked_back_on = today
            self._peak_kw = self._looked_back(scene, today)
        return self._peak_kw

    def _looked_back(self, scene: Scene, today: date) -> float:
        known, zone = self._known, self._known.scenario.zone
        days = past_days(self._arrived, today, zone)
        if not days or not known.demand_charge:
            return 0.0
        begin, end = midnight(today - timedelta(days=days), zone), midnight(today, zone)
        step = max(known.step, LEAST_STEP)
        horizon = known.scenario.horizon(begin, (end - begin) // step, step)
        left = (known.end - midnight(today, zone)) / timedelta(days=1)
        worth = Worth(unserved=known.scenario.planner.unserved_per_kwh, peak=known.demand_charge * days / left)
        problem = Problem(
            cars=past_cars(self._arrived, begin, end, step),
            horizon=horizon,
            rows=scene.rows,
            limits=known.scenario.borne(begin, horizon, step, scene.rows).left,
            worth=worth,
            batteries=scene.batteries,
        )
        return SiteSolver().solve(problem).peak_kw * SHARE

    def _came_kwh(self, scene: Scene, needs_kwh: Floats, now: datetime) -> float:
        """What the cars that came today took or are believed to need."""
        begins = midnight(now.astimezone(self._zone).date(), self._zone.key)
        cars = self._known.stays.cars
        today = (cars.first <= scene.now) & (cars.first >= (begins - self._known.start) / self._known.step)
        there = today[scene.numbers]
        known_kwh = cars.need_kwh[today].sum() - cars.need_kwh[scene.numbers][there].sum()
        taken_kwh = (cars.need_kwh[scene.numbers] - scene.cars.need_kwh)[there].sum()
        return float(known_kwh + taken_kwh + needs_kwh[there].sum())

    def _believed(self, scene: Scene, now: datetime) -> tuple[Cars, tuple[Floats, Floats] | None]:
        """The cars that are there, as they are believed to be, and guesses of how long they stay (h) and what they take
        (kWh), each (cars, guesses)."""
        if self._way == PLANNER or not len(scene.cars):
            return scene.cars, None
        taken_kwh = self._known.stays.cars.need_kwh[scene.numbers] - scene.cars.need_kwh
        least_kwh = scene.cars.max_a * scene.cars.kw_per_a * LEAST_H
        if self._way == STATED:
            stated = [self._stated[number] for number in scene.numbers]
            stays_h = np.array([(each.left_at - now) / HOUR for each in stated])
            needs_kwh = np.array([each.need_kwh for each in stated]) - taken_kwh
            _, last, last_share = stays_in(np.cumsum(scene.horizon.hours), np.zeros(len(stated)), stays_h)
            needs_kwh = np.maximum(needs_kwh, least_kwh)
            return structs.replace(scene.cars, last=last, last_share=last_share, need_kwh=needs_kwh), None
        predictor = self._predictor_at(now)
        stays, needs = zip(
            *(
                guesses(predictor.predict(self._present(int(number), float(taken)), now))
                for number, taken in zip(scene.numbers, taken_kwh, strict=True)
            ),
            strict=True,
        )
        return scene.cars, (np.array(stays), np.maximum(needs, least_kwh[:, None]))

    def _present(self, number: int, taken_kwh: float) -> Present:
        stays, stated = self._known.stays, self._stated[number]
        return Present(
            came_at=self._known.start + int(stays.cars.first[number]) * self._known.step,
            taken_kwh=taken_kwh,
            token=stays.sessions[number].token,
            evse_id=self._evses[int(stays.cars.evse[number])].id,
            stated_left_at=stated.left_at,
            stated_kwh=stated.need_kwh,
        )

    def _predictor_at(self, now: datetime) -> Predictor:
        """By the visits that are over."""
        over = [visit for visit in self._visits if visit.left_at <= now]
        if self._predictor is None or len(over) != self._over:
            self._predictor, self._over = Predictor(over, self._known.scenario.zone), len(over)
        return self._predictor


def _problem(known: Known, scene: Scene) -> tuple[Problem, Mode]:
    """Of the cars that are there, and no others."""
    return Problem(
        cars=scene.cars,
        horizon=scene.horizon,
        rows=scene.rows,
        limits=scene.limits,
        worth=_worth(known, scene, known.scenario.planner.unserved_per_kwh),
        batteries=scene.batteries,
        discharging=scene.giving,
    ), Mode.CHEAPEST


def _worth(known: Known, scene: Scene, unserved: float) -> Worth:
    return Worth(unserved=unserved, peak=known.demand_charge, paid_kw=scene.peak_kw)


def _assumed(known: Known) -> list[Visit]:
    """Who comes to the scenario's EVSEs, until that is known."""
    electrics = known.scenario.electrics
    max_a = np.array([evse.max_a for evse in electrics.evses])
    kw_per_a = np.array([electrics.watts_per_ampere(evse) / 1000 for evse in electrics.evses])
    return assumed_visits(max_a, kw_per_a, known.scenario.zone)


def _visits(known: Known, stays: Stays, start: datetime) -> list[Visit]:
    cars = stays.cars
    return [
        Visit(
            came_at=start + int(cars.first[car]) * known.step,
            left_at=start + int(cars.last[car]) * known.step,
            need_kwh=float(cars.need_kwh[car]),
            max_a=float(cars.max_a[car]),
            kw_per_a=float(cars.kw_per_a[car]),
            evse=int(cars.evse[car]),
        )
        for car in range(len(cars))
    ]


def _past_visits(known: Known, visits: Sequence[Visit]) -> list[PastVisit]:
    stated, evses = _stated(known, known.past, visits), known.scenario.electrics.evses
    return [
        PastVisit(
            came_at=visit.came_at,
            left_at=visit.left_at,
            energy_kwh=visit.need_kwh,
            token=session.token,
            evse_id=evses[visit.evse].id,
            stated_left_at=said.left_at,
            stated_kwh=said.need_kwh,
        )
        for visit, session, said in zip(visits, known.past.sessions, stated, strict=True)
    ]


def _stated(known: Known, stays: Stays, visits: Sequence[Visit]) -> list[Statement]:
    """What the drivers of stays stated: as their sessions say, else as wrong as the scenario has it."""
    drawn = statements(
        known.scenario.drivers or Drivers(),
        [session.id for session in stays.sessions],
        [visit.came_at for visit in visits],
        [visit.left_at for visit in visits],
        stays.cars.need_kwh,
    )
    return [
        Statement(
            left_at=session.stated_end or said.left_at,
            need_kwh=said.need_kwh if session.stated_wh is None else session.stated_wh / 1000,
        )
        for session, said in zip(stays.sessions, drawn, strict=True)
    ]
