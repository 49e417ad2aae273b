"""What a report says, before it is written down in one form or another."""

import re
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from forecourt.insight.dashboards import words
from forecourt.insight.dashboards.model import Answer, Family
from forecourt.insight.pages import SUB_PAGES
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _

#: The title of each part, marked, as the pages have it.
TITLES: Final = {Family(key): label for key, label, _path, _verb in SUB_PAGES if key in set(Family)}
#: Characters of the name in the name of a file.
MAX_NAME: Final = 40


class Told(Struct, frozen=True, kw_only=True):
    """The answers of some days, by whose clock they are days. `known_at`: until when the lake knew, None where only the
    books were asked; `whole`: whether that is all of the days. `site` is empty for the whole network,
    `driver_group` for all drivers."""

    organisation: str
    name: str
    site: str
    zone: str
    first_day: date
    last_day: date
    known_at: datetime | None
    whole: bool
    answers: list[tuple[Family, Answer]]
    driver_group: str = ""

    @property
    def of(self) -> str:
        """Of where and of whom it tells, in the language that is being spoken."""
        return " · ".join(each for each in (self.site or _("All sites together"), self.driver_group) if each)


def remarks(answer: Answer) -> list[str]:
    """What is said before the figures of a part: of which days it tells, where these are others than the report's, why
    it tells of nothing, and what must be known to read it; in the language that is being spoken."""
    found = []
    if answer.days is not None:
        found.append(_("By whole months that are over: from %(first)s to %(last)s.") % _dates(answer.days))
    if answer.days_before is not None:
        found.append(_("The days before are those from %(first)s to %(last)s.") % _dates(answer.days_before))
    if answer.too_few:
        found.append(_(words.TOO_FEW))
    return [*found, *map(words.note, answer.notes)]


def _dates(days: tuple[date, date]) -> dict[str, str]:
    return {"first": formats.date_of(days[0]), "last": formats.date_of(days[1])}


def file_name(told: Told, form: str) -> str:
    """What the file is called: plain letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", told.name.lower()).strip("-")[:MAX_NAME] or "report"
    return f"{name}-{told.first_day}-{told.last_day}.{form}"
