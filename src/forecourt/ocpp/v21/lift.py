"""What OCPP 2.1 tells beyond 2.0.1."""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import DynamicAsked, PriorityNotice, Report
from forecourt.ocpp.v2x.lift import LIFTS as LIFTS_2X
from forecourt.ocpp.v2x.lift import transaction as transaction_2x
from forecourt.ocpp.v21 import messages as m
from forecourt.ocpp.v21 import paying


def priority(request: m.NotifyPriorityChargingRequest, notes: Notes) -> Report:
    """NotifyPriorityCharging."""
    return PriorityNotice(transaction_id=request.transaction_id, activated=request.activated)


def dynamic(request: m.PullDynamicScheduleUpdateRequest, notes: Notes) -> Report:
    """PullDynamicScheduleUpdate."""
    return DynamicAsked(profile_id=request.charging_profile_id)


def transaction(request: m.TransactionEventRequest, notes: Notes) -> Report:
    """TransactionEvent, with what the station reckons itself."""
    report = transaction_2x(request, notes)
    details = request.cost_details
    return report if details is UNSET else replace(report, said_cost=paying.said_cost(details))


LIFTS: dict[str, Callable[[Any, Notes], Report]] = {
    **LIFTS_2X,
    "NotifyPriorityCharging": priority,
    "NotifySettlement": paying.settlement,
    "PullDynamicScheduleUpdate": dynamic,
    "TransactionEvent": transaction,
    "VatNumberValidation": paying.vat_number,
}
