"""From sessions of the past to a plan for stations: which EVSE, which version, which register, which dates.

Overlapping sessions at one station go to further EVSEs. Registers run on from session to session, so a plan is the
same each time it is made from the same file, seed and dates: a replay that was broken off can go on.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from random import Random

import msgspec

from forecourt.simulator.fleet import MAKES, version_of
from forecourt.simulator.sessions_file import Session
from forecourt.simulator.station import Make

WEEK = timedelta(days=7)
#: A quarter of all registers start at zero, the rest below this.
FIRST_REGISTER_WH = 5_000_000
#: Powers that cars take, in W; a session is played with one that suffices for its mean.
CAR_POWERS_W = (3_600, 7_200, 11_000, 22_000, 50_000, 100_000, 200_000)
AC_MAKES = ("wallbox 7", "wallbox 11", "twin 22", "post 22", "plain 22")
DC_MAKES = ("fast 50", "fast 150", "ultra 300")


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """One session as a station is to play it."""

    session: Session
    bay: int
    token: str
    register_wh: int
    power_w: float

    @property
    def key(self) -> str:
        return self.session.id


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """All that one station plays, in the order of starts."""

    identity: str
    site: str
    version: str
    make: Make
    plays: tuple[Play, ...]


def shift_weeks(sessions: Sequence[Session], now: datetime) -> int:
    """By how many whole weeks to move so that the last session ends just before now."""
    return (now - max(session.end for session in sessions)) // WEEK


def moved(sessions: Sequence[Session], weeks: int) -> list[Session]:
    by = WEEK * weeks
    return [msgspec.structs.replace(s, start=s.start + by, end=s.end + by) for s in sessions]


def plan(sessions: Sequence[Session], seed: int, mix: str = "mix", prefix: str = "") -> list[Part]:
    """A part for each station, by identity; versions go round."""
    by_station: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_station[identity(prefix + session.station)].append(session)
    return [
        _part(name, by_station[name], version_of(index, mix), Random(f"{seed}/{name}"))  # noqa: S311
        for index, name in enumerate(sorted(by_station))
    ]


def identity(name: str) -> str:
    """A station's name as OCPP allows it in a URL, at most 48 characters."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:48]


def token_of(session: Session) -> str:
    """A card of 8 hex digits for the session's driver; strangers share some hundred cards a site."""
    if session.token is not None:
        who = session.token
    else:
        who = f"{session.site}/{int.from_bytes(blake2b(session.id.encode(), digest_size=2).digest()) % 100}"
    return blake2b(who.encode(), digest_size=4).hexdigest().upper()


def _part(name: str, sessions: list[Session], version: str, rng: Random) -> Part:
    sessions = sorted(sessions, key=lambda s: (s.start, s.end, s.id))
    free_at: list[datetime] = []
    registers: list[int] = []
    plays: list[Play] = []
    for session in sessions:
        bay = next((n for n, at in enumerate(free_at) if at <= session.start), len(free_at))
        if bay == len(free_at):
            free_at.append(session.end)
            registers.append(rng.choice((0, 1, 1, 1)) * rng.randrange(1, FIRST_REGISTER_WH))
        free_at[bay] = session.end
        plays.append(
            Play(
                session=session,
                bay=bay + 1,
                token=token_of(session),
                register_wh=registers[bay],
                power_w=_power_w(session, rng),
            )
        )
        registers[bay] += session.energy_wh
    most_w = max(play.power_w for play in plays)
    return Part(
        identity=name,
        site=sessions[0].site or "",
        version=version,
        make=msgspec.structs.replace(_make(most_w, rng), bays=len(free_at)),
        plays=tuple(plays),
    )


def _mean_w(session: Session) -> float:
    return session.energy_wh / ((session.end - session.start) / timedelta(hours=1))


def _power_w(session: Session, rng: Random) -> float:
    enough = [power for power in CAR_POWERS_W if power >= 1.3 * _mean_w(session)]
    return float(rng.choice(enough[:2]) if enough else CAR_POWERS_W[-1])


def _make(most_w: float, rng: Random) -> Make:
    names = AC_MAKES if most_w <= 22_000 else DC_MAKES
    makes = [MAKES[name] for name in names if MAKES[name].power_w >= most_w]
    return rng.choice(makes) if makes else MAKES["ultra 300"]
