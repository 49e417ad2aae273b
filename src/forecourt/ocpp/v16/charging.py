"""Smart charging in OCPP 1.6: profiles, and what is answered to questions about them. A connector is an EVSE."""

from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import (
    ChargingCommand,
    ChargingProfile,
    ClearChargingProfile,
    GetCompositeSchedule,
    Kind,
    Period,
    Purpose,
    Schedule,
    SetChargingProfile,
    Unit,
)
from forecourt.ocpp.schedules import check, decimal, refused, schedule
from forecourt.ocpp.v16 import messages as m
from forecourt.ocpp.wire import filled, instant

_PURPOSES = {
    Purpose.STATION_MAX: "ChargePointMaxProfile",
    Purpose.TX_DEFAULT: "TxDefaultProfile",
    Purpose.TX: "TxProfile",
}
_KINDS = {
    Kind.ABSOLUTE: ("Absolute", None),
    Kind.RELATIVE: ("Relative", None),
    Kind.DAILY: ("Recurring", "Daily"),
    Kind.WEEKLY: ("Recurring", "Weekly"),
}


def content(command: ChargingCommand) -> dict[str, object]:
    """The fields of a command that 1.6 has an action for. Raises CallFault for what it can't say."""
    if isinstance(command, SetChargingProfile):
        check(command.profile, command.evse, offline=False)
        return {"connectorId": command.evse, "csChargingProfiles": _profile(command.profile)}
    if isinstance(command, ClearChargingProfile):
        purpose = None if command.purpose is None else _purpose(command.purpose)
        return {
            "id": command.profile_id,
            "connectorId": command.evse,
            "chargingProfilePurpose": purpose,
            "stackLevel": command.stack_level,
        }
    assert isinstance(command, GetCompositeSchedule)
    return {"connectorId": command.evse, "duration": command.duration_s, "chargingRateUnit": command.unit}


def _purpose(purpose: Purpose) -> str:
    if purpose not in _PURPOSES:
        raise refused(f"OCPP 1.6 has no profile for {purpose}")
    return _PURPOSES[purpose]


def _profile(profile: ChargingProfile) -> dict[str, object]:
    if profile.kind not in _KINDS:
        raise refused(f"OCPP 1.6 has no {profile.kind} profile")
    kind, recurrency = _KINDS[profile.kind]
    starts = None if profile.start_at is None else instant(profile.start_at)
    return filled(
        {
            "chargingProfileId": profile.id,
            "transactionId": transaction(profile.transaction_id),
            "stackLevel": profile.stack_level,
            "chargingProfilePurpose": _purpose(profile.purpose),
            "chargingProfileKind": kind,
            "recurrencyKind": recurrency,
            "validFrom": None if profile.valid_from is None else instant(profile.valid_from),
            "validTo": None if profile.valid_to is None else instant(profile.valid_to),
            "chargingSchedule": filled(
                {
                    "duration": profile.duration_s,
                    "startSchedule": starts,
                    "chargingRateUnit": profile.unit,
                    "chargingSchedulePeriod": [_period(each, profile.unit) for each in profile.periods],
                }
            ),
        }
    )


def transaction(transaction_id: str | None) -> int | None:
    """A transaction's id as 1.6 has it. Raises CallFault for one that is no number."""
    if transaction_id is None:
        return None
    try:
        return int(transaction_id)
    except ValueError:
        raise refused("a transaction id is an integer in OCPP 1.6") from None


def _period(period: Period, unit: Unit) -> dict[str, object]:
    beyond = (period.phase_to_use, period.discharge_limit, period.setpoint, period.operation_mode)
    if period.limit is None or any(value is not None for value in beyond):
        raise refused("a period of OCPP 1.6 has a limit, a number of phases, and nothing else")
    return {"startPeriod": period.start_s, "limit": decimal(period.limit, unit), "numberPhases": period.phases}


def composite(result: m.GetCompositeScheduleResponse) -> Schedule | None:
    """The schedule of an answer; None where it names no periods, as some do that follow none."""
    sent = result.charging_schedule
    if not sent or not sent.charging_schedule_period:
        return None
    starts = result.schedule_start or sent.start_schedule
    path = "$.chargingSchedule"
    return schedule(sent.charging_schedule_period, sent.charging_rate_unit, starts, sent.duration, Notes(), path)
