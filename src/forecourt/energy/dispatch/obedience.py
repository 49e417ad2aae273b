"""Whether an EVSE does what it was told, by what was measured of it."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy.dispatch.standing import OBEY_S, Order, Standing, as_of, is_obeyed, may_draw, most_between, newest

#: Whoever takes longer to obey than this never does.
MAX_OBEY_S: Final = 180.0
#: How long a measurement may have been on its way: it is judged by what was allowed then or since.
DELIVERY: Final = timedelta(seconds=10)
#: Who draws less than this share of a limit may not be kept by it.
KEPT_BY: Final = 0.8


class Seen(Struct, frozen=True, kw_only=True):
    """Something new: it obeys, or it does not; and how long it takes as far as is known now."""

    obeys: bool
    obey_s: float


def look(standing: Standing) -> Seen | None:
    """What the last measurement changes; None where it tells nothing new.

    One that drew more than it might by anything it could go by at the time, an order or its default, disobeys. It obeys
    again once it is measured within the limit that it was told, and is then known to take so long; one that is kept by
    a lower limit sooner than was known is known to be quicker, by a step that shows alone. A mean is judged by the most
    that was allowed at any moment of its time. One that was not seen to be quick yet is found out as soon as one that
    was: what it draws tells, whatever is counted on.
    """
    counts_s, standing = standing.settles_s, replace(standing, proven=True)
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
    if standing.disobeys:
        took_s = (at - _asked_at(then, last, drawn_ma)).total_seconds()
        return Seen(obeys=True, obey_s=max(standing.obey_s, min(took_s, MAX_OBEY_S)))
    took_s = (at - last.answered_at).total_seconds()
    quicker_s = max(OBEY_S, 2 * took_s)
    if quicker_s < counts_s and drawn_ma >= last.limit_ma * KEPT_BY and _fell(then, last):
        return Seen(obeys=True, obey_s=quicker_s)
    return None


def _asked_at(then: Standing, last: Order, drawn_ma: int) -> datetime:
    """Since when it was told no more than it draws now: the same that is told again begins nothing."""
    assert last.answered_at is not None
    since = last.answered_at
    for order in reversed([each for each in then.orders if each.accepted and each.sent_at < last.sent_at]):
        if order.answered_at is None or not is_obeyed(drawn_ma, order.limit_ma) or order.limit_ma > last.limit_ma:
            break
        since = min(since, order.answered_at)
    return since


def _fell(then: Standing, last: Order) -> bool:
    """Whether an order was a decrease that shows."""
    before = [order for order in then.orders if order is not last and order.accepted]
    return last.limit_ma > 0 and bool(before) and not is_obeyed(before[-1].limit_ma, last.limit_ma)
