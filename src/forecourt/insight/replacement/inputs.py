"""What the operator says of replacing: what it costs, how long it takes, and since when ends are recorded. Pure."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.insight.replacement.model import FIRST_DAY, HardwareKind
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import currencies

#: Minor units of one cost, and hours out of service.
MAX_MINOR: Final = 10**10
MAX_HOUR_MINOR: Final = 10**8
MAX_DOWN_H: Final = 24 * 365

Minor = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="In minor units of the currency.")]
Hours = Annotated[int, Meta(ge=0, le=MAX_DOWN_H)]


class ReplacementInputsRefused(ForecourtError):
    """The currency must be one that people pay in, and no record begins in the future or before 2000. Mend what was
    said."""

    status = 422
    code = "replacement-inputs-refused"


class KindInputs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one kind of hardware. Costs are None where nobody said: then it is in no budget, and nothing is advised."""

    recorded_since: Annotated[
        date | None,
        Meta(
            description="Since then every end is recorded. Null: of stations, since each is known; of parts, nobody"
            " said, and nothing is told.",
            examples=["2025-03-01"],
        ),
    ] = None  # fmt: skip
    new_when_registered: Annotated[
        bool,
        Meta(
            description="What was at a station when it was registered was new then, unless somebody says when it was"
            " put in. Else its age isn't known, and nothing is told of it."
        ),
    ] = False  # fmt: skip
    planned_minor: Annotated[Minor | None, Meta(description="Hardware and work, planned ahead.")] = None
    failed_minor: Annotated[Minor | None, Meta(description="Hardware and work, once it failed.")] = None
    planned_down_h: Annotated[Hours, Meta(description="Hours out of service where it was planned.")] = 0
    failed_down_h: Annotated[Hours, Meta(description="Hours out of service after it failed.")] = 0
    hour_minor: Annotated[
        int, Meta(ge=0, le=MAX_HOUR_MINOR, description="What an hour out of service loses, in minor units.")
    ] = 0

    @property
    def planned(self) -> int | None:
        """A planned replacement with its hours, in minor units."""
        return None if self.planned_minor is None else self.planned_minor + self.planned_down_h * self.hour_minor

    @property
    def failed(self) -> int | None:
        """A failed one with its hours, in minor units."""
        return None if self.failed_minor is None else self.failed_minor + self.failed_down_h * self.hour_minor


class ReplacementInputs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of all kinds, in one currency."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    station: KindInputs = KindInputs()
    controller: KindInputs = KindInputs()
    power: KindInputs = KindInputs()
    cable: KindInputs = KindInputs()

    def of(self, kind: HardwareKind) -> KindInputs:
        """Of one kind."""
        found: KindInputs = getattr(self, kind.value)
        return found

    def check(self, today: date) -> None:
        """Raises ReplacementInputsRefused."""
        days = [self.of(kind).recorded_since for kind in HardwareKind]
        if self.currency not in currencies() or any(day and not FIRST_DAY <= day <= today for day in days):
            raise ReplacementInputsRefused
