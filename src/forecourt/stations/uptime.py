"""How available a station was over a span: pure, from what its connectors said and when its connection was gone."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from msgspec import Struct

from forecourt.stations.model import OFFLINE
from forecourt.stations.store import ChangeRow, GapRow

#: States in which nobody can charge at a connector.
OUT_OF_SERVICE: Final = frozenset({"Faulted", "Unavailable"})


class Band(Struct, frozen=True, kw_only=True):
    """A state that lasted from `began_at` to `ended_at`, cut to the span."""

    state: str
    began_at: datetime
    ended_at: datetime
    error_code: str | None = None


class Strip(Struct, frozen=True, kw_only=True):
    """What one connector was over the span, oldest first. Evse 0 is the station itself: its connection."""

    evse: int
    connector: int
    bands: tuple[Band, ...]


class Uptime(Struct, frozen=True, kw_only=True):
    """Availability of a whole station over a span.

    `usable_permille` is the share of time in which it was connected and somebody could charge at one of its connectors,
    in thousandths; None where nothing is known. `gaps` are those of its connection.
    """

    usable_permille: int | None
    gaps: tuple[Band, ...]
    gap_s: int
    strips: tuple[Strip, ...]


def uptime(changes: Sequence[ChangeRow], gaps: Sequence[GapRow], began_at: datetime, ended_at: datetime) -> Uptime:
    """The availability over a span. `changes` are in the order of connectors and time, each connector's first one the
    word that held when the span began."""
    away = _gap_bands(gaps, began_at, ended_at)
    strips = tuple(
        Strip(evse=place[0], connector=place[1], bands=_bands(list(said), began_at, ended_at))
        for place, said in groupby(changes, key=lambda change: (change.evse, change.connector))
    )
    connectors = [strip for strip in strips if strip.connector > 0]
    return Uptime(
        usable_permille=_usable(connectors, away, began_at, ended_at) if connectors else None,
        gaps=away,
        gap_s=sum(int((gap.ended_at - gap.began_at).total_seconds()) for gap in away),
        strips=strips,
    )


def _gap_bands(gaps: Sequence[GapRow], began_at: datetime, ended_at: datetime) -> tuple[Band, ...]:
    bands = []
    for gap in gaps:
        begin, end = max(gap.lost_at, began_at), min(gap.returned_at or ended_at, ended_at)
        if begin < end:
            bands.append(Band(state=OFFLINE, began_at=begin, ended_at=end))
    return tuple(bands)


def _bands(said: Sequence[ChangeRow], began_at: datetime, ended_at: datetime) -> tuple[Band, ...]:
    bands: list[Band] = []
    for change, following in zip(said, [*said[1:], None], strict=True):
        begin = max(change.state_at, began_at)
        end = ended_at if following is None else min(following.state_at, ended_at)
        if begin >= end:
            continue
        last = bands[-1] if bands else None
        if last is not None and last.ended_at == begin and (last.state, last.error_code) == _word(change):
            bands[-1] = Band(state=last.state, began_at=last.began_at, ended_at=end, error_code=last.error_code)
        else:
            bands.append(Band(state=change.state, began_at=begin, ended_at=end, error_code=_word(change)[1]))
    return tuple(bands)


def _word(change: ChangeRow) -> tuple[str, str | None]:
    return change.state, change.error_code if change.error_code != "NoError" else None


def _usable(connectors: Sequence[Strip], away: Sequence[Band], began_at: datetime, ended_at: datetime) -> int | None:
    """Thousandths of the span in which some connector was in service and the station connected."""
    whole = (ended_at - began_at).total_seconds()
    if whole <= 0:
        return None
    good = [band for strip in connectors for band in strip.bands if band.state not in OUT_OF_SERVICE]
    # At each edge somebody becomes usable (1) or stops to be, and the connection goes or returns.
    edges = [(band.began_at, 1, 0) for band in good] + [(band.ended_at, -1, 0) for band in good]
    edges += [(band.began_at, 0, 1) for band in away] + [(band.ended_at, 0, -1) for band in away]
    usable_s, in_service, gone, since = 0.0, 0, 0, began_at
    for at, service, connection in sorted(edges):
        if in_service and not gone:
            usable_s += (at - since).total_seconds()
        in_service, gone, since = in_service + service, gone + connection, at
    return int(usable_s * 1000 / whole)
