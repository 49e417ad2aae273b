"""Figures beside what they were, where the days before are known as a whole. Pure.

Sums of days of which some are not known are smaller than what there was, and shares stand on other days than they say:
nothing is compared with such days, and the answer says so.
"""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from forecourt.insight.dashboards.model import Answer, Note
from forecourt.ui.i18n import mark

KNOWN_IN_PART: Final = Note(
    text=mark(
        "What is known here begins on %(day)s. The days to compare with, from %(first)s to %(last)s, are known only in"
        " part, so nothing is compared with them."
    )
)


def compared(now: Answer, before: Answer | None, days: tuple[date, date], zone: str) -> Answer:
    """Figures beside those of `before`, which is of `days` by that zone's clock; alone where these began before
    anything was known."""
    if before is None or before.known_at is None:
        return now
    known = before.known_at.astimezone(ZoneInfo(zone)).date()
    if days[0] >= known:
        were = {(figure.key, figure.currency): figure.value for figure in before.figures}
        figures = [structs.replace(each, before=were.get((each.key, each.currency))) for each in now.figures]
        return structs.replace(now, figures=tuple(figures))
    if days[1] < known or not now.figures:
        # Of such days nothing is known at all: each figure says that there is nothing to compare with.
        return now
    told = structs.replace(KNOWN_IN_PART, values={"day": known, "first": days[0], "last": days[1]})
    return structs.replace(now, notes=(*now.notes, told))
