"""Smart charging: what is asked in each version's words, and what stations tell of limits and needs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from forecourt.ocpp import CallFault, Notes, Version, protocol
from forecourt.ocpp.neutral import (
    Answer,
    CarSchedule,
    ChangeAvailability,
    ChargingLimit,
    ChargingLimitCleared,
    ChargingNeeds,
    ChargingProfile,
    ClearChargingProfile,
    Command,
    DynamicAnswer,
    DynamicAsked,
    GetChargingProfiles,
    GetCompositeSchedule,
    Kind,
    NeedsAnswer,
    NeedsStatus,
    Period,
    PriorityNotice,
    ProfilesReport,
    Purpose,
    Report,
    Schedule,
    SetChargingProfile,
    Unit,
    UpdateDynamicSchedule,
    UsePriorityCharging,
)
from tests.ocpp import schemas

SEVEN = datetime(2026, 11, 26, 7, tzinfo=UTC)
EIGHT = datetime(2026, 11, 26, 8, tzinfo=UTC)
SAID_SEVEN, SAID_EIGHT = "2026-11-26T07:00:00.000Z", "2026-11-26T08:00:00.000Z"
V2 = (Version.V201, Version.V21)
PLAN = ChargingProfile(
    id=7,
    stack_level=1,
    purpose=Purpose.TX,
    unit=Unit.CURRENT,
    periods=(Period(start_s=0, limit=16_050, phases=1), Period(start_s=300, limit=0)),
    start_at=SEVEN,
    duration_s=900,
    valid_to=EIGHT,
    transaction_id="12",
)


def commanded(version: Version, command: Command) -> tuple[str, Any]:
    action, payload = protocol(version).lower(command)
    content = json.loads(payload)
    assert schemas.validator(version, f"{action}Request").is_valid(content)
    return action, content


def lifted(version: Version, action: str, payload: dict[str, Any], notes: Notes | None = None) -> Report:
    assert schemas.validator(version, f"{action}Request").is_valid(payload)
    spoken = protocol(version)
    return spoken.lift(action, spoken.decode_call(action, json.dumps(payload).encode()).request, notes)


def answered(version: Version, action: str, answer: Answer) -> Any:
    content = json.loads(protocol(version).answer(action, None, answer))
    assert schemas.validator(version, f"{action}Response").is_valid(content)
    return content


def test_a_plan_is_told_to_1_6_in_tenths_of_an_ampere_never_more_than_was_meant() -> None:
    assert commanded(Version.V16, SetChargingProfile(evse=2, profile=PLAN)) == (
        "SetChargingProfile",
        {
            "connectorId": 2,
            "csChargingProfiles": {
                "chargingProfileId": 7,
                "transactionId": 12,
                "stackLevel": 1,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "validTo": SAID_EIGHT,
                "chargingSchedule": {
                    "duration": 900,
                    "startSchedule": SAID_SEVEN,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [
                        {"startPeriod": 0, "limit": 16.0, "numberPhases": 1},
                        {"startPeriod": 300, "limit": 0.0, "numberPhases": 3},
                    ],
                },
            },
        },
    )


@pytest.mark.parametrize("version", V2)
def test_a_plan_is_told_to_2x_as_a_schedule_with_an_id(version: Version) -> None:
    action, content = commanded(version, SetChargingProfile(evse=2, profile=PLAN))
    profile = content["chargingProfile"]
    assert (action, content["evseId"]) == ("SetChargingProfile", 2)
    assert (profile["id"], profile["transactionId"], profile["validTo"]) == (7, "12", SAID_EIGHT)
    assert profile["chargingSchedule"][0]["id"] == 7
    assert profile["chargingSchedule"][0]["startSchedule"] == SAID_SEVEN
    assert profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["numberPhases"] == 1


@pytest.mark.parametrize("version", Version)
def test_no_limit_is_written_larger_or_smaller_by_a_tenth(version: Version) -> None:
    limits = range(0, 32_001, 97)
    profile = structs.replace(PLAN, periods=tuple(Period(start_s=at, limit=limit) for at, limit in enumerate(limits)))
    _, content = commanded(version, SetChargingProfile(evse=1, profile=profile))
    schedule = content.get("csChargingProfiles", content.get("chargingProfile"))["chargingSchedule"]
    schedule = schedule if version is Version.V16 else schedule[0]
    for period, limit in zip(schedule["chargingSchedulePeriod"], limits, strict=True):
        assert limit - 100 < round(period["limit"] * 1000) <= limit


def test_the_breaker_of_a_station_is_set_at_its_evse_0() -> None:
    breaker = ChargingProfile(
        id=1, stack_level=0, purpose=Purpose.STATION_MAX, unit=Unit.POWER,
        periods=(Period(start_s=0, limit=22_000),), kind=Kind.DAILY, start_at=SEVEN,
    )  # fmt: skip
    _, content = commanded(Version.V16, SetChargingProfile(evse=0, profile=breaker))
    profile = content["csChargingProfiles"]
    assert (profile["chargingProfilePurpose"], profile["recurrencyKind"]) == ("ChargePointMaxProfile", "Daily")
    assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 22_000
    _, content = commanded(Version.V201, SetChargingProfile(evse=0, profile=breaker))
    assert content["chargingProfile"]["chargingProfilePurpose"] == "ChargingStationMaxProfile"


def test_2_1_is_told_when_to_give_a_plan_up_and_what_may_flow_back() -> None:
    profile = structs.replace(
        PLAN, valid_to=None, max_offline_s=600, invalidate_after_offline=True,
        periods=(
            Period(start_s=0, limit=16_000, discharge_limit=-6_050, operation_mode="CentralSetpoint", setpoint=-50),
        ),
    )  # fmt: skip
    _, content = commanded(Version.V21, SetChargingProfile(evse=2, profile=profile))
    told = content["chargingProfile"]
    assert (told["maxOfflineDuration"], told["invalidAfterOfflineDuration"]) == (600, True)
    period = told["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    assert (period["dischargeLimit"], period["setpoint"]) == (-6.0, 0.0)
    assert period["operationMode"] == "CentralSetpoint"


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_where_a_silent_station_knows_no_end_of_its_own_its_plan_must_have_one(version: Version) -> None:
    limited = structs.replace(PLAN, max_offline_s=600)
    _, content = commanded(version, SetChargingProfile(evse=2, profile=limited))
    assert "maxOfflineDuration" not in json.dumps(content)
    with pytest.raises(CallFault, match="valid_to"):
        protocol(version).lower(SetChargingProfile(evse=2, profile=structs.replace(limited, valid_to=None)))


PROFILES: list[tuple[int, dict[str, Any]]] = [
    (2, {"periods": ()}),
    (2, {"periods": (Period(start_s=60, limit=0),)}),
    (2, {"periods": (Period(start_s=0, limit=0), Period(start_s=0, limit=1))}),
    (2, {"periods": (Period(start_s=0, limit=0, phases=4),)}),
    (2, {"periods": tuple(Period(start_s=second, limit=0) for second in range(1025))}),
    (2, {"start_at": None}),
    (0, {}),
    (2, {"purpose": Purpose.STATION_MAX, "transaction_id": None}),
    (2, {"purpose": Purpose.TX_DEFAULT}),
    (2, {"purpose": Purpose.EXTERNAL, "transaction_id": None}),
    (2, {"id": 2**31}),
    # A dynamic one says one thing, that counts from no time; nothing else is updated.
    (2, {"kind": Kind.DYNAMIC}),
    (2, {"kind": Kind.DYNAMIC, "start_at": None, "periods": tuple(Period(start_s=at, limit=0) for at in range(2))}),
    (2, {"update_interval_s": 60}),
    (2, {"updated_at": SEVEN}),
]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(("evse", "change"), PROFILES)
def test_what_no_profile_may_be_is_not_sent(version: Version, evse: int, change: dict[str, Any]) -> None:
    with pytest.raises(CallFault) as caught:
        protocol(version).lower(SetChargingProfile(evse=evse, profile=structs.replace(PLAN, **change)))
    assert caught.value.code == "PropertyConstraintViolation"


@pytest.mark.parametrize(
    ("version", "change"),
    [
        (Version.V16, {"transaction_id": "f0b1"}),
        (Version.V16, {"kind": Kind.DYNAMIC}),
        (Version.V16, {"purpose": Purpose.PRIORITY, "transaction_id": None}),
        (Version.V16, {"periods": (Period(start_s=0, limit=0, phase_to_use=2),)}),
        (Version.V16, {"periods": (Period(start_s=0),)}),
        (Version.V201, {"transaction_id": None}),
        (Version.V201, {"kind": Kind.DYNAMIC}),
        (Version.V201, {"purpose": Purpose.PRIORITY, "transaction_id": None}),
        (Version.V201, {"periods": (Period(start_s=0, limit=0, discharge_limit=-1_000),)}),
        (Version.V201, {"periods": (Period(start_s=0),)}),
        # What no station of 2.1 may be asked either: setpoints beyond what may flow, or none where they lead.
        (Version.V21, {"periods": (Period(start_s=0, limit=0, discharge_limit=-6_000, setpoint=-7_000),)}),
        (Version.V21, {"periods": (Period(start_s=0, limit=6_000, setpoint=7_000),)}),
        (Version.V21, {"periods": (Period(start_s=0, limit=0, discharge_limit=1_000),)}),
        (Version.V21, {"periods": (Period(start_s=0, limit=0, operation_mode="CentralSetpoint"),)}),
    ],
)
def test_what_a_version_has_no_word_for_is_not_sent(version: Version, change: dict[str, Any]) -> None:
    with pytest.raises(CallFault):
        protocol(version).lower(SetChargingProfile(evse=2, profile=structs.replace(PLAN, **change)))


@pytest.mark.parametrize(
    ("version", "command"),
    [
        (Version.V16, GetChargingProfiles(request_id=1)),
        *((version, UsePriorityCharging(transaction_id="t", activate=True)) for version in (Version.V16, Version.V201)),
        (Version.V201, UpdateDynamicSchedule(profile_id=1, unit=Unit.CURRENT, limit=0)),
    ],
)
def test_what_a_version_has_no_action_for_is_not_supported(version: Version, command: Command) -> None:
    with pytest.raises(CallFault) as caught:
        protocol(version).lower(command)
    assert caught.value.code == "NotSupported"


def test_profiles_are_cleared_by_their_id_or_by_what_they_are() -> None:
    by_id = ClearChargingProfile(profile_id=7, evse=2)
    by_kind = ClearChargingProfile(evse=0, purpose=Purpose.TX_DEFAULT, stack_level=0)
    assert commanded(Version.V16, by_kind) == (
        "ClearChargingProfile",
        {"connectorId": 0, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0},
    )
    assert commanded(Version.V16, by_id)[1] == {"id": 7, "connectorId": 2}
    for version in V2:
        assert commanded(version, by_id)[1] == {"chargingProfileId": 7}
        assert commanded(version, by_kind)[1] == {
            "chargingProfileCriteria": {
                "evseId": 0, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0,
            }
        }  # fmt: skip


def test_that_a_profile_to_be_cleared_is_not_there_is_no_refusal() -> None:
    for version in Version:
        found = protocol(version).lift_result(ClearChargingProfile(profile_id=7), b'{"status":"Unknown"}')
        assert (found.accepted, found.status) == (True, "Unknown")


def test_profiles_are_asked_for_by_what_they_are() -> None:
    wanted = GetChargingProfiles(request_id=3, evse=1, purpose=Purpose.TX, profile_ids=(7, 8))
    for version in V2:
        assert commanded(version, wanted)[1] == {
            "requestId": 3,
            "evseId": 1,
            "chargingProfile": {"chargingProfilePurpose": "TxProfile", "chargingProfileId": [7, 8]},
        }
        assert commanded(version, GetChargingProfiles(request_id=3))[1] == {"requestId": 3, "chargingProfile": {}}


def test_availability_is_of_the_station_an_evse_or_a_connector() -> None:
    out, back = ChangeAvailability(operative=False), ChangeAvailability(operative=True, evse=2, connector=1)
    assert commanded(Version.V16, out) == ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    assert commanded(Version.V16, back)[1] == {"connectorId": 2, "type": "Operative"}
    for version in V2:
        assert commanded(version, out)[1] == {"operationalStatus": "Inoperative"}
        assert commanded(version, back)[1] == {
            "operationalStatus": "Operative", "evse": {"id": 2, "connectorId": 1},
        }  # fmt: skip
    with pytest.raises(CallFault):
        protocol(Version.V16).lower(ChangeAvailability(operative=True, evse=2, connector=2))


def test_a_change_of_availability_that_comes_later_is_agreed_to_and_told_apart() -> None:
    for version in Version:
        for status, accepted, later in (
            ("Accepted", True, False),
            ("Scheduled", True, True),
            ("Rejected", False, False),
        ):
            found = protocol(version).lift_result(
                ChangeAvailability(operative=False), json.dumps({"status": status}).encode()
            )
            assert (found.accepted, found.scheduled) == (accepted, later)


def test_2_1_alone_updates_a_dynamic_profile_and_gives_priority() -> None:
    update = UpdateDynamicSchedule(profile_id=7, unit=Unit.CURRENT, limit=16_000, discharge_limit=-6_000)
    assert commanded(Version.V21, update) == (
        "UpdateDynamicSchedule",
        {"chargingProfileId": 7, "scheduleUpdate": {"limit": 16.0, "dischargeLimit": -6.0}},
    )
    priority = UsePriorityCharging(transaction_id="t", activate=True)
    assert commanded(Version.V21, priority) == ("UsePriorityCharging", {"transactionId": "t", "activate": True})
    dynamic = ChargingProfile(
        id=7, stack_level=0, purpose=Purpose.TX, unit=Unit.CURRENT, kind=Kind.DYNAMIC,
        periods=(Period(start_s=0, limit=6_000),), transaction_id="t", update_interval_s=30, updated_at=SEVEN,
        duration_s=300,
    )  # fmt: skip
    _, content = commanded(Version.V21, SetChargingProfile(evse=1, profile=dynamic))
    sent = content["chargingProfile"]
    assert (sent["dynUpdateInterval"], sent["dynUpdateTime"]) == (30, "2026-11-26T07:00:00.000Z")
    held = {"requestId": 1, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": [sent]}
    report = lifted(Version.V21, "ReportChargingProfiles", held)
    assert isinstance(report, ProfilesReport)
    assert report.profiles == (dynamic,)
    assert lifted(Version.V21, "PullDynamicScheduleUpdate", {"chargingProfileId": 7}) == DynamicAsked(profile_id=7)
    assert answered(Version.V21, "PullDynamicScheduleUpdate", DynamicAnswer(update=update)) == {
        "status": "Accepted", "scheduleUpdate": {"limit": 16.0, "dischargeLimit": -6.0},
    }  # fmt: skip
    assert answered(Version.V21, "PullDynamicScheduleUpdate", DynamicAnswer(update=None)) == {
        "status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"},
    }  # fmt: skip


COMPOSITE = GetCompositeSchedule(evse=1, duration_s=3600, unit=Unit.CURRENT)
TOGETHER = Schedule(
    unit=Unit.CURRENT,
    periods=(Period(start_s=0, limit=16_100), Period(start_s=60, limit=6_000, phases=1)),
    start_at=SEVEN,
    duration_s=3600,
)
SAID_PERIODS = [{"startPeriod": 0, "limit": 16.1}, {"startPeriod": 60, "limit": 6, "numberPhases": 1}]


def test_a_composite_schedule_is_read_back_in_our_units() -> None:
    said: dict[str, Any] = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": SAID_SEVEN,
        "chargingSchedule": {"duration": 3600, "chargingRateUnit": "A", "chargingSchedulePeriod": SAID_PERIODS},
    }
    assert commanded(Version.V16, COMPOSITE)[1] == {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"}
    assert protocol(Version.V16).lift_result(COMPOSITE, json.dumps(said).encode()).schedule == TOGETHER
    said = {
        "status": "Accepted",
        "schedule": {
            "evseId": 1, "duration": 3600, "scheduleStart": SAID_SEVEN, "chargingRateUnit": "A",
            "chargingSchedulePeriod": SAID_PERIODS,
        },
    }  # fmt: skip
    for version in V2:
        assert commanded(version, COMPOSITE)[1] == {"evseId": 1, "duration": 3600, "chargingRateUnit": "A"}
        assert protocol(version).lift_result(COMPOSITE, json.dumps(said).encode()).schedule == TOGETHER


def test_a_composite_schedule_without_periods_tells_nothing() -> None:
    schedule: dict[str, Any] = {"duration": 60, "chargingRateUnit": "W", "chargingSchedulePeriod": []}
    later = {**schedule, "evseId": 1, "scheduleStart": SAID_SEVEN}
    for version, said in (
        (Version.V16, {"status": "Accepted", "chargingSchedule": schedule}),
        (Version.V16, {"status": "Accepted"}),
        *((version, {"status": "Accepted", "schedule": later}) for version in V2),
        *((version, {"status": "Accepted"}) for version in V2),
    ):
        found = protocol(version).lift_result(COMPOSITE, json.dumps(said).encode())
        assert (found.accepted, found.schedule) == (True, None)


@pytest.mark.parametrize("version", V2)
def test_a_limit_that_others_set_comes_and_goes(version: Version) -> None:
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11_000.0}]}
    said = {
        "evseId": 1,
        "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True},
        "chargingSchedule": [schedule],
    }
    kept = Schedule(unit=Unit.POWER, periods=(Period(start_s=0, limit=11_000),))
    expected = ChargingLimit(source="EMS", evse=1, grid_critical=True, schedules=(kept,))
    assert lifted(version, "NotifyChargingLimit", said) == expected
    assert lifted(version, "ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == ChargingLimitCleared(source="EMS")


@pytest.mark.parametrize("version", V2)
def test_a_car_says_what_it_needs_by_ac_or_dc(version: Version) -> None:
    ac = {
        "evseId": 1,
        "chargingNeeds": {
            "requestedEnergyTransfer": "AC_three_phase",
            "departureTime": SAID_EIGHT,
            "acChargingParameters": {
                "energyAmount": 20_000,
                "evMinCurrent": 6,
                "evMaxCurrent": 32,
                "evMaxVoltage": 400,
            },
        },
    }
    assert lifted(version, "NotifyEVChargingNeeds", ac) == ChargingNeeds(
        evse=1, transfer="AC_three_phase", departure_at=EIGHT, energy_wh=20_000, min_current_ma=6_000,
        max_current_ma=32_000, max_voltage_mv=400_000,
    )  # fmt: skip
    dc = {
        "evseId": 1,
        "maxScheduleTuples": 3,
        "chargingNeeds": {
            "requestedEnergyTransfer": "DC",
            "dcChargingParameters": {
                "evMaxCurrent": 300, "evMaxVoltage": 800, "evMaxPower": 150_000, "evEnergyCapacity": 77_000,
                "stateOfCharge": 31, "fullSoC": 100, "bulkSoC": 80,
            },
        },
    }  # fmt: skip
    assert lifted(version, "NotifyEVChargingNeeds", dc) == ChargingNeeds(
        evse=1, transfer="DC", max_schedules=3, max_current_ma=300_000, max_voltage_mv=800_000, max_power_w=150_000,
        capacity_wh=77_000, soc_pct=31, full_soc_pct=100, bulk_soc_pct=80,
    )  # fmt: skip


def test_a_car_of_15118_20_says_what_it_may_give_back() -> None:
    v2x = {
        "minChargePower": 1_400.0, "maxChargePower": 3_700.0, "maxChargePower_L2": 3_700.0,
        "maxChargePower_L3": 3_600.0, "maxDischargePower": 11_000.0, "evTargetEnergyRequest": 30_000.0,
        "evMinEnergyRequest": -5_000.0, "evMaxEnergyRequest": 40_000.0, "evMinV2XEnergyRequest": -1_000.0,
        "evMaxV2XEnergyRequest": 20_000.0, "targetSoC": 90, "maxDischargeCurrent": 16.5,
    }  # fmt: skip
    said = {
        "evseId": 2,
        "timestamp": SAID_SEVEN,
        "chargingNeeds": {
            "requestedEnergyTransfer": "AC_BPT",
            "availableEnergyTransfer": ["AC_BPT", "AC_three_phase"],
            "controlMode": "DynamicControl",
            "mobilityNeedsMode": "EVCC_SECC",
            "v2xChargingParameters": v2x,
        },
    }
    assert lifted(Version.V21, "NotifyEVChargingNeeds", said) == ChargingNeeds(
        evse=2, transfer="AC_BPT", at=SEVEN, available=("AC_BPT", "AC_three_phase"), dynamic=True, mobility="EVCC_SECC",
        min_power_w=1_400, max_power_w=11_000, max_discharge_power_w=11_000, energy_wh=30_000, min_energy_wh=-5_000,
        max_energy_wh=40_000, min_v2x_energy_wh=-1_000, max_v2x_energy_wh=20_000, target_soc_pct=90,
        max_discharge_current_ma=16_500,
    )  # fmt: skip


def test_a_number_beyond_all_measure_is_noted_and_left_out() -> None:
    params = {"energyAmount": 1e300, "evMinCurrent": 6.0, "evMaxCurrent": 32.0, "evMaxVoltage": 400.0}
    needs = {"requestedEnergyTransfer": "AC_single_phase", "acChargingParameters": params}
    notes = Notes()
    report = lifted(Version.V21, "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}, notes)
    assert isinstance(report, ChargingNeeds)
    assert (report.energy_wh, report.max_current_ma) == (None, 32_000)
    assert notes.lines() == ("value-beyond-range $.chargingNeeds.acChargingParameters",)


def test_needs_are_answered_in_the_words_of_each_version() -> None:
    for status, in_201, in_21 in (
        (NeedsStatus.ACCEPTED, "Accepted", "Accepted"),
        (NeedsStatus.PROCESSING, "Processing", "Processing"),
        (NeedsStatus.NO_PROFILE, "Rejected", "NoChargingProfile"),
    ):
        answer = NeedsAnswer(status=status)
        assert answered(Version.V201, "NotifyEVChargingNeeds", answer) == {"status": in_201}
        assert answered(Version.V21, "NotifyEVChargingNeeds", answer) == {"status": in_21}


@pytest.mark.parametrize("version", V2)
def test_profiles_and_the_car_s_own_schedule_are_lifted(version: Version) -> None:
    schedule: dict[str, Any] = {
        "id": 1, "chargingRateUnit": "A", "startSchedule": SAID_SEVEN, "chargingSchedulePeriod": SAID_PERIODS,
    }  # fmt: skip
    profile = {
        "id": 7, "stackLevel": 0, "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Recurring", "recurrencyKind": "Weekly", "validTo": SAID_EIGHT,
        "chargingSchedule": [schedule],
    }  # fmt: skip
    said = {
        "requestId": 3, "chargingLimitSource": "EMS", "evseId": 1, "tbc": True, "chargingProfile": [profile],
    }  # fmt: skip
    kept = ChargingProfile(
        id=7, stack_level=0, purpose=Purpose.EXTERNAL, unit=Unit.CURRENT, periods=TOGETHER.periods, kind=Kind.WEEKLY,
        start_at=SEVEN, valid_to=EIGHT,
    )  # fmt: skip
    assert lifted(version, "ReportChargingProfiles", said) == ProfilesReport(
        request_id=3, evse=1, source="EMS", profiles=(kept,), more=True
    )
    own = {"timeBase": SAID_SEVEN, "evseId": 1, "chargingSchedule": schedule}
    assert lifted(version, "NotifyEVChargingSchedule", own) == CarSchedule(
        evse=1, at=SEVEN, schedule=structs.replace(TOGETHER, duration_s=None)
    )


def test_2_1_tells_of_priority() -> None:
    said = {"transactionId": "t", "activated": False}
    assert lifted(Version.V21, "NotifyPriorityCharging", said) == PriorityNotice(transaction_id="t", activated=False)


@pytest.mark.parametrize("version", V2)
def test_a_profile_that_is_reported_is_the_one_that_was_sent(version: Version) -> None:
    _, sent = commanded(version, SetChargingProfile(evse=2, profile=PLAN))
    said = {
        "requestId": 3, "chargingLimitSource": "CSO", "evseId": 2, "chargingProfile": [sent["chargingProfile"]],
    }  # fmt: skip
    report = lifted(version, "ReportChargingProfiles", said)
    assert isinstance(report, ProfilesReport)
    told = structs.replace(PLAN, periods=(Period(start_s=0, limit=16_000, phases=1), PLAN.periods[1]))
    assert report.profiles == (told,)
