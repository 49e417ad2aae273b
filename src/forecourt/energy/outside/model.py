"""Limits of others, and schedules of cars, over time. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from forecourt.ocpp.neutral import CarSchedule, ChargingLimit, Schedule, Unit

#: Limits of others that are kept of one station: each is of an EVSE and of who sets it.
MAX_EXTERNAL: Final = 40
#: Profiles that are taken of one station's report.
MAX_HELD: Final = 200
#: A longer name of who limits a station is cut to this.
MAX_SOURCE: Final = 40


class External(Struct, frozen=True, kw_only=True):
    """A limit of somebody else on a station, or on an EVSE of it. `since`: when just this was said first."""

    station: str
    said: ChargingLimit
    since: datetime
    said_at: datetime

    @property
    def counts(self) -> bool:
        """Whether it limits at all: what is made on site comes on top of what is allowed (2.1)."""
        return not self.said.local_generation

    def least(self, unit: Unit, start: datetime, end: datetime) -> int | None:
        """The tightest that holds at any time from one to another, in mA on each conductor or in W; None where nothing
        does, or nobody said how much."""
        if not self.counts:
            return None
        found = [least_of(each, unit, self.said_at, start, end) for each in self.said.schedules]
        return min((each for each in found if each is not None), default=None)


class CarMeans(Struct, frozen=True, kw_only=True):
    """How the car at an EVSE means to charge."""

    station: str
    evse: int
    said: CarSchedule
    said_at: datetime


def least_of(schedule: Schedule, unit: Unit, counted_from: datetime, start: datetime, end: datetime) -> int | None:
    """The least limit of a schedule from one time to another, where it is counted in this unit; None where it limits
    nothing then. One without a start begins when it was said, and one without a duration goes on for ever."""
    if schedule.unit is not unit:
        return None
    begins = schedule.start_at or counted_from
    over = None if schedule.duration_s is None else begins + timedelta(seconds=schedule.duration_s)
    found = []
    for number, period in enumerate(schedule.periods):
        since = begins + timedelta(seconds=period.start_s)
        later: Sequence[int] = [each.start_s for each in schedule.periods[number + 1 : number + 2]]
        until = begins + timedelta(seconds=later[0]) if later else over
        if period.limit is not None and since < end and (until is None or until > start):
            found.append(max(period.limit, 0))
    return min(found, default=None)
