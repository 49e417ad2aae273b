"""What cars are owed by a time, as minimums of a problem: what was promised them, and all that they take where they go
before others. Real sites and what-ifs are planned by the same."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from forecourt.energy.planner.problem import Cars, Minimums
from forecourt.energy.rows import Floats


class Owed(Struct, frozen=True, kw_only=True):
    """What a car, by number, is to have more within so many hours."""

    car: int
    kwh: float
    within_h: float


def minimums_of(owed: Sequence[Owed], first: Sequence[int], cars: Cars, hours: Floats) -> Minimums | None:
    """Those of a problem with steps of such lengths; None where nobody is owed anything. `first`: the numbers of the
    cars that go before others: each charges all the time until it could be full, and is full a step later."""
    ends = np.cumsum(hours)
    found = [
        (each.car, _before(each.within_h, each.car, cars, ends), each.kwh)
        for each in owed
        if each.kwh > 0 and each.within_h > 0
    ]
    for car in first:
        lacks_kwh = float(cars.need_kwh[car])
        if lacks_kwh > 0:
            full_h = lacks_kwh / max(float(cars.kw_per_a[car] * cars.max_a[car]), 1e-9)
            by = _before(full_h, car, cars, ends)
            found += [(car, by, lacks_kwh), (car, min(by + 1, int(cars.last[car])), lacks_kwh)]
    if not found:
        return None
    number_of, by_step, kwh = zip(*found, strict=True)
    return Minimums(car=np.array(number_of), by=np.array(by_step), kwh=np.array(kwh))


def _before(hours: float, car: int, cars: Cars, ends: Floats) -> int:
    """The step that begins within so many hours, and no later than the car is there."""
    return int(np.clip(np.searchsorted(ends, hours + 1e-9, side="right"), 1, cars.last[car]))
