"""The default profiles that keep a site safe while nothing is heard of its stations: what is wanted, what is held."""

from collections.abc import Callable, Sequence

import msgspec

from forecourt.energy.dispatch.profiles import STACK_LEVEL, default_profile
from forecourt.energy.site import HungEvse, Settings, SiteTree, fallbacks_of
from forecourt.ocpp.neutral import ChargingProfile, Purpose, Unit
from forecourt.stations.desired.kinds import CHARGING_PROFILE, charging_profile, profile_key
from forecourt.stations.desired.model import Want
from forecourt.stations.desired.service import Desired


def default_wants(tree: SiteTree, settings: Settings, unit_of: Callable[[HungEvse], Unit]) -> list[Want]:
    """The default profile of each EVSE, by the tree's order. `unit_of`: what its limits are told in."""
    fallbacks_a = fallbacks_of(tree, settings)
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


def defaults_of(tree: SiteTree, desired: Sequence[Desired]) -> dict[str, int]:
    """What the default profiles that stations said yes to allow, in mA, by EVSE; without those that have none."""
    held = {(each.station, each.key): each.reported for each in desired if each.kind == CHARGING_PROFILE}
    found = {}
    for evse in tree.evses:
        reported = held.get((evse.station, profile_key(evse.evse, Purpose.TX_DEFAULT, STACK_LEVEL)))
        if reported is not None:
            found[evse.id] = _allowed_ma(reported, tree.watts_told(evse))
    return found


def _allowed_ma(reported: object, watts_per_a: float) -> int:
    profile = msgspec.convert(reported, ChargingProfile)
    most = max((period.limit for period in profile.periods if period.limit is not None), default=0)
    return most if profile.unit is Unit.CURRENT else int(most / watts_per_a * 1000)
