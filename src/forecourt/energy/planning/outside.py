"""What others than us keep cars to, as rows of a plan beside those of the tree: limits that stations are set from
outside, and what cars mean to draw.

They bound what is planned, not what may be drawn: a station keeps to a limit of its own accord, and the tree is counted
without trusting it to.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.dispatch.standing import Standing, newest
from forecourt.energy.model import CURRENTS
from forecourt.energy.outside.model import External, least_of
from forecourt.energy.planning.knowledge import Knowledge, KnownCar
from forecourt.energy.planning.limits import Room
from forecourt.energy.rows import SLACK, Complexes, Floats, Rows, entries_of, joined_entries
from forecourt.energy.site import HungEvse
from forecourt.ocpp.neutral import Unit

#: A car that draws less than it was offered is offered more than that by so much, so that one that could take more
#: shows it.
MARGIN_A: Final = 3.0


class _Row(Struct, frozen=True):
    """`of` by EVSE and `limit` by step."""

    name: str
    of: Complexes
    limit: Floats


def beside(room: Room, known: Knowledge, kw_per_a: Floats) -> Room:
    """The room with what others keep cars to; `kw_per_a` of each of the tree's EVSEs."""
    most = np.array([evse.max_a for evse in known.tree.evses])
    found = [
        row
        for row in (*_of_externals(known, kw_per_a), *_of_cars(known, kw_per_a))
        if np.abs(row.of) @ most > row.limit.min() * (1 + SLACK)
    ]
    if not found:
        return room
    rows, of = room.rows, np.vstack([row.of for row in found])
    angles = [np.angle(row.of[np.abs(row.of) > 0]) for row in found]
    linear = [bool(np.allclose(np.exp(1j * each), np.exp(1j * each[0]), atol=1e-9)) for each in angles]
    limits = np.vstack([room.limits, *[row.limit for row in found]])
    return Room(
        rows=Rows(
            of=np.vstack([rows.of, of]),
            limits=np.concatenate([rows.limits, [float(row.limit.min()) for row in found]]),
            linear=np.concatenate([rows.linear, linear]),
            names=(*rows.names, *(row.name for row in found)),
            entries=joined_entries(rows.entries, len(rows.limits), entries_of(of)),
        ),
        limits=limits,
        charging=np.concatenate([room.charging, np.zeros(len(found))]),
    )


def external_name(external: External) -> str:
    """What the rows of a limit of somebody else begin with: their source tells them from those of a node, which end
    otherwise."""
    evse = external.said.evse
    return f"{external.station}{f':{evse}' if evse else ''} {external.said.source}"


def external_of(known: Knowledge, row: str) -> External | None:
    """Whose limit a row is; None for one of the tree, or of a car."""
    return next((each for each in known.externals if row in _names(each)), None)


def is_cars(known: Knowledge, row: str) -> bool:
    """Whether a row says what a car means to draw."""
    return any(row == _car_name(evse) for evse in known.tree.evses)


def touching(known: Knowledge, evse: HungEvse) -> list[External]:
    """The limits of others that an EVSE is under."""
    return [
        each
        for each in known.externals
        if each.counts and each.station == evse.station and each.said.evse in (0, evse.evse)
    ]


def _names(external: External) -> tuple[str, ...]:
    name = external_name(external)
    return f"{name} A", f"{name} W", *(f"{name} L{line} A" for line in (1, 2, 3))


def _car_name(evse: HungEvse) -> str:
    return f"{evse.id} car A"


def _of_externals(known: Knowledge, kw_per_a: Floats) -> Iterator[_Row]:
    evses = known.tree.evses
    for external in known.externals:
        columns = [
            number
            for number, evse in enumerate(evses)
            if evse.station == external.station and external.said.evse in (0, evse.evse)
        ]
        if not columns or not external.counts:
            continue
        name = external_name(external)
        limit_a = _by_step(known, external, Unit.CURRENT)
        if np.isfinite(limit_a).any():
            yield from _currents(evses, columns, name, limit_a)
        limit_kw = _by_step(known, external, Unit.POWER)
        if np.isfinite(limit_kw).any():
            of = np.zeros(len(evses), np.complex128)
            of[columns] = kw_per_a[columns]
            yield _Row(f"{name} W", of, limit_kw)


def _currents(evses: Sequence[HungEvse], columns: Sequence[int], name: str, limit_a: Floats) -> Iterator[_Row]:
    """Of one EVSE it is that of each of its conductors; several share those of their station."""
    if len(columns) == 1:
        of = np.zeros(len(evses), np.complex128)
        of[columns] = 1.0
        yield _Row(f"{name} A", of, limit_a)
        return
    for line in range(3):
        of = np.zeros(len(evses), np.complex128)
        of[columns] = [CURRENTS[evses[column].phases][line] for column in columns]
        if np.abs(of).any():
            yield _Row(f"{name} L{line + 1} A", of, limit_a)


def _by_step(known: Knowledge, external: External, unit: Unit) -> Floats:
    """In A or kW; infinite where nothing is limited."""
    starts, ends = known.outlook.starts, _ends(known)
    found = [external.least(unit, start, end) for start, end in zip(starts, ends, strict=True)]
    return np.array([math.inf if each is None else each / 1000 for each in found])


def _ends(known: Knowledge) -> Sequence[datetime]:
    starts = known.outlook.starts
    return *starts[1:], starts[-1] + timedelta(hours=known.outlook.hours[-1])


def _of_cars(known: Knowledge, kw_per_a: Floats) -> Iterator[_Row]:
    number_of = known.tree.numbers
    for car in known.cars:
        column = number_of.get(car.evse_id)
        if car.means is None or column is None:
            continue
        meant_a = _meant(known, car, kw_per_a[column])
        offered_a = _offered(known.standings[column], known, known.tree.evses[column])
        # One that follows what it is offered means nothing of its own by it.
        limit_a = np.where(meant_a < offered_a - MARGIN_A, meant_a, math.inf)
        if np.isfinite(limit_a[0]):
            limit_a[0] = max(limit_a[0] + MARGIN_A, known.tree.evses[column].min_a)
        if np.isfinite(limit_a).any():
            of = np.zeros(len(known.tree.evses), np.complex128)
            of[column] = 1.0
            yield _Row(_car_name(known.tree.evses[column]), of, limit_a)


def _meant(known: Knowledge, car: KnownCar, kw_per_a: float) -> Floats:
    assert car.means is not None
    schedule, starts, ends = car.means.schedule, known.outlook.starts, _ends(known)
    divisor = 1000.0 if schedule.unit is Unit.CURRENT else 1000.0 * kw_per_a
    found = [
        least_of(schedule, schedule.unit, car.means.at, start, end) for start, end in zip(starts, ends, strict=True)
    ]
    return np.array([math.inf if each is None else each / divisor for each in found])


def _offered(standing: Standing, known: Knowledge, evse: HungEvse) -> float:
    last = newest(standing, known.at)
    return evse.max_a if last is None else last.limit_ma / 1000
