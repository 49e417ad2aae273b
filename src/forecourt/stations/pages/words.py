"""How things of stations read in templates, besides what the shell knows for all rooms."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from forecourt.stations.pages.ports import Event
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _

SPACE: Final = formats.SPACE


def told(event: Event) -> str:
    """An event in words."""
    values = {name: _(text) if isinstance(text, str) else text for name, text in event.values.items()}
    return _(event.title) % values


def permille(value: int | None) -> str:
    """Thousandths as a percentage: `99.8 %`."""
    return formats.NOTHING if value is None else f"{i18n.number(value / 10, 1)}{SPACE}%"


def length_of(length_s: int) -> str:
    """So many seconds as a person says them."""
    return formats.duration(timedelta(seconds=length_s))


def apart(length: timedelta) -> str:
    """The time between a call and its answer: `34 ms`, `1.25 s`."""
    millis = round(length.total_seconds() * 1000)
    return f"{millis}{SPACE}ms" if millis < 1000 else f"{i18n.number(millis / 1000, 2)}{SPACE}s"


def precise(at: datetime) -> str:
    """Day and time of a message in the zone of the page, to the millisecond."""
    local, catalogue = at.astimezone(ZoneInfo(i18n.zone_of_page())), i18n.current()
    day = format_skeleton("MMMd", local, locale=catalogue.locale)
    return f"{day}, {local:%H:%M:%S}{catalogue.decimal}{local.microsecond // 1000:03}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "said": _,
    "told": told,
    "permille": permille,
    "length_of": length_of,
    "apart": apart,
    "precise": precise,
}
