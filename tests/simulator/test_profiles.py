"""Charging profiles in a station."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.simulator.profiles import NO_LIMIT_W, Limits, read, unsuitable

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def profile(id: int, purpose: str, limit: float, **more: Any) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": more.pop("unit", "W"),
        "chargingSchedulePeriod": more.pop("periods", [{"startPeriod": 0, "limit": limit}]),
        **more.pop("schedule", {}),
    }
    return {
        "chargingProfileId": id,
        "stackLevel": more.pop("stack", 0),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": more.pop("kind", "Absolute"),
        "chargingSchedule": schedule,
        **more,
    }


def limits(*profiles: tuple[int, dict[str, Any]]) -> Limits:
    made = Limits()
    for evse, wire in profiles:
        made.install(read(wire, evse))
    return made


def test_the_highest_stack_level_leads_and_a_transaction_profile_stands_for_the_default() -> None:
    made = limits(
        (0, profile(1, "TxDefaultProfile", 5_000)),
        (1, profile(2, "TxDefaultProfile", 9_000, stack=3)),
        (1, profile(3, "TxProfile", 12_000)),
    )
    assert made.limit_w(1, NOW, None, 3) == 9_000
    assert made.limit_w(1, NOW, NOW, 3) == 12_000
    assert made.limit_w(2, NOW, NOW, 3) == 5_000


def test_the_stations_maximum_caps_and_is_shared_by_those_who_charge() -> None:
    made = limits((0, profile(1, "ChargePointMaxProfile", 20_000)), (1, profile(2, "TxProfile", 15_000)))
    assert made.limit_w(1, NOW, NOW, 3) == 15_000
    assert made.limit_w(1, NOW, NOW, 3, sharing=2) == 10_000


def test_amperes_count_on_every_phase() -> None:
    made = limits((1, profile(1, "TxProfile", 10, unit="A")))
    assert made.limit_w(1, NOW, NOW, 3) == 6_900
    assert made.limit_w(1, NOW, NOW, 1) == 2_300


def test_a_relative_profile_runs_from_the_start_of_the_transaction_and_ends_with_its_duration() -> None:
    wire = profile(
        1,
        "TxProfile",
        0,
        kind="Relative",
        periods=[{"startPeriod": 0, "limit": 4_000}, {"startPeriod": 600, "limit": 8_000}],
        schedule={"duration": 1_200},
    )
    made = limits((1, wire))
    began = NOW - timedelta(seconds=590)
    assert made.limit_w(1, NOW, began, 3) == 4_000
    assert made.limit_w(1, NOW + timedelta(seconds=20), began, 3) == 8_000
    assert made.limit_w(1, NOW + timedelta(seconds=700), began, 3) == NO_LIMIT_W


def test_a_daily_profile_comes_back_every_day() -> None:
    wire = profile(
        1,
        "TxDefaultProfile",
        3_000,
        kind="Recurring",
        recurrencyKind="Daily",
        schedule={"startSchedule": "2026-02-20T07:00:00Z", "duration": 7_200},
    )
    made = limits((0, wire))
    assert made.limit_w(1, NOW, NOW, 3) == 3_000
    assert made.limit_w(1, NOW + timedelta(hours=2), NOW, 3) == NO_LIMIT_W
    assert made.limit_w(1, NOW + timedelta(hours=24), NOW, 3) == 3_000


def test_a_profile_counts_only_while_it_is_valid() -> None:
    made = limits((1, profile(1, "TxProfile", 3_000, validFrom="2026-03-02T09:00:00Z", validTo="2026-03-02T10:00:00Z")))
    assert made.limit_w(1, NOW, NOW, 3) == NO_LIMIT_W
    assert made.limit_w(1, NOW + timedelta(hours=1), NOW, 3) == 3_000
    assert made.limit_w(1, NOW + timedelta(hours=2), NOW, 3) == NO_LIMIT_W


def test_clearing_takes_what_fits_every_criterion() -> None:
    made = limits((0, profile(1, "TxDefaultProfile", 1)), (1, profile(2, "TxProfile", 1)))
    assert made.clear(None, None, "TxProfile", 5) == 0
    assert made.clear(None, 1, "TxProfile", None) == 1
    assert made.clear(1, None, None, None) == 1
    assert len(made) == 0


def test_the_composite_schedule_has_a_step_at_every_change_of_the_limit() -> None:
    wire = profile(
        1, "TxProfile", 0, periods=[{"startPeriod": 0, "limit": 4_000}, {"startPeriod": 600, "limit": 8_000}],
        schedule={"startSchedule": "2026-03-02T08:00:00Z", "duration": 1_200},
    )  # fmt: skip
    made = limits((1, wire), (0, profile(2, "ChargePointMaxProfile", 7_000)))
    assert made.composite(1, NOW, NOW, 3, 3_600, 22_000) == [(0, 4_000), (600, 7_000)]


def giving(setpoint: float | None = -7_000, **more: Any) -> dict[str, Any]:
    first = {"startPeriod": 0, "limit": 0, "dischargeLimit": -7_000, "operationMode": "CentralSetpoint", **more}
    if setpoint is not None:
        first["setpoint"] = setpoint
    then = {"startPeriod": 360, "limit": 0, "operationMode": "ChargingOnly"}
    return profile(
        1, "TxProfile", 0, periods=[first, then], kind="Absolute", schedule={"startSchedule": NOW.isoformat()}
    )


def test_a_setpoint_flows_until_its_period_is_over() -> None:
    made = limits((1, giving()))
    assert made.setpoint_w(1, NOW, NOW, 3) == -7_000
    assert made.setpoint_w(1, NOW + timedelta(seconds=360), NOW, 3) is None
    assert made.limit_w(1, NOW + timedelta(seconds=360), NOW, 3) == 0
    assert made.setpoint_w(2, NOW, NOW, 3) is None


@pytest.mark.parametrize(
    ("wire", "gives", "reason"),
    [
        (giving(), True, None),
        (giving(), False, "UnsupportedParam"),
        (giving(operationMode="LocalFrequency"), True, "UnsupportedParam"),
        (giving(setpoint=None), True, "InvalidSchedule"),
        (giving(setpoint=-9_000), True, "InvalidSchedule"),
        (profile(1, "TxProfile", 5_000), False, None),
    ],
)
def test_what_a_station_can_not_do_it_refuses(wire: dict[str, Any], gives: bool, reason: str | None) -> None:
    assert unsuitable(wire, gives=gives) == reason
