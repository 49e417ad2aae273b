"""Plans that part after a while: who comes will be known by then.

One plan for all scenarios would make room for each of them at once, all day long. What is decided now is the same
whoever comes; what is planned for later may differ from scenario to scenario, as it will be decided when more is known.
So each car that is there goes on in every scenario as a car of its own: what it got until then serves all of them.
"""

from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.planner.incidence import Incidence
from forecourt.energy.planner.problem import Cars, Chances, Ints, Problem, joined
from forecourt.energy.rows import Complexes, Floats

#: So many hours from now on the plan is the same in all scenarios.
TOGETHER_H: Final = 1.0
#: More currents than that aren't added: a site that large is planned as one.
MOST_CURRENTS: Final = 20_000


def branched(problem: Problem) -> Problem:
    """The problem with cars that go on in each scenario; the same where there are no scenarios or too many cars, or
    where cars give back. Cars of which something is owed by a time have one plan."""
    cars, scenarios = problem.cars, int(problem.cars.scenario.max(initial=-1)) + 1
    parts_at = together(problem)
    parting = (cars.scenario < 0) & (cars.last > parts_at) & (cars.need_kwh > 0)
    if problem.minimums is not None:
        parting[problem.minimums.car] = False
    of = np.nonzero(parting)[0]
    currents = int((cars.last[of] - np.maximum(cars.first[of], parts_at)).sum()) * scenarios
    if scenarios < 2 or not len(of) or currents > MOST_CURRENTS or problem.discharging is not None:
        return problem
    more = Cars(**{name: np.tile(getattr(cars, name)[of], scenarios) for name in Cars.__struct_fields__})
    more = replace(more, first=np.maximum(more.first, parts_at), scenario=np.repeat(np.arange(scenarios), len(of)))
    last, last_share, weight = cars.last.copy(), cars.last_share.copy(), cars.weight.copy()
    # What isn't served is counted in each scenario.
    last[of], last_share[of], weight[of] = np.maximum(parts_at, cars.first[of]), 1.0, 0.0
    who = list(range(len(cars))) if problem.who is None else list(problem.who)
    return replace(
        problem,
        chances=_parted(problem, of),
        cars=joined(replace(cars, last=last, last_share=last_share, weight=weight), more),
        who=[*who, *((scenario, who[car]) for scenario in range(scenarios) for car in of)],
        after=np.concatenate([np.full(len(cars), -1), np.tile(of, scenarios)]),
    )


def _parted(problem: Problem, of: Ints) -> Chances | None:
    """The chances of the cars and of those that go on with the cars `of` these numbers, in which what isn't served is
    counted."""
    chances = problem.chances
    if chances is None:
        return None
    place = np.full(len(problem.cars), -1)
    place[chances.car] = np.arange(len(chances.car))
    again = np.tile(place[of], problem.scenarios)
    going = np.nonzero(again >= 0)[0]
    every = np.concatenate([np.arange(len(chances.car)), again[going]])
    asked = chances.asked[every]
    asked[: len(chances.car)][np.isin(chances.car, of)] = 0.0
    return Chances(
        car=np.concatenate([chances.car, len(problem.cars) + going]),
        there=chances.there[every],
        parts_kwh=chances.parts_kwh[every],
        asked=asked,
        weight=chances.weight[every],
    )


def together(problem: Problem) -> int:
    """The first step from which on plans may part; one at least is decided now."""
    begins = np.cumsum(problem.horizon.hours) - problem.horizon.hours
    return max(1, int(np.searchsorted(begins, TOGETHER_H - 1e-9)))


def drawn(spread: Problem, current_a: Floats) -> tuple[Floats, Floats]:
    """What the cars that are there draw, (cars that are there, steps), and how much of that is the mean of their
    branches. `current_a`: of all cars of a problem that `branched` made."""
    there = spread.cars.there
    found, more = current_a[there], np.zeros((len(there), spread.horizon.steps))
    if spread.after is not None:
        goes_on = np.nonzero(spread.after >= 0)[0]
        place = np.cumsum(spread.cars.scenario < 0) - 1
        np.add.at(more, place[spread.after[goes_on]], current_a[goes_on] / spread.scenarios)
    return found + more, more


def added(spread: Problem, known: Incidence, more: Floats) -> Complexes:
    """What so much of the cars that are there adds to each row of the site in each step."""
    flows = np.zeros((known.rows, spread.horizon.steps), np.complex128)
    if spread.after is None:
        return flows
    entry, which = known.under(spread.cars.evse[spread.cars.there])
    np.add.at(flows, known.row[entry], known.value[entry, None] * more[which])
    return flows


def of_cars(spread: Problem, cars: int, values: Floats, *, mean: bool) -> Floats:
    """Values of the first `cars` cars; of those that go on, the mean of what their branches have, or both together."""
    found = values[:cars].copy()
    if spread.after is not None:
        goes_on = np.nonzero(spread.after >= 0)[0]
        of = spread.after[goes_on]
        if mean:
            found[of] = 0.0
        np.add.at(found, of, values[goes_on] / (spread.scenarios if mean else 1))
    return found
