"""An incident in words: what happened, why most likely, what to do next, and the button that does it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.care.model import FLAP_WINDOW, IncidentKind, Severity
from forecourt.insight.health.found import Reason
from forecourt.insight.health.words import part_of, reason
from forecourt.stations.faults import UNKNOWN, explain
from forecourt.stations.refusals import meaning_of
from forecourt.ui import i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, ngettext

KIND_WORDS: Final[Mapping[IncidentKind, str]] = {
    IncidentKind.FAULT: mark("Connector faulted"),
    IncidentKind.OFFLINE: mark("Station offline"),
    IncidentKind.FLAPPING: mark("Connection unstable"),
    IncidentKind.FAILED_STARTS: mark("Failed starts"),
    IncidentKind.QUARANTINED: mark("Message not stored"),
    IncidentKind.NOT_ACCEPTED: mark("Station not accepted"),
    IncidentKind.CLOCK: mark("Clock wrong"),
    IncidentKind.GHOST: mark("Ghost session"),
    IncidentKind.DISOBEYS: mark("Draws more than it may"),
    IncidentKind.OVERLOADED: mark("Overloaded by the building"),
    IncidentKind.HOLD_ENDS: mark("Hold runs out"),
    IncidentKind.EXCESS: mark("Limit not kept in time"),
    IncidentKind.UNPLANNED: mark("Site not planned"),
    IncidentKind.WEARING: mark("Connector wears"),
}
SEVERITY_WORDS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: mark("Critical"),
    Severity.WARNING: mark("Warning"),
    Severity.NOTICE: mark("Notice"),
}


class Action(StrEnum):
    """What can be done about an incident at once; LOOK leads to its station, CREDENTIALS to that one's settings, and
    PLAN to the plan of its site."""

    LOOK = "look"
    SESSION = "session"
    PLAN = "plan"
    CREDENTIALS = "credentials"
    ACCEPT = "accept"
    STOP = "stop"
    RESET = "reset"
    UNLOCK = "unlock"
    READ = "read"


#: What leads elsewhere and does nothing by itself.
LEADING: Final = frozenset((Action.LOOK, Action.PLAN, Action.CREDENTIALS, Action.SESSION))
#: Faults that a restart may mend; the others need hands, or somebody at the car.
RESETTABLE: Final = frozenset((None, "NoError", "OtherError", "InternalError"))


class Told(Struct, frozen=True, kw_only=True):
    """An incident in the language of the page."""

    happened: str
    cause: str
    next_step: str


def kind_word(kind: str) -> str:
    """A kind as people read it."""
    return _(KIND_WORDS[IncidentKind(kind)])


def severity_word(severity: int) -> str:
    """A severity as people read it."""
    return _(SEVERITY_WORDS[Severity(severity)])


def action_for(kind: str, detail: Mapping[str, Any]) -> Action:
    """The next action for an incident of that kind."""
    match IncidentKind(kind):
        case IncidentKind.FAULT if detail.get("error_code") in RESETTABLE:
            return Action.RESET
        case IncidentKind.FAULT if detail["error_code"] == "ConnectorLockFailure":
            return Action.UNLOCK
        case IncidentKind.FAILED_STARTS | IncidentKind.CLOCK:
            return Action.RESET
        case IncidentKind.OFFLINE if detail.get("refused"):
            return Action.CREDENTIALS
        case IncidentKind.NOT_ACCEPTED:
            return Action.ACCEPT
        case IncidentKind.GHOST:
            return Action.STOP
        case IncidentKind.QUARANTINED:
            return Action.READ
        case IncidentKind.OVERLOADED | IncidentKind.EXCESS | IncidentKind.UNPLANNED:
            return Action.PLAN
        case IncidentKind.HOLD_ENDS:
            return Action.SESSION
        case _:
            return Action.LOOK


def tell(kind: str, detail: Mapping[str, Any], zone: str) -> Told:
    """The words for an incident, times in a zone; sentences without their full stops."""
    match IncidentKind(kind):
        case IncidentKind.FAULT:
            fault = explain(detail.get("error_code"))
            cause = _("not known, the station says no more") if fault is UNKNOWN else _(fault.cause)
            return Told(happened=_(fault.happened), cause=cause, next_step=_(fault.next_step))
        case IncidentKind.OFFLINE if detail.get("refused"):
            meaning = meaning_of(detail["refused"], None)
            last = i18n.stamp(datetime.fromisoformat(detail["refused_at"]), zone)
            return Told(
                happened=_("The station is not connected"),
                cause=_("it is refused whenever it connects: “%(what)s”, last on %(when)s")
                % {"what": _(meaning.what), "when": last},
                next_step=_(meaning.cure).removesuffix("."),
            )
        case IncidentKind.OFFLINE:
            return Told(
                happened=_("The station is not connected"),
                cause=_("its power or its network is down"),
                next_step=_("Check power and network at the site; a car that charges goes on and is reported later"),
            )
        case IncidentKind.FLAPPING:
            lost = int(detail.get("losses", 0))
            return Told(
                happened=_("The connection was lost %(n)s times in %(minutes)s min")
                % {"n": lost, "minutes": int(FLAP_WINDOW.total_seconds()) // 60},
                cause=_("a weak radio signal, or a router that drops the connection"),
                next_step=_("Check the signal and the router at the site"),
            )
        case IncidentKind.FAILED_STARTS:
            failed = len(detail.get("sessions", ()))
            return Told(
                happened=_("%(n)s starts in a row without a charge") % {"n": failed},
                cause=_("a worn contact, a contactor that doesn't close or a fault in the station's software"),
                next_step=_("Restart the station; if it goes on, take the connector out of service"),
            )
        case IncidentKind.QUARANTINED:
            messages = int(detail.get("messages", 1))
            return Told(
                happened=ngettext("%(n)s message could not be stored", "%(n)s messages could not be stored", messages)
                % {"n": messages},
                cause=_("the station said something that the database refuses"),
                next_step=_("Read what was refused, and tell the maker of the station"),
            )
        case IncidentKind.NOT_ACCEPTED if detail.get("registration") == "rejected":
            return Told(
                happened=_("The station was rejected and still asks"),
                cause=_("it was rejected by mistake, or nobody told it to connect elsewhere"),
                next_step=_("Accept it, or take the address of Forecourt out of its settings"),
            )
        case IncidentKind.NOT_ACCEPTED:
            return Told(
                happened=_("The station waits to be accepted"),
                cause=_("nobody has decided about it yet"),
                next_step=_("Accept it if it is yours"),
            )
        case IncidentKind.CLOCK:
            return Told(
                happened=_("The station's clock is wrong"),
                cause=_("it lost the time and reaches no time server"),
                next_step=_("Restart the station: it is told the time when it boots"),
            )
        case IncidentKind.GHOST:
            two = _("Two sessions at one EVSE at the same time")
            alone = _("A session goes on though its connector is free")
            return Told(
                happened=two if detail.get("newer_session") else alone,
                cause=_("the station never ended it, most likely because it restarted"),
                next_step=_("Stop the session; if the station doesn't know it any more, restart the station"),
            )
        case IncidentKind.DISOBEYS:
            return Told(
                happened=_("An EVSE draws more than smart charging told it, so limits of its site may be exceeded"),
                cause=_("the station takes limits and doesn't keep to them, or its meter is wrong"),
                next_step=_("Stop its session if a limit is exceeded, then restart the station or switch the EVSE off"),
            )
        case (
            IncidentKind.WEARING
            | IncidentKind.HOLD_ENDS
            | IncidentKind.OVERLOADED
            | IncidentKind.EXCESS
            | IncidentKind.UNPLANNED
        ):
            return _seen_elsewhere(kind, detail, zone)


def _seen_elsewhere(kind: str, detail: Mapping[str, Any], zone: str) -> Told:
    """What other rooms found: of wear, of money, of sites."""
    if kind == IncidentKind.WEARING:
        return _wearing(detail)
    if kind == IncidentKind.HOLD_ENDS:
        return _hold_ends(detail, zone)
    if kind == IncidentKind.UNPLANNED:
        return _unplanned(detail)
    return _overloaded(detail) if kind == IncidentKind.OVERLOADED else _excess(detail)


def _wearing(detail: Mapping[str, Any]) -> Told:
    part = part_of(detail["part"])
    reasons = [reason(each) for each in msgspec.convert(detail["reasons"], list[Reason])]
    happened = _("A connector shows signs of wear: %(part)s") % {"part": part.name}
    lead = detail.get("lead_d")
    soon = _("half of such connectors failed within %(days)s days") % {"days": i18n.number(lead, 0)} if lead else ""
    return Told(
        happened=happened,
        cause="; ".join([part.cause, *reasons]),
        next_step=f"{part.next_step} ({soon})" if soon else part.next_step,
    )


def _hold_ends(detail: Mapping[str, Any], zone: str) -> Told:
    return Told(
        happened=_("What is held for a session can be taken until %(when)s, and nobody has released it")
        % {"when": i18n.stamp(datetime.fromisoformat(detail["until"]), zone)},
        cause=_("its signed meter values are broken, or prove nothing where the law asks for proof"),
        next_step=_("Look at the session's signed values, and release it with a reason or give the hold back"),
    )


def _overloaded(detail: Mapping[str, Any]) -> Told:
    return Told(
        happened=_("%(node)s carries %(load)s kW without any car, and its limit is %(limit)s kW")
        % {
            "node": detail.get("name", ""),
            "load": i18n.number(detail.get("load_w", 0) / 1000, 1),
            "limit": i18n.number(detail.get("limit_w", 0) / 1000, 1),
        },
        cause=_("the building takes more than it may, or its meter or the limit is set wrongly"),
        next_step=_(
            "Switch something off in the building: nobody can charge there until then; if it doesn't take that"
            " much, correct the meter or the limit in the site's electrics"
        ),
    )


def _excess(detail: Mapping[str, Any]) -> Told:
    values = {
        "node": detail.get("name", ""),
        "counted": i18n.number(detail.get("counted", 0) / 1000, 1),
        "allowed": i18n.number(detail.get("allowed", 0) / 1000, 1),
    }
    amperes = _("At %(node)s cars may draw %(counted)s A, and the limit leaves %(allowed)s A for them")
    power = _("At %(node)s cars may draw %(counted)s kW, and the limit leaves %(allowed)s kW for them")
    stations = ", ".join(str(each) for each in detail.get("stations", ()))
    late = _("stations don't do as they are told, or can't be told, though all have had time to: %(stations)s")
    nobody = _("what cars there may draw is more than the limit leaves, and no station is known that is late")
    return Told(
        happened=(power if detail.get("unit") == "W" else amperes) % values,
        cause=late % {"stations": stations} if stations else nobody,
        next_step=_("Stop the sessions at these stations or switch them off, then look why they don't obey"),
    )


def _unplanned(detail: Mapping[str, Any]) -> Told:
    words = {
        "look": (
            _("what is known of the site can't be used: %(fault)s"),
            _("Store the site's electrics and its limits anew; if that changes nothing, tell the maker"),
        ),
        "plan": (
            _("the solver fails again and again: %(fault)s"),
            _("Look at the site's limits and its batteries for values that can't be meant; cars charge all the same"),
        ),
        "late": (
            _("its plans take longer than they may: %(fault)s"),
            _(
                "Look how busy the planner's machine is: give it more processors, or start a planner on another one, or"
                " keep fewer cars as one site; cars charge all the same"
            ),
        ),
        "nobody": (
            _("no planner holds the site: none runs, or those that run hold as many sites as they can"),
            _("Start a planner, or look why the one that should run doesn't"),
        ),
        "slow": (
            _("its planner hangs, or has more to do than it can"),
            _("Look at the planner's log and restart it; start another one if that doesn't help"),
        ),
    }
    cause, next_step = words[detail.get("cause", "slow")]
    shared = _("%(site)s has no plan: what there is now is shared out fairly, whatever it costs")
    told_nothing = _("%(site)s is planned by nobody: stations go back to what they may draw without a plan")
    return Told(
        happened=(shared if detail.get("shares") else told_nothing) % {"site": detail.get("name", "")},
        cause=cause % {"fault": detail.get("fault", "")},
        next_step=next_step,
    )


ACTION_WORDS: Final[Mapping[Action, str]] = {
    Action.LOOK: mark("Open the station"),
    Action.PLAN: mark("Open the plan of the site"),
    Action.SESSION: mark("Open the session"),
    Action.CREDENTIALS: mark("Open the station's settings"),
    Action.ACCEPT: mark("Accept the station"),
    Action.STOP: mark("Stop the session"),
    Action.RESET: mark("Restart the station"),
    Action.UNLOCK: mark("Unlock the connector"),
    Action.READ: mark("Read what was refused"),
}
CONSEQUENCES: Final[Mapping[Action, str]] = {
    Action.ACCEPT: mark(
        "The station is accepted at its next boot message, within a minute: from then on cars can charge there and"
        " what it says is kept."
    ),
    Action.STOP: mark(
        "The station is asked to end the session. A car that charges by it stops charging; the cable stays locked until"
        " it is unplugged at the car."
    ),
    Action.RESET: mark(
        "The station is asked to restart. OCPP 1.6 stations stop all their sessions first; others wait until nobody"
        " charges. Until it is back, in a minute or two, nobody can start there."
    ),
    Action.UNLOCK: mark(
        "The station is asked to release the plug. If a car charges there, its session ends and anybody can take the"
        " cable out."
    ),
    Action.READ: mark(
        "The messages are marked as read, which closes the incident. They stay in the quarantine; what they said is not"
        " stored anywhere else."
    ),
}


def action_word(action: Action) -> str:
    """What stands on the button."""
    return _(ACTION_WORDS[action])


def consequence(action: Action) -> str:
    """What follows if it is done; empty for what changes nothing."""
    return _(CONSEQUENCES[action]) if action in CONSEQUENCES else ""
