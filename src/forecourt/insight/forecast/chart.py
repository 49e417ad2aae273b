"""What came and what is expected, as a drawing: a line, a band about it, and the days below."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from msgspec import Struct

from forecourt.insight.forecast.model import Hour
from forecourt.ui.i18n import current, number

WIDTH: Final = 960
HEIGHT: Final = 240
LEFT: Final = 54
TOP: Final = 10
BOTTOM: Final = 24


class Drawing(Struct, frozen=True, kw_only=True):
    """In pixels: the lines of what came and of what is expected, the outline of the band, where the forecast begins,
    and the marks of both axes."""

    came: str
    expected: str
    band: str
    begins_x: float
    high: str
    ticks: list[tuple[float, str]]


def drawing(past: Sequence[tuple[datetime, float]], hours: Sequence[Hour], zone: str) -> Drawing | None:
    """None where there is nothing to draw. Made while the page's language is spoken."""
    if not hours:
        return None
    start, end = min([hours[0].at, *(at for at, _ in past)]), hours[-1].at + timedelta(hours=1)
    most = max([1e-9, *(value for _, value in past), *(max(each.high, each.expected) for each in hours)])

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - 4) * ((at - start) / (end - start)), 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most), 1)

    def line(points: Sequence[tuple[datetime, float]]) -> str:
        return "M" + "L".join(f"{x(at)} {y(value)}" for at, value in points) if points else ""

    upper = [(each.at, each.high) for each in hours]
    lower = [(each.at, each.low) for each in reversed(hours)]
    return Drawing(
        came=line(past),
        expected=line([(each.at, each.expected) for each in hours]),
        band=f"{line([*upper, *lower])}Z",
        begins_x=x(hours[0].at),
        high=number(most, 1),
        ticks=[(x(at), word) for at, word in _days(start, end, zone)],
    )


def _days(start: datetime, end: datetime, zone: str) -> list[tuple[datetime, str]]:
    """Every third midnight."""
    at = start.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0) + timedelta(days=1)
    found = []
    while at < end:
        found.append((at, format_skeleton("MMMd", at, locale=current().locale)))
        at += timedelta(days=3)
    return found
