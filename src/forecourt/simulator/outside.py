"""What happens at a station of 2.x beside the CSMS: somebody on site limits it, and drivers ask for speed."""

from datetime import datetime
from typing import TYPE_CHECKING

from forecourt.simulator import profiles
from forecourt.simulator.bay import Bay
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.wire import Payload, stamp

if TYPE_CHECKING:
    from forecourt.simulator.station import Station

#: Limits from outside have ids of their own, one an EVSE.
FIRST_ID = 900_000


def limit(station: "Station", source: str, limit_a: float, number: int = 0, *, says_how_much: bool = True) -> None:
    """Limits a bay, or with 0 the whole station, and tells (2.0.1 K11, K12)."""
    schedule = {
        "id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
    }  # fmt: skip
    wire = {
        "id": FIRST_ID + number, "stackLevel": 0, "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Relative", "chargingSchedule": [schedule],
    }  # fmt: skip
    station.limits.install(profiles.read(wire, number))
    station.limited_by[FIRST_ID + number] = source
    told: Payload = {"chargingLimit": {"chargingLimitSource": source}}
    told |= {"chargingSchedule": [schedule]} if says_how_much else {}
    station.link.say(Said("NotifyChargingLimit", told | ({"evseId": number} if number else {}), Kind.STATUS))


def clear(station: "Station", source: str, number: int = 0) -> None:
    """Lets go again, and tells (2.0.1 K13)."""
    station.limits.clear(FIRST_ID + number, None, None, None)
    told = {"chargingLimitSource": source} | ({"evseId": number} if number else {})
    station.link.say(Said("ClearedChargingLimit", told, Kind.STATUS))


def need(
    station: "Station", bay: Bay, *, leaves_at: datetime, energy_wh: int, gives_w: int = 0, spare_wh: int = 0
) -> None:
    """A car says by ISO 15118-20 what it needs; one that gives, how much and how far it may sink (2.1 K18, Q01)."""
    both = {"maxDischargePower": float(gives_w), "evMinV2XEnergyRequest": float(-spare_wh)} if gives_w else {}
    needs = {
        "requestedEnergyTransfer": "AC_BPT" if gives_w else "AC_three_phase",
        "departureTime": stamp(leaves_at),
        "v2xChargingParameters": {"evTargetEnergyRequest": float(energy_wh), **both},
    }
    station.link.say(Said("NotifyEVChargingNeeds", {"evseId": bay.number, "chargingNeeds": needs}, Kind.STATUS))


def press(station: "Station", bay: Bay, *, fast: bool) -> None:
    """A driver asks for speed, or not any more (2.1 K21)."""
    if bay.tx is not None:
        station.limits.prioritise(bay.number, active=fast)
        told = {"transactionId": bay.tx.id, "activated": fast}
        station.link.say(Said("NotifyPriorityCharging", told, Kind.STATUS))
