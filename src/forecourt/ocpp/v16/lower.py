"""The neutral language to OCPP 1.6: answers to a station's calls, and commands to it."""

from typing import Any

from forecourt.ocpp.faults import CallFault, ErrorCode
from forecourt.ocpp.neutral import (
    Acknowledged,
    AuthorizationStatus,
    AuthorizeAnswer,
    BootAnswer,
    CancelReservation,
    ChangeAvailability,
    ClearChargingProfile,
    ClearTariffs,
    Command,
    CommandAnswer,
    GetCompositeSchedule,
    HeartbeatAnswer,
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
from forecourt.ocpp.v16 import charging
from forecourt.ocpp.v16 import messages as m
from forecourt.ocpp.wire import (
    AGREED,
    EMPTY,
    NONE_THERE,
    UNDECIDED_INTERVAL_S,
    AnswerTable,
    action_of,
    always,
    instant,
    payload,
)

#: The longest idTag or parentIdTag (CiString20Type).
TAG_LIMIT = 20

_REGISTRATIONS = {
    Registration.ACCEPTED: "Accepted",
    Registration.PENDING: "Pending",
    Registration.REJECTED: "Rejected",
}

_STATUSES = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    # 1.6 has no word for a known driver who can't pay; Blocked alone says "known, and not now".
    AuthorizationStatus.NO_CREDIT: "Blocked",
    AuthorizationStatus.NOT_AT_THIS_TIME: "Blocked",
    AuthorizationStatus.UNKNOWN: "Invalid",
}

_UNDECIDED = {"status": "Invalid"}


def boot(request: Any, answer: BootAnswer) -> bytes:
    """BootNotification.conf."""
    status = _REGISTRATIONS[answer.status]
    return payload({"status": status, "currentTime": instant(answer.now), "interval": answer.interval_s})


def undecided_boot(request: Any, answer: Acknowledged) -> bytes:
    """BootNotification.conf where nobody decided: to be asked again."""
    return boot(request, BootAnswer(status=Registration.PENDING, now=answer.now, interval_s=UNDECIDED_INTERVAL_S))


def heartbeat(request: Any, answer: HeartbeatAnswer | Acknowledged) -> bytes:
    """Heartbeat.conf."""
    return payload({"currentTime": instant(answer.now)})


def authorize(request: Any, answer: AuthorizeAnswer) -> bytes:
    """Authorize.conf."""
    return payload({"idTagInfo": _tag(answer.token)})


def started(request: Any, answer: TransactionAnswer) -> bytes:
    """StartTransaction.conf. The schema demands a decision; where none was taken it is Invalid."""
    if answer.transaction_id is None:
        raise ValueError("the answer to StartTransaction must give a transaction id")
    info = _UNDECIDED if answer.token is None else _tag(answer.token)
    return payload({"transactionId": int(answer.transaction_id), "idTagInfo": info})


def stopped(request: Any, answer: TransactionAnswer) -> bytes:
    """StopTransaction.conf, which may say what became of the tag."""
    return EMPTY if answer.token is None else payload({"idTagInfo": _tag(answer.token)})


def _tag(token: TokenStatus) -> dict[str, str]:
    info = {"status": _STATUSES[token.status]}
    if token.group is not None and len(token.group) <= TAG_LIMIT:
        info["parentIdTag"] = token.group
    if token.expires_at is not None:
        info["expiryDate"] = instant(token.expires_at)
    return info


_RECEIVED = always({})

#: The answer by action and decision. Acknowledged means that nobody decided: then it is "received" to what a station
#: tells, and no to what it asks.
ANSWERS: AnswerTable = {
    ("Authorize", AuthorizeAnswer): authorize,
    ("Authorize", Acknowledged): always({"idTagInfo": _UNDECIDED}),
    ("BootNotification", BootAnswer): boot,
    ("BootNotification", Acknowledged): undecided_boot,
    ("DataTransfer", Acknowledged): always({"status": "UnknownVendorId"}),
    ("DiagnosticsStatusNotification", Acknowledged): _RECEIVED,
    ("FirmwareStatusNotification", Acknowledged): _RECEIVED,
    ("Heartbeat", HeartbeatAnswer): heartbeat,
    ("Heartbeat", Acknowledged): heartbeat,
    ("LogStatusNotification", Acknowledged): _RECEIVED,
    ("MeterValues", TransactionAnswer): _RECEIVED,
    ("MeterValues", Acknowledged): _RECEIVED,
    ("SecurityEventNotification", Acknowledged): _RECEIVED,
    ("SignCertificate", Acknowledged): always({"status": "Rejected"}),
    ("SignedFirmwareStatusNotification", Acknowledged): _RECEIVED,
    ("StartTransaction", TransactionAnswer): started,
    # 0 is no transaction's id.
    ("StartTransaction", Acknowledged): always({"transactionId": 0, "idTagInfo": _UNDECIDED}),
    ("StatusNotification", Acknowledged): _RECEIVED,
    ("StopTransaction", TransactionAnswer): stopped,
    ("StopTransaction", Acknowledged): _RECEIVED,
}


COMMAND_ACTIONS: dict[type[Command], str] = {
    StartCharging: "RemoteStartTransaction",
    StopCharging: "RemoteStopTransaction",
    UnlockConnector: "UnlockConnector",
    Reset: "Reset",
    ChangeAvailability: "ChangeAvailability",
    SetChargingProfile: "SetChargingProfile",
    ClearChargingProfile: "ClearChargingProfile",
    GetCompositeSchedule: "GetCompositeSchedule",
    Reserve: "ReserveNow",
    CancelReservation: "CancelReservation",
}
_RESETS = {ResetType.SOFT: m.ResetType.SOFT, ResetType.HARD: m.ResetType.HARD}


def command(command: Command) -> tuple[str, bytes]:
    """The action of 1.6 and its payload. Raises CallFault for a transaction id that is no number, and for what 1.6 has
    no word for."""
    return action_of(COMMAND_ACTIONS, command, "OCPP 1.6"), payload(_content(command))


def _content(command: Command) -> dict[str, object]:
    match command:
        case StartCharging():
            return {"idTag": command.token.uid, "connectorId": command.evse}
        case StopCharging():
            return {"transactionId": charging.transaction(command.transaction_id)}
        case UnlockConnector():
            return {"connectorId": command.evse}
        case Reset():
            return {"type": _RESETS[command.kind]}
        case ChangeAvailability():
            return _availability(command)
        case Reserve():
            return {
                "reservationId": command.id, "connectorId": command.evse, "idTag": command.token.uid,
                "expiryDate": instant(command.until),
            }  # fmt: skip
        case CancelReservation():
            return {"reservationId": command.id}
        case SetDefaultTariff() | ClearTariffs() | ShowPaymentCodes() | WebPaymentBegun():
            raise TypeError("it has no action of 1.6, so it was refused")
        case _:
            return charging.content(command)


def _availability(command: ChangeAvailability) -> dict[str, object]:
    if command.connector not in (None, 1):
        raise CallFault(ErrorCode.PROPERTY, "an EVSE of OCPP 1.6 has one connector")
    return {"connectorId": command.evse, "type": "Operative" if command.operative else "Inoperative"}


def command_answer(
    result: m.RemoteStartTransactionResponse
    | m.RemoteStopTransactionResponse
    | m.UnlockConnectorResponse
    | m.ResetResponse
    | m.ChangeAvailabilityResponse
    | m.SetChargingProfileResponse
    | m.ClearChargingProfileResponse
    | m.GetCompositeScheduleResponse
    | m.ReserveNowResponse
    | m.CancelReservationResponse,
) -> CommandAnswer:
    """What the station said to a command."""
    status = result.status.value
    return CommandAnswer(
        accepted=status in AGREED or status in NONE_THERE,
        status=status,
        schedule=charging.composite(result) if isinstance(result, m.GetCompositeScheduleResponse) else None,
    )
