"""What a car says that it needs by ISO 15118, taken into a session by a job. Pure.

A car may say it before its transaction is reported, so it is kept by EVSE until a session takes it.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.energy.needs.model import Wants
from forecourt.ocpp.neutral import ChargingNeeds

#: How long before the start of a session a car may have said what it needs of it.
BEFORE: Final = timedelta(minutes=10)


class CarSaid(Struct, frozen=True, kw_only=True):
    """What a car said last at an EVSE, and by which identity its station goes."""

    station: str
    evse: int
    needs: ChargingNeeds
    said_at: datetime


#: Energy transfer modes in which energy flows both ways have this in their names (ISO 15118-20).
BOTH_WAYS: Final = "_BPT"


def wants_of(needs: ChargingNeeds, got_wh: int) -> Wants | None:
    """The same as a session's needs, where `got_wh` was had when it was said: a car says what it still wants. None
    where a car says what can't be.

    A state of charge that is wanted counts only where no energy is said; that of now is not that of the start, so
    nothing is made of it after the car has had something. One that asked for energy both ways may give back, as far as
    it says; it may already have more than it needs.
    """
    both_ways = BOTH_WAYS in needs.transfer
    energy_wh = needs.energy_wh
    if energy_wh is not None:
        energy_wh = max(energy_wh + got_wh, 0) if both_ways else energy_wh + got_wh
    said: dict[str, Any] = {
        "departure_at": needs.departure_at,
        "energy_wh": energy_wh,
        "soc_pct": needs.target_soc_pct,
        "battery_wh": needs.capacity_wh,
        "present_soc_pct": needs.soc_pct if got_wh == 0 else None,
        "max_a": None if needs.max_current_ma is None else needs.max_current_ma / 1000,
        "max_w": needs.max_power_w,
    }
    if both_ways:
        said["may_discharge"], said["max_discharge_w"] = True, needs.max_discharge_power_w
        said["keep_wh"] = None if needs.min_v2x_energy_wh is None else needs.min_v2x_energy_wh + got_wh
    try:
        return msgspec.convert({name: value for name, value in said.items() if value is not None}, Wants)
    except msgspec.ValidationError:
        return None
