"""Drivers as campaigns see them: who is meant, and who of them doesn't have it. Pure."""

from decimal import Decimal
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from forecourt.loyalty.model.terms import Audience, Segment

#: Drivers of one campaign.
MAX_AUDIENCE: Final = 500_000
#: Drivers that are looked at to say how many a campaign would be for, while somebody waits for the page.
MAX_LOOKED_AT: Final = 5_000
#: Shares of held out drivers are counted in hundredths of a percent.
_HELD_OUT_OF: Final = 10_000
#: By these a driver's segment is told: days since the last session, and sessions in the window.
FRESH_D: Final = 14
COOLING_D: Final = 45
OFTEN: Final = 8


class Meant(Struct, frozen=True, kw_only=True):
    """How many drivers a campaign would be for, and how many of these agreed to marketing, so that they may be told.
    `is_whole`: every driver was looked at; else there may be more."""

    drivers: int
    marketing: int
    is_whole: bool


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
