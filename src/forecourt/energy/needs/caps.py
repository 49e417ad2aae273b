"""A power that a session is kept to, for a reason that is no limit of the site and no need of its driver. Pure."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class CapWhy(StrEnum):
    """Why a session is kept to less."""

    #: What was held for it is nearly used up.
    HELD = "held"


class Cap(Struct, frozen=True, kw_only=True):
    """The most that a session is to draw at its outlet, until it is over. One that is below the least that its EVSE can
    give is that least: a car that is paused may not come back."""

    max_w: int
    why: CapWhy
    since: datetime
