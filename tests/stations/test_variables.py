from datetime import timedelta
from typing import Any

import msgspec
import pytest

from forecourt.ocpp.neutral import Version
from forecourt.ocpp.protocol import protocol
from forecourt.stations.gateway.journal import redact
from forecourt.stations.variables import ACTUAL, assemble, of_configuration, of_report, place_of, set_call
from tests.support import EPOCH

NO_SECRET = "8e2cf1b5c2a14f0d9a3d7b6e"


def page(number: int, *, last: bool, request_id: int = 7, names: tuple[str, ...] = ("A",)) -> Any:
    data = [
        {"component": {"name": "Ctrlr"}, "variable": {"name": name}, "variableAttribute": [{"value": "1"}]}
        for name in names
    ]
    return EPOCH, {"requestId": request_id, "seqNo": number, "tbc": not last, "reportData": data}


def test_pages_of_a_report_may_come_in_any_order() -> None:
    found = assemble([page(2, last=True, names=("C",)), page(0, last=False), page(1, last=False, names=("B",))], 7)
    assert found.complete
    assert [each.variable for each in found.variables] == ["A", "B", "C"]


def test_a_report_whose_first_pages_never_came_is_incomplete_but_not_empty() -> None:
    found = assemble([page(2, last=True)], 7)
    assert (found.complete, found.ended, found.pages) == (False, True, 1)
    assert len(found.variables) == 1


def test_pages_of_another_report_and_what_is_none_are_left_out() -> None:
    stray = [page(0, last=True, request_id=8), (EPOCH, None), (EPOCH, {"cut": "70000 bytes"}), (EPOCH, {"seqNo": "0"})]
    found = assemble(stray, 7)
    assert (found.pages, found.complete, found.variables) == (0, False, [])


def test_a_page_said_twice_counts_once() -> None:
    assert assemble([page(0, last=True), page(0, last=True)], 7).pages == 1


def test_a_secret_is_named_but_its_value_never_kept() -> None:
    keys = [
        {"key": "AuthorizationKey", "readonly": False, "value": NO_SECRET},
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    ]
    rows = {each.variable: each for each in of_configuration({"configurationKey": keys}, EPOCH)}
    assert rows["AuthorizationKey"].secret
    assert NO_SECRET not in str(rows)
    assert not rows["HeartbeatInterval"].secret
    assert rows["HeartbeatInterval"].value == "300"


def test_a_secret_of_a_report_was_taken_out_by_the_log_and_stays_a_secret() -> None:
    data = [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "variableAttribute": [{"value": NO_SECRET, "mutability": "WriteOnly"}],
        }
    ]
    logged = msgspec.json.decode(redact("NotifyReport", msgspec.json.encode({"reportData": data})))
    [row] = of_report(logged["reportData"], EPOCH)
    assert row.secret
    assert row.value is None


@pytest.mark.parametrize(
    ("kept", "place"),
    [
        ("EVSE", {"name": "EVSE"}),
        ("Connector@2.1", {"name": "Connector", "evse": {"id": 2, "connectorId": 1}}),
        ("Ctrlr[main]@3", {"name": "Ctrlr", "instance": "main", "evse": {"id": 3}}),
        ("ItemsPerMessage[GetReport]", {"name": "ItemsPerMessage", "instance": "GetReport"}),
    ],
)
def test_a_component_goes_to_the_station_as_it_came(kept: str, place: dict[str, Any]) -> None:
    assert place_of(kept) == place
    [row] = of_report([{"component": place, "variable": {"name": "V"}, "variableAttribute": [{}]}], EPOCH)
    assert row.component == kept


@pytest.mark.parametrize("version", list(Version))
def test_a_change_is_right_by_the_schema_of_each_version(version: Version) -> None:
    if version is Version.V16:
        [row] = of_configuration({"configurationKey": [{"key": "HeartbeatInterval", "readonly": False}]}, EPOCH)
    else:
        data = {
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": "Limit", "instance": "x"},
            "variableAttribute": [{"type": "MaxSet", "value": "16"}],
        }
        [row] = of_report([data], EPOCH + timedelta(0))
        assert row.attribute != ACTUAL
    action, payload = set_call(version, row, "300")
    protocol(version).check_call(action, msgspec.json.encode(payload))
