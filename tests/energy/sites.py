"""Random small sites, cars and hours for the planner's tests, and limits counted anew from the tree."""

from typing import Any

import msgspec
import numpy as np

from forecourt.energy.model import CURRENTS, Electrics, Evse, Node, Phases
from forecourt.energy.planner.problem import Battery, Cars, Discharging, Horizon, Minimums, Problem, Reserved, Worth
from forecourt.energy.rows import rows_of

PHASES = tuple(Phases)


def random_site(random: np.random.Generator, evses: int) -> Electrics:
    """A tree of up to five nodes, some behind a transformer, with tight limits of both kinds."""
    nodes = [Node(id="0", limit_a=float(random.uniform(0, 12) * evses), limit_w=_maybe(random, 3_000 * evses))]
    for number in range(1, int(random.integers(1, 6))):
        turns = float(random.choice([1.0, 4.0])) if random.random() < 0.3 else None
        limit_a = float(random.uniform(5, 60)) if random.random() < 0.8 else None
        parent = str(random.integers(0, number))
        nodes.append(
            Node(id=str(number), parent=parent, limit_a=limit_a, limit_w=_maybe(random, 15_000), delta_wye=turns)
        )
    allowed = PHASES if random.random() < 0.5 else (Phases.L1, Phases.L2, Phases.L3, Phases.ALL)
    made = [
        Evse(
            id=str(number),
            node=str(random.integers(0, len(nodes))),
            phases=allowed[random.integers(0, len(allowed))],
            max_a=float(random.choice([16.0, 32.0])),
        )
        for number in range(evses)
    ]
    return Electrics(nodes=tuple(nodes), evses=tuple(made))


def _maybe(random: np.random.Generator, most: float) -> int | None:
    return int(random.uniform(0, most)) if random.random() < 0.3 else None


def exceeded(
    site: Electrics, current_a: Any, tolerance: float = 1e-6, battery: tuple[str, float] = ("", 0.0)
) -> list[str]:
    """The nodes whose limits these currents exceed, counted from the leaves up, one conductor after the other;
    `battery`: a node where so many kW are taken from all three alike, at the voltage of that."""
    found = []

    def below(node: Node) -> tuple[list[complex], float]:
        lines, watts = [0j, 0j, 0j], 0.0
        for number, evse in enumerate(site.evses):
            if evse.node == node.id:
                lines = [
                    line + phasor * current_a[number] for line, phasor in zip(lines, CURRENTS[evse.phases], strict=True)
                ]
                watts += site.watts_per_ampere(evse) * current_a[number]
        if node.id == battery[0]:
            each_a, watts = battery[1] * 1000 / (3 * site.volts_at(node.id)), watts + battery[1] * 1000
            lines = [line + phasor * each_a for line, phasor in zip(lines, CURRENTS[Phases.ALL], strict=True)]
        for child in site.nodes:
            if child.parent == node.id:
                inner, power = below(child)
                if child.delta_wye is not None:
                    inner = [(inner[each] - inner[each - 1]) / child.delta_wye for each in range(3)]
                lines, watts = [one + other for one, other in zip(lines, inner, strict=True)], watts + power
        if node.limit_a is not None and any(abs(line) > node.limit_a * (1 + tolerance) + tolerance for line in lines):
            found.append(node.id)
        if node.limit_w is not None and abs(watts) > node.limit_w * (1 + tolerance) + tolerance:
            found.append(f"{node.id} W")
        return lines, watts

    below(site.nodes[0])
    return found


def random_problem(
    random: np.random.Generator, cars: int = 8, steps: int = 6, **more: Any
) -> tuple[Electrics, Problem]:
    """Cars that have come and will, on the EVSEs of a site in this order; wishes may be impossible."""
    site = random_site(random, cars)
    first = np.where(random.random(cars) < 0.5, 0, random.integers(0, steps, cars))
    return site, Problem(
        cars=Cars(
            first=first,
            last=first + random.integers(1, steps + 1 - first),
            last_share=np.ones(cars),
            need_kwh=random.uniform(0, 40, cars),
            max_a=np.array([evse.max_a for evse in site.evses]),
            kw_per_a=np.array([site.watts_per_ampere(evse) / 1000 for evse in site.evses]),
            evse=np.arange(cars),
            weight=random.choice([1.0, 2.0, 5.0], cars),
            scenario=np.full(cars, -1),
        ),
        horizon=Horizon(
            hours=random.choice([0.25, 1.0], steps),
            price=random.uniform(0.05, 0.5, steps),
            feed_in=np.full(steps, 0.04),
            load_kw=random.uniform(0, 5, steps),
            solar_kw=random.uniform(0, 15, steps),
            limit_kw=random.uniform(10, 60, steps),
        ),
        rows=rows_of(site),
        worth=Worth(unserved=2.0, peak=float(random.choice([0.0, 0.5]))),
        who=list(range(cars)),
        **more,
    )


def with_everything(random: np.random.Generator, problem: Problem) -> dict[str, Any]:
    """A battery, cars that give, minimums, and 6 A that one EVSE draws besides its car, for a problem."""
    cars, steps = len(problem.cars), problem.horizon.steps
    of = np.array([0, 3])
    less = np.where(np.arange(cars) == cars - 1, problem.cars.max_a - 6, problem.cars.max_a)
    return {
        "cars": msgspec.structs.replace(problem.cars, max_a=less),
        "batteries": [Battery(capacity_kwh=20, stored_kwh=float(random.uniform(0, 20)), charge_kw=8, discharge_kw=6)],
        "discharging": Discharging(
            car=of,
            max_a=problem.cars.max_a[of],
            given_kwh=random.uniform(0, 10, 2),
            room_kwh=random.uniform(10, 50, 2),
            efficiency=np.full(2, 0.8),
            wear=np.full(2, 0.02),
        ),
        "minimums": Minimums(car=np.array([0, 1]), by=np.array([2, 3]), kwh=random.uniform(0, 6, 2)),
        "reserved": Reserved(
            evse=np.array([cars - 1]), current_a=np.full((1, steps), 6.0), kw_per_a=problem.cars.kw_per_a[[cars - 1]]
        ),
        "export_kw": float(random.choice([0.0, 10.0])),
    }


def hourly(price: list[float], need: list[float], **more: Any) -> Problem:
    """Hours at these prices on a site that limits nothing; cars of 0.25 kW an ampere, 8 kW at most, from the start."""
    steps, cars = len(price), len(need)
    evses = tuple(Evse(id=str(number), node="grid") for number in range(cars))
    return Problem(
        cars=Cars(
            first=np.zeros(cars, np.int64),
            last=np.array(more.get("last", [steps] * cars), np.int64),
            last_share=np.array(more.get("last_share", [1.0] * cars), np.float64),
            need_kwh=np.array(need, np.float64),
            max_a=np.full(cars, 32.0),
            kw_per_a=np.full(cars, 0.25),
            evse=np.arange(cars),
            weight=np.array(more.get("weight", [1.0] * cars), np.float64),
            scenario=np.full(cars, -1),
        ),
        horizon=Horizon(
            hours=np.ones(steps),
            price=np.array(price),
            feed_in=np.full(steps, 0.05),
            load_kw=np.zeros(steps),
            solar_kw=np.zeros(steps),
            limit_kw=np.full(steps, np.inf),
        ),
        rows=rows_of(Electrics(nodes=(Node(id="grid"),), evses=evses)),
        worth=Worth(),
    )
