"""A fleet whose sessions are generated: vehicles that leave in the morning and come home in the evening, by a seed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Meta, Struct

Hour = Annotated[float, Meta(ge=0, le=23)]
Spread = Annotated[float, Meta(ge=0, le=6)]
#: The shortest stay and the least energy that are generated.
SHORTEST: Final = timedelta(minutes=30)
LEAST_KWH: Final = 5.0


class Fleet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each of so many `vehicles` comes home about `home_h`, by the clock of the scenario's zone, needs about
    `energy_kwh`, and leaves the next day about `leaves_h`; each `_sd` is a standard deviation. `out`: the share of
    them that was out on a weekday, `out_weekends` on a day of the weekend.
    `days_before`: days that are generated before the time that is simulated, as its past."""

    vehicles: Annotated[int, Meta(ge=1, le=10_000)]
    seed: Annotated[int, Meta(ge=0)] = 1
    home_h: Hour = 18.0
    home_h_sd: Spread = 1.5
    leaves_h: Hour = 6.0
    leaves_h_sd: Spread = 1.0
    energy_kwh: Annotated[float, Meta(gt=0, le=10_000)] = 200.0
    energy_kwh_sd: Annotated[float, Meta(ge=0, le=10_000)] = 60.0
    most_kwh: Annotated[float, Meta(gt=0, le=10_000)] = 450.0
    out: Annotated[float, Meta(ge=0, le=1)] = 0.95
    out_weekends: Annotated[float, Meta(ge=0, le=1)] = 0.3
    days_before: Annotated[int, Meta(ge=0, le=366)] = 28


class FleetSession(Struct, frozen=True, kw_only=True):
    """A session as a file of sessions would have it."""

    id: str
    station: str
    start: datetime
    end: datetime
    energy_wh: int
    token: str
    stated_end: datetime | None = None
    stated_wh: int | None = None


def sessions_of(
    fleet: Fleet, stations: tuple[str, ...], zone: str, start: datetime, end: datetime
) -> list[FleetSession]:
    """The sessions of a fleet whose vehicles have a station each, in turn; those of a day are the same whatever the
    time is that is asked for. They begin from `days_before` days before `start` on and before `end`."""
    first = start.astimezone(ZoneInfo(zone)).date() - timedelta(days=fleet.days_before)
    days = (end.astimezone(ZoneInfo(zone)).date() - first).days + 1
    return [
        session
        for number in range(days)
        for session in _of_day(fleet, stations, ZoneInfo(zone), first + timedelta(days=number))
        if session.start < end
    ]


def _of_day(fleet: Fleet, stations: tuple[str, ...], zone: ZoneInfo, day: date) -> Iterator[FleetSession]:
    random = np.random.default_rng([fleet.seed, day.toordinal()])
    midnight = datetime.combine(day, time(), zone)
    out = random.random(fleet.vehicles) < (fleet.out if day.weekday() < 5 else fleet.out_weekends)
    home_h = np.clip(random.normal(fleet.home_h, fleet.home_h_sd, fleet.vehicles), 12.0, 23.5)
    leaves_h = np.clip(random.normal(fleet.leaves_h, fleet.leaves_h_sd, fleet.vehicles), 0.5, 11.5)
    energy_kwh = np.clip(
        random.normal(fleet.energy_kwh, fleet.energy_kwh_sd, fleet.vehicles), LEAST_KWH, fleet.most_kwh
    )
    for vehicle in np.nonzero(out)[0]:
        came = (midnight + timedelta(minutes=round(home_h[vehicle] * 60))).astimezone(UTC)
        left = (midnight + timedelta(days=1, minutes=round(leaves_h[vehicle] * 60))).astimezone(UTC)
        yield FleetSession(
            id=f"{day.isoformat()}-{vehicle + 1}",
            station=stations[vehicle % len(stations)],
            start=came,
            end=max(left, came + SHORTEST),
            energy_wh=round(energy_kwh[vehicle] * 1000),
            token=f"vehicle-{vehicle + 1}",
        )
