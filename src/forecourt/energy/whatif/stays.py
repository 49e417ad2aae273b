"""Sessions as a scenario sees them: cars on its EVSEs, in its steps."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from forecourt.energy.model import Electrics
from forecourt.energy.planner.problem import Cars
from forecourt.energy.rows import Floats
from forecourt.energy.whatif.scenario import Scenario


class PastSession(Protocol):
    """A session of a file: plugged in from `start` to `end` (UTC), and `energy_wh` in between."""

    @property
    def id(self) -> str: ...
    @property
    def station(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def energy_wh(self) -> int: ...
    @property
    def token(self) -> str | None: ...
    @property
    def stated_end(self) -> datetime | None: ...
    @property
    def stated_wh(self) -> int | None: ...


#: First step, the step after the last, kWh, EVSE.
_Row: TypeAlias = tuple[int, int, float, int, PastSession]


class Stays(Struct, frozen=True, kw_only=True):
    """The cars of a time, by when they come; their sessions; the least current of each (A); why sessions were left out,
    counted."""

    cars: Cars
    sessions: tuple[PastSession, ...]
    min_a: Floats
    left_out: dict[str, int]


def stays_of(scenario: Scenario, sessions: Iterable[PastSession], start: datetime, end: datetime) -> Stays:
    """Sessions that begin within the time; what lasts beyond its end is cut there, and so is its energy, in proportion.

    A session whose station is no EVSE of the scenario takes the first one that is free when it comes.
    """
    step = timedelta(minutes=scenario.step_min)
    electrics = scenario.electrics
    column = {evse.id: number for number, evse in enumerate(electrics.evses)}
    steps = int((end - start) / step)
    free_at = [0] * len(electrics.evses)
    left_out: Counter[str] = Counter()
    rows: list[_Row] = []
    for session in sorted(sessions, key=lambda each: (each.start, each.id)):
        if session.start < start < session.end:
            left_out["it began before"] += 1
        if not start <= session.start < end:
            continue
        first = round((session.start - start) / step)
        last = max(first + 1, round((session.end - start) / step))
        need_kwh = session.energy_wh / 1000
        if last > steps:
            need_kwh *= max(steps - first, 0) / (last - first)
            last = steps
        evse = column.get(session.station, -1)
        if evse < 0:
            evse = next((number for number, free in enumerate(free_at) if free <= first), -1)
        if evse < 0:
            left_out["no EVSE was free"] += 1
            continue
        if need_kwh <= 0 or last <= first:
            left_out["took no energy"] += 1
            continue
        # Of two that overlap on one EVSE, as rounding to steps may have it, the later one waits.
        first = max(first, free_at[evse])
        if first >= last:
            left_out["its EVSE was taken"] += 1
            continue
        free_at[evse] = last
        rows.append((first, last, need_kwh, evse, session))
    least = np.array([evse.min_a for evse in electrics.evses])
    cars = _cars(rows, electrics)
    return Stays(cars=cars, sessions=tuple(row[4] for row in rows), min_a=least[cars.evse], left_out=dict(left_out))


def _cars(rows: Sequence[_Row], electrics: Electrics) -> Cars:
    evses = np.array([row[3] for row in rows], dtype=np.int64)
    most = np.array([evse.max_a for evse in electrics.evses])
    kw = np.array([electrics.watts_per_ampere(evse) / 1000 for evse in electrics.evses])
    return Cars(
        first=np.array([row[0] for row in rows], dtype=np.int64),
        last=np.array([row[1] for row in rows], dtype=np.int64),
        last_share=np.ones(len(rows)),
        need_kwh=np.array([row[2] for row in rows], dtype=np.float64),
        max_a=most[evses],
        kw_per_a=kw[evses],
        evse=evses,
        weight=np.ones(len(rows)),
        scenario=np.full(len(rows), -1, dtype=np.int64),
    )
