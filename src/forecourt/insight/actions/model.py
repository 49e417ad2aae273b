"""What an action is. Money is in minor units for 30 days, an estimate for a person to weigh: nothing is booked."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError

#: As many days are a month.
MONTH_DAYS: Final = 30
#: Open actions of one organisation; those with the least effect in their currency are left out.
MAX_OPEN: Final = 10


class Kind(StrEnum):
    """By which rule an action was found."""

    #: An EVSE where more tries fail than elsewhere.
    FAILING = "failing"
    #: A site that turns drivers away.
    BLOCKING = "blocking"
    #: Cars that are full keep others out.
    IDLE = "idle"
    #: Drivers who come when a site is full, and could come at another hour.
    SHIFT = "shift"
    #: A station that is used far less than its like.
    UNDERUSED = "underused"
    #: Few hours make the demand charge of a site.
    PEAK = "peak"


class State(StrEnum):
    """What became of an action."""

    OPEN = "open"
    TAKEN = "taken"
    DISMISSED = "dismissed"


class Effect(Struct, frozen=True, kw_only=True):
    """Minor units in 30 days, with the ends of its interval."""

    expected: Annotated[int, Meta(examples=[41_000])]
    low: Annotated[int, Meta(examples=[22_000])]
    high: Annotated[int, Meta(examples=[63_000])]


class Measured(Struct, frozen=True, kw_only=True):
    """What came of an action that was taken: `effect` against what the other sites let expect, in 30 days, until the
    day `until`."""

    effect: Effect
    weeks_before: int
    weeks_after: int
    until: Annotated[date, Meta(examples=[date(2026, 3, 1)])]


class Proposal(Struct, frozen=True, kw_only=True):
    """What a rule found. `facts` are what its words are made of; empty `station` or `evse`: the whole site or
    station."""

    kind: Kind
    site: str
    station: str = ""
    evse: str = ""
    currency: str
    effect: Effect
    facts: Mapping[str, int | float]

    @property
    def place(self) -> tuple[Kind, str, str, str]:
        """What of, and where: there is one open action of it."""
        return self.kind, self.site, self.station, self.evse


class Action(Proposal, frozen=True, kw_only=True):
    """An action with its state. `measured`: once it was taken and two weeks are over."""

    id: int
    state: State
    raised_at: datetime
    seen_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    measured: Measured | None


class ActionUnknown(ForecourtError):
    """There is no such action. Open ones are found anew every night, and those that no longer hold are gone."""

    status = 404
    code = "action-unknown"


class ActionSettled(ForecourtError):
    """Meanwhile the same was found again: decide on the open one."""

    status = 409
    code = "action-settled"
