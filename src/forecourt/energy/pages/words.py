"""What a person reads on the pages of the room."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from forecourt.energy.errors import Faulty
from forecourt.energy.model import Fault, Phases
from forecourt.energy.site import Mode
from forecourt.platform.errors import ForecourtError
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
OF: Final[Mapping[str, str]] = {
    "node": mark("Node"),
    "EVSE": mark("EVSE"),
    "attachment": mark("Attachment"),
    "line": mark("Line"),
}
#: What the fields of the forms are called, by their names in the API.
FIELDS: Final[Mapping[str, str]] = {
    "limit_a": mark("Limit of current"),
    "limit_w": mark("Limit of power"),
    "delta_wye": mark("Delta-wye ratio"),
    "name": mark("Name"),
    "max_a": mark("Most"),
    "max_w": mark("If it is DC: gives"),
    "min_a": mark("Least"),
    "fallback_a": mark("While silent"),
    "meter": mark("Metering station"),
    "most_w": mark("Assumed without a meter"),
    "peak_w": mark("Peak power"),
    "tilt_deg": mark("Tilt"),
    "azimuth_deg": mark("Facing; south is 180"),
    "capacity_wh": mark("Holds"),
    "charge_w": mark("Charges with"),
    "discharge_w": mark("Gives"),
    "efficiency": mark("Efficiency"),
    "reserve_wh": mark("Kept in reserve"),
    "wear_per_kwh": mark("Wear of a kWh"),
    "voltage_v": mark("Line to neutral"),
    "line_voltage_v": mark("Line to line"),
    "currency": mark("Currency"),
    "price_zone": mark("Zone of the prices of the day ahead; empty: by the clock"),
    "co2_zone": mark("Zone of the CO2 intensity"),
    "factor": mark("Times"),
    "markup_per_kwh": mark("Plus, each kWh"),
    "feed_in_per_kwh": mark("Paid for a kWh that is fed in"),
    "demand_charge_per_kw": mark("A kW of the highest mean, each month"),
    "demand_minutes": mark("Mean of so many minutes"),
    "billing_day": mark("Day on which the month begins"),
    "begins": mark("From, month and day"),
    "weekdays": mark("Weekdays"),
    "weekends": mark("Weekends"),
    "holidays": mark("Holidays"),
}
#: What is said on a page instead of words in which fields have their names of the API.
ON_PAGES: Final[Mapping[str, str]] = {
    "limit_w or limit_a is needed": mark("write how many kW, or how many A"),
    "it is over already, since %(at)s: say an end that is to come; a limit that holds is withdrawn": mark(
        "its end is over already: write a later one, or none"
    ),
    "limit_a is no number": mark("the limit in A is no number"),
    "limit_a is from 0 to %(most)s": mark("the limit is from 0 to %(most)s A"),
    "limit_w is from 0 to %(most)s": mark("the limit is from 0 to %(most)s W"),
    "feed_in_limit_w is from 0 to %(most)s": mark("what may be fed in is from 0 to %(most)s W"),
    "its currents must be 0 <= min_a <= max_a, with max_a above 0": mark(
        "its least current must not be above its most, and the most be above 0"
    ),
    "line_voltage_v must be about 1.73 times voltage_v: three phases have no other": mark(
        "the voltage from line to line must be about 1.73 times that to neutral: three phases have no other"
    ),
    "capacity_wh must be above 0, charge_w and discharge_w from 0": mark(
        "what it holds must be above 0, and the powers with which it charges and gives from 0"
    ),
    "efficiency is from 0.3 to 1": mark("the efficiency is from 30 to 100 %%"),
    "reserve_wh is from 0 to capacity_wh": mark("no more can be kept in reserve than it holds"),
    "wear_per_kwh must be from 0": mark("the wear must be from 0"),
    "most_w must be from 0": mark("what is assumed must be from 0"),
    "peak_w must be above 0": mark("the peak power must be above 0"),
    "tilt_deg is from 0 to 90 and azimuth_deg from 0 to 360": mark(
        "the tilt is from 0 to 90 degrees, and where it faces from 0 to 360"
    ),
    "a price is needed: seasons, or a price_zone": mark(
        "a price is needed: by the clock, or a zone with prices of the day ahead"
    ),
    "currency is an ISO 4217 code such as EUR": mark("the currency is a code of three letters such as EUR"),
    "factor and demand_charge_per_kw are from 0": mark("the factor and the price of the highest mean are from 0"),
}
#: What is said of refusals that name no faults, by their codes.
REFUSED: Final[Mapping[str, str]] = {
    "too-many-limits": mark("The site has as many limits to come as it can have. Withdraw some first."),
    "needs-refused": mark(
        "The needs contradict themselves: a least energy needs a time by which it is there, and none after the car has"
        " left. Mend them and save them again."
    ),
    "needs-over": mark("This departure is over already. Write one that is to come, or none."),
    "feed-exists": mark("The site has a feed of this name already. Choose another name."),
    "too-many-feeds": mark("The site has as many feeds as it can have. Remove one first."),
    "address-refused": mark("This address can't be called: it must be http or https, and of the public internet."),
    "electrics-missing": mark("The site has no electrics yet. Set them up first."),
}
_PATH: Final = re.compile(r"`\$([^`]*)`")
#: Sources of signals that are ours.
SOURCES: Final[Mapping[str, str]] = {"nothing is known": mark("nothing is known"), "api": mark("by the API")}
#: Who said something, as the audit names people and programs.
_ACTOR: Final = re.compile(r"(feed|key|person):[0-9]+ (.+)")
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
    values = {
        name: _(FIELDS.get(value, value)) if name in ("field", "days") else value
        for name, value in fault.values.items()
    }
    return _(ON_PAGES.get(fault.words, fault.words)) % values


def refused_as(refused: ForecourtError) -> list[str]:
    """What a refusal says, in the language of the page: each of its faults, with where it is."""
    if isinstance(refused, Faulty) and refused.faults:
        return [f"{_(OF[each.of])} {each.id}: {said(each)}" if each.of in OF else said(each) for each in refused.faults]
    return [_(REFUSED[refused.code]) if refused.code in REFUSED else refused.detail]


def misfit(refused: msgspec.ValidationError) -> Fault:
    """What a form holds that is too long, or of the wrong kind."""
    path = _PATH.search(str(refused))
    names = re.findall(r"[a-z][a-z0-9_]*", path[1]) if path else []
    field = next((name for name in reversed(names) if name in FIELDS), "")
    if not field:
        return Fault(words=mark("a field holds what it can't: %(what)s"), values={"what": str(refused)})
    return Fault(words=mark("“%(field)s” holds what it can't"), values={"field": field})


def by_place(faults: Sequence[Fault]) -> dict[tuple[str, str], list[str]]:
    """The same of several, by what they are of and its id."""
    found: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        found.setdefault((fault.of, fault.id), []).append(said(fault))
    return found


def source_word(source: str) -> str:
    """A source as it is shown: a person or a feed by their name, a program by that of its key."""
    actor = _ACTOR.fullmatch(source)
    if actor is not None:
        return _("API key %(name)s") % {"name": actor[2]} if actor[1] == "key" else actor[2]
    return _(SOURCES[source]) if source in SOURCES else source
