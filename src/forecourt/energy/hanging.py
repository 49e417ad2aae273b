"""Whether EVSEs may hang where a tree says, beside what stations and sites there are. Pure."""

from collections.abc import Collection, Mapping, Sequence

from forecourt.energy.model import Fault
from forecourt.energy.site import HungEvse, SiteTree
from forecourt.ui.i18n import mark


def evse_faults(
    tree: SiteTree,
    here: Collection[tuple[str, int]],
    known: Collection[tuple[str, int]],
    elsewhere: Mapping[tuple[str, int], str],
    stations: Collection[str],
) -> list[Fault]:
    """What is wrong with the EVSEs of a tree beside what is there: those of the site, all that the organisation has,
    those that hang at another site, with its name, and the stations that are registered."""
    found = []
    told: dict[str, list[int]] = {}
    for station, evse in sorted(known):
        told.setdefault(station, []).append(evse)
    for each in tree.evses:
        key = each.station, each.evse
        if key not in known:
            found.append(_unknown(each, told.get(each.station, ()), each.station in stations))
        elif key not in here:
            words = mark("its station stands neither at this site nor at a part of it")
            found.append(Fault(of="EVSE", id=each.id, words=words))
        elif key in elsewhere:
            words = mark("it hangs at the site %(site)s already")
            found.append(Fault(of="EVSE", id=each.id, words=words, values={"site": elsewhere[key]}))
    return found


def _unknown(evse: HungEvse, told: Sequence[int], registered: bool) -> Fault:
    """Why there is no such EVSE, and what to do about it; `told`: those that its station says it has."""
    values: dict[str, object] = {"station": evse.station}
    if not registered:
        words = mark("no station %(station)s is registered: register it first, and give it this site")
    elif told:
        words = mark("station %(station)s has no such EVSE; it says that it has %(evses)s")
        values["evses"] = ", ".join(map(str, told[:10]))
    else:
        words = mark(
            "station %(station)s has not told yet which EVSEs it has: connect it and wait until it has booted;"
            " leave the EVSE out until then"
        )
    return Fault(of="EVSE", id=evse.id, words=words, values=values)
