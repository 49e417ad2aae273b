"""What drivers say about themselves, and how wrong it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.rows import Floats

#: The shortest stay and the most energy that anybody states.
SHORTEST: Final = timedelta(minutes=30)
MOST_KWH: Final = 100.0


class Drivers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far off what drivers state is, as quantiles: at each of `levels`, by how many hours they leave later than
    they said (negative: earlier), and what share of the energy that they asked for they take. What is between is
    interpolated.

    The defaults are of 2,979 sessions at workplaces: 76 % leave earlier than stated, half of them by 4.3 hours and
    more; half of them take 43 % of what they asked for or less. Only that much is known; the rest of both curves is
    assumed.
    """

    seed: Annotated[int, Meta(ge=0)] = 1
    levels: tuple[Annotated[float, Meta(ge=0, le=1)], ...] = (0.0, 0.05, 0.5, 0.76, 0.95, 1.0)
    late_h: tuple[Annotated[float, Meta(ge=-48, le=48)], ...] = (-13.0, -10.9, -4.3, 0.0, 5.1, 7.0)
    taken: tuple[Annotated[float, Meta(gt=0, le=1)], ...] = (0.05, 0.1, 0.43, 0.68, 0.97, 1.0)

    def faults(self) -> list[str]:
        """What is nonsense, in words."""
        curves = (self.levels, self.late_h, self.taken)
        rising = all(list(curve) == sorted(curve) for curve in curves)
        if (
            not rising
            or len({len(curve) for curve in curves}) != 1
            or self.levels[:1] != (0.0,)
            or self.levels[-1] != 1
        ):
            return ["drivers: levels must rise from 0 to 1, and late_h and taken with them"]
        return []


class Statement(Struct, frozen=True, kw_only=True):
    """When a driver says to leave (UTC), and how much they ask for."""

    left_at: datetime
    need_kwh: float


def statements(
    drivers: Drivers, ids: Sequence[str], came: Sequence[datetime], left: Sequence[datetime], need_kwh: Floats
) -> list[Statement]:
    """What each driver would have stated; the same of a session whatever others there are."""
    return [
        _statement(
            drivers, np.random.default_rng([drivers.seed, *id.encode()]), came[car], left[car], float(need_kwh[car])
        )
        for car, id in enumerate(ids)
    ]


def _statement(
    drivers: Drivers, random: np.random.Generator, came: datetime, left: datetime, need_kwh: float
) -> Statement:
    late_h = float(np.interp(random.random(), drivers.levels, drivers.late_h))
    taken = float(np.interp(random.random(), drivers.levels, drivers.taken))
    return Statement(
        left_at=max(left - timedelta(hours=late_h), came + SHORTEST),
        need_kwh=max(need_kwh, min(need_kwh / taken, MOST_KWH)),
    )
