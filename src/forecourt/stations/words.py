"""What stations do and say, in words for people: deviations, kinds of messages, outcomes of commands."""

from collections.abc import Mapping
from typing import Final

from forecourt.ocpp.deviations import Deviation
from forecourt.ui.i18n import mark

#: What each deviation means and what is done about it (see `forecourt.ocpp.deviations`).
DEVIATIONS: Final[Mapping[str, str]] = {
    Deviation.INTEGER_AS_DECIMAL: mark(
        "A whole number is written with a decimal point. It is taken as the whole number."
    ),
    Deviation.METER_AS_DECIMAL: mark(
        "A meter register has fractions of a Wh where OCPP 1.6 has whole Wh. It is rounded."
    ),
    Deviation.FINER_STEP: mark("A number has more decimals than the schema allows. It is kept as it is."),
    Deviation.NUMBER_AS_TEXT: mark("A number is written as text. It is read as the number."),
    Deviation.TEXT_AS_NUMBER: mark("A text is written as a number. It is taken as the text of that number."),
    Deviation.TIME_WITHOUT_ZONE: mark(
        "A time names no zone. It is taken as UTC; a station that means local time is wrong about all."
    ),
    Deviation.TIME_WITH_SPACE: mark("A time has a space in it. It is understood."),
    Deviation.ZONE_WITHOUT_COLON: mark("The zone of a time is written without a colon. It is understood."),
    Deviation.TIME_WITHOUT_SECONDS: mark("A time has no seconds. It is taken as the full minute."),
    Deviation.LEAP_SECOND: mark("A time names second 60. It is taken as second 59."),
    Deviation.UNKNOWN_FIELD: mark("A field does not belong to the message. It is dropped."),
    Deviation.NULL_FOR_ABSENT: mark(
        "A field without a value is sent as null instead of being left out. It is taken as absent."
    ),
    Deviation.TOO_LONG: mark("A text is longer than the schema allows. It is kept whole."),
    Deviation.LETTER_CASE: mark("A word is written with other capitals than in the specification. It is understood."),
    Deviation.EMPTY_LIST: mark("A list that must hold something is empty. It is taken as absent."),
    Deviation.EMPTY_PAYLOAD: mark("A message without content has no object. It is understood."),
    Deviation.NUL_CHARACTER: mark("A text is padded with NUL characters. They are removed."),
    Deviation.REPEATED_FIELD: mark("A field stands twice in one object. The last one is taken."),
    Deviation.SAMPLE_SKIPPED: mark("A measured value can't be understood. It is left out, the others are kept."),
    Deviation.UNKNOWN_WORD: mark("A word is none of the specification's. Nothing depends on it; it is kept as it is."),
    Deviation.TOKEN_SKIPPED: mark("A token at the end of a transaction can't be understood. The end is served."),
    Deviation.VALUE_BEYOND_RANGE: mark(
        "A measured value is beyond all measure. It is kept, but not used for the session."
    ),
    Deviation.UNIT_MISMATCH: mark(
        "A measured value has a unit that does not fit it. It is kept as a value of an unknown kind."
    ),
    "connector-beyond-limit": mark(
        "A station names more connectors than are kept of one. What it says of this one is not."
    ),
    "late": mark("The answer came after its deadline. What it says is recorded with the command."),
    "answers": mark("The answer belongs to no call of ours. It is ignored."),
    "FormationViolation": mark("The message could not be read and was refused."),
    "FormatViolation": mark("The message could not be read and was refused."),
    "RpcFrameworkError": mark("The message could not be read and was refused."),
    "OccurenceConstraintViolation": mark(
        "A field is missing, or there are too many or too few of it. The message was refused."
    ),
    "OccurrenceConstraintViolation": mark(
        "A field is missing, or there are too many or too few of it. The message was refused."
    ),
    "TypeConstraintViolation": mark("A field has the wrong type. The message was refused."),
    "PropertyConstraintViolation": mark("A field has a value that is not allowed. The message was refused."),
    "NotImplemented": mark("The action does not exist in this version of OCPP. The message was refused."),
    "NotSupported": mark("The action is not one that a station sends. The message was refused."),
    "MessageTypeNotSupported": mark("The type of the message does not exist in this version. The message was refused."),
    "SecurityError": mark("The station is not accepted yet and may only boot. The message was refused."),
    "InternalError": mark("The message could not be stored. It is kept in the quarantine."),
}
UNNAMED_DEVIATION: Final = mark("The message breaks the schema of the station's version.")

#: Message types as people call them; by OCPP-J's numbers.
KINDS: Final[Mapping[int, str]] = {
    0: mark("unreadable"),
    2: mark("call"),
    3: mark("answer"),
    4: mark("refusal"),
    5: mark("refused answer"),
    6: mark("send"),
}

#: What came of a command.
OUTCOMES: Final[Mapping[str, str]] = {
    "sent": mark("Waits for its answer"),
    "answered": mark("Answered"),
    "error": mark("Refused"),
    "offline": mark("Not sent: offline"),
    "timeout": mark("No answer: outcome unknown"),
    "late": mark("Answered late"),
    "unsent": mark("Not sent"),
    "unknown": mark("Outcome unknown"),
}

REGISTRATIONS: Final[Mapping[str, str]] = {
    "accepted": mark("Accepted"),
    "pending": mark("Pending"),
    "rejected": mark("Rejected"),
}

SECURITY_PROFILES: Final[Mapping[int, str]] = {
    0: mark("0: no authentication"),
    1: mark("1: password"),
    2: mark("2: password over TLS"),
    3: mark("3: client certificate over TLS"),
}


def deviation_kind(line: str) -> str:
    """The kind of a deviation as the log notes it: `unknown-field $.x`, `TypeConstraintViolation: ...`."""
    return line.split(":", 1)[0].split(" ", 1)[0]


def explain_deviation(kind: str) -> str:
    """What a kind of deviation means, marked for translation."""
    return DEVIATIONS.get(kind, UNNAMED_DEVIATION)
