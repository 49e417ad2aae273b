"""What a piece of hardware is, why its life ends, and what is told of those to come. Pure.

Ages are whole days; rates, shapes and chances are floats, by years; money is whole minor units.
"""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.text import NAME_LINE

DAYS_A_YEAR: Final = 365.25
#: Days that are looked ahead, in so many parts.
HORIZON_D: Final = 365
QUARTERS: Final = 4
#: Of 100 futures, so many lie within the bounds that are told.
HELD_PERCENT: Final = 80
#: A day before which nothing can have been put in.
FIRST_DAY: Final = date(2000, 1, 1)
MAX_NOTE: Final = 500
#: The largest number of an EVSE or a connector.
MAX_PLUG: Final = 1_000


class HardwareKind(StrEnum):
    """A kind of hardware: a whole station, or a part of one."""

    STATION = "station"
    #: One a station: controller and modem.
    CONTROLLER = "controller"
    #: One an EVSE: contactors of AC, rectifiers of DC.
    POWER = "power"
    #: One a connector: cable, plug or socket, lock.
    CABLE = "cable"


class ChangeReason(StrEnum):
    """Why hardware was taken out, or that it was put in."""

    WORN = "worn"
    DEFECT = "defect"
    VANDALISM = "vandalism"
    ACCIDENT = "accident"
    #: Before it failed, since its age said so.
    AHEAD = "ahead"
    RECALL = "recall"
    UPGRADE = "upgrade"
    #: Nothing was taken out: it began.
    COMMISSIONED = "commissioned"


class Cause(StrEnum):
    """What ends a life: wear depends on age, damage from outside doesn't. All else only cuts a life short."""

    WEAR = "wear"
    DAMAGE = "damage"


CAUSES: Final = {
    ChangeReason.WORN: Cause.WEAR,
    ChangeReason.DEFECT: Cause.WEAR,
    ChangeReason.VANDALISM: Cause.DAMAGE,
    ChangeReason.ACCIDENT: Cause.DAMAGE,
}


class HardwarePlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where hardware is: an EVSE for POWER, an EVSE and its connector for CABLE, else the station alone."""

    kind: HardwareKind
    evse: Annotated[int, Meta(ge=1, le=MAX_PLUG)] | None = None
    connector: Annotated[int, Meta(ge=1, le=MAX_PLUG)] | None = None


def is_whole(place: HardwarePlace) -> bool:
    """Whether a place says as much as its kind needs, and no more."""
    return (place.evse is not None) == (place.kind in (HardwareKind.POWER, HardwareKind.CABLE)) and (
        place.connector is not None
    ) == (place.kind is HardwareKind.CABLE)


def has_place(plugs: Collection[tuple[int, int]], place: HardwarePlace) -> bool:
    """Whether a station that told of these connectors has that place; one that told of none may have any."""
    if not plugs or place.evse is None:
        return True
    return any(place.evse == evse and place.connector in (None, connector) for evse, connector in plugs)


class HardwareSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says: hardware at a place of a station was put in or taken out on a day."""

    station: Annotated[str, Meta(min_length=1, max_length=255, examples=["CP1"])]
    kind: HardwareKind
    on: Annotated[date, Meta(description="The day, by the calendar of the site.", examples=["2026-03-01"])]
    reason: Annotated[
        ChangeReason,
        Meta(description="`commissioned`: put in, nothing was taken out. Any other: taken out, and a new one put in."),
    ]
    evse: Annotated[int, Meta(ge=1, le=MAX_PLUG)] | None = None
    connector: Annotated[int, Meta(ge=1, le=MAX_PLUG)] | None = None
    note: Annotated[str, Meta(max_length=MAX_NOTE, pattern=NAME_LINE)] | None = None

    @property
    def place(self) -> HardwarePlace:
        """Where at its station."""
        return HardwarePlace(kind=self.kind, evse=self.evse, connector=self.connector)


class HardwareChange(Struct, frozen=True, kw_only=True):
    """What was said, by whom, and of which station; `site` as the station stands now."""

    change_id: UUID
    number: int
    station_id: int
    station: str
    site: str | None
    place: HardwarePlace
    on: date
    reason: ChangeReason
    note: str | None
    said_at: datetime
    said_by: str


class Hardware(Struct, frozen=True, kw_only=True):
    """What a station said of itself when it booted: from when on by this serial number."""

    serial: str
    vendor: str | None
    model: str | None
    first_on: date


class Station(Struct, frozen=True, kw_only=True):
    """A station, in service or not: from when on it is known here, its connectors as (EVSE, connector), and the
    hardware that it said it was, the oldest first."""

    station_id: int
    station: str
    site: str | None
    vendor: str | None
    model: str | None
    seen_on: date
    retired_on: date | None
    plugs: tuple[tuple[int, int], ...]
    hardware: tuple[Hardware, ...] = ()


class Life(Struct, frozen=True, kw_only=True):
    """One piece of hardware at a place, from one age in days to another during which its end would be known.

    `cause` None: it was cut short, or is in use (`open`). `assumed`: nobody knows when it was put in; its ages
    are those since it was first seen, and nothing is told by them.
    """

    station: str
    site: str | None
    place: HardwarePlace
    model: str
    began_on: date
    entry_d: float
    exit_d: float
    cause: Cause | None
    open: bool
    assumed: bool


class CountsAs(StrEnum):
    """What another serial number counts as, until somebody says why."""

    #: The same model.
    WORN = "worn"
    #: Another model.
    UPGRADE = "upgrade"
    #: One of both numbers was, or is, at another station: cut short, and what came isn't new.
    MOVED = "moved"
    #: The station tells other numbers too often for each to be another piece.
    NOTHING = "nothing"


class HardwareExchange(Struct, frozen=True, kw_only=True):
    """Another serial number at the same station, that nobody explained."""

    station: str
    site: str | None
    on: date
    before: str
    after: str
    counts_as: CountsAs
