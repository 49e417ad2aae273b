"""How quantities, times and states read on a page, in its language. `web/src/formats.js` says the same in the browser.

Rounding is half up on integers in both, so that a number never changes when the live value equals the one in the page.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from forecourt.ui import i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, ngettext

#: Shown where there is no value; never a zero that nobody measured.
NOTHING: Final = "–"  # noqa: RUF001 - an en dash, on purpose
#: Keeps a number and its unit on one line.
SPACE: Final = "\N{NO-BREAK SPACE}"

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400

#: What a person reads for each state.
STATE_WORDS: Final = {
    "Available": mark("Available"),
    "Preparing": mark("Preparing"),
    "Charging": mark("Charging"),
    "SuspendedEV": mark("Paused by car"),
    "SuspendedEVSE": mark("Paused by station"),
    "Finishing": mark("Finishing"),
    "Occupied": mark("Occupied"),
    "Reserved": mark("Reserved"),
    "Unavailable": mark("Unavailable"),
    "Faulted": mark("Faulted"),
    "Offline": mark("Offline"),
    "Restarting": mark("Restarting"),
}


def kw(power_w: int | None) -> str:
    """`7.2 kW`, one decimal."""
    return NOTHING if power_w is None else f"{i18n.number((power_w + 50) // 100 / 10, 1)}{SPACE}kW"


def kwh(energy_wh: int | None) -> str:
    """`12.34 kWh`, two decimals."""
    return NOTHING if energy_wh is None else f"{i18n.number((energy_wh + 5) // 10 / 100, 2)}{SPACE}kWh"


def rated_kw(power_w: int | None) -> str:
    """`150 kW`: what is written on the plate, without a decimal that says nothing."""
    if power_w is None:
        return NOTHING
    tenths = (power_w + 50) // 100
    return f"{i18n.number(tenths / 10, 1 if tenths % 10 else 0)}{SPACE}kW"


def pct(value: int | None) -> str:
    """`64 %`."""
    return NOTHING if value is None else f"{value}{SPACE}%"


def count(value: int | None) -> str:
    """`12,345`."""
    return NOTHING if value is None else i18n.number(value)


def state_word(state: str) -> str:
    """The word for an OCPP state."""
    return _(STATE_WORDS.get(state, state))


def ago(at: datetime | None, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `2 days ago`; "never" without a time."""
    if at is None:
        return _("never")
    age_s = int((now - at).total_seconds())
    if age_s < MINUTE_S:
        return _("just now")
    if age_s < HOUR_S:
        return _together(_("%(n)s min ago") % {"n": age_s // MINUTE_S})
    if age_s < DAY_S:
        return _together(_("%(n)s h ago") % {"n": age_s // HOUR_S})
    days = age_s // DAY_S
    return _together(ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days})


def _together(words: str) -> str:
    return words.replace(" ", SPACE)


def stamp(at: datetime | None, zone: str = "UTC") -> str:
    """A moment in a site's zone, to the second, with the zone's name."""
    return NOTHING if at is None else i18n.stamp(at, zone)


def browser_words() -> Mapping[str, str]:
    """What the browser says by itself: states by their OCPP word, and ages, in the language of the page."""
    ages = {
        "now": _("just now"),
        "minutes": _together(_("%(n)s min ago")),
        "hours": _together(_("%(n)s h ago")),
        "day": _together(ngettext("%(n)s day ago", "%(n)s days ago", 1)),
        "days": _together(ngettext("%(n)s day ago", "%(n)s days ago", 2)),
    }
    return {state: _(word) for state, word in STATE_WORDS.items()} | ages
