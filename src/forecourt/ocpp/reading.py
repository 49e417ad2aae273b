"""The slow, forgiving reader: a decoded JSON tree into the same structs that the strict decoder makes.

It serves two ends. What the strict decoder refuses is read again here, forgiving the listed deviations; and where
that fails too, this reader knows what was wrong, where, and which OCPP error it is, for it walks field by field. The
rules come from the generated types themselves, so the two decoders can't drift apart.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct
from msgspec import inspect as shape

from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.faults import ErrorCode

#: Reads one value at a JSON path; UNSET for a value that counts as absent. Raises Unusable.
Reader = Callable[[Any, str, Notes], Any]

#: Texts that only people read: too much of them does no harm. Never what something is found again by.
FREE_TEXT = frozenset(
    {
        "chargeBoxSerialNumber", "chargePointModel", "chargePointSerialNumber", "chargePointVendor", "content",
        "data", "description", "firmwareVersion", "iccid", "imsi", "info", "meterSerialNumber", "meterType", "model",
        "reasonCode", "serialNumber", "signedMeterData", "publicKey", "techCode", "techInfo", "vendorErrorCode",
        "vendorId", "vendorName", "actualValue", "additionalInfo", "signingMethod", "encodingMethod",
    }
)  # fmt: skip

#: The longest free text that is kept, in characters.
FREE_TEXT_LIMIT = 65_536

#: Texts that something is found again by: a decimal number is not one of them, whatever its digits.
IDENTIFIERS = frozenset({"idTag", "parentIdTag", "idToken", "transactionId", "additionalIdToken"})

METERS = frozenset({"meterStart", "meterStop"})

#: A sample that can't be understood is left out, not the whole message: what else it says must not be lost.
SAMPLES = frozenset({"SampledValue", "StopTransactionSampledValue", "SampledValueType"})
#: So is a set of them whose time can't be understood.
SETS_OF_SAMPLES = frozenset({"MeterValue", "TransactionData", "MeterValueType"})

#: Of a schedule that is sent without periods at least the rest is true: it says yes, and limits nothing that is known.
PERIODS = "ChargingSchedulePeriodType"

#: Enumerations by whose words nothing is decided: one that is unknown is kept as a text.
UNDECIDING = frozenset(
    {
        "Reason", "ReasonEnumType", "TriggerReasonEnumType", "ChargingStateEnumType", "IdTokenEnumType", "Context",
        "ReadingContextEnumType", "BootReasonEnumType",
    }
)  # fmt: skip

#: Where a transaction may end, the field that names a token: the end counts, whatever the token is.
TOKENS_AT_THE_END = {"StopTransactionRequest": "idTag", "TransactionEventRequest": "idToken"}

#: How much of a name that a station invented is repeated to it.
NAME_LIMIT = 64

_INTEGER = re.compile(r"-?[0-9]{1,18}(?:\.0+)?")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?P<t>[Tt ])(?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?"
    r"(?P<gap> ?)(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_read_rfc3339 = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)]).decode


class Unusable(Exception):
    """What is wrong, where, and what was expected there."""

    def __init__(self, code: ErrorCode, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.code = code
        self.path = path
        self.problem = problem


@cache
def reader(message: type[Struct]) -> Reader:
    """The reader of a message or type. Built once, when first needed."""
    info = shape.type_info(message)
    assert isinstance(info, shape.StructType)
    return _struct_reader(info)


def has_steps(message: type[Struct]) -> bool:
    """Whether a message has numbers of limited decimals, which the strict decoder does not look at."""
    return "'multiple_of'" in repr(shape.type_info(message))


def _reader(kind: shape.Type, name: str, required: bool) -> Reader:
    """The reader of one field; `required` decides whether an empty list may count as absent."""
    extra: dict[str, Any] = {}
    if isinstance(kind, shape.Metadata):
        extra, kind = kind.extra or {}, kind.type
    match kind:
        case shape.StructType():
            return reader(kind.cls)
        case shape.VarTupleType():
            return _list_reader(kind, name, required)
        case shape.EnumType():
            return _enum_reader(kind.cls)
        case shape.StrType():
            return _text_reader(kind, name)
        case shape.IntType():
            return _integer_reader(kind, name)
        case shape.FloatType():
            return _number_reader(kind, extra.get("multiple_of"))
        case shape.BoolType():
            return _boolean
        case shape.DateTimeType():
            return _time
        case shape.AnyType():
            return _anything
    raise TypeError(f"{name}: no reader for {kind}")


def _struct_reader(info: shape.StructType) -> Reader:
    fields = {
        field.encode_name: (
            field.name,
            _reader(field.type, field.encode_name, field.required),
            field.required or isinstance(field.type, shape.AnyType),
        )
        for field in info.fields
    }
    required = [field.encode_name for field in info.fields if field.required]
    cls, closed = info.cls, info.forbid_unknown_fields
    token = TOKENS_AT_THE_END.get(cls.__name__)
    read_last_token = None if token is None else _unless(fields[token][1], Deviation.TOKEN_SKIPPED)

    def read(value: Any, path: str, notes: Notes) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        for name in required:
            if name not in value:
                raise Unusable(ErrorCode.OCCURRENCE, f"{path}.{name}", "is required but missing")
        found: dict[str, Any] = {}
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                if closed:
                    notes.add(Deviation.UNKNOWN_FIELD, f"{path}.{_shown(key)}")
                continue
            name, read_field, takes_null = field
            if item is None and not takes_null:
                notes.add(Deviation.NULL_FOR_ABSENT, f"{path}.{key}")
                continue
            if key == token and read_last_token is not None and _ends_transaction(value):
                read_field = read_last_token
            found[name] = read_field(item, f"{path}.{key}", notes)
        return cls(**{name: item for name, item in found.items() if item is not UNSET})

    return read


def _list_reader(kind: shape.VarTupleType, name: str, required: bool) -> Reader:
    item_kind = kind.item_type
    read_item = _reader(item_kind, name, required=True)
    low, high = kind.min_length or 0, kind.max_length
    item_name = item_kind.cls.__name__ if isinstance(item_kind, shape.StructType) else ""
    samples = item_name in SAMPLES
    skips = samples or item_name in SETS_OF_SAMPLES
    may_lack = samples or item_name == PERIODS
    read_one = _unless(read_item, Deviation.SAMPLE_SKIPPED) if skips else read_item

    def read(value: Any, path: str, notes: Notes) -> Any:
        if not isinstance(value, list):
            if skips and not required and notes.forgiving:
                notes.add(Deviation.SAMPLE_SKIPPED, path)
                return UNSET
            raise _wrong_type(path, "an array", value)
        if not value and low and (may_lack or not required):
            notes.add(Deviation.EMPTY_LIST, path)
            return () if may_lack else UNSET
        if len(value) < low:
            raise Unusable(ErrorCode.OCCURRENCE, path, f"needs at least {low} elements, has {len(value)}")
        if high is not None and len(value) > high:
            raise Unusable(ErrorCode.OCCURRENCE, path, f"may have at most {high} elements, has {len(value)}")
        items = [read_one(item, f"{path}[{index}]", notes) for index, item in enumerate(value)]
        return tuple(item for item in items if item is not UNSET)

    return read


def _unless(read_whole: Reader, skipped: Deviation) -> Reader:
    """A reader of something that counts as absent, and is noted, where it can't be understood."""

    def read(value: Any, path: str, notes: Notes) -> Any:
        try:
            return read_whole(value, path, notes)
        except Unusable as fault:
            if not notes.forgiving:
                raise
            notes.add(skipped, fault.path)
            return UNSET

    return read


def _ends_transaction(message: dict[str, Any]) -> bool:
    """Whether this StopTransaction or TransactionEvent says an end."""
    event = message.get("eventType", "Ended")
    return isinstance(event, str) and event.casefold() == "ended"


def _enum_reader(cls: type[Enum]) -> Reader:
    exact = {member.value: member for member in cls}
    folds = [word.casefold() for word in exact]
    folded = {fold: member for fold, member in zip(folds, cls, strict=True) if folds.count(fold) == 1}
    words = ", ".join(exact)
    undeciding = cls.__name__ in UNDECIDING

    def read(value: Any, path: str, notes: Notes) -> Any:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string", value)
        plain = value.replace("\0", "")
        if plain != value:
            notes.add(Deviation.NUL_CHARACTER, path)
        if (member := exact.get(plain)) is not None:
            return member
        if (member := folded.get(plain.casefold())) is not None:
            notes.add(Deviation.LETTER_CASE, path)
            return member
        problem = f"{_shown(value)!r} is none of {words}"
        if undeciding and notes.forgiving:
            notes.add(Deviation.UNKNOWN_WORD, path)
            return plain[:NAME_LIMIT]
        raise Unusable(ErrorCode.PROPERTY, path, problem)

    return read


def _text_reader(kind: shape.StrType, name: str) -> Reader:
    longest = kind.max_length
    pattern = re.compile(kind.pattern) if kind.pattern else None
    free, identifier = name in FREE_TEXT, name in IDENTIFIERS

    def read(value: Any, path: str, notes: Notes) -> Any:
        if type(value) is int or (type(value) is float and not identifier and "e" not in repr(value)):
            notes.add(Deviation.TEXT_AS_NUMBER, path)
            value = str(value)
        if not isinstance(value, str):
            raise _wrong_type(path, "a string", value)
        if "\0" in value:
            notes.add(Deviation.NUL_CHARACTER, path)
            value = value.replace("\0", "")
        if longest is not None and len(value) > longest:
            if not free or len(value) > FREE_TEXT_LIMIT:
                raise Unusable(ErrorCode.PROPERTY, path, f"may have at most {longest} characters, has {len(value)}")
            notes.add(Deviation.TOO_LONG, path)
        if pattern is not None and not pattern.search(value):
            raise Unusable(ErrorCode.PROPERTY, path, "must be a URI")
        return value

    return read


def _integer_reader(kind: shape.IntType, name: str) -> Reader:
    low, high, meter = kind.ge, kind.le, name in METERS

    def read(value: Any, path: str, notes: Notes) -> Any:
        if type(value) is str and _INTEGER.fullmatch(value):
            notes.add(Deviation.NUMBER_AS_TEXT, path)
            value = int(value.partition(".")[0])
        elif type(value) is float and value.is_integer():
            notes.add(Deviation.INTEGER_AS_DECIMAL, path)
            value = int(value)
        elif type(value) is float and meter:
            notes.add(Deviation.METER_AS_DECIMAL, path)
            value = round(value)
        if type(value) is not int:
            raise _wrong_type(path, "an integer", value)
        _within(value, low, high, path)
        return value

    return read


def _number_reader(kind: shape.FloatType, step: str | None) -> Reader:
    low, high = kind.ge, kind.le

    def read(value: Any, path: str, notes: Notes) -> Any:
        if type(value) is str and _DECIMAL.fullmatch(value):
            notes.add(Deviation.NUMBER_AS_TEXT, path)
            value = float(value)
        if type(value) is not float and type(value) is not int:
            raise _wrong_type(path, "a number", value)
        try:
            number = float(value)
        except OverflowError:
            raise Unusable(ErrorCode.PROPERTY, path, "is beyond all numbers") from None
        _within(number, low, high, path)
        if step is not None and (steps := Decimal(repr(number)) / Decimal(step)) != steps.to_integral_value():
            notes.add(Deviation.FINER_STEP, path)
        return number

    return read


def _within(value: float, low: float | None, high: float | None, path: str) -> None:
    if low is not None and value < low:
        raise Unusable(ErrorCode.PROPERTY, path, f"must be at least {low}, is {value}")
    if high is not None and value > high:
        raise Unusable(ErrorCode.PROPERTY, path, f"must be at most {high}, is {value}")


def _boolean(value: Any, path: str, notes: Notes) -> Any:
    if not isinstance(value, bool):
        raise _wrong_type(path, "true or false", value)
    return value


def _anything(value: Any, path: str, notes: Notes) -> Any:
    plain = _without_nul(value)
    if plain != value:
        notes.add(Deviation.NUL_CHARACTER, path)
    return plain


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _time(value: Any, path: str, notes: Notes) -> Any:
    if not isinstance(value, str):
        raise _wrong_type(path, "a time in a string", value)
    plain = value.strip(" ")
    parts = _TIME.fullmatch(plain)
    if parts is None:
        raise _no_time(path, value)
    second, fraction, zone = parts["second"], parts["fraction"] or "", parts["zone"]
    if plain != value or parts["t"] == " " or parts["gap"]:
        notes.add(Deviation.TIME_WITH_SPACE, path)
    if second is None:
        notes.add(Deviation.TIME_WITHOUT_SECONDS, path)
        second = "00"
    elif second == "60":
        notes.add(Deviation.LEAP_SECOND, path)
        second = "59"
    if zone is None:
        notes.add(Deviation.TIME_WITHOUT_ZONE, path)
        zone = "Z"
    elif len(zone) in (3, 5):
        notes.add(Deviation.ZONE_WITHOUT_COLON, path)
        zone = f"{zone[:3]}:{zone[3:] or '00'}"
    try:
        return _read_rfc3339(f'"{parts["date"]}T{parts["minute"]}:{second}{fraction}{zone}"')
    except msgspec.ValidationError:
        raise _no_time(path, value) from None


def _no_time(path: str, value: str) -> Unusable:
    return Unusable(ErrorCode.PROPERTY, path, f"{_shown(value)!r} is no time as in 2030-01-31T12:00:00Z")


def _wrong_type(path: str, expected: str, value: Any) -> Unusable:
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer", float: "a number"}
    found = names.get(type(value)) or {None: "null", True: "true", False: "false"}[value]
    return Unusable(ErrorCode.TYPE, path, f"must be {expected}, is {found}")


def _shown(text: str) -> str:
    """A text of the station's own making, fit to be stored and sent back."""
    return text[:NAME_LIMIT].replace("\0", "")
