"""Stations that measure a building or a roof: what they say over a real gateway is the site's load and sun."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.energy import store
from forecourt.energy.keeper.meters import take_meters
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.model import Node
from forecourt.energy.signals.meters import Measured, readings_of
from forecourt.energy.site import HungEvse, Load, Settings, SiteTree, Solar
from forecourt.ocpp.neutral import Location, Measurand, Phase, code
from forecourt.platform.database import Pool
from tests.stations.gateway.conftest import Rig, rig, transport  # noqa: F401

NOW = datetime.now(UTC).replace(microsecond=0)
S = timedelta(seconds=1)
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=100.0),),
    evses=(HungEvse(station="METER-16", evse=2, node="grid"),),
    loads=(Load(id="hall", node="grid", most_w=50_000, meter="METER-16"),),
    solar=(Solar(id="roof", node="grid", peak_w=20_000, meter="METER-2X"),),
)


def v16(connector: int, at: datetime, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"connectorId": connector, "meterValue": [{"timestamp": at.isoformat(), "sampledValue": list(samples)}]}


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_what_metering_stations_say_is_the_load_and_the_sun_of_their_site(rig: Rig) -> None:  # noqa: F811
    [(site_id,)] = rig.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, path) VALUES (%s, 'yard', 'Yard', 'UTC', '{}')"
        " RETURNING site_id",
        rig.tenant(),
    )
    rig.admin.execute("UPDATE sites SET path = ARRAY[site_id]")
    for identity in ("METER-16", "METER-2X"):
        await rig.register(identity)
    rig.admin.execute("UPDATE stations SET site_id = %s", (site_id,))
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, tenants.tenant(rig.tenant()) as conn:
        await store.lock_site(conn, rig.tenant(), site_id, "test", NOW)
        await store.store_tree(conn, rig.tenant(), site_id, 1, TREE, "test", NOW)
        await store.hang(conn, rig.tenant(), site_id, [("METER-16", 2)])
        await store.store_settings(conn, rig.tenant(), site_id, Settings(enabled=True), "test", NOW)

    phases = [
        {"value": str(value), "measurand": "Power.Active.Import", "phase": phase, "unit": "kW", "location": "Inlet"}
        for phase, value in (("L1", 3), ("L2", 4), ("L3", 5))
    ]
    async with rig.station("METER-16", "ocpp1.6") as meter:
        await meter.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        await meter.call("MeterValues", v16(0, NOW - 120 * S, *phases))
        # An EVSE that charges cars is none of the building.
        await meter.call("MeterValues", v16(2, NOW - 60 * S, {"value": "7", "measurand": "Power.Active.Import"}))
    async with rig.station("METER-2X", "ocpp2.0.1") as meter:
        await meter.call(
            "BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        )
        given = {"value": 6500, "measurand": "Power.Active.Export"}
        value = {"timestamp": (NOW - 30 * S).isoformat(), "sampledValue": [given]}
        await meter.call("MeterValues", {"evseId": 0, "meterValue": [value]})

    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, tenants.tenant(rig.tenant()) as conn:
        record = await find_planned(conn, rig.tenant(), site_id)
        assert record is not None
        assert await take_meters(conn, record, NOW) == 2
        assert await take_meters(conn, record, NOW) == 0
        [load] = (await read_site(conn, record, None, NOW)).known.outlook.loads
        latest = await store.latest_readings(conn, rig.tenant(), site_id, NOW)
    assert (load.power_w.values[0], load.power_w.stand_in[0]) == (12_000, False)
    assert load.power_w.provenance.source == "station METER-16"
    assert (latest["roof"].power_w, latest["roof"].at) == (6_500, NOW - 30 * S)
    # What a meter says whose clock is ahead was measured by now, and is read again until its time comes.
    async with rig.station("METER-16", "ocpp1.6") as meter:
        await meter.call("MeterValues", v16(0, NOW + 240 * S, *phases[:2]))
    async with Pool(rig.database.url, "forecourt_app", size=1) as tenants, tenants.tenant(rig.tenant()) as conn:
        assert [await take_meters(conn, record, NOW + passed * S) for passed in (1, 2)] == [1, 0]
        latest = await store.latest_readings(conn, rig.tenant(), site_id, NOW + 2 * S)
        assert (latest["hall"].power_w, latest["hall"].at) == (7_000, NOW + 1 * S)


def measured(seconds: int, *values: tuple[int, int], evse: int = 0) -> Measured:
    return Measured(at=NOW + seconds * S, evse=evse, readings=[each for pair in values for each in pair])


def powers(*sets: Measured, gives: bool = False, charging: frozenset[int] = frozenset()) -> list[int]:
    return [each.power_w for each in readings_of(sets, "M", charging, 230.0, gives=gives)]


def test_a_power_is_found_whatever_a_meter_measures() -> None:
    current = Measurand.CURRENT_IMPORT
    assert powers(measured(0, (Measurand.POWER_IMPORT, 500), (Measurand.POWER_EXPORT, 2_000))) == [-1_500]
    assert powers(measured(0, (Measurand.POWER_IMPORT, 4_000)), gives=True) == [4_000]
    # By current and voltage; where a voltage is missing, by that of the site.
    lines = (code(current, Phase.L1), 10_000), (code(current, Phase.L2_N), 2_000)
    assert powers(measured(0, *lines, (code(Measurand.VOLTAGE, Phase.L1), 240_000))) == [2_860]
    # By registers, whose first tells nothing, and none after too long a time.
    register = Measurand.ENERGY_IMPORT_REGISTER
    sets = measured(0, (register, 1_000)), measured(900, (register, 1_500)), measured(9_000, (register, 9_000))
    assert powers(*sets) == [2_000]
    # The side of the grid counts before that of a socket, and the whole before an EVSE.
    both = (code(Measurand.POWER_IMPORT, location=Location.INLET), 900), (Measurand.POWER_IMPORT, 100)
    assert powers(measured(0, *both)) == [900]
    assert powers(measured(0, (Measurand.POWER_IMPORT, 1), evse=1), measured(1, (Measurand.POWER_IMPORT, 2))) == [2]
    assert powers(measured(0, (Measurand.POWER_IMPORT, 1), evse=1), charging=frozenset({1})) == []
    assert powers(measured(0, (Measurand.TEMPERATURE, 1))) == []
