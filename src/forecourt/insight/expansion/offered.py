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
from msgspec import Struct

from forecourt.insight.expansion.erlang import Floats, SizingRefused
from forecourt.insight.expansion.model import Load
from forecourt.insight.model import Session

Indices = np.ndarray[Any, np.dtype[np.int64]]

HOUR_S: Final = 3600
WEEK_H: Final = 168
#: Hours from the first arrival to the last: twenty years.
MAX_HOURS: Final = 175_320
#: Powers that are kept of a site: so many quantiles of what cars drew.
MAX_POWERS: Final = 64
#: The share of sessions that say when charging ended, above which what cars drew is known.
LEAST_KNOWN: Final = 0.5


class Seen(Struct, frozen=True, kw_only=True):
    """Sessions of one site that lasted longer than a moment, in seconds since 1970, in any order. `charging_s` and
    `energy_wh` of a session are NaN where nobody knows them."""

    site: str
    zone: str
    plugs: int
    starts: Floats
    ends: Floats
    charging_s: Floats
    energy_wh: Floats


class Weeks(Struct, frozen=True, kw_only=True):
    """What was seen of one site, a row a week from its first session on and a column an hour of the day by its clock:
    `arrived` sessions, `free_s` with a plug free, `held_s` in all. `stay_h` and `charge_h` are how many hours of the
    stays, and of the charging, of those who came lie in their first hour, their second, and so on, days laid over each
    other. `powers_w` are quantiles of what a car drew while it charged; none where too little is known."""

    site: str
    plugs: int
    arrived: Floats
    free_s: Floats
    held_s: Floats
    stay_h: Floats
    charge_h: Floats
    powers_w: tuple[int, ...] = ()

    @property
    def seen(self) -> int:
        """Sessions in all."""
        return int(self.arrived.sum())

    def load(self) -> Load:
        """The load that was offered."""
        return _load(self)

    def drawn(self, counts: Floats) -> tuple[Floats, Floats]:
        """Arrivals an hour and erlang by the hour of the day, a row for each row of `counts`: how often each week
        counts."""
        free_s, held_s, arrived = counts @ self.free_s, counts @ self.held_s, counts @ self.arrived
        # An hour that was never free tells nothing: what was seen in it is the least that came.
        seconds = np.where(free_s > 0, free_s, np.maximum(held_s, 1.0))
        rates = arrived / seconds * HOUR_S
        stays = counts @ self.stay_h / np.maximum(arrived.sum(axis=1, keepdims=True), 1.0)
        return rates, _kept_busy(rates, stays)


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
    return [weeks(_seen(site, sites[site], plugs)).load() for site in sorted(sites)]


def _seen(site: str, sessions: list[Session], plugs: int | None) -> Seen:
    ends = [each.charging_ended_at for each in sessions]
    begun = np.array([each.started_at.timestamp() for each in sessions])
    return Seen(
        site=site,
        zone=sessions[0].zone,
        plugs=plugs or len({(each.station, each.evse) for each in sessions}),
        starts=begun,
        ends=np.array([each.ended_at.timestamp() for each in sessions]),
        charging_s=np.array([np.nan if end is None else end.timestamp() for end in ends]) - begun,
        energy_wh=np.array([np.nan if each.energy_wh is None else each.energy_wh for each in sessions], np.float64),
    )


def weeks(seen: Seen, until: float | None = None) -> Weeks:
    """Counts what was seen, from the first session until the last began, or until a later time in seconds since 1970.
    Raises SizingRefused beyond MAX_HOURS."""
    starts, ends = np.sort(seen.starts), np.sort(seen.ends)
    begin = starts[0] // HOUR_S * HOUR_S
    hours = int((max(starts[-1], until or 0.0) - begin) // HOUR_S) + 1
    if hours > MAX_HOURS:
        raise SizingRefused(f"{seen.site} has sessions more than twenty years apart. Is a date wrong?")
    edges = begin + HOUR_S * np.arange(hours + 1.0)
    # Between two moments of change, and two full hours, the number of taken plugs stays the same.
    moments = np.union1d(np.concatenate([starts, ends[ends < edges[-1]]]), edges)
    taken = np.searchsorted(starts, moments[:-1], "right") - np.searchsorted(ends, moments[:-1], "right")
    free = np.where(taken < seen.plugs, np.diff(moments), 0.0)
    cells = np.arange(hours) // WEEK_H * 24 + _hours_of_day(begin, hours, seen.zone)
    rows = -(-hours // WEEK_H)
    hour_of = ((seen.starts - begin) // HOUR_S).astype(np.int64)

    def counted(hour: Indices, held: Floats | None = None) -> Floats:
        return np.bincount(cells[hour], held, rows * 24).reshape(rows, 24).astype(np.float64)

    charged = np.minimum(np.where(seen.charging_s > 0, seen.charging_s, 0.0), seen.ends - seen.starts)
    return Weeks(
        site=seen.site,
        plugs=seen.plugs,
        arrived=counted(hour_of),
        free_s=counted(((moments[:-1] - begin) // HOUR_S).astype(np.int64), free),
        held_s=counted(np.arange(hours)) * HOUR_S,
        stay_h=_ages(hour_of // WEEK_H, rows, (seen.ends - seen.starts) / HOUR_S),
        charge_h=_ages(hour_of // WEEK_H, rows, charged / HOUR_S),
        powers_w=_powers(charged, seen.charging_s, seen.energy_wh),
    )


def _ages(week: Indices, rows: int, lengths: Floats) -> Floats:
    """Hours by their age, of those who came in each week."""
    whole = lengths.astype(np.int64)
    days, last = np.divmod(whole, 24)
    made = np.zeros((rows, 24))
    made += np.bincount(week, days, rows)[:, None]
    np.add.at(made, (week, last), lengths - whole)
    # Every hour before the last one is whole: counted from behind.
    ended = np.zeros((rows, 24))
    np.add.at(ended, (week, last), 1.0)
    after = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
    made[:, :-1] += after[:, 1:]
    return made


def _powers(charged: Floats, charging_s: Floats, energy_wh: Floats) -> tuple[int, ...]:
    """Quantiles of mean powers in W, each car counting for as long as it charged."""
    known = ~np.isnan(charging_s) & ~np.isnan(energy_wh)
    if known.mean() < LEAST_KNOWN:
        return ()
    use = known & (charged > 0) & (energy_wh > 0)
    if not use.any():
        return ()
    power = energy_wh[use] * HOUR_S / charged[use]
    order = np.argsort(power)
    passed = charged[use][order].cumsum()
    asked = (np.arange(MAX_POWERS) + 0.5) / MAX_POWERS * passed[-1]
    return tuple(round(each) for each in power[order][np.searchsorted(passed, asked)].tolist())


def _load(seen: Weeks) -> Load:
    once = np.ones((1, len(seen.arrived)))
    rates, busy = seen.drawn(once)
    came = max(float(seen.arrived.sum()), 1.0)
    return Load(
        site=seen.site,
        arrivals=tuple(rates[0].tolist()),
        erlang=tuple(busy[0].tolist()),
        charging=tuple(_kept_busy(rates, once @ seen.charge_h / came)[0].tolist()),
        powers_w=seen.powers_w,
        stay_minutes=float(seen.stay_h.sum()) / came * 60,
        plugs=seen.plugs,
        seen=seen.seen,
        full_share=1 - float(seen.free_s.sum()) / float(seen.held_s.sum()),
    )


def _kept_busy(rates: Floats, ages: Floats) -> Floats:
    """Erlang by the end of each hour of the day; `rates` an hour, by hour of the day, `ages` of a mean stay in
    hours; a row each."""
    hours = np.arange(24)
    busy: Floats = np.einsum("rha,ra->rh", rates[:, (hours[:, None] - hours[None, :]) % 24], ages)
    return busy


def _hours_of_day(begin: float, hours: int, zone: str) -> Indices:
    """The hour of the day, by the clock of the site, of each hour from `begin` on."""
    place = ZoneInfo(zone)
    return np.fromiter((datetime.fromtimestamp(begin + HOUR_S * each, place).hour for each in range(hours)), np.int64)
