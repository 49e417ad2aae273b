"""Health of a connector in words: which part wears, why that is believed, what to do, and why a contest came out so."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from forecourt.insight.health.contest import Contest
from forecourt.insight.health.found import Reason
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, number


class Part(Struct, frozen=True, kw_only=True):
    """A part that wears: what it is called, what of it likely is the cause, and what to do; without full stops."""

    name: str
    cause: str
    next_step: str


#: By the causes that signs point at.
PARTS: Final[Mapping[str, Part]] = {
    "contact": Part(
        name=mark("Plug and contacts"),
        cause=mark("worn or dirty contacts, or a bad signal line to the car"),
        next_step=mark("Look at the plug, clean or change its contacts, and check the cable and the signal line"),
    ),
    "contactor": Part(
        name=mark("Contactor"),
        cause=mark("a contactor that sticks or doesn't close any more, or the electronics that drive it"),
        next_step=mark("Have an electrician measure the contactor, and change it at the same visit"),
    ),
    "lock": Part(
        name=mark("Lock"),
        cause=mark("the plug's lock is dirty, bent or its motor wears"),
        next_step=mark("Clean the lock and try it twenty times; change its motor if it fails once"),
    ),
    "cooling": Part(
        name=mark("Cooling"),
        cause=mark("a clogged filter, a fan that wears, or contacts that get hot"),
        next_step=mark("Clean the filters, check fan and coolant, and look for contacts that are discoloured"),
    ),
    "modem": Part(
        name=mark("Modem"),
        cause=mark("the modem or its antenna fails, or its contract or signal does"),
        next_step=mark("Check the antenna and the signal, then change the modem"),
    ),
    "meter": Part(
        name=mark("Meter"),
        cause=mark("the meter counts another amount than its own power tells"),
        next_step=mark("Have the meter checked, as what it counts is billed; change it if it is off"),
    ),
}

#: Signs as shares of what happened: what is counted, in words that take %(here)s and %(others)s.
_SHARES: Final[Mapping[str, str]] = {
    "failed": mark("%(here)s of starts failed, at the rest of the site %(others)s"),
    "retries": mark("%(here)s of starts were tried again soon after, at the rest of the site %(others)s"),
    "power": mark("cars drew %(here)s of what they were offered, at the rest of the site %(others)s"),
    "lock": mark("the lock complained in %(here)s of visits, at the rest of the site in %(others)s"),
    "hot": mark("it said that it is too hot in %(here)s of visits, at the rest of the site in %(others)s"),
    "switch": mark("it said that it can't switch in %(here)s of visits, at the rest of the site in %(others)s"),
    "link": mark("it lost the signal to the car in %(here)s of visits, at the rest of the site in %(others)s"),
    "metering": mark("the meter complained in %(here)s of visits, at the rest of the site in %(others)s"),
    "other": mark("it said other errors in %(here)s of visits, at the rest of the site in %(others)s"),
    "drift": mark("the meter is %(here)s off its own power, at the rest of the site %(others)s"),
}
#: Signs as means: a day, or degrees.
_MEANS: Final[Mapping[str, str]] = {
    "heat": mark("it gets %(here)s °C hot, the rest of the site %(others)s °C"),
    "flaps": mark("it lost its connection %(here)s times a day, the rest of the site %(others)s times"),
    "burst": mark("its worst hour of a day has %(here)s errors, at the rest of the site %(others)s"),
    "quiet": mark("%(here)s cars come a day, to a connector of the rest of the site %(others)s"),
}


def part_of(part: str) -> Part:
    """A part in the language of the page."""
    found = PARTS[part]
    return Part(name=_(found.name), cause=_(found.cause), next_step=_(found.next_step))


def reason(each: Reason) -> str:
    """A sign in a sentence without a full stop, beside the rest of the site."""
    here = each.part / each.whole if each.whole else None
    others = each.others_part / each.others_whole if each.others_whole else None
    if each.sign in _SHARES:
        said = {"here": _percent(here), "others": _percent(others)}
        return _(_SHARES[each.sign]) % said
    return _(_MEANS[each.sign]) % {"here": _mean(here), "others": _mean(others)}


def _percent(share: float | None) -> str:
    return _("unknown") if share is None else f"{number(100 * share, 1)} %"


def _mean(value: float | None) -> str:
    return _("unknown") if value is None else number(value, 1)


#: How an alert ended, and what became of it.
ENDED: Final[Mapping[str, str]] = {
    "calm": mark("the risk went"),
    "down": mark("it failed"),
    "gone": mark("nothing is known of it any more"),
    "said": mark("somebody was there"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "failed": mark("failed"),
    "held": mark("did not fail within six weeks"),
    "worn": mark("found worn and mended"),
    "sound": mark("found sound"),
    "open": mark("not known yet"),
}
#: Why a contest came out so.
WHY: Final[Mapping[str, str]] = {
    "no_learner": mark("LightGBM is not installed, or the model in use has no trees"),
    "short": mark("there are too few days of history"),
    "few_failures": mark("there are too few failures to learn from and to judge by"),
    "more_false": mark("the new model raised more false alerts than are allowed"),
    "not_better": mark("the new model was not clearly better"),
    "better": mark("the new model was clearly better on days that neither had seen, and is in use"),
}
#: Signs by a short name, for tables.
SIGN_WORDS: Final[Mapping[str, str]] = {
    "failed": mark("Failed starts"),
    "retries": mark("Second tries"),
    "power": mark("Power against the offer"),
    "heat": mark("Heat"),
    "drift": mark("Meter against power"),
    "flaps": mark("Lost connections"),
    "lock": mark("Errors of the lock"),
    "hot": mark("Too hot"),
    "switch": mark("Errors of switching"),
    "link": mark("Signal to the car"),
    "metering": mark("Errors of the meter"),
    "other": mark("Other errors"),
    "burst": mark("Bursts of errors"),
    "quiet": mark("Few visits"),
}


def why(contest: Contest) -> str:
    """Why a contest came out so."""
    return _(WHY[contest.why])
