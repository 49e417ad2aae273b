"""The sub-pages of `/insight`: each feature serves its own, all show the way to the others."""

from pathlib import Path
from typing import Final

from forecourt.access import Actor
from forecourt.access.model import Verb
from forecourt.ui.i18n import mark

TEMPLATES_DIR: Final = Path(__file__).with_name("templates")
#: Key, words and path of each, and what one must be allowed to open it, in the order of the tabs.
SUB_PAGES: Final = (
    ("use", mark("Use"), "/insight", Verb.READ),
    ("success", mark("Success"), "/insight/success", Verb.READ),
    ("availability", mark("Availability"), "/insight/availability", Verb.READ),
    ("drivers", mark("Drivers"), "/insight/drivers", Verb.READ),
    ("profit", mark("Profit"), "/insight/profit", Verb.READ_MONEY),
    ("actions", mark("Actions"), "/insight/actions", Verb.READ),
    ("forecasts", mark("Forecasts"), "/insight/forecasts", Verb.READ),
    ("expansion", mark("Expansion"), "/insight/expansion", Verb.READ_MONEY),
    ("siting", mark("New sites"), "/insight/siting", Verb.READ_MONEY),
    ("health", mark("Health"), "/insight/health", Verb.READ),
    ("reports", mark("Reports by mail"), "/insight/reports", Verb.ALERTS),
)


def tabs_of(actor: Actor) -> list[tuple[str, str, str]]:
    """The sub-pages that somebody may open: key, words and path."""
    return [(key, words, path) for key, words, path, verb in SUB_PAGES if verb == Verb.READ or actor.may(verb)]
