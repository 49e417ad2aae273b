"""When anything changes by itself of what EVSEs may draw."""

from collections.abc import Sequence
from datetime import datetime

from forecourt.energy.dispatch.standing import (
    ABSENT_AFTER,
    DOUBT_AFTER,
    RETURN_FOR,
    Standing,
    is_low,
    settles_at,
)
from forecourt.energy.dispatch.times import CLOCK_MARGIN, LOW_LEAST


def next_change(standings: Sequence[Standing], now: datetime) -> datetime | None:
    """When the next order will surely be obeyed or run out, or anything else changes by itself of what may be drawn."""
    moments = [
        moment for standing in standings for moment in moments_of(standing) if moment is not None and moment > now
    ]
    return min(moments, default=None)


def moments_of(standing: Standing) -> list[datetime | None]:
    """When anything of what may be drawn changes by itself."""
    found = [
        moment
        for order in standing.orders
        if order.accepted is not False
        for moment in (
            order.valid_to,
            order.valid_to + CLOCK_MARGIN,
            order.valid_to - LOW_LEAST if is_low(order.limit_ma, standing) else None,
            order.sent_at + DOUBT_AFTER if order.accepted is None else None,
            settles_at(order, standing),
        )
    ]
    if standing.back_at is not None:
        found += [standing.back_at + RETURN_FOR]
    if standing.silent_since is not None:
        found += [standing.silent_since + ABSENT_AFTER]
    return found
