"""Whether an EVSE does what it was told, by what was measured of it."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy.dispatch.moments import moments_of
from forecourt.energy.dispatch.standing import (
    MEASURED_FOR,
    OBEY_S,
    Order,
    Standing,
    as_of,
    is_fresh,
    is_obeyed,
    is_settled,
    may_draw,
    newest,
)
from forecourt.energy.dispatch.times import VALID_FOR
from forecourt.platform.clock import is_within

#: Whoever takes longer to obey than this never does.
MAX_OBEY_S: Final = 180.0
#: How long a measurement may have been on its way: it is judged by what was allowed then or since.
DELIVERY: Final = timedelta(seconds=10)
#: Who draws less than this share of a limit may not be kept by it.
KEPT_BY: Final = 0.8


class Seen(Struct, frozen=True, kw_only=True):
    """Something new: it obeys, or it does not; and how long it takes as far as is known now. `proven`: what it
    drew was seen to fall to its limit within that time, twice; `fell_at`: when the last limit to which it did was
    sent, `fell_s`: what that fall alone tells of how long it takes, in seconds."""

    obeys: bool
    obey_s: float
    proven: bool = False
    fell_at: datetime | None = None
    fell_s: float = 0.0


def most_between(standing: Standing, since: datetime, until: datetime) -> int | None:
    """The most that an EVSE might draw at any moment of a time that is over, in mA; None where what held then is not
    known any more."""
    accepted = [order for order in standing.orders if order.accepted]
    if not any(is_settled(order, standing, since) for order in accepted) and (accepted or until - since > VALID_FOR):
        return None
    moments = {at for at in moments_of(standing) if at is not None and since < at < until}
    moments |= {order.sent_at for order in standing.orders if since < order.sent_at < until}
    return max(may_draw(as_of(standing, at), at)[0] for at in (since, *moments, until))


def drawn_now(standing: Standing, now: datetime) -> int | None:
    """What is drawn on a conductor, in mA from 0 to the most that the EVSE can give; None where it wasn't measured
    lately."""
    drawn_ma = standing.drawn_ma
    if drawn_ma is None or not is_fresh(standing, now):
        return None
    return max(0, min(drawn_ma, standing.max_ma))


def is_seen_soon(standing: Standing, now: datetime) -> bool:
    """Whether the next measurement may show that an EVSE that was told less than it drew has come to that, sooner than
    time would tell, or that it doesn't. One that isn't measured for MEASURED_FOR is waited for no longer."""
    last = standing.orders[-1] if standing.orders else None
    if last is None or not last.accepted or last.answered_at is None or last.drawn_ma is None:
        return False
    if standing.disobeys or is_obeyed(last.drawn_ma, last.limit_ma):
        return False
    waits = timedelta(seconds=standing.obey_s) + DELIVERY
    since, drawn_ma = standing.drawn_at if standing.drawn_since is None else standing.drawn_since, standing.drawn_ma
    if (
        since is not None
        and drawn_ma is not None
        and since > last.answered_at
        and (since >= last.answered_at + waits or is_obeyed(drawn_ma, last.limit_ma))
    ):
        return False
    return is_within(now, last.answered_at, waits + MEASURED_FOR)


def look(standing: Standing) -> Seen | None:
    """What the last measurement changes; None where it tells nothing new.

    One that drew more than it might by anything it could go by at the time, an order or its default, disobeys. It obeys
    again once it is measured within the limit that it was told, and is then known to take so long; one whose draw fell
    to a lower limit sooner than was known is known to be quicker. That alone proves anything: what was drawn when a
    limit was sent was more than that, and what is drawn now is about as much. A car that drew no more anyway, or that
    just stopped, tells nothing of its station. One that drew less by itself just before looks as if it had been told:
    so it takes a second limit that it falls to, and the slower of both falls counts, each of which is quicker than what
    was known. A mean is judged by the most that was allowed at any moment of its time. One that was not seen to be
    quick yet is found out as soon as one that was: what it draws tells, whatever is counted on.
    """
    known, standing = standing, replace(standing, proven=True)
    drawn_ma, at = standing.drawn_ma, standing.drawn_at
    if drawn_ma is None or at is None or standing.running_since is None:
        return None
    then = as_of(standing, at)
    since = at if standing.drawn_since is None else standing.drawn_since
    if standing.drawn_since is None:
        allowed_ma = max(may_draw(then, at)[0], may_draw(as_of(standing, at - DELIVERY), at - DELIVERY)[0])
    else:
        most_ma = most_between(standing, since - DELIVERY, at)
        if most_ma is None:
            return None
        allowed_ma = most_ma
    if not standing.disobeys and not is_obeyed(drawn_ma, allowed_ma):
        return Seen(obeys=False, obey_s=standing.obey_s)
    last = newest(then, at)
    if last is None or not last.accepted or last.answered_at is None or last.answered_at >= since:
        return None
    if not is_obeyed(drawn_ma, last.limit_ma):
        return None
    took_s = (at - last.answered_at).total_seconds()
    return _back(then, last, drawn_ma, at) if standing.disobeys else _quicker(known, then, last, drawn_ma, took_s)


def _back(then: Standing, last: Order, drawn_ma: int, at: datetime) -> Seen:
    """Of one that disobeyed and obeys again: it took as long as it has known what to do."""
    assert last.answered_at is not None
    first, asked_at = _asked(then, last, last.answered_at, drawn_ma)
    took_s = (at - asked_at).total_seconds()
    obey_s = max(then.obey_s, min(took_s, MAX_OBEY_S))
    if not _fell(then, first, drawn_ma):
        return Seen(obeys=True, obey_s=obey_s)
    return Seen(obeys=True, obey_s=obey_s, fell_at=first.sent_at, fell_s=_counted_s(took_s))


def _quicker(known: Standing, then: Standing, last: Order, drawn_ma: int, took_s: float) -> Seen | None:
    """Of one that obeys: what its draw tells of how long it takes, where that is less than it is counted on to take."""
    counts_s = known.settles_s
    quicker_s = _counted_s(took_s)
    if quicker_s >= counts_s or not _fell(then, last, drawn_ma):
        return None
    if known.fell_at is not None and last.sent_at <= known.fell_at:
        return None
    slower_s = max(quicker_s, known.fell_s)
    if known.fell_at is None or slower_s >= counts_s:
        # The first that is quicker than what was known.
        return Seen(obeys=True, obey_s=known.obey_s, proven=known.proven, fell_at=last.sent_at, fell_s=quicker_s)
    return Seen(obeys=True, obey_s=slower_s, proven=True, fell_at=last.sent_at, fell_s=quicker_s)


def _counted_s(took_s: float) -> float:
    """How long an EVSE that was seen to obey within so many seconds is counted on to take."""
    return max(OBEY_S, 2 * took_s)


def _asked(then: Standing, last: Order, answered_at: datetime, drawn_ma: int) -> tuple[Order, datetime]:
    """The first order that told it no more than it draws now, and since when it knows: the same that is told again
    begins nothing. `answered_at`: of the last."""
    first, since = last, answered_at
    for order in reversed([each for each in then.orders if each.accepted and each.sent_at < last.sent_at]):
        if order.answered_at is None or not is_obeyed(drawn_ma, order.limit_ma) or order.limit_ma > last.limit_ma:
            break
        first, since = order, min(since, order.answered_at)
    return first, since


def _fell(then: Standing, order: Order, drawn_ma: int) -> bool:
    """Whether what is drawn fell to a limit since that was sent, and not of itself or by one of before."""
    before = [each for each in then.orders if each.sent_at < order.sent_at and each.accepted is not False]
    return (
        order.drawn_ma is not None
        and not is_obeyed(order.drawn_ma, order.limit_ma)
        and is_obeyed(drawn_ma, order.limit_ma)
        and drawn_ma >= order.limit_ma * KEPT_BY
        and order.limit_ma > 0
        and bool(before)
        and not is_obeyed(before[-1].limit_ma, order.limit_ma)
    )
