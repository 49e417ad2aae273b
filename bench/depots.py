"""A large site that is made up: a day of cars on panels under one connection, with sun, a building and a battery."""

import numpy as np

from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.planner.problem import Battery, Cars, Horizon, Problem, Worth
from forecourt.energy.rows import rows_of

STEPS = 96
PER_PANEL = 20
#: What the panels and the grid carry of what all EVSEs could draw.
PANEL_SHARE, GRID_SHARE = 0.6, 0.45


def depot(cars: int, seed: int = 0) -> Problem:
    """A day in quarters of an hour, with so many cars, of which not all can charge at once."""
    random, hour = np.random.default_rng(seed), 24 / STEPS
    came = np.clip(random.normal(8.5, 1.8, cars), 0, 20)
    left = np.clip(came + np.clip(random.gamma(4, 1.9, cars), 0.75, 14), 0, 24)
    first = np.floor(came / hour).astype(int)
    last = np.maximum(np.minimum(np.ceil(left / hour).astype(int), STEPS), first + 1)
    three = random.random(cars) < 0.45
    phase = random.integers(0, 3, cars)
    max_a = np.where(three & (random.random(cars) < 0.5), 16.0, 32.0)
    kw_per_a = np.where(three, 0.69, 0.23)
    need = np.minimum(random.gamma(2.2, 8, cars) + 2, 0.92 * max_a * kw_per_a * (last - first) * hour)
    return Problem(
        cars=Cars(
            first=first,
            last=last,
            last_share=np.ones(cars),
            need_kwh=need,
            max_a=max_a,
            kw_per_a=kw_per_a,
            evse=np.arange(cars),
            weight=random.choice([1.0, 2.0, 5.0], cars, p=[0.8, 0.15, 0.05]),
            scenario=np.full(cars, -1),
        ),
        horizon=_day(cars, hour),
        rows=rows_of(_site(cars, three, phase, max_a)),
        worth=Worth(unserved=2.0, peak=0.5),
        who=list(range(cars)),
        batteries=[Battery(capacity_kwh=2.0 * cars, stored_kwh=cars, charge_kw=0.5 * cars, discharge_kw=0.5 * cars)],
    )


def _day(cars: int, hour: float) -> Horizon:
    at = np.arange(STEPS) * hour
    price = np.where((at >= 17) & (at < 21), 0.42, np.where((at >= 9) & (at < 17), 0.24, 0.13)) + 0.01 * np.sin(at)
    return Horizon(
        hours=np.full(STEPS, hour),
        price=price,
        feed_in=np.full(STEPS, 0.05),
        load_kw=0.6 * cars + 0.3 * cars * np.exp(-(((at - 14) / 4) ** 2)),
        solar_kw=np.maximum(0, np.sin((at - 6) / 12 * np.pi)) * 0.5 * cars,
        limit_kw=np.full(STEPS, np.inf),
    )


def _site(cars: int, three: np.ndarray, phase: np.ndarray, max_a: np.ndarray) -> Electrics:
    panels = max(1, cars // PER_PANEL)
    panel, mean_a = np.arange(cars) % panels, max_a * np.where(three, 1, 1 / 3)
    nodes = [Node(id="grid", limit_a=float(GRID_SHARE * mean_a.sum()))]
    nodes += [
        Node(id=f"panel {number}", parent="grid", limit_a=float(PANEL_SHARE * mean_a[panel == number].sum()))
        for number in range(panels)
    ]
    single = (Phases.L1, Phases.L2, Phases.L3)
    evses = [
        Evse(
            id=str(car),
            node=f"panel {panel[car]}",
            phases=Phases.ALL if three[car] else single[phase[car]],
            max_a=float(max_a[car]),
        )
        for car in range(cars)
    ]
    return Electrics(nodes=tuple(nodes), evses=tuple(evses))
