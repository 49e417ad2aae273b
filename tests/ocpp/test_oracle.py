"""The strict decoder accepts and refuses what the published schemas do; where not, it is listed here with a reason."""

import json
from random import Random
from typing import Any

import msgspec
import pytest

from forecourt.ocpp import CallFault, ErrorCode, Notes, Version
from forecourt.ocpp.decode import Codec
from forecourt.ocpp.reading import reader
from forecourt.ocpp.v16 import messages as v16
from forecourt.ocpp.v21 import messages as v21
from forecourt.ocpp.v201 import messages as v201
from tests.ocpp import schemas

MODULES = {Version.V16: v16, Version.V201: v201, Version.V21: v21}
MESSAGES = [
    pytest.param(version, struct, id=f"{version.value}-{struct.__name__}")
    for version, module in MODULES.items()
    for struct in (*module.REQUESTS.values(), *module.RESPONSES.values())
]

#: Mutants tried of each message, drawn by a fixed seed; the messages together try every kind thousands of times.
MUTANTS = 90

#: The error that each kind of mutant is, by 2.x's spelling.
CODES = {
    "missing": ErrorCode.OCCURRENCE,
    "too few": ErrorCode.OCCURRENCE,
    "too many": ErrorCode.OCCURRENCE,
    "unknown field": ErrorCode.FORMAT,
    "wrong type": ErrorCode.TYPE,
    "null": ErrorCode.TYPE,
    "wrong word": ErrorCode.PROPERTY,
    "wrong time": ErrorCode.PROPERTY,
    "no uri": ErrorCode.PROPERTY,
    "too long": ErrorCode.PROPERTY,
    "out of range": ErrorCode.PROPERTY,
}


def encoded(value: Any, random: Random) -> bytes:
    """JSON in one of the ways in which it may be written."""
    separators = random.choice([(",", ":"), (", ", ": ")])
    return json.dumps(value, ensure_ascii=random.random() < 0.5, separators=separators).encode()


def verdict(codec: Codec, payload: bytes) -> CallFault | None:
    try:
        codec.check(payload)
    except CallFault as fault:
        return fault
    return None


def test_every_published_schema_has_its_struct() -> None:
    for version, module in MODULES.items():
        folder = schemas.FOLDERS[version]
        names = {struct.__name__ for struct in (*module.REQUESTS.values(), *module.RESPONSES.values())}
        assert names == schemas.names(version), folder


@pytest.mark.parametrize(("version", "struct"), MESSAGES)
def test_what_the_schema_allows_is_decoded_the_same_strictly_and_forgivingly(
    version: Version, struct: type[msgspec.Struct]
) -> None:
    random = Random(struct.__name__)
    oracle, codec, strict = (
        schemas.validator(version, struct.__name__),
        Codec(struct, version),
        msgspec.json.Decoder(struct),
    )
    for optional in (0.0, 0.3, 0.6, 0.6, 1.0):
        value = schemas.instance(version, struct.__name__, random, optional)
        assert oracle.is_valid(value)
        payload, notes = encoded(value, random), Notes()
        request = strict.decode(payload)
        assert reader(struct)(value, "$", notes) == request
        assert not notes.met
        assert codec.check(payload) == request
        decoded = codec.decode(payload)
        assert (decoded.request, decoded.deviations) == (request, ())


@pytest.mark.parametrize(("version", "struct"), MESSAGES)
def test_what_the_schema_refuses_is_refused_with_the_right_error(
    version: Version, struct: type[msgspec.Struct]
) -> None:
    random = Random(struct.__name__)
    oracle, codec = schemas.validator(version, struct.__name__), Codec(struct, version)
    base = schemas.instance(version, struct.__name__, random, 1.0)
    tried = schemas.mutations(version, struct.__name__, base)
    for mutation in random.sample(tried, min(MUTANTS, len(tried))):
        kind, value = mutation.kind, mutation.of(base)
        payload = encoded(value, random)
        fault = verdict(codec, payload)
        if oracle.is_valid(value):
            assert fault is None, (kind, value)
            continue
        assert fault is not None, (kind, value)
        if not (kind == "null" and value is None) and isinstance(value, dict):
            assert fault.code == CODES[kind].spelled(version), (kind, value, fault)
            assert fault.details["path"].startswith("$")


@pytest.mark.parametrize(("version", "struct"), MESSAGES)
def test_what_is_served_although_it_deviates_is_reported(version: Version, struct: type[msgspec.Struct]) -> None:
    random = Random(struct.__name__)
    codec = Codec(struct, version)
    base = schemas.instance(version, struct.__name__, random, 1.0)
    tried = schemas.mutations(version, struct.__name__, base)
    for mutation in random.sample(tried, min(MUTANTS // 3, len(tried))):
        kind, value = mutation.kind, mutation.of(base)
        payload = encoded(value, random)
        fault = verdict(codec, payload)
        try:
            decoded = codec.decode(payload)
        except CallFault:
            decoded = None
        if decoded is None:
            assert fault is not None, (kind, value)
        else:
            assert isinstance(decoded.request, struct)
            assert bool(decoded.deviations) == (fault is not None), (kind, value)


class Difference(msgspec.Struct, frozen=True):
    """One place where the strict decoder and the schema differ, and why that is wanted."""

    reason: str
    version: Version
    struct: type[msgspec.Struct]
    payload: str
    schema_accepts: bool


HEARD = '"connectorId":1,"meterValue":[{"timestamp":"2026-11-22T05:40:00Z","sampledValue":[{"value":"1"}]}]'
EVSE = '"evseId":1,"timestamp":"2026-11-22T05:40:00Z","connectorStatus":"Available"'

DIFFERENCES = {
    "integer as decimal": Difference(
        "JSON Schema since draft 6 takes 1.0 for an integer; OCPP writes integers without a point.",
        Version.V201, v201.StatusNotificationRequest, f'{{{EVSE},"connectorId":1.0}}', True,
    ),
    "integer over 32 bits": Difference(
        "OCPP integers are of 32 bits, and so are the columns that hold them.",
        Version.V16, v16.MeterValuesRequest, f'{{{HEARD},"transactionId":2147483648}}', True,
    ),
    "negative connector": Difference(
        "Connectors and EVSEs are counted from zero.",
        Version.V201, v201.StatusNotificationRequest, f'{{{EVSE},"connectorId":-1}}', True,
    ),
    "leap second": Difference(
        "No time of a computer has a second 60.",
        Version.V16, v16.StopTransactionRequest,
        '{"meterStop":1,"transactionId":1,"timestamp":"2016-12-31T23:59:60Z"}', True,
    ),
    "year zero": Difference(
        "The calendar of computers begins with the year 1.",
        Version.V16, v16.StopTransactionRequest,
        '{"meterStop":1,"transactionId":1,"timestamp":"0000-01-01T00:00:00Z"}', True,
    ),
    "end of the calendar": Difference(
        "Rounded to microseconds, the last tenth of one belongs to the year 10000.",
        Version.V16, v16.StopTransactionRequest,
        '{"meterStop":1,"transactionId":1,"timestamp":"9999-12-31T23:59:59.9999999Z"}', True,
    ),
    "nul character": Difference(
        "PostgreSQL can't keep a NUL in a text.",
        Version.V16, v16.AuthorizeRequest, '{"idTag":"AB\\u0000"}', True,
    ),
    "repeated field": Difference(
        "The schema sees the last of equal names only; the decoder looks at each.",
        Version.V16, v16.AuthorizeRequest, '{"idTag":5,"idTag":"AB"}', True,
    ),
    "percent in a uri": Difference(
        "The pattern for addresses is near enough; what is no address fails when it is used.",
        Version.V16, v16.GetDiagnosticsRequest, '{"location":"ftp://host/%zz"}', False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_listed_differences_are_all_there(name: str) -> None:
    difference = DIFFERENCES[name]
    oracle = schemas.validator(difference.version, difference.struct.__name__)
    fault = verdict(Codec(difference.struct, difference.version), difference.payload.encode())
    assert oracle.is_valid(json.loads(difference.payload)) is difference.schema_accepts
    assert (fault is None) is not difference.schema_accepts
