"""One scenario over past sessions, by every way to charge that is asked for."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from forecourt.energy.planner.arrivals import Arrivals, Visit
from forecourt.energy.planner.problem import Cars, Horizon, Unsolvable, Worth, solve
from forecourt.energy.rows import Floats, rows_of
from forecourt.energy.whatif.report import MONTH_DAYS, Outcome, Report, outcome
from forecourt.energy.whatif.scenario import Scenario, ScenarioRefused
from forecourt.energy.whatif.schedulers import Scene, Scheduler, by_order, deadline, laxity, planned, uncontrolled
from forecourt.energy.whatif.stays import PastSession, stays_of
from forecourt.energy.whatif.world import World, run

log = structlog.get_logger(__name__)

#: The most steps of a what-if: a year in steps of 5 minutes.
MAX_STEPS: Final = 366 * 288
#: All of the future at once is one problem; longer times are compared without it.
MAX_OPTIMUM_STEPS: Final = 31 * 288
#: Ways to charge, by their names on the command line.
UNCONTROLLED, DEADLINE, LAXITY, MYOPIC, PLANNER, OPTIMUM = (
    "uncontrolled", "deadline", "laxity", "myopic", "planner", "optimum",
)  # fmt: skip
WAYS: Final = (UNCONTROLLED, DEADLINE, LAXITY, MYOPIC, PLANNER, OPTIMUM)

#: Hears how many steps of which way are done, of how many.
Told = Callable[[str, int, int], None]


class Comparison:
    """A time of a scenario. Raises ScenarioRefused where there is nothing to simulate."""

    def __init__(self, scenario: Scenario, sessions: Iterable[PastSession], start: datetime, end: datetime) -> None:
        self._scenario = scenario
        # In UTC, where an hour is an hour also on the day on which clocks are set.
        self._start, self._end = start, end = start.astimezone(UTC), end.astimezone(UTC)
        self._step = timedelta(minutes=scenario.step_min)
        sessions = list(sessions)
        steps = int((end - start) / self._step)
        if not 0 < steps <= MAX_STEPS:
            raise ScenarioRefused(f"The time must end after it begins, and have at most {MAX_STEPS} steps.")
        self._stays = stays_of(scenario, sessions, start, end)
        if not self._stays.ids:
            raise ScenarioRefused("No session of the file begins within that time.")
        earliest = min(session.start for session in sessions)
        # What was before the time is known when it begins.
        self._past = self._stays if earliest >= start else stays_of(scenario, sessions, earliest, end)
        self._past_start = start if earliest >= start else earliest
        self._world = World(
            cars=self._stays.cars,
            horizon=self._horizon(steps),
            rows=rows_of(scenario.electrics),
            evses=len(scenario.electrics.evses),
            ahead=scenario.planner.horizon_h * 60 // scenario.step_min,
        )

    @property
    def steps(self) -> int:
        return self._world.horizon.steps

    def report(self, ways: Sequence[str], told: Told = lambda *_: None) -> Report:
        """Every way that is asked for, in the order of WAYS."""
        return Report(
            scenario=self._scenario.name,
            currency=self._scenario.tariff.currency,
            start=self._start.astimezone(ZoneInfo(self._scenario.zone)).isoformat(),
            end=self._end.astimezone(ZoneInfo(self._scenario.zone)).isoformat(),
            sessions=len(self._stays.ids),
            left_out=self._stays.left_out,
            outcomes=[self._try(way, told) for way in WAYS if way in ways],
        )

    def _try(self, way: str, told: Told) -> Outcome:
        if way == OPTIMUM:
            return self._optimum(told)
        cautious = _Cautious(self._scheduler(way))
        course = run(self._world, cautious, lambda step: told(way, step, self.steps))
        return self._outcome(way, course.unserved_kwh, course.power_kw, course.overload, cautious.unplanned)

    def _scheduler(self, way: str) -> Scheduler:
        if way == UNCONTROLLED:
            return uncontrolled
        if way in (DEADLINE, LAXITY):
            return by_order(deadline if way == DEADLINE else laxity)
        planner = self._scenario.planner
        if way == MYOPIC:
            return planned(lambda scene: self._worth(scene, planner.unserved_per_kwh))
        arrivals = Arrivals(self._visits(), self._scenario.zone, self._step, planner.days)
        insistent = planner.unserved_per_kwh * planner.insistence

        def expected(scene: Scene) -> Cars:
            return arrivals.expected(self._start + scene.now * self._step, scene.horizon.steps)

        return planned(lambda scene: self._worth(scene, insistent), expected)

    def _worth(self, scene: Scene, unserved: float) -> Worth:
        return Worth(unserved=unserved, peak=self._demand_charge, paid_kw=scene.peak_kw)

    def _optimum(self, told: Told) -> Outcome:
        if self.steps > MAX_OPTIMUM_STEPS:
            raise ScenarioRefused(f"The optimum can be found for at most {MAX_OPTIMUM_STEPS} steps; leave it out.")
        cars, horizon, rows = self._world.cars, self._world.horizon, self._world.rows
        plan = solve(
            cars, horizon, rows, Worth(unserved=self._scenario.planner.unserved_per_kwh, peak=self._demand_charge)
        )
        power_kw = horizon.load_kw - horizon.solar_kw + cars.kw_per_a @ plan.current_a
        on_evses = np.zeros((self._world.evses, self.steps))
        np.add.at(on_evses, cars.evse, plan.current_a)
        served_kwh = (plan.current_a * horizon.hours).sum(axis=1) * cars.kw_per_a
        told(OPTIMUM, self.steps, self.steps)
        return self._outcome(OPTIMUM, np.maximum(cars.need_kwh - served_kwh, 0.0), power_kw, rows.overload(on_evses))

    def _outcome(
        self, way: str, unserved_kwh: Floats, power_kw: Floats, overload: float, unplanned: int = 0
    ) -> Outcome:
        need_kwh = self._world.cars.need_kwh
        return outcome(way, self._scenario, self._world.horizon, need_kwh, unserved_kwh, power_kw, overload, unplanned)

    @property
    def _demand_charge(self) -> float:
        """What one kW more of the highest power costs for the whole time."""
        days = self.steps * self._step / timedelta(days=1)
        return self._scenario.tariff.demand_charge_per_kw * days / MONTH_DAYS

    def _horizon(self, steps: int) -> Horizon:
        limit_w = self._scenario.site.power_limit_w
        return Horizon(
            hours=np.full(steps, self._scenario.step_min / 60),
            price=self._scenario.prices(self._start, steps),
            feed_in=np.full(steps, self._scenario.tariff.feed_in),
            load_kw=np.zeros(steps),
            solar_kw=np.zeros(steps),
            limit_kw=np.full(steps, np.inf if limit_w is None else limit_w / 1000),
        )

    def _visits(self) -> list[Visit]:
        cars = self._past.cars
        return [
            Visit(
                came_at=self._past_start + int(cars.first[car]) * self._step,
                left_at=self._past_start + int(cars.last[car]) * self._step,
                need_kwh=float(cars.need_kwh[car]),
                max_a=float(cars.max_a[car]),
                kw_per_a=float(cars.kw_per_a[car]),
            )
            for car in range(len(cars))
        ]


class _Cautious:
    """A scheduler that keeps the limits by order of laxity in a step for which it finds no plan."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._fallback = by_order(laxity)
        self.unplanned = 0

    def __call__(self, scene: Scene) -> Floats:
        try:
            return self._scheduler(scene)
        except Unsolvable as fault:
            log.warning("no plan was found", step=scene.now, why=str(fault))
            self.unplanned += 1
            return self._fallback(scene)
