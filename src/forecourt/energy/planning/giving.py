"""Cars that give back in the plan of a site: what each may give, how they are planned, what their giving counts for
beside other cars, and what they are told. Pure.

As with batteries, what is given counts for cost always, and in limits only while it is measured and could go on.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.dispatch.giving import LEAST_MA, bounded, may_give, told_to_give, with_giving
from forecourt.energy.dispatch.orders import Told
from forecourt.energy.dispatch.standing import MEASURED_FOR, Standing, controllable, may_draw
from forecourt.energy.model import Phases
from forecourt.energy.planner.problem import Discharging, Ints
from forecourt.energy.planning.knowledge import Knowledge, KnownCar
from forecourt.energy.planning.limits import Counted, Room
from forecourt.energy.rows import SLACK, Floats, rows_of
from forecourt.energy.site import DC_EFFICIENCY, Current, HungEvse, Mode, SiteTree
from forecourt.energy.storage.cars import (
    EFFICIENCY_PCT,
    TOLERANCE_W,
    CarState,
    Giver,
    giver_of,
    gives_more,
    in_time_wh,
    may_go_on_w,
)
from forecourt.energy.storage.model import DELIVERED_FOR, LASTS, current_setpoint, measured_w
from forecourt.platform.clock import is_recent

#: Modes in which it is worth something that energy is given: those in which its price decides, or its CO2.
MODES: Final = frozenset({Mode.CHEAPEST, Mode.GREENEST})


def with_giver(
    car: KnownCar, state: CarState, evse: HungEvse, standing: Standing, tree: SiteTree, now: datetime, *,
    station_can: bool, refused: bool,
) -> KnownCar:  # fmt: skip
    """The car with what it may give. `state` tells of its battery alone; what it may be giving is known here."""
    told_w = round(may_give(standing, now) / 1000 * tree.watts_told(evse))
    state = replace(state, power_w=car.power_w, power_at=car.power_at, told_w=told_w)
    return replace(car, giver=giver_of(car.needs, state, now, station_can=station_can, refused=refused))


def discharging(
    known: Knowledge, cars: Sequence[KnownCar], column: Ints, kw_per_a: Floats, max_a: Floats, lacks_kwh: Floats,
    left_h: Floats,
) -> Discharging | None:  # fmt: skip
    """The cars that may give, as they are planned; all together no more than each limit bears the other way."""
    if known.settings.mode not in MODES:
        return None
    able = [(number, car.giver) for number, car in enumerate(cars) if isinstance(car.giver, Giver)]
    if not able:
        return None
    of = np.array([number for number, _ in able], dtype=np.int64)
    electrics = known.tree.electrics
    evse_a = np.array([electrics.evses[each].max_a for each in column[of]])
    most_a = np.minimum(np.array([each.most_w for _, each in able]) / 1000 / kw_per_a[of], evse_a)
    rows = rows_of(electrics)
    at_evses = np.zeros(len(electrics.evses))
    at_evses[column[of]] = most_a
    together = np.abs(rows.of) @ at_evses
    fits = np.divide(rows.limits, together, out=np.ones(len(together)), where=together > rows.limits)
    spare_wh = [
        in_time_wh(
            each.spare_wh, round(lacks_kwh[number] * 1000), kw_per_a[number] * max_a[number] * 1000,
            timedelta(hours=float(left_h[number])),
        )
        for number, each in able
    ]  # fmt: skip
    return Discharging(
        car=of,
        max_a=most_a * float(fits.min(initial=1.0)),
        given_kwh=np.array(spare_wh) / 1000,
        room_kwh=np.array([each.room_wh for _, each in able]) / 1000,
        efficiency=np.full(len(able), EFFICIENCY_PCT / 100),
        wear=np.full(len(able), float(known.settings.car_wear_per_kwh)),
        makes_room=False,
    )


def counted_cars(known: Knowledge) -> list[Counted]:
    """What the giving of cars counts for in the limits of a site: what is measured now and could go on."""
    return [
        Counted(node=evse.node, most_w=0, charged_w=0, delivered_w=delivered_w, is_planned=False)
        for _, evse, delivered_w in _delivering(known)
        if evse.id not in known.leaving
    ]


def leaving(known: Knowledge, gives_ma: Sequence[int]) -> tuple[str, ...]:
    """The EVSEs of cars that others are granted something by, and that shall give less than that."""
    return tuple(
        evse.id
        for number, evse, delivered_w in _delivering(known)
        if delivered_w > (gives_ma[number] if gives_ma else 0) / 1000 * known.tree.watts_told(evse) + TOLERANCE_W
    )


def gives_of(first_a: Floats) -> tuple[int, ...]:
    """What shall flow back at each EVSE by currents below 0."""
    given = (int(-each * 1000 + 1e-6) for each in first_a)
    return tuple(each if each >= LEAST_MA else 0 for each in given)


def gives(known: Knowledge) -> bool:
    """Whether a car may give, or may be giving by what its station was told."""
    return any(
        isinstance(car.giver, Giver) or may_give(known.standings[number], known.at) for number, _, car in _pairs(known)
    )


def tell_givers(known: Knowledge, told: Sequence[Told], gives_ma: Sequence[int], room_without: Room) -> list[Told]:
    """What stations are told, with what their cars shall give: no more than the site takes itself and may feed in, and
    than each may go on with. Those by whose giving others were granted something, as `room_without` it tells, go on
    until those have been told less."""
    tree, now = known.tree, known.at
    kw_per_a = np.array([tree.electrics.watts_per_ampere(each) / 1000 for each in tree.electrics.evses])
    wanted_ma, most_ma = [0] * len(tree.evses), [0] * len(tree.evses)
    for number, evse, car in _pairs(known):
        if isinstance(car.giver, Giver) and controllable(known.standings[number], now):
            most_ma[number] = int(may_go_on_w(car.giver.spare_wh) / tree.watts_told(evse) * 1000)
            wanted_ma[number] = min(gives_ma[number], most_ma[number]) if gives_ma else 0
    kept = set()
    for number in _granted(known, room_without):
        last_ma = min(told_to_give(known.standings[number], now), most_ma[number])
        if wanted_ma[number] < last_ma:
            wanted_ma[number] = last_ma
            kept.add(number)
    allowed_ma = bounded(known.standings, wanted_ma, kw_per_a, give_room_w(known) / 1000, now)
    still = [each for each in told if not (each.evse in kept and allowed_ma[each.evse] and each.limit_ma)]
    return with_giving(still, known.standings, allowed_ma, now)


def give_room_w(known: Knowledge) -> int:
    """What cars may give together: what the site is measured to take itself, and what may be fed in beyond it."""
    outlook, now = known.outlook, known.at
    # What usually begins about now may not have begun, and what was measured may be over by what usually is.
    taken_w = sum(min(each.power_w.values[0], each.measured_w) for each in outlook.loads if each.measured_w is not None)
    for car in known.cars:
        if car.power_w is not None and car.power_at is not None and is_recent(car.power_at, now, MEASURED_FOR):
            taken_w += max(car.power_w, 0)
    for each in known.batteries:
        setpoint = current_setpoint(each, now)
        taken_w += min(measured_w(each, now), 0 if setpoint is None else setpoint.power_w)
    made_w = sum(
        max(each.power_w.values[0], each.most_w if each.measured_w is None else each.measured_w)
        for each in outlook.solar
    )
    return max(int(taken_w - made_w), 0) + known.settings.feed_in_limit_w


def _granted(known: Knowledge, room_without: Room) -> list[int]:
    """The EVSEs whose giving counts, where others may draw more by it than the limits bear without."""
    counts = [number for number, _, _ in _delivering(known)]
    if not counts:
        return []
    may_ma = np.array([may_draw(standing, known.at)[0] for standing in known.standings], dtype=np.float64)
    return counts if room_without.now().overload(may_ma / 1000) > 1 + SLACK else []


def _delivering(known: Knowledge) -> Iterator[tuple[int, HungEvse, int]]:
    """The EVSEs at which cars give what may be counted on in limits, with how much that is, in W. One that doesn't load
    all conductors alike is none."""
    for number, evse, car in _pairs(known):
        giver = car.giver
        if not isinstance(giver, Giver) or car.power_w is None or car.power_w >= 0 or car.power_at is None:
            continue
        told_w = round(told_to_give(known.standings[number], known.at) / 1000 * known.tree.watts_told(evse))
        late = not is_recent(car.power_at, known.at, DELIVERED_FOR)
        if late or evse.phases is not Phases.ALL or not told_w or gives_more(car.power_w, told_w):
            continue
        lasting_w = int(giver.spare_wh * EFFICIENCY_PCT / 100 / (LASTS / timedelta(hours=1)))
        found_w = min(-car.power_w, told_w, lasting_w)
        yield number, evse, found_w if evse.current is Current.AC else int(found_w * DC_EFFICIENCY)


def _pairs(known: Knowledge) -> Iterator[tuple[int, HungEvse, KnownCar]]:
    """Each EVSE of the tree at which a car is, by its number."""
    car_of = {car.evse_id: car for car in known.cars}
    for number, evse in enumerate(known.tree.evses):
        if evse.id in car_of:
            yield number, evse, car_of[evse.id]
