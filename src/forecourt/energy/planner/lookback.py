"""The highest power that would have been best for the days that are over.

A demand charge is paid once for all days of a bill. A plan of one day weighs it against that day alone, and is too
stingy where more power would save a little every day, or where a busy day will need it anyway. So what the past days
would have chosen together, if the charge were shared among as many days as are left, is taken as paid, less a little.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from forecourt.energy.planner.arrivals import NOBODY, Visit, midnight
from forecourt.energy.planner.problem import Cars

#: The share of it that is taken as paid: the days to come may be lighter, and one that is too low costs little until a
#: busy day raises it.
SHARE: Final = 0.8
#: The latest days that are looked back on, and the fewest.
MOST_DAYS: Final = 14
LEAST_DAYS: Final = 2
#: The shortest step of the past: an estimate needs no finer one.
LEAST_STEP: Final = timedelta(minutes=15)


def past_days(visits: Sequence[Visit], today: date, zone: str) -> int:
    """How many whole days before today are known and looked back on; 0 where they are too few."""
    if not visits:
        return 0
    first = min(visit.came_at for visit in visits)
    days = int((midnight(today, zone) - first) / timedelta(days=1) + 0.5)
    return 0 if days < LEAST_DAYS else min(days, MOST_DAYS)


def past_cars(visits: Sequence[Visit], start: datetime, end: datetime, step: timedelta) -> Cars:
    """The visits that began and ended between, as cars of a plan in steps from `start` on."""
    known = [visit for visit in visits if start <= visit.came_at and visit.left_at <= end]
    if not known:
        return NOBODY
    first = np.array([(visit.came_at - start) // step for visit in known], dtype=np.int64)
    last = np.array([-((start - visit.left_at) // step) for visit in known], dtype=np.int64)
    return Cars(
        first=first,
        last=np.maximum(np.minimum(last, (end - start) // step), first + 1),
        last_share=np.ones(len(known)),
        need_kwh=np.array([visit.need_kwh for visit in known]),
        max_a=np.array([visit.max_a for visit in known]),
        kw_per_a=np.array([visit.kw_per_a for visit in known]),
        evse=np.array([visit.evse for visit in known], dtype=np.int64),
        weight=np.ones(len(known)),
        scenario=np.full(len(known), -1, dtype=np.int64),
    )
