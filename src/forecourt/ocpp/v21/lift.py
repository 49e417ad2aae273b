"""What OCPP 2.1 tells beyond 2.0.1."""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import CertificateQuestion, ChainAsked, DynamicAsked, PriorityNotice, Report
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


def certificate_chain(request: m.GetCertificateChainStatusRequest, notes: Notes) -> Report:
    """GetCertificateChainStatus: the first responder of each that is named."""
    return ChainAsked(questions=tuple(map(_question, request.certificate_status_requests)))


def _question(asked: m.CertificateStatusRequestInfoType) -> CertificateQuestion | None:
    of = asked.certificate_hash_data
    if asked.source is not m.CertificateStatusSourceEnumType.OCSP:
        return None
    return CertificateQuestion(
        algorithm=str(of.hash_algorithm),
        issuer_name_hash=of.issuer_name_hash,
        issuer_key_hash=of.issuer_key_hash,
        serial=of.serial_number,
        url=asked.urls[0],
    )


def transaction(request: m.TransactionEventRequest, notes: Notes) -> Report:
    """TransactionEvent, with what the station reckons itself."""
    report = transaction_2x(request, notes)
    details = request.cost_details
    return report if details is UNSET else replace(report, said_cost=paying.said_cost(details))


LIFTS: dict[str, Callable[[Any, Notes], Report]] = {
    **LIFTS_2X,
    "GetCertificateChainStatus": certificate_chain,
    "NotifyPriorityCharging": priority,
    "NotifySettlement": paying.settlement,
    "PullDynamicScheduleUpdate": dynamic,
    "TransactionEvent": transaction,
    "VatNumberValidation": paying.vat_number,
}
