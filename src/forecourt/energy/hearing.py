"""What stations say of what cars need, of limits that others set, and of profiles that they hold: stored in the group
commit of the gateway, before it is answered."""

import msgspec

from forecourt.energy.needs.model import Priority, Wants
from forecourt.energy.outside.model import MAX_SOURCE
from forecourt.energy.store.lanes import (
    CAR_NEEDS,
    CAR_SCHEDULES,
    DYNAMIC_ASKS,
    EXTERNAL_LIMITS,
    HELD_PROFILES,
    PRIORITIES,
)
from forecourt.ocpp.neutral import (
    Acknowledged,
    Answer,
    CarSchedule,
    ChargingLimit,
    ChargingLimitCleared,
    ChargingNeeds,
    DynamicAnswer,
    DynamicAsked,
    NeedsAnswer,
    NeedsStatus,
    PriorityNotice,
    ProfilesReport,
    UpdateDynamicSchedule,
)
from forecourt.platform import packrow
from forecourt.stations.gateway.inbound import Decide, Inbound


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


def hear_limit(inbound: Inbound, report: ChargingLimit | ChargingLimitCleared) -> Decide:
    """Keep that somebody else limits a station (2.0.1 K11, K12), or that they don't any more (K13)."""
    cleared = isinstance(report, ChargingLimitCleared)
    inbound.write.add(
        EXTERNAL_LIMITS.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            packrow.int4(report.evse),
            packrow.text(report.source[:MAX_SOURCE] or "Other"),
            packrow.int4(inbound.station.tenant_id),
            packrow.text(None if cleared else msgspec.json.encode(report).decode()),
            packrow.timestamp(inbound.arrived),
        ),
    )
    return lambda: Acknowledged(now=inbound.arrived)


def hear_schedule(inbound: Inbound, report: CarSchedule) -> Decide:
    """Keep how a car means to charge (2.0.1 K17). It is heard, not approved."""
    inbound.write.add(
        CAR_SCHEDULES.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            packrow.int4(report.evse),
            packrow.int4(inbound.station.tenant_id),
            packrow.text(msgspec.json.encode(report).decode()),
            packrow.timestamp(inbound.arrived),
        ),
    )
    return lambda: Acknowledged(now=inbound.arrived)


def hear_asked(inbound: Inbound, report: DynamicAsked) -> Decide:
    """Tell a station what its dynamic profile shall say now, counted from then on as told (2.1 K28). Of one that it
    isn't known to hold, or that no planner answers for, it is told nothing, and it runs out."""
    inbound.write.add(
        DYNAMIC_ASKS.name,
        packrow.row(
            packrow.int8(inbound.write.number),
            packrow.int8(inbound.station.station_id),
            packrow.int8(report.profile_id),
            packrow.int4(inbound.station.tenant_id),
            packrow.timestamp(inbound.arrived),
        ),
    )

    def decide() -> Answer:
        said = inbound.write.answers.get(DYNAMIC_ASKS.name)
        update = None if said is None else msgspec.json.decode(said[0], type=UpdateDynamicSchedule)
        return DynamicAnswer(update=update)

    return decide


def hear_profiles(inbound: Inbound, report: ProfilesReport) -> Decide:
    """Keep what a station holds, as far as the planner has asked for it (2.0.1 K09)."""
    inbound.write.add(
        HELD_PROFILES.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            packrow.int8(report.request_id),
            packrow.int4(report.evse),
            packrow.int4(inbound.station.tenant_id),
            packrow.text(report.source[:MAX_SOURCE]),
            packrow.text(msgspec.json.encode(report.profiles).decode()),
            packrow.boolean(report.more),
            packrow.timestamp(inbound.arrived),
        ),
    )
    return lambda: Acknowledged(now=inbound.arrived)
