"""The default profiles that keep a site safe while nothing is heard of its stations: what is wanted, what is held."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from forecourt.energy.dispatch.profiles import STACK_LEVEL, default_profile
from forecourt.energy.faults import fallback_faults, fallbacks_of
from forecourt.energy.site import HungEvse, Settings, SiteTree
from forecourt.ocpp.neutral import ChargingProfile, Purpose, Unit
from forecourt.stations.desired.kinds import CHARGING_PROFILE, charging_profile, profile_key
from forecourt.stations.desired.model import State, Want
from forecourt.stations.desired.service import Desired

#: A station that has not said yes to its default after so many tries is not waited for.
TRIES: Final = 3
_NO: Final = frozenset({State.REFUSED, State.UNSUPPORTED})


def default_wants(tree: SiteTree, settings: Settings, unit_of: Callable[[HungEvse], Unit]) -> list[Want]:
    """The default profile of each EVSE, by the tree's order; without any current where the tree doesn't bear what is
    set. `unit_of`: what its limits are told in."""
    fallbacks_a = fallbacks_of(tree, settings)
    if fallback_faults(tree, fallbacks_a):
        fallbacks_a = dict.fromkeys(fallbacks_a, 0.0)
    return [
        charging_profile(
            evse.station,
            evse.evse,
            default_profile(
                evse.evse, int(fallbacks_a[evse.id] * 1000), evse.phases, tree.watts_told(evse), unit_of(evse)
            ).profile,
        )
        for evse in tree.evses
    ]  # fmt: skip


class Held(Struct, frozen=True, kw_only=True):
    """What is known of the default profile of an EVSE: the most in mA that one allows which its station holds or may
    hold, since when it said yes to it (`most_ma` None: not known to hold any), and whether it won't say yes."""

    most_ma: int | None
    since: datetime | None
    refused: bool


def missing_wants(wants: Sequence[Want], desired: Sequence[Desired]) -> list[Want]:
    """What is wanted and not stored as wanted yet, or no more."""
    stored = {(each.station, each.kind, each.key): each.wanted for each in desired}
    return [want for want in wants if stored.get((want.station, want.kind, want.key)) != want.wanted]


def defaults_of(tree: SiteTree, desired: Sequence[Desired]) -> dict[str, Held]:
    """By EVSE; without those of which none was ever wanted. What was sent counts until it is known that the station
    didn't take it, and what it said yes to until it has surely taken another."""
    of = {(each.station, each.key): each for each in desired if each.kind == CHARGING_PROFILE}
    found = {}
    for evse in tree.evses:
        each = of.get((evse.station, profile_key(evse.evse, Purpose.TX_DEFAULT, STACK_LEVEL)))
        if each is not None:
            found[evse.id] = _held(each, tree.watts_told(evse))
    return found


def _held(each: Desired, watts_per_a: float) -> Held:
    allowed = [_allowed_ma(value, watts_per_a) for value in (each.reported, *each.unsure)]
    known = [ma for ma in allowed if ma is not None]
    refused = each.state in _NO or each.refusals > 0 or each.attempts >= TRIES
    most_ma = max(known) if len(known) == len(allowed) else None
    return Held(most_ma=most_ma, since=each.reported_at, refused=refused and each.reported is None)


def _allowed_ma(profile: object, watts_per_a: float) -> int | None:
    """None where there is none."""
    if profile is None:
        return None
    known = msgspec.convert(profile, ChargingProfile)
    most = max((period.limit for period in known.periods if period.limit is not None), default=0)
    return most if known.unit is Unit.CURRENT else int(most / watts_per_a * 1000)
