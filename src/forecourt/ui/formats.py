"""How quantities, times and states read on a page. `web/src/formats.js` says the same in the browser.

Rounding is half up on integers in both, so that a number never changes when the live value equals the one in the page.
"""

from datetime import datetime
from typing import Final

#: Shown where there is no value; never a zero that nobody measured.
NOTHING: Final = "–"  # noqa: RUF001 - an en dash, on purpose
#: Keeps a number and its unit on one line.
SPACE: Final = "\N{NO-BREAK SPACE}"

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400

#: What a person reads for each state; the OCPP word where it is already plain.
STATE_WORDS: Final = {
    "SuspendedEV": "Paused by car",
    "SuspendedEVSE": "Paused by station",
}


def kw(power_w: int | None) -> str:
    """`7.2 kW`, one decimal."""
    return NOTHING if power_w is None else f"{(power_w + 50) // 100 / 10:,.1f}{SPACE}kW"


def kwh(energy_wh: int | None) -> str:
    """`12.34 kWh`, two decimals."""
    return NOTHING if energy_wh is None else f"{(energy_wh + 5) // 10 / 100:,.2f}{SPACE}kWh"


def rated_kw(power_w: int | None) -> str:
    """`150 kW`: what is written on the plate, without a decimal that says nothing."""
    return NOTHING if power_w is None else f"{power_w / 1000:,.1f}".removesuffix(".0") + f"{SPACE}kW"


def pct(value: int | None) -> str:
    """`64 %`."""
    return NOTHING if value is None else f"{value}{SPACE}%"


def count(value: int | None) -> str:
    """`12,345`."""
    return NOTHING if value is None else f"{value:,}"


def state_word(state: str) -> str:
    """The word for an OCPP state."""
    return STATE_WORDS.get(state, state)


def ago(at: datetime | None, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `2 days ago`; "never" without a time."""
    if at is None:
        return "never"
    age_s = int((now - at).total_seconds())
    if age_s < MINUTE_S:
        return "just now"
    if age_s < HOUR_S:
        return f"{age_s // MINUTE_S}{SPACE}min ago"
    if age_s < DAY_S:
        return f"{age_s // HOUR_S}{SPACE}h ago"
    days = age_s // DAY_S
    return f"{days}{SPACE}day{'s' if days > 1 else ''} ago"


def stamp(at: datetime | None) -> str:
    """`2026-03-01 14:05 UTC`."""
    return NOTHING if at is None else at.strftime("%Y-%m-%d %H:%M UTC")
