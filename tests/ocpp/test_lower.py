import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import msgspec
import pytest

from forecourt.ocpp import CallFault, Version, protocol
from forecourt.ocpp.neutral import (
    Acknowledged,
    Answer,
    AuthorizationStatus,
    AuthorizeAnswer,
    BootAnswer,
    Command,
    HeartbeatAnswer,
    Registration,
    Reset,
    ResetType,
    StartCharging,
    StopCharging,
    Token,
    TokenStatus,
    TransactionAnswer,
    UnlockConnector,
)
from tests.ocpp import schemas

NOW = datetime(2026, 3, 1, 13, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=1)))
SAID_NOW = "2026-03-01T12:00:00.123Z"
FULL = TokenStatus(status=AuthorizationStatus.ACCEPTED, group="FAMILY", expires_at=datetime(2027, 1, 1, tzinfo=UTC))
V2 = (Version.V201, Version.V21)
ACTIONS = [(version, action) for version in Version for action in sorted(protocol(version).station_actions)]


def answered(version: Version, action: str, answer: Answer, request: Any = None) -> Any:
    """The answer as the station reads it, checked against the schema of the response."""
    content = json.loads(protocol(version).answer(action, request, answer))
    assert schemas.validator(version, f"{action}Response").is_valid(content), content
    return content


@pytest.mark.parametrize(("version", "action"), ACTIONS)
def test_every_action_of_a_station_has_a_valid_answer_where_nobody_decided(version: Version, action: str) -> None:
    random = Random(action)
    for optional in (0.0, 0.5, 1.0, 1.0):
        payload = json.dumps(schemas.instance(version, f"{action}Request", random, optional)).encode()
        request = protocol(version).decode_call(action, payload).request
        answered(version, action, Acknowledged(now=NOW), request)


@pytest.mark.parametrize(
    ("version", "action", "answer"),
    [
        (Version.V16, "DataTransfer", {"status": "UnknownVendorId"}),
        (Version.V201, "DataTransfer", {"status": "UnknownVendorId"}),
        (Version.V16, "SignCertificate", {"status": "Rejected"}),
        (Version.V201, "Get15118EVCertificate", {"status": "Failed", "exiResponse": ""}),
        (Version.V201, "GetCertificateStatus", {"status": "Failed"}),
        (Version.V201, "NotifyEVChargingNeeds", {"status": "Rejected"}),
        (Version.V21, "NotifyEVChargingNeeds", {"status": "NoChargingProfile"}),
        (Version.V21, "PullDynamicScheduleUpdate", {"status": "Rejected"}),
        (Version.V16, "Authorize", {"idTagInfo": {"status": "Invalid"}}),
        (Version.V201, "Authorize", {"idTokenInfo": {"status": "Invalid"}}),
        (Version.V16, "StartTransaction", {"transactionId": 0, "idTagInfo": {"status": "Invalid"}}),
    ],
)
def test_nobody_s_decision_is_never_a_yes(version: Version, action: str, answer: dict[str, Any]) -> None:
    assert answered(version, action, Acknowledged(now=NOW)) == answer


def test_a_vat_number_that_nobody_checked_is_rejected_under_its_own_number() -> None:
    spoken = protocol(Version.V21)
    request = spoken.decode_call("VatNumberValidation", b'{"vatNumber":"NO123","evseId":0}').request
    content = answered(Version.V21, "VatNumberValidation", Acknowledged(now=NOW), request)
    assert content == {"vatNumber": "NO123", "evseId": 0, "status": "Rejected"}


def test_each_certificate_asked_about_gets_its_own_failure() -> None:
    asked = {
        "hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1",
    }  # fmt: skip
    other = {**asked, "serialNumber": "2"}
    requests = [
        {"certificateHashData": asked, "source": "OCSP", "urls": ["http://a"]},
        {"certificateHashData": other, "source": "CRL", "urls": ["http://b"]},
    ]
    payload = json.dumps({"certificateStatusRequests": requests}).encode()
    request = protocol(Version.V21).decode_call("GetCertificateChainStatus", payload).request
    content = answered(Version.V21, "GetCertificateChainStatus", Acknowledged(now=NOW), request)
    assert [status["certificateHashData"] for status in content["certificateStatus"]] == [asked, other]
    assert {status["status"] for status in content["certificateStatus"]} == {"Failed"}


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("status", Registration)
def test_a_boot_is_answered_in_utc_with_milliseconds(version: Version, status: Registration) -> None:
    answer = answered(version, "BootNotification", BootAnswer(status=status, now=NOW, interval_s=300))
    assert answer == {"status": status.value.capitalize(), "currentTime": SAID_NOW, "interval": 300}


@pytest.mark.parametrize("version", Version)
def test_a_heartbeat_is_answered_with_the_time(version: Version) -> None:
    assert answered(version, "Heartbeat", HeartbeatAnswer(now=NOW)) == {"currentTime": SAID_NOW}
    whole = HeartbeatAnswer(now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert answered(version, "Heartbeat", whole) == {"currentTime": "2026-03-01T12:00:00.000Z"}


def test_1_6_is_told_the_parent_tag_and_the_expiry() -> None:
    assert answered(Version.V16, "Authorize", AuthorizeAnswer(token=FULL)) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY", "expiryDate": "2027-01-01T00:00:00.000Z"}
    }


@pytest.mark.parametrize("version", V2)
def test_2x_is_told_the_group_token_and_the_expiry(version: Version) -> None:
    assert answered(version, "Authorize", AuthorizeAnswer(token=FULL)) == {
        "idTokenInfo": {
            "status": "Accepted",
            "cacheExpiryDateTime": "2027-01-01T00:00:00.000Z",
            "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
        }
    }


@pytest.mark.parametrize("version", Version)
def test_a_group_too_long_for_the_version_is_left_out(version: Version) -> None:
    token = TokenStatus(status=AuthorizationStatus.ACCEPTED, group="x" * 40)
    content = answered(version, "Authorize", AuthorizeAnswer(token=token))
    assert next(iter(content.values())) == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("status", "said"),
    [("Accepted", "Accepted"), ("Blocked", "Blocked"), ("ConcurrentTx", "ConcurrentTx"), ("Expired", "Expired"),
     ("Invalid", "Invalid"), ("NoCredit", "Blocked"), ("Unknown", "Invalid")],
)  # fmt: skip
def test_1_6_hears_every_decision_in_its_own_five_words(status: str, said: str) -> None:
    answer = AuthorizeAnswer(token=TokenStatus(status=AuthorizationStatus(status)))
    assert answered(Version.V16, "Authorize", answer) == {"idTagInfo": {"status": said}}
    for version in V2:
        assert answered(version, "Authorize", answer) == {"idTokenInfo": {"status": status}}


def test_a_start_is_given_its_transaction_id() -> None:
    answer = TransactionAnswer(transaction_id="12", token=TokenStatus(status=AuthorizationStatus.EXPIRED))
    content = answered(Version.V16, "StartTransaction", answer)
    assert content == {"transactionId": 12, "idTagInfo": {"status": "Expired"}}
    undecided = answered(Version.V16, "StartTransaction", TransactionAnswer(transaction_id="12"))
    assert undecided == {"transactionId": 12, "idTagInfo": {"status": "Invalid"}}
    with pytest.raises(ValueError, match="transaction id"):
        protocol(Version.V16).answer("StartTransaction", None, TransactionAnswer())


def test_a_report_that_named_no_token_is_only_confirmed() -> None:
    nothing = TransactionAnswer()
    told = ((Version.V16, "StopTransaction"), (Version.V16, "MeterValues"), (Version.V201, "TransactionEvent"))
    for version, action in told:
        assert answered(version, action, nothing) == {}
    blocked = TransactionAnswer(token=TokenStatus(status=AuthorizationStatus.BLOCKED))
    assert answered(Version.V16, "StopTransaction", blocked) == {"idTagInfo": {"status": "Blocked"}}
    assert answered(Version.V21, "TransactionEvent", blocked) == {"idTokenInfo": {"status": "Blocked"}}


def test_an_answer_to_another_question_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="HeartbeatAnswer is no answer to Authorize"):
        protocol(Version.V16).answer("Authorize", None, HeartbeatAnswer(now=NOW))


def commanded(version: Version, command: Command) -> tuple[str, Any]:
    action, payload = protocol(version).lower(command)
    content = json.loads(payload)
    assert schemas.validator(version, f"{action}Request").is_valid(content)
    return action, content


def test_a_remote_start_names_the_connector_of_the_evse_in_1_6() -> None:
    start = StartCharging(token=Token("AB"), remote_start_id=5, evse=2)
    assert commanded(Version.V16, start) == ("RemoteStartTransaction", {"idTag": "AB", "connectorId": 2})
    anywhere = StartCharging(token=Token("AB"), remote_start_id=5)
    assert commanded(Version.V16, anywhere) == ("RemoteStartTransaction", {"idTag": "AB"})


@pytest.mark.parametrize("version", V2)
def test_a_remote_start_carries_its_id_and_the_type_of_the_token_in_2x(version: Version) -> None:
    start = StartCharging(token=Token("AB", "KeyCode"), remote_start_id=5, evse=2)
    token = {"idToken": "AB", "type": "KeyCode"}
    assert commanded(version, start) == (
        "RequestStartTransaction",
        {"remoteStartId": 5, "idToken": token, "evseId": 2},
    )


@pytest.mark.parametrize("version", V2)
def test_a_stop_names_the_transaction_as_the_station_does(version: Version) -> None:
    stop = StopCharging(transaction_id="f0b1")
    assert commanded(version, stop) == ("RequestStopTransaction", {"transactionId": "f0b1"})
    assert commanded(Version.V16, StopCharging(transaction_id="12")) == (
        "RemoteStopTransaction",
        {"transactionId": 12},
    )


@pytest.mark.parametrize(
    ("version", "command"),
    [
        (Version.V16, StopCharging(transaction_id="f0b1")),
        (Version.V16, StartCharging(token=Token("x" * 21), remote_start_id=1)),
        (Version.V201, StartCharging(token=Token("x" * 37), remote_start_id=1)),
        (Version.V201, StartCharging(token=Token("x", "VIN"), remote_start_id=1)),
        (Version.V201, StopCharging(transaction_id="x" * 37)),
    ],
)
def test_what_a_version_can_not_express_is_not_sent(version: Version, command: StartCharging | StopCharging) -> None:
    with pytest.raises(CallFault) as caught:
        protocol(version).lower(command)
    assert caught.value.code == "PropertyConstraintViolation"


@pytest.mark.parametrize("version", Version)
def test_a_command_is_accepted_or_not_in_the_station_s_words(version: Version) -> None:
    start, stop = StartCharging(token=Token("AB"), remote_start_id=5), StopCharging(transaction_id="1")
    spoken = protocol(version)
    for command in (start, stop):
        for status in ("Accepted", "Rejected"):
            found = spoken.lift_result(command, json.dumps({"status": status}).encode())
            assert (found.accepted, found.status, found.transaction_id) == (status == "Accepted", status, None)
        with pytest.raises(CallFault):
            spoken.lift_result(command, b'{"status":"Perhaps"}')


@pytest.mark.parametrize("version", V2)
def test_a_transaction_that_already_runs_is_named_in_the_answer(version: Version) -> None:
    start = StartCharging(token=Token("AB"), remote_start_id=5)
    found = protocol(version).lift_result(start, msgspec.Raw(b'{"status":"Accepted","transactionId":"t1"}'))
    assert found.transaction_id == "t1"


def test_an_unlock_names_the_connector_in_1_6_and_the_evse_and_its_connector_in_2x() -> None:
    unlock = UnlockConnector(evse=2, connector=3)
    assert commanded(Version.V16, unlock) == ("UnlockConnector", {"connectorId": 2})
    for version in V2:
        assert commanded(version, unlock) == ("UnlockConnector", {"evseId": 2, "connectorId": 3})


def test_a_reset_is_soft_or_hard_in_the_word_of_each_version() -> None:
    soft, hard = Reset(kind=ResetType.SOFT), Reset(kind=ResetType.HARD)
    assert commanded(Version.V16, soft) == ("Reset", {"type": "Soft"})
    assert commanded(Version.V16, hard) == ("Reset", {"type": "Hard"})
    for version in V2:
        assert commanded(version, soft) == ("Reset", {"type": "OnIdle"})
        assert commanded(version, hard) == ("Reset", {"type": "Immediate"})


@pytest.mark.parametrize(
    ("version", "command", "status", "accepted"),
    [
        *((version, UnlockConnector(evse=1), "Unlocked", True) for version in Version),
        *((version, UnlockConnector(evse=1), "UnlockFailed", False) for version in Version),
        (Version.V16, UnlockConnector(evse=1), "NotSupported", False),
        *((version, UnlockConnector(evse=1), "OngoingAuthorizedTransaction", False) for version in V2),
        *((version, UnlockConnector(evse=1), "UnknownConnector", False) for version in V2),
        *((version, Reset(kind=ResetType.HARD), "Accepted", True) for version in Version),
        *((version, Reset(kind=ResetType.HARD), "Rejected", False) for version in Version),
        *((version, Reset(kind=ResetType.SOFT), "Scheduled", True) for version in V2),
    ],
)
def test_an_unlock_or_a_reset_is_agreed_to_or_not_in_the_station_s_words(
    version: Version, command: Command, status: str, accepted: bool
) -> None:
    found = protocol(version).lift_result(command, json.dumps({"status": status}).encode())
    assert (found.accepted, found.status) == (accepted, status)
