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
    Context,
    Heartbeat,
    Location,
    Measurand,
    MeterReport,
    Notice,
    Phase,
    Report,
    Sample,
    Step,
    Token,
    TransactionReport,
)

SPOKEN = protocol(Version.V16)
AT = "2026-11-22T05:40:00Z"
NOON = datetime(2026, 11, 22, 5, 40, tzinfo=UTC)


def lifted(action: str, payload: dict[str, Any], notes: Notes | None = None) -> Report:
    decoded = SPOKEN.decode_call(action, json.dumps(payload).encode())
    assert decoded.deviations == ()
    return SPOKEN.lift(action, decoded.request, notes)


def metered(*values: dict[str, Any], transaction: int | None = 7) -> TransactionReport:
    payload: dict[str, Any] = {"connectorId": 2, "meterValue": [{"timestamp": AT, "sampledValue": list(values)}]}
    report = lifted("MeterValues", payload if transaction is None else payload | {"transactionId": transaction})
    assert isinstance(report, TransactionReport)
    return report


def test_a_boot_says_who_the_station_is() -> None:
    payload = {
        "chargePointVendor": "VendorX",
        "chargePointModel": "Single",
        "chargeBoxSerialNumber": "box1",
        "firmwareVersion": "0.9.87",
        "iccid": "",
        "meterSerialNumber": "m1",
        "meterType": "t",
    }
    assert lifted("BootNotification", payload) == Boot(
        vendor="VendorX", model="Single", serial="box1", firmware="0.9.87", meter_serial="m1"
    )


def test_a_heartbeat_is_a_sign_of_life() -> None:
    assert lifted("Heartbeat", {}) == Heartbeat()


def test_a_tag_is_asked_about_as_an_iso14443_token() -> None:
    assert lifted("Authorize", {"idTag": "AbC"}) == Authorize(token=Token("AbC", "ISO14443"))


def test_a_status_of_connector_n_is_of_the_only_connector_of_evse_n() -> None:
    payload = {"connectorId": 3, "errorCode": "NoError", "status": "SuspendedEVSE", "timestamp": AT, "info": "x"}
    assert lifted("StatusNotification", payload) == ConnectorStatus(
        evse=3, connector=1, state=ConnectorState.SUSPENDED_EVSE, at=NOON, info="x"
    )


def test_a_faulted_station_is_evse_and_connector_zero_with_its_error() -> None:
    payload = {"connectorId": 0, "errorCode": "GroundFailure", "status": "Faulted", "vendorErrorCode": "E7"}
    assert lifted("StatusNotification", payload) == ConnectorStatus(
        evse=0, connector=0, state=ConnectorState.FAULTED, error_code="GroundFailure", vendor_error_code="E7"
    )


def test_a_start_has_no_transaction_id_yet_and_its_meter_is_first_and_last() -> None:
    payload = {"connectorId": 1, "idTag": "A", "meterStart": 1500, "timestamp": AT, "reservationId": 4}
    assert lifted("StartTransaction", payload) == TransactionReport(
        step=Step.STARTED,
        at=NOON,
        evse=1,
        connector=1,
        token=Token("A"),
        meter_first_wh=1500,
        meter_last_wh=1500,
        reservation_id=4,
    )


def test_a_stop_without_a_reason_is_local_and_takes_the_register_from_meter_stop() -> None:
    report = lifted("StopTransaction", {"transactionId": 7, "meterStop": 2500, "timestamp": AT})
    assert report == TransactionReport(
        step=Step.ENDED, at=NOON, transaction_id="7", meter_last_wh=2500, stop_reason="Local"
    )


def test_a_stop_brings_its_transaction_data_as_samples() -> None:
    data = [
        {"timestamp": "2026-11-22T05:00:00Z", "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}]},
        {"timestamp": AT, "sampledValue": [{"value": "2.4", "unit": "kWh", "context": "Transaction.End"}]},
    ]
    payload = {"transactionId": 7, "meterStop": 2500, "timestamp": AT, "idTag": "A", "transactionData": data}
    report = lifted("StopTransaction", {**payload, "reason": "EVDisconnected"})
    assert isinstance(report, TransactionReport)
    assert [sample.value for sample in report.samples] == [1000, 2400]
    assert [sample.context for sample in report.samples] == [Context.BEGIN, Context.END]
    assert (report.meter_first_wh, report.meter_last_wh) == (1000, 2500)
    assert (report.token, report.stop_reason) == (Token("A"), "EVDisconnected")


def test_a_bare_value_is_the_import_register_in_wh_periodic_at_the_outlet() -> None:
    report = metered({"value": "1234"})
    assert report.samples == (Sample(NOON, Measurand.ENERGY_IMPORT_REGISTER, 1234),)
    assert (report.transaction_id, report.step, report.at) == ("7", Step.UPDATED, NOON)
    assert (report.evse, report.connector) == (2, 1)
    assert (report.meter_first_wh, report.meter_last_wh) == (1234, 1234)


@pytest.mark.parametrize(
    ("sampled", "measurand", "value"),
    [
        ({"value": "1.2345", "unit": "kWh"}, Measurand.ENERGY_IMPORT_REGISTER, 1234),
        ({"value": "7.36", "unit": "kW", "measurand": "Power.Active.Import"}, Measurand.POWER_IMPORT, 7360),
        ({"value": "16.01", "unit": "A", "measurand": "Current.Import"}, Measurand.CURRENT_IMPORT, 16010),
        ({"value": "230.4", "unit": "V", "measurand": "Voltage"}, Measurand.VOLTAGE, 230400),
        ({"value": "230.4", "measurand": "Voltage"}, Measurand.VOLTAGE, 230400),
        ({"value": "81.25", "unit": "Percent", "measurand": "SoC"}, Measurand.SOC, 8125),
        ({"value": "21.5", "unit": "Celcius", "measurand": "Temperature"}, Measurand.TEMPERATURE, 2150),
        ({"value": "300", "unit": "K", "measurand": "Temperature"}, Measurand.TEMPERATURE, 2685),
        ({"value": "212", "unit": "Fahrenheit", "measurand": "Temperature"}, Measurand.TEMPERATURE, 10000),
        ({"value": "-40", "unit": "Fahrenheit", "measurand": "Temperature"}, Measurand.TEMPERATURE, -4000),
        ({"value": "49.98", "measurand": "Frequency"}, Measurand.FREQUENCY, 49980),
        ({"value": "0.98", "measurand": "Power.Factor"}, Measurand.POWER_FACTOR, 980),
        ({"value": "1.5", "unit": "kvarh", "measurand": "Energy.Reactive.Import.Register"},
         Measurand.REACTIVE_ENERGY, 1500),
        ({"value": "3000", "measurand": "RPM"}, Measurand.RPM, 3000),
        ({"value": "5", "unit": "varh", "measurand": "Energy.Reactive.Export.Register"}, Measurand.OTHER, 5000),
    ],
)  # fmt: skip
def test_values_come_in_the_units_of_the_neutral_language(
    sampled: dict[str, str], measurand: Measurand, value: int
) -> None:
    (sample,) = metered(sampled).samples
    assert (sample.measurand, sample.value) == (measurand, value)


def test_a_unit_that_does_not_fit_makes_no_register_and_is_noted() -> None:
    notes = Notes()
    payload = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "16", "unit": "A"}]}]}
    report = lifted("MeterValues", payload, notes)
    assert isinstance(report, MeterReport)
    assert [(sample.measurand, sample.value) for sample in report.samples] == [(Measurand.OTHER, 16_000)]
    assert notes.lines() == ("unit-mismatch $.meterValue.sampledValue.unit",)


def test_a_value_that_is_no_number_is_skipped_and_noted_and_the_others_are_served() -> None:
    notes = Notes()
    values = [{"value": "n/a", "measurand": "SoC"}, {"value": "1,5"}, {"value": "20"}]
    payload = {"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": AT, "sampledValue": values}]}
    report = lifted("MeterValues", payload, notes)
    assert isinstance(report, TransactionReport)
    assert [sample.value for sample in report.samples] == [20]
    assert [line.split()[0] for line in notes.lines()] == ["sample-skipped", "sample-skipped"]
    assert lifted("MeterValues", payload) == report


def test_a_signed_record_is_kept_exactly_and_is_no_reading() -> None:
    record = 'OCMF|{"RV":"1,5"}|{"SD":"é"}'
    report = metered({"value": record, "format": "SignedData", "context": "Transaction.End"}, {"value": "8"})
    signed, plain = report.samples
    assert (signed.signed, signed.value, signed.context) == (record, 0, Context.END)
    assert plain.signed is None
    assert (report.meter_first_wh, report.meter_last_wh) == (8, 8)


def test_phases_and_places_keep_their_names() -> None:
    (sample,) = metered(
        {"value": "1", "measurand": "Voltage", "phase": "L2-N", "location": "Inlet", "context": "Trigger"}
    ).samples
    assert (sample.phase, sample.location, sample.context) == (Phase.L2_N, Location.INLET, Context.TRIGGER)


def test_a_report_of_several_instants_is_as_old_as_its_latest() -> None:
    values = [
        {"timestamp": "2026-11-22T06:00:00+01:00", "sampledValue": [{"value": "5"}]},
        {"timestamp": AT, "sampledValue": [{"value": "9"}, {"value": "700", "measurand": "Power.Active.Import"}]},
        {"timestamp": "2026-11-22T05:20:00Z", "sampledValue": [{"value": "7"}, {"value": "50", "measurand": "SoC"}]},
    ]
    report = lifted("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": values})
    assert isinstance(report, TransactionReport)
    assert report.at == NOON
    assert (report.meter_first_wh, report.meter_last_wh, report.power_w, report.soc_pct) == (5, 9, 700, 50)
    assert report.samples[0].at == datetime(2026, 11, 22, 5, tzinfo=UTC)
    assert report.samples[0].at.tzinfo is UTC


@pytest.mark.parametrize("transaction", [None, 0, -1])
def test_values_that_name_no_transaction_belong_to_the_meter(transaction: int | None) -> None:
    payload: dict[str, Any] = {"connectorId": 0, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]}
    if transaction is not None:
        payload["transactionId"] = transaction
    report = lifted("MeterValues", payload)
    assert report == MeterReport(evse=0, samples=(Sample(NOON, Measurand.ENERGY_IMPORT_REGISTER, 1),))


def test_what_has_no_neutral_word_is_a_notice_with_the_typed_request() -> None:
    report = lifted("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert isinstance(report, Notice)
    assert (report.action, report.request.status) == ("DiagnosticsStatusNotification", "UploadFailed")


def test_a_nonsense_sample_or_register_does_not_spoil_the_stop() -> None:
    nonsense = [
        {"value": "4294967295", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "250", "measurand": "SoC", "unit": "Percent"},
        {"value": "1200"},
    ]
    spoken, notes = protocol(Version.V16), Notes()
    stop = {"transactionId": 7, "meterStop": -1, "timestamp": "2026-11-22T05:40:00Z"}
    data = [{"timestamp": "2026-11-22T05:40:00Z", "sampledValue": nonsense}]
    payload = json.dumps({**stop, "transactionData": data}).encode()
    report = spoken.lift("StopTransaction", spoken.decode_call("StopTransaction", payload).request, notes)
    assert isinstance(report, TransactionReport)
    assert (report.meter_first_wh, report.meter_last_wh, report.power_w, report.soc_pct) == (None, 1200, None, None)
    assert len(report.samples) == 3
    assert sorted(notes.lines()) == [
        "value-beyond-range $.meterStop",
        *["value-beyond-range $.meterValue.sampledValue.value"] * 2,
    ]
