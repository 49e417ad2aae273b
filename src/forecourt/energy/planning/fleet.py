"""The cars of a site that can be told something, in numbers: what each may have, what it takes, until when. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.energy.dispatch.standing import Draws, draws_of
from forecourt.energy.model import Electrics
from forecourt.energy.needs.model import Priority
from forecourt.energy.planner.problem import Ints
from forecourt.energy.planner.settings import LEAST_H
from forecourt.energy.planner.steps import stays_in
from forecourt.energy.planning.knowledge import Knowledge, KnownCar
from forecourt.energy.planning.outside import MARGIN_A
from forecourt.energy.rows import Floats
from forecourt.energy.site import DC_EFFICIENCY, Current, HungEvse
from forecourt.platform.unchanged import Once

#: How much worse one driver is left without than another.
WEIGHTS: Final[Mapping[Priority, float]] = {Priority.LOW: 0.5, Priority.NORMAL: 1.0, Priority.HIGH: 3.0}
#: A current from which on power over current tells how many conductors a car uses.
TELLING_A: Final = 3.0
#: What each EVSE takes while it draws 1 A.
KW_PER_A: Final = Once[Electrics, Floats](
    lambda of: np.array([of.watts_per_ampere(evse) / 1000 for evse in of.evses], dtype=np.float64)
)
#: What a car takes at least that still draws, in Wh, by the id of its EVSE.
LEAST_WH_AT: Final = Once[Electrics, Mapping[str, int]](
    lambda of: {evse.id: round(of.watts_per_ampere(evse) * evse.max_a * LEAST_H) for evse in of.evses}
)
_AN_HOUR: Final = timedelta(hours=1)


class Fleet(Struct, frozen=True, kw_only=True):
    """The cars that can be told something, in numbers: their EVSEs and the columns of those, what they take, until
    before which step they are there, and for how much of the one before that."""

    cars: Sequence[KnownCar]
    evses: Sequence[HungEvse]
    column: Ints
    kw_per_a: Floats
    max_a: Floats
    min_a: Floats
    lacks_kwh: Floats
    weight: Floats
    left_h: Floats
    last: Ints
    last_share: Floats


def reserved_a(known: Knowledge, draws: Draws | None = None) -> Floats:
    """What EVSEs may draw now that can't be brought to anything else, and what others are measured to draw beyond what
    they are told, by the tree's EVSEs. `draws`: what all may."""
    draws = draws_of(known.standings, known.at) if draws is None else draws
    runs, number_of = np.zeros(len(known.standings), np.bool_), known.tree.numbers
    runs[[number for car in known.cars if (number := number_of.get(car.evse_id)) is not None]] = True
    return np.where(runs & draws.controllable, draws.beyond_a, draws.may_a)


def fleet_of(known: Knowledge, draws: Draws | None = None) -> Fleet:
    """Those at EVSEs that can be thought to come to what they are told, by `draws` where they are known already."""
    tree, electrics = known.tree, known.tree.electrics
    able = (draws_of(known.standings, known.at) if draws is None else draws).controllable.tolist()
    number_of = tree.numbers
    pairs = [(car, number) for car in known.cars if (number := number_of.get(car.evse_id)) is not None and able[number]]
    cars, column = [car for car, _ in pairs], np.array([number for _, number in pairs], dtype=np.int64)
    evses = [tree.evses[number] for _, number in pairs]
    usual = KW_PER_A(electrics)[column].tolist()
    kw_per_a = [_kw_per_a(car, evse, each) for car, evse, each in zip(cars, evses, usual, strict=True)]
    left_h = np.array([(car.leaves_at(known.at) - known.at) / _AN_HOUR for car in cars], dtype=np.float64)
    _, last, last_share = stays_in(np.cumsum(known.outlook.hours), np.zeros(len(cars)), left_h)
    return Fleet(
        cars=cars,
        evses=evses,
        column=column,
        kw_per_a=np.array(kw_per_a, dtype=np.float64),
        max_a=np.array(
            [_most_a(car, evse, each) for car, evse, each in zip(cars, evses, kw_per_a, strict=True)], dtype=np.float64
        ),
        min_a=np.array([evse.min_a for evse in evses], dtype=np.float64),
        lacks_kwh=np.array([car.lacks_wh() / 1000 for car in cars], dtype=np.float64),
        weight=np.array([WEIGHTS[car.needs.wants.priority or Priority.NORMAL] for car in cars], dtype=np.float64),
        left_h=left_h,
        last=last,
        last_share=last_share,
    )


def _kw_per_a(car: KnownCar, evse: HungEvse, usual: float) -> float:
    """By what was measured, where that can be believed: a car may use fewer conductors than its EVSE has."""
    if evse.current is Current.DC or car.power_w is None or car.current_a is None or car.current_a < TELLING_A:
        return usual
    found = car.power_w / 1000 / car.current_a
    return found if usual / 4 <= found <= usual * 1.2 else usual


def _most_a(car: KnownCar, evse: HungEvse, kw_per_a: float) -> float:
    wants = car.needs.wants
    most = evse.max_a if wants.max_a is None else min(evse.max_a, wants.max_a)
    told_w = [each for each in (wants.max_w, None if car.cap is None else car.cap.max_w) if each is not None]
    if told_w:
        at_grid_kw = min(told_w) / 1000 / (DC_EFFICIENCY if evse.current is Current.DC else 1.0)
        most = min(most, at_grid_kw / kw_per_a)
    if car.current_a is not None and car.offered_a is not None and TELLING_A < car.current_a < car.offered_a - MARGIN_A:
        most = min(most, car.current_a + MARGIN_A)
    return max(most, min(evse.min_a, evse.max_a))
