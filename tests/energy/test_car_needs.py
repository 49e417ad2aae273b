"""What a car says by ISO 15118 through a real gateway reaches its session, also if the session is reported later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from forecourt.energy import store
from forecourt.energy.events import SAID
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.needs.model import Priority, Source
from forecourt.energy.needs.said import wants_of
from forecourt.energy.site import Settings
from forecourt.ocpp.neutral import ChargingNeeds
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from tests.stations.gateway.conftest import Rig, rig, transport  # noqa: F401

NOW = datetime.now(UTC).replace(microsecond=0)
BOOT = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
CAR = {
    "requestedEnergyTransfer": "AC_three_phase",
    "departureTime": (NOW + timedelta(hours=3)).isoformat(),
    "acChargingParameters": {"energyAmount": 20_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400},
}


def started(seq: int = 0) -> dict[str, Any]:
    return {
        "eventType": "Started", "timestamp": NOW.isoformat(), "triggerReason": "CablePluggedIn", "seqNo": seq,
        "transactionInfo": {"transactionId": "T1"}, "evse": {"id": 1, "connectorId": 1},
    }  # fmt: skip


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_a_cars_needs_wait_for_its_session_and_nobody_is_promised_a_plan_in_vain(rig: Rig) -> None:  # noqa: F811
    await rig.register("CAR-1")
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'UTC', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id]")
    rig.admin.execute("UPDATE stations SET site_id = %s", (site_id,))
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, rig.station("CAR-1", "ocpp2.0.1") as station:
        await station.call("BootNotification", BOOT)
        said = {"evseId": 1, "chargingNeeds": CAR}
        assert await station.call("NotifyEVChargingNeeds", said) == {"status": "Rejected"}
        async with tenants.tenant(rig.tenant()) as conn:
            await store.lock_site(conn, rig.tenant(), site_id, "test", NOW)
            await store.store_settings(conn, rig.tenant(), site_id, Settings(enabled=True), "test", NOW)
            await store.hang(conn, rig.tenant(), site_id, [("CAR-1", 1)])
        assert await station.call("NotifyEVChargingNeeds", said) == {"status": "Processing"}
        [(subject,)] = rig.rows("SELECT subject FROM outbox WHERE event = %s", SAID)
        worker: Any = None
        jobs = EnergyJobs(worker, tenants, SystemClock())
        await jobs.needs_said(tenant_id=rig.tenant(), subject=subject)
        assert rig.rows("SELECT count(*) FROM session_needs") == [(0,)]
        await station.call("TransactionEvent", started())
        [(session_id,)] = rig.rows("SELECT session_id::text FROM sessions")
        await jobs.session_changed(tenant_id=rig.tenant(), subject=session_id)
        [(source, wants, by)] = rig.rows("SELECT source, wants, said_by FROM session_needs")
        assert (source, by) == ("iso15118", "station:CAR-1")
        assert (wants["energy_wh"], wants["max_a"]) == (20_000, 16.0)
        assert datetime.fromisoformat(wants["departure_at"]) == NOW + timedelta(hours=3)
        assert rig.rows("SELECT count(*) FROM car_needs") == [(0,)]
        # What it still wants later comes on top of what it has had.
        rig.admin.execute("UPDATE sessions SET meter_start_wh = 100, meter_stop_wh = 5100")
        await station.call("NotifyEVChargingNeeds", said)
        await jobs.needs_said(tenant_id=rig.tenant(), subject=subject)
        assert rig.rows("SELECT wants->'energy_wh' FROM session_needs") == [(25_000,)]


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_a_driver_who_asks_for_priority_at_the_station_comes_first(rig: Rig) -> None:  # noqa: F811
    await rig.register("CAR-1")
    async with rig.station("CAR-1", "ocpp2.1") as station:
        await station.call("BootNotification", BOOT)
        pressed = {"transactionId": "T1", "activated": True}
        # Of a transaction that nobody knows nothing is kept.
        assert await station.call("NotifyPriorityCharging", pressed) == {}
        assert rig.rows("SELECT count(*) FROM session_needs") == [(0,)]
        await station.call("TransactionEvent", started())
        assert await station.call("NotifyPriorityCharging", pressed) == {}
        kept = rig.rows("SELECT source, wants, said_by FROM session_needs")
        assert kept == [("station", {"priority": "high"}, "station:CAR-1")]
        rig.admin.execute(
            "INSERT INTO session_needs (session_id, source, tenant_id, station_id, wants, said_at, said_by)"
            " SELECT session_id, 'driver', tenant_id, station_id, '{\"priority\": \"low\"}', now(), 'x' FROM sessions"
        )
        async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, tenants.tenant(rig.tenant()) as conn:
            [(session_id,)] = rig.rows("SELECT session_id FROM sessions")
            needs = await store.needs_of(conn, rig.tenant(), session_id)
        assert needs is not None
        assert (needs.wants.priority, needs.sources["priority"]) == (Priority.HIGH, Source.STATION)
        await station.call("NotifyPriorityCharging", {"transactionId": "T1", "activated": False})
        assert rig.rows("SELECT source FROM session_needs") == [("driver",)]
        # It was told no dynamic profile, so there is nothing to be asked for.
        said = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 11})
        assert said == {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}


def test_a_car_that_says_what_cannot_be_is_not_believed() -> None:
    assert wants_of(ChargingNeeds(evse=1, transfer="DC", energy_wh=-5), 0, NOW) is None
    assert wants_of(ChargingNeeds(evse=1, transfer="DC", soc_pct=140), 0, NOW) is None
    full = wants_of(ChargingNeeds(evse=1, transfer="DC", capacity_wh=50_000, soc_pct=40, target_soc_pct=80), 0, NOW)
    assert msgspec.to_builtins(full) == {"soc_pct": 80, "battery_wh": 50_000, "present_soc_pct": 40}


@pytest.mark.parametrize(
    ("leaves_at", "believed"),
    [
        (NOW + timedelta(hours=3), True),
        (NOW - timedelta(hours=3), True),
        (NOW - timedelta(days=2), False),
        (datetime(1, 1, 1, tzinfo=UTC), False),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), False),
    ],
)
def test_a_departure_of_a_clock_that_was_never_set_is_left_out_and_the_rest_is_kept(
    leaves_at: datetime, believed: bool
) -> None:
    found = wants_of(ChargingNeeds(evse=1, transfer="DC", energy_wh=9_000, departure_at=leaves_at), 0, NOW)
    assert found is not None
    assert (found.energy_wh, found.departure_at) == (9_000, leaves_at if believed else None)
