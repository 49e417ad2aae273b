"""What a site wants of its plan, said as costs: one formulation serves every mode."""

from typing import Final

import msgspec
import numpy as np

from forecourt.energy.planner.problem import Horizon, Worth
from forecourt.energy.rows import Floats
from forecourt.energy.site import Mode

#: What a kg of CO2 counts as where it is what matters.
CO2_PER_KG: Final = 1.0
#: How much dearer an hour of waiting is than usual where speed is what matters, as a share of what is unserved.
HURRY: Final = 0.1
#: What counts nothing in a mode still decides between equals, at this share of its cost.
TIE: Final = 1e-3
#: Many times what unserved energy is worth is what grid energy costs where only the sun's is wanted.
NEVER: Final = 3.0


def weighed(
    mode: Mode, horizon: Horizon, worth: Worth, co2_kg: Floats, most_weight: float = 1.0
) -> tuple[Horizon, Worth]:
    """Prices and worths by which the cheapest plan is the one that the mode wants.

    `co2_kg`: of a kWh from the grid in each step, `most_weight`: the largest weight of any car.
    """
    nothing = horizon.price * TIE
    if mode is Mode.CHEAPEST:
        return horizon, worth
    if mode is Mode.GREENEST:
        price = co2_kg * CO2_PER_KG + nothing
        return _priced(horizon, price, worth), _above(worth, price, peak=worth.peak * TIE)
    if mode is Mode.SOLAR:
        never = np.full(horizon.steps, NEVER * worth.unserved * most_weight)
        lacking = max(worth.lacking, 2 * float(never[0]) if horizon.steps else 0.0)
        return _priced(horizon, never, worth), msgspec.structs.replace(worth, peak=0.0, lacking=lacking)
    faster = _above(worth, nothing, peak=0.0)
    return _priced(horizon, nothing, worth), msgspec.structs.replace(faster, hurry=HURRY * worth.unserved, level=0.0)


def room_kw(mode: Mode, horizon: Horizon) -> float:
    """What cars may take together in the first step, without a plan."""
    left = horizon.limit_kw[0] - horizon.load_kw[0] + horizon.solar_kw[0]
    if mode is Mode.SOLAR:
        left = min(left, horizon.solar_kw[0] - horizon.load_kw[0])
    return max(0.0, float(left))


def _priced(horizon: Horizon, price: Floats, worth: Worth) -> Horizon:
    """Other prices; the sun's energy is worth nothing but to be used."""
    return msgspec.structs.replace(horizon, price=price, feed_in=np.minimum(horizon.feed_in, price) * TIE)


def _above(worth: Worth, price: Floats, peak: float) -> Worth:
    """Unserved energy stays worse than any price."""
    unserved = max(worth.unserved, 2 * float(price.max(initial=0.0)))
    return msgspec.structs.replace(worth, unserved=unserved, lacking=max(worth.lacking, 2 * unserved), peak=peak)
