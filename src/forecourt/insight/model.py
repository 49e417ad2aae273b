"""The neutral facts: what a session was, whoever recorded it, and the words that everything here is counted by.

Energy is in Wh, money in minor units, lengths of time in whole seconds, times are UTC; the site's own zone stands
beside, for hours of the day.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: The source of what Forecourt recorded itself. No import may bear it.
OWN: Final = "own"
#: Characters of a name or an id of somebody else's that are kept.
MAX_NAME: Final = 200


class Outcome(StrEnum):
    """What came of a session."""

    CHARGED = "charged"
    #: Nothing flowed, or nobody knows that anything did.
    NOTHING = "nothing"
    #: The token was not accepted.
    REFUSED = "refused"


class Session(Struct, frozen=True, kw_only=True):
    """A stay at a plug, from being plugged in until being unplugged.

    `driver` is a pseudonym or, while it is read from a file, what the file calls the driver; `driver_group` a fleet.
    `charging_ended_at` and `energy_wh` are None where nobody knows. `excl_minor` and `incl_minor` are before and after
    taxes.
    """

    id: str | None
    station: str
    started_at: datetime
    ended_at: datetime
    zone: str = "UTC"
    charging_ended_at: datetime | None = None
    energy_wh: int | None = None
    driver: str | None = None
    site: str | None = None
    evse: str | None = None
    connector_type: str | None = None
    currency: str | None = None
    excl_minor: int | None = None
    incl_minor: int | None = None
    tariff: str | None = None
    stop_reason: str | None = None
    driver_group: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Of a session that nobody refused."""
        return Outcome.CHARGED if self.energy_wh else Outcome.NOTHING


class OrganisationUnknown(ForecourtError):
    """Several organisations are here. Say whose it is, by --organisation and its name or number."""

    status = 404
    code = "organisation-unknown"
