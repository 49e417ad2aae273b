"""A session from what a row says: times that may be two, lengths of time, energy; refused or flagged by the rules."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from forecourt.insight.importing.model import BadRow, Parsed, Refusal
from forecourt.insight.model import MAX_NAME, Session
from forecourt.stations.plugs import plain_type

#: A mean power above this is no charging session.
MOST_POWER_W: Final = 1_000_000
#: Energy that one session can't have taken, whatever its times say: a battery of 20 MWh.
MOST_ENERGY_WH: Final = 20_000_000
#: Sessions that lasted longer are noted.
LONG_STAY: Final = timedelta(days=14)
#: How much a file's own duration may differ: they are rounded to minutes, or hundredths of an hour.
DURATION_SLACK: Final = timedelta(minutes=2)
#: Clocks of who wrote the file may be ahead of ours.
AHEAD: Final = timedelta(days=1)

_encode = msgspec.json.Encoder(order="deterministic").encode


def whole(at: datetime) -> datetime:
    """To the second below."""
    return at.replace(microsecond=0)


def stay(
    starts: Sequence[datetime], ends: Sequence[datetime], duration_s: int | None
) -> tuple[datetime, datetime, list[str]]:
    """Start and end of those that they may be, and what is to be noted. Raises BadRow without an end.

    With two possible times that night, those are taken that fit the file's own duration; without one the earlier start,
    and the earlier end that is not before it.
    """
    flags = ["clock-change"] if len(starts) > 1 or len(ends) > 1 else []
    said = None if duration_s is None else timedelta(seconds=duration_s)
    if not ends:
        if said is None:
            raise BadRow("no-end", "neither an end nor a duration")
        return starts[0], starts[0] + said, flags
    pairs = [(start, end) for start in starts for end in ends]
    if said is not None:
        start, end = min(pairs, key=lambda pair: abs(pair[1] - pair[0] - said))
    else:
        start, end = next((pair for pair in pairs if pair[1] >= pair[0]), pairs[-1])
    if said is not None and abs(end - start - said) > DURATION_SLACK:
        flags.append("duration-differs")
    return start, end, flags


def checked(session: Session, now: datetime) -> Session:
    """The session with what is odd noted, its times in whole seconds. Raises BadRow where it can't be one."""
    flags = [*session.flags]
    start, end, energy_wh = whole(session.started_at), whole(session.ended_at), session.energy_wh
    if not session.station:
        raise BadRow("no-station", "the column of the station is empty")
    if end < start:
        raise BadRow("ends-before-start", f"from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC")
    if start > now + AHEAD:
        raise BadRow("in-future", f"{start:%Y-%m-%d}")
    seconds = (end - start) // timedelta(seconds=1)
    if energy_wh is None:
        flags.append("energy-unknown")
    elif energy_wh < 0:
        raise BadRow("negative-energy", f"{energy_wh} Wh")
    elif energy_wh > MOST_ENERGY_WH or (seconds and energy_wh * 3600 > MOST_POWER_W * seconds):
        raise BadRow("impossible-power", f"{energy_wh} Wh in {seconds} s")
    elif energy_wh == 0:
        flags.append("no-energy")
    if not seconds:
        flags.append("instant")
    if end - start > LONG_STAY:
        flags.append("long-stay")
    charging = session.charging_ended_at
    texts = {name: _short(getattr(session, name)) for name in _TEXTS}
    kind = texts["connector_type"]
    return msgspec.structs.replace(
        session,
        started_at=start,
        ended_at=end,
        charging_ended_at=None if charging is None else min(max(whole(charging), start), end),
        flags=tuple(sorted(set(flags))),
        **(texts | {"connector_type": kind and plain_type(kind)}),
    )


_TEXTS: Final = ("id", "station", "site", "evse", "connector_type", "tariff", "stop_reason", "driver", "driver_group")


def _short(text: str | None) -> str | None:
    """A name as it is kept: trimmed, without what no database takes; a digest stands for the end of a very long one."""
    if text is None:
        return None
    plain = text.replace("\x00", "").strip()
    if len(plain) > MAX_NAME:
        plain = plain[: MAX_NAME - 17] + "~" + hashlib.sha256(plain.encode()).hexdigest()[:16]
    return plain or None


def taken(line: int, session: Session, now: datetime) -> Parsed:
    """The row as a session, or refused by a rule, with its energy."""
    try:
        return Parsed(line=line, session=checked(session, now))
    except BadRow as bad:
        return refused(line, bad, session.energy_wh)


def refused(line: int, bad: BadRow, energy_wh: int | None = None) -> Parsed:
    """A row that can't be taken."""
    return Parsed(line=line, refusal=Refusal(line=line, reason=bad.reason, words=str(bad), energy_wh=energy_wh))


def digest_of(session: Session) -> bytes:
    """What makes two rows the same facts: all that is kept of them but what is noted, and the group of the driver: of
    history that was brought before groups were read it isn't known."""
    facts = msgspec.structs.replace(session, flags=(), driver_group=msgspec.UNSET)
    return hashlib.sha256(_encode(facts)).digest()[:16]
