"""The load that was offered, from the sessions that were served.

While every plug is taken nobody can be seen to come. So arrivals are counted against the time in which a plug was
free, hour of the day by hour; what comes meanwhile is taken to come at the same rate.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from forecourt.insight.expansion.erlang import SizingRefused
from forecourt.insight.expansion.model import Load
from forecourt.insight.model import Session

HOUR_S: Final = 3600
#: Hours from the first arrival to the last: twenty years.
MAX_HOURS: Final = 175_320


def loads(sessions: Iterable[Session], plugs: int | None = None) -> list[Load]:
    """The load of each site, by name. `plugs` of each site, else as many as ever had a session.

    A session without a site counts for its station. Raises SizingRefused for no session, or more than MAX_HOURS.
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
    stays = sum((session.ended_at - session.started_at for session in sessions), timedelta())
    return Load(
        site=site,
        arrivals=tuple(float(rate) for rate in arrived / seconds * HOUR_S),
        stay_minutes=stays.total_seconds() / 60 / len(sessions),
        plugs=count,
        seen=len(sessions),
        full_share=1 - float(free.sum()) / (hours * HOUR_S),
    )


def _hours_of_day(begin: float, hours: int, zone: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The hour of the day, by the clock of the site, of each hour from `begin` on."""
    place = ZoneInfo(zone)
    return np.fromiter((datetime.fromtimestamp(begin + HOUR_S * each, place).hour for each in range(hours)), np.int64)
