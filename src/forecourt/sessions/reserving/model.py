"""A connector that is held for somebody, as rules without I/O."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.drivers.model import uid_key
from forecourt.ocpp.neutral import Token
from forecourt.platform.errors import ForecourtError

#: Tokens that may charge at one held connector: those of a driver, and of payments that were begun for it.
MAX_KEYS: Final = 100
#: How long it is known that a connector was held: reports of a station that was offline come within that.
KEPT: Final = timedelta(days=30)
#: What is told at the station to whoever comes there meanwhile.
REFUSED: Final = "This connector is held for somebody who waited. Please take another one."
#: Answers of a station by which nobody can charge there now; after any other no, it is held by us alone.
UNUSABLE_ANSWERS: Final = frozenset({"Faulted", "Occupied", "Unavailable"})


class How(StrEnum):
    """How a hold ended."""

    #: A session of whom it was for began there.
    USED = "used"
    #: Nobody came in time.
    LAPSED = "lapsed"
    RELEASED = "released"
    #: The station is out of reach or its connector can't be used.
    UNUSABLE = "unusable"


class Reservation(Struct, frozen=True, kw_only=True):
    """One EVSE, held. `number` is how the station knows it, `at_station` whether it keeps it too (None: unknown)."""

    reservation_id: UUID
    number: int
    tenant_id: int
    station_id: int
    station: str
    evse: int
    token_uid: str
    token_type: str
    token_keys: list[str]
    held_at: datetime
    until_at: datetime
    ended_at: datetime | None
    how: How | None
    at_station: bool | None

    @property
    def token(self) -> Token:
        """For which the station keeps it."""
        return Token(self.token_uid, self.token_type)

    def admits(self, uid: str) -> bool:
        """Whether a token may charge there meanwhile."""
        return uid_key(uid) in self.token_keys

    def holds_at(self, at: datetime) -> bool:
        """Whether it was held at a time."""
        return self.held_at <= at < (self.ended_at or self.until_at)


class HeldForAnother(ForecourtError):
    """This connector is held for somebody who waited. Take another one, or join the waiting list."""

    status = 409
    code = "held-for-another"
