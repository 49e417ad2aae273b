"""What a person reads on the pages of the room."""

from collections.abc import Mapping, Sequence
from typing import Final

from forecourt.energy.model import Fault, Phases
from forecourt.energy.site import Mode
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

MODES: Final[Mapping[Mode, tuple[str, str]]] = {
    Mode.CHEAPEST: (mark("Cheapest"), mark("Cars are full when they leave, when energy and power cost least.")),
    Mode.FASTEST: (mark("Fastest"), mark("As fast as the limits allow.")),
    Mode.GREENEST: (mark("Greenest"), mark("When the grid's energy has least CO2.")),
    Mode.SOLAR: (mark("Solar surplus"), mark("What the roof gives; from the grid only what a car must have.")),
    Mode.EQUAL: (mark("Equal share"), mark("Each car the same, as much as the limits allow.")),
}
PHASES: Final[Mapping[Phases, str]] = {
    Phases.ALL: mark("three-phase"),
    Phases.L1: "L1",
    Phases.L2: "L2",
    Phases.L3: "L3",
    Phases.L12: "L1-L2",
    Phases.L23: "L2-L3",
    Phases.L31: "L3-L1",
}
#: What faults are of.
OF: Final[Mapping[str, str]] = {"node": mark("Node"), "EVSE": mark("EVSE"), "attachment": mark("Attachment")}
#: Sources of signals that are ours.
SOURCES: Final[Mapping[str, str]] = {"nothing is known": mark("nothing is known")}
DONE: Final[Mapping[str, str]] = {
    "electrics": mark("The electrics are stored."),
    "settings": mark("Stored."),
    "tariff": mark("The tariff is stored."),
    "limit": mark("The limit is stored."),
    "withdrawn": mark("The limit is withdrawn."),
    "series": mark("The series is stored."),
    "feed": mark("The feed is set up. It is fetched in a moment."),
    "fetch": mark("It is fetched in a moment. Load this page again to see what came of it."),
    "removed": mark("The feed is removed."),
}


def said(fault: Fault) -> str:
    """What is wrong, in the language of the page, without where."""
    return _(fault.words) % fault.values


def by_place(faults: Sequence[Fault]) -> dict[tuple[str, str], list[str]]:
    """The same of several, by what they are of and its id."""
    found: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        found.setdefault((fault.of, fault.id), []).append(said(fault))
    return found


def source_word(source: str) -> str:
    """A source as it is shown."""
    return _(SOURCES[source]) if source in SOURCES else source
