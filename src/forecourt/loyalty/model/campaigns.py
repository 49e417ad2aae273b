"""Campaigns as they stand, which sessions they are for, and which of several counts. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from forecourt.loyalty.errors import Unbegun
from forecourt.loyalty.model.terms import HOURS, State, Terms
from forecourt.platform.money import minor_digits
from forecourt.pricing.bill import Bill
from forecourt.pricing.model import Day, Discount
from forecourt.stations.plugs import plain_type

#: Campaigns of one session, and those of which one alone may count for it: each is kept of its budget meanwhile.
MAX_STACKED: Final = 5
MAX_ALONE: Final = 20
#: Campaigns of one organisation, and those of them that run at once.
MAX_CAMPAIGNS: Final = 1_000
MAX_RUNNING: Final = 100


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


class Past(Struct, frozen=True, kw_only=True):
    """How a campaign went that other records tell of (`source`): from when until when, what it took of bills in minor
    units with taxes, and its drivers, with whether each had it."""

    source: str
    started_at: datetime
    ended_at: datetime
    spent: int
    drivers: Mapping[int, bool]


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


def fits(campaign: Campaign, occasion: Occasion) -> bool:
    """Whether a campaign is for such a session, whoever's it is and whether the campaign runs."""
    places, local = campaign.terms.places, occasion.at.astimezone(ZoneInfo(occasion.zone))
    hours = places.hours | campaign.hours
    return (
        occasion.currency in (None, campaign.terms.currency)
        and (not places.sites or bool(places.sites & occasion.sites))
        and (not places.tariffs or occasion.tariff_id in places.tariffs)
        and (not places.connector_types or _plugs_into(places.connector_types, occasion.connector_type))
        and (not places.days or list(Day)[local.weekday()] in places.days)
        and (not hours or local.hour in hours)
    )


def _plugs_into(types: Collection[str], kind: str | None) -> bool:
    """Whether a plug is of one of these types, however they are written."""
    return kind is not None and plain_type(kind) in set(map(plain_type, types))


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


def considered(candidates: Iterable[Campaign]) -> Sequence[Campaign]:
    """What may count for one session, of which its bill says what does: what came by a code first, then those made
    first. MAX_ALONE of those that bear no other, and MAX_STACKED of those that do."""
    ordered = sorted(candidates, key=lambda each: (not each.terms.by_code, each.campaign_id))
    alone = [each for each in ordered if not each.terms.stacks][:MAX_ALONE]
    return [*alone, *[each for each in ordered if each.terms.stacks][:MAX_STACKED]]


def best(candidates: Iterable[Campaign], bill: Bill, less: Callable[[Sequence[Discount]], Bill]) -> Sequence[Discount]:
    """What counts for this very bill: of those that it comes to enough for, one that bears no other, or all that do,
    with their vouchers or without, whichever leaves least to pay; of equals what uses up fewer vouchers, then what was
    made first. `less`: the bill with such discounts."""
    cost = bill.total.incl_vat
    enough = [
        each
        for each in considered(candidates)
        if each.terms.currency == bill.tariff.currency
        and cost >= Fraction(each.terms.minimum, 10 ** minor_digits(each.terms.currency))
    ]
    together = [each for each in enough if each.terms.stacks]
    ways = [[each] for each in enough if not each.terms.stacks]
    ways += [together, [each for each in together if not each.terms.by_code], []]
    left: list[tuple[tuple[int, int, bool, int], Sequence[Discount]]] = []
    for way in ways:
        billed, vouchers = less([discount_of(each) for each in way]), sum(each.terms.by_code for each in way)
        taken = [] if billed.adjusted is None else [each.discount for each in billed.adjusted.taken if each.incl_vat]
        oldest = min((each.campaign_id for each in way), default=0)
        left.append(((sum(each.incl_vat for each in billed.rounded()), vouchers, not way, oldest), taken))
    return min(left, key=lambda each: each[0])[1]


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
