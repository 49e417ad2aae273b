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
#: No time by which somebody needs something lies further ahead: nobody leaves a car for longer, and a year that is
#: mistyped is told at once.
MAX_AHEAD: Final = timedelta(days=366)
#: Times that were over for longer than this are printed in no problem: clocks that were never set say year 1.
PRINTED: Final = timedelta(days=36_525)
#: A car may say so long after it wanted to leave that it did. Clocks that were never set say year 1, or 9999.
LATE: Final = timedelta(days=1)


class CarSaid(Struct, frozen=True, kw_only=True):
    """What a car said last at an EVSE, and by which identity its station goes."""

    station: str
    evse: int
    needs: ChargingNeeds
    said_at: datetime


#: Energy transfer modes in which energy flows both ways have this in their names (ISO 15118-20).
BOTH_WAYS: Final = "_BPT"


def wants_of(needs: ChargingNeeds, got_wh: int, said_at: datetime) -> Wants | None:
    """The same as a session's needs, where `got_wh` was had when it was said: a car says what it still wants. None
    where a car says what can't be; a departure that can't be meant is left out alone.

    A state of charge that is wanted counts only where no energy is said; that of now is not that of the start, so
    nothing is made of it after the car has had something. One that asked for energy both ways may give back, as far as
    it says; it may already have more than it needs.
    """
    both_ways = BOTH_WAYS in needs.transfer
    energy_wh, leaves_at = needs.energy_wh, needs.departure_at
    if energy_wh is not None:
        energy_wh = max(energy_wh + got_wh, 0) if both_ways else energy_wh + got_wh
    said: dict[str, Any] = {
        "departure_at": leaves_at if leaves_at is not None and -LATE <= leaves_at - said_at <= MAX_AHEAD else None,
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
