"""OCPP 2.0.1, as one table of contents."""

from forecourt.ocpp.neutral import Version
from forecourt.ocpp.v2x import lift, lower
from forecourt.ocpp.v201.messages import REQUESTS, RESPONSES
from forecourt.ocpp.wire import Dialect

STATION_ACTIONS = frozenset(
    {
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    }
)

DIALECT = Dialect(
    version=Version.V201,
    requests=REQUESTS,
    responses=RESPONSES,
    station_actions=STATION_ACTIONS,
    lifts=lift.LIFTS,
    answers=lower.ANSWERS,
    lower=lower.command,
    lift_result=lower.command_answer,
    command_actions=lower.COMMAND_ACTIONS,
)
