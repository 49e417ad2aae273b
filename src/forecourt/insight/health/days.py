"""A lake's tables as days of connectors: what is counted of each EVSE on each day (UTC), and when it was down.

Whoever has tables of the lake's form has the same days: the lake itself, or a simulation of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.insight.health.store.days import CODES, DAY_S, day_counts, list_plugs

if TYPE_CHECKING:
    import duckdb

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Station, EVSE, site, and days since 1970, as `list_plugs` tells them.
_Row = tuple[str, int, str | None, int, int | None]
#: EVSEs that are looked at; of more, whole sites are drawn, alike each time, and the others said to be left out.
MAX_PLUGS: Final = 20_000
SEED: Final = 20_263
#: Seconds of a day in which it was faulted, or alone without connection, that make a connector down on that day.
DOWN_S: Final = 6 * 3_600
#: What is counted a day.
COUNTS: Final = (
    "starts", "failed", "retries", "fair_starts", "fair_failed", "moved", "energy", "power_wh", "offered_wh",
    "short_wh", "told_wh", "metered_wh", "drifted_wh", "heat", "heats", "loaded_heat", "loaded_heats", "load",
    "load_squared", "load_heat", "flaps", "away_s", *CODES, "other", "burst", "faulted_s",
)  # fmt: skip


class Plug(Struct, frozen=True, kw_only=True):
    """An EVSE. `site` None: its station is at none, and is compared with the network."""

    station: str
    evse: int
    site: str | None


class History(Struct, frozen=True, kw_only=True):
    """Days of plugs: `counts` by name, each of (plugs, days); `site` and `station` number the site and the station of
    each plug, a station at no site being one; `began` the day on which it was first heard of, by number, 0 where that
    was before the first; `heard` the one on which it first spoke here itself, `days` where it never did; `down` when it
    was down. `left_out`: EVSEs beyond MAX_PLUGS."""

    plugs: list[Plug]
    first: date
    days: int
    counts: dict[str, Floats]
    site: Ints
    station: Ints
    began: Ints
    heard: Ints
    down: Flags
    left_out: int = 0

    def day(self, number: int) -> date:
        """The date of a day by its number."""
        return self.first + timedelta(days=number)


def counted(db: "duckdb.DuckDBPyConnection", first: date, days: int, most: int = MAX_PLUGS) -> History:
    """So many days from a first one on, of every EVSE that ever did or said something, `most` at the most. `db` has the
    lake's tables `stations`, `sessions`, `states` and `gaps`, and counts times in UTC."""
    assert days > 0
    every = list_plugs(db)
    found = _drawn(every, most)
    plugs = [Plug(station=station, evse=evse, site=site) for station, evse, site, *_ in found]
    since = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    places = {(plug.station, plug.evse): number for number, plug in enumerate(plugs)}
    of_station: dict[str, list[int]] = {}
    for number, plug in enumerate(plugs):
        of_station.setdefault(plug.station, []).append(number)
    counts = {name: np.zeros((len(plugs), days)) for name in COUNTS}
    for names, rows in day_counts(db, since, since + days * DAY_S):
        _put(counts, names, rows, places, of_station, since // DAY_S)
    station = _numbered(plug.station for plug in plugs)
    site = _sites(found)
    began = np.array([max(0, day - since // DAY_S) for *_, day, _ in found], np.int64)
    heard = np.array([days if day is None else max(0, day - since // DAY_S) for *_, day in found], np.int64)
    return History(
        plugs=plugs, first=first, days=days, counts=counts, site=site, station=station, began=began, heard=heard,
        down=_down(counts, site, station),
        left_out=len(every) - len(found),
    )  # fmt: skip


def _drawn(every: list[_Row], most: int) -> list[_Row]:
    """As many as there may be, whole sites: the rest of a site is what a connector is held against."""
    if len(every) <= most:
        return every
    site = _sites(every)
    chosen: set[int] = set()
    left = most
    for number in np.random.default_rng(SEED).permutation(int(site.max()) + 1):
        here = int((site == number).sum())
        if here <= left:
            chosen.add(int(number))
            left -= here
    return [each for each, number in zip(every, site, strict=True) if int(number) in chosen]


def _sites(plugs: Iterable[_Row]) -> Ints:
    return _numbered(f"site {site}" if site else f"station {station}" for station, _, site, *_ in plugs)


def _put(
    counts: dict[str, Floats],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    places: Mapping[tuple[str, int], int],
    of_station: Mapping[str, Sequence[int]],
    first: int,
) -> None:
    for station, evse, day, *values in rows:
        numbers = of_station.get(station, ()) if evse is None else [places.get((station, evse), -1)]
        number = day - first
        for plug in numbers:
            if plug >= 0 and 0 <= number < counts["starts"].shape[1]:
                for name, value in zip(names, values, strict=True):
                    counts[name][plug, number] = value


def _numbered(names: Iterable[str]) -> Ints:
    """The same number for the same name."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _down(counts: dict[str, Floats], site: Ints, station: Ints) -> Flags:
    """When each was down: faulted, or away while another station of its site was there."""
    away = counts["away_s"]
    shared = np.zeros_like(away)
    for number in np.unique(site):
        here = np.flatnonzero(site == number)
        for each in np.unique(station[here]):
            others = here[station[here] != each]
            shared[here[station[here] == each]] = away[others].min(0) if len(others) else 0.0
    return np.asarray(counts["faulted_s"] + np.maximum(away - shared, 0) >= DOWN_S)
