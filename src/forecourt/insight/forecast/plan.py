"""How a history is parted: what methods learn from, what they are chosen on, and what they are judged on; in time, in
this order, so that nothing that is judged was seen before."""

from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.forecast.series import DAY_H, NETWORK, WEEK_H, Panel, with_network

#: Days of history below which nothing can be judged, and below which a week ahead can't.
LEAST_DAYS: Final = 14
LEAST_DAYS_OF_WEEK: Final = 42
#: Days of each of the two parts at the least and at the most; between, a quarter of all.
LEAST_PART_DAYS, MOST_PART_DAYS = 4, 56
#: Hours from one origin to the next: none divides a day, so that origins come at every hour of it.
SPACINGS_H: Final = (5, 7, 11, 13, 25, 31, 49, 73, 97, 145, 193, 289)
#: Forecast hours of one part, and origins of it.
MAX_STEPS: Final = 2_000_000
MAX_ORIGINS: Final = 90
#: A series of which nothing came for so long before the end is over, and is judged in its own time.
QUIET_DAYS: Final = 28
#: The share of the hours of a training that must be known: nothing of it is too little.
LEAST_TAUGHT: Final = 0.1
#: Times that a data set is parted in by when its series were over.
MAX_ERAS: Final = 6


class Plan(Struct, frozen=True, kw_only=True):
    """Hours are numbers of the panel's. Training is before `validation_h`, validation before `test_h`, the test until
    `end_h`. Origins are the hours that forecasts are made in; a forecast from one reaches `horizon_h` hours."""

    horizon_h: int
    spacing_h: int
    validation_h: int
    test_h: int
    end_h: int

    def origins(self, part: str) -> list[int]:
        """Of `validation` or `test`, to a day before its end: hours after that are judged in neither."""
        return list(range(self.begin(part), self.end(part) - DAY_H + 1, self.spacing_h))

    def begin(self, part: str) -> int:
        """The first hour of a part."""
        return self.validation_h if part == "validation" else self.test_h

    def end(self, part: str) -> int:
        """The hour after its last."""
        return self.test_h if part == "validation" else self.end_h


def planned(hours: int, series: int, most_origins: int | None = None) -> Plan | None:
    """The parts of a history of whole days, each with so many origins at most; None: it is too short to judge
    anything."""
    days = hours // DAY_H
    if days < LEAST_DAYS:
        return None
    part = min(max(days // 4, LEAST_PART_DAYS), MOST_PART_DAYS)
    horizon = WEEK_H if days >= LEAST_DAYS_OF_WEEK else DAY_H
    span = (part - 1) * DAY_H
    room = min(MAX_ORIGINS if most_origins is None else most_origins, max(1, MAX_STEPS // (series * horizon)))
    spacing = next((each for each in SPACINGS_H if span // each + 1 <= room), SPACINGS_H[-1])
    return Plan(
        horizon_h=horizon,
        spacing_h=spacing,
        validation_h=hours - 2 * part * DAY_H,
        test_h=hours - part * DAY_H,
        end_h=hours,
    )


def eras(panel: Panel) -> tuple[list[Panel], list[str]]:
    """A data set by when its series were over, latest first, each cut to whole days until then and with its own sum;
    and the names of those of which nothing is known at all or that are one era too many."""
    alive = np.nan_to_num(panel.values) > 0
    last = np.where(alive.any(1), panel.hours - 1 - alive[:, ::-1].argmax(1), -1)
    rows = [int(row) for row in np.argsort(-last, kind="stable") if not panel.totals[row]]
    left = [panel.names[row] for row in rows if last[row] < 0]
    rows = [row for row in rows if last[row] >= 0]
    parts: list[list[int]] = []
    ends: list[int] = []
    for row in rows:
        latest = ends[-1] if ends else panel.hours
        if not parts or last[row] < latest - QUIET_DAYS * DAY_H:
            parts.append([])
            ends.append(panel.hours if not ends and last[row] >= latest - QUIET_DAYS * DAY_H else int(last[row]) + 1)
        parts[-1].append(row)
    left += [panel.names[row] for part in parts[MAX_ERAS:] for row in part]
    return [_cut(panel, sorted(part), end) for part, end in zip(parts[:MAX_ERAS], ends, strict=False)], left


def _cut(panel: Panel, rows: list[int], end: int) -> Panel:
    end = min(panel.hours, end)
    end -= end % DAY_H
    values = panel.values[rows, :end]
    known = np.isfinite(values).any(0)
    first = int(known.argmax()) if known.any() else 0
    first -= first % DAY_H
    return with_network(
        Panel(
            name=panel.name,
            target=panel.target,
            names=tuple(panel.names[row] for row in rows),
            start=panel.at(first),
            values=values[:, first:],
        ),
        NETWORK if end > panel.hours - QUIET_DAYS * DAY_H else f"{NETWORK[:-1]} until {panel.at(end).date()})",
    )


def spans(panel: Panel) -> list[Panel]:
    """An era by how long its series are known, the longest first: each is parted by its own span where that of longer
    ones would leave it without a training. Then the sum stands alone, from when on all that can be judged are known."""
    begins = np.isfinite(panel.values).argmax(1) // DAY_H * DAY_H
    left = sorted((row for row in range(len(panel.names)) if not panel.totals[row]), key=lambda row: int(begins[row]))
    enough = [int(begins[row]) for row in left if panel.hours - begins[row] >= LEAST_DAYS * DAY_H]
    parts: list[Panel] = []
    while left:
        first = int(begins[left[0]])
        plan = planned(panel.hours - first, len(left))
        until = panel.hours if plan is None else first + (1 - LEAST_TAUGHT) * plan.validation_h
        together = [row for row in left if begins[row] <= until]
        if len(together) == sum(not total for total in panel.totals):
            return [panel]
        parts.append(_since(panel, sorted(together), first))
        left = [row for row in left if begins[row] > until]
    sums = [row for row, total in enumerate(panel.totals) if total]
    return [*parts, _since(panel, sums, max(enough))] if sums and enough else parts


def _since(panel: Panel, rows: list[int], first: int) -> Panel:
    return Panel(
        name=panel.name,
        target=panel.target,
        names=tuple(panel.names[row] for row in rows),
        start=panel.at(first),
        values=panel.values[rows, first:],
        totals=tuple(panel.totals[row] for row in rows),
    )
