"""One scenario over past sessions, by every way to charge that is asked for."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec.structs import replace

from forecourt.energy.planner.problem import Horizon, Problem, Worth, eased
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Floats
from forecourt.energy.whatif.journal import Journal, done_by, key_of, part_of
from forecourt.energy.whatif.picture import picture
from forecourt.energy.whatif.report import MONTH_DAYS, Outcome, Report, outcome
from forecourt.energy.whatif.scenario import Scenario
from forecourt.energy.whatif.series import ScenarioRefused
from forecourt.energy.whatif.stays import PastSession, stays_of
from forecourt.energy.whatif.steps import Steps
from forecourt.energy.whatif.storage import batteries_of, givers_of
from forecourt.energy.whatif.waited import Waited
from forecourt.energy.whatif.ways import (
    OPTIMUM,
    STORES_NOTHING,
    TOLD_BY_DRIVERS,
    UNPLANNED,
    UNSTORED,
    WAYS,
    Known,
    planner_of,
    scheduler_of,
)
from forecourt.energy.whatif.world import PART_STEPS, Course, World, course, lessened, run, stored_watts, too_much_alone

#: The most steps of a what-if: a year in steps of 5 minutes.
MAX_STEPS: Final = 366 * 288
#: All of the future at once is one problem; longer times are compared without it.
MAX_OPTIMUM_STEPS: Final = 31 * 288
#: How long the optimum may take.
OPTIMUM_DEADLINE_S: Final = 24 * 3600.0

#: Hears how many steps of which way are done, of how many.
Told = Callable[[str, int, int], None]


class Comparison:
    """A time of a scenario. Raises ScenarioRefused where there is nothing to simulate.

    `journal`: the file in which is kept what is done, and from which what was done before is known.
    """

    def __init__(
        self,
        scenario: Scenario,
        sessions: Iterable[PastSession],
        start: datetime,
        end: datetime,
        journal: Path | None = None,
    ) -> None:
        self._scenario = scenario
        # In UTC, where an hour is an hour also on the day on which clocks are set.
        self._start, self._end = start, end = start.astimezone(UTC), end.astimezone(UTC)
        self._step = timedelta(minutes=scenario.step_min)
        sessions = list(sessions)
        steps = int((end - start) / self._step)
        if steps <= 0:
            raise ScenarioRefused("The time must end after it begins: --to is the day after the last one.")
        if steps > MAX_STEPS:
            raise ScenarioRefused(
                f"So long a time has {steps:,} steps of {scenario.step_min} minutes, and at most {MAX_STEPS:,} can be"
                " simulated. Take a part of it with --from and --to, or longer steps."
            )
        self._stays = stays_of(scenario, sessions, start, end)
        if not self._stays.sessions:
            raise ScenarioRefused(self._nobody(sessions))
        self._known = self._what_is_known(sessions)
        self._world = self._made_world(steps)
        self._co2 = scenario.values(scenario.co2, self._start, steps, self._step)
        #: What was played so far, so that who stops has what is done.
        self.outcomes: list[Outcome] = []
        self._courses: dict[str, Course] = {}
        self._journal = Journal(journal, self._key(sessions))

    def _nobody(self, sessions: Sequence[PastSession]) -> str:
        """Why there is no session to simulate, and when there would be."""
        zone = ZoneInfo(self._scenario.zone)
        here = [f"{count}: {why}" for why, count in self._stays.left_out.items()]
        within = f"from {self._start.astimezone(zone):%Y-%m-%d} to {self._end.astimezone(zone):%Y-%m-%d}"
        if any(self._start <= each.start < self._end for each in sessions):
            return f"All sessions that begin {within} are left out ({', '.join(here)})."
        if not sessions:
            return f"No session begins {within}."
        first, last = (each(session.start for session in sessions).astimezone(zone) for each in (min, max))
        return (
            f"No session begins {within}, by the clock of {zone.key}: they begin from {first:%Y-%m-%d} to"
            f" {last:%Y-%m-%d}. Say other days with --from and --to."
        )

    @property
    def goes_on(self) -> bool:
        """Whether some of it was done before."""
        return self._journal.kept > 0

    @property
    def begins_anew(self) -> bool:
        """Whether what was done before was of other sessions, another scenario or another time."""
        return self._journal.other

    def finish(self, stopped: bool) -> None:
        """Leaves what is done for another time if it was stopped; else all is done and written."""
        if stopped:
            self._journal.close()
        else:
            self._journal.remove()

    @property
    def steps(self) -> int:
        return self._world.horizon.steps

    def ways(self) -> tuple[str, ...]:
        """All ways that make sense: those of drivers' words where the scenario or a session says what they are, and
        what would be without storage where there is any; the optimum where it can be found."""
        said = any(session.stated_end or session.stated_wh for session in self._stays.sessions)
        told = self._scenario.drivers is not None or said
        stores = bool(self._world.batteries) or self._world.giving is not None
        left_out = (() if told else TOLD_BY_DRIVERS) + (() if stores else (UNSTORED,))
        left_out += () if self.steps <= MAX_OPTIMUM_STEPS else (OPTIMUM,)
        return tuple(way for way in WAYS if way not in left_out)

    def play(self, ways: Sequence[str], told: Told = lambda *_: None) -> None:
        """Every way that is asked for, in the order of WAYS. Raises ScenarioRefused before any is played."""
        if OPTIMUM in ways and self.steps > MAX_OPTIMUM_STEPS:
            raise ScenarioRefused(f"The optimum can be found for at most {MAX_OPTIMUM_STEPS} steps; leave it out.")
        for way in WAYS:
            if way in ways:
                done, unplanned = self._course(way, told)
                self._courses[way] = done
                self.outcomes.append(outcome(way, self._scenario, self._world, done, self._co2, unplanned))

    def report(self, stopped: bool = False) -> Report:
        """What was played so far. `stopped`: that isn't all."""
        zone = ZoneInfo(self._scenario.zone)
        return Report(
            scenario=self._scenario.name,
            currency=self._scenario.tariff.currency,
            start=self._start.astimezone(zone).isoformat(),
            end=self._end.astimezone(zone).isoformat(),
            sessions=len(self._stays.sessions),
            left_out=self._stays.left_out,
            outcomes=list(self.outcomes),
            stopped=stopped,
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        """What may not be meant so."""
        worth, currency = self._scenario.planner.unserved_per_kwh, self._scenario.tariff.currency
        most, beyond = float(self._world.horizon.price.max()), too_much_alone(self._world)
        found = []
        if beyond:
            found.append(
                f"In {beyond} of {self.steps} steps buildings alone take more than a limit bears: no way to charge"
                " mends that."
            )
        if worth >= most:
            return tuple(found)
        return (
            *found,
            f"A kWh that a car leaves without is worth {worth:g} {currency} here (unserved_per_kwh of [planner]), and"
            f" one costs up to {most:g}: while it costs more, it is cheapest to let cars leave without.",
        )

    def write_steps(self, path: Path) -> None:
        """Every step of every way that was played, as Parquet."""
        evses = [evse.id for evse in self._scenario.electrics.evses]
        file = Steps(self._start, self._scenario.step_min, [each.id for each in self._stays.sessions], evses)
        for way, done in self._courses.items():
            file.keep(way, self._world, done, self._co2)
        file.write(path)

    def picture(self) -> str:
        """The power over time by each way that was played, as SVG."""
        said = {each.scheduler: f"{each.energy_pct:.2f} % of the energy, score {each.score}" for each in self.outcomes}
        return picture(
            f"{self._scenario.name}: power from the grid",
            self._start.astimezone(ZoneInfo(self._scenario.zone)),
            self._step,
            [(way, said[way], done.grid_w, self._stored(done)) for way, done in self._courses.items()],
            self._scenario.most_w,
        )

    def _course(self, way: str, told: Told) -> tuple[Course, int]:
        world = replace(self._world, giving=None) if way in STORES_NOTHING else self._world
        if way == UNSTORED:
            world = replace(world, batteries=())
        parts, so_far = self._journal.of(way), np.zeros((len(world.cars) + len(world.batteries), self.steps))
        done = done_by(parts, so_far)
        told(way, done, self.steps)
        if way == OPTIMUM:
            return self._optimum(so_far, done, told), 0
        planner = None
        if way not in UNPLANNED:
            planner = planner_of(way, self._known, sum(part.unplanned for part in parts))
        before, kept = done, 0 if planner is None else planner.unplanned

        def step(now: int, so_far: Floats) -> None:
            nonlocal before, kept
            if now % PART_STEPS == 0 or now == self.steps:
                unplanned = 0 if planner is None else planner.unplanned
                self._journal.keep(part_of(way, before, now, so_far, unplanned - kept))
                before, kept = now, unplanned
            told(way, now, self.steps)

        found = run(world, scheduler_of(way, self._known) if planner is None else planner, step, so_far, done)
        found = course(self._world, self._idle(found)) if way == UNSTORED else found
        return found, 0 if planner is None else planner.unplanned

    def _idle(self, done: Course) -> Floats:
        """The same currents beside batteries that do nothing."""
        return np.concatenate([done.current_a, np.zeros((len(self._world.batteries), self.steps))])

    def _optimum(self, so_far: Floats, done: int, told: Told) -> Course:
        if done < self.steps:
            world = self._world
            problem = Problem(
                cars=world.cars,
                horizon=world.horizon,
                rows=world.borne.rows,
                limits=world.borne.left,
                worth=Worth(unserved=self._scenario.planner.unserved_per_kwh, peak=self._known.demand_charge),
                # Who knows all of the future gives back what was borrowed.
                batteries=[replace(battery, ends_kwh=None) for battery in world.batteries],
                discharging=world.giving,
            )
            # On a thread of its own, as the solver hears of no interrupt while it is at work.
            waited = Waited(lambda: SiteSolver().solve(eased(problem), OPTIMUM_DEADLINE_S))
            plan = waited.result(lambda: told(OPTIMUM, 0, self.steps))
            battery_w, per_a = stored_watts(plan.battery_kw), self._world.cars.kw_per_a
            steps = range(plan.current_a.shape[1])
            current_a = [lessened(plan.current_a[:, t], per_a, battery_w[:, t], plan.battery_kw[:, t]) for t in steps]
            so_far = np.concatenate([np.stack(current_a, axis=1), battery_w])
            self._journal.keep(part_of(OPTIMUM, 0, self.steps, so_far, 0))
        told(OPTIMUM, self.steps, self.steps)
        return course(self._world, so_far)

    def _key(self, sessions: Sequence[PastSession]) -> bytes:
        known = [
            (each.id, each.station, each.start, each.end, each.energy_wh, each.token, each.stated_end, each.stated_wh)
            for each in sessions
        ]
        horizon = [getattr(self._world.horizon, name).tobytes() for name in Horizon.__struct_fields__]
        return key_of(self._scenario, self._start, self._end, horizon, known)

    def _stored(self, done: Course) -> Floats | None:
        """What batteries hold in each step, as a share of what they can."""
        capacity_kwh = sum(battery.capacity_kwh for battery in self._world.batteries)
        return done.stored_kwh.sum(axis=0) / capacity_kwh if capacity_kwh else None

    def _made_world(self, steps: int) -> World:
        scenario, cars = self._scenario, self._stays.cars
        electrics, horizon = scenario.electrics, scenario.horizon(self._start, steps, self._step)
        borne = scenario.borne(self._start, horizon, self._step)
        return World(
            cars=cars,
            min_a=self._stays.min_a,
            horizon=horizon,
            borne=borne,
            evses=len(electrics.evses),
            ahead=scenario.planner.horizon_h * 60 // scenario.step_min,
            batteries=batteries_of(scenario.batteries, electrics, borne.rows, horizon.price),
            giving=givers_of(scenario.v2g, cars, [session.id for session in self._stays.sessions], borne.rows),
        )

    def _what_is_known(self, sessions: Sequence[PastSession]) -> Known:
        # What was before the time is known when it begins.
        earliest = min(self._start, *(session.start for session in sessions))
        days = (self._end - self._start) / timedelta(days=1)
        return Known(
            scenario=self._scenario,
            start=self._start,
            end=self._end,
            step=self._step,
            stays=self._stays,
            past=self._stays if earliest == self._start else stays_of(self._scenario, sessions, earliest, self._end),
            past_start=earliest,
            demand_charge=self._scenario.tariff.demand_charge_per_kw * days / MONTH_DAYS,
        )
