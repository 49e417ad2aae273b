"""What the versions share of smart charging: how limits are written and read, and what no profile may be.

A limit is written with the one decimal that OCPP allows, rounded towards 0: a station must never be allowed more than
was meant.
"""

from itertools import pairwise
from typing import Any

from msgspec import UNSET, UnsetType

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.faults import CallFault, ErrorCode
from forecourt.ocpp.neutral import (
    CENTRAL_SETPOINT,
    USUAL_PHASES,
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    Schedule,
    Unit,
)

#: Periods of a schedule (2.0.1 ChargingScheduleType); stations say which lesser number they take.
MAX_PERIODS = 1024
#: Of a limit as stations say it to ours: A to mA, W to W.
_EXPONENTS = {Unit.CURRENT: 3, Unit.POWER: 0}
_PHASES = range(1, 4)


def refused(problem: str) -> CallFault:
    """What can't be said to a station, as the caller is told."""
    return CallFault(ErrorCode.PROPERTY, problem)


def decimal(value: int, unit: Unit) -> float:
    """A limit of ours as a station reads it, with one decimal."""
    if unit is Unit.POWER:
        return float(value)
    tenths = abs(value) // 100
    return (tenths if value >= 0 else -tenths) / 10


def check(profile: ChargingProfile, evse: int, *, offline: bool) -> None:
    """Whether a profile can be asked of a station at all; `offline`: its version has a rule for one without connection.
    Raises CallFault (OCPP 1.6 3.13, 2.0.1 K01)."""
    starts = [period.start_s for period in profile.periods]
    if not 0 < len(starts) <= MAX_PERIODS:
        raise refused(f"a profile has 1 to {MAX_PERIODS} periods")
    if starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise refused("the periods of a profile begin at 0 and follow one another")
    if any(period.phases not in _PHASES for period in profile.periods):
        raise refused("a period is of 1 to 3 phases")
    _check_setpoints(profile)
    if (profile.purpose is Purpose.STATION_MAX and evse != 0) or (profile.purpose is Purpose.TX and evse == 0):
        raise refused("a profile of the whole station is set at EVSE 0, one of a transaction at its EVSE")
    if profile.transaction_id is not None and profile.purpose is not Purpose.TX:
        raise refused("only a profile of a transaction names one")
    if profile.purpose is Purpose.EXTERNAL:
        raise refused("an external limit is set by others")
    if profile.kind in (Kind.ABSOLUTE, Kind.DAILY, Kind.WEEKLY) and profile.start_at is None:
        raise refused("a schedule that counts from a time needs that time")
    if profile.kind is Kind.DYNAMIC and (len(starts) > 1 or profile.start_at is not None or not offline):
        raise refused("a dynamic profile is of OCPP 2.1, and has one period that counts from no time")
    if profile.kind is not Kind.DYNAMIC and (profile.update_interval_s is not None or profile.updated_at is not None):
        raise refused("only a dynamic profile is updated")
    if profile.max_offline_s is not None and profile.valid_to is None and not offline:
        raise refused("a station of this version knows no other end without connection than `valid_to`")


def _check_setpoints(profile: ChargingProfile) -> None:
    """What a period may say of the power that shall flow (OCPP 2.1 Part 2, Q: limits and setpoints of each
    operation mode)."""
    for period in profile.periods:
        low, high, setpoint = period.discharge_limit, period.limit, period.setpoint
        if low is not None and low > 0:
            raise refused("what may flow back is 0 or less")
        if period.operation_mode == CENTRAL_SETPOINT and setpoint is None:
            raise refused("a period that is led by a setpoint names it")
        outside = (low is not None and (setpoint or 0) < low) or (high is not None and (setpoint or 0) > high)
        if setpoint is not None and outside:
            raise refused("a setpoint lies between what may flow back and the limit")


def has(value: Any) -> Any:
    """A field that may be absent."""
    return None if value is UNSET else value


def schedule(sent: Any, unit: str, start_at: Any, duration: int | UnsetType, notes: Notes, path: str) -> Schedule:
    """A schedule of any version; `sent` its periods."""
    counted = Unit(unit)
    periods = tuple(_period(each, counted, notes, f"{path}.chargingSchedulePeriod") for each in sent)
    at = has(start_at)
    return Schedule(
        unit=counted, periods=periods, start_at=None if at is None else measure.utc(at), duration_s=has(duration)
    )


def _period(sent: Any, unit: Unit, notes: Notes, path: str) -> Period:
    def limit(name: str) -> int | None:
        return whole(getattr(sent, name, UNSET), _EXPONENTS[unit], notes, path)

    mode = has(getattr(sent, "operation_mode", UNSET))
    return Period(
        start_s=sent.start_period,
        limit=limit("limit"),
        phases=has(sent.number_phases) or USUAL_PHASES,
        phase_to_use=has(getattr(sent, "phase_to_use", UNSET)),
        discharge_limit=limit("discharge_limit"),
        setpoint=limit("setpoint"),
        operation_mode=None if mode is None else str(mode),
    )


def whole(value: float | UnsetType, exponent: int, notes: Notes, path: str) -> int | None:
    """A number in the thousandths or units that are kept; None where it is absent, or beyond all measure."""
    if value is UNSET:
        return None
    number = measure.scaled_number(value, exponent)
    if number is None:
        notes.add(Deviation.VALUE_BEYOND_RANGE, path)
    return number
