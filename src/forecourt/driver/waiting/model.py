"""A waiting list, as rules without I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError

#: Who joined without an account, from one address at one site: many phones share one behind a mobile carrier.
MAX_OF_ONE_ADDRESS: Final = 10
#: A place is given up after so long, whatever happens.
LONGEST_WAIT: Final = timedelta(hours=12)
#: A station that is out of reach for so long can't be held for anybody.
AWAY_FOR: Final = timedelta(seconds=60)
#: Places that are over are forgotten after so long.
KEPT: Final = timedelta(days=30)
MAX_TYPE: Final = 255


class Who(StrEnum):
    """Who may join."""

    ACCOUNT = "account"
    ANYBODY = "anybody"


class PlaceState(StrEnum):
    """Where a driver in a waiting list is."""

    WAITING = "waiting"
    #: It is their turn: a connector is held.
    HELD = "held"
    SERVED = "served"
    LEFT = "left"
    #: They did not come in time.
    EXPIRED = "expired"
    #: The operator took them out.
    REMOVED = "removed"


OPEN: Final = frozenset({PlaceState.WAITING, PlaceState.HELD})


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator wants of a waiting list."""

    active: Annotated[bool, Meta(description="Drivers may join, and connectors are held.")] = True
    who: Annotated[Who, Meta(description="Who may join: drivers with an account, or anybody who has the link.")] = (
        Who.ANYBODY
    )
    hold_minutes: Annotated[
        int, Meta(ge=2, le=60, description="For how long a connector is held for whose turn it is.", examples=[10])
    ] = 10
    snooze_minutes: Annotated[
        int,
        Meta(ge=0, le=240, description="For how long a driver may, once, let others go first; 0: not.", examples=[15]),
    ] = 15
    max_waiting: Annotated[int, Meta(ge=1, le=200, description="How many may wait at once.", examples=[20])] = 20


class Waiting(Struct, frozen=True, kw_only=True):
    """One place in a waiting list. `connector_type` None: any will do."""

    place_id: UUID
    number: int
    site_id: int
    connector_type: str | None
    rank: int
    state: PlaceState
    driver_id: int | None
    email: str | None
    language: str
    joined_at: datetime
    not_before: datetime | None
    snoozed_at: datetime | None
    reservation_id: UUID | None
    said: str | None
    ended_at: datetime | None

    def ready(self, now: datetime) -> bool:
        """Whether a turn may be theirs now."""
        return self.state is PlaceState.WAITING and (self.not_before is None or self.not_before <= now)

    def takes(self, types: Sequence[str]) -> bool:
        """Whether a connector of these types will do."""
        return self.connector_type is None or self.connector_type in types


def next_of(line: Sequence[Waiting], place: Waiting) -> Waiting | None:
    """Who would go first if a place let the next one: in a line in its order, the first behind that waits."""
    return next((each for each in line if each.rank > place.rank and each.state is PlaceState.WAITING), None)


class FreeSpot(Struct, frozen=True, kw_only=True):
    """An EVSE that nobody uses, pays at or is held for."""

    station_id: int
    station: str
    evse: int
    types: Sequence[str]


def policy_for(policies: Mapping[str, Policy], types: Sequence[str]) -> Policy | None:
    """The policy that counts for an EVSE: that of its first type that has one, else the site's."""
    own = next((policies[each] for each in sorted(types) if each in policies), None)
    return own or policies.get("")


def turns(
    waiting: Sequence[Waiting], free: Sequence[FreeSpot], policies: Mapping[str, Policy], now: datetime
) -> list[tuple[Waiting, FreeSpot, Policy]]:
    """Whose turn it is, where, and by which policy it is held: the longest wait first. `waiting` in order.

    Whoever takes any connector takes one that the fewest of those behind need.
    """
    left = list(free)
    found: list[tuple[Waiting, FreeSpot, Policy]] = []
    for position, each in enumerate(waiting):
        if not each.ready(now):
            continue
        needs = [other.connector_type for other in waiting[position + 1 :] if other.connector_type is not None]
        fitting = [
            (sum(need in spot.types for need in needs), spot.station, spot.evse, spot, policy)
            for spot in left
            if each.takes(spot.types) and (policy := policy_for(policies, spot.types)) is not None and policy.active
        ]
        if fitting:
            *_, spot, policy = min(fitting, key=lambda one: one[:3])
            left.remove(spot)
            found.append((each, spot, policy))
    return found


def position_of(place: Waiting, waiting: Sequence[Waiting]) -> int:
    """The place in the queue, from 1: those who wait for the same connectors and come first are counted."""
    return 1 + sum(
        other.rank < place.rank
        and other.state is PlaceState.WAITING
        and (None in (place.connector_type, other.connector_type) or other.connector_type == place.connector_type)
        for other in waiting
    )


class WaitingClosed(ForecourtError):
    """There is no waiting list here. Take another connector, or come back later."""

    status = 409
    code = "waiting-closed"


class WaitingFull(ForecourtError):
    """The waiting list is full. Try again in a while."""

    status = 409
    code = "waiting-full"


class AccountNeeded(ForecourtError):
    """Only drivers with an account wait here. Sign in first."""

    status = 403
    code = "account-needed"


class ConnectorFree(ForecourtError):
    """A connector is free, so nobody needs to wait. Take it."""

    status = 409
    code = "connector-free"


class TypeUnknown(ForecourtError):
    """There is no connector of this type at the site."""

    status = 422
    code = "connector-type-unknown"


class PlaceGone(ForecourtError):
    """There is no such place in a waiting list."""

    status = 404
    code = "waiting-place-unknown"


class PlaceOver(ForecourtError):
    """This place in the waiting list is over. Join again."""

    status = 409
    code = "waiting-over"


class SnoozeUsed(ForecourtError):
    """You can let others go first only once, and only where the operator allows it."""

    status = 409
    code = "snooze-used"


class PolicyUnknown(ForecourtError):
    """There is no such policy of a waiting list at this site."""

    status = 404
    code = "waiting-policy-unknown"
