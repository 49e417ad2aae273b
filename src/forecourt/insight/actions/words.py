"""How actions read on a page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from forecourt.insight.actions.model import Action, Kind, State
from forecourt.insight.health.service import Standing
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

#: The tone and word of each state.
STATES: Final = {
    State.OPEN: ("Preparing", mark("Open")),
    State.TAKEN: ("Charging", mark("Taken")),
    State.DISMISSED: ("Unavailable", mark("Dismissed")),
}
#: What to do, in a few words.
TITLES: Final = {
    Kind.FAILING: mark("Have the EVSE looked at"),
    Kind.BLOCKING: mark("Build more plugs"),
    Kind.IDLE: mark("Get full cars to leave"),
    Kind.SHIFT: mark("Ask less at quiet hours"),
    Kind.UNDERUSED: mark("Make the station known, or cheaper"),
    Kind.PEAK: mark("Shave the peak"),
}
#: Why, made of the facts.
REASONS: Final = {
    Kind.FAILING: mark(
        "%(failed)s of %(tries)s tries gave no energy; elsewhere %(others)s of tries do. In %(lost)s"
        " visits here nobody charged at all."
    ),
    Kind.BLOCKING: mark(
        "In its busiest hour about %(away)s of drivers find all %(plugs)s plugs taken and leave. With %(more)s more it"
        " would be at most 5\N{NO-BREAK SPACE}%%."
    ),
    Kind.IDLE: mark(
        "Cars stand here for %(idle_min)s minutes after they are full, on the mean, while about %(away)s of drivers"
        " leave in the busiest hour. A nudge, or a fee for it, frees plugs."
    ),
    Kind.SHIFT: mark(
        "About %(away)s of drivers leave in the busiest hour, while at others plugs are free. A lower price then moves"
        " some of them."
    ),
    Kind.UNDERUSED: mark(
        "It is in use for %(share)s of its time, the middle one of %(alike)s of like power for %(usual)s."
    ),
    Kind.PEAK: mark(
        "The highest hour took %(peak_w)s, 19 of 20 hours with load stay below %(usual_w)s. A kW of the highest costs"
        " %(charge)s a month. Smart charging shaves it."
    ),
}
#: How the effect was reckoned, and what was assumed.
METHODS: Final = {
    Kind.FAILING: mark(
        "Visits lost, as far as more fail than elsewhere, times what a session that charged earns at the station; the"
        " interval is of the share that fails."
    ),
    Kind.BLOCKING: mark(
        "Erlang's formula for calls that find every line busy, on the load of each hour of the day, corrected for"
        " what full plugs turned away; the interval is of how weeks differ. What building costs is not taken off."
    ),
    Kind.IDLE: mark(
        "The same formula as for more plugs, with stays shorter by a quarter, half and three quarters of the idle"
        " time: how much a nudge ends is assumed."
    ),
    Kind.SHIFT: mark(
        "The same formula as for more plugs, with 5, 10 and 15 %% of arrivals of full hours moved to others: that"
        " is assumed."
    ),
    Kind.UNDERUSED: mark(
        "Nothing, a quarter and half of what it lacks to the middle one is assumed to be won; what the price would lose"
        " is not taken off."
    ),
    Kind.PEAK: mark("None, half and all of what stands above the usual top; of hours, as the lake holds them."),
}
#: What is reckoned of a whole site, as Expansion does by other weeks and another promise.
OF_SITES: Final = frozenset({Kind.BLOCKING, Kind.IDLE, Kind.SHIFT})
#: What Connector health says of the same EVSE.
_SAME: Final = mark("Connector health has an alert of it as well, since %(day)s.")
_DOWN: Final = mark("Connector health says that it is down.")
_FEW: Final = mark("Connector health can't judge it yet: it knows too few days since it was new or mended.")
_UNSEEN: Final = mark("Connector health has not looked at it yet.")
_CALM: Final = mark(
    "Connector health has no alert of it, which is no contradiction: that foretells failures by what gets worse. What"
    " was bad from the first day on does not get worse, nor does what fails now and then; here its lost visits count."
)
_SHARES: Final = ("others", "away", "share", "usual")
_WATTS: Final = ("peak_w", "usual_w")


def reason(action: Action) -> str:
    """Why it is proposed."""
    told: dict[str, Any] = {name: _told(name, value, action) for name, value in action.facts.items()}
    return _(REASONS[action.kind]) % told


def method(action: Action) -> str:
    """How its effect was reckoned."""
    nothing: Mapping[str, Any] = {}
    return _(METHODS[action.kind]) % nothing


def health(standing: Standing | None) -> str:
    """What Connector health says of the EVSE of an action, so that both can be read side by side."""
    if standing is None:
        return _(_UNSEEN)
    if standing.alert is not None:
        return _(_SAME) % {"day": formats.date_of(standing.alert.opened_on)}
    return _({"down": _DOWN, "few_days": _FEW}.get(standing.connector.standing, _CALM))


def currencies(actions: Sequence[Action]) -> int:
    """In how many currencies they earn."""
    return len({each.currency for each in actions})


def place(action: Action, names: Mapping[str, str]) -> str:
    """Where; `names` of sites by their slugs."""
    if action.evse:
        return f"{action.station} · EVSE {action.evse}"
    return action.station or names.get(action.site, action.site)


def _told(name: str, value: float, action: Action) -> str:
    if name in _SHARES:
        return f"{i18n.number(value * 100, 1)}{formats.SPACE}%"
    if name in _WATTS:
        return f"{i18n.number(value / 1000, 1)}{formats.SPACE}kW"
    return formats.money(round(value), action.currency) if name == "charge" else i18n.number(int(value))
