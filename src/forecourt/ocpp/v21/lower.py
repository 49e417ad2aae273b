"""What OCPP 2.1 answers beyond 2.0.1."""

from typing import Any

import msgspec

from forecourt.ocpp.neutral import (
    Acknowledged,
    ChainAnswer,
    ClearTariffs,
    Command,
    CommandAnswer,
    DynamicAnswer,
    NeedsAnswer,
    SetDefaultTariff,
    SettlementAnswer,
    ShowPaymentCodes,
    Standing,
    TransactionAnswer,
    UpdateDynamicSchedule,
    UsePriorityCharging,
    VatAnswer,
    WebPaymentBegun,
)
from forecourt.ocpp.v2x import charging
from forecourt.ocpp.v2x.lower import ANSWERS as ANSWERS_2X
from forecourt.ocpp.v2x.lower import COMMAND_ACTIONS as ACTIONS_2X
from forecourt.ocpp.v2x.lower import command_answer as command_answer_2x
from forecourt.ocpp.v2x.lower import content, transaction_content
from forecourt.ocpp.v2x.lower import transaction as transaction_2x
from forecourt.ocpp.v21 import messages as m
from forecourt.ocpp.v21 import paying
from forecourt.ocpp.wire import AnswerTable, action_of, always, instant, payload

_encode = msgspec.json.Encoder().encode


def certificate_chain(request: m.GetCertificateChainStatusRequest, answer: ChainAnswer) -> bytes:
    """GetCertificateChainStatusResponse."""
    return _encode(
        {
            "certificateStatus": [
                {
                    "certificateHashData": asked.certificate_hash_data,
                    "source": asked.source,
                    "status": standing.value,
                    "nextUpdate": instant(next_update),
                }
                for asked, (standing, next_update) in zip(
                    request.certificate_status_requests, answer.standings, strict=True
                )
            ]
        }
    )


def undecided_chain(request: m.GetCertificateChainStatusRequest, answer: Acknowledged) -> bytes:
    """Failed for every certificate asked about, to be asked again at once."""
    number = len(request.certificate_status_requests)
    return certificate_chain(request, ChainAnswer(standings=((Standing.FAILED, answer.now),) * number))


def vat_number(request: m.VatNumberValidationRequest, answer: Acknowledged) -> bytes:
    """Rejected, with the number that was asked about."""
    return paying.vat_checked(request, VatAnswer(valid=False))


def transaction(request: m.TransactionEventRequest, answer: TransactionAnswer) -> bytes:
    """TransactionEventResponse, with the limit of the transaction."""
    if answer.limit is None:
        return transaction_2x(request, answer)
    return payload({**transaction_content(answer), "transactionLimit": paying.limit(answer.limit)})


def needs(request: m.NotifyEVChargingNeedsRequest, answer: NeedsAnswer) -> bytes:
    """NotifyEVChargingNeedsResponse."""
    return payload({"status": answer.status.value})


def dynamic(request: m.PullDynamicScheduleUpdateRequest, answer: DynamicAnswer) -> bytes:
    """PullDynamicScheduleUpdateResponse."""
    if answer.update is None:
        return payload({"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}})
    return payload({"status": "Accepted", "scheduleUpdate": charging.update(answer.update)})


_RECEIVED = always({})
_REJECTED = always({"status": "Rejected"})

_ADDED: AnswerTable = {
    ("BatterySwap", Acknowledged): _RECEIVED,
    ("ClosePeriodicEventStream", Acknowledged): _RECEIVED,
    ("GetCertificateChainStatus", ChainAnswer): certificate_chain,
    ("GetCertificateChainStatus", Acknowledged): undecided_chain,
    ("NotifyDERAlarm", Acknowledged): _RECEIVED,
    ("NotifyDERStartStop", Acknowledged): _RECEIVED,
    ("NotifyEVChargingNeeds", NeedsAnswer): needs,
    ("NotifyEVChargingNeeds", Acknowledged): always({"status": "NoChargingProfile"}),
    ("NotifyPriorityCharging", Acknowledged): _RECEIVED,
    ("NotifySettlement", Acknowledged): _RECEIVED,
    ("OpenPeriodicEventStream", Acknowledged): _REJECTED,
    ("PullDynamicScheduleUpdate", DynamicAnswer): dynamic,
    ("PullDynamicScheduleUpdate", Acknowledged): _REJECTED,
    ("NotifySettlement", SettlementAnswer): paying.settled,
    ("ReportDERControl", Acknowledged): _RECEIVED,
    ("TransactionEvent", TransactionAnswer): transaction,
    ("VatNumberValidation", Acknowledged): vat_number,
    ("VatNumberValidation", VatAnswer): paying.vat_checked,
}

ANSWERS: AnswerTable = {**ANSWERS_2X, **_ADDED}

COMMAND_ACTIONS: dict[type[Command], str] = {
    **ACTIONS_2X,
    ClearTariffs: "ClearTariffs",
    SetDefaultTariff: "SetDefaultTariff",
    ShowPaymentCodes: "SetVariables",
    WebPaymentBegun: "NotifyWebPaymentStarted",
    UpdateDynamicSchedule: "UpdateDynamicSchedule",
    UsePriorityCharging: "UsePriorityCharging",
}


def command(command: Command) -> tuple[str, bytes]:
    """The action of 2.1 and its payload. Raises CallFault as the versions before."""
    action = action_of(COMMAND_ACTIONS, command, "OCPP 2.1")
    if isinstance(command, ShowPaymentCodes | WebPaymentBegun):
        return action, payload(paying.content(command))
    return action, payload(content(command, offline=True))


def command_answer(result: Any) -> CommandAnswer:
    """What the station said to a command."""
    if isinstance(result, m.SetVariablesResponse):
        return paying.set_answer(result)
    if isinstance(result, m.NotifyWebPaymentStartedResponse):
        return CommandAnswer(accepted=True, status="Accepted")
    return command_answer_2x(result)
