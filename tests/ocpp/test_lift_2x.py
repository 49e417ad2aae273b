"""2.0.1 and 2.1 mean the same by the same messages; each test is of both."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from forecourt.ocpp import Notes, Version, protocol
from forecourt.ocpp.neutral import (
    Authorize,
    Boot,
    ConnectorState,
    ConnectorStatus,
    Heartbeat,
    Measurand,
    MeterReport,
    Report,
    Sample,
    Step,
    Token,
    TransactionReport,
)
from forecourt.ocpp.v21 import messages as v21
from forecourt.ocpp.v201 import messages as v201

pytestmark = pytest.mark.parametrize("version", [Version.V201, Version.V21])

AT = "2026-11-22T05:40:00.500Z"
NOON = datetime(2026, 11, 22, 5, 40, 0, 500_000, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": AT,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "f0b1c2d3"},
}


def lifted(version: Version, action: str, payload: dict[str, Any], notes: Notes | None = None) -> Report:
    spoken = protocol(version)
    decoded = spoken.decode_call(action, json.dumps(payload).encode())
    assert decoded.deviations == ()
    return spoken.lift(action, decoded.request, notes)


def sampled(version: Version, *values: dict[str, Any]) -> TransactionReport:
    report = lifted(
        version, "TransactionEvent", {**EVENT, "meterValue": [{"timestamp": AT, "sampledValue": list(values)}]}
    )
    assert isinstance(report, TransactionReport)
    return report


def test_a_boot_says_who_and_why(version: Version) -> None:
    station = {"vendorName": "V", "model": "M", "serialNumber": "s", "modem": {"iccid": "i"}}
    report = lifted(version, "BootNotification", {"reason": "PowerUp", "chargingStation": station})
    assert report == Boot(vendor="V", model="M", serial="s", reason="PowerUp", iccid="i")


def test_a_heartbeat_is_a_sign_of_life(version: Version) -> None:
    assert lifted(version, "Heartbeat", {}) == Heartbeat()


def test_a_token_keeps_its_type(version: Version) -> None:
    report = lifted(version, "Authorize", {"idToken": {"idToken": "DE-X", "type": "eMAID"}})
    assert report == Authorize(token=Token("DE-X", "eMAID"))
    assert type(report.token.type) is str


def test_occupied_is_kept_where_nothing_more_is_said(version: Version) -> None:
    payload = {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 3}
    assert lifted(version, "StatusNotification", payload) == ConnectorStatus(
        evse=2, connector=3, state=ConnectorState.OCCUPIED, at=NOON
    )


def test_meter_values_belong_to_no_transaction(version: Version) -> None:
    values = [{"timestamp": AT, "sampledValue": [{"value": 12.5, "unitOfMeasure": {"unit": "kWh"}}]}]
    report = lifted(version, "MeterValues", {"evseId": 0, "meterValue": values})
    assert report == MeterReport(evse=0, samples=(Sample(NOON, Measurand.ENERGY_IMPORT_REGISTER, 12500),))


def test_a_bare_update_says_no_more_than_it_says(version: Version) -> None:
    assert lifted(version, "TransactionEvent", EVENT) == TransactionReport(
        step=Step.UPDATED, at=NOON, transaction_id="f0b1c2d3", seq=3, trigger="MeterValuePeriodic"
    )


def test_a_start_carries_all_that_links_it(version: Version) -> None:
    payload = {
        **EVENT,
        "eventType": "Started",
        "triggerReason": "RemoteStart",
        "seqNo": 0,
        "offline": True,
        "reservationId": 9,
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": "AB", "type": "ISO15693"},
        "transactionInfo": {"transactionId": "t", "chargingState": "EVConnected", "remoteStartId": 77},
    }
    assert lifted(version, "TransactionEvent", payload) == TransactionReport(
        step=Step.STARTED,
        at=NOON,
        transaction_id="t",
        seq=0,
        evse=2,
        connector=1,
        token=Token("AB", "ISO15693"),
        trigger="RemoteStart",
        charging_state="EVConnected",
        offline=True,
        remote_start_id=77,
        reservation_id=9,
    )


def test_an_evse_without_a_connector_is_not_given_one(version: Version) -> None:
    report = lifted(version, "TransactionEvent", {**EVENT, "evse": {"id": 2}})
    assert isinstance(report, TransactionReport)
    assert (report.evse, report.connector) == (2, None)


def test_charging_without_authorisation_is_a_token_of_that_type(version: Version) -> None:
    report = lifted(version, "TransactionEvent", {**EVENT, "idToken": {"idToken": "", "type": "NoAuthorization"}})
    assert isinstance(report, TransactionReport)
    assert report.token == Token("", "NoAuthorization")


@pytest.mark.parametrize(("said", "meant"), [(None, "Local"), ("PowerLoss", "PowerLoss")])
def test_an_end_without_a_reason_is_local(version: Version, said: str | None, meant: str) -> None:
    of = {"transactionId": "t"} | ({} if said is None else {"stoppedReason": said})
    report = lifted(version, "TransactionEvent", {**EVENT, "eventType": "Ended", "transactionInfo": of})
    assert isinstance(report, TransactionReport)
    assert (report.step, report.stop_reason) == (Step.ENDED, meant)


@pytest.mark.parametrize(
    ("value", "unit", "multiplier", "wh"),
    [(1234.5, "Wh", 0, 1234), (1235.5, "Wh", 0, 1236), (1.2345, "kWh", 0, 1234), (12345, "Wh", -1, 1234),
     (1.2, "Wh", 3, 1200), (12, "kWh", -3, 12), (0.1, "WH", 0, 0)],
)  # fmt: skip
def test_the_multiplier_is_a_power_of_ten(version: Version, value: float, unit: str, multiplier: int, wh: int) -> None:
    report = sampled(version, {"value": value, "unitOfMeasure": {"unit": unit, "multiplier": multiplier}})
    assert (report.meter_first_wh, report.meter_last_wh) == (wh, wh)


def test_a_signed_value_is_kept_beside_its_record(version: Version) -> None:
    signed = {"signedMeterData": "T0NNRg==", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "k"}
    report = sampled(version, {"value": 42, "signedMeterValue": signed})
    (sample,) = report.samples
    assert (sample.measurand, sample.value) == (Measurand.ENERGY_IMPORT_REGISTER, 42)
    assert sample.signed is not None
    assert json.loads(sample.signed) == signed
    assert report.meter_last_wh == 42


def test_every_text_of_a_signed_value_is_kept_as_it_was_sent(version: Version) -> None:
    signed = {
        "signedMeterData": ' OCMF|{"FV":"1.0","GI":"ä"}|{"SD":"3045\\/+="}\r\n\t',
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "",
        "publicKey": "b2NhOmJhc2UxNjphc24xOg==\n",
    }
    (sample,) = sampled(version, {"value": 0, "signedMeterValue": signed}).samples
    assert sample.signed is not None
    assert json.loads(sample.signed) == signed
    (bare,) = sampled(version, {"value": 0}).samples
    assert bare.signed is None


def test_power_of_three_phases_is_their_sum(version: Version) -> None:
    values = [{"value": 2300.4, "measurand": "Power.Active.Import", "phase": phase} for phase in ("L1", "L2", "L3")]
    assert sampled(version, *values).power_w == 6900


def test_a_multiplier_beyond_all_measure_skips_the_value_and_is_noted(version: Version) -> None:
    notes = Notes()
    values = [{"timestamp": AT, "sampledValue": [{"value": 1, "unitOfMeasure": {"multiplier": 2_000_000_000}}]}]
    report = lifted(version, "TransactionEvent", {**EVENT, "meterValue": values}, notes)
    assert isinstance(report, TransactionReport)
    assert report.samples == ()
    assert [line.split()[0] for line in notes.lines()] == ["sample-skipped"]


def test_every_measurand_of_the_version_is_understood_or_kept_as_other(version: Version) -> None:
    words = v201.MeasurandEnumType if version is Version.V201 else v21.MeasurandEnumType
    report = sampled(version, *({"value": 1, "measurand": word.value} for word in words))
    assert len(report.samples) == len(words)
    known = {sample.measurand for sample in report.samples} - {Measurand.OTHER}
    assert len(known) >= 16


def test_only_a_station_that_can_settle_it_says_that_its_terminal_holds_the_money(version: Version) -> None:
    said = {"idToken": "T-1", "type": "DirectPayment"}
    spoken = protocol(version)
    for action, payload in (
        ("Authorize", {"idToken": said}),
        ("TransactionEvent", EVENT | {"eventType": "Started", "idToken": said}),
    ):
        report = spoken.lift(action, spoken.decode_call(action, json.dumps(payload).encode()).request, None)
        assert isinstance(report, Authorize | TransactionReport)
        assert report.token == Token("T-1", "DirectPayment" if version is Version.V21 else "Central")
