"""A plan of a site as it is kept, told and explained. Pure."""

import zlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.reasons import Reason
from forecourt.energy.storage.model import BatteryWhy

#: A plan that says what the last one said, as far as that is told, is kept no more often than this.
KEPT_EVERY: Final = timedelta(minutes=1)
#: Of a plan, when it is unpacked: 5,000 cars over a day take a tenth.
MAX_BYTES: Final = 64 << 20


class BatteryPlan(Struct, frozen=True, kw_only=True):
    """What is meant for one battery: its power in each step, below 0 where it gives, what it holds at the end of each,
    and why it does what it does now. Without steps nobody planned for it."""

    id: str
    why: BatteryWhy
    steps_w: tuple[int, ...] = ()
    stored_wh: tuple[int, ...] = ()


class CarPlan(Struct, frozen=True, kw_only=True):
    """What is meant for one car: its limit now in mA, its mean power in each step in W, what it lacks and what of it it
    will leave without, when it has what it takes (None: not within the steps), when it is thought to leave, and why it
    has what it has (None where nobody planned). `gives_ma`: what shall flow back instead."""

    session_id: UUID
    evse_id: str
    limit_ma: int
    steps_w: tuple[int, ...]
    lacks_wh: int
    unserved_wh: int
    ready_at: datetime | None
    leaves_at: datetime
    reason: Reason | None = None
    gives_ma: int = 0
    turn_at: datetime | None = None


class SitePlan(Struct, frozen=True, kw_only=True):
    """A plan. `targets_ma` by the tree's EVSEs, without meaning where nothing runs; `grid_w` in each step; `grade`
    tells how good it is, `why` what kept it from being the best, and `late` that it was lack of time. `batteries` by
    the tree's order; `gives_ma` by its EVSEs, what shall flow back there, empty where nothing shall."""

    at: datetime
    grade: Grade
    why: str
    targets_ma: tuple[int, ...]
    cars: tuple[CarPlan, ...]
    grid_w: tuple[int, ...]
    peak_w: int
    batteries: tuple[BatteryPlan, ...] = ()
    gives_ma: tuple[int, ...] = ()
    late: bool = False


def packed(plan: SitePlan) -> bytes:
    """As it is stored: what a car is given stays the same for many steps, and takes next to nothing."""
    return zlib.compress(msgspec.json.encode(plan))


def unpacked(stored: bytes) -> SitePlan:
    """What was stored, as it was."""
    return msgspec.json.decode(zlib.decompressobj().decompress(stored, MAX_BYTES), type=SitePlan)


def is_news(plan: SitePlan, kept: SitePlan | None) -> bool:
    """Whether a plan is to be kept beside the last one that was: others are told something else, or for other reasons,
    or it is time to."""
    return kept is None or not timedelta() <= plan.at - kept.at < KEPT_EVERY or _said(plan) != _said(kept)


def _said(plan: SitePlan) -> tuple[object, ...]:
    cars = [(car.session_id, car.limit_ma, None if car.reason is None else (car.reason.why, car.reason.row))
            for car in plan.cars]  # fmt: skip
    batteries = [(each.id, each.why, each.steps_w[:1]) for each in plan.batteries]
    return plan.grade, plan.why, plan.targets_ma, plan.gives_ma, cars, batteries
