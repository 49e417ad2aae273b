"""What OCPP 2.1 tells beyond 2.0.1."""

from collections.abc import Callable
from typing import Any

from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import DynamicAsked, PriorityNotice, Report
from forecourt.ocpp.v2x.lift import LIFTS as LIFTS_2X
from forecourt.ocpp.v21 import messages as m


def priority(request: m.NotifyPriorityChargingRequest, notes: Notes) -> Report:
    """NotifyPriorityCharging."""
    return PriorityNotice(transaction_id=request.transaction_id, activated=request.activated)


def dynamic(request: m.PullDynamicScheduleUpdateRequest, notes: Notes) -> Report:
    """PullDynamicScheduleUpdate."""
    return DynamicAsked(profile_id=request.charging_profile_id)


LIFTS: dict[str, Callable[[Any, Notes], Report]] = {
    **LIFTS_2X,
    "NotifyPriorityCharging": priority,
    "PullDynamicScheduleUpdate": dynamic,
}
