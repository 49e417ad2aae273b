"""The batteries of a site as the page of its plan shows them."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from forecourt.energy.explained.words import battery_why
from forecourt.energy.service.explained import Planned
from forecourt.energy.storage.model import BatteryWhy, KnownBattery, current_setpoint, is_planned


class BatteryTold(Struct, frozen=True, kw_only=True):
    """A battery in a plan: what it said last, what it was told and until when, and why, in words that are marked."""

    name: str
    stored_wh: int | None
    full_pct: int | None
    power_w: int | None
    said_at: datetime | None
    told_w: int
    valid_to: datetime | None
    words: str
    is_planned: bool


def batteries_told(planned: Planned, batteries: Sequence[KnownBattery], at: datetime) -> list[BatteryTold]:
    """Those of the tree, in its order."""
    plans = {each.id: each for each in planned.plan.batteries}
    said = {each.id: each for each in batteries}
    found = []
    for battery in planned.known.tree.batteries:
        each = said.get(battery.id, KnownBattery(id=battery.id))
        told, meant = current_setpoint(each, at), plans.get(battery.id)
        why = told.why if told is not None else BatteryWhy.UNPLANNED if meant is None else meant.why
        found.append(
            BatteryTold(
                name=battery.name or battery.id,
                stored_wh=None if each.state is None else each.state.stored_wh,
                full_pct=None if each.state is None else 100 * each.state.stored_wh // battery.capacity_wh,
                power_w=None if each.state is None else each.state.power_w,
                said_at=None if each.state is None else each.state.at,
                told_w=0 if told is None else told.power_w,
                valid_to=None if told is None else told.valid_to,
                words=battery_why(why, planned.known.settings.mode),
                is_planned=is_planned(each, at),
            )
        )
    return found
