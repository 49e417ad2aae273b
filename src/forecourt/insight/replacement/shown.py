"""The drawing of how many are left by age: steps of what was seen with their band, and the line that is believed."""

from typing import Any, Final

from forecourt.insight.replacement.planned import KindAhead

WIDTH: Final = 960
FLOOR: Final = 220
TOP: Final = 10
LEFT: Final = 48
#: Lines of the scale, in hundredths.
SCALE: Final = (0, 25, 50, 75, 100)
#: Years between two marks, so that there are no more than this.
MARKS: Final = 12


def drawing(kind: KindAhead) -> dict[str, Any] | None:
    """Points of a kind; None where nothing ended."""
    curve = kind.curve
    if not curve.steps:
        return None
    span = max(curve.until_y - curve.from_y, 0.1)

    def x(age: float) -> float:
        return round(LEFT + (age - curve.from_y) / span * (WIDTH - LEFT - 8), 1)

    def y(share: float) -> float:
        return round(FLOOR - share * (FLOOR - TOP), 1)

    line, low, high = [f"M{x(curve.from_y)},{y(1)}"], [(curve.from_y, 1.0)], [(curve.from_y, 1.0)]
    for step in curve.steps:
        line.append(f"H{x(step.age_y)}V{y(step.share)}")
        low += [(step.age_y, low[-1][1]), (step.age_y, step.low)]
        high += [(step.age_y, high[-1][1]), (step.age_y, step.high)]
    line.append(f"H{x(curve.until_y)}")
    low.append((curve.until_y, low[-1][1]))
    high.append((curve.until_y, high[-1][1]))
    each = max(1, -(-int(span) // MARKS))
    first = int(curve.from_y) + (curve.from_y > int(curve.from_y))
    return {
        "width": WIDTH, "floor": FLOOR, "left": LEFT, "line": "".join(line),
        "band": " ".join(f"{x(age)},{y(share)}" for age, share in [*high, *reversed(low)]),
        "believed": " ".join(f"{x(age)},{y(share)}" for age, share in kind.believed),
        "scale": [(y(each / 100), each) for each in SCALE],
        "marks": [(x(year), year) for year in range(first, int(curve.until_y) + 1, each)],
    }  # fmt: skip
