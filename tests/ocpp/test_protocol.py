import pytest

from forecourt.ocpp import CallFault, Version, protocol
from forecourt.ocpp.neutral import Notice


@pytest.mark.parametrize(
    ("version", "station", "csms"), [(Version.V16, 14, 26), (Version.V201, 25, 40), (Version.V21, 36, 55)]
)
def test_every_action_has_a_direction_and_data_transfer_has_both(version: Version, station: int, csms: int) -> None:
    spoken = protocol(version)
    assert spoken.station_actions & spoken.csms_actions == {"DataTransfer"}
    assert (len(spoken.station_actions), len(spoken.csms_actions)) == (station, csms)
    assert spoken.subprotocol == version.value
    assert protocol(version) is spoken


@pytest.mark.parametrize("version", Version)
def test_an_action_that_ocpp_does_not_have_is_not_implemented(version: Version) -> None:
    for action in ("Dance", "", "heartbeat", "Heartbeat "):
        with pytest.raises(CallFault) as caught:
            protocol(version).decode_call(action, b"{}")
        assert caught.value.code == "NotImplemented"


@pytest.mark.parametrize("version", Version)
def test_an_action_of_the_other_side_is_not_supported(version: Version) -> None:
    spoken = protocol(version)
    with pytest.raises(CallFault) as caught:
        spoken.decode_call("Reset", b'{"type":"Hard"}')
    assert caught.value.code == "NotSupported"
    with pytest.raises(CallFault) as caught:
        spoken.check_call("Heartbeat", b"{}")
    assert caught.value.code == "NotSupported"
    with pytest.raises(CallFault) as caught:
        spoken.check_result("Heartbeat", b"{}")
    assert caught.value.code == "NotSupported"


def test_an_action_of_a_later_version_is_not_implemented_by_an_earlier() -> None:
    with pytest.raises(CallFault) as caught:
        protocol(Version.V16).decode_call("TransactionEvent", b"{}")
    assert caught.value.code == "NotImplemented"
    with pytest.raises(CallFault) as caught:
        protocol(Version.V201).decode_call("BatterySwap", b"{}")
    assert caught.value.code == "NotImplemented"


def test_only_2_1_has_messages_without_an_answer() -> None:
    assert protocol(Version.V16).send_actions == protocol(Version.V201).send_actions == frozenset()
    spoken = protocol(Version.V21)
    assert spoken.send_actions == {"NotifyPeriodicEventStream"}
    payload = b'{"id":1,"pending":0,"basetime":"2026-11-22T05:40:00Z","data":[{"t":0,"v":"1"}]}'
    decoded = spoken.decode_call("NotifyPeriodicEventStream", payload)
    report = spoken.lift("NotifyPeriodicEventStream", decoded.request)
    assert report == Notice(action="NotifyPeriodicEventStream", request=decoded.request)


def test_a_call_to_a_station_is_checked_without_forgiveness() -> None:
    spoken = protocol(Version.V16)
    spoken.check_call("ChangeConfiguration", b'{"key":"HeartbeatInterval","value":"60"}')
    with pytest.raises(CallFault) as caught:
        spoken.check_call("ChangeConfiguration", b'{"key":"HeartbeatInterval","value":60}')
    assert (caught.value.code, caught.value.details) == ("TypeConstraintViolation", {"path": "$.value"})


@pytest.mark.parametrize(("limit", "right"), [("16.1", True), ("32", True), ("0.3", True), ("16.05", False)])
def test_limits_of_1_6_have_one_decimal_counted_in_decimals(limit: str, right: bool) -> None:
    profile = (
        '{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfileKind":"Absolute",'
        '"chargingProfilePurpose":"TxProfile","chargingSchedule":{"chargingRateUnit":"A",'
        f'"chargingSchedulePeriod":[{{"startPeriod":0,"limit":{limit}}}]}}}}}}'
    )
    if right:
        protocol(Version.V16).check_call("SetChargingProfile", profile.encode())
        return
    with pytest.raises(CallFault) as caught:
        protocol(Version.V16).check_call("SetChargingProfile", profile.encode())
    assert caught.value.code == "PropertyConstraintViolation"


def test_a_station_s_answer_is_forgiven_as_its_calls_are() -> None:
    payload = b'{"status":"accepted","connectorId":"1","mood":"good"}'
    decoded = protocol(Version.V16).check_result("GetCompositeSchedule", payload)
    assert (decoded.request.status, decoded.request.connector_id) == ("Accepted", 1)
    assert [line.split()[0] for line in decoded.deviations] == ["letter-case", "number-as-text", "unknown-field"]


def test_a_schedule_of_more_decimals_than_allowed_is_served_and_reported() -> None:
    schedule = b'{"chargingRateUnit":"A","chargingSchedulePeriod":[],"minChargingRate":6.05}'
    payload = b'{"status":"Accepted","chargingSchedule":' + schedule + b"}"
    decoded = protocol(Version.V16).check_result("GetCompositeSchedule", payload)
    assert decoded.request.charging_schedule.min_charging_rate == 6.05
    assert decoded.deviations == ("finer-step $.chargingSchedule.minChargingRate",)
