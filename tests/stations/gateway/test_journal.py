"""No secret is kept, wherever in a message it stands; what holds none is kept as it came."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from forecourt.platform.commit import Write
from forecourt.stations.gateway.journal import MASK, enter, redact, safe
from forecourt.stations.gateway.station import Station

SECRET = "hunter2-hunter2"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def network_profile() -> dict[str, Any]:
    vpn = {"server": "10.0.0.1", "user": "u", "password": SECRET, "key": SECRET, "type": "IPSec"}
    apn = {"apn": "internet", "apnAuthentication": "PAP", "apnPassword": SECRET, "simPin": 123_456}
    return {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": f"wss://u:{SECRET}@h/", "vpn": vpn, "apn": apn}}


def told_as_text(inner: Any) -> dict[str, Any]:
    return {"vendorId": "V", "data": json.dumps(inner)}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SetNetworkProfile", network_profile()),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        ("SetVariables", {"setVariableData": [{"variable": {"name": "VpnKey"}, "attributeValue": SECRET}]}),
        ("DataTransfer", told_as_text({"password": SECRET})),
        ("DataTransfer", told_as_text([{"key": "AuthorizationKey", "value": SECRET}])),
        ("DataTransfer", told_as_text(told_as_text({"vpn": {"key": SECRET}}))),
        ("DataTransfer", {"vendorId": "V", "data": '{"password": "' + SECRET}),
        ("DataTransfer", {"vendorId": "V", "data": f"user=me;password={SECRET};"}),
        ("DataTransfer", {"vendorId": "V", "data": {"password": [SECRET], "secret": {"value": SECRET}}}),
        ("DataTransfer", {"vendorId": "V", "data": f"pw {SECRET}"}),
        ("DataTransfer", {"vendorId": "V", "data": f"the PIN is {SECRET}, the rest is not"}),
        ("DataTransfer", {"vendorId": "V", "data": f"api_key = '{SECRET}'; retries=3"}),
        ("DataTransfer", {"status": "Accepted", "data": {"accessToken": 1, "access_token": SECRET}}),
        ("DataTransfer", {"status": "Accepted", "data": json.dumps({"pw": SECRET})}),
        ("DataTransfer", {"vendorId": "V", "data": {"apiKey": SECRET, "cardNumber": SECRET}}),
        ("StatusNotification", {"info": f"password={SECRET}"}),
        ("StatusNotification", {"info": f"pw={SECRET}"}),
        ("StatusNotification", {"vendorErrorCode": f"no answer of ftp://admin:p{SECRET}@host"}),
        ("BootNotification", {"firmwareVersion": f"1.0 secret: {SECRET}"}),
        ("TransactionEvent", {"customData": {"vendorId": "V", "Password": SECRET}}),
        ("Authorize", {"idTag": "A", "authorizationKey": SECRET}),
        ("SignCertificate", {"csr": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"}),
        ("CertificateSigned", {"certificateChain": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"}),
        ("GetDiagnostics", {"location": f"ftp://u:p@ss{SECRET}@host/logs"}),
        ("GetLog", {"log": {"remoteLocation": f"sftp://u@x:{SECRET}@host"}}),
    ],
)
def test_a_secret_is_not_kept_and_the_rest_is(action: str, payload: dict[str, Any]) -> None:
    plain = json.dumps(payload).encode()
    hidden = "".join(f"\\u{ord(letter):04x}" if letter in "pPsSkKvV" else letter for letter in json.dumps(payload))
    escaped = json.dumps(payload).replace("/", "\\/").encode()
    frame = json.dumps([2, "id", action, payload]).encode()
    for text in (redact(action, plain), redact(action, escaped), redact(action, hidden.encode()), safe(frame)):
        assert b"hunter2" not in text.replace(b"\\", b"")
        assert b"123456" not in text
        assert MASK.encode() in text
    assert json.loads(redact(action, plain)).keys() == payload.keys()


@pytest.mark.parametrize(
    "number", ["4929 1234 5678 1236", "4929-1234-5678-1236", "378282246310005", "5555555555554444"]
)
def test_the_number_of_a_card_is_not_kept_and_another_number_is(number: str) -> None:
    plain = number.replace(" ", "").replace("-", "")
    other = plain[:-1] + str((int(plain[-1]) + 1) % 10)
    for data in (f"paid by {number} today", {"receipt": {"by": plain}}, {"by": int(plain)}, json.dumps({"a": plain})):
        kept = redact("DataTransfer", json.dumps({"vendorId": "V", "data": data}).encode()).decode()
        assert number not in kept
        assert plain not in kept
    for action, name in (("StatusNotification", "info"), ("NotifyEvent", "techInfo")):
        kept = redact(action, json.dumps({name: f"reader said {number}"}).encode()).decode()
        assert number not in kept
    kept = redact("DataTransfer", json.dumps({"vendorId": "V", "data": f"meter {other}"}).encode()).decode()
    assert other in kept
    # What names a thing is no exception: a serial number is not worth a card's.
    boot = json.dumps({"chargePointSerialNumber": plain}).encode()
    assert json.loads(redact("BootNotification", boot)) == {"chargePointSerialNumber": "[card number]"}


def test_of_what_comes_most_only_what_may_hold_words_is_looked_through() -> None:
    def kept(action: str, payload: dict[str, Any], *deviations: str) -> bytes:
        write = Write()
        enter(
            write, Station(1, 1, "CP1"), NOON, inbound=True, kind=2, message_id="1", action=action,
            payload=json.dumps(payload).encode(), deviations=deviations,
        )  # fmt: skip
        [(_, row)] = write.rows
        return row

    said = {"sampledValue": [{"value": f"password={SECRET}"}]}
    assert SECRET.encode() not in kept("MeterValues", said, "sample-skipped $.meterValue")
    for place in ("customData", "additionalInfo"):
        assert SECRET.encode() not in kept("TransactionEvent", {place: {"password": SECRET}})


def test_what_holds_no_secret_is_kept_as_it_came() -> None:
    for payload in (b'{"key":  "HeartbeatInterval","value":"300"}', b'{"location":"ftp://host/a@b"}', b"", b"\xff{"):
        assert redact("ChangeConfiguration", payload) is payload
        assert safe(payload) is payload
    text = rb'{"vendorId":"V","data":"{\"apn\": [1, 2.50]}"}'
    assert json.loads(redact("DataTransfer", text)) == json.loads(text)


def test_of_a_transfer_no_more_is_taken_out_than_what_stands_behind_the_word() -> None:
    for said, kept in (
        (f"set pw {SECRET} now", f"set pw {MASK} now"),
        ("pinned tokens, monkeys", "pinned tokens, monkeys"),
        ("pw", "pw"),
    ):
        payload = {"vendorId": "V", "messageId": "M", "data": said}
        assert json.loads(redact("DataTransfer", json.dumps(payload).encode())) == {**payload, "data": kept}
    asked = {"vendorId": "V", "data": {"key": "HeartbeatInterval", "value": "300"}}
    assert json.loads(redact("DataTransfer", json.dumps(asked).encode())) == asked


@pytest.mark.parametrize(
    "broken",
    [
        b'[2,"id","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2',
        b'{"password":"hunter2\xff"}',
        b'{"password":"hunter2\\ud800"}',
        b'"\xc3password hunter2',
        "password hunter2".encode("utf-16"),
        b'{"password":"hunter2","deep":' + b"[" * 100_000,
        b"\x00password hunter2",
    ],
)
def test_what_can_not_be_read_and_may_hold_a_secret_is_withheld_whole_and_never_raises(broken: bytes) -> None:
    for text in (redact("DataTransfer", broken.replace(b"\0", b"")), safe(broken)):
        assert b"hunter2" not in text.replace(b"\0", b"")
        json.loads(text)
