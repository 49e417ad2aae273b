"""Limits of others: heard over a real gateway, kept until they are cleared, planned with, and told in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.events import LIMITED
from forecourt.energy.explained.session import explain
from forecourt.energy.explained.words import sentences
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.model import Node
from forecourt.energy.outside.model import MAX_EXTERNAL, External
from forecourt.energy.planner.reasons import Why
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge, packed, unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.site import HungEvse, Mode, Settings, SiteTree
from forecourt.energy.store import outside
from forecourt.ocpp.neutral import ChargingLimit, Period, Schedule, Unit
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from tests.stations.gateway.conftest import Rig, rig, transport  # noqa: F401

NOW = datetime.now(UTC).replace(microsecond=0)
S = timedelta(seconds=1)
NBSP = "\N{NO-BREAK SPACE}"
BOOT = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
STATION = "OUT-1"
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=100.0),),
    evses=tuple(HungEvse(station=STATION, evse=number, node="grid") for number in (1, 2)),
)


def limit(amperes: float, source: str = "EMS", **where: Any) -> dict[str, Any]:
    schedule = {
        "id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}],
    }  # fmt: skip
    return {"chargingLimit": {"chargingLimitSource": source}, "chargingSchedule": [schedule], **where}


def started(evse: int) -> dict[str, Any]:
    return {
        "eventType": "Started", "timestamp": NOW.isoformat(), "triggerReason": "CablePluggedIn", "seqNo": 0,
        "transactionInfo": {"transactionId": f"T{evse}"}, "evse": {"id": evse, "connectorId": 1},
    }  # fmt: skip


async def furnish(rig: Rig, tenants: Pool) -> int:  # noqa: F811
    await rig.register(STATION)
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'UTC', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id]")
    rig.admin.execute("UPDATE stations SET site_id = %s", (site_id,))
    async with tenants.tenant(rig.tenant()) as conn:
        await store.lock_site(conn, rig.tenant(), site_id, "test", NOW)
        await store.store_tree(conn, rig.tenant(), site_id, 1, TREE, "test", NOW)
        await store.hang(conn, rig.tenant(), site_id, [(STATION, 1), (STATION, 2)])
        settings = Settings(enabled=True, mode=Mode.FASTEST)
        await store.store_settings(conn, rig.tenant(), site_id, settings, "test", NOW)
    return int(site_id)


async def known_of(rig: Rig, tenants: Pool, site_id: int) -> Knowledge:  # noqa: F811
    async with tenants.tenant(rig.tenant()) as conn:
        record = await find_planned(conn, rig.tenant(), site_id)
        assert record is not None
        return (await read_site(conn, record, None, SystemClock().now())).known


def targets(known: Knowledge) -> tuple[int, ...]:
    return plan_site(unpacked(packed(known)), SiteSolver()).targets_ma


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_a_limit_of_the_site_holds_a_whole_station_until_it_is_cleared(rig: Rig) -> None:  # noqa: F811
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants:
        site_id = await furnish(rig, tenants)
        async with rig.station(STATION, "ocpp2.1") as station:
            await station.call("BootNotification", BOOT)
            for evse in (1, 2):
                await station.call("TransactionEvent", started(evse))
            assert targets(await known_of(rig, tenants, site_id)) == (32_000, 32_000)

            assert await station.call("NotifyChargingLimit", limit(20.0)) == {}
            assert rig.rows("SELECT count(*) FROM outbox WHERE event = %s", LIMITED) == [(1,)]
            assert await station.call("NotifyChargingLimit", limit(8.0, "SO", evseId=1)) == {}
            # A boot says nothing of who limits it: that goes on outside.
            await station.call("BootNotification", BOOT)
            known = await known_of(rig, tenants, site_id)
            first, second = targets(known)
            assert first == 8_000
            assert second == 12_000
            told = explain(known, plan_site(known, SiteSolver()), known.cars[1].session_id)
            assert told is not None
            assert (told.reason and told.reason.why, told.external and told.external.said.source) == (Why.LIMIT, "EMS")
            [why, *_] = sentences(told, known.at, "UTC")
            since = f"{known.externals[0].since:%H:%M}"
            assert why.replace(NBSP, " ") == (
                "It may charge at 12 A (8.3 kW): the energy management system on site limits its station"
                f" to 20 A since {since}."
            )

            # What is made on site comes on top: it limits nothing.
            local = limit(1.0, "Roof")
            local["chargingLimit"]["isLocalGeneration"] = True
            await station.call("NotifyChargingLimit", local)
            assert targets(await known_of(rig, tenants, site_id)) == (8_000, 12_000)
            await station.call("ClearedChargingLimit", {"chargingLimitSource": "SO", "evseId": 2})
            assert targets(await known_of(rig, tenants, site_id))[0] == 8_000
            await station.call("ClearedChargingLimit", {"chargingLimitSource": "SO", "evseId": 1})
            assert sum(targets(await known_of(rig, tenants, site_id))) == 20_000
            await station.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"})
            assert targets(await known_of(rig, tenants, site_id)) == (32_000, 32_000)

            for number in range(MAX_EXTERNAL + 5):
                await station.call("NotifyChargingLimit", limit(30.0, f"N{number}"))
            assert rig.rows("SELECT count(*) FROM external_limits") == [(MAX_EXTERNAL,)]
            await station.call("NotifyChargingLimit", limit(9.0, "N1"))
            async with tenants.tenant(rig.tenant()) as conn:
                kept = {each.said.source: each for each in await outside.externals_at(conn, rig.tenant(), STATION)}
            assert kept["N1"].least(Unit.CURRENT, NOW, NOW + 3600 * S) == 9_000


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_no_more_is_expected_of_a_car_than_it_means_to_draw(rig: Rig) -> None:  # noqa: F811
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants:
        site_id = await furnish(rig, tenants)
        async with rig.station(STATION, "ocpp2.0.1") as station:
            await station.call("BootNotification", BOOT)
            await station.call("TransactionEvent", started(1))
            schedule = {
                "id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 6_900}, {"startPeriod": 1800, "limit": 2_070},
                    {"startPeriod": 3600, "limit": 21_000},
                ],
            }  # fmt: skip
            said = {"evseId": 1, "timeBase": NOW.isoformat(), "chargingSchedule": schedule}
            assert (await station.call("NotifyEVChargingSchedule", said))["status"] == "Accepted"
        known = await known_of(rig, tenants, site_id)
    plan = plan_site(known, SiteSolver())
    # 10 A, and 3 A to show that it could take more; no more than it means from then on, until it means to take all.
    assert plan.targets_ma[0] == 13_000
    [car] = plan.cars
    in_half = known.outlook.starts.index(next(at for at in known.outlook.starts if at >= NOW + 1860 * S))
    assert car.steps_w[in_half] <= 2_100
    assert max(car.steps_w) > 7_000
    told = explain(known, plan, car.session_id)
    assert told is not None
    assert "the car itself means to take no more" in sentences(told, known.at, "UTC")[0]
    # Another session is of another car.
    later = replace(known.cars[0], means=None)
    assert plan_site(replace(known, cars=[later]), SiteSolver()).targets_ma[0] == 32_000


def amperes(*periods: tuple[int, int | None], **more: Any) -> Schedule:
    return Schedule(
        unit=Unit.CURRENT, periods=tuple(Period(start_s=start, limit=each) for start, each in periods), **more
    )


def test_a_schedule_of_somebody_else_limits_only_when_it_does() -> None:
    schedule = amperes((0, 16_000), (600, None), (1200, 6_000), start_at=NOW, duration_s=1800)
    external = External(
        station=STATION, said=ChargingLimit(source="EMS", schedules=(schedule,)), since=NOW, said_at=NOW
    )

    def least(since_s: int, until_s: int) -> int | None:
        return external.least(Unit.CURRENT, NOW + since_s * S, NOW + until_s * S)

    assert [least(-60, 0), least(-60, 1), least(0, 600), least(600, 1200), least(599, 1201), least(1800, 9000)] == [
        None, 16_000, 16_000, None, 6_000, None,
    ]  # fmt: skip
    assert external.least(Unit.POWER, NOW, NOW + S) is None
    endless = replace(external, said=ChargingLimit(source="EMS", schedules=(amperes((0, 10_000)),)))
    assert endless.least(Unit.CURRENT, NOW + 86_400 * S, NOW + 90_000 * S) == 10_000
