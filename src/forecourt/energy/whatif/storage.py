"""What a scenario stores energy in: batteries of the site, and cars that give back what they don't need yet."""

from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.model import Electrics
from forecourt.energy.planner.problem import Battery, Cars, Discharging
from forecourt.energy.rows import Floats, Rows, adds_of

Kwh = Annotated[float, Meta(ge=0, le=1e6)]
Kw = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Cost = Annotated[float, Meta(ge=0, le=100)]
#: Of charging and discharging together; a battery that loses more stores nothing worth planning.
Efficiency = Annotated[float, Meta(ge=0.3, le=1)]
#: Batteries of one scenario.
MAX_BATTERIES: Final = 10


class Store(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stationary battery at a node. `efficiency` of charging and discharging together, `reserve_kwh` is never taken
    from it, `wear_per_kwh` is what a kWh through it costs, `stored_kwh` what it begins with: half of what may be taken,
    if that isn't said."""

    id: str
    node: str
    capacity_kwh: Annotated[float, Meta(gt=0, le=1e6)]
    charge_kw: Kw
    discharge_kw: Kw
    efficiency: Efficiency = 0.9
    reserve_kwh: Kwh = 0.0
    wear_per_kwh: Cost = 0.0
    stored_kwh: Kwh | None = None

    @property
    def begins_kwh(self) -> float:
        """What it holds at the beginning, and should at the end."""
        return (self.capacity_kwh + self.reserve_kwh) / 2 if self.stored_kwh is None else self.stored_kwh


class Giving(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cars that give back: a `share` of all sessions, drawn by `seed`, each with up to `discharge_kw`.

    A car holds `capacity_kwh` and stands at the state `leaves_with` (0 to 1) once it has what it asked for, which it
    has when it leaves; while it is plugged in it isn't taken below the state `least`. `efficiency`: what comes back of
    a kWh, `wear_per_kwh`: what a kWh costs that does.
    """

    share: Share
    discharge_kw: Annotated[float, Meta(gt=0, le=1e6)]
    seed: Annotated[int, Meta(ge=0)] = 1
    capacity_kwh: Annotated[float, Meta(gt=0, le=10_000)] = 60.0
    leaves_with: Share = 0.8
    least: Share = 0.3
    efficiency: Efficiency = 0.9
    wear_per_kwh: Cost = 0.05


def storage_faults(stores: Sequence[Store], nodes: Sequence[str]) -> list[str]:
    """What is nonsense in batteries, in words."""
    found = []
    if len(stores) > MAX_BATTERIES:
        found.append(f"a scenario has {MAX_BATTERIES} batteries at most")
    if len({store.id for store in stores}) < len(stores):
        found.append("two batteries have one id")
    for store in stores:
        if store.node not in nodes:
            found.append(f"battery {store.id}: there is no node {store.node}")
        if not store.reserve_kwh <= store.begins_kwh <= store.capacity_kwh:
            found.append(f"battery {store.id}: it needs reserve_kwh <= stored_kwh <= capacity_kwh")
    return found


def batteries_of(stores: Sequence[Store], electrics: Electrics, rows: Rows, price: Floats) -> tuple[Battery, ...]:
    """The batteries as they are planned. What one lacks at the end is as dear as it can be to charge it again."""
    dearest = max(0.0, float(price.max(initial=0.0)))
    return tuple(
        Battery(
            capacity_kwh=store.capacity_kwh,
            stored_kwh=store.begins_kwh,
            charge_kw=store.charge_kw,
            discharge_kw=store.discharge_kw,
            efficiency=store.efficiency**0.5,
            wear=store.wear_per_kwh / 2,
            reserve_kwh=store.reserve_kwh,
            ends_kwh=store.begins_kwh,
            missing=dearest / store.efficiency**0.5 + store.wear_per_kwh / 2,
            adds=adds_of(electrics, store.node, rows.names),
        )
        for store in stores
    )


def givers_of(giving: Giving | None, cars: Cars, ids: Sequence[str], rows: Rows) -> Discharging | None:
    """The cars that give; all together no more than each limit of the site bears the other way."""
    if giving is None:
        return None
    willing = [np.random.default_rng([giving.seed, *id.encode()]).random() < giving.share for id in ids]
    car = np.nonzero(np.array(willing, np.bool_))[0]
    if not len(car):
        return None
    most_a = np.minimum(giving.discharge_kw / cars.kw_per_a[car], cars.max_a[car])
    at_evses = np.zeros(rows.of.shape[1])
    np.maximum.at(at_evses, cars.evse[car], most_a)
    together = np.abs(rows.of) @ at_evses
    fits = np.divide(rows.limits, together, out=np.ones(len(together)), where=together > rows.limits)
    came_kwh = np.maximum(giving.leaves_with * giving.capacity_kwh - cars.need_kwh[car], 0.0)
    return Discharging(
        car=car,
        max_a=most_a * float(fits.min(initial=1.0)),
        given_kwh=np.maximum(came_kwh - giving.least * giving.capacity_kwh, 0.0),
        room_kwh=cars.need_kwh[car],
        efficiency=np.full(len(car), giving.efficiency),
        wear=np.full(len(car), giving.wear_per_kwh),
        makes_room=False,
    )
