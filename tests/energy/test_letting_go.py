"""A station that smart charging has no more to do with is left as it was found: without a limit of ours."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from forecourt.access import Actor, Role
from forecourt.energy import store
from forecourt.energy.keeper.keeper import Gates, SiteKeeper
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.service.sites import change_electrics, change_settings, electrics_tag, find_record, settings_tag
from forecourt.energy.site import SiteTree
from tests.care.yard import Yard
from tests.energy.test_store import furnish


def keeper(yard: Yard, site: int) -> SiteKeeper:
    nobody: Any = None
    return SiteKeeper(yard.tenant_id, site, tenants=yard.tenants, stations=nobody, clock=yard.clock, gates=Gates(1))


def wanted(yard: Yard) -> dict[str, Any]:
    rows = yard.rows(
        "SELECT s.identity, d.wanted FROM desires d JOIN stations s USING (station_id) WHERE d.tenant_id = %s"
        " AND d.key = '1/tx_default/0'",
        yard.tenant_id,
    )
    return {row["identity"]: row["wanted"] for row in rows}


def actor(yard: Yard) -> Actor:
    return Actor(tenant_id=yard.tenant_id, organisation="Org", id=1, kind="person", name="Ada", role=Role.OWNER)


async def switch(yard: Yard, site: int, *, on: bool) -> None:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await find_record(conn, yard.tenant_id, str(site))
        settings = replace(record.settings, enabled=on)
        await change_settings(conn, actor(yard), str(site), settings, yard.clock.now(), settings_tag(record))


async def test_defaults_are_taken_away_when_smart_charging_is_switched_off_and_come_back_with_it(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    kept = keeper(yard, site)
    await kept.turn()
    assert set(wanted(yard)) == set(stations)
    assert None not in wanted(yard).values()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await store.stays_planned(conn, yard.tenant_id, site, 1)
    await switch(yard, site, on=False)
    assert wanted(yard) == dict.fromkeys(stations)
    # What was read before it was switched off is not acted on after.
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert not await store.stays_planned(conn, yard.tenant_id, site, 1)
    yard.clock.advance(60)
    await kept.turn()
    assert wanted(yard) == dict.fromkeys(stations)
    await switch(yard, site, on=True)
    await kept.turn()
    assert None not in wanted(yard).values()


async def test_an_evse_that_is_hung_no_more_or_whose_station_is_moved_is_let_go(yard: Yard) -> None:
    site, stations, tree = await furnish(yard)
    first, second = stations
    await keeper(yard, site).turn()
    alone = SiteTree(nodes=tree.nodes, evses=tree.evses[1:])
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        tag = electrics_tag(await find_record(conn, yard.tenant_id, str(site)))
        await change_electrics(conn, actor(yard), str(site), alone, yard.clock.now(), tag)
    assert wanted(yard)[first] is None
    assert wanted(yard)[second] is not None
    yard.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s", stations[second])
    yard.clock.advance(60)
    await keeper(yard, site).turn()
    assert wanted(yard)[second] is None


async def test_a_moved_station_at_which_a_car_charges_keeps_no_other_from_being_told_anything(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    for station_id in stations.values():
        yard.session(station_id, timedelta(hours=1), energy_wh=5_000)
    moved, other = stations
    yard.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s", stations[moved])
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await find_planned(conn, yard.tenant_id, site)
        assert record is not None
        reading = await read_site(conn, record, None, yard.clock.now())
    assert [car.station for car in reading.known.cars] == [other]
    assert {car.station for car in reading.cars.values()} == {other}
