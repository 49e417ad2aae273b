"""Each listed deviation is served and named; everything else is refused with the error that fits it."""

# ruff: noqa: E501  a table reads best with one case a line

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from forecourt.ocpp import CallFault, Deviation, Version, protocol
from forecourt.ocpp.deviations import DEVIATION_LIMIT, STRICT_CODES
from forecourt.ocpp.neutral import ConnectorStatus, Context, MeterReport, TransactionReport

AT = "2026-11-22T05:40:00Z"
NOON = datetime(2026, 11, 22, 5, 40, tzinfo=UTC)
START: dict[str, Any] = {"connectorId": 1, "idTag": "AB12", "meterStart": 0, "timestamp": AT}
STOP: dict[str, Any] = {"transactionId": 7, "meterStop": 1, "timestamp": AT}
STATUS: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
BOOT: dict[str, Any] = {"chargePointVendor": "V", "chargePointModel": "M"}
EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": AT,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "tx"},
}
ENDED = {**EVENT, "eventType": "Ended"}


def meter(**sampled: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [sampled, {"value": "5"}]}]}


def at(time: str) -> dict[str, Any]:
    return {**START, "timestamp": time}


#: deviation, version, action, payload, path, and what the request then holds (a dotted attribute and its value).
CASES: list[tuple[Deviation, Version, str, dict[str, Any], str, str, Any]] = [
    (Deviation.INTEGER_AS_DECIMAL, Version.V16, "StartTransaction", {**START, "meterStart": 17.0}, "$.meterStart", "meter_start", 17),
    (Deviation.INTEGER_AS_DECIMAL, Version.V201, "TransactionEvent", {**EVENT, "seqNo": 4.0}, "$.seqNo", "seq_no", 4),
    (Deviation.METER_AS_DECIMAL, Version.V16, "StopTransaction", {**STOP, "meterStop": 16.5}, "$.meterStop", "meter_stop", 16),
    (Deviation.NUMBER_AS_TEXT, Version.V16, "StartTransaction", {**START, "meterStart": "-17"}, "$.meterStart", "meter_start", -17),
    (Deviation.TEXT_AS_NUMBER, Version.V16, "StartTransaction", {**START, "idTag": 1234}, "$.idTag", "id_tag", "1234"),
    (Deviation.TIME_WITHOUT_ZONE, Version.V16, "StartTransaction", at("2026-11-22T05:40:00"), "$.timestamp", "timestamp", NOON),
    (Deviation.TIME_WITH_SPACE, Version.V16, "StartTransaction", at("2026-11-22 05:40:00Z"), "$.timestamp", "timestamp", NOON),
    (Deviation.TIME_WITH_SPACE, Version.V16, "StartTransaction", at("2026-11-22T05:40:00.000 Z"), "$.timestamp", "timestamp", NOON),
    (Deviation.ZONE_WITHOUT_COLON, Version.V16, "StartTransaction", at("2026-11-22T05:40:00+0000"), "$.timestamp", "timestamp", NOON),
    (Deviation.ZONE_WITHOUT_COLON, Version.V16, "StartTransaction", at("2026-11-22T02:40:00-0300"), "$.timestamp", "timestamp", NOON),
    (Deviation.ZONE_WITHOUT_COLON, Version.V16, "StartTransaction", at("2026-11-22T07:40:00+02"), "$.timestamp", "timestamp", NOON),
    (Deviation.TIME_WITHOUT_SECONDS, Version.V16, "StartTransaction", at("2026-11-22T05:40Z"), "$.timestamp", "timestamp", NOON),
    (Deviation.LEAP_SECOND, Version.V16, "StartTransaction", at("2026-11-22T05:39:60Z"), "$.timestamp", "timestamp", NOON.replace(minute=39, second=59)),
    (Deviation.UNKNOWN_FIELD, Version.V16, "StatusNotification", {**STATUS, "mood": "good"}, "$.mood", "status", "Charging"),
    (Deviation.UNKNOWN_FIELD, Version.V201, "TransactionEvent", {**EVENT, "evse": {"id": 2, "x": 1}}, "$.evse.x", "evse.id", 2),
    (Deviation.NULL_FOR_ABSENT, Version.V16, "StatusNotification", {**STATUS, "info": None}, "$.info", "status", "Charging"),
    (Deviation.TOO_LONG, Version.V16, "BootNotification", {**BOOT, "firmwareVersion": "v" * 60}, "$.firmwareVersion", "firmware_version", "v" * 60),
    (Deviation.LETTER_CASE, Version.V16, "StatusNotification", {**STATUS, "status": "suspendedEv"}, "$.status", "status", "SuspendedEV"),
    (Deviation.EMPTY_LIST, Version.V201, "TransactionEvent", {**EVENT, "meterValue": []}, "$.meterValue", "seq_no", 3),
    (Deviation.EMPTY_LIST, Version.V201, "NotifyReport", {"requestId": 1, "generatedAt": AT, "seqNo": 2, "tbc": False, "reportData": []}, "$.reportData", "seq_no", 2),
    (Deviation.EMPTY_LIST, Version.V16, "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": []}]}, "$.meterValue[0].sampledValue", "connector_id", 1),
    (Deviation.NUL_CHARACTER, Version.V16, "BootNotification", {**BOOT, "firmwareVersion": "1.2\0\0"}, "$.firmwareVersion", "firmware_version", "1.2"),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "MeterValues", meter(value="1", measurand="Mood"), "$.meterValue[0].sampledValue[0].measurand", "connector_id", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "MeterValues", meter(measurand="SoC"), "$.meterValue[0].sampledValue[0].value", "connector_id", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "MeterValues", meter(value={}), "$.meterValue[0].sampledValue[0].value", "connector_id", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "MeterValues", meter(value=None), "$.meterValue[0].sampledValue[0].value", "connector_id", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "StopTransaction", {**STOP, "transactionData": [{"timestamp": "noon", "sampledValue": [{"value": "1"}]}]}, "$.transactionData[0].timestamp", "meter_stop", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V16, "StopTransaction", {**STOP, "transactionData": {}}, "$.transactionData", "meter_stop", 1),
    (Deviation.SAMPLE_SKIPPED, Version.V201, "TransactionEvent", {**ENDED, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "much"}, {"value": 5}]}]}, "$.meterValue[0].sampledValue[0].value", "seq_no", 3),
    (Deviation.SAMPLE_SKIPPED, Version.V21, "TransactionEvent", {**ENDED, "meterValue": [{"timestamp": None, "sampledValue": [{"value": 5}]}]}, "$.meterValue[0].timestamp", "seq_no", 3),
    (Deviation.UNKNOWN_WORD, Version.V16, "StopTransaction", {**STOP, "reason": "Bored" * 20}, "$.reason", "reason", ("Bored" * 20)[:64]),
    (Deviation.UNKNOWN_WORD, Version.V201, "TransactionEvent", {**EVENT, "triggerReason": "Mood"}, "$.triggerReason", "trigger_reason", "Mood"),
    (Deviation.UNKNOWN_WORD, Version.V21, "TransactionEvent", {**ENDED, "transactionInfo": {"transactionId": "tx", "stoppedReason": "Bored"}}, "$.transactionInfo.stoppedReason", "transaction_info.stopped_reason", "Bored"),
    (Deviation.UNKNOWN_WORD, Version.V201, "TransactionEvent", {**EVENT, "transactionInfo": {"transactionId": "tx", "chargingState": "Napping"}}, "$.transactionInfo.chargingState", "transaction_info.charging_state", "Napping"),
    (Deviation.UNKNOWN_WORD, Version.V16, "MeterValues", meter(value="1", context="Whim"), "$.meterValue[0].sampledValue[0].context", "connector_id", 1),
    (Deviation.TOKEN_SKIPPED, Version.V16, "StopTransaction", {**STOP, "idTag": "x" * 21}, "$.idTag", "meter_stop", 1),
    (Deviation.TOKEN_SKIPPED, Version.V201, "TransactionEvent", {**ENDED, "idToken": {"idToken": "x" * 37, "type": "ISO14443"}}, "$.idToken.idToken", "seq_no", 3),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}-{case[4]}")
def test_a_listed_deviation_is_served_and_reported_by_name_and_path(
    case: tuple[Deviation, Version, str, dict[str, Any], str, str, Any],
) -> None:
    deviation, version, action, content, path, attribute, value = case
    spaced, compact = (json.dumps(content, separators=separators) for separators in (None, (",", ":")))
    decoded = protocol(version).decode_call(action, compact.encode())
    assert decoded.deviations == (f"{deviation} {path}",)
    assert protocol(version).decode_call(action, spaced.encode()) == decoded
    found: Any = decoded.request
    for name in attribute.split("."):
        found = getattr(found, name)
    assert found == value


def test_every_deviation_has_a_code_for_where_it_is_not_forgiven() -> None:
    assert set(STRICT_CODES) == set(Deviation)


@pytest.mark.parametrize("empty", [b"null", b"[]"])
def test_an_empty_message_may_come_as_null_or_an_empty_list(empty: bytes) -> None:
    decoded = protocol(Version.V16).decode_call("Heartbeat", empty)
    assert decoded.deviations == ("empty-payload $",)


def test_a_field_sent_twice_counts_with_its_last_value_and_is_reported() -> None:
    decoded = protocol(Version.V16).decode_call("Authorize", b'{"idTag":5,"idTag":"AB"}')
    assert (decoded.request.id_tag, decoded.deviations) == ("AB", ("repeated-field $",))


def test_over_long_fractions_of_a_second_are_right_and_not_reported() -> None:
    decoded = protocol(Version.V16).decode_call(
        "StartTransaction", json.dumps(at("2026-11-22T05:40:00.1234567891Z")).encode()
    )
    assert decoded.deviations == ()
    assert decoded.request.timestamp == NOON.replace(microsecond=123457)


def test_several_deviations_are_all_reported_up_to_a_bound() -> None:
    crowded = STATUS | {f"extra{number}": number for number in range(50)}
    decoded = protocol(Version.V16).decode_call("StatusNotification", json.dumps(crowded).encode())
    assert len(decoded.deviations) == DEVIATION_LIMIT
    mixed = {**START, "meterStart": "3", "timestamp": "2026-11-22 05:40:00", "more": None}
    decoded = protocol(Version.V16).decode_call("StartTransaction", json.dumps(mixed).encode())
    assert [line.split()[0] for line in decoded.deviations] == [
        "number-as-text", "time-with-space", "time-without-zone", "unknown-field",
    ]  # fmt: skip


#: version, action, payload, code, and a word of the description that says what was expected
REFUSALS: list[tuple[Version, str, dict[str, Any], str, str]] = [
    (Version.V16, "StartTransaction", {"connectorId": 1}, "OccurenceConstraintViolation", "$.idTag is required"),
    (Version.V201, "TransactionEvent", {"seqNo": 1}, "OccurrenceConstraintViolation", "$.eventType is required"),
    (Version.V201, "TransactionEvent", {**EVENT, "eventType": "Paused"}, "PropertyConstraintViolation", "none of"),
    (Version.V201, "TransactionEvent", {**EVENT, "idToken": {"idToken": "x" * 37, "type": "ISO14443"}}, "PropertyConstraintViolation", "at most 36"),
    (Version.V16, "MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation", "at least 1"),
    (Version.V16, "StartTransaction", {**START, "connectorId": "one"}, "TypeConstraintViolation", "an integer"),
    (Version.V16, "StartTransaction", {**START, "connectorId": True}, "TypeConstraintViolation", "an integer"),
    (Version.V16, "StartTransaction", {**START, "meterStart": "1,5"}, "TypeConstraintViolation", "an integer"),
    (Version.V16, "StartTransaction", {**START, "connectorId": 1.5}, "TypeConstraintViolation", "an integer"),
    (Version.V16, "StartTransaction", {**START, "idTag": 1.5}, "TypeConstraintViolation", "a string"),
    (Version.V16, "StartTransaction", {**START, "idTag": None}, "TypeConstraintViolation", "is null"),
    (Version.V16, "StartTransaction", {**START, "idTag": "x" * 21}, "PropertyConstraintViolation", "at most 20"),
    (Version.V16, "StartTransaction", {**START, "connectorId": -1}, "PropertyConstraintViolation", "at least 0"),
    (Version.V16, "StartTransaction", {**START, "meterStart": 2**31}, "PropertyConstraintViolation", "at most 2147483647"),
    (Version.V16, "StartTransaction", at("yesterday"), "PropertyConstraintViolation", "no time"),
    (Version.V16, "StartTransaction", at("2026-02-30T00:00:00Z"), "PropertyConstraintViolation", "no time"),
    (Version.V16, "StartTransaction", at("2026-11-22T05:40:00,5Z"), "PropertyConstraintViolation", "no time"),
    (Version.V16, "StatusNotification", {**STATUS, "status": "Busy"}, "PropertyConstraintViolation", "Available, Preparing"),
    (Version.V201, "TransactionEvent", {**EVENT, "transactionInfo": []}, "TypeConstraintViolation", "an object"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case[1]}-{case[4]}")
def test_what_can_not_be_used_is_refused_with_what_where_and_what_was_expected(
    case: tuple[Version, str, dict[str, Any], str, str],
) -> None:
    version, action, content, code, words = case
    with pytest.raises(CallFault) as caught:
        protocol(version).decode_call(action, json.dumps(content).encode())
    assert caught.value.code == code
    assert words in caught.value.description
    assert caught.value.description.startswith(caught.value.details["path"])


@pytest.mark.parametrize("payload", [b'{"idTag":', b'{"idTag":"\xff"}', b'{"idTag":"\\ud800"}', b'"AB"', b"5", b"[1]"])
def test_a_payload_that_is_no_object_is_a_formation_violation(payload: bytes) -> None:
    for version, code in ((Version.V16, "FormationViolation"), (Version.V21, "FormatViolation")):
        with pytest.raises(CallFault) as caught:
            protocol(version).decode_call("Authorize", payload)
        assert caught.value.code == code


def test_where_nothing_is_forgiven_an_unknown_field_is_a_formation_violation() -> None:
    for version, code in ((Version.V16, "FormationViolation"), (Version.V201, "FormatViolation")):
        with pytest.raises(CallFault) as caught:
            protocol(version).check_call("ClearCache", b'{"mood":"good"}')
        assert (caught.value.code, caught.value.details) == (code, {"path": "$.mood"})


def test_no_sample_is_lost_for_the_sake_of_another() -> None:
    spoken = protocol(Version.V16)
    decoded = spoken.decode_call("MeterValues", json.dumps(meter(value="1", unit="Joule")).encode())
    report = spoken.lift("MeterValues", decoded.request)
    assert isinstance(report, MeterReport)
    assert [sample.value for sample in report.samples] == [5]


def test_an_end_in_words_of_the_stations_own_is_understood_to_the_end() -> None:
    spoken = protocol(Version.V201)
    values = [{"timestamp": AT, "sampledValue": [{"value": 7, "context": "Whim"}, {"value": None}]}]
    info = {"transactionId": "tx", "stoppedReason": "Bored", "chargingState": "Napping"}
    event = {**ENDED, "triggerReason": "Mood", "transactionInfo": info, "meterValue": values}
    report = spoken.lift("TransactionEvent", spoken.decode_call("TransactionEvent", json.dumps(event).encode()).request)
    assert isinstance(report, TransactionReport)
    assert (report.stop_reason, report.charging_state, report.trigger) == ("Bored", "Napping", "Mood")
    assert [(sample.value, sample.context) for sample in report.samples] == [(7, Context.OTHER)]
    assert report.meter_last_wh == 7


def test_meter_values_of_which_none_is_understood_are_served_and_say_nothing() -> None:
    spoken = protocol(Version.V16)
    payload = {"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": "noon", "sampledValue": []}]}
    decoded = spoken.decode_call("MeterValues", json.dumps(payload).encode())
    assert spoken.lift("MeterValues", decoded.request) == MeterReport(evse=1, samples=())


def test_a_deviating_station_is_understood_to_the_end() -> None:
    spoken = protocol(Version.V16)
    payload = b'{"connectorId":"2","errorCode":"noerror","status":"AVAILABLE","timestamp":"2026-11-22 07:40:00+0200"}'
    decoded = spoken.decode_call("StatusNotification", payload)
    report = spoken.lift("StatusNotification", decoded.request)
    assert isinstance(report, ConnectorStatus)
    assert (report.evse, report.state.value, report.at) == (2, "Available", NOON)
    stop = spoken.decode_call("StopTransaction", json.dumps({**STOP, "reason": None, "transactionId": "7"}).encode())
    ended = spoken.lift("StopTransaction", stop.request)
    assert isinstance(ended, TransactionReport)
    assert (ended.transaction_id, ended.stop_reason) == ("7", "Local")
