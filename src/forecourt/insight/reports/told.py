"""What a report says, before it is written down in one form or another."""

import re
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from forecourt.insight.dashboards.model import Answer, Family
from forecourt.insight.pages import SUB_PAGES
from forecourt.ui.i18n import gettext

#: The title of each part, marked, as the pages have it.
TITLES: Final = {Family(key): label for key, label, _path, _verb in SUB_PAGES if key in set(Family)}
#: Characters of the name in the name of a file.
MAX_NAME: Final = 40


class Told(Struct, frozen=True, kw_only=True):
    """The answers of some days, by whose clock they are days. `known_at`: until when the lake knew, None where only the
    books were asked; `whole`: whether that is all of the days. `site` is empty for the whole network."""

    organisation: str
    name: str
    site: str
    zone: str
    first_day: date
    last_day: date
    known_at: datetime | None
    whole: bool
    answers: list[tuple[Family, Answer]]


def said(label: str) -> str:
    """A label of the dashboards in the language that is being spoken; there per cent is doubled, as pages want it."""
    return gettext(label) % {}


def file_name(told: Told, form: str) -> str:
    """What the file is called: plain letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", told.name.lower()).strip("-")[:MAX_NAME] or "report"
    return f"{name}-{told.first_day}-{told.last_day}.{form}"
