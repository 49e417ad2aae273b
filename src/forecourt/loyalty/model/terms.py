"""What a campaign is meant to be, as somebody says it: what it gives, within which bounds, for whom and where. Pure."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.loyalty.errors import CampaignRefused
from forecourt.platform.money import Currency
from forecourt.platform.text import NAME_LINE
from forecourt.pricing.model import Day

#: Of one session; the budget is of a campaign. Minor units.
MAX_OFF: Final = 1_000_000
MAX_BUDGET: Final = 10**12
MAX_NAME: Final = 100
#: What drivers read on their bill.
MAX_LABEL: Final = 60
#: Drivers, fleets or tariffs that a campaign names.
MAX_NAMED: Final = 10_000
#: Sites that a campaign names, and types of connectors, and how long one of them is.
MAX_SITES: Final = 1_000
MAX_TYPES: Final = 100
MAX_WORD: Final = 100
#: Sessions and energy of a driver in the window by which drivers are chosen.
MAX_SESSIONS: Final = 10_000
MAX_ENERGY_WH: Final = 10**9
#: How far back the use looks by which drivers are chosen.
MAX_WINDOW_D: Final = 365
MAX_PERCENT: Final = 100
#: The share of drivers that is held out at the most, in percent.
MAX_HELD_OUT: Final = 90
#: Hours of the day.
HOURS: Final = 24


Word = Annotated[str, Meta(min_length=1, max_length=MAX_WORD)]


class State(StrEnum):
    """How far a campaign is."""

    DRAFT = "draft"
    #: It begins by itself at its time; whom it is for is fixed then.
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class Segment(StrEnum):
    """Drivers by when they came last and how often in the window of a campaign."""

    #: No session in the window.
    GONE = "gone"
    #: Last seen more than COOLING_D days ago.
    LEAVING = "leaving"
    #: OFTEN sessions or more, the last within COOLING_D days.
    LOYAL = "loyal"
    #: Within FRESH_D days, fewer than OFTEN.
    RECENT = "recent"
    #: Between both.
    COOLING = "cooling"


class QuietBy(StrEnum):
    """By what quiet hours are found."""

    #: The least energy was charged in them.
    ENERGY = "energy"
    #: Energy is cheapest in them at its sites, by what these are planned by: prices of the day ahead, or seasons.
    PRICE = "price"


class Audience(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a campaign is for: drivers with an account of which all that is said holds when it starts, by their use in
    the `window_days` before."""

    window_days: Annotated[int, Meta(ge=1, le=MAX_WINDOW_D, examples=[90])] = 90
    segments: Annotated[
        frozenset[Segment], Meta(description="One of these; none named: any.", examples=[["leaving"]])
    ] = frozenset()
    min_sessions: Annotated[Annotated[int, Meta(ge=0, le=MAX_SESSIONS)] | None, Meta(examples=[3])] = None
    max_sessions: Annotated[Annotated[int, Meta(ge=0, le=MAX_SESSIONS)] | None, Meta(examples=[None])] = None
    min_energy_wh: Annotated[Annotated[int, Meta(ge=0, le=MAX_ENERGY_WH)] | None, Meta(examples=[None])] = None
    unseen_days: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_WINDOW_D)] | None,
        Meta(description="No session in so many days.", examples=[None]),
    ] = None
    marketing: Annotated[bool, Meta(description="Only who agreed to marketing.", examples=[True])] = False
    drivers: Annotated[
        frozenset[int], Meta(max_length=MAX_NAMED, description="One of these, by number.", examples=[[]])
    ] = frozenset()
    fleets: Annotated[
        frozenset[int],
        Meta(max_length=MAX_NAMED, description="Of one of these fleets, by number, when it starts.", examples=[[]]),
    ] = frozenset()

    @property
    def chooses(self) -> bool:
        """Whether it is not for all drivers."""
        return self != Audience(window_days=self.window_days)


class Places(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which sessions a campaign is, by where and when they begin; nothing said: for all. Hours and days are local
    to the site: 17 is from 17:00 until before 18:00."""

    sites: Annotated[
        frozenset[Word],
        Meta(max_length=MAX_SITES, description="Slugs; what is below counts too.", examples=[[]]),
    ] = frozenset()
    connector_types: Annotated[
        frozenset[Word],
        Meta(max_length=MAX_TYPES, description="OCPI's ConnectorType.", examples=[["IEC_62196_T2_COMBO"]]),
    ] = frozenset()
    tariffs: Annotated[
        frozenset[UUID],
        Meta(max_length=MAX_NAMED, description="Sessions that are priced by one of these.", examples=[[]]),
    ] = frozenset()
    days: frozenset[Day] = frozenset()
    hours: Annotated[frozenset[int], Meta(examples=[[22, 23, 0, 1, 2, 3, 4, 5]])] = frozenset()
    quiet_hours: Annotated[
        Annotated[int, Meta(ge=1, le=HOURS - 1)] | None,
        Meta(
            description="Instead of `hours`: so many hours of the day that were quietest in the four weeks before the"
            " campaign started. They are fixed then.",
            examples=[None],
        ),
    ] = None
    quiet_by: Annotated[
        QuietBy, Meta(description="By the energy that was charged at its sites, or by the prices of energy.")
    ] = QuietBy.ENERGY


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a campaign gives, and within which bounds. Amounts in minor units of `currency`, taxes included."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, examples=["Night charging"])]
    label: Annotated[
        str,
        Meta(
            min_length=1, max_length=MAX_LABEL, pattern=NAME_LINE, description="What stands on the driver's bill.",
            examples=["Night discount"],
        ),
    ]  # fmt: skip
    currency: Currency
    percent: Annotated[Decimal | None, Meta(description="Either this or `amount`.", examples=["10"])] = None
    amount: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_OFF)] | None, Meta(description="Off a session.", examples=[None])
    ] = None
    most: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_OFF)] | None,
        Meta(description="The most off one session; a percentage needs one. Kept of the budget until it ends.",
             examples=[300]),
    ] = None  # fmt: skip
    minimum: Annotated[
        int, Meta(ge=0, le=MAX_OFF, description="What a session must come to before anything is off.", examples=[0])
    ] = 0
    budget: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_BUDGET)] | None, Meta(description="Null: no bound.", examples=[50_000])
    ] = None
    per_driver: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="How often one driver has it; needs an account. Null: any number.", examples=[None]),
    ] = None
    host_bears: Annotated[
        bool,
        Meta(description="The site's host shares in the discount. Else the organisation bears it alone.",
             examples=[False]),
    ] = False  # fmt: skip
    stacks: Annotated[
        bool, Meta(description="It may be given together with others that say so too.", examples=[False])
    ] = False
    by_code: Annotated[
        bool, Meta(description="A voucher: only by a code, which anybody may enter.", examples=[False])
    ] = False
    announce: Annotated[
        bool,
        Meta(
            description="Its drivers are told by a letter when it starts, those of them who agreed to marketing.",
            examples=[False],
        ),
    ] = False
    starts_at: Annotated[
        datetime | None,
        Meta(
            description="Null: when it is started. Started before, it waits, and whom it is for is fixed then.",
            examples=[None],
        ),
    ] = None
    ends_at: Annotated[datetime | None, Meta(description="Null: until it is ended.", examples=[None])] = None
    holdout_percent: Annotated[
        Decimal,
        Meta(description="The share of its drivers who don't have it, so that its effect can be told.",
             examples=["20"]),
    ] = Decimal(0)  # fmt: skip
    audience: Audience = Audience()
    places: Places = Places()

    @property
    def reserve(self) -> int:
        """What of the budget one session may take."""
        return self.most or self.amount or 0


def check(terms: Terms) -> None:
    """Raises CampaignRefused for terms that can't be meant."""
    percent, holdout = terms.percent, terms.holdout_percent
    wrong = None
    if (percent is None) == (terms.amount is None):
        wrong = "it gives either a percentage or an amount"
    elif percent is not None and not (
        percent.is_finite() and 0 < percent <= MAX_PERCENT and percent == round(percent, 2)
    ):
        wrong = "a percentage is above 0 and at most 100, with two decimals at the most"
    elif percent is not None and terms.most is None:
        wrong = "a percentage needs the most that it takes off one session, which is kept of the budget"
    elif not (holdout.is_finite() and 0 <= holdout <= MAX_HELD_OUT and holdout == round(holdout, 2)):
        wrong = "at most 90 percent of its drivers are held out, with two decimals at the most"
    elif terms.by_code and holdout:
        wrong = "a voucher holds nobody out: whoever has a code may enter it"
    elif terms.by_code and terms.announce:
        wrong = "a voucher has no drivers to tell: hand its codes out"
    elif terms.by_code and terms.audience.chooses:
        wrong = "a voucher is for whoever has a code: it chooses no drivers"
    elif terms.ends_at is not None and terms.starts_at is not None and terms.ends_at <= terms.starts_at:
        wrong = "it ends after it begins"
    elif any(each not in range(HOURS) for each in terms.places.hours):
        wrong = "hours are from 0 to 23"
    elif terms.places.hours and terms.places.quiet_hours is not None:
        wrong = "its hours are either named or found"
    elif terms.budget is not None and terms.budget < terms.reserve:
        wrong = "its budget is less than one session may take"
    if wrong is not None:
        raise CampaignRefused(f"The campaign can't be meant as it was sent: {wrong}.")


def told(terms: Terms) -> dict[str, Any]:
    """What the audit tells of a campaign."""
    return {"name": terms.name, "by_code": terms.by_code, "budget": terms.budget, "currency": terms.currency}
