"""A session in words, its curve and its record, from what was said and measured. Pure."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from forecourt.ocpp.neutral import Measurand, Phase
from forecourt.sessions import curve
from forecourt.sessions.cdr import record
from forecourt.sessions.review import Finding
from forecourt.sessions.store import CurvePoint, Heard, Place, SessionRow, SignedRow
from forecourt.sessions.story import Story, tell
from forecourt.sessions.words import FINDINGS
from forecourt.stations.store import AskedRow, ChangeRow, GapRow, ReportRow

BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ID = UUID("7a0c2f0e-54d1-4a8e-9a55-0c5d0ff3c5de")
SESSION = SessionRow(
    number=1,
    session_id=ID,
    station_id=7,
    station="CP1",
    evse=2,
    connector=1,
    transaction_id="17",
    token_uid="04A2",
    token_status="Accepted",
    started_at=BEGAN,
    ended_at=BEGAN + 90 * MINUTE,
    meter_start_wh=1_000,
    meter_stop_wh=13_345,
    power_w=None,
    soc_pct=None,
    given_wh=None,
    charging_state=None,
    stop_reason="EVDisconnected",
    notes=[],
    arrival_clock=False,
    offline=False,
    closed_from_evidence=False,
    seq_gaps=0,
    remote_start=None,
    asked_by=None,
    asked_at=None,
)
HEARD = Heard(
    last_at=BEGAN + 90 * MINUTE,
    heard_at=BEGAN + 90 * MINUTE,
    closed_at=None,
    seq_first=[],
    seq_last=[],
    token_type="ISO14443",
    remote_start_id=None,
    moments=9,
    first_measured_at=BEGAN,
    last_measured_at=BEGAN + 80 * MINUTE,
    highest_sample_wh=13_000,
)
PLACE = Place(
    station="CP1",
    station_name="North 1",
    protocol="ocpp1.6",
    serial=None,
    site="north-yard",
    site_name="North yard",
    address="Dock 1",
    city="Berlin",
    country="DE",
    zone="Europe/Berlin",
    latitude=52.52,
    longitude=13.405,
)


def story(**parts: Any) -> Story:
    nothing: dict[str, Any] = {"protocol": "ocpp1.6", "changes": [], "away": [], "reports": [], "asked": [], "gaps": []}
    return Story(**{"session": SESSION, "heard": HEARD, **nothing, **parts})


def words(told: Story) -> list[str]:
    return [moment.words % moment.values for moment in tell(told)]


def test_a_session_of_1_6_is_told_by_its_connector_its_gaps_and_why_it_ended() -> None:
    changes = [
        ChangeRow(evse=2, connector=1, state_at=BEGAN + n * MINUTE, state=state, error_code="NoError")
        for n, state in ((-3, "Available"), (0, "Preparing"), (1, "Charging"), (40, "SuspendedEV"), (91, "Available"))
    ]
    told = story(changes=changes, gaps=[(BEGAN + 50 * MINUTE, BEGAN + 62 * MINUTE)])
    assert words(told) == [
        "Preparing: a car or a token is there, not both",
        "The session began with token 04A2",
        "Charging",
        "The car paused",
        "No meter value for 12 min",
        "The session ended:",
        "The connector is free",
    ]
    end = tell(told)[-2]
    assert (end.then, end.code) == ("the cable was unplugged", "EVDisconnected")


def event(n: int, trigger: str, state: str, arrived: int | None = None, transaction: str = "17") -> ReportRow:
    payload = {
        "eventType": "Updated",
        "timestamp": (BEGAN + n * MINUTE).isoformat().replace("+00:00", "Z"),
        "triggerReason": trigger,
        "seqNo": n,
        "transactionInfo": {"transactionId": transaction, "chargingState": state},
    }
    return ReportRow(
        at=BEGAN + (n if arrived is None else arrived) * MINUTE, action="TransactionEvent", payload=json.dumps(payload)
    )


def test_a_session_of_2_x_is_told_by_its_reports_and_says_what_was_told_late() -> None:
    reports = [
        event(1, "CablePluggedIn", "EVConnected"),
        event(2, "ChargingStateChanged", "Charging"),
        event(3, "MeterValuePeriodic", "Charging"),
        event(30, "ChargingStateChanged", "SuspendedEVSE", arrived=45),
        event(31, "ChargingStateChanged", "Charging", transaction="171"),
        ReportRow(at=BEGAN, action="TransactionEvent", payload='{"17": "cut off'),
    ]
    told = story(protocol="ocpp2.0.1", reports=reports)
    assert words(told) == [
        "The session began with token 04A2",
        "The cable was plugged in",
        "Charging",
        "The station paused",
        "The session ended:",
    ]
    late = tell(told)[3]
    assert (late.then, late.arrived_at) == ("Told later: the station was offline.", BEGAN + 45 * MINUTE)


def test_a_car_that_stays_connected_after_it_charged_is_not_about_to_charge() -> None:
    def told(*reports: ReportRow) -> list[str]:
        return words(story(protocol="ocpp2.0.1", reports=reports))

    before = "A car is connected, not charging yet"
    after = "The car is still connected, it charges no more"
    begun = event(1, "MeterValuePeriodic", "EVConnected")
    charging = event(2, "ChargingStateChanged", "Charging")
    stopped = event(89, "RemoteStop", "SuspendedEVSE")
    ended = event(90, "RemoteStop", "EVConnected")
    ended = replace(ended, payload=ended.payload.replace("Updated", "Ended"))
    assert [each for each in told(begun, charging, stopped, ended) if "connected" in each] == [before, after]
    assert [each for each in told(ended) if "connected" in each] == [after]


def test_only_what_was_asked_about_this_session_is_told_with_the_stations_answer() -> None:
    def asked(n: int, action: str, payload: dict[str, Any], answer: str | None = None) -> AskedRow:
        return AskedRow(
            command_id=ID,
            action=action,
            payload=json.dumps(payload),
            asked_by="person:3 Ada Lovelace",
            asked_at=BEGAN + n * MINUTE,
            outcome="answered",
            answer=answer,
        )

    told = story(
        asked=[
            asked(-1, "RemoteStartTransaction", {"idTag": "04A2"}),
            asked(-1, "RemoteStartTransaction", {"idTag": "another"}),
            asked(5, "RemoteStopTransaction", {"transactionId": 170}),
            asked(6, "RequestStopTransaction", {"transactionId": "17"}, '{"status": "Rejected"}'),
            asked(7, "GetConfiguration", {"key": ["17"]}),
        ]
    )
    assert words(told)[:3] == [
        "Ada Lovelace asked to start charging",
        "The session began with token 04A2",
        "Ada Lovelace asked to stop charging",
    ]
    assert (len(words(told)), tell(told)[2].code) == (4, "Rejected")


def test_a_lost_connection_during_the_session_is_told_and_one_before_it_is_not() -> None:
    away = [
        GapRow(lost_at=BEGAN - 9 * MINUTE, returned_at=BEGAN - 5 * MINUTE),
        GapRow(lost_at=BEGAN + 9 * MINUTE, returned_at=BEGAN + 15 * MINUTE),
    ]
    assert words(story(away=away))[1:3] == [
        "The station lost its connection; it goes on by itself",
        "The station is connected again",
    ]


def test_a_session_closed_from_evidence_says_that_its_end_was_never_said() -> None:
    closed = replace(SESSION, closed_from_evidence=True, stop_reason=None)
    assert words(story(session=closed))[-1] == "The last that is known of it: its end was never said"


def test_every_finding_of_the_review_is_explained() -> None:
    assert set(FINDINGS) == set(Finding)


# -- the curve


def point(n: int, measurand: Measurand, value: int, phase: Phase = Phase.NONE) -> CurvePoint:
    return CurvePoint(at=BEGAN + n * MINUTE, measurand=measurand, phase=phase, value=value)


def ms(n: int) -> int:
    return int((BEGAN + n * MINUTE).timestamp() * 1000)


def test_a_total_is_drawn_as_it_is_and_phases_are_put_together_by_what_they_mean() -> None:
    phases = (Phase.L1, Phase.L2, Phase.L3)
    points = [
        *(point(0, Measurand.POWER_IMPORT, 3_000, phase) for phase in phases),
        *(point(0, Measurand.CURRENT_IMPORT, 13_000 + 500 * n, phase) for n, phase in enumerate(phases)),
        *(point(0, Measurand.VOLTAGE, 229_000 + 1_000 * n, phase) for n, phase in enumerate(phases)),
        point(0, Measurand.SOC, 4_250),
        point(0, Measurand.VOLTAGE, 400_000, Phase.L1_L2),
    ]
    drawn = curve.curve(points)
    assert (drawn.power_kw, drawn.current_a) == ([(ms(0), 9.0)], [(ms(0), 14.0)])
    assert (drawn.voltage_v, drawn.soc_pct) == ([(ms(0), 230.0)], [(ms(0), 42.5)])
    assert not drawn.power_from_register


def test_without_a_measured_power_it_is_the_growth_of_the_register_and_never_below_zero() -> None:
    register = [point(n, Measurand.ENERGY_IMPORT_REGISTER, wh) for n, wh in ((0, 1_000), (6, 2_100), (12, 900))]
    drawn = curve.curve(register)
    assert (drawn.power_kw, drawn.power_from_register) == ([(ms(6), 11.0)], True)


def test_what_a_car_gives_lies_below_the_line() -> None:
    taken = [point(n, Measurand.POWER_IMPORT, w) for n, w in ((0, 7_000), (1, 0))]
    given = [point(n, Measurand.POWER_EXPORT, w) for n, w in ((1, 11_000), (2, 5_000))]
    assert curve.curve(taken + given).power_kw == [(ms(0), 7.0), (ms(1), -11.0), (ms(2), -5.0)]
    # A meter that counts what is given, and never saw any, says nothing of the power.
    register = [point(n, Measurand.ENERGY_IMPORT_REGISTER, 1_000 * n) for n in range(2)]
    drawn = curve.curve([*register, *(point(n, Measurand.POWER_EXPORT, 0) for n in range(2))])
    assert (drawn.power_kw, drawn.power_from_register) == ([(ms(1), 60.0)], True)


def test_a_curve_of_a_week_has_no_more_points_than_one_of_an_hour() -> None:
    assert curve.step_s(BEGAN, BEGAN + timedelta(days=7)) * curve.MAX_POINTS >= 7 * 86_400
    assert curve.step_s(BEGAN, BEGAN) == 1


# -- the charge detail record


def test_the_record_speaks_ocpi_and_counts_the_registers_difference() -> None:
    made = record(SESSION, HEARD, PLACE, [])
    assert (made.total_energy, made.total_time, made.auth_method) == (12.345, 1.5, "AUTH_REQUEST")
    assert [(each.type, each.volume) for each in made.charging_periods[0].dimensions] == [
        ("ENERGY", 12.345),
        ("TIME", 1.5),
    ]
    assert made.cdr_token is not None
    assert (made.cdr_token.uid, made.cdr_token.type) == ("04A2", "RFID")
    assert (made.cdr_location.id, made.cdr_location.evse_uid) == ("north-yard", "CP1*2")
    assert made.cdr_location.coordinates is not None
    assert made.cdr_location.coordinates.latitude == "52.520000"
    assert record(replace(SESSION, remote_start=ID), HEARD, PLACE, []).auth_method == "COMMAND"


def test_a_meter_that_ran_backwards_tells_no_energy_at_all() -> None:
    made = record(replace(SESSION, meter_stop_wh=10), HEARD, PLACE, [])
    assert made.total_energy is None
    assert [each.type for each in made.charging_periods[0].dimensions] == ["TIME"]


def test_signed_values_are_told_on_exactly_as_the_station_sent_them() -> None:
    ocmf = 'OCMF|{"FV":"1.0"}|{"SD":"3045\\u00e4"}'
    wrapped = json.dumps({"signedMeterData": "QUJD==", "encodingMethod": "EDL", "publicKey": "a2V5"})
    first = record(SESSION, HEARD, PLACE, [SignedRow(at=BEGAN, context=1, record=ocmf)])
    assert first.signed_data is not None
    assert (first.signed_data.encoding_method, first.signed_data.signed_values[0].signed_data) == ("OCMF", ocmf)
    assert first.signed_data.signed_values[0].nature == "Start"
    second = record(SESSION, HEARD, PLACE, [SignedRow(at=BEGAN, context=2, record=wrapped)])
    assert second.signed_data is not None
    assert (second.signed_data.encoding_method, second.signed_data.public_key) == ("EDL", "a2V5")
    assert (second.signed_data.signed_values[0].signed_data, second.signed_data.signed_values[0].nature) == (
        "QUJD==",
        "End",
    )
