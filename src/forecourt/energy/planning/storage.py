"""Batteries in the plan of a site: what they count for beside cars, how they are planned, what they are told. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.planner import problem
from forecourt.energy.planner.problem import Horizon, Plan
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Counted, Room, room_of
from forecourt.energy.planning.plan import BatteryPlan
from forecourt.energy.rows import Floats, adds_of
from forecourt.energy.site import Battery
from forecourt.energy.storage.model import (
    BatteryWhy,
    KnownBattery,
    Setpoint,
    delivered_w,
    due_setpoint,
    is_planned,
    may_charge_w,
    obeys,
)

#: A power below this is none, in kW.
NOTHING_KW: Final = 0.05
#: What a kW of peak saves at least if that is why a battery gives.
PEAK_SAVES: Final = 1e-6


def counted(known: Knowledge) -> list[Counted]:
    """What the batteries of a site count for in its limits."""
    return [
        Counted(
            node=battery.node,
            most_w=battery.charge_w if is_planned(each, known.at) else 0,
            charged_w=may_charge_w(each, battery, known.at),
            delivered_w=delivered_w(each, battery, known.at),
            is_planned=is_planned(each, known.at),
        )
        for battery, each in _pairs(known)
    ]


def planned_batteries(known: Knowledge, room: Room) -> list[problem.Battery]:
    """Those that a plan counts on, as they are planned."""
    electrics = known.tree.electrics
    found = []
    for battery, each in _planned(known):
        assert each.state is not None
        stored_kwh = min(each.state.stored_wh, battery.capacity_wh) / 1000
        found.append(
            problem.Battery(
                capacity_kwh=battery.capacity_wh / 1000,
                stored_kwh=stored_kwh,
                charge_kw=battery.charge_w / 1000,
                discharge_kw=battery.discharge_w / 1000,
                efficiency=battery.efficiency**0.5,
                wear=float(battery.wear_per_kwh) / 2,
                reserve_kwh=battery.reserve_wh / 1000,
                adds=adds_of(electrics, battery.node, room.rows.names),
            )
        )
    return found


def battery_plans(known: Knowledge, horizon: Horizon, plan: Plan | None) -> tuple[BatteryPlan, ...]:
    """What is meant for each battery of the tree, in its order."""
    planned, found, number = {each.id for _, each in _planned(known)}, [], 0
    for battery, each in _pairs(known):
        if battery.id not in planned:
            why = BatteryWhy.UNKNOWN if obeys(each) else BatteryWhy.DISOBEYS
            found.append(BatteryPlan(id=battery.id, why=why))
        elif plan is None:
            found.append(BatteryPlan(id=battery.id, why=BatteryWhy.UNPLANNED))
        else:
            found.append(
                BatteryPlan(
                    id=battery.id,
                    why=_why(horizon, plan, number),
                    steps_w=tuple(round(float(kw) * 1000) for kw in plan.battery_kw[number]),
                    stored_wh=tuple(round(float(kwh) * 1000) for kwh in plan.battery_kwh[number]),
                )
            )
            number += 1
    return tuple(found)


def setpoints(known: Knowledge, plans: Sequence[BatteryPlan], may_a: Floats) -> list[tuple[str, Setpoint]]:
    """What batteries are told now, where it is anything new. They take no more than there is room for beside all that
    stations may draw, `may_a` by the tree's EVSEs, and go on giving what stations were granted by that."""
    electrics, found = known.tree.electrics, []
    plan_of = {each.id: each for each in plans}
    room = room_of(known.tree, known.outlook, [replace(each, delivered_w=0) for each in counted(known)])
    left = room.limits[:, 0] - room.charging - np.abs(room.rows.of @ may_a)
    for battery, each in _pairs(known):
        meant = plan_of.get(battery.id)
        if meant is None:
            continue
        adds = np.abs(adds_of(electrics, battery.node, room.rows.names))
        charged_w = may_charge_w(each, battery, known.at)
        # What the battery itself may take already is its own to keep.
        spare = left + adds * charged_w / 1000
        power_w, why = _bounded(battery, each, meant, spare, adds, is_planned=is_planned(each, known.at))
        told = due_setpoint(each, power_w, why, known.at)
        if told is not None:
            found.append((battery.id, told))
        left = left - adds * max(0, power_w - charged_w) / 1000
    return found


def _bounded(
    battery: Battery, each: KnownBattery, meant: BatteryPlan, spare: Floats, adds: Floats, *, is_planned: bool
) -> tuple[int, BatteryWhy]:
    """What was planned, within what the limits leave."""
    if not is_planned or each.state is None:
        return 0, meant.why
    wanted_w = meant.steps_w[0] if meant.steps_w else 0
    wanted_w = 0 if abs(wanted_w) < NOTHING_KW * 1000 else wanted_w
    loaded = adds > 0
    allowed_w = int(np.floor((spare[loaded] / adds[loaded]).min(initial=np.inf) * 1000)) if loaded.any() else wanted_w
    if allowed_w >= wanted_w:
        return wanted_w, meant.why
    least_w = -battery.discharge_w if each.state.stored_wh > battery.reserve_wh else 0
    bounded_w = max(allowed_w, least_w)
    return (bounded_w, BatteryWhy.LIMIT) if bounded_w < 0 else (bounded_w, meant.why)


def _why(horizon: Horizon, plan: Plan, number: int) -> BatteryWhy:
    kw = float(plan.battery_kw[number, 0])
    if abs(kw) < NOTHING_KW:
        return BatteryWhy.RESTS
    if kw > 0:
        surplus_kw = float(horizon.solar_kw[0] - horizon.load_kw[0])
        return BatteryWhy.SUN if surplus_kw >= kw - NOTHING_KW else BatteryWhy.CHEAP
    later = horizon.price[1:].min(initial=np.inf)
    if plan.shadows.peak > PEAK_SAVES and horizon.price[0] <= later + PEAK_SAVES:
        return BatteryWhy.PEAK
    return BatteryWhy.DEAR


def _pairs(known: Knowledge) -> Iterator[tuple[Battery, KnownBattery]]:
    """Each battery of the tree with what is known of it."""
    of = {each.id: each for each in known.batteries}
    for battery in known.tree.batteries:
        yield battery, of.get(battery.id, KnownBattery(id=battery.id))


def _planned(known: Knowledge) -> Iterator[tuple[Battery, KnownBattery]]:
    for battery, each in _pairs(known):
        if is_planned(each, known.at):
            yield battery, each
