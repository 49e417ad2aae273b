"""Whether an EVSE does what it was told, by what was measured of it."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from forecourt.energy.dispatch.standing import Standing, newest

#: By how much a measured current may exceed a limit, the larger of both: meters and cars are not exact.
TOLERANCE_MA: Final = 1_000
TOLERANCE: Final = 0.1
#: Whoever takes longer to obey than this never does.
MAX_OBEY_S: Final = 180.0


class Seen(Struct, frozen=True, kw_only=True):
    """Something new: it obeys, or it does not; and how long it takes as far as is known now."""

    obeys: bool
    obey_s: float


def look(standing: Standing) -> Seen | None:
    """What the last measurement changes; None where it tells nothing new.

    One that drew more than it may when it should have obeyed disobeys. It obeys again once it is measured within the
    limit that it was told, and is then known to take so long.
    """
    if standing.drawn_ma is None or standing.drawn_at is None:
        return None
    last = newest(standing, standing.drawn_at)
    if last is None or not last.accepted or last.answered_at is None or last.answered_at >= standing.drawn_at:
        return None
    took_s = (standing.drawn_at - last.answered_at).total_seconds()
    within = standing.drawn_ma <= last.limit_ma + max(TOLERANCE_MA, int(last.limit_ma * TOLERANCE))
    if standing.disobeys:
        return Seen(obeys=True, obey_s=_learned(standing, took_s)) if within else None
    if within or standing.drawn_at < last.answered_at + timedelta(seconds=standing.obey_s):
        return None
    return Seen(obeys=False, obey_s=standing.obey_s)


def _learned(standing: Standing, took_s: float) -> float:
    """It may have obeyed long before it was measured: what is learned is no more than that."""
    return max(standing.obey_s, min(took_s, MAX_OBEY_S))
