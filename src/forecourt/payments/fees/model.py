"""What a month of a membership is, and how often it is asked for. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.drivers.accounts.model import PaysBy

#: A month that could not be paid is asked for again after so long each; then the membership ends.
RETRIES: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=3))
#: What was asked for is looked at again after so long, should nobody tell of it.
LOOK_EVERY: Final = timedelta(hours=1)
NO_WAY: Final = "Nothing pays by itself for this account."


class FeeState(StrEnum):
    """How far a month is."""

    DUE = "due"
    ASKED = "asked"
    PAID = "paid"
    FAILED = "failed"
    DROPPED = "dropped"


class Fee(Struct, frozen=True, kw_only=True):
    """One month of a driver's membership, with what pays for it now. `ends_at`: of the membership; `by_driver`: who
    began it."""

    fee_id: UUID
    driver_id: int
    subscription_id: int
    number: int
    from_at: datetime
    until_at: datetime
    title: str
    currency: str
    amount: int
    vat: Decimal | None
    country: str
    state: FeeState
    tries: int
    intent_id: UUID | None
    reason: str | None
    next_at: datetime | None
    ends_at: datetime | None
    email: str | None
    language: str
    active: bool
    pays_by: PaysBy
    pays_method: UUID | None
    by_driver: bool = False

    @property
    def trial(self) -> bool:
        """It is the first month of what the driver began: unpaid, there never was a membership."""
        return self.by_driver and self.number == 0

    @property
    def over(self) -> bool:
        """The membership ended by the end of this month, or its account can't be used."""
        return not self.active or (self.ends_at is not None and self.ends_at <= self.until_at)
