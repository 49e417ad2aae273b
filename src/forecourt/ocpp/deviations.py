"""The ways in which a message may differ from its schema and still be served, each with a name.

The list is closed: what is not on it is refused. Every use is reported by its name and the path it was met at, so
that a station's faults can be counted and shown although nobody had to suffer from them.
"""

from enum import StrEnum

from forecourt.ocpp.faults import ErrorCode

#: Deviations reported of one message; more of them say nothing new.
DEVIATION_LIMIT = 20


class Deviation(StrEnum):
    """The named deviations. The value is what reports and counters show."""

    INTEGER_AS_DECIMAL = "integer-as-decimal"
    """`17.0` for an integer; the value is 17."""

    METER_AS_DECIMAL = "meter-as-decimal"
    """A register in fractions of a Wh where OCPP 1.6 has an integer; rounded half to even."""

    FINER_STEP = "finer-step"
    """More decimals than the schema allows, as in a limit of 16.05 A; kept as it is."""

    NUMBER_AS_TEXT = "number-as-text"
    """`"17"` for a number; only plain decimals with a point."""

    TEXT_AS_NUMBER = "text-as-number"
    """`17` for a string; for identifiers integers only, for a decimal has more than one spelling."""

    TIME_WITHOUT_ZONE = "time-without-zone"
    """A time that names no zone, taken as UTC."""

    TIME_WITH_SPACE = "time-with-space"
    """A space in a time: for the T, before the zone, or around it."""

    ZONE_WITHOUT_COLON = "zone-without-colon"
    """`+0200` or `+02` for +02:00."""

    TIME_WITHOUT_SECONDS = "time-without-seconds"
    """`05:40Z`, taken as the full minute."""

    LEAP_SECOND = "leap-second"
    """Second 60, right in RFC 3339 but without a place in UTC time of computers; taken as second 59."""

    UNKNOWN_FIELD = "unknown-field"
    """A field that the message does not have; dropped."""

    NULL_FOR_ABSENT = "null-for-absent"
    """null where an optional field should be left out."""

    TOO_LONG = "too-long"
    """Free text beyond its length (never an identifier); kept whole."""

    LETTER_CASE = "letter-case"
    """A word of an enumeration in another letter case."""

    EMPTY_LIST = "empty-list"
    """An optional list sent empty although it must not be, taken as absent; or a meter value without samples, or a
    schedule without periods."""

    EMPTY_PAYLOAD = "empty-payload"
    """null or [] for a message without content."""

    NUL_CHARACTER = "nul-character"
    """NUL characters in a text, mostly padding; removed."""

    REPEATED_FIELD = "repeated-field"
    """A name twice in one object, of which only the last value is right; that one is taken."""

    SAMPLE_SKIPPED = "sample-skipped"
    """A measured value, or a set of them with its time, that can't be understood, as in a word that OCPP does not have
    or with a number that is none, missing or beyond all measure; the rest of the message is served."""

    UNKNOWN_WORD = "unknown-word"
    """A word that OCPP does not have where nothing is decided by it: why a transaction stopped, an event was sent, a
    value was taken or a station boots, the charging state, the kind of a token; kept as a text of 64 characters."""

    TOKEN_SKIPPED = "token-skipped"
    """A token that can't be understood, as one that is too long, where a transaction ends; the end is served."""

    VALUE_BEYOND_RANGE = "value-beyond-range"
    """A register below 0, a power beyond 32 bits or a state of charge outside 0 to 100 %, which mean that there is no
    value; kept as a sample, not taken for the session's."""

    UNIT_MISMATCH = "unit-mismatch"
    """A unit that does not fit its measurand, as energy in A; kept as a value of an unknown kind."""


#: What each deviation is where none is forgiven.
STRICT_CODES = {
    Deviation.INTEGER_AS_DECIMAL: ErrorCode.TYPE,
    Deviation.METER_AS_DECIMAL: ErrorCode.TYPE,
    Deviation.FINER_STEP: ErrorCode.PROPERTY,
    Deviation.NUMBER_AS_TEXT: ErrorCode.TYPE,
    Deviation.TEXT_AS_NUMBER: ErrorCode.TYPE,
    Deviation.TIME_WITHOUT_ZONE: ErrorCode.PROPERTY,
    Deviation.TIME_WITH_SPACE: ErrorCode.PROPERTY,
    Deviation.ZONE_WITHOUT_COLON: ErrorCode.PROPERTY,
    Deviation.TIME_WITHOUT_SECONDS: ErrorCode.PROPERTY,
    Deviation.LEAP_SECOND: ErrorCode.PROPERTY,
    Deviation.UNKNOWN_FIELD: ErrorCode.FORMAT,
    Deviation.NULL_FOR_ABSENT: ErrorCode.TYPE,
    Deviation.TOO_LONG: ErrorCode.PROPERTY,
    Deviation.LETTER_CASE: ErrorCode.PROPERTY,
    Deviation.EMPTY_LIST: ErrorCode.OCCURRENCE,
    Deviation.EMPTY_PAYLOAD: ErrorCode.FORMAT,
    Deviation.NUL_CHARACTER: ErrorCode.PROPERTY,
    Deviation.REPEATED_FIELD: ErrorCode.FORMAT,
    Deviation.SAMPLE_SKIPPED: ErrorCode.PROPERTY,
    Deviation.UNKNOWN_WORD: ErrorCode.PROPERTY,
    Deviation.TOKEN_SKIPPED: ErrorCode.PROPERTY,
    Deviation.VALUE_BEYOND_RANGE: ErrorCode.PROPERTY,
    Deviation.UNIT_MISMATCH: ErrorCode.PROPERTY,
}


class Notes:
    """The deviations met while one message is read, in the order in which they were met.

    `forgiving`: what can't be read may be left out where the rest is worth it. Else it is a fault as any other, so that
    its error is the one that fits it.
    """

    def __init__(self, *, forgiving: bool = True) -> None:
        self.forgiving = forgiving
        self.met: list[tuple[Deviation, str]] = []

    def add(self, deviation: Deviation, path: str) -> None:
        """Reports one deviation at a JSON path."""
        if len(self.met) < DEVIATION_LIMIT:
            self.met.append((deviation, path))

    def lines(self) -> tuple[str, ...]:
        """As `name path`, to be counted by the first word."""
        if not self.met:
            return ()
        return tuple(f"{deviation} {path}" for deviation, path in self.met)
