"""A station that smart charging has no more to do with is left as it was found: without a limit of ours."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.access import Actor, Role
from forecourt.energy import store
from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.expecting import Foreseen
from forecourt.energy.keeper.foresight import Foresight
from forecourt.energy.keeper.keeper import Gates, SiteKeeper
from forecourt.energy.keeper.notes import let_go_of_strays, want_defaults
from forecourt.energy.keeper.reading import Reading, find_planned, foreseen, read_site
from forecourt.energy.model import Node
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.making import plan_site
from forecourt.energy.service.sites import (
    change_electrics,
    change_settings,
    electrics_tag,
    find_record,
    settings_tag,
)
from forecourt.energy.site import HungEvse, SiteTree, with_gone
from forecourt.energy.store.keeping import NewOrder, OrderAnswer, answer_orders, insert_orders
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


RETIRE = "UPDATE stations SET retired_at = now(), retired_identity = identity, identity = NULL WHERE station_id = %s"
MOVE = "UPDATE stations SET site_id = NULL WHERE station_id = %s"


async def look(yard: Yard, site: int) -> Reading:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await find_planned(conn, yard.tenant_id, site)
        assert record is not None
        return await read_site(conn, record, None, yard.clock.now())


@pytest.mark.parametrize("leave", [RETIRE, MOVE], ids=["retired", "moved"])
async def test_what_a_car_may_draw_whose_station_is_gone_is_kept_for_it_until_its_session_is_over(
    yard: Yard, leave: str
) -> None:
    site, stations, tree = await furnish(yard)
    gone, other = stations
    await keeper(yard, site).turn()
    yard.rows("UPDATE desires SET state = 'reached', reported = wanted, reported_at = wanted_at")
    for station_id in stations.values():
        yard.session(station_id, timedelta(hours=1), energy_wh=5_000)
    [session] = (car.session_id for car in (await look(yard, site)).known.cars if car.station == gone)
    told = NewOrder(
        station_id=stations[gone], evse=1, session_id=session, limit_ma=10_000, urgent=False,
        sent_at=yard.clock.now(), valid_to=yard.clock.now() + timedelta(minutes=10),
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        numbers = await insert_orders(conn, yard.tenant_id, site, [told])
        said = OrderAnswer(order_id=numbers[0], accepted=True, unsent=False, status="Accepted")
        await answer_orders(conn, yard.tenant_id, [said], yard.clock.now())
    yard.rows(leave, stations[gone])
    yard.clock.advance(120)
    known = (await look(yard, site)).known
    place = known.tree.numbers[f"{gone}:1"]
    assert may_draw(known.standings[place], known.at) == (10_000, Ground.SILENT)
    plan = plan_site(known, SiteSolver())
    assert [car.evse_id for car in plan.cars] == [f"{other}:1"], "nobody can tell the other one anything"
    assert plan.targets_ma[place] == 10_000, "what it may draw is nobody else's"
    # Then its default holds, which is left to it.
    yard.clock.advance(1200)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await let_go_of_strays(conn, yard.tenant_id, site, yard.clock.now())
        await want_defaults(conn, await look(yard, site))
    known = (await look(yard, site)).known
    assert may_draw(known.standings[place], known.at) == (6_000, Ground.SILENT)
    assert None not in wanted(yard).values()
    # Whoever sets the site up is told that it stands there no more, whether a car charges or not.
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await find_record(conn, yard.tenant_id, str(site))
    assert record.tree == replace(tree, evses=tree.evses[1:])
    assert [each.station for each in record.strays] == [gone]
    # Whoever changes it can't name that EVSE, and what its car may draw counts all the same.
    changed = replace(record.tree, nodes=tuple(replace(each, name="anew") for each in record.tree.nodes))
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        made = await change_electrics(conn, actor(yard), str(site), changed, yard.clock.now(), electrics_tag(record))
    assert made.record.tree == changed
    after = (await look(yard, site)).known
    assert may_draw(after.standings[after.tree.numbers[f"{gone}:1"]], after.at) == (6_000, Ground.SILENT)
    yard.rows("UPDATE sessions SET ended_at = %s WHERE session_id = %s", yard.clock.now(), session)
    reading = await look(yard, site)
    assert [each.station for each in reading.known.tree.evses] == [other]
    assert [car.station for car in reading.known.cars] == [other]
    # Who may come is placed by the tree of before, in which that EVSE was the first.
    placed = Foresight([], tree, 1, "Europe/Berlin", yard.clock.now(), Foreseen.NO_FORECAST)
    assert foreseen(reading.known, placed) is reading.known
    assert foreseen(known, placed).foreseen is Foreseen.NO_FORECAST


def test_where_a_car_still_charges_whose_station_is_gone_it_hangs_where_it_did_or_above_unless_another_does() -> None:
    nodes = (Node(id="grid"), Node(id="hall", parent="grid"), Node(id="panel", parent="hall"))
    gone = HungEvse(station="CP1", evse=1, node="panel")
    before = SiteTree(nodes=nodes, evses=(gone,))
    assert with_gone(SiteTree(nodes=nodes, evses=()), before, [gone]) == before
    places = [
        with_gone(SiteTree(nodes=each, evses=()), before, [gone]).evses[0].node
        for each in (nodes[:2], nodes[:1], (Node(id="new"),))
    ]
    assert places == ["hall", "grid", "new"]
    anew = SiteTree(nodes=nodes, evses=(replace(gone, node="hall"),))
    assert with_gone(anew, before, [gone]) == anew


async def test_a_station_that_is_registered_anew_and_hangs_there_again_is_told_what_counts_for_it(yard: Yard) -> None:
    site, stations, tree = await furnish(yard)
    gone, _ = stations
    yard.session(stations[gone], timedelta(hours=1), energy_wh=5_000)
    yard.rows(RETIRE, stations[gone])
    anew = yard.station(site_id=site, identity=gone)
    yard.says(anew, "Available")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store.hang(conn, yard.tenant_id, site, [(each.station, each.evse) for each in tree.evses])
    assert {"station_id": stations[gone]} in yard.rows("SELECT station_id FROM hung_evses WHERE site_id = %s", site)
    reading = await look(yard, site)
    assert reading.station_ids[gone] == anew
    assert not reading.links[gone].gone
    assert reading.known.cars == []
