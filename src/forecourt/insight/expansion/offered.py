"""The load that was offered, from the sessions that were served.

While every plug is taken nobody can be seen to come. So arrivals are counted against the time in which a plug was
free, hour of the day by hour; what comes meanwhile is taken to come at the same rate.

An hour's load is what its arrivals and those of the hours before would keep busy were there plugs for all, by how long
stays were: the modified offered load (Massey and Whitt 1994). Arrivals times stay would hold for a rate that lasts.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from forecourt.insight.expansion.erlang import SizingRefused
from forecourt.insight.expansion.model import Load
from forecourt.insight.model import Session

Floats = np.ndarray[Any, np.dtype[np.float64]]

HOUR_S: Final = 3600
#: Hours from the first arrival to the last: twenty years.
MAX_HOURS: Final = 175_320


def loads(sessions: Iterable[Session], plugs: int | None = None) -> list[Load]:
    """The load of each site, by name. `plugs` of each site, else as many as ever had a session.

    A session without a site counts for its station, one that ended at once for nothing. Raises SizingRefused
    for no session, or more than MAX_HOURS.
    """
    sites: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        if session.ended_at > session.started_at:
            sites[session.site or session.station].append(session)
    if not sites:
        raise SizingRefused("No session lasted longer than a moment, so no load can be told.")
    return [_load(site, sites[site], plugs) for site in sorted(sites)]


def _load(site: str, sessions: list[Session], plugs: int | None) -> Load:
    starts = np.sort([session.started_at.timestamp() for session in sessions])
    ends = np.sort([session.ended_at.timestamp() for session in sessions])
    count = plugs or len({(session.station, session.evse) for session in sessions})
    begin = starts[0] // HOUR_S * HOUR_S
    hours = int((starts[-1] - begin) // HOUR_S) + 1
    if hours > MAX_HOURS:
        raise SizingRefused(f"{site} has sessions more than twenty years apart. Is a date wrong?")
    edges = begin + HOUR_S * np.arange(hours + 1.0)
    # Between two moments of change, and two full hours, the number of taken plugs stays the same.
    moments = np.union1d(np.concatenate([starts, ends[ends < edges[-1]]]), edges)
    taken = np.searchsorted(starts, moments[:-1], "right") - np.searchsorted(ends, moments[:-1], "right")
    free = np.where(taken < count, np.diff(moments), 0.0)
    hour = ((moments[:-1] - begin) // HOUR_S).astype(np.int64)
    of_day = _hours_of_day(begin, hours, sessions[0].zone)
    free_s = np.bincount(of_day[hour], free, 24)
    arrived = np.bincount(of_day[((starts - begin) // HOUR_S).astype(np.int64)], minlength=24)
    # An hour that was never free tells nothing: what was seen in it is the least that came.
    held_s = np.bincount(of_day, minlength=24) * float(HOUR_S)
    seconds = np.where(free_s > 0, free_s, np.maximum(held_s, 1.0))
    rates = arrived / seconds * HOUR_S
    stays = np.array([(session.ended_at - session.started_at).total_seconds() for session in sessions]) / HOUR_S
    return Load(
        site=site,
        arrivals=tuple(rates.tolist()),
        erlang=tuple(_kept_busy(rates, stays).tolist()),
        stay_minutes=float(stays.mean()) * 60,
        plugs=count,
        seen=len(sessions),
        full_share=1 - float(free.sum()) / (hours * HOUR_S),
    )


def _kept_busy(rates: Floats, stays: Floats) -> Floats:
    """Erlang by the end of each hour of the day; `rates` an hour, by hour of the day, `stays` in hours."""
    # How much of a mean stay lies in its first hour, its second, and so on, days laid over each other.
    ages = np.zeros(24)
    whole = stays.astype(np.int64)
    days, last = np.divmod(whole, 24)
    ages += days.sum() + (last[:, None] > np.arange(24)).sum(0)
    np.add.at(ages, last, stays - whole)
    ages /= len(stays)
    return np.array([sum(rates[hour - age] * ages[age] for age in range(24)) for hour in range(24)])


def _hours_of_day(begin: float, hours: int, zone: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The hour of the day, by the clock of the site, of each hour from `begin` on."""
    place = ZoneInfo(zone)
    return np.fromiter((datetime.fromtimestamp(begin + HOUR_S * each, place).hour for each in range(hours)), np.int64)
