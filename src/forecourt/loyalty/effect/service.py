"""The verb of effects: what a campaign changed so far, by what its drivers did."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from forecourt.loyalty.effect.estimate import LEVEL, MIN_GROUP, Difference, Numbers, difference, difference_of_shares
from forecourt.loyalty.model.campaigns import Campaign
from forecourt.loyalty.service import find_campaign
from forecourt.loyalty.store import effects as store
from forecourt.loyalty.store.campaigns import Connection
from forecourt.loyalty.store.effects import Did
from forecourt.platform.money import minor_digits

#: The time before is as long as the campaign, and at least so long: a driver who comes monthly is to be seen in it.
MIN_BEFORE: Final = timedelta(days=28)
MAX_BEFORE: Final = timedelta(days=365)
_WH_A_KWH: Final = 1000


class Measure(StrEnum):
    """What is compared, by driver over the whole campaign."""

    ENERGY = "energy"
    VISITS = "visits"
    #: Before VAT, discounts taken off.
    REVENUE = "revenue"
    #: Of the energy, what was charged by visits that began in the campaign's hours.
    SHARE_IN_HOURS = "share_in_hours"


class Compared(Struct, frozen=True, kw_only=True):
    """One measure: both groups' means, their difference with its interval, and how likely so much is by chance alone.
    `total`: the difference for all treated drivers together. Energy in kWh, revenue in the currency's major unit, the
    share from 0 to 1."""

    measure: Measure
    treated: float
    held_out: float
    difference: float
    low: float
    high: float
    p_value: float
    total: Annotated[float | None, Meta(description="Null for a share.")]


class Effect(Struct, frozen=True, kw_only=True):
    """What a campaign changed from its beginning, `start`, until `until`; when it was paused is left out. Drivers are
    compared as they were drawn, whether they came or not; what they did since `before` narrows the intervals. Sessions
    that other records tell of count, too.
    `compared` is empty with fewer than ten drivers in a group, and has nothing of what none of them did yet: that is
    not known to be the same. `left_treated`, `left_held_out`: drivers of each group who were erased since, of whom
    nothing is known; leaving may have to do with the campaign. `given`: of the budget, in minor units."""

    campaign_id: int
    before: datetime
    start: datetime | None
    until: datetime
    level: float
    treated: int
    held_out: int
    left_treated: int
    left_held_out: int
    given: int
    currency: str
    compared: list[Compared]


async def measure_effect(conn: Connection, tenant_id: int, campaign_id: int, now: datetime) -> Effect:
    """What a campaign changed so far, or until it ended. Raises CampaignUnknown."""
    campaign = await find_campaign(conn, tenant_id, campaign_id)
    start, until = campaign.began_at, _until(campaign, now)
    before = (start or until) - min(max(until - (start or until), MIN_BEFORE), MAX_BEFORE)
    did: Sequence[Did] = ()
    hours = sorted(campaign.hours or campaign.terms.places.hours)
    if start is not None:
        did = await store.list_did(
            conn, tenant_id, campaign_id, since=before, start=start, until=until, hours=hours,
            currency=campaign.terms.currency,
        )  # fmt: skip
    left_treated, left_held_out = await store.count_left(conn, tenant_id, campaign_id)
    treated = np.array([each.treated for each in did], dtype=bool)
    many = int(treated.sum())
    few = len(did) - many
    enough = min(many, few) >= MIN_GROUP
    return Effect(
        campaign_id=campaign_id, before=before, start=start, until=until, level=LEVEL, treated=many, held_out=few,
        left_treated=left_treated, left_held_out=left_held_out, given=campaign.spent, currency=campaign.terms.currency,
        compared=_compare(did, treated, campaign.terms.currency, hours) if enough else [],
    )  # fmt: skip


def _compare(did: Sequence[Did], treated: np.ndarray, currency: str, hours: Sequence[int]) -> list[Compared]:
    def column(of: Callable[[Did], int], scale: int = 1) -> Numbers:
        return np.array([of(each) for each in did], dtype=float) / scale

    wh = column(lambda each: each.wh)
    unit = 10 ** minor_digits(currency)
    pairs = (
        (Measure.ENERGY, wh / _WH_A_KWH, column(lambda each: each.wh_b, _WH_A_KWH)),
        (Measure.VISITS, column(lambda each: each.visits), column(lambda each: each.visits_b)),
        (Measure.REVENUE, column(lambda each: each.minor, unit), column(lambda each: each.minor_b, unit)),
    )
    many = int(treated.sum())
    found = [
        _compared(measure, difference(during, past, treated), many) for measure, during, past in pairs if during.any()
    ]
    there = column(lambda each: each.there)
    if hours and wh[treated].any() and wh[~treated].any():
        found.append(_compared(Measure.SHARE_IN_HOURS, difference_of_shares(there, wh, treated), None))
    return found


def _compared(measure: Measure, told: Difference, many: int | None) -> Compared:
    gap = float(told.difference)
    return Compared(
        measure=measure, treated=float(told.treated), held_out=float(told.held_out), difference=gap,
        low=float(told.low), high=float(told.high), p_value=float(told.p_value),
        total=None if many is None else gap * many,
    )  # fmt: skip


def _until(campaign: Campaign, now: datetime) -> datetime:
    ends = [each for each in (campaign.ended_at, campaign.terms.ends_at, now) if each is not None]
    return min(ends)
