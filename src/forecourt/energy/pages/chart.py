"""The hours ahead as drawings: the price, and what loads take less what the sun gives, as steps.

Made while the page's language is spoken.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.energy.signals.outlook import Outlook
from forecourt.ui.formats import SPACE
from forecourt.ui.i18n import number

WIDTH: Final = 720
#: On a telephone.
NARROW: Final = 306
HEIGHT: Final = 132
LEFT: Final = 54
TOP: Final = 10
BOTTOM: Final = 22
#: A mark of the time that is nearer to the edge would be cut.
EDGE: Final = 18
#: Hours between two marks of the time.
TICK_H: Final = 4


class Band(Struct, frozen=True, kw_only=True):
    """One chart: a line in pixels, the part of it that stands in for what is missing, and the marks of its axis."""

    width: int
    line: str
    stand_in: str
    low: str
    high: str
    zero_y: int | None
    ticks: Sequence[tuple[int, str]]


def price_bands(outlook: Outlook, zone: str) -> list[Band]:
    """The prices of a kWh, where there is room and on a telephone; none without a step."""
    return _bands(outlook, [float(each) for each in outlook.price.values], outlook.price.stand_in, zone, _price)


def power_bands(outlook: Outlook, zone: str) -> list[Band]:
    """What loads take less what the sun gives, in kW; none where nothing is attached."""
    if not outlook.loads and not outlook.solar:
        return []
    values = [0.0] * len(outlook.starts)
    missing = [False] * len(outlook.starts)
    for sign, parts in ((1, outlook.loads), (-1, outlook.solar)):
        for part in parts:
            values = [total + sign * each / 1000 for total, each in zip(values, part.power_w.values, strict=True)]
            missing = [any(pair) for pair in zip(missing, part.power_w.stand_in, strict=True)]
    return _bands(outlook, values, missing, zone, lambda value: f"{number(value, 1)}{SPACE}kW")


def _price(value: float) -> str:
    """As exact as prices mostly are, and no more."""
    return number(value, 2 if round(value, 2) == round(value, 4) else 4)


def _bands(
    outlook: Outlook, values: Sequence[float], missing: Sequence[bool], zone: str, word: Callable[[float], str]
) -> list[Band]:
    return [_band(outlook, values, missing, zone, word, width) for width in (WIDTH, NARROW)] if values else []


def _band(
    outlook: Outlook,
    values: Sequence[float],
    missing: Sequence[bool],
    zone: str,
    word: Callable[[float], str],
    width: int,
) -> Band:
    low, high = min(*values, 0.0), max(*values, 0.0)
    span = (high - low) or 1.0
    start, total = outlook.starts[0], sum(outlook.hours)

    def x(hours: float) -> float:
        return round(LEFT + (width - LEFT - 4) * hours / total, 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / span, 1)

    parts: tuple[list[str], list[str]] = ([], [])
    before: bool | None = None
    at = 0.0
    for length, value, stands_in in zip(outlook.hours, values, missing, strict=True):
        path = parts[int(stands_in)]
        path.append(f"{'L' if stands_in == before else 'M'}{x(at)} {y(value)}H{x(at + length)}")
        before, at = stands_in, at + length
    return Band(
        width=width,
        line="".join(parts[0]),
        stand_in="".join(parts[1]),
        low=word(low),
        high=word(high),
        zero_y=round(y(0.0)) if low < 0 else None,
        ticks=[
            (at, name)
            for hours, name in _ticks(start, total, zone, TICK_H if width == WIDTH else 2 * TICK_H)
            if (at := round(x(hours))) < width - EDGE
        ],
    )


def _ticks(start: datetime, total_h: float, zone: str, every_h: int) -> list[tuple[float, str]]:
    local = start.astimezone(ZoneInfo(zone))
    mark = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = []
    while (hours := (mark - local) / timedelta(hours=1)) < total_h:
        if mark.hour % every_h == 0:
            found.append((hours, f"{mark:%H:%M}"))
        mark += timedelta(hours=1)
    return found
