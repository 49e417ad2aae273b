"""The profiles that say a limit to a station: one of the running transaction, and the default that stands behind it."""

from datetime import datetime
from typing import Final

from forecourt.energy.dispatch.times import CLOCK_MARGIN, PAUSE
from forecourt.energy.model import Phases
from forecourt.ocpp.neutral import ChargingProfile, Kind, Period, Purpose, SetChargingProfile, Unit

#: Profiles of one EVSE have ids of their own: this many are kept for it.
IDS: Final = 10
#: Some stations have no other.
STACK_LEVEL: Final = 0


def running_profile(
    evse: int, transaction_id: str, limit_ma: int, phases: Phases, watts_per_a: float, unit: Unit, now: datetime,
    valid_to: datetime,
) -> SetChargingProfile:  # fmt: skip
    """The limit of a transaction from now on until it runs out."""
    start_at = (now - CLOCK_MARGIN).replace(microsecond=0)
    return SetChargingProfile(
        evse=evse,
        profile=ChargingProfile(
            id=evse * IDS + 1,
            stack_level=STACK_LEVEL,
            purpose=Purpose.TX,
            unit=unit,
            kind=Kind.ABSOLUTE,
            periods=(_period(0, limit_ma, phases, watts_per_a, unit),),
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


def _period(start_s: int, limit_ma: int, phases: Phases, watts_per_a: float, unit: Unit) -> Period:
    """Tenths, which is what every version takes, and never more than was meant."""
    limit = limit_ma // 100 * 100 if unit is Unit.CURRENT else int(limit_ma * watts_per_a / 1000)
    return Period(start_s=start_s, limit=limit, phases=3 if phases is Phases.ALL else 1)
