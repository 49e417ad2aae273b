"""How long a keeper rests until it looks at its site again. Pure."""

from datetime import datetime, timedelta
from typing import Final

from forecourt.energy.dispatch.checking import QUIET
from forecourt.energy.dispatch.moments import next_change
from forecourt.energy.dispatch.obedience import is_seen_soon
from forecourt.energy.dispatch.orders import next_try
from forecourt.energy.keeper.notes import Noted
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.storage.model import DELIVERED_FOR, next_moment

#: A site is planned anew at least this often, and where nobody charges.
PLAN_EVERY: Final = timedelta(minutes=1)
IDLE_EVERY: Final = timedelta(minutes=5)
#: However often something happens, a site is looked at no more often than this.
REST_S: Final = 0.3
#: While a station comes to less than it drew it is looked so often whether that was measured, and no more than this
#: share of the time: others wait for what it leaves.
SEEN_EVERY: Final = timedelta(seconds=10)
SEEN_SHARE: Final = 0.1


def rest_s(reading: Reading, now: datetime, noted: Noted, took_s: float) -> float:
    """Until it is time to look again, after a turn that took so long."""
    found_s = until_next(reading, now)
    if any(is_seen_soon(each, reading.known.at) for each in reading.known.standings):
        found_s = min(found_s, max(SEEN_EVERY.total_seconds(), took_s / SEEN_SHARE))
    return min(found_s, QUIET.total_seconds()) if noted.more_comes else found_s


def until_next(reading: Reading, now: datetime) -> float:
    """Until a limit settles or runs out, a limit of the site has to be told, begins or ends, a station counts as
    silent, what a battery or the sun counts for changes, or the usual time is over."""
    known = reading.known
    busy = known.cars or any(each.state for each in known.batteries)
    usual = now + (PLAN_EVERY if busy else IDLE_EVERY)
    moments = [usual, next_change(known.standings, now) or usual, next_try(known.standings, now) or usual]
    moments += [at for at in (reading.silent_at(),) if at is not None and at > now]
    moments += [at for each in known.batteries if (at := next_moment(each, now)) is not None]
    moments += [
        each.power_w.provenance.fetched_at + DELIVERED_FOR
        for each in known.outlook.solar
        if each.power_w.provenance.fetched_at is not None and each.power_w.provenance.fetched_at + DELIVERED_FOR > now
    ]
    moments += [
        at
        for allowed in known.outlook.limits
        for source in allowed.sources
        for begins, ends in ((source.valid_from, source.valid_until),)
        for at in (*(() if begins is None or begins <= now else (begins - reading.lead, begins)), ends)
        if at is not None and at > now
    ]
    return max((min(moments) - now).total_seconds(), REST_S)
