"""The neutral language to OCPP 2.0.1 and 2.1: answers to a station's calls, and commands to it."""

from typing import Any

from msgspec.structs import replace

from forecourt.ocpp.neutral import (
    Acknowledged,
    AuthorizationStatus,
    AuthorizeAnswer,
    BootAnswer,
    CancelReservation,
    CertificateAnswer,
    ChangeAvailability,
    ClearChargingProfile,
    ClearTariffs,
    Command,
    CommandAnswer,
    ContractCertificateAnswer,
    GetChargingProfiles,
    GetCompositeSchedule,
    HeartbeatAnswer,
    NeedsAnswer,
    NeedsStatus,
    Registration,
    Reserve,
    Reset,
    ResetType,
    SetChargingProfile,
    SetDefaultTariff,
    ShowPaymentCodes,
    StartCharging,
    StopCharging,
    TokenStatus,
    TransactionAnswer,
    UnlockConnector,
    WebPaymentBegun,
)
from forecourt.ocpp.v2x import charging
from forecourt.ocpp.v2x.lift import CENTRAL, DIRECT_PAYMENT
from forecourt.ocpp.v21 import messages as v21
from forecourt.ocpp.v201 import messages as v201
from forecourt.ocpp.wire import (
    AGREED,
    EMPTY,
    NONE_THERE,
    UNDECIDED_INTERVAL_S,
    AnswerTable,
    action_of,
    always,
    filled,
    instant,
    payload,
)

#: The longest idToken of 2.0.1; 2.1 allows more, but a group is known by one uid to all stations.
TOKEN_LIMIT = 36
#: The longest content of a message to a driver.
MESSAGE_LIMIT = 512
#: The longest answers about certificates and for cars, which 2.1 made longer.
RESULT_LIMIT_201, RESULT_LIMIT = 5_500, 18_000
EXI_LIMIT_201, EXI_LIMIT = 7_500, 17_000

_REGISTRATIONS = {
    Registration.ACCEPTED: "Accepted",
    Registration.PENDING: "Pending",
    Registration.REJECTED: "Rejected",
}


def boot(request: Any, answer: BootAnswer) -> bytes:
    """BootNotificationResponse."""
    status = _REGISTRATIONS[answer.status]
    return payload({"status": status, "currentTime": instant(answer.now), "interval": answer.interval_s})


def undecided_boot(request: Any, answer: Acknowledged) -> bytes:
    """BootNotificationResponse where nobody decided: to be asked again."""
    return boot(request, BootAnswer(status=Registration.PENDING, now=answer.now, interval_s=UNDECIDED_INTERVAL_S))


def heartbeat(request: Any, answer: HeartbeatAnswer | Acknowledged) -> bytes:
    """HeartbeatResponse."""
    return payload({"currentTime": instant(answer.now)})


def authorize(request: Any, answer: AuthorizeAnswer) -> bytes:
    """AuthorizeResponse."""
    certificate = None if answer.certificate is None else answer.certificate.value
    return payload({"idTokenInfo": _token(answer.token), "certificateStatus": certificate})


def certificate_status(request: Any, answer: CertificateAnswer) -> bytes:
    """GetCertificateStatusResponse; an answer of a responder that is too long for the version is none."""
    most = RESULT_LIMIT_201 if isinstance(request, v201.GetCertificateStatusRequest) else RESULT_LIMIT
    if answer.result is None or len(answer.result) > most:
        return payload({"status": "Failed"})
    return payload({"status": "Accepted", "ocspResult": answer.result})


def contract_certificate(request: Any, answer: ContractCertificateAnswer) -> bytes:
    """Get15118EVCertificateResponse; a message for the car that is too long for the version is none."""
    old = isinstance(request, v201.Get15118EVCertificateRequest)
    if answer.response is None or len(answer.response) > (EXI_LIMIT_201 if old else EXI_LIMIT):
        reason = answer.reason or "TooLong"
        return payload({"status": "Failed", "exiResponse": "", "statusInfo": {"reasonCode": reason}})
    remaining = None if old else answer.remaining
    return payload({"status": "Accepted", "exiResponse": answer.response, "remainingContracts": remaining})


def transaction(request: Any, answer: TransactionAnswer) -> bytes:
    """TransactionEventResponse, which says what became of the token if the event named one."""
    if answer.token is None and answer.total_cost is None:
        return EMPTY
    return payload(transaction_content(answer))


def transaction_content(answer: TransactionAnswer) -> dict[str, object]:
    """The fields of a TransactionEventResponse that both versions have."""
    return {
        "idTokenInfo": None if answer.token is None else _token(answer.token),
        "totalCost": None if answer.total_cost is None else float(answer.total_cost),
    }


def _token(token: TokenStatus) -> dict[str, object]:
    info: dict[str, object] = {"status": token.status.value}
    if token.expires_at is not None:
        info["cacheExpiryDateTime"] = instant(token.expires_at)
    if token.group is not None and len(token.group) <= TOKEN_LIMIT:
        # Its own type is not known here, and stations compare the uid alone (OCPP 2.0.1 Part 2, C09).
        info["groupIdToken"] = {"idToken": token.group, "type": CENTRAL}
    if token.message is not None:
        info["personalMessage"] = {"format": "UTF8", "content": token.message[:MESSAGE_LIMIT]}
    return info


def needs(request: Any, answer: NeedsAnswer) -> bytes:
    """NotifyEVChargingNeedsResponse; to have no profile for it is to reject it in 2.0.1, which has no other word."""
    return payload({"status": "Rejected" if answer.status is NeedsStatus.NO_PROFILE else answer.status.value})


_RECEIVED = always({})
_REJECTED = always({"status": "Rejected"})

#: The answer by action and decision. Acknowledged means that nobody decided: then it is "received" to what a station
#: tells, and no to what it asks.
ANSWERS: AnswerTable = {
    ("Authorize", AuthorizeAnswer): authorize,
    ("Authorize", Acknowledged): always({"idTokenInfo": {"status": AuthorizationStatus.INVALID.value}}),
    ("BootNotification", BootAnswer): boot,
    ("BootNotification", Acknowledged): undecided_boot,
    ("ClearedChargingLimit", Acknowledged): _RECEIVED,
    ("DataTransfer", Acknowledged): always({"status": "UnknownVendorId"}),
    ("FirmwareStatusNotification", Acknowledged): _RECEIVED,
    ("Get15118EVCertificate", ContractCertificateAnswer): contract_certificate,
    ("GetCertificateStatus", CertificateAnswer): certificate_status,
    ("Get15118EVCertificate", Acknowledged): always({"status": "Failed", "exiResponse": ""}),
    ("GetCertificateStatus", Acknowledged): always({"status": "Failed"}),
    ("Heartbeat", HeartbeatAnswer): heartbeat,
    ("Heartbeat", Acknowledged): heartbeat,
    ("LogStatusNotification", Acknowledged): _RECEIVED,
    ("MeterValues", Acknowledged): _RECEIVED,
    ("NotifyChargingLimit", Acknowledged): _RECEIVED,
    ("NotifyCustomerInformation", Acknowledged): _RECEIVED,
    ("NotifyDisplayMessages", Acknowledged): _RECEIVED,
    ("NotifyEVChargingNeeds", NeedsAnswer): needs,
    ("NotifyEVChargingNeeds", Acknowledged): _REJECTED,
    # It says that the schedule was received, not that it is approved (OCPP 2.0.1 Part 2, NotifyEVChargingSchedule).
    ("NotifyEVChargingSchedule", Acknowledged): always({"status": "Accepted"}),
    ("NotifyEvent", Acknowledged): _RECEIVED,
    ("NotifyMonitoringReport", Acknowledged): _RECEIVED,
    ("NotifyReport", Acknowledged): _RECEIVED,
    ("PublishFirmwareStatusNotification", Acknowledged): _RECEIVED,
    ("ReportChargingProfiles", Acknowledged): _RECEIVED,
    ("ReservationStatusUpdate", Acknowledged): _RECEIVED,
    ("SecurityEventNotification", Acknowledged): _RECEIVED,
    ("SignCertificate", Acknowledged): _REJECTED,
    ("StatusNotification", Acknowledged): _RECEIVED,
    ("TransactionEvent", TransactionAnswer): transaction,
    ("TransactionEvent", Acknowledged): _RECEIVED,
}


COMMAND_ACTIONS: dict[type[Command], str] = {
    StartCharging: "RequestStartTransaction",
    StopCharging: "RequestStopTransaction",
    UnlockConnector: "UnlockConnector",
    Reset: "Reset",
    ChangeAvailability: "ChangeAvailability",
    SetChargingProfile: "SetChargingProfile",
    ClearChargingProfile: "ClearChargingProfile",
    GetCompositeSchedule: "GetCompositeSchedule",
    GetChargingProfiles: "GetChargingProfiles",
    Reserve: "ReserveNow",
    CancelReservation: "CancelReservation",
}
_RESETS = {ResetType.SOFT: "OnIdle", ResetType.HARD: "Immediate"}


def command(command: Command) -> tuple[str, bytes]:
    """The action of 2.0.1 and its payload. Raises CallFault for what it has no word for."""
    return action_of(COMMAND_ACTIONS, command, "OCPP 2.0.1"), payload(content(_known(command), offline=False))


def _known(command: Command) -> Command:
    """A command in words of 2.0.1, which calls a token that the CSMS made for one payment "Central"."""
    if isinstance(command, StartCharging) and command.token.type == DIRECT_PAYMENT:
        return replace(command, token=replace(command.token, type=CENTRAL))
    return command


def content(command: Command, *, offline: bool) -> dict[str, object]:
    """The fields of a command; `offline` as in `charging.content`. An evse of None lets the station choose where to
    start."""
    match command:
        case StartCharging():
            token = {"idToken": command.token.uid, "type": command.token.type}
            return {"remoteStartId": command.remote_start_id, "idToken": token, "evseId": command.evse}
        case StopCharging():
            return {"transactionId": command.transaction_id}
        case UnlockConnector():
            return {"evseId": command.evse, "connectorId": command.connector}
        case Reset():
            return {"type": _RESETS[command.kind]}
        case ChangeAvailability():
            evse = filled({"id": command.evse, "connectorId": command.connector}) if command.evse else None
            return {"evse": evse, "operationalStatus": "Operative" if command.operative else "Inoperative"}
        case Reserve():
            token = {"idToken": command.token.uid, "type": command.token.type}
            return {
                "id": command.id, "evseId": command.evse, "idToken": token, "expiryDateTime": instant(command.until),
            }  # fmt: skip
        case CancelReservation():
            return {"reservationId": command.id}
        case SetDefaultTariff():
            return {"evseId": command.evse, "tariff": command.tariff}
        case ClearTariffs():
            return {"evseId": command.evse}
        case ShowPaymentCodes() | WebPaymentBegun():
            raise TypeError(f"{type(command).__name__} is of 2.1 alone")
        case _:
            return charging.content(command, offline=offline)


def command_answer(result: Any) -> CommandAnswer:
    """What the station said to a command, with the transaction if it already runs, or the schedule asked for."""
    if isinstance(result, v21.ClearTariffsResponse):
        # One result a tariff: a single no is a no.
        said = {each.status.value for each in result.clear_tariffs_result}
        result_status = next((each for each in sorted(said) if each not in AGREED | NONE_THERE), "Accepted")
        return CommandAnswer(accepted=result_status == "Accepted", status=result_status)
    status = result.status.value
    asked = isinstance(result, v201.GetCompositeScheduleResponse | v21.GetCompositeScheduleResponse)
    return CommandAnswer(
        accepted=status in AGREED or status in NONE_THERE,
        status=status,
        transaction_id=getattr(result, "transaction_id", None) or None,
        schedule=charging.composite(result) if asked else None,
    )
