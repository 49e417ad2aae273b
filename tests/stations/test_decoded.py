from typing import Any

import pytest

from forecourt.ocpp.deviations import Deviation
from forecourt.stations.decoded import MAX_FIELDS, MAX_TEXT, Cell, Field, Table, decode, gist
from forecourt.stations.gateway.reports import BEYOND_LIMIT
from forecourt.stations.words import DEVIATIONS, UNNAMED_DEVIATION, deviation_kind, explain_deviation


def field(payload: dict[str, Any], name: str) -> Field:
    return next(each for each in decode(payload).fields if each.name == name)


def as_text(table: Table) -> list[dict[str, str]]:
    return [{name: cell.text for name, cell in zip(table.columns, row, strict=True) if cell.text} for row in table.rows]


def test_a_field_keeps_the_name_and_gets_the_unit_of_the_specification() -> None:
    fields = decode({"connectorId": 1, "meterStart": 1200, "idTag": "AB"}).fields
    assert fields == (
        Field("connectorId", "1"), Field("meterStart", "1200", "Wh"), Field("idTag", "AB"),
    )  # fmt: skip


def test_meter_values_of_1_6_are_a_table_and_what_was_not_said_is_marked_as_assumed() -> None:
    payload = {
        "connectorId": 1,
        "meterValue": [
            {
                "timestamp": "2026-03-01T12:00:00Z",
                "sampledValue": [
                    {"value": "1234"},
                    {"value": "11.0", "measurand": "Power.Active.Import", "unit": "kW", "phase": "L1"},
                ],
            }
        ],
    }
    table = field(payload, "meterValue").table
    assert table is not None
    assert as_text(table) == [
        {
            "timestamp": "2026-03-01T12:00:00Z",
            "measurand": "Energy.Active.Import.Register",
            "value": "1234",
            "unit": "Wh",
            "location": "Outlet",
            "context": "Sample.Periodic",
        },
        {
            "timestamp": "2026-03-01T12:00:00Z",
            "measurand": "Power.Active.Import",
            "value": "11.0",
            "unit": "kW",
            "phase": "L1",
            "location": "Outlet",
            "context": "Sample.Periodic",
        },
    ]
    assumed = [cell for cell in table.rows[0] if cell.assumed]
    assert Cell("Wh", True) in assumed
    assert Cell("Energy.Active.Import.Register", True) in assumed
    assert Cell("kW", True) not in table.rows[1]
    assert "value" in table.numeric


def test_a_2x_sample_has_its_unit_with_the_multiplier_and_a_signed_record_is_not_poured_out() -> None:
    payload = {
        "meterValue": [
            {
                "timestamp": "2026-03-01T12:00:00Z",
                "sampledValue": [
                    {"value": 1.5, "unitOfMeasure": {"unit": "W", "multiplier": 3}, "measurand": "Power.Active.Import"},
                    {"value": 7, "signedMeterValue": {"signedMeterData": "x" * 4000}},
                ],
            }
        ]
    }
    table = field(payload, "meterValue").table
    assert table is not None
    rows = as_text(table)
    assert rows[0]["unit"] == "10^3 W"
    assert "x" * 40 not in str(rows[1])


def test_like_things_are_a_table_with_every_field_that_one_of_them_has() -> None:
    keys = [{"key": "A", "readonly": True, "value": "1"}, {"key": "B", "readonly": False}]
    table = field({"configurationKey": keys}, "configurationKey").table
    assert table is not None
    assert table.columns == ("key", "readonly", "value")
    assert [[cell.text for cell in row] for row in table.rows] == [["A", "true", "1"], ["B", "false", ""]]


def test_what_is_too_much_or_too_deep_is_left_to_the_raw_json_and_said_so() -> None:
    assert not decode({str(number): number for number in range(MAX_FIELDS + 1)}).whole
    assert not decode({"certificate": "x" * (MAX_TEXT + 1)}).whole
    deep: dict[str, Any] = {"end": 1}
    for _ in range(50):
        deep = {"in": deep}
    assert not decode(deep).whole
    assert decode({"small": [1, 2, 3]}).whole


@pytest.mark.parametrize("payload", [None, [], "text", 7, [1, {"a": [[]]}], {"a": None, "b": {}, "c": [], "d": [None]}])
def test_whatever_json_was_said_can_be_read(payload: Any) -> None:
    decode(payload)
    gist(payload)


def test_the_gist_says_first_what_the_message_itself_says() -> None:
    payload = {
        "evse": {"id": 3},
        "timestamp": "2026-03-01T12:00:00Z",
        "eventType": "Started",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "t1"},
    }
    assert gist(payload) == "eventType Started · seqNo 0 · id 3"


def test_every_deviation_has_words_of_its_own() -> None:
    assert {explain_deviation(each) for each in Deviation} <= set(DEVIATIONS.values())
    assert explain_deviation(BEYOND_LIMIT) != UNNAMED_DEVIATION
    assert explain_deviation("never-heard-of") == UNNAMED_DEVIATION
    assert deviation_kind("unknown-field $.x") == "unknown-field"
    assert deviation_kind("TypeConstraintViolation: $.a must be a number") == "TypeConstraintViolation"
