"""What campaigns are, whom and what they are for, and which of several counts. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from forecourt.loyalty.errors import CampaignRefused, Unbegun
from forecourt.platform.money import Currency, minor_digits
from forecourt.platform.text import NAME_LINE
from forecourt.pricing.model import Day, Discount

#: Of one session; the budget is of a campaign. Minor units.
MAX_OFF: Final = 1_000_000
MAX_BUDGET: Final = 10**12
MAX_NAME: Final = 100
#: What drivers read on their bill.
MAX_LABEL: Final = 60
#: Campaigns of one session.
MAX_STACKED: Final = 5
#: Campaigns of one organisation, and those of them that run at once.
MAX_CAMPAIGNS: Final = 1_000
MAX_RUNNING: Final = 100
#: Drivers of one campaign.
MAX_AUDIENCE: Final = 500_000
#: Drivers that are looked at to say how many a campaign would be for, while somebody waits for the page.
MAX_LOOKED_AT: Final = 5_000
#: Drivers, fleets or tariffs that a campaign names.
MAX_NAMED: Final = 10_000
#: Codes of one campaign, and those made at once.
MAX_CODES: Final = 100_000
MAX_CODES_AT_ONCE: Final = 1_000
MIN_CODE: Final = 3
MAX_CODE: Final = 32
CODE_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9 _-]{2,31}$"
#: What is promised to who begins to pay waits so long for the session; less would let a start fail that waits for its
#: driver to plug in.
PROMISED_FOR: Final = timedelta(hours=2)
#: A code that a driver entered is kept for them so long.
KEPT_FOR: Final = timedelta(days=90)
#: Budget of a session that money doesn't seal is set free by its final cost after so long.
SETTLED_AFTER: Final = timedelta(days=3)
#: How far back the use looks by which drivers are chosen.
MAX_WINDOW_D: Final = 365
#: Shares of held out drivers are counted in hundredths of a percent.
_HELD_OUT_OF: Final = 10_000
#: By these a driver's segment is told: days since the last session, and sessions in the window.
FRESH_D: Final = 14
COOLING_D: Final = 45
OFTEN: Final = 8
MAX_PERCENT: Final = 100
#: The share of drivers that is held out at the most, in percent.
MAX_HELD_OUT: Final = 90
#: Hours of the day.
HOURS: Final = 24


class State(StrEnum):
    """How far a campaign is."""

    DRAFT = "draft"
    #: It begins by itself at its time; whom it is for is fixed then.
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class UseState(StrEnum):
    """How far something given is."""

    #: Kept for a driver or for who begins to pay.
    OPEN = "open"
    #: It counts for a session, which isn't sealed yet.
    BOUND = "bound"
    SETTLED = "settled"
    #: Nothing came of it; its part of the budget is free again.
    RELEASED = "released"


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
    min_sessions: Annotated[int | None, Meta(examples=[3])] = None
    max_sessions: Annotated[int | None, Meta(examples=[None])] = None
    min_energy_wh: Annotated[int | None, Meta(examples=[None])] = None
    unseen_days: Annotated[int | None, Meta(description="No session in so many days.", examples=[None])] = None
    marketing: Annotated[bool, Meta(description="Only who agreed to marketing.", examples=[True])] = False
    drivers: Annotated[
        frozenset[int], Meta(max_length=MAX_NAMED, description="One of these, by number.", examples=[[]])
    ] = frozenset()
    fleets: Annotated[
        frozenset[int],
        Meta(max_length=MAX_NAMED, description="Of one of these fleets, by number, when it starts.", examples=[[]]),
    ] = frozenset()


class Places(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which sessions a campaign is, by where and when they begin; nothing said: for all. Hours and days are local
    to the site: 17 is from 17:00 until before 18:00."""

    sites: Annotated[frozenset[str], Meta(description="Slugs; what is below counts too.", examples=[["yard"]])] = (
        frozenset()
    )
    connector_types: Annotated[
        frozenset[str], Meta(description="OCPI's ConnectorType.", examples=[["IEC_62196_T2_COMBO"]])
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


class Campaign(Struct, frozen=True, kw_only=True):
    """A campaign as it stands. `reserved` and `spent`: of its budget, in minor units; `hours`: those that were found
    quiet; `members`, `held_out`: its drivers, and those of them who don't have it; `source`: whose records tell of it,
    where it was not run here: its uses are not known then."""

    campaign_id: int
    terms: Terms
    state: State
    reserved: int
    spent: int
    hours: frozenset[int]
    seed: str
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    members: int = 0
    held_out: int = 0
    uses: int = 0
    source: Annotated[str | None, Meta(examples=[None])] = None
    unbegun: Annotated[
        Unbegun | None,
        Meta(description="Why it could not begin at its time, and is a draft again.", examples=[None]),
    ] = None

    @property
    def began_at(self) -> datetime | None:
        """Since when it gives anything; None: it has not been started."""
        if self.started_at is None or self.terms.starts_at is None:
            return self.started_at
        return max(self.started_at, self.terms.starts_at)

    def counts_at(self, at: datetime) -> bool:
        """Whether it gives anything to what begins then."""
        began, before = self.began_at, self.terms.ends_at
        return self.state is State.RUNNING and began is not None and began <= at and (before is None or at < before)

    @property
    def left(self) -> int | None:
        """What of its budget is neither spent nor kept for sessions; None: it has no bound."""
        return None if self.terms.budget is None else self.terms.budget - self.spent - self.reserved


class Told(Struct, frozen=True, kw_only=True):
    """A campaign as its drivers are told of it. `sites`: where it counts, by name, none: everywhere; `until`: before
    when a session must begin, None: until it is ended; `zone`: the organisation's, by whose clock that is told."""

    campaign: Campaign
    sites: Sequence[str]
    until: datetime | None
    zone: str


class Meant(Struct, frozen=True, kw_only=True):
    """How many drivers a campaign would be for, and how many of these agreed to marketing, so that they may be told.
    `is_whole`: every driver was looked at; else there may be more."""

    drivers: int
    marketing: int
    is_whole: bool


class Past(Struct, frozen=True, kw_only=True):
    """How a campaign went that other records tell of (`source`): from when until when, what it took of bills in minor
    units with taxes, and its drivers, with whether each had it."""

    source: str
    started_at: datetime
    ended_at: datetime
    spent: int
    drivers: Mapping[int, bool]


class Code(Struct, frozen=True, kw_only=True):
    """A code of a voucher. `most_uses` None: any number."""

    code_id: int
    campaign_id: int
    code: str
    most_uses: int | None
    used: int


class Use(Struct, frozen=True, kw_only=True):
    """Something given, or kept for somebody; `kept`: a driver entered its code ahead. `taken`: what it came to, in
    minor units with taxes; None: not yet."""

    use_id: UUID
    campaign_id: int
    code_id: int | None
    driver_id: int | None
    token_uid: str | None
    session_id: UUID | None
    kept: bool
    state: UseState
    reserved: int
    taken: int | None
    made_at: datetime
    until_at: datetime | None


class Occasion(Struct, frozen=True, kw_only=True):
    """A session as far as campaigns depend on it: where and when it begins or would begin, and whose it is.
    `tariff_id`, `currency`: by and in which it is priced; None: not known yet, or by none."""

    station_id: int
    evse: int | None
    at: datetime
    zone: str
    sites: frozenset[str]
    connector_type: str | None
    driver_id: int | None
    token_uid: str | None
    tariff_id: UUID | None = None
    currency: str | None = None


def held_out(seed: str, driver_id: int, percent: Decimal) -> bool:
    """Whether a driver doesn't have a campaign: by a digest of both, so always the same, and of every hundred drivers
    about so many."""
    digest = blake2b(f"{seed}\n{driver_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _HELD_OUT_OF < percent * 100


def segment_of(sessions: int, unseen_days: int | None) -> Segment:
    """A driver's segment by sessions in the window and days since the last of them."""
    if not sessions or unseen_days is None:
        return Segment.GONE
    if unseen_days > COOLING_D:
        return Segment.LEAVING
    if sessions >= OFTEN:
        return Segment.LOYAL
    return Segment.RECENT if unseen_days <= FRESH_D else Segment.COOLING


def belongs(audience: Audience, *, sessions: int, energy_wh: int, unseen_days: int | None, marketing: bool) -> bool:
    """Whether a driver of such use is meant, who is one of those that are named. `unseen_days`: since the last session
    in the window, None: there is none."""
    return (
        (not audience.segments or segment_of(sessions, unseen_days) in audience.segments)
        and (audience.min_sessions is None or sessions >= audience.min_sessions)
        and (audience.max_sessions is None or sessions <= audience.max_sessions)
        and (audience.min_energy_wh is None or energy_wh >= audience.min_energy_wh)
        and (audience.unseen_days is None or unseen_days is None or unseen_days >= audience.unseen_days)
        and (marketing or not audience.marketing)
    )


def fits(campaign: Campaign, occasion: Occasion) -> bool:
    """Whether a campaign is for such a session, whoever's it is and whether the campaign runs."""
    places, local = campaign.terms.places, occasion.at.astimezone(ZoneInfo(occasion.zone))
    hours = places.hours | campaign.hours
    return (
        occasion.currency in (None, campaign.terms.currency)
        and (not places.sites or bool(places.sites & occasion.sites))
        and (not places.tariffs or occasion.tariff_id in places.tariffs)
        and (not places.connector_types or occasion.connector_type in places.connector_types)
        and (not places.days or list(Day)[local.weekday()] in places.days)
        and (not hours or local.hour in hours)
    )


def spans(hours: Collection[int]) -> list[tuple[int, int]]:
    """Hours of the day as they follow each other, from when until before when: (22, 6), (9, 10). All of them, or none,
    are no span."""
    found = []
    for first in sorted(hour for hour in hours if (hour - 1) % HOURS not in hours):
        end = first
        while end % HOURS in hours:
            end += 1
        found.append((first, end % HOURS))
    return found


def chosen(candidates: Iterable[Campaign]) -> Sequence[Campaign]:
    """Which of several count for one session: what came by a code first, then those made first. Where the first bears
    no other, it alone; else all that bear others, MAX_STACKED at the most."""
    ordered = sorted(candidates, key=lambda each: (not each.terms.by_code, each.campaign_id))
    if ordered and not ordered[0].terms.stacks:
        return ordered[:1]
    return [each for each in ordered if each.terms.stacks][:MAX_STACKED]


def discount_of(campaign: Campaign) -> Discount:
    """What a campaign takes off a bill, for the one function that prices."""
    terms = campaign.terms

    def major(amount: int | None) -> Decimal | None:
        return None if amount is None else Decimal(amount).scaleb(-minor_digits(terms.currency))

    return Discount(
        id=discount_id(campaign.campaign_id), label=terms.label, percent=terms.percent, after_taxes=major(terms.amount),
        most=major(terms.most), host_bears=terms.host_bears,
    )  # fmt: skip


def discount_id(campaign_id: int) -> str:
    """How bills name a campaign."""
    return f"campaign-{campaign_id}"


def plain(code: str) -> str:
    """A code as it is kept, whatever blanks, hyphens and cases it is typed in with."""
    return "".join(each for each in code.upper() if each.isalnum())[:MAX_CODE]


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
