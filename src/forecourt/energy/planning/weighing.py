"""What a plan of a site weighs: who may come, what energy costs and when, and what things are worth. Pure."""

from typing import Final

import numpy as np

from forecourt.energy.planner.problem import Cars, Horizon, Worth
from forecourt.energy.planner.settings import INSISTENCE
from forecourt.energy.planner.steps import stays_in
from forecourt.energy.planning.knowledge import Knowledge

#: What a kWh costs more that comes a day later: drivers leave earlier than they say. Over the minute that is next this
#: has to be more than what the solver takes for nothing, or it would change its mind at every look where the price is
#: the same all day. On paper a step is five minutes of twelve hours, so a thirtieth of it does there, and this much
#: costs a third of a percent on the garage's 8 to 15 March.
LATE: Final = 3e-3
#: Tie-breaks that spread power over time, and what isn't served over the cars.
LEVEL: Final = 1e-5
FAIR: Final = 1e-3


def expected_cars(known: Knowledge) -> Cars:
    """The cars that may come, in steps: a plan must not count on time that there isn't."""
    cars = known.expected
    comes_h, leaves_h = (np.array([getattr(each, name) for each in cars]) for name in ("comes_h", "leaves_h"))
    first, last, last_share = stays_in(np.cumsum(known.outlook.hours), comes_h, leaves_h)
    return Cars(
        first=first,
        last=last,
        last_share=last_share,
        need_kwh=np.array([each.need_wh / 1000 for each in cars], dtype=np.float64),
        max_a=np.array([each.max_a for each in cars], dtype=np.float64),
        kw_per_a=np.array([each.kw_per_a for each in cars], dtype=np.float64),
        evse=np.array([each.evse for each in cars], dtype=np.int64),
        weight=np.ones(len(cars)),
        scenario=np.array([each.scenario for each in cars], dtype=np.int64),
    )


def horizon_of(known: Knowledge) -> Horizon:
    """What energy costs and brings in each step, and what the site takes and makes besides."""
    outlook = known.outlook
    steps = len(outlook.hours)
    price = np.array(outlook.price.values, dtype=np.float64)
    nothing = (0,) * steps
    load_w = np.sum([each.power_w.values for each in outlook.loads] or [nothing], axis=0)
    solar_w = np.sum([each.power_w.values for each in outlook.solar] or [nothing], axis=0)
    return Horizon(
        hours=np.array(outlook.hours),
        price=price,
        feed_in=np.minimum(np.array(outlook.feed_in.values, dtype=np.float64), price),
        load_kw=load_w / 1000,
        solar_kw=solar_w / 1000,
        # The grid connection is a node of the tree.
        limit_kw=np.full(steps, np.inf),
    )


def worth_of(known: Knowledge) -> Worth:
    """What is not served, a higher peak and being late cost."""
    demand = known.outlook.demand
    # A higher peak costs all of the charge, whenever in the month it is; what is paid, or worth it, costs nothing more.
    charge = 0.0 if demand is None else float(demand.charge_per_kw)
    return Worth(
        unserved=float(known.settings.unserved_per_kwh) * INSISTENCE,
        peak=max(charge, 0.0),
        paid_kw=max(known.paid_w, known.worthwhile_w) / 1000,
        late=LATE,
        level=LEVEL,
        fair=FAIR,
    )
