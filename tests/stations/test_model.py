import json
from itertools import pairwise
from typing import Any

import pytest

from forecourt.platform.digest import keyed_digest
from forecourt.stations.model import (
    STATE_PRIORITY,
    UNKNOWN,
    find_password,
    password_hash,
    password_taken,
    passwords_set_by,
    shown_state,
    station_state,
)


def test_a_station_without_a_socket_is_offline_whatever_its_connectors_last_said() -> None:
    assert station_state(False, ["Charging", "Faulted"]) == "Offline"


def test_one_faulted_connector_makes_the_station_faulted_while_another_charges() -> None:
    assert station_state(True, ["Charging", "Faulted"]) == "Faulted"


def test_a_station_is_unavailable_only_when_every_connector_is() -> None:
    assert station_state(True, ["Unavailable", "Unavailable"]) == "Unavailable"
    assert station_state(True, ["Unavailable", "Available"]) == "Available"


def test_a_connected_station_that_told_nothing_yet_is_available() -> None:
    assert station_state(True, []) == "Available"


def test_a_state_from_a_newer_version_never_hides_a_known_one() -> None:
    assert station_state(True, ["Levitating", "Preparing"]) == "Preparing"


@pytest.mark.parametrize(("stronger", "weaker"), pairwise(STATE_PRIORITY))
def test_the_more_telling_state_wins_in_either_order(stronger: str, weaker: str) -> None:
    assert station_state(True, [stronger, weaker]) == station_state(True, [weaker, stronger]) == stronger


KEY = b"a key of the tests"
DIGITS = "0123456789abcdef0123456789abcdef01234567"


def test_a_running_session_knows_better_than_a_connector_that_says_it_is_free_or_says_nothing() -> None:
    for said in ("Available", "Occupied", UNKNOWN):
        assert shown_state(said, "Charging", here=True) == "Charging"
        assert shown_state(said, None, here=True) == said
    for said in ("Faulted", "Unavailable", "Reserved", "Charging"):
        assert shown_state(said, "SuspendedEV", here=True) == said


def test_a_session_at_another_connector_of_the_evse_says_what_occupied_means_and_no_more() -> None:
    assert shown_state("Occupied", "Charging", here=False) == "Charging"
    for said in ("Available", UNKNOWN, "Unavailable", "Faulted"):
        assert shown_state(said, "Charging", here=False) == said


def test_a_password_fits_its_digest_only_whole_and_in_its_own_case() -> None:
    kept = [password_hash(KEY, "another"), password_hash(KEY, "a Password of 20 ch.")]
    assert find_password(KEY, b"a Password of 20 ch.", kept) == 1
    for wrong in (b"a password of 20 ch.", b"a Password of 20 ch", b"", b"a Password of 20 ch.".hex().encode()):
        assert find_password(KEY, wrong, kept) is None
    assert find_password(KEY, b"a Password of 20 ch.", []) is None


def test_a_key_in_digits_fits_as_bytes_and_in_either_case_also_where_it_was_kept_as_typed() -> None:
    for kept in (
        password_hash(KEY, DIGITS),
        password_hash(KEY, DIGITS.upper()),
        keyed_digest(KEY, "station", DIGITS.upper()),
    ):
        assert find_password(KEY, bytes.fromhex(DIGITS), [kept]) == 0
        assert find_password(KEY, DIGITS.upper().encode(), [kept]) == 0
        assert find_password(KEY, bytes.fromhex(DIGITS)[:-1], [kept]) is None


def test_digits_too_short_for_a_key_are_a_text_like_any_other() -> None:
    kept = [password_hash(KEY, "ab" * 8)]
    assert find_password(KEY, b"ab" * 8, kept) == 0
    assert find_password(KEY, b"AB" * 8, kept) is None
    assert find_password(KEY, b"\xab" * 8, kept) is None


def item(**more: Any) -> dict[str, Any]:
    return {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, **more}


@pytest.mark.parametrize(
    ("action", "payload", "found"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "x"}, ["x"]),
        ("ChangeConfiguration", {"key": "authorizationKEY", "value": "x"}, ["x"]),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "x"}, []),
        ("ChangeConfiguration", {"key": "AuthorizationKey"}, []),
        ("ChangeConfiguration", [], []),
        ("GetConfiguration", {"key": "AuthorizationKey", "value": "x"}, []),
        ("SetVariables", {"setVariableData": [item(attributeValue="x")]}, ["x"]),
        ("SetVariables", {"setVariableData": [item(attributeValue="x", attributeType="Actual")]}, ["x"]),
        ("SetVariables", {"setVariableData": [item(attributeValue="x", attributeType="Target")]}, []),
        ("SetVariables", {"setVariableData": [item(attributeValue="x", variable={"name": "Identity"})]}, []),
        ("SetVariables", {"setVariableData": [item(attributeValue="x", component="SecurityCtrlr")]}, []),
        ("SetVariables", {"setVariableData": {"0": item(attributeValue="x")}}, []),
        ("SetVariables", {"setVariableData": [item(attributeValue="x"), 7, item(attributeValue="y")]}, ["x", "y"]),
    ],
)
def test_the_calls_that_set_a_password_are_known(action: str, payload: Any, found: list[str]) -> None:
    assert passwords_set_by(action, json.dumps(payload).encode()) == found


@pytest.mark.parametrize(
    ("status", "taken"), [("Accepted", True), ("Rejected", False), ("RebootRequired", None), ("Perhaps", None)]
)
def test_what_an_answer_says_of_a_password(status: str, taken: bool | None) -> None:
    others = [item(attributeStatus="Accepted", variable={"name": "Identity"})]
    result = {"setVariableResult": [*others, item(attributeStatus=status)]}
    assert password_taken("ChangeConfiguration", json.dumps({"status": status}).encode()) is taken
    assert password_taken("SetVariables", json.dumps(result).encode()) is taken
    assert password_taken("SetVariables", json.dumps({"setVariableResult": others}).encode()) is None
    assert password_taken("SetVariables", b"{") is None
