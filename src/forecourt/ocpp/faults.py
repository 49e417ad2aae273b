"""What is wrong with what was received, in the words that OCPP has for it.

Both faults know what to answer. The codes are written as 2.x spells them and spelled for the station's version at
the edge, for 1.6 misspells one and names two differently.
"""

from collections.abc import Mapping
from enum import StrEnum

from forecourt.ocpp.neutral import Version

#: OCPP 2.0.1 Part 4, §4.2.3: errorDescription is a string[255].
DESCRIPTION_LIMIT = 255


class ErrorCode(StrEnum):
    """The CALLERROR codes that this room decides on (OCPP 2.0.1 Part 4, §4.3)."""

    FORMAT = "FormatViolation"
    OCCURRENCE = "OccurrenceConstraintViolation"
    TYPE = "TypeConstraintViolation"
    PROPERTY = "PropertyConstraintViolation"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    MESSAGE_TYPE = "MessageTypeNotSupported"
    RPC_FRAMEWORK = "RpcFrameworkError"
    INTERNAL = "InternalError"

    def spelled(self, version: Version) -> str:
        """The code as the version spells it; what 1.6 does not know at all is its FormationViolation."""
        return _SPELLED_16.get(self, self.value) if version is Version.V16 else self.value


_SPELLED_16 = {
    ErrorCode.FORMAT: "FormationViolation",
    ErrorCode.OCCURRENCE: "OccurenceConstraintViolation",
    ErrorCode.MESSAGE_TYPE: "FormationViolation",
    ErrorCode.RPC_FRAMEWORK: "FormationViolation",
}


class FrameFault(Exception):
    """The frame is no OCPP message.

    `id` is the message id if it could be read, else None. `answerable` is False where a CALLERROR would be wrong:
    for a broken answer (then `id` names the call of ours that it was to answer), for a SEND, and in 1.6 for a
    message type that it does not know, which it says to ignore.
    """

    def __init__(self, message_id: str | None, code: str, description: str, *, answerable: bool = True) -> None:
        super().__init__(f"{code}: {description}")
        self.id = message_id
        self.code = code
        self.description = description[:DESCRIPTION_LIMIT]
        self.answerable = answerable


class CallFault(Exception):
    """The payload of a message can't be used. `details` names the path within it, where there is one."""

    def __init__(self, code: str, description: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:DESCRIPTION_LIMIT]
        self.details = dict(details or {})
