"""How far a station is that somebody is connecting for the first time, and what keeps it, told from what is known.

Pure: the page reads the facts and asks here what they mean.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.platform.clock import AHEAD
from forecourt.stations.store import MessageRow, StationRow
from forecourt.stations.store.knocks import KnockRow

#: A station's clock may be off by so much: what it says further ahead is not believed.
CLOCK_LIMIT: Final = AHEAD
#: Strangers are looked for that knocked since so long before the station was registered.
LOOKED_BACK: Final = timedelta(minutes=10)
#: Strangers that are shown beside a station that is waited for.
MAX_NEAR: Final = 3


class Stage(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    REFUSED = "refused"
    CONNECTED = "connected"
    HELD_BACK = "held_back"
    READY = "ready"
    LEFT = "left"


class Near(Struct, frozen=True, kw_only=True):
    """A stranger that knocked meanwhile; `alike` where its id looks like the one that is waited for."""

    row: KnockRow
    alike: bool


class Progress(Struct, frozen=True, kw_only=True):
    """What there is to say. `clock_off` is how far the station's clock is ahead of ours (negative: behind), where that
    is more than CLOCK_LIMIT."""

    stage: Stage
    refusal: KnockRow | None = None
    tls_failed: KnockRow | None = None
    near: tuple[Near, ...] = ()
    clock_off: timedelta | None = None


def progress(
    station: StationRow,
    refusal: KnockRow | None,
    tls_failed: KnockRow | None,
    strangers: Sequence[KnockRow],
    said: MessageRow | None,
) -> Progress:
    """`said` is the last message since the boot that carries a time of the station's own."""
    if station.connected:
        stage = Stage.CONNECTED
        if station.booted_at is not None:
            stage = Stage.READY if station.registration == "accepted" else Stage.HELD_BACK
        return Progress(stage=stage, clock_off=None if said is None else clock_offset(said))
    since = (station.connected_at or station.created_at) - LOOKED_BACK
    # Who has named itself rightly is no stranger; and one alike leaves the others uninteresting.
    near = sorted(
        (Near(row=row, alike=alike(station.identity, row.identity)) for row in strangers if row.last_at >= since),
        key=lambda each: (not each.alike, -each.row.number),
    )
    fresh = refusal is not None and (station.connected_at is None or refusal.last_at > station.connected_at)
    if station.connected_at is not None and not fresh:
        return Progress(stage=Stage.LEFT)
    failed = tls_failed if tls_failed is not None and tls_failed.last_at >= station.created_at else None
    return Progress(
        stage=Stage.REFUSED if fresh else Stage.WAITING,
        refusal=refusal if fresh else None,
        tls_failed=failed
        if station.security_profile >= 2 or failed is None or "HTTP" in (failed.detail or "")
        else None,
        near=() if fresh else tuple([each for each in near if each.alike] or near)[:MAX_NEAR],
    )


def alike(wanted: str, found: str) -> bool:
    """Whether one id may be meant for the other: other capitals, blanks or dashes, a part more, one letter wrong."""
    one, other = _plain(wanted), _plain(found)
    if not one or not other:
        return False
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= 3 and shorter in longer) or _one_apart(shorter, longer)


def clock_offset(said: MessageRow) -> timedelta | None:
    """How far the time in a message is ahead of its arrival, where that is beyond CLOCK_LIMIT."""
    try:
        held: Any = msgspec.json.decode(said.payload)
        at = datetime.fromisoformat(str(held["timestamp"]))
        off = at - said.at
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return off if abs(off) > CLOCK_LIMIT else None


def _plain(identity: str) -> str:
    return "".join(letter for letter in identity.casefold() if letter.isalnum())


def _one_apart(shorter: str, longer: str) -> bool:
    """Whether one letter was exchanged, added or left out."""
    if len(longer) - len(shorter) > 1 or len(shorter) < 3:
        return False
    same = next(
        (at for at, (one, other) in enumerate(zip(shorter, longer, strict=False)) if one != other), len(shorter)
    )
    rest = shorter[same + 1 :] if len(shorter) == len(longer) else shorter[same:]
    return rest == longer[same + 1 :]
