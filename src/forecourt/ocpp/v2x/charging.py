"""Smart charging in OCPP 2.0.1 and 2.1: profiles, questions about them, and what stations tell of limits and needs."""

from typing import Any

from msgspec import UNSET

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import (
    CarSchedule,
    ChargingCommand,
    ChargingLimit,
    ChargingLimitCleared,
    ChargingNeeds,
    ChargingProfile,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    Kind,
    Period,
    ProfilesReport,
    Purpose,
    Report,
    Schedule,
    SetChargingProfile,
    Unit,
    UpdateDynamicSchedule,
    UsePriorityCharging,
)
from forecourt.ocpp.schedules import check, decimal, has, refused, schedule, whole
from forecourt.ocpp.v21 import messages as v21
from forecourt.ocpp.v201 import messages as v201
from forecourt.ocpp.wire import filled, instant

PURPOSES = {
    Purpose.STATION_MAX: "ChargingStationMaxProfile",
    Purpose.TX_DEFAULT: "TxDefaultProfile",
    Purpose.TX: "TxProfile",
    Purpose.EXTERNAL: "ChargingStationExternalConstraints",
    Purpose.PRIORITY: "PriorityCharging",
    Purpose.LOCAL_GENERATION: "LocalGeneration",
}
_KINDS = {
    Kind.ABSOLUTE: ("Absolute", None),
    Kind.RELATIVE: ("Relative", None),
    Kind.DAILY: ("Recurring", "Daily"),
    Kind.WEEKLY: ("Recurring", "Weekly"),
    Kind.DYNAMIC: ("Dynamic", None),
}
_PURPOSE_OF = {word: purpose for purpose, word in PURPOSES.items()}
_KIND_OF = {words: kind for kind, words in _KINDS.items()}


# -- what is asked


def content(command: ChargingCommand, *, offline: bool) -> dict[str, object]:
    """The fields of a command about profiles; `offline`: the version has a rule for a station without connection.
    Raises CallFault for what no station may be asked."""
    match command:
        case SetChargingProfile():
            check(command.profile, command.evse, offline=offline)
            return {"evseId": command.evse, "chargingProfile": _profile(command.profile, offline=offline)}
        case ClearChargingProfile():
            return _clear(command)
        case GetCompositeSchedule():
            return {"evseId": command.evse, "duration": command.duration_s, "chargingRateUnit": command.unit}
        case GetChargingProfiles():
            wanted = {
                "chargingProfilePurpose": None if command.purpose is None else PURPOSES[command.purpose],
                "stackLevel": command.stack_level,
                "chargingProfileId": list(command.profile_ids) or None,
            }
            return {"requestId": command.request_id, "evseId": command.evse, "chargingProfile": filled(wanted)}
        case UpdateDynamicSchedule():
            return {"chargingProfileId": command.profile_id, "scheduleUpdate": update(command)}
        case UsePriorityCharging():
            return {"transactionId": command.transaction_id, "activate": command.activate}


def _clear(command: ClearChargingProfile) -> dict[str, object]:
    """By its id, or by what it is; both would be one question too many (2.0.1 K10)."""
    if command.profile_id is not None:
        return {"chargingProfileId": command.profile_id}
    criteria = {
        "evseId": command.evse,
        "chargingProfilePurpose": None if command.purpose is None else PURPOSES[command.purpose],
        "stackLevel": command.stack_level,
    }
    return {"chargingProfileCriteria": filled(criteria)}


def update(command: UpdateDynamicSchedule) -> dict[str, object]:
    """ChargingScheduleUpdateType."""
    values = {"limit": command.limit, "dischargeLimit": command.discharge_limit, "setpoint": command.setpoint}
    return {name: decimal(value, command.unit) for name, value in values.items() if value is not None}


def _profile(profile: ChargingProfile, *, offline: bool) -> dict[str, object]:
    if profile.purpose is Purpose.TX and profile.transaction_id is None:
        raise refused("a profile of a transaction names it")
    kind, recurrency = _KINDS[profile.kind]
    sent: dict[str, object | None] = {
        "id": profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        "chargingProfileKind": kind,
        "recurrencyKind": recurrency,
        "validFrom": None if profile.valid_from is None else instant(profile.valid_from),
        "validTo": None if profile.valid_to is None else instant(profile.valid_to),
        "transactionId": profile.transaction_id,
        "chargingSchedule": [_schedule(profile)],
        "dynUpdateInterval": profile.update_interval_s,
        "dynUpdateTime": None if profile.updated_at is None else instant(profile.updated_at),
    }
    if offline:
        sent["maxOfflineDuration"] = profile.max_offline_s
        sent["invalidAfterOfflineDuration"] = profile.invalidate_after_offline or None
    return filled(sent)


def _schedule(profile: ChargingProfile) -> dict[str, object]:
    return filled(
        {
            "id": profile.id,
            "startSchedule": None if profile.start_at is None else instant(profile.start_at),
            "duration": profile.duration_s,
            "chargingRateUnit": profile.unit,
            "chargingSchedulePeriod": [_period(each, profile.unit) for each in profile.periods],
        }
    )


def _period(period: Period, unit: Unit) -> dict[str, object]:
    values = {"limit": period.limit, "dischargeLimit": period.discharge_limit, "setpoint": period.setpoint}
    limits = {name: decimal(value, unit) for name, value in values.items() if value is not None}
    return filled(
        {
            "startPeriod": period.start_s,
            **limits,
            "numberPhases": period.phases,
            "phaseToUse": period.phase_to_use,
            "operationMode": period.operation_mode,
        }
    )


def composite(result: v201.GetCompositeScheduleResponse | v21.GetCompositeScheduleResponse) -> Schedule | None:
    """The schedule of an answer; None where there is none in it, or without periods."""
    sent = result.schedule
    if sent is UNSET or not sent.charging_schedule_period:
        return None
    periods, unit = sent.charging_schedule_period, sent.charging_rate_unit
    return schedule(periods, unit, sent.schedule_start, sent.duration, Notes(), "$.schedule")


# -- what stations tell


def limited(request: v201.NotifyChargingLimitRequest | v21.NotifyChargingLimitRequest, notes: Notes) -> Report:
    """NotifyChargingLimit, of the whole station where it names no EVSE."""
    limit, sent = request.charging_limit, has(request.charging_schedule) or ()
    return ChargingLimit(
        source=str(limit.charging_limit_source),
        evse=has(request.evse_id) or 0,
        grid_critical=limit.is_grid_critical is True,
        local_generation=getattr(limit, "is_local_generation", UNSET) is True,
        schedules=tuple(_lifted(each, notes, "$.chargingSchedule") for each in sent),
    )


def cleared(request: v201.ClearedChargingLimitRequest | v21.ClearedChargingLimitRequest, notes: Notes) -> Report:
    """ClearedChargingLimit."""
    return ChargingLimitCleared(source=str(request.charging_limit_source), evse=has(request.evse_id) or 0)


def car_schedule(
    request: v201.NotifyEVChargingScheduleRequest | v21.NotifyEVChargingScheduleRequest, notes: Notes
) -> Report:
    """NotifyEVChargingSchedule."""
    return CarSchedule(
        evse=request.evse_id,
        at=measure.utc(request.time_base),
        schedule=_lifted(request.charging_schedule, notes, "$.chargingSchedule"),
        chosen=has(getattr(request, "selected_charging_schedule_id", UNSET)),
    )


def profiles(request: v201.ReportChargingProfilesRequest | v21.ReportChargingProfilesRequest, notes: Notes) -> Report:
    """ReportChargingProfiles."""
    return ProfilesReport(
        request_id=request.request_id,
        evse=request.evse_id,
        source=str(request.charging_limit_source),
        profiles=tuple(_lifted_profile(each, notes) for each in request.charging_profile),
        more=request.tbc is True,
    )


def _lifted(sent: v201.ChargingScheduleType | v21.ChargingScheduleType, notes: Notes, path: str) -> Schedule:
    periods, unit = sent.charging_schedule_period, sent.charging_rate_unit
    return schedule(periods, unit, sent.start_schedule, sent.duration, notes, path)


def _lifted_profile(sent: v201.ChargingProfileType | v21.ChargingProfileType, notes: Notes) -> ChargingProfile:
    first = _lifted(sent.charging_schedule[0], notes, "$.chargingProfile.chargingSchedule")
    kind, recurrency = str(sent.charging_profile_kind), has(sent.recurrency_kind)
    # Which recurrency it is may be left out, and every day is the shorter one.
    words = (kind, str(recurrency or "Daily") if kind == "Recurring" else None)
    since, until = has(sent.valid_from), has(sent.valid_to)
    updated = has(getattr(sent, "dyn_update_time", UNSET))
    return ChargingProfile(
        id=sent.id,
        stack_level=sent.stack_level,
        purpose=_PURPOSE_OF[sent.charging_profile_purpose],
        unit=first.unit,
        periods=first.periods,
        kind=_KIND_OF[words],
        start_at=first.start_at,
        duration_s=first.duration_s,
        valid_from=None if since is None else measure.utc(since),
        valid_to=None if until is None else measure.utc(until),
        transaction_id=has(sent.transaction_id),
        max_offline_s=has(getattr(sent, "max_offline_duration", UNSET)),
        invalidate_after_offline=getattr(sent, "invalid_after_offline_duration", UNSET) is True,
        update_interval_s=has(getattr(sent, "dyn_update_interval", UNSET)),
        updated_at=None if updated is None else measure.utc(updated),
    )


def needs(request: v201.NotifyEVChargingNeedsRequest | v21.NotifyEVChargingNeedsRequest, notes: Notes) -> Report:
    """NotifyEVChargingNeeds: of AC or DC by ISO 15118-2, and in 2.1 of either way by 15118-20."""
    asked = request.charging_needs
    departure, at = has(asked.departure_time), has(getattr(request, "timestamp", UNSET))
    dynamic, mobility = (has(getattr(asked, name, UNSET)) for name in ("control_mode", "mobility_needs_mode"))
    said = _said(asked, notes)
    return ChargingNeeds(
        evse=request.evse_id,
        transfer=str(asked.requested_energy_transfer),
        at=None if at is None else measure.utc(at),
        departure_at=None if departure is None else measure.utc(departure),
        max_schedules=has(request.max_schedule_tuples),
        available=tuple(str(mode) for mode in has(getattr(asked, "available_energy_transfer", UNSET)) or ()),
        dynamic=None if dynamic is None else dynamic == "DynamicControl",
        mobility=None if mobility is None else str(mobility),
        **said,
    )


#: What each part of the needs says: field of ours, theirs, and the exponent to our unit.
_AC = (
    ("energy_wh", "energy_amount", 0),
    ("min_current_ma", "ev_min_current", 3),
    ("max_current_ma", "ev_max_current", 3),
    ("max_voltage_mv", "ev_max_voltage", 3),
)
_DC = (
    ("energy_wh", "energy_amount", 0),
    ("max_current_ma", "ev_max_current", 3),
    ("max_voltage_mv", "ev_max_voltage", 3),
    ("max_power_w", "ev_max_power", 0),
    ("capacity_wh", "ev_energy_capacity", 0),
    ("soc_pct", "state_of_charge", 0),
    ("full_soc_pct", "full_so_c", 0),
    ("bulk_soc_pct", "bulk_so_c", 0),
)
_V2X = (
    ("energy_wh", "ev_target_energy_request", 0),
    ("min_energy_wh", "ev_min_energy_request", 0),
    ("max_energy_wh", "ev_max_energy_request", 0),
    ("min_v2x_energy_wh", "ev_min_v2_x_energy_request", 0),
    ("max_v2x_energy_wh", "ev_max_v2_x_energy_request", 0),
    ("min_current_ma", "min_charge_current", 3),
    ("max_current_ma", "max_charge_current", 3),
    ("min_discharge_current_ma", "min_discharge_current", 3),
    ("max_discharge_current_ma", "max_discharge_current", 3),
    ("max_voltage_mv", "max_voltage", 3),
    ("target_soc_pct", "target_so_c", 0),
)
#: Powers, of all phases where the others are not told, else of the first.
_POWERS = (
    ("min_power_w", "min_charge_power"),
    ("max_power_w", "max_charge_power"),
    ("min_discharge_power_w", "min_discharge_power"),
    ("max_discharge_power_w", "max_discharge_power"),
)


def _said(asked: Any, notes: Notes) -> dict[str, Any]:
    """The numbers of all parts; what -20 says counts before what the older parts say."""
    said: dict[str, Any] = {}
    for part, fields in (("ac", _AC), ("dc", _DC), ("v2x", _V2X)):
        sent = getattr(asked, f"{part}_charging_parameters", UNSET)
        if sent is UNSET:
            continue
        path = f"$.chargingNeeds.{part}ChargingParameters"
        for name, theirs, exponent in fields:
            number = whole(getattr(sent, theirs), exponent, notes, path)
            said |= {} if number is None else {name: number}
        for name, theirs in _POWERS if part == "v2x" else ():
            phases = (getattr(sent, f"{theirs}{phase}") for phase in ("", "_l2", "_l3"))
            powers = [whole(each, 0, notes, path) for each in phases if each is not UNSET]
            known = [power for power in powers if power is not None]
            said |= {name: sum(known)} if known else {}
    return said
