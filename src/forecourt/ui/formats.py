"""How quantities, times and states read on a page, in its language. `web/src/formats.js` says the same in the browser.

Rounding is half up on integers in both, so that a number never changes when the live value equals the one in the page.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from forecourt.platform.money import minor_digits
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
    "Unknown": mark("Unknown"),
    "Reserved": mark("Reserved"),
    "Unavailable": mark("Unavailable"),
    "Faulted": mark("Faulted"),
    "Offline": mark("Offline"),
    "Restarting": mark("Restarting"),
    "Ended": mark("Ended"),
}

#: What a person reads for what is said of a token, in OCPP's words and in the API's.
TOKEN_WORDS: Final = {
    "Accepted": mark("Accepted"),
    "Blocked": mark("Blocked"),
    "Expired": mark("Expired"),
    "Invalid": mark("Not valid"),
    "NoCredit": mark("No credit"),
    "NotAtThisTime": mark("Held for somebody else"),
    "ConcurrentTx": mark("In use already"),
    "accepted": mark("Accepted"),
    "blocked": mark("Blocked"),
    "expired": mark("Expired"),
    "invalid": mark("Not valid"),
    "no_credit": mark("No credit"),
}

#: What a person reads where a program of theirs gave no answer, by what `platform.outward` says of it.
UNANSWERED_WORDS: Final = {
    "the connection was refused": mark("Connection refused"),
    "the connection timed out": mark("Connection timed out"),
    "the address can't be reached": mark("Address out of reach"),
    "the connection broke": mark("Connection broken off"),
    "the name of the server is not known": mark("Server name unknown"),
    "the name stands for a private address, which is not called": mark("Private address, not called"),
    "the address is private, which is not called": mark("Private address, not called"),
    "the certificate of the server is not trusted": mark("TLS certificate not trusted"),
    "the server does not speak TLS as it should": mark("TLS failed"),
    "it was not sent, as its secret can't be opened: make a new one": mark(
        "Not sent: its secret can't be opened. Make a new one."
    ),
}
_WITHIN: Final = re.compile(r"no answer within ([0-9.]+) s")

#: What pages say by themselves; `{what}` is put in by the browser.
SAID: Final = {
    "said.copied": mark("Copied {what}"),
    "said.showing": mark("Showing {what}"),
    "said.lost": mark("Live connection lost, reconnecting …"),
    "said.signed-out": mark("You are signed out. Reload the page to sign in."),
    "said.no-places": mark("No station has a position yet. Give its site a latitude and longitude to see it here."),
    "said.no-map": mark("The map can't be drawn in this browser. The list shows the same stations."),
}


def kw(power_w: int | None) -> str:
    """`7.2 kW`, one decimal."""
    return NOTHING if power_w is None else f"{i18n.number((power_w + 50) // 100 / 10, 1)}{SPACE}kW"


def kwh(energy_wh: int | None) -> str:
    """`12.34 kWh`, two decimals."""
    return NOTHING if energy_wh is None else f"{i18n.number((energy_wh + 5) // 10 / 100, 2)}{SPACE}kWh"


def money(amount: int | None, currency: str | None) -> str:
    """`12.40 EUR`, of minor units, with as many decimals as the currency has."""
    if amount is None or currency is None:
        return NOTHING
    digits = minor_digits(currency)
    return f"{i18n.number(Decimal(amount).scaleb(-digits), digits)}{SPACE}{currency}"


def rated_kw(power_w: int | None) -> str:
    """`150 kW`: what is written on the plate, without a decimal that says nothing. `5 W`, which isn't 0 kW."""
    if power_w is None:
        return NOTHING
    if 0 < power_w < 50:
        return f"{power_w}{SPACE}W"
    tenths = (power_w + 50) // 100
    return f"{i18n.number(tenths / 10, 1 if tenths % 10 else 0)}{SPACE}kW"


def amperes(current_a: float | None) -> str:
    """`16 A`, `7.5 A`: one decimal where there is one."""
    if current_a is None:
        return NOTHING
    tenths = round(current_a * 10)
    return f"{i18n.number(tenths / 10, 1 if tenths % 10 else 0)}{SPACE}A"


def pct(value: int | None) -> str:
    """`64 %`."""
    return NOTHING if value is None else f"{value}{SPACE}%"


def count(value: int | None) -> str:
    """`12,345`."""
    return NOTHING if value is None else i18n.number(value)


def state_word(state: str) -> str:
    """The word for an OCPP state."""
    return _(STATE_WORDS.get(state, state))


def token_word(status: str | None) -> str:
    """The word for what was decided about a token; nothing for none."""
    return "" if status is None else _(TOKEN_WORDS.get(status, status))


def unanswered(error: str) -> str:
    """Why no answer came, in a few words; what the system said itself stays behind them."""
    within = _WITHIN.fullmatch(error)
    if within is not None:
        return _together(_("No answer within %(n)s s") % {"n": plain(within[1])})
    known = next((words for said, words in UNANSWERED_WORDS.items() if error.startswith(said)), None)
    if known is not None:
        return _(known)
    return _("No connection") if error.startswith("no connection") else error


def plain(number: str) -> str:
    """A number that was written down with a decimal point, in the way of the language."""
    whole, _point, part = number.partition(".")
    return i18n.number(float(number), len(part)) if whole.isdecimal() else number


def seconds(length: timedelta) -> str:
    """A short time to the tenth: `0.4 s`."""
    return f"{i18n.number(length / timedelta(seconds=1), 1)}{SPACE}s"


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


def stamp(at: datetime | None, zone: str | None = None) -> str:
    """A moment in a zone, the page's if none is named, to the second, with the zone's name."""
    return NOTHING if at is None else i18n.stamp(at, zone)


def stamp_there(at: datetime, zone: str) -> str:
    """The same in the zone of a place; nothing where its clocks show what the page says anyway."""
    return i18n.stamp(at, zone) if i18n.shows_another_time(at, zone) else ""


def moment(at: datetime | None, zone: str | None = None) -> str:
    """A moment in such a zone, to the minute and without the year, for lists: `3 Mar, 14:05`."""
    return NOTHING if at is None else i18n.moment(at, zone)


def clock(at: datetime | None, zone: str | None = None) -> str:
    """The time of day in such a zone, to the second."""
    return NOTHING if at is None else i18n.clock(at, zone)


def date_of(day: date | None) -> str:
    """A day of the calendar: `3 Mar 2026`."""
    return NOTHING if day is None else i18n.date_of(day)


def duration(length: timedelta | None) -> str:
    """`42 s`, `18 min`, `2 h 05 min`, `3 days 4 h`, of the nearest second."""
    if length is None:
        return NOTHING
    length_s = max(0, round(length.total_seconds()))
    if length_s < MINUTE_S:
        return _together(_("%(n)s s") % {"n": length_s})
    if length_s < HOUR_S:
        return _together(_("%(n)s min") % {"n": length_s // MINUTE_S})
    if length_s < DAY_S:
        minutes = f"{length_s % HOUR_S // MINUTE_S:02}"
        return _together(_("%(h)s h %(m)s min") % {"h": length_s // HOUR_S, "m": minutes})
    days = length_s // DAY_S
    whole = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    return _together(whole + " " + _("%(n)s h") % {"n": length_s % DAY_S // HOUR_S})


def browser_words() -> Mapping[str, str]:
    """What the browser says by itself: states by their OCPP word, and ages, in the language of the page."""
    ages = {
        "now": _("just now"),
        "minutes": _together(_("%(n)s min ago")),
        "hours": _together(_("%(n)s h ago")),
        "day": _together(ngettext("%(n)s day ago", "%(n)s days ago", 1)),
        "days": _together(ngettext("%(n)s day ago", "%(n)s days ago", 2)),
    }
    return (
        {state: _(word) for state, word in STATE_WORDS.items()} | ages | {name: _(word) for name, word in SAID.items()}
    )
