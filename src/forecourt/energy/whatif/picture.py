"""The power of a site over time, a panel for each way to charge, as an SVG that needs nothing else."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final

import numpy as np

from forecourt.energy.rows import Floats
from forecourt.energy.whatif.world import Watts

WIDTH: Final = 1000
PANEL: Final = 130
LEFT: Final = 90
#: The most points of one curve: of more steps the highest of several is drawn.
MAX_POINTS: Final = 900
STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#334}.name{font-weight:600}"
    ".area{fill:#3b82c4;fill-opacity:.35;stroke:#1f5f99}"
    ".limit{stroke:#b3261e;stroke-dasharray:6 4}.peak{stroke:#778;stroke-dasharray:2 3}.axis{stroke:#aab}"
    ".stored{fill:none;stroke:#2e7d32;stroke-width:1.5}"
)


def picture(
    title: str,
    start: datetime,
    step: timedelta,
    panels: Sequence[tuple[str, str, Watts, Floats | None]],
    limit_w: int | None,
) -> str:
    """`panels`: name, what is said of it, the power in each step, and how full batteries are (0 to 1) where there are
    any. `start` in the site's zone."""
    top_w = max([1, *(int(power.max(initial=0)) for _, _, power, _ in panels), limit_w or 0]) * 1.08
    height = 50 + PANEL * len(panels)
    drawn = [
        _panel(name, said, power, stored, 40 + PANEL * number, top_w, limit_w)
        for number, (name, said, power, stored) in enumerate(panels)
    ]
    steps = max((len(power) for _, _, power, _ in panels), default=1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">'
        f"<style>{STYLE}</style><rect width='100%' height='100%' fill='#fff'/>"
        f'<text x="{LEFT}" y="20" class="name">{escape(title)}</text>'
        f"{''.join(_midnights(start, step, steps, height))}{''.join(drawn)}</svg>\n"
    )


def _panel(name: str, said: str, power: Watts, stored: Floats | None, y: int, top_w: float, limit_w: int | None) -> str:
    tall, bottom = PANEL - 40, y + PANEL - 20

    def at(watts: float) -> float:
        return round(bottom - watts / top_w * tall, 1)

    several = -(-len(power) // MAX_POINTS)
    padded = np.pad(power, (0, -len(power) % several), mode="edge").reshape(-1, several).max(axis=1)
    wide = (WIDTH - LEFT - 20) / max(len(padded), 1)
    points = " ".join(
        f"{LEFT + number * wide:.1f},{at(watts)} {LEFT + (number + 1) * wide:.1f},{at(watts)}"
        for number, watts in enumerate(padded)
    )
    peak_w = int(power.max(initial=0))
    lines = [("peak", peak_w, f"{peak_w / 1000:.1f} kW")]
    if limit_w is not None:
        lines.append(("limit", limit_w, f"limit {limit_w / 1000:.0f} kW"))
    return (
        f'<text x="{LEFT}" y="{y + 12}"><tspan class="name">{escape(name)}</tspan> {escape(said)}</text>'
        f'<polygon class="area" points="{LEFT},{bottom} {points} {WIDTH - 20},{bottom}"/>'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 20}" y1="{bottom}" y2="{bottom}"/>'
        f"{'' if stored is None else _stored(stored, bottom, tall)}"
        + "".join(
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - 20}" y1="{at(watts)}" y2="{at(watts)}"/>'
            f'<text x="{LEFT - 6}" y="{at(watts) + (4 if kind == "peak" else -4)}" text-anchor="end">{text}</text>'
            for kind, watts, text in lines
        )
    )


def _stored(stored: Floats, bottom: int, tall: int) -> str:
    """How full batteries are, from the axis to the top of the panel."""
    several = -(-len(stored) // MAX_POINTS)
    shown = stored[several - 1 :: several]
    wide = (WIDTH - LEFT - 20) / max(len(shown), 1)
    points = " ".join(
        f"{LEFT + (number + 1) * wide:.1f},{bottom - float(share) * tall:.1f}" for number, share in enumerate(shown)
    )
    return f'<polyline class="stored" points="{points}"><title>stored in batteries</title></polyline>'


def _midnights(start: datetime, step: timedelta, steps: int, height: int) -> list[str]:
    """A line and a date at each midnight of the site, or at fewer of many."""
    days = max(1, round(steps * step / timedelta(days=1)))
    every = -(-days // 14)
    wide = (WIDTH - LEFT - 20) / max(days, 1)
    return [
        f'<line class="axis" x1="{LEFT + day * wide:.1f}" x2="{LEFT + day * wide:.1f}" y1="30" y2="{height - 12}"/>'
        f'<text x="{LEFT + day * wide + 3:.1f}" y="{height - 2}">{start + timedelta(days=day):%a %d %b}</text>'
        for day in range(0, days, every)
    ]
