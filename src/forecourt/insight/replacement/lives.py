"""Lives of hardware, made of what stations said of themselves and what people say was put in and taken out. Pure.

A life counts from the day on which its end would have been known, at the age that it had by then (delayed entry): what
was taken out before, nobody can count. One that is in use, or was taken out for another reason than failing, is cut
short (right censored).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from msgspec import Struct, structs

from forecourt.insight.replacement.model import (
    CAUSES,
    Cause,
    ChangeReason,
    CountsAs,
    Hardware,
    HardwareChange,
    HardwareExchange,
    HardwareKind,
    HardwarePlace,
    Life,
    Station,
)

#: Another serial number is explained by what somebody says of the station within so many days of it.
EXPLAINED_D: Final = 14
#: Exchanges that nobody explained, of one station, above which its numbers are no sign of hardware.
MAX_UNEXPLAINED: Final = 3
#: What ends on the day on which it began had this age.
LEAST_D: Final = 0.5


class Lives(Struct, frozen=True, kw_only=True):
    """All lives, those in use last; how many that ended had an age that nobody knows; exchanges that nobody
    explained."""

    lives: list[Life]
    ageless: dict[HardwareKind, int]
    exchanges: list[HardwareExchange]


class _Event(Struct, frozen=True):
    """At a place something new begins; what was there before ended by `cause`, or was cut short."""

    on: date
    cause: Cause | None
    #: Nothing was taken out.
    begins: bool
    #: What begins isn't new: it was elsewhere before.
    moved: bool = False
    #: It is said of the station, not of the part alone.
    of_station: bool = False


#: By maker and serial number: the stations that it was seen at, and from when on.
_Seen = Mapping[tuple[str | None, str], Sequence[tuple[int, date]]]


def lives_of(
    stations: Iterable[Station],
    changes: Iterable[HardwareChange],
    since: Mapping[HardwareKind, date | None],
    today: date,
    new: Collection[HardwareKind] = (),
) -> Lives:
    """`since` says from when on ends of a kind are recorded, all of them. None: of stations since each is known here;
    of parts it isn't said, so nothing is made of them. `new`: kinds of which what was registered was new then."""
    said: dict[int, list[HardwareChange]] = defaultdict(list)
    for change in changes:
        said[change.station_id].append(change)
    stations = list(stations)
    seen: dict[tuple[str | None, str], list[tuple[int, date]]] = defaultdict(list)
    for station in stations:
        for each in station.hardware:
            seen[each.vendor, each.serial].append((station.station_id, each.first_on))
    made = Lives(lives=[], ageless=defaultdict(int), exchanges=[])
    for station in stations:
        _live(made, station, said[station.station_id], since, today, new, seen)
    made.lives.sort(key=lambda each: each.open)
    return made


def _live(
    made: Lives,
    station: Station,
    changes: Sequence[HardwareChange],
    since: Mapping[HardwareKind, date | None],
    today: date,
    new: Collection[HardwareKind],
    seen: _Seen,
) -> None:
    own: dict[HardwarePlace, list[_Event]] = defaultdict(list)
    for change in changes:
        own[change.place].append(
            _Event(
                change.on, CAUSES.get(change.reason), begins=change.reason is ChangeReason.COMMISSIONED,
                of_station=change.place.kind is HardwareKind.STATION,
            )
        )  # fmt: skip
    whole = own[HardwarePlace(kind=HardwareKind.STATION)]
    # A new controller may bring a new serial number, too.
    stated = [event.on for event in (*whole, *own[HardwarePlace(kind=HardwareKind.CONTROLLER)]) if not event.begins]
    for exchange in unexplained(station, stated, seen):
        made.exchanges.append(exchange)
        if exchange.counts_as is not CountsAs.NOTHING:
            cause = Cause.WEAR if exchange.counts_as is CountsAs.WORN else None
            moved = exchange.counts_as is CountsAs.MOVED
            whole.append(_Event(exchange.on, cause, begins=False, moved=moved, of_station=True))
    whole = _in_order(whole)
    # Parts begin with their station, and go with it.
    with_station = [structs.replace(event, cause=None) for event in whole]
    for place in places_of(station, own):
        from_on = since.get(place.kind)
        if place.kind is HardwareKind.STATION:
            events, known_from = whole, from_on or station.seen_on
        elif from_on is None:
            continue
        else:
            events, known_from = own[place] + with_station, from_on
        _at(made, station, place, events, known_from, today, new=place.kind in new)


def unexplained(station: Station, stated: Sequence[date], seen: _Seen) -> list[HardwareExchange]:
    """Each time that a station booted by another serial number, and nobody said why. Of one that tells numbers so often
    that they can't be hardware, the last alone."""
    found = [
        HardwareExchange(
            station=station.station, site=station.site, on=after.first_on, before=before.serial, after=after.serial,
            counts_as=_counts_as(station, before, after, seen),
        )
        for before, after in pairwise(station.hardware)
        if all(abs((after.first_on - on).days) > EXPLAINED_D for on in stated)
    ]  # fmt: skip
    often = any((later.on - each.on).days <= EXPLAINED_D for each, later in pairwise(found))
    if often or len(found) > MAX_UNEXPLAINED:
        return [structs.replace(found[-1], counts_as=CountsAs.NOTHING)]
    return found


def _counts_as(station: Station, before: Hardware, after: Hardware, seen: _Seen) -> CountsAs:
    on = after.first_on
    came = any(other != station.station_id and first <= on for other, first in seen[after.vendor, after.serial])
    went = any(other != station.station_id and first >= on for other, first in seen[before.vendor, before.serial])
    if came or went:
        return CountsAs.MOVED
    return CountsAs.WORN if (before.vendor, before.model) == (after.vendor, after.model) else CountsAs.UPGRADE


def places_of(station: Station, said: Collection[HardwarePlace]) -> list[HardwarePlace]:
    """Where hardware is at a station: as it told of its connectors; of one that told of none, as people say."""
    evses = sorted({evse for evse, _ in station.plugs})
    return [
        HardwarePlace(kind=HardwareKind.STATION), HardwarePlace(kind=HardwareKind.CONTROLLER),
        *(HardwarePlace(kind=HardwareKind.POWER, evse=evse) for evse in evses),
        *(HardwarePlace(kind=HardwareKind.CABLE, evse=evse, connector=connector) for evse, connector in station.plugs),
        *(place for place in said if place.evse is not None and not station.plugs),
    ]  # fmt: skip


def _at(
    made: Lives, station: Station, place: HardwarePlace, events: list[_Event], known_from: date, today: date,
    *, new: bool,
) -> None:  # fmt: skip
    """The lives at one place, one after another."""
    events = [each for each in _in_order(events) if each.on <= today]
    over = station.retired_on
    # What nobody said the beginning of is of unknown age, unless it was new when it was registered.
    began, assumed, ageless = station.seen_on, True, not new
    for before, event in zip([None, *events], events, strict=False):
        if before is not None and not before.begins and event.begins and before.of_station == event.of_station:
            # Until then nothing was there.
            pass
        elif event.on < began or (assumed and event.on == began) or (event.begins and assumed):
            # What was there before is of an age that nobody knows, or wasn't yet: it was registered ahead of its time.
            made.ageless[place.kind] += event.cause is not None
        elif event.on > began:
            _add(made, station, place, (began, event.on), known_from, cause=event.cause, assumed=ageless, open=False)
        began, assumed, ageless = event.on, event.moved, event.moved
        if over is not None and not event.begins and event.on >= over:
            return
    if over is None or over > began:
        span = (began, over or today)
        _add(made, station, place, span, known_from, cause=None, assumed=ageless, open=over is None)


def _in_order(events: Iterable[_Event]) -> list[_Event]:
    """On one day what is said of a part comes before what is said of its station, and ends before beginnings. What was
    put in twice, and nobody said that it was taken out between, was put in when that was said of first."""
    found: list[_Event] = []
    for event in sorted(events, key=lambda each: (each.on, each.begins)):
        if found and event.begins and found[-1].begins and found[-1].of_station == event.of_station:
            continue
        found.append(event)
    return found


def _add(
    made: Lives, station: Station, place: HardwarePlace, span: tuple[date, date], known_from: date, *,
    cause: Cause | None, assumed: bool, open: bool,
) -> None:  # fmt: skip
    began, ended = span
    if ended < known_from or (ended == known_from and not open):
        return
    entry = max((known_from - began).days, 0)
    made.lives.append(
        Life(
            station=station.station, site=station.site, place=place, model=_model(station, ended, open=open),
            began_on=began, entry_d=entry, exit_d=max((ended - began).days, entry + LEAST_D), cause=cause, open=open,
            assumed=assumed,
        )
    )  # fmt: skip


def _model(station: Station, ended: date, *, open: bool) -> str:
    """Vendor and model by which the station last went while hardware lived; '' where nobody knows."""
    spoke = [each for each in station.hardware if each.first_on < ended or (open and each.first_on == ended)]
    of: Hardware | Station = spoke[-1] if spoke else station.hardware[0] if station.hardware else station
    return " ".join(each for each in (of.vendor, of.model) if each)
