"""The profiles that say a limit to a station: one of the running transaction, and the default that stands behind it."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from forecourt.energy.dispatch.times import CLOCK_MARGIN, GIVES_FOR, PAUSE
from forecourt.energy.model import Phases
from forecourt.ocpp.neutral import (
    CENTRAL_SETPOINT,
    CHARGING_ONLY,
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    SetChargingProfile,
    Unit,
)

#: Profiles of one EVSE have ids of their own: this many are kept for it.
IDS: Final = 10
#: Some stations have no other.
STACK_LEVEL: Final = 0


def running_profile(
    evse: int, transaction_id: str, limit_ma: int, phases: Phases, watts_per_a: float, unit: Unit, now: datetime,
    valid_to: datetime, gives_ma: int = 0,
) -> SetChargingProfile:  # fmt: skip
    """The limit of a transaction from now on until it runs out; `gives_ma` flows back first, where the limit is 0."""
    start_at = (now - CLOCK_MARGIN).replace(microsecond=0)
    return SetChargingProfile(
        evse=evse,
        profile=ChargingProfile(
            id=evse * IDS + 1,
            stack_level=STACK_LEVEL,
            purpose=Purpose.TX,
            unit=unit,
            kind=Kind.ABSOLUTE,
            periods=(
                _giving_periods(gives_ma, phases, watts_per_a, unit)
                if gives_ma
                else (_period(0, limit_ma, phases, watts_per_a, unit),)
            ),
            start_at=start_at,
            duration_s=int((valid_to - start_at).total_seconds()),
            valid_to=valid_to.replace(microsecond=0),
            transaction_id=transaction_id,
        ),
    )


def default_profile(evse: int, fallback_ma: int, phases: Phases, watts_per_a: float, unit: Unit) -> SetChargingProfile:
    """What holds while no transaction's own profile does: nothing in the pause, then the fallback."""
    periods = [_period(0, 0, phases, watts_per_a, unit)]
    if fallback_ma > 0:
        periods.append(_period(int(PAUSE.total_seconds()), fallback_ma, phases, watts_per_a, unit))
    return SetChargingProfile(
        evse=evse,
        profile=ChargingProfile(
            id=evse * IDS,
            stack_level=STACK_LEVEL,
            purpose=Purpose.TX_DEFAULT,
            unit=unit,
            kind=Kind.RELATIVE,
            periods=tuple(periods),
        ),
    )


def _giving_periods(gives_ma: int, phases: Phases, watts_per_a: float, unit: Unit) -> tuple[Period, ...]:
    """A setpoint for as long as a car gives that isn't told again, and then nothing (OCPP 2.1 Part 2, Q)."""
    nothing = _period(0, 0, phases, watts_per_a, unit)
    setpoint = -(_period(0, gives_ma, phases, watts_per_a, unit).limit or 0)
    gives = replace(nothing, discharge_limit=setpoint, setpoint=setpoint, operation_mode=CENTRAL_SETPOINT)
    over_s = int((GIVES_FOR + CLOCK_MARGIN).total_seconds())
    return gives, replace(nothing, start_s=over_s, operation_mode=CHARGING_ONLY)


def _period(start_s: int, limit_ma: int, phases: Phases, watts_per_a: float, unit: Unit) -> Period:
    """Tenths, which is what every version takes, and never more than was meant."""
    limit = limit_ma // 100 * 100 if unit is Unit.CURRENT else int(limit_ma * watts_per_a / 1000)
    return Period(start_s=start_s, limit=limit, phases=3 if phases is Phases.ALL else 1)
