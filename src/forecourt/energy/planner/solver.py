"""The solver of one site, which is kept: each problem begins where the last one ended.

It is told whole problems and finds by itself what changed. Where only costs and bounds did, the program in HiGHS is
changed in place; where cars came and went or time moved on, a new one begins from the basis of the old one, matched by
names. Rows that aren't linear (delta connections) are met by tangent cuts, added only where the last solution violates
them; they stay true, and are kept. Where all limits seem far the program has none, unless a solution exceeds one.
"""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, Final

import highspy
import msgspec
import numpy as np

from forecourt.energy.planner.branches import added, branched, drawn, of_cars
from forecourt.energy.planner.columns import KIND_BIT, WHO_BIT, Kind, name
from forecourt.energy.planner.formulation import NO_CUTS, Cuts, Form, formulate
from forecourt.energy.planner.incidence import Incidence, incidence_of
from forecourt.energy.planner.loading import stored_in
from forecourt.energy.planner.problem import Ints, Plan, Problem, Shadows, TooLate, Unsolvable, check, shares
from forecourt.energy.planner.program import Program
from forecourt.energy.rows import Complexes, Floats, Rows

#: Rounds of tangent cuts before a solution is scaled into the limits as it is.
MAX_ROUNDS: Final = 40
#: Cuts that are kept from one problem to the next, the newest.
MAX_CUTS: Final = 4_000
#: A solution may exceed a limit by this share of its room before it is cut off; with cars that are only expected by
#: that share, as nobody will draw just that.
TOLERANCE: Final = 1e-4
GUESSED: Final = 1e-2
#: A, kW: what the solver leaves below this is nothing.
NOTHING: Final = 1e-6
#: How long a solver may take unless told otherwise.
DEADLINE_S: Final = 60.0
#: Numbers of cars begin anew before they'd reach into the kind.
MAX_NAMES: Final = 1 << 30


class SiteSolver:
    """What solves the problems of one site, one after the other. Not for two threads at once. `seconds`: a clock that
    never jumps."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        #: When all thinking is over that was allowed last; None: each solve has its own time.
        self._until_s: float | None = None
        self._program = Program()
        self._rows: Rows | None = None
        self._known: Incidence | None = None
        self._names: dict[Hashable, int] = {}
        self._next_name = 0
        self._cuts = NO_CUTS
        #: Until when the step of each cut lasts, on the problems' clock.
        self._cut_ends = np.zeros(0)
        self._next_cut = 0
        #: Whether limits bound that seemed far: they are no more left out.
        self._bound = False
        #: The last problem, and what its batteries take in the first step.
        self.problem: Problem | None = None
        #: The same with cars that go on in each scenario.
        self._spread: Problem | None = None
        self._charged_kw = np.zeros(0)

    def solve(self, problem: Problem, deadline_s: float = DEADLINE_S) -> Plan:
        """The plan of least cost. Raises NotANumber, Unsolvable, and TooLate if there's none within so many seconds."""
        check(problem)
        self._allow(deadline_s)
        known = self.incidence(problem.rows)
        hours = problem.horizon.hours
        starts = np.cumsum(hours) - hours if problem.starts is None else problem.starts
        spread = branched(problem)
        self._move_cuts(starts, hours, known.rows * (int(problem.cars.scenario.max(initial=-1)) + 2))
        form = formulate(spread, known, self._numbers(spread), self._cuts, sparing=not self._bound)
        self._program.load(form, starts)
        self.problem, self._spread = problem, spread
        return self._settle(deadline_s)

    def pinned(self, lower_a: Floats, upper_a: Floats, deadline_s: float = DEADLINE_S) -> Plan:
        """The plan of the last problem with the currents of its first step between these, for each car that is there.

        A car that needs less than its lower current brings in that step may get so much more. Raises as `solve` does.
        """
        form, problem = self._program.form, self._spread
        assert form is not None
        assert problem is not None
        self._allow(deadline_s)
        cars, columns = problem.cars, form.columns
        now = np.nonzero((columns.step == 0) & (cars.scenario[columns.car] < 0))[0]
        car = columns.car[now]
        place = np.cumsum(cars.scenario < 0) - 1
        lower, upper = form.lower.copy(), form.upper.copy()
        lower[now], upper[now] = lower_a[place[car]], upper_a[place[car]]
        # Who gives back is pinned by what it takes: above 0 it gives nothing.
        gives = np.nonzero(columns.given_step == 0)[0]
        taken = lower_a[place[columns.given_car[gives]]] > 0
        upper[columns[Kind.DISCHARGE].start + gives[taken]] = 0.0
        row_upper = form.row_upper.copy()
        kwh = np.zeros(len(cars))
        kwh[car] = lower_a[place[car]] * cars.kw_per_a[car] * problem.horizon.hours[0]
        if problem.after is not None:
            kwh = np.where(problem.after >= 0, kwh[problem.after], kwh)
        row_upper[: len(cars)] = np.maximum(row_upper[: len(cars)], kwh)
        if problem.discharging is not None:
            # So much more may be in its battery then as well.
            charged = columns[Kind.CHARGED]
            upper[charged] = np.maximum(upper[charged], kwh[columns.given_car])
        pinned = msgspec.structs.replace(form, lower=lower, upper=upper, row_upper=row_upper)
        self._program.change(pinned)
        self._program.try_primal()
        return self._settle(deadline_s)

    @property
    def solved(self) -> bool:
        """Whether the last problem, as it was pinned last, has a solution."""
        return self._program.form is not None

    def now(self) -> tuple[Incidence, Floats, Complexes]:
        """Of the last problem's first step: the rows, the limit of each, and what is reserved in it."""
        assert self._known is not None
        assert self._program.form is not None
        loading = self._program.form.loading
        still = loading.still[: loading.rows, 0].copy()
        if self.problem is not None:
            for battery, kw in zip(self.problem.batteries, self._charged_kw, strict=True):
                row, value = stored_in(self._known, battery)
                still[row] += value * kw
        return self._known, loading.limits[: loading.rows, 0], still

    def think_for(self, seconds: float) -> None:
        """All that is asked from now on, together, takes no longer than this; what comes later is TooLate."""
        self._until_s = self._seconds() + seconds

    def incidence(self, rows: Rows) -> Incidence:
        """The rows as a sparse matrix, made once."""
        if self._known is not None and self._rows is not None and rows.of is self._rows.of:
            self._rows, self._known = rows, msgspec.structs.replace(self._known, limits=rows.limits)
        else:
            if self._rows is not None and rows.names != self._rows.names:
                self._cuts, self._cut_ends = NO_CUTS, np.zeros(0)
            self._rows, self._known = rows, incidence_of(rows)
        return self._known

    def _numbers(self, problem: Problem) -> Ints:
        who = range(len(problem.cars)) if problem.who is None else problem.who
        if self._next_name + len(who) > MAX_NAMES:
            self._names, self._next_name, self._program.form = {}, 0, None
        known: dict[Hashable, int] = {}
        for each in who:
            number = self._names.get(each)
            if number is None:
                number = self._next_name
                self._next_name += 1
            known[each] = number
        assert len(known) == len(problem.cars), "two cars have one name"
        self._names = known
        return np.fromiter(known.values(), np.int64, len(known))

    def _allow(self, deadline_s: float) -> None:
        """Lets HiGHS run for so long, or as long as it may think yet. Raises TooLate where that is over."""
        left_s = deadline_s if self._until_s is None else min(deadline_s, self._until_s - self._seconds())
        if self._until_s is not None and left_s <= 0:
            raise TooLate("all the time that a plan may take is over")
        self._program.allow(max(left_s, 0.0))

    def _settle(self, deadline_s: float) -> Plan:
        """Runs, and cuts off what violates rows that aren't linear, until nothing does or time is up."""
        problem, program = self._spread, self._program
        assert problem is not None
        self._allow(deadline_s)
        plan: Plan | None = None
        for _ in range(MAX_ROUNDS):
            form = program.form
            assert form is not None
            status = program.run()
            if status == highspy.HighsModelStatus.kTimeLimit:
                if plan is None:
                    raise TooLate(f"no plan within {deadline_s:g} s")
                break
            if status != highspy.HighsModelStatus.kOptimal:
                # What can't be solved is no place to begin from.
                self._program.form = None
                raise Unsolvable(program.words(status))
            found = _clean(form, program.found)
            violated, loads = self._violated(form, found)
            if form.spared and len(violated):
                self._bind(form, problem)
                continue
            plan = self._read(form, problem, found, loads, optimal=not len(violated))
            if len(violated):
                self._cut(form, problem, violated, loads)
            elif not self._part(form, problem, found):
                break
        assert plan is not None
        return plan

    def _part(self, form: Form, problem: Problem, found: Floats) -> bool:
        """Forbids the lesser where a car takes and gives at once, which would burn energy; whether any did."""
        columns = form.columns
        of = columns.given_car
        inward = columns.offset[of] + columns.given_step - problem.cars.first[of]
        outward = columns[Kind.DISCHARGE].start + np.arange(len(inward))
        both = np.minimum(found[inward], found[outward]) > NOTHING
        if not both.any():
            return False
        shut = np.where(found[inward] < found[outward], inward, outward)[both]
        upper = form.upper.copy()
        upper[shut] = np.maximum(form.lower[shut], 0.0)
        parted = msgspec.structs.replace(form, upper=upper)
        self._program.change(parted)
        return True

    def _bind(self, form: Form, problem: Problem) -> None:
        """Puts the limits of the site into the program, from now on always."""
        assert self._known is not None
        self._bound = True
        whole = formulate(problem, self._known, self._numbers(problem), self._cuts)
        rows = len(form.row_upper)
        whole.row_upper[:rows] = form.row_upper
        bound = msgspec.structs.replace(whole, lower=form.lower, upper=form.upper)
        self._program.load(bound, self._program.starts)

    def _violated(self, form: Form, found: Floats) -> tuple[Ints, Any]:
        assert self._known is not None
        loading = form.loading
        loads = loading.flows(found)
        tolerance = np.where(np.arange(len(loads)) < loading.rows, TOLERANCE, GUESSED)[:, None] * (not form.spared)
        over = np.abs(loads) > loading.limits + tolerance * (loading.limits - np.abs(loading.still)) + NOTHING
        told = np.tile(self._known.linear & (not form.spared), loading.times)
        return np.argwhere(over & ~told[:, None]), loads

    def _cut(self, form: Form, problem: Problem, violated: Ints, loads: Any) -> None:
        """Adds a tangent where a limit is violated."""
        row, step = violated.T
        towards = loads[row, step] / np.abs(loads[row, step])
        number = self._next_cut + np.arange(len(row))
        self._next_cut += len(row)
        loading = form.loading
        found, which = loading.places(row, step)
        slope = (np.conj(towards[which]) * loading.value[found]).real
        most = loading.limits[row, step] - (np.conj(towards) * loading.still[row, step]).real
        begin = np.searchsorted(which, np.arange(len(row)))
        made = Cuts(row=row, step=step, towards=towards, number=number)
        ends = self._program.starts[step] + problem.horizon.hours[step]
        self._cuts = Cuts(**{each: np.concatenate([getattr(self._cuts, each), getattr(made, each)]) for each in _CUT})
        self._cut_ends = np.concatenate([self._cut_ends, ends])
        named = np.concatenate([form.row_named, name(Kind.CUT, number)])
        whole = msgspec.structs.replace(
            form,
            row_named=named,
            row_step=np.concatenate([form.row_step, step]),
            row_lower=np.concatenate([form.row_lower, np.full(len(row), -highspy.kHighsInf)]),
            row_upper=np.concatenate([form.row_upper, most]),
        )
        self._program.add(whole, begin, loading.column[found], slope)

    def _move_cuts(self, starts: Floats, hours: Floats, rows: int) -> None:
        """Puts the cuts into the steps of now. Those of the past are dropped, of scenarios that there aren't any more,
        and the oldest if they are too many."""
        if self._next_cut > MAX_NAMES:
            self._cuts, self._cut_ends, self._next_cut = NO_CUTS, np.zeros(0), 0
        step = np.searchsorted(starts, self._cut_ends - 1e-6, side="right") - 1
        still = (step >= 0) & (self._cut_ends <= starts[-1] + hours[-1] + 1e-6) & (self._cuts.row < rows)
        kept = np.nonzero(still)[0][-MAX_CUTS:]
        moved = {each: getattr(self._cuts, each)[kept] for each in _CUT} | {"step": step[kept]}
        self._cuts, self._cut_ends = Cuts(**moved), self._cut_ends[kept]

    def _read(self, form: Form, problem: Problem, found: Floats, loads: Any, *, optimal: bool) -> Plan:
        columns, cars, horizon = form.columns, problem.cars, problem.horizon
        assert self.problem is not None
        assert self._known is not None
        current_a = np.zeros((len(cars), horizon.steps))
        current_a[columns.car, columns.step] = found[columns[Kind.CURRENT]]
        np.subtract.at(current_a, (columns.given_car, columns.given_step), found[columns[Kind.DISCHARGE]])
        there_a, more_a = drawn(problem, current_a)
        flows = loads[: form.loading.rows] + added(problem, self._known, more_a)
        share, stored = form.loading.share(flows, NOTHING), (len(problem.batteries), horizon.steps)
        loading = np.array([battery.adds is not None for battery in problem.batteries], np.bool_)
        charged = found[columns[Kind.BATTERY_IN]].reshape(stored) * np.where(loading[:, None], share, 1.0)
        self._charged_kw = charged[:, 0]
        unserved = found[columns[Kind.UNSERVED]].reshape(columns.parts, len(cars)).sum(axis=0)
        return Plan(
            current_a=there_a * share * shares(self.problem.cars, horizon.steps),
            unserved_kwh=of_cars(problem, len(self.problem.cars), unserved, mean=True),
            peak_kw=float(found[columns[Kind.PEAK]].mean()),
            cost=self._program.cost,
            grid_kw=found[columns[Kind.GRID]].reshape(problem.scenarios, horizon.steps).mean(axis=0),
            battery_kw=charged - found[columns[Kind.BATTERY_OUT]].reshape(stored),
            battery_kwh=found[columns[Kind.BATTERY]].reshape(stored),
            shadows=self._shadows(form, problem, self.problem),
            optimal=optimal,
        )

    def _shadows(self, form: Form, problem: Problem, of: Problem) -> Shadows:
        dual, reduced = self._program.duals
        kind, now = form.row_named >> KIND_BIT, form.row_step == 0
        limit = now & ((kind == Kind.LIMIT) | (kind == Kind.CUT))
        who = (form.row_named[limit] & ((1 << KIND_BIT) - 1)) >> WHO_BIT
        row = np.where(kind[limit] == Kind.CUT, 0, who)
        if len(self._cuts.row):
            place = np.minimum(np.searchsorted(self._cuts.number, who), len(self._cuts.row) - 1)
            row = np.where(kind[limit] == Kind.CUT, self._cuts.row[place], who)
        hours, rows = problem.horizon.hours[0], form.loading.rows
        grid = form.columns[Kind.GRID].start + np.arange(problem.scenarios) * problem.horizon.steps
        return Shadows(
            rows=np.bincount(row % max(rows, 1), np.maximum(-dual[limit], 0.0), rows) / hours,
            grid=float(np.maximum(-reduced[grid], 0.0).sum()) / hours,
            peak=float(np.maximum(-dual[now & (kind == Kind.OVER)], 0.0).sum()),
            served=np.maximum(of_cars(problem, len(of.cars), dual[: len(problem.cars)], mean=False), 0.0),
        )


_CUT: Final = Cuts.__struct_fields__


def _clean(form: Form, found: Floats) -> Floats:
    """Currents without what tolerances left."""
    for kind in (Kind.CURRENT, Kind.DISCHARGE):
        part = found[form.columns[kind]]
        part[part < NOTHING] = 0.0
    return found
