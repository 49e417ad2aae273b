"""What the pages of campaigns call things. `_` translates where it is called."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Request
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Verb
from forecourt.loyalty.effect.service import Compared, Measure
from forecourt.loyalty.errors import Unbegun
from forecourt.loyalty.model.campaigns import Campaign, spans
from forecourt.loyalty.model.terms import HOURS, Audience, QuietBy, Segment, State, Terms
from forecourt.loyalty.rewards.model import Program, TierBy
from forecourt.payments.ledger.words import money
from forecourt.platform.paging import NEWEST
from forecourt.pricing.model import Day
from forecourt.stations.plugs import plain_type
from forecourt.ui import i18n
from forecourt.ui.formats import SPACE, kwh
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, ngettext

WebRequest = Request[Any, Any, Any]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
#: The code behind which a page of them begins.
After = Annotated[int, QueryParameter(name="after", ge=0, le=NEWEST)]
Done = Annotated[str, QueryParameter(name="done", max_length=40)]
#: The campaign that a new one is made like; 0: none.
Like = Annotated[int, QueryParameter(name="like", ge=0, le=NEWEST)]
CHANGING: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_PRICES}
READING: Final[Mapping[str, Any]] = {"verb": Verb.READ_CAMPAIGNS}
_PER_CENT: Final = 100
#: Between hours, as people write it.
DASH: Final = "\u2013"
#: A chance is told from here on, in percent.
_LEAST_PERCENT: Final = 0.1

#: Of a campaign: the state whose colour it takes, and the word.
STATES: Final = {
    State.DRAFT: ("Unavailable", mark("Draft")),
    State.SCHEDULED: ("Preparing", mark("Begins by itself")),
    State.RUNNING: ("Available", mark("Running")),
    State.PAUSED: ("Finishing", mark("Paused")),
    State.ENDED: ("Unavailable", mark("Ended")),
}
SEGMENTS: Final = (
    ("", mark("Any driver")),
    (Segment.RECENT.value, mark("New or rare, here lately")),
    (Segment.LOYAL.value, mark("Often here")),
    (Segment.COOLING.value, mark("Rare, not here lately")),
    (Segment.LEAVING.value, mark("Not here for weeks")),
    (Segment.GONE.value, mark("Not here in the days looked back")),
)
QUIET_BY: Final = (
    (QuietBy.ENERGY.value, mark("Energy charged")),
    (QuietBy.PRICE.value, mark("Price of energy")),
)
TIERS_BY: Final = (
    (TierBy.SESSIONS.value, mark("Sessions")),
    (TierBy.ENERGY_KWH.value, mark("kWh")),
    (TierBy.SPEND.value, mark("Money spent")),
)
MEASURES: Final = {
    Measure.ENERGY: mark("Energy"),
    Measure.VISITS: mark("Visits"),
    Measure.REVENUE: mark("Revenue before VAT"),
    Measure.SHARE_IN_HOURS: mark("Part of the energy in its hours"),
}
#: Why it could not begin.
UNBEGUN: Final = {
    Unbegun.NOBODY: mark("It would be for nobody: no driver is as it says. Say more widely whom it is for."),
    Unbegun.TOO_MANY: mark("It is for more drivers than a campaign may have. Say more closely whom it is for."),
    Unbegun.NO_PRICES: mark("Its quiet hours can't be found: prices are not known for every hour at its sites."),
}
#: What was just done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "start": mark("It runs. Whom it is for is fixed now."),
    "schedule": mark("It begins by itself at its time. Whom it is for is fixed then."),
    "pause": mark("It is paused. What was promised is kept."),
    "end": mark("It has ended. Sessions that have it keep it."),
    "codes": mark("The codes are made."),
}


def given_words(terms: Terms) -> str:
    """What a campaign gives: `15 % off, at most 3.00 EUR`."""
    if terms.percent is not None:
        off = _("%(percent)s %% off") % {"percent": f"{terms.percent.normalize():f}"}
    else:
        off = _("%(amount)s off") % {"amount": money(terms.amount, terms.currency)}
    if terms.percent is not None and terms.most is not None:
        off += ", " + _("at most %(amount)s") % {"amount": money(terms.most, terms.currency)}
    return off


def hours_words(campaign: Campaign) -> str:
    """The hours of the day for which it is: `22-6`; empty: all."""
    hours = campaign.hours or campaign.terms.places.hours
    if not hours or len(hours) == HOURS:
        return ""
    return ", ".join(f"{first}{DASH}{end}" for first, end in spans(hours))


def audience_words(audience: Audience) -> list[str]:
    """Whom a campaign is for, as it says; what isn't said holds for all."""
    labels = dict(SEGMENTS)
    said = [_(labels[each.value]) for each in Segment if each in audience.segments]
    found = [" / ".join(said)] if said else []
    if audience.min_sessions is not None:
        found.append(_("sessions at least: %(n)s") % {"n": i18n.number(audience.min_sessions)})
    if audience.max_sessions is not None:
        found.append(_("sessions at most: %(n)s") % {"n": i18n.number(audience.max_sessions)})
    if audience.min_energy_wh is not None:
        found.append(_("energy at least: %(energy)s") % {"energy": kwh(audience.min_energy_wh)})
    if found:
        days = audience.window_days
        found.append(
            ngettext("by their use in the last %(n)s day", "by their use in the last %(n)s days", days) % {"n": days}
        )
    if audience.unseen_days is not None:
        found.append(
            ngettext("no session for %(n)s day", "no session for %(n)s days", audience.unseen_days)
            % {"n": audience.unseen_days}
        )
    if audience.fleets:
        found.append(_("of fleets %(numbers)s") % {"numbers": ", ".join(map(str, sorted(audience.fleets)))})
    if audience.drivers:
        found.append(_("named drivers: %(n)s") % {"n": i18n.number(len(audience.drivers))})
    if audience.marketing:
        found.append(_("agreed to marketing"))
    return found or [_("Any driver")]


def effect_words(each: Compared, currency: str) -> dict[str, str]:
    """The numbers of a line with their units, as they are shown; a share in percent."""
    found = {
        name: _measured(each.measure, getattr(each, name), currency)
        for name in ("treated", "held_out", "difference", "low", "high")
    }
    percent = each.p_value * _PER_CENT
    least = f"< {i18n.number(_LEAST_PERCENT, 1)}"
    found["p_value"] = f"{least if percent < _LEAST_PERCENT else i18n.number(percent, 1)}{SPACE}%"
    return found


def _measured(measure: Measure, value: float, currency: str) -> str:
    if measure is Measure.SHARE_IN_HOURS:
        return f"{i18n.number(value * _PER_CENT, 1)}{SPACE}%"
    unit = {Measure.ENERGY: "kWh", Measure.REVENUE: currency}.get(measure, "")
    return f"{i18n.number(value, 2)}{SPACE}{unit}" if unit else i18n.number(value, 2)


def where_words(campaign: Campaign, names: Mapping[str, str]) -> list[str]:
    """At which sites, plugs and by which tariffs it counts; nothing: everywhere. `names` of sites."""
    places = campaign.terms.places
    found = [", ".join(sorted(names.get(slug, slug) for slug in places.sites))] if places.sites else []
    if places.connector_types:
        found.append(_("at plugs %(kinds)s") % {"kinds": ", ".join(sorted(map(plain_type, places.connector_types)))})
    if places.tariffs:
        found.append(_("by one of %(n)s tariffs") % {"n": len(places.tariffs)})
    return found


def days_words(campaign: Campaign) -> str:
    """On which days of the week; empty: on all."""
    days = campaign.terms.places.days
    names = i18n.current().locale.days["format"]["abbreviated"]
    return ", ".join(names[number] for number, day in enumerate(Day) if day in days)


def program_words(program: Program) -> str:
    """What sessions earn, in a sentence without a full stop."""
    found = []
    if program.points_per_kwh:
        found.append(_("points for a kWh: %(n)s") % {"n": i18n.number(program.points_per_kwh)})
    if program.points_per_unit:
        found.append(
            _("points for %(money)s: %(n)s")
            % {"n": i18n.number(program.points_per_unit), "money": f"1{SPACE}{program.currency}"}
        )
    if found:
        found.append(_("100 points are worth %(money)s") % {"money": money(program.value_of_100, program.currency)})
    if program.cashback_percent:
        found.append(_("cashback of %(percent)s %%") % {"percent": f"{program.cashback_percent.normalize():f}"})
    if program.tiers:
        found.append(_("tiers %(names)s") % {"names": ", ".join(each.name for each in program.tiers)})
    return "; ".join(found)
