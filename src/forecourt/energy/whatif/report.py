"""What came of each way to charge, in numbers that anyone can recompute from the sessions and the scenario."""

from decimal import Decimal
from typing import Any

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Horizon
from forecourt.energy.rows import Floats
from forecourt.energy.whatif.scenario import Scenario

#: Days of the month by which a demand charge is shared out.
MONTH_DAYS = 30
CENT = Decimal("0.01")


class Outcome(Struct, frozen=True, kw_only=True):
    """One way to charge. Amounts are in the scenario's currency; `score` is both costs and the worth of what cars left
    without; `overload` the largest load of any limit as a share of it; `fairness` Jain's index of the shares that cars
    got of what they asked for (Jain, Chiu, Hawe 1984); `unplanned` the steps in which the planner found no plan."""

    scheduler: str
    asked_wh: int
    unserved_wh: int
    energy_pct: float
    peak_w: int
    energy_cost: Decimal
    demand_cost: Decimal
    score: Decimal
    overload: float
    fairness: float
    unplanned: int = 0


class Report(Struct, frozen=True, kw_only=True):
    """A whole what-if: the time in local ISO 8601, its sessions, those left out and why, and every outcome."""

    scenario: str
    currency: str
    start: str
    end: str
    sessions: int
    left_out: dict[str, int]
    outcomes: list[Outcome]


def outcome(
    name: str,
    scenario: Scenario,
    horizon: Horizon,
    need_kwh: Floats,
    unserved_kwh: Floats,
    power_kw: Floats,
    overload: float,
    unplanned: int = 0,
) -> Outcome:
    """The numbers of one way to charge. `power_kw`: what the site takes from the grid in each step, or gives to it."""
    step_wh = np.rint(power_kw * horizon.hours * 1000).astype(np.int64)
    energy_cost = (
        sum(
            (
                _decimal(price if wh >= 0 else feed_in) * int(wh)
                for price, feed_in, wh in zip(horizon.price, horizon.feed_in, step_wh, strict=True)
            ),
            Decimal(0),
        )
        / 1000
    )
    peak_w = max(0, round(float(power_kw.max(initial=0.0)) * 1000))
    share = Decimal(float(horizon.hours.sum())) / (24 * MONTH_DAYS)
    demand_cost = _decimal(scenario.tariff.demand_charge_per_kw) * share * peak_w / 1000
    asked_wh, unserved_wh = round(float(need_kwh.sum()) * 1000), round(float(unserved_kwh.sum()) * 1000)
    worth = _decimal(scenario.planner.unserved_per_kwh) * unserved_wh / 1000
    return Outcome(
        scheduler=name,
        asked_wh=asked_wh,
        unserved_wh=unserved_wh,
        energy_pct=round(100 * (1 - unserved_wh / max(asked_wh, 1)), 3),
        peak_w=peak_w,
        energy_cost=energy_cost.quantize(CENT),
        demand_cost=demand_cost.quantize(CENT),
        score=(energy_cost + demand_cost + worth).quantize(CENT),
        overload=round(overload, 6),
        fairness=round(_jain(1 - unserved_kwh / np.maximum(need_kwh, 1e-9)), 4),
        unplanned=unplanned,
    )


def _decimal(value: Any) -> Decimal:
    """A price as it was written."""
    return Decimal(str(float(value)))


def _jain(shares: Floats) -> float:
    square = float((shares**2).sum())
    return float(shares.sum() ** 2 / (len(shares) * square)) if square > 0 else 1.0
