"""Payments without a contract in the words of OCPP 2.1."""

from decimal import Decimal
from typing import Any, Final

from msgspec import UNSET, UnsetType

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.neutral import (
    CommandAnswer,
    Company,
    Limit,
    Report,
    SaidCost,
    Settlement,
    SettlementAnswer,
    SettlementStatus,
    ShowPaymentCodes,
    VatAnswer,
    VatNumber,
    WebPaymentBegun,
)
from forecourt.ocpp.v21 import messages as m
from forecourt.ocpp.wire import payload

COMPONENT: Final = "WebPaymentsCtrlr"
TOTP_VERSION: Final = "v1"
#: What a station may lack and show codes all the same.
_MAY_LACK: Final = frozenset(("QRCodeQuality", "TOTPVersion"))
_SET: Final = frozenset(("Accepted", "RebootRequired"))
#: Characters of each field of an address.
_LINE, _TOWN, _CODE = 50, 100, 20


def settlement(request: m.NotifySettlementRequest, notes: Notes) -> Report:
    """NotifySettlement."""
    return Settlement(
        reference=request.psp_ref,
        status=SettlementStatus(request.status.value),
        amount=_exact(request.settlement_amount),
        at=measure.utc(request.settlement_time),
        transaction_id=_text(request.transaction_id),
        receipt_id=_text(request.receipt_id),
        receipt_url=_text(request.receipt_url),
        vat_number=_text(request.vat_number),
        info=_text(request.status_info),
    )


def vat_number(request: m.VatNumberValidationRequest, notes: Notes) -> Report:
    """VatNumberValidation."""
    return VatNumber(number=request.vat_number)


def said_cost(details: m.CostDetailsType) -> SaidCost:
    """What a station reckons, of the costDetails of a TransactionEvent."""
    total = details.total_cost.total
    return SaidCost(
        currency=details.total_cost.currency,
        excl_tax=None if total.excl_tax is UNSET else _exact(total.excl_tax),
        incl_tax=None if total.incl_tax is UNSET else _exact(total.incl_tax),
        failed=details.failure_to_calculate is True,
        reason=_text(details.failure_reason),
    )


def settled(request: m.NotifySettlementRequest, answer: SettlementAnswer) -> bytes:
    """NotifySettlementResponse."""
    return payload({"receiptUrl": answer.receipt_url, "receiptId": answer.receipt_id})


def vat_checked(request: m.VatNumberValidationRequest, answer: VatAnswer) -> bytes:
    """VatNumberValidationResponse."""
    evse = request.evse_id
    return payload(
        {
            "vatNumber": request.vat_number,
            "evseId": None if evse is UNSET else evse,
            "status": "Accepted" if answer.valid else "Rejected",
            "statusInfo": None if answer.reason is None else {"reasonCode": answer.reason},
            "company": None if answer.company is None else _company(answer.company),
        }
    )


def limit(of: Limit) -> dict[str, object]:
    """TransactionLimitType."""
    said: dict[str, object] = {}
    if of.max_cost is not None:
        said["maxCost"] = float(of.max_cost)
    if of.max_energy_wh is not None:
        said["maxEnergy"] = of.max_energy_wh
    return said


def content(command: ShowPaymentCodes | WebPaymentBegun) -> dict[str, object]:
    """The fields of a command. What codes are made of comes before they are switched on, for a station may begin at
    once."""
    if isinstance(command, WebPaymentBegun):
        return {"evseId": command.evse, "timeout": command.timeout_s}
    values = {"Enabled": "false"}
    if command.shown:
        values = {
            "TOTPVersion": TOTP_VERSION,
            "ValidityTime": str(command.validity_s),
            "Length": str(command.length),
            "SharedSecret": command.secret,
            "URLTemplate": command.address,
            "QRCodeQuality": "Quartile",
            "Enabled": "true",
        }
    return {
        "setVariableData": [
            {
                "component": {"name": COMPONENT, "evse": {"id": place}} if place else {"name": COMPONENT},
                "variable": {"name": name},
                "attributeValue": value,
            }
            for place in command.places
            for name, value in values.items()
        ]
    }


def set_answer(result: m.SetVariablesResponse) -> CommandAnswer:
    """What a station said to variables that belong together: yes, or its first no."""
    for each in result.set_variable_result:
        status = each.attribute_status.value
        if status not in _SET and each.variable.name not in _MAY_LACK:
            return CommandAnswer(accepted=False, status=status)
    return CommandAnswer(accepted=True, status="Accepted")


def _company(company: Company) -> dict[str, Any]:
    said = {
        "name": company.name[:_LINE],
        "address1": company.address[:_TOWN],
        "city": company.city[:_TOWN],
        "country": company.country[:_LINE],
    }
    if company.postal_code:
        said["postalCode"] = company.postal_code[:_CODE]
    return said


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _text(text: str | UnsetType) -> str | None:
    return None if text is UNSET else text or None
