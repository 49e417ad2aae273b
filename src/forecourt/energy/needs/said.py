"""What a car says that it needs by ISO 15118: stored in the gateway's group commit, taken into a session by a job.

A car may say it before its transaction is reported, so it is kept by EVSE until a session takes it.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.energy.lanes import CAR_NEEDS, PRIORITIES
from forecourt.energy.needs.model import Priority, Wants
from forecourt.ocpp.neutral import Acknowledged, Answer, ChargingNeeds, NeedsAnswer, NeedsStatus, PriorityNotice
from forecourt.platform import packrow
from forecourt.stations.gateway.inbound import Decide, Inbound

#: How long before the start of a session a car may have said what it needs of it.
BEFORE: Final = timedelta(minutes=10)


class CarSaid(Struct, frozen=True, kw_only=True):
    """What a car said last at an EVSE, and by which identity its station goes."""

    station: str
    evse: int
    needs: ChargingNeeds
    said_at: datetime


def hear_needs(inbound: Inbound, report: ChargingNeeds) -> Decide:
    """Keep what a car needs (2.0.1 K15). A profile follows from the next plan; where nobody plans, the car is told."""
    inbound.write.add(
        CAR_NEEDS.name,
        packrow.row(
            packrow.int8(inbound.write.number),
            packrow.int8(inbound.station.station_id),
            packrow.int4(report.evse),
            packrow.int4(inbound.station.tenant_id),
            packrow.text(msgspec.json.encode(report).decode()),
            packrow.timestamp(inbound.arrived),
        ),
    )

    def decide() -> Answer:
        planned = CAR_NEEDS.name in inbound.write.answers
        return NeedsAnswer(status=NeedsStatus.PROCESSING if planned else NeedsStatus.NO_PROFILE)

    return decide


def hear_priority(inbound: Inbound, report: PriorityNotice) -> Decide:
    """Let a driver who asked for it at the station come first, or not any more (2.1 K21)."""
    wants = Wants(priority=Priority.HIGH) if report.activated else None
    inbound.write.add(
        PRIORITIES.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            packrow.text(report.transaction_id),
            packrow.int4(inbound.station.tenant_id),
            packrow.text(inbound.station.identity),
            packrow.text(None if wants is None else msgspec.json.encode(wants).decode()),
            packrow.timestamp(inbound.arrived),
        ),
    )
    return lambda: Acknowledged(now=inbound.arrived)


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
