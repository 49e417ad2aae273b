"""What each EVSE may draw at the most, by what its station was told and can be known to hold.

It is this that the tree must bear, not what cars happen to draw: a car may take all that its station offers at any
moment. An order counts from when it is sent if it allows more, and from when it is surely obeyed if it allows less.

A station that is silent goes on with the profile of its transaction until that ends, and then with its default one
(OCPP 1.6 §3.13, 2.0.1 K01). The default begins with a pause that is longer than any transaction's profile holds: a car
that comes while nobody can be told draws nothing until every profile of before has run out, so that all stations silent
at once are safe by the defaults alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

#: A measured current is believed for so long.
MEASURED_FOR: Final = timedelta(minutes=3)


class Ground(StrEnum):
    """Why an EVSE counts with what it counts."""

    IDLE = "idle"
    ORDER = "order"
    UNDER_WAY = "under_way"
    FALLBACK = "fallback"
    SILENT = "silent"
    DISOBEYS = "disobeys"
    UNCONTROLLED = "uncontrolled"


class Order(Struct, frozen=True, kw_only=True):
    """A limit that was sent to a station for a transaction. `accepted`: its answer, None as long as there is none (it
    may hold the limit or not). From `valid_to` on it holds no more."""

    limit_ma: int
    sent_at: datetime
    valid_to: datetime
    answered_at: datetime | None = None
    accepted: bool | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of one EVSE. `orders` of the running transaction, oldest first. `fallback_ma`: what its default
    profile allows, None where it has none and draws up to `max_ma`. `obey_s`: what the station takes to obey.
    `disobeys`: it drew more than it was allowed, for longer than that."""

    max_ma: int
    fallback_ma: int | None = None
    obey_s: float = 10.0
    silent_since: datetime | None = None
    running_since: datetime | None = None
    orders: tuple[Order, ...] = ()
    disobeys: bool = False
    drawn_ma: int | None = None
    drawn_at: datetime | None = None


def may_draw(standing: Standing, now: datetime) -> tuple[int, Ground]:
    """The most that an EVSE may draw now, in mA on each of its conductors, and why."""
    fallback_ma = standing.max_ma if standing.fallback_ma is None else min(standing.fallback_ma, standing.max_ma)
    if standing.disobeys:
        return _drawn(standing, now), Ground.DISOBEYS
    if standing.running_since is None:
        return (0, Ground.IDLE) if standing.silent_since is None else (fallback_ma, Ground.SILENT)
    held = _held(standing, now)
    settled = len(held) == 1 and _is_settled(held[0], standing, now)
    most_ma = max((order.limit_ma for order in held), default=0)
    if not any(_is_settled(order, standing, now) for order in held):
        most_ma = max(most_ma, fallback_ma)
    if standing.silent_since is not None:
        return max(most_ma, fallback_ma), Ground.SILENT
    if held:
        return min(most_ma, standing.max_ma), Ground.ORDER if settled else Ground.UNDER_WAY
    return fallback_ma, Ground.UNCONTROLLED if standing.fallback_ma is None else Ground.FALLBACK


def next_change(standings: Sequence[Standing], now: datetime) -> datetime | None:
    """When the next order will surely be obeyed or run out: what may be drawn changes then by itself."""
    moments = [
        moment
        for standing in standings
        for order in standing.orders
        for moment in (order.valid_to, _settles_at(order, standing))
        if moment is not None and moment > now
    ]
    return min(moments, default=None)


def newest(standing: Standing, now: datetime) -> Order | None:
    """The latest order that the station has or may have, and that still holds."""
    held = _held(standing, now)
    return held[0] if held else None


def _held(standing: Standing, now: datetime) -> list[Order]:
    """The orders that a station may go by, newest first; what was before a settled one is replaced."""
    held = []
    for order in reversed(standing.orders):
        if order.accepted is False or order.valid_to <= now:
            continue
        held.append(order)
        if _is_settled(order, standing, now):
            break
    return held


def _is_settled(order: Order, standing: Standing, now: datetime) -> bool:
    at = _settles_at(order, standing)
    return at is not None and at <= now


def _settles_at(order: Order, standing: Standing) -> datetime | None:
    if not order.accepted or order.answered_at is None:
        return None
    return order.answered_at + timedelta(seconds=standing.obey_s)


def _drawn(standing: Standing, now: datetime) -> int:
    if standing.drawn_ma is None or standing.drawn_at is None or now - standing.drawn_at > MEASURED_FOR:
        return standing.max_ma
    return min(standing.drawn_ma, standing.max_ma)
