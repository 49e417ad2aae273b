"""Charts as shapes: where bars and squares of a table stand. Colours and words are the page's."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from msgspec import Struct

from forecourt.insight.dashboards.model import Table

#: In units of the drawing.
HEIGHT: Final = 160
TOP: Final = 12
LEFT: Final = 72
FLOOR: Final = HEIGHT - 20
#: Of a whole row, of half of one, and on a telephone.
WIDE: Final = 960
HALF: Final = 460
NARROW: Final = 340
#: Shades of the heat map beside none at all.
SHADES: Final = 5
#: Words below bars, at most; on a whole row twice as many.
MAX_TICKS: Final = 5
_STEPS: Final = (1, 2, 5, 10)


class Bar(Struct, frozen=True, kw_only=True):
    """One bar: `parts` are y and height of each series from below, `row` which row of the table it draws."""

    x: float
    width: float
    parts: tuple[tuple[float, float], ...]
    row: int


class Bars(Struct, frozen=True, kw_only=True):
    """A drawing of bars. `top` is the value of the upper line; `ticks` are x and row."""

    width: int
    bars: tuple[Bar, ...]
    top: int
    ticks: tuple[tuple[float, int], ...]


def bars(table: Table, *names: str, width: int = WIDE) -> Bars:
    """These columns, one upon another."""
    columns = [[Fraction(cell or 0) for cell in table.cells(name)] for name in names]  # type: ignore[arg-type]
    rows = [*zip(*columns, strict=True)]
    top = ceiling(max((sum(row) for row in rows), default=Fraction(0)))
    step = (width - LEFT) / max(1, len(rows))
    made = []
    for place, row in enumerate(rows):
        parts, y = [], float(FLOOR)
        for value in row:
            height = float(value) / top * (FLOOR - TOP)
            y -= height
            parts.append((round(y, 2), round(height, 2)))
        made.append(
            Bar(x=round(LEFT + place * step, 2), width=round(max(0.5, step * 0.8), 2), parts=tuple(parts), row=place)
        )
    every = max(1, -(-len(rows) // (2 * MAX_TICKS if width == WIDE else MAX_TICKS)))
    ticks = tuple((bar.x, bar.row) for bar in made[::every])
    return Bars(width=width, bars=tuple(made), top=top, ticks=ticks)


def ceiling(value: Fraction) -> int:
    """The least round number that is not exceeded: 1, 2 or 5 with noughts."""
    ten = 1
    while True:
        for step in _STEPS:
            if ten * step >= value:
                return ten * step
        ten *= 10


def shades(values: Sequence[Fraction | int | None]) -> list[int]:
    """Each value's shade, from 0 for nothing to SHADES for the most."""
    most = max((Fraction(value) for value in values if value is not None), default=Fraction(0))
    return [0 if not value or not most else max(1, -(-value * SHADES // most)) for value in values]
