"""A station that asks for its limit while it is being changed is answered what is recorded."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from forecourt.energy import store
from forecourt.energy.site import Settings
from forecourt.ocpp.neutral import Unit, UpdateDynamicSchedule
from forecourt.platform.database import Pool
from tests.energy.test_car_needs import BOOT, started
from tests.stations.gateway.conftest import Rig, rig, transport  # noqa: F401

NOW = datetime.now(UTC)


def says(limit_ma: int) -> str:
    said = UpdateDynamicSchedule(profile_id=11, unit=Unit.CURRENT, limit=limit_ma)
    return msgspec.json.encode(said).decode()


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_a_station_that_asks_is_answered_what_is_recorded_and_nothing_while_it_is_told(rig: Rig) -> None:  # noqa: F811
    await rig.register("ASK-1")
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'UTC', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id]")
    rig.admin.execute("UPDATE stations SET site_id = %s", (site_id,))
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, rig.station("ASK-1", "ocpp2.1") as station:
        async with tenants.tenant(rig.tenant()) as conn:
            await store.lock_site(conn, rig.tenant(), site_id, "test", NOW)
            await store.store_settings(conn, rig.tenant(), site_id, Settings(enabled=True), "test", NOW)
            await store.hang(conn, rig.tenant(), site_id, [("ASK-1", 1)])
        await station.call("BootNotification", BOOT)
        await station.call("TransactionEvent", started())
        rig.admin.execute(
            "INSERT INTO dynamic_profiles (station_id, evse, tenant_id, site_id, session_id, order_id, profile_id,"
            " said, limit_ma, told_at, lasts, until, held_at)"
            " SELECT station_id, 1, tenant_id, %s, session_id, 1, 11, %s,"
            " 32000, now(), %s, now() + %s, now() FROM sessions",
            (site_id, says(32_000), timedelta(minutes=5), timedelta(minutes=15)),
        )
        asks = {"chargingProfileId": 11}
        async with tenants.tenant(rig.tenant()) as planner:
            # It is about to hear of it: nobody waits for a planner, and nobody is told what is being changed.
            await planner.execute(
                "UPDATE dynamic_profiles SET said = %s, limit_ma = 16000, told_at = now()", (says(16_000),)
            )
            assert await station.call("PullDynamicScheduleUpdate", asks) == await station.call(
                "PullDynamicScheduleUpdate", {"chargingProfileId": 12}
            )
        assert rig.rows("SELECT count(*) FROM charging_orders") == [(0,)]
        answer = await station.call("PullDynamicScheduleUpdate", asks)
    assert answer["scheduleUpdate"]["limit"] == 16
    assert rig.rows("SELECT limit_ma FROM charging_orders WHERE status = 'Asked'") == [(16_000,)]
