"""Who is assumed to come to a site whose own days aren't known yet: cars of people who work there.

Planning for nobody makes a first morning too stingy, and the peak of a first noon is paid for a month. A site's own
days take the place of this one as they become known, and what comes on a day itself tells how busy it is.
"""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.energy.planner.arrivals import ASSUMED, Visit
from forecourt.energy.rows import Floats

#: When cars come (hours), how long they stay, what they take (kWh) and how many there are for each EVSE, on a weekday
#: and on a day of a weekend (the garage of the California Institute of Technology, 1 to 7 March 2019).
DAYS: Final = (
    (
        (7.0, 4.0, 9.0, 0.02),
        (8.0, 9.0, 9.0, 0.10),
        (9.0, 6.0, 8.0, 0.10),
        (9.0, 8.5, 13.0, 0.10),
        (10.25, 5.0, 6.5, 0.05),
        (10.25, 8.0, 9.5, 0.05),
        (12.0, 5.5, 10.0, 0.08),
        (14.0, 3.0, 5.0, 0.06),
        (16.0, 3.5, 8.0, 0.03),
        (18.0, 2.5, 8.0, 0.04),
        (20.0, 2.5, 9.0, 0.04),
    ),
    (
        (8.0, 3.5, 4.0, 0.02),
        (10.25, 2.0, 9.5, 0.06),
        (12.0, 5.0, 20.0, 0.02),
        (14.0, 3.5, 12.0, 0.08),
        (16.0, 2.0, 5.0, 0.03),
        (19.0, 4.0, 15.0, 0.02),
    ),
)
#: Cars of a row come within so many hours about its time.
WITHIN_H: Final = 1.0


def assumed_visits(max_a: Floats, kw_per_a: Floats, zone: str) -> list[Visit]:
    """The visits of ASSUMED to a site whose EVSEs give so much, spread evenly over them."""
    found = []
    evses = len(max_a)
    for day, rows in zip(ASSUMED, DAYS, strict=True):
        midnight = datetime.combine(day, time(), ZoneInfo(zone))
        wanted, placed = 0.0, 0
        for comes_h, stays_h, kwh, cars in rows:
            wanted += cars * evses
            number = round(wanted) - placed
            for each in range(number):
                came_at = midnight + timedelta(hours=comes_h + WITHIN_H * ((each + 0.5) / number - 0.5))
                evse = _spread(placed + each, evses)
                most_kwh = stays_h * float(max_a[evse] * kw_per_a[evse])
                found.append(
                    Visit(
                        came_at=came_at,
                        left_at=came_at + timedelta(hours=stays_h),
                        need_kwh=min(kwh, most_kwh),
                        max_a=float(max_a[evse]),
                        kw_per_a=float(kw_per_a[evse]),
                        evse=evse,
                    )
                )
            placed += number
    return found


def _spread(number: int, evses: int) -> int:
    """EVSEs in an order that leaves none of a site's parts out: by the golden section."""
    return int(number * 0.6180339887 % 1.0 * evses)
