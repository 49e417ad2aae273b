"""OCPP 2.1, as one table of contents: 2.0.1 and what it adds."""

from forecourt.ocpp.neutral import Version
from forecourt.ocpp.v21 import lift
from forecourt.ocpp.v21.lower import ANSWERS, COMMAND_ACTIONS, command, command_answer
from forecourt.ocpp.v21.messages import REQUESTS, RESPONSES
from forecourt.ocpp.v201.dialect import STATION_ACTIONS as STATION_ACTIONS_201
from forecourt.ocpp.wire import Dialect

STATION_ACTIONS = STATION_ACTIONS_201 | {
    "BatterySwap",
    "ClosePeriodicEventStream",
    "GetCertificateChainStatus",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "OpenPeriodicEventStream",
    "PullDynamicScheduleUpdate",
    "ReportDERControl",
    "VatNumberValidation",
}

DIALECT = Dialect(
    version=Version.V21,
    requests=REQUESTS,
    responses=RESPONSES,
    station_actions=STATION_ACTIONS,
    lifts=lift.LIFTS,
    answers=ANSWERS,
    lower=command,
    lift_result=command_answer,
    command_actions=COMMAND_ACTIONS,
)
