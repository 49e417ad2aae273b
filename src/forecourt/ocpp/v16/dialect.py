"""OCPP 1.6J with its security extensions, as one table of contents."""

from forecourt.ocpp.neutral import Version
from forecourt.ocpp.v16 import lift, lower
from forecourt.ocpp.v16.messages import REQUESTS, RESPONSES
from forecourt.ocpp.wire import Dialect

DIALECT = Dialect(
    version=Version.V16,
    requests=REQUESTS,
    responses=RESPONSES,
    station_actions=frozenset(
        {
            "Authorize",
            "BootNotification",
            "DataTransfer",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "LogStatusNotification",
            "MeterValues",
            "SecurityEventNotification",
            "SignCertificate",
            "SignedFirmwareStatusNotification",
            "StartTransaction",
            "StatusNotification",
            "StopTransaction",
        }
    ),
    lifts=lift.LIFTS,
    answers=lower.ANSWERS,
    lower=lower.command,
    lift_result=lower.command_answer,
    command_actions=lower.COMMAND_ACTIONS,
)
