"""What came of each way to charge, in numbers that anyone can recompute from the file of steps."""

from decimal import Decimal
from typing import Any, Final

import numpy as np
from msgspec import Struct

from forecourt.energy.rows import Floats
from forecourt.energy.whatif.scenario import Scenario
from forecourt.energy.whatif.world import Course, World

#: Days of the month by which a demand charge is shared out.
MONTH_DAYS = 30
CENT = Decimal("0.01")
#: What the load of a limit is told as at the most, as a share of it: that of a limit of nothing has no number.
MOST_OVERLOAD: Final = 1000.0


class Outcome(Struct, frozen=True, kw_only=True):
    """One way to charge. Amounts are in the scenario's currency; `score` is both costs and the worth of what cars left
    without; `overload` the largest load of any limit as a share of it, up to MOST_OVERLOAD, which is also said where
    anything flows though nothing may; `co2_kg` what the grid's energy stands for;
    `fairness` Jain's index of the shares that cars got of what they asked for (Jain, Chiu, Hawe 1984); `unplanned`
    the steps in which the planner found no plan. `charged_wh` and `discharged_wh` went into the site's batteries and
    came out, `given_wh` came out of cars; `wear_cost` is what that wore, `missing_cost` what it takes to charge again
    what batteries hold less than at the beginning; both are of the score."""

    scheduler: str
    asked_wh: int
    unserved_wh: int
    grid_wh: int
    energy_pct: float
    peak_w: int
    energy_cost: Decimal
    demand_cost: Decimal
    score: Decimal
    overload: float
    co2_kg: float | None
    fairness: float
    unplanned: int = 0
    charged_wh: int = 0
    discharged_wh: int = 0
    given_wh: int = 0
    wear_cost: Decimal = Decimal(0)
    missing_cost: Decimal = Decimal(0)


class Report(Struct, frozen=True, kw_only=True):
    """A whole what-if: the time in local ISO 8601, its sessions, those left out and why, and every outcome.
    `stopped`: before all ways were played; `notes`: what may not be meant so."""

    scenario: str
    currency: str
    start: str
    end: str
    sessions: int
    left_out: dict[str, int]
    outcomes: list[Outcome]
    stopped: bool = False
    notes: tuple[str, ...] = ()


def wear_of(world: World, done: Course) -> Floats:
    """What batteries, and cars that give, wear in each step."""
    cost = np.zeros(world.horizon.steps)
    for battery, power_w in zip(world.batteries, done.battery_w, strict=True):
        cost += np.abs(power_w) / 1000 * world.horizon.hours * battery.wear
    if world.giving is not None:
        given_kwh = np.maximum(-done.power_w[world.giving.car], 0) / 1000 * world.horizon.hours
        cost += world.giving.wear @ given_kwh
    return cost


def _got_wh(world: World, done: Course, minutes: int) -> Floats:
    """What cars have more when they leave, counted as what charging them took."""
    efficiency = np.ones(len(world.cars))
    if world.giving is not None:
        efficiency[world.giving.car] = world.giving.efficiency
    taken, given = np.maximum(done.power_w, 0).sum(axis=1), np.maximum(-done.power_w, 0).sum(axis=1)
    return np.asarray((taken - given / efficiency) * minutes / 60)


def _missing_cost(world: World, done: Course) -> float:
    """What batteries hold less at the end, as dear as it can be."""
    return sum(
        max(0.0, battery.stored_kwh - float(held[-1])) * battery.missing
        for battery, held in zip(world.batteries, done.stored_kwh, strict=True)
    )


def outcome(
    name: str, scenario: Scenario, world: World, done: Course, co2_g_per_kwh: Floats, unplanned: int = 0
) -> Outcome:
    """The numbers of one way to charge."""
    minutes, horizon, cars = scenario.step_min, world.horizon, world.cars
    cost = sum(
        (
            _decimal(price if power_w >= 0 else feed_in) * int(power_w)
            for price, feed_in, power_w in zip(horizon.price, horizon.feed_in, done.grid_w, strict=True)
        ),
        Decimal(0),
    )
    energy_cost = cost * minutes / 60 / 1000
    peak_w = max(0, int(done.grid_w.max(initial=0)))
    share = Decimal(horizon.steps * minutes) / (24 * 60 * MONTH_DAYS)
    demand_cost = _decimal(scenario.tariff.demand_charge_per_kw) * share * peak_w / 1000
    needs_wh = np.rint(cars.need_kwh * 1000)
    got_wh = np.minimum(_got_wh(world, done, minutes), needs_wh)
    asked_wh, unserved_wh = round(float(needs_wh.sum())), round(float((needs_wh - got_wh).sum()))
    worth = _decimal(scenario.planner.unserved_per_kwh) * unserved_wh / 1000
    drawn_w = np.maximum(done.grid_w, 0)
    wear_cost, missing_cost = _decimal(wear_of(world, done).sum()), _decimal(_missing_cost(world, done))
    return Outcome(
        scheduler=name,
        asked_wh=asked_wh,
        unserved_wh=unserved_wh,
        grid_wh=round(int(drawn_w.sum()) * minutes / 60),
        energy_pct=round(100 * (1 - unserved_wh / max(asked_wh, 1)), 3),
        peak_w=peak_w,
        energy_cost=energy_cost.quantize(CENT),
        demand_cost=demand_cost.quantize(CENT),
        score=(energy_cost + demand_cost + worth + wear_cost + missing_cost).quantize(CENT),
        overload=round(min(done.overload, MOST_OVERLOAD), 6),
        co2_kg=None if scenario.co2 is None else round(float(drawn_w @ co2_g_per_kwh) * minutes / 60 / 1e6, 3),
        fairness=round(_jain(np.maximum(got_wh, 0.0) / np.maximum(needs_wh, 1)), 4),
        unplanned=unplanned,
        charged_wh=round(int(np.maximum(done.battery_w, 0).sum()) * minutes / 60),
        discharged_wh=round(int(np.maximum(-done.battery_w, 0).sum()) * minutes / 60),
        given_wh=round(int(np.maximum(-done.power_w, 0).sum()) * minutes / 60),
        wear_cost=wear_cost.quantize(CENT),
        missing_cost=missing_cost.quantize(CENT),
    )


def _decimal(value: Any) -> Decimal:
    """A price as it was written."""
    return Decimal(str(float(value)))


def _jain(shares: Floats) -> float:
    square = float((shares**2).sum())
    return float(shares.sum() ** 2 / (len(shares) * square)) if square > 0 else 1.0
