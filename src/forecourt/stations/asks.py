"""A call that has no neutral word yet, as each version of OCPP spells it: trigger a message."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from forecourt.ocpp.neutral import Version

#: Messages that a station can be asked to send now (1.6 5.17, 2.0.1 F06), those that tell an operator something.
TRIGGERS: Final[Mapping[Version, tuple[str, ...]]] = {
    Version.V16: ("StatusNotification", "MeterValues", "BootNotification", "Heartbeat", "FirmwareStatusNotification"),
    **dict.fromkeys(
        (Version.V201, Version.V21),
        (
            "StatusNotification",
            "MeterValues",
            "TransactionEvent",
            "BootNotification",
            "Heartbeat",
            "FirmwareStatusNotification",
            "LogStatusNotification",
        ),
    ),
}
#: Triggers that may name an EVSE.
OF_EVSE: Final = frozenset({"StatusNotification", "MeterValues", "TransactionEvent"})
#: The messages that a version other than 1.6 tells of a connector, which a StatusNotification must name.
_OF_CONNECTOR: Final = frozenset({"StatusNotification"})


def trigger(version: Version, message: str, evse: int | None, connector: int = 1) -> tuple[str, bytes]:
    """Action and payload of a TriggerMessage. An EVSE is named only where the message has one; 2.x names the connector
    too where the message is about it (2.0.1 F06.FR.12)."""
    payload: dict[str, Any] = {"requestedMessage": message}
    if evse is not None and message in OF_EVSE:
        if version is Version.V16:
            payload["connectorId"] = evse
        else:
            payload["evse"] = {"id": evse, **({"connectorId": connector} if message in _OF_CONNECTOR else {})}
    return "TriggerMessage", msgspec.json.encode(payload)
